//! Connections that share what one of them renewed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex, OnceLock};
use std::time::Duration;

use e2e::host::{DEMO_BEARER_TOKEN, DEMO_EXPIRED_BEARER_TOKEN, DEMO_USER, Host};
use e2e::scripted::{Peer, expect, send};
use xoauth::{Ask, Credentials, Renew, Secret, TokenFailed, TokenSource, imap};

use super::cases::tls;
use super::{imap_sessions, smtp_sessions};

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

/// A source whose second token comes when the server has given up the connection that waits for it; its end is on
/// its way then, and no more is written into it than one command.
struct Slow {
    renewing: Mutex<Sender<()>>,
    given_up: Mutex<Receiver<()>>,
}

impl TokenSource for Slow {
    fn token(&self, ask: &Ask) -> Result<Secret, TokenFailed> {
        if ask.renew == Renew::IfExpired {
            return Ok(Secret::new("expired"));
        }
        self.renewing.lock().unwrap().send(())?;
        self.given_up.lock().unwrap().recv_timeout(Duration::from_secs(20))?;
        Ok(Secret::new("renewed"))
    }
}

/// Says what is in the list, each behind a line of the client's; the last words when the client asks for a token.
/// The lines that came.
fn say(listener: &TcpListener, says: &[&str], last: Option<(&str, &Waits)>) -> Vec<String> {
    let mut stream = BufReader::new(listener.accept().unwrap().0);
    let mut lines = Vec::new();
    for (number, text) in says.iter().enumerate() {
        if number > 0 {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            lines.push(line);
        }
        let tag = lines.last().and_then(|line| line.split(' ').next()).unwrap_or_default();
        stream.get_mut().write_all(text.replace("{tag}", tag).as_bytes()).unwrap();
    }
    if let Some((words, (renewing, given_up))) = last {
        renewing.recv_timeout(Duration::from_secs(20)).unwrap();
        stream.get_mut().write_all(words.as_bytes()).unwrap();
        stream.get_mut().shutdown(Shutdown::Write).unwrap();
        given_up.send(()).unwrap();
    }
    // Until the client is gone.
    let _ = stream.read_to_end(&mut Vec::new());
    lines
}

type Waits = (Receiver<()>, Sender<()>);

#[test]
fn a_connection_given_up_while_a_token_was_renewed_is_opened_again() {
    let imap = "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] ready\r\n";
    let smtp = ["220 ready\r\n", "250-mx\r\n250 AUTH OAUTHBEARER\r\n"];
    let protocols = [
        (vec![imap], "{tag} NO no\r\n", "{tag} OK in\r\n", "* BYE idle\r\n"),
        (smtp.to_vec(), "535 5.7.8 no\r\n", "235 in\r\n", "421 4.4.2 idle\r\n"),
    ];
    for (before, no, ok, farewell) in protocols {
        for (last, opens_again) in [(farewell, true), ("", true), (farewell, false)] {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            let (renewing, asked) = channel();
            let (gone, given_up) = channel();
            let [first, second] = [no, ok].map(|last| [&before[..], &[last]].concat());
            let server = std::thread::spawn(move || {
                let first = say(&listener, &first, Some((last, &(asked, gone))));
                let second = opens_again.then(|| say(&listener, &second, None));
                (first, second)
            });
            let source = Slow { renewing: Mutex::new(renewing), given_up: Mutex::new(given_up) };
            let is_imap = before.len() == 1;
            run!({
                let credentials = Credentials::bearer(DEMO_USER, Arc::new(source));
                let imap = imap_sessions::Builder::new("localhost").port(port);
                let smtp = smtp_sessions::Builder::new("localhost").port(port);
                let session = match (is_imap, opens_again) {
                    (true, true) => {
                        wait!(imap_sessions::log_in(open!(imap), &credentials)).map(drop)
                    }
                    (false, true) => {
                        wait!(smtp_sessions::log_in(open!(smtp), &credentials)).map(drop)
                    }
                    // A connection that cannot be had again.
                    (true, false) => {
                        let client = wait!(imap.connect_plain()).unwrap().trust();
                        wait!(client.log_in(&credentials)).map(drop)
                    }
                    (false, false) => {
                        let client = wait!(smtp.connect_plain()).unwrap().trust();
                        wait!(client.log_in(&credentials)).map(drop)
                    }
                };
                let case = format!("{no:?}, {last:?}, {opens_again}: {session:?}");
                match session {
                    Ok(()) => assert!(opens_again, "{case}"),
                    Err(error) => assert!(!opens_again && error.is_fatal(), "{case}"),
                }
            });
            let (first, second) = server.join().unwrap();
            // The renewed token goes over the second connection, and the source was not asked for a third.
            let sent =
                |lines: &[String]| lines.last().unwrap().rsplit(' ').next().map(str::to_owned);
            if let Some(second) = second {
                assert_ne!(sent(&first), sent(&second));
            }
        }
    }
}
