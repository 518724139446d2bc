//! What is said in each shape, and to what.

use xoauth::imap::command::{Fetch, Item, List, Noop, Search, Select, Thread, ThreadAlgorithm};
use xoauth::imap::proto::{
    Command as _, Exchange as ImapExchange, Machine as ImapMachine, TagPrefix,
};
use xoauth::imap::{self, Query};
use xoauth::sasl::Mask;
use xoauth::sasl::wire::{Conversation, Want};
use xoauth::smtp::exchange::{Ehlo, Submit};
use xoauth::smtp::proto::{Exchange as SmtpExchange, Machine as SmtpMachine};
use xoauth::smtp::{self, ClientName};

use super::{Bounds, Fault, Played, imap_limits};
use crate::pieces::fill;

/// Takes everything a conversation has to say.
fn take<C: Conversation<Error: Into<Fault>>>(conversation: &mut C) -> Result<(), Fault> {
    loop {
        match conversation.poll().map_err(Into::into)? {
            Want::Write(octets) => {
                let count = octets.len();
                conversation.written(count);
            }
            Want::Chunk(_) | Want::Body => {}
            Want::Read | Want::StartTls | Want::Done => return Ok(()),
        }
    }
}

/// Hears this.
fn hear<C>(conversation: &mut C, piece: &[u8]) -> Result<(), Fault>
where
    C: Conversation<Error: Into<Fault>>,
{
    let mut rest = piece;
    while !rest.is_empty() {
        let (count, later) = fill(conversation.read_buffer(), rest);
        conversation.received(count);
        rest = later;
        take(conversation)?;
    }
    Ok(())
}

/// What the session keeps secret: a server may repeat it.
const TOKEN: &str = "ya29.a0Af-4/qX_9+Kz7wLmP3rT-vB5/nC_8+dE2fGhJk";

/// What a server says: octets, and how often.
type Said<'a> = (&'a [u8], usize);

/// `head`, `unit` so many times, and `tail`.
fn around<'a>([head, unit, tail]: [&'a [u8]; 3], times: usize) -> [Said<'a>; 3] {
    [(head, 1), (unit, times), (tail, 1)]
}

/// Lets a server say all this, in pieces of so many octets.
fn say(
    parts: &[Said<'_>],
    step: usize,
    mut give: impl FnMut(&[u8]) -> Result<(), Fault>,
) -> Played {
    let all = parts.iter().flat_map(|&(octets, times)| std::iter::repeat_n(octets, times));
    let mut taken = 0;
    for piece in all.flat_map(|part| part.chunks(step)) {
        if let Err(fault) = give(piece) {
            return Played::Refused { fault, taken };
        }
        taken += piece.len();
    }
    Played::Whole
}

fn imap(command: &mut dyn ImapExchange, bounds: Bounds, parts: &[Said<'_>], step: usize) -> Played {
    let mut machine = ImapMachine::new(TagPrefix::new("g"), bounded(bounds));
    let mut mask = Mask::default();
    mask.add(TOKEN);
    machine.protect(mask);
    let mut exchanges: [&mut dyn ImapExchange; 1] = [command];
    let started = machine.start(&mut exchanges).map_err(Fault::from);
    if let Err(fault) = started.and_then(|()| take(&mut machine.converse(&mut exchanges))) {
        return Played::Refused { fault, taken: 0 };
    }
    say(parts, step, |piece| hear(&mut machine.converse(&mut exchanges), piece))
}

fn bounded(bounds: Bounds) -> imap::Limits {
    let mut limits = imap_limits();
    if bounds == Bounds::Eighth {
        limits.line /= 8;
        limits.response /= 8;
        limits.buffered_literal /= 8;
        limits.events /= 8;
        limits.event_octets /= 8;
        limits.answers /= 8;
        limits.answer_octets /= 8;
        limits.answer_octets_in_large_mailbox /= 8;
    }
    if bounds == Bounds::None {
        limits.line = usize::MAX;
        limits.response = usize::MAX;
        limits.buffered_literal = usize::MAX;
        limits.events = usize::MAX;
        limits.event_octets = usize::MAX;
        limits.answers = usize::MAX;
        limits.answer_octets = usize::MAX;
    }
    limits
}

fn smtp(command: &mut dyn SmtpExchange, bounds: Bounds, parts: &[Said<'_>], step: usize) -> Played {
    let mut limits = smtp::Limits::default();
    if bounds == Bounds::Eighth {
        limits.reply /= 8;
        limits.lines /= 8;
    }
    if bounds == Bounds::None {
        limits.reply = usize::MAX;
        limits.lines = usize::MAX;
    }
    let mut machine = SmtpMachine::new(limits);
    let started = machine.start(command).map_err(Fault::from);
    if let Err(fault) = started.and_then(|()| take(&mut machine.converse(command))) {
        return Played::Refused { fault, taken: 0 };
    }
    say(parts, step, |piece| hear(&mut machine.converse(command), piece))
}

/// Octets that come together where a shape is not about how they come.
const PIECE: usize = 4096;

pub(super) fn body(octets: usize, bounds: Bounds) -> Played {
    let mut fetch = Fetch::new("1", Item::Body);
    fetch.lend_bodies();
    let head = format!("* 1 FETCH (UID 1 BODY[] {{{octets}}}\r\n");
    let parts: [&[u8]; 3] = [head.as_bytes(), b"x", b")\r\nxg1 OK done\r\n"];
    imap(&mut fetch.even_if_unlisted(), bounds, &around(parts, octets), 1)
}

pub(super) fn bodies(octets: usize, bounds: Bounds) -> Played {
    let unit = [&b"BODY[] {10000}\r\n"[..], &[b'x'; 10_000], b" "].concat();
    let mut fetch = Fetch::new("1", Item::Body);
    fetch.lend_bodies();
    let parts: [&[u8]; 3] = [b"* 1 FETCH (UID 1 ", &unit, b"FLAGS ())\r\nxg1 OK done\r\n"];
    imap(&mut fetch.even_if_unlisted(), bounds, &around(parts, octets / unit.len()), PIECE)
}

/// A command hears this so often, and OK.
fn told_to(command: &mut dyn ImapExchange, unit: &[u8], octets: usize, bounds: Bounds) -> Played {
    let parts: [&[u8]; 3] = [b"", unit, b"xg1 OK done\r\n"];
    imap(command, bounds, &around(parts, octets / unit.len()), PIECE)
}

/// What a FETCH keeps of this many octets of an answer.
fn fetched(item: Item, parts: [&[u8]; 3], octets: usize, bounds: Bounds) -> Played {
    let [head, unit, tail] = parts;
    let tail = [tail, b")\r\nxg1 OK done\r\n"].concat();
    let mut fetch = Fetch::new("1", item).even_if_unlisted();
    imap(&mut fetch, bounds, &around([head, unit, &tail], octets / unit.len()), PIECE)
}

pub(super) fn empty_bodies(octets: usize, bounds: Bounds) -> Played {
    fetched(Item::Body, [b"* 1 FETCH (UID 1 ", b"BODY[] {0}\r\n ", b"FLAGS ()"], octets, bounds)
}

pub(super) fn parameters(octets: usize, bounds: Bounds) -> Played {
    let head = b"* 1 FETCH (UID 1 BODYSTRUCTURE (\"A\" \"B\" (\"\" \"\"";
    let parts: [&[u8]; 3] = [head, b" \"\" \"\"", b") NIL NIL \"7BIT\" 1)"];
    fetched(Item::BodyStructure, parts, octets, bounds)
}

pub(super) fn body_parts(octets: usize, bounds: Bounds) -> Played {
    let part = b"(\"A\" \"B\" (\"\" \"\") NIL NIL \"\" 1)";
    let parts: [&[u8]; 3] = [b"* 1 FETCH (UID 1 BODYSTRUCTURE (", part, b" \"mixed\")"];
    fetched(Item::BodyStructure, parts, octets, bounds)
}

pub(super) fn addresses(octets: usize, bounds: Bounds) -> Played {
    let head = b"* 1 FETCH (UID 1 ENVELOPE (NIL NIL (";
    let parts: [&[u8]; 3] = [head, b"(NIL NIL NIL NIL)", b") NIL NIL NIL NIL NIL NIL NIL)"];
    fetched(Item::Envelope, parts, octets, bounds)
}

/// Each has fewer than one may have.
pub(super) fn envelopes(octets: usize, bounds: Bounds) -> Played {
    let list = b"(NIL NIL \"a\" \"b\")".repeat(100);
    let head = b"* 1 FETCH (UID 1 ENVELOPE (NIL NIL (";
    let unit = [&head[..], &list, b") NIL NIL NIL NIL NIL NIL NIL))\r\n"].concat();
    fetched(Item::Envelope, [b"", &unit, b"* 1 FETCH (UID 1 FLAGS ()"], octets, bounds)
}

/// Many messages told of like this, to a FETCH.
fn many(item: Item, unit: &[u8], octets: usize, bounds: Bounds) -> Played {
    fetched(item, [b"", unit, b"* 1 FETCH (UID 1"], octets, bounds)
}

pub(super) fn many_flags(octets: usize, bounds: Bounds) -> Played {
    let unit = [b"* 1 FETCH (UID 1 FLAGS (a", &b" b".repeat(900)[..], b"))\r\n"].concat();
    many(Item::Flags, &unit, octets, bounds)
}

pub(super) fn many_bodies(octets: usize, bounds: Bounds) -> Played {
    let unit = [b"* 1 FETCH (UID 1", &b" BODY[] \"\"".repeat(900)[..], b")\r\n"].concat();
    many(Item::Body, &unit, octets, bounds)
}

/// A structure that is almost as deep as one may be.
fn deep() -> Vec<u8> {
    let (open, close) = (b"(".repeat(90), b" \"\")".repeat(90));
    let part = b"(\"\" \"\" NIL NIL NIL \"\" 1)";
    [b"* 1 FETCH (UID 1 BODYSTRUCTURE ", &open[..], part, &close, b")\r\n"].concat()
}

pub(super) fn nested(octets: usize, bounds: Bounds) -> Played {
    many(Item::BodyStructure, &deep(), octets, bounds)
}

pub(super) fn nested_news(octets: usize, bounds: Bounds) -> Played {
    let unit = deep();
    told_to(&mut Noop::new(), &unit, octets, bounds)
}

pub(super) fn mailboxes(octets: usize, bounds: Bounds) -> Played {
    let unit = b"* LIST () NIL a\r\n";
    told_to(&mut List::all(), unit, octets, bounds)
}

pub(super) fn searches(octets: usize, bounds: Bounds) -> Played {
    let mut search = Search::new(Query::All).even_if_unlisted();
    let unit = b"* SEARCH 1 3 5 7 9\r\n";
    told_to(&mut search, unit, octets, bounds)
}

pub(super) fn invalid(octets: usize, bounds: Bounds) -> Played {
    fetched(Item::Flags, [b"* 1 FETCH (UID 1", b" UID x", b""], octets, bounds)
}

/// Each section has no more than one may have.
pub(super) fn header_fields(octets: usize, bounds: Bounds) -> Played {
    let unit = [b" BODY[HEADER.FIELDS (a", &b" a".repeat(30_000)[..], b")] NIL"].concat();
    fetched(Item::Body, [b"* 1 FETCH (UID 1", &unit, b""], octets, bounds)
}

pub(super) fn extended(octets: usize, bounds: Bounds) -> Played {
    let parts: [&[u8]; 3] = [b"* LIST () NIL \"a\" (a NIL", b" a NIL", b")\r\nxg1 OK done\r\n"];
    imap(&mut List::all(), bounds, &around(parts, octets / 6), PIECE)
}

pub(super) fn children(octets: usize, bounds: Bounds) -> Played {
    let parts: [&[u8]; 3] = [b"* LIST () NIL a (CHILDINFO (a", b"\"\"", b"))\r\nxg1 OK done\r\n"];
    imap(&mut List::all(), bounds, &around(parts, octets / 2), PIECE)
}

pub(super) fn conversations(octets: usize, bounds: Bounds) -> Played {
    let mut thread = Thread::new(ThreadAlgorithm::References, Query::All).even_if_unlisted();
    let parts: [&[u8]; 3] = [b"* THREAD ", b"(1)", b"\r\nxg1 OK done\r\n"];
    imap(&mut thread, bounds, &around(parts, octets / 3), PIECE)
}

/// A list begins another, and another, and none ends.
pub(super) fn lists_of_conversations(octets: usize, bounds: Bounds) -> Played {
    let mut thread = Thread::new(ThreadAlgorithm::References, Query::All).even_if_unlisted();
    let parts: [&[u8]; 3] = [b"* THREAD ", b"( ", b"\r\nxg1 OK done\r\n"];
    imap(&mut thread, bounds, &around(parts, octets / 2), PIECE)
}

/// One response that nobody asked for.
fn alone(head: &[u8], unit: &[u8], octets: usize, bounds: Bounds) -> Played {
    let parts: [&[u8]; 3] = [head, unit, b"\r\nxg1 OK done\r\n"];
    imap(&mut Noop::new(), bounds, &around(parts, octets / unit.len()), PIECE)
}

pub(super) fn vanished(octets: usize, bounds: Bounds) -> Played {
    alone(b"* VANISHED 1", b",1", octets, bounds)
}

pub(super) fn capabilities(octets: usize, bounds: Bounds) -> Played {
    alone(b"* CAPABILITY IMAP4rev1", b" a", octets, bounds)
}

pub(super) fn enabled(octets: usize, bounds: Bounds) -> Played {
    alone(b"* ENABLED", b" a", octets, bounds)
}

pub(super) fn mailbox_flags(octets: usize, bounds: Bounds) -> Played {
    // No more than a list may have, and long.
    let (many, mut flag) = (9_999, vec![b' ']);
    flag.resize(octets / many, b'a');
    let parts: [&[u8]; 3] = [b"* FLAGS (a", &flag, b")\r\nxg1 OK done\r\n"];
    imap(&mut Select::new("INBOX").even_if_unlisted(), bounds, &around(parts, many), PIECE)
}

pub(super) fn flags(octets: usize, bounds: Bounds) -> Played {
    fetched(Item::Flags, [b"* 1 FETCH (UID 1 FLAGS (a", b" b", b")"], octets, bounds)
}

pub(super) fn line(octets: usize, bounds: Bounds) -> Played {
    let parts: [&[u8]; 3] = [b"* OK ", b"x", b"\r\nxg1 OK done\r\n"];
    imap(&mut Noop::new(), bounds, &around(parts, octets), 1)
}

pub(super) fn literals(octets: usize, bounds: Bounds) -> Played {
    let parts: [&[u8]; 3] = [b"* 1 FETCH (X-A (", b"{0}\r\n ", b"NIL))\r\nxg1 OK done\r\n"];
    imap(&mut Noop::new(), bounds, &around(parts, octets / 6), PIECE)
}

pub(super) fn parentheses(octets: usize, bounds: Bounds) -> Played {
    let times = octets / 2 / PIECE;
    let (open, close) = ([b'('; PIECE], [b')'; PIECE]);
    let head: &[u8] = b"* 1 FETCH (BODYSTRUCTURE ";
    let parts = [(head, 1), (&open, times), (&close, times), (b")\r\nxg1 OK done\r\n", 1)];
    imap(&mut Noop::new(), bounds, &parts, PIECE)
}

pub(super) fn untagged(octets: usize, bounds: Bounds) -> Played {
    let unit = b"* LIST () \"/\" a\r\n";
    told_to(&mut Noop::new(), unit, octets, bounds)
}

pub(super) fn echoes(octets: usize, bounds: Bounds) -> Played {
    let unit = format!("* LIST () \"/\" \"{TOKEN}\"\r\n");
    told_to(&mut Noop::new(), unit.as_bytes(), octets, bounds)
}

/// A name of this length, in a literal.
pub(super) fn echo(octets: usize, bounds: Bounds) -> Played {
    let times = octets / TOKEN.len();
    let head = format!("* LIST () \"/\" {{{}}}\r\n", times * TOKEN.len());
    let parts: [&[u8]; 3] = [head.as_bytes(), TOKEN.as_bytes(), b"\r\nxg1 OK done\r\n"];
    imap(&mut Noop::new(), bounds, &around(parts, times), PIECE)
}

/// The same with each other octet percent-encoded.
pub(super) fn escaped_echo(octets: usize, bounds: Bounds) -> Played {
    let escaped = |(at, octet)| match at % 2 {
        0 => format!("%{octet:02x}"),
        _ => char::from(octet).to_string(),
    };
    let escaped: String = TOKEN.bytes().enumerate().map(escaped).collect();
    let times = octets / escaped.len();
    let head = format!("* LIST () \"/\" {{{}}}\r\n", times * escaped.len());
    let parts: [&[u8]; 3] = [head.as_bytes(), escaped.as_bytes(), b"\r\nxg1 OK done\r\n"];
    imap(&mut Noop::new(), bounds, &around(parts, times), PIECE)
}

/// Names of items, each of which could be found to end at the end of the response alone.
pub(super) fn sections(octets: usize, bounds: Bounds) -> Played {
    alone(b"* 1 FETCH (A[", b" BODY[", octets, bounds)
}

pub(super) fn ended_sections(octets: usize, bounds: Bounds) -> Played {
    let parts: [&[u8]; 3] = [b"* 1 FETCH (A[", b" BODY[", b"]\r\nxg1 OK done\r\n"];
    imap(&mut Noop::new(), bounds, &around(parts, octets / 6), PIECE)
}

pub(super) fn news(octets: usize, bounds: Bounds) -> Played {
    let unit = b"* 1 FETCH (FLAGS (\\Seen) UID 7)\r\n";
    told_to(&mut Noop::new(), unit, octets, bounds)
}

pub(super) fn statuses(octets: usize, bounds: Bounds) -> Played {
    let unit = b"* STATUS abc (MESSAGES 1)\r\n";
    told_to(&mut Noop::new(), unit, octets, bounds)
}

/// Each command hears less than it may, and nobody takes it.
pub(super) fn news_of_commands(octets: usize, bounds: Bounds) -> Played {
    let mut machine = ImapMachine::new(TagPrefix::new("g"), bounded(bounds));
    let unit = b"* X-NEWS aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";
    let mut before = 0;
    for command in 1..=8 {
        let mut noop = Noop::new();
        let mut exchanges: [&mut dyn ImapExchange; 1] = [&mut noop];
        let started = machine.start(&mut exchanges).map_err(Fault::from);
        if let Err(fault) = started.and_then(|()| take(&mut machine.converse(&mut exchanges))) {
            return Played::Refused { fault, taken: before };
        }
        let end = format!("xg{command} OK done\r\n");
        let times = octets / 4 / unit.len();
        let give = |piece: &[u8]| hear(&mut machine.converse(&mut exchanges), piece);
        if let Played::Refused { fault, taken } =
            say(&around([b"", unit, end.as_bytes()], times), PIECE, give)
        {
            return Played::Refused { fault, taken: before + taken };
        }
        before += times * unit.len() + end.len();
    }
    Played::Whole
}

pub(super) fn numbers(octets: usize, bounds: Bounds) -> Played {
    let mut search = Search::sequence_numbers(Query::All).even_if_unlisted();
    let parts: [&[u8]; 3] = [b"* SEARCH", b" 1000001", b"\r\nxg1 OK done\r\n"];
    imap(&mut search, bounds, &around(parts, octets / 8), PIECE)
}

pub(super) fn reply(octets: usize, bounds: Bounds) -> Played {
    let mut ehlo = Ehlo::new(ClientName::default());
    let parts: [&[u8]; 3] = [b"250-mx\r\n", b"250-X-A\r\n", b"250 X-B\r\n"];
    smtp(&mut ehlo, bounds, &around(parts, octets / 9), 1)
}

pub(super) fn dots(octets: usize, bounds: Bounds) -> Played {
    let mut send = Submit::new("a@example.org", ["b@example.org"], ".\r\n".repeat(octets / 3));
    let parts: [&[u8]; 3] = [b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n"];
    // One reply after the other: nothing is sent ahead where PIPELINING is not offered.
    smtp(&mut send, bounds, &around(parts, 1), PIECE)
}
