//! Mailboxes in memory. One lock holds them all; octets of messages are shared, never copied.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::date::Moment;

/// A message as a mailbox holds it.
#[derive(Debug, Clone)]
pub struct Message {
    /// The unique identifier.
    pub uid: u32,
    /// Flags and keywords, such as `\Seen` and `$Label1`.
    pub flags: Vec<String>,
    /// The internal date, in seconds since 1970-01-01T00:00:00Z.
    pub internal_date: i64,
    /// The message, with CRLF line ends as it came.
    pub octets: Arc<Vec<u8>>,
    /// Minutes east of Greenwich in which the internal date is told.
    pub(crate) offset: i64,
    /// The mailbox's change counter when the flags were last changed.
    pub(crate) changed: u64,
}

impl Message {
    pub(crate) fn moment(&self) -> Moment {
        Moment { seconds: self.internal_date, offset: self.offset }
    }

    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|held| held.eq_ignore_ascii_case(flag))
    }

    fn set(&mut self, flag: &str) {
        if !self.has(flag) {
            self.flags.push(canonical_flag(flag));
        }
    }
}

/// How STORE changes flags (RFC 3501, section 6.4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Replace,
    Add,
    Remove,
}

/// A mailbox. UIDs ascend.
#[derive(Debug)]
pub(crate) struct Mailbox {
    pub(crate) uid_validity: u32,
    pub(crate) uid_next: u32,
    /// Counts changes, so that a session can tell what it has not seen.
    pub(crate) changes: u64,
    /// Messages from this UID on have been shown to no session: they are \Recent.
    pub(crate) recent_from: u32,
    pub(crate) messages: Vec<Message>,
    /// Messages that are gone, by the change that removed them.
    pub(crate) gone: Vec<(u64, u32)>,
}

impl Mailbox {
    fn new(uid_validity: u32) -> Self {
        let (messages, gone) = (Vec::new(), Vec::new());
        Self { uid_validity, uid_next: 1, changes: 1, recent_from: 1, messages, gone }
    }

    /// Adds a message and gives its UID.
    pub(crate) fn append(&mut self, octets: Arc<Vec<u8>>, flags: &[String], date: Moment) -> u32 {
        let uid = self.uid_next;
        self.uid_next += 1;
        self.changes += 1;
        let mut message = Message {
            uid,
            flags: Vec::new(),
            internal_date: date.seconds,
            octets,
            offset: date.offset,
            changed: self.changes,
        };
        flags.iter().for_each(|flag| message.set(flag));
        self.messages.push(message);
        uid
    }

    pub(crate) fn message(&self, uid: u32) -> Option<&Message> {
        let at = self.messages.binary_search_by_key(&uid, |message| message.uid).ok()?;
        self.messages.get(at)
    }

    /// Changes flags of one message; gives the change counter of it.
    pub(crate) fn store(&mut self, uid: u32, change: Change, flags: &[String]) -> Option<u64> {
        let at = self.messages.binary_search_by_key(&uid, |message| message.uid).ok()?;
        let message = self.messages.get_mut(at)?;
        if change == Change::Replace {
            message.flags.clear();
        }
        for flag in flags {
            if change == Change::Remove {
                message.flags.retain(|held| !held.eq_ignore_ascii_case(flag));
            } else {
                message.set(flag);
            }
        }
        self.changes += 1;
        message.changed = self.changes;
        Some(self.changes)
    }

    /// Removes the messages for which `gone` holds.
    pub(crate) fn expunge(&mut self, gone: impl Fn(&Message) -> bool) {
        self.changes += 1;
        let changes = self.changes;
        self.messages.retain(|message| {
            let is_gone = gone(message);
            if is_gone {
                self.gone.push((changes, message.uid));
            }
            !is_gone
        });
    }
}

/// The mailboxes of one user.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) mailboxes: BTreeMap<String, Mailbox>,
    pub(crate) subscribed: BTreeSet<String>,
    last_validity: u32,
}

impl Account {
    /// Makes a mailbox and the names above it; gives whether it is new.
    pub(crate) fn create(&mut self, name: &str) -> bool {
        let mut made = false;
        let ends = name.match_indices(DELIMITER).map(|(at, _)| at).chain([name.len()]);
        for end in ends {
            let Some(prefix) = name.get(..end).filter(|prefix| !prefix.is_empty()) else {
                continue;
            };
            made = !self.mailboxes.contains_key(prefix);
            if made {
                self.last_validity += 1;
                self.mailboxes.insert(prefix.to_owned(), Mailbox::new(self.last_validity));
            }
        }
        made
    }
}

/// What separates the levels of a mailbox name.
pub(crate) const DELIMITER: char = '/';

/// All accounts of the host.
#[derive(Debug, Default)]
pub(crate) struct Store {
    accounts: Mutex<HashMap<String, Account>>,
}

impl Store {
    /// Makes an account with an INBOX.
    pub(crate) fn open(&self, user: &str) {
        self.lock().entry(user.to_owned()).or_default().create("INBOX");
    }

    /// Finds the user an address belongs to, regardless of case.
    pub(crate) fn user_of(&self, address: &str) -> Option<String> {
        self.lock().keys().find(|user| user.eq_ignore_ascii_case(address)).cloned()
    }

    /// Works on one account; `None` when there is none.
    pub(crate) fn account<T>(&self, user: &str, work: impl FnOnce(&mut Account) -> T) -> Option<T> {
        self.lock().get_mut(user).map(work)
    }

    /// Works on one mailbox; `None` when there is none.
    pub(crate) fn mailbox<T>(
        &self,
        user: &str,
        name: &str,
        work: impl FnOnce(&mut Mailbox) -> T,
    ) -> Option<T> {
        self.account(user, |account| account.mailboxes.get_mut(name).map(work)).flatten()
    }

    /// Puts a message into a mailbox, which is made if it is not there.
    pub(crate) fn deliver(
        &self,
        user: &str,
        mailbox: &str,
        octets: Arc<Vec<u8>>,
        flags: &[String],
        date: Moment,
    ) -> Option<u32> {
        let name = canonical_name(mailbox);
        self.account(user, |account| {
            account.create(&name);
            account.mailboxes.get_mut(&name).map(|mailbox| mailbox.append(octets, flags, date))
        })
        .flatten()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// INBOX in any case is INBOX (RFC 3501, section 5.1).
pub(crate) fn canonical_name(name: &str) -> String {
    if name.eq_ignore_ascii_case("INBOX") { "INBOX".to_owned() } else { name.to_owned() }
}

/// The system flags that a client may set (RFC 3501, section 2.3.2).
pub(crate) const SYSTEM_FLAGS: [&str; 5] =
    ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"];

fn canonical_flag(flag: &str) -> String {
    let system = SYSTEM_FLAGS.iter().find(|system| system.eq_ignore_ascii_case(flag));
    system.map_or_else(|| flag.to_owned(), |system| (*system).to_owned())
}
