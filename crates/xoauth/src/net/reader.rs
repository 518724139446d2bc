//! Readers as sources of bodies.

use std::io::{ErrorKind, Read};
use std::sync::Arc;
use std::task::{Context, Poll};

use xoauth_sasl::wire::{Source, SourceFault};

/// A body that comes from a `Read`: a file, a pipe, a decoder.
///
/// ```
/// use xoauth::net::Reader;
/// # #[cfg(feature = "smtp")]
/// use xoauth::smtp::Message;
///
/// let file = std::io::Cursor::new("Subject: hi\n\nhello\n");
/// # #[cfg(feature = "smtp")]
/// let message = Message::streamed(Reader(file)).normalise_line_ends();
/// ```
#[derive(Debug)]
pub struct Reader<R>(pub R);

impl<R: Read + Send> Source for Reader<R> {
    fn poll_read(
        &mut self,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, SourceFault>> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(n) => return Poll::Ready(Ok(n)),
                Err(error) => return Poll::Ready(Err(Arc::new(error))),
            }
        }
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
        let mut source = Reader(Flaky(0));
        let mut buffer = [0; 4];
        assert!(matches!(source.poll_read(&mut cx, &mut buffer), Poll::Ready(Ok(1))));
        assert_eq!(&buffer, b"x\0\0\0");
        let Poll::Ready(Err(fault)) = source.poll_read(&mut cx, &mut buffer) else { panic!() };
        assert_eq!(fault.to_string(), "broken");
    }
}
