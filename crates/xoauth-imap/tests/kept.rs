//! How much of an answer is kept: just under and just over the limits.
#![allow(missing_docs, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]

mod transcript;

use transcript::Peer;
use xoauth_imap::command::*;
use xoauth_imap::proto::{Command, Machine, TagPrefix};
use xoauth_imap::sasl::wire::Want;
use xoauth_imap::{Error, Flag, LimitKind, Limits, Query, StatusItem};

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

/// Hears an answer of one flight, its items taken as they come.
fn taken<C: Command>(limits: Limits, mut command: C, answer: &str) -> Result<Machine, Error> {
    let mut machine = Machine::new(TagPrefix::new("t"), limits);
    machine.start(&mut [&mut command])?;
    machine.pause_at_each_item();
    let mut rest = answer.as_bytes();
    loop {
        match machine.poll(&mut [&mut command])? {
            Want::Write(octets) => {
                let n = octets.len();
                machine.written(n);
            }
            Want::Read => {
                let room = machine.read_buffer();
                let n = room.len().min(rest.len());
                room[..n].copy_from_slice(&rest[..n]);
                rest = &rest[n..];
                machine.received(n);
            }
            Want::Chunk(_) => {}
            _ => return Ok(machine),
        }
    }
}

/// Entries that wait for their numbers are taken with the tagged answer: until then they count.
#[test]
fn what_is_handed_on_at_the_end_counts_until_then() {
    let mut limits = Limits::default();
    limits.answers = 3;
    let list = || List::all().returning(ListReturn::Status(vec![StatusItem::Messages]));
    let answer = |entries: usize| "* LIST () \"/\" a\r\n".repeat(entries) + "xt1 OK done\r\n";
    taken(limits, list().even_if_unlisted(), &answer(3)).unwrap();
    let ended = taken(limits, list().even_if_unlisted(), &answer(4));
    assert!(matches!(ended, Err(Error::Limit { kind: LimitKind::Answers })), "{ended:?}");
    // Those that are complete as they come do not.
    taken(limits, List::all(), &answer(40)).unwrap();
}

/// What a command kept counts as news from its refusal on.
#[test]
fn what_becomes_news_weighs_what_it_weighed() {
    let store = || Store::new("1:9", StoreAction::Add, [Flag::Seen]).even_if_unlisted();
    let keyword = "k".repeat(3_000);
    let answer = format!("* 1 FETCH (UID 1 FLAGS ({keyword}))\r\nxt1 NO no\r\n");
    let mut limits = Limits::default();
    let mut machine = taken(limits, store(), &answer).unwrap();
    assert!(machine.next_event().is_some());
    limits.event_octets = 2_000;
    let ended = taken(limits, store(), &answer);
    assert!(matches!(ended, Err(Error::Limit { kind: LimitKind::Events })), "{ended:?}");
}
