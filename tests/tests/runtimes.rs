//! Runtimes that end while sessions are open, and runtimes of one thread.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::{Arc, Mutex, mpsc};

use e2e::certificates::Authority;
use e2e::host::{DEMO_BEARER_TOKEN, DEMO_USER, Host};
use e2e::scripted::{Peer, Step};
use tokio::runtime::{Builder, Runtime};
use xoauth::imap::nonblocking::{Builder as Imap, Reconnect};
use xoauth::imap::{Change, command::Noop};
use xoauth::smtp::exchange::Submit;
use xoauth::smtp::nonblocking::{Builder as Smtp, Pool};
use xoauth::{Ask, Credentials, Fixed, Secret, Tls, TokenFailed};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn tls(pem: &[u8]) -> Tls {
    Tls::builder().add_roots(pem).unwrap().only_these_roots().build().unwrap()
}

fn credentials() -> Credentials<Fixed> {
    Credentials::token(DEMO_USER, DEMO_BEARER_TOKEN)
}

fn message() -> Submit<'static> {
    Submit::new("ann@example.com", [DEMO_USER], "Subject: x\r\n\r\nhi\r\n")
}

#[test]
fn what_outlives_its_runtime_is_dropped_or_used_in_another() {
    let host = Host::builder().start().unwrap();
    let tls = tls(host.ca_pem());
    let imap = Imap::new("localhost").tls(&tls).port(host.imaps_port());
    let smtp = Smtp::new("localhost").tls(&tls).port(host.submissions_port());
    for is_used in [false, true] {
        let first = runtime();
        let (mut session, mut watch, mailer, pool) = first.block_on(async {
            let session = imap.log_in(&credentials()).await.unwrap();
            let mut watch = Reconnect::new(imap.clone(), credentials()).examine("INBOX").watch();
            assert!(matches!(watch.next().await.unwrap(), Change::Opened(_)));
            let pool = Pool::new(2);
            let mailer = pool.mailer(smtp.clone(), credentials());
            mailer.send(message).await.unwrap();
            (session, watch, mailer, pool)
        });
        drop(first);
        assert_eq!((pool.open(), pool.idle()), (1, 1));
        if is_used {
            runtime().block_on(async {
                // The stream belongs to a runtime that is gone: a fault, and no panic.
                assert!(session.run(Noop::new()).await.unwrap_err().is_fatal());
                while watch.sessions() < 2 {
                    watch.next().await.unwrap();
                }
                mailer.send(message).await.unwrap();
                watch.session().await.unwrap().run(Noop::new()).await.unwrap();
            });
        }
        // Nobody is there any more to wait by.
        drop((session, watch, mailer, pool));
    }
}

#[test]
fn an_opening_whose_runtime_ends_begins_anew_in_another() {
    let authority = Authority::new().unwrap();
    let host = Host::builder().start().unwrap();
    let peer = Peer::start(vec![vec![Step::Stall]]).unwrap();
    let (silent, tls) = (peer.port(), tls(&authority.pem().unwrap()));
    let ports = Mutex::new(vec![host.imap_port(), silent]);
    let open = move || {
        let port = ports.lock().unwrap().pop().unwrap();
        let builder = Imap::new("localhost").tls(&tls).port(port);
        async move { Ok(builder.connect_plain().await?.trust()) }
    };
    let login = Credentials::token(DEMO_USER, DEMO_BEARER_TOKEN);
    let mut mail = Reconnect::over(open, login);
    runtime().block_on(async {
        tokio::select! {
            biased;
            _ = mail.run(Noop::new) => panic!("nobody greets"),
            () = tokio::task::yield_now() => {}
        }
    });
    // The port in the clear takes no credentials: what is told is told by the second connection.
    let error = runtime().block_on(mail.run(Noop::new)).unwrap_err();
    assert!(!error.is_timeout(), "{error}");
    assert_eq!(host.accepted_connections(), 1);
}

/// It would wait for ever if it waited in the thread of the runtime.
#[test]
fn a_source_that_blocks_keeps_no_task_from_its_work() {
    let host = Host::builder().start().unwrap();
    let (sender, receiver) = mpsc::channel();
    let receiver = Arc::new(Mutex::new(receiver));
    let source = move |_: &Ask| {
        receiver.lock().unwrap().recv()?;
        Ok::<_, TokenFailed>(Secret::new(DEMO_BEARER_TOKEN))
    };
    runtime().block_on(async {
        let task = tokio::spawn(async move { sender.send(()).unwrap() });
        let imap = Imap::new("localhost").tls(&tls(host.ca_pem())).port(host.imaps_port());
        let mut session = imap.log_in(&Credentials::bearer(DEMO_USER, source)).await.unwrap();
        session.run(Noop::new()).await.unwrap();
        task.await.unwrap();
    });
}
