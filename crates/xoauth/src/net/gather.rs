//! Records of TLS in large writes.
//!
//! TLS libraries write each record by itself, 16 KiB at most. Of a long message that is a system call, a packet
//! and often the waking of the peer for each; gathered, it is one for eight. Nothing is held back for long: it
//! leaves when it is enough, when the session flushes, which it does before it waits or hands something out, and
//! before anything is read.
//!
//! A TLS library is never told that the stream below takes no more: OpenSSL ends the session where the server changes
//! its keys (RFC 8446 4.6.3) while a write is half done. What it writes is taken always, and it is given no more to write
//! before that has left.

use std::io::{self, Read, Write};
use std::time::Instant;

use super::Transport;

/// From so many octets on they leave before the TLS library is given more.
const ENOUGH: usize = 128 * 1024;

/// So many are never gathered: what was not enough, a portion, and 128 KiB that a peer makes the TLS library say
/// which takes none of it.
const TOO_MUCH: usize = 3 * ENOUGH;

/// What a TLS library is given of a write at once: so many octets as are enough when they were encrypted.
pub(super) fn portion(octets: &[u8]) -> &[u8] {
    octets.get(..ENOUGH).unwrap_or(octets)
}

/// Octets on their way to the stream below: those from `sent` on were not taken by it.
#[derive(Default)]
pub(super) struct Gathered {
    octets: Vec<u8>,
    sent: usize,
}

impl Gathered {
    /// They have to leave before more are added.
    pub(super) fn is_enough(&self) -> bool {
        self.octets.len() >= ENOUGH
    }

    pub(super) fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// Takes what the TLS library says, all of it.
    pub(super) fn add(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.octets.len().saturating_add(octets.len()) > TOO_MUCH {
            return Err(io::Error::other("the peer takes nothing and asks TLS for more and more"));
        }
        self.octets.extend_from_slice(octets);
        Ok(octets.len())
    }

    /// What the stream below is to take next; nothing where it took all.
    pub(super) fn rest(&self) -> &[u8] {
        self.octets.get(self.sent..).unwrap_or_default()
    }

    /// The stream below took so many of the rest.
    pub(super) fn took(&mut self, count: usize) -> io::Result<()> {
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.sent = self.sent.saturating_add(count);
        if self.sent >= self.octets.len() {
            // The room is kept for what comes next.
            self.octets.clear();
            self.sent = 0;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Gathered {
    /// Shows no octets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Gathered").field(&self.rest().len()).finish()
    }
}

/// A transport below TLS that gathers what is written to it.
#[derive(Debug)]
pub(super) struct Gather<T> {
    transport: T,
    gathered: Gathered,
    is_waiting: bool,
    wake: Option<Instant>,
}

impl<T: Transport> Gather<T> {
    pub(super) fn new(transport: T) -> Self {
        Self { transport, gathered: Gathered::default(), is_waiting: true, wake: None }
    }

    pub(super) fn get_ref(&self) -> &T {
        &self.transport
    }

    pub(super) fn get_mut(&mut self) -> &mut T {
        &mut self.transport
    }

    /// What was gathered has left, if it was enough. Where the peer does not take it this fails with
    /// [`io::ErrorKind::WouldBlock`], before the TLS library is given more.
    pub(super) fn make_room(&mut self) -> io::Result<()> {
        if self.gathered.is_enough() { self.empty() } else { Ok(()) }
    }

    /// Hands on what was gathered: what flushing comes to for a session, which may read meanwhile where this fails
    /// with [`io::ErrorKind::WouldBlock`].
    pub(super) fn empty(&mut self) -> io::Result<()> {
        while !self.gathered.is_empty() {
            match self.transport.write(self.gathered.rest()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                taken => self.gathered.took(taken?)?,
            }
        }
        Ok(())
    }
}

impl<T: Transport> Gather<T> {
    /// Reads. That a signal interrupted it is not for a TLS library to hear: OpenSSL takes it for the end of the connection.
    fn read_on(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.transport.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    /// Reads what is there.
    fn hear(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.transport.set_waiting(false);
        let heard = self.read_on(buffer);
        self.transport.set_waiting(true);
        heard
    }

    fn has_to_wake(&self) -> bool {
        self.wake.is_some_and(|wake| self.transport.now() >= wake)
    }
}

impl<T: Transport> Read for Gather<T> {
    /// Nothing is waited for while the peer lacks octets. What it said can be read although it takes none: where a session
    /// waits for an answer, what is left may be TLS's own. Some versions of OpenSSL answer a change of keys
    /// (RFC 8446 4.6.3) while they read.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.empty() {
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(error),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.is_waiting => {}
                _ => return self.read_on(buffer),
            }
            match self.hear(buffer) {
                // The next write waits for a moment, and looks at the clock.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !self.has_to_wake() => {}
                heard => return heard,
            }
        }
    }
}

impl<T: Transport> Write for Gather<T> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.gathered.add(octets)
    }

    /// As the TLS library flushes, in the midst of a handshake or of a change of keys: OpenSSL takes it for the end of
    /// the connection where this cannot be done now. What is left leaves before the next read.
    fn flush(&mut self) -> io::Result<()> {
        match self.empty() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            emptied => emptied.and_then(|()| self.transport.flush()),
        }
    }
}

impl<T: Transport> Transport for Gather<T> {
    fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.transport.set_deadline(deadline);
    }

    fn set_wake(&mut self, at: Option<Instant>) {
        self.wake = at;
        self.transport.set_wake(at);
    }

    fn wait_until(&mut self, at: Instant) {
        self.transport.wait_until(at);
    }

    fn hears_while_writing(&self) -> bool {
        self.transport.hears_while_writing()
    }

    fn set_waiting(&mut self, waiting: bool) {
        self.is_waiting = waiting;
        self.transport.set_waiting(waiting);
    }

    fn close(&mut self) {
        // Who takes nothing misses it.
        let _ = self.empty();
        self.transport.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    /// Takes as much as it has room for, and says what is in `replies`.
    #[derive(Default)]
    struct Peer {
        taken: Vec<usize>,
        room: usize,
        gone: Option<ErrorKind>,
        replies: &'static [u8],
        /// So many reads find nothing.
        silent: usize,
        is_waiting: bool,
    }

    impl Read for Peer {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.silent > 0 {
                assert!(!self.is_waiting, "a read that waits is not interrupted");
                self.silent -= 1;
                return Err(ErrorKind::WouldBlock.into());
            }
            self.replies.read(buffer)
        }
    }

    impl Write for Peer {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            match (self.gone, octets.len().min(self.room)) {
                (Some(kind), _) => Err(kind.into()),
                (None, 0) => Err(ErrorKind::WouldBlock.into()),
                (None, count) => {
                    self.room -= count;
                    self.taken.push(count);
                    Ok(count)
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Transport for Peer {
        fn set_deadline(&mut self, _: Option<Instant>) {}

        fn set_waiting(&mut self, waiting: bool) {
            self.is_waiting = waiting;
        }

        fn close(&mut self) {}
    }

    fn gather(room: usize) -> Gather<Peer> {
        Gather::new(Peer { room, replies: b"250 ok\r\n", ..Peer::default() })
    }

    #[test]
    fn records_leave_together_when_they_are_enough_or_flushed_or_something_is_read() {
        let mut gather = gather(usize::MAX);
        let record = [0; 16_406];
        for _ in 0..9 {
            gather.make_room().unwrap();
            gather.write_all(&record).unwrap();
        }
        assert_eq!(gather.get_ref().taken, [8 * record.len()]);
        gather.flush().unwrap();
        assert_eq!(gather.get_ref().taken, [8 * record.len(), record.len()]);
        gather.write_all(b"NOOP").unwrap();
        assert_eq!(gather.read(&mut [0; 3]).unwrap(), 3);
        assert_eq!(gather.get_ref().taken.last(), Some(&4));
        gather.write_all(b"QUIT").unwrap();
        gather.close();
        assert_eq!(gather.get_ref().taken.len(), 4);
    }

    #[test]
    fn a_peer_that_takes_no_more_loses_nothing_and_is_heard() {
        let mut gather = gather(10);
        gather.write_all(&[0; ENOUGH]).unwrap();
        let kind = |result: io::Result<usize>| result.unwrap_err().kind();
        // What is not taken is not forgotten, and there is no room for more of the session's; the library's own is taken.
        assert_eq!(kind(gather.make_room().map(|()| 0)), ErrorKind::WouldBlock);
        gather.write_all(b"keys").unwrap();
        assert_eq!(kind(gather.empty().map(|()| 0)), ErrorKind::WouldBlock);
        gather.flush().unwrap();
        assert_eq!(gather.read(&mut [0; 3]).unwrap(), 3);
        gather.set_waiting(false);
        assert_eq!(gather.read(&mut [0; 3]).unwrap(), 3);
        gather.get_mut().room = 2 * ENOUGH;
        gather.make_room().unwrap();
        assert_eq!(gather.get_ref().taken.iter().sum::<usize>(), ENOUGH + 4);
        assert!(gather.gathered.is_empty());
    }

    #[test]
    fn a_peer_that_takes_nothing_is_waited_for_until_it_speaks_or_it_is_time_to_wake() {
        let mut gather = gather(0);
        gather.write_all(b"keys").unwrap();
        gather.get_mut().silent = 3;
        assert_eq!(gather.read(&mut [0; 3]).unwrap(), 3);
        assert_eq!(gather.get_ref().silent, 0);
        gather.get_mut().silent = usize::MAX;
        gather.set_wake(Some(gather.now()));
        assert_eq!(gather.read(&mut [0; 3]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(gather.get_ref().is_waiting);
        gather.get_mut().gone = Some(ErrorKind::TimedOut);
        gather.set_wake(None);
        assert_eq!(gather.read(&mut [0; 3]).unwrap_err().kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn a_peer_that_takes_nothing_cannot_make_it_grow_without_end() {
        let mut gather = gather(0);
        // Answers to changes of keys.
        let taken = (0..).take_while(|_| gather.write(&[0; 27]).is_ok()).count();
        assert_eq!(taken, TOO_MUCH / 27);
        assert_eq!(gather.write(&[0; 27]).unwrap_err().kind(), ErrorKind::Other);
        // Not yet where a session may write once more.
        let portion = portion(&[0; 2 * ENOUGH]).len();
        assert_eq!(portion, ENOUGH);
        assert!(TOO_MUCH - ENOUGH - portion >= ENOUGH);
    }

    #[test]
    fn the_last_words_of_a_peer_that_is_gone_are_heard() {
        for (kind, heard) in [(ErrorKind::BrokenPipe, true), (ErrorKind::TimedOut, false)] {
            let mut gather = gather(0);
            gather.write_all(b"DATA").unwrap();
            gather.get_mut().gone = Some(kind);
            assert_eq!(gather.flush().unwrap_err().kind(), kind);
            assert_eq!(gather.read(&mut [0; 3]).is_ok(), heard, "{kind}");
        }
    }
}
