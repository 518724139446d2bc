//! Octets of any kind, cut anywhere: no panic, and the same answers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Peer, WHOLE, Way};
use proptest::prelude::*;
use xoauth_smtp::exchange::{Greeting, Noop, Submit};
use xoauth_smtp::proto::{Command, Encoder, Exchange, Progress};
use xoauth_smtp::{Error, Extensions, Reply};

/// Hears everything, and always wants more.
#[derive(Default)]
struct Listener(Vec<String>);

impl Exchange for Listener {
    fn encode(&mut self, out: &mut Encoder<'_>, _: &Extensions) -> Result<(), Error> {
        out.await_reply();
        Ok(())
    }

    fn on_reply(&mut self, reply: &Reply<'_>, out: &mut Encoder<'_>) -> Result<Progress, Error> {
        self.0.push(format!("{reply:?}"));
        out.await_reply();
        Ok(Progress::Continue)
    }

    fn interrupted(&mut self, cause: Error, _: usize) -> Error {
        self.0.push(cause.to_string());
        cause
    }
}

/// What a listener heard, and how it ended.
fn listen(octets: &[u8], read: usize) -> Vec<String> {
    struct Shared<'a>(&'a mut Listener);
    impl Exchange for Shared<'_> {
        fn encode(&mut self, out: &mut Encoder<'_>, offered: &Extensions) -> Result<(), Error> {
            self.0.encode(out, offered)
        }
        fn on_reply(
            &mut self,
            reply: &Reply<'_>,
            out: &mut Encoder<'_>,
        ) -> Result<Progress, Error> {
            self.0.on_reply(reply, out)
        }
        fn interrupted(&mut self, cause: Error, sent: usize) -> Error {
            self.0.interrupted(cause, sent)
        }
    }
    impl Command for Shared<'_> {
        type Output = ();
        fn finish(self) -> Result<(), Error> {
            Ok(())
        }
    }
    let mut listener = Listener::default();
    let mut peer = Peer::saying(octets, Way { read, ..WHOLE });
    assert!(peer.run(Shared(&mut listener)).is_err(), "it ends with the stream at the latest");
    listener.0
}

fn reply_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            &b"250 ok\r\n"[..], b"250-a\r\n", b"250", b"\r\n", b"\n", b"\r", b"2", b"334 ", b"354", b"421 ",
            b"535-5.7.8 x\r\n535 5.7.8 y\r\n", b"-", b" ", b"\0", b"\xff", b"5.1.1 ", b"AUTH ", b"221 bye\r\n",
        ])
        .prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_octets_in_any_pieces_give_the_same(octets in reply_like(), read in 1usize..20) {
        let whole = listen(&octets, usize::MAX);
        prop_assert_eq!(&listen(&octets, read), &whole);
        prop_assert_eq!(&listen(&octets, 1), &whole);
    }

    #[test]
    fn any_server_ends_a_session_in_an_answer_or_an_error(octets in reply_like(), read in 1usize..20) {
        let said = [&b"220 mx\r\n250-mx\r\n250-PIPELINING\r\n250 AUTH XOAUTH2\r\n"[..], &octets].concat();
        let mut peer = Peer::saying(&said, Way { read, ..WHOLE });
        let _ = peer.greet();
        let _ = peer.auth();
        let _ = peer.run(Submit::new("a@example.org", ["b@example.net"], "x\r\n"));
        let _ = peer.run(Noop::new());
        prop_assert!(peer.sent.len() < 1000);
    }

    #[test]
    fn replies_read_back_as_they_were_written(
        code in 200u16..600,
        lines in prop::collection::vec("[ -~]{0,40}", 1..6),
    ) {
        prop_assume!(code != 421 && code != 221);
        let mut said = String::new();
        for (index, line) in lines.iter().enumerate() {
            let separator = if index + 1 == lines.len() { ' ' } else { '-' };
            said.push_str(&format!("{code}{separator}{line}\r\n"));
        }
        let mut peer = Peer::saying(said.as_bytes(), WHOLE);
        let text = match peer.run(Greeting::new()) {
            Ok(reply) | Err(Error::GreetingRefused { reply } | Error::Unexpected { reply, .. }) => reply,
            Err(other) => panic!("{other:?}"),
        };
        prop_assert_eq!(text.code.get(), code);
        prop_assert_eq!(text.lines.len(), lines.len());
        if text.enhanced.is_none() {
            prop_assert_eq!(text.lines, lines);
        }
    }
}
