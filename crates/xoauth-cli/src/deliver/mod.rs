//! Where fetched messages go: a Maildir, an mbox, files, or standard output.

mod eml;
mod maildir;
mod mbox;
mod state;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use xoauth::imap::{DateTime, Message, Uid};

pub(crate) use eml::Eml;
pub(crate) use maildir::Maildir;
pub(crate) use mbox::Mbox;
pub(crate) use state::{Kept, State};

use crate::files::private;
use crate::spool::Spool;

/// What becomes of the octets of one message, and of the message when all of it is known.
///
/// The octets come first: a server tells flags and, where it likes, the UID behind the body.
pub(crate) trait Sink {
    /// Gets ready for the octets of a message.
    fn begin(&mut self) -> io::Result<()>;

    /// Takes octets, with CRLF line ends.
    fn write(&mut self, octets: &[u8]) -> io::Result<()>;

    /// The message is complete; gives its place, where it has one of its own.
    fn finish(&mut self, message: &About) -> io::Result<Option<PathBuf>>;

    /// The message broke off; nothing of it stays.
    fn give_up(&mut self) -> io::Result<()>;

    /// The length of what all messages are appended to, where there is such a thing.
    fn length(&self) -> Option<u64> {
        None
    }

    /// Whether a message is there already, from a run that ended before it could say so.
    fn has(&self, uid: Uid) -> bool;
}

/// What is known of a message beside its octets.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) uid: Uid,
    /// How many those are.
    pub(crate) octets: u64,
    pub(crate) message: Box<Message>,
}

impl About {
    pub(crate) fn date(&self) -> Option<DateTime> {
        self.message.internal_date
    }

    /// When the server received the message.
    pub(crate) fn received(&self) -> Option<std::time::SystemTime> {
        let seconds = u64::try_from(self.date()?.unix_seconds()).ok()?;
        std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_secs(seconds))
    }
}

/// Turns CRLF into LF, across the pieces that octets come in.
#[derive(Debug, Default)]
pub(crate) struct Unix {
    /// A CR whose next octet has not come yet.
    held: bool,
}

impl Unix {
    pub(crate) fn write(&mut self, octets: &[u8], out: &mut impl Write) -> io::Result<()> {
        let mut rest = octets;
        if self.held && !rest.is_empty() {
            self.held = false;
            if rest.first() != Some(&b'\n') {
                out.write_all(b"\r")?;
            }
        }
        while let Some(at) = memchr::memchr(b'\r', rest) {
            let (before, behind) = rest.split_at_checked(at).unwrap_or((rest, &[]));
            out.write_all(before)?;
            let behind = behind.get(1..).unwrap_or_default();
            match behind.first() {
                None => {
                    self.held = true;
                    return Ok(());
                }
                Some(b'\n') => {}
                Some(_) => out.write_all(b"\r")?,
            }
            rest = behind;
        }
        out.write_all(rest)
    }

    /// The message is over.
    pub(crate) fn end(&mut self, out: &mut impl Write) -> io::Result<()> {
        if std::mem::take(&mut self.held) { out.write_all(b"\r") } else { Ok(()) }
    }
}

/// Standard output: one message behind the other, as it is, each when all of it is there.
#[derive(Debug)]
pub(crate) struct Pipe {
    out: io::Stdout,
    message: Spool,
}

impl Pipe {
    pub(crate) fn new() -> Self {
        Self { out: io::stdout(), message: Spool::new() }
    }
}

impl Sink for Pipe {
    fn begin(&mut self) -> io::Result<()> {
        self.message = Spool::new();
        Ok(())
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.message.write(octets)
    }

    fn finish(&mut self, _: &About) -> io::Result<Option<PathBuf>> {
        let message = std::mem::replace(&mut self.message, Spool::new());
        let mut out = self.out.lock();
        match message.into_memory() {
            Ok(octets) => out.write_all(&octets)?,
            Err(file) => {
                io::copy(&mut file.into_reader()?, &mut out)?;
            }
        }
        out.flush().map(|()| None)
    }

    fn give_up(&mut self) -> io::Result<()> {
        self.message = Spool::new();
        Ok(())
    }

    fn has(&self, _: Uid) -> bool {
        false
    }
}

/// A file for mail, which only its owner may read: a new one. What a run left there that was cut off goes, and nothing is
/// written through what somebody else put there.
fn create(path: &Path) -> io::Result<File> {
    let create = || private().write(true).create_new(true).open(path);
    match create() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            std::fs::remove_file(path)?;
            create()
        }
        made => made,
    }
}

/// A directory that only its owner may look into, with those above it that are missing.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Tells names apart (FNV-1a).
pub(crate) fn hash(name: &str) -> String {
    let fold = |hash: u64, octet: u8| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", name.bytes().fold(0xcbf2_9ce4_8422_2325, fold))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_become_those_of_unix_however_the_octets_are_cut() {
        let table: &[(&[u8], &[u8])] = &[
            (b"a\r\nb\r\n", b"a\nb\n"),
            (b"\r\n\r\n", b"\n\n"),
            (b"a\rb\r", b"a\rb\r"),
            (b"\r\r\n", b"\r\n"),
            (b"", b""),
        ];
        for (octets, expected) in table {
            for piece in 1..=octets.len().max(1) {
                let (mut unix, mut out) = (Unix::default(), Vec::new());
                for octets in octets.chunks(piece) {
                    unix.write(octets, &mut out).unwrap();
                }
                unix.end(&mut out).unwrap();
                assert_eq!(out, *expected, "{octets:?} in pieces of {piece}");
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_through_what_was_planted() {
        let directory = std::env::temp_dir().join(format!("xoauth-mail-{}", std::process::id()));
        make_directory(&directory).unwrap();
        let at = |name: &str| directory.join(name);
        std::fs::write(at("victim"), "victim").unwrap();
        std::os::unix::fs::symlink(at("victim"), at("part")).unwrap();
        for text in ["one", "two"] {
            create(&at("part")).unwrap().write_all(text.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(at("part")).unwrap(), text);
        }
        assert_eq!(std::fs::read_to_string(at("victim")).unwrap(), "victim");
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
