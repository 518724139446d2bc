//! Answers that come before the server has heard all of what they answer.
#![allow(missing_docs, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]

use std::task::{Context, Poll, Waker};

use xoauth_imap::Error;
use xoauth_imap::Limits;
use xoauth_imap::command::{
    Append, Authenticate, Fetch, Greeting, Idle, Item, Noop, Search, Select,
};
use xoauth_imap::proto::{Command, Exchange, Machine, TagPrefix};
use xoauth_imap::sasl::wire::{Conversation, Direction, Want};
use xoauth_imap::sasl::{self, Nonce, SaslIr, Stamp, XOAuth2};
use xoauth_imap::{Query, StatusKind};

/// A peer that hears so many octets, then says something, then hears the rest.
struct Peer {
    machine: Machine,
    heard: Vec<u8>,
}

impl Peer {
    fn new(capabilities: &str) -> Self {
        let machine = Machine::new(TagPrefix::new("t"), Limits::default());
        let mut peer = Self { machine, heard: Vec::new() };
        let greeting = format!("* OK [CAPABILITY IMAP4rev1 {capabilities}] ready\r\n");
        peer.run(Greeting::new(), 0, &greeting).unwrap();
        peer
    }

    fn run<C: Command>(
        &mut self,
        mut command: C,
        hears: usize,
        says: &str,
    ) -> Result<C::Output, Error> {
        self.machine.start(&mut [&mut command])?;
        self.drive(&mut [&mut command], hears, says)?;
        command.finish(self.machine.take_status(0).unwrap())
    }

    /// Hears at least `hears` octets before it says `says`, whole.
    fn drive(
        &mut self,
        exchanges: &mut [&mut dyn Exchange],
        hears: usize,
        says: &str,
    ) -> Result<(), Error> {
        let mut says = Some(says.as_bytes()).filter(|says| !says.is_empty());
        let until = self.heard.len() + hears;
        let mut conversation = self.machine.converse(exchanges);
        loop {
            if let Some(says) = says.take_if(|_| self.heard.len() >= until) {
                conversation.read_buffer()[..says.len()].copy_from_slice(says);
                conversation.received(says.len());
            }
            match conversation.poll()? {
                Want::Write(octets) => {
                    let most = if says.is_some() { until - self.heard.len() } else { usize::MAX };
                    let n = octets.len().min(most);
                    self.heard.extend_from_slice(&octets[..n]);
                    conversation.written(n);
                }
                Want::Done => return Ok(()),
                Want::Read if says.is_none() => return Ok(()),
                Want::Body => {
                    let mut cx = Context::from_waker(Waker::noop());
                    if let Poll::Ready(filled) = conversation.poll_body(&mut cx) {
                        filled?;
                    }
                }
                want => panic!("{want:?} behind {:?}", self.heard.escape_ascii().to_string()),
            }
        }
    }

    /// The session goes on with a line of its own.
    fn goes_on(&mut self) -> String {
        let from = self.heard.len();
        self.run(Noop::new(), 10, "xt2 OK done\r\n").unwrap();
        self.heard[from..].escape_ascii().to_string()
    }
}

#[test]
fn nobody_agrees_to_half_a_line() {
    let line = "xt1 NOOP\r\n";
    for hears in 0..line.len() {
        let error = Peer::new("").run(Noop::new(), hears, "xt1 OK done\r\n").unwrap_err();
        assert!(matches!(error, Error::UnsolicitedTagged { .. }), "{hears}: {error}");
    }
    Peer::new("").run(Noop::new(), line.len(), "xt1 OK done\r\n").unwrap();
}

/// So does one of several, behind which nothing is unanswered: nobody says any more before the line has its end.
#[test]
fn half_a_line_longer_than_the_window_is_written_to_its_end() {
    let set: Vec<String> = (1..20_000).step_by(2).map(|uid| uid.to_string()).collect();
    let set = set.join(",");
    let lines = format!("xt1 NOOP\r\nxt2 UID FETCH {set} (FLAGS)\r\n");
    for says in ["xt1 OK done\r\nxt2 BAD too long\r\n", "xt2 BAD too long\r\nxt1 OK done\r\n"] {
        let mut peer = Peer::new("");
        let mut fetch = Fetch::new(&*set, Item::Flags).even_if_unlisted();
        let mut noop = Noop::new();
        let exchanges: &mut [&mut dyn Exchange] = &mut [&mut noop, &mut fetch];
        peer.machine.start(exchanges).unwrap();
        peer.drive(exchanges, 16_000, says).unwrap();
        assert_eq!(&peer.heard[peer.heard.len() - lines.len()..], lines.as_bytes());
        assert!(
            peer.machine.outcome(0).is_ok()
                && peer.machine.outcome(1).unwrap().kind == StatusKind::Bad
        );
        assert!(!peer.machine.is_busy());
    }
}

#[test]
fn one_command_is_written_whole_however_long_it_is() {
    let set: Vec<String> = (1..20_000).step_by(2).map(|uid| uid.to_string()).collect();
    let set = set.join(",");
    let line = format!("xt1 UID FETCH {set} (FLAGS)\r\n");
    let mut peer = Peer::new("");
    let fetch = Fetch::new(&*set, Item::Flags).even_if_unlisted();
    peer.run(fetch, line.len(), "xt1 OK done\r\n").unwrap();
    assert_eq!(peer.heard, line.as_bytes());
}

/// What shares no flight with a command waits for its answer, and for the rest of its line.
#[test]
fn a_command_that_waits_for_the_end_of_a_line_is_under_way() {
    let mut peer = Peer::new("");
    let (mut noop, mut select) = (Noop::new(), Select::new("INBOX"));
    let mut exchanges: [&mut dyn Exchange; 2] = [&mut noop, &mut select];
    peer.machine.start(&mut exchanges).unwrap();
    let Want::Write(_) = peer.machine.poll(&mut exchanges).unwrap() else { panic!("no line") };
    peer.machine.written("xt1 N".len());
    let says = b"xt1 BAD too long\r\n";
    peer.machine.read_buffer()[..says.len()].copy_from_slice(says);
    peer.machine.received(says.len());
    let want = peer.machine.poll(&mut exchanges).unwrap();
    assert!(matches!(want, Want::Write(b"OOP\r\n")), "{want:?}");
    assert!(peer.machine.is_busy());
    assert!(matches!(peer.machine.start(&mut [&mut Noop::new()]), Err(Error::Busy)));
    peer.drive(&mut exchanges, "OOP\r\nxt2 SELECT INBOX\r\n".len(), "xt2 OK done\r\n").unwrap();
    assert_eq!(peer.heard.escape_ascii().to_string(), "OOP\\r\\nxt2 SELECT INBOX\\r\\n");
    assert!(!peer.machine.is_busy());
}

/// Dovecot refuses a line that is too long when it has read some of it.
#[test]
fn half_a_line_that_is_refused_is_written_to_its_end() {
    let line = "xt1 NOOP\r\n";
    for word in ["NO", "BAD"] {
        let says = format!("xt1 {word} too long\r\n");
        for hears in 0..=line.len() {
            let mut peer = Peer::new("");
            let error = peer.run(Noop::new(), hears, &says).unwrap_err();
            // A tag that was not written is none that a server can know.
            if hears < "xt1 ".len() {
                assert!(matches!(error, Error::UnsolicitedTagged { .. }), "{hears}: {error}");
                continue;
            }
            assert!(matches!(error, Error::Refused { .. }), "{hears}: {error}");
            assert_eq!(peer.heard.escape_ascii().to_string(), "xt1 NOOP\\r\\n");
            assert_eq!(peer.goes_on(), "xt2 NOOP\\r\\n");
        }
    }
}

#[test]
fn a_literal_that_was_not_asked_for_is_not_sent_behind_a_refusal() {
    let line = "xt1 UID SEARCH CHARSET UTF-8 SUBJECT {6}\r\n";
    let search = || Search::new(Query::subject("Grüß")).even_if_unlisted();
    for hears in "xt1 ".len()..=line.len() {
        let mut peer = Peer::new("");
        let error = peer.run(search(), hears, "xt1 NO no\r\n").unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{hears}: {error}");
        assert_eq!(String::from_utf8_lossy(&peer.heard), line, "{hears}");
        assert_eq!(peer.goes_on(), "xt2 NOOP\\r\\n");
        if hears < line.len() {
            let error = Peer::new("").run(search(), hears, "xt1 OK done\r\n").unwrap_err();
            assert!(matches!(error, Error::UnsolicitedTagged { .. }), "{hears}: {error}");
        }
    }
    // One that needs no asking goes out to its end: the server cannot tell it from what follows otherwise.
    let line = "xt1 UID SEARCH CHARSET UTF-8 SUBJECT {6+}\r\nGrüß\r\n";
    for hears in "xt1 ".len()..=line.len() {
        let mut peer = Peer::new("LITERAL+");
        let error = peer.run(search(), hears, "xt1 NO no\r\n").unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{hears}: {error}");
        assert_eq!(String::from_utf8_lossy(&peer.heard), line, "{hears}");
        assert_eq!(peer.goes_on(), "xt2 NOOP\\r\\n");
    }
}

/// A message is not stored that was not sent.
#[test]
fn nobody_agrees_to_a_literal_that_was_not_heard() {
    let (line, content) = ("xt1 APPEND a () {3}\r\n", "abc");
    for hears in 0..=line.len() {
        let error = Peer::new("").run(Append::new("a", content), hears, "xt1 OK done\r\n");
        assert!(matches!(error, Err(Error::UnsolicitedTagged { .. })), "{hears}: {error:?}");
    }
    let line = "xt1 APPEND a () {3+}\r\nabc\r\n";
    for hears in 0..=line.len() {
        let mut peer = Peer::new("LITERAL+");
        let stored = peer.run(Append::new("a", content), hears, "xt1 OK done\r\n");
        // A server need not wait for the line end behind the last octet.
        if hears < line.len() - 2 {
            assert!(matches!(stored, Err(Error::UnsolicitedTagged { .. })), "{hears}: {stored:?}");
            continue;
        }
        stored.unwrap();
        assert_eq!(String::from_utf8_lossy(&peer.heard), line, "{hears}");
        assert_eq!(peer.goes_on(), "xt2 NOOP\\r\\n");
    }
    // Of several messages the last.
    let two = || Append::new("a", content).and("de");
    let line = "xt1 APPEND a () {3+}\r\nabc () {2+}\r\nde\r\n";
    for hears in 0..line.len() {
        let stored = Peer::new("LITERAL+ MULTIAPPEND").run(two(), hears, "xt1 OK done\r\n");
        assert_eq!(stored.is_ok(), hears >= line.len() - 2, "{hears}: {stored:?}");
    }
}

#[test]
fn commands_behind_a_line_that_is_refused_are_sent() {
    let line = "xt1 APPEND a () {3}\r\n";
    for hears in "xt1 ".len()..=line.len() {
        let mut peer = Peer::new("");
        let (mut append, mut noop) = (Append::new("a", "abc"), Noop::new());
        let mut exchanges: [&mut dyn Exchange; 2] = [&mut append, &mut noop];
        peer.machine.start(&mut exchanges).unwrap();
        peer.drive(&mut exchanges, hears, "xt1 NO [TRYCREATE] no\r\n").unwrap();
        assert_eq!(String::from_utf8_lossy(&peer.heard), format!("{line}xt2 NOOP\r\n"), "{hears}");
        peer.drive(&mut exchanges, 0, "xt2 OK done\r\n").unwrap();
        assert!(!peer.machine.is_busy());
    }
}

#[test]
fn a_continuation_frees_no_command_that_was_not_written() {
    let mut peer = Peer::new("IDLE");
    for hears in 0.."xt1 IDLE\r\n".len() {
        let mut peer = Peer::new("IDLE");
        let error = peer.run(Idle::new(), hears, "+ idling\r\n").unwrap_err();
        assert!(matches!(error, Error::Unexpected { .. }), "{hears}: {error}");
    }
    let mut idle = Idle::new();
    peer.machine.start(&mut [&mut idle]).unwrap();
    peer.drive(&mut [&mut idle], 10, "+ idling\r\n").unwrap();
    assert!(idle.is_idling());
}

/// The `+` and the OK stand in one segment: what would answer the `+` is not said by then, and never is.
#[test]
fn nobody_is_let_in_by_credentials_that_were_not_heard() {
    let stamp = Stamp::new(Nonce::new("nonce").unwrap(), 1_700_000_000);
    let context = sasl::Context::new(&stamp, "mail.example.org", 993);
    let token = XOAuth2::new("user@example.org", "token-of-the-user").unwrap();
    let password = sasl::Login::new("tim", "tanstaaf").unwrap();
    let in_two = "+ VXNlcm5hbWU6\r\n+ UGFzc3dvcmQ6\r\nxt1 OK welcome\r\n";
    let mechanisms: [(&dyn sasl::Mechanism, &str); 2] =
        [(&token, "+ \r\nxt1 OK welcome\r\n"), (&password, in_two)];
    for (mechanism, says) in mechanisms {
        let mut peer = Peer::new("AUTH=XOAUTH2 AUTH=LOGIN");
        let login = Authenticate::new(mechanism, &context).unwrap().sasl_ir(SaslIr::Never);
        let line = format!("xt1 AUTHENTICATE {}\r\n", mechanism.name());
        let error = peer.run(login, line.len(), says).unwrap_err();
        assert!(matches!(error, Error::UnsolicitedTagged { .. }), "{error:?}");
        assert_eq!(String::from_utf8_lossy(&peer.heard), line);
        assert!(!peer.machine.state().is_authenticated());
    }
    // Nor by half of them.
    for said in [1, 20, 53] {
        let mut peer = Peer::new("AUTH=XOAUTH2");
        let mut login = Authenticate::new(&token, &context).unwrap().sasl_ir(SaslIr::Never);
        peer.machine.start(&mut [&mut login]).unwrap();
        peer.drive(&mut [&mut login], "xt1 AUTHENTICATE XOAUTH2\r\n".len(), "").unwrap();
        let says = b"+ \r\n";
        peer.machine.read_buffer()[..says.len()].copy_from_slice(says);
        peer.machine.received(says.len());
        let error = peer.drive(&mut [&mut login], said, "xt1 OK welcome\r\n").unwrap_err();
        assert!(matches!(error, Error::UnsolicitedTagged { .. }), "{said}: {error:?}");
    }
}

#[test]
fn a_trace_shows_each_answer_once_though_the_challenges_come_at_once() {
    let stamp = Stamp::new(Nonce::new("nonce").unwrap(), 1_700_000_000);
    let login = XOAuth2::new("user@example.org", "token-of-the-user").unwrap();
    let mut peer = Peer::new("AUTH=XOAUTH2");
    peer.machine.keep_transcript();
    let context = sasl::Context::new(&stamp, "mail.example.org", 993);
    let login = Authenticate::new(&login, &context).unwrap().sasl_ir(SaslIr::Never);
    let hears = "xt1 AUTHENTICATE XOAUTH2\r\n".len();
    peer.run(login, hears, "+ \r\n+ e30=\r\nxt1 NO no\r\n").unwrap_err();
    let lines = std::iter::from_fn(|| peer.machine.next_line());
    let said: Vec<_> = lines.filter(|(side, _)| *side == Direction::Client).collect();
    let said: Vec<_> = said.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(said, ["xt1 AUTHENTICATE XOAUTH2", "<secret>", "<secret>"]);
}

/// The server ends IDLE in the moment in which its client does: DONE would be a command to it.
#[test]
fn an_answer_to_what_is_over_is_not_sent() {
    let mut peer = Peer::new("IDLE");
    let mut idle = Idle::new();
    peer.machine.start(&mut [&mut idle]).unwrap();
    peer.drive(&mut [&mut idle], 10, "+ idling\r\n").unwrap();
    peer.machine.interrupt(&mut [&mut idle]).unwrap();
    peer.drive(&mut [&mut idle], 0, "xt1 OK timed out\r\n").unwrap();
    assert!(!peer.machine.is_busy());
    assert_eq!(peer.heard.escape_ascii().to_string(), "xt1 IDLE\\r\\n");
    assert_eq!(peer.goes_on(), "xt2 NOOP\\r\\n");
    // Once begun it is written to its end.
    let mut peer = Peer::new("IDLE");
    let mut idle = Idle::new();
    peer.machine.start(&mut [&mut idle]).unwrap();
    peer.drive(&mut [&mut idle], 10, "+ idling\r\n").unwrap();
    peer.machine.interrupt(&mut [&mut idle]).unwrap();
    peer.drive(&mut [&mut idle], 2, "xt1 OK timed out\r\n").unwrap();
    assert_eq!(peer.heard.escape_ascii().to_string(), "xt1 IDLE\\r\\nDONE\\r\\n");
    assert_eq!(peer.goes_on(), "xt2 NOOP\\r\\n");
}

/// A server that sends an answer that nobody reads takes nothing more: what is ahead of it fits between two programs.
#[test]
fn no_content_is_ahead_of_an_answer_that_would_not_fit_between_two_programs() {
    let text = |octets| "x".repeat(octets);
    for hears in [false, true] {
        let mut peer = Peer::new("LITERAL+");
        if hears {
            peer.machine.hears_while_writing();
        }
        let mut fetch = Fetch::new("1", Item::Body).even_if_unlisted();
        let mut appends =
            [5_000, 5_000, 5_000, 100_000].map(|octets| Append::new("a", text(octets)));
        let mut exchanges: Vec<&mut dyn Exchange> = vec![&mut fetch];
        exchanges.extend(appends.iter_mut().map(|append| append as &mut dyn Exchange));
        peer.machine.start(&mut exchanges).unwrap();
        let mut says = |peer: &mut Peer, line: &str| {
            let before = peer.heard.len();
            peer.drive(&mut exchanges, 0, line).unwrap();
            peer.heard.len() - before
        };
        let ahead = says(&mut peer, "");
        if hears {
            assert!(ahead > 115_000, "{ahead}");
            continue;
        }
        assert!((15_000..16 * 1024).contains(&ahead), "{ahead}");
        // The answer to one behind it makes no more room; those in front of it do.
        assert_eq!(says(&mut peer, "xt2 OK done\r\n"), 0);
        assert_eq!(says(&mut peer, "xt1 OK done\r\n"), 0);
        assert_eq!(says(&mut peer, "xt3 OK done\r\n"), 0);
        let rest = says(&mut peer, "xt4 OK done\r\n");
        assert!((100_000..100_100).contains(&rest), "{rest}");
        assert_eq!(says(&mut peer, "xt5 OK done\r\n"), 0);
        assert!(!peer.machine.is_busy());
    }
}

#[test]
fn each_answer_makes_room_for_as_much_content_as_was_ahead_of_it() {
    let mut peer = Peer::new("LITERAL+");
    let mut fetch = Fetch::new("1", Item::Body).even_if_unlisted();
    let mut appends = [5_000; 6].map(|octets| Append::new("a", "x".repeat(octets)));
    let mut exchanges: Vec<&mut dyn Exchange> = vec![&mut fetch];
    exchanges.extend(appends.iter_mut().map(|append| append as &mut dyn Exchange));
    peer.machine.start(&mut exchanges).unwrap();
    let mut says = |line: &str| {
        let before = peer.heard.len();
        peer.drive(&mut exchanges, 0, line).unwrap();
        peer.heard.len() - before
    };
    let ahead = says("");
    assert!((15_000..16 * 1024).contains(&ahead), "{ahead}");
    for tag in 1..=3 {
        let more = says(&format!("xt{tag} OK done\r\n"));
        assert!((5_000..5_100).contains(&more), "{tag}: {more}");
    }
    assert_eq!(says("xt4 OK done\r\n"), 0);
}
