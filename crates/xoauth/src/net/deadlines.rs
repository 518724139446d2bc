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
/// What has come by the time a session notices that one passed is heard, as far as 16 reads go, where the stream can be read
/// without waiting ([`hears_while_writing`](crate::net::Transport::hears_while_writing)): a process that was stopped does not give up an answer that is there. An async
/// session hears what its runtime knows to be there, which is nothing where the runtime's thread itself was blocked.
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
    /// 30 seconds. The answer to a goodbye is waited for as long, and so is the answer to whether a connection of a pool
    /// is still there. If the system never finishes resolving a name, the thread that asked it outlives the deadline.
    pub connect: Duration,
    /// One IMAP command with its whole answer, one item or part of a stream: 5 minutes.
    pub command: Duration,
    /// The answer to one SMTP command, or to the message: 10 minutes, what RFC 5321 (4.5.3.2.6) asks a client to
    /// wait for the latter. It begins when everything was sent, and anew with each complete answer: a message to many
    /// recipients may take this long for each of its commands. Signing in has it once for all its steps.
    pub delivery: Duration,
    /// Octets a second: an operation whose time is over goes on while its content, a body that is read or
    /// what is sent, flows at least this fast. 4096.
    pub slowest: u32,
    /// The most that one operation may take, however well its content flows and however many commands it has. An
    /// operation is one command or one message, an item or a part of a stream, or the next outcome of many messages.
    /// `None` by default, so that a long transfer may take long.
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
    /// The same bound for connecting and for each operation as a whole: nothing takes longer, not even a large body on a
    /// slow line or a message to many recipients. If those may, set [`Deadlines::total`] to `None` afterwards.
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
