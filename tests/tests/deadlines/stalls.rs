//! Servers that stop, at every point of the table: one text for both drivers.

use std::time::Duration;

use xoauth::imap::command::{Append, Fetch, Item, Noop, Search, Select};
use xoauth::imap::{Compression, Query, Uid, UidSet};
use xoauth::sasl::{OAuthBearer, SaslIr};
use xoauth::smtp::exchange::{Noop as SmtpNoop, Submit};
use xoauth::{Deadlines, Error};

use super::super::table::{COMMAND, Doing, ENDLESS, Flow, MUCH, RENEW, ROWS, Row, deadlines};
use super::*;

/// A text of so many octets.
fn text(size: usize) -> String {
    format!("Subject: x\r\n\r\n{}\r\n", "x".repeat(size))
}

/// Many unique identifiers that make no range.
fn numbers() -> UidSet {
    let numbers = (1..2000).map(|number| Uid::new(2 * number).unwrap());
    UidSet::new(numbers).unwrap()
}

/// What the client is told by a server that plays this row, and when it began to wait for that.
macro_rules! stopped {
    ($row:expr, $stream:expr, $clock:expr, $deadlines:expr, $much:expr) => {{
        let (row, clock): (&Row, &Clock) = ($row, $clock);
        let imap = imap_sessions::Builder::new("mail.example.org").deadlines($deadlines);
        let smtp = smtp_sessions::Builder::new("mail.example.org").deadlines($deadlines);
        let login = OAuthBearer::new("ann@example.com", "opaque-4711").unwrap();
        macro_rules! session {
            () => {{ wait!(imap.from_stream($stream)).unwrap().preauthenticated().unwrap() }};
        }
        macro_rules! sender {
            () => {{ wait!(smtp.from_stream($stream)).unwrap().without_authentication() }};
        }
        let mut began = clock.passed();
        let error: Error = match row.doing {
            Doing::Connect => wait!(imap.from_stream($stream)).map(drop).unwrap_err(),
            Doing::SmtpConnect => wait!(smtp.from_stream($stream)).map(drop).unwrap_err(),
            Doing::AskCapabilities => {
                let mut client = wait!(imap.from_stream($stream)).unwrap();
                began = clock.passed();
                wait!(client.capabilities()).map(drop).unwrap_err()
            }
            Doing::LogIn => {
                let client = wait!(imap.from_stream($stream)).unwrap();
                began = clock.passed();
                let login = client.authenticate_with(login, |auth| auth.sasl_ir(SaslIr::Never));
                wait!(login).map(drop).unwrap_err().into()
            }
            Doing::SmtpLogIn => {
                let client = wait!(smtp.from_stream($stream)).unwrap();
                began = clock.passed();
                let login = client.authenticate_with(login, |auth| auth.sasl_ir(SaslIr::Never));
                wait!(login).map(drop).unwrap_err().into()
            }
            Doing::Noop => {
                let mut session = session!();
                began = clock.passed();
                wait!(session.run(Noop::new())).unwrap_err()
            }
            Doing::Search => {
                let mut session = session!();
                wait!(session.run(Select::new("INBOX"))).unwrap();
                began = clock.passed();
                let search = Search::new(Query::Uid(numbers()));
                let searches = vec![search; $much / 8000];
                let mut found = wait!(session.run(searches)).unwrap();
                found.swap_remove(0).unwrap_err().into()
            }
            Doing::Fetch => {
                let mut session = session!();
                wait!(session.run(Select::new("INBOX"))).unwrap();
                began = clock.passed();
                wait!(session.run(Fetch::by_sequence("1", Item::Body))).unwrap_err()
            }
            Doing::Append(size) => {
                let mut session = session!();
                began = clock.passed();
                wait!(session.run(Append::new("INBOX", "x".repeat(size.octets($much)) + "\r\n")))
                    .unwrap_err()
            }
            Doing::Compress => {
                let mut session = session!();
                began = clock.passed();
                wait!(session.compress(Compression::default())).unwrap_err()
            }
            Doing::NoopCompressed => {
                let mut session = session!();
                wait!(session.compress(Compression::default())).unwrap();
                began = clock.passed();
                wait!(session.run(Noop::new())).unwrap_err()
            }
            Doing::Idle => {
                let mut session = session!();
                began = clock.passed();
                let mut idle = wait!(session.idle()).unwrap();
                news!(idle).unwrap_err()
            }
            Doing::EndIdle => {
                let mut session = session!();
                let mut idle = wait!(session.idle()).unwrap();
                news!(idle).unwrap();
                began = clock.passed();
                wait!(idle.done()).unwrap_err()
            }
            Doing::RenewIdle => {
                let mut session = session!();
                let mut idle = wait!(session.idle()).unwrap().renew_every(RENEW);
                news!(idle).unwrap();
                began = clock.passed();
                news!(idle).unwrap_err()
            }
            Doing::LogOut => {
                let session = session!();
                began = clock.passed();
                wait!(session.logout()).unwrap_err()
            }
            Doing::SmtpNoop => {
                let mut session = sender!();
                began = clock.passed();
                wait!(session.run(SmtpNoop::new())).map(drop).unwrap_err()
            }
            Doing::Send(size) => {
                let mut session = sender!();
                began = clock.passed();
                let message =
                    Submit::new("ann@example.com", ["ben@example.org"], text(size.octets($much)));
                wait!(session.run(message)).map(drop).unwrap_err()
            }
            Doing::SendAll => {
                let mut session = sender!();
                began = clock.passed();
                let message =
                    || Submit::new("ann@example.com", ["ben@example.org"], text(20).into_bytes());
                let mut outcomes = session.send_all([message(), message()]).unwrap();
                wait!(outcomes.next()).unwrap().map(drop).unwrap_err()
            }
            Doing::Quit => {
                let session = sender!();
                began = clock.passed();
                wait!(session.quit()).unwrap_err()
            }
        };
        (error, clock.passed() - began)
    }};
}

/// The deadline is what ended it, whatever else is told with it.
fn is_deadline(error: &Error) -> bool {
    use xoauth::imap::TransportFault::Deadline;
    match error {
        Error::Imap(xoauth::imap::Error::Transport { fault: Deadline, .. })
        | Error::Smtp(xoauth::smtp::Error::Transport { fault: Deadline }) => true,
        Error::Smtp(xoauth::smtp::Error::DeliveryUnknown { cause, .. }) => {
            matches!(**cause, xoauth::smtp::Error::Transport { fault: Deadline })
        }
        _ => false,
    }
}

#[test]
fn a_server_that_stops_or_drips_is_given_up_at_the_deadline() {
    for row in ROWS {
        for (drips, &kind) in
            [false, true].into_iter().flat_map(|it| KINDS.iter().map(move |k| (it, k)))
        {
            if drips && row.drip.is_empty() {
                continue;
            }
            run!({
                let flow = drips.then_some(Flow::Drip(row.drip));
                let (stream, clock) = started(row, flow, kind);
                let (error, after) = stopped!(row, stream, &clock, deadlines(), 1 << 18);
                assert!(is_deadline(&error), "{}: {error:?}", row.name);
                assert!(error.is_fatal(), "{}", row.name);
                // The timer of the runtime counts in milliseconds.
                let late = after.saturating_sub(row.bound);
                assert!(
                    after >= row.bound && late <= Duration::from_millis(2),
                    "{}, drips: {drips}: {after:?} instead of {:?}",
                    row.name,
                    row.bound
                );
            });
        }
    }
}

#[test]
fn nothing_takes_longer_than_the_total() {
    for (row, flow) in ENDLESS {
        for &kind in KINDS {
            run!({
                let (stream, clock) = started(row, *flow, kind);
                let deadlines = Deadlines::all(COMMAND);
                let (error, after) = stopped!(row, stream, &clock, deadlines, 1 << 20);
                assert!(is_deadline(&error), "{}: {error:?}", row.name);
                assert!(error.is_fatal(), "{}", row.name);
                // The timer of the runtime counts in milliseconds.
                let late = after.saturating_sub(COMMAND);
                assert!(
                    after >= COMMAND && late <= Duration::from_millis(2),
                    "{}: {after:?} instead of {COMMAND:?}",
                    row.name
                );
            });
        }
    }
}

/// The same over sockets, whose clock is the machine's: what they are told is the same, and they come back.
#[test]
fn sockets_come_back_too() {
    // Long enough for what comes before the server stops, also on a machine that is busy.
    let bound = Duration::from_secs(6);
    std::thread::scope(|scope| {
        for row in ROWS {
            scope.spawn(move || {
                let peer =
                    e2e::scripted::Peer::start(vec![super::super::table::steps(row.acts)]).unwrap();
                over_sockets!({
                    let (stream, clock) = socket!(peer.port());
                    let (error, _) = stopped!(row, stream, &clock, Deadlines::all(bound), MUCH);
                    assert!(is_deadline(&error), "{}: {error:?}", row.name);
                });
                drop(peer);
            });
        }
    });
}
