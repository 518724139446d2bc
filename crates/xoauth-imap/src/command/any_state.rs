//! The greeting, and the commands of every state (RFC 9051, 6.1).

use super::accepted;
use crate::error::Error;
use crate::parse::Response;
use crate::proto::{Claim, Command, Encoder, Exchange, Footprint, Kind, State};
use crate::types::{ArgumentSink, Capabilities, StatusKind, StatusText};

/// Marks the commands that may be run before authentication.
pub trait BeforeLogin: Command {}

/// Hears the server's greeting (RFC 9051, 7.1.1, 7.1.4, 7.1.5); sends nothing.
#[derive(Debug, Default)]
#[must_use = "a command does nothing until it is run"]
pub struct Greeting(());

impl Greeting {
    /// Waits for OK or PREAUTH.
    pub fn new() -> Self {
        Self(())
    }
}

impl Exchange for Greeting {
    fn encode(&mut self, _: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        Ok(())
    }

    fn kind(&self) -> Kind {
        Kind::Greeting
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        Ok(match response {
            Response::Status(status)
                if matches!(status.kind, StatusKind::Ok | StatusKind::Preauth) =>
            {
                Claim::Finished
            }
            _ => Claim::Pass,
        })
    }

    fn on_completed(&mut self, status: &StatusText, state: &mut State) {
        state.preauthenticated = status.kind == StatusKind::Preauth;
        state.authenticated = state.preauthenticated;
    }
}

impl Command for Greeting {
    /// What the server says of itself.
    type Output = StatusText;

    fn finish(self, status: StatusText) -> Result<StatusText, Error> {
        Ok(status)
    }
}

/// CAPABILITY, RFC 9051 6.1.1.
#[derive(Debug, Default)]
#[must_use = "a command does nothing until it is run"]
pub struct Capability {
    heard: Option<Capabilities>,
}

impl Capability {
    /// Asks what the server can do.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Exchange for Capability {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::Data("CAPABILITY")
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.raw("CAPABILITY");
        Ok(())
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let Response::Capability(list) = response else { return Ok(Claim::Pass) };
        self.heard = Capabilities::told(list);
        Ok(Claim::Mine)
    }

    fn on_completed(&mut self, status: &StatusText, state: &mut State) {
        if self.heard.is_none() && status.is_ok() {
            self.heard = state.capabilities.clone();
        }
    }
}

impl Command for Capability {
    type Output = Capabilities;

    fn finish(self, status: StatusText) -> Result<Capabilities, Error> {
        accepted("CAPABILITY", status)?;
        self.heard.ok_or(Error::MissingData { command: "CAPABILITY", missing: "capabilities" })
    }
}

impl BeforeLogin for Capability {}

/// NOOP, RFC 9051 6.1.2: does nothing but give the server the chance to tell news.
#[derive(Debug, Default)]
#[must_use = "a command does nothing until it is run"]
pub struct Noop(());

impl Noop {
    /// Asks for nothing.
    pub fn new() -> Self {
        Self(())
    }
}

impl Exchange for Noop {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::Status
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.raw("NOOP");
        Ok(())
    }
}

impl Command for Noop {
    type Output = ();

    fn finish(self, status: StatusText) -> Result<(), Error> {
        accepted("NOOP", status).map(drop)
    }
}

impl BeforeLogin for Noop {}

/// LOGOUT, RFC 9051 6.1.3: ends the session; the server says BYE.
#[derive(Debug, Default)]
#[must_use = "a command does nothing until it is run"]
pub struct Logout(());

impl Logout {
    /// Ends the session.
    pub fn new() -> Self {
        Self(())
    }
}

impl Exchange for Logout {
    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.raw("LOGOUT");
        Ok(())
    }

    fn kind(&self) -> Kind {
        Kind::Logout
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        Ok(match response {
            Response::Status(status) if status.kind == StatusKind::Bye => Claim::Mine,
            _ => Claim::Pass,
        })
    }

    /// A server that leaves out its BYE has ended the session all the same.
    fn on_completed(&mut self, status: &StatusText, state: &mut State) {
        state.bye |= status.is_ok();
    }
}

impl Command for Logout {
    type Output = ();

    fn finish(self, status: StatusText) -> Result<(), Error> {
        accepted("LOGOUT", status).map(drop)
    }
}

impl BeforeLogin for Logout {}
