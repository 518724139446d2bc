//! No message is lost, sent twice or lied about, whatever the server does and wherever the connection breaks.
//!
//! A server that draws its faults from a seed keeps what it accepted; afterwards its list and the outcomes are
//! held against each other. `XOAUTH_LOSS_RUNS=100000 cargo test -p e2e --test message_loss` plays more runs.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use e2e::sink::{Accepted, Faults, Keep, Model, Offer, Random};
use xoauth::sasl::wire::{Conversation, Source, SourceFault, Want};
use xoauth::smtp::exchange::{Bulk, Ehlo, Greeting, Noop, Outcome, Sending, Submit, Window};
use xoauth::smtp::proto::{Command, Machine};
use xoauth::smtp::{Delivery, Error, Limits, Mail, Message, Transfer, TransportFault};

const RUNS: u64 = 1000;
const MESSAGES: usize = 50;

/// A message and its envelope.
#[derive(Debug, Clone)]
struct Letter {
    from: String,
    to: Vec<String>,
    content: Vec<u8>,
    /// Its line ends are mended.
    is_mended: bool,
    /// It is read from a source that fails behind so many octets.
    fails: Option<usize>,
}

/// A source that has nothing at times, gives some octets at a time, and fails perhaps.
struct Fickle<'m> {
    octets: &'m [u8],
    fails: bool,
    random: Random,
}

impl Source for Fickle<'_> {
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, SourceFault>> {
        if self.random.percent(20) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.octets.is_empty() && self.fails {
            return Poll::Ready(Err(Arc::new(std::io::Error::other("disk on fire"))));
        }
        let most = buffer.len().min(match self.random.percent(50) {
            true => 1 + usize::try_from(self.random.below(500)).unwrap(),
            false => usize::MAX,
        });
        self.octets.poll_read(cx, &mut buffer[..most])
    }
}

impl Letter {
    /// Number `number` of a run; most are short, some need many pieces or chunks, some cannot be sent.
    fn draw(number: usize, random: &mut Random) -> Self {
        let length = match random.below(1000) {
            0..900 => random.below(120),
            900..998 => random.below(5_000),
            _ => random.below(700_000),
        };
        let mut content = format!("Subject: {number}\r\n\r\n").into_bytes();
        let lines: &[&[u8]] =
            &[b"text\r\n", b".\r\n", b"..dots\r\n", b"\r\n", b"QUIT\r\n", b"RSET\r\n"];
        let end = content.len() + usize::try_from(length).unwrap();
        while content.len() < end {
            content.extend_from_slice(random.pick(lines).unwrap());
        }
        match random.below(100) {
            0..3 => content.extend_from_slice(b"a line feed\nalone"),
            3..20 => content.extend_from_slice(b"no line end"),
            _ => {}
        }
        let more = if random.below(1000) < 2 { 120 } else { random.below(3) };
        let to = (0..=more).map(|one| format!("r{one}-{number}@example.net")).collect();
        let is_mended = random.percent(10);
        if is_mended && random.percent(50) {
            content.retain(|&octet| octet != b'\r');
        }
        let fails = random
            .percent(2)
            .then(|| usize::try_from(random.below(content.len() as u64 + 1)).unwrap());
        Self { from: format!("s{number}@example.org"), to, content, is_mended, fails }
    }

    /// Some are in memory, some are read; some ask for DATA, some for BDAT.
    fn to_send(&self, asks: [u8; 2], random: &mut Random) -> Submit<'_> {
        let seed = random.below(u64::MAX);
        let source =
            |octets| Fickle { octets, fails: self.fails.is_some(), random: Random::new(seed) };
        let message = match self.fails {
            Some(at) => Message::from_source(source(&self.content[..at])),
            None if random.percent(80) => Message::from(&self.content),
            None => Message::from_source(source(&self.content)),
        };
        let message = if self.is_mended { message.normalise_line_ends() } else { message };
        let mail = Mail::new(&*self.from, self.to.iter().map(String::as_str), message);
        let [by_data, by_bdat] = asks;
        Submit::mail(match random.percent(by_data) {
            true => mail.transfer(Transfer::Data),
            false if random.percent(by_bdat) => mail.transfer(Transfer::Bdat),
            false => mail,
        })
    }

    /// What the server has of it, if it has it.
    fn as_accepted(&self) -> Vec<u8> {
        let mut content = self.content.clone();
        if self.is_mended {
            let text = String::from_utf8(content).unwrap();
            content = text.replace("\r\n", "\n").replace('\n', "\r\n").into_bytes();
        }
        if !content.ends_with(b"\r\n") {
            content.extend_from_slice(b"\r\n");
        }
        content
    }
}

/// Both ends of a connection, and the octets between them.
struct Wire {
    model: Model,
    machine: Machine,
    random: Random,
    /// Written by the client and not heard by the server yet; said by the server and not read yet.
    forth: Vec<u8>,
    back: VecDeque<u8>,
    /// Everything that was handed to the transport, whether it was taken or not.
    handed: Vec<u8>,
    /// Octets are moved in pieces of this size at most.
    piece: usize,
}

impl Wire {
    fn new(offer: Offer, faults: Faults, seed: u64) -> Self {
        let mut random = Random::new(!seed);
        let piece = *random.pick(&[20, 150, 1500, 100_000]).unwrap();
        let mut limits = Limits::default();
        limits.window = *random.pick(&[3, 10, limits.window]).unwrap();
        let mut machine = Machine::new(limits);
        if random.percent(40) {
            // As the sessions over TCP and TLS do.
            machine.hears_while_writing();
        }
        Self {
            model: Model::new(offer, Keep::Messages, faults),
            machine,
            random,
            forth: Vec::new(),
            back: VecDeque::new(),
            handed: Vec::new(),
            piece,
        }
    }

    fn size(&mut self, most: usize) -> usize {
        let piece = self.piece.max(most / 50);
        1 + usize::try_from(self.random.below(most.min(piece) as u64)).unwrap()
    }

    /// The server hears what is on its way.
    fn deliver(&mut self) {
        let octets = std::mem::take(&mut self.forth);
        let mut rest = &octets[..];
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(self.size(rest.len()));
            self.model.receive(piece);
            rest = behind;
        }
        self.back.extend(self.model.take_output());
    }

    fn run<C: Command>(&mut self, mut command: C) -> Result<C::Output, Error> {
        let mut machine = std::mem::replace(&mut self.machine, Machine::new(Limits::default()));
        let started = machine.start(&mut command);
        let driven = started.and_then(|()| self.drive(&mut machine.converse(&mut command)));
        self.machine = machine;
        driven.and_then(|()| command.finish())
    }

    fn send(&mut self, bulk: &mut Bulk<'_>) -> Result<(), Error> {
        let mut machine = std::mem::replace(&mut self.machine, Machine::new(Limits::default()));
        let driven = self.drive(&mut Sending::new(&mut machine, bulk));
        self.machine = machine;
        driven
    }

    /// Reads what is left of a server that is gone; whether nothing is missing.
    fn hear_last<C: Conversation<Error = Error>>(
        &mut self,
        conversation: &mut C,
    ) -> Result<bool, Error> {
        while !self.back.is_empty() {
            let count = self.size(conversation.read_buffer().len().min(self.back.len()));
            let room = conversation.read_buffer();
            room.iter_mut().zip(self.back.drain(..count)).for_each(|(to, from)| *to = from);
            conversation.received(count);
            if conversation.hear()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn drive<C: Conversation<Error = Error>>(&mut self, conversation: &mut C) -> Result<(), Error> {
        for _ in 0..10_000_000 {
            match conversation.poll()? {
                Want::Write(octets) => {
                    // A peer that is gone is noticed by the first writing, or by a later one, or by none.
                    if self.model.is_closed() && self.random.percent(30) {
                        self.handed.extend_from_slice(octets);
                        // What it said before is there to be read, or is lost with the connection.
                        if self.random.percent(50) && self.hear_last(conversation)? {
                            return Ok(());
                        }
                        return Err(conversation.transport_failed(TransportFault::Closed));
                    }
                    let taken = self.size(octets.len());
                    self.handed.extend_from_slice(&octets[..taken]);
                    self.forth.extend_from_slice(&octets[..taken]);
                    conversation.written(taken);
                    if self.random.percent(50) {
                        self.deliver();
                    }
                }
                Want::Read => {
                    if self.back.is_empty() {
                        self.deliver();
                    }
                    let room = conversation.read_buffer();
                    let most = room.len().min(self.back.len());
                    if most == 0 {
                        assert!(self.model.is_closed(), "both wait for each other");
                        conversation.end_of_stream()?;
                        continue;
                    }
                    let count = self.size(most);
                    let room = conversation.read_buffer();
                    for (to, from) in room.iter_mut().zip(self.back.drain(..count)) {
                        *to = from;
                    }
                    conversation.received(count);
                }
                Want::Body => {
                    let polled = conversation.poll_body(&mut Context::from_waker(Waker::noop()));
                    if let Poll::Ready(taken) = polled {
                        taken?;
                        continue;
                    }
                    // Meanwhile the server may say something.
                    self.deliver();
                    let most = conversation.read_buffer().len().min(self.back.len());
                    if most > 0 {
                        let count = self.size(most);
                        let room = conversation.read_buffer();
                        let octets = self.back.drain(..count);
                        room.iter_mut().zip(octets).for_each(|(to, from)| *to = from);
                        conversation.received(count);
                    }
                }
                Want::Done => return Ok(()),
                other => panic!("unexpected {other:?}"),
            }
        }
        panic!("no end");
    }
}

/// What a run came to, to see that the runs are not all alike.
#[derive(Debug, Default, Clone, Copy)]
struct Told {
    accepted: usize,
    refused: usize,
    invalid: usize,
    unknown: usize,
    unknown_but_accepted: usize,
    unsent: usize,
    /// Their source failed, or they hold what cannot be sent: the session went on, or was over.
    forgotten: usize,
    broken_off: usize,
    broken: usize,
    /// Runs over LMTP.
    lmtp: usize,
}

impl Told {
    fn add(&mut self, more: Self) {
        self.accepted += more.accepted;
        self.refused += more.refused;
        self.invalid += more.invalid;
        self.unknown += more.unknown;
        self.unknown_but_accepted += more.unknown_but_accepted;
        self.unsent += more.unsent;
        self.forgotten += more.forgotten;
        self.broken_off += more.broken_off;
        self.broken += more.broken;
        self.lmtp += more.lmtp;
    }
}

/// Holds the outcomes against what the server accepted.
fn compare(mails: &[Letter], outcomes: &[Outcome], accepted: &[Accepted], told: &mut Told) {
    assert_eq!(mails.len(), outcomes.len(), "an outcome for each message");
    let numbers: HashMap<&str, usize> =
        mails.iter().enumerate().map(|(number, mail)| (mail.from.as_str(), number)).collect();
    let mut by_number = HashMap::new();
    let mut last = None;
    for one in accepted {
        let number = numbers[one.from.as_str()];
        assert!(last < Some(number), "number {number} is out of order, or was sent twice");
        last = Some(number);
        assert!(mails[number].fails.is_none(), "number {number} was cut short");
        let content = mails[number].as_accepted();
        assert!(one.content == content, "number {number} was changed on its way");
        by_number.insert(number, one);
    }
    for (number, outcome) in outcomes.iter().enumerate() {
        let there = by_number.get(&number);
        match outcome {
            Ok(sent) => {
                let there = there.unwrap_or_else(|| panic!("number {number} was not accepted"));
                let claimed: Vec<_> = sent.accepted().map(|one| one.address.as_str()).collect();
                assert_eq!(claimed, there.recipients, "recipients of number {number}");
                assert_eq!(sent.recipients().len(), mails[number].to.len());
                told.accepted += 1;
            }
            Err(error @ Error::DeliveryUnknown { .. }) => {
                told.unknown += 1;
                told.unknown_but_accepted += usize::from(there.is_some());
                // What was said of a recipient before the connection broke is true all the same.
                for one in error.recipients() {
                    let has_it = there.is_some_and(|there| {
                        there.recipients.iter().any(|to| to == one.address.as_str())
                    });
                    match one.delivery {
                        Delivery::Accepted(_) => {
                            assert!(has_it, "{} of number {number}", one.address)
                        }
                        Delivery::Unknown => {}
                        _ => assert!(!has_it, "{} of number {number}", one.address),
                    }
                }
            }
            Err(error) => {
                assert!(there.is_none(), "number {number} was accepted, but: {error}");
                match error {
                    Error::InvalidArgument(_) => told.invalid += 1,
                    Error::Content { ended: false, .. } => told.forgotten += 1,
                    Error::Content { ended: true, .. } => told.broken_off += 1,
                    error if error.is_fatal() => told.unsent += 1,
                    _ => told.refused += 1,
                }
            }
        }
    }
}

/// One run: whatever happens, the lists agree.
fn play(seed: u64, told: &mut Told) {
    let mut random = Random::new(seed);
    let offer = Offer { pipelining: random.percent(75), chunking: random.percent(60) };
    let mails: Vec<Letter> = (0..MESSAGES).map(|n| Letter::draw(n, &mut random)).collect();
    let octets: usize = mails.iter().map(|mail| mail.content.len() + 100).sum();
    let mut wire = Wire::new(offer, Faults::draw(seed, 2 * octets as u64), seed);
    let hello = Ehlo::new("[127.0.0.1]".parse().unwrap());
    let hello = if random.percent(30) { hello.lmtp() } else { hello };
    if wire.run(Greeting::new()).is_err() || wire.run(hello).is_err() {
        return;
    }
    told.lmtp += usize::from(wire.machine.extensions().is_lmtp());
    let window = Window {
        messages: *random.pick(&[0, 1, 2, 8, 64]).unwrap(),
        octets: *random.pick(&[1, 1000, 256 * 1024, u64::MAX]).unwrap(),
    };
    // BDAT is asked for where it is offered: without PIPELINING it is taken in no other way.
    let by_bdat = *random.pick(&[0, 50, 100]).unwrap();
    let by_bdat = if wire.machine.extensions().chunking() { by_bdat } else { 0 };
    let asks = [*random.pick(&[0, 10, 50, 100]).unwrap(), by_bdat];
    let mut bulk = Bulk::new(window);
    let mut outcomes = Vec::new();
    let mut waiting = mails.iter();
    let mut pushed = 0;
    let fault = loop {
        while bulk.has_room() && !random.percent(5) {
            let Some(mail) = waiting.next() else { break };
            bulk.push(mail.to_send(asks, &mut random));
            pushed += 1;
        }
        let driven = wire.send(&mut bulk);
        outcomes.extend(std::iter::from_fn(|| bulk.next_outcome()).take(if driven.is_err() {
            usize::MAX
        } else {
            usize::try_from(random.below(10)).unwrap()
        }));
        match driven {
            Err(fault) => break Some(fault),
            Ok(()) if bulk.is_over() && waiting.len() == 0 => break None,
            Ok(()) => {}
        }
    };
    assert!(bulk.is_over() && bulk.tally().settled() == pushed as u64);
    compare(&mails[..pushed], &outcomes, wire.model.accepted(), told);
    match fault {
        None => {
            assert!(outcomes.iter().all(|one| one.as_ref().err().is_none_or(|e| !e.is_fatal())));
            // Unless the connection ends right here, the session goes on.
            assert!(wire.run(Noop::new()).is_ok() || wire.model.is_closed());
        }
        Some(fault) => {
            assert!(fault.is_fatal(), "{fault}");
            told.broken += 1;
            // Only what left whole can be unknown.
            for (mail, outcome) in mails.iter().zip(&outcomes) {
                if matches!(outcome, Err(Error::DeliveryUnknown { .. })) {
                    let from = format!("<{}>", mail.from).into_bytes();
                    let at = find(&wire.handed, &from).unwrap();
                    assert!(
                        wire.handed.len() - at > mail.content.len(),
                        "it cannot have left whole"
                    );
                }
            }
        }
    }
}

fn find(octets: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(octets, what)
}

#[test]
fn outcomes_agree_with_what_the_server_accepted() {
    let runs = std::env::var("XOAUTH_LOSS_RUNS").map_or(RUNS, |runs| runs.parse().unwrap());
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
    let mut told = Told::default();
    std::thread::scope(|scope| {
        let some = |first: u64| {
            move || {
                let mut told = Told::default();
                for seed in (first..runs).step_by(threads) {
                    let played = AssertUnwindSafe(|| play(seed, &mut told));
                    assert!(catch_unwind(played).is_ok(), "seed {seed}");
                }
                told
            }
        };
        let threads: Vec<_> = (0..threads as u64).map(|first| scope.spawn(some(first))).collect();
        for thread in threads {
            told.add(thread.join().unwrap());
        }
    });
    println!("{told:?}");
    // Every kind of ending was seen, many times.
    let few =
        [told.refused, told.invalid, told.unknown, told.unsent, told.forgotten, told.broken_off];
    assert!(few.iter().all(|&count| count > 100) && told.accepted > 10_000, "{told:?}");
    assert!(told.lmtp > 100 && told.unknown_but_accepted > 25, "{told:?}");
}
