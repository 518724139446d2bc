//! Shapes of what a hostile server says, or makes us say, without end: what they cost must grow with their
//! length and no faster, and what they take of the heap must stay within the limits.
//!
//! They are played to the machines in memory. `cargo xtask growth` counts instructions and takes times,
//! `tests/tests/resources.rs` counts the heap.

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
pub const SHAPES: [Shape; 11] = [
    Shape { name: "a body, octet by octet", play: body, limit: || 0 },
    Shape { name: "bodies in one response", play: bodies, limit: response },
    Shape { name: "a line, octet by octet", play: line, limit: || imap_limits().line },
    Shape { name: "empty literals in one response", play: literals, limit: told },
    Shape { name: "lists inside lists", play: parentheses, limit: response },
    Shape { name: "untagged answers", play: untagged, limit: events },
    Shape { name: "answers that repeat a secret", play: echoes, limit: events },
    Shape { name: "a name that repeats a secret", play: echo, limit: told },
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

/// What costs more memory once it is kept than it has octets on the wire, in one response: shorter than a response
/// may be, each is taken, refused, or handed on as it is, and never unfolded without bound.
pub const UNFOLDED: [Shape; 14] = [
    Shape { name: "empty bodies of one message", play: empty_bodies, limit: kept },
    Shape { name: "items of one message that are none", play: invalid, limit: kept },
    Shape { name: "parameters of one part", play: parameters, limit: kept },
    Shape { name: "parts of one message", play: body_parts, limit: kept },
    Shape { name: "addresses of one message", play: addresses, limit: kept },
    Shape { name: "flags of one message", play: flags, limit: kept },
    Shape { name: "names of header fields", play: header_fields, limit: kept },
    Shape { name: "extended data of a mailbox", play: extended, limit: kept },
    Shape { name: "children of a mailbox", play: children, limit: kept },
    Shape { name: "conversations", play: conversations, limit: kept },
    Shape { name: "ranges that vanished", play: vanished, limit: events },
    // What the session knows of the server from then on.
    Shape { name: "capabilities", play: capabilities, limit: known },
    Shape { name: "what was enabled", play: enabled, limit: known },
    Shape { name: "flags of a mailbox", play: mailbox_flags, limit: known },
];

/// The same in many responses, without end: refused once they pass what may be kept.
pub const MANY: [Shape; 10] = [
    Shape { name: "flags of many messages", play: many_flags, limit: kept },
    Shape { name: "empty bodies of many messages", play: many_bodies, limit: kept },
    Shape { name: "addresses of many messages", play: envelopes, limit: kept },
    Shape { name: "parts within parts of many messages", play: nested, limit: kept },
    Shape { name: "parts within parts that nobody asked for", play: nested_news, limit: events },
    Shape { name: "many mailboxes", play: mailboxes, limit: kept },
    Shape { name: "many searches", play: searches, limit: kept },
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

/// One response, told to the caller too, and as much again of what is known of the server.
fn known() -> usize {
    told() + imap_limits().response
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

/// What the session keeps secret: a server may repeat it.
const TOKEN: &str = "ya29.a0Af-4/qX_9+Kz7wLmP3rT-vB5/nC_8+dE2fGhJk";

/// What a server says: octets, and how often.
type Said<'a> = (&'a [u8], usize);

/// `head`, `unit` so many times, and `tail`.
fn around<'a>([head, unit, tail]: [&'a [u8]; 3], times: usize) -> [Said<'a>; 3] {
    [(head, 1), (unit, times), (tail, 1)]
}

/// Lets a server say all this, in pieces of so many octets.
fn say(parts: &[Said<'_>], step: usize, mut give: impl FnMut(&[u8]) -> bool) -> Played {
    let all = parts.iter().flat_map(|&(octets, times)| std::iter::repeat_n(octets, times));
    for piece in all.flat_map(|part| part.chunks(step)) {
        if !give(piece) {
            return Played::Refused;
        }
    }
    Played::Whole
}

fn imap(command: &mut dyn ImapExchange, bounds: Bounds, parts: &[Said<'_>], step: usize) -> Played {
    let mut machine = ImapMachine::new(TagPrefix::new("g"), bounded(bounds));
    let mut mask = Mask::default();
    mask.add(TOKEN);
    machine.protect(mask);
    let mut exchanges: [&mut dyn ImapExchange; 1] = [command];
    if machine.start(&mut exchanges).is_err() || !take(&mut machine.converse(&mut exchanges)) {
        return Played::Refused;
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
    if machine.start(command).is_err() || !take(&mut machine.converse(command)) {
        return Played::Refused;
    }
    say(parts, step, |piece| hear(&mut machine.converse(command), piece))
}

/// Octets that come together where a shape is not about how they come.
const PIECE: usize = 4096;

fn body(octets: usize, bounds: Bounds) -> Played {
    let mut fetch = Fetch::new("1", Item::Body);
    fetch.lend_bodies();
    let head = format!("* 1 FETCH (UID 1 BODY[] {{{octets}}}\r\n");
    let parts: [&[u8]; 3] = [head.as_bytes(), b"x", b")\r\nxg1 OK done\r\n"];
    imap(&mut fetch.even_if_unlisted(), bounds, &around(parts, octets), 1)
}

fn bodies(octets: usize, bounds: Bounds) -> Played {
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

/// Many messages told of like this, to a FETCH.
fn many(item: Item, unit: &[u8], octets: usize, bounds: Bounds) -> Played {
    fetched(item, [b"", unit, b"* 1 FETCH (UID 1"], octets, bounds)
}

fn many_flags(octets: usize, bounds: Bounds) -> Played {
    let unit = [b"* 1 FETCH (UID 1 FLAGS (a", &b" b".repeat(900)[..], b"))\r\n"].concat();
    many(Item::Flags, &unit, octets, bounds)
}

fn many_bodies(octets: usize, bounds: Bounds) -> Played {
    let unit = [b"* 1 FETCH (UID 1", &b" BODY[] \"\"".repeat(900)[..], b")\r\n"].concat();
    many(Item::Body, &unit, octets, bounds)
}

/// A structure that is almost as deep as one may be.
fn deep() -> Vec<u8> {
    let (open, close) = (b"(".repeat(90), b" \"\")".repeat(90));
    let part = b"(\"\" \"\" NIL NIL NIL \"\" 1)";
    [b"* 1 FETCH (UID 1 BODYSTRUCTURE ", &open[..], part, &close, b")\r\n"].concat()
}

fn nested(octets: usize, bounds: Bounds) -> Played {
    many(Item::BodyStructure, &deep(), octets, bounds)
}

fn nested_news(octets: usize, bounds: Bounds) -> Played {
    let unit = deep();
    told_to(&mut Noop::new(), &unit, octets, bounds)
}

fn mailboxes(octets: usize, bounds: Bounds) -> Played {
    let unit = b"* LIST () NIL a\r\n";
    told_to(&mut List::all(), unit, octets, bounds)
}

fn searches(octets: usize, bounds: Bounds) -> Played {
    let mut search = Search::new(Query::All).even_if_unlisted();
    let unit = b"* SEARCH 1 3 5 7 9\r\n";
    told_to(&mut search, unit, octets, bounds)
}

fn invalid(octets: usize, bounds: Bounds) -> Played {
    fetched(Item::Flags, [b"* 1 FETCH (UID 1", b" UID x", b""], octets, bounds)
}

fn header_fields(octets: usize, bounds: Bounds) -> Played {
    let head = b"* 1 FETCH (UID 1 BODY[HEADER.FIELDS (a";
    fetched(Item::Body, [head, b" a", b")] NIL"], octets, bounds)
}

fn extended(octets: usize, bounds: Bounds) -> Played {
    let parts: [&[u8]; 3] = [b"* LIST () NIL a (a NIL", b" a NIL", b")\r\nxg1 OK done\r\n"];
    imap(&mut List::all(), bounds, &around(parts, octets / 6), PIECE)
}

fn children(octets: usize, bounds: Bounds) -> Played {
    let parts: [&[u8]; 3] = [b"* LIST () NIL a (CHILDINFO (a", b"\"\"", b"))\r\nxg1 OK done\r\n"];
    imap(&mut List::all(), bounds, &around(parts, octets / 2), PIECE)
}

fn conversations(octets: usize, bounds: Bounds) -> Played {
    let mut thread = Thread::new(ThreadAlgorithm::References, Query::All).even_if_unlisted();
    let parts: [&[u8]; 3] = [b"* THREAD ", b"(1)", b"\r\nxg1 OK done\r\n"];
    imap(&mut thread, bounds, &around(parts, octets / 3), PIECE)
}

/// One response that nobody asked for.
fn alone(head: &[u8], unit: &[u8], octets: usize, bounds: Bounds) -> Played {
    let parts: [&[u8]; 3] = [head, unit, b"\r\nxg1 OK done\r\n"];
    imap(&mut Noop::new(), bounds, &around(parts, octets / unit.len()), PIECE)
}

fn vanished(octets: usize, bounds: Bounds) -> Played {
    alone(b"* VANISHED 1", b",1", octets, bounds)
}

fn capabilities(octets: usize, bounds: Bounds) -> Played {
    alone(b"* CAPABILITY IMAP4rev1", b" a", octets, bounds)
}

fn enabled(octets: usize, bounds: Bounds) -> Played {
    alone(b"* ENABLED", b" a", octets, bounds)
}

fn mailbox_flags(octets: usize, bounds: Bounds) -> Played {
    // No more than a list may have, and long.
    let (many, mut flag) = (9_999, vec![b' ']);
    flag.resize(octets / many, b'a');
    let parts: [&[u8]; 3] = [b"* FLAGS (a", &flag, b")\r\nxg1 OK done\r\n"];
    imap(&mut Select::new("INBOX").even_if_unlisted(), bounds, &around(parts, many), PIECE)
}

fn flags(octets: usize, bounds: Bounds) -> Played {
    fetched(Item::Flags, [b"* 1 FETCH (UID 1 FLAGS (a", b" b", b")"], octets, bounds)
}

fn line(octets: usize, bounds: Bounds) -> Played {
    let parts: [&[u8]; 3] = [b"* OK ", b"x", b"\r\nxg1 OK done\r\n"];
    imap(&mut Noop::new(), bounds, &around(parts, octets), 1)
}

fn literals(octets: usize, bounds: Bounds) -> Played {
    let parts: [&[u8]; 3] = [b"* 1 FETCH (X-A (", b"{0}\r\n ", b"NIL))\r\nxg1 OK done\r\n"];
    imap(&mut Noop::new(), bounds, &around(parts, octets / 6), PIECE)
}

fn parentheses(octets: usize, bounds: Bounds) -> Played {
    let times = octets / 2 / PIECE;
    let (open, close) = ([b'('; PIECE], [b')'; PIECE]);
    let head: &[u8] = b"* 1 FETCH (BODYSTRUCTURE ";
    let parts = [(head, 1), (&open, times), (&close, times), (b")\r\nxg1 OK done\r\n", 1)];
    imap(&mut Noop::new(), bounds, &parts, PIECE)
}

fn untagged(octets: usize, bounds: Bounds) -> Played {
    let unit = b"* LIST () \"/\" a\r\n";
    told_to(&mut Noop::new(), unit, octets, bounds)
}

fn echoes(octets: usize, bounds: Bounds) -> Played {
    let unit = format!("* LIST () \"/\" \"{TOKEN}\"\r\n");
    told_to(&mut Noop::new(), unit.as_bytes(), octets, bounds)
}

/// A name of this length, in a literal.
fn echo(octets: usize, bounds: Bounds) -> Played {
    let times = octets / TOKEN.len();
    let head = format!("* LIST () \"/\" {{{}}}\r\n", times * TOKEN.len());
    let parts: [&[u8]; 3] = [head.as_bytes(), TOKEN.as_bytes(), b"\r\nxg1 OK done\r\n"];
    imap(&mut Noop::new(), bounds, &around(parts, times), PIECE)
}

fn news(octets: usize, bounds: Bounds) -> Played {
    let unit = b"* 1 FETCH (FLAGS (\\Seen) UID 7)\r\n";
    told_to(&mut Noop::new(), unit, octets, bounds)
}

fn statuses(octets: usize, bounds: Bounds) -> Played {
    let unit = b"* STATUS abc (MESSAGES 1)\r\n";
    told_to(&mut Noop::new(), unit, octets, bounds)
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
        if say(&around([b"", unit, end.as_bytes()], times), PIECE, give) == Played::Refused {
            return Played::Refused;
        }
    }
    Played::Whole
}

fn numbers(octets: usize, bounds: Bounds) -> Played {
    let mut search = Search::sequence_numbers(Query::All).even_if_unlisted();
    let parts: [&[u8]; 3] = [b"* SEARCH", b" 1000001", b"\r\nxg1 OK done\r\n"];
    imap(&mut search, bounds, &around(parts, octets / 8), PIECE)
}

fn reply(octets: usize, bounds: Bounds) -> Played {
    let mut ehlo = Ehlo::new(ClientName::default());
    let parts: [&[u8]; 3] = [b"250-mx\r\n", b"250-X-A\r\n", b"250 X-B\r\n"];
    smtp(&mut ehlo, bounds, &around(parts, octets / 9), 1)
}

fn dots(octets: usize, bounds: Bounds) -> Played {
    let mut send = Submit::new("a@example.org", ["b@example.org"], ".\r\n".repeat(octets / 3));
    let parts: [&[u8]; 3] = [b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n"];
    // One reply after the other: nothing is sent ahead where PIPELINING is not offered.
    smtp(&mut send, bounds, &around(parts, 1), PIECE)
}
