//! The replay sink as a program: `cargo run -p e2e --bin sink -- --help`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::io::Read;
use std::process::ExitCode;
use std::time::Duration;

use e2e::certificates::Authority;
use e2e::sink::{Faults, Link, Offer, Sink};

const HELP: &str = "\
Takes mail on a free port of 127.0.0.1, which is printed, until standard input ends; then prints what came.

  --no-pipelining     does not offer PIPELINING
  --chunking          offers CHUNKING
  --round-trip MS     puts a network with this round trip time before the sink
  --faults SEED       fails at random octets and answers at random, the same for the same seed
  --tls FILE          TLS from the first octet; the certificate to trust is written to FILE (PEM)";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut offer = Offer::default();
    let mut builder = Sink::builder();
    let mut round_trip = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{name} needs a value"));
        match name.as_str() {
            "--no-pipelining" => offer.pipelining = false,
            "--chunking" => offer.chunking = true,
            "--round-trip" => round_trip = Some(Duration::from_millis(value()?.parse()?)),
            "--faults" => builder = builder.faults(Faults::draw(value()?.parse()?, 100_000)),
            "--tls" => {
                let authority = Authority::new()?;
                std::fs::write(value()?, authority.pem()?)?;
                builder = builder.tls(authority.localhost()?);
            }
            "--help" | "-h" => {
                println!("{HELP}");
                return Ok(());
            }
            other => return Err(format!("unknown argument {other}; try --help").into()),
        }
    }
    let sink = builder.offer(offer).start()?;
    let link = round_trip.map(|time| Link::start(sink.port(), time)).transpose()?;
    println!("{}", link.as_ref().map_or(sink.port(), Link::port));
    std::io::stdin().read_to_end(&mut Vec::new())?;
    drop(link);
    println!("{:#?}", sink.finish());
    Ok(())
}
