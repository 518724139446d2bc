//! STORE, RFC 9051 6.4.6.

use alloc::vec::Vec;

use super::set::NotASet;
use super::{Numbers, accepted};
use crate::error::Error;
use crate::parse::Response;
use crate::proto::{Claim, Command, Encoder, Exchange, State};
use crate::types::{ArgumentSink, Flag, Message, SeqSet, StatusText, UidSet};

/// What STORE does with the flags it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreAction {
    /// Adds them to those there are: `+FLAGS`.
    Add,
    /// Removes them: `-FLAGS`.
    Remove,
    /// Leaves the message with exactly these (\Recent aside): `FLAGS`.
    Replace,
}

/// Changes flags of messages.
#[derive(Debug, Clone)]
pub struct Store {
    numbers: Numbers,
    action: StoreAction,
    flags: Vec<Flag>,
    silent: bool,
    changed: Vec<Message>,
}

impl Store {
    /// Messages named by unique identifier, from a set or from text such as `"1:*"`.
    pub fn new<S: TryInto<UidSet>>(
        uids: S,
        action: StoreAction,
        flags: impl IntoIterator<Item = Flag>,
    ) -> Self
    where
        S::Error: Into<NotASet>,
    {
        Self::on(Numbers::uids(uids), action, flags)
    }

    /// Messages named by sequence number.
    pub fn by_sequence<S: TryInto<SeqSet>>(
        numbers: S,
        action: StoreAction,
        flags: impl IntoIterator<Item = Flag>,
    ) -> Self
    where
        S::Error: Into<NotASet>,
    {
        Self::on(Numbers::sequence(numbers), action, flags)
    }

    fn on(numbers: Numbers, action: StoreAction, flags: impl IntoIterator<Item = Flag>) -> Self {
        let flags = flags.into_iter().collect();
        Self { numbers, action, flags, silent: false, changed: Vec::new() }
    }

    /// Asks the server not to tell the new flags: `.SILENT`.
    pub fn silent(mut self) -> Self {
        self.silent = true;
        self
    }
}

impl Exchange for Store {
    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        self.numbers.encode("STORE", out)?;
        out.raw(match self.action {
            StoreAction::Add => " +FLAGS",
            StoreAction::Remove => " -FLAGS",
            StoreAction::Replace => " FLAGS",
        });
        out.raw(if self.silent { ".SILENT (" } else { " (" });
        for (index, flag) in self.flags.iter().enumerate() {
            if index > 0 {
                out.raw(" ");
            }
            out.raw(flag.as_str());
        }
        out.raw(")");
        Ok(())
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let Response::Fetch(fetch) = response else { return Ok(Claim::Pass) };
        // With .SILENT what comes is news from elsewhere.
        if self.silent {
            return Ok(Claim::Pass);
        }
        self.changed.push(fetch.to_message(&mut []));
        Ok(Claim::Mine)
    }
}

impl Command for Store {
    /// The messages whose new flags the server told.
    type Output = Vec<Message>;

    fn finish(self, status: StatusText) -> Result<Vec<Message>, Error> {
        accepted("STORE", status)?;
        Ok(self.changed)
    }
}
