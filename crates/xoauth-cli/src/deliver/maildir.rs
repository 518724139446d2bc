//! Maildir: written to `tmp`, then renamed, under a name that the message's UID makes.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use xoauth::imap::{Flag, Uid};

use super::{About, Sink, Unix};

/// A Maildir with its three directories.
#[derive(Debug)]
pub(crate) struct Maildir {
    directory: PathBuf,
    /// What names of this mailbox begin with: its UIDVALIDITY and a hash of its name.
    prefix: String,
    /// UIDs that are there already.
    present: HashSet<u32>,
    writing: Option<(PathBuf, BufWriter<File>, Unix)>,
}

impl Maildir {
    /// Makes the directories; what a run that was cut off left in `tmp` goes.
    pub(crate) fn open(directory: &Path, mailbox: &str, uid_validity: u32) -> io::Result<Self> {
        for name in ["tmp", "new", "cur"] {
            std::fs::create_dir_all(directory.join(name))?;
        }
        let prefix = format!("{uid_validity}.{}.", hash(mailbox));
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
        Ok(Self { directory: directory.to_owned(), prefix, present, writing: None })
    }
}

impl Sink for Maildir {
    fn begin(&mut self) -> io::Result<()> {
        let path =
            self.directory.join("tmp").join(format!("{}{}", self.prefix, std::process::id()));
        let file = File::create(&path)?;
        self.writing = Some((path, BufWriter::with_capacity(64 * 1024, file), Unix::default()));
        Ok(())
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.writing {
            Some((_, file, unix)) => unix.write(octets, file),
            None => Ok(()),
        }
    }

    fn finish(&mut self, about: &About<'_>) -> io::Result<Option<PathBuf>> {
        let Some((path, mut file, mut unix)) = self.writing.take() else { return Ok(None) };
        unix.end(&mut file)?;
        file.flush()?;
        if let Some(received) = about.received() {
            // A date is worth having, not worth failing for.
            let _ = file.get_ref().set_modified(received);
        }
        let flags = info(about);
        // Nobody has seen what has no flag: that is what `new` is for.
        let (place, info) = match flags.as_str() {
            "" => ("new", String::new()),
            flags => ("cur", format!("{SEPARATOR}2,{flags}")),
        };
        let name = format!("{}{}{info}", self.prefix, about.uid);
        let target = self.directory.join(place).join(name);
        std::fs::rename(path, &target)?;
        self.present.insert(about.uid.get());
        Ok(Some(target))
    }

    fn give_up(&mut self) {
        if let Some((path, ..)) = self.writing.take() {
            let _ = std::fs::remove_file(path);
        }
    }

    fn has(&self, uid: Uid) -> bool {
        self.present.contains(&uid.get())
    }
}

/// A colon is no character of a file name on Windows.
const SEPARATOR: char = if cfg!(windows) { ';' } else { ':' };

/// The flags as Maildir has them, in the order of their letters.
fn info(about: &About<'_>) -> String {
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

/// Tells mailboxes apart that are fetched into one Maildir (FNV-1a).
pub(crate) fn hash(mailbox: &str) -> String {
    let fold = |hash: u64, octet: u8| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
    format!("{:08x}", mailbox.bytes().fold(0xcbf2_9ce4_8422_2325, fold) & 0xffff_ffff)
}
