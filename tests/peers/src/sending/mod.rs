//! Sending mail: what a client spends on round trips, and what it moves without them.
//!
//! All clients send the same messages to the same sink, in rounds, one after the other; where a round trip is
//! simulated, the same link stands between. The time is that of the wall, from a session that may send to the
//! last message accepted.

mod drivers;
mod ours;
mod peers;
mod rows;

use std::error::Error;
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;

use e2e::certificates::Authority;
use e2e::sink::{Counts, Link, Offer, Sink};

pub(crate) use drivers::run as run_drivers;
pub(crate) use rows::{run, run_alone};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What is sent: `count` times the same.
#[derive(Clone, Copy)]
struct Job<'a> {
    /// Where to.
    port: u16,
    authority: Option<&'a Authority>,
    content: &'a [u8],
    count: usize,
}

/// A client: sends, and says how long that took.
type Client = fn(Job<'_>) -> Result<Took>;

/// How long sending took.
#[derive(Clone, Copy)]
struct Took {
    wall: Duration,
    /// Of the client's thread, on which every client does all its work.
    cpu: Duration,
}

struct Clock(Instant, ThreadTime);

impl Clock {
    fn start() -> Self {
        Self(Instant::now(), ThreadTime::now())
    }

    fn took(self) -> Took {
        Took { wall: self.0.elapsed(), cpu: self.1.elapsed() }
    }
}

const FROM: &str = "sender@example.org";
const TO: &str = "recipient@example.net";

const DATA: Offer = Offer { pipelining: true, chunking: false };
const CHUNKING: Offer = Offer { pipelining: true, chunking: true };

/// What a client did.
#[derive(Clone, Copy)]
struct Done {
    /// Seconds for one message.
    seconds: f64,
    cpu: f64,
    counts: Counts,
    /// Flights on the link, where there was one.
    flights: Option<u64>,
}

/// Where a client sends to.
#[derive(Clone, Copy)]
struct Place<'a> {
    offer: Offer,
    round_trip: Option<Duration>,
    authority: Option<&'a Authority>,
}

/// Lets a client send, and checks that everything arrived.
fn send(client: Client, place: Place<'_>, content: &[u8], count: usize) -> Result<Done> {
    let mut builder = Sink::builder().offer(place.offer);
    if let Some(authority) = place.authority {
        builder = builder.tls(authority.localhost()?);
    }
    let sink = builder.start()?;
    let link = place.round_trip.map(|time| Link::start(sink.port(), time)).transpose()?;
    let port = link.as_ref().map_or(sink.port(), Link::port);
    let took = client(Job { port, authority: place.authority, content, count })?;
    let flights = link.as_ref().map(Link::flights);
    drop(link);
    let counts = sink.finish();
    if counts.messages != count as u64 {
        return Err(format!("{} of {count} messages arrived", counts.messages).into());
    }
    let each = |time: Duration| time.as_secs_f64() / count as f64;
    Ok(Done { seconds: each(took.wall), cpu: each(took.cpu), counts, flights })
}

/// A message of so many octets, in lines of 76.
fn message(octets: usize) -> Vec<u8> {
    let mut content =
        b"From: sender@example.org\r\nTo: recipient@example.net\r\nSubject: news\r\n\r\n".to_vec();
    let line = "The quick brown fox jumps over the lazy dog. ".repeat(2);
    while content.len() + 78 <= octets {
        content.extend_from_slice(&line.as_bytes()[..76]);
        content.extend_from_slice(b"\r\n");
    }
    content
}
