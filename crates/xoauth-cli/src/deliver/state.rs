//! Which messages were fetched: a file beside them, appended to a line a message.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use xoauth::imap::Uid;

use crate::files::{private, replace};

/// The UIDs that are done, for one UIDVALIDITY (RFC 9051 2.3.1.1).
#[derive(Debug)]
pub(crate) struct State {
    file: File,
    /// Those of earlier runs.
    done: HashSet<u32>,
    /// Lines that are not in the file yet, and how many.
    unwritten: (String, usize),
}

/// What a file says when it is opened again.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) uid_validity: Option<u32>,
    pub(crate) done: HashSet<u32>,
    /// An mbox had this length before a message was written whose end is not noted.
    pub(crate) open_at: Option<u64>,
}

impl Kept {
    /// Reads the file, and what there is of its last line.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let mut kept = Self::default();
        // A line without its end was being written when the run was cut off.
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            let mut words = line.split(' ');
            match (words.next(), words.next()) {
                (Some("uidvalidity"), Some(number)) => kept.uid_validity = number.parse().ok(),
                (Some("open"), Some(length)) => kept.open_at = length.parse().ok(),
                (Some("closed"), None) => kept.open_at = None,
                (Some(uid), None) => {
                    kept.open_at = None;
                    kept.done.extend(uid.parse::<u32>().ok());
                }
                _ => {}
            }
        }
        Ok(kept)
    }
}

impl State {
    /// Begins or goes on; what was kept stays where it is of the same UIDVALIDITY.
    pub(crate) fn open(path: &Path, uid_validity: u32, kept: Kept) -> io::Result<Self> {
        let done = if kept.uid_validity == Some(uid_validity) { kept.done } else { HashSet::new() };
        // Written anew, so that half a line of a run that was cut off is gone.
        let mut text = format!("uidvalidity {uid_validity}\n");
        let mut uids: Vec<u32> = done.iter().copied().collect();
        uids.sort_unstable();
        for uid in uids {
            text.push_str(&format!("{uid}\n"));
        }
        replace(path, text.as_bytes())?;
        let file = private().append(true).open(path)?;
        Ok(Self { file, done, unwritten: Default::default() })
    }

    pub(crate) fn is_done(&self, uid: Uid) -> bool {
        self.done.contains(&uid.get())
    }

    /// A message is about to be written to an mbox of this length.
    pub(crate) fn opens(&mut self, length: u64) -> io::Result<()> {
        self.note(format_args!("open {length}"), 0)
    }

    /// Nothing is left of the message that was about to be written.
    pub(crate) fn closed(&mut self) -> io::Result<()> {
        self.note(format_args!("closed"), 0)
    }

    /// A message is where it belongs. Up to `most` such lines are written later, in one: a line costs as much as a
    /// fifth of a message.
    pub(crate) fn done(&mut self, uid: Uid, most: usize) -> io::Result<()> {
        self.note(format_args!("{uid}"), most)
    }

    /// Writes what is not in the file yet.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let (text, lines) = &mut self.unwritten;
        if *lines > 0 {
            self.file.write_all(text.as_bytes())?;
            text.clear();
            *lines = 0;
        }
        Ok(())
    }

    fn note(&mut self, line: std::fmt::Arguments<'_>, most: usize) -> io::Result<()> {
        let (text, lines) = &mut self.unwritten;
        text.push_str(&format!("{line}\n"));
        *lines += 1;
        if *lines > most { self.flush() } else { Ok(()) }
    }
}

/// Notes that a message that was cut off is dealt with, in the file of whichever run it was.
pub(super) fn close(path: &Path) -> io::Result<()> {
    let text = std::fs::read_to_string(path)?;
    let whole = text.rfind('\n').and_then(|end| text.get(..=end)).unwrap_or_default();
    replace(path, format!("{whole}closed\n").as_bytes())
}
