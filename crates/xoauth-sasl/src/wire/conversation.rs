//! What a driver and a protocol machine say to each other, the same for IMAP and SMTP.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::task::{Context, Poll};

/// What the driver must do next; lent from the machine, nothing is copied. A driver does each of them: another one would
/// break drivers, and is meant to.
pub enum Want<'a> {
    /// Write these octets, then tell [`Conversation::written`] how many the transport took.
    Write(&'a [u8]),
    /// Read into [`Conversation::read_buffer`], then tell [`Conversation::received`], or
    /// [`Conversation::end_of_stream`] when there was nothing left to read.
    Read,
    /// Octets are missing of a body that a [`Source`](super::Source) has: call
    /// [`Conversation::poll_body`].
    Body,
    /// Octets of a body for the caller; gone when the machine is polled again.
    Chunk(&'a [u8]),
    /// The server agreed to STARTTLS: hand the transport to TLS and go on with a new machine, which knows
    /// nothing of what was said in the clear.
    StartTls,
    /// Everything that was asked has its answer.
    Done,
}

impl fmt::Debug for Want<'_> {
    /// Counts octets and shows none: they may be the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(octets) => write!(f, "Write(<{} octets>)", octets.len()),
            Self::Read => f.write_str("Read"),
            Self::Body => f.write_str("Body"),
            Self::Chunk(octets) => write!(f, "Chunk(<{} octets>)", octets.len()),
            Self::StartTls => f.write_str("StartTls"),
            Self::Done => f.write_str("Done"),
        }
    }
}

/// A machine at work on its commands, as a driver sees it. The driver is a loop over [`Want`] and knows no
/// word of the protocol.
pub trait Conversation {
    /// What breaks the session.
    type Error;

    /// Goes on until the driver is needed.
    ///
    /// # Errors
    /// Whatever broke the session; every later call answers the same.
    fn poll(&mut self) -> Result<Want<'_>, Self::Error>;

    /// Room to read into; never empty after [`Want::Read`].
    fn read_buffer(&mut self) -> &mut [u8];

    /// What is read next are octets of a body whose size was announced.
    fn is_receiving_content(&self) -> bool {
        false
    }

    /// `n` octets were read.
    fn received(&mut self, n: usize);

    /// Hears what was received, before the next [`Conversation::poll`] would. Answers whether the peer's answer to a
    /// command came to its end: a driver that gives each command its own time begins the next one's then.
    ///
    /// # Errors
    /// As [`Conversation::poll`].
    fn hear_answers(&mut self) -> Result<bool, Self::Error> {
        Ok(false)
    }

    /// The first `n` octets of [`Want::Write`] were written.
    fn written(&mut self, n: usize);

    /// Takes octets from the source of a body, after [`Want::Body`]. Pending where the source has to
    /// be waited for; it wakes `cx` then.
    ///
    /// # Errors
    /// The source failed, and with it the session; a failure that the session outlives is not reported here.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let _ = cx;
        Poll::Ready(Ok(()))
    }

    /// The peer takes nothing more: hears what it had said by then. Answers whether everything that was asked has
    /// its answer.
    ///
    /// # Errors
    /// What the peer said breaks the session.
    fn hear(&mut self) -> Result<bool, Self::Error> {
        Ok(matches!(self.poll()?, Want::Done))
    }

    /// The peer closed its side.
    ///
    /// # Errors
    /// The fault, where something was still to be heard.
    fn end_of_stream(&mut self) -> Result<(), Self::Error>;

    /// The stream ended although TLS was not closed: what came is genuine, and whether more was to come
    /// nobody can tell.
    ///
    /// # Errors
    /// The fault, where something was still to be heard.
    fn truncated(&mut self) -> Result<(), Self::Error> {
        Err(self.transport_failed(TransportFault::Truncated))
    }

    /// The transport failed, or a deadline passed: the machine is broken from now on.
    fn transport_failed(&mut self, fault: TransportFault) -> Self::Error;

    /// The next line a trace may show: bounded, escaped, without our secrets.
    fn next_line(&mut self) -> Option<(Direction, String)>;
}

/// How a transport failed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum TransportFault {
    /// The peer closed the connection.
    Closed,
    /// The connection ended without the end of TLS (`close_notify`): the peer broke off, or somebody cut in between.
    Truncated,
    /// A deadline of the caller passed.
    Deadline,
    /// Reading or writing failed; the transport's own error says how.
    Failed(Arc<dyn core::error::Error + Send + Sync>),
}

impl TransportFault {
    /// The error of the transport itself.
    pub fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Failed(error) => Some(&**error),
            Self::Closed | Self::Truncated | Self::Deadline => None,
        }
    }
}

impl fmt::Display for TransportFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "server closed the connection",
            Self::Truncated => "connection broke off without the end of TLS",
            Self::Deadline => "deadline passed",
            Self::Failed(_) => "connection failed",
        })
    }
}

/// Who sent a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// We did.
    Client,
    /// The server did.
    Server,
}

impl Direction {
    /// `C` or `S`, as the RFCs write dialogues.
    pub fn letter(self) -> char {
        match self {
            Self::Client => 'C',
            Self::Server => 'S',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;
    use core::task::Waker;

    /// Says what there is to do, and knows how its transport failed.
    #[derive(Default)]
    struct Plain {
        is_done: bool,
        fault: Option<TransportFault>,
    }

    impl Conversation for Plain {
        type Error = ();

        fn poll(&mut self) -> Result<Want<'_>, ()> {
            match (&self.fault, self.is_done) {
                (Some(_), _) => Err(()),
                (None, true) => Ok(Want::Done),
                (None, false) => Ok(Want::Read),
            }
        }

        fn read_buffer(&mut self) -> &mut [u8] {
            &mut []
        }

        fn received(&mut self, _: usize) {}

        fn written(&mut self, _: usize) {}

        fn end_of_stream(&mut self) -> Result<(), ()> {
            Ok(())
        }

        fn transport_failed(&mut self, fault: TransportFault) {
            self.fault = Some(fault);
        }

        fn next_line(&mut self) -> Option<(Direction, String)> {
            None
        }
    }

    #[test]
    fn what_a_conversation_does_not_tell_is_left_out() {
        let mut plain = Plain::default();
        assert!(!plain.is_receiving_content());
        assert_eq!(plain.hear_answers(), Ok(false));
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(plain.poll_body(&mut cx), Poll::Ready(Ok(())));
        assert!(plain.fault.is_none());
    }

    #[test]
    fn who_hears_the_last_words_goes_on_as_ever() {
        for is_done in [false, true] {
            let mut plain = Plain { is_done, ..Plain::default() };
            assert_eq!(plain.hear(), Ok(is_done));
            plain.transport_failed(TransportFault::Closed);
            assert_eq!(plain.hear(), Err(()));
        }
    }

    #[test]
    fn a_stream_that_breaks_off_has_failed() {
        let mut plain = Plain { is_done: true, ..Plain::default() };
        assert_eq!(plain.truncated(), Err(()));
        assert!(matches!(plain.fault, Some(TransportFault::Truncated)));
    }

    #[test]
    fn octets_on_their_way_are_counted_not_shown() {
        let wants = [
            (Want::Write(b"secret"), "Write(<6 octets>)"),
            (Want::Chunk(b"a body"), "Chunk(<6 octets>)"),
            (Want::Read, "Read"),
            (Want::Body, "Body"),
            (Want::StartTls, "StartTls"),
            (Want::Done, "Done"),
        ];
        for (want, shown) in wants {
            assert_eq!(format!("{want:?}"), shown);
        }
    }

    #[test]
    fn a_fault_keeps_the_error_of_the_transport() {
        let fault = TransportFault::Failed(Arc::new(crate::Error::Cancelled));
        assert_eq!(fault.to_string(), "connection failed");
        assert!(fault.source().is_some());
        assert!(TransportFault::Closed.source().is_none());
        assert_eq!([Direction::Client, Direction::Server].map(Direction::letter), ['C', 'S']);
    }
}
