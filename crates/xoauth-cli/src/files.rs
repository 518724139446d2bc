//! Files that only their owner may read, replaced in one step.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fs4::{FileExt, TryLockError};

/// A file that only its owner may read.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Locks a file that others lock for a while, for no longer than that; whether it is ours. That it lasts is told once.
pub(crate) fn lock_within(
    file: &File,
    patience: Duration,
    tell: impl FnOnce(),
) -> std::io::Result<bool> {
    let start = Instant::now();
    let mut tell = Some(tell);
    loop {
        match FileExt::try_lock(file) {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let waited = start.elapsed();
        if waited >= patience {
            return Ok(false);
        }
        if waited >= Duration::from_secs(2)
            && let Some(tell) = tell.take()
        {
            tell();
        }
        std::thread::sleep(Duration::from_millis(50).min(patience.saturating_sub(waited)));
    }
}

/// A device, a pipe or a directory is not replaced by a file; what is not there yet may become one.
pub(crate) fn refuse_irregular(path: &Path) -> std::io::Result<()> {
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(std::io::Error::other("it is no regular file")),
        _ => Ok(()),
    }
}

/// Replaces a file in one step, private to its owner: whoever reads it sees the old or the new.
pub(crate) fn replace(path: &Path, octets: &[u8]) -> std::io::Result<()> {
    Fresh::with_room(path, 0)?.commit(octets)
}

/// A new file beside the one that it will replace; gone where it does not.
#[derive(Debug)]
pub(crate) struct Fresh {
    file: File,
    at: PathBuf,
    path: PathBuf,
}

impl Fresh {
    /// With room for so many octets on the disk.
    pub(crate) fn with_room(path: &Path, octets: usize) -> std::io::Result<Self> {
        // A link stays one: what it points to is replaced.
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        refuse_irregular(&path)?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let at = path.with_file_name(name);
        // Left by a process of this number that was killed, or put there by somebody: nothing is written through it.
        let _ = std::fs::remove_file(&at);
        let file = private().write(true).create_new(true).open(&at)?;
        let mut fresh = Self { file, at, path };
        fresh.file.write_all(&vec![b' '; octets])?;
        fresh.file.sync_all()?;
        Ok(fresh)
    }

    /// The file that it will replace.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts this in and takes the other's place; on the disk when it is done.
    pub(crate) fn commit(mut self, octets: &[u8]) -> std::io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(octets)?;
        self.file.set_len(octets.len() as u64)?;
        self.file.sync_all()?;
        std::fs::rename(&self.at, &self.path)?;
        // The name is in the directory, whose turn comes on its own where this system cannot be asked.
        #[cfg(unix)]
        if let Some(directory) = self.path.parent() {
            let _ = File::open(directory).and_then(|directory| directory.sync_all());
        }
        Ok(())
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_is_planted_is_not_written_through_and_links_stay() {
        let directory = std::env::temp_dir().join(format!("xoauth-files-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let at = |name: &str| directory.join(name);
        std::fs::write(at("victim"), "victim").unwrap();
        std::fs::write(at("real"), "old").unwrap();
        std::os::unix::fs::symlink(at("real"), at("link")).unwrap();
        let planted = format!("real.{}.new", std::process::id());
        std::os::unix::fs::symlink(at("victim"), at(&planted)).unwrap();
        let fresh = Fresh::with_room(&at("link"), 100).unwrap();
        fresh.commit(b"new").unwrap();
        drop(Fresh::with_room(&at("link"), 100).unwrap());
        let read = |name: &str| std::fs::read_to_string(at(name)).unwrap();
        assert_eq!((read("victim").as_str(), read("real").as_str()), ("victim", "new"));
        assert!(at("link").symlink_metadata().unwrap().is_symlink());
        assert!(!at(&planted).exists());
        // What is no regular file stays what it is.
        let socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        assert!(Fresh::with_room(&at("socket"), 1).is_err());
        assert!(replace(&at("socket"), b"new").is_err());
        assert!(!at("socket").metadata().unwrap().is_file());
        drop(socket);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
