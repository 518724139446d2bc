//! `trust growth`: what twice as much costs.
//!
//! Judged by instructions, which `valgrind` counts: they are the same in each run, on a busy machine too. What copies much with
//! few of them shows in the time of the processor. That also holds what memory costs that no longer fits the nearest caches, and
//! whatever else the machine does, so that one doubling says little: the mean of four is judged, with a goal that is wider.

use std::process::Command;

use cpu_time::ThreadTime;
use e2e::growth::{Bounds, Played, SHAPES, Shape};

use crate::Outcome;

/// Instructions are counted up to 4 MiB, times are taken up to 16.
const SMALLEST: usize = 1 << 20;
const COUNTED: [usize; 3] = [SMALLEST, SMALLEST << 1, SMALLEST << 2];
const DOUBLINGS: i32 = 4;

/// Twice as much may cost so much more.
const MOST: f64 = 2.3;

/// The same of the time; what grows in the square costs 4 times as much.
const LONGEST: f64 = 3.0;

/// The least of so many times is the one that was disturbed least.
const TIMES: usize = 5;

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
        let [small, large] = least_times(shape)?;
        let time = (large / small).powf(1.0 / f64::from(DOUBLINGS));
        let fits = most > 1.0 && most <= MOST && time <= LONGEST;
        reached += usize::from(fits);
        (most_of_all, longest) = (most_of_all.max(most), longest.max(time));
        println!(
            "{}: twice as much costs {most:.2} times the instructions, goal {MOST}, and {time:.2} times the time, goal {LONGEST}, 16 MiB {:.0} ms: {}",
            shape.name,
            large * 1000.0,
            if fits { "reached" } else { "MISSED" },
        );
    }
    let all = SHAPES.len();
    println!(
        "{reached} of {all} shapes; twice as much costs {most_of_all:.2} times the instructions at most, goal {MOST}, and {longest:.2} times the time, goal {LONGEST}"
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

/// Seconds of the processor for 1 and for 16 MiB, in turn.
fn least_times(shape: Shape) -> Result<[f64; 2], Box<dyn std::error::Error>> {
    let mut least = [f64::INFINITY; 2];
    for _ in 0..TIMES {
        for (octets, least) in [SMALLEST, SMALLEST << DOUBLINGS].into_iter().zip(&mut least) {
            let began = ThreadTime::try_now()?;
            played(shape, octets)?;
            *least = least.min(began.try_elapsed()?.as_secs_f64());
        }
    }
    Ok(least)
}

fn played(shape: Shape, octets: usize) -> Result<(), String> {
    match (shape.play)(octets, Bounds::None) {
        Played::Whole => Ok(()),
        Played::Refused => Err(format!("{}: {octets} octets were refused", shape.name)),
    }
}
