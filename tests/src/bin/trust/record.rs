//! `trust record`: makes the file of transcripts anew, from sessions with the embedded host and with peers
//! that speak as known servers do.

use std::net::TcpStream;

use e2e::host::{
    DEMO_BEARER_TOKEN, DEMO_CONSUMER, DEMO_EXPIRED_BEARER_TOKEN, DEMO_TOKEN, DEMO_USER, Host,
};
use e2e::player::{self, Driver, Means, text};
use e2e::scripted::{Peer, Step, expect, send};
use e2e::transcripts::{Recorder, Transcript, end_of};
use openssl::ssl::{SslConnector, SslMethod};
use openssl::x509::X509;
use serde_json::{Value, json};
use xoauth::net::Untimed;

use crate::Outcome;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

pub(crate) fn run(file: &str) -> Outcome {
    let mut lines = String::new();
    let mut count = 0;
    for transcript in hosted()?.into_iter().chain(spoken()?) {
        lines.push_str(&format!("{}\n", transcript.to_json()));
        count += 1;
    }
    std::fs::write(file, lines)?;
    println!("{count} transcripts");
    Ok(true)
}

/// The login of a mechanism, right or wrong.
fn auth(mechanism: &str, right: bool, protocol: &str) -> Value {
    let (key, secret) = DEMO_CONSUMER;
    let token_secret = if right { DEMO_TOKEN.1 } else { "wrong" };
    let bearer = if right { DEMO_BEARER_TOKEN } else { DEMO_EXPIRED_BEARER_TOKEN };
    let is_oauth1 = matches!(mechanism, "XOAUTH" | "OAUTH10A");
    json!({
        "do": "auth", "mech": mechanism, "user": DEMO_USER,
        "url": format!("https://mail.google.com/mail/b/{DEMO_USER}/{protocol}/"),
        "consumer_key": key, "consumer_secret": secret,
        "token": if is_oauth1 { DEMO_TOKEN.0 } else { bearer }, "token_secret": token_secret,
    })
}

const MESSAGE: &str =
    "From: a@example.org\r\nTo: b@example.org\r\nSubject: caf\u{e9}\r\n\r\n.dot\r\nHello {3}\r\n";

/// What the client does once it is in, a turn each so that the transcripts differ.
fn actions(is_imap: bool, number: usize) -> Vec<Value> {
    if is_imap {
        let fetch = |items| json!({"do": "fetch", "set": "1:*", "items": items});
        let select = json!({"do": "select", "mailbox": "INBOX"});
        let all = [
            vec![select.clone(), fetch("BODY[]")],
            vec![
                json!({"do": "list"}),
                select.clone(),
                json!({"do": "search", "key": "ALL"}),
                fetch("(FLAGS UID)"),
            ],
            vec![
                json!({"do": "append", "mailbox": "INBOX", "message": MESSAGE}),
                select.clone(),
                fetch("BODYSTRUCTURE"),
            ],
            vec![
                select,
                json!({"do": "copy", "set": "1", "mailbox": "Archive"}),
                json!({"do": "noop"}),
            ],
        ];
        all.into_iter().cycle().nth(number).unwrap_or_default()
    } else {
        let send =
            |to: &[&str]| json!({"do": "send", "from": DEMO_USER, "to": to, "message": MESSAGE});
        let all = [
            vec![send(&["b@example.org"])],
            vec![send(&["b@example.org", "no@example.org", "c@example.org"])],
            vec![json!({"do": "noop"}), send(&["b@example.org"]), send(&["c@example.org"])],
        ];
        all.into_iter().cycle().nth(number).unwrap_or_default()
    }
}

/// Sessions with the embedded host: both protocols, all mechanisms, with and without the extensions that
/// change what is said, accepted and refused.
fn hosted() -> Result<Vec<Transcript>> {
    let mut transcripts = Vec::new();
    let mut number = 0;
    for protocol in ["imap", "smtp"] {
        for extended in [true, false] {
            let host = Host::builder()
                .capabilities(|offers| {
                    offers.sasl_ir = extended;
                    offers.literal_plus = extended;
                    offers.uidplus = extended;
                    offers.in_greeting = extended;
                    offers.after_login = extended;
                    offers.pipelining = extended;
                    offers.chunking = extended;
                })
                .reject_recipient("no@example.org", "550 5.1.1 nobody")
                .deliver(DEMO_USER, "INBOX", MESSAGE.as_bytes(), &[], 1_700_000_000)
                .deliver(DEMO_USER, "Archive", MESSAGE.as_bytes(), &["\\Seen"], 1_700_000_000)
                .start()?;
            for mechanism in ["XOAUTH", "OAUTH10A", "OAUTHBEARER", "XOAUTH2"] {
                for right in [true, false] {
                    let is_imap = protocol == "imap";
                    let mut actions = actions(is_imap, number);
                    number += 1;
                    actions.insert(0, auth(mechanism, right, protocol));
                    let port = if is_imap { host.imaps_port() } else { host.submissions_port() };
                    let request = json!({
                        "protocol": protocol, "host": "localhost", "port": port, "actions": actions,
                    });
                    let name = format!(
                        "host, {protocol}, {mechanism}, {}, {}",
                        if extended { "extended" } else { "bare" },
                        if right { "accepted" } else { "refused" }
                    );
                    let end = if right { None } else { Some("auth-rejected") };
                    transcripts.push(over_tls((name, end), request, port, host.ca_pem())?);
                }
            }
        }
    }
    Ok(transcripts)
}

/// The name of a session, and the kind of error that it must end with.
type Named = (String, Option<&'static str>);

fn over_tls(name: Named, request: Value, port: u16, pem: &[u8]) -> Result<Transcript> {
    let mut connector = SslConnector::builder(SslMethod::tls())?;
    connector.cert_store_mut().add_cert(X509::from_pem(pem)?)?;
    let tcp = TcpStream::connect(("127.0.0.1", port))?;
    tcp.set_nodelay(true)?;
    let stream = Untimed(connector.build().connect("localhost", tcp)?);
    recorded(name, request, stream)
}

fn recorded(
    (name, error): Named,
    mut request: Value,
    stream: impl xoauth::Transport + Unpin + 'static,
) -> Result<Transcript> {
    let (recorder, tape) = Recorder::new(stream);
    let mut played = player::play_over(&request, recorder, Means::new(Driver::Blocking));
    let end = end_of(&played.answer);
    println!("{name}: {}", text(&end, "error").unwrap_or("ok"));
    if text(&end, "error") != error {
        return Err(format!("{name} was to end with {error:?}: {}", played.answer).into());
    }
    played.say_goodbye();
    drop(played);
    let turns = tape.turns(text(&request, "protocol") == Some("imap"));
    if let Some(port) = request.get_mut("port") {
        // In memory there is none; that of the host is another each time.
        *port = json!(1);
    }
    Ok(Transcript { name, request, turns, end })
}

/// Peers that speak as servers in use do, as far as it matters to a reader of lines.
fn spoken() -> Result<Vec<Transcript>> {
    let mut transcripts = Vec::new();
    let user =
        json!({"do": "auth", "mech": "XOAUTH2", "user": "ann@example.org", "token": "a-token"});
    let select = json!({"do": "select", "mailbox": "INBOX"});
    let fetch = json!({"do": "fetch", "set": "1:*", "items": "(FLAGS UID BODY[])"});
    let list = json!({"do": "list"});
    let search = json!({"do": "search", "key": "UNSEEN"});
    let imap: &[(&str, Option<&'static str>, &[Step])] = &[
        (
            "capabilities behind the login, flags with keywords",
            None,
            &[
                send(
                    "* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ AUTH=XOAUTH2] ready.\r\n",
                ),
                expect("AUTHENTICATE"),
                send(
                    "* CAPABILITY IMAP4rev1 SASL-IR ID ENABLE IDLE NAMESPACE UIDPLUS LITERAL+ SPECIAL-USE\r\n{tag} OK Logged in\r\n",
                ),
                expect("SELECT"),
                send(
                    "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded NonJunk)\r\n* OK [PERMANENTFLAGS (\\Answered \\Seen \\*)] Flags permitted.\r\n* 2 EXISTS\r\n* 0 RECENT\r\n* OK [UNSEEN 1] First unseen.\r\n* OK [UIDVALIDITY 1700000000] UIDs valid\r\n* OK [UIDNEXT 9] Predicted next UID\r\n* OK [HIGHESTMODSEQ 12] Highest\r\n{tag} OK [READ-WRITE] Select completed (0.001 + 0.000 secs).\r\n",
                ),
                expect("FETCH"),
                send(
                    "* 1 FETCH (FLAGS (\\Seen $Forwarded) UID 7 BODY[] {21}\r\nSubject: a\r\n\r\nb {4}\r\n)\r\n* 2 FETCH (FLAGS () UID 8 BODY[] \"\")\r\n{tag} OK Fetch completed.\r\n",
                ),
            ],
        ),
        (
            "no initial response, a bare plus, capabilities asked for",
            None,
            &[
                send("* OK IMAP4rev1 server ready\r\n"),
                expect("CAPABILITY"),
                send("* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\n{tag} OK CAPABILITY completed\r\n"),
                expect("AUTHENTICATE"),
                send("+\r\n"),
                expect(""),
                send("* OK still here\r\n{tag} OK in\r\n"),
                expect("SELECT"),
                send("* 1 EXISTS\r\n{tag} OK [READ-WRITE] done\r\n"),
                expect("FETCH"),
                send("* 1 FETCH (FLAGS () UID 1 BODY[] {4}\r\na\r\nb)\r\n{tag} OK done\r\n"),
            ],
        ),
        (
            "news between the answers",
            None,
            &[
                send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hi\r\n"),
                expect("AUTHENTICATE"),
                send("{tag} OK [CAPABILITY IMAP4rev1] in\r\n"),
                expect("SELECT"),
                send(
                    "* 3 EXISTS\r\n* OK [ALERT] System maintenance at 10\r\n* 4 EXISTS\r\n* 2 EXPUNGE\r\n* 1 FETCH (FLAGS (\\Seen))\r\n* OK [UIDVALIDITY 5] v\r\n{tag} OK [READ-ONLY] done\r\n",
                ),
                expect("FETCH"),
                send(
                    "* 5 EXISTS\r\n* 1 FETCH (BODY[] NIL FLAGS (\\Seen) UID 1)\r\n* 2 FETCH (UID 2)\r\n* VANISHED 3:5\r\n{tag} OK [X-CODE a (b c)] done\r\n",
                ),
            ],
        ),
        (
            "refused with a document",
            Some("auth-rejected"),
            &[
                send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2 AUTH=PLAIN] Gimap ready\r\n"),
                expect("AUTHENTICATE"),
                send(
                    "+ eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ==\r\n",
                ),
                expect(""),
                send("{tag} NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)\r\n"),
            ],
        ),
        (
            "temporarily away",
            Some("auth-rejected"),
            &[
                send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hi\r\n"),
                expect("AUTHENTICATE"),
                send("{tag} NO [UNAVAILABLE] Temporary authentication failure.\r\n"),
            ],
        ),
        (
            "select refused",
            Some("server-no"),
            &[
                send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hi\r\n"),
                expect("AUTHENTICATE"),
                send("{tag} OK in\r\n"),
                expect("SELECT"),
                send("{tag} NO [NONEXISTENT] Mailbox doesn't exist: INBOX\r\n"),
            ],
        ),
    ];
    for (index, (name, error, script)) in imap.iter().enumerate() {
        let mut actions = vec![user.clone(), select.clone(), fetch.clone()];
        if index == 0 {
            actions.truncate(3);
        }
        transcripts.push(with_peer(
            (format!("peer, imap, {name}"), *error),
            "imap",
            actions,
            script,
        )?);
    }
    let lists: &[Step] = &[
        send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hi\r\n"),
        expect("AUTHENTICATE"),
        send("{tag} OK in\r\n"),
        expect("LIST"),
        send(
            "* LIST (\\HasNoChildren) \"/\" INBOX\r\n* LIST (\\NoSelect \\HasChildren) NIL \"a \\\"b\\\" c\"\r\n* LIST () \"/\" {8}\r\nliteral \r\n* LIST (\\Sent) \".\" &AOk-t&AOk-\r\n{tag} OK done\r\n",
        ),
        expect("SELECT"),
        send("* 9 EXISTS\r\n{tag} OK [READ-WRITE] done\r\n"),
        expect("SEARCH"),
        send("* SEARCH 1 2 3 7 9\r\n* SEARCH\r\n{tag} OK done\r\n"),
    ];
    transcripts.push(with_peer(
        ("peer, imap, names in every form".to_owned(), None),
        "imap",
        vec![user.clone(), list, select, search],
        lists,
    )?);

    let mail = json!({"do": "send", "from": "ann@example.org", "to": ["b@example.org", "c@example.org"], "message": MESSAGE});
    let smtp: &[(&str, Option<&'static str>, &[Step])] = &[
        (
            "replies of many lines",
            None,
            &[
                send("220-mx.example.org ESMTP\r\n220 hello\r\n"),
                expect("EHLO"),
                send(
                    "250-mx.example.org at your service\r\n250-SIZE 35882577\r\n250-8BITMIME\r\n250-AUTH LOGIN PLAIN XOAUTH2\r\n250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8\r\n",
                ),
                expect("AUTH"),
                send("235-2.7.0 welcome\r\n235 2.7.0 Accepted\r\n"),
                expect("MAIL"),
                send("250-2.1.0 OK\r\n250 2.1.0 go on\r\n"),
                expect("RCPT"),
                send("250 2.1.5 OK\r\n"),
                expect("RCPT"),
                send("550-5.1.1 The email account\r\n550 5.1.1 does not exist\r\n"),
                expect("DATA"),
                send("354  Go ahead\r\n"),
                expect("From: "),
                expect("To: "),
                expect("Subject: "),
                expect(""),
                expect("..dot"),
                expect("Hello"),
                expect("."),
                send("250 2.0.0 OK  1700000000 abc - gsmtp\r\n"),
            ],
        ),
        (
            "no initial response, and a refusal",
            Some("auth-rejected"),
            &[
                send("220 mx\r\n"),
                expect("EHLO"),
                send("250-mx\r\n250 AUTH XOAUTH2\r\n"),
                expect("AUTH"),
                send("334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"),
                expect(""),
                send("535-5.7.8 Username and Password not accepted.\r\n535 5.7.8 bad\r\n"),
            ],
        ),
        (
            "all refused",
            Some("recipients-rejected"),
            &[
                send("220 mx\r\n"),
                expect("EHLO"),
                // The message has octets above 127: without these it is not even begun.
                send("250-mx\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH XOAUTH2\r\n"),
                expect("AUTH"),
                send("235 ok\r\n"),
                expect("MAIL"),
                send("250 ok\r\n"),
                expect("RCPT"),
                send("550 no\r\n"),
                expect("RCPT"),
                send("452 later\r\n"),
                expect("RSET"),
                send("250 ok\r\n"),
            ],
        ),
        (
            "the greeting is a refusal",
            Some("server-rejected"),
            &[send("554-mx\r\n554 no service\r\n")],
        ),
    ];
    for (name, error, script) in smtp {
        let actions = vec![user.clone(), mail.clone()];
        transcripts.push(with_peer(
            (format!("peer, smtp, {name}"), *error),
            "smtp",
            actions,
            script,
        )?);
    }
    Ok(transcripts)
}

fn with_peer(
    name: Named,
    protocol: &str,
    actions: Vec<Value>,
    script: &[Step],
) -> Result<Transcript> {
    let mut script = script.to_vec();
    // How each takes leave.
    if protocol == "imap" {
        script.extend([expect("LOGOUT"), send("* BYE bye\r\n{tag} OK done\r\n")]);
    } else {
        script.extend([expect("QUIT"), send("221 bye\r\n")]);
    }
    let peer = Peer::start(vec![script])?;
    let request =
        json!({"protocol": protocol, "host": "localhost", "port": peer.port(), "actions": actions});
    let stream = TcpStream::connect(("127.0.0.1", peer.port()))?;
    recorded(name, request, Untimed(stream))
}
