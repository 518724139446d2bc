//! Answers handed out piece by piece.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, Read, Write};

use xoauth_imap::Message;
use xoauth_imap::command::{BodyInfo, Fetch, Streamed};

use super::flow::{Flow, Piece};
use crate::Error;
use crate::net::{Blocking, Transport, now};

/// The answer of a command, one item at a time.
///
/// As an iterator it yields whole items, each owned. For messages of any size take
/// [`Stream::next_part`] instead, which never holds a body.
#[must_use = "the answer is read as it is asked for"]
pub struct Stream<'s, T: Transport, C: Streamed> {
    flow: Flow<'s, Blocking<T>, C>,
}

/// A piece of a FETCH answer.
pub enum Part<'b, 's, T: Transport> {
    /// The octets of a message or of a section, to be read before the next part is asked for; what is not
    /// read is skipped.
    Body(Body<'b, 's, T>),
    /// What else the server told about a message; its bodies came before, those too that are no literals.
    Message(Box<Message>),
}

/// The octets of one body, read from the connection as they are asked for.
pub struct Body<'b, 's, T: Transport> {
    flow: &'b mut Flow<'s, Blocking<T>, Fetch>,
    info: BodyInfo,
}

impl<'s, T: Transport, C: Streamed> Stream<'s, T, C> {
    pub(super) fn new(flow: Flow<'s, Blocking<T>, C>) -> Self {
        Self { flow }
    }
}

impl<T: Transport, C: Streamed> Iterator for Stream<'_, T, C> {
    type Item = Result<C::Item, Error>;

    /// The next item; an error ends the stream.
    fn next(&mut self) -> Option<Self::Item> {
        now(poll_fn(|cx| self.flow.poll_item(cx)))
    }
}

impl<'s, T: Transport> Stream<'s, T, Fetch> {
    /// The next part of the answer; `None` when the server said OK.
    ///
    /// ```no_run
    /// # use xoauth::imap::{self, command::{Fetch, Item}, Part, Session};
    /// # fn save<T: xoauth::Transport>(session: &mut Session<T>, file: &mut std::fs::File) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut stream = session.stream(Fetch::new("1:*", Item::Body))?;
    /// while let Some(part) = stream.next_part()? {
    ///     if let Part::Body(mut body) = part {
    ///         std::io::copy(&mut body, file)?;
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of the command; they end the stream.
    pub fn next_part(&mut self) -> Result<Option<Part<'_, 's, T>>, Error> {
        Ok(match now(poll_fn(|cx| self.flow.poll_piece(cx)))? {
            Some(Piece::Body(info)) => Some(Part::Body(Body { flow: &mut self.flow, info })),
            Some(Piece::Message(message)) => Some(Part::Message(message)),
            None => None,
        })
    }
}

impl<T: Transport> Body<'_, '_, T> {
    /// Which message and section this is.
    pub fn info(&self) -> &BodyInfo {
        &self.info
    }

    /// The next octets, lent without a copy; `None` at the end.
    ///
    /// # Errors
    /// The connection broke: the error tells how many octets were announced and how many came.
    pub fn chunk(&mut self) -> Result<Option<&[u8]>, Error> {
        now(poll_fn(|cx| self.flow.poll_lent(cx)))?;
        let chunk = self.flow.take_lent(usize::MAX);
        Ok((!chunk.is_empty()).then_some(chunk))
    }

    /// Writes all that is left into `sink` and tells how many octets that was.
    ///
    /// # Errors
    /// The connection's, as the source of an [`io::Error`], or the sink's own; after the sink's the session
    /// stays usable.
    pub fn copy_to(&mut self, sink: &mut (impl Write + ?Sized)) -> io::Result<u64> {
        let mut copied = 0;
        while let Some(chunk) = self.chunk().map_err(io::Error::other)? {
            sink.write_all(chunk)?;
            copied += chunk.len() as u64;
        }
        Ok(copied)
    }
}

impl<T: Transport> Read for Body<'_, '_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        now(poll_fn(|cx| self.flow.poll_lent(cx))).map_err(io::Error::other)?;
        let octets = self.flow.take_lent(buffer.len());
        if let Some(room) = buffer.get_mut(..octets.len()) {
            room.copy_from_slice(octets);
        }
        Ok(octets.len())
    }
}

impl<T: Transport, C: Streamed> fmt::Debug for Stream<'_, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("is_done", &self.flow.is_done()).finish_non_exhaustive()
    }
}

impl<T: Transport> fmt::Debug for Body<'_, '_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("info", &self.info)
            .field("left", &self.flow.left())
            .finish_non_exhaustive()
    }
}

impl<T: Transport> fmt::Debug for Part<'_, '_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(body) => f.debug_tuple("Body").field(body).finish(),
            Self::Message(message) => f.debug_tuple("Message").field(message).finish(),
        }
    }
}
