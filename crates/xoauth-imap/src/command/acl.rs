//! Who may do what with a mailbox: ACL, RFC 4314.

use alloc::string::String;
use alloc::vec::Vec;

use super::accepted;
use crate::error::Error;
use crate::parse::Response;
use crate::proto::{Claim, Command, Encoder, Exchange, Footprint, State};
use crate::types::{
    AccessList, ArgumentSink, Capabilities, Mailbox, MailboxRights, Octets, Rights, RightsChoice,
    StatusText,
};

/// What SETACL does with the rights it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RightsChange {
    /// Adds them.
    Add,
    /// Takes them away.
    Remove,
    /// Leaves exactly these.
    Replace,
}

/// SETACL, RFC 4314 3.1.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct SetAcl {
    mailbox: Mailbox,
    identifier: String,
    change: RightsChange,
    rights: Rights,
}

impl SetAcl {
    /// Will change what `identifier` may do: a user, `anyone`, or either with `-` before it to deny it.
    pub fn new(
        mailbox: impl Into<Mailbox>,
        identifier: impl Into<String>,
        change: RightsChange,
        rights: Rights,
    ) -> Self {
        Self { mailbox: mailbox.into(), identifier: identifier.into(), change, rights }
    }
}

impl Exchange for SetAcl {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::Status
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.needs("SETACL", &["ACL"])?;
        out.raw("SETACL ");
        self.mailbox.encode(out);
        out.raw(" ");
        out.astring(self.identifier.as_bytes());
        out.raw(" ");
        let sign = match self.change {
            RightsChange::Add => "+",
            RightsChange::Remove => "-",
            RightsChange::Replace => "",
        };
        out.astring(alloc::format!("{sign}{}", self.rights).as_bytes());
        Ok(())
    }
}

impl Command for SetAcl {
    type Output = ();

    fn finish(self, status: StatusText) -> Result<(), Error> {
        accepted("SETACL", status).map(drop)
    }
}

/// DELETEACL, RFC 4314 3.2.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct DeleteAcl {
    mailbox: Mailbox,
    identifier: String,
}

impl DeleteAcl {
    /// Will remove what is said of `identifier`.
    pub fn new(mailbox: impl Into<Mailbox>, identifier: impl Into<String>) -> Self {
        Self { mailbox: mailbox.into(), identifier: identifier.into() }
    }
}

impl Exchange for DeleteAcl {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::Status
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.needs("DELETEACL", &["ACL"])?;
        out.raw("DELETEACL ");
        self.mailbox.encode(out);
        out.raw(" ");
        out.astring(self.identifier.as_bytes());
        Ok(())
    }
}

impl Command for DeleteAcl {
    type Output = ();

    fn finish(self, status: StatusText) -> Result<(), Error> {
        accepted("DELETEACL", status).map(drop)
    }
}

pub(super) fn has_virtual_rights(state: &State) -> bool {
    state.capabilities().is_some_and(Capabilities::has_virtual_rights)
}

/// GETACL, RFC 4314 3.3.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct GetAcl {
    mailbox: Mailbox,
    told: Option<AccessList>,
    virtual_rights: bool,
}

impl GetAcl {
    /// Asks who may do what.
    pub fn new(mailbox: impl Into<Mailbox>) -> Self {
        Self { mailbox: mailbox.into(), told: None, virtual_rights: false }
    }
}

impl Exchange for GetAcl {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::MailboxData("ACL", &self.mailbox)
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    fn encode(&mut self, out: &mut Encoder<'_>, state: &State) -> Result<(), Error> {
        out.needs("GETACL", &["ACL"])?;
        self.virtual_rights = has_virtual_rights(state);
        out.raw("GETACL ");
        self.mailbox.encode(out);
        Ok(())
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        match response {
            Response::AccessList(told) if self.mailbox.is_told_as(&told.mailbox) => {
                let mut told = AccessList::clone(told);
                for (_, rights) in &mut told.entries {
                    *rights = rights.real(self.virtual_rights);
                }
                self.told = Some(told);
                Ok(Claim::Mine)
            }
            _ => Ok(Claim::Pass),
        }
    }
}

impl Command for GetAcl {
    /// Who, and their rights.
    type Output = Vec<(Octets, Rights)>;

    fn finish(self, status: StatusText) -> Result<Vec<(Octets, Rights)>, Error> {
        accepted("GETACL", status)?;
        let missing = Error::MissingData { command: "GETACL", missing: "an access list" };
        self.told.map(|told| told.entries).ok_or(missing)
    }
}

/// LISTRIGHTS, RFC 4314 3.4.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct ListRights {
    mailbox: Mailbox,
    identifier: String,
    told: Option<RightsChoice>,
    virtual_rights: bool,
}

impl ListRights {
    /// Asks what `identifier` can be allowed.
    pub fn new(mailbox: impl Into<Mailbox>, identifier: impl Into<String>) -> Self {
        Self {
            mailbox: mailbox.into(),
            identifier: identifier.into(),
            told: None,
            virtual_rights: false,
        }
    }
}

impl Exchange for ListRights {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::MailboxData("LISTRIGHTS", &self.mailbox)
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    fn encode(&mut self, out: &mut Encoder<'_>, state: &State) -> Result<(), Error> {
        out.needs("LISTRIGHTS", &["ACL"])?;
        self.virtual_rights = has_virtual_rights(state);
        out.raw("LISTRIGHTS ");
        self.mailbox.encode(out);
        out.raw(" ");
        out.astring(self.identifier.as_bytes());
        Ok(())
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        match response {
            Response::RightsChoice(told) if self.mailbox.is_told_as(&told.mailbox) => {
                let mut told = RightsChoice::clone(told);
                told.required = told.required.real(self.virtual_rights);
                for rights in &mut told.optional {
                    *rights = rights.real(self.virtual_rights);
                }
                told.optional.retain(|rights| !rights.is_empty());
                self.told = Some(told);
                Ok(Claim::Mine)
            }
            _ => Ok(Claim::Pass),
        }
    }
}

impl Command for ListRights {
    type Output = RightsChoice;

    fn finish(self, status: StatusText) -> Result<RightsChoice, Error> {
        accepted("LISTRIGHTS", status)?;
        self.told.ok_or(Error::MissingData { command: "LISTRIGHTS", missing: "rights" })
    }
}

/// MYRIGHTS, RFC 4314 3.5.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct MyRights {
    mailbox: Mailbox,
    told: Option<MailboxRights>,
    virtual_rights: bool,
}

impl MyRights {
    /// Asks what the user may do.
    pub fn new(mailbox: impl Into<Mailbox>) -> Self {
        Self { mailbox: mailbox.into(), told: None, virtual_rights: false }
    }
}

impl Exchange for MyRights {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::MailboxData("MYRIGHTS", &self.mailbox)
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    fn encode(&mut self, out: &mut Encoder<'_>, state: &State) -> Result<(), Error> {
        out.needs("MYRIGHTS", &["ACL"])?;
        self.virtual_rights = has_virtual_rights(state);
        out.raw("MYRIGHTS ");
        self.mailbox.encode(out);
        Ok(())
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        match response {
            Response::MyRights(told) if self.mailbox.is_told_as(&told.mailbox) => {
                let mut told = MailboxRights::clone(told);
                told.rights = told.rights.real(self.virtual_rights);
                self.told = Some(told);
                Ok(Claim::Mine)
            }
            _ => Ok(Claim::Pass),
        }
    }
}

impl Command for MyRights {
    type Output = Rights;

    fn finish(self, status: StatusText) -> Result<Rights, Error> {
        accepted("MYRIGHTS", status)?;
        let missing = Error::MissingData { command: "MYRIGHTS", missing: "rights" };
        self.told.map(|told| told.rights).ok_or(missing)
    }
}
