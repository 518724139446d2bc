//! IMAP: parsing, framing, the machine, names of mailboxes.

use xoauth::imap::command::{
    Authenticate, Capability, Copy, Fetch, Item, List, Logout, Noop, SaslIr, Search, Select,
    StartTls,
};
use xoauth::imap::parse::{Input, Tolerated, parse_response};
use xoauth::imap::proto::{Command, Exchange, Machine, TagPrefix};
use xoauth::imap::{Error, Limits, Mailbox, Query};
use xoauth::sasl::oauth1::{Nonce, Stamp};
use xoauth::sasl::wire::{Conversation, TransportFault, Want};
use xoauth::sasl::{Context, Mask, XOAuth2};

use super::token::{TOKEN, Watch};
use super::{Choices, piece_length, shown, text, token};
use crate::hear::{Case, Protocol, hear};
use crate::pieces::fill;

/// Parses one response, makes it owned and shows it.
pub fn imap_response(octets: &[u8]) {
    let mut tolerated = Tolerated::default();
    let input = Input { bytes: octets, literals: &[] };
    if let Ok(response) = parse_response(input, &mut tolerated) {
        let event = response.to_event(&Mask::default());
        shown(octets, &response);
        shown(octets, &event);
    }
}

const CONTEXTS: &[&str] = &[
    "",
    "greeting",
    "capability",
    "authenticate",
    "select",
    "list",
    "search",
    "fetch",
    "logout",
    "copy",
    "starttls",
];

/// The same octets whole, singly and in two pieces give the same.
pub fn imap_fragments(octets: &[u8]) {
    let mut choices = Choices(octets);
    let context = usize::from(choices.octet().unwrap_or(0)) % CONTEXTS.len();
    let step = piece_length(choices.octet().unwrap_or(0));
    let context = CONTEXTS.get(context).copied().unwrap_or_default();
    let heard = |step| {
        hear(
            Protocol::Imap,
            &Case { context, tag: Some("t"), octets: choices.0, step, shown: false },
        )
    };
    assert_eq!(heard(step), heard(usize::MAX), "in pieces of {step}");
}

fn command(choice: u8) -> Option<Box<dyn Exchange>> {
    Some(match choice % 12 {
        0 => Box::new(Capability::new()),
        1 => Box::new(Noop::new()),
        2 => Box::new(Select::new("INBOX\r\n")),
        3 => Box::new(List::all()),
        4 => Box::new(Search::new(Query::All).even_if_unlisted()),
        5 => Box::new(Fetch::new("1:*", Item::Body).even_if_unlisted()),
        6 => Box::new(Fetch::by_sequence("1:*", Item::Flags).even_if_unlisted()),
        7 => Box::new(Copy::by_sequence("1", "caf\u{e9}").even_if_unlisted()),
        8 => Box::new(StartTls::new()),
        9 => Box::new(Logout::new()),
        10 => {
            let mut fetch = Fetch::new("1", Item::Body);
            fetch.lend_bodies();
            Box::new(fetch.even_if_unlisted())
        }
        _ => {
            let stamp = Stamp::new(Nonce::new("nonce").ok()?, 0);
            let login = XOAuth2::new("user", TOKEN).ok()?;
            let command = Authenticate::new(&login, &Context::new(&stamp, "h", 993)).ok()?;
            Box::new(command.even_if_unlisted().sasl_ir(SaslIr::Never))
        }
    })
}

/// The machine under any octets and any order of calls: it never panics, stays broken once it is, and shows nothing
/// of the token that it logged in with.
pub fn imap_machine(octets: &[u8]) {
    play(octets);
}

/// The same; how often the server said the token.
pub(super) fn play(octets: &[u8]) -> usize {
    let mut choices = Choices(octets);
    let mut machine = Machine::new(TagPrefix::new("f"), small_limits());
    machine.keep_transcript();
    machine.protect(token::mask());
    let mut flight = Flight::default();
    let mut watch = Watch::default();
    let mut fault: Option<String> = None;
    while let (Some(choice), false) = (choices.octet(), choices.is_empty()) {
        let outcome = match choice % 4 {
            0 => {
                // Half of the time two that are in flight together.
                let count = 1 + usize::from(choice / 4 % 2);
                let begun: Vec<_> =
                    (0..count).filter_map(|_| command(choices.octet().unwrap_or(0))).collect();
                flight.start(&mut machine, begun)
            }
            3 if choice > 250 => flight.act(|flight| machine.converse(flight).end_of_stream()),
            3 if choice > 245 => Err(flight
                .act(|flight| machine.converse(flight).transport_failed(TransportFault::Deadline))),
            _ => {
                let piece = flight.answered(&watch.says(choices.piece()));
                flight.give(&mut machine, &piece)
            }
        };
        if let Err(error) = &outcome {
            watch.tells("an error", error);
            watch.shows("an error", error);
        }
        match (&fault, outcome) {
            (None, Err(error)) if error.is_fatal() => {
                assert!(!machine.is_usable(), "{error} is fatal");
                fault = Some(error.to_string());
            }
            (Some(first), Err(error)) => assert!(!error.is_fatal() || error.to_string() == *first),
            (Some(first), Ok(())) => assert!(!machine.is_usable(), "usable after {first}"),
            (None, _) => {}
        }
    }
    while let Some(event) = machine.next_event() {
        watch.shows("an event", &event);
    }
    while let Some((_, line)) = machine.next_line() {
        watch.tells("the transcript", &line);
    }
    watch.shows("the state", machine.state());
    watch.shows("the fault", &machine.fault());
    watch.shows("the machine", &machine);
    watch.told
}

fn small_limits() -> Limits {
    let mut limits = Limits::default();
    limits.line = 512;
    limits.response = 2048;
    limits.buffered_literal = 1024;
    limits.body = 4096;
    limits.events = 16;
    limits.answers = 16;
    limits
}

/// Commands in flight, and the tag of the first.
#[derive(Default)]
struct Flight {
    commands: Vec<Box<dyn Exchange>>,
    tag: u64,
}

impl Flight {
    fn start(&mut self, machine: &mut Machine, begun: Vec<Box<dyn Exchange>>) -> Result<(), Error> {
        let before = std::mem::replace(&mut self.commands, begun);
        if let Err(error) = self.act(|flight| machine.start(flight)) {
            self.commands = before;
            return Err(error);
        }
        self.give(machine, &[])
    }

    /// Acts with the commands in flight, or with one that wants nothing.
    fn act<R>(&mut self, act: impl FnOnce(&mut [&mut dyn Exchange]) -> R) -> R {
        let mut flight: Vec<&mut dyn Exchange> =
            self.commands.iter_mut().map(|command| &mut **command as _).collect();
        if flight.is_empty() { act(&mut [&mut Noop::new()]) } else { act(&mut flight) }
    }

    /// Octets in which `@` stands for the tag of the first command in flight and `%` for that of the second:
    /// nobody guesses them.
    fn answered(&self, octets: &[u8]) -> Vec<u8> {
        let mut answered = Vec::new();
        for &octet in octets {
            match octet {
                b'@' => answered.extend(format!("xf{}", self.tag).bytes()),
                b'%' => answered.extend(format!("xf{}", self.tag + 1).bytes()),
                _ => answered.push(octet),
            }
        }
        answered
    }

    fn give(&mut self, machine: &mut Machine, octets: &[u8]) -> Result<(), Error> {
        let mut rest = octets;
        loop {
            let (count, later) = fill(machine.read_buffer(), rest);
            machine.received(count);
            rest = later;
            let mut written = Vec::new();
            self.act(|flight| -> Result<(), Error> {
                let mut conversation = machine.converse(flight);
                loop {
                    match conversation.poll()? {
                        Want::Write(octets) => {
                            written.extend_from_slice(octets);
                            let count = octets.len();
                            conversation.written(count);
                        }
                        Want::Chunk(_) => {}
                        Want::Read | Want::Body | Want::StartTls | Want::Done => return Ok(()),
                    }
                }
            })?;
            self.tag = first_tag(&written).unwrap_or(self.tag);
            if rest.is_empty() {
                return Ok(());
            }
        }
    }
}

/// The number of the tag in `xf12 NOOP`.
fn first_tag(written: &[u8]) -> Option<u64> {
    let word = written.strip_prefix(b"xf")?.split(|&octet| octet == b' ').next()?;
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// A name, encoded as a command has it and read by the parser of responses, is the same name; no octet of
/// it ends the line early.
pub fn imap_mailbox(octets: &[u8]) {
    let Some(name) = text(octets) else { return };
    let mailbox = Mailbox::from(name);
    let mut machine = Machine::new(TagPrefix::new("f"), Limits::default());
    let mut select = Select::new(mailbox);
    if machine.start(&mut [&mut select]).is_err() {
        return;
    }
    let mut sent = Vec::new();
    let mut exchanges: [&mut dyn Exchange; 1] = [&mut select];
    let mut conversation = machine.converse(&mut exchanges);
    while let Ok(Want::Write(octets)) = conversation.poll() {
        sent.extend(octets);
        let count = octets.len();
        conversation.written(count);
    }
    let line = sent.strip_prefix(b"xf1 SELECT ").unwrap_or_default();
    assert!(!line.is_empty(), "{}", sent.escape_ascii());
    let Some(line) = line.strip_suffix(b"\r\n") else { panic_on(&sent) };
    if line.ends_with(b"}") && line.starts_with(b"{") {
        // A literal waits for the server.
        return;
    }
    assert!(
        !line.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0)),
        "{}",
        sent.escape_ascii()
    );
    let response = [b"* LIST () \"/\" ", line, b"\r\n"].concat();
    let mut tolerated = Tolerated::default();
    let parsed = parse_response(Input { bytes: &response, literals: &[] }, &mut tolerated);
    match parsed {
        Ok(xoauth::imap::parse::Response::List(list)) => {
            let entry = xoauth::imap::ListEntry::from(&list);
            assert_eq!(entry.mailbox().to_string(), Mailbox::from(name).to_string());
        }
        other => panic_on(format!("{other:?}").as_bytes()),
    }
}

#[allow(clippy::panic, reason = "what fuzzing looks for")]
fn panic_on(octets: &[u8]) -> ! {
    panic!("{}", octets.escape_ascii())
}
