//! Recorded sessions in pieces, cut, changed, and over a transport that fails: a sample of what
//! `cargo xtask sweep` plays whole.
#![allow(missing_docs, clippy::unwrap_used)]

use e2e::player::Driver;
use e2e::transcripts::{Sweep, Tally, Transcript, io_faults};

fn transcripts() -> Vec<Transcript> {
    Transcript::read_all(include_str!("../data/transcripts/sessions.jsonl")).unwrap()
}

fn right(tally: &Tally) {
    assert!(tally.wrong.is_empty(), "{}:\n{}", tally.wrong.len(), tally.wrong.join("\n"));
}

#[test]
fn sessions_in_pieces_cut_and_changed_end_the_same_or_in_an_error() {
    let transcripts = transcripts();
    assert!(transcripts.len() >= 40);
    let mut tally = Tally::default();
    for (index, transcript) in transcripts.iter().enumerate() {
        let sweep = Sweep { stride: 67, from: index * 5 % 67 };
        for &driver in Driver::ALL {
            tally.add(sweep.play(transcript, driver));
        }
    }
    right(&tally);
    assert!(tally.cuts > 300 && tally.flips > 2000, "{tally:?}");
}

#[test]
fn a_transport_may_fail_at_any_call() {
    // Ten dialogues: both protocols, every mechanism, accepted and refused.
    let transcripts = transcripts();
    let mut tally = Tally::default();
    for transcript in transcripts.iter().step_by(4) {
        for &driver in Driver::ALL {
            tally.add(io_faults(transcript, driver));
        }
    }
    right(&tally);
    assert!(tally.faults > 1000, "{tally:?}");
}
