//! Being told of other mailboxes: NOTIFY, RFC 5465.

use alloc::vec::Vec;

use super::{Items, accepted};
use crate::error::Error;
use crate::proto::{Command, Encoder, Exchange, State};
use crate::types::{ArgumentSink, Mailbox, StatusText};

/// NOTIFY: which news the server tells without being asked. They come as [`Event`](crate::Event)s, also of
/// mailboxes that are not selected: `MailboxStatus` for messages, `List` for names.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct Notify {
    /// `None` is `NOTIFY NONE`.
    groups: Option<Vec<(Watched, News)>>,
    status: bool,
}

/// `filter-mailboxes`, RFC 5465 6: whose news.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Watched {
    /// The selected mailbox, at any time: messages have to be named by unique identifier from then on, for sequence
    /// numbers may change behind every command (RFC 5465, 5.3).
    Selected,
    /// The selected mailbox; removals only when a command is answered, so that sequence numbers hold.
    SelectedDelayed,
    /// Mailboxes to which mail may be delivered.
    Inboxes,
    /// All of the user's own mailboxes.
    Personal,
    /// The mailboxes the user is subscribed to.
    Subscribed,
    /// These mailboxes and all below them.
    Subtree(Vec<Mailbox>),
    /// These mailboxes.
    Mailboxes(Vec<Mailbox>),
}

/// `events`, RFC 5465 5: which news. Without any the mailboxes are left out of what other groups say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct News {
    messages: bool,
    fetch: Option<Items>,
    flags: bool,
    others: Vec<&'static str>,
}

impl News {
    /// None: `NONE`.
    pub fn none() -> Self {
        Self::default()
    }

    /// Messages come and go: `MessageNew` and `MessageExpunge`.
    pub fn messages(mut self) -> Self {
        self.messages = true;
        self
    }

    /// The same, and tells of each new one what FETCH would; of the selected mailbox only.
    pub fn messages_with(mut self, items: impl Into<Items>) -> Self {
        self.fetch = Some(items.into());
        self.messages()
    }

    /// Flags change: `FlagChange`. Only with messages (RFC 5465, 5).
    pub fn flags(mut self) -> Self {
        self.flags = true;
        self
    }

    /// Mailboxes are made, removed and renamed: `MailboxName`. This and what follows not of [`Watched::Selected`].
    pub fn names(self) -> Self {
        self.other("MailboxName")
    }

    /// Subscriptions change: `SubscriptionChange`.
    pub fn subscriptions(self) -> Self {
        self.other("SubscriptionChange")
    }

    /// Notes beside mailboxes change: `MailboxMetadataChange` (RFC 5464).
    pub fn mailbox_metadata(self) -> Self {
        self.other("MailboxMetadataChange")
    }

    /// Notes beside the server change: `ServerMetadataChange` (RFC 5464).
    pub fn server_metadata(self) -> Self {
        self.other("ServerMetadataChange")
    }

    fn other(mut self, event: &'static str) -> Self {
        self.others.push(event);
        self
    }

    fn encode(&self, out: &mut Encoder<'_>) -> Result<(), Error> {
        if self.flags && !self.messages {
            let expected = "messages beside changes of flags (RFC 5465, 5)";
            return Err(Error::unfit("news", "FlagChange", expected));
        }
        if !self.messages && self.others.is_empty() {
            out.raw("NONE");
            return Ok(());
        }
        let mut space = "(";
        if self.messages {
            out.raw("(MessageNew");
            if let Some(items) = &self.fetch {
                out.raw(" ");
                items.encode(out)?;
            }
            out.raw(" MessageExpunge");
            out.raw(if self.flags { " FlagChange" } else { "" });
            space = " ";
        }
        for event in &self.others {
            out.raw(space);
            out.raw(event);
            space = " ";
        }
        out.raw(")");
        Ok(())
    }
}

impl Notify {
    /// No news at all: what was set before is forgotten, and the server tells only what a command makes it tell.
    pub fn none() -> Self {
        Self { groups: None, status: false }
    }

    /// News of these mailboxes; what was set before is forgotten. Where the selected mailbox is not among them,
    /// nothing is told of its messages any more, and the session's [`State`] of it grows old (RFC 5465, 3.1).
    pub fn set(watched: Watched, news: News) -> Self {
        Self { groups: Some(Vec::from([(watched, news)])), status: false }
    }

    /// And news of these.
    pub fn and(mut self, watched: Watched, news: News) -> Self {
        self.groups.get_or_insert_default().push((watched, news));
        self
    }

    /// Asks for the numbers of the mailboxes at once: a STATUS response for each.
    pub fn with_status(mut self) -> Self {
        self.status = true;
        self
    }
}

fn encode_watched(watched: &Watched, out: &mut Encoder<'_>) -> Result<(), Error> {
    let (word, mailboxes) = match watched {
        Watched::Selected => ("selected", None),
        Watched::SelectedDelayed => ("selected-delayed", None),
        Watched::Inboxes => ("inboxes", None),
        Watched::Personal => ("personal", None),
        Watched::Subscribed => ("subscribed", None),
        Watched::Subtree(mailboxes) => ("subtree", Some(mailboxes)),
        Watched::Mailboxes(mailboxes) => ("mailboxes", Some(mailboxes)),
    };
    out.raw(word);
    let Some(mailboxes) = mailboxes else { return Ok(()) };
    if mailboxes.is_empty() {
        return Err(Error::unfit("mailboxes", "", "one at least"));
    }
    for (index, mailbox) in mailboxes.iter().enumerate() {
        out.raw(if index == 0 { " (" } else { " " });
        mailbox.encode(out);
    }
    out.raw(")");
    Ok(())
}

/// What RFC 5465 (6.1 and 8) forbids in one command; servers answer BAD.
fn check(groups: &[(Watched, News)]) -> Result<(), Error> {
    let mut selected = 0;
    for (watched, news) in groups {
        if !matches!(watched, Watched::Selected | Watched::SelectedDelayed) {
            if news.fetch.is_some() {
                let expected = "items of new messages only of the selected mailbox (RFC 5465, 8)";
                return Err(Error::unfit("news", "MessageNew", expected));
            }
            continue;
        }
        selected += 1;
        if let Some(event) = news.others.first() {
            let expected = "nothing but messages and flags of the selected mailbox (RFC 5465, 6.1)";
            return Err(Error::unfit("news", event, expected));
        }
    }
    if selected > 1 {
        let expected = "the selected mailbox once (RFC 5465, 6.1)";
        return Err(Error::unfit("mailboxes", "selected", expected));
    }
    Ok(())
}

impl Exchange for Notify {
    /// # Errors
    /// [`Error::InvalidArgument`] for news that cannot be had of the mailboxes they are asked of, and the selected mailbox
    /// named twice.
    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.needs("NOTIFY", &["NOTIFY"])?;
        let Some(groups) = &self.groups else {
            out.raw("NOTIFY NONE");
            return Ok(());
        };
        check(groups)?;
        out.raw("NOTIFY SET");
        out.raw(if self.status { " STATUS" } else { "" });
        for (watched, news) in groups {
            out.raw(" (");
            encode_watched(watched, out)?;
            out.raw(" ");
            news.encode(out)?;
            out.raw(")");
        }
        Ok(())
    }
}

impl Command for Notify {
    type Output = ();

    /// # Errors
    /// `NO [BADEVENT (..)]` names the events the server knows.
    fn finish(self, status: StatusText) -> Result<(), Error> {
        accepted("NOTIFY", status).map(drop)
    }
}
