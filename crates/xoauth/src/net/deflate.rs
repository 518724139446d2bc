//! A stream whose octets are compressed both ways: DEFLATE (RFC 1951) as COMPRESS has it (RFC 4978).

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

use super::Io;

/// A stream, compressed or not.
pub(crate) enum Layered<I> {
    Plain(I),
    Deflated(Box<Deflated<I>>),
}

/// A stream with both directions compressed.
///
/// ```text
/// machine --written--> compressor --> sending --> stream
/// machine <--read----- inflator <--- received <-- stream
/// ```
pub(crate) struct Deflated<I> {
    io: I,
    /// 150 KB, which are not for a stack.
    compressor: Box<CompressorOxide>,
    /// Compressed octets that the stream has not taken: those from `sent` on.
    sending: Vec<u8>,
    sent: usize,
    /// Something was compressed that the peer cannot read before the compressor is flushed.
    is_dirty: bool,
    inflator: Box<InflateState>,
    /// Compressed octets from `taken` to `filled` that were not inflated yet.
    received: Vec<u8>,
    taken: usize,
    filled: usize,
    /// The inflator may have more to give without more input.
    has_more: bool,
    expansion: u32,
    /// How many octets may come out before more come in.
    credit: u64,
}

/// Enough for a few segments; what is read from the stream at a time.
const PIECE: usize = 16 * 1024;

/// What any stream may expand to before its rate counts: tables and headers compress well.
const GRACE: u64 = 1024 * 1024;

/// Credit does not grow without end: who sent much that did not expand gains little by it.
const MOST_CREDIT: u64 = 64 * 1024 * 1024;

/// The compression level: 6 is where zlib stands by default.
const LEVEL: i32 = 6;

impl<I: Io> Deflated<I> {
    /// Compresses from now on. `received` came behind the answer to COMPRESS and is compressed already.
    pub(crate) fn new(io: I, received: Vec<u8>, expansion: u32) -> Self {
        // A negative window is DEFLATE alone, without the header of zlib.
        let flags = create_comp_flags_from_zip_params(LEVEL, -15, 0);
        let filled = received.len();
        let credit = GRACE.saturating_add((filled as u64).saturating_mul(expansion.into()));
        Self {
            io,
            compressor: Box::new(CompressorOxide::new(flags)),
            sending: Vec::new(),
            sent: 0,
            is_dirty: false,
            inflator: InflateState::new_boxed(DataFormat::Raw),
            received,
            taken: 0,
            filled,
            has_more: false,
            expansion,
            credit,
        }
    }

    /// Compresses octets behind those that wait.
    fn compress(&mut self, mut octets: &[u8], flush: MZFlush) {
        let mut room = [0; PIECE];
        loop {
            let done = deflate(&mut self.compressor, octets, &mut room, flush);
            octets = octets.get(done.bytes_consumed..).unwrap_or_default();
            self.sending.extend_from_slice(room.get(..done.bytes_written).unwrap_or_default());
            // Room that was not filled is all there was.
            if done.bytes_written < room.len() && octets.is_empty() || done.status.is_err() {
                return;
            }
        }
    }

    /// Hands what is compressed to the stream.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest @ [_, ..]) = self.sending.get(self.sent..) {
            match ready!(self.io.poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.sent += n,
            }
        }
        self.sending.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    /// Inflates what is there; `None` where more must be read first.
    fn inflate(&mut self, room: &mut [u8]) -> io::Result<Option<usize>> {
        let input = self.received.get(self.taken..self.filled).unwrap_or_default();
        if input.is_empty() && !self.has_more {
            return Ok(None);
        }
        let done = inflate(&mut self.inflator, input, room, MZFlush::None);
        self.taken += done.bytes_consumed;
        self.has_more = done.bytes_written == room.len();
        self.credit = (self.credit.checked_sub(done.bytes_written as u64)).ok_or_else(expanded)?;
        match done.status {
            // The peer ended its stream, which COMPRESS knows no way to do: nothing comes any more.
            Ok(MZStatus::StreamEnd) if done.bytes_written == 0 => Ok(Some(0)),
            Ok(_) | Err(MZError::Buf) if done.bytes_written > 0 => Ok(Some(done.bytes_written)),
            Ok(_) | Err(MZError::Buf) => Ok(None),
            Err(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "not a DEFLATE stream")),
        }
    }
}

fn expanded() -> io::Error {
    let text = "compressed octets of the server expand beyond the limit";
    io::Error::new(io::ErrorKind::InvalidData, text)
}

impl<I: Io> Deflated<I> {
    /// Inflates what `read` gets from the stream.
    fn poll_inflated(
        &mut self,
        buffer: &mut [u8],
        mut read: impl FnMut(&mut I, &mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        loop {
            if let Some(n) = self.inflate(buffer)? {
                return Poll::Ready(Ok(n));
            }
            if self.taken < self.filled {
                continue;
            }
            self.received.resize(PIECE, 0);
            (self.taken, self.filled) = (0, 0);
            let n = ready!(read(&mut self.io, &mut self.received))?;
            if n == 0 {
                return Poll::Ready(Ok(0));
            }
            self.filled = n;
            let earned = (n as u64).saturating_mul(self.expansion.into());
            self.credit = self.credit.saturating_add(earned).min(MOST_CREDIT.max(GRACE));
        }
    }
}

impl<I: Io> Io for Deflated<I> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_inflated(buffer, |io, room| io.poll_read(cx, room))
    }

    fn poll_hear(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_inflated(buffer, |io, room| io.poll_hear(cx, room))
    }

    /// Takes all once what was compressed before is on its way, so that no more than one piece waits.
    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(cx))?;
        let piece = octets.get(..octets.len().min(4 * PIECE)).unwrap_or_default();
        self.compress(piece, MZFlush::None);
        self.is_dirty = true;
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_dirty {
            self.compress(&[], MZFlush::Sync);
            self.is_dirty = false;
        }
        ready!(self.poll_send(cx))?;
        self.io.poll_flush(cx)
    }

    fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.io.set_deadline(deadline);
    }

    fn now(&self) -> Instant {
        self.io.now()
    }

    fn wake_at(&mut self, at: Option<Instant>) {
        self.io.wake_at(at);
    }

    fn wait_until(&mut self, at: Instant) {
        self.io.wait_until(at);
    }

    fn hears_while_writing(&self) -> bool {
        self.io.hears_while_writing()
    }

    fn close(&mut self) {
        self.io.close();
    }
}

/// One layer or the other.
macro_rules! either {
    ($layered:expr, $io:ident => $call:expr) => {
        match $layered {
            Layered::Plain($io) => $call,
            Layered::Deflated($io) => $call,
        }
    };
}

impl<I: Io> Io for Layered<I> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        either!(self, io => io.poll_read(cx, buffer))
    }

    fn poll_hear(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        either!(self, io => io.poll_hear(cx, buffer))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, io => io.poll_write(cx, octets))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, io => io.poll_flush(cx))
    }

    fn set_deadline(&mut self, deadline: Option<Instant>) {
        either!(self, io => io.set_deadline(deadline));
    }

    fn now(&self) -> Instant {
        either!(self, io => io.now())
    }

    fn wake_at(&mut self, at: Option<Instant>) {
        either!(self, io => io.wake_at(at));
    }

    fn wait_until(&mut self, at: Instant) {
        either!(self, io => io.wait_until(at));
    }

    fn hears_while_writing(&self) -> bool {
        either!(self, io => io.hears_while_writing())
    }

    fn close(&mut self) {
        either!(self, io => io.close());
    }
}
