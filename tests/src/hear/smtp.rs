//! Octets for the SMTP machine.

use xoauth::sasl::oauth1::{Nonce, Stamp};
use xoauth::sasl::wire::{Conversation, Want};
use xoauth::sasl::{Context, XOAuth2};
use xoauth::smtp::exchange::{Auth, Ehlo, Greeting, Noop, Quit, StartTls, Submit};
use xoauth::smtp::proto::{Encoder, Exchange, Machine, Progress};
use xoauth::smtp::{ClientName, Error, Extensions, Limits, Reply};

use super::{Case, Heard, Said};

use crate::pieces::fill;

/// A command that is listened to.
struct Listened {
    command: Box<dyn Exchange>,
    replies: Vec<Said>,
    /// They are kept as text.
    shown: bool,
}

impl Exchange for Listened {
    fn encode(&mut self, out: &mut Encoder<'_>, extensions: &Extensions) -> Result<(), Error> {
        self.command.encode(out, extensions)
    }

    fn on_reply(&mut self, reply: &Reply<'_>, out: &mut Encoder<'_>) -> Result<Progress, Error> {
        self.replies.push(if self.shown {
            Said::Shown(format!("{reply:?}"))
        } else {
            Said::Reply(reply.code(), reply.lines().collect::<Vec<_>>().join(&b'\n'))
        });
        self.command.on_reply(reply, out)
    }

    fn fill(&mut self, out: &mut Encoder<'_>) -> Result<(), Error> {
        self.command.fill(out)
    }

    fn interrupted(&mut self, cause: Error, sent: usize) -> Error {
        self.command.interrupted(cause, sent)
    }
}

/// The command a context names, and the replies that come before the octets of the case.
fn command(context: &str) -> Option<(Box<dyn Exchange>, &'static str)> {
    let send =
        || Box::new(Submit::new("a@example.org", ["b@example.org"], "Subject: t\r\n\r\nt\r\n"));
    Some(match context {
        "greeting" => (Box::new(Greeting::new()), ""),
        "ehlo" => (Box::new(Ehlo::new(ClientName::default())), ""),
        "auth" => {
            let stamp = Stamp::new(Nonce::new("nonce").ok()?, 0);
            let login = XOAuth2::new("user", "an-access-token-of-the-shim").ok()?;
            let command = Auth::new(&login, &Context::new(&stamp, "localhost", 465)).ok()?;
            (Box::new(command.even_if_unlisted()), "")
        }
        "starttls" => (Box::new(StartTls::new()), ""),
        "mail" => (send(), ""),
        "rcpt" => (send(), "250 ok\r\n"),
        "data" => (send(), "250 ok\r\n250 ok\r\n"),
        "logout" => (Box::new(Quit::new()), ""),
        "" => (Box::new(Noop::new()), ""),
        _ => return None,
    })
}

pub(crate) fn hear(case: &Case<'_>) -> Option<Heard> {
    let (command, before) = command(case.context)?;
    let mut machine = Machine::new(Limits::default());
    let mut running = Listened { command, replies: Vec::new(), shown: case.shown };
    let mut responses = Vec::new();
    let mut outcome = prelude(&mut machine, case.context);
    if outcome.is_ok() {
        outcome = machine.start(&mut running).and_then(|()| {
            give(&mut machine, &mut running, before.as_bytes(), usize::MAX)?;
            running.replies.clear();
            if matches!(case.context, "ehlo" | "auth" | "mail" | "rcpt" | "data") {
                // The client speaks between these replies, HELO where EHLO is refused: what is whole is a line.
                let lines = case.octets.split_inclusive(|&octet| octet == b'\n');
                return lines
                    .into_iter()
                    .try_for_each(|line| give(&mut machine, &mut running, line, case.step));
            }
            give(&mut machine, &mut running, case.octets, case.step)
        });
        responses.append(&mut running.replies);
    }
    let faults = outcome.as_ref().err().map(ToString::to_string).into_iter().collect();
    Some(Heard { responses, faults, fatal: outcome.is_err() })
}

/// What comes before the commands that need it: an EHLO that offers STARTTLS.
fn prelude(machine: &mut Machine, context: &str) -> Result<(), Error> {
    if context != "starttls" {
        return Ok(());
    }
    let mut hello = Listened {
        command: Box::new(Ehlo::new(ClientName::default())),
        replies: Vec::new(),
        shown: false,
    };
    machine.start(&mut hello)?;
    give(machine, &mut hello, b"250-mx\r\n250 STARTTLS\r\n", usize::MAX)
}

/// Gives octets to the machine; where its command ends, another takes its place.
fn give(
    machine: &mut Machine,
    running: &mut Listened,
    octets: &[u8],
    step: usize,
) -> Result<(), Error> {
    take(machine, running)?;
    for piece in octets.chunks(step.min(octets.len().max(1))) {
        let mut piece = piece;
        while !piece.is_empty() {
            let (n, later) = fill(machine.read_buffer(), piece);
            machine.received(n);
            piece = later;
            take(machine, running)?;
        }
    }
    Ok(())
}

/// Takes what the machine has to say until it waits.
fn take(machine: &mut Machine, running: &mut Listened) -> Result<(), Error> {
    loop {
        let mut conversation = machine.converse(running);
        match conversation.poll()? {
            Want::Write(octets) => {
                let n = octets.len();
                conversation.written(n);
            }
            Want::Chunk(_) => {}
            Want::Read | Want::Body | Want::StartTls | Want::Done => return Ok(()),
        }
    }
}
