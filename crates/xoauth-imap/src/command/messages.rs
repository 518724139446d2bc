//! COPY, MOVE, EXPUNGE (RFC 9051, 6.4.3, 6.4.7 to 6.4.9), with what UIDPLUS tells of them (RFC 4315).

use alloc::vec::Vec;

use super::set::NotASet;
use super::{Numbers, accepted};
use crate::error::Error;
use crate::parse::{Code, Response};
use crate::proto::{Claim, Command, Encoder, Exchange, Footprint, GONE, State};
use crate::types::{ArgumentSink, CopyUid, Event, Mailbox, SeqNo, SeqSet, StatusText, Uid, UidSet};

/// COPY, RFC 9051 6.4.7: all the messages are copied or none.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct Copy {
    numbers: Numbers,
    mailbox: Mailbox,
    copied: Option<CopyUid>,
}

/// MOVE, RFC 6851 and RFC 9051 6.4.8: copies messages and removes the originals, each in one step.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct Move {
    numbers: Numbers,
    mailbox: Mailbox,
    moved: Moved,
}

/// What MOVE did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Moved {
    /// The messages with their copies, where the server tells it (UIDPLUS, RFC 4315).
    pub copied: Option<CopyUid>,
    /// The originals that are gone.
    pub expunged: Expunged,
}

/// Messages that are gone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Expunged {
    /// Their sequence numbers, each at the time it went: the ones behind it moved up by one.
    pub numbers: Vec<SeqNo>,
    /// Their unique identifiers, ranges with both ends included, where QRESYNC is enabled (RFC 7162, 3.2.10).
    pub vanished: Vec<(Uid, Uid)>,
}

impl Expunged {
    fn hear(&mut self, response: &Response<'_>) -> bool {
        match response {
            Response::Expunge(number) => self.numbers.push(*number),
            Response::Vanished(gone) if !gone.earlier => self.vanished.extend(gone.uids()),
            _ => return false,
        }
        true
    }

    /// The same as news, where the command was refused all the same.
    fn news(&mut self) -> Vec<Event> {
        let Self { numbers, vanished } = core::mem::take(self);
        let mut news: Vec<_> = numbers.into_iter().map(Event::Expunge).collect();
        if !vanished.is_empty() {
            news.push(Event::Vanished { earlier: false, uids: vanished });
        }
        news
    }
}

/// The two ways to name messages, and the mailbox they go to.
macro_rules! goes_to_a_mailbox {
    ($command:ident, $field:ident) => {
        impl $command {
            /// Messages named by unique identifier, from a set or from text such as `"1:*"`.
            pub fn new<S: TryInto<UidSet>>(uids: S, mailbox: impl Into<Mailbox>) -> Self
            where
                S::Error: Into<NotASet>,
            {
                let numbers = Numbers::uids(uids);
                Self { numbers, mailbox: mailbox.into(), $field: Default::default() }
            }

            /// Messages named by sequence number.
            pub fn by_sequence<S: TryInto<SeqSet>>(numbers: S, mailbox: impl Into<Mailbox>) -> Self
            where
                S::Error: Into<NotASet>,
            {
                let numbers = Numbers::sequence(numbers);
                Self { numbers, mailbox: mailbox.into(), $field: Default::default() }
            }
        }
    };
}

goes_to_a_mailbox!(Copy, copied);
goes_to_a_mailbox!(Move, moved);

/// COPYUID in an untagged OK: MOVE sends it before the messages go (RFC 6851, 4.3), some servers do for COPY.
/// Of several in flight those are meant that named the originals.
fn told_copies(response: &Response<'_>, numbers: &Numbers, copied: &mut Option<CopyUid>) -> bool {
    let Response::Status(status) = response else { return false };
    let Some(code @ Code::CopyUid { source, .. }) = &status.code else { return false };
    if let Numbers::Uid(set) = numbers {
        if source.ranges().any(|(from, to)| !set.may_hold(from.into()) || !set.may_hold(to.into()))
        {
            return false;
        }
    }
    *copied = CopyUid::from_code(code);
    true
}

impl Exchange for Copy {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::Copies(&self.numbers)
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.needs_mailbox("COPY")?;
        self.numbers.encode("COPY", out)?;
        out.raw(" ");
        self.mailbox.encode(out);
        Ok(())
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let mine = told_copies(response, &self.numbers, &mut self.copied);
        Ok(if mine { Claim::Mine } else { Claim::Pass })
    }
}

impl Command for Copy {
    /// The messages with their copies, where the server tells it (UIDPLUS, RFC 4315). `NO [TRYCREATE]` says
    /// that the mailbox is to be made first.
    type Output = Option<CopyUid>;

    fn finish(self, status: StatusText) -> Result<Option<CopyUid>, Error> {
        let status = accepted("COPY", status)?;
        Ok(self.copied.or_else(|| CopyUid::from_status(status)))
    }
}

impl Exchange for Move {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::Moves(&self.numbers)
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.needs("MOVE", &["MOVE"])?;
        out.needs_mailbox("MOVE")?;
        self.numbers.encode("MOVE", out)?;
        out.raw(" ");
        self.mailbox.encode(out);
        Ok(())
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let Moved { copied, expunged } = &mut self.moved;
        let mine = told_copies(response, &self.numbers, copied) || expunged.hear(response);
        Ok(if mine { Claim::Mine } else { Claim::Pass })
    }

    /// Each message is moved whole or not, but not all of them together (RFC 6851, 3.3).
    fn on_refused(&mut self) -> Vec<Event> {
        let Moved { copied, mut expunged } = core::mem::take(&mut self.moved);
        let mut news: Vec<_> = copied.map(CopyUid::into_event).into_iter().collect();
        news.extend(expunged.news());
        news
    }
}

impl Command for Move {
    type Output = Moved;

    fn finish(self, status: StatusText) -> Result<Moved, Error> {
        let status = accepted("MOVE", status)?;
        let Moved { copied, expunged } = self.moved;
        Ok(Moved { copied: copied.or_else(|| CopyUid::from_status(status)), expunged })
    }
}

/// EXPUNGE, RFC 9051 6.4.3: removes the messages marked \Deleted for good.
#[derive(Debug, Clone, Default)]
#[must_use = "a command does nothing until it is run"]
pub struct Expunge {
    only: Option<Numbers>,
    expunged: Expunged,
}

impl Expunge {
    /// All messages of the mailbox that are marked, also those another session marked.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of these messages, those that are marked: UID EXPUNGE (UIDPLUS, RFC 4315 2.1).
    pub fn only<S: TryInto<UidSet>>(uids: S) -> Self
    where
        S::Error: Into<NotASet>,
    {
        Self { only: Some(Numbers::uids(uids)), expunged: Expunged::default() }
    }
}

impl Exchange for Expunge {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::Data(GONE)
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.needs_mailbox("EXPUNGE")?;
        match &self.only {
            None => out.raw("EXPUNGE"),
            Some(numbers) => {
                out.needs("UID EXPUNGE", &["UIDPLUS"])?;
                numbers.encode("EXPUNGE", out)?;
            }
        }
        Ok(())
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        Ok(if self.expunged.hear(response) { Claim::Mine } else { Claim::Pass })
    }

    fn on_refused(&mut self) -> Vec<Event> {
        self.expunged.news()
    }
}

impl Command for Expunge {
    type Output = Expunged;

    fn finish(self, status: StatusText) -> Result<Expunged, Error> {
        accepted("EXPUNGE", status)?;
        Ok(self.expunged)
    }
}
