//! What a session asks of the stream it runs on.

use std::io::{self, Read, Write};
use std::time::Instant;

/// A stream with a deadline for whole operations.
///
/// Implement it for a stream of your own, or wrap any `Read + Write` in [`Untimed`].
pub trait Transport: Read + Write {
    /// From now on reads and writes fail with [`io::ErrorKind::TimedOut`] once `deadline` has passed,
    /// however many octets arrived meanwhile. `None`: they may wait for ever.
    fn set_deadline(&mut self, deadline: Option<Instant>);

    /// The time by the clock that deadlines are of. A stream that is simulated may have one of its own.
    fn now(&self) -> Instant {
        Instant::now()
    }

    /// From now on a read that waits comes back with [`io::ErrorKind::WouldBlock`] when `at` has passed, before
    /// the deadline, and can be made again: nothing of the stream is lost. `None`: no read does.
    ///
    /// IDLE needs it to come back to its caller while the server says nothing. A stream that leaves it out, as
    /// this does by default, comes back when the server speaks.
    fn set_wake(&mut self, at: Option<Instant>) {
        let _ = at;
    }

    /// Waits until `at` has passed by the clock of [`Transport::now`]. Nothing is read or written meanwhile.
    ///
    /// So wait the next message of a rate, where none is on its way, and IDLE for its next beginning. A stream that is
    /// simulated moves its clock; others sleep, as this does by default.
    fn wait_until(&mut self, at: Instant) {
        std::thread::sleep(at.saturating_duration_since(self.now()));
    }

    /// A write that the peer does not take ends with [`io::ErrorKind::WouldBlock`] after a moment, and
    /// [`Transport::set_waiting`] is obeyed, so that what the peer says can be read meanwhile: a peer that waits
    /// to be heard takes no more. Where this is false, no more is sent ahead of answers than fits the buffers
    /// in between.
    fn hears_while_writing(&self) -> bool {
        false
    }

    /// From now on reads and writes wait for the peer, or do what can be done at once and end with
    /// [`io::ErrorKind::WouldBlock`] where that is nothing.
    fn set_waiting(&mut self, waiting: bool) {
        let _ = waiting;
    }

    /// Ends the stream towards the peer (with TLS: `close_notify`) without waiting for an answer.
    fn close(&mut self);
}

/// A stream of whatever type: what sessions run on that are opened again.
pub type AnyTransport = Box<dyn Transport + Send>;

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn set_deadline(&mut self, deadline: Option<Instant>) {
        (**self).set_deadline(deadline);
    }

    fn now(&self) -> Instant {
        (**self).now()
    }

    fn set_wake(&mut self, at: Option<Instant>) {
        (**self).set_wake(at);
    }

    fn wait_until(&mut self, at: Instant) {
        (**self).wait_until(at);
    }

    fn hears_while_writing(&self) -> bool {
        (**self).hears_while_writing()
    }

    fn set_waiting(&mut self, waiting: bool) {
        (**self).set_waiting(waiting);
    }

    fn close(&mut self) {
        (**self).close();
    }
}

/// Any stream, without deadlines: what bounds its waiting is the stream's own business.
///
/// In the test of a program it may be one in memory that plays the server. Each read gives one reply: those that come ahead of their
/// command end the session. A stream that plays an IMAP server repeats the tag of the command it answers.
///
/// ```
/// # #[cfg(feature = "smtp")] {
/// use std::io::{Read, Result, Write};
/// use xoauth::{net::Untimed, smtp};
///
/// struct Server(Vec<&'static str>);
///
/// impl Read for Server {
///     fn read(&mut self, mut room: &mut [u8]) -> Result<usize> {
///         room.write(self.0.pop().unwrap_or_default().as_bytes())
///     }
/// }
///
/// impl Write for Server {
///     fn write(&mut self, octets: &[u8]) -> Result<usize> {
///         Ok(octets.len())
///     }
///
///     fn flush(&mut self) -> Result<()> {
///         Ok(())
///     }
/// }
///
/// let replies = vec!["550 5.1.1 no such user\r\n", "250 hello\r\n", "220 ready\r\n"];
/// let client = smtp::Builder::new("localhost").from_stream(Untimed(Server(replies)))?;
/// let mut session = client.without_authentication();
/// let sender = smtp::ReversePath::from("ann@example.com".parse::<smtp::Address>()?);
/// let refused = session.run(smtp::exchange::VerifySender::new(sender)).unwrap_err();
/// assert_eq!(refused.to_string(), "sender refused: 550 5.1.1 no such user");
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Untimed<S>(pub S);

impl<S: Read> Read for Untimed<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<S: Write> Write for Untimed<S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<S: Read + Write> Transport for Untimed<S> {
    fn set_deadline(&mut self, _: Option<Instant>) {}

    fn close(&mut self) {
        // Nothing is known about how this stream ends; dropping it does what it does. No flush: it may wait for the peer,
        // and dropping a session waits for nobody. What was to be sent was flushed when it was written.
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Blocking, Connection, Settings};
    use super::*;

    /// A stream whose peer takes nothing: a flush would wait for ever.
    struct Full;

    impl Read for Full {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            unreachable!("a read would wait for ever");
        }
    }

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            unreachable!("a write would wait for ever");
        }

        fn flush(&mut self) -> io::Result<()> {
            unreachable!("a flush would wait for ever");
        }
    }

    #[test]
    fn neither_closing_nor_dropping_waits_for_a_stream_of_the_callers() {
        Untimed(Full).close();
        drop(Connection::new(Blocking::new(Untimed(Full)), Settings::default()));
    }
}
