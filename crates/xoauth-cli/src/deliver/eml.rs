//! One file a message, as the server has it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use xoauth::imap::Uid;

use super::maildir::hash;
use super::{About, Sink};

/// A directory of `.eml` files.
#[derive(Debug)]
pub(crate) struct Eml {
    directory: PathBuf,
    prefix: String,
    writing: Option<(PathBuf, BufWriter<File>)>,
}

impl Eml {
    pub(crate) fn open(directory: &Path, mailbox: &str, uid_validity: u32) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let prefix = format!("{}-{uid_validity}-", hash(mailbox));
        Ok(Self { directory: directory.to_owned(), prefix, writing: None })
    }

    fn place(&self, uid: Uid) -> PathBuf {
        self.directory.join(format!("{}{uid}.eml", self.prefix))
    }
}

impl Sink for Eml {
    fn begin(&mut self) -> io::Result<()> {
        let path = self.directory.join(format!(".{}part", self.prefix));
        let file = File::create(&path)?;
        self.writing = Some((path, BufWriter::with_capacity(64 * 1024, file)));
        Ok(())
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.writing {
            Some((_, file)) => file.write_all(octets),
            None => Ok(()),
        }
    }

    fn finish(&mut self, about: &About<'_>) -> io::Result<Option<PathBuf>> {
        let Some((path, mut file)) = self.writing.take() else { return Ok(None) };
        file.flush()?;
        if let Some(received) = about.received() {
            let _ = file.get_ref().set_modified(received);
        }
        let target = self.place(about.uid);
        std::fs::rename(path, &target)?;
        Ok(Some(target))
    }

    fn give_up(&mut self) {
        if let Some((path, _)) = self.writing.take() {
            let _ = std::fs::remove_file(path);
        }
    }

    fn has(&self, uid: Uid) -> bool {
        self.place(uid).exists()
    }
}
