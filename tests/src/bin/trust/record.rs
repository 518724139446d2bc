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

/// When the messages came that the mailboxes hold.
const DELIVERED: i64 = 1_700_000_000;

const MESSAGE: &str =
    "From: a@example.org\r\nTo: b@example.org\r\nSubject: caf\u{e9}\r\n\r\n.dot\r\nHello {3}\r\n";

/// The message, sent to these.
fn sent(to: &[&str]) -> Value {
    json!({"do": "send", "from": DEMO_USER, "to": to, "message": MESSAGE})
}

/// What the client does once it is in: another list for each mechanism, which have all that there is between them.
fn actions(is_imap: bool, number: usize) -> Vec<Value> {
    if is_imap {
        let fetch = |set, items| json!({"do": "fetch", "set": set, "items": items});
        let select = json!({"do": "select", "mailbox": "INBOX"});
        let list = json!({"do": "list"});
        let search = |key| json!({"do": "search", "key": key});
        let copy = json!({"do": "copy", "set": "1", "mailbox": "Archive"});
        let append = json!({"do": "append", "mailbox": "INBOX", "message": MESSAGE});
        let noop = json!({"do": "noop"});
        let all = [
            vec![select.clone(), search("ALL"), fetch("1:*", "BODY[]"), noop.clone(), list.clone()],
            vec![
                list,
                select.clone(),
                search("UNSEEN"),
                fetch("1:*", "(FLAGS UID ENVELOPE)"),
                copy.clone(),
            ],
            vec![
                noop.clone(),
                append,
                select,
                fetch("1", "(BODYSTRUCTURE INTERNALDATE)"),
                search("ALL"),
            ],
            vec![
                json!({"do": "select_first_listed"}),
                copy,
                noop,
                fetch("1:*", "(UID RFC822.SIZE ENVELOPE)"),
            ],
        ];
        all.into_iter().cycle().nth(number).unwrap_or_default()
    } else {
        let noop = json!({"do": "noop"});
        let all = [
            vec![sent(&["b@example.org"]), noop.clone(), sent(&["c@example.org"])],
            vec![sent(&["b@example.org", "no@example.org", "c@example.org"]), noop.clone()],
            vec![noop, sent(&["b@example.org"]), sent(&["no@example.org", "c@example.org"])],
            vec![sent(&["b@example.org", "c@example.org"])],
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
                .deliver(DEMO_USER, "INBOX", MESSAGE.as_bytes(), &[], DELIVERED)
                .deliver(
                    DEMO_USER,
                    "INBOX",
                    b"Subject: two\r\n\r\n)\r\n",
                    &["\\Flagged"],
                    DELIVERED,
                )
                .deliver(DEMO_USER, "Archive", MESSAGE.as_bytes(), &["\\Seen"], DELIVERED)
                .deliver(DEMO_USER, "Entw\u{fc}rfe", MESSAGE.as_bytes(), &["\\Draft"], DELIVERED)
                .deliver(DEMO_USER, "a \"quoted\" name", MESSAGE.as_bytes(), &[], DELIVERED)
                .start()?;
            for mechanism in ["XOAUTH", "OAUTH10A", "OAUTHBEARER", "XOAUTH2"] {
                let is_imap = protocol == "imap";
                let asked = actions(is_imap, number);
                number += 1;
                let set = if extended { "extended" } else { "bare" };
                let port = if is_imap { host.imaps_port() } else { host.submissions_port() };
                let session = |asked: &[Value], right, name, end: Option<&str>| {
                    let mut actions = vec![auth(mechanism, right, protocol)];
                    if !is_imap && number % 2 == 0 {
                        actions.insert(0, json!({"do": "ehlo", "name": "client.example.org"}));
                    }
                    actions.extend_from_slice(asked);
                    let request = json!({
                        "protocol": protocol, "host": "localhost", "port": port, "actions": actions,
                    });
                    let name = format!("host, {protocol}, {mechanism}, {set}, {name}");
                    over_tls((name, end.map(str::to_owned)), request, port, host.ca_pem())
                };
                transcripts.push(session(&asked, true, "accepted", None)?);
                let end = Some("auth-rejected");
                transcripts.push(session(&asked, false, "refused", end)?);
                if !is_imap && mechanism == "XOAUTH2" {
                    let send = sent(&["no@example.org"]);
                    let end = Some("recipients-rejected");
                    transcripts.push(session(&[send], true, "no recipient", end)?);
                }
            }
        }
    }
    Ok(transcripts)
}

/// The name of a session, and the kind of error that it must end with.
type Named = (String, Option<String>);

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
    if text(&end, "error") != error.as_deref() {
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

/// Peers that speak as servers in use do: those of the file beside the transcripts.
fn spoken() -> Result<Vec<Transcript>> {
    let file = include_str!("../../../data/transcripts/peers.txt");
    // What stands before the first of them is about the file.
    file.split("\n= ").skip(1).map(as_written).collect()
}

/// A session with a peer of the file.
fn as_written(section: &str) -> Result<Transcript> {
    let mut lines = section.lines();
    let title = lines.next().unwrap_or_default();
    let (protocol, _) = title.split_once(", ").ok_or("a protocol is missing")?;
    let mut actions = Vec::new();
    let mut error = None;
    let mut script = Vec::new();
    let mut said = String::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if word != "S:" && !said.is_empty() {
            script.push(send(std::mem::take(&mut said)));
        }
        match word {
            "login" => actions.push(json!({
                "do": "auth", "mech": rest, "user": "ann@example.org", "token": "a-token",
            })),
            "do" => actions.push(serde_json::from_str(rest)?),
            "ends" => error = Some(rest.to_owned()),
            "S:" => said.push_str(&format!("{rest}\r\n")),
            "C:" => script.push(expect(rest)),
            _ => return Err(format!("{title}: {line}").into()),
        }
    }
    script.push(send(said));
    with_peer((format!("peer, {title}"), error), protocol, actions, script)
}

fn with_peer(
    name: Named,
    protocol: &str,
    actions: Vec<Value>,
    mut script: Vec<Step>,
) -> Result<Transcript> {
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
