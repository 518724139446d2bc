use super::*;
use crate::types::argument::tests::Written;
use alloc::format;
use alloc::string::ToString;
use proptest::prelude::*;
use std::thread;

fn encoded(query: &Query) -> String {
    let mut out = Written::default();
    query.encode(&mut out).unwrap();
    out.0
}

#[test]
fn keys_are_combined() {
    let date = Date::new(1994, 2, 1).unwrap();
    let seen = || Query::Has(Flag::Seen);
    let draft = || Query::Lacks(Flag::Draft);
    let cases = [
        // RFC 9051, 6.4.4.
        (
            Query::Has(Flag::Flagged) & Query::Since(date) & !Query::from_contains("Smith"),
            "FLAGGED SINCE 1-Feb-1994 NOT FROM <Smith>",
        ),
        (Query::All, "ALL"),
        (seen() | draft(), "OR SEEN UNDRAFT"),
        (!(seen() & draft()), "NOT (SEEN UNDRAFT)"),
        (!!seen(), "SEEN"),
        (!!(seen() | draft()), "OR SEEN UNDRAFT"),
        ((seen() & draft()) | !seen(), "OR (SEEN UNDRAFT) NOT SEEN"),
        (draft() & (seen() & draft()), "UNDRAFT (SEEN UNDRAFT)"),
        ((seen() | draft()) & Query::New, "OR SEEN UNDRAFT NEW"),
        (Query::any_of([seen(), draft(), Query::All]), "OR SEEN OR UNDRAFT ALL"),
        (Query::any_of([seen()]), "SEEN"),
        (Query::any_of([]), "NOT ALL"),
        (Query::all_of([]), "ALL"),
        (Query::all_of([seen(), draft(), Query::New]), "SEEN UNDRAFT NEW"),
    ];
    for (query, expected) in cases {
        assert_eq!(encoded(&query), expected);
    }
}

#[test]
fn every_key_has_its_form() {
    let date = Date::new(2024, 12, 31).unwrap();
    let uids = "1:3,9:*".parse::<UidSet>().unwrap();
    let cases = [
        (Query::Before(date), "BEFORE 31-Dec-2024"),
        (Query::On(date), "ON 31-Dec-2024"),
        (Query::SentBefore(date), "SENTBEFORE 31-Dec-2024"),
        (Query::SentOn(date), "SENTON 31-Dec-2024"),
        (Query::SentSince(date), "SENTSINCE 31-Dec-2024"),
        (Query::Larger(5_000_000_000), "LARGER 5000000000"),
        (Query::Smaller(1), "SMALLER 1"),
        (Query::Has(Flag::keyword("$Junk").unwrap()), "KEYWORD $Junk"),
        (Query::Lacks(Flag::Recent), "OLD"),
        (Query::header("X-A", ""), "HEADER <X-A> <>"),
        (Query::Cc("a\"".into()), "CC <a\\\">"),
        (Query::Bcc("b".into()), "BCC <b>"),
        (Query::to_contains("t"), "TO <t>"),
        (Query::body("ü"), "BODY <\\xc3\\xbc>"),
        (Query::text("x y"), "TEXT <x y>"),
        (Query::from(uids), "UID 1:3,9:*"),
        (Query::from("5".parse::<SeqSet>().unwrap()), "5"),
        (Query::ModSeq(620_162_338), "MODSEQ 620162338"),
        // RFC 5032, 5; RFC 8514, 4; RFC 8474, 6; RFC 5182, 2.1.
        (Query::Younger(NonZeroU32::new(259_200).unwrap()), "YOUNGER 259200"),
        (Query::Older(NonZeroU32::MIN), "OLDER 1"),
        (Query::SavedBefore(date), "SAVEDBEFORE 31-Dec-2024"),
        (Query::SavedOn(date), "SAVEDON 31-Dec-2024"),
        (Query::SavedSince(date), "SAVEDSINCE 31-Dec-2024"),
        (Query::SaveDateSupported, "SAVEDATESUPPORTED"),
        (Query::EmailId(ObjectId::new("M6d99").unwrap()), "EMAILID M6d99"),
        (Query::ThreadId(ObjectId::new("T64b").unwrap()), "THREADID T64b"),
        (Query::from(UidSet::saved_search()), "UID $"),
        (Query::from(SeqSet::saved_search()), "$"),
        (Query::GmailRaw("has:attachment in:unread".into()), "X-GM-RAW <has:attachment in:unread>"),
        (Query::GmailMessageId(u64::MAX), "X-GM-MSGID 18446744073709551615"),
        (Query::GmailThreadId(1), "X-GM-THRID 1"),
        (Query::GmailLabel("\\Inbox".into()), "X-GM-LABELS <\\\\Inbox>"),
    ];
    for (query, expected) in cases {
        assert_eq!(encoded(&query), expected);
    }
}

#[test]
fn text_that_is_not_ascii_needs_a_charset() {
    assert!(!(Query::subject("x") & Query::header("a", "b")).needs_charset());
    assert!((Query::subject("x") & !Query::header("a", "ü")).needs_charset());
}

#[test]
fn what_no_server_understands_is_refused() {
    let told_by_a_server = Query::Has(Flag::from_wire(b"x{5}"));
    for query in [
        Query::header("a:", "x"),
        Query::header("", "x"),
        !Query::Has(Flag::Wildcard),
        told_by_a_server,
    ] {
        assert!(query.encode(&mut Written::default()).is_err(), "{query:?}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "so much takes hours")]
fn depth_needs_no_stack() {
    let small = thread::Builder::new().stack_size(128 * 1024).spawn(|| {
        let mut query = Query::New;
        for _ in 0..2_000 {
            query = !(query & Query::All) | Query::New;
        }
        assert!(encoded(&query).ends_with("NEW"));
        assert_eq!(query.clone(), query);
        assert_eq!(encoded(&query).parse(), Ok(query));
        let text = format!("{}ALL{}", "(NOT ".repeat(50_000), ")".repeat(50_000));
        assert!(text.parse::<Query>().is_ok());
    });
    small.unwrap().join().unwrap();
}

#[test]
fn text_is_read() {
    let cases = [
        ("ALL", "ALL"),
        (
            "flagged since 1-Feb-1994 not from \"Smith\"",
            "FLAGGED SINCE 1-Feb-1994 NOT FROM <Smith>",
        ),
        ("  UNSEEN  SUBJECT grüße ", "UNSEEN SUBJECT <gr\\xc3\\xbc\\xc3\\x9fe>"),
        ("OR (SEEN DRAFT) NOT NOT NEW", "OR (SEEN DRAFT) NOT NOT NEW"),
        ("OR OR SEEN NEW ALL", "OR OR SEEN NEW ALL"),
        ("1:5,* UID 7:* KEYWORD $x", "1:5,* UID 7:* KEYWORD $x"),
        (
            "HEADER X-A \"b \\\"c\" LARGER 5 ON \"1-Jan-2000\"",
            "HEADER <X-A> <b \\\"c> LARGER 5 ON 1-Jan-2000",
        ),
        ("(ALL)", "ALL"),
        ("((ALL NEW))", "(ALL NEW)"),
    ];
    for (text, expected) in cases {
        assert_eq!(encoded(&text.parse().unwrap()), expected, "{text}");
    }
}

#[test]
fn text_that_is_no_query_is_refused() {
    let cases = [
        ("", "a search key at offset 0"),
        ("()", "a search key at offset 2"),
        ("(ALL", "as many closing parentheses as opening ones at offset 4"),
        ("ALL)", "as many closing parentheses as opening ones at offset 4"),
        ("OR ALL", "a search key at offset 6"),
        ("OR ALL) NEW", "a search key at offset 7"),
        ("NOT", "a search key at offset 3"),
        ("FROM", "a space at offset 4"),
        ("FROM \"a", "a string at offset 7"),
        ("SUBJECT {1}", "a string at offset 11"),
        ("SINCE 1-Foo-2000", "a date such as 1-Feb-1994 at offset 16"),
        ("LARGER x", "a number at offset 7"),
        ("0:1", "a set of message numbers such as 1:4,7,9:* at offset 3"),
        ("ALLES", "a search key at offset 0"),
        ("FROM \"a\"b", "a space at offset 8"),
        ("KEYWORD a{1}", "a keyword at offset 12"),
    ];
    for (text, expected) in cases {
        let expected = match expected.rsplit_once(" at offset ") {
            Some((expected, at)) => {
                format!("invalid query at offset {at}, expected {expected}")
            }
            None => expected.to_string(),
        };
        assert_eq!(text.parse::<Query>().unwrap_err().to_string(), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn text_never_panics(text in "(OR |NOT |ALL|FROM |\"|a|[(]|[)]| |1:2|UID |[{]5[}]|ü){0,20}") {
        if let Ok(query) = text.parse::<Query>() {
            // The names of fields and flags that were read can be written.
            encoded(&query);
        }
    }
}
