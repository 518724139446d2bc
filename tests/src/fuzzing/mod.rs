//! What fuzzing calls: a function for each target, which panics where the code under test is wrong.
//!
//! The targets in `fuzz/` hand arbitrary octets to these functions; `cargo test` hands them the corpus in
//! `tests/data/fuzz/`, whose files are findings and seeds, one directory for each target.

use std::fmt::{self, Write as _};

mod imap;
mod oauth;
mod round_trip;
mod smtp;
mod token;
mod written;

pub use imap::{imap_fragments, imap_machine, imap_mailbox, imap_response};
pub use oauth::{authorization_header, base_string, error_document, sasl_server};
pub use round_trip::{imap_round_trip, sasl_round_trip, smtp_reply};
pub use smtp::{smtp_fragments, smtp_machine};

/// How often a machine heard the token that it had logged in with, by the name of the target.
///
/// For the test of the corpus: a seed that never comes so far shows nothing.
pub fn times_told(target: &str, octets: &[u8]) -> usize {
    match target {
        "imap_machine" => imap::play(octets),
        "smtp_machine" => smtp::play(octets),
        _ => 0,
    }
}

/// A target: its name and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("authorization_header", authorization_header),
    ("base_string", base_string),
    ("error_document", error_document),
    ("imap_fragments", imap_fragments),
    ("imap_machine", imap_machine),
    ("imap_mailbox", imap_mailbox),
    ("imap_response", imap_response),
    ("imap_round_trip", imap_round_trip),
    ("sasl_round_trip", sasl_round_trip),
    ("sasl_server", sasl_server),
    ("smtp_fragments", smtp_fragments),
    ("smtp_machine", smtp_machine),
    ("smtp_reply", smtp_reply),
];

/// Octets read as choices: small numbers first, the rest as text.
#[derive(Debug)]
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    fn octet(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    /// A piece with its length, up to 255 octets, before it.
    fn piece(&mut self) -> &'a [u8] {
        let length = usize::from(self.octet().unwrap_or(0)).min(self.0.len());
        let (piece, rest) = self.0.split_at_checked(length).unwrap_or((self.0, &[]));
        self.0 = rest;
        piece
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Nothing that is shown of a value may steer a terminal or look like another line of a log.
///
/// Showing costs more than parsing, so only some inputs are shown: which is decided by their lengths, so
/// that an input that found something finds it again.
fn shown(octets: &[u8], value: &dyn fmt::Debug) {
    if octets.len() % 32 == 0 {
        let written = write!(Printable, "{value:?}");
        assert!(written.is_ok(), "a control character is shown of {}", octets.escape_ascii());
    }
}

/// Takes text and keeps none of it; control characters are an error.
struct Printable;

impl fmt::Write for Printable {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.bytes().any(|octet| octet.is_ascii_control()) { Err(fmt::Error) } else { Ok(()) }
    }
}

/// In which pieces octets are given a second time: one by one for half of the inputs.
fn piece_length(choice: u8) -> usize {
    if choice % 2 == 0 { 1 } else { usize::from(choice / 2).max(1) }
}

/// The octets as text, where they are some.
fn text(octets: &[u8]) -> Option<&str> {
    std::str::from_utf8(octets).ok()
}
