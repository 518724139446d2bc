//! The session itself: ENABLE, NAMESPACE, ID, LOGIN, PROXYAUTH.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use xoauth_sasl::Mask;
use xoauth_sasl::oauth1::Secret;

use super::{BeforeLogin, accepted};
use crate::error::Error;
use crate::parse::Response;
use crate::proto::{Claim, Command, Encoder, Exchange, Footprint, Leaves, State};
use crate::types::{ArgumentSink, Capabilities, Identity, Namespaces, StatusText};

/// ENABLE, RFC 5161 and RFC 9051 6.3.1: switches on extensions that change what the server sends.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct Enable {
    extensions: Vec<String>,
    enabled: Capabilities,
}

impl Enable {
    /// Will switch on extensions by their capability: `["QRESYNC", "UTF8=ACCEPT"]`. Once enabled, names of
    /// mailboxes and quoted strings are sent in UTF-8 where UTF8=ACCEPT or IMAP4rev2 is among them.
    pub fn new<S: Into<String>>(extensions: impl IntoIterator<Item = S>) -> Self {
        let extensions = extensions.into_iter().map(Into::into).collect();
        Self { extensions, enabled: Capabilities::default() }
    }
}

impl Exchange for Enable {
    /// # Errors
    /// [`Error::Unsupported`] where the server has no ENABLE or does not list an extension.
    fn encode(&mut self, out: &mut Encoder<'_>, state: &State) -> Result<(), Error> {
        out.needs("ENABLE", &["ENABLE"])?;
        out.raw("ENABLE");
        if self.extensions.is_empty() {
            out.nothing_to_ask();
        }
        for extension in &self.extensions {
            super::custom::check_atom("extension", extension)?;
            let offered = state.capabilities().is_some_and(|offered| offered.offers(extension));
            if !offered && !out.is_forced() {
                let capability = extension.clone().into();
                return Err(Error::Unsupported { command: "ENABLE", capability });
            }
            out.raw(" ");
            out.raw(extension);
        }
        Ok(())
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let Response::Enabled(list) = response else { return Ok(Claim::Pass) };
        // Only what was asked for is believed: a server does not change how we write by itself.
        let asked = |name: &&str| self.extensions.iter().any(|e| e.eq_ignore_ascii_case(name));
        self.enabled.merge(Capabilities::from(list).iter().filter(asked));
        Ok(Claim::Mine)
    }

    fn leaves(&self) -> Leaves {
        Leaves::Extensions
    }

    fn on_completed(&mut self, status: &StatusText, state: &mut State) {
        if status.is_ok() {
            state.enable(self.enabled.iter());
        }
    }
}

impl Command for Enable {
    /// What was switched on by this command.
    type Output = Capabilities;

    fn finish(self, status: StatusText) -> Result<Capabilities, Error> {
        accepted("ENABLE", status)?;
        Ok(self.enabled)
    }
}

/// NAMESPACE, RFC 2342 and RFC 9051 6.3.10: where whose mailboxes are.
#[derive(Debug, Clone, Default)]
#[must_use = "a command does nothing until it is run"]
pub struct Namespace {
    told: Option<Namespaces>,
}

impl Namespace {
    /// Asks for the namespaces.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Exchange for Namespace {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::Data("NAMESPACE")
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.needs("NAMESPACE", &["NAMESPACE"])?;
        out.raw("NAMESPACE");
        Ok(())
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let Response::Namespace(told) = response else { return Ok(Claim::Pass) };
        self.told = Some(Namespaces::clone(told));
        Ok(Claim::Mine)
    }
}

impl Command for Namespace {
    type Output = Namespaces;

    fn finish(self, status: StatusText) -> Result<Namespaces, Error> {
        accepted("NAMESPACE", status)?;
        self.told.ok_or(Error::MissingData { command: "NAMESPACE", missing: "namespaces" })
    }
}

/// ID, RFC 2971: tells the server who we are and asks who it is, for reports of faults.
#[derive(Debug, Clone, Default)]
#[must_use = "a command does nothing until it is run"]
pub struct Id {
    fields: Vec<(String, Option<String>)>,
    told: Option<Identity>,
}

impl Id {
    /// Tells nothing: `NIL`.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// Tells a field: `"name"`, `"version"`, `"os"`, `"vendor"`, `"support-url"` and the others of RFC 2971
    /// (3.3). NetEase lets nobody select a mailbox who did not.
    pub fn field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.push((name.into(), Some(value.into())));
        self
    }
}

impl Exchange for Id {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::Data("ID")
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    /// # Errors
    /// More than 30 fields, a name longer than 30 octets or told twice, a value longer than 1024 (RFC 2971,
    /// 3.3).
    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.needs("ID", &["ID"])?;
        let invalid = |name: &str, expected| Err(Error::unfit("ID field", name, expected));
        if self.fields.len() > 30 {
            return invalid("", "at most 30 of them");
        }
        if self.fields.is_empty() {
            out.raw("ID NIL");
            return Ok(());
        }
        out.raw("ID");
        for (index, (name, value)) in self.fields.iter().enumerate() {
            let earlier = self.fields.iter().take(index);
            if earlier.into_iter().any(|(earlier, _)| earlier.eq_ignore_ascii_case(name)) {
                return invalid(name, "each told once");
            }
            if name.len() > 30 || value.as_ref().is_some_and(|value| value.len() > 1024) {
                return invalid(name, "a name of at most 30 octets, a value of at most 1024");
            }
            out.raw(if index == 0 { " (" } else { " " });
            out.string(name.as_bytes());
            out.raw(" ");
            match value {
                Some(value) => out.string(value.as_bytes()),
                None => out.raw("NIL"),
            }
        }
        out.raw(")");
        Ok(())
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let Response::Id(told) = response else { return Ok(Claim::Pass) };
        self.told = Some(Identity::clone(told));
        Ok(Claim::Mine)
    }
}

impl Command for Id {
    /// What the server says of itself; nothing where it does not.
    type Output = Identity;

    fn finish(self, status: StatusText) -> Result<Identity, Error> {
        accepted("ID", status)?;
        Ok(self.told.unwrap_or_default())
    }
}

impl BeforeLogin for Id {}

/// LOGIN, RFC 9051 6.2.3: a password, for servers without a better mechanism. The SASL mechanism of the same name is
/// [`sasl::Login`](crate::sasl::Login).
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct Login {
    user: String,
    password: Secret,
    capabilities_told: bool,
}

impl Login {
    /// Will log in as `user`. The password is shown in no trace and masked in what the server says.
    pub fn new(user: impl Into<String>, password: impl Into<Secret>) -> Self {
        Self { user: user.into(), password: password.into(), capabilities_told: false }
    }
}

impl Exchange for Login {
    /// # Errors
    /// [`Error::MechanismUnavailable`] where the server forbids it with LOGINDISABLED (RFC 9051, 6.2.3);
    /// [`Error::AlreadyAuthenticated`] where it knows who we are.
    fn encode(&mut self, out: &mut Encoder<'_>, state: &State) -> Result<(), Error> {
        if state.is_authenticated() {
            return Err(Error::AlreadyAuthenticated);
        }
        let Some(capabilities) = state.capabilities() else {
            return Err(Error::CapabilitiesUnknown);
        };
        let mut mask = Mask::default();
        mask.add(self.password.expose());
        if capabilities.has("LOGINDISABLED") {
            let offered = capabilities.mechanisms_shown(&mask);
            return Err(Error::MechanismUnavailable { mechanism: "LOGIN".to_string(), offered });
        }
        out.protect(mask);
        out.raw("LOGIN ");
        out.astring(self.user.as_bytes());
        out.raw(" ");
        out.secret_astring(self.password.expose());
        Ok(())
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        self.capabilities_told |= matches!(response, Response::Capability(_));
        Ok(Claim::Pass)
    }

    fn on_completed(&mut self, status: &StatusText, state: &mut State) {
        state.authenticated |= status.is_ok();
        if status.is_ok() && !self.capabilities_told && !status.tells_capabilities() {
            state.capabilities = None;
        }
    }
}

impl Command for Login {
    /// The server's words of welcome.
    type Output = StatusText;

    fn finish(self, status: StatusText) -> Result<StatusText, Error> {
        accepted("LOGIN", status)
    }
}

/// PROXYAUTH: goes on as another user, for administrators of iPlanet and its successors. It is described in
/// no RFC; imaplib has it.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct ProxyAuth {
    user: String,
}

impl ProxyAuth {
    /// Will act as `user`.
    pub fn new(user: impl Into<String>) -> Self {
        Self { user: user.into() }
    }
}

impl Exchange for ProxyAuth {
    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.raw("PROXYAUTH ");
        out.astring(self.user.as_bytes());
        Ok(())
    }
}

impl Command for ProxyAuth {
    type Output = ();

    fn finish(self, status: StatusText) -> Result<(), Error> {
        accepted("PROXYAUTH", status).map(drop)
    }
}
