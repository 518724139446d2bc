//! Readers as sources of bodies.

use std::fmt;
use std::io::{ErrorKind, Read};
use std::sync::Arc;
use std::task::{Context, Poll};

use xoauth_sasl::wire::{Source, SourceFault};

/// Any `Read` (a file, a pipe, a decoder) as the source of a message that is sent or stored, so that it
/// never is in memory as a whole.
///
/// ```
/// # #[cfg(feature = "smtp")] {
/// use xoauth::net::FromReader;
/// use xoauth::smtp::Message;
///
/// let file = std::io::Cursor::new("Subject: hi\n\nhello\n");
/// let message = Message::from_source(FromReader(file)).normalise_line_ends();
/// # let _ = message;
/// # }
/// ```
///
/// ```no_run
/// # #[cfg(feature = "imap")] {
/// use xoauth::imap::command::{Append, Content};
/// use xoauth::net::FromReader;
///
/// let file = std::fs::File::open("message.eml")?;
/// let len = file.metadata()?.len();
/// let append = Append::new("Archive", Content::from_source(FromReader(file), len));
/// # let _ = append;
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct FromReader<R>(pub R);

impl<R: Read> FromReader<R> {
    fn read_on(&mut self, buffer: &mut [u8]) -> Result<usize, SourceFault> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(n) => return Ok(n),
                Err(error) => return Err(Arc::new(error)),
            }
        }
    }
}

impl<R> fmt::Debug for FromReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromReader(..)")
    }
}

impl<R: Read + Send> Source for FromReader<R> {
    fn poll_read(
        &mut self,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, SourceFault>> {
        Poll::Ready(self.read_on(buffer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    /// Interrupted once, then one octet, then broken.
    struct Flaky(usize);

    impl Read for Flaky {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0 += 1;
            match (self.0, buffer.first_mut()) {
                (1, _) => Err(ErrorKind::Interrupted.into()),
                (2, Some(first)) => {
                    *first = b'x';
                    Ok(1)
                }
                _ => Err(std::io::Error::other("broken")),
            }
        }
    }

    #[test]
    fn a_reader_is_a_source_and_keeps_its_error() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut source = FromReader(Flaky(0));
        let mut buffer = [0; 4];
        assert!(matches!(source.poll_read(&mut cx, &mut buffer), Poll::Ready(Ok(1))));
        assert_eq!(&buffer, b"x\0\0\0");
        let Poll::Ready(Err(fault)) = source.poll_read(&mut cx, &mut buffer) else { panic!() };
        assert_eq!(fault.to_string(), "broken");
    }
}
