//! mbox, with the quoting of mboxrd: `>` in front of every line that begins with any number of `>` and `From `.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use fs4::FileExt;
use xoauth::imap::Uid;

use super::{About, Sink, Unix};

/// One file, appended to.
#[derive(Debug)]
pub(crate) struct Mbox {
    file: BufWriter<File>,
    /// The length of the file with every message that is complete.
    length: u64,
    unix: Unix,
    quoting: Quoting<Vec<u8>>,
}

impl Mbox {
    /// Opens the file, locks it, and cuts off what a run wrote that did not come to its end.
    pub(crate) fn open(path: &Path, open_at: Option<u64>) -> io::Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        if FileExt::try_lock(&file).is_err() {
            return Err(io::Error::new(io::ErrorKind::WouldBlock, "another program has it locked"));
        }
        let mut length = file.metadata()?.len();
        if let Some(open_at) = open_at.filter(|&open_at| open_at < length) {
            file.set_len(open_at)?;
            length = open_at;
        }
        let mut file = BufWriter::with_capacity(64 * 1024, file);
        file.seek(SeekFrom::Start(length))?;
        Ok(Self { file, length, unix: Unix::default(), quoting: Quoting::new(Vec::new()) })
    }

    fn put(&mut self) -> io::Result<()> {
        self.file.write_all(&self.quoting.out)?;
        self.quoting.out.clear();
        Ok(())
    }
}

impl Sink for Mbox {
    /// The envelope line is written with a date of fixed width, which is known only at the end.
    fn begin(&mut self) -> io::Result<()> {
        self.unix = Unix::default();
        self.quoting = Quoting::new(std::mem::take(&mut self.quoting.out));
        self.file.write_all(envelope(0).as_bytes())
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.unix.write(octets, &mut self.quoting)?;
        self.put()
    }

    fn finish(&mut self, about: &About) -> io::Result<Option<std::path::PathBuf>> {
        self.unix.end(&mut self.quoting)?;
        self.quoting.end();
        self.put()?;
        let end = self.file.stream_position()?;
        if let Some(date) = about.date() {
            self.file.seek(SeekFrom::Start(self.length))?;
            self.file.write_all(envelope(date.unix_seconds()).as_bytes())?;
            self.file.seek(SeekFrom::Start(end))?;
        }
        self.file.flush()?;
        self.length = end;
        Ok(None)
    }

    fn give_up(&mut self) {
        let cut = self.file.flush().and_then(|()| self.file.get_ref().set_len(self.length));
        let _ = cut.and_then(|()| self.file.seek(SeekFrom::Start(self.length)));
        self.quoting.out.clear();
    }

    /// The length before the next message.
    fn length(&self) -> Option<u64> {
        Some(self.length)
    }

    fn has(&self, _: Uid) -> bool {
        false
    }
}

/// `From MAILER-DAEMON Wed Nov 25 09:00:00 2026`, in UTC, always of the same length.
fn envelope(seconds: i64) -> String {
    let timestamp = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("From MAILER-DAEMON {}\n", timestamp.strftime("%a %b %e %H:%M:%S %Y"))
}

/// Quotes lines as they pass.
#[derive(Debug)]
struct Quoting<W> {
    out: W,
    /// How much of `From ` was seen at the beginning of this line, after any `>`; `None` further on.
    matched: Option<usize>,
    /// The `>` and letters that are held back until it is known whether the line is quoted.
    held: Vec<u8>,
}

const FROM: &[u8] = b"From ";

impl Quoting<Vec<u8>> {
    fn new(out: Vec<u8>) -> Self {
        Self { out, matched: Some(0), held: Vec::new() }
    }

    /// Ends the message: with a line end, and the empty line that parts it from the next.
    fn end(&mut self) {
        self.out.append(&mut self.held);
        if self.matched != Some(0) || self.out.last().is_some_and(|&octet| octet != b'\n') {
            self.out.push(b'\n');
        }
        self.out.push(b'\n');
    }
}

impl Write for Quoting<Vec<u8>> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut rest = octets;
        while let Some((&octet, behind)) = rest.split_first() {
            let Some(matched) = self.matched else {
                // In the middle of a line: up to its end nothing is quoted.
                let end = rest.iter().position(|&octet| octet == b'\n');
                let (line, behind) = rest
                    .split_at_checked(end.map_or(rest.len(), |end| end + 1))
                    .unwrap_or((rest, &[]));
                self.out.extend_from_slice(line);
                if end.is_some() {
                    self.matched = Some(0);
                }
                rest = behind;
                continue;
            };
            rest = behind;
            self.held.push(octet);
            if matched == 0 && octet == b'>' {
                continue;
            }
            if FROM.get(matched) == Some(&octet) {
                self.matched = Some(matched + 1);
                if matched + 1 < FROM.len() {
                    continue;
                }
                self.out.push(b'>');
            }
            self.out.append(&mut self.held);
            self.matched = if octet == b'\n' { Some(0) } else { None };
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
    fn envelope_lines_are_of_one_length() {
        assert_eq!(envelope(0), "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n");
        assert_eq!(envelope(1_764_061_200).len(), envelope(0).len());
    }
}
