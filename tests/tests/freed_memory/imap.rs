//! IMAP: a server that repeats the credential, in a refusal and in every kind of response.

use std::hint::black_box;

use xoauth::imap::Limits;
use xoauth::imap::command::{Authenticate, Greeting, Login, Noop};
use xoauth::imap::proto::{Exchange, Machine, TagPrefix};
use xoauth::sasl::wire::{Conversation, Want};
use xoauth::sasl::{Context, Secret};

use super::{
    BEARER, Hidden, MECHANISMS, Steps, hidden, joined, known_to, mechanisms, secret, stamp,
};

/// What stands around a secret in values.
const ECHOES: [(&str, &str); 16] = [
    ("* LIST () \"/\" \"", "\""),
    ("* LIST (\\Marked) \"/\" \"a\\\"", "\""),
    ("* CAPABILITY IMAP4rev1 AUTH=", ""),
    ("* FLAGS (", ")"),
    ("* 1 FETCH (FLAGS (", "))"),
    ("* 1 ", " what"),
    ("* OK [CAPABILITY AUTH=", "] what"),
    ("* OK what ", ""),
    ("* ID (\"name\" \"", "\")"),
    ("* QUOTA \"", "\" (STORAGE 1 2)"),
    ("* STATUS INBOX (MAILBOXID (", "))"),
    ("* OK [MAILBOXID (", ")] what"),
    ("* ACL INBOX \"", "\" lr"),
    ("* NAMESPACE ((\"", "\" \"/\")) NIL NIL"),
    ("* METADATA INBOX (/shared/comment \"", "\")"),
    ("* ID (\"name\" \"", "\" what"),
];

/// A server that takes the credential and says it again, in a refusal and in every kind of response.
pub(crate) fn imap(steps: &mut Steps) {
    for (index, name) in MECHANISMS.into_iter().enumerate() {
        for echo in &ECHOES {
            imap_sessions(index, *echo);
            steps.done(echo.0);
        }
        refusals(index);
        steps.done(name);
    }
    let mut login = Login::new("user", Secret::new(secret(BEARER)));
    let mut machine = Machine::new(TagPrefix::new("t"), Limits::default());
    imap_says(&mut machine, &mut Greeting::new(), "* OK [CAPABILITY IMAP4rev1] hi\r\n");
    drop(imap_says(&mut machine, &mut login, ""));
    drop((login, machine));
    steps.done("the command LOGIN");
}

/// A machine that has sent its login.
fn logging_in(index: usize, then: &mut dyn FnMut(&mut Machine, &mut dyn Exchange, &str)) {
    let stamp = stamp("four");
    let context = Context::new(&stamp, "mail.example.org", 993);
    let mechanism = mechanisms().swap_remove(index);
    let mut machine = Machine::new(TagPrefix::new("t"), Limits::default());
    imap_says(&mut machine, &mut Greeting::new(), "* OK [CAPABILITY IMAP4rev1 SASL-IR] hi\r\n");
    let mut command = Authenticate::new(&*mechanism, &context).unwrap().even_if_unlisted();
    let sent = imap_says(&mut machine, &mut command, "");
    then(&mut machine, &mut command, sent.trim_end());
}

/// What stands around the credential in one kind of response.
fn imap_sessions(index: usize, (begin, end): (&str, &str)) {
    for number in known_to(MECHANISMS[index]) {
        logging_in(index, &mut |machine, _, sent| {
            for told in [&*hidden(*number), sent] {
                let echo = joined([begin, told, end, "\r\n"]);
                imap_says(machine, &mut Noop::new(), echo.expose());
                let events = std::iter::from_fn(|| machine.next_event()).count();
                assert_eq!(events, 1, "{begin} {:?}", machine.fault());
            }
        });
    }
}

/// The answer to the login repeats it: in its text and code, in a challenge, in what is no answer.
fn refusals(index: usize) {
    for number in known_to(MECHANISMS[index]) {
        for (begin, end) in [
            ("xt1 NO you said ", ""),
            ("xt1 NO [X-TOLD ", "] what"),
            ("xt1 NO [CAPABILITY IMAP4rev1 AUTH=", "] what"),
            ("xt1 NO [REFERRAL imap://", "/] what"),
            ("xt1 BAD ", ""),
            ("xt1 OK ", ""),
            ("xt2 NO ", ""),
            ("* BYE ", ""),
            ("* BYE [X-TOLD ", "] what"),
            ("+ ", ""),
            ("+ ", "\r\nxt1 NO what"),
            ("", " is no answer"),
        ] {
            for told in 0..3 {
                // Each ends the login, or the session.
                logging_in(index, &mut |machine, command, sent| {
                    let message = sent.rsplit(' ').next().unwrap_or_default();
                    let secret = hidden(*number);
                    let told = [&*secret, sent, message][told];
                    let echo = joined([begin, told, end, "\r\n"]);
                    imap_hears(machine, command, echo.expose());
                    black_box(std::iter::from_fn(|| machine.next_event()).count());
                });
            }
        }
    }
}

/// Says something to a command that was started.
fn imap_hears(machine: &mut Machine, command: &mut dyn Exchange, said: &str) {
    machine.read_buffer()[..said.len()].copy_from_slice(said.as_bytes());
    machine.received(said.len());
    let mut exchanges: [&mut dyn Exchange; 1] = [command];
    let mut conversation = machine.converse(&mut exchanges);
    while let Ok(Want::Write(octets)) = conversation.poll() {
        let count = octets.len();
        conversation.written(count);
    }
}

fn imap_says(machine: &mut Machine, command: &mut dyn Exchange, said: &str) -> Hidden {
    let mut sent = Hidden(String::with_capacity(8192));
    black_box(machine.start(&mut [&mut *command]).is_ok());
    machine.read_buffer()[..said.len()].copy_from_slice(said.as_bytes());
    machine.received(said.len());
    let mut exchanges: [&mut dyn Exchange; 1] = [command];
    let mut conversation = machine.converse(&mut exchanges);
    while let Ok(Want::Write(octets)) = conversation.poll() {
        sent.0.push_str(std::str::from_utf8(octets).unwrap());
        let count = octets.len();
        conversation.written(count);
    }
    sent
}
