//! COMPRESS, RFC 4978.

use super::accepted;
use crate::error::Error;
use crate::proto::{Encoder, Exchange, Leaves, State};
use crate::types::{ArgumentSink, StatusKind, StatusText};

/// Asks the server to compress with DEFLATE from its OK on.
///
/// No [`Command`](crate::proto::Command): whoever drives the machine must put the compression between it and the
/// stream, beginning with what [`Machine::take_undecoded`](crate::proto::Machine::take_undecoded) gives. Behind
/// the OK octets may stand already, for the server compresses at once (RFC 4978, 3); unlike with STARTTLS nobody
/// but the server can have put them there.
#[derive(Debug, Default)]
pub struct Compress(());

impl Compress {
    /// Asks for compression.
    pub fn new() -> Self {
        Self(())
    }

    /// What the tagged answer says.
    ///
    /// # Errors
    /// [`Error::Refused`]: nothing is compressed.
    pub fn agreed(self, status: StatusText) -> Result<(), Error> {
        accepted("COMPRESS", status).map(drop)
    }
}

impl Exchange for Compress {
    /// # Errors
    /// [`Error::AlreadyCompressed`]: of two layers only one could ever be taken off (RFC 4978, 3).
    fn encode(&mut self, out: &mut Encoder<'_>, state: &State) -> Result<(), Error> {
        if state.is_compressed() {
            return Err(Error::AlreadyCompressed);
        }
        out.needs("COMPRESS", &["COMPRESS=DEFLATE"])?;
        out.raw("COMPRESS DEFLATE");
        Ok(())
    }

    fn leaves(&self) -> Leaves {
        Leaves::Stream
    }

    fn on_completed(&mut self, status: &StatusText, state: &mut State) {
        state.compressed |= status.kind == StatusKind::Ok;
    }
}
