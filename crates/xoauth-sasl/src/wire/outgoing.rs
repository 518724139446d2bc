//! The output buffer.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use zeroize::Zeroize;

/// A growing buffer of octets to be written that leaves no secret behind in freed memory.
///
/// Whatever was [added](Outgoing::extend) is overwritten with zeros before its memory is given
/// back: on growth, on [`clear`](Outgoing::clear) and [`truncate`](Outgoing::truncate), on drop.
/// Bulk content that is no secret is [added as such](Outgoing::extend_public) and spared that.
#[derive(Default)]
pub struct Outgoing {
    // Secrets stand in `buffer[..secret]`, and `secret <= buffer.len()`. Spare capacity never
    // holds any.
    buffer: Vec<u8>,
    secret: usize,
}

/// Enough for a command with its credentials.
const FIRST_CAPACITY: usize = 1024;

impl Outgoing {
    /// An empty buffer, which takes no memory yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { buffer: Vec::new(), secret: 0 }
    }

    /// Adds octets.
    pub fn extend(&mut self, octets: &[u8]) {
        self.extend_public(octets);
        self.secret = self.buffer.len();
    }

    /// Adds one octet.
    pub fn push(&mut self, octet: u8) {
        self.extend(&[octet]);
    }

    /// Adds octets that are no secret, a message's for example: they need not be overwritten
    /// unless something secret follows them.
    pub fn extend_public(&mut self, octets: &[u8]) {
        self.reserve(octets.len());
        self.buffer.extend_from_slice(octets);
    }

    /// Makes room for `additional` octets without keeping a copy of the old ones.
    pub fn reserve(&mut self, additional: usize) {
        let needed = self.buffer.len().saturating_add(additional);
        if needed <= self.buffer.capacity() {
            return;
        }
        let capacity = needed.max(2 * self.buffer.capacity()).max(FIRST_CAPACITY);
        let mut larger = Vec::with_capacity(capacity);
        larger.extend_from_slice(&self.buffer);
        self.wipe_from(0);
        self.buffer = larger;
    }

    /// How many octets it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The octets.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.buffer
    }

    /// Forgets the octets behind the first `length`.
    pub fn truncate(&mut self, length: usize) {
        self.wipe_from(length);
        self.buffer.truncate(length);
        self.secret = self.secret.min(length);
    }

    /// Forgets everything; the memory is kept for what comes next.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    fn wipe_from(&mut self, start: usize) {
        if let Some(secrets) = self.buffer.get_mut(start..self.secret) {
            secrets.zeroize();
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.wipe_from(0);
    }
}

impl Deref for Outgoing {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer
    }
}

impl fmt::Write for Outgoing {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.extend(text.as_bytes());
        Ok(())
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, vec};
    use core::fmt::Write;

    #[test]
    fn octets_come_out_as_they_went_in() {
        let mut out = Outgoing::new();
        out.extend(b"AUTHENTICATE ");
        out.push(b'X');
        out.extend_public(&[b'y'; 5000]);
        write!(out, "{}", 42).unwrap();
        assert_eq!(out.len(), 5016);
        assert!(out.starts_with(b"AUTHENTICATE Xyyy"));
        assert!(out.as_slice().ends_with(b"yy42"));
        out.truncate(12);
        assert_eq!(out.as_slice(), b"AUTHENTICATE");
        assert!(!out.is_empty());
        out.clear();
        assert!(out.is_empty());
    }

    #[test]
    fn secrets_are_overwritten_and_bulk_is_spared() {
        let mut out = Outgoing::new();
        out.extend(b"secret");
        out.extend_public(b"bulk");
        assert_eq!(out.secret, 6);
        out.wipe_from(2);
        assert_eq!(out.as_slice(), b"se\0\0\0\0bulk");
        out.truncate(4);
        assert_eq!(out.secret, 4);
        out.truncate(100);
        assert_eq!(out.as_slice(), b"se\0\0");
    }

    #[test]
    fn room_grows_in_proportion() {
        let mut out = Outgoing::new();
        assert_eq!(out.buffer.capacity(), 0);
        out.push(b'x');
        let mut room = out.buffer.capacity();
        assert!(room >= FIRST_CAPACITY);
        for _ in 0..6 {
            out.extend(&vec![b'x'; room - out.len()]);
            assert_eq!(out.buffer.capacity(), room, "it is full");
            out.push(b'x');
            assert!(out.buffer.capacity() >= 2 * room);
            room = out.buffer.capacity();
        }
        out.reserve(10 * room);
        assert!(out.buffer.capacity() >= out.len() + 10 * room);
        assert!(out.iter().all(|octet| *octet == b'x'));
    }

    #[test]
    fn debug_shows_no_content() {
        let mut out = Outgoing::new();
        out.extend(b"secret");
        assert_eq!(format!("{out:?}"), "Outgoing { len: 6, .. }");
    }
}
