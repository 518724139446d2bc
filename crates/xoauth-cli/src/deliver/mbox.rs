//! mbox, with the quoting of mboxrd: `>` in front of every line that begins with any number of `>` and `From `.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use fs4::FileExt;
use xoauth::imap::Uid;

use super::state::{Kept, close};
use super::{About, Sink, Unix};
use crate::files::private;

/// What of a message is collected before it is written.
const PIECE: usize = 64 * 1024;

/// One file, appended to.
#[derive(Debug)]
pub(crate) struct Mbox {
    file: File,
    /// The length of the file with every message that is complete.
    length: u64,
    /// What is in the file of the message that is not complete.
    written: u64,
    unix: Unix,
    quoting: Quoting<Vec<u8>>,
}

impl Mbox {
    /// Opens the file, locks it, and cuts off what a run wrote that did not come to its end, whichever mailbox that was
    /// of.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = private().read(true).write(true).create(true).truncate(false).open(path)?;
        if FileExt::try_lock(&file).is_err() {
            return Err(io::Error::new(io::ErrorKind::WouldBlock, "another program has it locked"));
        }
        let mut length = file.metadata()?.len();
        for notes in notes_of(path)? {
            let Some(open_at) = Kept::read(&notes)?.open_at else { continue };
            if open_at < length && is_ours_alone(&mut file, open_at)? {
                file.set_len(open_at)?;
                length = open_at;
            }
            close(&notes)?;
        }
        // Whoever wrote the last message may have left out its line end, or the empty line behind it.
        let mut end = [0; 2];
        let from = length.saturating_sub(2);
        file.seek(SeekFrom::Start(from))?;
        let end =
            end.get_mut(..usize::from(length > 0) + usize::from(length > 1)).unwrap_or_default();
        file.read_exact(end)?;
        let missing: &[u8] = match end {
            [] | [b'\n', b'\n'] => b"",
            [.., b'\n'] => b"\n",
            _ => b"\n\n",
        };
        file.write_all(missing)?;
        let length = file.stream_position()?;
        let quoting = Quoting::new(Vec::new());
        Ok(Self { file, length, written: 0, unix: Unix::default(), quoting })
    }

    fn put(&mut self) -> io::Result<()> {
        self.file.write_all(&self.quoting.out)?;
        self.written += u64::try_from(self.quoting.out.len()).unwrap_or(u64::MAX);
        self.quoting.out.clear();
        Ok(())
    }
}

impl Sink for Mbox {
    /// The envelope line is written with a date of fixed width, which is known only at the end.
    fn begin(&mut self) -> io::Result<()> {
        self.unix = Unix::default();
        self.quoting = Quoting::new(std::mem::take(&mut self.quoting.out));
        self.quoting.out.clear();
        self.quoting.out.extend_from_slice(envelope(0).as_bytes());
        Ok(())
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.unix.write(octets, &mut self.quoting)?;
        if self.quoting.out.len() < PIECE { Ok(()) } else { self.put() }
    }

    fn finish(&mut self, about: &About) -> io::Result<Option<PathBuf>> {
        self.unix.end(&mut self.quoting)?;
        self.quoting.end();
        if let Some(date) = about.date() {
            let line = envelope(date.unix_seconds());
            match self.quoting.out.get_mut(..line.len()).filter(|_| self.written == 0) {
                Some(first) => first.copy_from_slice(line.as_bytes()),
                None => {
                    self.put()?;
                    self.file.seek(SeekFrom::Start(self.length))?;
                    self.file.write_all(line.as_bytes())?;
                    self.file.seek(SeekFrom::Start(self.length + self.written))?;
                }
            }
        }
        self.put()?;
        self.length += std::mem::take(&mut self.written);
        Ok(None)
    }

    fn give_up(&mut self) -> io::Result<()> {
        self.quoting.out.clear();
        self.written = 0;
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length)).map(drop)
    }

    /// The length before the next message.
    fn length(&self) -> Option<u64> {
        Some(self.length)
    }

    fn has(&self, _: Uid) -> bool {
        false
    }
}

/// The files beside an mbox in which it is noted what was fetched into it.
fn notes_of(path: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(name), directory) = (path.file_name(), path.parent()) else { return Ok(Vec::new()) };
    let directory = directory.filter(|directory| !directory.as_os_str().is_empty());
    let prefix = format!("{}.xoauth-", name.to_string_lossy());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory.unwrap_or(Path::new(".")))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(&prefix) && !name.ends_with(".lock") && !name.ends_with(".new") {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Whether what stands from there to the end is a message of ours and nothing else: somebody may have appended to it, or
/// written the file anew, and that is not ours to cut.
fn is_ours_alone(file: &mut File, from: u64) -> io::Result<bool> {
    const OURS: &[u8] = b"From MAILER-DAEMON ";
    file.seek(SeekFrom::Start(from))?;
    let mut kept = Vec::new();
    let mut is_first = true;
    loop {
        let before = kept.len();
        Read::take(&mut *file, PIECE as u64).read_to_end(&mut kept)?;
        if is_first {
            let length = kept.len().min(OURS.len());
            if kept.get(..length) != OURS.get(..length) {
                return Ok(false);
            }
        }
        is_first = false;
        if memchr::memmem::find(&kept, b"\nFrom ").is_some() {
            return Ok(false);
        }
        if kept.len() == before {
            return Ok(true);
        }
        // The end of this piece may be the beginning of such a line.
        kept.drain(..kept.len().saturating_sub(5));
    }
}

/// `From MAILER-DAEMON Wed Nov 25 09:00:00 2026`, in UTC, always of the same length.
fn envelope(seconds: i64) -> String {
    let timestamp = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("From MAILER-DAEMON {}\n", timestamp.strftime("%a %b %e %H:%M:%S %Y"))
}

/// Quotes lines as they pass. Only octets of `From ` are held back, and never all of them. A `>` is written at once: one more
/// just in front of `From ` makes the same line as one more in front of them all.
#[derive(Debug)]
struct Quoting<W> {
    out: W,
    at: At,
}

/// Where in a line the next octet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// At its beginning.
    Start,
    /// Behind any number of `>` and so many octets of `From `, which are held back.
    Prefix(usize),
    /// Further on: up to its end nothing is quoted.
    Rest,
}

impl At {
    /// What is held back.
    fn held(self) -> &'static [u8] {
        match self {
            Self::Prefix(matched) => FROM.get(..matched).unwrap_or_default(),
            Self::Start | Self::Rest => &[],
        }
    }
}

const FROM: &[u8] = b"From ";

impl Quoting<Vec<u8>> {
    fn new(out: Vec<u8>) -> Self {
        Self { out, at: At::Start }
    }

    /// Ends the message: with a line end, and the empty line that parts it from the next.
    fn end(&mut self) {
        self.out.extend_from_slice(self.at.held());
        if self.at != At::Start {
            self.out.push(b'\n');
        }
        self.out.push(b'\n');
    }
}

impl Write for Quoting<Vec<u8>> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut rest = octets;
        while let Some((&octet, behind)) = rest.split_first() {
            if self.at == At::Rest {
                let end = rest.iter().position(|&octet| octet == b'\n');
                let (line, behind) = rest
                    .split_at_checked(end.map_or(rest.len(), |end| end + 1))
                    .unwrap_or((rest, &[]));
                self.out.extend_from_slice(line);
                if end.is_some() {
                    self.at = At::Start;
                }
                rest = behind;
                continue;
            }
            rest = behind;
            let held = self.at.held();
            if held.is_empty() && octet == b'>' {
                self.out.push(octet);
                self.at = At::Prefix(0);
                continue;
            }
            let is_next = FROM.get(held.len()) == Some(&octet);
            if is_next && held.len() + 1 < FROM.len() {
                self.at = At::Prefix(held.len() + 1);
                continue;
            }
            if is_next {
                self.out.push(b'>');
            }
            self.out.extend_from_slice(held);
            self.out.push(octet);
            self.at = if octet == b'\n' { At::Start } else { At::Rest };
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_look_like_an_envelope_are_quoted_however_they_are_cut() {
        let table = [
            ("a\nFrom b\n", "a\n>From b\n\n"),
            (
                "From b\n>From c\n>>From d\n> From e\nFro\n",
                ">From b\n>>From c\n>>>From d\n> From e\nFro\n\n",
            ),
            ("no end", "no end\n\n"),
            ("", "\n"),
            ("x\nFrom", "x\nFrom\n\n"),
            (">>", ">>\n\n"),
            ("xFrom y\nFFrom z\n", "xFrom y\nFFrom z\n\n"),
        ];
        for (text, expected) in table {
            for piece in 1..=text.len().max(1) {
                let mut quoting = Quoting::new(Vec::new());
                for octets in text.as_bytes().chunks(piece) {
                    quoting.write_all(octets).unwrap();
                }
                quoting.end();
                assert_eq!(
                    String::from_utf8_lossy(&quoting.out),
                    expected,
                    "{text:?} in pieces of {piece}"
                );
            }
        }
    }

    #[test]
    fn a_line_of_nothing_but_quotes_is_not_held_back() {
        let mut quoting = Quoting::new(Vec::new());
        let piece = vec![b'>'; PIECE];
        for _ in 0..16 {
            quoting.write_all(&piece).unwrap();
            assert_eq!((quoting.out.len(), quoting.at.held()), (PIECE, &b""[..]));
            quoting.out.clear();
        }
        let mut ended = Quoting::new(Vec::new());
        ended.at = quoting.at;
        ended.end();
        assert_eq!(ended.out, b"\n\n");
        quoting.write_all(b"From").unwrap();
        assert_eq!((quoting.out.len(), quoting.at.held()), (0, &b"From"[..]));
        quoting.write_all(b" x\n").unwrap();
        quoting.end();
        assert_eq!(quoting.out, b">From x\n\n");
    }

    #[test]
    fn envelope_lines_are_of_one_length() {
        assert_eq!(envelope(0), "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n");
        assert_eq!(envelope(1_764_061_200).len(), envelope(0).len());
    }
}
