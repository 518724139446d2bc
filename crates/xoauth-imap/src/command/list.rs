//! Which mailboxes there are: LIST and LSUB (RFC 9051, 6.3.9; RFC 3501, 6.3.9; LIST-EXTENDED, RFC 5258;
//! LIST-STATUS, RFC 5819; LIST-MYRIGHTS, RFC 8440; LIST-METADATA, RFC 9590).

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use super::acl::has_virtual_rights;
use super::manage::encode_items;
use super::metadata::encode_entries;
use super::{ForEachMailbox, Streamed, accepted};
use crate::error::Error;
use crate::parse::{ListRef, Response};
use crate::proto::{Claim, Command, Encoder, Exchange, Footprint, State};
use crate::types::{ArgumentSink, ListEntry, Mailbox, StatusItem, StatusText};

/// LIST, RFC 9051 6.3.9: which mailboxes there are.
///
/// ```
/// use xoauth_imap::StatusItem;
/// use xoauth_imap::command::{List, ListReturn, ListSelect};
///
/// let all = List::all();
/// // Subscribed mailboxes with their numbers, in one round trip.
/// let subscribed = List::all()
///     .select(ListSelect::Subscribed)
///     .returning(ListReturn::Status(vec![StatusItem::Messages, StatusItem::Unseen]));
/// # let _ = (all, subscribed);
/// ```
///
/// A line that cannot be read, such as one with a quotation mark too few, is no entry and spoils none: it is news,
/// [`Event::Other`](crate::Event::Other), and counted among what was tolerated.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct List {
    reference: Mailbox,
    patterns: Vec<String>,
    select: Vec<ListSelect>,
    returns: Vec<ListReturn>,
    found: VecDeque<ListEntry>,
    /// Where among them each mailbox stands, while they wait for what is told of them behind them.
    places: Option<BTreeMap<String, usize>>,
    virtual_rights: bool,
}

/// `list-select-opt`, RFC 5258 3.1: which mailboxes are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListSelect {
    /// Those the user is subscribed to, existing or not.
    Subscribed,
    /// Those on other servers as well.
    Remote,
    /// Also those above a mailbox that is meant; not without another option.
    RecursiveMatch,
    /// Those with a special use (RFC 6154).
    SpecialUse,
}

/// `return-option`, RFC 5258 3.2: what is told of them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListReturn {
    /// `\Subscribed` among the attributes.
    Subscribed,
    /// `\HasChildren` or `\HasNoChildren` among the attributes.
    Children,
    /// The special use among the attributes (RFC 6154).
    SpecialUse,
    /// Numbers as STATUS tells them (LIST-STATUS, RFC 5819).
    Status(Vec<StatusItem>),
    /// What the user may do with them (LIST-MYRIGHTS, RFC 8440).
    MyRights,
    /// Notes beside them: entries such as `/shared/comment` (LIST-METADATA, RFC 9590).
    Metadata(Vec<String>),
}

impl ListReturn {
    /// It is told in responses of its own, behind that of the mailbox.
    fn comes_behind(&self) -> bool {
        match self {
            Self::Status(_) | Self::MyRights | Self::Metadata(_) => true,
            Self::Subscribed | Self::Children | Self::SpecialUse => false,
        }
    }
}

impl List {
    /// The mailboxes whose names match `pattern`: `*` matches anything, `%` anything but the delimiter.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self {
            reference: Mailbox::from(""),
            patterns: Vec::from([pattern.into()]),
            select: Vec::new(),
            returns: Vec::new(),
            found: VecDeque::new(),
            places: None,
            virtual_rights: false,
        }
    }

    /// All mailboxes.
    pub fn all() -> Self {
        Self::new("*")
    }

    /// Where the pattern is relative to.
    pub fn within(mut self, reference: impl Into<Mailbox>) -> Self {
        self.reference = reference.into();
        self
    }

    /// Also the mailboxes that match this pattern (LIST-EXTENDED).
    pub fn or(mut self, pattern: impl Into<String>) -> Self {
        self.patterns.push(pattern.into());
        self
    }

    /// Only mailboxes of this kind (LIST-EXTENDED).
    pub fn select(mut self, option: ListSelect) -> Self {
        self.select.push(option);
        self
    }

    /// Asks for more about each (LIST-EXTENDED). Numbers, rights and notes come behind the mailbox, which a stream
    /// hands out when it knows all of them.
    pub fn returning(mut self, option: ListReturn) -> Self {
        if option.comes_behind() {
            self.places = Some(BTreeMap::new());
        }
        self.returns.push(option);
        self
    }

    /// Shows each mailbox to `visit` as it is in the buffer, instead of making owned ones.
    pub fn for_each<F: FnMut(&ListRef<'_>) + Send>(self, visit: F) -> ForEachMailbox<F> {
        ForEachMailbox::new(self, visit)
    }

    fn is_extended(&self) -> bool {
        self.patterns.len() != 1 || !self.select.is_empty() || !self.returns.is_empty()
    }

    fn encode_select(&self, out: &mut Encoder<'_>) -> Result<(), Error> {
        let others = self
            .select
            .iter()
            .any(|option| !matches!(option, ListSelect::RecursiveMatch | ListSelect::Remote));
        for (index, option) in self.select.iter().enumerate() {
            out.raw(if index == 0 { "(" } else { " " });
            out.raw(match option {
                ListSelect::Subscribed => "SUBSCRIBED",
                ListSelect::Remote => "REMOTE",
                ListSelect::RecursiveMatch if others => "RECURSIVEMATCH",
                ListSelect::RecursiveMatch => {
                    let expected = "another option beside it (RFC 5258, 3.1)";
                    return Err(Error::unfit("list options", "RECURSIVEMATCH", expected));
                }
                ListSelect::SpecialUse => {
                    out.needs("LIST of special uses", &["SPECIAL-USE"])?;
                    "SPECIAL-USE"
                }
            });
        }
        out.raw(if self.select.is_empty() { "" } else { ") " });
        Ok(())
    }

    fn encode_returns(&self, out: &mut Encoder<'_>) -> Result<(), Error> {
        for (index, option) in self.returns.iter().enumerate() {
            out.raw(if index == 0 { " RETURN (" } else { " " });
            match option {
                ListReturn::Subscribed => out.raw("SUBSCRIBED"),
                ListReturn::Children => out.raw("CHILDREN"),
                ListReturn::SpecialUse => {
                    out.needs("LIST of special uses", &["SPECIAL-USE"])?;
                    out.raw("SPECIAL-USE");
                }
                ListReturn::Status(items) => {
                    out.needs("LIST with numbers", &["LIST-STATUS"])?;
                    out.raw("STATUS ");
                    encode_items("LIST with numbers", items, out)?;
                }
                ListReturn::MyRights => {
                    out.needs("LIST of rights", &["LIST-MYRIGHTS"])?;
                    out.raw("MYRIGHTS");
                }
                ListReturn::Metadata(entries) => {
                    out.needs("LIST with notes", &["LIST-METADATA"])?;
                    out.raw("METADATA ");
                    encode_entries(entries, out)?;
                }
            }
        }
        out.raw(if self.returns.is_empty() { "" } else { ")" });
        Ok(())
    }

    /// The entry that was told last of this mailbox.
    fn entry(&mut self, mailbox: &Mailbox) -> Option<&mut ListEntry> {
        let place = *self.places.as_ref()?.get(&place_name(mailbox))?;
        self.found.get_mut(place).filter(|entry| entry.mailbox() == mailbox)
    }

    fn asks_metadata(&self) -> bool {
        self.returns.iter().any(|option| matches!(option, ListReturn::Metadata(_)))
    }

    fn asks_status(&self) -> bool {
        self.returns.iter().any(|option| matches!(option, ListReturn::Status(_)))
    }
}

impl Exchange for List {
    fn footprint(&self) -> Footprint<'_> {
        // What is told of the mailboxes it finds could be the answer to a command about one of them.
        if self.places.is_some() { Footprint::Alone } else { Footprint::Data("LIST") }
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    fn encode(&mut self, out: &mut Encoder<'_>, state: &State) -> Result<(), Error> {
        self.virtual_rights = has_virtual_rights(state);
        if self.is_extended() {
            out.needs("LIST with options", &["LIST-EXTENDED"])?;
        }
        out.raw("LIST ");
        self.encode_select(out)?;
        self.reference.encode(out);
        out.raw(" ");
        // A pattern is a mailbox name with wildcards (`list-mailbox`), so it is encoded as one.
        match self.patterns.as_slice() {
            [pattern] => Mailbox::from(pattern.as_str()).encode_pattern(out),
            patterns => {
                for (index, pattern) in patterns.iter().enumerate() {
                    out.raw(if index == 0 { "(" } else { " " });
                    Mailbox::from(pattern.as_str()).encode_pattern(out);
                }
                out.raw(")");
            }
        }
        self.encode_returns(out)
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        match response {
            Response::List(entry) => {
                let entry = ListEntry::from(entry);
                let claim = match &mut self.places {
                    None => Claim::Mine,
                    Some(places) => {
                        places.insert(place_name(entry.mailbox()), self.found.len());
                        Claim::Kept
                    }
                };
                self.found.push_back(entry);
                return Ok(claim);
            }
            Response::MailboxStatus(status) if self.asks_status() => {
                if let Some(entry) = self.entry(&status.to_mailbox()) {
                    entry.set_status(status.items.clone());
                    return Ok(Claim::Kept);
                }
            }
            Response::Metadata(told) if self.asks_metadata() && told.changed.is_empty() => {
                if let Some(entry) = self.entry(&told.mailbox) {
                    entry.add_metadata(&told.entries);
                    return Ok(Claim::Kept);
                }
            }
            Response::MyRights(told) if self.returns.contains(&ListReturn::MyRights) => {
                let rights = told.rights.real(self.virtual_rights);
                if let Some(entry) = self.entry(&told.mailbox) {
                    entry.set_my_rights(rights);
                    return Ok(Claim::Kept);
                }
            }
            _ => {}
        }
        Ok(Claim::Pass)
    }

    fn on_completed(&mut self, _: &StatusText, _: &mut State) {
        self.places = None;
    }
}

impl Command for List {
    type Output = Vec<ListEntry>;

    fn finish(self, status: StatusText) -> Result<Vec<ListEntry>, Error> {
        accepted("LIST", status)?;
        Ok(self.found.into())
    }
}

impl Streamed for List {
    type Item = ListEntry;

    fn take_item(&mut self) -> Option<ListEntry> {
        if self.places.is_none() { self.found.pop_front() } else { None }
    }
}

/// What a mailbox is found by: INBOX is the same in upper and lower case.
fn place_name(mailbox: &Mailbox) -> String {
    let name = if mailbox.is_inbox() { "INBOX" } else { mailbox.as_str() };
    name.into()
}

/// LSUB, RFC 3501 6.3.9: which mailboxes the user is subscribed to. RFC 9051 has [`List`] with
/// [`ListSelect::Subscribed`] instead.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct Lsub {
    reference: Mailbox,
    pattern: String,
    found: VecDeque<ListEntry>,
}

impl Lsub {
    /// The mailboxes whose names match `pattern`: `*` matches anything, `%` anything but the delimiter.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self { reference: Mailbox::from(""), pattern: pattern.into(), found: VecDeque::new() }
    }

    /// All of them.
    pub fn all() -> Self {
        Self::new("*")
    }

    /// Where the pattern is relative to.
    pub fn within(mut self, reference: impl Into<Mailbox>) -> Self {
        self.reference = reference.into();
        self
    }
}

impl Exchange for Lsub {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::Data("LSUB")
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.raw("LSUB ");
        self.reference.encode(out);
        out.raw(" ");
        Mailbox::from(self.pattern.as_str()).encode_pattern(out);
        Ok(())
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let Response::Lsub(entry) = response else { return Ok(Claim::Pass) };
        self.found.push_back(entry.into());
        Ok(Claim::Mine)
    }
}

impl Command for Lsub {
    /// A mailbox that has `\Noselect` here is only above one the user is subscribed to.
    type Output = Vec<ListEntry>;

    fn finish(self, status: StatusText) -> Result<Vec<ListEntry>, Error> {
        accepted("LSUB", status)?;
        Ok(self.found.into())
    }
}

impl Streamed for Lsub {
    type Item = ListEntry;

    fn take_item(&mut self) -> Option<ListEntry> {
        self.found.pop_front()
    }
}
