//! What a reader saw, and whether it fits together.

use std::collections::BTreeSet;

use xoauth::imap::{Change, Event, Message, Reopened, Uid, UidSet};

/// The number of a message that was read.
fn number_of(message: &Message) -> Option<u64> {
    let text = std::str::from_utf8(message.body()?).ok()?;
    text.strip_prefix("Subject: ")?.split("\r\n").next()?.parse().ok()
}

/// What a reader saw: the highest unique identifier, and every message in its order.
#[derive(Default)]
pub(super) struct Seen {
    last: u32,
    pub(super) numbers: Vec<u64>,
    /// Messages in the mailbox, by what the session told so far.
    exists: u32,
    pub(super) expunged: u64,
    pub(super) flagged: u64,
    /// Sessions that told what had changed before them (QRESYNC).
    pub(super) gaps: u64,
    /// Unique identifiers up to the highest one, as far as they are still there by all that was told.
    there: BTreeSet<u32>,
    /// Nothing was missed since `there` was looked up.
    is_sure: bool,
    /// A session began since a search.
    wants_search: bool,
    /// What a search did not find of `there`, and in which session: it has to be told before the next one ends.
    doubted: BTreeSet<u32>,
    doubted_in: u64,
    pub(super) faults: Vec<String>,
}

/// The answer to one look at what is new.
pub(super) struct Answer {
    /// From this unique identifier on.
    from: u32,
    /// `7:*` is answered with the last message also where that is below 7 (RFC 9051, 9), alone.
    is_last: bool,
    messages: u64,
}

impl Seen {
    /// Takes a change in; whether there may be new messages. What a session tells must fit what it told before: a
    /// change that is told twice does not, nor does what comes behind one that was lost.
    pub(super) fn hear(&mut self, change: &Change, sessions: u64) -> bool {
        match change {
            Change::Opened(opened) => {
                self.exists = opened.selected.exists.unwrap_or(0);
                if !opened.has_same_uids() {
                    self.faults.push("UIDVALIDITY changed".to_owned());
                }
                self.hear_gap(opened, sessions);
                return true;
            }
            Change::Told(Event::Exists(count)) => {
                if *count <= self.exists {
                    self.faults
                        .push(format!("{count} EXISTS was told, and {} before", self.exists));
                }
                self.exists = *count;
                return true;
            }
            Change::Told(Event::Expunge(number)) => {
                self.expunged += 1;
                if number.get() > self.exists {
                    self.faults.push(format!("{number} EXPUNGE was told of {}", self.exists));
                }
                self.exists = self.exists.saturating_sub(1);
                // Which one that was is not known by its number.
                self.is_sure = false;
            }
            Change::Told(Event::Vanished { earlier, uids }) => {
                let gone: u32 = uids.iter().map(|(from, to)| to.get() - from.get() + 1).sum();
                self.expunged += u64::from(gone);
                if *earlier || gone > self.exists {
                    self.faults.push(format!("{uids:?} VANISHED was told of {}", self.exists));
                }
                self.exists = self.exists.saturating_sub(gone);
                self.forget(uids);
            }
            Change::Told(Event::Fetch(message)) => {
                self.flagged += 1;
                if message.seq.get() > self.exists {
                    self.faults.push(format!("{} FETCH was told of {}", message.seq, self.exists));
                }
            }
            _ => {}
        }
        false
    }

    /// What changed before a session began, or that nobody knows.
    fn hear_gap(&mut self, opened: &Reopened, sessions: u64) {
        self.wants_search = true;
        let Some(gap) = &opened.gap else {
            self.is_sure = false;
            return;
        };
        self.gaps += 1;
        self.forget(&gap.vanished);
        if self.is_sure && sessions > self.doubted_in {
            let untold = self.doubted.intersection(&self.there);
            self.faults.extend(untold.map(|uid| format!("message {uid} went, and nobody told")));
            self.doubted.clear();
        }
    }

    fn forget(&mut self, ranges: &[(Uid, Uid)]) {
        for (from, to) in ranges {
            self.there.retain(|uid| !(from.get()..=to.get()).contains(uid));
        }
    }

    /// Whether to look up what is there.
    pub(super) fn wants_search(&self) -> bool {
        self.wants_search
    }

    /// What is there, by a search in the session of this number.
    pub(super) fn found(&mut self, found: &[Uid], session: u64) {
        let found = found.iter().map(|uid| uid.get()).filter(|&uid| uid <= self.last);
        let found: BTreeSet<u32> = found.collect();
        self.wants_search = false;
        if !self.is_sure {
            self.there = found;
            self.is_sure = true;
            self.doubted.clear();
            return;
        }
        let denied = found.difference(&self.there);
        self.faults.extend(denied.map(|uid| format!("message {uid} is there, and was told gone")));
        self.doubted = self.there.difference(&found).copied().collect();
        self.doubted_in = session;
    }

    /// What it knows is what there is, as far as it can know.
    pub(super) fn knows(&self, there: impl Iterator<Item = u32>) -> bool {
        !self.is_sure || self.there.iter().copied().eq(there)
    }

    pub(super) fn look(&self) -> (UidSet, Answer) {
        let next = std::num::NonZeroU32::MIN.saturating_add(self.last);
        let answer = Answer { from: next.get(), is_last: false, messages: 0 };
        (UidSet::starting_at(Uid::from(next)), answer)
    }

    /// Takes a message of an answer in. Each comes once: nothing is sorted out here.
    pub(super) fn take(&mut self, message: &Message, answer: &mut Answer) {
        let uid = message.uid.map_or(0, Uid::get);
        answer.messages += 1;
        if uid > self.last {
            self.last = uid;
            self.there.insert(uid);
            self.numbers.extend(number_of(message));
        } else if uid < answer.from && !answer.is_last {
            answer.is_last = true;
        } else {
            self.faults.push(format!("message {uid} was handed out twice"));
        }
        if answer.is_last && answer.messages > 1 {
            self.faults.push(format!("message {uid} was handed out and not asked for"));
        }
    }
}
