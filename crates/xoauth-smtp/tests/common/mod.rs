//! A scripted peer that knows no protocol: it sends what the transcript says and compares what it gets.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

pub(crate) mod mails;

use std::collections::VecDeque;
use std::task::{Poll, Waker};

use xoauth_smtp::exchange::{Auth, Bulk, Ehlo, Greeting, Outcome, StartTls};
use xoauth_smtp::proto::{Command, Exchange, Machine};
use xoauth_smtp::sasl::wire::{Conversation, Direction, Want};
use xoauth_smtp::sasl::{Context, Mechanism, Nonce, Stamp, XOAuth2};
use xoauth_smtp::{Error, Limits, TransportFault};

/// Google's example of an XOAUTH2 message.
pub(crate) const USER: &str = "someuser@example.com";
pub(crate) const TOKEN: &str = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg";
pub(crate) const RESPONSE: &str = "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==";

/// How octets travel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    /// Octets of one reading and one writing at most.
    pub(crate) read: usize,
    pub(crate) write: usize,
    /// The connection closes after this many octets of the server.
    pub(crate) cut: Option<usize>,
}

pub(crate) const WHOLE: Way = Way { read: usize::MAX, write: usize::MAX, cut: None };

#[derive(Debug, Clone)]
enum Turn {
    Client(Vec<u8>),
    Server(Vec<u8>),
}

/// Both ends of a connection: the machine, and the script of the server.
pub(crate) struct Peer {
    pub(crate) machine: Machine,
    /// Everything the client wrote.
    pub(crate) sent: Vec<u8>,
    /// How many flights the client wrote: writings without a reading between them count once.
    pub(crate) flights: usize,
    /// How much was written behind each writing.
    pub(crate) writings: Vec<usize>,
    pub(crate) trace: Vec<String>,
    /// The longest writing.
    pub(crate) longest: usize,
    turns: VecDeque<Turn>,
    way: Way,
    heard: usize,
    writing: bool,
    /// The server takes whatever the client sends.
    takes_all: bool,
}

/// Transcript lines begin with `C: ` or `S: `; CRLF is added. Indentation is ignored.
fn turns(transcript: &str) -> VecDeque<Turn> {
    let mut turns: VecDeque<Turn> = VecDeque::new();
    for line in transcript.lines().map(str::trim_start).filter(|line| !line.is_empty()) {
        let (side, text) = line.split_at(line.len().min(2));
        let text = text.strip_prefix(' ').unwrap_or(text);
        let octets = format!("{text}\r\n").into_bytes();
        match (side, turns.back_mut()) {
            ("C:", Some(Turn::Client(all))) | ("S:", Some(Turn::Server(all))) => all.extend(octets),
            ("C:", _) => turns.push_back(Turn::Client(octets)),
            ("S:", _) => turns.push_back(Turn::Server(octets)),
            _ => panic!("neither client nor server: {line}"),
        }
    }
    turns
}

impl Peer {
    pub(crate) fn new(transcript: &str, way: Way) -> Self {
        Self::with_turns(turns(transcript), way, false)
    }

    /// A server that says these octets and takes whatever comes.
    pub(crate) fn saying(octets: &[u8], way: Way) -> Self {
        let turns = [octets].into_iter().filter(|octets| !octets.is_empty());
        Self::with_turns(turns.map(|octets| Turn::Server(octets.to_vec())).collect(), way, true)
    }

    fn with_turns(turns: VecDeque<Turn>, way: Way, takes_all: bool) -> Self {
        let mut machine = Machine::new(Limits::default());
        machine.keep_transcript();
        Self {
            machine,
            sent: Vec::new(),
            flights: 0,
            writings: Vec::new(),
            trace: Vec::new(),
            longest: 0,
            turns,
            way,
            heard: 0,
            writing: false,
            takes_all,
        }
    }

    /// Runs a command to its end.
    pub(crate) fn run<C: Command>(&mut self, mut command: C) -> Result<C::Output, Error> {
        self.machine.start(&mut command)?;
        self.writing = false;
        let result = self.drive(&mut command);
        while let Some((direction, line)) = self.machine.next_line() {
            self.trace.push(format!("{}: {line}", direction.letter()));
            assert!(matches!(direction, Direction::Client | Direction::Server));
        }
        result?;
        command.finish()
    }

    /// Sends what was pushed, and takes the outcomes.
    pub(crate) fn deliver(&mut self, bulk: &mut Bulk<'_>) -> Result<Vec<Outcome>, Error> {
        let mut outcomes = Vec::new();
        self.writing = false;
        for _ in 0..10_000 {
            if bulk.is_over() {
                return Ok(outcomes);
            }
            if !self.machine.is_busy() {
                self.machine.start(bulk)?;
            }
            let result = self.drive(bulk);
            while let Some((direction, line)) = self.machine.next_line() {
                self.trace.push(format!("{}: {line}", direction.letter()));
            }
            result?;
            outcomes.extend(std::iter::from_fn(|| bulk.next_outcome()));
        }
        panic!("the machine is idle and messages have no outcome");
    }

    /// Sends of what was pushed as much as may be sent.
    pub(crate) fn send(&mut self, bulk: &mut Bulk<'_>) -> Result<(), Error> {
        self.writing = false;
        self.machine.start(bulk)?;
        self.drive(bulk)
    }

    fn drive<C: Exchange>(&mut self, command: &mut C) -> Result<(), Error> {
        let mut written = Vec::new();
        for _ in 0..10_000_000 {
            let mut conversation = self.machine.converse(command);
            match conversation.poll()? {
                Want::Write(octets) => {
                    let n = octets.len().min(self.way.write);
                    written.clear();
                    written.extend_from_slice(&octets[..n]);
                    conversation.written(n);
                    self.take(&written);
                }
                Want::Read => {
                    self.writing = false;
                    let n = self.say();
                    let mut conversation = self.machine.converse(command);
                    if n == 0 {
                        conversation.end_of_stream()?;
                    }
                    conversation.received(n);
                }
                Want::Body => {
                    let mut cx = std::task::Context::from_waker(Waker::noop());
                    match conversation.poll_body(&mut cx) {
                        Poll::Ready(taken) => taken?,
                        Poll::Pending => panic!("sources of tests never wait"),
                    }
                }
                Want::StartTls | Want::Done => return Ok(()),
                other => panic!("unexpected {other:?}"),
            }
        }
        panic!("the machine never ends");
    }

    fn take(&mut self, octets: &[u8]) {
        assert!(!octets.is_empty(), "empty writing");
        self.flights += usize::from(!self.writing);
        self.writing = true;
        self.longest = self.longest.max(octets.len());
        self.sent.extend_from_slice(octets);
        self.writings.push(self.sent.len());
        if self.takes_all {
            return;
        }
        let mut rest = octets;
        while !rest.is_empty() {
            match self.turns.front_mut() {
                Some(Turn::Client(expected)) => {
                    let n = rest.len().min(expected.len());
                    let (got, wanted) = (rest[..n].escape_ascii(), expected[..n].escape_ascii());
                    assert_eq!(got.to_string(), wanted.to_string(), "not what the transcript says");
                    expected.drain(..n);
                    rest = &rest[n..];
                    if expected.is_empty() {
                        self.turns.pop_front();
                    }
                }
                None if self.way.cut.is_some() => return,
                other => panic!("client sent '{}', script has {other:?}", rest.escape_ascii()),
            }
        }
    }

    fn say(&mut self) -> usize {
        let room = self.machine.read_buffer();
        assert!(!room.is_empty(), "no room to read into");
        let left = self.way.cut.map_or(usize::MAX, |cut| cut - self.heard);
        let Some(Turn::Server(octets)) = self.turns.front_mut() else {
            assert!(self.turns.is_empty(), "client reads, server waits for {:?}", self.turns);
            return 0;
        };
        let n = octets.len().min(room.len()).min(self.way.read).min(left);
        room[..n].copy_from_slice(&octets[..n]);
        octets.drain(..n);
        if octets.is_empty() {
            self.turns.pop_front();
        }
        self.heard += n;
        n
    }

    /// Says more, a reply at a time, each when the client listens.
    pub(crate) fn say_line_by_line(&mut self, replies: &str) {
        let mut reply = String::new();
        for line in replies.split_inclusive('\n') {
            reply.push_str(line);
            if line.as_bytes().get(3) != Some(&b'-') {
                self.turns.push_back(Turn::Server(std::mem::take(&mut reply).into_bytes()));
            }
        }
        if !reply.is_empty() {
            self.turns.push_back(Turn::Server(reply.into_bytes()));
        }
    }

    /// From now on octets travel another way.
    pub(crate) fn travel(&mut self, way: Way) {
        self.way = way;
    }

    /// From now on the server says as much at once as can be read.
    pub(crate) fn at_once(&mut self) {
        self.travel(WHOLE);
    }

    /// Everything in the script was said.
    pub(crate) fn assert_over(&self) {
        assert!(self.turns.is_empty(), "left over: {:?}", self.turns);
    }

    pub(crate) fn greet(&mut self) -> Result<(), Error> {
        self.run(Greeting::new())?;
        self.hello()
    }

    pub(crate) fn hello(&mut self) -> Result<(), Error> {
        self.run(Ehlo::new("client.example".parse()?)).map(drop)
    }

    pub(crate) fn auth(&mut self) -> Result<(), Error> {
        self.run(auth_with(&XOAuth2::new(USER, TOKEN)?)).map(drop)
    }

    /// STARTTLS; the machine is a new one after it.
    pub(crate) fn starttls(&mut self) -> Result<(), Error> {
        self.run(StartTls::new())?;
        assert!(self.machine.start(&mut StartTls::new()).is_err(), "the machine is spent");
        self.machine = Machine::new(Limits::default());
        Ok(())
    }
}

pub(crate) fn auth_with(mechanism: &dyn Mechanism) -> Auth {
    let stamp = Stamp::new(Nonce::new("nonce").unwrap(), 1_700_000_000);
    Auth::new(mechanism, &Context::new(&stamp, "mail.example.com", 587)).unwrap()
}

/// A line of what a session yields: the debug text of an output, or the text of a refusal. Faults end it.
pub(crate) fn told<T: std::fmt::Debug>(result: Result<T, Error>) -> Result<String, Error> {
    match result {
        Ok(output) => Ok(format!("{output:?}")),
        Err(error) if error.is_fatal() => Err(error),
        Err(error) => Ok(error.to_string()),
    }
}

/// The word that the attack cases use for an error.
pub(crate) fn word(error: &Error) -> &'static str {
    match error {
        Error::Transport { fault: TransportFault::Closed } => "closed",
        Error::Transport { fault: TransportFault::Deadline } => "timeout",
        Error::Transport { .. } => "io",
        Error::DeliveryUnknown { .. } => "delivery-unknown",
        Error::ServerClosing { .. } | Error::Expired { .. } | Error::IdleTimeout { .. } => {
            "server-bye"
        }
        Error::GreetingRefused { .. }
        | Error::Refused { .. }
        | Error::SenderRefused { .. }
        | Error::DataRefused { .. } => "server-rejected",
        Error::RecipientsRefused { .. } => "recipients-rejected",
        Error::AuthenticationRefused(_) => "auth-rejected",
        Error::MechanismUnavailable { .. } => "mechanism-unavailable",
        Error::TlsUnavailable { .. } => "tls-unavailable",
        Error::Malformed { .. } => "malformed-response",
        Error::Unexpected { .. } => "unexpected-response",
        Error::UnsolicitedReply { .. } => "unsolicited-reply",
        Error::PlaintextAfterStartTls { .. } => "plaintext-after-starttls",
        Error::Limit { .. } => "limit",
        Error::InvalidArgument(_)
        | Error::ExtensionMissing { .. }
        | Error::MessageTooLarge { .. }
        | Error::ServerLimit { .. }
        | Error::Sasl(_) => "invalid-argument",
        other => panic!("no word for {other:?}"),
    }
}

/// Plays a session whole, in pieces, octet by octet and cut after every octet of the server.
pub(crate) fn every_way<T: PartialEq + std::fmt::Debug>(
    transcript: &str,
    session: impl Fn(&mut Peer) -> Result<T, Error>,
) -> T {
    let mut peer = Peer::new(transcript, WHOLE);
    let whole = session(&mut peer).unwrap_or_else(|error| panic!("{error}"));
    peer.assert_over();
    let trace = peer.trace;
    for (read, write) in [(1, 1), (1, usize::MAX), (usize::MAX, 1), (7, 3)] {
        let mut peer = Peer::new(transcript, Way { read, write, cut: None });
        assert_eq!(session(&mut peer).unwrap(), whole, "read {read}, write {write}");
        peer.assert_over();
        assert_eq!(peer.trace, trace);
    }
    for cut in 0..peer.heard {
        for read in [1, usize::MAX] {
            let mut peer = Peer::new(transcript, Way { read, cut: Some(cut), ..WHOLE });
            let Err(error) = session(&mut peer) else { panic!("success although cut at {cut}") };
            let fault = match &error {
                Error::DeliveryUnknown { cause, .. } => {
                    let last_chunk = peer.sent.windows(7).any(|octets| octets == b" LAST\r\n");
                    let is_sent = peer.sent.ends_with(b".\r\n") || last_chunk;
                    assert!(is_sent, "unknown before the message's end");
                    (**cause).clone()
                }
                // Broken for good, whatever was told of the message.
                _ => peer.machine.start(&mut Greeting::new()).unwrap_err(),
            };
            assert!(
                matches!(fault, Error::Transport { fault: TransportFault::Closed }),
                "cut at {cut}: {error:?}"
            );
            assert!(!peer.machine.is_usable());
            let again = peer.machine.start(&mut Greeting::new()).unwrap_err();
            assert_eq!(again.to_string(), fault.to_string());
        }
    }
    whole
}
