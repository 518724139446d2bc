//! Recorded sessions in pieces, cut, changed, and over a transport that fails: a sample of what
//! `cargo xtask sweep` plays whole.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeSet;

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

/// The words that a client's lines begin with, behind their tags; of what is sent in answer to a continuation, none.
fn verbs(wrote: &[u8], is_imap: bool) -> BTreeSet<String> {
    let wrote = String::from_utf8_lossy(wrote).into_owned();
    let verb = |line: &str| {
        let mut words = line.split(' ');
        let tag = if is_imap { words.next().unwrap_or_default() } else { "1" };
        let verb = words.next().unwrap_or_default();
        let is_command = tag.ends_with(|c: char| c.is_ascii_digit());
        let is_verb = verb.len() > 3 && verb.bytes().all(|octet| octet.is_ascii_uppercase());
        (is_command && is_verb).then(|| verb.to_owned())
    };
    wrote.split("\r\n").filter_map(verb).collect()
}

/// A session that only ever begins shows little: every action of the player is done, and answered, in sessions with and
/// without the extensions that change what is said, and what the client does by itself too.
#[test]
fn every_command_is_played_in_sessions_that_are_accepted() {
    let both = ["AUTHENTICATE", "SELECT", "NOOP", "LIST", "SEARCH", "FETCH", "COPY", "APPEND"];
    let imap: BTreeSet<_> = both.into_iter().chain(["LOGOUT"]).collect();
    let smtp: BTreeSet<_> = ["EHLO", "AUTH", "NOOP", "MAIL", "RCPT", "QUIT"].into();
    for (of, by_itself) in [
        ("imap, extended", None),
        ("imap, bare", Some("CAPABILITY")),
        ("smtp, extended", Some("BDAT")),
        ("smtp, bare", Some("DATA")),
    ] {
        let (protocol, set) = of.split_once(", ").unwrap();
        let is_imap = protocol == "imap";
        let wanted: BTreeSet<_> = if is_imap { &imap } else { &smtp }.iter().copied().collect();
        let wanted: BTreeSet<_> = wanted.into_iter().chain(by_itself).map(str::to_owned).collect();
        let accepted: Vec<Transcript> = transcripts()
            .into_iter()
            .filter(|one| one.name.starts_with(&format!("host, {protocol}, ")))
            .filter(|one| one.name.ends_with(&format!("{set}, accepted")))
            .collect();
        for &driver in Driver::ALL {
            let played = accepted.iter().flat_map(|transcript| {
                verbs(&transcript.play(driver, Change::None).wrote, is_imap)
            });
            assert_eq!(played.collect::<BTreeSet<_>>(), wanted, "{of}, {driver:?}");
        }
    }
    // What follows a refusal too.
    let refused = transcripts().into_iter().filter(|one| one.end["outcome"] == "error");
    let reset = refused.filter(|one| {
        verbs(&one.play(Driver::Blocking, Change::None).wrote, one.is_imap()).contains("RSET")
    });
    assert!(reset.count() >= 3);
}

#[test]
fn sessions_in_pieces_cut_and_changed_end_the_same_or_in_an_error() {
    let transcripts = transcripts();
    assert!(transcripts.len() >= 60);
    let mut tally = Tally::default();
    for (index, transcript) in transcripts.iter().enumerate() {
        let sweep = Sweep { stride: 127, from: index * 9 % 127 };
        for &driver in Driver::ALL {
            tally.add(sweep.play(transcript, driver));
        }
    }
    right(&tally);
    assert!(tally.cuts > 800 && tally.flips > 4000, "{tally:?}");
}

#[test]
fn a_transport_may_fail_at_any_call() {
    // Both protocols, every mechanism, accepted and refused; a refusal that was heard before is one of them.
    let transcripts = transcripts();
    let mut tally = Tally::default();
    let chosen = transcripts.iter().enumerate();
    for (_, transcript) in chosen.filter(|(at, one)| at % 5 == 0 || one.name.contains("refused")) {
        for &driver in Driver::ALL {
            tally.add(io_faults(transcript, driver));
        }
    }
    right(&tally);
    assert!(tally.faults > 1000, "{tally:?}");
}
