//! What a command is to the machine, and to its user.

use alloc::vec::Vec;
use core::fmt;
use core::task::{Context, Poll};

use crate::error::Error;
use crate::parse::Response;
use crate::proto::encoder::Encoder;
use crate::proto::footprint::Footprint;
use crate::proto::forced::Forced;
use crate::proto::state::State;
use crate::types::{Event, StatusText};

/// One command and everything it hears, as the machine drives it. Object safe: the machine is compiled
/// once for all commands, a user's own included.
/// It moves between threads with the future that runs it.
///
/// The machine calls `encode` once, then any of the `on_` methods as the server speaks, and
/// `on_completed` with the tagged answer.
pub trait Exchange: Send {
    /// Writes the command behind its tag and space, its line end excluded.
    ///
    /// # Errors
    /// An argument that cannot be sent, or a state in which the command cannot work: nothing is sent and
    /// the session stays usable.
    fn encode(&mut self, out: &mut Encoder<'_>, state: &State) -> Result<(), Error>;

    /// What kind of conversation this is; commands of a user's own are [`Kind::Command`].
    fn kind(&self) -> Kind {
        Kind::Command
    }

    /// What else may be in flight together with it (RFC 9051, 5.5).
    fn footprint(&self) -> Footprint<'_> {
        Footprint::Alone
    }

    /// Whether it may be sent again on another connection, although nobody knows whether the server carried it
    /// out: it changes nothing, or the same a second time, and means the same messages there.
    fn is_repeatable(&self) -> bool {
        false
    }

    /// What it leaves when its caller is gone before its tagged answer.
    fn leaves(&self) -> Leaves {
        match self.footprint() {
            Footprint::Status | Footprint::Copies(_) | Footprint::Moves(_) => Leaves::Status,
            _ => Leaves::Data,
        }
    }

    /// The server sent `+` and no literal waits for it: writes the answer, its line end included.
    fn on_continuation(&mut self, text: &[u8], out: &mut Encoder<'_>) -> Result<Continued, Error> {
        let _ = (text, out);
        Ok(Continued::Unexpected)
    }

    /// Gives the next octets of a content that `encode` announced ([`Encoder::content`]): writes them to the
    /// front of `room`, which is no longer than what is left, and tells how many they are. Pending where they have
    /// to be waited for; the source wakes `cx` then.
    ///
    /// # Errors
    /// What breaks the session, for a content that was begun cannot be taken back: [`Error::Content`]. So does
    /// an answer of 0.
    fn poll_fill(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<Result<usize, Error>> {
        let _ = (cx, room);
        Poll::Ready(Ok(0))
    }

    /// The caller wants the command to come to its end, which it does not do alone: IDLE writes DONE.
    fn on_interrupt(&mut self, out: &mut Encoder<'_>) {
        let _ = out;
    }

    /// Data or a status that the server sent without a tag.
    ///
    /// # Errors
    /// What breaks the session: a limit, or data that makes going on unsafe.
    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let _ = response;
        Ok(Claim::Pass)
    }

    /// A literal begins in a response that is not complete yet: says where its octets go.
    ///
    /// # Errors
    /// The literal is larger than this command may take.
    fn on_literal(&mut self, literal: &Announcement<'_>) -> Result<Sink, Error> {
        let _ = literal;
        Ok(Sink::Buffer)
    }

    /// Octets of a literal that `on_literal` wanted as [`Sink::Deliver`].
    fn on_chunk(&mut self, octets: &[u8]) {
        let _ = octets;
    }

    /// Whether the server has heard all that an OK answers. One that comes before is no answer to this command, and
    /// the session is over: so where the credentials of a login were not sent yet.
    fn has_said_all(&self) -> bool {
        true
    }

    /// The tagged answer is NO or BAD: what the command claimed and the server did all the same, which is news then. A
    /// MOVE may have moved some of its messages (RFC 6851 3.3).
    fn on_refused(&mut self) -> Vec<Event> {
        Vec::new()
    }

    /// The tagged answer came, after its response code has changed the state.
    fn on_completed(&mut self, status: &StatusText, state: &mut State) {
        let _ = (status, state);
    }
}

/// What users see of a command: a value with an output.
pub trait Command: Exchange {
    /// What the command answers when the server says OK.
    type Output;

    /// Turns what was heard and the tagged answer into the output.
    ///
    /// # Errors
    /// [`Error::Refused`] for NO and BAD, [`Error::MissingData`] for an OK that lacks what the command
    /// requires. Neither is fatal.
    fn finish(self, status: StatusText) -> Result<Self::Output, Error>;

    /// The same command, sent although the server does not list the capability it needs, or no mailbox is
    /// known to be selected.
    fn even_if_unlisted(self) -> Forced<Self>
    where
        Self: Sized,
    {
        Forced::new(self)
    }
}

/// The conversations the machine itself has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A command with a tag.
    Command,
    /// Hears the greeting: sends nothing.
    Greeting,
    /// Its OK hands the transport to TLS (RFC 9051, 6.2.1).
    StartTls,
    /// The server's BYE belongs to it (RFC 9051, 6.1.3).
    Logout,
}

/// What a command leaves that nobody waits for any more: [`Machine::leave`](crate::proto::Machine::leave).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Leaves {
    /// Its tagged answer; what is told besides is news.
    Status,
    /// The same, and DONE where the server agrees only now: IDLE.
    Idle,
    /// A mailbox that may be selected or not.
    Selection,
    /// Messages, of which each tells more than flags: those that tell flags alone are news (RFC 9051, 7.5.2).
    Messages,
    /// What the server says that it switched on: ENABLE.
    Extensions,
    /// Octets that travel in another way, or not: nothing can be said any more. COMPRESS.
    Stream,
    /// Data that cannot be told from news.
    #[default]
    Data,
}

/// Whose an untagged response is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Claim {
    /// This command's answer.
    Mine,
    /// This command's answer, which it hands on only at its end although it is a stream: it counts towards the
    /// [`Limits`](crate::Limits) until then.
    Kept,
    /// This command's answer, and it breaks the grammar, so that what it tells is not known: the session ends.
    Spoilt,
    /// Another command's, or news for the caller.
    Pass,
    /// It ends this conversation, which has no tag (the greeting).
    Finished,
}

/// What became of a continuation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continued {
    /// The answer was written.
    Answered,
    /// This command expects none: the peer broke the protocol.
    Unexpected,
}

/// Where the octets of a literal go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sink {
    /// They stay part of the response, within [`Limits::buffered_literal`](crate::Limits).
    Buffer,
    /// To [`Exchange::on_chunk`], piece by piece, in constant memory.
    Deliver,
    /// To whoever drives the machine, as [`Want::Chunk`](xoauth_sasl::wire::Want).
    Lend,
    /// Nowhere: they are read and thrown away, however many they are.
    Discard,
}

/// A literal of a response that is not complete yet.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Announcement<'a> {
    /// The response up to its first literal, the `{n}` and its CRLF included.
    pub head: &'a [u8],
    /// What stands between this literal and the one before, `{n}` and CRLF included; `head` where it is the
    /// first. No content of a literal is in either.
    pub line: &'a [u8],
    /// Octets announced.
    pub len: u64,
    /// Other commands are in flight, to which the response may belong.
    pub is_shared: bool,
}

impl fmt::Debug for Announcement<'_> {
    /// Counts octets and shows none: servers echo what they were sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announcement")
            .field("head", &self.head.len())
            .field("line", &self.line.len())
            .field("len", &self.len)
            .field("is_shared", &self.is_shared)
            .finish()
    }
}
