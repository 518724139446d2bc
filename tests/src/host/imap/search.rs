//! SEARCH (RFC 3501, section 6.4.4): every key is evaluated.

use super::tokens::{Command, SequenceSet};
use super::{Answer, Ids, Refusal, Session, done};
use crate::host::date::{parse_date, parse_header_day};
use crate::host::mime::{self, Content, Part};
use crate::host::store::Message;

impl Session<'_> {
    pub(super) fn search(&mut self, command: &mut Command, ids: Ids) -> Answer {
        command.space()?;
        if command.eat("CHARSET ") {
            let charset = command.astring()?.to_ascii_uppercase();
            if charset != b"UTF-8" && charset != b"US-ASCII" {
                return Err(Refusal::no("[BADCHARSET (US-ASCII UTF-8)] unknown charset"));
            }
            command.space()?;
        }
        let key = conjunction(command, MAX_DEPTH)?;
        command.end()?;

        let store = &self.client.shared.store;
        let (user, view) = match &self.state {
            super::State::Selected { user, view } => (user, view),
            _ => return Err(Refusal::bad("no mailbox is selected")),
        };
        let count = u32::try_from(view.uids.len()).unwrap_or(u32::MAX);
        let largest_uid = view.uids.last().copied().unwrap_or(0);
        let candidates: Vec<Candidate> = store
            .mailbox(user, &view.name, |mailbox| {
                let numbered = (1..).zip(&view.uids);
                let found = numbered.filter_map(|(number, uid)| {
                    let message = mailbox.message(*uid)?.clone();
                    let recent = view.is_recent(*uid);
                    Some(Candidate { number, count, largest_uid, recent, message })
                });
                found.collect()
            })
            .unwrap_or_default();
        let mut line = "SEARCH".to_owned();
        for candidate in candidates.iter().filter(|candidate| key.holds(candidate)) {
            let id = if ids == Ids::Uids { candidate.message.uid } else { candidate.number };
            line.push_str(&format!(" {id}"));
        }
        self.untagged(&line)?;
        done("SEARCH")
    }
}

/// A message with what its session knows of it.
struct Candidate {
    number: u32,
    count: u32,
    largest_uid: u32,
    recent: bool,
    message: Message,
}

/// Keys within keys are followed this far.
const MAX_DEPTH: usize = 100;

#[derive(Debug)]
enum Key {
    All(Vec<Key>),
    Or(Box<(Key, Key)>),
    Not(Box<Key>),
    Numbers(SequenceSet),
    Uids(SequenceSet),
    Flag(String),
    Recent,
    /// Days: the internal date is in this range.
    Arrived(std::ops::Range<i64>),
    /// Days: the Date field is in this range.
    Sent(std::ops::Range<i64>),
    Larger(u32),
    Smaller(u32),
    /// Text in a field; an empty text asks whether the field is there.
    Header(String, String),
    Body(String),
    Text(String),
}

/// Keys side by side: all must hold.
fn conjunction(command: &mut Command, depth: usize) -> Result<Key, Refusal> {
    let mut keys = vec![key(command, depth)?];
    while command.eat(" ") {
        keys.push(key(command, depth)?);
    }
    Ok(Key::All(keys))
}

fn key(command: &mut Command, depth: usize) -> Result<Key, Refusal> {
    let depth = depth.checked_sub(1).ok_or_else(|| Refusal::bad("search nested too deep"))?;
    if command.eat("(") {
        let keys = conjunction(command, depth)?;
        command.expect(")")?;
        return Ok(keys);
    }
    if matches!(command.peek(), Some(b'0'..=b'9' | b'*')) {
        return Ok(Key::Numbers(command.sequence_set()?));
    }
    let name = command.atom()?.to_ascii_uppercase();
    let flag = |name: &str| Key::Flag(format!("\\{name}"));
    Ok(match name.as_str() {
        "ALL" => Key::All(Vec::new()),
        "ANSWERED" | "DELETED" | "DRAFT" | "FLAGGED" | "SEEN" => flag(&name),
        "UNANSWERED" | "UNDELETED" | "UNDRAFT" | "UNFLAGGED" | "UNSEEN" => {
            Key::Not(Box::new(flag(name.trim_start_matches("UN"))))
        }
        "RECENT" => Key::Recent,
        "OLD" => Key::Not(Box::new(Key::Recent)),
        "NEW" => Key::All(vec![Key::Recent, Key::Not(Box::new(flag("SEEN")))]),
        "KEYWORD" => Key::Flag(argument(command, Command::atom)?),
        "UNKEYWORD" => Key::Not(Box::new(Key::Flag(argument(command, Command::atom)?))),
        "BEFORE" | "ON" | "SINCE" => Key::Arrived(days(&name, command)?),
        "SENTBEFORE" | "SENTON" | "SENTSINCE" => {
            Key::Sent(days(name.trim_start_matches("SENT"), command)?)
        }
        "LARGER" => Key::Larger(argument(command, Command::number)?),
        "SMALLER" => Key::Smaller(argument(command, Command::number)?),
        "UID" => Key::Uids(argument(command, Command::sequence_set)?),
        "BCC" | "CC" | "FROM" | "SUBJECT" | "TO" => {
            // Unlike HEADER, an empty text here matches every message that has the field.
            Key::Header(name, argument(command, text)?)
        }
        "HEADER" => {
            let field = argument(command, text)?;
            Key::Header(field, argument(command, text)?)
        }
        "BODY" => Key::Body(argument(command, text)?),
        "TEXT" => Key::Text(argument(command, text)?),
        "NOT" => {
            command.space()?;
            Key::Not(Box::new(key(command, depth)?))
        }
        "OR" => {
            command.space()?;
            let left = key(command, depth)?;
            command.space()?;
            Key::Or(Box::new((left, key(command, depth)?)))
        }
        _ => return Err(Refusal::bad("unknown search key")),
    })
}

fn argument<T>(
    command: &mut Command,
    parse: impl Fn(&mut Command) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    command.space()?;
    parse(command)
}

fn text(command: &mut Command) -> Result<String, Refusal> {
    let text = String::from_utf8(command.astring()?);
    Ok(text.map_err(|_| Refusal::bad("search text is not UTF-8"))?.to_lowercase())
}

/// A date with or without quotes, as the days that a key means by it.
fn days(name: &str, command: &mut Command) -> Result<std::ops::Range<i64>, Refusal> {
    let text = argument(command, Command::astring)?;
    let day = std::str::from_utf8(&text).ok().and_then(parse_date);
    let day = day.ok_or_else(|| Refusal::bad("expected a date"))?;
    Ok(match name {
        "BEFORE" => i64::MIN..day,
        "ON" => day..day + 1,
        _ => day..i64::MAX,
    })
}

impl Key {
    fn holds(&self, candidate: &Candidate) -> bool {
        let message = &candidate.message;
        let octets = message.octets.as_slice();
        match self {
            Self::All(keys) => keys.iter().all(|key| key.holds(candidate)),
            Self::Or(keys) => keys.0.holds(candidate) || keys.1.holds(candidate),
            Self::Not(key) => !key.holds(candidate),
            Self::Numbers(set) => set.contains(candidate.number, candidate.count),
            Self::Uids(set) => set.contains(message.uid, candidate.largest_uid),
            Self::Flag(flag) => message.has(flag),
            Self::Recent => candidate.recent,
            Self::Arrived(days) => days.contains(&message.moment().day()),
            Self::Sent(days) => {
                let date = mime::field(header(octets), "Date");
                let day = date.and_then(|date| parse_header_day(&String::from_utf8_lossy(&date)));
                day.is_some_and(|day| days.contains(&day))
            }
            Self::Larger(size) => octets.len() > *size as usize,
            Self::Smaller(size) => octets.len() < *size as usize,
            Self::Header(name, text) => mime::fields(header(octets))
                .into_iter()
                .any(|field| field.is(name) && contains(&mime::decode_words(&field.value()), text)),
            Self::Body(text) => part_contains(&mime::parse(octets), octets, text, false),
            Self::Text(text) => part_contains(&mime::parse(octets), octets, text, true),
        }
    }
}

fn header(octets: &[u8]) -> &[u8] {
    octets.get(..mime::header_end(octets)).unwrap_or_default()
}

/// Case-insensitive; `wanted` is in lower case.
fn contains(text: &str, wanted: &str) -> bool {
    text.to_lowercase().contains(wanted)
}

/// Whether text stands in a part as its reader sees it: header fields and text bodies decoded.
fn part_contains(part: &Part, octets: &[u8], wanted: &str, with_header: bool) -> bool {
    let header = octets.get(part.header.clone()).unwrap_or_default();
    let in_header = with_header
        && mime::fields(header).into_iter().any(|field| {
            let name = String::from_utf8_lossy(field.name);
            contains(&format!("{name}: {}", mime::decode_words(&field.value())), wanted)
        });
    in_header
        || match &part.content {
            Content::Multipart(parts) => {
                parts.iter().any(|part| part_contains(part, octets, wanted, true))
            }
            Content::Message(inner) => part_contains(inner, octets, wanted, true),
            Content::Leaf if !part.media.types().0.eq_ignore_ascii_case("text") => false,
            Content::Leaf => {
                let encoding = mime::field(header, "Content-Transfer-Encoding").unwrap_or_default();
                let encoding = String::from_utf8_lossy(&encoding);
                let body = octets.get(part.body.clone()).unwrap_or_default();
                let body = mime::decode_transfer(encoding.trim(), body);
                contains(&mime::decode_charset(&body), wanted)
            }
        }
}
