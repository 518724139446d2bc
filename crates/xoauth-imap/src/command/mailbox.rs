//! Opening and leaving mailboxes: SELECT, EXAMINE, CLOSE, UNSELECT, CHECK (RFC 9051, 6.3.2, 6.3.3, 6.4.1,
//! 6.4.2; RFC 3501, 6.4.1).

use super::accepted;
use crate::error::Error;
use crate::parse::{Code, Response, StatusRef};
use crate::proto::{Claim, Command, Encoder, Exchange, Footprint, Leaves, Selected, State};
use crate::types::{ArgumentSink, Mailbox, StatusText};

/// SELECT, RFC 9051 6.3.2: opens a mailbox for reading and changing.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct Select(Opening);

/// EXAMINE, RFC 9051 6.3.3: opens a mailbox for reading only.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct Examine(Opening);

/// What SELECT and EXAMINE have in common.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    verb: &'static str,
    selected: Selected,
    condstore: bool,
}

impl Select {
    /// Will open `mailbox`.
    pub fn new(mailbox: impl Into<Mailbox>) -> Self {
        Self(Opening::new("SELECT", mailbox.into(), false))
    }

    /// Asks for modification sequences (CONDSTORE, RFC 7162 3.1.8).
    pub fn condstore(mut self) -> Self {
        self.0.condstore = true;
        self
    }
}

impl Examine {
    /// Will open `mailbox`.
    pub fn new(mailbox: impl Into<Mailbox>) -> Self {
        Self(Opening::new("EXAMINE", mailbox.into(), true))
    }

    /// Asks for modification sequences (CONDSTORE, RFC 7162 3.1.8).
    pub fn condstore(mut self) -> Self {
        self.0.condstore = true;
        self
    }
}

impl Opening {
    pub(super) fn new(verb: &'static str, mailbox: Mailbox, read_only: bool) -> Self {
        Self { verb, selected: Selected::new(mailbox, read_only), condstore: false }
    }

    pub(super) fn read_only(mut self) -> Self {
        self.verb = "EXAMINE";
        self.selected.read_only = true;
        self
    }

    pub(super) fn encode_name(&self, out: &mut Encoder<'_>) {
        out.raw(self.verb);
        out.raw(" ");
        self.selected.mailbox.encode(out);
    }

    fn encode(&self, out: &mut Encoder<'_>) -> Result<(), Error> {
        self.encode_name(out);
        if self.condstore {
            out.needs("SELECT with CONDSTORE", &["CONDSTORE"])?;
            out.raw(" (CONDSTORE)");
        }
        Ok(())
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Claim {
        self.hear(response).0
    }

    /// Whose the response is, and whether what was told before it was about the mailbox that is left
    /// (RFC 7162, 3.2.11).
    pub(super) fn hear(&mut self, response: &Response<'_>) -> (Claim, bool) {
        if let Response::Status(StatusRef { code: Some(Code::Closed), .. }) = response {
            let Selected { mailbox, read_only, .. } = self.selected.clone();
            self.selected = Selected::new(mailbox, read_only);
            return (Claim::Mine, true);
        }
        let mine = self.selected.apply(response);
        (if mine { Claim::Mine } else { Claim::Pass }, false)
    }

    /// A SELECT that fails leaves no mailbox selected (RFC 9051, 6.3.2).
    pub(super) fn on_completed(&mut self, status: &StatusText, state: &mut State) {
        state.selected = None;
        if status.is_ok() {
            if status.says_read_only() {
                self.selected.read_only = true;
            }
            state.selected = Some(self.selected.clone());
        }
    }

    pub(super) fn into_selected(self) -> Selected {
        self.selected
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
                self.0.encode(out)
            }

            fn leaves(&self) -> Leaves {
                Leaves::Selection
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

/// Commands without arguments about the selected mailbox.
macro_rules! about_the_selected {
    ($(#[$doc:meta])* $command:ident, $verb:literal, $capability:expr, $(#[$new:meta])*, $leaves:literal) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        #[must_use = "a command does nothing until it is run"]
        pub struct $command(());

        impl $command {
            $(#[$new])*
            pub fn new() -> Self {
                Self(())
            }
        }

        impl Exchange for $command {
            fn footprint(&self) -> Footprint<'_> {
                if $leaves { Footprint::Alone } else { Footprint::Status }
            }

            fn leaves(&self) -> Leaves {
                if $leaves { Leaves::Selection } else { Leaves::Status }
            }

            fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
                let capability: Option<&'static str> = $capability;
                if let Some(capability) = capability {
                    out.needs($verb, &[capability])?;
                }
                out.needs_mailbox($verb)?;
                out.raw($verb);
                Ok(())
            }

            fn on_completed(&mut self, status: &StatusText, state: &mut State) {
                if $leaves && status.is_ok() {
                    state.selected = None;
                }
            }
        }

        impl Command for $command {
            type Output = ();

            fn finish(self, status: StatusText) -> Result<(), Error> {
                accepted($verb, status).map(drop)
            }
        }
    };
}

about_the_selected! {
    /// CLOSE, RFC 9051 6.4.1: removes the messages marked \Deleted (unless the mailbox was opened for reading
    /// only) and leaves the mailbox.
    Close, "CLOSE", None,
    /// Leaves the selected mailbox.
    , true
}

about_the_selected! {
    /// UNSELECT, RFC 3691 and RFC 9051 6.4.2: leaves the mailbox and removes nothing.
    Unselect, "UNSELECT", Some("UNSELECT"),
    /// Leaves the selected mailbox.
    , true
}

about_the_selected! {
    /// CHECK, RFC 3501 6.4.1: asks the server to write down what it keeps in memory. RFC 9051 has it no more.
    Check, "CHECK", None,
    /// Asks for a checkpoint.
    , false
}
