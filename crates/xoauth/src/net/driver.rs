//! The driver of both protocols.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use xoauth_sasl::wire::{Conversation, TransportFault, Want};

use super::io::Io;
use crate::trace::Trace;

/// Why the driver came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Everything has its answer.
    Done,
    /// TLS is to be started.
    StartTls,
    /// Octets are lent.
    Chunk,
}

/// Does what the machine wants until it needs its caller, or the stream has to be waited for.
///
/// Everything that is under way is the machine's: a caller that does not come back loses nothing.
pub(crate) fn poll_drive<C: Conversation, I: Io>(
    conversation: &mut C,
    io: &mut I,
    trace: Option<&Trace>,
    cx: &mut Context<'_>,
) -> Poll<Result<Stop, C::Error>> {
    loop {
        let moved = match conversation.poll()? {
            Want::Write(octets) => match io.poll_write(cx, octets) {
                Poll::Ready(written) => written.map(Moved::Out),
                // The peer may take no more before somebody reads what it says.
                Poll::Pending => {
                    ready!(io.poll_read(cx, conversation.read_buffer())).map(Moved::In)
                }
            },
            Want::Read => match ready!(io.poll_flush(cx)) {
                Ok(()) => ready!(io.poll_read(cx, conversation.read_buffer())).map(Moved::In),
                Err(error) => Err(error),
            },
            Want::Chunk(_) => return Poll::Ready(Ok(Stop::Chunk)),
            Want::StartTls => return Poll::Ready(Ok(Stop::StartTls)),
            Want::Done => return Poll::Ready(Ok(Stop::Done)),
        };
        match moved {
            Ok(Moved::In(0) | Moved::Out(0)) => conversation.end_of_stream()?,
            Ok(Moved::In(n)) => conversation.received(n),
            Ok(Moved::Out(n)) => conversation.written(n),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Poll::Ready(Err(conversation.transport_failed(fault(error)))),
        }
        if let Some(trace) = trace {
            trace.show(|| conversation.next_line());
        }
    }
}

enum Moved {
    In(usize),
    Out(usize),
}

fn fault(error: io::Error) -> TransportFault {
    match error.kind() {
        io::ErrorKind::TimedOut => TransportFault::Deadline,
        io::ErrorKind::UnexpectedEof => TransportFault::Closed,
        _ => TransportFault::Failed(Arc::new(error)),
    }
}
