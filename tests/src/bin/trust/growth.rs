//! `trust growth`: what twice as much costs.

use cpu_time::ThreadTime;
use e2e::growth::{Bounds, Played, SHAPES, Shape};

use crate::Outcome;

/// From 1 to 16 MiB.
const SMALLEST: usize = 1 << 20;
const LARGEST: usize = 1 << 24;

/// Twice as much may cost so much more.
const MOST: f64 = 2.3;

/// The least of so many times is the one that was disturbed least.
const TIMES: usize = 5;

pub(crate) fn run() -> Outcome {
    let mut all_fit = true;
    for shape in SHAPES {
        let sizes = std::iter::successors(Some(SMALLEST), |size| Some(size * 2));
        let sizes: Vec<usize> = sizes.take_while(|&size| size <= LARGEST).collect();
        let times: Vec<f64> =
            sizes.iter().map(|&size| least(shape, size)).collect::<Result<_, _>>()?;
        let ratios = times.windows(2).map(|pair| match pair {
            [small, large] => large / small,
            _ => 0.0,
        });
        let worst = ratios.fold(0.0, f64::max);
        let whole = times.last().copied().unwrap_or(f64::INFINITY);
        let fits = worst <= MOST;
        all_fit &= fits;
        println!(
            "{}: 16 MiB in {:.0} ms; twice as much costs {worst:.2} times as much at most, goal {MOST}: {}",
            shape.name,
            whole * 1000.0,
            if fits { "reached" } else { "MISSED" }
        );
    }
    Ok(all_fit)
}

/// Seconds of the processor.
fn least(shape: Shape, octets: usize) -> Result<f64, Box<dyn std::error::Error>> {
    let mut least = f64::INFINITY;
    for _ in 0..TIMES {
        let began = ThreadTime::try_now()?;
        if (shape.play)(octets, Bounds::None) != Played::Whole {
            return Err(format!("{}: {octets} octets were refused", shape.name).into());
        }
        least = least.min(began.try_elapsed()?.as_secs_f64());
    }
    Ok(least)
}
