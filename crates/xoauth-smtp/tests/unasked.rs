//! Replies that nobody asked for: who takes leave is told from who forges, and what was sent is not forgotten.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::task::{Context, Poll, Waker};

use common::{Peer, WHOLE, mails, word};
use xoauth_smtp::exchange::{Noop, Submit};
use xoauth_smtp::proto::{Encoder, Exchange, Machine, Place, Progress};
use xoauth_smtp::sasl::wire::Want;
use xoauth_smtp::{
    Error, Extensions, Mail, Message, Reply, Source, SourceFault, Transfer, TransportFault,
};

/// A session that was greeted, with PIPELINING.
fn greeted() -> Peer {
    let mut peer = Peer::new(mails::PIPELINED, WHOLE);
    peer.greet().unwrap();
    peer
}

fn hear(machine: &mut Machine, says: &str) {
    machine.read_buffer()[..says.len()].copy_from_slice(says.as_bytes());
    machine.received(says.len());
}

/// Octets that do not come.
struct Waiting;

impl Source for Waiting {
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<Result<usize, SourceFault>> {
        Poll::Pending
    }
}

/// Gets this said while nothing is under way, and then wants to say something.
fn between_commands(says: &str) -> Error {
    let mut peer = greeted();
    hear(&mut peer.machine, says);
    peer.machine.start(&mut Noop::new()).unwrap_err()
}

/// Gets this said before the server has any of a command.
fn before_a_command(says: &str) -> Error {
    let mut peer = greeted();
    let mut noop = Noop::new();
    peer.machine.start(&mut noop).unwrap();
    let Want::Write(_) = peer.machine.poll(&mut noop).unwrap() else { panic!("nothing to write") };
    hear(&mut peer.machine, says);
    peer.machine.poll(&mut noop).unwrap_err()
}

/// Gets this said while the octets of a message are waited for.
fn within_a_message(says: &str) -> Error {
    let mut peer = greeted();
    let message = Message::from_source(Waiting).seven_bit();
    let mail = Mail::new("a@example.org", ["b@example.net"], message).transfer(Transfer::Data);
    let mut submit = Submit::mail(mail);
    peer.machine.start(&mut submit).unwrap();
    let mut replies = Some("250 ok\r\n250 ok\r\n354 go\r\n");
    loop {
        match peer.machine.poll(&mut submit).unwrap() {
            Want::Write(octets) => {
                let taken = octets.len();
                peer.machine.written(taken);
            }
            Want::Read => hear(&mut peer.machine, replies.take().unwrap()),
            Want::Body => break,
            other => panic!("{other:?}"),
        }
    }
    let mut cx = Context::from_waker(Waker::noop());
    assert!(peer.machine.poll_body(&mut submit, &mut cx).is_pending());
    hear(&mut peer.machine, says);
    peer.machine.poll(&mut submit).unwrap_err()
}

#[test]
fn who_takes_leave_unasked_is_told_from_who_forges() {
    let cases = [
        ("421 4.3.2 going down", "server-bye"),
        ("221 2.0.0 bye", "server-bye"),
        // Gmail and Exchange to a silent client.
        ("451 4.4.2 Timeout - closing connection. x12-3. - gsmtp", "server-bye"),
        ("451 4.7.0 Timeout waiting for client input", "server-bye"),
        // Later is no leave, and what is said of time in any other reply is none either.
        ("451 4.3.0 try later", "unsolicited-reply"),
        ("250 2.0.0 queued before the timeout", "unsolicited-reply"),
        ("554 5.4.2 timeout exceeded", "unsolicited-reply"),
        ("354 go", "unsolicited-reply"),
    ];
    for (reply, expected) in cases {
        for said in [between_commands, before_a_command, within_a_message] {
            let error = said(&format!("{reply}\r\n"));
            assert_eq!(word(&error), expected, "{reply}: {error:?}");
        }
    }
    let error = between_commands("451 4.4.2 Timeout - closing connection\r\n");
    assert!(matches!(error, Error::IdleTimeout { .. }), "{error:?}");
}

/// Three commands, or a message of one line, and how many of what was sent are without an answer.
struct Sends {
    content: bool,
    unanswered: Option<usize>,
}

impl Exchange for Sends {
    fn encode(&mut self, out: &mut Encoder<'_>, _: &Extensions) -> Result<(), Error> {
        if self.content {
            out.content(b"text\r\n");
            out.end_content(b".\r\n", 6, Place::Anywhere);
            return Ok(());
        }
        for line in ["ONE", "TWO", "THREE"] {
            out.text(line);
            out.end_line(Place::Anywhere);
        }
        Ok(())
    }

    fn on_reply(&mut self, _: &Reply<'_>, _: &mut Encoder<'_>) -> Result<Progress, Error> {
        Ok(Progress::Continue)
    }

    fn interrupted(&mut self, cause: Error, sent: usize) -> Error {
        self.unanswered = Some(sent);
        cause
    }
}

/// What happens to a transport.
enum Turn {
    /// It is offered all there is.
    Offered,
    /// It took so many octets.
    Took(usize),
    Said(&'static str),
}

/// How the session breaks, and how many commands are without an answer then.
fn unanswered(content: bool, turns: &[Turn]) -> (&'static str, usize) {
    let mut machine = greeted().machine;
    let mut sends = Sends { content, unanswered: None };
    machine.start(&mut sends).unwrap();
    for turn in turns {
        match turn {
            Turn::Offered => {
                let want = machine.poll(&mut sends).unwrap();
                assert!(matches!(want, Want::Write(_)), "{want:?}");
            }
            Turn::Took(octets) => machine.written(*octets),
            Turn::Said(text) => hear(&mut machine, text),
        }
    }
    let error = machine.poll(&mut sends).unwrap_err();
    (word(&error), sends.unanswered.unwrap())
}

#[test]
fn what_was_handed_over_is_told_whatever_is_said_meanwhile() {
    use Turn::{Offered, Said, Took};
    let (bye, forged) = ("421 bye\r\n", "250 ok\r\n");
    // ONE, TWO and THREE have 5, 5 and 7 octets.
    let cases: [(&[Turn], &str, usize); 6] = [
        (&[Said(forged)], "unsolicited-reply", 0),
        // The transport may have sent all of it, and the reply answers none of them.
        (&[Offered, Said(forged)], "unsolicited-reply", 3),
        (&[Offered, Said(bye)], "server-bye", 3),
        // It is the answer to the first.
        (&[Offered, Took(5), Said(bye)], "server-bye", 0),
        (&[Offered, Took(5), Offered, Said(bye)], "server-bye", 2),
        (&[Offered, Took(17), Said(bye)], "server-bye", 2),
    ];
    for (index, (turns, expected, left)) in cases.into_iter().enumerate() {
        assert_eq!(unanswered(false, turns), (expected, left), "{index}");
    }
    // Begun within content and brought to its end behind it: a farewell answers, another reply does not.
    let early = |first, rest| {
        unanswered(true, &[Offered, Took(3), Said(first), Offered, Took(6), Said(rest)])
    };
    assert_eq!(early("42", "1 bye\r\n"), ("server-bye", 0));
    assert_eq!(early("25", "0 ok\r\n"), ("unsolicited-reply", 1));
    assert_eq!(unanswered(true, &[Offered, Took(3), Said(forged)]), ("unsolicited-reply", 0));
}

#[test]
fn an_answer_to_a_message_whose_end_is_on_its_way_leaves_it_unknown() {
    let mut peer = greeted();
    let mut submit = Submit::new("a@example.org", ["b@example.net"], "x\r\n");
    peer.machine.start(&mut submit).unwrap();
    let mut replies = Some("250 ok\r\n250 ok\r\n354 go\r\n");
    // The transport is offered the end of the message, and does not say what it took of it.
    let error = loop {
        match peer.machine.poll(&mut submit) {
            Ok(Want::Write(octets)) if octets.ends_with(b"\r\n.\r\n") => {
                hear(&mut peer.machine, "250 queued\r\n");
            }
            Ok(Want::Write(octets)) => {
                let taken = octets.len();
                peer.machine.written(taken);
            }
            Ok(Want::Read) => hear(&mut peer.machine, replies.take().unwrap()),
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    let Error::DeliveryUnknown { cause, .. } = &error else { panic!("{error:?}") };
    assert_eq!(word(cause), "unsolicited-reply");
    let later = peer.machine.transport_failed(&mut submit, TransportFault::Closed);
    assert_eq!(later.to_string(), error.to_string(), "the first fault stays");
}
