//! What one session knows of its selected mailbox.
//!
//! Sequence numbers are the session's own: `uids[n - 1]` is message `n` until the session has been
//! told otherwise, whatever other sessions do in the meantime (RFC 3501, section 7.4.1).

use std::collections::HashSet;
use std::fmt::Write as _;

use super::messages::uid_list;
use super::tokens::SequenceSet;
use super::{Ids, Refusal};
use crate::host::store::{Mailbox, Message, Store};

pub(super) struct View {
    pub(super) name: String,
    pub(super) read_only: bool,
    /// What happens is told by unique identifier, with mod-sequences (RFC 7162, section 3.2.10).
    pub(super) by_uid: bool,
    /// Ascending.
    pub(super) uids: Vec<u32>,
    recent: HashSet<u32>,
    /// Flag changes up to this one have been told.
    told: u64,
    /// Removals up to this change have been told; `pruned <= told`.
    pruned: u64,
}

impl View {
    pub(super) fn open(name: &str, read_only: bool, by_uid: bool, mailbox: &mut Mailbox) -> Self {
        let mut view = Self {
            name: name.to_owned(),
            read_only,
            by_uid,
            uids: Vec::new(),
            recent: HashSet::new(),
            told: mailbox.changes,
            pruned: mailbox.changes,
        };
        view.take_arrivals(mailbox);
        view
    }

    /// The change up to which all was told.
    pub(super) fn complete_to(&self) -> u64 {
        self.pruned
    }

    pub(super) fn recent_count(&self) -> usize {
        self.recent.len()
    }

    /// The text of FLAGS for a message, `\Recent` included.
    pub(super) fn flags(&self, message: &Message) -> String {
        let mut flags = message.flags.clone();
        if self.recent.contains(&message.uid) {
            flags.push("\\Recent".to_owned());
        }
        format!("({})", flags.join(" "))
    }

    pub(super) fn is_recent(&self, uid: u32) -> bool {
        self.recent.contains(&uid)
    }

    /// The messages of a set, as sequence number and UID.
    pub(super) fn resolve(
        &self,
        set: &SequenceSet,
        ids: Ids,
    ) -> Result<Vec<(usize, u32)>, Refusal> {
        let count = u32::try_from(self.uids.len()).unwrap_or(u32::MAX);
        if ids == Ids::SequenceNumbers && set.largest_named() > count {
            return Err(Refusal::bad("no such message"));
        }
        let largest = match ids {
            Ids::SequenceNumbers => count,
            Ids::Uids => self.uids.last().copied().unwrap_or(0),
        };
        let mut chosen: Vec<(usize, u32)> = Vec::new();
        for (first, last) in set.bounds(largest) {
            let (from, to) = match ids {
                Ids::SequenceNumbers => (first.saturating_sub(1) as usize, last as usize),
                Ids::Uids => (
                    self.uids.partition_point(|uid| *uid < first),
                    self.uids.partition_point(|uid| *uid <= last),
                ),
            };
            let named = self.uids.get(from..to).unwrap_or_default();
            chosen.extend((from + 1..).zip(named.iter().copied()));
        }
        // Each once, whatever the order and the overlaps of the set.
        chosen.sort_unstable();
        chosen.dedup();
        Ok(chosen)
    }

    /// Tells flag changes made so far, as untagged FETCH; then `own` changes follow, which are
    /// not told again. Call under the lock that `own` is made under.
    pub(super) fn flag_news(&mut self, mailbox: &Mailbox) -> String {
        let mut news = String::new();
        if mailbox.changes > self.told {
            for (number, uid) in (1..).zip(&self.uids) {
                let message = mailbox.message(*uid).filter(|message| message.changed > self.told);
                if let Some(message) = message {
                    self.push_flags(number, message, &mut news);
                }
            }
            self.told = mailbox.changes;
        }
        news
    }

    /// Marks what the session did itself as told.
    pub(super) fn catch_up(&mut self, mailbox: &Mailbox) {
        self.told = mailbox.changes;
    }

    /// Untagged EXPUNGE (where allowed), EXISTS, RECENT and FETCH since the last time.
    pub(super) fn news(&mut self, store: &Store, user: &str, expunges: bool) -> String {
        let name = self.name.clone();
        let told = store.mailbox(user, &name, |mailbox| {
            let mut news = String::new();
            if expunges && mailbox.changes > self.pruned {
                self.prune(|uid| mailbox.message(uid).is_some(), &mut news);
                self.pruned = mailbox.changes;
            }
            news.push_str(&self.flag_news(mailbox));
            if self.take_arrivals(mailbox) {
                let _ = write!(news, "* {} EXISTS\r\n", self.uids.len());
                let _ = write!(news, "* {} RECENT\r\n", self.recent.len());
            }
            news
        });
        told.unwrap_or_else(|| {
            // The mailbox was deleted under the session.
            let mut news = String::new();
            if expunges {
                self.prune(|_| false, &mut news);
            }
            news
        })
    }

    fn prune(&mut self, exists: impl Fn(u32) -> bool, news: &mut String) {
        let (mut number, mut gone) = (1, Vec::new());
        let recent = &mut self.recent;
        self.uids.retain(|uid| {
            let kept = exists(*uid);
            if kept {
                number += 1;
            } else {
                recent.remove(uid);
                if self.by_uid {
                    gone.push(*uid);
                } else {
                    let _ = write!(news, "* {number} EXPUNGE\r\n");
                }
            }
            kept
        });
        if !gone.is_empty() {
            let _ = write!(news, "* VANISHED {}\r\n", uid_list(gone.into_iter()));
        }
    }

    fn take_arrivals(&mut self, mailbox: &mut Mailbox) -> bool {
        let last = self.uids.last().copied().unwrap_or(0);
        let first = mailbox.messages.partition_point(|message| message.uid <= last);
        let arrived = mailbox.messages.get(first..).unwrap_or_default();
        let found = !arrived.is_empty();
        for message in arrived {
            self.uids.push(message.uid);
            if message.uid >= mailbox.recent_from {
                self.recent.insert(message.uid);
            }
        }
        if !self.read_only {
            mailbox.recent_from = mailbox.uid_next;
        }
        found
    }

    pub(super) fn push_flags(&self, number: usize, message: &Message, out: &mut String) {
        let (uid, flags) = (message.uid, self.flags(message));
        let _ = write!(out, "* {number} FETCH (UID {uid} FLAGS {flags}");
        if self.by_uid {
            let _ = write!(out, " MODSEQ ({})", message.changed);
        }
        out.push_str(")\r\n");
    }
}
