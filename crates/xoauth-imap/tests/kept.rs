//! How much of an answer is kept: just under and just over the limits.
#![allow(missing_docs, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]

mod transcript;

use transcript::Peer;
use xoauth_imap::command::*;
use xoauth_imap::proto::{Command, Machine, TagPrefix};
use xoauth_imap::sasl::wire::Want;
use xoauth_imap::{Error, LimitKind, Limits, Query};

#[test]
fn bodies_that_are_kept_have_a_limit_together() {
    let one = |lengths: &[usize]| {
        let body = |n: &usize| format!("BODY[] {{{n}}}\r\n{}", "x".repeat(*n));
        format!("* 1 FETCH ({})\r\n", lengths.iter().map(body).collect::<Vec<_>>().join(" "))
    };
    // What comes, whether it is taken as it comes, and whether it passes a limit of ten octets.
    let cases = [
        (one(&[10]), false, true),
        (one(&[11]), false, false),
        (one(&[5, 5]), false, true),
        (one(&[5, 5, 1]), false, false),
        (one(&[5]).repeat(2), false, true),
        (one(&[5]).repeat(3), false, false),
        (one(&[10]).repeat(9), true, true),
        (one(&[5, 6]), true, false),
        (format!("{}{}", one(&[10]), one(&[5, 6])), true, false),
    ];
    for (answer, taken, passes) in cases {
        let mut limits = Limits::default();
        limits.answer_bodies = 10;
        let mut machine = Machine::new(TagPrefix::new("t"), limits);
        let mut fetch = Fetch::new("1:*", Item::Body).even_if_unlisted();
        machine.start(&mut [&mut fetch]).unwrap();
        if taken {
            machine.pause_for_items();
        }
        let answer = answer + "xt1 OK done\r\n";
        let mut rest = answer.as_bytes();
        let end = loop {
            match machine.poll(&mut [&mut fetch]) {
                Ok(Want::Write(octets)) => {
                    let n = octets.len();
                    machine.written(n);
                }
                Ok(Want::Read) => {
                    let (octet, behind) = rest.split_first().unwrap();
                    machine.read_buffer()[0] = *octet;
                    machine.received(1);
                    rest = behind;
                }
                Ok(Want::Chunk(_)) => {}
                Ok(_) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        match end {
            Ok(()) => assert!(passes, "{answer}"),
            Err(Error::Limit { kind: LimitKind::Answers }) => assert!(!passes, "{answer}"),
            Err(error) => panic!("{answer}: {error:?}"),
        }
    }
}

#[test]
fn what_large_mailboxes_answer_is_within_the_limits() {
    let numbers: String = (1..=1_000_000).map(|n| format!(" {n}")).collect();
    let text = format!("C: xt1 UID SEARCH ALL\nS: * SEARCH{numbers}\nS: xt1 OK done");
    let search = || Search::new(Query::All).even_if_unlisted();
    let found = Peer::first_error(&text, |peer| peer.run(search())).unwrap();
    assert_eq!(found.len(), 1_000_000);

    let lines = "S: * LIST (\\HasNoChildren) \"/\" \"lists/of/some/length\"\n".repeat(50_000);
    let text = format!("C: xt1 LIST \"\" *\n{lines}S: xt1 OK done").replace("\"\" *", "\"\" \"*\"");
    let found = Peer::first_error(&text, |peer| peer.run(List::all())).unwrap();
    assert_eq!(found.len(), 50_000);

    let body = "x".repeat(2000);
    let lines = format!("S: * 1 FETCH (BODY[] {{2000}}\nS: {body})\n").repeat(20_000);
    let text = format!("C: xt1 UID FETCH 1:* (BODY.PEEK[])\n{lines}S: xt1 OK done");
    let fetch = || Fetch::new("1:*", Item::Body).even_if_unlisted();
    let found = Peer::first_error(&text, |peer| peer.run(fetch())).unwrap();
    assert_eq!(found.len(), 20_000);
}

#[test]
fn items_are_handed_on_in_batches_or_one_by_one() {
    let answer =
        "* 1 FETCH (UID 1 FLAGS ())\r\n* 2 FETCH (UID 2 FLAGS ())\r\n* 3 FETCH (UID 3 FLAGS (";
    let rest = "))\r\nxt1 OK done\r\n";
    type Ask = fn(&mut Machine);
    let cases: [(Ask, &[usize]); 3] = [
        (|_| {}, &[3]),
        (Machine::pause_for_items, &[2, 1]),
        (Machine::pause_at_each_item, &[1, 1, 1]),
    ];
    for (ask, expected) in cases {
        let mut machine = Machine::new(TagPrefix::new("t"), Limits::default());
        let mut fetch = Fetch::new("1:*", Item::Flags).even_if_unlisted();
        machine.start(&mut [&mut fetch]).unwrap();
        ask(&mut machine);
        let mut pieces = [answer, rest].into_iter();
        let mut batches = Vec::new();
        loop {
            let mut taken = 0;
            let want = match machine.poll(&mut [&mut fetch]).unwrap() {
                Want::Write(octets) => Some(octets.len()),
                Want::Read => {
                    let piece = pieces.next().unwrap().as_bytes();
                    machine.read_buffer()[..piece.len()].copy_from_slice(piece);
                    machine.received(piece.len());
                    continue;
                }
                Want::Chunk(octets) => {
                    assert!(octets.is_empty());
                    None
                }
                _ => {
                    taken += std::iter::from_fn(|| fetch.take_item()).count();
                    batches.extend((taken > 0).then_some(taken));
                    break;
                }
            };
            match want {
                Some(n) => machine.written(n),
                None => batches.push(std::iter::from_fn(|| fetch.take_item()).count()),
            }
        }
        assert_eq!(batches, expected);
    }
}
