//! Servers that stop where only a socket can be waited for: connecting, TLS, STARTTLS. One text for both drivers.

use xoauth::imap::TransportFault;
use xoauth::{Error, Tls, imap, smtp};

use super::super::table::{Act, CONNECT, deadlines};
use super::{imap_sessions, smtp_sessions};
use Act::{Hear, Say};

#[derive(Debug, Clone, Copy)]
enum Way {
    Imap,
    ImapStartTls,
    Smtp,
    SmtpStartTls,
}

#[derive(Debug, PartialEq, Eq)]
enum Ending {
    Connect,
    Tls,
    Protocol,
}

fn ending(error: &Error) -> Option<Ending> {
    match error {
        Error::Connect { source, .. } if source.kind() == std::io::ErrorKind::TimedOut => {
            Some(Ending::Connect)
        }
        Error::TlsDeadline => Some(Ending::Tls),
        Error::Imap(imap::Error::Transport { fault: TransportFault::Deadline, .. })
        | Error::Smtp(smtp::Error::Transport { fault: TransportFault::Deadline }) => {
            Some(Ending::Protocol)
        }
        _ => None,
    }
}

const OFFERS: Act = Say("* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n");
const READY: Act = Say("220 ready\r\n");
const HELLO: Act = Say("250-x\r\n250 STARTTLS\r\n");

const ROWS: &[(Way, &[Act], Ending)] = &[
    (Way::Imap, &[], Ending::Tls),
    (Way::ImapStartTls, &[], Ending::Protocol),
    (Way::ImapStartTls, &[OFFERS, Hear("STARTTLS")], Ending::Protocol),
    (Way::ImapStartTls, &[OFFERS, Hear("STARTTLS"), Say("{tag} OK go\r\n")], Ending::Tls),
    (Way::Smtp, &[], Ending::Tls),
    (Way::SmtpStartTls, &[], Ending::Protocol),
    (Way::SmtpStartTls, &[READY, Hear("EHLO")], Ending::Protocol),
    (Way::SmtpStartTls, &[READY, Hear("EHLO"), HELLO, Hear("STARTTLS")], Ending::Protocol),
    (
        Way::SmtpStartTls,
        &[READY, Hear("EHLO"), HELLO, Hear("STARTTLS"), Say("220 go\r\n")],
        Ending::Tls,
    ),
];

/// What connecting to this port is told.
macro_rules! connecting {
    ($way:expr, $port:expr) => {{
        let tls = Tls::builder().build().unwrap();
        let imap = imap_sessions::Builder::new("127.0.0.1").port($port).tls(&tls);
        let smtp = smtp_sessions::Builder::new("127.0.0.1").port($port).tls(&tls);
        let (imap, smtp) = (imap.deadlines(bound!()), smtp.deadlines(bound!()));
        match $way {
            Way::Imap => wait!(imap.connect()).map(drop),
            Way::ImapStartTls => wait!(imap.connect_starttls()).map(drop),
            Way::Smtp => wait!(smtp.connect()).map(drop),
            Way::SmtpStartTls => wait!(smtp.connect_starttls()).map(drop),
        }
        .unwrap_err()
    }};
}

#[test]
fn what_takes_a_socket_is_given_up_at_the_deadline_of_connecting() {
    let case = |way: Way, acts: &'static [Act], expected: &Ending| {
        run!({
            let server = serving!(acts);
            let began = clock!();
            let error = connecting!(way, server.port());
            assert_eq!(ending(&error).as_ref(), Some(expected), "{way:?}, {acts:?}: {error:?}");
            judge!(began.elapsed(), CONNECT, format!("{way:?}, {acts:?}"));
            drop(server);
        });
    };
    std::thread::scope(|scope| {
        for (way, acts, expected) in ROWS {
            scope.spawn(move || case(*way, acts, expected));
        }
    });
}

/// A network that swallows what is sent to it looks like a backlog that is full.
#[cfg(target_os = "linux")]
#[test]
fn an_address_that_does_not_answer_is_given_up_at_the_deadline_of_connecting() {
    let case = |way: Way| {
        run!({
            let (_held, port) = super::super::full();
            let began = clock!();
            let error = connecting!(way, port);
            assert_eq!(ending(&error), Some(Ending::Connect), "{way:?}: {error:?}");
            judge!(began.elapsed(), CONNECT, format!("{way:?}"));
        });
    };
    std::thread::scope(|scope| {
        for way in [Way::Imap, Way::ImapStartTls, Way::Smtp, Way::SmtpStartTls] {
            scope.spawn(move || case(way));
        }
    });
}
