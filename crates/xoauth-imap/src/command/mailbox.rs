//! Mailboxes: LIST, SELECT, EXAMINE, CLOSE (RFC 9051, 6.3.2, 6.3.3, 6.3.9, 6.4.1).

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Streamed, accepted};
use crate::error::Error;
use crate::parse::Response;
use crate::proto::{Claim, Command, Encoder, Exchange, Selected, State};
use crate::types::{ArgumentSink, ListEntry, Mailbox, StatusText};

/// LIST, RFC 9051 6.3.9: which mailboxes there are.
#[derive(Debug, Clone)]
pub struct List {
    reference: Mailbox,
    pattern: String,
    found: VecDeque<ListEntry>,
}

impl List {
    /// The mailboxes whose names match `pattern`: `*` matches anything, `%` anything but the delimiter.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self { reference: Mailbox::from(""), pattern: pattern.into(), found: VecDeque::new() }
    }

    /// All mailboxes.
    pub fn all() -> Self {
        Self::new("*")
    }

    /// Where the pattern is relative to.
    pub fn within(mut self, reference: impl Into<Mailbox>) -> Self {
        self.reference = reference.into();
        self
    }
}

impl Exchange for List {
    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.raw("LIST ");
        self.reference.encode(out);
        out.raw(" ");
        // A pattern is a mailbox name with wildcards (`list-mailbox`), so it is encoded as one.
        Mailbox::from(self.pattern.as_str()).encode_pattern(out);
        Ok(())
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let Response::List(entry) = response else { return Ok(Claim::Pass) };
        self.found.push_back(entry.into());
        Ok(Claim::Mine)
    }
}

impl Command for List {
    type Output = Vec<ListEntry>;

    fn finish(self, status: StatusText) -> Result<Vec<ListEntry>, Error> {
        accepted("LIST", status)?;
        Ok(self.found.into())
    }
}

impl Streamed for List {
    type Item = ListEntry;

    fn take_item(&mut self) -> Option<ListEntry> {
        self.found.pop_front()
    }
}

/// SELECT, RFC 9051 6.3.2: opens a mailbox for reading and changing.
#[derive(Debug, Clone)]
pub struct Select(Opening);

/// EXAMINE, RFC 9051 6.3.3: opens a mailbox for reading only.
#[derive(Debug, Clone)]
pub struct Examine(Opening);

/// What SELECT and EXAMINE have in common.
#[derive(Debug, Clone)]
struct Opening {
    verb: &'static str,
    selected: Selected,
}

impl Select {
    /// Will open `mailbox`.
    pub fn new(mailbox: impl Into<Mailbox>) -> Self {
        Self(Opening { verb: "SELECT", selected: Selected::new(mailbox.into(), false) })
    }
}

impl Examine {
    /// Will open `mailbox`.
    pub fn new(mailbox: impl Into<Mailbox>) -> Self {
        Self(Opening { verb: "EXAMINE", selected: Selected::new(mailbox.into(), true) })
    }
}

impl Opening {
    fn encode(&self, out: &mut Encoder<'_>) {
        out.raw(self.verb);
        out.raw(" ");
        self.selected.mailbox.encode(out);
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Claim {
        if self.selected.apply(response) { Claim::Mine } else { Claim::Pass }
    }

    /// A SELECT that fails leaves no mailbox selected (RFC 9051, 6.3.2).
    fn on_completed(&mut self, status: &StatusText, state: &mut State) {
        state.selected = None;
        if status.is_ok() {
            if status.says_read_only() {
                self.selected.read_only = true;
            }
            state.selected = Some(self.selected.clone());
        }
    }

    fn finish(self, status: StatusText) -> Result<Selected, Error> {
        accepted(self.verb, status)?;
        Ok(self.selected)
    }
}

/// Both commands are an [`Opening`] with another verb.
macro_rules! opens {
    ($command:ident) => {
        impl Exchange for $command {
            fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
                self.0.encode(out);
                Ok(())
            }

            fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
                Ok(self.0.on_untagged(response))
            }

            fn on_completed(&mut self, status: &StatusText, state: &mut State) {
                self.0.on_completed(status, state);
            }
        }

        impl Command for $command {
            /// The mailbox as the server described it.
            type Output = Selected;

            fn finish(self, status: StatusText) -> Result<Selected, Error> {
                self.0.finish(status)
            }
        }
    };
}

opens!(Select);
opens!(Examine);

/// CLOSE, RFC 9051 6.4.1: removes the messages marked \Deleted (unless the mailbox was opened for reading
/// only) and leaves the mailbox.
#[derive(Debug, Default)]
pub struct Close(());

impl Close {
    /// Leaves the selected mailbox.
    pub fn new() -> Self {
        Self(())
    }
}

impl Exchange for Close {
    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.raw("CLOSE");
        Ok(())
    }

    fn on_completed(&mut self, status: &StatusText, state: &mut State) {
        if status.is_ok() {
            state.selected = None;
        }
    }
}

impl Command for Close {
    type Output = ();

    fn finish(self, status: StatusText) -> Result<(), Error> {
        accepted("CLOSE", status).map(drop)
    }
}
