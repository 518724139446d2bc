//! LMTP over sockets of every kind, and messages that are read while they are sent.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use e2e::certificates::Authority;
use e2e::host::{DEMO_BEARER_TOKEN, DEMO_USER, Host, User};
use e2e::scripted::{Peer, Step, expect, send};
use peak_alloc::PeakAlloc;
use xoauth::net::{FromReader, TlsTransport};
use xoauth::sasl::{Login, Mechanism, Plain, XOAuth2};
use xoauth::smtp::exchange::{Expand, Help, Noop, Raw, Submit, Verify};
use xoauth::smtp::{
    Builder, DeliverBy, Envelope, Error as Smtp, Mail, Message, Notify, Priority, Recipient,
    Return, Session, Source, SourceFault, Transfer,
};
use xoauth::{Error, Tls, Transport, smtp};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// 48 MB, as 64 KiB pieces: far beyond what may stay in memory.
const PIECE: usize = 64 * 1024;
const PIECES: usize = 48_000_000 / PIECE + 1;
const SIZE: u64 = (PIECE * PIECES) as u64;
const MIB: usize = 1024 * 1024;

/// One test at a time: some measure the heap of this process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How far the heap grows while `work` is at work.
fn growth(work: impl FnOnce()) -> usize {
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    work();
    HEAP.peak_usage().saturating_sub(before)
}

/// A delivery by LMTP to two recipients, one of whom has no room.
fn lmtp() -> Vec<Step> {
    vec![
        expect("LHLO "),
        send("250-localhost\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES\r\n"),
        expect("MAIL FROM:<a@example.org>"),
        expect("RCPT TO:<b@example.net>"),
        expect("RCPT TO:<c@example.net>"),
        expect("DATA"),
        send("250 2.1.0 ok\r\n250 2.1.5 ok\r\n250 2.1.5 ok\r\n354 go\r\n"),
        expect("Subject: t"),
        expect(""),
        expect("hello"),
        expect("."),
        send("250 2.1.5 delivered\r\n452 4.2.2 full\r\n"),
        expect("QUIT"),
        send("221 bye\r\n"),
    ]
}

fn deliver<T: Transport>(mut session: Session<T>) {
    assert!(session.extensions().is_lmtp());
    let to = ["b@example.net", "c@example.net"];
    let sent =
        session.run(Submit::new("a@example.org", to, "Subject: t\r\n\r\nhello\r\n")).unwrap();
    let outcomes: Vec<_> = sent.recipients().iter().map(|one| one.delivery.to_string()).collect();
    assert_eq!(outcomes, ["accepted: 250 2.1.5 delivered", "message refused: 452 4.2.2 full"]);
    session.quit().unwrap();
}

#[test]
fn lmtp_goes_over_tcp_tls_and_starttls() {
    let _alone = alone();
    let authority = Authority::new().unwrap();
    let tls = Tls::builder().add_roots(&authority.pem().unwrap()).unwrap().build().unwrap();
    let hello = || send("220 localhost LMTP\r\n");
    let clear = [vec![hello()], lmtp()].concat();
    let implicit = [vec![Step::StartTls(authority.localhost().unwrap()), hello()], lmtp()].concat();
    let upgraded = vec![
        hello(),
        expect("LHLO "),
        send("250-localhost\r\n250 STARTTLS\r\n"),
        expect("STARTTLS"),
        send("220 go\r\n"),
        Step::StartTls(authority.localhost().unwrap()),
    ];
    let upgraded = [upgraded, lmtp()].concat();
    let peer = Peer::start(vec![clear, implicit, upgraded]).unwrap();
    let builder = Builder::new("localhost").port(peer.port()).tls(&tls).lmtp();
    deliver(builder.connect_plain().unwrap().trust().without_authentication());
    deliver(builder.connect().unwrap().without_authentication());
    deliver(builder.connect_starttls().unwrap().without_authentication());
    peer.finish().unwrap();
}

#[cfg(unix)]
#[test]
fn lmtp_goes_over_a_unix_socket() {
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixListener;

    let _alone = alone();
    let directory = std::env::temp_dir().join(format!("xoauth-lmtp-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        (&stream).write_all(b"220 localhost LMTP\r\n").unwrap();
        for step in lmtp() {
            match step {
                Step::Send(octets) => (&stream).write_all(&octets).unwrap(),
                Step::Expect(text) => {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    assert!(line.contains(&text), "{line:?}, expected {text:?}");
                }
                other => panic!("{other:?}"),
            }
        }
    });
    let client = Builder::new("localhost").lmtp().connect_unix(&path).unwrap();
    deliver(client.without_authentication());
    server.join().unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    let error = Builder::new("localhost").lmtp().connect_unix(&path).unwrap_err();
    assert!(matches!(error, Error::Connect { .. }) && !error.to_string().contains(":0"), "{error}");
}

/// An endless reader of lines, cut at a size.
fn lines(size: u64) -> Message<'static> {
    struct Lines(u64);
    impl io::Read for Lines {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let line = b"all work and no play makes jack a dull boy, all work and no play do\r\n";
            let n = buffer.len().min(usize::try_from(self.0).unwrap_or(usize::MAX));
            for (at, octet) in buffer[..n].iter_mut().enumerate() {
                *octet = line[at % line.len()];
            }
            // Whole lines only, so that the next reading begins one.
            let n = if n < line.len() { n } else { n - n % line.len() };
            self.0 -= n as u64;
            Ok(n)
        }
    }
    Message::from_source(FromReader(Lines(size))).seven_bit().normalise_line_ends()
}

fn mail(message: Message<'_>, transfer: Transfer) -> Mail<'_> {
    Mail::new("a@example.org", ["b@example.net"], message).transfer(transfer)
}

fn greeting() -> Vec<Step> {
    vec![
        send("220 mx\r\n"),
        expect("EHLO"),
        send("250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n"),
        expect("MAIL"),
        expect("RCPT"),
    ]
}

#[test]
fn a_48_mb_message_is_sent_by_data_within_1_mib_of_heap() {
    let _alone = alone();
    let mut script = greeting();
    script.extend([expect("DATA"), send("250 ok\r\n250 ok\r\n354 go\r\n")]);
    script.extend(std::iter::repeat_n(Step::ExpectOctets(PIECE), PIECES));
    script.extend([expect(""), expect("."), send("250 queued\r\n")]);
    let peer = Peer::start(vec![script]).unwrap();
    let client = Builder::new("127.0.0.1").port(peer.port()).connect_plain().unwrap().trust();
    let mut session = client.without_authentication();
    // The octets of the message and of its lines are counted by the peer, whatever they are.
    let source = FromReader(io::Read::take(io::repeat(b'x'), SIZE));
    let message = Message::from_source(source).seven_bit().size(SIZE);
    let grown = growth(|| {
        session.run(Submit::mail(mail(message, Transfer::Data))).unwrap();
    });
    assert!(grown < MIB, "the heap grew by {grown} octets");
}

#[test]
fn a_48_mb_message_is_sent_by_bdat_within_2_mib_of_heap() {
    const CHUNK: usize = 256 * 1024;
    let _alone = alone();
    let mut script = greeting();
    script.push(send("250 ok\r\n250 ok\r\n"));
    let chunks = PIECES * PIECE / CHUNK;
    for _ in 0..chunks {
        script.extend([
            expect("BDAT 262144"),
            Step::ExpectOctets(CHUNK),
            send("250 chunk taken\r\n"),
        ]);
    }
    let rest = PIECES * PIECE - chunks * CHUNK + 2;
    script.extend([
        expect(&format!("BDAT {rest} LAST")),
        Step::ExpectOctets(rest),
        send("250 queued\r\n"),
    ]);
    let peer = Peer::start(vec![script]).unwrap();
    let client = Builder::new("127.0.0.1").port(peer.port()).connect_plain().unwrap().trust();
    let mut session = client.without_authentication();
    let source = FromReader(io::Read::take(io::repeat(b'x'), SIZE));
    let message = Message::from_source(source).seven_bit().size(SIZE);
    let grown = growth(|| {
        session.run(Submit::mail(mail(message, Transfer::Automatic))).unwrap();
    });
    assert!(grown < 2 * MIB, "the heap grew by {grown} octets");
}

#[test]
fn a_source_that_fails_by_data_closes_the_connection_without_a_final_dot() {
    struct Failing(usize);
    impl io::Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            match self.0 {
                1 => io::Read::read(&mut &b"Subject: t\r\n\r\n.\r\n"[..], buffer),
                _ => Err(io::Error::other("the disk is gone")),
            }
        }
    }
    let _alone = alone();
    let mut script = greeting();
    script.extend([expect("DATA"), send("250 ok\r\n250 ok\r\n354 go\r\n")]);
    script.extend([expect("Subject: t"), expect(""), expect(".."), Step::ExpectEnd]);
    let peer = Peer::start(vec![script]).unwrap();
    let client = Builder::new("127.0.0.1").port(peer.port()).connect_plain().unwrap().trust();
    let mut session = client.without_authentication();
    let message = Message::from_source(FromReader(Failing(0))).seven_bit();
    let error = session.run(Submit::mail(mail(message, Transfer::Data))).unwrap_err();
    assert!(matches!(&error, Error::Smtp(Smtp::Content { ended: true, .. })), "{error:?}");
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "the disk is gone");
    assert!(!session.is_usable());
    assert!(matches!(session.run(Noop::new()), Err(Error::Ended)));
    // While the session value is still held.
    let heard = peer.finish().unwrap();
    assert_eq!(heard[0].last().unwrap(), "..");
}

#[test]
fn a_source_that_has_to_be_waited_for_parks_a_blocking_session() {
    /// Says "not yet" before each piece, and wakes from another thread.
    struct Late(Vec<&'static [u8]>, bool);
    impl Source for Late {
        fn poll_read(
            &mut self,
            cx: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<Result<usize, SourceFault>> {
            self.1 = !self.1;
            if self.1 {
                let waker = cx.waker().clone();
                std::thread::spawn(move || waker.wake());
                return Poll::Pending;
            }
            let piece = self.0.pop().unwrap_or_default();
            buffer[..piece.len()].copy_from_slice(piece);
            Poll::Ready(Ok(piece.len()))
        }
    }
    let _alone = alone();
    for transfer in [Transfer::Data, Transfer::Bdat] {
        let host = Host::builder().start().unwrap();
        let mut session = host_session(&host);
        let source = Late(vec![b"hello\r\n", b"\r\n", b"Subject: t\r\n"], false);
        session.run(Submit::mail(mail(Message::from_source(source), transfer))).unwrap();
        assert_eq!(host.outbox()[0].octets.as_slice(), b"Subject: t\r\n\r\nhello\r\n");
        session.quit().unwrap();
    }
}

#[test]
fn async_sessions_speak_lmtp_and_read_messages_too() {
    let _alone = alone();
    let peer = Peer::start(vec![[vec![send("220 localhost LMTP\r\n")], lmtp()].concat()]).unwrap();
    e2e::runtime().block_on(async {
        let builder = smtp::nonblocking::Builder::new("127.0.0.1").port(peer.port()).lmtp();
        let client = builder.connect_plain().await.unwrap().trust();
        let mut session = client.without_authentication();
        let to = ["b@example.net", "c@example.net"];
        let message = Message::from_source(FromReader(&b"Subject: t\n\nhello"[..]));
        let message = message.seven_bit().normalise_line_ends();
        let sent =
            session.run(Submit::mail(Mail::new("a@example.org", to, message))).await.unwrap();
        assert_eq!((sent.accepted().count(), sent.refused().count()), (1, 1));
        session.quit().await.unwrap();
    });
    peer.finish().unwrap();
}

#[test]
fn line_ends_are_mended_while_a_message_of_any_size_goes() {
    let _alone = alone();
    // Each line has 69 octets with its CRLF.
    let size: usize = 69 * 20_000;
    let mut script = greeting();
    script.extend([expect("DATA"), send("250 ok\r\n250 ok\r\n354 go\r\n")]);
    script.extend([Step::ExpectOctets(size), expect("."), send("250 queued\r\n")]);
    let peer = Peer::start(vec![script]).unwrap();
    let client = Builder::new("127.0.0.1").port(peer.port()).connect_plain().unwrap().trust();
    let mut session = client.without_authentication();
    session.run(Submit::mail(mail(lines(size as u64), Transfer::Data))).unwrap();
    drop(session);
    peer.finish().unwrap();
}

/// A session of the demo user with the embedded host.
fn host_session(host: &Host) -> Session<TlsTransport> {
    let tls = Tls::builder().add_roots(host.ca_pem()).unwrap().build().unwrap();
    let builder = Builder::new("localhost").port(host.submissions_port()).tls(&tls);
    let login = XOAuth2::new(DEMO_USER, DEMO_BEARER_TOKEN).unwrap();
    builder.connect().unwrap().authenticate(login).unwrap()
}

#[test]
fn envelope_and_message_reach_the_host_as_they_were_asked_for() {
    let _alone = alone();
    let host = Host::builder()
        .capabilities(|offers| offers.limits = Some("RCPTMAX=3 MAILMAX=3".to_owned()))
        .start()
        .unwrap();
    let mut session = host_session(&host);
    let envelope = Envelope::new("a@example.org", ["b@example.net"])
        .recipient(
            Recipient::new("c@example.net").notify(Notify::ALWAYS).original("old+c@example.net"),
        )
        .recipient(
            Recipient::new("d@example.net").notify(Notify::Never).original("grün@example.net"),
        )
        .returning(Return::Headers)
        .envelope_id("order 66")
        .submitter("<>")
        .require_tls()
        .deliver_by(DeliverBy::or_return(120))
        .priority(Priority::new(-3).unwrap());
    let octets = b"Subject: t\r\n\r\n\0\n.\r\n.\r\r\n\xff end";
    let sent = session
        .run(Submit::mail(Mail::with(envelope, Message::new(&octets[..]).binary())))
        .unwrap();
    assert_eq!(sent.accepted().count(), 3);
    let outbox = host.outbox();
    let kept = outbox.last().unwrap();
    assert_eq!(kept.octets.as_slice(), octets);
    assert!(kept.binary && kept.chunked && !kept.eight_bit);
    assert_eq!(
        kept.asked,
        ["RET=HDRS", "ENVID=order+2066", "AUTH=<>", "REQUIRETLS", "BY=120;R", "MT-PRIORITY=-3"]
    );
    let asked = &kept.asked_of_recipients;
    assert!(asked[0].is_empty());
    assert_eq!(asked[1], ["NOTIFY=SUCCESS,FAILURE,DELAY", "ORCPT=rfc822;old+2Bc@example.net"]);
    assert_eq!(asked[2], ["NOTIFY=NEVER", r"ORCPT=utf-8;gr\x{FC}n@example.net"]);

    // Limits are held before MAIL: the host would refuse, and is not asked.
    let to = ["1@example.net", "2@example.net", "3@example.net", "4@example.net"];
    let error = session.run(Submit::new("a@example.org", to, "x")).unwrap_err();
    assert!(matches!(error, Error::Smtp(Smtp::ServerLimit { limit: "RCPTMAX", .. })), "{error}");
    for _ in 0..2 {
        session.run(Submit::new("a@example.org", ["b@example.net"], "x")).unwrap();
    }
    let error = session.run(Submit::new("a@example.org", ["b@example.net"], "x")).unwrap_err();
    assert!(matches!(error, Error::Smtp(Smtp::ServerLimit { limit: "MAILMAX", .. })), "{error}");
    assert_eq!(host.outbox().len(), 3);
    session.quit().unwrap();
    assert!(host.violations().is_empty(), "{:?}", host.violations());
}

/// What becomes of five messages among which are two that pass a limit of the host.
const WITHIN_LIMITS: [&str; 5] = ["", "RCPTMAX", "", "", "MAILMAX"];

fn limited_host() -> Host {
    let limits = Some("RCPTMAX=1 MAILMAX=3".to_owned());
    Host::builder().capabilities(|offers| offers.limits = limits).start().unwrap()
}

fn beyond_limits() -> impl Iterator<Item = Submit<'static>> {
    let to = ["b@example.net", "c@example.net"];
    [1, 2, 1, 1, 1].into_iter().map(move |count| Submit::new("a@example.org", &to[..count], "x"))
}

fn limit_of(outcome: Result<smtp::Sent, Error>) -> &'static str {
    match outcome {
        Ok(_) => "",
        Err(Error::Smtp(Smtp::ServerLimit { limit, .. })) => limit,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn limits_are_held_among_many_messages() {
    let _alone = alone();
    let host = limited_host();
    let mut session = host_session(&host);
    let outcomes = session.send_all(beyond_limits()).unwrap();
    assert_eq!(outcomes.map(limit_of).collect::<Vec<_>>(), WITHIN_LIMITS);
    session.run(Noop::new()).unwrap();
    assert_eq!(host.outbox().len(), 3);
    assert!(host.violations().is_empty(), "{:?}", host.violations());
}

#[test]
fn limits_are_held_among_many_messages_of_an_async_session() {
    let _alone = alone();
    let host = limited_host();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let tls = Tls::builder().add_roots(host.ca_pem()).unwrap().build().unwrap();
        let builder = smtp::nonblocking::Builder::new("localhost").port(host.submissions_port());
        let login = XOAuth2::new(DEMO_USER, DEMO_BEARER_TOKEN).unwrap();
        let client = builder.tls(&tls).connect().await.unwrap();
        let mut session = client.authenticate(login).await.unwrap();
        let mut outcomes = session.send_all(beyond_limits()).unwrap();
        for expected in WITHIN_LIMITS {
            assert_eq!(limit_of(outcomes.next().await.unwrap()), expected);
        }
        assert!(outcomes.next().await.is_none());
        session.run(Noop::new()).await.unwrap();
    });
    assert_eq!(host.outbox().len(), 3);
    assert!(host.violations().is_empty(), "{:?}", host.violations());
}

#[test]
fn messages_arrive_the_same_by_data_and_by_chunks_from_memory_and_from_a_reader() {
    let _alone = alone();
    let host = Host::builder().start().unwrap();
    let mut session = host_session(&host);
    let long =
        format!("Subject: t\r\n\r\n{}\r\n.\r\n..\r\nü", ".dots and lines\r\n".repeat(40_000));
    for text in ["", "x", "Subject: t\r\n\r\n.\r\n..\r\n.x\r\n\r\n", long.as_str()] {
        let mut arrived = Vec::new();
        for transfer in [Transfer::Automatic, Transfer::Data, Transfer::Bdat] {
            for streamed in [false, true] {
                let message = match streamed {
                    false => Message::from(text),
                    true => Message::from_source(FromReader(text.as_bytes())),
                };
                session.run(Submit::mail(mail(message, transfer))).unwrap();
                arrived.push(host.outbox().last().unwrap().octets.as_ref().clone());
            }
        }
        let ended = match text {
            "" => String::new(),
            text if text.ends_with("\r\n") => text.to_owned(),
            text => format!("{text}\r\n"),
        };
        for octets in arrived {
            assert!(octets == ended.as_bytes(), "{} octets of {}", octets.len(), ended.len());
        }
    }
    session.quit().unwrap();
    assert!(host.violations().is_empty(), "{:?}", host.violations());
}

#[test]
fn a_message_alone_says_whom_it_is_for() {
    let _alone = alone();
    let host = Host::builder().start().unwrap();
    let mut session = host_session(&host);
    let message =
        "From: a@example.org\r\nTo: B <b@example.net>\r\nBcc: grün@example.com\r\n\r\nhällo\r\n";
    let mail = smtp::mail_from_headers(message.as_bytes()).unwrap();
    session.run(Submit::mail(mail)).unwrap();
    let outbox = host.outbox();
    let kept = outbox.last().unwrap();
    assert_eq!((kept.from.as_str(), kept.utf8, kept.eight_bit), ("a@example.org", true, true));
    assert_eq!(kept.recipients, ["b@example.net", "grün@example.com"]);
    let text = String::from_utf8(kept.octets.as_ref().clone()).unwrap();
    assert_eq!(text, "From: a@example.org\r\nTo: B <b@example.net>\r\n\r\nhällo\r\n");
}

#[test]
fn private_servers_take_passwords_over_both_protocols() {
    let _alone = alone();
    let host = Host::builder()
        .user(User::new("tim@example.org").password("pässword"))
        .capabilities(|offers| offers.mechanisms = vec!["PLAIN".to_owned(), "LOGIN".to_owned()])
        .start()
        .unwrap();
    let tls = Tls::builder().add_roots(host.ca_pem()).unwrap().build().unwrap();
    let logins = |password: &str| -> [Box<dyn Mechanism>; 2] {
        let user = "tim@example.org";
        [
            Box::new(Plain::new(user, password).unwrap()),
            Box::new(Login::new(user, password).unwrap()),
        ]
    };
    for (wrong, right) in logins("no").into_iter().zip(logins("pässword")) {
        let smtp = Builder::new("localhost").port(host.submissions_port()).tls(&tls);
        let refused = smtp.connect().unwrap().authenticate(&wrong).unwrap_err();
        assert!(
            matches!(refused.error(), Error::Smtp(Smtp::AuthenticationRefused(_))),
            "{refused}"
        );
        refused.into_client().unwrap().authenticate(&right).unwrap().quit().unwrap();
        let imap = xoauth::imap::Builder::new("localhost").port(host.imaps_port()).tls(&tls);
        let refused = imap.connect().unwrap().authenticate(&wrong).unwrap_err();
        refused.into_client().unwrap().authenticate(&right).unwrap().logout().unwrap();
    }
    assert!(host.violations().is_empty(), "{:?}", host.violations());
}

#[test]
fn questions_are_answered_by_the_host() {
    let _alone = alone();
    let host = Host::builder().start().unwrap();
    let mut session = host_session(&host);
    assert_eq!(session.run(Verify::new("somebody")).unwrap().code.get(), 252);
    let error = session.run(Expand::new("staff")).unwrap_err();
    assert!(matches!(error, Error::Smtp(Smtp::Refused { command: "EXPN", .. })), "{error}");
    assert_eq!(session.run(Help::new()).unwrap().code.get(), 214);
    assert_eq!(session.run(Raw::new("XUNHEARD of")).unwrap().code.get(), 500);
    session.quit().unwrap();
}

/// What a stream in the clear is told by a server that promises TLS all the way.
fn promising() -> Peer {
    let script = vec![
        send("220 mx\r\n"),
        expect("EHLO "),
        send("250-mx\r\n250-REQUIRETLS\r\n250 DSN\r\n"),
        expect("QUIT"),
        send("221 bye\r\n"),
    ];
    Peer::start(vec![script]).unwrap()
}

fn under_tls_only() -> Submit<'static> {
    let envelope = Envelope::new("a@example.org", ["b@example.net"]).require_tls();
    Submit::mail(Mail::with(envelope, "hello\r\n"))
}

#[test]
fn a_stream_in_the_clear_promises_no_tls_to_come() {
    let peer = promising();
    let socket = std::net::TcpStream::connect(("127.0.0.1", peer.port())).unwrap();
    let stream = xoauth::net::TcpTransport::new(socket).unwrap();
    let client = Builder::new("127.0.0.1").from_plain_stream(stream).unwrap();
    let mut session = client.trust().without_authentication();
    let error = session.run(under_tls_only()).unwrap_err();
    assert!(error.to_string().contains("REQUIRETLS"), "{error}");
    session.quit().unwrap();
    peer.finish().unwrap();
}

#[test]
fn nor_does_an_async_one() {
    let peer = promising();
    e2e::runtime().block_on(async {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", peer.port())).await.unwrap();
        let builder = smtp::nonblocking::Builder::new("127.0.0.1");
        let client = builder.from_plain_stream(stream).await.unwrap();
        let mut session = client.trust().without_authentication();
        let error = session.run(under_tls_only()).await.unwrap_err();
        assert!(error.to_string().contains("REQUIRETLS"), "{error}");
        session.quit().await.unwrap();
    });
    peer.finish().unwrap();
}
