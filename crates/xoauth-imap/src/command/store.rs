//! STORE, RFC 9051 6.4.6.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::num::NonZeroU32;

use xoauth_sasl::Mask;

use super::set::NotASet;
use super::{Numbers, accepted, flags};
use crate::error::Error;
use crate::parse::Response;
use crate::proto::{Claim, Command, Encoder, Exchange, Footprint, State};
use crate::types::{
    ArgumentSink, Event, Flag, Mailbox, Message, ResponseCode, SeqSet, StatusText, UidSet,
};

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
#[must_use = "a command does nothing until it is run"]
pub struct Store {
    numbers: Numbers,
    action: StoreAction,
    flags: Vec<Flag>,
    silent: bool,
    changed: Vec<Message>,
    mask: Option<Arc<Mask>>,
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
        Self { numbers, action, flags, silent: false, changed: Vec::new(), mask: None }
    }

    /// Asks the server not to tell the new flags: `.SILENT`.
    pub fn silent(mut self) -> Self {
        self.silent = true;
        self
    }
}

impl Store {
    /// Leaves alone the messages that changed after this modification sequence (CONDSTORE, RFC 7162 3.1.3).
    pub fn unchanged_since(self, mod_seq: u64) -> ConditionalStore {
        ConditionalStore { store: self, mod_seq }
    }

    fn encode_change(&self, out: &mut Encoder<'_>) -> Result<(), Error> {
        out.raw(match self.action {
            StoreAction::Add => " +FLAGS",
            StoreAction::Remove => " -FLAGS",
            StoreAction::Replace => " FLAGS",
        });
        out.raw(if self.silent { ".SILENT " } else { " " });
        flags::encode(&self.flags, out)
    }
}

impl Exchange for Store {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::Messages(&self.numbers)
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.needs_mailbox("STORE")?;
        self.mask = Some(out.mask());
        self.numbers.encode("STORE", out)?;
        self.encode_change(out)
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let Response::Fetch(fetch) = response else { return Ok(Claim::Pass) };
        // With .SILENT what comes is news from elsewhere.
        if self.silent || !self.numbers.may_name(fetch.seq, fetch.uid) {
            return Ok(Claim::Pass);
        }
        self.changed.push(fetch.to_message_masked(&mut [], self.mask.as_deref()));
        Ok(Claim::Mine)
    }

    /// Of some messages the flags may be others by now.
    fn on_refused(&mut self) -> Vec<Event> {
        news(&mut self.changed)
    }
}

fn news(changed: &mut Vec<Message>) -> Vec<Event> {
    changed.drain(..).map(|message| Event::Fetch(Box::new(message))).collect()
}

impl Command for Store {
    /// The messages whose new flags the server told.
    type Output = Vec<Message>;

    fn finish(self, status: StatusText) -> Result<Vec<Message>, Error> {
        accepted("STORE", status)?;
        Ok(self.changed)
    }
}

/// STORE that leaves alone what changed meanwhile: [`Store::unchanged_since`].
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct ConditionalStore {
    store: Store,
    mod_seq: u64,
}

/// What a [`ConditionalStore`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// The messages whose new flags or modification sequences the server told.
    pub changed: Vec<Message>,
    /// The messages it left alone: ranges of the kind of numbers the command named, both ends included. Fetch
    /// their flags, then decide again.
    pub modified: Vec<(NonZeroU32, NonZeroU32)>,
}

impl Exchange for ConditionalStore {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::Messages(&self.store.numbers)
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.needs("STORE with a condition", &["CONDSTORE"])?;
        out.needs_mailbox("STORE")?;
        self.store.mask = Some(out.mask());
        self.store.numbers.encode("STORE", out)?;
        out.raw(&alloc::format!(" (UNCHANGEDSINCE {})", self.mod_seq));
        self.store.encode_change(out)
    }

    /// Also with .SILENT the server tells the new modification sequences (RFC 7162, 3.1.3).
    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let Response::Fetch(fetch) = response else { return Ok(Claim::Pass) };
        let is_news = self.store.silent && fetch.mod_seq.is_none();
        if is_news || !self.store.numbers.may_name(fetch.seq, fetch.uid) {
            return Ok(Claim::Pass);
        }
        let mask = self.store.mask.as_deref();
        self.store.changed.push(fetch.to_message_masked(&mut [], mask));
        Ok(Claim::Mine)
    }

    fn on_refused(&mut self) -> Vec<Event> {
        self.store.on_refused()
    }
}

impl Command for ConditionalStore {
    type Output = Stored;

    /// # Errors
    /// `NO [MODIFIED ..]` where another message of the command could not be changed at all.
    fn finish(self, status: StatusText) -> Result<Stored, Error> {
        let modified = match accepted("STORE", status)?.code {
            Some(ResponseCode::Modified(ranges)) => ranges,
            _ => Vec::new(),
        };
        Ok(Stored { changed: self.store.changed, modified })
    }
}

/// Changes the labels that Gmail has beside flags: `X-GM-LABELS` (X-GM-EXT-1).
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct StoreLabels {
    numbers: Numbers,
    action: StoreAction,
    labels: Vec<Mailbox>,
    changed: Vec<Message>,
    mask: Option<Arc<Mask>>,
}

impl StoreLabels {
    /// Messages named by unique identifier; labels by their name, those of Gmail itself with a backslash:
    /// `"\\Inbox"`.
    pub fn new<S: TryInto<UidSet>, L: Into<Mailbox>>(
        uids: S,
        action: StoreAction,
        labels: impl IntoIterator<Item = L>,
    ) -> Self
    where
        S::Error: Into<NotASet>,
    {
        let labels = labels.into_iter().map(Into::into).collect();
        Self { numbers: Numbers::uids(uids), action, labels, changed: Vec::new(), mask: None }
    }
}

impl Exchange for StoreLabels {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::Messages(&self.numbers)
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.needs("STORE of labels", &["X-GM-EXT-1"])?;
        out.needs_mailbox("STORE of labels")?;
        self.mask = Some(out.mask());
        self.numbers.encode("STORE", out)?;
        out.raw(match self.action {
            StoreAction::Add => " +X-GM-LABELS (",
            StoreAction::Remove => " -X-GM-LABELS (",
            StoreAction::Replace => " X-GM-LABELS (",
        });
        for (index, label) in self.labels.iter().enumerate() {
            out.raw(if index > 0 { " " } else { "" });
            label.encode(out);
        }
        out.raw(")");
        Ok(())
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let Response::Fetch(fetch) = response else { return Ok(Claim::Pass) };
        if !self.numbers.may_name(fetch.seq, fetch.uid) {
            return Ok(Claim::Pass);
        }
        self.changed.push(fetch.to_message_masked(&mut [], self.mask.as_deref()));
        Ok(Claim::Mine)
    }

    fn on_refused(&mut self) -> Vec<Event> {
        news(&mut self.changed)
    }
}

impl Command for StoreLabels {
    /// The messages whose new labels the server told: [`Message::gmail_labels`].
    type Output = Vec<Message>;

    fn finish(self, status: StatusText) -> Result<Vec<Message>, Error> {
        accepted("STORE", status)?;
        Ok(self.changed)
    }
}
