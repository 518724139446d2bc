//! A client of ours under measurement, in a process of its own: `lab --candidate WORK DRIVER`.
//!
//! It tells what it read or sent, what processor time that took, and how large it was at most. The programs
//! in `tests/lab/peers` that do the same with Python's clients tell it in the same words.

use std::fs;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use openssl::sha::Sha256;
use serde_json::json;
use xoauth::Error;
use xoauth::imap::command::{Fetch, Item, Select};
use xoauth::imap::{self, Section};
use xoauth::net::TlsTransport;
use xoauth::smtp::Mail;
use xoauth::smtp::exchange::Submit;

use super::Work;
use super::content::{self, Digest, LARGE_READER, READER, SENDER, SENT};
use crate::Result;
use crate::credentials::{Kind, bearer, opaque};
use crate::environment::{Lab, Lines, Security};
use crate::regressions::sink;

/// How the library is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Driver {
    Blocking,
    Async,
    /// Over SMTP, message by message instead of all at once.
    OneByOne,
}

impl Driver {
    pub(crate) const ALL: [Self; 3] = [Self::Blocking, Self::Async, Self::OneByOne];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Blocking => "blocking",
            Self::Async => "async",
            Self::OneByOne => "one-by-one",
        }
    }
}

/// What is measured of a run.
pub(crate) struct Meter {
    wall: Instant,
    cpu: ProcessTime,
    /// Of the digests, which belong to the test and not to the client.
    digests: Duration,
    base: u64,
}

impl Meter {
    /// From here on.
    fn start() -> Self {
        let base = memory("VmRSS");
        Self { wall: Instant::now(), cpu: ProcessTime::now(), digests: Duration::ZERO, base }
    }

    /// Does what belongs to the test.
    fn aside<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let begin = ProcessTime::now();
        let done = work();
        self.digests += begin.elapsed();
        done
    }

    fn print(self, digest: Digest) {
        let cpu = self.cpu.elapsed().saturating_sub(self.digests);
        let wall = self.wall.elapsed();
        let sum = digest.finish();
        let told = json!({
            "count": sum.count, "octets": sum.octets, "digest": sum.digest,
            "cpu": cpu.as_secs_f64(), "wall": wall.as_secs_f64(),
            "base": self.base, "peak": memory("VmHWM"),
        });
        println!("{told}");
    }
}

/// KiB of this process, now (`VmRSS`) or at most (`VmHWM`): `proc(5)`.
fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// Does the work, and prints what came of it.
pub(crate) fn run(lab: &Lab, work: Work, driver: Driver) -> Result<()> {
    match (work, driver) {
        (Work::Send, Driver::OneByOne) => send_one_by_one(lab),
        (Work::Send, Driver::Blocking) => send(lab),
        (Work::Send, Driver::Async) => e2e::runtime().block_on(send_async(lab)),
        (_, Driver::Async) => e2e::runtime().block_on(read_async(lab, work)),
        _ => read(lab, work),
    }
}

fn reader(work: Work) -> &'static str {
    if work == Work::Large { LARGE_READER } else { READER }
}

fn wanted(work: Work) -> Item {
    match work {
        Work::Flags => Item::Flags,
        Work::Headers => Item::section(Section::Header).into(),
        _ => Item::Body,
    }
}

fn read(lab: &Lab, work: Work) -> Result<()> {
    let mut meter = Meter::start();
    let mut digest = Digest::new();
    let client = lab.imap("dovecot-oauth1", Security::Implicit, &Lines::none())?;
    let user = reader(work);
    let login = bearer(Kind::XOAuth2, user, &opaque(user, 0))?;
    let mut session: imap::Session<TlsTransport> =
        client.authenticate(login).map_err(Error::from)?;
    session.run(Select::new("INBOX"))?;
    let fetch = Fetch::new("1:*", wanted(work));
    if work == Work::Flags {
        for message in session.stream(fetch)? {
            let message = message?;
            meter.aside(|| digest.add(&flags_of(&message)));
        }
    } else {
        let mut stream = session.stream(fetch)?;
        while let Some(part) = stream.next_part()? {
            let imap::Part::Body(mut body) = part else { continue };
            let (mut hash, mut octets) = (Sha256::new(), 0);
            while let Some(chunk) = body.chunk()? {
                octets += chunk.len() as u64;
                meter.aside(|| hash.update(chunk));
            }
            meter.aside(|| digest.add_hash(hash.finish(), octets));
        }
    }
    session.logout()?;
    meter.print(digest);
    Ok(())
}

async fn read_async(lab: &Lab, work: Work) -> Result<()> {
    use imap::nonblocking::Part;

    let mut meter = Meter::start();
    let mut digest = Digest::new();
    let client = lab.imap_async("dovecot-oauth1", Security::Implicit, &Lines::none()).await?;
    let user = reader(work);
    let login = bearer(Kind::XOAuth2, user, &opaque(user, 0))?;
    let mut session = client.authenticate(login).await.map_err(Error::from)?;
    session.run(Select::new("INBOX")).await?;
    let mut stream = session.stream(Fetch::new("1:*", wanted(work))).await?;
    if work == Work::Flags {
        while let Some(message) = stream.next().await {
            let message = message?;
            meter.aside(|| digest.add(&flags_of(&message)));
        }
    } else {
        while let Some(part) = stream.next_part().await? {
            let Part::Body(mut body) = part else { continue };
            let (mut hash, mut octets) = (Sha256::new(), 0);
            while let Some(chunk) = body.chunk().await? {
                octets += chunk.len() as u64;
                meter.aside(|| hash.update(chunk));
            }
            meter.aside(|| digest.add_hash(hash.finish(), octets));
        }
    }
    drop(stream);
    session.logout().await?;
    meter.print(digest);
    Ok(())
}

fn flags_of(message: &imap::Message) -> Vec<u8> {
    let flags = message.flags.iter().flat_map(imap::Flags::iter);
    let mut flags: Vec<String> = flags.map(ToString::to_string).collect();
    content::flags_line(message.uid.map_or(0, u32::from), &mut flags)
}

/// What is sent, made before anything is measured.
fn messages() -> Vec<(String, Vec<u8>)> {
    let to = |number| format!("reader{number}@example.test");
    (1..=SENT).map(|number| (to(number), content::message(number))).collect()
}

fn mail(message: &(String, Vec<u8>)) -> Mail<'_> {
    Mail::new(SENDER, [message.0.as_str()], &message.1[..])
}

fn send(lab: &Lab) -> Result<()> {
    let messages = messages();
    let meter = Meter::start();
    let mut digest = Digest::new();
    let mut session = sink(lab, &Lines::none())?;
    for outcome in session.send_all(messages.iter().map(mail))? {
        digest.add(&accepted(outcome)?);
    }
    session.quit()?;
    meter.print(digest);
    Ok(())
}

async fn send_async(lab: &Lab) -> Result<()> {
    let messages = messages();
    let meter = Meter::start();
    let mut digest = Digest::new();
    let builder = xoauth::smtp::nonblocking::Builder::new("127.0.0.1");
    let client = builder.port(lab.port("sink", "smtp")).connect_plain().await?.trust();
    let mut session = client.without_authentication();
    let mut outcomes = session.send_all(messages.iter().map(mail))?;
    while let Some(outcome) = outcomes.next().await {
        digest.add(&accepted(outcome)?);
    }
    drop(outcomes);
    session.quit().await?;
    meter.print(digest);
    Ok(())
}

fn send_one_by_one(lab: &Lab) -> Result<()> {
    let messages = messages();
    let meter = Meter::start();
    let mut digest = Digest::new();
    let mut session = sink(lab, &Lines::none())?;
    for message in &messages {
        digest.add(&accepted(session.run(Submit::mail(mail(message))))?);
    }
    session.quit()?;
    meter.print(digest);
    Ok(())
}

/// The code of the answer; what the server got is looked at on the server.
fn accepted(outcome: std::result::Result<xoauth::smtp::Sent, Error>) -> Result<Vec<u8>> {
    Ok(outcome?.reply().code.get().to_string().into_bytes())
}
