//! Making, removing and naming mailboxes: CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, STATUS (RFC 9051,
//! 6.3.4 to 6.3.11).

use alloc::vec::Vec;

use super::accepted;
use crate::error::Error;
use crate::parse::Response;
use crate::proto::{Claim, Command, Encoder, Exchange, Footprint, State};
use crate::types::{
    ArgumentSink, Mailbox, ObjectId, ResponseCode, SpecialUse, StatusItem, StatusItems, StatusText,
};

/// CREATE, RFC 9051 6.3.4.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct Create {
    mailbox: Mailbox,
    uses: Vec<SpecialUse>,
}

impl Create {
    /// Will make a mailbox. A name that ends in the hierarchy delimiter says that others will be made below
    /// it.
    pub fn new(mailbox: impl Into<Mailbox>) -> Self {
        Self { mailbox: mailbox.into(), uses: Vec::new() }
    }

    /// What the mailbox is for (CREATE-SPECIAL-USE, RFC 6154 3).
    pub fn special_use(mut self, special_use: SpecialUse) -> Self {
        self.uses.push(special_use);
        self
    }
}

impl Exchange for Create {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::Status
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.raw("CREATE ");
        self.mailbox.encode(out);
        if !self.uses.is_empty() {
            out.needs("CREATE with a special use", &["CREATE-SPECIAL-USE"])?;
            for (index, special_use) in self.uses.iter().enumerate() {
                out.raw(if index == 0 { " (USE (" } else { " " });
                out.raw(special_use.as_str());
            }
            out.raw("))");
        }
        Ok(())
    }
}

impl Command for Create {
    /// What the mailbox is known by for ever, where the server tells it (OBJECTID, RFC 8474 4.1).
    type Output = Option<ObjectId>;

    fn finish(self, status: StatusText) -> Result<Option<ObjectId>, Error> {
        Ok(match accepted("CREATE", status)?.code {
            Some(ResponseCode::MailboxId(id)) => Some(id),
            _ => None,
        })
    }
}

/// Commands that name one mailbox and answer nothing but OK.
macro_rules! names_a_mailbox {
    ($(#[$doc:meta])* $command:ident, $verb:literal, $(#[$new:meta])*) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        #[must_use = "a command does nothing until it is run"]
        pub struct $command {
            mailbox: Mailbox,
        }

        impl $command {
            $(#[$new])*
            pub fn new(mailbox: impl Into<Mailbox>) -> Self {
                Self { mailbox: mailbox.into() }
            }
        }

        impl Exchange for $command {
            fn footprint(&self) -> Footprint<'_> {
                Footprint::Status
            }

            fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
                out.raw(concat!($verb, " "));
                self.mailbox.encode(out);
                Ok(())
            }
        }

        impl Command for $command {
            type Output = ();

            fn finish(self, status: StatusText) -> Result<(), Error> {
                accepted($verb, status).map(drop)
            }
        }
    };
}

names_a_mailbox! {
    /// DELETE, RFC 9051 6.3.5: removes a mailbox with its messages.
    Delete, "DELETE",
    /// Will remove the mailbox for good.
}

names_a_mailbox! {
    /// SUBSCRIBE, RFC 9051 6.3.7: puts a mailbox on the list that LSUB tells.
    Subscribe, "SUBSCRIBE",
    /// Will subscribe to the mailbox, which need not exist.
}

names_a_mailbox! {
    /// UNSUBSCRIBE, RFC 9051 6.3.8.
    Unsubscribe, "UNSUBSCRIBE",
    /// Will take the mailbox off the list.
}

/// RENAME, RFC 9051 6.3.6. What is below the mailbox moves with it; the INBOX is left empty instead.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct Rename {
    from: Mailbox,
    to: Mailbox,
}

impl Rename {
    /// Will give the mailbox `from` the name `to`.
    pub fn new(from: impl Into<Mailbox>, to: impl Into<Mailbox>) -> Self {
        Self { from: from.into(), to: to.into() }
    }
}

impl Exchange for Rename {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::Status
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.raw("RENAME ");
        self.from.encode(out);
        out.raw(" ");
        self.to.encode(out);
        Ok(())
    }

    /// The selected mailbox stays selected, under its new name; one below the other moves with it.
    fn on_completed(&mut self, status: &StatusText, state: &mut State) {
        let delimiter = state.delimiter;
        if let Some(selected) = state.selected.as_mut().filter(|_| status.is_ok()) {
            if let Some(name) = selected.mailbox.renamed(&self.from, &self.to, delimiter) {
                selected.mailbox = name;
            }
        }
    }
}

impl Command for Rename {
    type Output = ();

    fn finish(self, status: StatusText) -> Result<(), Error> {
        accepted("RENAME", status).map(drop)
    }
}

/// STATUS, RFC 9051 6.3.11: numbers of a mailbox without selecting it. Not for the selected one, whose numbers
/// the session knows.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct Status {
    mailbox: Mailbox,
    items: Vec<StatusItem>,
    told: Option<StatusItems>,
}

impl Status {
    /// Will ask for `items`.
    pub fn new(mailbox: impl Into<Mailbox>, items: impl IntoIterator<Item = StatusItem>) -> Self {
        Self { mailbox: mailbox.into(), items: items.into_iter().collect(), told: None }
    }
}

/// `"(" status-att *(SP status-att) ")"`, RFC 9051 9.
pub(super) fn encode_items(
    command: &'static str,
    items: &[StatusItem],
    out: &mut Encoder<'_>,
) -> Result<(), Error> {
    if items.is_empty() {
        return Err(Error::unfit("items", "", "one at least"));
    }
    for (index, item) in items.iter().enumerate() {
        if !item.capabilities().is_empty() {
            out.needs(command, item.capabilities())?;
        }
        out.raw(if index == 0 { "(" } else { " " });
        out.raw(item.as_str());
    }
    out.raw(")");
    Ok(())
}

impl Exchange for Status {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::MailboxData("STATUS", &self.mailbox)
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.raw("STATUS ");
        self.mailbox.encode(out);
        out.raw(" ");
        encode_items("STATUS", &self.items, out)
    }

    /// Another mailbox's numbers are news (NOTIFY, RFC 5465).
    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let Response::MailboxStatus(status) = response else { return Ok(Claim::Pass) };
        if !self.mailbox.is_told_as(&status.to_mailbox()) {
            return Ok(Claim::Pass);
        }
        match &mut self.told {
            Some(told) => told.merge(&status.items),
            told => *told = Some(status.items.clone()),
        }
        Ok(Claim::Mine)
    }
}

impl Command for Status {
    /// What the server told of the items.
    type Output = StatusItems;

    fn finish(self, status: StatusText) -> Result<StatusItems, Error> {
        accepted("STATUS", status)?;
        self.told.ok_or(Error::MissingData { command: "STATUS", missing: "status items" })
    }
}
