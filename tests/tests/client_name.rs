//! How a session introduces itself.
#![allow(missing_docs, clippy::print_stderr, clippy::unwrap_used)]

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use xoauth::smtp;

/// A server that hears one EHLO, at an address that nobody takes by default; none where the machine has no IPv6.
fn server() -> Option<(u16, JoinHandle<String>)> {
    let listener = match TcpListener::bind("[::1]:0") {
        Ok(listener) => listener,
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::AddrNotAvailable | ErrorKind::Unsupported));
            eprintln!("not run: there is no IPv6 here");
            return None;
        }
    };
    let port = listener.local_addr().unwrap().port();
    let hearing = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"220 mx\r\n").unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        stream.write_all(b"250 mx\r\n").unwrap();
        line
    });
    Some((port, hearing))
}

#[test]
fn a_session_has_the_name_of_its_own_address() {
    let Some((port, hearing)) = server() else { return };
    let client = smtp::Builder::new("::1").port(port).connect_plain().unwrap();
    assert_eq!(hearing.join().unwrap(), "EHLO [IPv6:::1]\r\n");
    drop(client);
}

#[tokio::test]
async fn an_async_session_has_the_name_of_its_own_address() {
    let Some((port, hearing)) = server() else { return };
    let client = smtp::nonblocking::Builder::new("::1").port(port).connect_plain().await.unwrap();
    assert_eq!(hearing.join().unwrap(), "EHLO [IPv6:::1]\r\n");
    drop(client);
}
