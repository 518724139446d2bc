//! IDLE, RFC 2177 and RFC 9051 6.3.13.

use super::accepted;
use crate::error::Error;
use crate::proto::{Command, Continued, Encoder, Exchange, Leaves, State};
use crate::types::{ArgumentSink, StatusText};

/// Lets the server tell news as they happen, until the caller says it is enough.
///
/// What it tells is no answer of this command: it changes the state of the session and is handed out as
/// [`Event`](crate::Event)s. The command ends when the caller interrupts it
/// ([`Machine::interrupt`](crate::proto::Machine::interrupt)), which sends DONE. A client does so at least
/// every 29 minutes (RFC 2177, 3), for a server may end a session that was silent for 30; there is no clock
/// here.
#[derive(Debug, Default)]
#[must_use = "a command does nothing until it is run"]
pub struct Idle {
    phase: Phase,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The server has not said `+` yet.
    #[default]
    Asked,
    /// DONE follows as soon as the server said `+`: before that it is no part of the dialogue.
    Interrupted,
    /// The server tells news.
    Idling,
    /// DONE was sent.
    Done,
}

impl Idle {
    /// Waits for news.
    pub fn new() -> Self {
        Self::default()
    }

    /// The server said `+`: it tells news now.
    pub fn is_idling(&self) -> bool {
        self.phase == Phase::Idling
    }

    fn say_done(&mut self, out: &mut Encoder<'_>) {
        out.raw("DONE");
        out.line_end();
        self.phase = Phase::Done;
    }
}

impl Exchange for Idle {
    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.needs("IDLE", &["IDLE"])?;
        out.raw("IDLE");
        Ok(())
    }

    fn leaves(&self) -> Leaves {
        Leaves::Idle
    }

    fn on_continuation(&mut self, _: &[u8], out: &mut Encoder<'_>) -> Result<Continued, Error> {
        match self.phase {
            Phase::Asked => self.phase = Phase::Idling,
            Phase::Interrupted => self.say_done(out),
            Phase::Idling | Phase::Done => return Ok(Continued::Unexpected),
        }
        Ok(Continued::Answered)
    }

    fn on_interrupt(&mut self, out: &mut Encoder<'_>) {
        match self.phase {
            Phase::Asked => self.phase = Phase::Interrupted,
            Phase::Idling => self.say_done(out),
            Phase::Interrupted | Phase::Done => {}
        }
    }
}

impl Command for Idle {
    type Output = ();

    fn finish(self, status: StatusText) -> Result<(), Error> {
        accepted("IDLE", status).map(drop)
    }
}
