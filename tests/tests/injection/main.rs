//! Whatever text a caller passes, in whichever place, it ends no line early: no raw CR, LF or NUL leaves but in
//! a literal or a body that allows it, and nothing leaves that is not part of the one command.
//!
//! `surface.rs` finds all public functions that take text in the sources, so that none is forgotten.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod imap;
mod left;
mod made;
mod oauth;
mod server;
mod smtp;
mod surface;
mod values;

use std::collections::BTreeSet;

use proptest::prelude::*;

/// A public function and what it makes of a text: everything that would be sent, judged already.
pub(crate) struct Probe {
    /// Where it stands, as `surface` names it.
    pub(crate) function: &'static str,
    /// Sends what the text makes, and panics where more is sent than should be.
    pub(crate) send: fn(&str),
}

/// Hostile texts: ends of lines and of commands in every disguise, and what ends quotation and literals.
const HOSTILE: &[&str] = &[
    "",
    "\r",
    "\n",
    "\r\n",
    "\0",
    "x\r\nA2 LOGOUT",
    "x\r\nA2 LOGOUT\r\n",
    "x\nQUIT\n",
    "x\rQUIT",
    "x\0\r\nRSET",
    "\r\n.\r\nMAIL FROM:<a@example.org>\r\n",
    "\n.\n",
    "\n.\r\n",
    "\r.\r",
    "\r\r\n.\r\r\n",
    ".",
    "..",
    "\"",
    "\\",
    "\\\"",
    "x\\",
    "x\" A2 LOGOUT \"",
    "x\"\r\nA2 LOGOUT\r\n\"",
    "{5}",
    "{5}\r\nhello",
    "{5+}\r\nhello",
    "~{5}",
    "x {5}",
    "x{5}",
    "x{5+}",
    "}",
    "(",
    ")",
    ") (",
    "(\\Seen) {3}\r\nabc",
    "[",
    "]",
    "BODY[]<0.1> {9}",
    "*",
    "%",
    "INBOX",
    "&",
    "&-",
    "&AOk-",
    "1:*",
    "1\r\n2",
    "1,2 UID 3",
    "FLAGS\r\n",
    "RFC822\r\nA2 NOOP",
    "Seen",
    "\\Seen",
    "\\Seen \\Deleted",
    " leading",
    "trailing ",
    "a b",
    "a@example.org> SIZE=1",
    "a@example.org>\r\nRCPT TO:<b@example.org",
    "a@example.org NOTIFY=NEVER",
    "<a@example.org>",
    "\"a\r\nb\"@example.org",
    "\"a b\"@example.org",
    "a@[127.0.0.1]",
    "a@example.org\u{0}",
    "user\u{1}auth=Bearer other\u{1}\u{1}",
    "a,b=c",
    "=2C",
    "n,a=x,",
    "https://example.org/\r\nHost: other",
    "https://example.org/?a=b%0d%0ac",
    "https://example.org/ HTTP/1.1",
    "\u{7f}",
    "\u{80}",
    "\u{85}",
    "\u{2028}\u{2029}",
    "\u{10d}\u{10a}",
    "\u{760d}\u{760a}",
    "\u{ff}",
    "\u{10ffff}",
    "caf\u{e9}",
    "\u{202e}gro.elpmaxe",
    "%0d%0a",
    "=0D=0A",
    "\\r\\n",
    "NIL",
    "$",
    "+",
    "STARTTLS",
    "since:2020-01-01\r\nA2 LOGOUT",
    "subject:\"x\r\ny\"",
];

fn probes() -> impl Iterator<Item = &'static Probe> {
    imap::PROBES.iter().chain(smtp::PROBES).chain(oauth::PROBES)
}

/// What is tried of variants, fields and conversions.
fn values() -> impl Iterator<Item = &'static Probe> {
    made::PROBES.iter()
}

#[test]
fn no_hostile_text_ends_a_line() {
    for probe in probes().chain(values()) {
        for text in HOSTILE {
            left::by(probe, text);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_text_ends_a_line(
        text in prop_oneof![any::<String>(), "[ -~\r\n\0\\\\\"{}()+.<>@\u{e9}\u{1}]{0,16}"],
        at in 0..3_usize,
        hostile in prop::sample::select(HOSTILE),
    ) {
        // Text of any kind, and hostile text within it.
        let text = match at {
            0 => text,
            1 => format!("{text}{hostile}"),
            _ => format!("{hostile}{text}"),
        };
        for probe in probes().chain(values()) {
            left::by(probe, &text);
        }
    }
}

#[test]
fn every_public_function_that_takes_text_is_tried() {
    let tried: BTreeSet<&str> = probes().map(|probe| probe.function).collect();
    let excused = surface::EXCUSED.iter().flat_map(|(_, functions)| functions.iter().copied());
    let known: BTreeSet<&str> = tried.iter().copied().chain(excused).collect();
    let found = surface::functions_with_text();
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    let missing: Vec<_> = found.difference(&known).collect();
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(missing.is_empty(), "not tried: {missing:#?}");
    assert!(gone.is_empty(), "not there any more: {gone:#?}");
    // What the page says of them.
    let (all, tried, texts) = (found.len(), tried.len(), HOSTILE.len());
    let silent: usize = left::EXCUSED.iter().map(|(_, functions)| functions.len()).sum();
    let row = format!(
        "| {all}: {tried} tried with {texts} hostile texts and arbitrary Unicode each, {} excused with a reason; a \
         harmless text is seen to leave wherever one is tried, but for {silent} functions |",
        all - tried
    );
    assert!(include_str!("../../../docs/security.md").contains(&row), "docs/security.md: {row}");
}

/// Text gets into values without a function too.
#[test]
fn every_value_that_takes_text_is_tried() {
    let found = values::values_with_text();
    let mut left: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    let all = left.len();
    let mut gone = Vec::new();
    for probe in values() {
        if !left.remove(probe.function) {
            gone.push(probe.function);
        }
    }
    let tried = all - left.len();
    for value in values::EXCUSED.iter().flat_map(|(_, values)| values.iter().copied()) {
        let is_one = |found: &str| {
            found == value
                || found.strip_prefix(value).is_some_and(|part| part.starts_with(['.', ':']))
        };
        let before = left.len();
        left.retain(|found| !is_one(found));
        if before == left.len() {
            gone.push(value);
        }
    }
    assert!(left.is_empty(), "neither tried nor excused: {left:#?}");
    assert!(gone.is_empty(), "not there any more: {gone:#?}");
    let said = values::EXCUSED.iter().filter(|(reason, _)| *reason == values::SAID);
    let said = said.flat_map(|(_, values)| values.iter().copied()).collect();
    let taken = values::taken_by_a_function(&said);
    assert!(taken.is_empty(), "a function takes it: {taken:#?}");
    let row =
        format!("{all}: {tried} tried in the same way, {} excused with a reason |", all - tried);
    assert!(include_str!("../../../docs/security.md").contains(&row), "docs/security.md: {row}");
}
