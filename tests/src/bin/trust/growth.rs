//! `trust growth`: what twice as much costs.
//!
//! Judged by instructions, which `valgrind` counts: they are the same in each run, on a busy machine too. What copies much with
//! few of them shows in the time of the processor. That also holds what memory costs that no longer fits the nearest caches, and
//! whatever else the machine does, so that one doubling says little: the mean of four is judged, of the least times, which are
//! taken more often where they miss the goal.

use std::process::Command;

use cpu_time::ThreadTime;
use e2e::growth::{Bounds, Played, SHAPES, Shape};

use crate::Outcome;

/// Instructions are counted up to 4 MiB, times are taken up to 16.
const SMALLEST: usize = 1 << 20;
const COUNTED: [usize; 3] = [SMALLEST, SMALLEST << 1, SMALLEST << 2];
const DOUBLINGS: i32 = 4;

/// Twice as much may cost so much more, of either.
const MOST: f64 = 2.3;

/// The least of so many times is the one that was disturbed least.
const TIMES: usize = 5;

/// So often as many are taken before a machine is held to have been quiet enough.
const ROUNDS: usize = 4;

/// Both for each shape.
pub(crate) fn run() -> Outcome {
    let start = instructions(&[])?;
    let (mut reached, mut most_of_all, mut longest) = (0, 0.0_f64, 0.0_f64);
    for shape in SHAPES {
        let mut counts = Vec::new();
        for octets in COUNTED {
            let counted = instructions(&[shape.name, &octets.to_string()])?;
            counts.push(counted.saturating_sub(start) as f64);
        }
        let ratios = counts.windows(2).map(|pair| match pair {
            [small, large] => large / small,
            _ => f64::INFINITY,
        });
        let most = ratios.fold(0.0, f64::max);
        let (time, large) = doubling(shape)?;
        let fits = most > 1.0 && most <= MOST && time <= MOST;
        reached += usize::from(fits);
        (most_of_all, longest) = (most_of_all.max(most), longest.max(time));
        println!(
            "{}: twice as much costs {most:.2} times the instructions and {time:.2} times the time, goal {MOST}, 16 MiB {:.0} ms: {}",
            shape.name,
            large * 1000.0,
            if fits { "reached" } else { "MISSED" },
        );
    }
    let all = SHAPES.len();
    println!(
        "{reached} of {all} shapes; twice as much costs {most_of_all:.2} times the instructions and {longest:.2} times the time at most, goal {MOST}"
    );
    Ok(reached == all)
}

/// Plays one shape, for the instructions to be counted; nothing where none is named.
pub(crate) fn play(name: &str, octets: &str) -> Outcome {
    let shape = SHAPES.iter().find(|shape| shape.name == name).ok_or("there is no such shape")?;
    played(*shape, octets.parse()?)?;
    Ok(true)
}

/// How many instructions this program takes to play a shape.
fn instructions(arguments: &[&str]) -> Result<u64, Box<dyn std::error::Error>> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(std::env::current_exe()?).arg("play").args(arguments);
    let output = valgrind.output().map_err(|error| format!("valgrind: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let counted = said.lines().find_map(|line| line.split_once("Collected : "));
    match counted {
        Some((_, count)) if output.status.success() => Ok(count.trim().parse()?),
        _ => Err(format!("valgrind counted nothing: {said}").into()),
    }
}

/// What a doubling costs in time, the mean of those from 1 to 16 MiB, and the seconds for 16.
fn doubling(shape: Shape) -> Result<(f64, f64), Box<dyn std::error::Error>> {
    let mut least = [f64::INFINITY; 2];
    let mut time = f64::INFINITY;
    for _ in 0..ROUNDS {
        take_times(shape, &mut least)?;
        let [small, large] = least;
        time = (large / small).powf(1.0 / f64::from(DOUBLINGS));
        if time <= MOST {
            break;
        }
    }
    let [_, large] = least;
    Ok((time, large))
}

/// Seconds of the processor for 1 and for 16 MiB, in turn; keeps the least.
fn take_times(shape: Shape, least: &mut [f64; 2]) -> Result<(), Box<dyn std::error::Error>> {
    for _ in 0..TIMES {
        for (octets, least) in [SMALLEST, SMALLEST << DOUBLINGS].into_iter().zip(&mut *least) {
            let began = ThreadTime::try_now()?;
            played(shape, octets)?;
            *least = least.min(began.try_elapsed()?.as_secs_f64());
        }
    }
    Ok(())
}

fn played(shape: Shape, octets: usize) -> Result<(), String> {
    match (shape.play)(octets, Bounds::None) {
        Played::Whole => Ok(()),
        Played::Refused { fault, taken } => {
            let (name, error) = (shape.name, fault.text);
            Err(format!("{name}: {octets} octets were refused after {taken}: {error}"))
        }
    }
}
