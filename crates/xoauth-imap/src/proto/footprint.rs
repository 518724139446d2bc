//! Which commands may be in flight together, RFC 9051 5.5.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use crate::command::Numbers;
use crate::types::Mailbox;

/// What a command hears, as far as other commands could take it for theirs.
///
/// Commands that are run together share a flight as long as nothing the server says can be mistaken; the
/// next one that does not fit waits until all before it have their answers.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Footprint<'a> {
    /// Nothing is known of it, or it changes what the commands behind it mean (SELECT): it has a flight of
    /// its own.
    Alone,
    /// It hears no data of its own, only its tagged answer.
    Status,
    /// It hears the untagged responses of this name, which say not whose they are.
    Data(&'static str),
    /// It hears the STATUS responses of this mailbox.
    MailboxStatus(&'a Mailbox),
    /// It hears the FETCH responses of these messages.
    Messages(&'a Numbers),
}

/// The commands of one flight, as far as they exclude others.
#[derive(Debug, Default)]
pub(super) struct Group {
    count: usize,
    closed: bool,
    names: Vec<&'static str>,
    /// In lower case: servers answer INBOX with Inbox.
    mailboxes: BTreeSet<String>,
    uids: Ranges,
    sequence: Ranges,
}

/// More commands than these gain nothing by sharing a flight.
const MOST: usize = 256;

impl Group {
    /// Takes a command into the group, where it fits.
    pub(super) fn admits(&mut self, footprint: Footprint<'_>) -> bool {
        let fits = self.count == 0 || !self.closed && self.count < MOST && self.fits(footprint);
        if !fits {
            return false;
        }
        self.count += 1;
        match footprint {
            Footprint::Alone => self.closed = true,
            Footprint::Data(name) => self.names.push(name),
            Footprint::MailboxStatus(mailbox) => {
                self.mailboxes.insert(mailbox.as_str().to_lowercase());
            }
            Footprint::Messages(Numbers::Uid(set)) => self.uids.add(set.spans()),
            Footprint::Messages(Numbers::Sequence(set)) => self.sequence.add(set.spans()),
            Footprint::Status | Footprint::Messages(_) => {}
        }
        true
    }

    fn fits(&self, footprint: Footprint<'_>) -> bool {
        // While sequence numbers are in use the server must not be given leave to renumber the messages, which
        // every command gives but FETCH, STORE and SEARCH by sequence number (RFC 9051, 7.5.1).
        let numbered = !self.sequence.is_empty();
        match footprint {
            Footprint::Alone => false,
            Footprint::Status => !numbered,
            Footprint::Data(name) => !numbered && !self.names.contains(&name),
            Footprint::MailboxStatus(mailbox) => {
                !numbered && !self.mailboxes.contains(&mailbox.as_str().to_lowercase())
            }
            Footprint::Messages(Numbers::Uid(set)) => !numbered && !self.uids.meets(set.spans()),
            Footprint::Messages(Numbers::Sequence(set)) => {
                // All that is here is by sequence number.
                numbered && !self.sequence.meets(set.spans())
            }
            Footprint::Messages(Numbers::None | Numbers::Invalid(_)) => true,
        }
    }
}

/// Ranges of numbers that do not overlap: the first of each, and its last.
#[derive(Debug, Default)]
struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, ranges: impl Iterator<Item = (u64, u64)>) {
        self.0.extend(ranges);
    }

    fn meets(&self, mut ranges: impl Iterator<Item = (u64, u64)>) -> bool {
        ranges.any(|(from, to)| {
            self.0.range(..=to).next_back().is_some_and(|(_, &last)| last >= from)
        })
    }
}
