//! Several commands run as one: what shares a flight, whose an answer is, and what one fault leaves of the
//! others.
#![allow(missing_docs, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]

mod transcript;

use std::fmt::Write;

use transcript::{Peer, dialogue, play};
use xoauth_imap::command::*;
use xoauth_imap::sasl::wire::{Conversation, Want};
use xoauth_imap::{Error, Flag, Message, Query, Section, StatusItem};

fn run<C: Commands>(peer: &mut Peer, mut commands: C) -> Result<C::Output, Error> {
    let mut exchanges = commands.exchanges();
    peer.machine.start(&mut exchanges)?;
    peer.drive(&mut exchanges)?;
    drop(exchanges);
    commands.conclude(&mut |index| peer.machine.outcome(index))
}

/// How each dialogue begins.
const SELECTED: &str = "S: * OK ready\nC: xt1 SELECT INBOX\nS: * 10 EXISTS\nS: xt1 OK done\n";

fn select(peer: &mut Peer) -> Result<(), Error> {
    peer.run(Greeting::new())?;
    peer.run(Select::new("INBOX")).map(drop)
}

/// Plays a dialogue behind a greeting, a mailbox being selected.
#[track_caller]
fn several<C: Commands, R: std::fmt::Debug + PartialEq>(
    text: &str,
    commands: impl Fn() -> C,
    shown: impl Fn(C::Output) -> R,
) -> R {
    let played = play(&format!("{SELECTED}{text}"), |peer| {
        select(peer)?;
        let output = run(peer, commands())?;
        // A dialogue that is cut short ends each command that has no answer.
        if !peer.machine.is_usable() {
            peer.run(Noop::new())?;
        }
        Ok(shown(output))
    });
    played.unwrap()
}

fn body(message: &Message) -> String {
    let octets = message.bodies.first().and_then(|body| body.octets.as_ref()).unwrap();
    octets.lossy().into_owned()
}

/// The bodies that each FETCH was given, or its error.
fn bodies(outputs: Vec<Result<Vec<Message>, Error>>) -> Vec<String> {
    let shown = |output: Result<Vec<Message>, Error>| match output {
        Ok(messages) => messages.iter().map(body).collect::<Vec<_>>().join("+"),
        Err(error) => error.to_string(),
    };
    outputs.into_iter().map(shown).collect()
}

#[test]
fn a_hundred_messages_are_read_in_one_flight() {
    // The answers come in an order of the server's own, with the numbers before and behind the bodies.
    let mut text = String::from(SELECTED);
    for n in 1..=100 {
        writeln!(text, "C: xt{} UID FETCH {} (BODY.PEEK[])", n + 1, 1000 + n).unwrap();
    }
    for n in (1..=100).rev() {
        let uid = 1000 + n;
        match n % 3 {
            0 => write!(text, "S: * {n} FETCH (UID {uid} BODY[] {{4}}\nS. {uid})\nS:\n"),
            1 => write!(text, "S: * {n} FETCH (BODY[] {{4}}\nS. {uid} UID {uid})\nS:\n"),
            _ => writeln!(text, "S: * {n} FETCH (BODY[] \"{uid}\" UID {uid})"),
        }
        .unwrap();
    }
    for n in 1..=100 {
        writeln!(text, "S: xt{} OK done", n + 1).unwrap();
    }
    let fetches = || (1..=100).map(|n| Fetch::new(&*(1000 + n).to_string(), Item::Body));
    for step in [1, 7, usize::MAX] {
        let mut peer = Peer::in_pieces(&dialogue(&text), step);
        select(&mut peer).unwrap();
        let read = bodies(run(&mut peer, fetches().collect::<Vec<_>>()).unwrap());
        let expected: Vec<String> = (1001..=1100).map(|uid: u32| uid.to_string()).collect();
        assert_eq!(read, expected);
        assert_eq!(peer.machine.next_event(), None);
    }
}

#[test]
fn the_refusal_of_one_hides_nothing_of_the_others() {
    let text = "C: xt2 LIST \"\" \"*\"
        C: xt3 UID FETCH 7 (UID FLAGS)
        C: xt4 NOOP
        S: * 2 FETCH (UID 7 FLAGS (\\Seen))
        S: * LIST () \"/\" INBOX
        S: xt3 NO [UNAVAILABLE] not now
        S: xt2 OK done
        S: xt4 BAD what\n";
    let commands = || (List::all(), Fetch::new("7", [Item::Uid, Item::Flags]), Noop::new());
    let shown = several(text, commands, |(list, fetch, noop)| {
        (list.unwrap().len(), fetch.unwrap_err().to_string(), noop.unwrap_err().to_string())
    });
    assert_eq!(shown.0, 1);
    assert_eq!(shown.1, "FETCH refused: NO [UNAVAILABLE] not now");
    assert_eq!(shown.2, "NOOP refused: BAD what");
}

#[test]
fn answers_that_could_be_mistaken_wait_for_those_before() {
    // SEARCH responses do not say whose they are.
    let text = "C: xt2 UID SEARCH ALL
        S: * SEARCH 1
        S: xt2 OK done
        C: xt3 UID SEARCH UNSEEN
        S: * SEARCH 2
        S: xt3 OK done\n";
    let found = several(
        text,
        || vec![Search::new(Query::All), Search::new(Query::unseen())],
        |found| found.into_iter().map(|found| u32::from(found.unwrap()[0])).collect::<Vec<_>>(),
    );
    assert_eq!(found, [1, 2]);

    // Two commands about one message, in ranges and by `*`.
    for (one, other) in [("1:5", "4"), ("1:*", "9"), ("9", "*")] {
        let text = format!(
            "C: xt2 UID FETCH {one} (BODY.PEEK[])
            S: * 1 FETCH (UID 4 BODY[] \"a\")
            S: xt2 OK done
            C: xt3 UID FETCH {other} (BODY.PEEK[])
            S: * 1 FETCH (UID {} BODY[] \"b\")
            S: xt3 OK done\n",
            if other == "*" { "9" } else { other },
        );
        let text = if one == "9" { text.replace("UID 4", "UID 9") } else { text };
        let commands = || vec![Fetch::new(one, Item::Body), Fetch::new(other, Item::Body)];
        assert_eq!(several(&text, commands, bodies), ["a", "b"]);
    }
}

#[test]
fn flags_are_stored_and_read_of_different_messages_in_one_flight() {
    let text = "C: xt2 UID STORE 5 +FLAGS (\\Seen)
        C: xt3 UID FETCH 6 (FLAGS)
        S: * 2 FETCH (UID 6 FLAGS (\\Draft))
        S: * 1 FETCH (UID 5 FLAGS (\\Seen))
        S: xt2 OK done
        S: xt3 OK done\n";
    let commands =
        || (Store::new("5", StoreAction::Add, [Flag::Seen]), Fetch::new("6", Item::Flags));
    let shown = several(text, commands, |(stored, read)| {
        let flags = |messages: Vec<Message>, flag: &Flag| {
            messages.len() == 1 && messages[0].flags.as_ref().unwrap().contains(flag)
        };
        (flags(stored.unwrap(), &Flag::Seen), flags(read.unwrap(), &Flag::Draft))
    });
    assert_eq!(shown, (true, true));
}

#[test]
fn sequence_numbers_do_not_change_under_way() {
    // NOOP lets the server renumber, FETCH by sequence number does not (RFC 9051, 7.5.1): what names messages so
    // waits for the NOOP, which need not wait for what names them before it.
    let text = "C: xt2 FETCH 1 (BODY.PEEK[])
        C: xt3 FETCH 2 (BODY.PEEK[])
        C: xt4 NOOP
        S: * 2 FETCH (BODY[] {1}
        S. b)
        S:
        S: * 1 FETCH (BODY[] {1}
        S. a)
        S:
        S: xt2 OK done
        S: xt3 OK done
        S: * 1 EXPUNGE
        S: xt4 OK done
        C: xt5 FETCH 1 (BODY.PEEK[])
        S: * 1 FETCH (BODY[] \"b\")
        S: xt5 OK done\n";
    let fetch = |n: &'static str| Fetch::by_sequence(n, Item::Body);
    let commands = || (fetch("1"), fetch("2"), Noop::new(), fetch("1"));
    let read = several(text, commands, |(a, b, _, c)| bodies(vec![a, b, c]));
    assert_eq!(read, ["a", "b", "b"]);
}

#[test]
fn what_follows_select_waits_for_it() {
    let text = "C: xt2 SELECT a
        S: * 3 EXISTS
        S: xt2 OK done
        C: xt3 UID SEARCH ALL
        C: xt4 UID FETCH 7 (BODY.PEEK[])
        S: * SEARCH 7
        S: * 3 FETCH (UID 7 BODY[] \"a\")
        S: xt3 OK done
        S: xt4 OK done\n";
    let commands = || (Select::new("a"), Search::new(Query::All), Fetch::new("7", Item::Body));
    let shown = several(text, commands, |(selected, found, read)| {
        (selected.unwrap().exists, found.unwrap().len(), bodies(vec![read]))
    });
    assert_eq!(shown, (Some(3), 1, vec!["a".to_owned()]));
}

#[test]
fn what_needs_a_mailbox_goes_on_where_an_earlier_command_has_selected_one() {
    let text = "S: * OK ready\nC: xt1 SELECT INBOX\nS: xt1 OK done\nC: xt2 UID FETCH 1 (FLAGS)\nS: xt2 OK done\n";
    let (opened, read) = Peer::first_error(text, |peer| {
        peer.run(Greeting::new())?;
        run(peer, (Select::new("INBOX"), Fetch::new("1", Item::Flags)))
    })
    .unwrap();
    assert!(opened.is_ok() && read.is_ok(), "{read:?}");
    for refused in ["C: xt1 SELECT INBOX\nS: xt1 NO not there", "C: xt1 NOOP\nS: xt1 OK done"] {
        let (_, read) = Peer::first_error(&format!("S: * OK ready\n{refused}\n"), |peer| {
            peer.run(Greeting::new())?;
            let fetch = Fetch::new("1", Item::Flags);
            if refused.contains("NOOP") {
                let (noop, read) = run(peer, (Noop::new(), fetch))?;
                return Ok((noop.is_ok(), read));
            }
            let (opened, read) = run(peer, (Select::new("INBOX"), fetch))?;
            Ok((opened.is_ok(), read))
        })
        .unwrap();
        assert_eq!(read.unwrap_err().to_string(), "FETCH needs a selected mailbox");
    }
}

#[test]
fn numbers_of_many_mailboxes_are_asked_in_one_flight() {
    let text = "C: xt2 STATUS INBOX (MESSAGES)
        C: xt3 STATUS Drafts (MESSAGES)
        S: * STATUS Drafts (MESSAGES 2)
        S: * STATUS Inbox (MESSAGES 1)
        S: xt2 OK done
        S: xt3 OK done
        C: xt4 STATUS INBOX (MESSAGES)
        S: * STATUS INBOX (MESSAGES 3)
        S: xt4 OK done\n";
    let status = |name: &str| Status::new(name, [StatusItem::Messages]);
    let commands = || vec![status("INBOX"), status("Drafts"), status("INBOX")];
    let told = several(text, commands, |told| {
        told.into_iter().map(|items| items.unwrap().messages).collect::<Vec<_>>()
    });
    assert_eq!(told, [Some(1), Some(2), Some(3)]);
}

#[test]
fn an_argument_that_cannot_be_sent_stops_only_its_command() {
    let text = "C: xt2 UID FETCH 1 (BODY.PEEK[])
        C: xt4 UID FETCH 3 (BODY.PEEK[])
        S: * 1 FETCH (UID 1 BODY[] \"a\")
        S: * 3 FETCH (UID 3 BODY[] \"c\")
        S: xt2 OK done
        S: xt4 OK done\n";
    let fetch = |set: &str| Fetch::new(set, Item::Body);
    let commands = || vec![fetch("1"), fetch("no set"), fetch("3")];
    let read = several(text, commands, bodies);
    assert_eq!((read[0].as_str(), read[2].as_str()), ("a", "c"));
    assert!(read[1].starts_with("invalid message numbers"), "{}", read[1]);
}

#[test]
fn nothing_to_ask_is_answered_without_being_sent() {
    let none: Vec<xoauth_imap::Uid> = Vec::new();
    let text = "C: xt3 UID FETCH 3 (BODY.PEEK[])
        S: * 3 FETCH (UID 3 BODY[] \"c\")
        S: xt3 OK done\n";
    let commands = || vec![Fetch::new(none.clone(), Item::Body), Fetch::new("3", Item::Body)];
    assert_eq!(several(text, commands, bodies), ["", "c"]);
}

#[test]
fn a_literal_that_is_refused_lets_the_others_go_on() {
    let text = "C: xt2 NOOP
        C: xt3 UID SEARCH CHARSET UTF-8 SUBJECT {3}
        S: xt2 OK done
        S: xt3 NO [BADCHARSET] no
        C: xt4 UID FETCH 3 (BODY.PEEK[])
        S: * 3 FETCH (UID 3 BODY[] \"c\")
        S: xt4 OK done\n";
    let commands = || (Noop::new(), Search::new(Query::subject("ü!")), Fetch::new("3", Item::Body));
    let shown = several(text, commands, |(noop, found, read)| {
        (noop.is_ok(), found.is_err(), bodies(vec![read]))
    });
    assert_eq!(shown, (true, true, vec!["c".to_owned()]));
}

#[test]
fn what_was_answered_before_the_session_broke_is_told() {
    let text = "C: xt2 UID FETCH 1 (BODY.PEEK[])
        C: xt3 UID FETCH 2 (BODY.PEEK[])
        S: * 1 FETCH (UID 1 BODY[] \"a\")
        S: xt2 OK done
        S: * BYE gone\n";
    let mut peer = Peer::whole(&dialogue(&format!("{SELECTED}{text}")));
    select(&mut peer).unwrap();
    let mut commands = vec![Fetch::new("1", Item::Body), Fetch::new("2", Item::Body)];
    let mut exchanges = commands.exchanges();
    peer.machine.start(&mut exchanges).unwrap();
    assert!(peer.drive(&mut exchanges).is_err());
    drop(exchanges);
    let outputs = commands.conclude(&mut |index| peer.machine.outcome(index)).unwrap();
    assert_eq!(bodies(outputs), ["a", "server ended the session: gone"]);
}

#[test]
fn commands_of_different_kinds_have_tickets() {
    let text = "C: xt2 UID FETCH 1 (BODY.PEEK[HEADER])
        C: xt3 LIST \"\" \"*\"
        S: * LIST () \"/\" a
        S: * LIST () \"/\" b
        S: * 1 FETCH (UID 1 BODY[HEADER] {3}
        S. x:y)
        S:
        S: xt3 OK done
        S: xt2 OK done\n";
    let played = play(&format!("{SELECTED}{text}"), |peer| {
        select(peer)?;
        let mut batch = Batch::new();
        assert!(batch.is_empty());
        let read = batch.add(Fetch::new("1", Section::Header));
        let listed = batch.add(List::all());
        assert_eq!(batch.len(), 2);
        let mut outputs = run(peer, batch)?;
        let listed = outputs.take(listed)?.len();
        Ok((body(&outputs.take(read)?[0]), listed))
    });
    assert_eq!(played.unwrap(), ("x:y".to_owned(), 2));

    // A ticket of another batch opens nothing.
    let mut other = Batch::new();
    let _ = other.add(Noop::new());
    let ticket = other.add(List::all());
    let mut batch = Batch::new();
    let _ = batch.add(Noop::new());
    let mut outputs = batch.conclude(&mut |_| Err(Error::Busy)).unwrap();
    assert!(matches!(outputs.take(ticket), Err(Error::InvalidArgument { .. })));
}

#[test]
fn no_more_is_on_its_way_than_fits_between_two_programs() {
    // A server that says nothing is sent 16 KiB, and not one octet more.
    let mut peer = Peer::whole(&dialogue(SELECTED));
    select(&mut peer).unwrap();
    let set = |n: u32| (0..100).map(|k| (n * 1000 + 2 * k + 1).to_string()).collect::<Vec<_>>();
    let mut commands: Vec<Fetch> =
        (0..100).map(|n| Fetch::new(&*set(n).join(","), Item::Body)).collect();
    let mut exchanges = commands.exchanges();
    peer.machine.start(&mut exchanges).unwrap();
    let mut conversation = peer.machine.converse(&mut exchanges);
    let mut written = Vec::new();
    let answer = |conversation: &mut dyn Conversation<Error = Error>, octets: &[u8]| {
        conversation.read_buffer()[..octets.len()].copy_from_slice(octets);
        conversation.received(octets.len());
    };
    let mut answered = 0;
    loop {
        match conversation.poll().unwrap() {
            Want::Write(octets) => {
                let n = octets.len();
                written.extend_from_slice(octets);
                conversation.written(n);
            }
            Want::Read => {
                // What is behind the commands that were answered.
                let ends = written.iter().enumerate().filter(|(_, octet)| **octet == b'\n');
                let done = ends.map(|(at, _)| at + 1).nth(answered).unwrap();
                let begin =
                    written[..done - 1].iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
                assert!(written.len() - begin <= 16 * 1024, "{answered}");
                assert!(written.len() - begin > 15 * 1024 || answered > 60);
                answered += 1;
                answer(&mut conversation, format!("xt{} OK done\r\n", answered + 1).as_bytes());
            }
            Want::Done => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(answered, 100);
}
