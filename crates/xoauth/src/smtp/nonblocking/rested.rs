//! Sessions whose server went away while nobody sent, by a clock that jumps to whatever is waited for next.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::time::sleep;
use xoauth_smtp::TransportFault;
use xoauth_smtp::exchange::Submit;

use super::{Builder, Session};
use crate::Error;

/// What a server does after some messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Stays,
    /// Closes its side, and still takes what is written, as the system does for a peer that is gone.
    Closes,
    TakesLeave,
}

/// Takes as many messages by BDAT.
async fn serve(stream: DuplexStream, messages: usize, then: Then) {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 ready\r\n").await.unwrap();
    let mut taken = 0;
    while taken < messages {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap() == 0 {
            return;
        }
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let answer: &[u8] = match words[0] {
            "EHLO" => b"250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
            "BDAT" => {
                let mut chunk = vec![0; words[1].parse().unwrap()];
                stream.read_exact(&mut chunk).await.unwrap();
                taken += 1;
                b"250 queued\r\n"
            }
            _ => b"250 ok\r\n",
        };
        stream.write_all(answer).await.unwrap();
    }
    if then == Then::TakesLeave {
        stream.write_all(b"421 4.4.2 you were silent\r\n").await.unwrap();
    }
    stream.shutdown().await.unwrap();
    stream.read_to_end(&mut Vec::new()).await.unwrap();
}

async fn session(messages: usize, then: Then) -> Session<DuplexStream> {
    let (ours, theirs) = tokio::io::duplex(4096);
    tokio::spawn(serve(theirs, messages, then));
    let client = Builder::new("mail.example.org").from_stream(ours).await.unwrap();
    client.without_authentication()
}

fn message() -> Submit<'static> {
    Submit::new("ann@example.com", ["ben@example.org"], "Subject: x\r\n\r\nhi\r\n")
}

#[test]
fn nothing_is_entrusted_to_a_server_that_went_while_the_session_rested() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        for then in [Then::Stays, Then::Closes, Then::TakesLeave] {
            for in_bulk in [false, true] {
                let messages = if then == Then::Stays { 2 } else { 1 };
                let mut session = session(messages, then).await;
                session.run(message()).await.unwrap();
                sleep(Duration::from_secs(360)).await;
                let sent = match in_bulk {
                    true => session.send_all([message()]).unwrap().next().await.unwrap(),
                    false => session.run(message()).await,
                };
                let case = format!("{then:?}, in bulk {in_bulk}: {sent:?}");
                match (then, sent) {
                    (Then::Stays, Ok(_)) => assert!(session.is_usable()),
                    (
                        Then::Closes,
                        Err(Error::Smtp(xoauth_smtp::Error::Transport {
                            fault: TransportFault::Closed,
                        })),
                    )
                    | (
                        Then::TakesLeave,
                        Err(Error::Smtp(
                            xoauth_smtp::Error::ServerClosing { .. }
                            | xoauth_smtp::Error::IdleTimeout { .. },
                        )),
                    ) => assert!(!session.is_usable(), "{case}"),
                    _ => panic!("{case}"),
                }
            }
        }
    });
}
