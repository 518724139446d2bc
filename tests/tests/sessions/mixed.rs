//! Blocking and async sessions of the same credentials.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use e2e::scripted::{Peer, expect, send};
use xoauth::{Ask, Credentials, Renew, Secret, TokenFailed, TokenSource, Trace, imap};

/// A thread waits for a task that renews, and a task for a thread.
#[test]
fn a_thread_and_a_task_that_are_refused_together_share_one_renewal() {
    let script = || {
        vec![
            send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] ready\r\n"),
            expect("AUTHENTICATE OAUTHBEARER "),
            send("{tag} NO no\r\n"),
            expect("AUTHENTICATE OAUTHBEARER "),
            send("{tag} OK in\r\n"),
        ]
    };
    let peer = Peer::start(vec![script(), script()]).unwrap();
    let (refused, refusals) = channel();
    let refusals = Mutex::new(refusals);
    let renewals = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&renewals);
    let source = move |ask: &Ask| -> Result<Secret, TokenFailed> {
        if ask.renew == Renew::IfExpired {
            return Ok(Secret::new("expired"));
        }
        if counted.fetch_add(1, Ordering::SeqCst) == 0 {
            // Both have been refused before there is another token.
            let refusals = refusals.lock().unwrap();
            refusals.recv()?;
            refusals.recv()?;
        }
        Ok(Secret::new("renewed"))
    };
    let credentials =
        Credentials::bearer("ann@example.com", Arc::new(source) as Arc<dyn TokenSource>);
    let trace = Trace::new(move |_, line| {
        if line.contains(" NO ") {
            refused.send(()).unwrap();
        }
    });
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let builder = imap::Builder::new("localhost").port(peer.port()).trace(trace.clone());
            let client = builder.connect_plain().unwrap().trust();
            client.log_in(&credentials).map(drop).unwrap();
        });
        e2e::runtime().block_on(async {
            let builder = imap::nonblocking::Builder::new("localhost").port(peer.port());
            let client = builder.trace(trace.clone()).connect_plain().await.unwrap().trust();
            client.log_in(&credentials).await.map(drop).unwrap();
        });
    });
    assert_eq!(renewals.load(Ordering::SeqCst), 1);
    peer.finish().unwrap();
}
