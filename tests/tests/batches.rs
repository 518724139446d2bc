//! Several commands in flight over a socket.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use e2e::scripted::{Peer, Step, expect, send};
use xoauth::imap::Builder;
use xoauth::imap::command::{Fetch, Item, List, Noop, Select};
use xoauth::sasl::XOAuth2;

fn login() -> Vec<Step> {
    vec![
        send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready\r\n"),
        expect("AUTHENTICATE"),
        send("{tag} OK [CAPABILITY IMAP4rev1] in\r\n"),
    ]
}

fn session(peer: &Peer) -> xoauth::imap::Session<xoauth::net::TcpTransport> {
    let client = Builder::new("127.0.0.1").port(peer.port()).connect_plain().unwrap().trust();
    client.authenticate(XOAuth2::new("user", "token").unwrap()).unwrap()
}

#[test]
fn a_server_that_writes_before_it_reads_does_not_stop_a_batch() {
    const PIECE: usize = 64 * 1024;
    const PIECES: usize = 500;
    const COMMANDS: u32 = 3000;
    let mut script = login();
    // The first answer is longer than all buffers between the two, and nothing more is read before it is
    // written; the commands behind it are longer than those buffers' halves, too.
    script.extend([
        expect("SELECT INBOX"),
        send("{tag} OK done\r\n"),
        expect("UID FETCH 1 "),
        send(format!("* 1 FETCH (UID 1 BODY[] {{{}}}\r\n", PIECE * PIECES)),
        Step::SendRepeated(vec![b'x'; PIECE], PIECES),
        send(")\r\n{tag} OK done\r\n"),
    ]);
    for uid in 2..=COMMANDS {
        script.push(expect(&format!("UID FETCH {uid} ")));
        script.push(send(format!(
            "* {uid} FETCH (UID {uid} BODY[] \"{uid}\")\r\n{{tag}} OK done\r\n"
        )));
    }
    let peer = Peer::start(vec![script]).unwrap();
    let mut session = session(&peer);
    session.run(Select::new("INBOX")).unwrap();
    let commands: Vec<Fetch> =
        (1..=COMMANDS).map(|uid| Fetch::new(&*uid.to_string(), Item::Body)).collect();
    let read = session.run(commands).unwrap();
    assert_eq!(read.len(), COMMANDS as usize);
    for (uid, messages) in (1..).zip(read) {
        let [message] = &messages.unwrap()[..] else { panic!("{uid}") };
        assert_eq!(message.uid.map(u32::from), Some(uid));
        let body = message.body().unwrap();
        assert!(uid == 1 && body.len() == PIECE * PIECES || body == uid.to_string().as_bytes());
    }
    drop(session);
    peer.finish().unwrap();
}

#[test]
fn a_connection_that_breaks_leaves_the_answers_before() {
    let mut script = login();
    script.extend([
        expect("NOOP"),
        send("{tag} OK done\r\n"),
        expect("LIST"),
        send("* LIST () \"/\" INBOX\r\n"),
        Step::Abort,
    ]);
    let peer = Peer::start(vec![script]).unwrap();
    let mut session = session(&peer);
    let (noop, list) = session.run((Noop::new(), List::all())).unwrap();
    noop.unwrap();
    assert!(list.unwrap_err().is_fatal());
    assert!(!session.is_usable());
    assert!(session.run((Noop::new(), Noop::new())).is_err());
}
