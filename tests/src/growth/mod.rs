//! Shapes of what a hostile server says, or makes us say, without end: what they cost must grow with their
//! length and no faster, and what they take of the heap must stay within the limits.
//!
//! They are played to the machines in memory. `cargo xtask growth` counts instructions and takes times,
//! `tests/tests/resources.rs` counts the heap.

mod said;

use xoauth::imap::LimitKind::{Answers, Events, Line, Response};
use xoauth::smtp::LimitKind::Lines;
use xoauth::{imap, smtp};

/// A shape.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Its name.
    pub name: &'static str,
    /// Plays about so many octets of it.
    pub play: fn(usize, Bounds) -> Played,
    /// What it may take of the heap beyond 1 MiB: the limits that hold for it.
    pub limit: fn() -> usize,
    /// How it ends within the limits.
    pub end: End,
    /// So many KiB of it are taken before it is refused, by limits that are as they are.
    pub least: usize,
}

/// How a shape ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All of it is taken.
    Whole,
    /// It passes a limit of IMAP.
    Imap(imap::LimitKind),
    /// It passes a limit of SMTP.
    Smtp(smtp::LimitKind),
    /// It is held to break the grammar.
    Malformed,
    /// Anything else is wrong with it.
    Other,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Played {
    /// All of it was taken.
    Whole,
    /// It was refused before its end.
    Refused {
        /// Why.
        fault: Fault,
        /// Octets that were taken until then.
        taken: usize,
    },
}

/// What a machine said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Of which kind it is.
    pub end: End,
    /// The words of the error.
    pub text: String,
}

impl Played {
    /// How it ended.
    pub fn end(&self) -> End {
        match self {
            Self::Whole => End::Whole,
            Self::Refused { fault, .. } => fault.end,
        }
    }
}

impl From<imap::Error> for Fault {
    fn from(error: imap::Error) -> Self {
        let end = match error {
            imap::Error::Limit { kind } => End::Imap(kind),
            imap::Error::Malformed { .. } => End::Malformed,
            _ => End::Other,
        };
        Self { end, text: error.to_string() }
    }
}

impl From<smtp::Error> for Fault {
    fn from(error: smtp::Error) -> Self {
        let end = match error {
            smtp::Error::Limit { kind } => End::Smtp(kind),
            smtp::Error::Malformed { .. } => End::Malformed,
            _ => End::Other,
        };
        Self { end, text: error.to_string() }
    }
}

/// A shape that is taken to its end.
const fn whole(
    name: &'static str,
    play: fn(usize, Bounds) -> Played,
    limit: fn() -> usize,
) -> Shape {
    Shape { name, play, limit, end: End::Whole, least: 0 }
}

/// A shape that is refused.
const fn refused(
    name: &'static str,
    play: fn(usize, Bounds) -> Played,
    limit: fn() -> usize,
    (end, least): (End, usize),
) -> Shape {
    Shape { name, play, limit, end, least }
}

/// All of them.
pub const SHAPES: [Shape; 14] = [
    whole("a body, octet by octet", said::body, || 0),
    whole("bodies in one response", said::bodies, response),
    refused("a line, octet by octet", said::line, || imap_limits().line, (End::Imap(Line), 64)),
    refused("empty literals in one response", said::literals, told, (End::Imap(Response), 16_000)),
    refused("lists inside lists", said::parentheses, response, (End::Imap(Response), 16_000)),
    refused("untagged answers", said::untagged, events, (End::Imap(Events), 800)),
    refused("answers that repeat a secret", said::echoes, events, (End::Imap(Events), 3_000)),
    whole("a name that repeats a secret", said::echo, told),
    whole("a name that repeats a secret in escapes", said::escaped_echo, told),
    refused("sections that do not end", said::sections, told, (End::Imap(Response), 16_000)),
    refused(
        "sections of which one ends",
        said::ended_sections,
        told,
        (End::Imap(Response), 16_000),
    ),
    whole("numbers of a search", said::numbers, kept_numbers),
    refused("lines of a reply, octet by octet", said::reply, reply, (End::Smtp(Lines), 4)),
    // The caller's own message, and what of it is on its way.
    whole("a message of dots", said::dots, || 0),
];

/// What costs more memory once it is kept than it has octets on the wire, in one response: shorter than a response
/// may be, each is taken, refused, or handed on as it is, and never unfolded without bound. What is handed on is too
/// long for an event, and that is noticed at its end.
pub const UNFOLDED: [Shape; 15] = [
    // A thousand of them are told from one message.
    refused("empty bodies of one message", said::empty_bodies, kept, (End::Imap(Answers), 12)),
    whole("items of one message that are none", said::invalid, kept),
    whole("parameters of one part", said::parameters, kept),
    whole("parts of one message", said::body_parts, kept),
    whole("addresses of one message", said::addresses, kept),
    whole("flags of one message", said::flags, kept),
    whole("names of header fields", said::header_fields, kept),
    refused("extended data of a mailbox", said::extended, kept, (End::Imap(Events), 15_000)),
    refused("children of a mailbox", said::children, kept, (End::Imap(Events), 15_000)),
    // An answer that was asked for is not handed on.
    refused("conversations", said::conversations, kept, (End::Malformed, 15_000)),
    refused("lists of conversations", said::lists_of_conversations, kept, (End::Malformed, 15_000)),
    refused("ranges that vanished", said::vanished, events, (End::Imap(Events), 15_000)),
    // What the session knows of the server from then on.
    whole("capabilities", said::capabilities, known),
    whole("what was enabled", said::enabled, known),
    whole("flags of a mailbox", said::mailbox_flags, known),
];

/// The same in many responses, without end: refused once they pass what may be kept.
pub const MANY: [Shape; 10] = [
    refused("flags of many messages", said::many_flags, kept, (End::Imap(Answers), 4_000)),
    refused("empty bodies of many messages", said::many_bodies, kept, (End::Imap(Answers), 5_000)),
    refused("addresses of many messages", said::envelopes, kept, (End::Imap(Answers), 8_000)),
    refused("parts within parts of many messages", said::nested, kept, (End::Imap(Answers), 500)),
    refused(
        "parts within parts that nobody asked for",
        said::nested_news,
        events,
        (End::Imap(Events), 250),
    ),
    // As many as may be kept, whatever they take.
    refused("many mailboxes", said::mailboxes, kept, (End::Imap(Answers), 1_600)),
    refused("many searches", said::searches, kept, (End::Imap(Answers), 1_900)),
    refused("news of many messages", said::news, events, (End::Imap(Events), 1_200)),
    refused("news of many mailboxes", said::statuses, events, (End::Imap(Events), 1_300)),
    refused("news of many commands", said::news_of_commands, events, (End::Imap(Events), 4_000)),
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

/// One response, and its numbers as an answer.
fn kept_numbers() -> usize {
    imap_limits().response + imap_limits().answer_octets
}

/// A reply of SMTP.
fn reply() -> usize {
    smtp::Limits::default().reply
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
