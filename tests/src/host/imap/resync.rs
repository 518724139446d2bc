//! What changed while a client was away: CONDSTORE and QRESYNC (RFC 7162), as far as a client that watches needs them.
//!
//! The change counter of a mailbox is its mod-sequence.

use std::fmt::Write as _;

use super::messages::uid_list;
use super::tokens::{Command, SequenceSet};
use super::view::View;
use super::{Answer, Refusal, Session, State, done};
use crate::host::store::Mailbox;

/// Whether a session may ask what changed, and has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resyncs {
    NotOffered,
    Offered,
    /// Removals are told by unique identifier from now on.
    Enabled,
}

/// What stands behind the name in SELECT and EXAMINE: `(CONDSTORE)`, `(QRESYNC (validity mod-sequence [uids [..]]))`.
#[derive(Debug)]
pub(super) struct Known {
    uid_validity: u32,
    changes: u64,
    uids: Option<SequenceSet>,
}

impl Session<'_> {
    /// RFC 5161, with the one thing that can be enabled here.
    pub(super) fn enable(&mut self, command: &mut Command) -> Answer {
        let mut names = Vec::new();
        while command.eat(" ") {
            names.push(command.atom()?);
        }
        command.end()?;
        if !matches!(self.state, State::Authenticated { .. }) {
            return Err(Refusal::bad("ENABLE goes before SELECT"));
        }
        let mut enabled = String::new();
        if names.iter().any(|name| name.eq_ignore_ascii_case("QRESYNC")) {
            self.resyncs = Resyncs::Enabled;
            enabled.push_str(" QRESYNC");
        }
        self.untagged(&format!("ENABLED{enabled}"))?;
        done("ENABLE")
    }

    /// Takes the parameters of SELECT; what the client knows of the mailbox, where it says so.
    pub(super) fn select_parameters(
        &self,
        command: &mut Command,
    ) -> Result<Option<Known>, Refusal> {
        if self.resyncs == Resyncs::NotOffered || !command.eat(" ") {
            return Ok(None);
        }
        command.expect("(")?;
        let name = command.atom()?.to_ascii_uppercase();
        let known = match (name.as_str(), self.resyncs) {
            ("CONDSTORE", _) => None,
            ("QRESYNC", Resyncs::Enabled) => {
                command.expect(" (")?;
                let uid_validity = command.number()?;
                command.space()?;
                let changes = u64::from(command.number()?);
                let uids = if command.eat(" ") { Some(command.sequence_set()?) } else { None };
                command.expect(")")?;
                Some(Known { uid_validity, changes, uids })
            }
            _ => return Err(Refusal::bad("unknown parameter, or not enabled")),
        };
        command.expect(")")?;
        Ok(known)
    }

    /// EXPUNGE tells its mod-sequence once all that happened up to there was told (RFC 7162, section 3.2.7).
    pub(super) fn expunged(&mut self) -> Answer {
        if self.resyncs != Resyncs::Enabled {
            return done("EXPUNGE");
        }
        self.tell_news(true)?;
        let (_, view) = self.selected()?;
        Ok(format!("[HIGHESTMODSEQ {}] EXPUNGE completed", view.complete_to()))
    }
}

/// RFC 7162, section 3.2.5.1: what is gone, and what changed or came.
pub(super) fn changes_since(known: &Known, view: &View, mailbox: &Mailbox) -> String {
    let mut lines = String::new();
    if known.uid_validity != mailbox.uid_validity {
        return lines;
    }
    let is_known = |uid: u32| known.uids.as_ref().is_none_or(|uids| uids.contains(uid, uid));
    let gone = mailbox.gone.iter().filter(|(changes, _)| *changes > known.changes);
    let mut gone: Vec<u32> = gone.map(|(_, uid)| *uid).filter(|uid| is_known(*uid)).collect();
    gone.sort_unstable();
    if !gone.is_empty() {
        let _ = write!(lines, "* VANISHED (EARLIER) {}\r\n", uid_list(gone.into_iter()));
    }
    for (number, uid) in (1..).zip(&view.uids) {
        let message = mailbox.message(*uid).filter(|message| message.changed > known.changes);
        if let Some(message) = message.filter(|message| is_known(message.uid)) {
            view.push_flags(number, message, &mut lines);
        }
    }
    lines
}
