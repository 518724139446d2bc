//! Hostile servers, in memory. Each case is named after the one in the project's collection of attacks.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Peer, RESPONSE, TOKEN, USER, WHOLE, Way, auth_with, told, word};
use xoauth_smtp::exchange::{Ehlo, Greeting, Noop, Submit};
use xoauth_smtp::proto::Machine;
use xoauth_smtp::sasl::XOAuth2;
use xoauth_smtp::{Error, LimitKind, Limits};

const GREETING: &str = "
    S: 220 mx.example.org ESMTP
    C: EHLO client.example
    S: 250-mx.example.org
    S: 250-STARTTLS
    S: 250 AUTH XOAUTH2";

const OCTETS: Way = Way { read: 1, ..WHOLE };

/// Greets, asks for TLS, logs in, sends a message and looks whether the session lives.
fn session(peer: &mut Peer) -> Result<String, Error> {
    peer.greet()?;
    if peer.machine.extensions().starttls() {
        peer.starttls()?;
        peer.hello()?;
    }
    peer.auth()?;
    let sent = told(peer.run(Submit::new(
        "a@example.org",
        ["b@example.net"],
        "Subject: t\r\n\r\nhello\r\n",
    )))?;
    peer.run(Noop::new())?;
    Ok(sent)
}

#[test]
fn octets_behind_the_starttls_reply_are_refused() {
    let cases = [
        // smtp-stls-suffix-ehlo, smtp-stls-suffix-onebyte
        "220 go\r\n250-x\r\n250 AUTH LOGIN PLAIN\r\n",
        "220 go\r\n2",
        "220 go\r\n\r\n",
        "220-go\r\n220 go\r\n\0",
        "220 go\r\n421 bye\r\n",
    ];
    for said in cases {
        let before = "220 mx\r\n250-mx\r\n250 STARTTLS\r\n";
        let mut peer = Peer::saying([before, said].concat().as_bytes(), OCTETS);
        peer.greet().unwrap();
        // The answer to STARTTLS comes in one piece.
        peer.at_once();
        let error = peer.starttls().unwrap_err();
        assert_eq!(word(&error), "plaintext-after-starttls", "{said:?}: {error}");
        assert!(!peer.machine.is_usable());
        assert!(!peer.sent.windows(4).any(|part| part == b"AUTH"));
    }
}

#[test]
fn answers_to_starttls_other_than_220_are_no_tls() {
    let cases = [
        ("454 4.7.0 later", "tls-unavailable"),
        ("502 5.5.1 what?", "tls-unavailable"),
        ("501 5.5.4 what?", "tls-unavailable"),
        ("530 5.7.0 no", "tls-unavailable"),
        ("250 ok", "unexpected-response"),
        ("354 go", "unexpected-response"),
        ("235 ok", "unexpected-response"),
        ("221 bye", "server-bye"),
        ("421 bye", "server-bye"),
        ("2200 go", "malformed-response"),
        ("220-go", "closed"),
    ];
    for (answer, expected) in cases {
        let mut peer = Peer::new(&format!("{GREETING}\nC: STARTTLS\nS: {answer}"), WHOLE);
        assert_eq!(word(&session(&mut peer).unwrap_err()), expected, "{answer}");
    }
}

#[test]
fn no_session_in_the_clear_where_tls_was_wanted() {
    // smtp-strip-helo: EHLO refused, no HELO.
    let mut peer = Peer::new("S: 220 mx\nC: EHLO client.example\nS: 500 what?", WHOLE);
    peer.run(Greeting::new()).unwrap();
    let ehlo = Ehlo::new("client.example".parse().unwrap()).without_fallback();
    assert_eq!(word(&peer.run(ehlo).unwrap_err()), "server-rejected");
    // smtp-tamper-caps: what was offered in the clear does not count under TLS.
    let transcript = format!(
        "{GREETING}
         C: STARTTLS
         S: 220 go
         C: EHLO client.example
         S: 250-mx
         S: 250 8BITMIME"
    );
    let mut peer = Peer::new(&transcript, WHOLE);
    assert_eq!(word(&session(&mut peer).unwrap_err()), "mechanism-unavailable");
    peer.assert_over();
}

#[test]
fn greetings_that_are_none_are_refused() {
    let cases: [(&[u8], &str); 10] = [
        // smtp-greet-imap, smtp-greet-escape
        (b"* OK IMAP4rev1\r\n", "malformed-response"),
        (b"554 \x1b[2J\0 \x1b]0;x\x07\r\n", "malformed-response"),
        (b"554 \x1b[2J \x1b]0;x\x07\r\n", "server-rejected"),
        (b"HTTP/1.1 400 Bad Request\r\n", "malformed-response"),
        (b"+OK POP3\r\n", "malformed-response"),
        (b"250 ok\r\n", "unexpected-response"),
        (b"354 go\r\n", "unexpected-response"),
        (b"334 eyJ9\r\n", "unexpected-response"),
        (b"220 mx\n", "malformed-response"),
        (b"", "closed"),
    ];
    for (said, expected) in cases {
        for way in [WHOLE, OCTETS] {
            let mut peer = Peer::saying(said, way);
            let error = peer.greet().unwrap_err();
            assert_eq!(word(&error), expected, "{}", said.escape_ascii());
            for text in [error.to_string(), format!("{error:?}")] {
                assert!(!text.contains(['\u{1b}', '\0', '\u{7}']), "{text:?}");
            }
            assert!(peer.sent.is_empty());
        }
    }
}

#[test]
fn endless_replies_stop_at_a_limit() {
    let limits = Limits::default();
    let defaults = (limits.line, limits.reply, limits.lines, limits.window);
    assert_eq!(defaults, (12_294, 64 * 1024, 512, 100));
    // smtp-dos-endless-multiline, and a line without an end.
    let line = format!("250-XEXT{}\r\n", "y".repeat(500));
    let cases = [
        (line.repeat(1000).into_bytes(), LimitKind::Reply),
        (b"250-x\r\n".repeat(1000), LimitKind::Lines),
        (vec![b'2'; 20_000], LimitKind::Line),
        ([b"250 ".to_vec(), vec![b'x'; 20_000]].concat(), LimitKind::Line),
    ];
    for (said, kind) in cases {
        for way in [WHOLE, OCTETS] {
            let mut peer = Peer::saying(&[b"220 mx\r\n", &said[..]].concat(), OCTETS);
            peer.run(Greeting::new()).unwrap();
            peer.travel(way);
            match peer.hello() {
                Err(Error::Limit { kind: found }) => assert_eq!(found, kind),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn reply_codes_that_are_none_are_refused() {
    // smtp-rep-badcode-1, -3, -6 and others
    for reply in [
        "25 x",
        "\u{662}\u{665}\u{660} ok",
        "-1 x",
        "",
        " 250 ok",
        "0250 x",
        "999 x",
        "250_x",
        "2 50",
    ] {
        let mut peer = Peer::new(&format!("S: 220 mx\nC: EHLO client.example\nS: {reply}"), WHOLE);
        assert_eq!(word(&peer.greet().unwrap_err()), "malformed-response", "{reply}");
    }
}

#[test]
fn strange_extensions_are_understood() {
    // smtp-rep-size-overflow
    let mut peer = Peer::new(
        &format!(
            "S: 220 mx
             C: EHLO client.example
             S: 250-x
             S: 250-SIZE 99999999999999999999999
             S: 250-AUTH
             S: 250- \n\
             S: 250-AUTH=XOAUTH2
             S: 250 AUTH XOAUTH2
             C: AUTH XOAUTH2 {RESPONSE}
             S: 235 ok"
        ),
        WHOLE,
    );
    peer.greet().unwrap();
    peer.auth().unwrap();
}

#[test]
fn challenge_that_is_not_base64_is_cancelled() {
    // smtp-sasl-badb64
    let mut peer =
        Peer::saying(b"220 mx\r\n250-mx\r\n250 AUTH XOAUTH2\r\n334 %%%\xff\r\n535 no\r\n", OCTETS);
    peer.greet().unwrap();
    assert_eq!(word(&peer.auth().unwrap_err()), "auth-rejected");
    assert!(peer.sent.ends_with(b"==\r\n*\r\n"));
}

#[test]
fn endless_challenges_get_two_answers() {
    let mut peer = Peer::saying(
        &[&b"220 mx\r\n250-mx\r\n250 AUTH XOAUTH2\r\n"[..], &b"334 eyJ9\r\n".repeat(9)].concat(),
        OCTETS,
    );
    peer.greet().unwrap();
    let before = peer.sent.len();
    assert_eq!(word(&peer.auth().unwrap_err()), "unexpected-response");
    assert_eq!(peer.sent[before..], *format!("AUTH XOAUTH2 {RESPONSE}\r\n\r\n*\r\n").as_bytes());
}

#[test]
fn replies_ahead_of_their_command_are_refused() {
    // What came with the reply to EHLO, and the words.
    let cases = [
        ("235 welcome\r\n", "unsolicited-reply"),
        ("250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n", "unsolicited-reply"),
        ("235", "unsolicited-reply"),
        ("2", "unsolicited-reply"),
        ("\r\n", "malformed-response"),
        ("421 bye\r\n", "server-bye"),
        ("42", "unsolicited-reply"),
    ];
    for (ahead, expected) in cases {
        let said = format!("220 mx\r\n250-mx\r\n250 AUTH XOAUTH2\r\n{ahead}");
        let mut peer = Peer::saying(said.as_bytes(), OCTETS);
        peer.run(Greeting::new()).unwrap();
        peer.at_once();
        peer.hello().unwrap();
        let before = peer.sent.len();
        assert_eq!(word(&peer.auth().unwrap_err()), expected, "{ahead}");
        assert_eq!(peer.sent.len(), before, "nothing is sent");
        assert!(!peer.machine.is_usable());
    }
}

#[test]
fn replies_ahead_within_a_transaction_are_refused() {
    let transcripts = [
        // MAIL and RCPT answered at once without PIPELINING.
        "C: MAIL FROM:<a@example.org>
         S: 250 ok
         S: 250 ok",
        // The answer to the message comes with 354.
        "C: MAIL FROM:<a@example.org>
         S: 250 ok
         C: RCPT TO:<b@example.net>
         S: 250 ok
         C: DATA
         S: 354 go
         S: 250 queued",
    ];
    for transcript in transcripts {
        let mut peer = Peer::new(&format!("{GREETING}\n{transcript}"), WHOLE);
        peer.greet().unwrap();
        let sent = peer.run(Submit::new("a@example.org", ["b@example.net"], "x\r\n"));
        assert_eq!(word(&sent.unwrap_err()), "unsolicited-reply");
        assert!(!peer.sent.ends_with(b".\r\n"));
    }
}

#[test]
fn smuggled_line_ends_are_refused_before_anything_is_sent() {
    // smtp-smug-lf, smtp-smug-crcrlf and relatives
    let cases = [
        "Subject: t\r\n\r\nx\n.\nMAIL FROM:<evil@example.org>\r\n",
        "Subject: t\r\n\r\nx\r\r\n.\r\r\nMAIL FROM:<evil@example.org>\r\n",
        "x\r\n.\rMAIL\r\n",
        "x\n.\r\nMAIL\r\n",
        "x\r\n.\n",
        "x\r.\r",
        "\n",
        "x\r",
        "x\0\r\n",
    ];
    let mut peer = Peer::new(GREETING, WHOLE);
    peer.greet().unwrap();
    for message in cases {
        let error = peer.run(Submit::new("a@example.org", ["b@example.net"], message)).unwrap_err();
        assert_eq!(word(&error), "invalid-argument", "{message:?}");
    }
    peer.assert_over();
}

#[test]
fn secrets_a_server_echoes_reach_no_error() {
    let transcript = format!(
        "{GREETING}
         C: AUTH XOAUTH2 {RESPONSE}
         S: 535-5.7.8 you said {RESPONSE}
         S: 535 5.7.8 which is {TOKEN} of {USER}"
    );
    let mut peer = Peer::new(&transcript, WHOLE);
    peer.greet().unwrap();
    let error = peer.auth().unwrap_err();
    let (_, tail) = RESPONSE.split_at(60);
    for text in [
        error.to_string(),
        format!("{error:?}"),
        peer.trace.join("\n"),
        format!("{:?}", peer.machine),
    ] {
        assert!(!text.contains(TOKEN) && !text.contains("auth=") && !text.contains(tail), "{text}");
    }
    // What cannot be understood is masked too.
    let transcript = format!("{GREETING}\nC: AUTH XOAUTH2 {RESPONSE}\nS: you said {TOKEN}");
    let mut peer = Peer::new(&transcript, WHOLE);
    peer.greet().unwrap();
    let error = peer.auth().unwrap_err();
    assert_eq!(word(&error), "malformed-response");
    assert!(!format!("{error} {error:?}").contains(TOKEN));
}

#[test]
fn the_machine_shows_nothing_of_what_it_holds() {
    let shown = |octets: &str| {
        let mut machine = Machine::new(Limits::default());
        let room = machine.read_buffer();
        room[..octets.len()].copy_from_slice(octets.as_bytes());
        machine.received(octets.len());
        format!("{machine:?}")
    };
    // A reply that is not complete may hold our message; the length is all that is shown.
    let text = format!("535-5.7.8 you said {RESPONSE}\r\n535 5.7.8 wh");
    assert_eq!(shown(&text), shown(&"x".repeat(text.len())));
}

/// A session of everything, for the sweeps.
fn everything() -> String {
    format!(
        "S: 220 mx.example.org ESMTP
         C: EHLO client.example
         S: 250-mx.example.org
         S: 250-STARTTLS
         S: 250 PIPELINING
         C: STARTTLS
         S: 220 go
         C: EHLO client.example
         S: 250-mx.example.org
         S: 250-PIPELINING
         S: 250 AUTH XOAUTH2
         C: AUTH XOAUTH2 {RESPONSE}
         S: 235 2.7.0 ok
         C: MAIL FROM:<a@example.org>
         C: RCPT TO:<b@example.net>
         C: DATA
         S: 250 2.1.0 ok
         S: 250 2.1.5 ok
         S: 354 go
         C: Subject: t
         C:
         C: hello
         C: .
         S: 250 2.0.0 queued
         C: NOOP
         S: 250 2.0.0 ok"
    )
}

#[test]
fn flipped_octets_end_in_an_answer_or_an_error() {
    let transcript = everything();
    common::every_way(&transcript, session);
    let spoken: Vec<u8> = transcript
        .lines()
        .map(str::trim_start)
        .filter_map(|line| line.strip_prefix("S: "))
        .flat_map(|line| format!("{line}\r\n").into_bytes())
        .collect();
    for at in 0..spoken.len() {
        for octet in [0, 0xff, b'\r', b'\n', b'2', b'4', b'5', b'-', b' '] {
            let mut said = spoken.clone();
            said[at] = octet;
            // Octet by octet, so that every reply comes when it is waited for.
            let mut peer = Peer::saying(&said, OCTETS);
            match session(&mut peer) {
                Ok(_) => assert!(peer.machine.is_usable()),
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    assert!(!format!("{error:?}").contains(TOKEN));
                }
            }
            let mails = String::from_utf8_lossy(&peer.sent).matches("Subject: t").count();
            assert!(mails <= 1, "the message is sent once");
        }
    }
}

#[test]
fn all_codes_in_all_places_end_in_an_answer_or_an_error() {
    // Every reply of the session replaced by every code that means something somewhere.
    let codes = [
        "200", "211", "214", "220", "221", "235", "250", "251", "252", "299", "334", "354", "421",
        "432", "450", "451", "452", "454", "455", "500", "501", "502", "503", "504", "530", "534",
        "535", "538", "550", "551", "552", "553", "554", "555", "599",
    ];
    let transcript = everything();
    let spoken: Vec<&str> = transcript
        .lines()
        .map(str::trim_start)
        .filter_map(|line| line.strip_prefix("S: "))
        .collect();
    for index in 0..spoken.len() {
        for code in codes {
            for text in ["", " text", "-text"] {
                let mut lines: Vec<String> = spoken.iter().map(|line| (*line).into()).collect();
                lines[index] = format!("{code}{text}");
                let said: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
                let mut peer = Peer::saying(said.as_bytes(), OCTETS);
                let result = session(&mut peer);
                if let Err(error) = &result {
                    assert!(!error.is_fatal() || !peer.machine.is_usable(), "{error}");
                    word(error);
                }
                // No code but the right one is taken for success.
                let sent = String::from_utf8_lossy(&peer.sent);
                let done = matches!(code, "200" | "250" | "251" | "252") && text != "-text";
                let (may_go_on, went_on) = match index {
                    0 => (code == "220" && text != "-text", sent.contains("EHLO")),
                    4 => (code == "220" && text != "-text", sent.contains("STARTTLS\r\nEHLO")),
                    8 => (code == "235" && text != "-text", sent.contains("MAIL")),
                    9 | 10 => (done, sent.contains("Subject")),
                    11 => (code == "354" && text != "-text", sent.contains("Subject")),
                    12 => (done, result.is_ok_and(|told| told.starts_with("Sent"))),
                    _ => continue,
                };
                assert_eq!(went_on, may_go_on, "line {index}: {code}{text}");
            }
        }
    }
}

#[test]
fn login_in_pieces_gives_what_the_whole_gives() {
    let login = XOAuth2::new(USER, TOKEN).unwrap();
    let transcript = format!("{GREETING}\nC: AUTH XOAUTH2 {RESPONSE}\nS: 235 2.7.0 ok");
    common::every_way(&transcript, |peer| {
        peer.greet()?;
        peer.run(auth_with(&login)).map(|reply| reply.to_string())
    });
}
