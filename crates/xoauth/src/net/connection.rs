//! What every session holds: a stream, and how to use it.

use std::fmt;
use std::io;
use std::io::ErrorKind;
use std::sync::Arc;
#[cfg(feature = "smtp")]
use std::task::Waker;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use xoauth_sasl::Mask;
use xoauth_sasl::wire::Conversation;
#[cfg(feature = "smtp")]
use xoauth_sasl::wire::TransportFault;

#[cfg(feature = "deflate")]
use super::deflate::{Deflated, Layered};
#[cfg(feature = "smtp")]
use super::driver::fault;
use super::driver::poll_drive;
use super::io::Io;
#[cfg(any(feature = "imap", feature = "smtp"))]
use super::io::OneRead;
use super::pace::Pace;
use super::{Deadlines, Milestone, Milestones, Stop};
use crate::Error;
use crate::trace::Trace;

/// Whom a session talks to, and how long it waits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// The name the certificate was for, and that mechanisms sign.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) deadlines: Deadlines,
    /// When what is under way must be over.
    pub(crate) deadline: Option<Instant>,
    pub(crate) trace: Option<Trace>,
    pub(crate) milestones: Option<Milestones>,
    /// What the server may have heard of us already, to be hidden in whatever it says.
    pub(crate) secrets: Option<Arc<Mask>>,
}

impl Settings {
    /// What became of a handshake that the program did.
    pub(crate) fn secured_by<S>(&self, secured: io::Result<S>) -> Result<S, Error> {
        let stream = secured.map_err(|source| match source.kind() {
            ErrorKind::TimedOut => Error::TlsDeadline,
            _ => Error::OwnTls { host: self.host.clone(), source },
        })?;
        self.reached(Milestone::Secured(None));
        Ok(stream)
    }

    /// Tells how far connecting has come, where somebody wants to hear it.
    pub(crate) fn reached(&self, milestone: Milestone<'_>) {
        if let Some(milestones) = &self.milestones {
            milestones.tell(milestone);
        }
    }

    /// The server may have heard these. They are given back where they are news.
    #[cfg(any(feature = "imap", feature = "smtp"))]
    pub(crate) fn learn(&mut self, secrets: &Arc<Mask>) -> Option<Arc<Mask>> {
        if self.secrets.as_ref().is_some_and(|known| Arc::ptr_eq(known, secrets)) {
            return None;
        }
        self.secrets = Some(Arc::clone(secrets));
        Some(Arc::clone(secrets))
    }
}

/// What stands between a machine and its stream.
#[cfg(feature = "deflate")]
type Layer<I> = Layered<I>;
/// What stands between a machine and its stream.
#[cfg(not(feature = "deflate"))]
type Layer<I> = I;

#[cfg(feature = "deflate")]
fn layer<I>(io: I) -> Layer<I> {
    Layered::Plain(io)
}

#[cfg(not(feature = "deflate"))]
fn layer<I>(io: I) -> Layer<I> {
    io
}

/// A stream that is closed at the first fault, not when the program ends.
pub(crate) struct Connection<I: Io> {
    pub(crate) settings: Settings,
    /// `None` once it was closed.
    io: Option<Layer<I>>,
    pace: Pace,
}

impl<I: Io> Connection<I> {
    pub(crate) fn new(io: I, settings: Settings) -> Self {
        let pace = Pace::new(settings.deadline, settings.deadlines);
        Self { settings, io: Some(layer(io)), pace }
    }

    /// Does what the conversation wants. Its faults are fatal: the connection is closed with the first.
    pub(crate) fn poll_drive<C>(
        &mut self,
        mut conversation: C,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Stop, Error>>
    where
        C: Conversation,
        Error: From<C::Error>,
    {
        let Some(io) = &mut self.io else { return Poll::Ready(Err(Error::Ended)) };
        let trace = self.settings.trace.as_ref();
        let stop = ready!(poll_drive(&mut conversation, io, &mut self.pace, trace, cx));
        self.pace.rest(|| io.now());
        if let Some(trace) = trace {
            trace.show(|| conversation.next_line());
        }
        if stop.is_err() {
            self.close();
        }
        Poll::Ready(Ok(stop?))
    }

    /// Does what the conversation wants until something was heard, or the stream says that it is time to come
    /// back: `None`.
    #[cfg(any(feature = "imap", feature = "smtp"))]
    pub(crate) fn poll_hear<C>(
        &mut self,
        mut conversation: C,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Stop>, Error>>
    where
        C: Conversation,
        Error: From<C::Error>,
    {
        let Some(io) = &mut self.io else { return Poll::Ready(Err(Error::Ended)) };
        let trace = self.settings.trace.as_ref();
        let mut once = OneRead::new(io);
        let stop = match poll_drive(&mut conversation, &mut once, &mut self.pace, trace, cx) {
            Poll::Ready(stop) => stop.map(Some),
            Poll::Pending if once.is_over => Ok(None),
            Poll::Pending => return Poll::Pending,
        };
        self.pace.rest(|| io.now());
        if let Some(trace) = trace {
            trace.show(|| conversation.next_line());
        }
        if stop.is_err() {
            self.close();
        }
        Poll::Ready(Ok(stop?))
    }

    /// Nothing came that nobody asked for, and the stream is not over, as far as can be told without waiting.
    #[cfg(feature = "smtp")]
    pub(crate) fn is_quiet(&mut self) -> bool {
        let Some(io) = &mut self.io else { return false };
        io.set_deadline(None);
        io.poll_hear(&mut Context::from_waker(Waker::noop()), &mut [0; 1]).is_pending()
    }

    /// Hears into `room` what is there by now, without waiting: the conversation's own octets. Nothing is [`Poll::Pending`],
    /// and no octet the end.
    #[cfg(feature = "smtp")]
    pub(crate) fn glance(&mut self, room: &mut [u8]) -> Poll<Result<usize, TransportFault>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Ok(0)) };
        io.set_deadline(None);
        match io.poll_hear(&mut Context::from_waker(Waker::noop()), room) {
            Poll::Ready(Err(error)) => match error.kind() {
                ErrorKind::Interrupted => Poll::Pending,
                // Under TLS an end that nobody announced.
                ErrorKind::UnexpectedEof => Poll::Ready(Ok(0)),
                _ => Poll::Ready(Err(fault(error))),
            },
            heard => heard.map_err(fault),
        }
    }

    /// Says what the conversation wants to say, as far as the peer takes it at once, and hears nothing.
    #[cfg(feature = "smtp")]
    pub(crate) fn say<C: Conversation>(&mut self, mut conversation: C) {
        let Some(io) = self.io.as_mut().filter(|io| io.hears_while_writing()) else { return };
        let mut cx = Context::from_waker(Waker::noop());
        let trace = self.settings.trace.as_ref();
        let mut io = super::io::SayOnly(io);
        let _ = poll_drive(&mut conversation, &mut io, &mut self.pace, trace, &mut cx);
    }

    /// The next reads come back at this time, for a caller that looks for it ([`Connection::poll_hear`]) and takes it
    /// back.
    #[cfg(any(feature = "imap", feature = "smtp"))]
    pub(crate) fn wake_at(&mut self, wake: Option<Instant>) {
        if let Some(io) = &mut self.io {
            io.wake_at(wake);
        }
    }

    /// Waits until this time, by the clock of deadlines. For streams that wait.
    #[cfg(any(feature = "imap", feature = "smtp"))]
    pub(crate) fn wait_until(&mut self, at: Instant) {
        if let Some(io) = &mut self.io {
            io.wait_until(at);
        }
    }

    /// A new operation begins, which may take so long.
    pub(crate) fn allow(&mut self, bound: Duration) {
        self.pace.begin(bound);
    }

    /// A new operation begins, each command of which may take so long.
    #[cfg(feature = "smtp")]
    pub(crate) fn allow_each(&mut self, bound: Duration) {
        self.pace.begin_each(bound);
    }

    /// The session waits for news, which may take so long.
    #[cfg(feature = "imap")]
    pub(crate) fn allow_waiting(&mut self, bound: Duration) {
        self.pace.begin_waiting(bound);
    }

    /// A new operation begins, which may take as long as a command.
    pub(crate) fn allow_time(&mut self) {
        self.allow(self.settings.deadlines.command);
    }

    /// What is under way waits for its caller, who is gone or takes its time.
    #[cfg(any(feature = "imap", all(feature = "smtp", feature = "tokio")))]
    pub(crate) fn rest(&mut self) {
        if let Some(io) = &self.io {
            self.pace.rest(|| io.now());
        }
    }

    /// The time, by the clock of deadlines.
    #[cfg(any(feature = "imap", feature = "smtp"))]
    pub(crate) fn now(&self) -> Instant {
        self.io.as_ref().map_or_else(Instant::now, Io::now)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.io.is_some()
    }

    pub(crate) fn close(&mut self) {
        if let Some(mut io) = self.io.take() {
            io.close();
        }
    }

    /// Compresses from now on; `received` came compressed already.
    #[cfg(feature = "deflate")]
    pub(crate) fn deflate(&mut self, received: Vec<u8>, expansion: u32) {
        self.io = self.io.take().map(|layered| match layered {
            Layered::Plain(io) => {
                Layered::Deflated(Box::new(Deflated::new(io, received, expansion)))
            }
            deflated @ Layered::Deflated(_) => deflated,
        });
    }

    /// The bare stream, for TLS to take over in the time that is left.
    #[cfg(any(feature = "imap", feature = "smtp"))]
    pub(crate) fn into_parts(mut self) -> Result<(I, Settings), Error> {
        let io = self.io.take().ok_or(Error::Ended)?;
        #[cfg(feature = "deflate")]
        let Layered::Plain(io) = io else { return Err(Error::Ended) };
        let mut io = io;
        let deadline = self.pace.resume(|| io.now());
        io.set_deadline(deadline);
        Ok((io, Settings { deadline, ..std::mem::take(&mut self.settings) }))
    }
}

impl<I: Io> fmt::Debug for Connection<I> {
    /// Says nothing of the stream, which need not be able to.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("settings", &self.settings)
            .field("is_open", &self.is_open())
            .finish_non_exhaustive()
    }
}

impl<I: Io> Drop for Connection<I> {
    fn drop(&mut self) {
        self.close();
    }
}

/// `Debug` for types that hold a `core`, whatever their stream is.
macro_rules! debug_of_core {
    ($bound:path: $($name:ident),*) => {$(
        impl<T: $bound> std::fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).field("core", &self.core).finish()
            }
        }
    )*};
}

pub(crate) use debug_of_core;
