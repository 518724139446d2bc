//! What a session that is opened again finds.

use std::sync::Arc;

use xoauth_imap::command::Resynced;
use xoauth_imap::{Message, Selected, Uid, UidSet};

use crate::Error;

/// A mailbox as a new session found it, and what became of it in between.
///
/// Sequence numbers mean other messages in every session. Unique identifiers mean the same ones as long as
/// [`Reopened::has_same_uids`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Reopened {
    /// The mailbox now, with its UIDVALIDITY, UIDNEXT and HIGHESTMODSEQ.
    pub selected: Selected,
    /// The mailbox as it was known when somebody was told last; `None` in the first session.
    pub previous: Option<Selected>,
    /// What ended the session before, where it was seen to end.
    pub cause: Option<Arc<Error>>,
    /// What changed in between, where the server told (QRESYNC, RFC 7162): then nothing was missed. `None` also where it
    /// told something that cannot be read.
    pub gap: Option<Gap>,
}

/// What changed while there was no session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// Messages that are gone: ranges, both ends included; some may never have been known.
    pub vanished: Vec<(Uid, Uid)>,
    /// Messages that changed or came, with their flags.
    pub changed: Vec<Message>,
}

/// Changes that are added up while nobody asks for them.
const MOST: usize = 100_000;

impl Reopened {
    pub(super) fn new(selected: Selected) -> Self {
        Self { selected, previous: None, cause: None, gap: None }
    }

    pub(super) fn resynced(resynced: Resynced) -> Self {
        let Resynced { selected, vanished, changed, is_whole, .. } = resynced;
        Self { gap: is_whole.then_some(Gap { vanished, changed }), ..Self::new(selected) }
    }

    /// Beside what was known, and what was found and not told yet.
    pub(super) fn after(mut self, known: Option<Selected>, untold: Option<Self>) -> Self {
        let Some(untold) = untold else {
            self.previous = known;
            return self;
        };
        self.previous = untold.previous;
        self.gap = match (untold.gap, self.gap) {
            (Some(mut first), Some(second)) => {
                first.vanished.extend(second.vanished);
                first.changed.extend(second.changed);
                // Who does not ask for weeks is told to look for himself.
                (first.vanished.len().max(first.changed.len()) <= MOST).then_some(first)
            }
            _ => None,
        };
        self
    }

    pub(super) fn has_uids_of(&self, known: &Selected) -> bool {
        known.uid_validity == self.selected.uid_validity
    }

    /// Unique identifiers mean what they meant before (RFC 9051, 2.3.1.1). Where they do not, all that is known by
    /// them is void.
    pub fn has_same_uids(&self) -> bool {
        self.previous.as_ref().is_none_or(|previous| self.has_uids_of(previous))
    }

    /// The messages from the UIDNEXT that was known before: those that came in between, and those that came while
    /// the session before lived. All, where unique identifiers mean other messages now. `None` where there can be
    /// none.
    pub fn arrived(&self) -> Option<UidSet> {
        let Some(previous) = self.previous.as_ref().filter(|_| self.has_same_uids()) else {
            return (self.selected.exists != Some(0)).then(UidSet::all);
        };
        match (previous.uid_next, self.selected.uid_next) {
            (Some(before), Some(now)) if now <= before => None,
            (Some(before), _) => Some(UidSet::starting_at(Uid::from(before))),
            (None, _) => Some(UidSet::all()),
        }
    }
}
