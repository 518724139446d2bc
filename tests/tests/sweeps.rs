//! Recorded sessions in pieces, cut, changed, and over a transport that fails: a sample of what
//! `cargo xtask sweep` plays whole.
#![allow(missing_docs, clippy::unwrap_used)]

use e2e::player::Driver;
use e2e::transcripts::{Change, Sweep, Tally, Transcript, end_of, io_faults};

fn transcripts() -> Vec<Transcript> {
    Transcript::read_all(include_str!("../data/transcripts/sessions.jsonl")).unwrap()
}

fn right(tally: &Tally) {
    assert!(tally.wrong.is_empty(), "{}:\n{}", tally.wrong.len(), tally.wrong.join("\n"));
}

/// Before anything is changed, both sessions end as the recorded one did: what the sweeps compare with is right.
#[test]
fn sessions_end_as_they_were_recorded_with_both_drivers() {
    for transcript in transcripts() {
        let ends = Driver::ALL.iter().map(|&driver| {
            let course = transcript.play(driver, Change::None);
            assert_eq!(end_of(&course.answer), transcript.end, "{}", transcript.name);
            assert_eq!(course.left, 0, "{}: turns or lines were not played", transcript.name);
            end_of(&course.answer)
        });
        let ends: Vec<_> = ends.collect();
        assert!(ends.len() > 1 && ends.windows(2).all(|pair| pair[0] == pair[1]));
        let accepted = transcript.name.ends_with("accepted");
        let refused = transcript.name.ends_with("refused");
        let outcome = &transcript.end["outcome"];
        assert!(!accepted || outcome == "ok", "{}", transcript.name);
        assert!(!refused || outcome == "error", "{}", transcript.name);
    }
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
    // Both protocols, every mechanism, accepted and refused; a refusal that was heard before is one of them.
    let transcripts = transcripts();
    let mut tally = Tally::default();
    let chosen = transcripts.iter().enumerate();
    for (_, transcript) in chosen.filter(|(at, one)| at % 4 == 0 || one.name.contains("refused")) {
        for &driver in Driver::ALL {
            tally.add(io_faults(transcript, driver));
        }
    }
    right(&tally);
    assert!(tally.faults > 1000, "{tally:?}");
}
