//! How much mailboxes may hold: QUOTA, RFC 9208.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{accepted, custom::check_atom};
use crate::error::Error;
use crate::parse::Response;
use crate::proto::{Claim, Command, Encoder, Exchange, Footprint, State};
use crate::types::{ArgumentSink, Mailbox, Octets, Quota, ResourceKind, StatusText};

/// GETQUOTA, RFC 9208 4.1.1.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct GetQuota {
    root: String,
    told: Option<Quota>,
}

impl GetQuota {
    /// Asks what a quota root allows; [`GetQuotaRoot`] tells which there are.
    pub fn new(root: impl Into<String>) -> Self {
        Self { root: root.into(), told: None }
    }
}

impl Exchange for GetQuota {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::Data("QUOTA")
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.needs("GETQUOTA", &["QUOTA"])?;
        out.raw("GETQUOTA ");
        out.astring(self.root.as_bytes());
        Ok(())
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        match response {
            Response::Quota(told) if told.root == self.root.as_str() => {
                self.told = Some(Quota::clone(told));
                Ok(Claim::Mine)
            }
            _ => Ok(Claim::Pass),
        }
    }
}

impl Command for GetQuota {
    type Output = Quota;

    fn finish(self, status: StatusText) -> Result<Quota, Error> {
        accepted("GETQUOTA", status)?;
        self.told.ok_or(Error::MissingData { command: "GETQUOTA", missing: "a quota" })
    }
}

/// GETQUOTAROOT, RFC 9208 4.1.2.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct GetQuotaRoot {
    mailbox: Mailbox,
    roots: Vec<Octets>,
    quotas: Vec<Quota>,
}

/// What limits a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailboxQuotas {
    /// The names of its quota roots.
    pub roots: Vec<Octets>,
    /// What they allow.
    pub quotas: Vec<Quota>,
}

impl GetQuotaRoot {
    /// Asks what limits a mailbox.
    pub fn new(mailbox: impl Into<Mailbox>) -> Self {
        Self { mailbox: mailbox.into(), roots: Vec::new(), quotas: Vec::new() }
    }
}

impl Exchange for GetQuotaRoot {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::Data("QUOTA")
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.needs("GETQUOTAROOT", &["QUOTA"])?;
        out.raw("GETQUOTAROOT ");
        self.mailbox.encode(out);
        Ok(())
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        match response {
            Response::QuotaRoots(told) if self.mailbox.is_told_as(&told.mailbox) => {
                self.roots.extend(told.roots.iter().cloned());
            }
            Response::Quota(told) => self.quotas.push(Quota::clone(told)),
            _ => return Ok(Claim::Pass),
        }
        Ok(Claim::Mine)
    }
}

impl Command for GetQuotaRoot {
    type Output = MailboxQuotas;

    fn finish(self, status: StatusText) -> Result<MailboxQuotas, Error> {
        accepted("GETQUOTAROOT", status)?;
        Ok(MailboxQuotas { roots: self.roots, quotas: self.quotas })
    }
}

/// SETQUOTA, RFC 9208 4.1.3.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct SetQuota {
    root: String,
    limits: Vec<(ResourceKind, u64)>,
    told: Option<Quota>,
}

impl SetQuota {
    /// Will limit the resources of a quota root; those that are left out are not limited any more.
    pub fn new(
        root: impl Into<String>,
        limits: impl IntoIterator<Item = (ResourceKind, u64)>,
    ) -> Self {
        Self { root: root.into(), limits: limits.into_iter().collect(), told: None }
    }
}

impl Exchange for SetQuota {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::Data("QUOTA")
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        // RFC 2087 had no capability of its own for it.
        out.needs("SETQUOTA", &["QUOTASET", "QUOTA"])?;
        out.raw("SETQUOTA ");
        out.astring(self.root.as_bytes());
        out.raw(" (");
        for (index, (kind, limit)) in self.limits.iter().enumerate() {
            check_atom("resource", kind.as_str())?;
            // RFC 9208, 10.
            if i64::try_from(*limit).is_err() {
                let limit = limit.to_string();
                return Err(Error::unfit("limit", &limit, "a number of 63 bits"));
            }
            out.raw(if index == 0 { "" } else { " " });
            out.raw(kind.as_str());
            out.raw(" ");
            out.raw(&limit.to_string());
        }
        out.raw(")");
        Ok(())
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        match response {
            Response::Quota(told) if told.root == self.root.as_str() => {
                self.told = Some(Quota::clone(told));
                Ok(Claim::Mine)
            }
            _ => Ok(Claim::Pass),
        }
    }
}

impl Command for SetQuota {
    /// The quota as it is now, where the server tells it.
    type Output = Option<Quota>;

    fn finish(self, status: StatusText) -> Result<Option<Quota>, Error> {
        accepted("SETQUOTA", status)?;
        Ok(self.told)
    }
}
