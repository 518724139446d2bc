//! Shapes of what a hostile server says, or makes us say, without end: what they cost must grow with their
//! length and no faster, and what they take of the heap must stay within the limits.
//!
//! They are played to the machines in memory. `cargo xtask growth` compares times, `tests/tests/resources.rs` counts
//! the heap.

use xoauth::imap::command::{Fetch, Item, Noop, Search};
use xoauth::imap::proto::{
    Command as _, Exchange as ImapExchange, Machine as ImapMachine, TagPrefix,
};
use xoauth::imap::{self, Query};
use xoauth::sasl::wire::{Conversation, Want};
use xoauth::smtp::exchange::{Ehlo, Submit};
use xoauth::smtp::proto::{Exchange as SmtpExchange, Machine as SmtpMachine};
use xoauth::smtp::{self, ClientName};

use crate::pieces::fill;

/// A shape.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Its name.
    pub name: &'static str,
    /// Plays about so many octets of it.
    pub play: fn(usize, Bounds) -> Played,
    /// What it may take of the heap beyond 1 MiB: the limits that hold for it.
    pub limit: fn() -> usize,
}

/// Which limits the machines have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bounds {
    /// Those they have by themselves.
    Default,
    /// An eighth of each, for builds that are slow.
    Eighth,
    /// None that a shape of 16 MiB reaches.
    None,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Played {
    /// All of it was taken.
    Whole,
    /// It was refused before its end.
    Refused,
}

/// All of them.
pub const SHAPES: [Shape; 9] = [
    Shape { name: "a body, octet by octet", play: body, limit: || 0 },
    Shape { name: "bodies in one response", play: bodies, limit: response },
    Shape { name: "a line, octet by octet", play: line, limit: || imap_limits().line },
    Shape { name: "empty literals in one response", play: literals, limit: told },
    Shape { name: "parentheses that open", play: parentheses, limit: response },
    Shape { name: "untagged answers", play: untagged, limit: events },
    Shape {
        name: "numbers of a search",
        play: numbers,
        limit: || imap_limits().response + imap_limits().answer_octets,
    },
    Shape {
        name: "lines of a reply, octet by octet",
        play: reply,
        limit: || smtp::Limits::default().reply,
    },
    // The caller's own message, and what of it is on its way.
    Shape { name: "a message of dots", play: dots, limit: || 0 },
];

/// What costs more memory once it is kept than it has octets on the wire: each is understood, where it is shorter
/// than a response may be. Only of bodies one message keeps no more than 1,000.
pub const KEPT: [Shape; 9] = [
    Shape { name: "empty bodies of one message", play: empty_bodies, limit: kept },
    Shape { name: "parameters of one part", play: parameters, limit: kept },
    Shape { name: "parts of one message", play: body_parts, limit: kept },
    Shape { name: "addresses of one message", play: addresses, limit: kept },
    Shape { name: "addresses of many messages", play: envelopes, limit: kept },
    Shape { name: "flags of one message", play: flags, limit: kept },
    Shape { name: "news of many messages", play: news, limit: events },
    Shape { name: "news of many mailboxes", play: statuses, limit: events },
    Shape { name: "news of many commands", play: news_of_commands, limit: events },
];

/// One response in the buffer: its text, and the literals kept with it.
fn response() -> usize {
    imap_limits().response + imap_limits().buffered_literal
}

/// The same, told to the caller.
fn told() -> usize {
    response() + imap_limits().event_octets
}

/// The same, kept as an answer.
fn kept() -> usize {
    response() + imap_limits().answer_octets
}

/// Responses kept for the caller: what they take, and a place for each in a queue that doubles.
fn events() -> usize {
    imap_limits().event_octets + 2 * imap_limits().events * size_of::<imap::Event>()
}

fn imap_limits() -> imap::Limits {
    imap::Limits::default()
}

/// Takes everything a conversation has to say; false where it ended in an error.
fn take(conversation: &mut impl Conversation) -> bool {
    loop {
        match conversation.poll() {
            Ok(Want::Write(octets)) => {
                let count = octets.len();
                conversation.written(count);
            }
            Ok(Want::Chunk(_) | Want::Body) => {}
            Ok(Want::Read | Want::StartTls | Want::Done) => return true,
            Err(_) => return false,
        }
    }
}

/// Hears this; false where it is refused.
fn hear(conversation: &mut impl Conversation, piece: &[u8]) -> bool {
    let mut rest = piece;
    while !rest.is_empty() {
        let (count, later) = fill(conversation.read_buffer(), rest);
        conversation.received(count);
        rest = later;
        if !take(conversation) {
            return false;
        }
    }
    true
}

/// Lets a server say `head`, `unit` so many times, and `tail`, in pieces of so many octets.
fn say(
    parts: [&[u8]; 3],
    times: usize,
    step: usize,
    mut give: impl FnMut(&[u8]) -> bool,
) -> Played {
    let [head, unit, tail] = parts;
    let all = std::iter::once(head).chain(std::iter::repeat_n(unit, times)).chain([tail]);
    for piece in all.flat_map(|part| part.chunks(step)) {
        if !give(piece) {
            return Played::Refused;
        }
    }
    Played::Whole
}

fn imap(
    command: &mut dyn ImapExchange,
    bounds: Bounds,
    parts: [&[u8]; 3],
    times: usize,
    step: usize,
) -> Played {
    let mut machine = ImapMachine::new(TagPrefix::new("g"), bounded(bounds));
    let mut exchanges: [&mut dyn ImapExchange; 1] = [command];
    if machine.start(&mut exchanges).is_err() || !take(&mut machine.converse(&mut exchanges)) {
        return Played::Refused;
    }
    say(parts, times, step, |piece| hear(&mut machine.converse(&mut exchanges), piece))
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

fn smtp(
    command: &mut dyn SmtpExchange,
    bounds: Bounds,
    parts: [&[u8]; 3],
    times: usize,
    step: usize,
) -> Played {
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
    if machine.start(command).is_err() || !take(&mut machine.converse(command)) {
        return Played::Refused;
    }
    say(parts, times, step, |piece| hear(&mut machine.converse(command), piece))
}

/// Octets that come together where a shape is not about how they come.
const PIECE: usize = 4096;

fn body(octets: usize, bounds: Bounds) -> Played {
    let mut fetch = Fetch::new("1", Item::Body);
    fetch.lend_bodies();
    let head = format!("* 1 FETCH (UID 1 BODY[] {{{octets}}}\r\n");
    let parts: [&[u8]; 3] = [head.as_bytes(), b"x", b")\r\nxg1 OK done\r\n"];
    imap(&mut fetch.even_if_unlisted(), bounds, parts, octets, 1)
}

fn bodies(octets: usize, bounds: Bounds) -> Played {
    let unit = [&b"BODY[] {10000}\r\n"[..], &[b'x'; 10_000], b" "].concat();
    let mut fetch = Fetch::new("1", Item::Body);
    fetch.lend_bodies();
    let parts: [&[u8]; 3] = [b"* 1 FETCH (UID 1 ", &unit, b"FLAGS ())\r\nxg1 OK done\r\n"];
    imap(&mut fetch.even_if_unlisted(), bounds, parts, octets / unit.len(), PIECE)
}

/// What a FETCH keeps of this many octets of an answer.
fn fetched(item: Item, parts: [&[u8]; 3], octets: usize, bounds: Bounds) -> Played {
    let [head, unit, tail] = parts;
    let tail = [tail, b")\r\nxg1 OK done\r\n"].concat();
    let mut fetch = Fetch::new("1", item).even_if_unlisted();
    imap(&mut fetch, bounds, [head, unit, &tail], octets / unit.len(), PIECE)
}

fn empty_bodies(octets: usize, bounds: Bounds) -> Played {
    fetched(Item::Body, [b"* 1 FETCH (UID 1 ", b"BODY[] {0}\r\n ", b"FLAGS ()"], octets, bounds)
}

fn parameters(octets: usize, bounds: Bounds) -> Played {
    let head = b"* 1 FETCH (UID 1 BODYSTRUCTURE (\"A\" \"B\" (\"\" \"\"";
    let parts: [&[u8]; 3] = [head, b" \"\" \"\"", b") NIL NIL \"7BIT\" 1)"];
    fetched(Item::BodyStructure, parts, octets, bounds)
}

fn body_parts(octets: usize, bounds: Bounds) -> Played {
    let part = b"(\"A\" \"B\" (\"\" \"\") NIL NIL \"\" 1)";
    let parts: [&[u8]; 3] = [b"* 1 FETCH (UID 1 BODYSTRUCTURE (", part, b" \"mixed\")"];
    fetched(Item::BodyStructure, parts, octets, bounds)
}

fn addresses(octets: usize, bounds: Bounds) -> Played {
    let head = b"* 1 FETCH (UID 1 ENVELOPE (NIL NIL (";
    let parts: [&[u8]; 3] = [head, b"(NIL NIL NIL NIL)", b") NIL NIL NIL NIL NIL NIL NIL)"];
    fetched(Item::Envelope, parts, octets, bounds)
}

/// Each has fewer than one may have.
fn envelopes(octets: usize, bounds: Bounds) -> Played {
    let list = b"(NIL NIL \"a\" \"b\")".repeat(100);
    let head = b"* 1 FETCH (UID 1 ENVELOPE (NIL NIL (";
    let unit = [&head[..], &list, b") NIL NIL NIL NIL NIL NIL NIL))\r\n"].concat();
    fetched(Item::Envelope, [b"", &unit, b"* 1 FETCH (UID 1 FLAGS ()"], octets, bounds)
}

fn flags(octets: usize, bounds: Bounds) -> Played {
    fetched(Item::Flags, [b"* 1 FETCH (UID 1 FLAGS (a", b" b", b")"], octets, bounds)
}

fn line(octets: usize, bounds: Bounds) -> Played {
    imap(&mut Noop::new(), bounds, [b"* OK ", b"x", b"\r\nxg1 OK done\r\n"], octets, 1)
}

fn literals(octets: usize, bounds: Bounds) -> Played {
    let parts: [&[u8]; 3] = [b"* 1 FETCH (X-A (", b"{0}\r\n ", b"NIL))\r\nxg1 OK done\r\n"];
    imap(&mut Noop::new(), bounds, parts, octets / 6, PIECE)
}

fn parentheses(octets: usize, bounds: Bounds) -> Played {
    let unit = [b'('; PIECE];
    let parts: [&[u8]; 3] = [b"* 1 FETCH (BODYSTRUCTURE ", &unit, b"\r\nxg1 OK done\r\n"];
    imap(&mut Noop::new(), bounds, parts, octets / PIECE, PIECE)
}

fn untagged(octets: usize, bounds: Bounds) -> Played {
    let unit = b"* LIST () \"/\" a\r\n";
    imap(&mut Noop::new(), bounds, [b"", unit, b"xg1 OK done\r\n"], octets / unit.len(), PIECE)
}

fn news(octets: usize, bounds: Bounds) -> Played {
    let unit = b"* 1 FETCH (FLAGS (\\Seen) UID 7)\r\n";
    imap(&mut Noop::new(), bounds, [b"", unit, b"xg1 OK done\r\n"], octets / unit.len(), PIECE)
}

fn statuses(octets: usize, bounds: Bounds) -> Played {
    let unit = b"* STATUS abc (MESSAGES 1)\r\n";
    imap(&mut Noop::new(), bounds, [b"", unit, b"xg1 OK done\r\n"], octets / unit.len(), PIECE)
}

/// Each command hears less than it may, and nobody takes it.
fn news_of_commands(octets: usize, bounds: Bounds) -> Played {
    let mut machine = ImapMachine::new(TagPrefix::new("g"), bounded(bounds));
    let unit = b"* X-NEWS aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";
    for command in 1..=8 {
        let mut noop = Noop::new();
        let mut exchanges: [&mut dyn ImapExchange; 1] = [&mut noop];
        if machine.start(&mut exchanges).is_err() || !take(&mut machine.converse(&mut exchanges)) {
            return Played::Refused;
        }
        let end = format!("xg{command} OK done\r\n");
        let times = octets / 4 / unit.len();
        let give = |piece: &[u8]| hear(&mut machine.converse(&mut exchanges), piece);
        if say([b"", unit, end.as_bytes()], times, PIECE, give) == Played::Refused {
            return Played::Refused;
        }
    }
    Played::Whole
}

fn numbers(octets: usize, bounds: Bounds) -> Played {
    let mut search = Search::sequence_numbers(Query::All).even_if_unlisted();
    imap(&mut search, bounds, [b"* SEARCH", b" 1000001", b"\r\nxg1 OK done\r\n"], octets / 8, PIECE)
}

fn reply(octets: usize, bounds: Bounds) -> Played {
    let mut ehlo = Ehlo::new(ClientName::default());
    smtp(&mut ehlo, bounds, [b"250-mx\r\n", b"250-X-A\r\n", b"250 X-B\r\n"], octets / 9, 1)
}

fn dots(octets: usize, bounds: Bounds) -> Played {
    let mut send = Submit::new("a@example.org", ["b@example.org"], ".\r\n".repeat(octets / 3));
    let parts: [&[u8]; 3] = [b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n"];
    // One reply after the other: nothing is sent ahead where PIPELINING is not offered.
    smtp(&mut send, bounds, parts, 1, PIECE)
}
