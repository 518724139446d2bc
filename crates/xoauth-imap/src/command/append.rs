//! APPEND, RFC 9051 6.3.12, with several messages (RFC 3502), and REPLACE, RFC 8508.

use alloc::vec::Vec;
use core::task::{Context, Poll, ready};

use super::content::Content;
use super::{Numbers, accepted, flags};
use crate::error::Error;
use crate::parse::{Code, Response};
use crate::proto::{Claim, Command, Encoder, Exchange, Footprint, LiteralForm, State};
use crate::types::{
    AppendUid, ArgumentSink, DateTime, Flag, Mailbox, ResponseCode, SeqNo, StatusText, Uid,
};

/// A message to be stored, with what the mailbox keeps of it.
///
/// The octets are sent as they are; mail is lines that end in CRLF (RFC 5322, 2.1).
#[derive(Debug)]
#[must_use = "a message is stored by `Append`"]
pub struct NewMessage {
    content: Content,
    flags: Vec<Flag>,
    date: Option<DateTime>,
    form: Form,
}

/// How the octets travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As a literal, or as `literal8` where there is a NUL octet.
    Plain,
    /// As `literal8` (RFC 3516, 4.4).
    Binary,
    /// Inside `UTF8 (..)` (RFC 6855, 4).
    Utf8,
}

impl NewMessage {
    /// A message without flags, dated by the server.
    pub fn new(content: impl Into<Content>) -> Self {
        Self { content: content.into(), flags: Vec::new(), date: None, form: Form::Plain }
    }

    /// Its flags.
    pub fn flags(mut self, flags: impl IntoIterator<Item = Flag>) -> Self {
        self.flags.extend(flags);
        self
    }

    /// Its internal date.
    pub fn date(mut self, date: DateTime) -> Self {
        self.date = Some(date);
        self
    }

    /// Sends it as `literal8`, whose octets may be 0 (BINARY, RFC 3516). A content in memory that holds a NUL
    /// is sent so without being asked to; a reader's must be told.
    pub fn binary(mut self) -> Self {
        self.form = Form::Binary;
        self
    }

    /// Marks a message whose header is UTF-8 as RFC 6855 (4) asks; RFC 9051 and RFC 9755 need no mark.
    pub fn utf8(mut self) -> Self {
        self.form = Form::Utf8;
        self
    }

    fn encode(&self, command: &'static str, out: &mut Encoder<'_>) -> Result<(), Error> {
        // Also an empty list: Twisted answers BAD to a command without one.
        flags::encode(&self.flags, out)?;
        out.raw(" ");
        if let Some(date) = self.date {
            out.raw(&alloc::format!("\"{date}\" "));
        }
        let binary = self.content.has_nul() || self.form == Form::Binary;
        match self.form {
            Form::Utf8 => {
                out.needs(command, &["UTF8=ACCEPT"])?;
                out.raw("UTF8 (");
                out.content(self.content.len(), LiteralForm::Binary);
                out.raw(")");
            }
            _ if binary => {
                out.needs(command, &["BINARY"])?;
                out.content(self.content.len(), LiteralForm::Binary);
            }
            _ => out.content(self.content.len(), LiteralForm::Text),
        }
        Ok(())
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<Result<usize, Error>> {
        let n = ready!(self.content.poll_fill(cx, room))?;
        let sent = room.get(..n).unwrap_or_default();
        // What is in memory was looked through before, once and as a whole.
        if self.form == Form::Plain
            && self.content.is_from_source()
            && memchr::memchr(0, sent).is_some()
        {
            let reason = "a NUL octet from a reader, expected NewMessage::binary for such";
            return Poll::Ready(Err(Error::Content { reason, source: None }));
        }
        Poll::Ready(Ok(n))
    }
}

impl<C: Into<Content>> From<C> for NewMessage {
    fn from(content: C) -> Self {
        Self::new(content)
    }
}

/// APPEND: stores messages in a mailbox.
///
/// ```
/// use xoauth_imap::Flag;
/// use xoauth_imap::command::{Append, NewMessage};
///
/// let one = Append::new("Drafts", "Subject: hello\r\n\r\nhi\r\n");
/// let flagged = NewMessage::new(b"Subject: read\r\n\r\n").flags([Flag::Seen]);
/// let two = Append::new("Archive", flagged).and("Subject: second\r\n\r\n");
/// # let _ = (one, two);
/// ```
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct Append {
    mailbox: Mailbox,
    messages: Vec<NewMessage>,
}

impl Append {
    /// Will store a message: octets in memory, a [`Content`] from a reader, or a [`NewMessage`] with flags.
    pub fn new(mailbox: impl Into<Mailbox>, message: impl Into<NewMessage>) -> Self {
        Self { mailbox: mailbox.into(), messages: Vec::from([message.into()]) }
    }

    /// One message more in the same command: all are stored or none (MULTIAPPEND, RFC 3502).
    pub fn and(mut self, message: impl Into<NewMessage>) -> Self {
        self.messages.push(message.into());
        self
    }
}

impl Exchange for Append {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::Status
    }

    /// # Errors
    /// A message larger than the server's APPENDLIMIT (RFC 7889), a flag that no client can set, and
    /// [`Error::Unsupported`] for several messages without MULTIAPPEND or a NUL octet without BINARY.
    fn encode(&mut self, out: &mut Encoder<'_>, state: &State) -> Result<(), Error> {
        if self.messages.len() > 1 {
            out.needs("APPEND", &["MULTIAPPEND"])?;
        }
        out.raw("APPEND ");
        self.mailbox.encode(out);
        for message in &self.messages {
            check_size(message, state)?;
            out.raw(" ");
            message.encode("APPEND", out)?;
        }
        Ok(())
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<Result<usize, Error>> {
        match self.messages.iter_mut().find(|message| !message.content.is_spent()) {
            Some(message) => message.poll_fill(cx, room),
            None => Poll::Ready(Ok(0)),
        }
    }
}

impl Command for Append {
    /// What the messages became, where the server tells it (UIDPLUS, RFC 4315).
    type Output = Option<AppendUid>;

    fn finish(self, status: StatusText) -> Result<Option<AppendUid>, Error> {
        accepted("APPEND", status).map(appended)
    }
}

/// REPLACE, RFC 8508: stores a message and removes the one it takes the place of, both or neither.
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct Replace {
    numbers: Numbers,
    mailbox: Mailbox,
    message: NewMessage,
    told: Option<AppendUid>,
}

impl Replace {
    /// Will put `message` into `mailbox` in place of the message with this unique identifier.
    pub fn new(uid: Uid, mailbox: impl Into<Mailbox>, message: impl Into<NewMessage>) -> Self {
        Self::of(Numbers::uids(uid), mailbox, message)
    }

    /// The same by sequence number.
    pub fn by_sequence(
        number: SeqNo,
        mailbox: impl Into<Mailbox>,
        message: impl Into<NewMessage>,
    ) -> Self {
        Self::of(Numbers::sequence(number), mailbox, message)
    }

    fn of(numbers: Numbers, mailbox: impl Into<Mailbox>, message: impl Into<NewMessage>) -> Self {
        Self { numbers, mailbox: mailbox.into(), message: message.into(), told: None }
    }
}

impl Exchange for Replace {
    fn footprint(&self) -> Footprint<'_> {
        match self.numbers {
            Numbers::Uid(_) => Footprint::Data("APPENDUID"),
            _ => Footprint::Alone,
        }
    }

    fn encode(&mut self, out: &mut Encoder<'_>, state: &State) -> Result<(), Error> {
        out.needs("REPLACE", &["REPLACE"])?;
        out.needs_mailbox("REPLACE")?;
        check_size(&self.message, state)?;
        self.numbers.encode("REPLACE", out)?;
        out.raw(" ");
        self.mailbox.encode(out);
        out.raw(" ");
        self.message.encode("REPLACE", out)
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<Result<usize, Error>> {
        self.message.poll_fill(cx, room)
    }

    /// APPENDUID comes in an untagged OK here, for the old message goes after it (RFC 8508, 3.4).
    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let Response::Status(status) = response else { return Ok(Claim::Pass) };
        let Some(code @ Code::AppendUid { .. }) = &status.code else { return Ok(Claim::Pass) };
        self.told = AppendUid::from_code(code);
        Ok(Claim::Mine)
    }
}

impl Command for Replace {
    /// What the message became, where the server tells it (UIDPLUS, RFC 4315).
    type Output = Option<AppendUid>;

    fn finish(self, status: StatusText) -> Result<Option<AppendUid>, Error> {
        let status = accepted("REPLACE", status)?;
        Ok(self.told.or_else(|| appended(status)))
    }
}

/// APPENDLIMIT for all mailboxes together, RFC 7889 2.
fn check_size(message: &NewMessage, state: &State) -> Result<(), Error> {
    let limit = state.capabilities().and_then(|capabilities| {
        capabilities.values("APPENDLIMIT").find_map(|limit| limit.parse::<u64>().ok())
    });
    if limit.is_some_and(|limit| message.content.len() > limit) {
        let expected = "no more octets than the server's APPENDLIMIT";
        return Err(Error::unfit("message", "", expected));
    }
    Ok(())
}

fn appended(status: StatusText) -> Option<AppendUid> {
    match status.code {
        Some(ResponseCode::AppendUid { uid_validity, uids }) => {
            Some(AppendUid { uid_validity, uids })
        }
        _ => None,
    }
}
