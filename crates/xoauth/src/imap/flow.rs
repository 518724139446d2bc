//! An answer that is handed out piece by piece, the same for streams that wait and for streams that do
//! not.

use std::task::{Context, Poll, ready};

use xoauth_imap::command::{BodyInfo, Fetch, FetchEvent, Streamed};
use xoauth_imap::{Message, Octets};

use super::core::Core;
use crate::Error;
use crate::net::{Io, Stop};

/// A command under way, and the connection it has for itself.
pub(crate) struct Flow<'s, I: Io, C: Streamed> {
    pub(crate) core: &'s mut Core<I>,
    /// `None` once the answer was heard to its end.
    command: Option<C>,
    /// What broke the session, told once everything that came before was handed out.
    fault: Option<Error>,
    /// What is left of the body being handed out.
    body: Lent,
}

/// Where the caller is in a body.
#[derive(Default)]
struct Lent {
    /// Octets of the lent chunk, or of the whole body, that were taken.
    taken: usize,
    left: u64,
    /// The body, where it did not come in chunks.
    whole: Option<Octets>,
}

/// A piece of a FETCH answer.
pub(crate) enum Piece {
    Body(BodyInfo),
    Message(Box<Message>),
}

impl<'s, I: Io, C: Streamed> Flow<'s, I, C> {
    /// Sends the command.
    pub(crate) async fn begin(core: &'s mut Core<I>, mut command: C) -> Result<Self, Error> {
        core.take_time().await?;
        core.begin(&mut [&mut command]).await?;
        core.machine.pause_for_items();
        Ok(Self { core, command: Some(command), fault: None, body: Lent::default() })
    }

    pub(crate) fn is_done(&self) -> bool {
        self.command.is_none()
    }

    /// Drives the connection until it must stop; the command ends with its tagged answer.
    fn poll_advance(&mut self, cx: &mut Context<'_>) -> Poll<Result<Stop, Error>> {
        // A body that was announced before it has no more octets than that.
        if let Some(fault) = self.fault.take() {
            return Poll::Ready(Err(fault));
        }
        let Some(command) = &mut self.command else { return Poll::Ready(Ok(Stop::Done)) };
        self.core.poll_drive(&mut [command], cx)
    }

    /// The next item; an error ends the flow.
    pub(crate) fn poll_item(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<C::Item, Error>>> {
        self.core.machine.pause_at_each_item();
        loop {
            let Some(command) = &mut self.command else { return Poll::Ready(None) };
            if let Some(item) = command.take_item() {
                // The next one has its own time.
                self.core.connection.allow_time();
                return Poll::Ready(Some(Ok(item)));
            }
            if let Some(fault) = self.fault.take() {
                self.command = None;
                return Poll::Ready(Some(Err(fault)));
            }
            match ready!(self.poll_advance(cx)) {
                Ok(Stop::Chunk | Stop::StartTls) => {}
                Ok(Stop::Done) => {
                    // Items that came with the tagged answer are handed out before it is looked at.
                    if let Some(item) = self.command.as_mut().and_then(Streamed::take_item) {
                        return Poll::Ready(Some(Ok(item)));
                    }
                    let concluded = self.command.take().map(|command| self.core.conclude(command));
                    return Poll::Ready(concluded.and_then(Result::err).map(Err));
                }
                // Items that came with it are handed out before it is told.
                Err(error) => self.fault = Some(error),
            }
        }
    }
}

impl<I: Io> Flow<'_, I, Fetch> {
    /// The next piece; `None` when the server said OK.
    pub(crate) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Piece>, Error>> {
        loop {
            let Some(command) = &mut self.command else { return Poll::Ready(Ok(None)) };
            command.lend_bodies();
            let event = command.take_event();
            if event.is_some() {
                // Each part has its own time, a body all of it together.
                self.core.connection.allow_time();
            }
            match event {
                Some(FetchEvent::Body(info)) => {
                    self.body = Lent { taken: 0, left: info.len, whole: None };
                    return Poll::Ready(Ok(Some(Piece::Body(info))));
                }
                Some(FetchEvent::Whole(info, octets)) => {
                    self.body = Lent { taken: 0, left: info.len, whole: Some(octets) };
                    return Poll::Ready(Ok(Some(Piece::Body(info))));
                }
                Some(FetchEvent::Message(message)) => {
                    return Poll::Ready(Ok(Some(Piece::Message(message))));
                }
                None => {}
            }
            if let Some(fault) = self.fault.take() {
                self.command = None;
                return Poll::Ready(Err(fault));
            }
            match ready!(self.poll_advance(cx)) {
                // Octets of a body nobody read.
                Ok(Stop::Chunk | Stop::StartTls) => {}
                Ok(Stop::Done) => {
                    let heard_all = self.command.as_mut().is_none_or(|c| !c.has_event());
                    if heard_all {
                        if let Some(command) = self.command.take() {
                            self.core.conclude(command)?;
                        }
                    }
                }
                // Parts that came with it are handed out before it is told.
                Err(error) => self.fault = Some(error),
            }
        }
    }

    /// How many octets of the body are left.
    pub(crate) fn left(&self) -> u64 {
        self.body.left
    }

    /// Waits until octets of the body are lent; none are left at its end.
    pub(crate) fn poll_lent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Lent { taken, left, whole } = &self.body;
        if whole.is_none() && *left > 0 && *taken >= self.core.machine.chunk().len() {
            ready!(self.poll_advance(cx))?;
            self.body.taken = 0;
        }
        Poll::Ready(Ok(()))
    }

    /// The octets lent and not taken yet, `most` of them at most; they count as taken.
    pub(crate) fn take_lent(&mut self, most: usize) -> &[u8] {
        let Lent { taken, left, whole } = &mut self.body;
        if *left == 0 {
            return &[];
        }
        let octets = whole.as_deref().unwrap_or_else(|| self.core.machine.chunk());
        let chunk = octets.get(*taken..).unwrap_or_default();
        let chunk = chunk.get(..most.min(chunk.len())).unwrap_or_default();
        *taken += chunk.len();
        *left = left.saturating_sub(chunk.len() as u64);
        chunk
    }
}

/// A step of a flow, whose future may be dropped: the time until the next one is the caller's.
#[cfg(feature = "tokio")]
pub(crate) async fn step<'s, I: Io, C: Streamed, R>(
    flow: &mut Flow<'s, I, C>,
    mut poll: impl FnMut(&mut Flow<'s, I, C>, &mut Context<'_>) -> Poll<R>,
) -> R {
    let step = Step(flow);
    std::future::poll_fn(|cx| poll(&mut *step.0, cx)).await
}

#[cfg(feature = "tokio")]
struct Step<'f, 's, I: Io, C: Streamed>(&'f mut Flow<'s, I, C>);

#[cfg(feature = "tokio")]
impl<I: Io, C: Streamed> Drop for Step<'_, '_, I, C> {
    fn drop(&mut self) {
        self.0.core.connection.rest();
    }
}
