//! SMTP: replies and the machine.

use xoauth::sasl::oauth1::{Nonce, Stamp};
use xoauth::sasl::wire::{Conversation, TransportFault, Want};
use xoauth::sasl::{Context, XOAuth2};
use xoauth::smtp::exchange::{Auth, Ehlo, Greeting, Noop, Quit, Rset, StartTls, Submit};
use xoauth::smtp::proto::{Exchange, Machine};
use xoauth::smtp::{ClientName, Error, Limits};

use super::token::{TOKEN, Watch};
use super::{Choices, piece_length, shown, token};
use crate::hear::{Case, Protocol, hear};
use crate::pieces::fill;

const CONTEXTS: &[&str] =
    &["", "greeting", "ehlo", "auth", "starttls", "mail", "rcpt", "data", "logout"];

/// The same octets whole, singly and in two pieces give the same.
pub fn smtp_fragments(octets: &[u8]) {
    let mut choices = Choices(octets);
    let context = usize::from(choices.octet().unwrap_or(0)) % CONTEXTS.len();
    let step = piece_length(choices.octet().unwrap_or(0));
    let context = CONTEXTS.get(context).copied().unwrap_or_default();
    let heard = |step| {
        hear(Protocol::Smtp, &Case { context, tag: None, octets: choices.0, step, shown: false })
    };
    assert_eq!(heard(step), heard(usize::MAX), "in pieces of {step}");
}

/// Limits that an input of some hundred octets comes to.
fn small_limits() -> Limits {
    let mut limits = Limits::default();
    limits.line = 200;
    limits.reply = 400;
    limits.lines = 8;
    limits.window = 3;
    limits
}

fn command(choice: u8) -> Option<Box<dyn Exchange>> {
    Some(match choice % 8 {
        0 => Box::new(Greeting::new()),
        1 => Box::new(Ehlo::new(ClientName::default())),
        2 => Box::new(Noop::new()),
        3 => Box::new(Rset::new()),
        4 => Box::new(StartTls::new()),
        5 => Box::new(Quit::new()),
        6 => Box::new(Submit::new(
            "a@example.org",
            ["b@example.org", "c@example.org"],
            "Subject: t\r\n\r\n.\r\n",
        )),
        _ => {
            let stamp = Stamp::new(Nonce::new("nonce").ok()?, 0);
            let login = XOAuth2::new("user", TOKEN).ok()?;
            let command = Auth::new(&login, &Context::new(&stamp, "h", 465)).ok()?;
            Box::new(command.even_if_unlisted())
        }
    })
}

/// The machine under any octets and any order of calls: it never panics, stays broken once it is, and shows nothing
/// of the token that it logged in with.
pub fn smtp_machine(octets: &[u8]) {
    play(octets);
}

/// The same; how often the server said the token.
pub(super) fn play(octets: &[u8]) -> usize {
    let mut choices = Choices(octets);
    let mut machine = Machine::new(small_limits());
    machine.keep_transcript();
    machine.protect(token::mask());
    let mut watch = Watch::default();
    let mut running: Box<dyn Exchange> = Box::new(Greeting::new());
    let mut broken = machine.start(&mut *running).is_err();
    while let (Some(choice), false) = (choices.octet(), choices.is_empty()) {
        let outcome = match choice % 4 {
            0 => {
                let chosen = choices.octet().unwrap_or(0);
                match command(chosen) {
                    Some(mut next) => match machine.start(&mut *next) {
                        Ok(()) => {
                            running = next;
                            give(&mut machine, &mut *running, &[])
                        }
                        Err(error) => Err(error),
                    },
                    None => Ok(()),
                }
            }
            3 if choice > 250 => machine.converse(&mut *running).end_of_stream(),
            3 if choice > 245 => {
                Err(machine.converse(&mut *running).transport_failed(TransportFault::Deadline))
            }
            _ => give(&mut machine, &mut *running, &watch.says(choices.piece())),
        };
        assert!(!broken || !machine.is_usable(), "usable again");
        if let Err(error) = outcome {
            assert!(!error.is_fatal() || !machine.is_usable(), "{error} is fatal");
            broken |= !machine.is_usable();
            shown(octets, &format_args!("{error} {error:?}"));
            watch.tells("an error", &error);
            watch.shows("an error", &error);
        }
    }
    while let Some((_, line)) = machine.next_line() {
        watch.tells("the transcript", &line);
    }
    watch.shows("the extensions", machine.extensions());
    watch.shows("the machine", &machine);
    watch.told
}

fn give(
    machine: &mut Machine,
    running: &mut (dyn Exchange + 'static),
    octets: &[u8],
) -> Result<(), Error> {
    let mut rest = octets;
    loop {
        let (count, later) = fill(machine.read_buffer(), rest);
        machine.received(count);
        rest = later;
        let mut conversation = machine.converse(&mut *running);
        loop {
            match conversation.poll()? {
                Want::Write(octets) => {
                    let count = octets.len();
                    conversation.written(count);
                }
                Want::Chunk(_) => {}
                Want::Read | Want::Body | Want::StartTls | Want::Done => break,
            }
        }
        if rest.is_empty() {
            return Ok(());
        }
    }
}
