//! Many async sessions in one process, and what each holds while it is idle.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::{Read, Write};
use std::net::TcpStream;

use e2e::host::{DEMO_BEARER_TOKEN, DEMO_USER, Host};
use peak_alloc::PeakAlloc;
use xoauth::Credentials;
use xoauth::imap::command::{Fetch, Item, Select};
use xoauth::imap::nonblocking::{Builder, Session};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const SESSIONS: usize = 500;
const MOST: usize = 64 * 1024;
/// What a session read before it is idle.
const MESSAGE: usize = 100 * 1024;

async fn session(host: &Host, credentials: &Credentials) -> Session<tokio::net::TcpStream> {
    let builder = Builder::new("localhost").port(host.imap_port());
    let client = builder.connect_plain().await.unwrap().trust();
    let mut session = client.log_in(credentials).await.unwrap();
    session.run(Select::new("INBOX")).await.unwrap();
    let messages = session.run(Fetch::by_sequence("1", Item::Body)).await.unwrap();
    assert!(messages[0].body().unwrap().len() > MESSAGE);
    session
}

/// The same dialogue with a socket alone: what is on the heap then is the host's, which runs in this process.
fn dialogue(host: &Host, room: &mut [u8]) -> TcpStream {
    let mut socket = TcpStream::connect(("127.0.0.1", host.imap_port())).unwrap();
    let mut heard = |socket: &mut TcpStream, end: &str| {
        let mut filled = 0;
        while !room[..filled].windows(end.len()).any(|octets| octets == end.as_bytes()) {
            if filled == room.len() {
                room.copy_within(filled - 1024.., 0);
                filled = 1024;
            }
            let read = socket.read(&mut room[filled..]).unwrap();
            assert!(read > 0);
            filled += read;
        }
    };
    heard(&mut socket, "ready\r\n");
    // The same lines as a session's: what the host notes of them is the same.
    let token = format!(
        "n,a={DEMO_USER},\u{1}host=localhost\u{1}port={}\u{1}auth=Bearer {DEMO_BEARER_TOKEN}\u{1}\u{1}",
        host.imap_port()
    );
    let token = openssl::base64::encode_block(token.as_bytes());
    for (line, end) in [
        (format!("a1234567890 AUTHENTICATE OAUTHBEARER {token}\r\n"), "a1234567890 OK"),
        ("b1234567890 SELECT INBOX\r\n".to_owned(), "b1234567890 OK"),
        ("c1234567890 FETCH 1 (UID BODY.PEEK[])\r\n".to_owned(), "c1234567890 OK"),
    ] {
        socket.write_all(line.as_bytes()).unwrap();
        heard(&mut socket, end);
    }
    socket
}

#[test]
fn five_hundred_idle_sessions_hold_little() {
    let message = format!("Subject: long\r\n\r\n{}", "x".repeat(MESSAGE));
    let host = Host::builder()
        .plaintext_auth(true)
        .deliver(DEMO_USER, "INBOX", message, &[], 0)
        .start()
        .unwrap();
    let mut room = vec![0; 64 * 1024];
    // What is allocated once, of both sides.
    drop(dialogue(&host, &mut room));
    let credentials = Credentials::token(DEMO_USER, DEMO_BEARER_TOKEN);
    let runtime = e2e::runtime();
    drop(runtime.block_on(session(&host, &credentials)));

    let mut sockets = Vec::with_capacity(SESSIONS);
    let before = HEAP.current_usage();
    sockets.extend((0..SESSIONS).map(|_| dialogue(&host, &mut room)));
    let of_the_host = HEAP.current_usage().saturating_sub(before);
    // These are idle as well while the sessions are opened.
    let mut sessions = Vec::with_capacity(SESSIONS);
    let before = HEAP.current_usage();
    for _ in 0..SESSIONS {
        sessions.push(runtime.block_on(session(&host, &credentials)));
    }
    let of_both = HEAP.current_usage().saturating_sub(before);
    let each = of_both.saturating_sub(of_the_host) / SESSIONS;
    assert!(each < MOST, "{each} octets each, the host's {}", of_the_host / SESSIONS);
    // All of them are alive.
    for session in &mut sessions {
        runtime.block_on(session.run(xoauth::imap::command::Noop::new())).unwrap();
    }
    assert!(host.open_connections() >= 2 * SESSIONS);
}
