//! Where the octets of a body come from.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::task::{Context, Poll};

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
}
