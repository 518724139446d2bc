//! The grammar in tables; the examples of RFC 9051 and RFC 3501 first.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use std::thread;

use proptest::prelude::*;
use xoauth_sasl::Mask;

use super::*;
use crate::types::{Event, Message};

/// Parses a response, and whatever else can become of its octets on the way: no cut, no octet too many
/// may panic.
fn heard(text: &[u8]) -> Event {
    event(text, &[]).unwrap()
}

fn event(bytes: &[u8], literals: &[StreamedLiteral]) -> Result<Event, ParseError> {
    if bytes.len() < 2000 {
        for end in 0..bytes.len() {
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
    let cases: [(&[u8], &str); 16] = [
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
    let cases: [(&[u8], &str); 20] = [
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

#[test]
fn fetch_items_are_typed_in_any_case_and_order() {
    // RFC 3501, 7.4.2 and RFC 9051, 7.5.2.
    let message = message(
        b"* 23 fetch (Flags (\\Seen $Junk) uid 4827313 rfc822.size 44827 MODSEQ (12121231000) \
          INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" X-GM-LABELS (\"\\\\Sent\" foo) BODY[]<0> NIL)\r\n",
    );
    assert_eq!(message.seq.get(), 23);
    assert_eq!(message.uid.unwrap().get(), 4_827_313);
    assert_eq!(message.size, Some(44827));
    assert_eq!(message.mod_seq, Some(12_121_231_000));
    assert_eq!(format!("{:?}", message.flags.as_ref().unwrap()), "{Seen, Keyword(\"$Junk\")}");
    assert_eq!(format!("{}", message.internal_date.unwrap()), "17-Jul-1996 02:44:25 -0700");
    assert_eq!(message.others[0].name, "X-GM-LABELS");
    assert_eq!(message.others[0].octets, "(\"\\\\Sent\" foo)");
    assert_eq!(message.bodies[0].octets, None);
    assert_eq!(message.bodies[0].origin, Some(0));
    assert_eq!(message.invalid, []);
}

#[test]
fn bodies_have_their_sections() {
    let message = message(
        b"* 1 FETCH (BODY[HEADER.FIELDS (\"Subject\" TO)] {4}\r\na)\r\n BODY[1.2.MIME] \"x\\\"y\" \
          BINARY[2]<7> ~{3}\r\n\0\"( BINARY.SIZE[2] 9 RFC822.TEXT t BODY[BOGUS] x)\r\n",
    );
    let found: Vec<_> = message
        .bodies
        .iter()
        .map(|body| {
            format!("{:?} {:?} {} {:?}", body.section, body.origin, body.is_binary, body.octets)
        })
        .collect();
    assert_eq!(
        found,
        [
            r#"HeaderFields(["Subject", "TO"]) None false Some("a)\r\n")"#,
            r#"Part([1, 2], Mime) None false Some("x"y")"#,
            r#"Part([2], Content) Some(7) true Some("\x00"(")"#,
            r#"Text None false Some("t")"#,
        ]
    );
    let others: Vec<_> = message.others.iter().map(|item| item.name.as_str()).collect();
    assert_eq!(others, ["BINARY.SIZE[2]", "BODY[BOGUS]"]);
}

#[test]
fn the_envelope_of_the_rfc_is_read() {
    // RFC 3501, 8.
    let message = message(
        b"* 12 FETCH (ENVELOPE (\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \
          \"IMAP4rev1 WG mtg summary and minutes\" \
          ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
          ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
          ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
          ((NIL NIL \"imap\" \"cac.washington.edu\")) \
          ((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) \
          NIL NIL \"<B27397-0100000@cac.washington.edu>\"))\r\n",
    );
    let envelope = message.envelope.unwrap();
    assert_eq!(envelope.subject.unwrap(), "IMAP4rev1 WG mtg summary and minutes");
    assert_eq!(envelope.from[0].email().unwrap(), "gray@cac.washington.edu");
    assert_eq!(envelope.cc.len(), 2);
    assert_eq!(*envelope.cc[1].name.as_ref().unwrap(), "John Klensin");
    assert_eq!(envelope.bcc, []);
    assert_eq!(envelope.in_reply_to, None);
    assert_eq!(envelope.message_id.unwrap(), "<B27397-0100000@cac.washington.edu>");
}

#[test]
fn groups_are_told_from_mailboxes() {
    let message = message(
        b"* 1 FETCH (ENVELOPE (NIL {3}\r\nx\"y NIL NIL NIL ((NIL NIL \"friends\" NIL) \
          (NIL NIL \"a\" \"b\")(NIL NIL NIL NIL)) NIL NIL nil NIL ))\r\n",
    );
    let envelope = message.envelope.unwrap();
    assert_eq!(envelope.subject.unwrap(), "x\"y");
    let [group, member, end] = &envelope.to[..] else { panic!("{:?}", envelope.to) };
    assert_eq!(*group.begins_group().unwrap(), "friends");
    assert_eq!(member.email().as_deref(), Some("a@b"));
    assert!(end.ends_group() && end.begins_group().is_none() && !member.ends_group());
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

#[test]
fn parts_are_numbered_as_fetch_takes_them() {
    // RFC 3501, 7.4.2.
    assert_eq!(
        structure(b"(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 2279 48)"),
        ["1 TEXT/PLAIN"]
    );
    assert_eq!(
        structure(
            b"((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 1152 23)(\"TEXT\" \
              \"PLAIN\" (\"CHARSET\" \"US-ASCII\" \"NAME\" \"cc.diff\") \
              \"<960723163407.20117h@cac.washington.edu>\" \"Compiler diff\" \"BASE64\" 4554 73) \
              \"MIXED\")"
        ),
        [" MULTIPART/MIXED", "1 TEXT/PLAIN", "2 TEXT/PLAIN cc.diff"]
    );
    // The shape of RFC 9051, 6.4.5.1: messages inside a message.
    let leaf = "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 1 1)";
    let envelope = "(NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL)";
    let inner =
        format!("({leaf}{leaf} \"MIXED\" (\"b\" \"x\") NIL (\"EN\" \"DE\") \"loc\" 5 (x (y)))");
    let held =
        format!("(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 9 {envelope} {inner} 8 NIL NIL)");
    let single = format!("(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 9 {envelope} {leaf} 8)");
    let all = format!("({leaf} {held}{single} \"MIXED\")");
    assert_eq!(
        structure(all.as_bytes()),
        [
            " MULTIPART/MIXED",
            "1 TEXT/PLAIN",
            "2 MESSAGE/RFC822 Some(\"s\")",
            "2 MULTIPART/MIXED",
            "2.1 TEXT/PLAIN",
            "2.2 TEXT/PLAIN",
            "3 MESSAGE/RFC822 Some(\"s\")",
            "3.1 TEXT/PLAIN",
        ]
    );
    // A message told as if it were a file.
    assert_eq!(
        structure(
            b"(\"MESSAGE\" \"RFC822\" (\"NAME\" \"m.eml\") NIL NIL \"7BIT\" 9 NIL NIL NIL NIL)"
        ),
        ["1 MESSAGE/RFC822 m.eml"]
    );
}

#[test]
fn a_bad_item_spoils_only_itself() {
    let cases: [(&[u8], &str); 8] = [
        (b"ENVELOPE (NIL NIL)", "ENVELOPE: expected a space at offset 28"),
        (b"ENVELOPE NIL", "ENVELOPE: expected an envelope at offset 20"),
        (b"BODYSTRUCTURE (\"a\" {3}\r\n) \")", "BODYSTRUCTURE: expected a space at offset 38"),
        (b"BODYSTRUCTURE (\"(\" \")\\\"\" ())", "BODYSTRUCTURE: expected a space at offset 38"),
        (b"BODYSTRUCTURE ()", "BODYSTRUCTURE: expected a string or NIL at offset 26"),
        (b"FLAGS (a (b) c)", "FLAGS: expected a flag or a closing parenthesis at offset 20"),
        (b"INTERNALDATE \"yesterday\"", "INTERNALDATE: expected a date and time at offset 24"),
        (b"MODSEQ 5", "MODSEQ: expected a modification sequence in parentheses at offset 18"),
    ];
    for (item, expected) in cases {
        let message = message(&[b"* 1 FETCH (", item, b" UID 5)\r\n"].concat());
        assert_eq!(message.uid.map(|uid| uid.get()), Some(5), "{}", item.escape_ascii());
        let [invalid] = &message.invalid[..] else { panic!("{message:?}") };
        assert_eq!(format!("{}: {}", invalid.name, invalid.error), expected);
        let name = format!("{} ", invalid.name);
        assert_eq!(&*invalid.octets, item.strip_prefix(name.as_bytes()).unwrap());
    }
}

#[test]
fn what_has_no_end_spoils_the_rest() {
    let cases: [(&[u8], &str, &str); 5] = [
        (b"* 1 FETCH (UID 5 BODY[] {9}\r\nshort\r\n", "BODY[]", "{9}\r\nshort"),
        (b"* 1 FETCH (UID 5 X \"a)\r\n", "X", "\"a)"),
        (b"* 1 FETCH (UID 5 X (((NIL) Y ())\r\n", "X", "(((NIL) Y ())"),
        (b"* 1 FETCH (UID 5 BODY[\r\n", "", "BODY["),
        (b"* 1 FETCH (UID 5 FLAGS\r\n", "FLAGS", ""),
    ];
    for (text, name, rest) in cases {
        let message = message(text);
        assert_eq!(message.uid.map(|uid| uid.get()), Some(5), "{}", text.escape_ascii());
        let Some(invalid) = message.invalid.last() else { panic!("{message:?}") };
        assert_eq!(invalid.name, name);
        assert_eq!(invalid.octets, rest);
    }
    // A value may be spoilt and balanced at the end of the line: what follows the last parenthesis is noted.
    assert_eq!(faults(b"* 1 FETCH (UID 5) x\r\n"), [FaultKind::TrailingOctets]);
    assert_eq!(faults(b"* 1 FETCH (UID 5 FLAGS (\\Seen)\r\n"), [FaultKind::UnclosedList]);
}

#[test]
fn streamed_literals_are_skipped() {
    let text = b"* 1 FETCH (BODY[] {100}\r\n UID 5 BODY[TEXT] {7}\r\n BODY[1] {2}\r\nok)\r\n";
    let (first, second) = (25, 48);
    let literals = [
        StreamedLiteral { at: first, len: 100, index: 0 },
        StreamedLiteral { at: second, len: 7, index: 1 },
    ];
    let mut tolerated = Tolerated::default();
    let response =
        parse_response(Input { bytes: text, literals: &literals }, &mut tolerated).unwrap();
    let Response::Fetch(fetch) = response else { panic!("{response:?}") };
    let data: Vec<_> = fetch.bodies().map(|body| body.data).collect();
    assert_eq!(
        data,
        [
            Text::Streamed { len: 100, index: 0 },
            Text::Streamed { len: 7, index: 1 },
            Text::Raw(b"ok")
        ]
    );
    assert_eq!(tolerated.count(), 0);

    let mut bodies = [b"whole".to_vec(), b"text".to_vec()];
    let message = fetch.to_message(&mut bodies);
    assert_eq!(message.body(), Some(&b"whole"[..]));
    assert_eq!(message.section(&"TEXT".parse().unwrap()), Some(&b"text"[..]));
    assert_eq!(message.section(&"1".parse().unwrap()), Some(&b"ok"[..]));
    // Where nobody kept them, they are left out.
    assert_eq!(fetch.to_message(&mut []).bodies.len(), 1);
}

#[test]
fn streamed_literals_may_stand_anywhere() {
    let at = |text: &[u8]| memchr::memmem::find(text, b"\r\n").unwrap() + 2;
    for text in [
        &b"* LIST () \"/\" {5}\r\n\r\n"[..],
        b"* 1 FETCH (ENVELOPE (NIL NIL (({5}\r\n NIL NIL NIL)) NIL NIL NIL NIL NIL NIL NIL) UID 3)\r\n",
        b"* 1 FETCH (BODYSTRUCTURE (\"TEXT\" \"PLAIN\" (\"NAME\" {5}\r\n) NIL NIL \"7BIT\" 1 1) UID 3)\r\n",
        b"* STATUS {5}\r\n (MESSAGES 1)\r\n",
    ] {
        let literal = StreamedLiteral { at: at(text), len: 5, index: 0 };
        let event = event(text, &[literal]).unwrap();
        match event {
            Event::List(entry) => assert_eq!(entry.mailbox().as_str(), ""),
            Event::Fetch(message) => assert_eq!(message.invalid, []),
            Event::MailboxStatus(status) => assert_eq!(status.items.messages, Some(1)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_announced_body_is_known_before_it_comes() {
    let info = |head: &[u8], line: &[u8]| announced_section(head, line, 9);
    let cases: [(&[u8], &str); 12] = [
        (b"* 7 FETCH (BODY[] {9}\r\n", "7 None Full None"),
        (b"* 7 fetch (uid 5 FLAGS (\\Seen x) body[] {9+}\r\n", "7 Some(Uid(5)) Full None"),
        (b"*  7  FETCH  (BODY[TEXT]<12> ~{9}\r\n", "7 None Text Some(12)"),
        (
            b"* 7 FETCH (X-GM-LABELS (\"a b)\") UID 5 BINARY[1.2] {9}\r\n",
            "7 Some(Uid(5)) Part([1, 2], Content) None",
        ),
        (b"* 7 FETCH (RFC822.HEADER {9}\r\n", "7 None Header None"),
        (b"* 7 FETCH (RFC822 {9}\r\n", "7 None Full None"),
        (
            b"* 7 FETCH (BODY[HEADER.FIELDS (\"A\" B)] {9}\r\n",
            "7 None HeaderFields([\"A\", \"B\"]) None",
        ),
        (b"* 7 FETCH (ENVELOPE (NIL {9}\r\n", "-"),
        (b"* 7 FETCH (X[] {9}\r\n", "-"),
        (b"* 0 FETCH (BODY[] {9}\r\n", "-"),
        (b"* LIST () \"/\" {9}\r\n", "-"),
        (b"* X BODY[] {9}\r\n", "-"),
    ];
    for (head, expected) in cases {
        let found = info(head, head).map_or("-".into(), |info| {
            format!("{} {:?} {:?} {:?}", info.seq, info.uid, info.section, info.origin)
        });
        assert_eq!(found, expected, "{}", head.escape_ascii());
        for cut in 0..head.len() {
            let _ = info(&head[..cut], &head[..cut]);
            let _ = info(head, &head[cut..]);
        }
    }
    // The UID may stand between two bodies.
    let line = b" UID 5 BODY[TEXT] {9}\r\n";
    let head = b"* 7 FETCH (BODY[HEADER] {3}\r\n";
    assert_eq!(info(head, line).unwrap().uid.unwrap().get(), 5);
}

#[test]
fn nesting_is_bounded_and_needs_no_stack() {
    let small = thread::Builder::new().stack_size(128 * 1024).spawn(|| {
        let open = [&b"* 1 FETCH (BODYSTRUCTURE "[..], &[b'('; 100_000], b"\r\n"].concat();
        assert!(owned(&open, &[]).unwrap_err().is_depth());
        let open = [&b"* 1 FETCH (X "[..], &[b'('; 100_000], b"\r\n"].concat();
        assert!(owned(&open, &[]).unwrap_err().is_depth());

        // Closed, it spoils only its item.
        let closed =
            [&b"* 1 FETCH (BODYSTRUCTURE "[..], &[b'('; 100_000], &[b')'; 100_000], b" UID 5)\r\n"];
        let Event::Fetch(message) = owned(&closed.concat(), &[]).unwrap() else { panic!() };
        assert!(message.invalid[0].error.is_depth());
        assert_eq!(message.uid.unwrap().get(), 5);

        let flat = [&b"* LIST "[..], &[b'('; 100_000], b"\r\n"].concat();
        assert!(matches!(owned(&flat, &[]), Ok(Event::Other { .. })));
    });
    small.unwrap().join().unwrap();
}

#[test]
fn a_hundred_levels_are_read_and_one_more_is_not() {
    let nested = |levels: usize| {
        let mut body = "(".repeat(levels - 1);
        body.push_str("(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 1 1)");
        body.push_str(&" \"MIXED\")".repeat(levels - 1));
        structure(body.as_bytes())
    };
    assert_eq!(nested(100).len(), 100);
    assert_eq!(nested(101).len(), 1);
    assert!(nested(101)[0].contains("100 deep"), "{:?}", nested(101));
}

#[test]
fn what_grows_in_memory_is_bounded() {
    let part = "(\"a\" \"b\" NIL NIL NIL \"7BIT\" 1)";
    let many = |count: usize| structure(format!("({} \"MIXED\")", part.repeat(count)).as_bytes());
    assert_eq!(many(9_999).len(), 10_000);
    assert!(many(10_000)[0].contains("at most 10000 body parts"));

    let flags = |count: usize| format!("* 1 FETCH (FLAGS ({}))\r\n", "a ".repeat(count));
    assert_eq!(message(flags(10_000).as_bytes()).invalid, []);
    assert_eq!(message(flags(10_001).as_bytes()).invalid.len(), 1);

    let items = |count: usize| format!("* 1 FETCH ({}UID 5)\r\n", "X 1 ".repeat(count));
    assert_eq!(message(items(1_000).as_bytes()).invalid, []);
    assert_eq!(message(items(1_002).as_bytes()).invalid.len(), 1);

    let mut tolerated = Tolerated::default();
    for _ in 0..1_000 {
        let input = Input { bytes: b"*  1 EXISTS\r\n", literals: &[] };
        parse_response(input, &mut tolerated).unwrap();
    }
    assert_eq!((tolerated.count(), tolerated.iter().count()), (1_000, 32));
}

#[test]
fn many_literals_cost_linear_time() {
    let count = 100_000;
    let text = [&b"* 1 FETCH (X ("[..], &b"{0}\r\n ".repeat(count), b"))\r\n"].concat();
    assert_eq!(message(&text).others.len(), 1);
    // The same, streamed away.
    let literals: Vec<_> =
        (0..count).map(|n| StreamedLiteral { at: 14 + n * 6 + 5, len: 0, index: 0 }).collect();
    let Event::Fetch(message) = owned(&text, &literals).unwrap() else { panic!() };
    assert_eq!(message.others.len(), 1);
}

/// Pieces that responses are made of, so that random ones get beyond the first octets.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let words: &[&[u8]] = &[
        b"* ",
        b"1 ",
        b"FETCH ",
        b"(",
        b")",
        b" ",
        b"\"",
        b"\\",
        b"{3}\r\n",
        b"{0}\r\n",
        b"NIL",
        b"\r\n",
        b"BODYSTRUCTURE ",
        b"ENVELOPE ",
        b"FLAGS ",
        b"BODY[",
        b"]",
        b"<0>",
        b"UID ",
        b"\"TEXT\" ",
        b"\"MESSAGE\" \"RFC822\" NIL NIL NIL NIL 1 ",
        b"LIST ",
        b"STATUS ",
        b"SEARCH ",
        b"ESEARCH ",
        b"OK ",
        b"[",
        b"COPYUID 1 2 3",
        b"7:9,1",
        b"a",
        b"\xff",
        b"\0",
        b"99999999999999999999",
        b"-1",
        b"1e9 ",
    ];
    prop_oneof![
        4 => prop::sample::select(words).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ]
}

proptest! {
    #[test]
    fn no_octets_panic(bytes: Vec<u8>) {
        let _ = owned(&bytes, &[]);
    }

    #[test]
    fn no_pieces_panic(
        pieces in prop::collection::vec(piece(), 0..60),
        places in prop::collection::vec((0usize..200, any::<u64>()), 0..4),
    ) {
        let bytes = pieces.concat();
        let mut places = places;
        places.sort_unstable();
        let literals: Vec<_> = places
            .iter()
            .map(|&(at, len)| StreamedLiteral { at, len, index: 0 })
            .collect();
        let _ = owned(&bytes, &literals);
        let _ = owned(&[&b"* 1 FETCH (BODYSTRUCTURE ("[..], &bytes].concat(), &literals);
        let _ = owned(&[&b"* 1 FETCH (ENVELOPE ("[..], &bytes].concat(), &literals);
        let _ = announced_section(&bytes, &bytes, 5);
    }

    /// A string means the same in each of its three forms.
    #[test]
    fn strings_come_back(octets in prop::collection::vec(any::<u8>(), 0..40)) {
        let literal = [format!("{{{}}}\r\n", octets.len()).as_bytes(), &octets].concat();
        let text = [&b"* 1 FETCH (BODY[] "[..], &literal, b" UID 5)\r\n"].concat();
        let message = message(&text);
        prop_assert_eq!(message.body(), Some(&octets[..]));
        if !octets.iter().any(|octet| matches!(octet, b'\r' | b'\n')) {
            let mut quoted = Vec::from(*b"\"");
            for &octet in &octets {
                if matches!(octet, b'"' | b'\\') {
                    quoted.push(b'\\');
                }
                quoted.push(octet);
            }
            quoted.push(b'"');
            let text = [&b"* 1 FETCH (BODY[] "[..], &quoted, b" UID 5)\r\n"].concat();
            let message = self::message(&text);
            prop_assert_eq!(message.body(), Some(&octets[..]));
        }
    }
}

/// What the extensions' responses become; one that breaks its grammar is kept as it came.
#[test]
fn responses_of_extensions_are_told_apart() {
    let cases: [(&[u8], &str); 44] = [
        // RFC 2342, 5.
        (
            b"* NAMESPACE ((\"\" \"/\")) ((\"~\" \"/\")(\"#x\" NIL)) NIL\r\n",
            "Namespace(Namespaces { personal: [NamespaceEntry { prefix: Mailbox(\"\"), delimiter: Some(Delimiter('/')), \
             extensions: [] }], other_users: [NamespaceEntry { prefix: Mailbox(\"~\"), delimiter: Some(Delimiter('/')), \
             extensions: [] }, NamespaceEntry { prefix: Mailbox(\"#x\"), delimiter: None, extensions: [] }], shared: [] })",
        ),
        (b"* NAMESPACE NIL NIL\r\n", "Other"),
        (b"* NAMESPACE NIL NIL NIL x\r\n", "Other"),
        (b"* NAMESPACE ((\"\" \"/\" \"X\" ())) NIL NIL\r\n", "Other"),
        // RFC 2971, 3.2.
        (
            b"* ID (\"name\" \"Cyrus\" \"os\" NIL)\r\n",
            "Id(Identity([(\"name\", Some(\"Cyrus\")), (\"os\", None)]))",
        ),
        (b"* ID NIL\r\n", "Id(Identity([]))"),
        (b"* ID ()\r\n", "Id(Identity([]))"),
        (b"* ID (\"name\")\r\n", "Other"),
        (b"* ID\r\n", "Other"),
        // RFC 7162, 3.2.10.
        (
            b"* VANISHED (EARLIER) 41,43:45\r\n",
            "Vanished { earlier: true, uids: [(Uid(41), Uid(41)), (Uid(43), Uid(45))] }",
        ),
        (b"* vanished 405\r\n", "Vanished { earlier: false, uids: [(Uid(405), Uid(405))] }"),
        (b"* VANISHED (LATER) 1\r\n", "Other"),
        (b"* VANISHED\r\n", "Other"),
        (b"* VANISHED 1:*\r\n", "Other"),
        (b"* VANISHED 0\r\n", "Other"),
        // RFC 4314, 3.
        (
            b"* ACL INBOX Fred rwipslda\r\n",
            "AccessList(AccessList { mailbox: Mailbox(\"INBOX\"), entries: [(\"Fred\", Rights(rwipslda))] })",
        ),
        (b"* ACL INBOX\r\n", "AccessList(AccessList { mailbox: Mailbox(\"INBOX\"), entries: [] })"),
        (b"* ACL INBOX Fred\r\n", "Other"),
        (
            b"* LISTRIGHTS a smith \"\" l r\r\n",
            "RightsChoice(RightsChoice { mailbox: Mailbox(\"a\"), identifier: \"smith\", required: Rights(), \
             optional: [Rights(l), Rights(r)] })",
        ),
        (b"* LISTRIGHTS a smith\r\n", "Other"),
        (
            b"* MYRIGHTS a rwi\r\n",
            "MyRights(MailboxRights { mailbox: Mailbox(\"a\"), rights: Rights(rwi) })",
        ),
        (b"* MYRIGHTS a\r\n", "Other"),
        (b"* MYRIGHTS a r w\r\n", "Other"),
        // RFC 5256, 4.
        (b"* SORT 2 84 882\r\n", "Sort([2, 84, 882])"),
        (b"* SORT\r\n", "Sort([])"),
        (b"* SORT 5 (MODSEQ 9)\r\n", "Sort([5])"),
        (b"* SORT x\r\n", "Other"),
        (b"* THREAD\r\n", "Thread(Threads { nodes: [] })"),
        (
            b"* THREAD (2 (3)(4))\r\n",
            "Thread(Threads { nodes: [ThreadNode { message: Some(2), parent: None }, \
             ThreadNode { message: Some(3), parent: Some(0) }, ThreadNode { message: Some(4), parent: Some(0) }] })",
        ),
        (b"* THREAD (0)\r\n", "Other"),
        (b"* THREAD (4294967296)\r\n", "Other"),
        (b"* THREAD 1 2\r\n", "Other"),
        // RFC 9208, 4.2.
        (
            b"* QUOTA \"\" (STORAGE 10 512)\r\n",
            "Quota(Quota { root: \"\", resources: [QuotaResource { kind: Storage, usage: 10, limit: 512 }] })",
        ),
        (b"* QUOTA \"\" ()\r\n", "Quota(Quota { root: \"\", resources: [] })"),
        (b"* QUOTA \"\" (STORAGE 10)\r\n", "Other"),
        (b"* QUOTA \"\" (STORAGE -1 5)\r\n", "Other"),
        (
            b"* QUOTAROOT INBOX a \"\"\r\n",
            "QuotaRoots(QuotaRoots { mailbox: Mailbox(\"INBOX\"), roots: [\"a\", \"\"] })",
        ),
        (b"* QUOTAROOT INBOX a(b\r\n", "Other"),
        // RFC 5464, 4.4.
        (
            b"* METADATA INBOX (/a \"v\" /b NIL /c {1}\r\nx)\r\n",
            "Metadata(Metadata { mailbox: Mailbox(\"INBOX\"), entries: [(\"/a\", Some(\"v\")), (\"/b\", None), \
             (\"/c\", Some(\"x\"))], changed: [] })",
        ),
        (
            b"* METADATA \"\" /a /b\r\n",
            "Metadata(Metadata { mailbox: Mailbox(\"\"), entries: [], changed: [\"/a\", \"/b\"] })",
        ),
        (b"* METADATA INBOX\r\n", "Other"),
        (b"* METADATA INBOX (/a)\r\n", "Other"),
        // RFC 9394, 3.1.
        (
            b"* ESEARCH PARTIAL (-1:-3 5:6)\r\n",
            "Esearch(Esearch { tag: None, mailbox: None, uid_validity: None, uid: false, min: None, max: None, count: None, all: None, mod_seq: None, \
             partial: Some(EsearchPart { places: (-1, -3), numbers: [(5, 6)] }), others: [] })",
        ),
        (b"* ESEARCH PARTIAL (1 5)\r\n", "Other"),
    ];
    for (text, expected) in cases {
        let found = match heard(text) {
            Event::Other { octets, .. } => {
                assert_eq!(*octets, *text[2..].strip_suffix(b"\r\n").unwrap());
                String::from("Other")
            }
            other => format!("{other:?}"),
        };
        assert_eq!(found, expected, "{}", text.escape_ascii());
    }
}

#[test]
fn codes_of_extensions_have_their_arguments() {
    let cases: [(&[u8], &str); 39] = [
        // RFC 5259, 9; RFC 2060, 7.1; RFC 4467, 8.
        (b"MAXCONVERTMESSAGES 5", "MaxConvertMessages(5)"),
        (b"MAXCONVERTPARTS 50", "MaxConvertParts(50)"),
        (b"MAXCONVERTPARTS many", "Other { name: \"MAXCONVERTPARTS\", rest: \"many\" }"),
        (b"NEWNAME blurdybloop \"new name\"", "NewName(\"blurdybloop \\\"new name\\\"\")"),
        (
            b"URLMECH INTERNAL XSAMPLE=P34OKhO7VEkCbsiYY8rGEg==",
            "UrlMech(\"INTERNAL XSAMPLE=P34OKhO7VEkCbsiYY8rGEg==\")",
        ),
        // IANA's list of IMAP response codes, by RFC: 4978, 5255, 5259, 4469, 5182, 5465, 6154, 9586.
        (b"COMPRESSIONACTIVE", "CompressionActive"),
        (b"BADCOMPARATOR", "BadComparator"),
        (b"TEMPFAIL", "TempFail"),
        (b"TOOBIG", "TooBig"),
        (b"NOTSAVED", "NotSaved"),
        (b"NOTIFICATIONOVERFLOW", "NotificationOverflow"),
        (b"USEATTR", "UseAttr"),
        (b"UIDREQUIRED", "UidRequired"),
        // RFC 5257, 5465, 4469, 5466, 5267.
        (b"ANNOTATIONS 20480", "Annotate(\"20480\")"),
        (b"ANNOTATE TOOBIG", "Annotate(\"TOOBIG\")"),
        (b"ANNOTATE", "Other { name: \"ANNOTATE\", rest: \"\" }"),
        (b"BADEVENT (FlagChange MessageNew)", "BadEvent(\"(FlagChange MessageNew)\")"),
        (b"BADURL /INBOX", "BadUrl(\"/INBOX\")"),
        (b"UNDEFINED-FILTER on-the-road", "UndefinedFilter(\"on-the-road\")"),
        (b"NOUPDATE \"B02\"", "NoUpdate(\"B02\")"),
        // RFC 9585, 5.
        (
            b"INPROGRESS (\"A001\" 175 1000)",
            "InProgress { tag: Some(\"A001\"), progress: Some(175), goal: Some(1000) }",
        ),
        (b"INPROGRESS (NIL NIL NIL)", "InProgress { tag: None, progress: None, goal: None }"),
        (b"INPROGRESS", "InProgress { tag: None, progress: None, goal: None }"),
        (b"INPROGRESS (1)", "Other { name: \"INPROGRESS\", rest: \"(1)\" }"),
        // RFC 8474, 4.
        (b"MAILBOXID (F2212ea87-6097)", "MailboxId(ObjectId(F2212ea87-6097))"),
        (b"MAILBOXID F2", "Other { name: \"MAILBOXID\", rest: \"F2\" }"),
        (b"MAILBOXID (a.b)", "Other { name: \"MAILBOXID\", rest: \"(a.b)\" }"),
        // RFC 9738, 3.
        (b"MESSAGELIMIT 1000 23221", "MessageLimit { limit: 1000, lowest_done: Some(Uid(23221)) }"),
        (b"MESSAGELIMIT 1000", "MessageLimit { limit: 1000, lowest_done: None }"),
        (b"MESSAGELIMIT x", "Other { name: \"MESSAGELIMIT\", rest: \"x\" }"),
        // RFC 5464, 4.2.1 and 4.3.
        (b"METADATA LONGENTRIES 2199", "MetadataLongEntries(2199)"),
        (b"METADATA MAXSIZE 1024", "MetadataMaxSize(1024)"),
        (b"METADATA TOOMANY", "MetadataTooMany"),
        (b"METADATA NOPRIVATE", "MetadataNoPrivate"),
        (b"METADATA X", "Other { name: \"METADATA\", rest: \"X\" }"),
        // RFC 7162, 3.1.3.
        (b"MODIFIED 7,9:12", "Modified([(7, 7), (9, 12)])"),
        (b"MODIFIED", "Other { name: \"MODIFIED\", rest: \"\" }"),
        (b"modified 1", "Modified([(1, 1)])"),
        (b"MODIFIED 1 2", "Other { name: \"MODIFIED\", rest: \"1 2\" }"),
    ];
    for (code, expected) in cases {
        let Event::Status(status) = heard(&[b"* OK [", code, b"] text\r\n"].concat()) else {
            panic!()
        };
        let code_found = status.code.as_ref().unwrap();
        assert_eq!(format!("{code_found:?}"), expected, "{}", code.escape_ascii());
        let name = code.split(|&octet| octet == b' ').next().unwrap().to_ascii_uppercase();
        // Two names share one type, and METADATA has four.
        if !name.starts_with(b"ANNOT") && !name.starts_with(b"METADATA") {
            assert_eq!(code_found.name().to_ascii_uppercase().as_bytes(), name);
        }
        assert_eq!(status.text(), "text");
    }
}
