//! What a dropped future leaves behind.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use xoauth::imap::command::Noop;
use xoauth::smtp::exchange::{Rset, Send};
use xoauth::{Error, imap, smtp};

/// A future that is dropped half way leaves an IMAP session whole: the next command first hears what is left.
#[test]
fn a_dropped_future_leaves_its_answer_to_the_next_command() {
    e2e::runtime().block_on(async {
        let (ours, mut theirs) = tokio::io::duplex(4096);
        theirs.write_all(b"* PREAUTH [CAPABILITY IMAP4rev1] ready\r\n").await.unwrap();
        let client = imap::nonblocking::Builder::new("mail.example.org").from_stream(ours).await;
        let mut session = client.unwrap().preauthenticated().unwrap();
        let mut line = [0; 64];
        tokio::select! {
            biased;
            _ = session.run(Noop::new()) => panic!("nobody answered"),
            read = theirs.read(&mut line) => assert!(read.unwrap() > 0),
        }
        let tag = String::from_utf8_lossy(&line).split(' ').next().unwrap().to_owned();
        // What a NOOP hears is news, whoever waits for it.
        let late = format!("* 3 EXISTS\r\n* 2 FETCH (FLAGS (\\Seen))\r\n{tag} OK late\r\n");
        theirs.write_all(late.as_bytes()).await.unwrap();
        let server = async {
            let read = theirs.read(&mut line).await.unwrap();
            let next = String::from_utf8_lossy(&line[..read]).split(' ').next().unwrap().to_owned();
            assert_ne!(next, tag);
            theirs.write_all(format!("{next} OK now\r\n").as_bytes()).await.unwrap();
        };
        let (answer, ()) = tokio::join!(session.run(Noop::new()), server);
        answer.unwrap();
        assert!(session.is_usable());
        assert_eq!(session.next_event(), Some(imap::Event::Exists(3)));
        assert!(matches!(session.next_event(), Some(imap::Event::Fetch(_))));
    });
}

/// Nobody can tell from where on the server compresses.
#[test]
fn a_dropped_compress_ends_the_session() {
    e2e::runtime().block_on(async {
        let (ours, mut theirs) = tokio::io::duplex(4096);
        let ready = b"* PREAUTH [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] ready\r\n";
        theirs.write_all(ready).await.unwrap();
        let client = imap::nonblocking::Builder::new("mail.example.org").from_stream(ours).await;
        let mut session = client.unwrap().preauthenticated().unwrap();
        let mut line = [0; 64];
        tokio::select! {
            biased;
            _ = session.compress(imap::Compression::default()) => panic!("nobody answered"),
            read = theirs.read(&mut line) => assert!(read.unwrap() > 0),
        }
        let error = session.run(Noop::new()).await.unwrap_err();
        assert!(matches!(error, Error::Ended), "{error}");
        assert_eq!(theirs.read(&mut line).await.unwrap(), 0);
    });
}

/// What became of half a message nobody can tell: an SMTP session ends with a future that is dropped half way.
#[test]
fn a_dropped_future_ends_an_smtp_session() {
    e2e::runtime().block_on(async {
        let (ours, mut theirs) = tokio::io::duplex(4096);
        let mut line = [0; 256];
        let server = async {
            theirs.write_all(b"220 ready\r\n").await.unwrap();
            assert!(theirs.read(&mut line).await.unwrap() > 0);
            theirs.write_all(b"250 mail.example.org\r\n").await.unwrap();
        };
        let builder = smtp::nonblocking::Builder::new("mail.example.org");
        let (client, ()) = tokio::join!(builder.from_stream(ours), server);
        let mut session = client.unwrap().without_authentication();
        tokio::select! {
            biased;
            _ = session.run(Send::new("ann@example.com", ["ben@example.org"], "\r\n")) => {
                panic!("nobody answered")
            }
            read = theirs.read(&mut line) => assert!(read.unwrap() > 0),
        }
        assert!(!session.is_usable());
        let error = session.run(Rset::new()).await.unwrap_err();
        assert!(matches!(error, Error::Ended), "{error}");
        // The server sees the end at once.
        assert_eq!(theirs.read(&mut line).await.unwrap(), 0);
    });
}
