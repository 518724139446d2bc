//! What a reader saw, and whether it fits together.

use xoauth::imap::{Change, Event, Message, Uid, UidSet};

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
    pub(super) fn hear(&mut self, change: &Change) -> bool {
        match change {
            Change::Opened(opened) => {
                self.exists = opened.selected.exists.unwrap_or(0);
                if !opened.has_same_uids() {
                    self.faults.push("UIDVALIDITY changed".to_owned());
                }
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
