//! Connections that share what one of them renewed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, OnceLock};

use e2e::host::{DEMO_BEARER_TOKEN, DEMO_EXPIRED_BEARER_TOKEN, DEMO_USER, Host};
use e2e::scripted::{Peer, expect, send};
use xoauth::{Ask, Credentials, Renew, Secret, TokenFailed, TokenSource, imap};

use super::cases::tls;
use super::imap_sessions;

#[test]
fn connections_that_are_refused_together_share_one_renewal() {
    let host = Host::builder().start().unwrap();
    let tls = tls(host.ca_pem());
    let renewals = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&renewals);
    let source = move |ask: &Ask| -> Result<Secret, TokenFailed> {
        Ok(Secret::new(match ask.renew {
            Renew::IfExpired => DEMO_EXPIRED_BEARER_TOKEN,
            Renew::Force => {
                counted.fetch_add(1, Ordering::SeqCst);
                DEMO_BEARER_TOKEN
            }
        }))
    };
    // Each asks before one of them can have renewed the token.
    let gate = Barrier::new(4);
    let source = move |ask: &Ask| {
        if ask.renew == Renew::IfExpired {
            gate.wait();
        }
        source(ask)
    };
    let credentials = Credentials::bearer(DEMO_USER, Arc::new(source) as Arc<dyn TokenSource>);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                run!({
                    let builder = imap_sessions::Builder::new("localhost").port(host.imaps_port());
                    wait!(builder.tls(&tls).log_in(&credentials)).map(drop).unwrap();
                });
            });
        }
    });
    assert_eq!(renewals.load(Ordering::SeqCst), 1);
}

type Shared = Credentials<Arc<dyn TokenSource>>;

/// While one connection asks for a token, another has its own refused and renewed: the first is given the renewed one by
/// the source itself. Where the server refuses that too, it is not sent once more: the source is asked for another.
#[test]
fn a_token_that_was_refused_is_not_handed_out_as_the_renewal_of_somebody_else() {
    run!({
        let no = || [expect("AUTHENTICATE OAUTHBEARER "), send("{tag} NO no\r\n")];
        let ok = || [expect("AUTHENTICATE OAUTHBEARER "), send("{tag} OK in\r\n")];
        let greeting = || [send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] ready\r\n")];
        let script = || [&greeting()[..], &no(), &ok()].concat();
        let peer = Peer::start(vec![script(), script()]).unwrap();
        let port = peer.port();
        let own: Arc<OnceLock<Shared>> = Arc::default();
        let asked: Arc<Mutex<Vec<Renew>>> = Arc::default();
        let source = {
            let (own, asked) = (Arc::clone(&own), Arc::clone(&asked));
            move |ask: &Ask| -> Result<Secret, TokenFailed> {
                let number = {
                    let mut asked = asked.lock().unwrap();
                    asked.push(ask.renew);
                    asked.len()
                };
                if number == 1 {
                    // The other connection, from its beginning to its end.
                    let builder = imap::Builder::new("localhost").port(port);
                    let client = builder.connect_plain()?.trust();
                    client.log_in(own.get().ok_or("no credentials")?)?;
                }
                Ok(Secret::new(match number {
                    2 => "first",
                    // By IfExpired, to the one who asked first, what was renewed meanwhile.
                    1 | 3 => "second",
                    _ => "third",
                }))
            }
        };
        let credentials = Credentials::bearer(DEMO_USER, Arc::new(source) as Arc<dyn TokenSource>);
        own.set(credentials.clone()).map_err(drop).unwrap();
        let builder = imap_sessions::Builder::new("localhost").port(port);
        let client = wait!(builder.connect_plain()).unwrap().trust();
        wait!(client.log_in(&credentials)).map(drop).unwrap();
        let asked = asked.lock().unwrap().clone();
        assert_eq!(asked, [Renew::IfExpired, Renew::IfExpired, Renew::Force, Renew::Force]);
        let lines = peer.finish().unwrap();
        let sent = |line: &String| line.rsplit(' ').next().unwrap().to_owned();
        let [first, other] =
            [&lines[0], &lines[1]].map(|it| it.iter().map(sent).collect::<Vec<_>>());
        assert_eq!(first[0], other[1], "the renewed one is given to both");
        assert_ne!(first[0], first[1], "it is not sent again once it was refused");
    });
}
