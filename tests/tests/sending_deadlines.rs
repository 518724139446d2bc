//! How long the answers of an SMTP server are waited for (RFC 5321, 4.5.3.2), by a clock that jumps to whatever is
//! waited for next, and what a blocking session tells its stream.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::time::{Instant, Sleep, sleep, timeout};
use xoauth::net::Transport;
use xoauth::sasl::Login;
use xoauth::sasl::wire::{Source, SourceFault};
use xoauth::smtp::exchange::{Submit, Window};
use xoauth::smtp::{Mail, Message, Sent};
use xoauth::{Error, smtp};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const TEXT: &str = "Subject: slow\r\n\r\nHi.\r\n";

/// Runs a case under a clock that stands still while anybody is at work.
fn simulated(case: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap().block_on(case);
}

/// What a server says to a line, and how long it takes for it; each octet of it where it drips.
struct Answer {
    after: Duration,
    text: String,
    drips: bool,
}

fn answer(after: Duration, text: &str) -> Answer {
    Answer { after, text: format!("{text}\r\n"), drips: false }
}

/// A server that answers lines, one behind the other, until the client is gone.
async fn serve(stream: DuplexStream, offers: &str, mut answers: impl FnMut(&str) -> Vec<Answer>) {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 slow.example.org\r\n").await.unwrap();
    let (mut is_content, mut chunk) = (false, 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let line = line.trim_end();
        let said = match line {
            "." => {
                is_content = false;
                answers(line)
            }
            _ if is_content => continue,
            _ if line.starts_with("EHLO") || line.starts_with("LHLO") => {
                vec![answer(SECOND, offers)]
            }
            _ => answers(line),
        };
        if let Some(size) = line.strip_prefix("BDAT ") {
            chunk = size.split(' ').next().unwrap().parse().unwrap();
        }
        if chunk > 0 {
            let mut octets = vec![0; std::mem::take(&mut chunk)];
            stream.read_exact(&mut octets).await.unwrap();
        }
        for Answer { after, text, drips } in said {
            is_content |= text.starts_with("354");
            let size = if drips { 1 } else { text.len() };
            for piece in text.as_bytes().chunks(size) {
                sleep(after).await;
                if stream.write_all(piece).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// 250, or what fits DATA, after so long.
fn yes(line: &str, after: Duration) -> Vec<Answer> {
    vec![answer(after, if line == "DATA" { "354 go on" } else { "250 2.0.0 ok" })]
}

type Session = smtp::nonblocking::Session<DuplexStream>;

/// Runs a client against a server that answers so.
fn with_server<F: Future<Output = ()>>(
    offers: &str,
    answers: impl FnMut(&str) -> Vec<Answer>,
    client: impl FnOnce(Session) -> F,
) {
    simulated(async {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let client = async {
            let builder = smtp::nonblocking::Builder::new("mail.example.org");
            let is_lmtp = offers.contains("lmtp");
            let builder = if is_lmtp { builder.lmtp() } else { builder };
            let session = builder.from_stream(ours).await.unwrap().without_authentication();
            client(session).await;
        };
        tokio::join!(serve(theirs, offers, answers), client);
    });
}

fn to(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("to-{number}@example.org")).collect()
}

/// What came of a message to so many, and after how long.
async fn send(session: &mut Session, recipients: usize) -> (Result<Sent, Error>, Duration) {
    let began = Instant::now();
    let sent = session.run(Submit::new("ann@example.com", to(recipients), TEXT)).await;
    (sent, began.elapsed())
}

#[test]
fn each_command_of_a_tarpit_has_its_own_time() {
    let answers = |line: &str| {
        let is_envelope = line.starts_with("MAIL") || line.starts_with("RCPT");
        yes(line, if is_envelope { MINUTE * 5 / 2 } else { SECOND })
    };
    for offers in ["250 slow", "250-slow\r\n250 PIPELINING"] {
        with_server(offers, answers, |mut session| async move {
            let (sent, after) = send(&mut session, 6).await;
            assert_eq!(sent.unwrap().accepted().count(), 6);
            assert!(after > 17 * MINUTE, "{after:?}");
        });
    }
}

#[test]
fn each_recipient_by_lmtp_has_an_answer_in_its_own_time() {
    let answers = |line: &str| match line {
        "." => (0..100).map(|_| answer(10 * SECOND, "250 2.1.5 delivered")).collect(),
        _ => yes(line, Duration::ZERO),
    };
    for offers in ["250 lmtp", "250-lmtp\r\n250 PIPELINING"] {
        with_server(offers, answers, |mut session| async move {
            let (sent, after) = send(&mut session, 100).await;
            assert_eq!(sent.unwrap().accepted().count(), 100);
            assert!(after >= 1000 * SECOND, "{after:?}");
        });
    }
}

#[test]
fn the_answer_to_a_message_is_waited_for_ten_minutes_behind_any_envelope() {
    let answers = |line: &str| yes(line, if line == "." { MINUTE * 99 / 10 } else { MINUTE * 9 });
    with_server("250 slow", answers, |mut session| async move {
        let (sent, after) = send(&mut session, 1).await;
        assert_eq!(sent.unwrap().accepted().count(), 1);
        assert!(after > 36 * MINUTE, "{after:?}");
    });
}

/// A source that gives one octet a minute.
struct Slow {
    left: usize,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Source for Slow {
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, SourceFault>> {
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep(MINUTE)));
        std::task::ready!(alarm.as_mut().poll(cx));
        self.alarm = None;
        let octets = self.left.min(1);
        self.left -= octets;
        buffer[..octets].fill(b'x');
        Poll::Ready(Ok(octets))
    }
}

#[test]
fn a_slow_source_takes_no_time_from_the_answer_to_its_message() {
    let answers = |line: &str| yes(line, if line == "." { MINUTE * 9 } else { SECOND });
    with_server("250 slow", answers, |mut session| async move {
        for (minutes, is_in_time) in [(8, true), (11, false)] {
            let message = Message::from_source(Slow { left: minutes, alarm: None }).seven_bit();
            let mail = Mail::new("ann@example.com", ["ben@example.org"], message);
            let began = Instant::now();
            let sent = session.run(Submit::mail(mail)).await;
            assert_eq!(sent.is_ok(), is_in_time, "{sent:?}");
            // One that gives its octets drop by drop is given up itself.
            let after = began.elapsed();
            let expected = if is_in_time { 18 * MINUTE } else { 10 * MINUTE };
            assert!(after >= expected && after < expected + 10 * SECOND, "{after:?}");
        }
    });
}

#[test]
fn a_command_without_an_answer_is_given_up_at_its_time() {
    for silent in ["MAIL", "RCPT TO:<to-1@", "DATA", "."] {
        let mut spent = Duration::ZERO;
        let answers = |line: &str| {
            if line.starts_with(silent) {
                return Vec::new();
            }
            spent += 4 * MINUTE;
            yes(line, 4 * MINUTE)
        };
        let known = match silent {
            "MAIL" => 0,
            "RCPT TO:<to-1@" => 2,
            "DATA" => 3,
            _ => 4,
        };
        with_server("250 slow", answers, |mut session| async move {
            let (sent, after) = send(&mut session, 2).await;
            let error = sent.unwrap_err();
            let unknown = matches!(&error, Error::Smtp(fault) if fault.is_delivery_unknown());
            assert_eq!(unknown, silent == ".", "{error}");
            assert!(error.to_string().contains("deadline passed"), "{error}");
            let expected = 4 * MINUTE * known + 10 * MINUTE;
            assert!(after >= expected && after < expected + SECOND, "{silent}: {after:?}");
        });
        assert_eq!(spent, 4 * MINUTE * known);
    }
}

#[test]
fn a_reply_that_drips_is_given_up_at_its_time() {
    let mut long = "250-2.0.0 so much to say\r\n".repeat(100);
    long.push_str("250 2.0.0 ok\r\n");
    for text in ["250 2.0.0 this one is one line and never comes to its end".into(), long] {
        let answers = |line: &str| match line {
            // One octet in 15 seconds.
            _ if line.starts_with("RCPT") => {
                vec![Answer { after: 15 * SECOND, text: text.clone(), drips: true }]
            }
            _ => yes(line, MINUTE),
        };
        with_server("250 slow", answers, |mut session| async move {
            let (sent, after) = send(&mut session, 1).await;
            let error = sent.unwrap_err();
            assert!(error.to_string().contains("deadline passed"), "{error}");
            assert!(after >= 11 * MINUTE && after < 11 * MINUTE + SECOND, "{after:?}");
        });
    }
}

#[test]
fn many_messages_in_flight_have_the_same_time_for_each_answer() {
    // Messages 0 to 3 are accepted, with nine minutes for each of twelve answers and RSET between them; then silence.
    let mut bdats = 0;
    let answers = |line: &str| {
        bdats += usize::from(line.starts_with("BDAT"));
        if bdats > 4 { Vec::new() } else { yes(line, 9 * MINUTE) }
    };
    let offers = "250-slow\r\n250-CHUNKING\r\n250 PIPELINING";
    with_server(offers, answers, |mut session| async move {
        let began = Instant::now();
        let messages = (0..8).map(|_| Submit::new("ann@example.com", to(1), TEXT));
        let mut outcomes = session.send_all(messages).unwrap().window(Window::of_messages(8));
        let mut accepted = 0;
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                Ok(_) => accepted += 1,
                Err(error) => assert!(error.to_string().contains("deadline passed"), "{error}"),
            }
        }
        assert_eq!((accepted, outcomes.tally().settled()), (4, 8));
        // Of the fifth RSET, MAIL and RCPT are answered.
        let expected = 9 * MINUTE * (3 + 4 * 3 + 3) + 10 * MINUTE;
        let after = began.elapsed();
        assert!(after >= expected && after < expected + SECOND, "{after:?}");
    });
}

/// By a future of an outcome that is dropped: the answers come while the program does something else.
#[test]
fn what_the_program_does_between_two_outcomes_takes_none_of_their_time() {
    let offers = "250-slow\r\n250-CHUNKING\r\n250 PIPELINING";
    for rate in [None, Some((1, MINUTE / 4))] {
        let answers = |line: &str| yes(line, 10 * SECOND);
        with_server(offers, answers, |mut session| async move {
            let messages = (0..3).map(|_| Submit::new("ann@example.com", to(1), TEXT));
            let outcomes = session.send_all(messages).unwrap().window(Window::of_messages(8));
            let mut outcomes = match rate {
                None => outcomes,
                Some((count, per)) => outcomes.rate(count, per),
            };
            let mut accepted = 0;
            let mut dropped = 0;
            loop {
                match timeout(20 * SECOND, outcomes.next()).await {
                    Ok(Some(outcome)) => accepted += usize::from(outcome.is_ok()),
                    Ok(None) => break,
                    Err(_) => {
                        dropped += 1;
                        sleep(20 * MINUTE).await;
                    }
                }
            }
            assert_eq!((accepted, outcomes.tally().settled()), (3, 3), "{rate:?}");
            assert!(dropped > 0);
        });
    }
}

#[test]
fn who_waits_for_outcomes_in_slices_does_not_put_off_their_deadline() {
    let offers = "250-slow\r\n250-CHUNKING\r\n250 PIPELINING";
    let silent = |_: &str| Vec::new();
    with_server(offers, silent, |mut session| async move {
        let messages = [Submit::new("ann@example.com", to(1), TEXT)];
        let mut outcomes = session.send_all(messages).unwrap();
        let began = Instant::now();
        let outcome = loop {
            match timeout(SECOND, outcomes.next()).await {
                Ok(outcome) => break outcome.unwrap(),
                Err(_) => sleep(SECOND).await,
            }
        };
        let error = outcome.unwrap_err();
        assert!(error.is_delivery_unknown() && error.is_timeout(), "{error}");
        assert_eq!(began.elapsed().as_secs(), 600 + 599);
    });
}

/// By a future that is kept and not polled for longer than the deadline, as in a runtime that is busy.
#[test]
fn an_answer_that_has_come_when_a_deadline_is_noticed_is_heard() {
    // Whole, or to be continued.
    for (text, is_heard) in [("250 2.0.0 ok", true), ("250-2.0.0 ok", false)] {
        for silent_at in ["MAIL", "."] {
            let answers = |line: &str| match line {
                _ if line.starts_with(silent_at) => vec![answer(MINUTE, text)],
                _ => yes(line, Duration::ZERO),
            };
            with_server("250 slow", answers, |mut session| async move {
                let message = Submit::new("ann@example.com", to(1), TEXT);
                let mut sending = std::pin::pin!(session.run(message));
                assert!(timeout(SECOND, &mut sending).await.is_err());
                sleep(20 * MINUTE).await;
                let began = Instant::now();
                match sending.await {
                    Ok(sent) => assert!(is_heard && sent.accepted().count() == 1),
                    Err(error) => assert!(!is_heard && error.is_timeout(), "{error}"),
                }
                // A beginning of an answer gains no time.
                assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
            });
        }
    }
}

#[test]
fn signing_in_has_its_time_once_however_many_challenges_come() {
    simulated(async {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let answers = |line: &str| {
            let text =
                if line.starts_with("AUTH") { "334 VXNlcm5hbWU6" } else { "334 UGFzc3dvcmQ6" };
            vec![answer(6 * MINUTE, text)]
        };
        let client = async {
            let builder = smtp::nonblocking::Builder::new("mail.example.org");
            let client = builder.from_stream(ours).await.unwrap();
            let began = Instant::now();
            let login = Login::new("ann", "secret").unwrap();
            let refused = client.authenticate(login).await.unwrap_err();
            let error = Error::from(refused);
            assert!(error.to_string().contains("deadline passed"), "{error}");
            assert!(began.elapsed() < 10 * MINUTE + SECOND, "{:?}", began.elapsed());
        };
        tokio::join!(serve(theirs, "250-slow\r\n250 AUTH LOGIN", answers), client);
    });
}

/// A stream that answers what is in its list, a piece for each read, and notes the deadlines it is given.
struct Noting {
    says: std::vec::IntoIter<&'static str>,
    deadline: Option<std::time::Instant>,
    noted: Arc<Mutex<Vec<Option<std::time::Instant>>>>,
}

impl Read for Noting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.noted.lock().unwrap().push(self.deadline);
        // Time passes, as it does.
        let now = std::time::Instant::now();
        while std::time::Instant::now() <= now {}
        self.says.next().map_or(Ok(0), |piece| Read::read(&mut piece.as_bytes(), buffer))
    }
}

impl Write for Noting {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Noting {
    fn set_deadline(&mut self, deadline: Option<std::time::Instant>) {
        self.deadline = deadline;
    }

    fn close(&mut self) {}
}

#[test]
fn a_blocking_session_begins_the_time_anew_with_what_it_said_and_each_whole_reply() {
    let pieces = [
        "220 noting\r\n",
        "250 noting\r\n",
        // To MAIL, whole; to RCPT, in three pieces; to DATA and to the message.
        "250 ok\r\n",
        "250-",
        "one\r\n",
        "250 two\r\n",
        "354 go on\r\n",
        "250 queued\r\n",
    ];
    let noted = Arc::new(Mutex::new(Vec::new()));
    let says = Vec::from(pieces).into_iter();
    let stream = Noting { says, deadline: None, noted: Arc::clone(&noted) };
    let client = smtp::Builder::new("mail.example.org").from_stream(stream).unwrap();
    let mut session = client.without_authentication();
    session.run(Submit::new("ann@example.com", ["ben@example.org"], TEXT)).unwrap();
    let deadlines: Vec<_> = noted.lock().unwrap().iter().map(|one| one.unwrap()).collect();
    // Behind greeting and EHLO, which have one time together.
    let later: Vec<bool> = deadlines[1..].windows(2).map(|pair| pair[0] < pair[1]).collect();
    // The pieces of one reply have one time.
    assert_eq!(later, [true, true, false, false, true, true]);
}
