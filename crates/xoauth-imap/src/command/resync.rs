//! Opening a mailbox and hearing what changed since it was last seen: QRESYNC, RFC 7162 3.2.5.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::num::NonZeroU32;

use xoauth_sasl::Mask;

use super::accepted;
use super::fetch::check_mod_seq;
use super::mailbox::Opening;
use crate::error::Error;
use crate::parse::Response;
use crate::proto::{Claim, Command, Encoder, Exchange, Leaves, Selected, State};
use crate::types::{ArgumentSink, Mailbox, Message, SeqSet, Set, StatusText, Uid, UidSet};

/// SELECT or EXAMINE with QRESYNC, which must be enabled: [`Enable`](super::Enable).
///
/// In one round trip it tells what a client that knew the mailbox at `mod_seq` must learn: which messages
/// are gone, and the flags of those that changed.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct Resync {
    opening: Opening,
    uid_validity: NonZeroU32,
    mod_seq: u64,
    known: Option<UidSet>,
    matching: Option<(SeqSet, UidSet)>,
    changed: Vec<Message>,
    vanished: Vec<(Uid, Uid)>,
    is_whole: bool,
    mask: Option<Arc<Mask>>,
}

/// What became of a mailbox since it was last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resynced {
    /// The mailbox as it is now. Where its UIDVALIDITY is another than was known, nothing else holds.
    pub selected: Selected,
    /// Messages that are gone: ranges, both ends included; some may never have been known.
    pub vanished: Vec<(Uid, Uid)>,
    /// Messages that changed or came.
    pub changed: Vec<Message>,
    /// All that the server told could be read. Where it could not (a VANISHED or FETCH that breaks its grammar, which comes
    /// out as an event), what became of some messages is not known: look for yourself.
    pub is_whole: bool,
}

impl Resync {
    /// Will open `mailbox`, of which the client knows the state at `mod_seq`.
    pub fn new(mailbox: impl Into<Mailbox>, uid_validity: NonZeroU32, mod_seq: u64) -> Self {
        Self {
            opening: Opening::new("SELECT", mailbox.into(), false),
            uid_validity,
            mod_seq,
            known: None,
            matching: None,
            changed: Vec::new(),
            vanished: Vec::new(),
            is_whole: true,
            mask: None,
        }
    }

    /// For reading only: EXAMINE.
    pub fn read_only(mut self) -> Self {
        self.opening = self.opening.read_only();
        self
    }

    /// The messages the client knows; of others nothing is told.
    pub fn known(mut self, uids: UidSet) -> Self {
        self.known = Some(uids);
        self
    }

    /// Some messages by both their numbers, so that a server without a memory of what is gone can tell less
    /// (RFC 7162, 3.2.5.2).
    pub fn matching(mut self, numbers: SeqSet, uids: UidSet) -> Self {
        self.matching = Some((numbers, uids));
        self
    }
}

impl Exchange for Resync {
    /// # Errors
    /// [`Error::Unsupported`] where QRESYNC is not offered, [`Error::InvalidArgument`] where it is not enabled,
    /// or a modification sequence is 0.
    fn encode(&mut self, out: &mut Encoder<'_>, state: &State) -> Result<(), Error> {
        out.needs("SELECT with QRESYNC", &["QRESYNC"])?;
        if !state.enabled().has("QRESYNC") && !out.is_forced() {
            return Err(Error::unfit("QRESYNC", "", "ENABLE QRESYNC before it"));
        }
        check_mod_seq(self.mod_seq)?;
        // RFC 7162, 7: `known-uids` and its like hold neither `*` nor what a search kept.
        let known = self.known.as_ref();
        let matching = self.matching.as_ref();
        if known.is_some_and(Set::is_open)
            || matching.is_some_and(|(numbers, uids)| numbers.is_open() || uids.is_open())
        {
            return Err(Error::unfit("known messages", "", "numbers, without * and $"));
        }
        // RFC 7162, 3.2.5.2: the first number belongs to the first identifier, and so on.
        if matching.is_some_and(|(numbers, uids)| numbers.count() != uids.count()) {
            let expected = "as many sequence numbers as unique identifiers";
            return Err(Error::unfit("matching messages", "", expected));
        }
        self.mask = Some(out.mask());
        self.opening.encode_name(out);
        out.raw(&alloc::format!(" (QRESYNC ({} {}", self.uid_validity, self.mod_seq));
        if let Some(known) = &self.known {
            out.raw(" ");
            known.encode(out);
        }
        if let Some((numbers, uids)) = &self.matching {
            // `known-uids` comes first; without one all are meant.
            out.raw(if self.known.is_some() { " (" } else { " 1:4294967295 (" });
            numbers.encode(out);
            out.raw(" ");
            uids.encode(out);
            out.raw(")");
        }
        out.raw("))");
        Ok(())
    }

    fn leaves(&self) -> Leaves {
        Leaves::Selection
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        match response {
            Response::Fetch(fetch) => {
                let message = fetch.to_message_masked(&mut [], self.mask.as_deref());
                // RFC 7162, 3.2.5.1: both are told. An item that breaks its grammar is none.
                self.is_whole &= message.uid.is_some() && message.flags.is_some();
                self.changed.push(message);
            }
            Response::Vanished(gone) => {
                self.vanished.extend(gone.uids());
                // What goes meanwhile is told like that, and counted off.
                if !gone.earlier {
                    self.opening.hear(response);
                }
            }
            _ => {
                // A number that nobody knows of.
                self.is_whole &= !matches!(response, Response::Expunge(_));
                if let Response::Other { name, .. } = response {
                    let is_told = [&b"VANISHED"[..], b"FETCH"];
                    self.is_whole &= !is_told.iter().any(|told| name.eq_ignore_ascii_case(told));
                }
                let (claim, begins) = self.opening.hear(response);
                if begins {
                    self.changed.clear();
                    self.vanished.clear();
                    self.is_whole = true;
                }
                return Ok(claim);
            }
        }
        Ok(Claim::Mine)
    }

    fn on_completed(&mut self, status: &StatusText, state: &mut State) {
        self.opening.on_completed(status, state);
    }
}

impl Command for Resync {
    type Output = Resynced;

    fn finish(self, status: StatusText) -> Result<Resynced, Error> {
        accepted("SELECT with QRESYNC", status)?;
        let Self { opening, vanished, changed, is_whole, .. } = self;
        Ok(Resynced { selected: opening.into_selected(), vanished, changed, is_whole })
    }
}
