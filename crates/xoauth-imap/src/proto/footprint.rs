//! Which commands may be in flight together, RFC 9051 5.5.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use crate::command::Numbers;
use crate::types::Mailbox;

/// What a command hears, as far as other commands could take it for theirs.
///
/// Commands that are run together share a flight as long as nothing the server says can be mistaken; the
/// next one that does not fit waits until all before it have their answers. That a command works on what the
/// one before it leaves is for the server to see to: it carries them out in their order where it matters.
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
    /// The same of a command that names messages by sequence number, or tells of them so, and during which the
    /// server may not renumber them: SEARCH.
    NumberedData(&'static str),
    /// It hears the untagged responses of this name, which tell its tag (RFC 4731, 3.1).
    TaggedData(&'static str),
    /// It hears the responses of this name about this mailbox.
    MailboxData(&'static str, &'a Mailbox),
    /// It hears the FETCH responses of these messages.
    Messages(&'a Numbers),
    /// It hears which copies of these messages were made (RFC 4315, 3).
    Copies(&'a Numbers),
    /// The same, and which messages are gone.
    Moves(&'a Numbers),
}

/// The commands of one flight, as far as they exclude others.
#[derive(Debug, Default)]
pub(super) struct Group {
    count: usize,
    closed: bool,
    /// During one of them the server may renumber the messages.
    renumbers: bool,
    names: Vec<&'static str>,
    /// Names of responses that tell a tag.
    tagged: Vec<&'static str>,
    /// In lower case: servers answer INBOX with Inbox.
    mailboxes: BTreeSet<(&'static str, String)>,
    uids: Ranges,
    sequence: Ranges,
    copied: Ranges,
}

/// More commands than these gain nothing by sharing a flight.
const MOST: usize = 256;

/// What EXPUNGE and MOVE hear.
pub(crate) const GONE: &str = "EXPUNGE";

/// What COPY by sequence number hears: which of several it answers is not told by the numbers in it.
const COPY_UID: &str = "COPYUID";

impl Group {
    /// Takes a command into the group, where it fits.
    pub(super) fn admits(&mut self, footprint: Footprint<'_>) -> bool {
        let fits = self.count == 0 || !self.closed && self.count < MOST && self.fits(footprint);
        if !fits {
            return false;
        }
        self.count += 1;
        self.renumbers |= renumbers(footprint);
        match footprint {
            Footprint::Alone => self.closed = true,
            Footprint::Data(name) | Footprint::NumberedData(name) => self.names.push(name),
            Footprint::TaggedData(name) => self.tagged.push(name),
            Footprint::MailboxData(name, mailbox) => {
                self.mailboxes.insert((name, mailbox.as_str().to_lowercase()));
            }
            Footprint::Messages(Numbers::Uid(set)) => self.uids.add(set.spans()),
            Footprint::Messages(Numbers::Sequence(set)) => self.sequence.add(set.spans()),
            Footprint::Copies(numbers) | Footprint::Moves(numbers) => {
                match numbers {
                    Numbers::Uid(set) => self.copied.add(set.spans()),
                    Numbers::Sequence(_) => self.names.push(COPY_UID),
                    Numbers::None | Numbers::Invalid(_) => {}
                }
                if matches!(footprint, Footprint::Moves(_)) {
                    self.names.push(GONE);
                }
            }
            Footprint::Status | Footprint::Messages(_) => {}
        }
        true
    }

    fn fits(&self, footprint: Footprint<'_>) -> bool {
        let is_free = |name: &&str| !self.names.contains(name);
        // Numbers hold until a command was sent during which the server may renumber the messages: all but
        // FETCH, STORE and SEARCH (RFC 9051, 5.5 and 7.5.1).
        let numbers_hold = !self.renumbers;
        match footprint {
            Footprint::Alone => false,
            Footprint::Status => true,
            Footprint::Data(name) => is_free(&name) && !self.tagged.contains(&name),
            Footprint::NumberedData(name) => {
                numbers_hold && is_free(&name) && !self.tagged.contains(&name)
            }
            Footprint::TaggedData(name) => is_free(&name),
            Footprint::MailboxData(name, mailbox) => {
                !self.mailboxes.contains(&(name, mailbox.as_str().to_lowercase()))
            }
            // A message may be named in both ways.
            Footprint::Messages(Numbers::Uid(set)) => {
                self.sequence.is_empty() && !self.uids.meets(set.spans())
            }
            Footprint::Messages(Numbers::Sequence(set)) => {
                numbers_hold && self.uids.is_empty() && !self.sequence.meets(set.spans())
            }
            Footprint::Copies(numbers) => self.fits_copies(numbers),
            Footprint::Moves(numbers) => is_free(&GONE) && self.fits_copies(numbers),
            Footprint::Messages(Numbers::None | Numbers::Invalid(_)) => true,
        }
    }

    fn fits_copies(&self, numbers: &Numbers) -> bool {
        let is_free = !self.names.contains(&COPY_UID);
        match numbers {
            Numbers::Uid(set) => is_free && !self.copied.meets(set.spans()),
            Numbers::Sequence(_) => is_free && self.copied.is_empty() && !self.renumbers,
            Numbers::None | Numbers::Invalid(_) => true,
        }
    }
}

/// The server may send EXPUNGE while it works on the command (RFC 9051, 7.5.1). The UID forms are not among
/// those it may not.
fn renumbers(footprint: Footprint<'_>) -> bool {
    !matches!(
        footprint,
        Footprint::NumberedData(_)
            | Footprint::Messages(Numbers::Sequence(_) | Numbers::None | Numbers::Invalid(_))
    )
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
