//! Maildir: written to `tmp`, then renamed, under a name that the message's UID makes.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use xoauth::imap::{Flag, Uid};

use super::{About, Sink, Unix, create, make_directory};

/// A Maildir with its three directories.
#[derive(Debug)]
pub(crate) struct Maildir {
    directory: PathBuf,
    /// What names of this mailbox begin with: its UIDVALIDITY and its key.
    prefix: String,
    /// UIDs that were there before.
    present: HashSet<u32>,
    /// Where messages are written, one after the other.
    unfinished: PathBuf,
    writing: Option<(File, Unix)>,
    /// Octets with the line ends of Unix, on their way to the file.
    converted: Vec<u8>,
}

impl Maildir {
    /// Makes the directories; what a run that was cut off left in `tmp` goes.
    pub(crate) fn open(directory: &Path, key: &str, uid_validity: u32) -> io::Result<Self> {
        for name in ["tmp", "new", "cur"] {
            make_directory(&directory.join(name))?;
        }
        let prefix = format!("{uid_validity}.{key}.");
        for entry in std::fs::read_dir(directory.join("tmp"))? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                std::fs::remove_file(entry.path())?;
            }
        }
        let mut present = HashSet::new();
        for name in ["new", "cur"] {
            for entry in std::fs::read_dir(directory.join(name))? {
                let name = entry?.file_name();
                let name = name.to_string_lossy();
                let behind =
                    name.strip_prefix(&prefix).and_then(|rest| rest.split(['.', ':', ';']).next());
                present.extend(behind.and_then(|uid| uid.parse::<u32>().ok()));
            }
        }
        Ok(Self {
            directory: directory.to_owned(),
            unfinished: directory.join("tmp").join(format!("{prefix}{}", std::process::id())),
            prefix,
            present,
            writing: None,
            converted: Vec::new(),
        })
    }
}

impl Sink for Maildir {
    fn begin(&mut self) -> io::Result<()> {
        self.writing = Some((create(&self.unfinished)?, Unix::default()));
        Ok(())
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        let Some((file, unix)) = &mut self.writing else { return Ok(()) };
        self.converted.clear();
        unix.write(octets, &mut self.converted)?;
        file.write_all(&self.converted)
    }

    fn finish(&mut self, about: &About) -> io::Result<Option<PathBuf>> {
        let Some((file, unix)) = &mut self.writing else { return Ok(None) };
        unix.end(file)?;
        if let Some(received) = about.received() {
            // A date is worth having, not worth failing for.
            let _ = file.set_modified(received);
        }
        let flags = info(about);
        // Nobody has seen what has no flag: that is what `new` is for.
        let (place, info) = match flags.as_str() {
            "" => ("new", String::new()),
            flags => ("cur", format!("{SEPARATOR}2,{flags}")),
        };
        let name = format!("{}{}{info}", self.prefix, about.uid);
        let target = self.directory.join(place).join(name);
        std::fs::rename(&self.unfinished, &target)?;
        self.writing = None;
        Ok(Some(target))
    }

    fn give_up(&mut self) -> io::Result<()> {
        match self.writing.take() {
            Some(_) => std::fs::remove_file(&self.unfinished),
            None => Ok(()),
        }
    }

    fn has(&self, uid: Uid) -> bool {
        self.present.contains(&uid.get())
    }
}

/// A colon is no character of a file name on Windows.
const SEPARATOR: char = if cfg!(windows) { ';' } else { ':' };

/// The flags as Maildir has them, in the order of their letters.
fn info(about: &About) -> String {
    let Some(flags) = &about.message.flags else { return String::new() };
    let letters = [
        (Flag::Draft, 'D'),
        (Flag::Flagged, 'F'),
        (Flag::Answered, 'R'),
        (Flag::Seen, 'S'),
        (Flag::Deleted, 'T'),
    ];
    letters.into_iter().filter(|(flag, _)| flags.contains(flag)).map(|(_, letter)| letter).collect()
}
