//! Where the octets of a body come from.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::task::{Context, Poll, ready};

/// What a [`Source`] failed with.
pub type SourceFault = Arc<dyn core::error::Error + Send + Sync>;

/// A body that is read while it is sent, so that one of any size passes in constant memory.
///
/// A slice is one; the crate `xoauth` makes one of any `std::io::Read`. Write your own for octets that
/// have to be waited for: sessions poll again when the waker says so, blocking ones too.
pub trait Source: Send {
    /// Puts the next octets into `buffer`, which is never empty, and answers how many; 0 is the
    /// end.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, SourceFault>>;
}

impl Source for &[u8] {
    fn poll_read(
        &mut self,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, SourceFault>> {
        let n = self.len().min(buffer.len());
        if let (Some((head, tail)), Some(room)) = (self.split_at_checked(n), buffer.get_mut(..n)) {
            room.copy_from_slice(head);
            *self = tail;
        }
        Poll::Ready(Ok(n))
    }
}

/// Asks a source for its next octets: the part of `buffer` they stand in; none at the end.
///
/// # Errors
/// What the source failed with. One that claims more octets than there is room for has failed too: the octets it
/// speaks of are nowhere, and none of them may be taken for the end.
pub fn poll_piece<'b>(
    source: &mut dyn Source,
    cx: &mut Context<'_>,
    buffer: &'b mut [u8],
) -> Poll<Result<&'b [u8], SourceFault>> {
    let read = ready!(source.poll_read(cx, buffer))?;
    let room = buffer.len();
    let piece = buffer.get(..read);
    Poll::Ready(piece.ok_or_else(|| Arc::new(Overrun { read, room }) as SourceFault))
}

/// A source claims to have read more than it had room for.
#[derive(Debug)]
struct Overrun {
    read: usize,
    room: usize,
}

impl fmt::Display for Overrun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "source claims {} octets where there is room for {}", self.read, self.room)
    }
}

impl core::error::Error for Overrun {}

/// A source behind a pointer, for values that hold any.
pub type AnySource<'a> = Box<dyn Source + 'a>;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use core::task::Waker;

    #[test]
    fn a_slice_is_read_to_its_end() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut source: AnySource<'_> = Box::new(&b"hello"[..]);
        let mut found = Vec::new();
        let mut buffer = [0; 2];
        loop {
            match source.poll_read(&mut cx, &mut buffer) {
                Poll::Ready(Ok(0)) => break,
                Poll::Ready(Ok(n)) => found.extend_from_slice(&buffer[..n]),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(found, b"hello");
    }

    /// Claims what it has not read.
    struct Liar(usize);

    impl Source for Liar {
        fn poll_read(
            &mut self,
            _: &mut Context<'_>,
            _: &mut [u8],
        ) -> Poll<Result<usize, SourceFault>> {
            Poll::Ready(Ok(self.0))
        }
    }

    #[test]
    fn a_source_that_claims_more_than_its_room_has_failed() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut buffer = [0; 2];
        for (claimed, expected) in [(0, Some(0)), (2, Some(2)), (3, None), (usize::MAX, None)] {
            let polled = poll_piece(&mut Liar(claimed), &mut cx, &mut buffer);
            let Poll::Ready(result) = polled else { panic!("nothing is waited for") };
            match result {
                Ok(piece) => assert_eq!(Some(piece.len()), expected),
                Err(fault) => {
                    assert_eq!(expected, None);
                    let shown =
                        alloc::format!("source claims {claimed} octets where there is room for 2");
                    assert_eq!(alloc::string::ToString::to_string(&fault), shown);
                }
            }
        }
    }
}
