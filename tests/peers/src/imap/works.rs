//! Clients that read from memory.

use std::error::Error;
use std::io;
use std::sync::Arc;

use futures_util::StreamExt;
use imap_codec::ResponseCodec;
use imap_codec::decode::Decoder;
use imap_codec::imap_types::response::{Data, Response as CodecResponse};
use imap_next::client::{Client as NextClient, Event, Options};
use imap_next::{Interrupt, Io, State as _};
use imap_proto::{AttributeValue, MailboxDatum, Response as ProtoResponse};
use io_imap::client::ImapClientStd;
use tokio::runtime::{Builder as Runtime, Runtime as Tokio};
use xoauth::imap::command::{Fetch, Item, List, Search, Select};
use xoauth::imap::parse::{FetchRef, Input, ListRef, Response, Tolerated, parse_response};
use xoauth::imap::{Builder, Part, Query, Session};
use xoauth::net::Untimed;
use xoauth::sasl::XOAuth2;

use super::corpus;
use super::race::{Clock, race, runner};
use super::replay::Replay;
use crate::report::say;

type Result = std::result::Result<(), Box<dyn Error>>;

pub(crate) fn run() -> Result {
    structures();
    flags();
    mailboxes();
    search();
    bodies();
    Ok(())
}

const OURS: &str = "xoauth, streamed";
const OWNED: &str = "xoauth, owned";
const PROTO: &str = "imap-proto";
const ASYNC: &str = "async-imap";
const IO: &str = "io-imap, streamed";
const MEMCPY: &str = "memcpy through 64 KiB";

/// An authenticated session of ours on a replay.
pub(super) fn ours(word: &'static str, payload: &Arc<Vec<u8>>) -> Session<Untimed<Replay>> {
    let client = Builder::new("localhost")
        .from_stream(Untimed(Replay::new(word, payload)))
        .expect("greeted");
    let login = XOAuth2::new("user", "token").expect("valid");
    let mut session = client.authenticate(login).expect("authenticated");
    session.run(Select::new("INBOX")).expect("selected");
    session
}

pub(super) fn tokio() -> Tokio {
    Runtime::new_current_thread().enable_all().build().expect("a runtime")
}

type AsyncSession = async_imap::Session<Replay>;

fn async_session(tokio: &Tokio, word: &'static str, payload: &Arc<Vec<u8>>) -> AsyncSession {
    tokio.block_on(async {
        let mut client = async_imap::Client::new(Replay::new(word, payload));
        client.read_response().await.expect("greeted").expect("greeted");
        client.login("user", "token").await.map_err(|error| error.0).expect("authenticated")
    })
}

/// All responses in a buffer that is complete.
fn proto(mut octets: &[u8], mut each: impl FnMut(&ProtoResponse<'_>) -> u64) -> u64 {
    let mut count = 0;
    while !octets.is_empty() {
        let (rest, response) = ProtoResponse::parse(octets).expect("a response");
        count += each(&response);
        octets = rest;
    }
    count
}

fn structures() {
    let payload = corpus::structures(10_000);
    let mut session = ours("UID FETCH", &payload);
    let mut owned = ours("UID FETCH", &payload);
    let tokio = tokio();
    let mut peer = async_session(&tokio, "UID FETCH", &payload);
    let race = race(
        "ENVELOPE and BODYSTRUCTURE of 10,000 messages",
        Clock::Cpu,
        payload.len(),
        vec![
            runner(OURS, || {
                let mut count = 0;
                let items = [Item::Envelope, Item::BodyStructure];
                let visit = |message: &FetchRef<'_>| {
                    let from =
                        message.envelope.as_ref().map_or(0, |envelope| envelope.from().count());
                    count +=
                        from + message.body_structure.as_ref().map_or(0, |body| body.parts().len());
                };
                session.run(Fetch::new("1:*", items).for_each(visit)).expect("read");
                count as u64
            }),
            runner(OWNED, || {
                let items = [Item::Envelope, Item::BodyStructure];
                let messages = owned.stream(Fetch::new("1:*", items)).expect("begun");
                let count = messages.map(|message| {
                    let message = message.expect("read");
                    let parts =
                        message.body_structure.as_ref().map_or(0, |body| body.parts().len());
                    message.envelope.as_ref().map_or(0, |envelope| envelope.from.len()) + parts
                });
                count.sum::<usize>() as u64
            }),
            runner(PROTO, || {
                proto(&payload, |response| {
                    let ProtoResponse::Fetch(_, values) = response else { return 0 };
                    let count = values.iter().map(|value| match value {
                        AttributeValue::Envelope(envelope) => {
                            envelope.from.as_ref().map_or(0, Vec::len)
                        }
                        AttributeValue::BodyStructure(body) => parts(body),
                        _ => 0,
                    });
                    count.sum::<usize>() as u64
                })
            }),
            runner(ASYNC, || {
                tokio.block_on(async {
                    let mut messages =
                        peer.uid_fetch("1:*", "(ENVELOPE BODYSTRUCTURE)").await.expect("begun");
                    let mut count = 0;
                    while let Some(message) = messages.next().await {
                        let message = message.expect("read");
                        let from = message.envelope().and_then(|envelope| envelope.from.as_ref());
                        count +=
                            from.map_or(0, Vec::len) + message.bodystructure().map_or(0, parts);
                    }
                    count as u64
                })
            }),
        ],
    );
    race.goal(OURS, PROTO, 2.0);
    race.goal(OURS, ASYNC, 2.0);
    race.goal(OWNED, ASYNC, 1.0);
}

fn parts(body: &imap_proto::BodyStructure<'_>) -> usize {
    match body {
        imap_proto::BodyStructure::Multipart { bodies, .. } => {
            1 + bodies.iter().map(parts).sum::<usize>()
        }
        imap_proto::BodyStructure::Message { body, .. } => 1 + parts(body),
        _ => 1,
    }
}

fn flags() {
    let payload = corpus::flags(100_000);
    let mut session = ours("UID FETCH", &payload);
    let mut owned = ours("UID FETCH", &payload);
    let tokio = tokio();
    let mut peer = async_session(&tokio, "UID FETCH", &payload);
    let race = race(
        "FLAGS of 100,000 messages",
        Clock::Cpu,
        payload.len(),
        vec![
            runner(OURS, || {
                let mut count = 0;
                let visit = |message: &FetchRef<'_>| {
                    let seen = message.flags.as_ref().is_some_and(|flags| flags.is_seen());
                    count += u64::from(seen) + u64::from(message.uid.is_some());
                };
                session.run(Fetch::new("1:*", Item::Flags).for_each(visit)).expect("read");
                count
            }),
            runner(OWNED, || {
                let messages = owned.stream(Fetch::new("1:*", Item::Flags)).expect("begun");
                messages
                    .map(|message| {
                        let message = message.expect("read");
                        let seen = message.flags.as_ref().is_some_and(|flags| flags.is_seen());
                        u64::from(seen) + u64::from(message.uid.is_some())
                    })
                    .sum()
            }),
            runner(PROTO, || {
                proto(&payload, |response| {
                    let ProtoResponse::Fetch(_, values) = response else { return 0 };
                    values
                        .iter()
                        .map(|value| match value {
                            AttributeValue::Uid(_) => 1,
                            AttributeValue::Flags(flags) => {
                                u64::from(flags.iter().any(|flag| flag == "\\Seen"))
                            }
                            _ => 0,
                        })
                        .sum()
                })
            }),
            runner(ASYNC, || {
                tokio.block_on(async {
                    let mut messages = peer.uid_fetch("1:*", "(FLAGS)").await.expect("begun");
                    let mut count = 0;
                    while let Some(message) = messages.next().await {
                        let message = message.expect("read");
                        let seen =
                            message.flags().any(|flag| flag == async_imap::types::Flag::Seen);
                        count += u64::from(seen) + u64::from(message.uid.is_some());
                    }
                    count
                })
            }),
        ],
    );
    race.goal(OURS, PROTO, 3.0);
    race.goal(OURS, ASYNC, 5.0);
}

fn mailboxes() {
    let payload = corpus::mailboxes(50_000);
    let mut session = ours("LIST", &payload);
    let mut owned = ours("LIST", &payload);
    let tokio = tokio();
    let mut peer = async_session(&tokio, "LIST", &payload);
    let race = race(
        "LIST of 50,000 mailboxes",
        Clock::Cpu,
        payload.len(),
        vec![
            runner(OURS, || {
                let mut count = 0;
                let visit = |entry: &ListRef<'_>| count += entry.mailbox.cow().len() as u64;
                session.run(List::all().for_each(visit)).expect("read");
                count
            }),
            runner(OWNED, || {
                let listed = owned.stream(List::all()).expect("begun");
                listed.map(|entry| entry.expect("read").mailbox().as_str().len() as u64).sum()
            }),
            runner(PROTO, || {
                proto(&payload, |response| match response {
                    ProtoResponse::MailboxData(MailboxDatum::List(entry)) => {
                        entry.name.len() as u64
                    }
                    _ => 0,
                })
            }),
            runner(ASYNC, || {
                tokio.block_on(async {
                    let mut listed = peer.list(Some(""), Some("*")).await.expect("begun");
                    let mut count = 0;
                    while let Some(entry) = listed.next().await {
                        count += entry.expect("read").name().len() as u64;
                    }
                    count
                })
            }),
        ],
    );
    race.goal(OURS, PROTO, 2.0);
    race.goal(OURS, ASYNC, 4.0);
}

const CODEC: &str = "imap-codec";
const NEXT: &str = "imap-next";

fn search() {
    let (half, payload) = (corpus::search(1_000_000), corpus::search(2_000_000));
    let mut session = ours("SEARCH", &half);
    let mut twice = ours("SEARCH", &payload);
    let ids = |session: &mut Session<Untimed<Replay>>| {
        session.run(Search::new(Query::All)).expect("found").len() as u64
    };
    let one = race(
        "SEARCH with 1,000,000 numbers",
        Clock::Cpu,
        half.len(),
        vec![
            runner(OURS, || ids(&mut session)),
            runner(CODEC, || {
                let (_, response) = ResponseCodec::default().decode(&half).expect("a response");
                let CodecResponse::Data(Data::Search(ids, ..)) = response else { return 0 };
                ids.len() as u64
            }),
            runner(NEXT, || {
                let mut options = Options::default();
                options.discard_greeting = true;
                let mut client = NextClient::new(options);
                let mut pieces = half.chunks(64 * 1024);
                loop {
                    match client.next() {
                        Ok(Event::DataReceived { data: Data::Search(ids, ..) }) => {
                            return ids.len() as u64;
                        }
                        Err(Interrupt::Io(Io::NeedMoreInput)) => {
                            client.enqueue_input(pieces.next().expect("a response"));
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }),
        ],
    );
    one.goal(OURS, CODEC, 1.5);
    one.goal(OURS, NEXT, 3.0);
    let mut once = ours("SEARCH", &half);
    let two = race(
        "SEARCH, twice as many",
        Clock::Cpu,
        payload.len(),
        vec![
            runner("2,000,000 numbers", || ids(&mut twice) / 2),
            runner("1,000,000 numbers", || ids(&mut once)).hears(half.len()),
        ],
    );
    let ratio = two.ratio("2,000,000 numbers", "1,000,000 numbers");
    say!(
        "{}",
        crate::measure::goal("time of twice as many / once", ratio, "<= 2.30", ratio <= 2.3)
    );

    ranges();
}

const WALK: &str = "numbers and nothing else (a bound)";

/// ESEARCH: none of the parsers takes it, so the bound is a loop that only converts numbers.
fn ranges() {
    let payload = corpus::ranges(500_000);
    let refused = |name: &str, parses: bool| {
        say!("  {name:<42} {}", if parses { "parses it" } else { "does not parse it" });
    };
    let race = race(
        "ESEARCH with 500,000 ranges, parsed and counted",
        Clock::Cpu,
        payload.len(),
        vec![
            runner(PARSED, || {
                let mut tolerated = Tolerated::default();
                let input = Input { bytes: &payload, literals: &[] };
                match parse_response(input, &mut tolerated) {
                    Ok(Response::Esearch(found)) => {
                        found.all.map_or(0, |set| set.ranges().count() as u64)
                    }
                    other => panic!("{other:?}"),
                }
            }),
            runner(WALK, || {
                let from = payload.windows(4).position(|four| four == b"ALL ").unwrap_or(0) + 4;
                let (mut count, mut number) = (1, 0u32);
                for octet in &payload[from..] {
                    match octet {
                        b'0'..=b'9' => {
                            number = number.wrapping_mul(10).wrapping_add(u32::from(octet - b'0'));
                        }
                        octet => {
                            std::hint::black_box(number);
                            number = 0;
                            count += u64::from(*octet == b',');
                        }
                    }
                }
                count
            }),
        ],
    );
    refused(PROTO, ProtoResponse::parse(&payload).is_ok());
    refused(CODEC, ResponseCodec::default().decode(&payload).is_ok());
    race.goal(PARSED, WALK, 0.5);
}

const PARSED: &str = "xoauth";

fn bodies() {
    for (count, size, title) in [
        (10_000, 4 * 1024, "bodies of 4 KB"),
        (400, 100 * 1024, "bodies of 100 KB"),
        (4, 25 * 1024 * 1024, "bodies of 25 MB"),
    ] {
        let payload = corpus::bodies(count, size);
        let mut session = ours("UID FETCH", &payload);
        let mut peer = ImapClientStd::new(Replay::greeted("UID FETCH", &payload));
        let mut buffer = vec![0; 64 * 1024];
        let race = race(
            &format!("{count} {title}, streamed"),
            Clock::Cpu,
            payload.len(),
            vec![
                runner(OURS, || stream(&mut session)),
                runner(IO, || {
                    let mut octets = 0;
                    let set = "1:*".try_into().expect("a set");
                    peer.fetch_bodies_stream(
                        set,
                        true,
                        |_| Ok(Counter(0)),
                        |_, sink| {
                            octets += sink.0;
                            Ok(())
                        },
                    )
                    .expect("read");
                    octets
                }),
                runner(MEMCPY, || {
                    for piece in payload.chunks(buffer.len()) {
                        buffer[..piece.len()].copy_from_slice(piece);
                        std::hint::black_box(&buffer);
                    }
                    u64::from(count) * size as u64
                }),
            ],
        );
        if size == 4 * 1024 {
            race.goal(OURS, IO, 1.3);
        } else {
            race.goal(OURS, MEMCPY, 0.95);
        }
    }
}

/// Counts what is written and looks at none of it.
pub(super) struct Counter(pub(super) u64);

impl io::Write for Counter {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        std::hint::black_box(octets);
        self.0 += octets.len() as u64;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads the bodies of all messages.
pub(super) fn stream<T: xoauth::Transport>(session: &mut Session<T>) -> u64 {
    let mut octets = 0;
    let mut parts = session.stream(Fetch::new("1:*", Item::Body)).expect("begun");
    while let Some(part) = parts.next_part().expect("read") {
        if let Part::Body(mut body) = part {
            let mut counter = Counter(0);
            octets += body.copy_to(&mut counter).expect("read");
        }
    }
    octets
}
