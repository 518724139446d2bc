//! The mail transaction: MAIL, RCPT, DATA, BDAT and what becomes of the message.

use std::io;
use std::sync::Arc;

use super::parameters::{is_mail_parameter, is_rcpt_parameter};
use super::{Mail, Next, Session, Submission, Transaction, path};
use crate::host::date::Moment;

/// Recipients of one message (RFC 5321, section 4.5.3.1.8 asks for 100 at least).
const MAX_RECIPIENTS: u64 = 10_000;

/// The text of a message while it arrives.
#[derive(Debug, Default)]
pub(super) struct Content {
    octets: Vec<u8>,
    /// It was larger than allowed; what is beyond is not kept.
    oversized: bool,
    /// A CR or LF stands alone.
    bare: bool,
}

impl Content {
    fn push(&mut self, octets: &[u8], limit: usize) {
        if self.octets.len() + octets.len() > limit {
            self.oversized = true;
        } else {
            self.octets.extend_from_slice(octets);
        }
    }
}

impl Session<'_> {
    /// RFC 5321, section 4.1.1.2, with SIZE, BODY and SMTPUTF8.
    pub(super) fn mail(&mut self, rest: &str) -> io::Result<()> {
        if !self.greeted {
            return self.reply(503, "5.5.1", "say EHLO first");
        }
        if self.user.is_none() {
            return self.reply(530, "5.7.0", "authentication required");
        }
        if matches!(self.transaction, Transaction::Open(_)) {
            return self.reply(503, "5.5.1", "a transaction is open");
        }
        let Some(path) = path::parse(rest, "FROM:") else {
            return self.reply(501, "5.5.4", "expected FROM:<address>");
        };
        if !path.address.is_empty() && !path::is_mailbox(path.address) {
            return self.reply(501, "5.1.7", "bad sender address");
        }
        let config = &self.client.shared.config;
        let offered = &config.capabilities;
        let mut mail = Mail { from: path.address.to_owned(), ..Mail::default() };
        for (keyword, value) in &path.parameters {
            let keyword = keyword.to_ascii_uppercase();
            match (keyword.as_str(), *value) {
                ("SIZE", Some(size)) if offered.size => match size.parse::<u64>() {
                    Ok(size) if size <= config.max_size as u64 => {}
                    Ok(_) => return self.reply(552, "5.3.4", "message too large"),
                    Err(_) => return self.reply(501, "5.5.4", "bad SIZE"),
                },
                ("BODY", Some(body))
                    if offered.binary_mime
                        && offered.chunking
                        && body.eq_ignore_ascii_case("BINARYMIME") =>
                {
                    mail.binary = true;
                }
                ("BODY", Some(body)) if offered.eight_bit_mime => {
                    mail.eight_bit = body.eq_ignore_ascii_case("8BITMIME");
                    if !mail.eight_bit && !body.eq_ignore_ascii_case("7BIT") {
                        return self.reply(501, "5.5.4", "bad BODY");
                    }
                }
                ("SMTPUTF8", None) if offered.smtp_utf8 => mail.utf8 = true,
                (keyword, value)
                    if is_mail_parameter(
                        offered,
                        self.client.connection.is_tls(),
                        keyword,
                        value,
                    ) =>
                {
                    mail.asked.push(shown(keyword, value));
                }
                _ => return self.reply(555, "5.5.4", "unknown MAIL parameter"),
            }
        }
        if !mail.from.is_ascii() && !mail.utf8 {
            return self.reply(553, "5.6.7", "SMTPUTF8 is needed for this address");
        }
        if limit(offered.limits.as_deref(), "MAILMAX").is_some_and(|most| self.transactions >= most)
        {
            return self.reply(452, "4.5.3", "too many messages");
        }
        self.transactions += 1;
        self.transaction = Transaction::Open(mail);
        self.reply(250, "2.1.0", "sender ok")
    }

    /// RFC 5321, section 4.1.1.3.
    pub(super) fn rcpt(&mut self, rest: &str) -> io::Result<()> {
        let Transaction::Open(mail) = &mut self.transaction else {
            return self.reply(503, "5.5.1", "say MAIL first");
        };
        let Some(path) = path::parse(rest, "TO:") else {
            return self.reply(501, "5.5.4", "expected TO:<address>");
        };
        let offered = &self.client.shared.config.capabilities;
        let mut asked = Vec::new();
        for (keyword, value) in &path.parameters {
            let keyword = keyword.to_ascii_uppercase();
            if !is_rcpt_parameter(offered, &keyword, *value) {
                return self.reply(555, "5.5.4", "unknown RCPT parameter");
            }
            asked.push(shown(&keyword, *value));
        }
        if !path::is_mailbox(path.address) {
            return self.reply(501, "5.1.3", "bad recipient address");
        }
        if !path.address.is_ascii() && !mail.utf8 {
            return self.reply(553, "5.6.7", "SMTPUTF8 is needed for this address");
        }
        if mail.chunks.is_some() {
            return self.reply(503, "5.5.1", "the message has begun");
        }
        let rejected = &self.client.shared.config.rejected;
        let known = rejected.iter().find(|(name, _)| name.eq_ignore_ascii_case(path.address));
        if let Some((_, reply)) = known {
            return self.client.connection.write(format!("{reply}\r\n").as_bytes());
        }
        let most = limit(offered.limits.as_deref(), "RCPTMAX").unwrap_or(MAX_RECIPIENTS);
        if mail.recipients.len() as u64 >= most {
            return self.reply(452, "4.5.3", "too many recipients");
        }
        mail.recipients.push(path.address.to_owned());
        mail.asked_of_recipients.push(asked);
        self.reply(250, "2.1.5", "recipient ok")
    }

    /// RFC 5321, section 4.1.1.4.
    pub(super) fn data(&mut self, rest: &str) -> io::Result<()> {
        let Transaction::Open(mail) = &self.transaction else {
            return self.reply(503, "5.5.1", "say MAIL first");
        };
        if !rest.is_empty() {
            return self.reply(501, "5.5.4", "takes no argument");
        }
        // DATA and BDAT do not mix: RFC 3030, section 2.
        if mail.chunks.is_some() {
            return self.reply(503, "5.5.1", "BDAT has begun");
        }
        if mail.binary {
            // RFC 3030, section 3
            return self.reply(503, "5.5.1", "BINARYMIME takes BDAT");
        }
        if mail.recipients.is_empty() {
            return self.reply(554, "5.5.1", "no valid recipients");
        }
        self.client.connection.write(b"354 end with a dot on a line of its own\r\n")?;
        let content = self.read_dotted()?;
        self.accept(content, false)
    }

    /// RFC 3030, section 2. The octets follow the command whether it is refused or not.
    pub(super) fn bdat(&mut self, rest: &str) -> io::Result<Next> {
        let mut words = rest.split(' ');
        let digits = words.next().filter(|digits| digits.bytes().all(|o| o.is_ascii_digit()));
        let size = digits.and_then(|digits| digits.parse::<u64>().ok());
        let last = match (words.next(), words.next()) {
            (None, _) => Some(false),
            (Some(word), None) if word.eq_ignore_ascii_case("LAST") => Some(true),
            _ => None,
        };
        let (Some(size), Some(last)) = (size, last) else {
            // How many octets follow is not known.
            self.client.violation("a BDAT without a size");
            self.reply(501, "5.5.4", "expected BDAT size [LAST]")?;
            return Ok(Next::Close);
        };
        let limit = self.client.shared.config.max_size;
        let refused = match &self.transaction {
            Transaction::Open(mail) if mail.recipients.is_empty() => {
                Some((554, "5.5.1", "no valid recipients"))
            }
            Transaction::Open(_) => None,
            Transaction::None | Transaction::Spoiled => Some((503, "5.5.1", "say MAIL first")),
        };
        if let Some((code, enhanced, text)) = refused {
            self.client.connection.skip(size)?;
            self.reply(code, enhanced, text)?;
            return Ok(Next::Continue);
        }
        let mut content = match &mut self.transaction {
            Transaction::Open(mail) => mail.chunks.take().unwrap_or_default(),
            _ => Content::default(),
        };
        let held = content.octets.len();
        match usize::try_from(size) {
            Ok(count) if count <= limit.saturating_sub(held) => {
                self.client.connection.octets(count, &mut content.octets)?;
            }
            _ => {
                self.client.connection.skip(size)?;
                self.transaction = Transaction::Spoiled;
                self.reply(552, "5.3.4", "message too large")?;
                return Ok(Next::Continue);
            }
        }
        if !self.client.shared.config.capabilities.pipelining && self.client.connection.has_input()
        {
            self.client.violation("BDAT with octets behind its chunk");
            self.reply(421, "4.7.0", "improper command pipelining")?;
            return Ok(Next::Close);
        }
        if last {
            content.bare = has_bare_line_end(&content.octets);
            self.accept(content, true)?;
        } else {
            if let Transaction::Open(mail) = &mut self.transaction {
                mail.chunks = Some(content);
            }
            self.reply(250, "2.0.0", &format!("{size} octets received"))?;
        }
        Ok(Next::Continue)
    }

    /// Reads up to the line with a dot alone and undoes dot-stuffing (RFC 5321, section 4.5.2).
    /// Only CRLF ends a line, so no other line end can end the message.
    fn read_dotted(&mut self) -> io::Result<Content> {
        let limit = self.client.shared.config.max_size;
        let mut content = Content::default();
        let mut place = Place::LineStart;
        let mut unstuffed = false;
        loop {
            let available = self.client.connection.available()?;
            let mut used = 0;
            while let Some(octet) = available.get(used).copied() {
                used += 1;
                let (next, kept): (Place, &[u8]) = match (place, octet) {
                    (Place::LineStart, b'.') => (Place::Dot, b""),
                    (Place::Dot, b'\r') => (Place::DotReturn, b""),
                    (Place::DotReturn, b'\n') => (Place::End, b""),
                    (Place::DotReturn, _) => {
                        used -= 1;
                        (Place::Return, b"")
                    }
                    (Place::Return, b'\n') => (Place::LineStart, b"\r\n"),
                    (Place::Return, _) => {
                        content.bare = true;
                        used -= 1;
                        (Place::Line, b"\r")
                    }
                    (_, b'\r') => (Place::Return, b""),
                    (_, b'\n') => {
                        content.bare = true;
                        (Place::Line, b"\n")
                    }
                    _ => {
                        unstuffed |= place == Place::Dot && octet != b'.';
                        let from = used - 1;
                        let rest = available.get(from..).unwrap_or_default();
                        let run = rest.iter().position(|octet| matches!(octet, b'\r' | b'\n'));
                        let run = run.unwrap_or(rest.len());
                        used = from + run;
                        (Place::Line, rest.get(..run).unwrap_or_default())
                    }
                };
                content.push(kept, limit);
                place = next;
                if place == Place::End {
                    break;
                }
            }
            self.client.connection.consume(used);
            if place == Place::End {
                break;
            }
        }
        if unstuffed {
            self.client.violation("a line begins with a dot that is not doubled");
        }
        Ok(content)
    }

    /// Judges a whole message, delivers it and ends the transaction.
    fn accept(&mut self, content: Content, chunked: bool) -> io::Result<()> {
        let Transaction::Open(mail) = std::mem::replace(&mut self.transaction, Transaction::None)
        else {
            return self.reply(503, "5.5.1", "say MAIL first");
        };
        let lock_step = !self.client.shared.config.capabilities.pipelining;
        if lock_step && self.client.connection.has_input() {
            self.client.violation("octets behind the end of a message");
            return self.reply(503, "5.5.0", "improper command pipelining");
        }
        if content.oversized {
            return self.reply(552, "5.3.4", "message too large");
        }
        if content.bare && !mail.binary {
            self.client.violation("a bare CR or LF in a message");
            return self.reply(550, "5.6.0", "bare CR or LF in the message");
        }
        if !(mail.eight_bit || mail.binary || mail.utf8 || content.octets.is_ascii()) {
            self.client.violation("8-bit text without BODY=8BITMIME");
            return self.reply(554, "5.6.1", "8-bit text was not declared");
        }
        if content.octets.contains(&0) && !mail.binary {
            return self.reply(550, "5.6.0", "NUL in the message");
        }
        self.client.lose_at_random();
        if self.client.connection.is_closed() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let number = self.deliver(mail, Arc::new(content.octets), chunked);
        self.client.lose_at_random();
        self.reply(250, "2.0.0", &format!("queued as {number}"))
    }

    fn deliver(&self, mail: Mail, octets: Arc<Vec<u8>>, chunked: bool) -> u64 {
        let shared = self.client.shared;
        let now = Moment::utc(i64::try_from(shared.now()).unwrap_or(i64::MAX));
        let mut elsewhere = Vec::new();
        let mut asked_of_recipients = Vec::new();
        for (recipient, asked) in mail.recipients.into_iter().zip(mail.asked_of_recipients) {
            match shared.store.user_of(&recipient) {
                Some(user) => {
                    shared.store.deliver(&user, "INBOX", Arc::clone(&octets), &[], now);
                }
                None => {
                    elsewhere.push(recipient);
                    asked_of_recipients.push(asked);
                }
            }
        }
        let number = shared.count_submission();
        if !elsewhere.is_empty() {
            shared.keep(Submission {
                number,
                user: self.user.clone().unwrap_or_default(),
                from: mail.from,
                recipients: elsewhere,
                octets,
                eight_bit: mail.eight_bit,
                utf8: mail.utf8,
                chunked,
                binary: mail.binary,
                asked: mail.asked,
                asked_of_recipients,
            });
        }
        number
    }
}

/// A limit of those that are offered (RFC 9422).
fn limit(limits: Option<&str>, name: &str) -> Option<u64> {
    let mut limits = limits?.split(' ').filter_map(|limit| limit.split_once('='));
    limits.find(|(found, _)| *found == name)?.1.parse().ok()
}

fn shown(keyword: &str, value: Option<&str>) -> String {
    value.map_or_else(|| keyword.to_owned(), |value| format!("{keyword}={value}"))
}

/// Where in a line of DATA the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    LineStart,
    Line,
    /// Behind CR.
    Return,
    /// Behind a dot that begins a line.
    Dot,
    /// Behind such a dot and CR.
    DotReturn,
    End,
}

fn has_bare_line_end(octets: &[u8]) -> bool {
    let mut behind_return = false;
    for octet in octets {
        if behind_return != (*octet == b'\n') {
            return true;
        }
        behind_return = *octet == b'\r';
    }
    behind_return
}
