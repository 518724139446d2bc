//! What a session hears does not depend on how the octets arrive, whatever they are.
#![allow(missing_docs, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;
use serde_json::Value;
use xoauth_imap::command::{Fetch, Items, Select};
use xoauth_imap::proto::{Exchange, Machine, TagPrefix};
use xoauth_imap::sasl::wire::{Conversation, Want};
use xoauth_imap::{Error, Limits};

/// What real servers send, and FETCH responses in which something is wrong beside streamed octets.
fn corpus() -> Vec<Vec<u8>> {
    let file: Value = serde_json::from_str(include_str!("data/server-quirks.json")).unwrap();
    let quirks = file["quirks"].as_array().unwrap();
    let quirks = quirks.iter().filter(|quirk| quirk["protocol"] == "imap");
    let mut corpus: Vec<Vec<u8>> = quirks
        .map(|quirk| {
            let text = quirk["bytes"].as_str().unwrap();
            match quirk["encoding"].as_str().unwrap() {
                "latin-1" => text.chars().map(|c| u8::try_from(c).unwrap()).collect(),
                _ => text.as_bytes().to_vec(),
            }
        })
        .collect();
    assert_eq!(corpus.len(), 22);
    let streamed = [
        "* 1 FETCH (UID 5 BODY[] {12}\r\nHello\r\nworld FLAGS (\\Seen))\r\n",
        "* 1 FETCH (X-FOO (BODY[] {3}\r\nabc) FLAGS ())\r\n",
        "* 1 FETCH (BODY[] {3}\r\nabcX FLAGS ())\r\n",
        "* 1 FETCH (BODY[] {3}\r\nabc BODY[TEXT] {4}\r\ndefg ENVELOPE (NIL) UID 5)\r\n",
        "* 1 FETCH (BODY[HEADER] {7}\r\nUID 6 (BODY[TEXT] {0}\r\n BODY[1] {2}\r\nok UID 5)\r\n",
        "* 1 FETCH (BODY[] {3}\r\nabc\n FLAGS ())\r\n",
        "* 1 FETCH (BODY[] {5}\r\nabc FLAGS ())\r\n",
        "* 2 FETCH (BODY[] \"quoted\" ENVELOPE (\"d\" {3}\r\nabc))\r\n* 3 EXISTS\r\n",
    ];
    corpus.extend(streamed.map(|text| text.as_bytes().to_vec()));
    corpus
}

fn select(machine: &mut Machine) {
    let mut select = Select::new("INBOX");
    machine.start(&mut [&mut select]).unwrap();
    loop {
        match machine.poll(&mut [&mut select]).unwrap() {
            Want::Write(octets) => {
                let n = octets.len();
                machine.written(n);
            }
            Want::Read => {
                let answer = b"xt1 OK done\r\n";
                machine.read_buffer()[..answer.len()].copy_from_slice(answer);
                machine.received(answer.len());
            }
            _ => return,
        }
    }
}

/// Everything a session hears of `octets` when they arrive in pieces cut at `cuts`.
fn heard(octets: &[u8], cuts: &[usize], lend: bool) -> Vec<String> {
    let mut machine = Machine::new(TagPrefix::new("t"), Limits::default());
    let mut fetch = Fetch::new("1:*", "(FLAGS BODY.PEEK[])".parse::<Items>().unwrap());
    if lend {
        fetch.lend_bodies();
    }
    let mut heard = Vec::new();
    let mut lent = Vec::new();
    select(&mut machine);
    machine.start(&mut [&mut fetch]).unwrap();
    let mut at = 0;
    let end: Result<(), Error> = loop {
        let mut exchanges: [&mut dyn Exchange; 1] = [&mut fetch];
        let mut conversation = machine.converse(&mut exchanges);
        match conversation.poll() {
            Ok(Want::Write(octets)) => {
                let n = octets.len();
                conversation.written(n);
            }
            Ok(Want::Read) if at == octets.len() => {
                if let Err(error) = conversation.end_of_stream() {
                    break Err(error);
                }
            }
            Ok(Want::Read) => {
                let to = cuts.iter().copied().find(|&cut| cut > at).unwrap_or(octets.len());
                let piece = &octets[at..to.min(octets.len())];
                let room = conversation.read_buffer();
                let n = piece.len().min(room.len());
                room[..n].copy_from_slice(&piece[..n]);
                conversation.received(n);
                at += n;
            }
            Ok(Want::Chunk(octets)) => {
                let octets = octets.to_vec();
                assert_eq!(machine.chunk(), octets);
                lent.extend(octets);
            }
            Ok(Want::Done) => break Ok(()),
            Ok(want) => panic!("nobody asked for {want:?}"),
            Err(error) => break Err(error),
        }
    };
    heard.push(format!("lent {}", lent.escape_ascii()));
    while let Some(event) = fetch.take_event() {
        heard.push(format!("{event:?}"));
    }
    while let Some(event) = machine.next_event() {
        heard.push(format!("{event:?}"));
    }
    heard.push(format!("{:?}", machine.tolerated()));
    heard.push(format!("{end:?}"));
    heard
}

#[test]
fn every_entry_is_heard_the_same_however_it_is_cut() {
    for mut octets in corpus() {
        octets.extend_from_slice(b"xt2 OK done\r\n");
        let shown = octets.escape_ascii().to_string();
        for lend in [false, true] {
            let whole = heard(&octets, &[], lend);
            for cut in 1..octets.len() {
                assert_eq!(heard(&octets, &[cut], lend), whole, "{shown} cut at {cut}");
            }
        }
    }
}

#[test]
fn a_body_that_is_lent_comes_whole_and_no_other_does() {
    let answer = b"* 1 FETCH (UID 7 BODY[] {11}\r\nhello world FLAGS ())\r\nxt2 OK done\r\n";
    for cut in 0..answer.len() {
        for (lend, lent) in [(true, "lent hello world"), (false, "lent ")] {
            let heard = heard(answer, &[cut], lend);
            assert_eq!(heard[0], lent);
            assert_eq!(heard.last().unwrap(), "Ok(())");
        }
    }
}

/// One octet is changed, is left out, or comes twice.
#[derive(Debug, Clone)]
enum Mutation {
    Change(prop::sample::Index, u8),
    LeaveOut(prop::sample::Index),
    Repeat(prop::sample::Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let octet = prop::sample::select(b"()[]{}<>\"\\ \r\n0123456789aNIL*+~%\xff\0".to_vec());
    prop_oneof![
        3 => (any::<prop::sample::Index>(), octet).prop_map(|(at, to)| Mutation::Change(at, to)),
        1 => any::<prop::sample::Index>().prop_map(Mutation::LeaveOut),
        1 => any::<prop::sample::Index>().prop_map(Mutation::Repeat),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn mutations_are_heard_the_same_however_they_are_cut(
        entries in prop::collection::vec(prop::sample::select(corpus()), 1..3),
        mutations in prop::collection::vec(mutation(), 1..4),
        cuts in prop::collection::btree_set(1usize..400, 0..6),
    ) {
        let mut octets = entries.concat();
        for mutation in mutations {
            match mutation {
                Mutation::Change(at, to) => {
                    let at = at.index(octets.len());
                    octets[at] = to;
                }
                Mutation::LeaveOut(at) => {
                    octets.remove(at.index(octets.len()));
                }
                Mutation::Repeat(at) => {
                    let at = at.index(octets.len());
                    octets.insert(at, octets[at]);
                }
            }
        }
        octets.extend_from_slice(b"xt2 OK done\r\n");
        let cuts: Vec<usize> = cuts.into_iter().collect();
        let one_by_one: Vec<usize> = (1..octets.len()).collect();
        for lend in [false, true] {
            let whole = heard(&octets, &[], lend);
            for cuts in [&cuts, &one_by_one] {
                let shown = octets.escape_ascii();
                prop_assert_eq!(&heard(&octets, cuts, lend), &whole, "{} cut at {:?}", shown, cuts);
            }
        }
    }
}
