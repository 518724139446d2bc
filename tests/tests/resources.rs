//! What is said without end takes no more of the heap than the limits allow, and little of the stack.
#![allow(missing_docs, clippy::unwrap_used)]

use std::thread;

use e2e::growth::{Bounds, KEPT, Played, SHAPES};
use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const MIB: usize = 1024 * 1024;

/// More than any limit that holds for a shape.
const OCTETS: usize = 18 * MIB;

/// Less than the limit of a response.
const FEWER: usize = 15 * MIB;

/// One test alone: it measures the heap of the process.
#[test]
fn shapes_without_end_stay_within_the_limits() {
    let small = thread::Builder::new().stack_size(128 * 1024).spawn(|| {
        let mut refused = 0;
        let sizes = [(OCTETS, &SHAPES[..]), (FEWER, &KEPT[..])];
        for (octets, shape) in sizes
            .into_iter()
            .flat_map(|(size, shapes)| shapes.iter().map(move |shape| (size, shape)))
        {
            let before = HEAP.current_usage();
            HEAP.reset_peak_usage();
            let octets = if shape.name.contains("octet by octet") { MIB } else { octets };
            // The message is the caller's.
            let given = if shape.name.contains("message of dots") { octets } else { 0 };
            refused += usize::from((shape.play)(octets, Bounds::Default) == Played::Refused);
            let grown = HEAP.peak_usage().saturating_sub(before);
            let most = MIB + (shape.limit)() + given;
            assert!(grown <= most, "{}: the heap grew by {grown}, at most {most}", shape.name);
        }
        // Lines, responses and replies of this length are over their limits.
        assert!(refused >= 4, "{refused}");
    });
    small.unwrap().join().unwrap();
}
