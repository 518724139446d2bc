//! Plays written dialogues against the machine: the peer knows no protocol, it only compares and sends.

// A helper of tests: what does not hold here fails the test. Each takes of it what it needs.
#![allow(
    dead_code,
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing
)]

use std::fmt::Debug;
use std::task::{Context, Poll, Waker};

use xoauth_imap::Error;
use xoauth_imap::command::{Greeting, Select};
use xoauth_imap::proto::{Command, Exchange, Machine, TagPrefix};
use xoauth_imap::sasl::wire::{Conversation, Want};
use xoauth_imap::{Limits, TransportFault};

/// The prefix of the tags in dialogues: `xt1`, `xt2`, ...
const PREFIX: &str = "t";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// A dialogue: lines that begin with `C: ` or `S: `; each stands for itself and CRLF. `C. ` and `S. ` stand
/// for themselves alone.
pub(crate) fn dialogue(text: &str) -> Vec<(bool, Vec<u8>)> {
    let mut turns: Vec<(bool, Vec<u8>)> = Vec::new();
    for line in text.lines().map(str::trim_start).filter(|line| !line.is_empty()) {
        let (side, rest) = line.split_at(3.min(line.len()));
        let (client, end) = match side.trim_end() {
            "C:" => (true, "\r\n"),
            "S:" => (false, "\r\n"),
            "C." => (true, ""),
            "S." => (false, ""),
            _ => panic!("not a line of a dialogue: {line}"),
        };
        let octets = [rest.as_bytes(), end.as_bytes()].concat();
        match turns.last_mut() {
            Some((last, turn)) if *last == client => turn.extend(octets),
            _ => turns.push((client, octets)),
        }
    }
    turns
}

/// The other side of a dialogue.
pub(crate) struct Peer {
    turns: std::collections::VecDeque<(Side, Vec<u8>)>,
    pub(crate) machine: Machine,
    /// Octets handed over at a time.
    step: usize,
    /// The stream ends after so many of the server's octets.
    left: usize,
}

impl Peer {
    fn new(turns: &[(bool, Vec<u8>)], step: usize, left: usize) -> Self {
        let side = |client| if client { Side::Client } else { Side::Server };
        let turns = turns.iter().map(|(client, octets)| (side(*client), octets.clone())).collect();
        Self { turns, machine: Machine::new(TagPrefix::new(PREFIX), Limits::default()), step, left }
    }

    /// A peer that sends all it has at once.
    pub(crate) fn whole(turns: &[(bool, Vec<u8>)]) -> Self {
        Self::new(turns, usize::MAX, usize::MAX)
    }

    /// A peer that sends so many octets at once.
    pub(crate) fn in_pieces(turns: &[(bool, Vec<u8>)], step: usize) -> Self {
        Self::new(turns, step, usize::MAX)
    }

    /// Plays a dialogue once, for one that ends where the client breaks it off.
    pub(crate) fn first_error<R>(
        text: &str,
        client: impl FnOnce(&mut Self) -> Result<R, Error>,
    ) -> Result<R, Error> {
        client(&mut Self::whole(&dialogue(text)))
    }

    /// Runs one command.
    pub(crate) fn run<C: Command>(&mut self, mut command: C) -> Result<C::Output, Error> {
        self.machine.start(&mut [&mut command])?;
        self.drive(&mut [&mut command])?;
        let status = self.machine.take_status(0).expect("the command has its answer");
        command.finish(status)
    }

    /// Drives what was started until it is done; true where TLS is to begin.
    pub(crate) fn drive(&mut self, exchanges: &mut [&mut dyn Exchange]) -> Result<bool, Error> {
        let Self { turns, machine, step, left } = self;
        let mut conversation = machine.converse(exchanges);
        loop {
            match conversation.poll()? {
                Want::Write(octets) => {
                    let Some((Side::Client, turn)) = turns.front_mut() else {
                        panic!("the client speaks out of turn: {}", octets.escape_ascii());
                    };
                    let n = octets.len().min(turn.len()).min(*step);
                    assert_eq!(
                        octets[..n].escape_ascii().to_string(),
                        turn[..n].escape_ascii().to_string(),
                        "what the client says"
                    );
                    turn.drain(..n);
                    if turn.is_empty() {
                        turns.pop_front();
                    }
                    conversation.written(n);
                }
                Want::Read => {
                    if *left == 0 {
                        conversation.end_of_stream()?;
                        continue;
                    }
                    let Some((Side::Server, turn)) = turns.front_mut() else {
                        panic!("the client waits for the server, whose turn it is not: {turns:?}");
                    };
                    let room = conversation.read_buffer();
                    let n = turn.len().min(*step).min(*left).min(room.len());
                    room[..n].copy_from_slice(&turn[..n]);
                    turn.drain(..n);
                    if turn.is_empty() {
                        turns.pop_front();
                    }
                    *left -= n;
                    conversation.received(n);
                }
                Want::Body => {
                    let mut cx = Context::from_waker(Waker::noop());
                    // A source that is not ready is asked again.
                    if let Poll::Ready(filled) = conversation.poll_body(&mut cx) {
                        filled?;
                    }
                }
                Want::Chunk(_) => {}
                Want::StartTls => return Ok(true),
                Want::Done => return Ok(false),
            }
        }
    }
}

impl Peer {
    /// Lets the machine hear all the server has to say before the client speaks again.
    pub(crate) fn hear(&mut self, exchanges: &mut [&mut dyn Exchange]) -> Result<(), Error> {
        let Self { turns, machine, .. } = self;
        loop {
            match machine.poll(exchanges)? {
                Want::Write(octets) => {
                    let n = octets.len();
                    let Some((Side::Client, turn)) = turns.pop_front() else { panic!("no turn") };
                    assert_eq!(turn, octets);
                    machine.written(n);
                }
                Want::Read => {
                    if !matches!(turns.front(), Some((Side::Server, _))) {
                        return Ok(());
                    }
                    let Some((_, turn)) = turns.pop_front() else { return Ok(()) };
                    let room = machine.read_buffer();
                    room[..turn.len()].copy_from_slice(&turn);
                    machine.received(turn.len());
                }
                _ => return Ok(()),
            }
        }
    }
}

/// Plays a dialogue whole, in pieces of every size that matters, and cut after every octet of the server.
///
/// However the octets arrive, `client` gives the same; cut short, it gives the error of a closed
/// connection. Answers what it gives.
#[track_caller]
pub(crate) fn play<R: Debug + PartialEq>(
    text: &str,
    client: impl Fn(&mut Peer) -> Result<R, Error>,
) -> Result<R, Error> {
    play_without(text, 0, client)
}

/// The same, where the client can do without the last octets of the dialogue.
#[track_caller]
pub(crate) fn play_without<R: Debug + PartialEq>(
    text: &str,
    last: usize,
    client: impl Fn(&mut Peer) -> Result<R, Error>,
) -> Result<R, Error> {
    let turns = dialogue(text);
    let all: usize =
        turns.iter().filter(|(client, _)| !client).map(|(_, octets)| octets.len()).sum();
    let mut peer = Peer::new(&turns, usize::MAX, usize::MAX);
    let whole = client(&mut peer);
    assert!(peer.turns.is_empty(), "left unsaid: {:?}", peer.turns);
    for step in [1, 2, 3, 7, 64] {
        let mut peer = Peer::new(&turns, step, usize::MAX);
        let found = client(&mut peer);
        assert_eq!(format!("{found:?}"), format!("{whole:?}"), "in pieces of {step}");
    }
    for left in 0..all {
        for step in [1, usize::MAX] {
            let mut peer = Peer::new(&turns, step, left);
            match client(&mut peer) {
                Err(Error::Transport { fault: TransportFault::Closed, .. }) => {}
                // The fault that the dialogue is about came before the cut.
                Err(error) if same(&error, &whole) => {}
                Ok(_) if left == all - last => {}
                found => panic!("cut after {left} of {all} octets: {found:?}"),
            }
        }
    }
    whole
}

fn same<R>(error: &Error, whole: &Result<R, Error>) -> bool {
    whole.as_ref().is_err_and(|whole| format!("{whole:?}") == format!("{error:?}"))
}

/// Plays a dialogue behind a greeting with these capabilities, a mailbox being selected.
#[track_caller]
pub(crate) fn told<C: Command>(
    capabilities: &str,
    text: &str,
    command: impl Fn() -> C,
) -> Result<C::Output, Error>
where
    C::Output: Debug + PartialEq,
{
    let text = format!(
        "S: * OK [CAPABILITY IMAP4rev1 {capabilities}] ready
         C: xt1 SELECT INBOX
         S: * 10 EXISTS
         S: xt1 OK done\n{text}"
    );
    play(&text, |peer| {
        peer.run(Greeting::new())?;
        peer.run(Select::new("INBOX"))?;
        peer.run(command())
    })
}

/// The same for what is not sent.
#[track_caller]
pub(crate) fn refused<C: Command>(capabilities: &str, command: impl Fn() -> C) -> String
where
    C::Output: Debug + PartialEq,
{
    let error = told(capabilities, "", command).unwrap_err();
    assert!(!error.is_fatal());
    error.to_string()
}

/// Without its capability the command is refused, with the capability's name.
#[track_caller]
pub(crate) fn needs<C: Command>(capability: &str, command: impl Fn() -> C)
where
    C::Output: Debug + PartialEq,
{
    let error = refused("", command);
    assert!(
        error.contains(&format!(" {capability}")) && error.ends_with("the server does not offer"),
        "{error}"
    );
}
