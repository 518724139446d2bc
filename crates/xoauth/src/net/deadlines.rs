//! How long sessions wait.

use std::time::Duration;

/// How long whole operations may take, from their first octet to their last.
///
/// Only SMTP, where a message takes many commands, has a time for the answer to each ([`delivery`](Self::delivery)),
/// and for all of them where [`total`](Self::total) says so.
/// A server that drips octets does not extend any of them, and what the caller does between two steps of a stream is
/// not counted. Neither is a source of tokens: a [`TokenCommand`](crate::TokenCommand) has a bound of its own, a closure
/// has to keep one.
///
/// ```
/// use std::time::Duration;
/// use xoauth::Deadlines;
///
/// let mut deadlines = Deadlines::default();
/// deadlines.connect = Duration::from_secs(10);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deadlines {
    /// Connecting: all addresses, TLS, the greeting and what a session asks before it is handed out;
    /// 30 seconds. So long a goodbye is waited for as well, and the answer to whether a connection of a pool is still
    /// there. Where the system resolves names without end, its thread outlives the deadline.
    pub connect: Duration,
    /// One IMAP command with its whole answer, one item or part of a stream: 5 minutes.
    pub command: Duration,
    /// The answer to one SMTP command, or to the message: 10 minutes, what RFC 5321 (4.5.3.2.6) asks a client to
    /// wait for the latter. It begins when everything was said, and anew with each answer that came whole: a message
    /// to many recipients may take as many times as long as it has commands. Signing in has it once for all.
    pub delivery: Duration,
    /// Octets a second: an operation whose time is over goes on while its content, a body that is read or
    /// what is sent, flows at least this fast. 4096.
    pub slowest: u32,
    /// What no operation exceeds, however well its content flows and however many commands it has: one command or
    /// one message, of a stream an item or a part, of many messages the next outcome. None, so that what is long may take long.
    /// Connecting never takes longer than [`connect`](Self::connect); waiting for news is no operation.
    pub total: Option<Duration>,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            command: Duration::from_secs(300),
            delivery: Duration::from_secs(600),
            slowest: 4096,
            total: None,
        }
    }
}

impl Deadlines {
    /// The same bound for connecting and for each operation, whole: nothing takes longer, a large body on a slow line
    /// or a message to many recipients either. Where those may, [`Deadlines::total`] is set to `None` behind this.
    ///
    /// ```
    /// use std::time::Duration;
    /// use xoauth::Deadlines;
    ///
    /// let mut deadlines = Deadlines::all(Duration::from_secs(20));
    /// assert_eq!(deadlines.total, Some(Duration::from_secs(20)));
    /// // Each answer in 20 seconds; content that flows goes on.
    /// deadlines.total = None;
    /// ```
    pub fn all(bound: Duration) -> Self {
        let total = Some(bound);
        Self { connect: bound, command: bound, delivery: bound, total, ..Self::default() }
    }
}
