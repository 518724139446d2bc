//! Commands this library has no type for.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use xoauth_sasl::Mask;
use xoauth_sasl::wire::{ArgumentFault, InvalidArgument};

use super::{accepted, flags};
use crate::error::Error;
use crate::parse::{Response, is_atom_char};
use crate::proto::{Claim, Command, Encoder, Exchange, State};
use crate::types::{ArgumentSink, Event, Flag, Mailbox, SeqSet, StatusText, UidSet};

/// A command by its name, whose parts are encoded as safely as those of any other: what a caller passes can
/// neither end the command nor begin another.
///
/// ```
/// use xoauth_imap::command::Custom;
///
/// // XAPPLEPUSHSERVICE "aps-version" "2" mailboxes ("INBOX" "Entw&APw-rfe")
/// let command = Custom::new("XAPPLEPUSHSERVICE")
///     .text("aps-version").text("2").atom("mailboxes")
///     .open().mailbox("INBOX").mailbox("Entwürfe").close()
///     .hears("XAPPLEPUSHSERVICE");
/// # let _ = command;
/// ```
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct Custom {
    name: String,
    capability: Option<&'static str>,
    parts: Vec<Part>,
    hears: Vec<String>,
    heard: Vec<Event>,
    /// Hides our secrets in what it hears.
    mask: Arc<Mask>,
}

#[derive(Debug, Clone)]
enum Part {
    Atom(String),
    Text(Vec<u8>),
    Mailbox(Mailbox),
    Number(u64),
    Uids(UidSet),
    Sequence(SeqSet),
    Flags(Vec<Flag>),
    Open,
    Close,
}

/// What a [`Custom`] command was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CustomAnswer {
    /// The responses of the names it hears, in order.
    pub responses: Vec<Event>,
    /// The tagged OK.
    pub status: StatusText,
}

impl Custom {
    /// A command of this name: one atom, or two behind `UID`.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let (hears, heard, mask) = (Vec::new(), Vec::new(), Arc::default());
        Self { name, capability: None, parts: Vec::new(), hears, heard, mask }
    }

    /// Is refused where the server does not list the capability.
    pub fn needs(mut self, capability: &'static str) -> Self {
        self.capability = Some(capability);
        self
    }

    /// A word of the protocol: `atom`, RFC 9051 9.
    pub fn atom(self, atom: impl Into<String>) -> Self {
        self.with(Part::Atom(atom.into()))
    }

    /// Text of any kind: `astring`, RFC 9051 9.
    pub fn text(self, text: impl AsRef<[u8]>) -> Self {
        self.with(Part::Text(text.as_ref().to_vec()))
    }

    /// The name of a mailbox.
    pub fn mailbox(self, mailbox: impl Into<Mailbox>) -> Self {
        self.with(Part::Mailbox(mailbox.into()))
    }

    /// A number.
    pub fn number(self, number: u64) -> Self {
        self.with(Part::Number(number))
    }

    /// Messages by unique identifier.
    pub fn uids(self, uids: impl Into<UidSet>) -> Self {
        self.with(Part::Uids(uids.into()))
    }

    /// Messages by sequence number.
    pub fn sequence(self, numbers: impl Into<SeqSet>) -> Self {
        self.with(Part::Sequence(numbers.into()))
    }

    /// A list of flags.
    pub fn flags(self, flags: impl IntoIterator<Item = Flag>) -> Self {
        self.with(Part::Flags(flags.into_iter().collect()))
    }

    /// Begins a list.
    pub fn open(self) -> Self {
        self.with(Part::Open)
    }

    /// Ends it.
    pub fn close(self) -> Self {
        self.with(Part::Close)
    }

    /// Takes the untagged responses of this name for its answer; others are news.
    pub fn hears(mut self, name: impl Into<String>) -> Self {
        self.hears.push(name.into());
        self
    }

    fn with(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }
}

/// `atom = 1*ATOM-CHAR`, RFC 9051 9.
pub(super) fn check_atom(argument: &'static str, text: &str) -> Result<(), Error> {
    let is_part = |c: char| c.is_ascii() && u8::try_from(c).is_ok_and(is_atom_char);
    let fault = match text.char_indices().find(|&(_, c)| !is_part(c)) {
        Some((at, c)) => ArgumentFault::at(at, c, "an atom"),
        None if text.is_empty() => ArgumentFault::end(0, "an atom"),
        None => return Ok(()),
    };
    Err(InvalidArgument::new(argument, text, fault).into())
}

impl Exchange for Custom {
    /// # Errors
    /// An invalid name or atom, lists that do not end as they began, and a command that changes how the
    /// connection is read: STARTTLS, COMPRESS, AUTHENTICATE, IDLE and LOGOUT have types of their own.
    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        self.mask = out.mask();
        let mut words = self.name.splitn(2, ' ');
        let first = words.next().unwrap_or_default();
        check_atom("command", first)?;
        match words.next() {
            Some(second) if first.eq_ignore_ascii_case("UID") => check_atom("command", second)?,
            Some(_) => {
                return Err(Error::unfit("command", &self.name, "one word, or two behind UID"));
            }
            None => {}
        }
        let own = ["STARTTLS", "COMPRESS", "AUTHENTICATE", "IDLE", "LOGOUT", "ENABLE"];
        if own.iter().any(|own| own.eq_ignore_ascii_case(first)) {
            return Err(Error::unfit("command", first, "one without a type of its own"));
        }
        if let Some(capability) = self.capability {
            out.needs("the command", &[capability])?;
        }
        out.raw(&self.name);
        let mut depth = 0_usize;
        let mut space = true;
        for part in &self.parts {
            if space && !matches!(part, Part::Close) {
                out.raw(" ");
            }
            space = !matches!(part, Part::Open);
            match part {
                Part::Atom(atom) => {
                    check_atom("atom", atom)?;
                    out.raw(atom);
                }
                Part::Text(text) => out.astring(text),
                Part::Mailbox(mailbox) => mailbox.encode(out),
                Part::Number(number) => out.raw(&number.to_string()),
                Part::Uids(uids) => uids.encode(out),
                Part::Sequence(numbers) => numbers.encode(out),
                Part::Flags(list) => flags::encode(list, out)?,
                Part::Open => {
                    depth += 1;
                    out.raw("(");
                }
                Part::Close => {
                    let Some(outer) = depth.checked_sub(1) else {
                        return Err(Error::unfit("list", "", "a beginning before its end"));
                    };
                    depth = outer;
                    out.raw(")");
                }
            }
        }
        if depth > 0 {
            return Err(Error::unfit("list", "", "an end"));
        }
        Ok(())
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let name = response.name();
        if !self.hears.iter().any(|hears| hears.as_bytes().eq_ignore_ascii_case(name)) {
            return Ok(Claim::Pass);
        }
        self.heard.push(response.to_event(&self.mask));
        Ok(Claim::Mine)
    }
}

impl Command for Custom {
    type Output = CustomAnswer;

    fn finish(self, status: StatusText) -> Result<CustomAnswer, Error> {
        let status = accepted("the command", status)?;
        Ok(CustomAnswer { responses: self.heard, status })
    }
}
