//! Whole sessions, played whole, in pieces, octet by octet and cut after every octet.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

mod common;

use common::mails::{GREETING, greeted, pipelined, send_and_go_on};
use common::{Peer, RESPONSE, TOKEN, USER, WHOLE, auth_with, every_way, told};
use xoauth_smtp::exchange::{Auth, Ehlo, Greeting, Noop, Quit, Rset, Submit};
use xoauth_smtp::sasl::{SaslIr, XOAuth2};
use xoauth_smtp::{Error, Limits, Message};

#[test]
fn session_with_pipelining_takes_one_flight_for_the_envelope() {
    let transcript = pipelined(&format!(
        "C: AUTH XOAUTH2 {RESPONSE}
         S: 235 2.7.0 welcome
         C: MAIL FROM:<a@example.org>
         C: RCPT TO:<b@example.net>
         C: RCPT TO:<c@example.net>
         C: DATA
         S: 250 2.1.0 ok
         S: 250 2.1.5 ok
         S: 251 2.1.5 will forward
         S: 354 go
         C: Subject: t
         C:
         C: ..hidden
         C: .
         S: 250 2.0.0 queued as 4XyZ
         C: QUIT
         S: 221 2.0.0 bye"
    ));
    let text = every_way(&transcript, |peer| {
        peer.greet()?;
        peer.auth()?;
        let to = ["b@example.net", "c@example.net"];
        let sent = peer.run(Submit::new("a@example.org", to, "Subject: t\r\n\r\n.hidden\r\n"))?;
        assert_eq!((sent.accepted().count(), sent.refused().count()), (2, 0));
        assert_eq!(sent.recipients()[1].reply().unwrap().code.get(), 251);
        peer.run(Quit::new())?;
        assert!(peer.machine.has_ended() && !peer.machine.is_usable());
        assert!(matches!(peer.machine.start(&mut Noop::new()), Err(Error::Ended)));
        Ok(sent.reply().to_string())
    });
    assert_eq!(text, "250 2.0.0 queued as 4XyZ");

    let mut peer = Peer::new(&transcript, WHOLE);
    peer.greet().unwrap();
    peer.auth().unwrap();
    let before = peer.flights;
    let to = ["b@example.net", "c@example.net"];
    peer.run(Submit::new("a@example.org", to, "Subject: t\r\n\r\n.hidden\r\n")).unwrap();
    assert_eq!(peer.flights - before, 2);
}

#[test]
fn session_without_pipelining_waits_for_every_reply() {
    let transcript = greeted(
        "C: MAIL FROM:<a@example.org>
         S: 250 2.1.0 ok
         C: RCPT TO:<b@example.net>
         S: 250 2.1.5 ok
         C: RCPT TO:<c@example.net>
         S: 250 2.1.5 ok
         C: DATA
         S: 354 go
         C: Subject: t
         C:
         C: hello
         C: .
         S: 250 2.0.0 queued
         C: NOOP
         S: 250 2.0.0 ok",
    );
    assert!(every_way(&transcript, send_and_go_on).contains("queued"));
}

#[test]
fn starttls_makes_a_new_machine_that_knows_nothing() {
    let transcript = format!(
        "S: 220-mx.example.org
         S: 220 welcome
         C: EHLO client.example
         S: 250-mx.example.org
         S: 250-AUTH XOAUTH2
         S: 250 STARTTLS
         C: STARTTLS
         S: 220-ready
         S: 220 go
         C: EHLO client.example
         S: 250-mx.example.org
         S: 250 AUTH=XOAUTH2
         C: AUTH XOAUTH2 {RESPONSE}
         S: 235"
    );
    every_way(&transcript, |peer| {
        peer.greet()?;
        assert!(peer.machine.extensions().starttls());
        peer.starttls()?;
        assert!(matches!(peer.auth(), Err(Error::MechanismUnavailable { .. })));
        peer.hello()?;
        assert!(!peer.machine.extensions().starttls());
        peer.auth()
    });
}

#[test]
fn starttls_that_cannot_be_had_is_told() {
    let offered = "
        S: 220 mx
        C: EHLO client.example
        S: 250-mx
        S: 250 STARTTLS
        C: STARTTLS
        S: 454 4.7.0 not now";
    let told = every_way(offered, |peer| {
        peer.greet()?;
        let error = peer.starttls().unwrap_err();
        if error.is_fatal() {
            return Err(error);
        }
        assert!(matches!(error, Error::TlsUnavailable { reply: Some(_), .. }));
        assert!(error.is_transient());
        Ok(error.to_string())
    });
    assert_eq!(told, "no TLS: server refused STARTTLS: 454 4.7.0 not now");
    every_way(GREETING, |peer| {
        peer.greet()?;
        assert!(matches!(peer.starttls(), Err(Error::TlsUnavailable { reply: None, .. })));
        Ok(())
    });
}

#[test]
fn servers_without_ehlo_are_told_helo() {
    for code in ["500 what?", "502 5.5.1 not implemented"] {
        let transcript = format!(
            "S: 220 old
             C: EHLO client.example
             S: {code}
             C: HELO client.example
             S: 250 pleased to meet you"
        );
        every_way(&transcript, |peer| {
            peer.greet()?;
            assert_eq!(peer.machine.extensions().keywords().count(), 0);
            Ok(())
        });
    }
    let transcript = "
        S: 220 old
        C: EHLO client.example
        S: 500 what?";
    let told = every_way(transcript, |peer| {
        peer.run(Greeting::new())?;
        told(peer.run(Ehlo::new("client.example".parse()?).without_fallback()))
    });
    assert_eq!(told, "EHLO refused: 500 what?");
}

#[test]
fn refused_names_leave_the_session_usable() {
    let transcript = "
        S: 220 mx
        C: EHLO client.example
        S: 550 5.7.1 bad name
        C: EHLO [127.0.0.1]
        S: 250 mx";
    let told = every_way(transcript, |peer| {
        peer.run(Greeting::new())?;
        let told = told(peer.run(Ehlo::new("client.example".parse()?)))?;
        peer.run(Ehlo::new(Default::default()))?;
        Ok(told)
    });
    assert_eq!(told, "EHLO refused: 550 5.7.1 bad name");
}

#[test]
fn commands_ahead_of_replies_stay_within_the_window() {
    let mut transcript = String::from(
        "S: 220 mx
         C: EHLO client.example
         S: 250-mx
         S: 250 PIPELINING\n",
    );
    // 100 commands go first; each reply frees the next one, and all that were read free as many.
    let commands: Vec<String> = std::iter::once("MAIL FROM:<a@example.org>".into())
        .chain((0..250).map(|n| format!("RCPT TO:<r{n}@example.net>")))
        .chain(["DATA".into()])
        .collect();
    let replies: Vec<&str> =
        std::iter::repeat_n("250 ok", commands.len() - 1).chain(["354 go"]).collect();
    for (commands, replies) in commands.chunks(100).zip(replies.chunks(100)) {
        commands.iter().for_each(|line| transcript.push_str(&format!("C: {line}\n")));
        replies.iter().for_each(|line| transcript.push_str(&format!("S: {line}\n")));
    }
    transcript.push_str("C: x\nC: .\nS: 250 queued");
    let mut peer = Peer::new(&transcript, WHOLE);
    peer.greet().unwrap();
    let before = peer.flights;
    let to: Vec<String> = (0..250).map(|n| format!("r{n}@example.net")).collect();
    let sent = peer.run(Submit::new("a@example.org", &to, "x\r\n")).unwrap();
    assert_eq!(sent.accepted().count(), 250);
    assert_eq!(peer.flights - before, 4, "three flights of commands and the message");
    peer.assert_over();
}

#[test]
fn message_of_any_size_passes_in_pieces() {
    let line = ".a line that begins with a dot\r\n";
    let message = line.repeat(20_000);
    let transcript = greeted(
        "C: MAIL FROM:<a@example.org>
         S: 250 ok
         C: RCPT TO:<b@example.net>
         S: 250 ok
         C: DATA
         S: 354 go",
    );
    let transcript =
        format!("{transcript}\n{}C: .\nS: 250 ok", format!("C: .{line}").repeat(20_000));
    let mut peer = Peer::new(&transcript, WHOLE);
    peer.greet().unwrap();
    peer.run(Submit::new("a@example.org", ["b@example.net"], message)).unwrap();
    peer.assert_over();
    assert!(peer.longest <= 64 * 1024 * 33 / 32 + 64, "{}", peer.longest);
    assert!(peer.trace.contains(&"C: <message of 640000 octets>".to_string()));
}

#[test]
fn unix_line_ends_are_mended_on_demand() {
    let transcript = greeted(
        "C: MAIL FROM:<a@example.org>
         S: 250 ok
         C: RCPT TO:<b@example.net>
         S: 250 ok
         C: DATA
         S: 354 go
         C: a
         C: ..
         C: b
         C: .
         S: 250 ok",
    );
    every_way(&transcript, |peer| {
        peer.greet()?;
        let message = Message::normalised(&b"a\n.\nb"[..]);
        peer.run(Submit::new("a@example.org", ["b@example.net"], message)).map(drop)
    });
}

#[test]
fn server_that_closes_is_heard_anywhere() {
    let replies = [
        "421 4.3.2 shutting down",
        "221 Idle timeout, closing connection",
        "221-2.0.0 bye\nS: 221 2.0.0 now",
    ];
    for reply in replies {
        let transcripts = [
            format!("S: {reply}"),
            format!("S: 220 mx\nC: EHLO client.example\nS: {reply}"),
            greeted(&format!("C: MAIL FROM:<a@example.org>\nS: {reply}")),
            greeted(&format!(
                "C: MAIL FROM:<a@example.org>
                 S: 250 ok
                 C: RCPT TO:<b@example.net>
                 S: {reply}"
            )),
            // Said while nobody asked, and read together with the last reply.
            format!("{GREETING}\nS: {reply}"),
        ];
        for transcript in transcripts {
            let mut peer = Peer::new(&transcript, WHOLE);
            let error = send_and_go_on(&mut peer).unwrap_err();
            let is_idle = matches!(error, Error::IdleTimeout { .. });
            assert!(is_idle || matches!(error, Error::ServerClosing { .. }), "{error:?}");
            assert_eq!(is_idle, reply.contains("Idle"), "{error:?}");
            assert!(error.is_fatal() && error.is_transient());
            peer.assert_over();
        }
    }
    // Idle and read alone, as the answer to the next command.
    let transcript = greeted("C: NOOP\nS: 221 Idle timeout, closing connection");
    let mut peer = Peer::new(&transcript, WHOLE);
    peer.greet().unwrap();
    let error = peer.run(Noop::new()).unwrap_err();
    assert!(matches!(error, Error::IdleTimeout { .. }), "{error:?}");
}

#[test]
fn greeting_that_refuses_ends_the_session() {
    let told = every_way("S: 554 5.7.1 you are on a list", |peer| {
        let error = peer.run(Greeting::new()).unwrap_err();
        if matches!(error, Error::Transport { .. }) {
            return Err(error);
        }
        assert!(matches!(error, Error::GreetingRefused { .. }) && error.is_fatal());
        assert!(peer.machine.has_ended());
        Ok(error.to_string())
    });
    assert_eq!(told, "server refused the connection: 554 5.7.1 you are on a list");
}

#[test]
fn one_word_commands_are_said_and_refusals_told() {
    let transcript = greeted(
        "C: RSET
         S: 250 2.0.0 flushed
         C: NOOP
         S: 452 4.3.1 busy
         C: NOOP
         S: 200 old server",
    );
    let told = every_way(&transcript, |peer| {
        peer.greet()?;
        let lines = [told(peer.run(Rset::new()))?, told(peer.run(Noop::new()))?];
        peer.run(Noop::new())?;
        Ok(lines)
    });
    assert!(told[0].contains("flushed"));
    assert_eq!(told[1], "NOOP refused: 452 4.3.1 busy");
}

#[test]
fn trace_shows_the_dialogue_without_its_secrets() {
    let transcript = pipelined(&format!(
        "C: AUTH XOAUTH2 {RESPONSE}
         S: 334 eyJzdGF0dXMiOiI0MDAifQ==
         C:
         S: 535 5.7.8 no {TOKEN} for you
         C: AUTH XOAUTH2
         S: 334
         C: {RESPONSE}
         S: 235 ok
         C: MAIL FROM:<a@example.org>
         C: RCPT TO:<b@example.net>
         C: DATA
         S: 250 ok
         S: 250 ok
         S: 354 go
         C: x
         C: .
         S: 250 queued"
    ));
    let mut peer = Peer::new(&transcript, WHOLE);
    peer.greet().unwrap();
    let error = peer.auth().unwrap_err();
    assert_eq!(error.to_string(), "XOAUTH2 refused: 535 5.7.8 no [secret] for you (status '400')");
    let login = XOAuth2::new(USER, TOKEN).unwrap();
    peer.run(auth_with(&login).sasl_ir(SaslIr::Never)).unwrap();
    peer.run(Submit::new("a@example.org", ["b@example.net"], "x\r\n")).unwrap();
    let expected = [
        "S: 220 mx.example.org ESMTP",
        "C: EHLO client.example",
        "S: 250-mx.example.org",
        "S: 250-PIPELINING",
        "S: 250-AUTH XOAUTH2 OAUTHBEARER",
        "S: 250 ENHANCEDSTATUSCODES",
        "C: AUTH XOAUTH2 <secret>",
        "S: 334 <24 octets>",
        "C: ",
        "S: 535 5.7.8 no [secret] for you",
        "C: AUTH XOAUTH2",
        "S: 334",
        "C: <secret>",
        "S: 235 ok",
        "C: MAIL FROM:<a@example.org>",
        "C: RCPT TO:<b@example.net>",
        "C: DATA",
        "S: 250 ok",
        "S: 250 ok",
        "S: 354 go",
        "C: <message of 3 octets>",
        "C: .",
        "S: 250 queued",
    ];
    assert_eq!(peer.trace, expected);
}

#[test]
fn machine_says_what_it_is_busy_with() {
    let mut peer = Peer::new(GREETING, WHOLE);
    let mut greeting = Greeting::new();
    peer.machine.start(&mut greeting).unwrap();
    assert!(matches!(peer.machine.start(&mut Noop::new()), Err(Error::Busy)));
    assert_eq!(peer.machine.limits(), Limits::default());
    fn is_send<T: Send + Sync>() {}
    is_send::<xoauth_smtp::proto::Machine>();
    is_send::<Error>();
    is_send::<Auth>();
    // What is being sent may be read from a source, which is nobody's but the sender's.
    fn is_sendable<T: Send>() {}
    is_sendable::<Submit<'_>>();
}
