//! Octets for the IMAP machine.

use std::sync::{Arc, Mutex, PoisonError};

use xoauth::imap::command::{
    Authenticate, Capability, Copy, Fetch, Greeting, Idle, Item, List, Logout, Noop, SaslIr,
    Search, Select, StartTls,
};
use xoauth::imap::parse::Response;
use xoauth::imap::proto::{
    Announcement, Claim, Command as _, Continued, Encoder, Exchange, Kind, Machine, Sink, State,
    TagPrefix,
};
use xoauth::imap::{Error, Limits, Query, StatusText};
use xoauth::sasl::oauth1::{Nonce, Stamp};
use xoauth::sasl::wire::{Conversation, Want};
use xoauth::sasl::{Context, Mask, XOAuth2};

use super::{Case, Heard, Said};

use crate::pieces::fill;

/// A command that is listened to.
struct Listened {
    command: Box<dyn Exchange>,
    log: Arc<Mutex<Vec<Said>>>,
    /// Octets of a streamed body, joined.
    body: Vec<u8>,
    /// It is kept as text.
    shown: bool,
}

impl Listened {
    fn note(&self, said: Said) {
        let said = if self.shown { Said::Shown(text(&said)) } else { said };
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(said);
    }
}

impl Exchange for Listened {
    fn encode(&mut self, out: &mut Encoder<'_>, state: &State) -> Result<(), Error> {
        self.command.encode(out, state)
    }

    fn kind(&self) -> Kind {
        self.command.kind()
    }

    fn on_continuation(&mut self, text: &[u8], out: &mut Encoder<'_>) -> Result<Continued, Error> {
        let continued = self.command.on_continuation(text, out)?;
        // One that nobody waits for is a fault, whether or not a command is there to be asked.
        if continued == Continued::Answered {
            self.note(Said::Continuation(text.to_vec()));
        }
        Ok(continued)
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        if !self.body.is_empty() {
            let body = std::mem::take(&mut self.body);
            self.note(Said::Body(body));
        }
        self.note(Said::Event(response.to_event(&Mask::default())));
        self.command.on_untagged(response)
    }

    fn on_literal(&mut self, literal: &Announcement<'_>) -> Result<Sink, Error> {
        self.command.on_literal(literal)
    }

    fn on_chunk(&mut self, octets: &[u8]) {
        self.body.extend(octets);
        self.command.on_chunk(octets);
    }

    fn on_completed(&mut self, status: &StatusText, state: &mut State) {
        self.note(Said::Tagged(status.clone()));
        self.command.on_completed(status, state);
    }
}

/// What was heard as text, an event without a word before it.
fn text(said: &Said) -> String {
    match said {
        Said::Event(event) => format!("{event:?}"),
        Said::Continuation(text) => format!("Continuation({:?})", String::from_utf8_lossy(text)),
        Said::Body(octets) => format!("Body({:?})", String::from_utf8_lossy(octets)),
        other => format!("{other:?}"),
    }
}

/// The command a context names.
fn command(context: &str) -> Option<Box<dyn Exchange>> {
    Some(match context {
        "greeting" => Box::new(Greeting::new()),
        "capability" => Box::new(Capability::new()),
        "authenticate" => {
            let stamp = Stamp::new(Nonce::new("nonce").ok()?, 0);
            let login = XOAuth2::new("user", "an-access-token-of-the-shim").ok()?;
            let command =
                Authenticate::new(&login, &Context::new(&stamp, "localhost", 993)).ok()?;
            Box::new(command.even_if_unlisted().sasl_ir(SaslIr::Always))
        }
        "starttls" => Box::new(StartTls::new()),
        "select" => Box::new(Select::new("INBOX")),
        "list" => Box::new(List::all()),
        "logout" => Box::new(Logout::new()),
        // Nothing is known of what went before, so they are sent without it.
        "search" => Box::new(Search::sequence_numbers(Query::All).even_if_unlisted()),
        "fetch" => Box::new(Fetch::by_sequence("1:*", Item::Body).even_if_unlisted()),
        "copy" => Box::new(Copy::by_sequence("1:*", "copies").even_if_unlisted()),
        "idle" => Box::new(Idle::new().even_if_unlisted()),
        "" => Box::new(Noop::new()),
        _ => return None,
    })
}

pub(crate) fn hear(case: &Case<'_>) -> Option<Heard> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let listened =
        |command| Listened { command, log: Arc::clone(&log), body: Vec::new(), shown: case.shown };
    let mut machine = Machine::new(TagPrefix::new("shim"), Limits::default());
    let mut running = listened(command(case.context)?);
    let mut tag = None;
    let outcome = machine.start(&mut [&mut running]).and_then(|()| {
        // What the command says first is taken as said; its tag is the one the octets must carry.
        let mut written = Vec::new();
        take(&mut machine, &mut running, &mut written)?;
        tag = written.split(|&octet| octet == b' ').next().map(<[u8]>::to_vec);
        let octets = retagged(case, tag.as_deref().unwrap_or_default());
        // The client speaks between the lines of a SASL exchange: what is whole is a line.
        let by_line = case.context == "authenticate";
        for line in octets.split_inclusive(|&octet| by_line && octet == b'\n') {
            for piece in line.chunks(case.step.min(line.len().max(1))) {
                let mut piece = piece;
                while !piece.is_empty() {
                    let (n, later) = fill(machine.read_buffer(), piece);
                    machine.received(n);
                    piece = later;
                    while take(&mut machine, &mut running, &mut Vec::new())? == After::Answered {
                        running = listened(Box::new(Noop::new()));
                        next(&mut machine, &mut running)?;
                    }
                }
            }
        }
        Ok(())
    });
    let mut faults: Vec<String> =
        machine.tolerated().iter().map(|fault| fault.to_string()).collect();
    if let Err(fault) = &outcome {
        faults.push(fault.to_string());
    }
    let responses = std::mem::take(&mut *log.lock().unwrap_or_else(PoisonError::into_inner));
    Some(Heard { responses, faults, fatal: outcome.is_err() })
}

/// Starts the command that follows. What has come between the two is heard by neither, yet by the caller.
fn next(machine: &mut Machine, running: &mut Listened) -> Result<(), Error> {
    while machine.next_event().is_some() {
        // The command before has heard it.
    }
    let started = machine.start(&mut [running]);
    while let Some(event) = machine.next_event() {
        running.note(Said::Event(event));
    }
    started
}

#[derive(PartialEq)]
enum After {
    /// The machine wants more octets.
    Waiting,
    /// The command has its answer: another takes its place.
    Answered,
}

/// Takes what the machine has to say until it waits.
fn take(
    machine: &mut Machine,
    running: &mut Listened,
    written: &mut Vec<u8>,
) -> Result<After, Error> {
    let mut exchanges: [&mut dyn Exchange; 1] = [running];
    let mut conversation = machine.converse(&mut exchanges);
    loop {
        match conversation.poll()? {
            Want::Write(octets) => {
                written.extend(octets);
                let n = octets.len();
                conversation.written(n);
            }
            Want::Chunk(_) => {}
            // What follows the switch to TLS is given all the same.
            Want::Read | Want::Body | Want::StartTls => return Ok(After::Waiting),
            Want::Done => return Ok(After::Answered),
        }
    }
}

/// The octets with the command's own tag where they carry the case's.
fn retagged(case: &Case<'_>, own: &[u8]) -> Vec<u8> {
    let Some(tag) = case.tag.filter(|tag| !tag.is_empty()) else { return case.octets.to_vec() };
    let mut retagged = Vec::with_capacity(case.octets.len());
    for line in case.octets.split_inclusive(|&octet| octet == b'\n') {
        match line.strip_prefix(tag.as_bytes()) {
            Some(rest) if rest.first() == Some(&b' ') => {
                retagged.extend(own);
                retagged.extend(rest);
            }
            _ => retagged.extend(line),
        }
    }
    retagged
}
