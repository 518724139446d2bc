//! Faults of servers, made by rule instead of by example: whatever item is spoilt, and wherever it stands,
//! those beside it are read.
#![allow(missing_docs, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]

mod transcript;

use transcript::Peer;
use xoauth_imap::command::*;
use xoauth_imap::parse::{FaultKind, Input, Response, Tolerated, parse_response};
use xoauth_imap::proto::{Command, Machine, TagPrefix};
use xoauth_imap::sasl::Mask;
use xoauth_imap::{Error, Event, Faults, Flag, Limits, Message};

fn heard(bytes: &[u8]) -> (Event, Tolerated) {
    let mut tolerated = Tolerated::default();
    let response = parse_response(Input { bytes, literals: &[] }, &mut tolerated);
    let event = response.unwrap_or_else(|error| panic!("{error}: {}", bytes.escape_ascii()));
    (event.to_event(&Mask::default()), tolerated)
}

fn message(bytes: &[u8]) -> (Message, Tolerated) {
    match heard(bytes) {
        (Event::Fetch(message), tolerated) => (*message, tolerated),
        (other, _) => panic!("{other:?}: {}", bytes.escape_ascii()),
    }
}

const SOUND: [&str; 5] = [
    "UID 5",
    "FLAGS (\\Seen $Forwarded)",
    "RFC822.SIZE 44",
    "INTERNALDATE \"17-Jul-1996 02:44:25 -0700\"",
    "BODY[TEXT] {18}\r\nUID 6 FLAGS () {3)",
];

/// What is told by [`SOUND`] was read.
fn assert_sound(message: &Message, text: &[u8]) {
    let shown = text.escape_ascii();
    assert_eq!(message.uid.map(u32::from), Some(5), "{shown}");
    let flags = message.flags.as_ref().unwrap_or_else(|| panic!("no flags: {shown}"));
    assert!(flags.contains(&Flag::Seen) && flags.iter().count() == 2, "{shown}");
    assert_eq!(message.size, Some(44), "{shown}");
    assert!(message.internal_date.is_some(), "{shown}");
    let body = message.section(&"TEXT".parse().unwrap());
    assert_eq!(body, Some(&b"UID 6 FLAGS () {3)"[..]), "{shown}");
}

/// Values that are no envelope and no body structure, nor anything else.
const SPOILT: &[&str] = &[
    // Too few fields, too many, of the wrong kind.
    "()",
    "NIL NIL",
    "(NIL)",
    "(NIL NIL NIL NIL NIL NIL NIL NIL NIL)",
    "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)",
    "(\"d\" \"s\" (\"a\" NIL \"b\" \"c\") NIL NIL NIL NIL NIL NIL NIL)",
    "(\"d\" \"s\" ((\"a\" NIL \"b\")) NIL NIL NIL NIL NIL NIL NIL)",
    "(\"d\" \"s\" ((\"a\" NIL \"b\" \"c\" \"d\")) NIL NIL NIL NIL NIL NIL NIL)",
    "(\"d\" \"s\" \"a@b\" NIL NIL NIL NIL NIL NIL NIL)",
    "(((\"a\" \"b\"))",
    // Quotation marks that were not escaped, an even and an odd number of them.
    "(\"d\" \"say \"hello\" to\" NIL NIL NIL NIL NIL NIL NIL NIL)",
    "(\"d\" \"5\" disk\" NIL NIL NIL NIL NIL NIL NIL NIL)",
    "(\"d\" \"a \"(b\" c\" NIL NIL NIL NIL NIL NIL NIL NIL)",
    "(\"d\" \"\\\" NIL NIL NIL NIL NIL NIL NIL NIL)",
    "(\"d\" \"s NIL NIL NIL NIL NIL NIL NIL NIL)",
    // Parentheses too few and too many.
    "(\"d\" \"s\" ((\"a\" NIL \"b\" \"c\") NIL NIL NIL NIL NIL NIL NIL)",
    "(\"d\" \"s\" ((\"a\" NIL \"b\" \"c\"))) NIL NIL NIL NIL NIL NIL NIL)",
    "(\"d\" \"s\" NIL NIL NIL NIL NIL NIL NIL NIL",
    "(\"d\" \"s\" NIL NIL NIL NIL NIL NIL NIL NIL))",
    "(\"d\" \"s\" NIL NIL NIL NIL NIL NIL NIL NIL)))",
    "(((((",
    ")",
    ") (",
    // Literals of which fewer octets were announced than came.
    "(\"d\" {2}\r\nlong NIL NIL NIL NIL NIL NIL NIL NIL)",
    "(\"d\" {1}\r\n\"lo\"ng NIL NIL NIL NIL NIL NIL NIL NIL)",
    "(\"d\" {3}\r\n)))( NIL NIL NIL NIL NIL NIL NIL NIL)",
    // Octets of no grammar.
    "%",
    "\u{1}",
    "(\"a\" \u{7f}\"b\")",
    "\"",
    "(",
    "",
];

#[test]
fn a_spoilt_item_spoils_nothing_beside_it() {
    for name in ["ENVELOPE", "BODYSTRUCTURE", "BODY", "MODSEQ"] {
        for value in SPOILT {
            for place in 0..=SOUND.len() {
                for turn in 0..SOUND.len() {
                    let mut items: Vec<String> = SOUND.map(String::from).into();
                    items.rotate_left(turn);
                    items.insert(place, format!("{name} {value}"));
                    let text = format!("* 3 FETCH ({})\r\n", items.join(" "));
                    let (message, tolerated) = message(text.as_bytes());
                    assert_sound(&message, text.as_bytes());
                    assert_eq!(u32::from(message.seq), 3);
                    assert!(tolerated.count() > 0);
                    // What has all its parts and a parenthesis too many is not spoilt itself.
                    let is_told = message.envelope.is_some() || message.body_structure.is_some();
                    let is_spoilt = message.invalid.iter().any(|invalid| invalid.name == name);
                    assert_eq!(is_spoilt, !is_told, "{text}");
                }
            }
        }
    }
}

#[test]
fn the_text_of_a_message_does_not_pass_for_its_items() {
    // Servers that do not escape what a sender wrote: nothing of it is taken for the number of the message.
    for text in [
        // Everything behind the false item must be items, to the end.
        r#"(ENVELOPE ("d" "x" UID 666 FLAGS (" ((NIL NIL "a" "b")) NIL NIL NIL NIL NIL NIL "m") UID 5)"#,
        r#"(ENVELOPE ("d" "s" NIL NIL NIL NIL NIL NIL NIL "x" UID 666") UID 5)"#,
        r#"(ENVELOPE ("d" "s" NIL NIL NIL NIL NIL NIL NIL "x" UID 666 FLAGS ("") UID 5)"#,
        // A number that was told is not told again.
        r#"(UID 5 ENVELOPE ("d" "x") UID 666 RFC822.TEXT ("") FLAGS ())"#,
        // What stands in a literal is never looked at.
        "(ENVELOPE (\"d\" {20}\r\n\") UID 666 FLAGS () () \" NIL NIL) UID 5)",
        "(ENVELOPE (\"d\" \"s\" {20}\r\n\") UID 666 FLAGS () ()\r \" NIL UID 5)",
    ] {
        let text = format!("* 3 FETCH {text}\r\n");
        let (message, _) = message(text.as_bytes());
        // Where two are told and one may be forged, none is known.
        let expected = if text.contains("(\"\") UID 5") { None } else { Some(5) };
        assert_eq!(message.uid.map(u32::from), expected, "{text}: {message:?}");
        assert!(!message.invalid.is_empty(), "{text}");
    }
}

/// Octets outside of strings, where a space separates.
fn separators(text: &str) -> Vec<usize> {
    let (mut at, mut quoted) = (Vec::new(), false);
    for (index, octet) in text.bytes().enumerate() {
        match octet {
            b'"' => quoted = !quoted,
            b' ' if !quoted => at.push(index),
            _ => {}
        }
    }
    at
}

const RESPONSES: [&str; 13] = [
    "* CAPABILITY IMAP4rev1 IDLE AUTH=XOAUTH2",
    "* ENABLED CONDSTORE QRESYNC",
    "* 172 EXISTS",
    "* 1 RECENT",
    "* 44 EXPUNGE",
    "* FLAGS (\\Answered \\Seen $Junk)",
    "* LIST (\\HasNoChildren \\Marked) \"/\" \"a b\"",
    "* LIST (\\HasChildren) \".\" INBOX.x",
    "* LSUB () NIL INBOX",
    "* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292 SIZE 5)",
    "* SEARCH 2 84 882 (MODSEQ 917162500)",
    "* ESEARCH (TAG \"A282\") UID MIN 2 COUNT 3 ALL 2,10:15 MODSEQ 9",
    "* 12 FETCH (UID 5 FLAGS (\\Seen $Junk) RFC822.SIZE 44 MODSEQ (9) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" \
     ENVELOPE (\"d\" \"s\" ((\"a\" NIL \"b\" \"c\")(NIL NIL \"e\" \"f\")) NIL NIL NIL NIL NIL NIL \"<m@x>\") \
     BODYSTRUCTURE ((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\" \"name\" \"x\") NIL NIL \"7BIT\" 1152 23 NIL \
     (\"inline\" (\"filename\" \"x\")) (\"en\" \"de\") NIL) \"MIXED\" (\"boundary\" \"y\") NIL NIL NIL))",
];

#[test]
fn spaces_too_many_change_nothing_anywhere() {
    for text in RESPONSES {
        let (sound, tolerated) = heard(format!("{text}\r\n").as_bytes());
        assert!(!matches!(sound, Event::Other { .. }), "{sound:?}");
        let noted = tolerated.count();
        let mut places = separators(text);
        places.push(text.len());
        for at in places {
            for spaces in [" ", "    "] {
                let (before, behind) = text.split_at(at);
                let more = format!("{before}{spaces}{behind}\r\n");
                let (found, tolerated) = heard(more.as_bytes());
                assert_eq!(format!("{found:?}"), format!("{sound:?}"), "{more}");
                let may_go_unnoticed = text.contains("CAPABILITY") || text.contains("SEARCH");
                let is_noted = tolerated.count() > noted || may_go_unnoticed;
                assert!(is_noted || text.contains("ENABLED") || text.contains("LIST"), "{more}");
            }
        }
    }
}

#[test]
fn spaces_inside_parentheses_change_nothing() {
    for text in RESPONSES {
        let (sound, _) = heard(format!("{text}\r\n").as_bytes());
        let mut quoted = false;
        for (at, octet) in text.bytes().enumerate() {
            let place = match octet {
                b'"' => {
                    quoted = !quoted;
                    continue;
                }
                b'(' if !quoted => at + 1,
                b')' if !quoted => at,
                _ => continue,
            };
            let (before, behind) = text.split_at(place);
            let (found, _) = heard(format!("{before} {behind}\r\n").as_bytes());
            // What is kept as the server wrote it has the space.
            let shown = |event: &Event| format!("{event:?}").replace(' ', "");
            assert_eq!(shown(&found), shown(&sound), "{before} {behind}");
        }
    }
}

#[test]
fn words_are_the_same_in_any_case() {
    for text in
        RESPONSES.iter().filter(|text| !text.contains("LIST") && !text.contains("CAPABILITY"))
    {
        let lower: String = text
            .split('"')
            .enumerate()
            .map(|(n, part)| if n % 2 == 0 { part.to_ascii_lowercase() } else { part.to_owned() })
            .collect::<Vec<_>>()
            .join("\"");
        let (sound, _) = heard(format!("{text}\r\n").as_bytes());
        let (found, _) = heard(format!("{lower}\r\n").as_bytes());
        let shown = |event: &Event| format!("{event:?}").to_ascii_lowercase();
        assert_eq!(shown(&found), shown(&sound), "{lower}");
    }
}

/// The structure's parts, `type/subtype size lines` each, and the faults that were noted.
fn structure(body: &str) -> (Vec<String>, Vec<FaultKind>) {
    let text = format!("* 1 FETCH (BODYSTRUCTURE {body} UID 5)\r\n");
    let (message, tolerated) = message(text.as_bytes());
    assert_eq!(message.uid.map(u32::from), Some(5), "{text}");
    assert_eq!(message.invalid, [], "{text}");
    let structure = message.body_structure.unwrap();
    let parts = structure.parts().iter().map(|part| {
        let (kind, subtype) = (part.media_type.lossy(), part.subtype.lossy());
        format!("{kind}/{subtype} {:?} {:?}", part.size, part.lines)
    });
    (parts.collect(), tolerated.kinds().map(|(kind, _)| kind).collect())
}

#[test]
fn structures_are_read_in_spite_of_their_faults() {
    use FaultKind::*;
    let cases: [(&str, &str, &[FaultKind]); 28] = [
        // Sizes and lines.
        (
            r#"("TEXT" "PLAIN" NIL NIL NIL "7BIT" -1 5)"#,
            "TEXT/PLAIN None Some(5)",
            &[SizeNotNumber],
        ),
        (
            r#"("TEXT" "PLAIN" NIL NIL NIL "7BIT" 7 -4)"#,
            "TEXT/PLAIN Some(7) None",
            &[SizeNotNumber],
        ),
        (
            r#"("TEXT" "PLAIN" NIL NIL NIL "7BIT" NIL NIL)"#,
            "TEXT/PLAIN None None",
            &[SizeNotNumber],
        ),
        (
            r#"("TEXT" "PLAIN" NIL NIL NIL "7BIT" "7" 5)"#,
            "TEXT/PLAIN Some(7) Some(5)",
            &[SizeNotNumber],
        ),
        (
            r#"("TEXT" "PLAIN" NIL NIL NIL "7BIT" 1.5E+3 5)"#,
            "TEXT/PLAIN Some(1500) Some(5)",
            &[SizeNotNumber],
        ),
        (r#"("TEXT" "PLAIN" NIL NIL NIL "7BIT" 7)"#, "TEXT/PLAIN Some(7) None", &[MissingLines]),
        // Parameters.
        (r#"("A" "B" () NIL NIL "7BIT" 7)"#, "A/B Some(7) None", &[]),
        (r#"("A" "B" ("x" NIL) NIL NIL "7BIT" 7)"#, "A/B Some(7) None", &[MissingParameterValue]),
        (
            r#"("A" "B" ("x" "y" "z") NIL NIL "7BIT" 7)"#,
            "A/B Some(7) None",
            &[MissingParameterValue],
        ),
        // Encodings, dispositions, languages.
        (r#"("A" "B" NIL NIL NIL NIL 7)"#, "A/B Some(7) None", &[MissingEncoding]),
        (r#"("A" "B" NIL NIL NIL "7BIT" 7 NIL ("inline"))"#, "A/B Some(7) None", &[]),
        (
            r#"("A" "B" NIL NIL NIL "7BIT" 7 NIL "inline" "en")"#,
            "A/B Some(7) None",
            &[DispositionNotList],
        ),
        // Words without quotes.
        (r#"(TEXT PLAIN NIL NIL NIL 7BIT 7 5)"#, "TEXT/PLAIN Some(7) Some(5)", &[UnquotedString]),
        // Multiparts and messages that were not parsed.
        (
            r#"("MIXED" ("boundary" "x") NIL NIL)"#,
            "MULTIPART/MIXED None None",
            &[MultipartWithoutParts],
        ),
        (
            r#"(("A" "B" NIL NIL NIL "7BIT" 7)("ALTERNATIVE" ("boundary" "x")) "MIXED")"#,
            "MULTIPART/MIXED None None, A/B Some(7) None, MULTIPART/ALTERNATIVE None None",
            &[MultipartWithoutParts],
        ),
        (
            r#"("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 7 NIL NIL 3 NIL ("attachment" NIL))"#,
            "MESSAGE/RFC822 Some(7) Some(3)",
            &[MissingMessage],
        ),
        // Gmail.
        (
            r#"("RELATED" NIL ("ATTACHMENT" NIL) NIL)"#,
            "MULTIPART/RELATED None None",
            &[MultipartWithoutParts],
        ),
        (r#"("RELATED" NIL)"#, "MULTIPART/RELATED None None", &[MultipartWithoutParts]),
        (r#"("ALTERNATIVE")"#, "MULTIPART/ALTERNATIVE None None", &[MultipartWithoutParts]),
        // Dovecot.
        (
            r#"(NIL "alternative" ("boundary" "x") NIL NIL NIL)"#,
            "MULTIPART/alternative None None",
            &[MultipartWithoutParts],
        ),
        // A subtype that is not there, and one that is NIL.
        (
            r#"("TEXT" ("CHARSET" "windows-1251") NIL NIL "base64" 356 5)"#,
            "TEXT/ Some(356) Some(5)",
            &[MissingSubtype],
        ),
        (
            r#"("X-ZIP" ("BOUNDARY" "") NIL NIL "base64" 4096)"#,
            "X-ZIP/ Some(4096) None",
            &[MissingSubtype],
        ),
        (
            r#"("APPLICATION" NIL NIL NIL "base64" 356 NIL NIL NIL NIL)"#,
            "APPLICATION/ Some(356) None",
            &[MissingSubtype],
        ),
        (r#"("A" NIL ("x" "y") NIL NIL "7BIT" 7)"#, "A/ Some(7) None", &[]),
        (r#"("A" NIL NIL NIL NIL "7BIT" 7)"#, "A/ Some(7) None", &[]),
        // Domino.
        (
            r#"("message" "rfc822" NIL NIL NIL "7BIT" 7 (NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL) () 0 NIL NIL NIL)"#,
            "message/rfc822 Some(7) Some(0)",
            &[MissingMessage],
        ),
        // Exchange Online, and a multipart that is told of as a file.
        (r#"("A" "B" NIL NIL NIL "7BIT" 7 NIL NIL NIL ())"#, "A/B Some(7) None", &[ListForString]),
        (
            r#"("multipart" "related" NIL NIL NIL "7BIT" 400 ("boundary" "x") NIL NIL NIL)"#,
            "multipart/related Some(400) None",
            &[ListForString],
        ),
    ];
    for (body, parts, faults) in cases {
        let (found, noted) = structure(body);
        assert_eq!((found.join(", ").as_str(), &noted[..]), (parts, faults), "{body}");
        // Inside another, with one behind it.
        let inside = format!(r#"({body}("X" "Y" NIL NIL NIL "7BIT" 1) "MIXED")"#);
        let (found, noted) = structure(&inside);
        assert_eq!(found[1..found.len() - 1].join(", "), parts);
        assert_eq!((found[found.len() - 1].as_str(), &noted[..]), ("X/Y Some(1) None", faults));
    }
}

/// NIL and strings in other numbers than the grammar has: no meaning is made up for them.
#[test]
fn structures_that_could_mean_anything_are_kept_as_they_came() {
    for body in [
        r#"("TEXT" NIL NIL NIL)"#,
        r#"("TEXT" NIL NIL NIL "base64")"#,
        r#"("TEXT" "PLAIN")"#,
        r#"("TEXT" "PLAIN" NIL)"#,
        r#"(NIL "alternative" NIL NIL)"#,
        r#"(NIL)x"#,
        "()",
    ] {
        let text = format!("* 1 FETCH (BODYSTRUCTURE {body} UID 5)\r\n");
        let (message, _) = message(text.as_bytes());
        assert_eq!(message.uid.map(u32::from), Some(5), "{text}");
        assert!(message.body_structure.is_none(), "{text}");
        assert_eq!(message.invalid[0].name, "BODYSTRUCTURE", "{text}");
    }
}

#[test]
fn an_item_in_parentheses_of_its_own_is_read() {
    let envelope = "ENVELOPE (NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL)";
    for text in [
        format!("* 2 FETCH (UID 5 ({envelope}) RFC822.SIZE 7)\r\n"),
        format!("* 2 FETCH (({envelope}) UID 5 RFC822.SIZE 7)\r\n"),
        format!("* 2 FETCH (UID 5 RFC822.SIZE 7 ({envelope}))\r\n"),
        format!("* 2 FETCH (UID 5 ({envelope}) RFC822.SIZE 7 X-GM-MSGID 9)\r\n"),
        format!("* 2 FETCH (UID 5 ({envelope}) X-GM-MSGID 9 RFC822.SIZE 7)\r\n"),
        format!("* 2 FETCH (UID 5 ({envelope} X-GM-MSGID 9) RFC822.SIZE 7)\r\n"),
    ] {
        let (message, tolerated) = message(text.as_bytes());
        let others: Vec<_> = message.others.iter().map(|item| item.octets.lossy()).collect();
        assert_eq!(others == ["9"], text.contains("MSGID"), "{text}: {others:?}");
        assert_eq!(message.uid.map(u32::from), Some(5), "{text}");
        assert_eq!(message.size, Some(7), "{text}");
        assert_eq!(message.envelope.unwrap().subject.unwrap(), "s", "{text}");
        assert_eq!(message.invalid, []);
        assert!(tolerated.count_of(FaultKind::LostBalance) > 0);
    }
}

/// A server that does not quote what a message says lets no sender name another message.
#[test]
fn words_in_parentheses_are_no_items() {
    let (message, _) = message(b"* 2 FETCH (X-SUBJECT Re: (UID 7) UID 5 RFC822.SIZE 7)\r\n");
    assert_eq!(message.uid.map(u32::from), Some(5));
    assert_eq!(message.size, Some(7));
}

#[test]
fn what_is_never_0_is_not_told_by_it() {
    let (event, tolerated) =
        heard(b"* STATUS \"x\" (MESSAGES 3 UIDVALIDITY 0 UIDNEXT 0 UNSEEN 0)\r\n");
    let Event::MailboxStatus(status) = event else { panic!("{event:?}") };
    let items = status.items;
    assert_eq!((items.messages, items.unseen), (Some(3), Some(0)));
    assert_eq!((items.uid_validity, items.uid_next), (None, None));
    assert_eq!(tolerated.count_of(FaultKind::Zero), 2);
}

#[test]
fn envelopes_are_read_in_spite_of_their_faults() {
    for (lists, faults) in [
        ("() () () () () ()", &[FaultKind::EmptyAddressList][..]),
        ("\"\" \"\" NIL NIL NIL NIL", &[FaultKind::EmptyAddressList]),
        ("((NIL NIL \"a\" \"b\")NIL) NIL NIL NIL NIL NIL", &[FaultKind::MissingAddress]),
        ("((NIL NIL a b)) NIL NIL NIL NIL NIL", &[FaultKind::UnquotedString]),
    ] {
        let text = format!("* 1 FETCH (ENVELOPE (\"d\" \"s\" {lists} \"r\" \"m\") UID 5)\r\n");
        let (message, tolerated) = message(text.as_bytes());
        let envelope = message.envelope.unwrap_or_else(|| panic!("{text}"));
        assert_eq!(envelope.message_id.unwrap(), "m");
        let expected = usize::from(lists.contains("(NIL"));
        assert_eq!(envelope.from.len(), expected, "{text}");
        assert_eq!(tolerated.kinds().map(|(kind, _)| kind).collect::<Vec<_>>(), faults);
    }
}

#[test]
fn what_is_kept_of_a_spoilt_item_is_bounded() {
    let value = format!("({})", "\"x\" ".repeat(100_000));
    let (message, _) = message(format!("* 1 FETCH (ENVELOPE {value} UID 5)\r\n").as_bytes());
    let invalid = &message.invalid[0];
    assert_eq!((invalid.octets.len(), invalid.len), (16 * 1024, value.len()));
    assert!(value.as_bytes().starts_with(&invalid.octets));
}

const DIALOGUE: &str = "S: * OK ready
    C: xt1 UID FETCH 1:* (ENVELOPE BODY.PEEK[])
    S: * 1 FETCH (ENVELOPE (\"d\" \"say \"no\") BODY[] {3}
    S. abc UID 5)
    S:
    S: * 2 FETCH (ENVELOPE ((( BODY[] {3}
    S. def X (UID 6)
    S:
    S: *  3  EXISTS
    S: xt1 OK done\n";

#[test]
fn bodies_survive_whatever_stands_before_them() {
    let read = transcript::play(DIALOGUE, |peer| {
        peer.run(Greeting::new())?;
        let messages =
            peer.run(Fetch::new("1:*", [Item::Envelope, Item::Body]).even_if_unlisted())?;
        let body = |message: &Message| String::from_utf8(message.body().unwrap().to_vec()).unwrap();
        let tolerated = peer.machine.tolerated();
        Ok((messages.iter().map(body).collect::<Vec<_>>(), tolerated.responses()))
    });
    assert_eq!(read.unwrap(), (vec!["abc".to_owned(), "def".to_owned()], 3));
}

#[test]
fn a_strict_session_ends_at_the_first_fault() {
    let mut limits = Limits::default();
    limits.faults = Faults::Refuse;
    let mut peer =
        Peer::whole(&transcript::dialogue("S: * OK ready\nC: xt1 NOOP\nS: *  3 EXISTS\n"));
    peer.machine = Machine::new(TagPrefix::new("t"), limits);
    peer.run(Greeting::new()).unwrap();
    let error = peer.run(Noop::new()).unwrap_err();
    assert!(error.is_fatal());
    let Error::NotTolerated { fault: FaultKind::SurplusSpace, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(error.to_string(), r"response with a space too many: ' 3 EXISTS\r\n'");
    assert_eq!(peer.machine.tolerated().count_of(FaultKind::SurplusSpace), 1);
    // What has no fault is heard.
    for text in RESPONSES {
        let text = format!("{text}\r\n");
        let input = Input { bytes: text.as_bytes(), literals: &[] };
        let mut tolerated = Tolerated::default();
        assert!(!matches!(
            parse_response(input, &mut tolerated),
            Ok(Response::Other { .. }) | Err(_)
        ));
        assert_eq!(tolerated.kinds().collect::<Vec<_>>(), [], "{text}");
    }
}
