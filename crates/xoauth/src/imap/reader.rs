//! Messages from readers.

use std::error::Error;
use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use xoauth_imap::command::Source;

/// Any `Read` as the source of a message that is stored, so that it never is in memory as a whole.
///
/// ```no_run
/// use xoauth::imap::FromReader;
/// use xoauth::imap::command::{Append, Content};
///
/// let file = std::fs::File::open("message.eml")?;
/// let len = file.metadata()?.len();
/// let append = Append::new("Archive", Content::from_source(FromReader(file), len));
/// # let _ = append;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct FromReader<R>(pub R);

impl<R: Read> Source for FromReader<R> {
    fn read(&mut self, room: &mut [u8]) -> Result<usize, Arc<dyn Error + Send + Sync>> {
        loop {
            match self.0.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Arc::new(error)),
                Ok(n) => return Ok(n),
            }
        }
    }
}

impl<R> fmt::Debug for FromReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromReader(..)")
    }
}
