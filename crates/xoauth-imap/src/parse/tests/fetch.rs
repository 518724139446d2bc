//! FETCH responses: items, envelopes, structures, bodies that were streamed.

use super::*;

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
    // What is looked at may end anywhere in a long response.
    for padding in 4050..4100 {
        let head = format!("* 7 FETCH (X \"{}\" UID 12345 BODY[] {{9}}\r\n", "x".repeat(padding));
        let uid = info(head.as_bytes(), head.as_bytes()).unwrap().uid;
        assert!(uid.is_none_or(|uid| uid.get() == 12_345), "{padding} {uid:?}");
        assert_eq!(uid.is_some(), padding <= 4070, "{padding}");
    }
    // The UID may stand between two bodies.
    let line = b" UID 5 BODY[TEXT] {9}\r\n";
    let head = b"* 7 FETCH (BODY[HEADER] {3}\r\n";
    assert_eq!(info(head, line).unwrap().uid.unwrap().get(), 5);
}
