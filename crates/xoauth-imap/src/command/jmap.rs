//! Where the same messages are available by JMAP: JMAPACCESS, RFC 9698.

use super::accepted;
use crate::error::Error;
use crate::parse::Response;
use crate::proto::{Claim, Command, Encoder, Exchange, Footprint, State};
use crate::types::{ArgumentSink, Octets, StatusText};

/// GETJMAPACCESS, RFC 9698: asks where the server's messages are available by JMAP. Mailboxes and messages have the same
/// identifiers there as OBJECTID tells here.
#[derive(Debug, Clone, Default)]
#[must_use = "a command does nothing until it is run"]
pub struct GetJmapAccess {
    told: Option<Octets>,
}

impl GetJmapAccess {
    /// Asks for the address of the JMAP session.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Exchange for GetJmapAccess {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::Data("JMAPACCESS")
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.needs("GETJMAPACCESS", &["JMAPACCESS"])?;
        out.raw("GETJMAPACCESS");
        Ok(())
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let Response::JmapAccess(url) = response else { return Ok(Claim::Pass) };
        self.told = Some(url.octets());
        Ok(Claim::Mine)
    }
}

impl Command for GetJmapAccess {
    /// The URL as the server wrote it. It decides where credentials may go: see that it begins with `https://`, and that its
    /// host is one to be trusted.
    type Output = Octets;

    fn finish(self, status: StatusText) -> Result<Octets, Error> {
        accepted("GETJMAPACCESS", status)?;
        self.told.ok_or(Error::MissingData { command: "GETJMAPACCESS", missing: "a URL" })
    }
}
