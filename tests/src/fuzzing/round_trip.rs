//! What is written is read as the same, and written again as the same.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use xoauth::imap::parse::{Input, Tolerated, parse_response};
use xoauth::imap::{AppendLimit, Event, ListEntry, Mailbox, Message, StatusItems};
use xoauth::sasl::oauth1::{Nonce, Stamp};
use xoauth::sasl::{
    ClientMessage, Context, Credential, Exchange, Mask, Mechanism, OAuthBearer, XOAuth2,
    parse_client_message,
};

use super::{Choices, text};
use crate::hear::{Case, Protocol, Said, hear};

/// A response that is written from what was understood of it is understood as the same.
pub fn imap_round_trip(octets: &[u8]) {
    let Some(event) = understood(octets) else { return };
    let Some(line) = written(&event) else { return };
    let again = understood(line.as_bytes());
    assert_eq!(again.as_ref(), Some(&event), "{line:?}");
    assert_eq!(again.as_ref().and_then(written), Some(line));
}

fn understood(octets: &[u8]) -> Option<Event> {
    let mut tolerated = Tolerated::default();
    let response = parse_response(Input { bytes: octets, literals: &[] }, &mut tolerated).ok()?;
    Some(response.to_event(&Mask::default()))
}

/// The response that says this; none where the event keeps less than was said.
fn written(event: &Event) -> Option<String> {
    let line = match event {
        Event::Exists(count) => format!("{count} EXISTS"),
        Event::Recent(count) => format!("{count} RECENT"),
        Event::Expunge(seq) => format!("{seq} EXPUNGE"),
        Event::Search(found) => format!("SEARCH{}", words(found)),
        Event::Sort(found) => format!("SORT{}", words(found)),
        Event::Flags(flags) => format!("FLAGS ({})", words(flags).trim_start()),
        Event::List(entry) => format!("LIST {}", list(entry)?),
        Event::Lsub(entry) => format!("LSUB {}", list(entry)?),
        Event::MailboxStatus(status) => {
            format!("STATUS {} ({})", quoted(&status.mailbox)?, items(&status.items)?)
        }
        Event::Vanished { earlier, uids } => {
            let ranges = uids.iter().map(|(first, last)| format!("{first}:{last}"));
            let earlier = if *earlier { "(EARLIER) " } else { "" };
            format!("VANISHED {earlier}{}", ranges.collect::<Vec<_>>().join(","))
        }
        Event::Fetch(message) => fetch(message)?,
        _ => return None,
    };
    line.is_ascii().then(|| format!("* {line}\r\n"))
}

fn words(all: &[impl ToString]) -> String {
    all.iter().map(|one| format!(" {}", one.to_string())).collect()
}

/// A name as a quoted string, where it can be one.
fn quoted(mailbox: &Mailbox) -> Option<String> {
    let wire = String::from_utf8(mailbox.to_wire()).ok()?;
    let fits = !wire.contains(['\r', '\n', '\0']);
    fits.then(|| format!("\"{}\"", wire.replace('\\', "\\\\").replace('"', "\\\"")))
}

fn list(entry: &ListEntry) -> Option<String> {
    let is_plain = entry.child_info().next().is_none()
        && entry.old_name().is_none()
        && entry.my_rights().is_none()
        && entry.status().is_none()
        && entry.other_items().is_empty();
    let attributes: Vec<&str> = entry.attributes().collect();
    let delimiter = match entry.delimiter().map(|delimiter| delimiter.as_char()) {
        None => "NIL".to_owned(),
        Some(c @ ('"' | '\\')) => format!("\"\\{c}\""),
        Some('\r' | '\n' | '\0') => return None,
        Some(c) => format!("\"{c}\""),
    };
    let name = quoted(entry.mailbox())?;
    is_plain.then(|| format!("({}) {delimiter} {name}", attributes.join(" ")))
}

fn items(items: &StatusItems) -> Option<String> {
    let limit = items.append_limit.map(|limit| match limit {
        AppendLimit::Octets(octets) => octets.to_string(),
        AppendLimit::Unlimited => "NIL".to_owned(),
    });
    let number = |number: Option<u32>| number.map(|number| number.to_string());
    let large = |number: Option<u64>| number.map(|number| number.to_string());
    let all = [
        ("MESSAGES", number(items.messages)),
        ("RECENT", number(items.recent)),
        ("UIDNEXT", number(items.uid_next.map(u32::from))),
        ("UIDVALIDITY", number(items.uid_validity.map(u32::from))),
        ("UNSEEN", number(items.unseen)),
        ("DELETED", number(items.deleted)),
        ("SIZE", large(items.size)),
        ("HIGHESTMODSEQ", large(items.highest_mod_seq)),
        ("APPENDLIMIT", limit),
        ("DELETED-STORAGE", large(items.deleted_storage)),
    ];
    let told = all.iter().filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?)));
    let told: Vec<String> = told.collect();
    (items.mailbox_id.is_none() && !told.is_empty()).then(|| told.join(" "))
}

fn fetch(message: &Message) -> Option<String> {
    let is_plain = message.internal_date.is_none()
        && message.envelope.is_none()
        && message.body_structure.is_none()
        && message.bodies.is_empty()
        && message.others.is_empty()
        && message.invalid.is_empty();
    let mut told = String::new();
    if let Some(uid) = message.uid {
        let _ = write!(told, " UID {uid}");
    }
    if let Some(flags) = &message.flags {
        let flags: Vec<_> = flags.iter().map(ToString::to_string).collect();
        let _ = write!(told, " FLAGS ({})", flags.join(" "));
    }
    if let Some(size) = message.size {
        let _ = write!(told, " RFC822.SIZE {size}");
    }
    if let Some(mod_seq) = message.mod_seq {
        let _ = write!(told, " MODSEQ ({mod_seq})");
    }
    let told = told.strip_prefix(' ')?;
    is_plain.then(|| format!("{} FETCH ({told})", message.seq))
}

/// A reply that is written from its code and its lines is heard as the same.
pub fn smtp_reply(octets: &[u8]) {
    let mut choices = Choices(octets);
    let context = match choices.octet().unwrap_or(0) % 3 {
        0 => "greeting",
        1 => "ehlo",
        _ => "",
    };
    let heard = |octets: &[u8]| {
        let case = Case { context, tag: None, octets, step: usize::MAX, shown: false };
        hear(Protocol::Smtp, &case).unwrap_or_default()
    };
    let first = heard(choices.0);
    let mut line_ends = 0;
    for said in &first.responses {
        let Said::Reply(code, text) = said else { continue };
        let lines: Vec<&[u8]> = text.split(|&octet| octet == b'\n').collect();
        line_ends += lines.len();
        let last = lines.len() - 1;
        let mut reply = Vec::new();
        for (number, line) in lines.into_iter().enumerate() {
            reply.extend(code.to_string().bytes());
            reply.push(if number == last { b' ' } else { b'-' });
            reply.extend(line);
            reply.extend(b"\r\n");
        }
        let again = heard(&reply);
        assert_eq!(again.responses.first(), Some(said), "{}", reply.escape_ascii());
    }
    let given = choices.0.iter().filter(|&&octet| octet == b'\n').count();
    assert!(line_ends <= given, "more was heard than was said");
}

/// What a mechanism says is read by the server side as what went into it, and said again as the same.
pub fn sasl_round_trip(octets: &[u8]) {
    let mut choices = Choices(octets);
    let bearer = choices.octet().unwrap_or(0) % 2 == 0;
    let (Some(user), Some(token)) = (text(choices.piece()), text(choices.0)) else { return };
    let Some((name, message)) = said(bearer, user, token) else { return };
    let read = parse_client_message(name, &message);
    let Ok(ClientMessage::Login(login)) = &read else {
        assert!(read.is_ok(), "{}: {read:?}", message.escape_ascii());
        return;
    };
    let Credential::Bearer(read) = login.credential() else { return };
    assert_eq!(login.user().unwrap_or_default(), user);
    assert_eq!(read.expose(), token);
    let again = said(bearer, login.user().unwrap_or_default(), read.expose());
    assert_eq!(again.map(|(_, message)| message), Some(message));
}

/// The name of a mechanism, and its message; none for a user or token that it refuses.
fn said(bearer: bool, user: &str, token: &str) -> Option<(&'static str, Vec<u8>)> {
    let mechanism: Box<dyn Mechanism> = match bearer {
        true => Box::new(OAuthBearer::new(user, token).ok()?),
        false => Box::new(XOAuth2::new(user, token).ok()?),
    };
    let stamp = Stamp::new(Nonce::new("nonce").ok()?, 0);
    let context = Context::new(&stamp, "localhost", 993);
    let mut exchange = Exchange::start(&*mechanism, &context).ok()?;
    let message = STANDARD.decode(exchange.initial_response()).ok()?;
    Some((if bearer { "OAUTHBEARER" } else { "XOAUTH2" }, message))
}
