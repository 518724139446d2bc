//! Answers handed out piece by piece.

use std::fmt;
use std::io::{self, Read, Write};

use xoauth_imap::Message;
use xoauth_imap::command::{BodyInfo, Fetch, FetchEvent, Streamed};

use super::core::Core;
use crate::Error;
use crate::net::{Stop, Transport};

/// The answer of a command, one item at a time.
///
/// As an iterator it yields whole items, each owned. For messages of any size take
/// [`Stream::next_part`] instead, which never holds a body.
pub struct Stream<'s, T: Transport, C: Streamed> {
    core: &'s mut Core<T>,
    /// `None` once the answer was heard to its end.
    command: Option<C>,
}

/// A piece of a FETCH answer.
pub enum Part<'b, 's, T: Transport> {
    /// The octets of a message or of a section, to be read before the next part is asked for; what is not
    /// read is skipped.
    Body(Body<'b, 's, T>),
    /// What else the server told about a message; its bodies came before.
    Message(Box<Message>),
}

/// The octets of one body, read from the connection as they are asked for.
pub struct Body<'b, 's, T: Transport> {
    stream: &'b mut Stream<'s, T, Fetch>,
    info: BodyInfo,
    /// Octets of the lent chunk that were read.
    taken: usize,
    left: u64,
}

impl<'s, T: Transport, C: Streamed> Stream<'s, T, C> {
    pub(super) fn new(core: &'s mut Core<T>, command: C) -> Self {
        Self { core, command: Some(command) }
    }

    /// Drives the connection until it must stop; the command ends with its tagged answer.
    fn advance(&mut self) -> Result<Stop, Error> {
        let Some(command) = &mut self.command else { return Ok(Stop::Done) };
        self.core.connection.allow_time();
        self.core.drive(&mut [command])
    }
}

impl<T: Transport, C: Streamed> Iterator for Stream<'_, T, C> {
    type Item = Result<C::Item, Error>;

    /// The next item; an error ends the stream.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.command.as_mut()?.take_item() {
                return Some(Ok(item));
            }
            match self.advance() {
                Ok(Stop::Chunk | Stop::StartTls) => {}
                Ok(Stop::Done) => {
                    // Items that came with the tagged answer are handed out before it is looked at.
                    if let Some(item) = self.command.as_mut()?.take_item() {
                        return Some(Ok(item));
                    }
                    let command = self.command.take()?;
                    return self.core.conclude(command).err().map(Err);
                }
                Err(error) => {
                    self.command = None;
                    return Some(Err(error));
                }
            }
        }
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
        loop {
            let Some(command) = &mut self.command else { return Ok(None) };
            command.lend_bodies();
            match command.take_event() {
                Some(FetchEvent::Body(info)) => {
                    let left = info.len;
                    return Ok(Some(Part::Body(Body { stream: self, info, taken: 0, left })));
                }
                Some(FetchEvent::Message(message)) => return Ok(Some(Part::Message(message))),
                None => {}
            }
            match self.advance() {
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
                Err(error) => {
                    self.command = None;
                    return Err(error);
                }
            }
        }
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
        if self.left == 0 {
            return Ok(None);
        }
        if self.taken >= self.stream.core.machine.chunk().len() {
            self.stream.advance()?;
            self.taken = 0;
        }
        let chunk = self.stream.core.machine.chunk().get(self.taken..).unwrap_or_default();
        self.taken += chunk.len();
        self.left = self.left.saturating_sub(chunk.len() as u64);
        Ok(Some(chunk))
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
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        if self.taken >= self.stream.core.machine.chunk().len() {
            self.stream.advance().map_err(io::Error::other)?;
            self.taken = 0;
        }
        let chunk = self.stream.core.machine.chunk().get(self.taken..).unwrap_or_default();
        let n = chunk.len().min(buffer.len());
        if let (Some(from), Some(to)) = (chunk.get(..n), buffer.get_mut(..n)) {
            to.copy_from_slice(from);
        }
        self.taken += n;
        self.left = self.left.saturating_sub(n as u64);
        Ok(n)
    }
}

impl<T: Transport, C: Streamed> fmt::Debug for Stream<'_, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("is_done", &self.command.is_none()).finish_non_exhaustive()
    }
}

impl<T: Transport> fmt::Debug for Body<'_, '_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("info", &self.info)
            .field("left", &self.left)
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
