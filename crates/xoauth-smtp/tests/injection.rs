//! Arguments that try to become commands: nothing is sent.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Peer, WHOLE, word};
use proptest::prelude::*;
use xoauth_smtp::exchange::{Noop, Submit};
use xoauth_smtp::proto::{Command, Encoder, Exchange, Place, Progress};
use xoauth_smtp::{
    Address, ClientName, Envelope, Error, Extensions, Mail, Recipient, Reply, ReversePath,
};

/// Hostile texts. None is an address or a name.
const HOSTILE: &[&str] = &[
    "b@example.net>\r\nRCPT TO:<evil@example.com",
    "b@example.net\r\nDATA",
    "b@example.net\nDATA",
    "b@example.net\rDATA",
    "b@example.net\0",
    "\r\nb@example.net",
    "b\r\n@example.net",
    "b@example.net>",
    "<b@example.net>",
    "<b@example.net",
    "b@example.net> SIZE=1",
    "b@example.net SIZE=1",
    "b @example.net",
    "b@ example.net",
    " b@example.net",
    "b@example.net ",
    "b\t@example.net",
    "b@example.net\t",
    "b\u{b}@example.net",
    "b\u{1b}[2J@example.net",
    "b\u{7f}@example.net",
    "b\u{85}@example.net",
    "b\u{2028}@example.net",
    "b\u{a0}@example.net",
    "b\u{760d}\u{760a}RCPT TO:<evil@example.com>@example.net",
    "\"b@example.net",
    "\"b\"\r\n@example.net",
    "\"b\r\nc\"@example.net",
    "\"b>\"@example.net",
    "\"b\\\"@example.net",
    "\"b\\\u{fc}\"@example.net",
    "b@[192.0.2.1]>\r\n",
    "b@[IPv6:::1\r\n]",
    "b@[x:>]",
    "b@example.net,c@example.net",
    "b@example.net;c@example.net",
    "b@c@example.net",
    "@relay.example:b@example.net",
    "b..c@example.net",
    "b@example..net",
    "B <b@example.net>",
    "",
    "@",
    ".",
    "\r\n.\r\n",
];

const GREETING: &str = "
    S: 220 mx
    C: EHLO client.example
    S: 250-mx
    S: 250-PIPELINING
    S: 250-SMTPUTF8
    S: 250 8BITMIME";

#[test]
fn hostile_arguments_send_nothing() {
    let mut peer = Peer::new(GREETING, WHOLE);
    peer.greet().unwrap();
    let sent = peer.sent.len();
    for text in HOSTILE {
        assert!(text.parse::<Address>().is_err(), "{text:?}");
        assert!(text.parse::<ReversePath>().is_err(), "{text:?}");
        assert!(text.parse::<ClientName>().is_err(), "{text:?}");
        let good = "a@example.org";
        let errors = [
            peer.run(Submit::new(*text, [good], "x\r\n")).unwrap_err(),
            peer.run(Submit::new(good, [*text], "x\r\n")).unwrap_err(),
            peer.run(Submit::new(good, [good, *text, good], "x\r\n")).unwrap_err(),
            peer.run(Raw(text)).err().unwrap_or(Error::Busy),
        ];
        for (error, argument) in errors.iter().zip(["sender", "recipient", "recipient"]) {
            let Error::InvalidArgument(invalid) = error else { panic!("{error:?}") };
            assert_eq!(invalid.argument(), argument);
            assert!(invalid.offset() <= text.len());
            assert!(!error.to_string().contains(['\r', '\n', '\0', '\u{1b}']), "{error}");
            assert_eq!(word(error), "invalid-argument");
        }
        assert_eq!(peer.sent.len(), sent, "{text:?}");
        assert!(peer.machine.is_usable());
    }
}

/// A command of a user's own that passes its argument on unchecked. A line end in it is refused by the
/// machine; what has none is refused here, so that nothing is sent in this test.
struct Raw(&'static str);

impl Exchange for Raw {
    fn encode(&mut self, out: &mut Encoder<'_>, _: &Extensions) -> Result<(), Error> {
        if !self.0.contains(['\r', '\n', '\0']) {
            return Err(Error::Busy);
        }
        out.text("VRFY ");
        out.text(self.0);
        out.end_line(Place::Last);
        Ok(())
    }

    fn on_reply(&mut self, _: &Reply<'_>, _: &mut Encoder<'_>) -> Result<Progress, Error> {
        Ok(Progress::Continue)
    }
}

impl Command for Raw {
    type Output = ();

    fn finish(self) -> Result<(), Error> {
        Ok(())
    }
}

#[test]
fn lines_of_own_commands_cannot_be_ended_early() {
    let mut peer = Peer::new(&format!("{GREETING}\nC: NOOP\nS: 250 ok"), WHOLE);
    peer.greet().unwrap();
    for text in ["x\r\nNOOP", "x\ny", "x\ry", "x\0y"] {
        let error = peer.run(Raw(text)).unwrap_err();
        let Error::InvalidArgument(invalid) = &error else { panic!("{error:?}") };
        assert_eq!((invalid.argument(), invalid.offset()), ("command line", 1));
    }
    peer.run(Noop::new()).unwrap();
    peer.assert_over();
}

proptest! {
    #[test]
    fn whatever_passes_as_argument_stays_on_its_line(text in "\\PC{0,20}|[a-c@.<>\"\\\\ \r\n\0\\[\\]:-]{0,12}") {
        if let Ok(address) = text.parse::<Address>() {
            prop_assert_eq!(address.as_str(), &text);
            prop_assert!(!text.contains(['\r', '\n', '\0', '<', '>']));
            prop_assert!(text.chars().all(|c| !c.is_control()));
            prop_assert!(text.starts_with('"') || !text.contains(' '));
        }
        if let Ok(name) = text.parse::<ClientName>() {
            prop_assert_eq!(name.as_str(), &text);
            prop_assert!(text.bytes().all(|octet| octet.is_ascii_graphic()));
        }
    }
}

/// Every argument of an envelope, given the same text.
fn envelopes(text: &str) -> Vec<Envelope> {
    let good = || Envelope::new("a@example.org", ["b@example.net"]);
    let to = || Recipient::new("c@example.net");
    vec![
        good().envelope_id(text),
        good().submitter(text),
        good().recipient(Recipient::new(text)),
        good().recipient(to().original(text)),
        good().recipient(to().parameter("XANY", text, None)),
        good().recipient(to().parameter("XANY", "X", Some(text))),
        good().parameter("XANY", text, None),
        good().parameter("XANY", "X", Some(text)),
        good().parameter(text, "X", None),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a caller passes, no more lines leave than there are commands, and none holds a control
    /// character.
    #[test]
    fn envelopes_of_any_text_stay_within_their_lines(
        text in prop_oneof![any::<String>(), "[ -~\r\n\0=+<>]{0,12}", prop::sample::select(HOSTILE).prop_map(String::from)]
    ) {
        for envelope in envelopes(&text) {
            let mut peer = Peer::saying(b"", WHOLE);
            peer.say_line_by_line(
                "220 mx\r\n250-mx\r\n250-PIPELINING\r\n250-SMTPUTF8\r\n250-DSN\r\n250-AUTH PLAIN\r\n\
                 250 XANY\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n",
            );
            peer.greet().unwrap();
            let before = peer.sent.len();
            // What the answers mean is no matter here, only what is sent.
            let _ = peer.run(Submit::mail(Mail::with(envelope, "x\r\n")));
            let sent = &peer.sent[before..];
            let lines: Vec<&[u8]> = sent.split_inclusive(|&octet| octet == b'\n').collect();
            let envelope_ends = lines.iter().position(|line| *line == b"DATA\r\n").unwrap_or(lines.len());
            prop_assert!(envelope_ends <= 3, "{}", sent.escape_ascii());
            for (at, line) in lines.iter().take(envelope_ends).enumerate() {
                let start: &[u8] = if at == 0 { b"MAIL FROM:<" } else { b"RCPT TO:<" };
                let inside = line.strip_suffix(b"\r\n").unwrap();
                prop_assert!(inside.starts_with(start), "{}", line.escape_ascii());
                prop_assert!(!inside.iter().any(u8::is_ascii_control), "{}", line.escape_ascii());
            }
        }
    }
}
