//! The blocking driver of both protocols.

use std::io;
use std::sync::Arc;

use xoauth_sasl::wire::{Conversation, TransportFault, Want};

use super::Transport;
use crate::trace::Trace;

/// Why `drive` came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Everything has its answer.
    Done,
    /// TLS is to be started.
    StartTls,
    /// Octets are lent.
    Chunk,
}

/// Does what the machine wants until it needs its caller.
pub(crate) fn drive<C: Conversation, T: Transport>(
    conversation: &mut C,
    transport: &mut T,
    trace: Option<&Trace>,
) -> Result<Stop, C::Error> {
    loop {
        let moved = match conversation.poll()? {
            Want::Write(octets) => transport.write(octets).map(Moved::Out),
            Want::Read => transport
                .flush()
                .and_then(|()| transport.read(conversation.read_buffer()))
                .map(Moved::In),
            Want::Chunk(_) => return Ok(Stop::Chunk),
            Want::StartTls => return Ok(Stop::StartTls),
            Want::Done => return Ok(Stop::Done),
        };
        match moved {
            Ok(Moved::In(0) | Moved::Out(0)) => conversation.end_of_stream()?,
            Ok(Moved::In(n)) => conversation.received(n),
            Ok(Moved::Out(n)) => conversation.written(n),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(conversation.transport_failed(fault(error))),
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
