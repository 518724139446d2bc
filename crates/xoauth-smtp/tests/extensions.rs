//! What messages ask of servers: each extension, by its keyword, and the limits of a server.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

mod common;

use common::mails::{GREETING, mail, offering, send};
use common::{Peer, WHOLE, every_way, told};
use xoauth_smtp::exchange::{Ehlo, Greeting, Noop, Submit};
use xoauth_smtp::{Envelope, Error, Mail, Message, Recipient, ReversePath, Transfer};

#[test]
fn envelope_asks_for_what_the_server_offers() {
    let transcript = offering(
        "DSN|AUTH PLAIN|REQUIRETLS|DELIVERBY 60|MT-PRIORITY|XFOO|LIMITS RCPTMAX=2 MAILMAX=1 RCPTDOMAINMAX=2",
        "C: MAIL FROM:<a@example.org> RET=HDRS ENVID=order+2066 AUTH=<> REQUIRETLS BY=120;R MT-PRIORITY=-3 XFOO=1
         S: 250 ok
         C: RCPT TO:<b@example.net> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;old+2Bb@example.net
         S: 250 ok
         C: RCPT TO:<c@EXAMPLE.NET> NOTIFY=NEVER XBAR
         S: 250 ok
         C: DATA
         S: 354 go
         C: x
         C: .
         S: 250 queued
         C: NOOP
         S: 250 ok",
    );
    every_way(&transcript, |peer| send(peer, Mail::with(demanding(), "x")));
}

fn demanding() -> Envelope {
    use xoauth_smtp::{DeliverBy, Notify, Priority, Return};
    let b = Recipient::new("b@example.net").notify(Notify::ALWAYS).original("old+b@example.net");
    let c = Recipient::new("c@EXAMPLE.NET").notify(Notify::Never).parameter("XFOO", "XBAR", None);
    Envelope::new("a@example.org", [b, c])
        .returning(Return::Headers)
        .envelope_id("order 66")
        .submitter("<>")
        .require_tls()
        .deliver_by(DeliverBy::or_return(120))
        .priority(Priority::new(-3).unwrap())
        .parameter("XFOO", "XFOO", Some("1"))
}

#[test]
fn what_the_server_lacks_is_named_before_anything_is_sent() {
    let all = "DSN|AUTH PLAIN|REQUIRETLS|DELIVERBY|MT-PRIORITY|XFOO";
    for lacking in ["DSN", "AUTH", "REQUIRETLS", "DELIVERBY", "MT-PRIORITY", "XFOO"] {
        let offered: Vec<&str> = all.split('|').filter(|one| !one.starts_with(lacking)).collect();
        let transcript = offering(&offered.join("|"), "C: NOOP\nS: 250 ok");
        let told = every_way(&transcript, |peer| send(peer, Mail::with(demanding(), "x")));
        assert!(
            told.starts_with(&format!("server does not offer {lacking}, needed for ")),
            "{told}"
        );
    }
    let least =
        "server takes no delivery time below 240 seconds (DELIVERBY), the message asks for 120";
    let cases = [
        ("DELIVERBY 240", least),
        ("DELIVERBY 240,X", least),
        ("DELIVERBY|LIMITS RCPTMAX=1", "server has a limit of 1 (RCPTMAX), the message asks for 2"),
        ("DELIVERBY|limits rcptdomainmax=1", ""),
    ];
    for (more, expected) in cases {
        let offered = format!("{}|{more}", all.replace("DELIVERBY|", ""));
        let transcript = offering(&offered, "C: NOOP\nS: 250 ok");
        if expected.is_empty() {
            let mail = || Mail::with(demanding().recipient("d@example.com"), "x");
            let told = every_way(&transcript, |peer| send(peer, mail()));
            assert_eq!(told, "server has a limit of 1 (RCPTDOMAINMAX), the message asks for 2");
        } else {
            let told = every_way(&transcript, |peer| send(peer, Mail::with(demanding(), "x")));
            assert_eq!(told, expected);
        }
    }
    let content = [
        ("CHUNKING", "BINARYMIME", mail(Message::new(&b"x"[..]).binary())),
        ("BINARYMIME", "CHUNKING", mail(Message::new(&b"x"[..]).binary())),
        ("", "CHUNKING", mail("x").transfer(Transfer::Bdat)),
        ("", "8BITMIME", mail(Message::from_source(&b"x"[..]))),
        ("8BITMIME", "SMTPUTF8", mail(Message::from_source(&b"x"[..]).utf8())),
    ];
    for (offered, lacking, mail) in content {
        let mut peer = Peer::new(&offering(offered, "C: NOOP\nS: 250 ok"), WHOLE);
        let told = send(&mut peer, mail).unwrap();
        assert!(
            told.starts_with(&format!("server does not offer {lacking}, needed for ")),
            "{told}"
        );
    }
    let sized = mail(Message::from_source(&b"x"[..]).seven_bit().size(1001));
    let mut peer = Peer::new(&offering("SIZE 1000", "C: NOOP\nS: 250 ok"), WHOLE);
    assert_eq!(send(&mut peer, sized).unwrap(), "message has 1001 octets, server takes 1000");
    // Mending makes it longer, if anything.
    let mended = || Message::from_source(&b"x"[..]).seven_bit().normalise_line_ends();
    let mut peer = Peer::new(&offering("SIZE 1000", "C: NOOP\nS: 250 ok"), WHOLE);
    let told = send(&mut peer, mail(mended().size(1001))).unwrap();
    assert_eq!(told, "message has 1001 octets, server takes 1000");
    // How long it will be nobody knows.
    let transcript = "C: MAIL FROM:<a@example.org>\nS: 552 too much\nC: NOOP\nS: 250 ok";
    let mut peer = Peer::new(&offering("SIZE 1000", transcript), WHOLE);
    assert_eq!(send(&mut peer, mail(mended().size(1000))).unwrap(), "sender refused: 552 too much");
}

#[test]
fn server_takes_as_many_messages_as_it_says() {
    let one = "C: MAIL FROM:<a@example.org>
        S: 250 ok
        C: RCPT TO:<b@example.net>
        S: 250 ok
        C: DATA
        S: 354 go
        C: x
        C: .
        S: 250 queued\n";
    let transcript = offering("LIMITS MAILMAX=2", &format!("{one}{one}C: NOOP\nS: 250 ok"));
    let outcome = every_way(&transcript, |peer| {
        peer.greet()?;
        let send = || Submit::new("a@example.org", ["b@example.net"], "x");
        peer.run(send())?;
        peer.run(send())?;
        let outcome = told(peer.run(send()))?;
        peer.run(Noop::new())?;
        Ok(outcome)
    });
    assert_eq!(outcome, "server has a limit of 2 (MAILMAX), the message asks for 3");
}

#[test]
fn server_takes_as_many_domains_in_a_session_as_it_says() {
    let one = |address: &str| {
        format!(
            "C: MAIL FROM:<a@example.org>
             S: 250 ok
             C: RCPT TO:<{address}>
             S: 250 ok
             C: DATA
             S: 354 go
             C: x
             C: .
             S: 250 queued\n"
        )
    };
    let (b, c) = (one("b@example.net"), one("c@EXAMPLE.com"));
    let transcript = offering("LIMITS RCPTDOMAINMAX=2", &format!("{b}{c}{b}C: NOOP\nS: 250 ok"));
    let outcome = every_way(&transcript, |peer| {
        peer.greet()?;
        let mut send = |to: &str| peer.run(Submit::new("a@example.org", [to], "x"));
        send("b@example.net")?;
        send("c@EXAMPLE.com")?;
        let outcome = told(send("d@example.org"))?;
        send("b@example.net")?;
        peer.run(Noop::new())?;
        Ok(outcome)
    });
    assert_eq!(outcome, "server has a limit of 2 (RCPTDOMAINMAX), the message asks for 3");
}

#[test]
fn what_holds_under_tls_only_is_not_taken_in_the_clear() {
    let octets = b"220 mx\r\n";
    let mut peer = Peer::saying(octets, WHOLE);
    peer.run(Greeting::new()).unwrap();
    peer.say_line_by_line("250-mx\r\n250-REQUIRETLS\r\n250 DSN\r\n250-mx\r\n250 REQUIRETLS\r\n");
    let name = || "client.example".parse().unwrap();
    let offered = peer.run(Ehlo::new(name()).in_the_clear()).unwrap();
    assert!(offered.dsn() && !offered.has("REQUIRETLS"));
    assert!(peer.run(Ehlo::new(name())).unwrap().has("REQUIRETLS"));
}

#[test]
fn parameters_say_what_the_message_needs() {
    let offered = ["SIZE 1000", "8BITMIME", "SMTPUTF8"];
    // sender, recipient, message, parameters of MAIL
    let cases = [
        ("a@example.org", "b@example.net", "Subject: t\r\n\r\nx\r\n", " SIZE=17"),
        ("a@example.org", "b@example.net", "Subject: t\r\n\r\nx", " SIZE=17"),
        ("<>", "b@example.net", "x\r\n", " SIZE=3"),
        ("a@example.org", "b@example.net", "Subject: t\r\n\r\nü\r\n", " SIZE=18 BODY=8BITMIME"),
        (
            "a@example.org",
            "b@example.net",
            "Subject: ü\r\n\r\nx\r\n",
            " SIZE=18 BODY=8BITMIME SMTPUTF8",
        ),
        ("a@example.org", "grün@example.net", "x\r\n", " SIZE=3 SMTPUTF8"),
        ("a@bücher.example", "b@example.net", "x\r\n", " SIZE=3 SMTPUTF8"),
    ];
    for (from, to, message, parameters) in cases {
        let path = from.parse::<ReversePath>().unwrap();
        let content: String =
            message.trim_end().split("\r\n").map(|line| format!("C: {line}\n")).collect();
        let transcript = format!(
            "S: 220 mx
             C: EHLO client.example
             S: 250-mx
             S: 250-{}
             S: 250-{}
             S: 250 {}
             C: MAIL FROM:{path}{parameters}
             S: 250 ok
             C: RCPT TO:<{to}>
             S: 250 ok
             C: DATA
             S: 354 go
             {content}
             C: .
             S: 250 ok",
            offered[0], offered[1], offered[2]
        );
        every_way(&transcript, |peer| {
            peer.greet()?;
            peer.run(Submit::new(from, [to], message)).map(drop)
        });
    }
}

#[test]
fn message_the_server_cannot_take_is_refused_before_anything_is_sent() {
    // extension offered, sender, recipient, message, error
    let large = "x".repeat(999);
    let larger = "x".repeat(1001);
    let a = "a@example.org";
    let b = "b@example.net";
    let cases: [(&str, &str, &str, &str, &str); 8] = [
        (
            "SMTPUTF8",
            a,
            b,
            "\r\nü",
            "server does not offer 8BITMIME, needed for a message with octets beyond ASCII",
        ),
        (
            "8BITMIME",
            a,
            b,
            "ü: x\r\n",
            "server does not offer SMTPUTF8, needed for header fields with octets beyond ASCII",
        ),
        (
            "8BITMIME",
            a,
            "grün@example.net",
            "x",
            "server does not offer SMTPUTF8, needed for an address with letters beyond ASCII",
        ),
        (
            "8BITMIME",
            "grün@example.net",
            b,
            "x",
            "server does not offer SMTPUTF8, needed for an address with letters beyond ASCII",
        ),
        ("SIZE 1000", a, b, &large, "message has 1001 octets, server takes 1000"),
        ("SIZE 1000", a, b, &larger, "message has 1003 octets, server takes 1000"),
        (
            "SIZE",
            a,
            b,
            "a\nb",
            "invalid message: '\\n' at octet 1, expected CRLF line ends only (Message::normalise_line_ends makes them)",
        ),
        (
            "SIZE",
            "a",
            b,
            "x",
            "invalid sender 'a': end of text at octet 1, expected '@' and a domain",
        ),
    ];
    for (offered, from, to, message, expected) in cases {
        let transcript = format!(
            "S: 220 mx
             C: EHLO client.example
             S: 250-mx
             S: 250 {offered}
             C: NOOP
             S: 250 ok"
        );
        let told = every_way(&transcript, |peer| {
            peer.greet()?;
            let told = told(peer.run(Submit::new(from, [to], message)))?;
            peer.run(Noop::new())?;
            Ok(told)
        });
        assert_eq!(told, expected);
    }
    let mut peer = Peer::new(GREETING, WHOLE);
    peer.greet().unwrap();
    let nobody = peer.run(Submit::new(a, [""; 0], "x")).unwrap_err();
    assert_eq!(
        nobody.to_string(),
        "invalid list of recipients '': end of text at octet 0, expected at least one address"
    );
    peer.assert_over();
}

#[test]
fn each_extension_is_asked_for_alone_and_never_done_without() {
    use xoauth_smtp::{DeliverBy, Notify, Priority, Return};
    let envelope = || Envelope::new("a@example.org", ["b@example.net"]);
    let to = |to: Recipient| Envelope::new("a@example.org", [to]);
    let b = || Recipient::new("b@example.net");
    let text = |envelope| Mail::with(envelope, "x");
    let cases = [
        ("8BITMIME", mail("\r\n\u{fc}")),
        ("SMTPUTF8", text(Envelope::new("a@example.org", ["gr\u{fc}n@example.net"]))),
        ("SMTPUTF8", mail("Subject: \u{fc}\r\n")),
        ("BINARYMIME", mail(Message::new(&b"\0"[..]).binary())),
        ("CHUNKING", mail("x").transfer(Transfer::Bdat)),
        ("DSN", text(envelope().returning(Return::Full))),
        ("DSN", text(envelope().envelope_id("1"))),
        ("DSN", text(to(b().notify(Notify::FAILURE)))),
        ("DSN", text(to(b().original("b@example.com")))),
        ("AUTH", text(envelope().submitter("<>"))),
        ("REQUIRETLS", text(envelope().require_tls())),
        ("DELIVERBY", text(envelope().deliver_by(DeliverBy::or_notify(60)))),
        ("MT-PRIORITY", text(envelope().priority(Priority::new(1).unwrap()))),
        ("FUTURERELEASE", text(envelope().parameter("FUTURERELEASE", "HOLDFOR", Some("60")))),
        ("XFOO", text(to(b().parameter("XFOO", "XBAR", None)))),
    ];
    let all = "8BITMIME|SMTPUTF8|BINARYMIME|CHUNKING|DSN|AUTH PLAIN|REQUIRETLS|DELIVERBY|MT-PRIORITY|\
               FUTURERELEASE|XFOO|PIPELINING|SIZE";
    for (extension, mail) in cases {
        let is_other = |offered: &&str| offered.split(' ').next() != Some(extension);
        let others: Vec<&str> = all.split('|').filter(is_other).collect();
        // Only EHLO and NOOP are in the script.
        let mut peer = Peer::new(&offering(&others.join("|"), "C: NOOP\nS: 250 ok"), WHOLE);
        let told = send(&mut peer, mail).unwrap();
        let expected = format!("server does not offer {extension}, needed for ");
        assert!(told.starts_with(&expected), "{told}");
        peer.assert_over();
    }
}

#[test]
fn a_thousand_recipients_are_one_message_or_none() {
    let to: Vec<String> = (0..1000).map(|number| format!("to-{number}@example.net")).collect();
    for (limit, is_sent) in [(1000, true), (999, false)] {
        for offers in ["PIPELINING", "PIPELINING|CHUNKING", "8BITMIME"] {
            let offers = offers.replace('|', "\r\n250-");
            let mut peer = Peer::saying(b"", WHOLE);
            let hello =
                format!("220 mx\r\n250-mx\r\n250-{offers}\r\n250 LIMITS RCPTMAX={limit}\r\n");
            peer.say_line_by_line(&hello);
            // Every third is refused.
            peer.say_line_by_line("250 ok\r\n");
            (0..1000).for_each(|number| {
                peer.say_line_by_line(if number % 3 == 0 { "550 no\r\n" } else { "250 ok\r\n" });
            });
            if !offers.contains("CHUNKING") {
                peer.say_line_by_line("354 go\r\n");
            }
            peer.say_line_by_line("250 queued\r\n");
            peer.greet().unwrap();
            let before = peer.sent.len();
            let sent = peer.run(Submit::new("a@example.org", &to, "x\r\n"));
            if is_sent {
                let sent = sent.unwrap();
                assert_eq!((sent.accepted().count(), sent.refused().count()), (666, 334));
                for (number, one) in sent.recipients().iter().enumerate() {
                    assert_eq!(one.address.as_str(), to[number]);
                    assert_eq!(one.is_accepted(), number % 3 != 0);
                }
            } else {
                assert!(matches!(sent, Err(Error::ServerLimit { asked: 1000, allowed: 999, .. })));
                assert_eq!(peer.sent.len(), before);
            }
        }
    }
}
