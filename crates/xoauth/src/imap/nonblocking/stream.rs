//! Answers handed out piece by piece.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use xoauth_imap::Message;
use xoauth_imap::command::{BodyInfo, Fetch, Streamed};

use crate::Error;
use crate::imap::flow::{Flow, Piece, step};
use crate::net::{AsyncTransport, Timed};

/// The answer of a command, one item at a time.
///
/// [`Stream::next`], and the trait `Stream` of the crate `futures-core`, yield whole items, each owned. For
/// messages of any size take [`Stream::next_part`] instead, which never holds a body.
#[must_use = "the answer is read as it is asked for"]
pub struct Stream<'s, T: AsyncTransport, C: Streamed> {
    flow: Flow<'s, Timed<T>, C>,
}

/// A piece of a FETCH answer.
pub enum Part<'b, 's, T: AsyncTransport> {
    /// The octets of a message or of a section, to be read before the next part is asked for; what is not
    /// read is skipped.
    Body(Body<'b, 's, T>),
    /// What else the server told about a message; its bodies came before.
    Message(Box<Message>),
}

/// The octets of one body, read from the connection as they are asked for.
pub struct Body<'b, 's, T: AsyncTransport> {
    flow: &'b mut Flow<'s, Timed<T>, Fetch>,
    info: BodyInfo,
}

impl<'s, T: AsyncTransport, C: Streamed> Stream<'s, T, C> {
    pub(super) fn new(flow: Flow<'s, Timed<T>, C>) -> Self {
        Self { flow }
    }

    /// The next item; an error ends the stream.
    pub async fn next(&mut self) -> Option<Result<C::Item, Error>> {
        step(&mut self.flow, Flow::poll_item).await
    }
}

impl<T: AsyncTransport, C: Streamed + Unpin> futures_core::Stream for Stream<'_, T, C> {
    type Item = Result<C::Item, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.flow.poll_item(cx)
    }
}

impl<'s, T: AsyncTransport> Stream<'s, T, Fetch> {
    /// The next part of the answer; `None` when the server said OK.
    ///
    /// # Errors
    /// Those of the command; they end the stream.
    pub async fn next_part(&mut self) -> Result<Option<Part<'_, 's, T>>, Error> {
        Ok(match step(&mut self.flow, Flow::poll_piece).await? {
            Some(Piece::Body(info)) => Some(Part::Body(Body { flow: &mut self.flow, info })),
            Some(Piece::Message(message)) => Some(Part::Message(message)),
            None => None,
        })
    }
}

impl<T: AsyncTransport> Body<'_, '_, T> {
    /// Which message and section this is.
    pub fn info(&self) -> &BodyInfo {
        &self.info
    }

    /// The next octets, lent without a copy; `None` at the end.
    ///
    /// # Errors
    /// The connection broke: the error tells how many octets were announced and how many came.
    pub async fn chunk(&mut self) -> Result<Option<&[u8]>, Error> {
        step(self.flow, Flow::poll_lent).await?;
        let chunk = self.flow.take_lent(usize::MAX);
        Ok((!chunk.is_empty()).then_some(chunk))
    }
}

/// Reads what is left of the body, for `tokio::io::copy`.
impl<T: AsyncTransport> AsyncRead for Body<'_, '_, T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.flow.poll_lent(cx)).map_err(io::Error::other)?;
        buffer.put_slice(self.flow.take_lent(buffer.remaining()));
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncTransport, C: Streamed> fmt::Debug for Stream<'_, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("is_done", &self.flow.is_done()).finish_non_exhaustive()
    }
}

impl<T: AsyncTransport> fmt::Debug for Body<'_, '_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("info", &self.info)
            .field("left", &self.flow.left())
            .finish_non_exhaustive()
    }
}

impl<T: AsyncTransport> fmt::Debug for Part<'_, '_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(body) => f.debug_tuple("Body").field(body).finish(),
            Self::Message(message) => f.debug_tuple("Message").field(message).finish(),
        }
    }
}
