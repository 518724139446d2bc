//! The memory of the receive buffer, and how long it is.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

use zeroize::Zeroize;

/// A read is worth a system call when it can take this much.
pub(super) const READ_ROOM: usize = 16 * 1024;

/// What a session holds that is idle: there may be many of them.
pub(super) const SMALL: usize = 2 * READ_ROOM;

/// Bodies of one message are a few; so many in one response are an attack on memory, for each is told to the caller.
pub(super) const MOST_STREAMED: usize = 4096;

/// Where the buffer stops to double.
pub(super) const LARGE: usize = 512 * 1024;

/// What it becomes then, if the limits allow as much: by default they allow less.
pub(super) const LARGEST: usize = 64 * 1024 * 1024;

/// The length behind `len`, where a response may need `most`. While the buffer moves, the old one stands beside the
/// new: behind `LARGE` comes all that the limits allow, or both together would be more than they do: first of a
/// text, which is `text` at most, then of one with literals. Memory is not touched before it is needed.
pub(super) fn longer(len: usize, text: usize, most: usize) -> usize {
    let longer = match len {
        ..LARGE => len * 2,
        _ if len < text => (len * 2).max(LARGEST).min(text),
        _ => (len * 2).max(LARGEST),
    };
    longer.min(most).max(len + READ_ROOM)
}

/// Memory of which nothing stays when it is given back: servers repeat secrets.
pub(super) struct Buffer {
    octets: Vec<u8>,
    /// No octet behind these was ever read.
    used: usize,
}

impl Buffer {
    pub(super) fn new(len: usize) -> Self {
        Self { octets: vec![0; len], used: 0 }
    }

    /// Octets up to here were read.
    pub(super) fn note_used(&mut self, end: usize) {
        self.used = self.used.max(end);
    }

    /// Another buffer takes its place, with the first `held` octets of this one.
    pub(super) fn replace(&mut self, len: usize, held: usize) {
        let mut other = Self::new(len);
        if let (Some(room), Some(held)) = (other.get_mut(..held), self.get(..held)) {
            room.copy_from_slice(held);
            other.note_used(held.len());
        }
        *self = other;
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.octets.get_mut(..self.used).unwrap_or_default().zeroize();
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.octets
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.octets
    }
}
