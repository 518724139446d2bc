//! How a session is compressed.

/// How COMPRESS is used (RFC 4978).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compression {
    pub(crate) expansion: u32,
}

impl Default for Compression {
    fn default() -> Self {
        Self { expansion: 250 }
    }
}

impl Compression {
    /// How many octets the server may make of one it sends: 250. Mail becomes a third to a tenth of its size;
    /// DEFLATE can make 1032 octets of one, which only an attack or a file of one letter does. A server that
    /// passes it, after a first MiB, ends the session.
    pub fn expansion(mut self, times: u32) -> Self {
        self.expansion = times;
        self
    }
}
