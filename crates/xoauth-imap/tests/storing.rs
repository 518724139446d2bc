//! How messages are stored: APPEND, from memory and from sources, and REPLACE.
#![allow(
    missing_docs,
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::indexing_slicing
)]

mod transcript;

use std::task::Poll;

use transcript::{Peer, refused, told};
use xoauth_imap::command::*;
use xoauth_imap::proto::Command;
use xoauth_imap::sasl::wire::{Source, SourceFault, Want};
use xoauth_imap::{Date, DateTime, Flag};

const MESSAGE: &str = "Date: x\r\n\r\nhi\r\n";

#[test]
fn append_stores_a_message() {
    // RFC 3501, 6.3.11; RFC 4315, 3.
    let text = "C: xt2 APPEND saved-messages (\\Seen) \" 7-Feb-1994 21:52:25 -0800\" {15}
         S: + Ready for literal data
         C: Date: x
         C:
         C: hi
         C:
         S: xt2 OK [APPENDUID 38505 3955] APPEND completed\n";
    let date = DateTime::new(Date::new(1994, 2, 7).unwrap(), (21, 52, 25), -480).unwrap();
    let message = || NewMessage::new(MESSAGE).flags([Flag::Seen]).date(date);
    let uid = told("", text, || Append::new("saved-messages", message())).unwrap().unwrap();
    assert_eq!(uid.uid_validity.get(), 38505);
    assert_eq!(uid.iter().map(|uid| uid.get()).collect::<Vec<_>>(), [3955]);
}

#[test]
fn append_does_not_wait_where_it_need_not() {
    let answer = "C: Date: x\nC:\nC: hi\nC:\nS: xt2 OK done\n";
    let wait = "S: + go\n";
    for (capabilities, announced, wait) in [
        ("LITERAL+", "{15+}", ""),
        ("LITERAL-", "{15+}", ""),
        ("IMAP4rev2", "{15+}", ""),
        ("", "{15}", wait),
    ] {
        let text = format!("C: xt2 APPEND INBOX () {announced}\n{wait}{answer}");
        assert_eq!(told(capabilities, &text, || Append::new("INBOX", MESSAGE)).unwrap(), None);
    }
    // RFC 7888, 5: LITERAL- is for up to 4096 octets.
    let long = "x".repeat(4097);
    let text = format!("C: xt2 APPEND INBOX () {{4097}}\nS: + go\nC: {long}\nS: xt2 OK done\n");
    told("LITERAL-", &text, || Append::new("INBOX", &*long)).unwrap();
    let text = "C: xt2 APPEND INBOX () {0}\nS: + go\nC:\nS: xt2 OK done\n";
    told("", text, || Append::new("INBOX", "")).unwrap();
}

/// A source of octets, and then perhaps of an error.
struct Octets(&'static [u8], Option<&'static str>, bool);

impl Source for Octets {
    fn poll_read(
        &mut self,
        _: &mut std::task::Context<'_>,
        room: &mut [u8],
    ) -> Poll<Result<usize, SourceFault>> {
        // Every other time it has to be waited for.
        self.2 = !self.2;
        if self.2 {
            return Poll::Pending;
        }
        Poll::Ready(match (self.0, self.1) {
            ([], Some(error)) => Err(std::sync::Arc::new(std::io::Error::other(error))),
            (octets, _) => {
                // A piece at a time.
                let n = octets.len().min(room.len()).min(4);
                room[..n].copy_from_slice(&octets[..n]);
                self.0 = &octets[n..];
                Ok(n)
            }
        })
    }
}

/// Claims to have read what it was not given room for, behind what it read.
struct Boasting(&'static [u8]);

impl Source for Boasting {
    fn poll_read(
        &mut self,
        cx: &mut std::task::Context<'_>,
        room: &mut [u8],
    ) -> Poll<Result<usize, SourceFault>> {
        match self.0.poll_read(cx, room) {
            Poll::Ready(Ok(0)) => Poll::Ready(Ok(usize::MAX)),
            other => other,
        }
    }
}

#[test]
fn append_takes_from_a_source_what_it_announced() {
    let text = "C: xt2 APPEND INBOX () {15}\nS: + go\nC: Date: x\nC:\nC: hi\nC:\nS: xt2 OK done\n";
    // What a source has beyond the length is left in it.
    let source = || Octets(b"Date: x\r\n\r\nhi\r\nmore", None, false);
    told("", text, || Append::new("INBOX", Content::from_source(source(), 15))).unwrap();
}

#[test]
fn a_source_that_fails_breaks_the_session() {
    let text =
        "S: * OK [CAPABILITY IMAP4rev1] ready\nC: xt1 APPEND INBOX () {15}\nS: + go\nC: Date";
    let failed = |content: Content, expected: &str| {
        let error = Peer::first_error(text, |peer| {
            peer.run(Greeting::new())?;
            let error = peer.run(Append::new("INBOX", content)).unwrap_err();
            assert!(!peer.machine.is_usable());
            Err::<(), _>(error)
        });
        let error = error.unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert!(error.is_fatal());
        error
    };
    let error = failed(
        Content::from_source(Octets(b"Date", Some("disk on fire"), false), 15),
        "content cannot be sent: its source failed",
    );
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "disk on fire");
    let error = failed(
        Content::from_source(Boasting(b"Date"), 15),
        "content cannot be sent: its source failed",
    );
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.ends_with("octets where there is room for 11"), "{source}");
    failed(
        Content::from_source(Octets(b"Date", None, false), 15),
        "content cannot be sent: it ended early",
    );
    failed(
        Content::from_source(Octets(b"a\0b", None, false), 15),
        "content cannot be sent: a NUL octet from a reader, expected NewMessage::binary for such",
    );
}

#[test]
fn a_refused_append_sends_nothing_of_its_message() {
    let text = "C: xt2 APPEND nowhere () {15}
         S: xt2 NO [TRYCREATE] no such mailbox\n";
    let error = told("", text, || Append::new("nowhere", MESSAGE)).unwrap_err();
    assert_eq!(error.to_string(), "APPEND refused: NO [TRYCREATE] no such mailbox");
}

#[test]
fn an_append_refused_under_way_is_written_to_its_end() {
    // RFC 7888, 4: the octets come in any case; the next command begins behind them.
    let text = "S: * OK [CAPABILITY IMAP4rev1 LITERAL+ MULTIAPPEND] ready\n";
    let written = Peer::first_error(text, |peer| {
        peer.run(Greeting::new())?;
        let mut append = Append::new("INBOX", MESSAGE).and("never sent");
        peer.machine.start(&mut [&mut append])?;
        let mut written = Vec::new();
        let mut answer: &[u8] = b"xt1 NO [TOOBIG] too big\r\n";
        loop {
            match peer.machine.poll(&mut [&mut append])? {
                Want::Write(octets) => {
                    let n = octets.len().min(7);
                    written.extend_from_slice(&octets[..n]);
                    peer.machine.written(n);
                }
                Want::Body => {
                    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
                    assert!(peer.machine.poll_body(&mut [&mut append], &mut cx)?.is_ready());
                    continue;
                }
                Want::Done => break,
                other => panic!("{other:?}"),
            }
            // The answer comes when the literal is half written.
            if written.ends_with(b"Date: x") {
                peer.machine.read_buffer()[..answer.len()].copy_from_slice(answer);
                peer.machine.received(std::mem::take(&mut answer).len());
            }
        }
        let refused = append.finish(peer.machine.take_status(0).unwrap()).unwrap_err();
        assert_eq!(refused.to_string(), "APPEND refused: NO [TOOBIG] too big");
        Ok(String::from_utf8(written).unwrap())
    });
    assert_eq!(written.unwrap(), format!("xt1 APPEND INBOX () {{15+}}\r\n{MESSAGE}\r\n"));
}

#[test]
fn several_messages_are_appended_at_once() {
    // RFC 3502, 6.3.11.
    let text = "C: xt2 APPEND saved-messages (\\Seen) {3}
         S: + Ready for literal data
         C: one (\\Answered) {3}
         S: + Ready for literal data
         C: two
         S: xt2 OK [APPENDUID 1 7:8] APPEND completed\n";
    let append = || {
        Append::new("saved-messages", NewMessage::new("one").flags([Flag::Seen]))
            .and(NewMessage::new("two").flags([Flag::Answered]))
    };
    let uids = told("MULTIAPPEND", text, append).unwrap().unwrap();
    assert_eq!(uids.iter().map(|uid| uid.get()).collect::<Vec<_>>(), [7, 8]);
    assert_eq!(refused("", append), "APPEND needs MULTIAPPEND, which the server does not offer");
    // The second is refused before its octets were asked for.
    let text = "C: xt2 APPEND saved-messages (\\Seen) {3}
         S: + Ready for literal data
         C: one (\\Answered) {3}
         S: xt2 NO [OVERQUOTA] full\n";
    assert!(told("MULTIAPPEND", text, append).is_err());
}

#[test]
fn octets_that_text_cannot_hold_need_binary() {
    let append = || Append::new("INBOX", b"a\0b");
    let text = "C: xt2 APPEND INBOX () ~{3}\nS: + go\nC: a\0b\nS: xt2 OK done\n";
    told("BINARY", text, append).unwrap();
    assert_eq!(refused("", append), "APPEND needs BINARY, which the server does not offer");
    let utf8 = || Append::new("INBOX", NewMessage::new("ü").utf8());
    // RFC 6855, 4.
    let text = "C: xt2 APPEND INBOX () UTF8 (~{2+}\nC: ü)\nS: xt2 OK done\n";
    told("UTF8=ACCEPT LITERAL+", text, utf8).unwrap();
}

#[test]
fn a_message_larger_than_the_servers_limit_is_not_offered() {
    // RFC 7889, 2.
    let append = || Append::new("INBOX", MESSAGE);
    let text = "C: xt2 APPEND INBOX () {15}\nS: + go\nC: Date: x\nC:\nC: hi\nC:\nS: xt2 OK done\n";
    told("APPENDLIMIT=15", text, append).unwrap();
    told("APPENDLIMIT", text, append).unwrap();
    assert_eq!(
        refused("APPENDLIMIT=14", append),
        "invalid message: expected no more octets than the server's APPENDLIMIT"
    );
}

#[test]
fn replace_tells_what_took_the_place() {
    // RFC 8508, 3.3.
    let text = "C: xt2 UID REPLACE 4 Drafts (\\Seen) {15}
         S: + Ready for literal data
         C: Date: x
         C:
         C: hi
         C:
         S: * OK [APPENDUID 1 2000] Replacement Message ready
         S: * 5 EXISTS
         S: * 4 EXPUNGE
         S: xt2 OK Replace completed\n";
    let uid = xoauth_imap::Uid::new(4).unwrap();
    let replace = || Replace::new(uid, "Drafts", NewMessage::new(MESSAGE).flags([Flag::Seen]));
    let stored = told("REPLACE", text, replace).unwrap().unwrap();
    assert_eq!(stored.iter().map(|uid| uid.get()).collect::<Vec<_>>(), [2000]);
    assert_eq!(
        refused("UIDPLUS", replace),
        "REPLACE needs REPLACE, which the server does not offer"
    );
}
