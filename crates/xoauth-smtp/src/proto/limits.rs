//! What one session accepts from a server at most.

use core::fmt;

/// Bounds on everything whose size a server decides, checked before it is stored.
///
/// ```
/// let mut limits = xoauth_smtp::Limits::default();
/// limits.lines = 100;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets of one line of a reply, its CRLF included: 12,294. RFC 4954 (4) calls 12,288 octets of a SASL
    /// challenge sufficient; the code and CRLF come on top. Other lines have 512 (RFC 5321 4.5.3.1.5).
    pub line: usize,
    /// Octets of one reply, all its lines together: 64 KiB.
    pub reply: usize,
    /// Lines of one reply: 512. Large EHLO answers have about 30.
    pub lines: usize,
    /// Commands that are sent ahead of their replies where the server offers PIPELINING: 100. Their replies
    /// must fit the buffers between the server and us while we are still writing, or both wait for ever
    /// (RFC 2920 3.1); 100 replies of the greatest length are 50 KiB. A driver that
    /// [hears while it writes](crate::proto::Machine::hears_while_writing) needs no such bound.
    pub window: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 12_294, reply: 64 * 1024, lines: 512, window: 100 }
    }
}

/// Which of the [`Limits`] a server passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitKind {
    /// [`Limits::line`].
    Line,
    /// [`Limits::reply`].
    Reply,
    /// [`Limits::lines`].
    Lines,
}

impl fmt::Display for LimitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Line => "reply line length",
            Self::Reply => "reply length",
            Self::Lines => "lines of a reply",
        })
    }
}
