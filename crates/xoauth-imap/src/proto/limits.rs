//! What one session accepts from a server at most.

/// Bounds on everything whose size a server decides, checked before an octet of it is stored.
///
/// The defaults fit the largest public providers with room to spare.
///
/// ```
/// let mut limits = xoauth_imap::Limits::default();
/// limits.body = 8 * 1024 * 1024;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets of a status, tagged or continuation line: 64 KiB. RFC 7162 servers send long
    /// `[MODIFIED ..]` codes; RFC 2683 (3.2.1.5) asks a server to take 8,000.
    pub line: usize,
    /// Octets of text of one data response, its streamed literals not counted: 16 MiB, which holds an ESEARCH
    /// answer of a million ranges. The values read from it may take as many octets again in memory: two million
    /// ranges, or 170,000 addresses. Of a SEARCH answer, which is read in pieces, only the numbers count, four octets
    /// each: four million.
    pub response: usize,
    /// Octets of literals kept in memory as part of one response: 32 MiB. Message bodies are streamed and
    /// do not count; one response has at most 4,096 of them.
    pub buffered_literal: usize,
    /// Octets of one message body kept in memory for an owned answer: 64 MiB; a stream has no such limit.
    pub body: u64,
    /// Unclaimed responses kept for the caller during one command: 65,536. Those that the caller took no longer count.
    pub events: usize,
    /// Octets that those responses take together, their texts and what each is kept in: 32 MiB, some 50,000 that tell
    /// flags. What several commands leave together is bounded by the same: the oldest goes.
    pub event_octets: usize,
    /// Responses kept as the answer of one command: 100,000. A stream hands them on and has no such limit.
    pub answers: usize,
    /// The same, where the selected mailbox was known to have more messages before the command was sent: as many as
    /// it has, up to a million. What reads a mailbox of 150,000 messages should get them.
    pub answers_in_large_mailbox: usize,
    /// Octets that those responses take together, their texts and what each is kept in: 64 MiB, some 25,000 envelopes, or 130,000 answers
    /// of FLAGS.
    pub answer_octets: usize,
    /// The same, where the selected mailbox was known to have many messages before the command was sent: 4 KiB for each
    /// of them that `answers_in_large_mailbox` allows, and no more than this: 256 MiB.
    pub answer_octets_in_large_mailbox: usize,
    /// Octets of the message bodies kept for those answers together: 256 MiB. A stream counts what was not
    /// taken yet. One message keeps at most 1,000 bodies; a stream whose bodies are lent has no such limit.
    pub answer_bodies: u64,
    /// Octets of the read buffer: 64 KiB, four records of TLS.
    pub read_buffer: usize,
    /// What becomes of a server's faults that do no harm.
    pub faults: Faults,
}

/// What becomes of the faults a server can be understood in spite of:
/// [`FaultKind`](crate::parse::FaultKind).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Faults {
    /// They are counted, and the session goes on.
    #[default]
    Tolerate,
    /// The first ends the session with [`Error::NotTolerated`](crate::Error::NotTolerated): for tests of
    /// servers.
    Refuse,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line: 64 * 1024,
            response: 16 * 1024 * 1024,
            buffered_literal: 32 * 1024 * 1024,
            body: 64 * 1024 * 1024,
            events: 65_536,
            event_octets: 32 * 1024 * 1024,
            answers: 100_000,
            answers_in_large_mailbox: 1_000_000,
            answer_octets: 64 * 1024 * 1024,
            answer_octets_in_large_mailbox: 256 * 1024 * 1024,
            answer_bodies: 256 * 1024 * 1024,
            read_buffer: 64 * 1024,
            faults: Faults::Tolerate,
        }
    }
}

/// Which of the [`Limits`] a server passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitKind {
    /// [`Limits::line`].
    Line,
    /// [`Limits::response`].
    Response,
    /// [`Limits::buffered_literal`], or a literal whose announced size passes 64 bits.
    Literal,
    /// [`Limits::body`].
    Body,
    /// [`Limits::events`] or [`Limits::event_octets`].
    Events,
    /// [`Limits::answers`], [`Limits::answer_octets`] or [`Limits::answer_bodies`], and those of a large mailbox.
    Answers,
    /// Lists nested more than 100 deep.
    Depth,
}

impl core::fmt::Display for LimitKind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Line => "line length",
            Self::Response => "response length",
            Self::Literal => "literal size",
            Self::Body => "message body size",
            Self::Events => "unsolicited responses during one command",
            Self::Answers => "responses kept as the answer of one command",
            Self::Depth => "nesting depth",
        })
    }
}
