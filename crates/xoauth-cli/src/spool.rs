//! Octets on their way from a pipe to a server: in memory while they are few, then in a file without a name.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::PathBuf;

use xoauth::sasl::Nonce;

use crate::files::private;

/// What is kept in memory. Most messages are smaller, and none is by much more than what memory there is.
const MOST: usize = 1024 * 1024;

/// Octets that are written once, then read once.
#[derive(Debug)]
pub(crate) struct Spool {
    memory: Vec<u8>,
    file: Option<Temporary>,
    length: u64,
}

impl Spool {
    pub(crate) fn new() -> Self {
        Self { memory: Vec::new(), file: None, length: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    pub(crate) fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.length += u64::try_from(octets.len()).unwrap_or(u64::MAX);
        if let Some(file) = &mut self.file {
            return file.out.write_all(octets);
        }
        if self.memory.len() + octets.len() <= MOST {
            self.memory.extend_from_slice(octets);
            return Ok(());
        }
        let mut file = Temporary::create()?;
        file.out.write_all(&std::mem::take(&mut self.memory))?;
        file.out.write_all(octets)?;
        self.file = Some(file);
        Ok(())
    }

    /// The octets, where they are in memory.
    pub(crate) fn into_memory(self) -> Result<Vec<u8>, Temporary> {
        match self.file {
            Some(file) => Err(file),
            None => Ok(self.memory),
        }
    }
}

/// A file that nobody else can open, and that is gone when this program is.
#[derive(Debug)]
pub(crate) struct Temporary {
    out: BufWriter<File>,
    /// Where it still has one: Windows keeps the names of open files.
    name: Option<Named>,
}

/// Removes a file's name at the end.
#[derive(Debug)]
struct Named(PathBuf);

impl Drop for Named {
    fn drop(&mut self) {
        // Whoever cleans up behind us finds it in the system's directory for such files.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Temporary {
    fn create() -> io::Result<Self> {
        let random = Nonce::random().map_err(io::Error::other)?;
        let path = std::env::temp_dir().join(format!("xoauth-{}", random.as_str()));
        let file = private().read(true).write(true).create_new(true).open(&path)?;
        let name = Named(path);
        // On Unix the file lives on without a name, as long as it is open.
        let name = (!cfg!(unix)).then_some(name);
        Ok(Self { out: BufWriter::with_capacity(64 * 1024, file), name })
    }

    /// From the beginning.
    pub(crate) fn into_reader(self) -> io::Result<Reading> {
        let Self { out, name } = self;
        let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Reading { file, _name: name })
    }
}

/// A temporary file that is read.
#[derive(Debug)]
pub(crate) struct Reading {
    file: File,
    _name: Option<Named>,
}

impl io::Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn few_octets_stay_in_memory_and_many_come_back_from_a_file() {
        let mut spool = Spool::new();
        assert!(spool.is_empty());
        spool.write(&vec![7; MOST]).unwrap();
        assert_eq!(spool.into_memory().unwrap().len(), MOST);

        let mut spool = Spool::new();
        for piece in 0..20 {
            spool.write(&vec![piece; 100_000]).unwrap();
        }
        assert_eq!(spool.len(), 2_000_000);
        let file = spool.into_memory().unwrap_err();
        let path = file.name.as_ref().map(|name| name.0.clone());
        assert_eq!(path.is_none(), cfg!(unix));
        let mut read = Vec::new();
        let mut reading = file.into_reader().unwrap();
        reading.read_to_end(&mut read).unwrap();
        drop(reading);
        assert!(path.is_none_or(|path| !path.exists()));
        assert_eq!(read.len(), 2_000_000);
        assert!(read.chunks(100_000).zip(0..20).all(|(chunk, piece)| chunk == [piece; 100_000]));
    }
}
