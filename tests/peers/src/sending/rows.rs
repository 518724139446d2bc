//! What is measured, and what is to be reached.

use std::time::Duration;

use e2e::certificates::Authority;

use super::{CHUNKING, Client, DATA, Done, Place, Result, message, ours, peers, send};
use crate::measure::{goal, is_quick, median};
use crate::report::say;

const ROUND_TRIP: Duration = Duration::from_millis(20);
const MIB: f64 = 1024.0 * 1024.0;

fn rounds() -> usize {
    if is_quick() { 1 } else { 5 }
}

/// A client under a name, and how many messages it sends in a round.
struct Row<'a> {
    name: &'static str,
    client: Client,
    place: Place<'a>,
    count: usize,
    done: Vec<Done>,
}

impl<'a> Row<'a> {
    fn new(name: &'static str, client: Client, place: Place<'a>, count: usize) -> Self {
        Self { name, client, place, count, done: Vec::new() }
    }

    /// Flights a message, of the whole session.
    fn flights(&self) -> f64 {
        let flights = |done: &Done| done.flights.unwrap_or(done.counts.flights) as f64;
        median(self.done.iter().map(flights).collect()) / self.count as f64
    }
}

struct Table<'a>(Vec<Row<'a>>);

impl<'a> Table<'a> {
    fn measure(mut rows: Vec<Row<'a>>, content: &[u8]) -> Result<Self> {
        for _ in 0..rounds() {
            for row in &mut rows {
                let done = send(row.client, row.place, content, row.count)
                    .map_err(|error| format!("{}: {error}", row.name))?;
                row.done.push(done);
            }
        }
        Ok(Self(rows))
    }

    fn row(&self, name: &str) -> Result<&Row<'a>> {
        let row = self.0.iter().find(|row| row.name == name);
        Ok(row.ok_or_else(|| format!("nobody is called `{name}`"))?)
    }

    /// How many times as fast `one` is as `other`: the median over the rounds.
    fn ratio(&self, one: &str, other: &str) -> Result<f64> {
        let rounds = self.row(one)?.done.iter().zip(&self.row(other)?.done);
        Ok(median(rounds.map(|(one, other)| other.seconds / one.seconds).collect()))
    }

    /// The same by the CPU time of the client, which other programs of the machine disturb less.
    fn cpu_ratio(&self, one: &str, other: &str) -> Result<f64> {
        let rounds = self.row(one)?.done.iter().zip(&self.row(other)?.done);
        Ok(median(rounds.map(|(one, other)| other.cpu / one.cpu).collect()))
    }

    /// The same against the fastest of several.
    fn ratio_to_best(&self, one: &str, others: &[&str]) -> Result<(f64, f64)> {
        let mut least = (f64::INFINITY, f64::INFINITY);
        for other in others {
            least.0 = self.ratio(one, other)?.min(least.0);
            least.1 = self.cpu_ratio(one, other)?.min(least.1);
        }
        Ok(least)
    }

    fn show(&self, what: &str, octets: usize) {
        say!("{what}\n");
        say!(
            "{:<34} {:>10} {:>10} {:>10} {:>8} {:>10} {:>8}",
            "messages a second",
            "min",
            "median",
            "max",
            "MB/s",
            "CPU, us",
            "flights"
        );
        for row in &self.0 {
            let rates: Vec<f64> = row.done.iter().map(|done| 1.0 / done.seconds).collect();
            let min = rates.iter().copied().fold(f64::INFINITY, f64::min);
            let max = rates.iter().copied().fold(0.0, f64::max);
            let middle = median(rates);
            let megabytes = middle * octets as f64 / 1e6;
            let flights = row.flights();
            let cpu = 1e6 * median(row.done.iter().map(|done| done.cpu).collect());
            say!(
                "{:<34} {min:>10.1} {middle:>10.1} {max:>10.1} {megabytes:>8.1} {cpu:>10.1} {flights:>8.2}",
                row.name
            );
        }
        say!("");
    }
}

/// At least so many times.
fn at_least(what: &str, value: f64, least: f64) {
    say!("{}", goal(what, value, &format!(">= {least:.2}"), value >= least));
}

fn at_most(what: &str, value: f64, most: f64) {
    say!("{}", goal(what, value, &format!("<= {most:.2}"), value <= most));
}

pub(crate) fn run() -> Result<()> {
    say!("sending: {} rounds\n", rounds());
    small_messages()?;
    over_a_distance()?;
    one_large_message()?;
    to_the_first_message()
}

/// This workspace's client alone, each work once: for a profiler.
pub(crate) fn run_alone() -> Result<()> {
    let (short, long) = (message(2048), message(100_000_000));
    let authority = Authority::new()?;
    let data = Place { offer: DATA, round_trip: None, authority: None };
    let chunking = Place { offer: CHUNKING, ..data };
    let tls = |place| Place { authority: Some(&authority), ..place };
    let all = vec![
        (Row::new("5,000 x 2 KB, DATA", ours::window_default, data, 5000), &short),
        (Row::new("5,000 x 2 KB, BDAT", ours::window_default, chunking, 5000), &short),
        (Row::new("100 MB, BDAT", ours::run_plain, chunking, 1), &long),
        (Row::new("100 MB, DATA", ours::run_plain, data, 1), &long),
        (Row::new("100 MB, BDAT, TLS", ours::run_tls, tls(chunking), 1), &long),
        (Row::new("100 MB, DATA, TLS", ours::run_tls, tls(data), 1), &long),
    ];
    for (row, content) in all {
        let done = send(row.client, row.place, content, row.count)?;
        let cpu = done.cpu * row.count as f64 * 1000.0;
        say!("{:<24} {:>8.1} ms of CPU time", row.name, cpu);
    }
    Ok(())
}

fn small_messages() -> Result<()> {
    let content = message(2048);
    let data = Place { offer: DATA, round_trip: None, authority: None };
    let chunking = Place { offer: CHUNKING, ..data };
    let mut rows = vec![
        Row::new("xoauth, send_all, DATA", ours::window_default, data, 5000),
        Row::new("xoauth, send_all, BDAT, window 8", ours::window_default, chunking, 5000),
        Row::new("xoauth, send_all, BDAT, window 64", ours::window_64, chunking, 5000),
        Row::new("xoauth, one by one, DATA", ours::run_plain, data, 5000),
        Row::new("xoauth, one by one, BDAT", ours::run_plain, chunking, 5000),
        Row::new("async-smtp", peers::async_smtp, data, 5000),
        // 44 ms a message.
        Row::new("lettre", peers::lettre, data, 25),
        Row::new("lettre, tokio", peers::lettre_tokio, data, 25),
        Row::new("mail-send", peers::mail_send, data, 25),
    ];
    if peers::has_python() {
        rows.push(Row::new("smtplib", peers::smtplib, data, 500));
    } else {
        say!("smtplib: not run, there is no python3\n");
    }
    let table = Table::measure(rows, &content)?;
    table.show("messages of 2 KB, no distance", content.len());
    let ratio = table.ratio("xoauth, send_all, DATA", "async-smtp")?;
    at_least("rate of send_all by DATA / async-smtp", ratio, 3.0);
    let ratio = table.ratio("xoauth, send_all, DATA", "lettre")?;
    at_least("rate of send_all by DATA / lettre", ratio, 1000.0);
    let flights = table.row("xoauth, send_all, DATA")?.flights();
    at_most("flights a message by DATA", flights, 1.004);
    for window in ["8", "64"] {
        let name = format!("xoauth, send_all, BDAT, window {window}");
        let ratio = table.ratio(&name, "async-smtp")?;
        at_least(&format!("rate of send_all by BDAT, window {window} / async-smtp"), ratio, 10.0);
    }
    say!("");
    Ok(())
}

fn over_a_distance() -> Result<()> {
    let content = message(2048);
    let data = Place { offer: DATA, round_trip: Some(ROUND_TRIP), authority: None };
    let chunking = Place { offer: CHUNKING, ..data };
    let rows = vec![
        Row::new("xoauth, send_all, DATA", ours::window_default, data, 100),
        Row::new("xoauth, send_all, BDAT, window 8", ours::window_default, chunking, 100),
        Row::new("xoauth, send_all, BDAT, window 64", ours::window_64, chunking, 100),
        Row::new("async-smtp", peers::async_smtp, data, 100),
    ];
    let table = Table::measure(rows, &content)?;
    table.show("100 messages of 2 KB, round trip 20 ms", content.len());
    let ratio = |name: &str| table.ratio(name, "async-smtp");
    at_least("rate of send_all by DATA / async-smtp", ratio("xoauth, send_all, DATA")?, 1.9);
    let narrow = ratio("xoauth, send_all, BDAT, window 8")?;
    at_least("rate of send_all by BDAT, window 8 / async-smtp", narrow, 8.0);
    let wide = ratio("xoauth, send_all, BDAT, window 64")?;
    at_least("rate of send_all by BDAT, window 64 / async-smtp", wide, 30.0);
    say!("");
    Ok(())
}

fn one_large_message() -> Result<()> {
    let content = message(100_000_000);
    let authority = Authority::new()?;
    let plain = Place { offer: CHUNKING, round_trip: None, authority: None };
    let tls = Place { authority: Some(&authority), ..plain };
    let without = |place| Place { offer: DATA, ..place };
    for (place, kind, least) in [(plain, "plain", 4.0), (tls, "TLS", 1.8)] {
        let ours: Client = if kind == "TLS" { ours::run_tls } else { ours::run_plain };
        let mut rows = vec![
            Row::new("xoauth, BDAT", ours, place, 1),
            Row::new("xoauth, DATA", ours, without(place), 1),
            Row::new("lettre", peers::lettre, without(place), 1),
            Row::new("lettre, tokio", peers::lettre_tokio, without(place), 1),
            Row::new("mail-send", peers::mail_send, without(place), 1),
        ];
        if kind == "plain" {
            rows.push(Row::new("limit: bare writes", peers::bare_socket, place, 1));
        }
        let table = Table::measure(rows, &content)?;
        table.show(&format!("one message of 100 MB, {kind}"), content.len());
        for name in ["xoauth, BDAT", "xoauth, DATA"] {
            let others = ["lettre", "lettre, tokio", "mail-send"];
            let (rate, cpu) = table.ratio_to_best(name, &others)?;
            at_least(&format!("rate of {name} / best of the others, {kind}"), rate, least);
            say!(
                "{:<58} {cpu:>6.2}",
                format!("CPU time of the best of the others / {name}, {kind}")
            );
        }
        say!("");
    }
    for (offer, command) in [(CHUNKING, "BDAT"), (DATA, "DATA")] {
        let sink = e2e::sink::Sink::builder().offer(offer).start()?;
        let job = super::Job { port: sink.port(), authority: None, content: &content, count: 1 };
        let heap = ours::heap_of_reader(job)? as f64 / MIB;
        at_most(&format!("MiB of heap for a message that is read, {command}"), heap, 8.0);
        sink.finish();
    }
    say!("");
    Ok(())
}

fn to_the_first_message() -> Result<()> {
    let content = message(2048);
    let authority = Authority::new()?;
    for (offer, command, most) in [(DATA, "DATA", 6.0), (CHUNKING, "BDAT", 5.0)] {
        let authority = Some(&authority);
        let place = Place { offer, round_trip: Some(ROUND_TRIP), authority };
        let done = send(ours::first_message, place, &content, 1)?;
        let flights = done.flights.unwrap_or_default() as f64;
        let took = done.seconds * 1000.0;
        say!("connecting to the first message accepted by {command}: {took:.0} ms");
        at_most(&format!("flights to the first message accepted by {command}"), flights, most);
    }
    say!("");
    Ok(())
}
