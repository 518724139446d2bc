//! SMTP: lines, envelopes and messages, with DATA and with BDAT.

use std::task::{Context, Poll, Waker};

use xoauth::net::FromReader;
use xoauth::sasl::wire::{Conversation, Want};
use xoauth::smtp::exchange::{Bulk, Ehlo, Expand, Greeting, Help, Raw, Submit, Verify};
use xoauth::smtp::proto::{Encoder, Exchange, Machine, Place, Progress};
use xoauth::smtp::{
    Address, ClientName, Envelope, Error, Extensions, Limits, Mail, Message, Recipient, Reply,
    ReversePath, Transfer, mail_from_headers,
};

use crate::Probe;
use crate::left::left;

const OFFERED: &str = "PIPELINING|8BITMIME|SMTPUTF8|DSN|SIZE|CHUNKING|BINARYMIME|AUTH PLAIN|X";

/// Sends, to a server that offers everything and to one that offers little.
#[track_caller]
fn sent<'a>(mut exchange: impl FnMut() -> Box<dyn Exchange + 'a>) {
    for offered in [OFFERED, "X"] {
        run(offered, &mut *exchange());
    }
}

#[track_caller]
pub(crate) fn submitted<'a>(submit: impl Fn() -> Submit<'a>) {
    sent(|| Box::new(submit()));
}

#[track_caller]
pub(crate) fn message<'a>(mail: impl Fn() -> Mail<'a>) {
    for transfer in [Transfer::Automatic, Transfer::Data, Transfer::Bdat] {
        sent(|| Box::new(Submit::mail(mail().transfer(transfer))));
    }
}

#[track_caller]
pub(crate) fn mail(envelope: impl Fn() -> Envelope) {
    message(|| Mail::with(envelope(), "Subject: t\r\n\r\n.t\r\n"));
}

pub(crate) fn good() -> Envelope {
    Envelope::new("a@example.org", ["b@example.org"])
}

/// Drives the exchange: the server says yes to every line as soon as it has come.
#[track_caller]
fn run(offered: &str, exchange: &mut dyn Exchange) {
    let mut machine = Machine::new(Limits::default());
    let mut reader = Reader::default();
    hear(&mut machine, &mut Greeting::new(), b"220 mx\r\n", &mut reader).unwrap();
    let mut lines: Vec<&str> = vec!["mx"];
    lines.extend(offered.split('|'));
    let last = lines.pop().unwrap();
    let first: String = lines.iter().map(|line| format!("250-{line}\r\n")).collect();
    let reply = format!("{first}250 {last}\r\n");
    let mut hello = Ehlo::new(ClientName::default());
    hear(&mut machine, &mut hello, reply.as_bytes(), &mut reader).unwrap();
    let mut reader = Reader::default();
    let mut broken = false;
    if let Err(error) = hear(&mut machine, exchange, b"", &mut reader) {
        assert!(!error.to_string().contains(['\r', '\n', '\0']), "{error:?}");
        broken = error.is_fatal();
        if matches!(error, Error::InvalidArgument(_)) {
            assert!(reader.all.is_empty(), "{error}: {}", reader.all.escape_ascii());
        }
    }
    // A source that fails within DATA ends the session: a message without its dot is none.
    assert!(
        reader.rest.is_empty() || broken && reader.in_data,
        "half a line: {}",
        reader.all.escape_ascii()
    );
    left(&reader.all);
    // Two messages at most, and a RSET between them.
    assert!(reader.lines <= 8, "too many lines: {}", reader.all.escape_ascii());
}

/// What a server reads.
#[derive(Default)]
struct Reader {
    all: Vec<u8>,
    rest: Vec<u8>,
    lines: usize,
    /// The lines of a message are read, up to its dot.
    in_data: bool,
    /// Octets of a chunk that are still to come, and whether it may hold any octet.
    chunk: usize,
}

impl Reader {
    /// Takes what was written; the replies to it.
    fn take(&mut self, octets: &[u8]) -> Vec<u8> {
        self.all.extend(octets);
        self.rest.extend(octets);
        let mut replies = Vec::new();
        loop {
            if self.chunk > 0 {
                let now = self.chunk.min(self.rest.len());
                self.rest.drain(..now);
                self.chunk -= now;
                if self.chunk > 0 {
                    return replies;
                }
            }
            let Some(end) = self.rest.windows(2).position(|pair| pair == b"\r\n") else {
                return replies;
            };
            let line: Vec<u8> = self.rest.drain(..end + 2).collect();
            let line = &line[..end];
            let bare = line.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0));
            assert!(!bare, "a raw CR, LF or NUL: {}", self.all.escape_ascii());
            if self.in_data {
                if line == b"." {
                    self.in_data = false;
                    replies.extend(b"250 queued\r\n");
                }
                continue;
            }
            self.lines += 1;
            let is_data = line.eq_ignore_ascii_case(b"DATA");
            self.in_data |= is_data;
            if let Some(size) = line.strip_prefix(b"BDAT ") {
                let size = size.split(|&octet| octet == b' ').next().unwrap();
                self.chunk = std::str::from_utf8(size).unwrap().parse().unwrap();
            }
            replies.extend(if is_data { &b"354 go on\r\n"[..] } else { b"250 ok\r\n" });
        }
    }
}

fn hear(
    machine: &mut Machine,
    exchange: &mut dyn Exchange,
    said: &[u8],
    reader: &mut Reader,
) -> Result<(), Error> {
    machine.start(exchange)?;
    let mut replies = said.to_vec();
    loop {
        let mut conversation = machine.converse(exchange);
        match conversation.poll()? {
            Want::Write(octets) => {
                let answers = reader.take(octets);
                let count = octets.len();
                conversation.written(count);
                if said.is_empty() {
                    replies.extend(answers);
                }
            }
            Want::Read if !replies.is_empty() => {
                let count = replies.len();
                machine.read_buffer()[..count].copy_from_slice(&replies);
                machine.received(count);
                replies.clear();
            }
            Want::Body => {
                // What is in memory is there at once.
                match conversation.poll_body(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(given) => given?,
                    Poll::Pending => return Ok(()),
                }
            }
            Want::Chunk(_) => {}
            _ => return Ok(()),
        }
    }
}

/// A command of a user's own.
struct Own<F>(F);

impl<F: FnMut(&mut Encoder<'_>) + Send> Exchange for Own<F> {
    fn encode(&mut self, out: &mut Encoder<'_>, _: &Extensions) -> Result<(), Error> {
        (self.0)(out);
        out.end_line(Place::Last);
        Ok(())
    }

    fn on_reply(&mut self, _: &Reply<'_>, _: &mut Encoder<'_>) -> Result<Progress, Error> {
        Ok(Progress::Continue)
    }
}

macro_rules! probes {
    ($($function:literal => |$text:ident| $send:expr),* $(,)?) => {
        pub(crate) const PROBES: &[Probe] = &[$(Probe { function: $function, send: |$text| { $send; } }),*];
    };
}

probes! {
    "xoauth-smtp/exchange/ask.rs Verify::new" => |text| sent(|| Box::new(Verify::new(text))),
    "xoauth-smtp/exchange/ask.rs Expand::new" => |text| sent(|| Box::new(Expand::new(text))),
    "xoauth-smtp/exchange/ask.rs Help::about" => |text| sent(|| Box::new(Help::about(text))),
    "xoauth-smtp/exchange/ask.rs Raw::new" => |text| sent(|| Box::new(Raw::new(text))),
    "xoauth-smtp/exchange/bulk/mod.rs Bulk::push" => |text| {
        for offered in [OFFERED, "X"] {
            let mut bulk = Bulk::default();
            bulk.push(Submit::new(text, ["b@example.org"], "x\r\n"));
            bulk.push(Submit::new("a@example.org", [text], text));
            run(offered, &mut bulk);
        }
    },
    "xoauth-smtp/exchange/send/mod.rs Submit::new" => |text| {
        let text = text.to_owned();
        sent(|| Box::new(Submit::new(text.as_str(), ["b@example.org"], "x\r\n")));
        sent(|| Box::new(Submit::new("a@example.org", ["b@example.org", text.as_str()], "x\r\n")));
        sent(|| Box::new(Submit::new("a@example.org", ["b@example.org"], text.clone().into_bytes())));
    },
    "xoauth-smtp/exchange/send/mod.rs Submit::mail" => |text| {
        let text = text.to_owned();
        message(|| Mail::with(good(), text.clone().into_bytes()));
    },
    "xoauth-smtp/proto/encoder.rs Encoder::text" => |text| {
        let text = text.to_owned();
        sent(|| { let text = text.clone(); Box::new(Own(move |out: &mut Encoder<'_>| out.text(&text))) });
    },
    "xoauth-smtp/proto/encoder.rs Encoder::secret" => |text| {
        let text = text.to_owned();
        sent(|| { let text = text.clone(); Box::new(Own(move |out: &mut Encoder<'_>| out.secret(&text))) });
    },
    "xoauth-smtp/types/address.rs Address::from_str" => |text| {
        if let Ok(address) = text.parse::<Address>() {
            mail(|| Envelope::new("a@example.org", [address.clone()]));
        }
    },
    "xoauth-smtp/types/address.rs ReversePath::from_str" => |text| {
        if let Ok(path) = text.parse::<ReversePath>() {
            mail(|| Envelope::new(path.clone(), ["b@example.org"]));
        }
    },
    "xoauth-smtp/types/client_name.rs ClientName::from_str" => |text| {
        if let Ok(name) = text.parse::<ClientName>() {
            sent(|| Box::new(Ehlo::new(name.clone())));
        }
    },
    "xoauth-smtp/types/envelope.rs Envelope::new" => |text| {
        mail(|| Envelope::new(text, ["b@example.org"]));
        mail(|| Envelope::new("a@example.org", [text]));
    },
    "xoauth-smtp/types/envelope.rs Envelope::recipient" => |text| mail(|| good().recipient(text)),
    "xoauth-smtp/types/envelope.rs Envelope::envelope_id" => |text| mail(|| good().envelope_id(text)),
    "xoauth-smtp/types/envelope.rs Envelope::submitter" => |text| mail(|| good().submitter(text)),
    "xoauth-smtp/types/envelope.rs Envelope::parameter" => |text| {
        // The first names what the server must offer.
        for (extension, keyword) in [(text, "X"), ("X", text)] {
            mail(|| good().parameter(extension, keyword, None));
        }
        mail(|| good().parameter("X", "X", Some(text)));
    },
    "xoauth-smtp/types/envelope.rs Recipient::new" => |text| mail(|| good().recipient(Recipient::new(text))),
    "xoauth-smtp/types/envelope.rs Recipient::original" => |text| {
        mail(|| good().recipient(Recipient::new("c@example.org").original(text)));
    },
    "xoauth-smtp/types/envelope.rs Recipient::parameter" => |text| {
        let to = || Recipient::new("c@example.org");
        for (extension, keyword) in [(text, "X"), ("X", text)] {
            mail(|| good().recipient(to().parameter(extension, keyword, None)));
        }
        mail(|| good().recipient(to().parameter("X", "X", Some(text))));
    },
    "xoauth-smtp/types/mail.rs Mail::new" => |text| {
        let text = text.to_owned();
        message(|| Mail::new(text.as_str(), [text.as_str()], text.clone().into_bytes()));
    },
    "xoauth-smtp/types/mail.rs Mail::with" => |text| {
        let text = text.to_owned();
        message(|| Mail::with(good(), Message::new(text.clone().into_bytes()).seven_bit()));
    },
    "xoauth-smtp/types/message.rs Message::new" => |text| {
        let text = text.to_owned();
        message(|| Mail::with(good(), Message::new(text.clone().into_bytes())));
        // By BDAT alone, which frames it by its size.
        message(|| Mail::with(good(), Message::new(text.clone().into_bytes()).binary()));
    },
    "xoauth-smtp/types/message.rs Message::from_source" => |text| {
        let text = text.to_owned();
        let source = || FromReader(std::io::Cursor::new(text.clone().into_bytes()));
        message(|| Mail::with(good(), Message::from_source(source())));
        message(|| Mail::with(good(), Message::from_source(source()).normalise_line_ends()));
    },
    "xoauth-smtp/types/message.rs Message::normalised" => |text| {
        let text = text.to_owned();
        message(|| Mail::with(good(), Message::normalised(text.clone().into_bytes())));
    },
    "xoauth/smtp/headers.rs ::mail_from_headers" => |text| {
        let headers = format!("From: {text}\r\nTo: b@example.org, {text}\r\nCc: {text}\r\n\r\nx\r\n");
        if let Ok(mail) = mail_from_headers(headers.as_bytes()) {
            let envelope = mail.envelope().clone();
            self::mail(|| envelope.clone());
        }
    },
}
