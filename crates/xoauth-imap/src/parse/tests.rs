//! The grammar in tables; the examples of RFC 9051 and RFC 3501 first.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use xoauth_sasl::Mask;

use super::*;
use crate::types::{Event, Message};

mod bounds;
mod extensions;
mod fetch;

/// Parses a response, and whatever else can become of its octets on the way: no cut, no octet too many
/// may panic.
fn heard(text: &[u8]) -> Event {
    event(text, &[]).unwrap()
}

fn event(bytes: &[u8], literals: &[StreamedLiteral]) -> Result<Event, ParseError> {
    if bytes.len() < 2000 {
        // Under miri each place costs seconds.
        for end in (0..bytes.len()).step_by(if cfg!(miri) { 17 } else { 1 }) {
            let _ = owned(&bytes[..end], literals);
        }
        let _ = owned(&[bytes, b" )\r\n"].concat(), literals);
        let _ = owned(&[bytes, b"x"].concat(), literals);
    }
    owned(bytes, literals)
}

fn owned(bytes: &[u8], literals: &[StreamedLiteral]) -> Result<Event, ParseError> {
    let mut tolerated = Tolerated::default();
    let response = parse_response(Input { bytes, literals }, &mut tolerated)?;
    let _ = format!("{response:?}");
    Ok(response.to_event(&Mask::default()))
}

fn message(text: &[u8]) -> Message {
    match heard(text) {
        Event::Fetch(message) => *message,
        other => panic!("{other:?}"),
    }
}

/// Number, type and what else is there of each part.
fn structure(body: &[u8]) -> Vec<String> {
    let message = message(&[b"* 1 FETCH (BODYSTRUCTURE ", body, b" UID 7)\r\n"].concat());
    assert_eq!(message.uid.unwrap().get(), 7);
    if let [invalid] = &message.invalid[..] {
        return Vec::from([format!("{}", invalid.error)]);
    }
    let parts = message.body_structure.as_ref().unwrap().parts();
    let text = |part: &crate::types::BodyPart| {
        let (media, subtype) = (part.media_type.lossy(), part.subtype.lossy());
        let file = part.file_name().map(|name| format!(" {}", name.lossy())).unwrap_or_default();
        let subject =
            part.envelope.as_ref().map(|e| format!(" {:?}", e.subject)).unwrap_or_default();
        format!("{} {media}/{subtype}{file}{subject}", part.number_text())
    };
    parts.iter().map(text).collect()
}

fn faults(bytes: &[u8]) -> Vec<FaultKind> {
    let mut tolerated = Tolerated::default();
    parse_response(Input { bytes, literals: &[] }, &mut tolerated).unwrap();
    tolerated.iter().map(|fault| fault.kind).collect()
}

/// What servers write most is parsed on a short way; everything else on the long one, as the same in small
/// letters is.
#[test]
fn the_short_way_finds_what_the_long_one_does() {
    let cases = [
        "* 12 FETCH (UID 7 FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft \\Recent $x))",
        "* 12 FETCH (FLAGS () UID 4294967295)",
        "* 12 FETCH (FLAGS (\\Seen\\Draft) UID 7)",
        "* 12 FETCH (FLAGS (\\Seenx \\Answere \\) UID 7)",
        "* 12 FETCH (FLAGS ( \\Seen  \\Deleted ) UID 7)",
        "* 12 FETCH (FLAGS (\\Seen",
        "* 12 FETCH (FLAGS \\Seen UID 7)",
        "* 12 FETCH (FLAGS  (\\Seen) UID  7 )",
        "* 12 FETCH (UID 0 FLAGS (\\Seen))",
        "* 12 FETCH (UID x FLAGS (\\Seen))",
        "* 12 FETCH (UID 7x FLAGS (\\Seen))",
        "* 12 FETCH (UID 7 UID 8)",
        "* 12 FETCH (UID 7 BODY[] {3}\r\nA)B BODY[] NIL)",
        "* 12 FETCH (BODY[]  \"x\" UID 7)",
        "* 12 FETCH (UID 7 BODY[] x)",
        "* 12 FETCH (UID 7",
        "* 12 FETCH (UID",
        "* 12 FETCH ()",
        "* 12 FETCH (",
        "* 12 FETCH  (UID 7)",
        "*  12 FETCH (UID 7)",
        "* 12 FETCH (UID 7) )",
        "* 0 FETCH (UID 7)",
        "* 4294967296 FETCH (UID 7)",
        "* 12 FETCHED (UID 7)",
        "* LIST (\\HasNoChildren \\Sent) \"/\" \"a/b\"",
        "* LIST () NIL {3}\r\na b",
        "* LIST (\\HasNoChildren \"/\" a",
        "* LIST (",
        "* LIST  () \"/\" a",
        "* LISTS () \"/\" a",
    ];
    for case in cases {
        let told = |text: &str| {
            let bytes = format!("{text}\r\n").into_bytes();
            let mut tolerated = Tolerated::default();
            let input = Input { bytes: &bytes, literals: &[] };
            let response = parse_response(input, &mut tolerated);
            let event = response.map(|response| response.to_event(&Mask::default()));
            let faults: Vec<Fault> = tolerated.iter().collect();
            format!("{event:?} {faults:?}").to_lowercase()
        };
        assert_eq!(told(case), told(&case.to_lowercase()), "{case}");
    }
}

#[test]
fn responses_are_told_apart() {
    let cases: [(&[u8], &str); 34] = [
        // RFC 9051, 7.1.1 to 7.1.5.
        (b"* OK IMAP4rev2 server ready\r\n", "Status(OK IMAP4rev2 server ready)"),
        (
            b"* OK [ALERT] System shutdown in 10 minutes\r\n",
            "Status(OK [ALERT] System shutdown in 10 minutes)",
        ),
        (b"A001 OK LOGIN Completed\r\n", "Status(OK LOGIN Completed)"),
        (b"* NO Disk is 98% full\r\n", "Status(NO Disk is 98% full)"),
        (b"* BAD Empty command line\r\n", "Status(BAD Empty command line)"),
        (
            b"* PREAUTH IMAP4rev2 server logged in as Smith\r\n",
            "Status(PREAUTH IMAP4rev2 server logged in as Smith)",
        ),
        (b"* BYE Autologout; idle for too long\r\n", "Status(BYE Autologout; idle for too long)"),
        // The text may be missing, the case be any, spaces be many.
        (b"a OK\r\n", "Status(OK)"),
        (b"a  ok  [read-only]\r\n", "Status(OK [READ-ONLY])"),
        (b"* OK [UIDNEXT 4392] Predicted next UID\r\n", "Status(OK [UIDNEXT] Predicted next UID)"),
        // A code without its bracket is text; one that is malformed, or unknown, is kept.
        (b"* OK [ALERT hi\r\n", "Status(OK [ALERT hi)"),
        (b"* OK [UIDVALIDITY 0] x\r\n", "Status(OK [UIDVALIDITY 0] x)"),
        (b"* OK [UIDNEXT -1] x\r\n", "Status(OK [UIDNEXT -1] x)"),
        (b"* NO [X-NEW \"a]b\" c] x\r\n", "Status(NO [X-NEW \"a]b\" c] x)"),
        (b"* NO [X-NEW \"a] x\r\n", "Status(NO [X-NEW \"a] x)"),
        (b"* OK [] x\r\n", "Status(OK [] x)"),
        // What a terminal must not see is escaped.
        (b"* OK [ALERT] a\0b\x1b[2Jc\xff\xfe\r\n", "Status(OK [ALERT] a\\x00b\\x1b[2Jc\\xff\\xfe)"),
        // RFC 9051, 7.4.1 and 7.5.1; RFC 3501, 7.3.2.
        (b"* 23 EXISTS\r\n", "Exists(23)"),
        (b"* 5 RECENT\r\n", "Recent(5)"),
        (b"* 44 EXPUNGE\r\n", "Expunge(SeqNo(44))"),
        (b"*   44   expunge \r\n", "Expunge(SeqNo(44))"),
        // Numbers that are none: RFC 9051, 9.
        (b"* 4294967296 EXISTS\r\n", "Other(EXISTS: 4294967296 EXISTS)"),
        (b"* 99999999999999999999 RECENT\r\n", "Other(RECENT: 99999999999999999999 RECENT)"),
        (b"* 0 EXPUNGE\r\n", "Other(EXPUNGE: 0 EXPUNGE)"),
        (b"* 0 FETCH (UID 1)\r\n", "Other(FETCH: 0 FETCH (UID 1))"),
        (b"* 1x EXISTS\r\n", "Other(1x: 1x EXISTS)"),
        // Unknown responses.
        (b"* XQUOTAROOT INBOX \"\"\r\n", "Other(XQUOTAROOT: XQUOTAROOT INBOX \"\")"),
        (b"* XNEW (a \"b\" {3}\r\nc\r\n)\r\n", "Other(XNEW: XNEW (a \"b\" {3}\\r\\nc\\r\\n))"),
        (b"* 12 XNEW\r\n", "Other(XNEW: 12 XNEW)"),
        (b"* (\r\n", "Other(: ()"),
        (b"* LIST x\r\n", "Other(LIST: LIST x)"),
        (b"* FETCH (UID 1)\r\n", "Other(FETCH: FETCH (UID 1))"),
        (b"* 1 FETCH UID 1\r\n", "Other(FETCH: 1 FETCH UID 1)"),
        (b"* 23 EXISTS x\r\n", "Other(EXISTS: 23 EXISTS x)"),
    ];
    for (text, expected) in cases {
        let found = match heard(text) {
            Event::Status(status) => format!("Status({status})"),
            Event::Other { name, octets } => {
                format!("Other({name}: {})", format!("{octets:?}").trim_matches('"'))
                    .replacen("\"\")", "\"\")", 1)
            }
            other => format!("{other:?}"),
        };
        // Trimming the quotes of the Debug text takes the text's own at its end, too.
        let (found, expected) = (found.replace('"', ""), expected.replace('"', ""));
        assert_eq!(found, expected, "{}", text.escape_ascii());
    }
}

#[test]
fn what_is_no_response_is_refused() {
    let cases: [(&[u8], &str); 9] = [
        (b"", "expected a tag, '*' or '+' at offset 0"),
        (b"\r\n", "expected a tag, '*' or '+' at offset 0"),
        (b"220 mx ESMTP\r\n", "expected OK, NO or BAD behind the tag at offset 4"),
        (b"a BYE\r\n", "expected OK, NO or BAD behind the tag at offset 2"),
        (b"a\r\n", "expected a space at offset 1"),
        (b" OK\r\n", "expected a tag, '*' or '+' at offset 0"),
        (b"*OK\r\n", "expected a space at offset 1"),
        (b"+OK\r\n", "expected a space behind the plus sign at offset 1"),
        (b"\xff\xfe OK\r\n)", "expected OK, NO or BAD behind the tag at offset 3"),
    ];
    for (text, expected) in cases {
        let error = owned(text, &[]).unwrap_err();
        assert_eq!(format!("{error}"), expected, "{}", text.escape_ascii());
    }
}

#[test]
fn continuations_may_be_bare() {
    for (text, expected) in [
        (&b"+ Ready for literal data\r\n"[..], "Ready for literal data"),
        (b"+ \r\n", ""),
        (b"+\r\n", ""),
        (b"+ YQ\n==\r\n", "YQ\n=="),
    ] {
        let Event::Other { name, octets } = heard(text) else { panic!() };
        assert_eq!(name, "+");
        assert_eq!(octets, expected);
    }
    assert_eq!(faults(b"+\r\n"), [FaultKind::BareContinuation]);
}

#[test]
fn codes_have_their_arguments() {
    let cases: [(&[u8], &str); 17] = [
        // RFC 4315, 3 and 4.3; RFC 9051, 6.3.2 and 7.1; RFC 7162, 3.1.2.
        (
            b"APPENDUID 38505 3955",
            "AppendUid { uid_validity: 38505, uids: [(Uid(3955), Uid(3955))] }",
        ),
        (
            b"COPYUID 38505 304,319:320 3956:3958",
            "CopyUid { uid_validity: 38505, source: [(Uid(304), Uid(304)), (Uid(319), Uid(320))], \
             destination: [(Uid(3956), Uid(3958))] }",
        ),
        (
            b"COPYUID 1 1:4294967295 4294967295:1",
            "CopyUid { uid_validity: 1, source: [(Uid(1), Uid(4294967295))], \
             destination: [(Uid(1), Uid(4294967295))] }",
        ),
        (b"COPYUID 1 5:7 100", "Other { name: \"COPYUID\", rest: \"1 5:7 100\" }"),
        (b"COPYUID 1 1:* 1", "Other { name: \"COPYUID\", rest: \"1 1:* 1\" }"),
        (b"COPYUID 1 1,, 1", "Other { name: \"COPYUID\", rest: \"1 1,, 1\" }"),
        (b"UIDVALIDITY 3857529045", "UidValidity(3857529045)"),
        (b"uidvalidity 3857529045 ", "UidValidity(3857529045)"),
        (b"UIDVALIDITY", "Other { name: \"UIDVALIDITY\", rest: \"\" }"),
        (b"UNSEEN 17", "Unseen(17)"),
        (b"HIGHESTMODSEQ 715194045007", "HighestModSeq(715194045007)"),
        (
            b"PERMANENTFLAGS (\\Deleted \\Seen $New \\*)",
            "PermanentFlags([Deleted, Seen, Keyword(\"$New\"), Wildcard])",
        ),
        (b"PERMANENTFLAGS ()", "PermanentFlags([])"),
        (b"BADCHARSET (UTF-8 US-ASCII)", "BadCharset(\"(UTF-8 US-ASCII)\")"),
        (b"REFERRAL imap://;AUTH=*@h/", "Referral(\"imap://;AUTH=*@h/\")"),
        (b"UNKNOWN-CTE", "UnknownCte"),
        (b"READ-ONLY x", "Other { name: \"READ-ONLY\", rest: \"x\" }"),
    ];
    for (code, expected) in cases {
        let Event::Status(status) = heard(&[b"* OK [", code, b"] text\r\n"].concat()) else {
            panic!()
        };
        assert_eq!(
            format!("{:?}", status.code.as_ref().unwrap()),
            expected,
            "{}",
            code.escape_ascii()
        );
        assert_eq!(status.text(), "text");
    }
}

#[test]
fn spaces_before_a_code_are_noted() {
    let table: [(&[u8], &str, &[FaultKind]); 4] = [
        (b"* OK [ALERT] full\r\n", "OK [ALERT] full", &[]),
        (b"* OK  [ALERT] full\r\n", "OK [ALERT] full", &[FaultKind::SurplusSpace]),
        (b"a NO   [ALERT]\r\n", "NO [ALERT]", &[FaultKind::SurplusSpace]),
        // Nothing but a code takes them from the text.
        (b"* OK  [ALERT full\r\n", "OK  [ALERT full", &[]),
    ];
    for (bytes, expected, faults) in table {
        let mut tolerated = Tolerated::default();
        let response = parse_response(Input { bytes, literals: &[] }, &mut tolerated).unwrap();
        let Event::Status(status) = response.to_event(&Mask::default()) else { panic!() };
        assert_eq!(format!("{status}"), expected);
        assert_eq!(tolerated.iter().map(|fault| fault.kind).collect::<Vec<_>>(), faults);
    }
}

#[test]
fn debug_counts_octets_that_are_as_they_came() {
    let input = Input { bytes: b"* NO [REFERRAL imap://T0KEN/] T0KEN\r\n", literals: &[] };
    let response = parse_response(input, &mut Tolerated::default()).unwrap();
    assert_eq!(format!("{input:?}"), "Input { bytes: 37, literals: [] }");
    let shown = "Status(StatusRef { kind: No, has_code: true, text: 5, .. })";
    assert_eq!(format!("{response:?}"), shown);
}

#[test]
fn secrets_are_masked_in_what_a_status_says() {
    let mut mask = Mask::default();
    mask.add("ya29.secret-token");
    let bytes = b"a NO [X-SAW ya29.secret-token] ya29.secret-token is bad\r\n";
    let input = Input { bytes, literals: &[] };
    let response = parse_response(input, &mut Tolerated::default()).unwrap();
    let event = response.to_event(&mask);
    assert!(!format!("{event:?}").contains("secret-token"), "{event:?}");
}

#[test]
fn mailbox_data_are_typed() {
    let cases: [(&[u8], &str); 23] = [
        // RFC 9051, 7.3.1, 7.3.4, 7.3.5, 6.3.9.
        (b"* LIST (\\Noselect) \"/\" ~/Mail/foo\r\n", "(\\Noselect ) Some('/') ~/Mail/foo"),
        (b"* LIST () \"/\" foo (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n", "() Some('/') foo"),
        (
            b"* LIST (\\Subscribed \\NonExistent) \"/\" \"Fruit/Peach\"\r\n",
            "(\\Subscribed \\NonExistent ) Some('/') Fruit/Peach",
        ),
        (b"* LIST () NIL INBOX\r\n", "() None INBOX"),
        (b"* LIST () \"\\\\\" a\\b\r\n", "() Some('\\\\') a\\b"),
        (b"* LIST () \".\" {5}\r\na\r\n)b\r\n", "() Some('.') a\r\n)b"),
        (b"* LIST () \"/\" \"a \\\"b\\\\\"\r\n", "() Some('/') a \"b\\"),
        (b"* LIST () \"/\" Entw&APw-rfe\r\n", "() Some('/') Entwürfe"),
        (b"* LIST () \"/\" a b (c) d\r\n", "() Some('/') a b (c) d"),
        (b"* LIST () \"/\" Archive (2019)\r\n", "() Some('/') Archive (2019)"),
        (b"* LIST () \"/\" Archive (of 2019)\r\n", "() Some('/') Archive (of 2019)"),
        (b"* LIST () \"/\" a (\"x\" (y))\tz\r\n", "() Some('/') a (\"x\" (y))\tz"),
        (b"* LIST () \"/\" a%b*\r\n", "() Some('/') a%b*"),
        (b"* LIST ()  \"/\"  a \r\n", "() Some('/') a"),
        (b"* LSUB () \".\" #news.comp.mail.misc\r\n", "() Some('.') #news.comp.mail.misc"),
        (b"* LIST () \"/\" \"\"\r\n", "() Some('/') "),
        (
            b"* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)\r\n",
            "blurdybloop Some(231) Some(44292) None",
        ),
        (
            b"* STATUS \"a b\" ( messages 1 X-NEW (a b) SIZE 5000000000 )\r\n",
            "a b Some(1) None Some(5000000000)",
        ),
        (b"* STATUS a ()\r\n", "a None None None"),
        (
            b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n",
            "[Answered, Flagged, Deleted, Seen, Draft]",
        ),
        (
            b"* FLAGS (  \\seen  junk \\X-Y $MDNSent )\r\n",
            "[Seen, Keyword(\"junk\"), Extension(\"\\\\X-Y\"), Keyword(\"$MDNSent\")]",
        ),
        (b"* CAPABILITY STARTTLS AUTH=GSSAPI IMAP4rev2\r\n", "STARTTLS AUTH=GSSAPI IMAP4rev2"),
        (b"* ENABLED CONDSTORE\r\n", "CONDSTORE"),
    ];
    for (text, expected) in cases {
        let found = match heard(text) {
            Event::List(entry) | Event::Lsub(entry) => {
                let attributes: String =
                    entry.attributes().map(|name| format!("{name} ")).collect();
                let delimiter = entry.delimiter().map(|delimiter| delimiter.as_char());
                format!("({attributes}) {delimiter:?} {}", entry.mailbox())
            }
            Event::MailboxStatus(status) => {
                let items = status.items;
                format!(
                    "{} {:?} {:?} {:?}",
                    status.mailbox, items.messages, items.uid_next, items.size
                )
            }
            Event::Flags(flags) => format!("{flags:?}"),
            Event::Capability(list) | Event::Enabled(list) => {
                list.iter().collect::<Vec<_>>().join(" ")
            }
            other => format!("{other:?}"),
        };
        assert_eq!(found, expected, "{}", text.escape_ascii());
    }
}

#[test]
fn searches_find_numbers() {
    let cases: [(&[u8], &str); 10] = [
        // RFC 3501, 7.2.5; RFC 7162, 3.1.5.
        (b"* SEARCH 2 3 6\r\n", "Search([2, 3, 6])"),
        (b"* SEARCH\r\n", "Search([])"),
        (b"* SEARCH \r\n", "Search([])"),
        (b"* SEARCH  5   4294967295 \r\n", "Search([5, 4294967295])"),
        (
            b"* SEARCH 2 5 6 7 11 12 18 19 20 23 (MODSEQ 917162500)\r\n",
            "Search([2, 5, 6, 7, 11, 12, 18, 19, 20, 23])",
        ),
        // What names no message is left out, whatever it would wrap to.
        (b"* SEARCH 0 1 4294967296 4294967297 18446744073709551617 2\r\n", "Search([1, 2])"),
        // RFC 9051, 7.3.4.
        (
            b"* ESEARCH (TAG \"A282\") MIN 2 COUNT 3\r\n",
            "Esearch(Esearch { tag: Some(\"A282\"), mailbox: None, uid_validity: None, uid: false, min: Some(2), max: None, count: Some(3), all: None, mod_seq: None, partial: None, others: [] })",
        ),
        (
            b"* ESEARCH (TAG \"a\") UID ALL 4:18,21,28 X-NEW (a b)\r\n",
            "Esearch(Esearch { tag: Some(\"a\"), mailbox: None, uid_validity: None, uid: true, min: None, max: None, count: None, all: Some([(4, 18), (21, 21), (28, 28)]), mod_seq: None, partial: None, others: [OtherItem { name: \"X-NEW\", octets: \"(a b)\" }] })",
        ),
        (
            b"* ESEARCH\r\n",
            "Esearch(Esearch { tag: None, mailbox: None, uid_validity: None, uid: false, min: None, max: None, count: None, all: None, mod_seq: None, partial: None, others: [] })",
        ),
        (b"* SEARCH 1 x\r\n", "Other { name: \"SEARCH\", octets: \"SEARCH 1 x\" }"),
    ];
    for (text, expected) in cases {
        assert_eq!(format!("{:?}", heard(text)), expected, "{}", text.escape_ascii());
    }
}
