//! What real servers send must be understood as `tests/data/server-quirks.json` says.

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;
use xoauth_sasl::Mask;

use super::*;
use crate::types::{Event, Flag, Message, ResponseCode, StatusKind};

const FILE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/server-quirks.json"));

/// The octets of one entry.
fn octets(name: &str) -> Vec<u8> {
    let file: Value = serde_json::from_str(FILE).unwrap();
    let quirks = file["quirks"].as_array().unwrap();
    let quirk = quirks.iter().find(|quirk| quirk["name"] == name).unwrap();
    let text = quirk["bytes"].as_str().unwrap();
    match quirk["encoding"].as_str().unwrap() {
        "latin-1" => text.chars().map(|c| u8::try_from(c).unwrap()).collect(),
        _ => text.as_bytes().to_vec(),
    }
}

/// Framing as simple as can be: lines, with the literals that response data announce.
fn framed(mut octets: &[u8]) -> Vec<&[u8]> {
    let mut responses = Vec::new();
    while let Some(mut end) = memchr::memmem::find(octets, b"\r\n").map(|at| at + 2) {
        while let Some(announced) = literal_of(&octets[..end]).filter(|_| octets[0] == b'*') {
            let behind = end + announced;
            let Some(rest) = octets.get(behind..) else { return responses };
            let Some(line) = memchr::memmem::find(rest, b"\r\n") else { return responses };
            end = behind + line + 2;
        }
        let (response, rest) = octets.split_at(end);
        responses.push(response);
        octets = rest;
    }
    responses
}

fn literal_of(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"}\r\n")?;
    let open = memchr::memrchr(b'{', line)?;
    core::str::from_utf8(&line[open + 1..]).ok()?.parse().ok()
}

/// What the responses of an entry say, and the faults that were noted.
fn heard(name: &str) -> (Vec<Event>, Vec<FaultKind>) {
    let octets = octets(name);
    let mut tolerated = Tolerated::default();
    let events = framed(&octets).into_iter().map(|bytes| {
        let response = parse_response(Input { bytes, literals: &[] }, &mut tolerated).unwrap();
        response.to_event(&Mask::default())
    });
    (events.collect(), tolerated.iter().map(|fault| fault.kind).collect())
}

fn message(name: &str) -> (Message, Vec<FaultKind>) {
    let (mut events, faults) = heard(name);
    let Event::Fetch(message) = events.remove(0) else { panic!("{events:?}") };
    (*message, faults)
}

#[test]
fn no_entry_panics_wherever_it_is_cut() {
    let file: Value = serde_json::from_str(FILE).unwrap();
    let mut count = 0;
    for quirk in file["quirks"].as_array().unwrap() {
        if quirk["protocol"] != "imap" {
            continue;
        }
        count += 1;
        let octets = octets(quirk["name"].as_str().unwrap());
        for end in 0..=octets.len() {
            for start in [0, end / 2] {
                let bytes = &octets[start..end];
                let mut tolerated = Tolerated::default();
                if let Ok(response) = parse_response(Input { bytes, literals: &[] }, &mut tolerated)
                {
                    response.to_event(&Mask::default());
                }
            }
        }
    }
    assert_eq!(count, 22);
}

#[test]
fn gmail_error_challenges_are_continuations() {
    for name in [
        "gmail-xoauth2-error-challenge-padded",
        "gmail-oauthbearer-error-challenge-nonnumeric-status",
    ] {
        let octets = octets(name);
        let input = Input { bytes: &octets, literals: &[] };
        let mut tolerated = Tolerated::default();
        let response = parse_response(input, &mut tolerated).unwrap();
        let Response::Continuation { text } = response else { panic!("{response:?}") };
        assert!(text.starts_with(b"eyJzdGF0dXMi"));
        assert_eq!(tolerated.count(), 0);
    }
}

#[test]
fn dovecot_capabilities_are_all_kept() {
    let (events, faults) = heard("dovecot-login-ok-rights-sieve-url-capability");
    let [Event::Status(status)] = &events[..] else { panic!("{events:?}") };
    let Some(ResponseCode::Capability(capabilities)) = &status.code else { panic!("{status:?}") };
    assert!(capabilities.has("IMAPSIEVE=sieve://127.0.0.1:4190"));
    assert_eq!(capabilities.values("rights").collect::<Vec<_>>(), ["texk"]);
    assert_eq!(capabilities.iter().count(), 42);
    assert_eq!(status.text(), "Logged in");
    assert_eq!(faults, []);
}

#[test]
fn exchange_says_why_it_ends() {
    let (events, _) = heard("office365-bye-access-token-expired-mid-session");
    let [Event::Status(bye), Event::Status(no)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(bye.kind, StatusKind::Bye);
    assert!(bye.text().contains("AccessTokenExpired"));
    assert_eq!(no.kind, StatusKind::No);
}

#[test]
fn two_spaces_separate_like_one() {
    let (events, faults) = heard("telekom-hu-capability-double-space");
    let [Event::Capability(capabilities)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(capabilities.iter().take(2).collect::<Vec<_>>(), ["IMAP4rev1", "SASL-IR"]);
    assert_eq!(faults, [FaultKind::SurplusSpace]);

    let (events, faults) = heard("davmail-exists-double-space");
    assert_eq!(events, [Event::Exists(1688)]);
    assert_eq!(faults, [FaultKind::SurplusSpace]);
}

#[test]
fn news_may_come_before_a_continuation() {
    let (events, _) = heard("idle-exists-before-continuation");
    let [Event::Exists(1521), Event::Other { octets, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(*octets, "IDLE accepted, awaiting DONE command.");
}

#[test]
fn a_space_before_the_parenthesis_loses_no_message() {
    let (message, faults) = message("qq-fetch-space-before-close-paren");
    assert_eq!(message.seq.get(), 11487);
    assert_eq!(message.uid.map(|uid| uid.get()), Some(19436));
    assert_eq!(message.invalid, []);
    assert_eq!(faults, [FaultKind::SurplusSpace]);
}

/// Number, type, encoding, size and lines of each part.
fn parts(message: &Message) -> Vec<String> {
    let structure = message.body_structure.as_ref().unwrap();
    let text = |part: &crate::types::BodyPart| {
        let encoding = part.encoding.as_ref().map(|encoding| encoding.lossy().into_owned());
        alloc::format!(
            "{} {}/{} {} {:?} {:?}",
            part.number_text(),
            part.media_type.lossy(),
            part.subtype.lossy(),
            encoding.unwrap_or_default(),
            part.size,
            part.lines
        )
    };
    structure.parts().iter().map(text).collect()
}

#[test]
fn an_encoding_may_be_nil() {
    let (message, faults) = message("bodystructure-encoding-nil");
    assert_eq!(message.size, Some(11867));
    assert_eq!(message.mod_seq, Some(3143));
    assert_eq!(
        parts(&message),
        [
            " MULTIPART/mixed  None None",
            "1 MULTIPART/alternative  None None",
            "1.1 text/plain  Some(1423) Some(44)",
            "1.2 text/html quoted-printable Some(2524) Some(34)",
            "2 text/plain 7bit Some(151) Some(4)",
        ]
    );
    assert_eq!(faults, [FaultKind::MissingEncoding]);
}

#[test]
fn a_parameter_may_be_nil() {
    let (message, faults) = message("mailru-body-param-value-nil");
    assert_eq!(parts(&message).len(), 3);
    let alternative = &message.body_structure.as_ref().unwrap().parts()[0];
    assert!(alternative.is("multipart", "alternative"));
    assert_eq!(alternative.parameters, [("boundary".into(), None)]);
    assert_eq!(faults, [FaultKind::MissingParameterValue]);
}

#[test]
fn sizes_that_are_no_numbers_spoil_nothing() {
    let (message, faults) = message("mailru-size-in-exponent-notation");
    assert_eq!(message.uid.map(|uid| uid.get()), Some(7));
    assert_eq!(parts(&message), ["1 APPLICATION/PDF base64 Some(9373600) None"]);
    assert_eq!(faults, [FaultKind::SizeNotNumber]);

    let (message, faults) = self::message("smartermail-negative-octets");
    assert_eq!(message.uid.map(|uid| uid.get()), Some(581));
    assert!(message.flags.as_ref().unwrap().contains(&Flag::Seen));
    assert_eq!(parts(&message)[4], "2 multipart/appledouble 7BIT None None");
    assert_eq!(faults, [FaultKind::SizeNotNumber]);
}

#[test]
fn a_disposition_that_is_a_string_is_ignored() {
    let (message, faults) = message("exchange2016-multipart-disposition-is-string");
    let parts = message.body_structure.as_ref().unwrap().parts();
    assert_eq!(parts[0].disposition, None);
    assert_eq!(*parts[2].file_name().unwrap(), "private.txt");
    assert_eq!(parts[2].disposition.as_ref().unwrap().kind, "attachment");
    assert_eq!(faults, [FaultKind::DispositionNotList]);
}

#[test]
fn octets_above_127_are_kept_in_quoted_strings() {
    let (message, _) = message("proton-bridge-raw-utf8-in-quoted");
    let from = &message.envelope.as_ref().unwrap().from[0];
    assert_eq!(*from.name.as_ref().unwrap(), "Clément DOUIN");
    assert_eq!(from.email().unwrap(), "clement.douin@localhost");

    let (message, _) = self::message("latin1-octet-in-quoted");
    let name = message.envelope.unwrap().from.remove(0).name.unwrap();
    assert!(name.contains(&0xfc) && name.ends_with(b"nstiger."));
}

#[test]
fn empty_lists_of_addresses_are_no_addresses() {
    let (message, faults) = message("hydroxide-envelope-empty-address-lists");
    let envelope = message.envelope.unwrap();
    assert_eq!((envelope.sender.len(), envelope.to.len(), envelope.cc.len()), (0, 1, 0));
    assert_eq!(envelope.in_reply_to.unwrap(), "");
    assert_eq!(envelope.message_id.unwrap(), "c20696ea@example");
    assert_eq!(faults, [FaultKind::EmptyAddressList; 4]);
}

#[test]
fn a_miscounted_literal_spoils_only_its_item() {
    let (events, faults) = heard("davmail-literal-length-miscounted");
    let [Event::Fetch(message), Event::Status(status)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(message.uid.map(|uid| uid.get()), Some(16410));
    assert_eq!(message.envelope, None);
    assert_eq!(message.invalid[0].name, "ENVELOPE");
    assert_eq!(status.text(), "FETCH completed.");
    assert_eq!(faults.last(), Some(&FaultKind::MalformedItem));
}

#[test]
fn mailbox_names_without_quotes_are_taken() {
    let (events, faults) = heard("list-unquoted-brackets");
    let [Event::List(entry)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(entry.mailbox().as_str(), "[Gmail]/Starred");
    assert!(entry.has_attribute("\\hasnochildren"));
    assert_eq!(faults, []);

    let (events, faults) = heard("exchange-list-unquoted-tabs");
    let [Event::List(entry)] = &events[..] else { panic!("{events:?}") };
    let name = "INBOX/Da\tOggetto\tRicevuto\tDimensione\tCategorie\t";
    assert_eq!(entry.mailbox().as_str(), name);
    assert_eq!(entry.mailbox().to_wire(), name.as_bytes());
    assert_eq!(entry.delimiter().map(|delimiter| delimiter.as_char()), Some('/'));
    assert_eq!(faults, [FaultKind::UnquotedMailbox]);
}

#[test]
fn unknown_data_are_handed_on_as_they_are() {
    let (events, _) = heard("quotaroot-unquoted-parens");
    let [Event::Other { name, octets }, Event::Quota(quota), Event::Status(status)] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(name, "QUOTAROOT");
    assert_eq!(*octets, "QUOTAROOT folderB/TESTfolder(S)C \"\"");
    let told: Vec<_> = quota.resources.iter().map(|told| (told.usage, told.limit)).collect();
    assert_eq!(told, [(79, 102_401), (26, 10_000)]);
    assert!(status.is_ok());
}

#[test]
fn a_code_without_its_status_is_an_ok() {
    let (events, faults) = heard("untagged-copyuid-without-status");
    let [Event::Status(copied), Event::Expunge(gone), Event::Status(_)] = &events[..] else {
        panic!("{events:?}")
    };
    assert!(copied.is_ok());
    let Some(ResponseCode::CopyUid { uid_validity, source, destination }) = &copied.code else {
        panic!("{copied:?}")
    };
    assert_eq!(uid_validity.get(), 123_456);
    assert_eq!((source[0].0.get(), destination[0].0.get()), (1, 2));
    assert_eq!(gone.get(), 1);
    assert_eq!(faults, [FaultKind::MissingStatus]);
}
