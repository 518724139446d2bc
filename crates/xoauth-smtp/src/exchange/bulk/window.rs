//! How far sending may go ahead of the server's answers.

/// Messages that may be on their way, unanswered, where the server offers PIPELINING and CHUNKING.
///
/// When the connection breaks, what became of these is not known: the window bounds how many messages a
/// person must look after. Wider ones help where the round trip is long and messages are short:
/// `bandwidth * round trip` octets keep the pipe full.
///
/// The default is 8 messages and 256 KiB. A message larger than the window goes alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Messages on their way at most; at least one goes.
    pub messages: usize,
    /// Octets of them at most. A message that is read, and does not say its size, counts as none.
    pub octets: u64,
}

impl Window {
    /// So many messages, whatever their size.
    pub fn of_messages(messages: usize) -> Self {
        Self { messages, octets: u64::MAX }
    }
}

impl Default for Window {
    fn default() -> Self {
        Self { messages: 8, octets: 256 * 1024 }
    }
}
