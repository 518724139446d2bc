//! A peer that is gone while a command is written: what it said before is heard, and nothing more is sent.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Peer, WHOLE, word};
use xoauth_smtp::exchange::{Bulk, Noop, Submit, Window};
use xoauth_smtp::proto::{Command, Exchange};
use xoauth_smtp::sasl::wire::{Conversation, Want};
use xoauth_smtp::{Error, Message, TransportFault};

fn greeted() -> Peer {
    let mut peer = Peer::saying(b"", WHOLE);
    peer.say_line_by_line("220 mx\r\n250-mx\r\n250 PIPELINING\r\n");
    peer.greet().unwrap();
    peer
}

/// Begins a command, of which the transport takes so many octets; then the peer says this and is gone.
fn gone(command: &mut dyn Exchange, written: usize, says: &[u8]) -> (Result<bool, Error>, Error) {
    let mut peer = greeted();
    peer.machine.start(command).unwrap();
    let mut conversation = peer.machine.converse(command);
    let Want::Write(octets) = conversation.poll().unwrap() else { panic!("nothing to write") };
    let written = written.min(octets.len());
    conversation.written(written);
    conversation.read_buffer()[..says.len()].copy_from_slice(says);
    conversation.received(says.len());
    let heard = conversation.hear();
    (heard, conversation.transport_failed(TransportFault::Closed))
}

#[test]
fn last_words_are_heard() {
    for written in [0, 3, usize::MAX] {
        let (heard, fault) = gone(&mut Noop::new(), written, b"421 4.3.2 going down\r\n");
        // A server may take leave before it has heard a command (RFC 5321 3.8).
        let error = heard.unwrap_err();
        let told = error.to_string();
        assert!(matches!(error, Error::ServerClosing { .. }), "{written}: {told}");
        assert_eq!(fault.to_string(), told, "the first fault stays");
    }
}

#[test]
fn last_words_to_nobody_are_heard() {
    for (says, expected) in [
        ("", "closed"),
        ("421 4.4.2 you were silent\r\n", "server-bye"),
        ("250 forged\r\n", "unsolicited-reply"),
        ("42", "unsolicited-reply"),
    ] {
        let mut peer = greeted();
        peer.machine.read_buffer()[..says.len()].copy_from_slice(says.as_bytes());
        peer.machine.received(says.len());
        let fault = peer.machine.transport_failed(&mut Noop::new(), TransportFault::Closed);
        assert_eq!(word(&fault), expected, "{says}");
        let told = peer.machine.start(&mut Noop::new()).unwrap_err();
        assert_eq!(told.to_string(), fault.to_string());
        assert!(!peer.machine.is_usable());
    }
}

#[test]
fn an_answer_that_came_is_one() {
    let (heard, _) = gone(&mut Noop::new(), usize::MAX, b"250 ok\r\n");
    assert!(heard.unwrap());
    // Half of one is none.
    let (heard, fault) = gone(&mut Noop::new(), usize::MAX, b"250 o");
    assert!(!heard.unwrap());
    assert!(matches!(fault, Error::Transport { .. }), "{fault}");
}

#[test]
fn an_answer_stays_one_whatever_is_said_behind_it() {
    for behind in ["421 bye\r\n", "250 forged\r\n", "2", "what\r\n"] {
        let mut noop = Noop::new();
        let (heard, _) = gone(&mut noop, usize::MAX, format!("250 ok\r\n{behind}").as_bytes());
        assert!(heard.unwrap(), "{behind}");
        noop.finish().unwrap();
    }
}

#[test]
fn a_message_that_was_taken_is_although_the_server_leaves_behind_its_answer() {
    let mut submit = Submit::new("a@example.org", ["b@example.net"], "x\r\n");
    let mut peer = greeted();
    peer.machine.start(&mut submit).unwrap();
    let mut conversation = peer.machine.converse(&mut submit);
    for says in ["250 ok\r\n250 ok\r\n354 go\r\n", "250 queued\r\n421 4.3.2 going down\r\n"] {
        let Want::Write(octets) = conversation.poll().unwrap() else { panic!("nothing to write") };
        let written = octets.len();
        conversation.written(written);
        conversation.read_buffer()[..says.len()].copy_from_slice(says.as_bytes());
        conversation.received(says.len());
    }
    assert!(conversation.hear().unwrap());
    assert_eq!(submit.finish().unwrap().accepted().count(), 1);
    let next = peer.machine.start(&mut Noop::new()).unwrap_err();
    assert!(matches!(next, Error::ServerClosing { .. }), "{next}");
}

#[test]
fn a_message_that_was_not_sent_has_no_answer() {
    // The server waits for it; it is in memory, short or long, or its source has it.
    let go = "250 ok\r\n250 ok\r\n354 go\r\n";
    let bye = format!("{go}421 4.3.1 disk full\r\n");
    let long = "0123456789abcd\r\n".repeat(40_000);
    let messages: [fn(&str) -> Message<'_>; 3] = [
        |_| Message::from("x\r\n"),
        |long| Message::from(long),
        |_| Message::from_source(&b"x\r\n"[..]).seven_bit(),
    ];
    for message in messages {
        let submit = || Submit::new("a@example.org", ["b@example.net"], message(&long));
        let (heard, fault) = gone(&mut submit(), usize::MAX, go.as_bytes());
        assert!(!heard.unwrap());
        assert!(matches!(fault, Error::Transport { .. }) && fault.is_transient(), "{fault}");
        let (heard, _) = gone(&mut submit(), usize::MAX, bye.as_bytes());
        let error = heard.unwrap_err();
        assert!(matches!(error, Error::ServerClosing { .. }), "{error}");
    }
}

#[test]
fn a_message_whose_envelope_was_refused_is_not_unknown() {
    let mut submit = Submit::new("a@example.org", ["b@example.net"], "x\r\n");
    let says = b"550 no\r\n503 what\r\n503 what\r\n";
    let (heard, _) = gone(&mut submit, usize::MAX, says);
    let is_over = heard.unwrap();
    let mut submit = Submit::new("a@example.org", ["b@example.net"], "x\r\n");
    let (heard, fault) = gone(&mut submit, usize::MAX, b"250 ok\r\n");
    assert!(is_over && !heard.unwrap());
    // The message was not sent.
    assert!(!fault.is_delivery_unknown() && fault.is_transient(), "{fault}");
}

#[test]
fn messages_wait_where_no_more_may_be_begun() {
    let mut peer = greeted();
    let mut told = Vec::new();
    let mut bulk = Bulk::new(Window::of_messages(1))
        .within(Window::of_messages(8))
        .without_chunking()
        .watched_by(|tally| told.push((tally.pushed, tally.accepted)));
    for _ in 0..3 {
        assert!(bulk.has_room());
        bulk.push(Submit::new("a@example.org", ["b@example.net"], "x\r\n"));
    }
    bulk.begin_at_most(1);
    assert_eq!((bulk.begun(), bulk.in_flight(), bulk.waiting()), (0, 0, 3));
    peer.say_line_by_line("250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n");
    peer.send(&mut bulk).unwrap();
    assert_eq!((bulk.begun(), bulk.in_flight(), bulk.waiting()), (1, 0, 2));
    assert!(bulk.next_outcome().unwrap().is_ok() && bulk.next_outcome().is_none());
    let sent = String::from_utf8(peer.sent.clone()).unwrap();
    assert_eq!(sent.matches("MAIL FROM").count(), 1, "{sent}");
    assert_eq!(bulk.tally().accepted, 1);
    drop(bulk);
    assert_eq!(told.last(), Some(&(3, 1)));
}
