//! The driver of both protocols.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use xoauth_sasl::wire::{Conversation, TransportFault, Want};

use super::dial::timed_out;
use super::io::Io;
use super::pace::{Pace, Way};
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
    pace: &mut Pace,
    trace: Option<&Trace>,
    cx: &mut Context<'_>,
) -> Poll<Result<Stop, C::Error>> {
    let mut has_said = false;
    loop {
        let wants = conversation.poll()?;
        let mut is_writing = matches!(wants, Want::Write(_));
        let moved = match wants {
            Want::Write(octets) => {
                be_at_work(pace, io);
                match io.poll_write(cx, octets) {
                    Poll::Ready(written) => written.map(Moved::Out),
                    // The peer may take no more before somebody reads what it says.
                    Poll::Pending => {
                        ready!(io.poll_read(cx, conversation.read_buffer())).map(Moved::In)
                    }
                }
            }
            Want::Read => {
                be_at_work(pace, io);
                if std::mem::take(&mut has_said) {
                    begin_next(pace, io);
                }
                match io.poll_flush(cx) {
                    Poll::Ready(Err(error)) => {
                        is_writing = true;
                        Err(error)
                    }
                    // The peer may take no more before somebody reads what it says.
                    Poll::Ready(Ok(())) | Poll::Pending => {
                        ready!(io.poll_read(cx, conversation.read_buffer())).map(Moved::In)
                    }
                }
            }
            Want::Body => {
                be_at_work(pace, io);
                match conversation.poll_body(cx) {
                    Poll::Ready(taken) => {
                        taken?;
                        continue;
                    }
                    // On a stream that hears nothing meanwhile nobody else looks at the clock.
                    Poll::Pending if pace.is_over(|| io.now()) => Err(timed_out()),
                    // The peer may answer, or give up, before the source has more.
                    Poll::Pending => match io.poll_flush(cx) {
                        Poll::Ready(Err(error)) => {
                            is_writing = true;
                            Err(error)
                        }
                        Poll::Ready(Ok(())) | Poll::Pending => {
                            ready!(io.poll_hear(cx, conversation.read_buffer())).map(Moved::In)
                        }
                    },
                }
            }
            Want::Chunk(_) => return Poll::Ready(Ok(hand_out(Stop::Chunk, io, cx))),
            Want::StartTls => return Poll::Ready(Ok(Stop::StartTls)),
            Want::Done => return Poll::Ready(Ok(hand_out(Stop::Done, io, cx))),
        };
        match moved.or_else(|error| hear_late(error, conversation, pace, io, cx).map(Moved::In)) {
            Ok(Moved::In(0) | Moved::Out(0)) => conversation.end_of_stream()?,
            Ok(Moved::In(n)) => {
                if conversation.is_receiving_content() {
                    go_on(Way::In, n, pace, io);
                }
                conversation.received(n);
                if conversation.hear_answers()? {
                    begin_next(pace, io);
                }
            }
            Ok(Moved::Out(n)) => {
                conversation.written(n);
                go_on(Way::Out, n, pace, io);
                has_said = true;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                conversation.truncated()?
            }
            Err(error) => {
                if is_writing && is_cut_off(&error) && hear_last_words(conversation, io, cx)? {
                    return Poll::Ready(Ok(Stop::Done));
                }
                return Poll::Ready(Err(conversation.transport_failed(fault(error))));
            }
        }
        if let Some(trace) = trace {
            trace.show(|| conversation.next_line());
        }
    }
}

/// Time runs from the first thing on that takes any: what has come already is handed out without a look at the
/// clock.
fn be_at_work(pace: &mut Pace, io: &mut impl Io) {
    let deadline = pace.resume(|| io.now());
    io.set_deadline(deadline);
}

/// The caller may take long: what was written does not wait for it. What the peer does not take now, and what
/// fails, comes up again when there is more to do.
fn hand_out(stop: Stop, io: &mut impl Io, cx: &mut Context<'_>) -> Stop {
    let _ = io.poll_flush(cx);
    stop
}

/// The peer takes nothing more.
fn is_cut_off(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
}

/// Hears what came before the peer was gone: answers to what it took, and often why it takes no more. Answers
/// whether nothing is left to be heard.
fn hear_last_words<C: Conversation, I: Io>(
    conversation: &mut C,
    io: &mut I,
    cx: &mut Context<'_>,
) -> Result<bool, C::Error> {
    loop {
        match io.poll_hear(cx, conversation.read_buffer()) {
            Poll::Ready(Ok(n @ 1..)) => conversation.received(n),
            _ => return Ok(false),
        }
        if conversation.hear()? {
            return Ok(true);
        }
    }
}

/// Where a deadline has passed, what had come by then: a process that was stopped, or had other things to do, looks at
/// the clock late. Nothing is waited for, and the deadline stays what it was.
fn hear_late<C: Conversation>(
    error: io::Error,
    conversation: &mut C,
    pace: &mut Pace,
    io: &mut impl Io,
    cx: &mut Context<'_>,
) -> io::Result<usize> {
    if error.kind() != io::ErrorKind::TimedOut || !pace.may_look() {
        return Err(error);
    }
    io.set_deadline(None);
    let heard = io.poll_hear(cx, conversation.read_buffer());
    be_at_work(pace, io);
    match heard {
        Poll::Ready(Ok(n @ 1..)) => Ok(n),
        _ => Err(error),
    }
}

/// Content moved, which may move the deadline.
fn go_on(way: Way, octets: usize, pace: &mut Pace, io: &mut impl Io) {
    if let Some(deadline) = pace.moved(way, octets, io.now()) {
        io.set_deadline(Some(deadline));
    }
}

/// The time of the next command begins, where each has its own.
fn begin_next(pace: &mut Pace, io: &mut impl Io) {
    if let Some(deadline) = pace.begin_next(|| io.now()) {
        io.set_deadline(Some(deadline));
    }
}

enum Moved {
    In(usize),
    Out(usize),
}

pub(super) fn fault(error: io::Error) -> TransportFault {
    match error.kind() {
        io::ErrorKind::TimedOut => TransportFault::Deadline,
        _ => TransportFault::Failed(Arc::new(error)),
    }
}
