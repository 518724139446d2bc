//! A driver that hears while it writes: what it is told of answers, and how far commands go ahead of them.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Peer, WHOLE, mails, word};
use xoauth_smtp::exchange::{Noop, Submit};
use xoauth_smtp::proto::{Command, Encoder, Exchange, Machine, Place, Progress};
use xoauth_smtp::sasl::wire::{Conversation, Want};
use xoauth_smtp::{Error, Extensions, Limits, Reply};

/// A session that was greeted, with PIPELINING.
fn greeted() -> Peer {
    let mut peer = Peer::new(mails::PIPELINED, WHOLE);
    peer.greet().unwrap();
    peer
}

fn hear(conversation: &mut impl Conversation, says: &str) {
    conversation.read_buffer()[..says.len()].copy_from_slice(says.as_bytes());
    conversation.received(says.len());
}

/// Writes all there is.
fn write(conversation: &mut impl Conversation<Error = Error>) -> String {
    let Want::Write(octets) = conversation.poll().unwrap() else { panic!("nothing to write") };
    let text = String::from_utf8(octets.to_vec()).unwrap();
    conversation.written(text.len());
    text
}

#[test]
fn an_answer_is_told_when_it_came_to_its_end() {
    let mut peer = greeted();
    let mut noop = Noop::new();
    peer.machine.start(&mut noop).unwrap();
    let mut conversation = peer.machine.converse(&mut noop);
    assert!(!conversation.hear_answers().unwrap(), "nothing was said");
    write(&mut conversation);
    assert!(!conversation.hear_answers().unwrap());
    for (says, is_answer) in [("250-o", false), ("k\r\n250 o", false), ("k\r\n", true), ("", false)]
    {
        hear(&mut conversation, says);
        assert_eq!(conversation.hear_answers().unwrap(), is_answer, "{says:?}");
    }
    assert!(matches!(conversation.poll().unwrap(), Want::Done));
    assert!(!conversation.hear_answers().unwrap(), "nothing is under way");
    assert!(peer.machine.is_usable());
    noop.finish().unwrap();
}

#[test]
fn all_answers_that_came_are_heard_at_once() {
    let mut peer = greeted();
    let mut submit = Submit::new("a@example.org", ["b@example.net"], "x\r\n");
    peer.machine.start(&mut submit).unwrap();
    let mut conversation = peer.machine.converse(&mut submit);
    write(&mut conversation);
    hear(&mut conversation, "250 ok\r\n250 ok\r\n354 go\r\n");
    assert!(conversation.hear_answers().unwrap());
    assert!(!conversation.hear_answers().unwrap());
    assert_eq!(write(&mut conversation), "x\r\n.\r\n");
}

#[test]
fn what_stands_behind_the_last_answer_is_not_heard_with_it() {
    for behind in ["421 bye\r\n", "250 forged\r\n", "2"] {
        let mut peer = greeted();
        let mut noop = Noop::new();
        peer.machine.start(&mut noop).unwrap();
        let mut conversation = peer.machine.converse(&mut noop);
        write(&mut conversation);
        hear(&mut conversation, &format!("250 ok\r\n{behind}"));
        assert!(conversation.hear_answers().unwrap(), "{behind}");
        assert!(!conversation.hear_answers().unwrap(), "{behind}");
        assert!(matches!(conversation.poll().unwrap(), Want::Done), "{behind}");
        noop.finish().unwrap();
        assert!(peer.machine.start(&mut Noop::new()).is_err(), "{behind}");
    }
}

#[test]
fn an_answer_before_its_command_breaks_the_session_when_it_is_heard() {
    let mut peer = greeted();
    let mut noop = Noop::new();
    peer.machine.start(&mut noop).unwrap();
    let mut conversation = peer.machine.converse(&mut noop);
    hear(&mut conversation, "250 ok\r\n");
    let error = conversation.hear_answers().unwrap_err();
    assert_eq!(word(&error), "unsolicited-reply");
    assert_eq!(conversation.poll().unwrap_err().to_string(), error.to_string());
    assert!(!peer.machine.is_usable());
}

#[test]
fn a_command_that_was_begun_is_written_to_its_end() {
    // The sender is refused while the transport has so many octets of the next command.
    let mail = "MAIL FROM:<a@example.org>\r\n";
    let recipient = "RCPT TO:<b@example.net>\r\n";
    for taken in [1, 8, recipient.len() - 1] {
        let mut peer = greeted();
        peer.machine.hears_while_writing();
        let mut submit = Submit::new("a@example.org", ["b@example.net"], "x\r\n");
        peer.machine.start(&mut submit).unwrap();
        let mut conversation = peer.machine.converse(&mut submit);
        let Want::Write(octets) = conversation.poll().unwrap() else { panic!("nothing to write") };
        assert!(octets.starts_with(format!("{mail}{recipient}DATA").as_bytes()));
        conversation.written(mail.len() + taken);
        hear(&mut conversation, "550 5.7.1 no\r\n");
        assert_eq!(write(&mut conversation), recipient.split_at(taken).1);
        assert!(matches!(conversation.poll().unwrap(), Want::Read));
        hear(&mut conversation, "503 5.5.1 no sender\r\n");
        assert!(matches!(conversation.poll().unwrap(), Want::Done));
        assert_eq!(word(&submit.finish().unwrap_err()), "server-rejected");
        assert!(peer.machine.is_usable());
    }
}

/// So many commands at once.
struct Many(usize);

impl Exchange for Many {
    fn encode(&mut self, out: &mut Encoder<'_>, _: &Extensions) -> Result<(), Error> {
        for _ in 0..self.0 {
            out.text("RSET");
            out.end_line(Place::Anywhere);
        }
        Ok(())
    }

    fn on_reply(&mut self, _: &Reply<'_>, _: &mut Encoder<'_>) -> Result<Progress, Error> {
        Ok(Progress::Continue)
    }
}

#[test]
fn who_hears_while_writing_needs_no_window() {
    for (hears, at_once) in [(false, 100), (true, 250)] {
        let mut peer = greeted();
        if hears {
            peer.machine.hears_while_writing();
        }
        let mut many = Many(250);
        peer.machine.start(&mut many).unwrap();
        let written = write(&mut peer.machine.converse(&mut many));
        assert_eq!(written, "RSET\r\n".repeat(at_once), "{hears}");
    }
}

#[test]
fn a_machine_tells_its_limits() {
    let mut limits = Limits::default();
    limits.lines = 9;
    limits.window = 3;
    assert_eq!(Machine::new(limits).limits(), limits);
    assert_ne!(Machine::new(limits).limits(), Limits::default());
}
