//! What is said without end takes no more of the heap than the limits allow, and little of the stack.
#![allow(missing_docs, clippy::unwrap_used)]

use std::thread;

use e2e::growth::{Bounds, MANY, Played, SHAPES, UNFOLDED};
use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const MIB: usize = 1024 * 1024;

/// Without optimisation an eighth of everything is played: the limits, and what passes them. The limits as they are
/// stand in `cargo test --release`, which `cargo xtask gates attacks` runs.
const PART: usize = if cfg!(debug_assertions) { 8 } else { 1 };
const BOUNDS: Bounds = if cfg!(debug_assertions) { Bounds::Eighth } else { Bounds::Default };

/// More than any limit that holds for a shape.
const OCTETS: usize = 18 * MIB / PART;

/// Less than the limit of a response.
const FEWER: usize = 15 * MIB / PART;

/// More than the limit of what is kept of many.
const MORE: usize = 80 * MIB / PART;

/// One test alone: it measures the heap of the process.
#[test]
fn shapes_without_end_stay_within_the_limits() {
    let small = thread::Builder::new().stack_size(128 * 1024).spawn(|| {
        let mut complaints = Vec::new();
        let sizes = [(OCTETS, &SHAPES[..]), (FEWER, &UNFOLDED[..]), (MORE, &MANY[..])];
        for (octets, shape) in sizes
            .into_iter()
            .flat_map(|(size, shapes)| shapes.iter().map(move |shape| (size, shape)))
        {
            let before = HEAP.current_usage();
            HEAP.reset_peak_usage();
            let octets = if shape.name.contains("octet by octet") { MIB / PART } else { octets };
            // The message is the caller's.
            let given = if shape.name.contains("message of dots") { octets } else { 0 };
            let played = (shape.play)(octets, BOUNDS);
            let (name, wanted) = (shape.name, shape.end);
            if played.end() != wanted {
                complaints.push(format!("{name}: {wanted:?} was to come of it, not {played:?}"));
            }
            if let Played::Refused { fault, taken } = played {
                let least = shape.least * 1024 / PART;
                if taken < least {
                    let text = fault.text;
                    complaints.push(format!("{name}: {taken} of {least} were taken: {text}"));
                }
            }
            let grown = HEAP.peak_usage().saturating_sub(before);
            let most = MIB + (shape.limit)() / PART + given;
            if grown > most {
                complaints.push(format!("{name}: the heap grew by {grown}, at most {most}"));
            }
        }
        assert_eq!(complaints, [""; 0]);
    });
    small.unwrap().join().unwrap();
}
