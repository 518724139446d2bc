//! One file a message, as the server has it.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use xoauth::imap::Uid;

use super::{About, Sink, create};

/// A directory of `.eml` files.
#[derive(Debug)]
pub(crate) struct Eml {
    directory: PathBuf,
    prefix: String,
    writing: Option<(PathBuf, File)>,
}

impl Eml {
    pub(crate) fn new(directory: &Path, key: &str, uid_validity: u32) -> Self {
        let prefix = format!("{key}-{uid_validity}-");
        Self { directory: directory.to_owned(), prefix, writing: None }
    }

    fn place(&self, uid: Uid) -> PathBuf {
        self.directory.join(format!("{}{uid}.eml", self.prefix))
    }
}

impl Sink for Eml {
    fn begin(&mut self) -> io::Result<()> {
        let path = self.directory.join(format!(".{}part", self.prefix));
        let file = create(&path)?;
        self.writing = Some((path, file));
        Ok(())
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.writing {
            Some((_, file)) => file.write_all(octets),
            None => Ok(()),
        }
    }

    fn finish(&mut self, about: &About) -> io::Result<Option<PathBuf>> {
        let target = self.place(about.uid);
        let Some((path, file)) = &self.writing else { return Ok(None) };
        if let Some(received) = about.received() {
            let _ = file.set_modified(received);
        }
        std::fs::rename(path, &target)?;
        self.writing = None;
        Ok(Some(target))
    }

    fn give_up(&mut self) -> io::Result<()> {
        match self.writing.take() {
            Some((path, _)) => std::fs::remove_file(path),
            None => Ok(()),
        }
    }

    fn has(&self, uid: Uid) -> bool {
        self.place(uid).exists()
    }
}
