use mail_parser::{Address, MessageParser, MimeHeaders};
use proptest::prelude::*;

use super::*;

#[track_caller]
fn ascii(field: &str) -> String {
    let whole = to_ascii(format!("{field}\r\n").as_bytes());
    let whole =
        String::from_utf8(whole.unwrap_or_else(|| panic!("{field} cannot be encoded"))).unwrap();
    well_formed(&whole);
    whole.strip_suffix("\r\n").unwrap().to_owned()
}

/// The lengths and borders of RFC 2047 2 and 5, and those of lines.
#[track_caller]
fn well_formed(section: &str) {
    assert!(section.is_ascii() && section.ends_with("\r\n"), "{section:?}");
    for line in section.strip_suffix("\r\n").unwrap().split("\r\n") {
        assert!(!line.trim().is_empty(), "an empty line in {section:?}");
        let is_ours = line.contains("=?") || line.contains("*=");
        assert!(line.len() <= 76 || !is_ours, "{line:?} in {section:?}");
        for word in line.split([' ', '\t', '(', ')']).filter(|word| word.starts_with("=?")) {
            assert!(word.len() <= 75 && word.ends_with("?="), "{word:?}");
        }
    }
}

#[test]
fn text_is_encoded_word_by_word() {
    for (field, expected) in [
        ("Subject: plain", "Subject: plain"),
        ("Subject: Grüße", "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?="),
        ("Subject: die Grüße an alle", "Subject: die =?utf-8?q?Gr=C3=BC=C3=9Fe?= an alle"),
        ("Subject: ä  ö", "Subject: =?utf-8?q?=C3=A4__=C3=B6?="),
        ("subject:ü", "subject:=?utf-8?q?=C3=BC?="),
        ("Subject:  ü \t", "Subject:  =?utf-8?q?=C3=BC?="),
        ("Subject: Привет", "Subject: =?utf-8?b?0J/RgNC40LLQtdGC?="),
        ("Subject: folded\r\n here ü", "Subject: folded here =?utf-8?q?=C3=BC?="),
        ("Subject: 100% _ü_ ?=", "Subject: 100% =?utf-8?q?=5F=C3=BC=5F?= ?="),
        // White space between two encoded words is not shown: here it has to be.
        ("Subject: =?utf-8?q?a?= ü", "Subject: =?utf-8?q?a?= =?utf-8?q?_=C3=BC?="),
        ("Subject: ü =?utf-8?q?a?=", "Subject: =?utf-8?q?=C3=BC_?= =?utf-8?q?a?="),
        ("X-Unknown: a <ü@b>", "X-Unknown: a =?utf-8?b?PMO8QGI+?="),
        ("Content-Description: ü", "Content-Description: =?utf-8?q?=C3=BC?="),
    ] {
        assert_eq!(ascii(field), expected, "{field}");
    }
}

#[test]
fn display_names_and_comments_are_encoded_and_addresses_stay() {
    for (field, expected) in [
        (
            "To: Jörg Müller <j@example.org>",
            "To: =?utf-8?q?J=C3=B6rg_M=C3=BCller?= <j@example.org>",
        ),
        ("To: \"Müller, \\\"J\\\"\"<j@b>", "To: =?utf-8?q?M=C3=BCller=2C_=22J=22?= <j@b>"),
        (
            "To: \"A, B\" <a@b>,Jörg <c@d>, e@f",
            "To: \"A, B\" <a@b>, =?utf-8?q?J=C3=B6rg?= <c@d>, e@f",
        ),
        ("Cc: Gäste: a@b, Ö <c@d>;", "Cc: =?utf-8?q?G=C3=A4ste?= : a@b, =?utf-8?q?=C3=96?= <c@d>;"),
        ("From: a@b (Jörg Müller)", "From: a@b (=?utf-8?q?J=C3=B6rg_M=C3=BCller?=)"),
        ("From: a@b (a (ü \\( b) c)", "From: a@b (a (=?utf-8?q?=C3=BC_=28_b?=) c)"),
        ("Resent-From: J. Ü. <a@b>", "Resent-From: =?utf-8?q?J=2E_=C3=9C=2E?= <a@b>"),
        ("From: =?utf-8?q?J?= Ü <a@b>", "From: =?utf-8?q?J?= =?utf-8?q?_=C3=9C?= <a@b>"),
        ("From: Ü (ü) <a@b>", "From: =?utf-8?q?=C3=9C?= (=?utf-8?q?=C3=BC?=) <a@b>"),
        ("Keywords: a, ü b, c", "Keywords: a, =?utf-8?q?=C3=BC_b?= , c"),
        ("To: ü <@[IPv6:::1]:a@b>", "To: =?utf-8?q?=C3=BC?= <@[IPv6:::1]:a@b>"),
        ("Received: from a (ü) by b; date", "Received: from a (=?utf-8?q?=C3=BC?=) by b; date"),
        (
            "Content-Type: text/plain; x=\"(a\" (ü)",
            "Content-Type: text/plain; x=\"(a\" (=?utf-8?q?=C3=BC?=)",
        ),
    ] {
        assert_eq!(ascii(field), expected, "{field}");
    }
}

#[test]
fn where_no_encoded_word_may_stand_nothing_is_encoded() {
    for field in [
        "To: ü@example.org",
        "To: a <ü@example.org>",
        "To: a@b, Jörg ü@example.org",
        "To: \"ü\"@example.org",
        "To: \"ü",
        "To: (ü",
        "To: ü <a@b",
        "Message-ID: <ü@b>",
        "Content-Type: text/plain; ü",
        "Content-Type: text/plain; ü=a",
        "Content-Type: text/plain; name*=utf-8''ü",
        "Content-Type: ü=a",
        "Content-Transfer-Encoding: x; y=\"ü\"",
        "Subjüct: a",
        "no colon ü",
    ] {
        let field = format!("Date: d\r\n{field}\r\n");
        assert_eq!(to_ascii(field.as_bytes()), None, "{field}");
    }
}

#[test]
fn parameters_have_a_form_of_their_own() {
    for (field, expected) in [
        (
            "Content-Type: text/plain; name=\"Grüße 1.txt\"; charset=utf-8",
            "Content-Type: text/plain; name*=utf-8''Gr%C3%BC%C3%9Fe%201.txt; charset=utf-8",
        ),
        (
            "Content-Disposition: attachment;filename=ü",
            "Content-Disposition: attachment; filename*=utf-8''%C3%BC",
        ),
        // As they should not be, and are.
        (
            "Content-Type: a/b; name = a  ü:<b>",
            "Content-Type: a/b; name*=utf-8''a%20%20%C3%BC%3A%3Cb%3E",
        ),
        (
            "Content-Type: a/b; name=\"a\\\"ü;=\";",
            "Content-Type: a/b; name*=utf-8''a%22%C3%BC%3B%3D;",
        ),
        (
            "Content-Type: a/b; name=\"ü\" (ü)",
            "Content-Type: a/b; name*=utf-8''%C3%BC (=?utf-8?q?=C3=BC?=)",
        ),
        ("Content-Type: a/b (ü); c=d", "Content-Type: a/b (=?utf-8?q?=C3=BC?=); c=d"),
        // The one for old readers goes where the one for new ones is there.
        (
            "Content-Disposition: attachment; filename=\"ü\"; FileName*=utf-8''%C3%BC; size=1",
            "Content-Disposition: attachment; FileName*=utf-8''%C3%BC; size=1",
        ),
        (
            "Content-Disposition: attachment; filename=\"ü\"; filename*0*=utf-8''%C3%BC",
            "Content-Disposition: attachment; filename*0*=utf-8''%C3%BC",
        ),
    ] {
        assert_eq!(ascii(field).replace("\r\n ", " "), expected, "{field}");
    }
    let long = ascii(&format!("Content-Type: a/b; name=\"{}\"; x=y", "ж".repeat(40)));
    assert!(
        long.contains("name*0*=utf-8''%D0%B6") && long.contains(";\r\n name*1*=%D0%B6"),
        "{long}"
    );
    assert!(long.ends_with("; x=y"), "{long}");
    let latin = to_ascii(b"Content-Type: a/b; name=caf\xe9\r\n").unwrap();
    let expected = b"Content-Type: a/b; name*=unknown-8bit''caf%E9\r\n";
    assert_eq!(latin, expected);
}

#[test]
fn octets_that_are_no_utf_8_are_told_as_such() {
    let encoded = to_ascii(b"Subject: caf\xe9 x\r\n").unwrap();
    assert_eq!(String::from_utf8(encoded).unwrap(), "Subject: =?unknown-8bit?q?caf=E9?= x\r\n");
}

#[test]
fn other_fields_keep_every_octet() {
    let header = "A:  b\r\n\tc \r\nSubject: ü\r\nX: \r\nDKIM-Signature: v=1;\r\n  b=a\r\n";
    let encoded = String::from_utf8(to_ascii(header.as_bytes()).unwrap()).unwrap();
    assert_eq!(encoded, header.replace('ü', "=?utf-8?q?=C3=BC?="));
}

#[test]
fn long_texts_go_over_lines() {
    let long =
        "Subject: ".to_owned() + &"Grüße an ".repeat(30) + &"ж".repeat(200) + &"z".repeat(200);
    assert!(ascii(&long).lines().count() > 10);
    let wide = format!("Subject: a{}ü{}b", " ".repeat(500), "\t".repeat(500));
    ascii(&wide);
    for length in 1..100 {
        ascii(&format!("{}: ü", "X".repeat(length.min(50))));
        ascii(&format!("From: a@b ({}{})", "a ".repeat(length), "ü".repeat(length)));
        ascii(&format!("From: {} Ü <{}@b>", "a".repeat(length), "a".repeat(length)));
    }
}

/// A name and an address.
type Person = (Option<String>, Option<String>);

/// What somebody else reads in the field.
fn read(section: &str) -> (Option<String>, Vec<Person>) {
    let message = format!("{section}\r\nbody");
    let message = MessageParser::default().parse(message.as_bytes()).unwrap();
    let people = match message.to() {
        Some(Address::List(list)) => list.clone(),
        Some(Address::Group(groups)) => {
            groups.iter().flat_map(|group| group.addresses.clone()).collect()
        }
        None => Vec::new(),
    };
    let text = |one: &Option<std::borrow::Cow<'_, str>>| one.as_ref().map(ToString::to_string);
    let people = people.iter().map(|one| (text(&one.name), text(&one.address))).collect();
    (message.subject().map(str::to_owned), people)
}

proptest! {
    #[test]
    fn a_subject_reads_as_before(
        words in prop::collection::vec("[a-z]{1,12}|[äöüß]{1,40}|[a-zЖ字😀]{1,60}|[!-~]{1,5}", 1..20),
    ) {
        let subject = words.join(" ");
        prop_assume!(!subject.contains("=?"));
        let field = format!("Subject: {subject}\r\n");
        let encoded = String::from_utf8(to_ascii(field.as_bytes()).unwrap()).unwrap();
        well_formed(&encoded);
        prop_assert_eq!(read(&encoded).0, Some(subject), "{}", encoded);
    }

    #[test]
    fn names_and_addresses_read_as_before(
        people in prop::collection::vec(("[a-z]{1,9}( [a-zäЖ字😀]{1,40}){0,4}", "[a-z]{1,30}@[a-z]{1,30}"), 1..6),
        is_quoted: bool,
    ) {
        let shown = people.iter().map(|(name, address)| match is_quoted {
            true => format!("\"{name}\" <{address}>"),
            false => format!("{name} <{address}>"),
        });
        let field = format!("To: {}\r\n", shown.collect::<Vec<_>>().join(", "));
        let encoded = String::from_utf8(to_ascii(field.as_bytes()).unwrap()).unwrap();
        if !field.is_ascii() {
            well_formed(&encoded);
        }
        let expected: Vec<_> = people.into_iter().map(|(name, address)| (Some(name), Some(address))).collect();
        prop_assert_eq!(read(&encoded).1, expected, "{}", encoded);
    }

    #[test]
    fn names_of_files_read_as_before(
        name in "[ -~äЖ字😀]{1,80}",
        other in "[a-z]{1,9}",
        is_type: bool,
    ) {
        let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
        let field = match is_type {
            true => format!("Content-Type: text/plain; x={other}; name=\"{quoted}\"\r\n"),
            false => format!("Content-Disposition: inline; filename=\"{quoted}\"; x={other}\r\n"),
        };
        prop_assume!(!field.is_ascii());
        let encoded = String::from_utf8(to_ascii(field.as_bytes()).unwrap()).unwrap();
        well_formed(&encoded);
        let message = format!("{encoded}\r\nbody");
        let message = MessageParser::default().parse(message.as_bytes()).unwrap();
        let found = match is_type {
            true => message.content_type(),
            false => message.content_disposition(),
        }
        .unwrap();
        let read = found.attribute(if is_type { "name" } else { "filename" });
        prop_assert_eq!(read, Some(name.as_str()), "{}", encoded);
        prop_assert_eq!(found.attribute("x"), Some(other.as_str()), "{}", encoded);
    }

    #[test]
    fn nothing_makes_it_fail_or_change_the_number_of_fields(
        value in "([ -~äж\t]{0,200}|a(; ?[a-z*0-1]{1,9} ?= ?[ -~äж]{0,40}){0,4})",
        name in "(Subject|To|Received|X-A|Content-Type|Content-Disposition)",
    ) {
        let field = format!("{name}: {value}\r\n");
        if let Some(encoded) = to_ascii(field.as_bytes()) {
            let encoded = String::from_utf8(encoded).unwrap();
            prop_assert!(encoded.is_ascii());
            prop_assert_eq!(fields(encoded.as_bytes()).count(), 1, "{:?}", encoded);
            let again = to_ascii(encoded.as_bytes()).unwrap();
            prop_assert_eq!(again, encoded.into_bytes());
        }
    }
}
