//! `cargo xtask lab down`: stops what `up` has started, and removes the lab's directory.

use std::time::Instant;

use super::Options;
use super::place::Place;
use crate::Result;
use crate::outcome::Outcome;
use crate::workspace::Workspace;

pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    match Place::find(workspace, options) {
        None => println!("lab: not up"),
        Some(place) => stop(place)?,
    }
    Ok(Outcome::Passed)
}

/// Stops all processes of a lab, then removes it.
pub(super) fn stop(place: Place) -> Result<()> {
    let begin = Instant::now();
    let killed = place.processes().stop()?;
    if killed > 0 {
        println!("lab: {killed} processes had to be killed");
    }
    place.remove()?;
    println!("lab: down in {:.1} s", begin.elapsed().as_secs_f64());
    Ok(())
}
