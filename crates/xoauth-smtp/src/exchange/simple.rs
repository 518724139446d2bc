//! Commands of one word: RSET, NOOP and QUIT (RFC 5321 4.1.1.5, 4.1.1.9, 4.1.1.10).

use crate::error::Error;
use crate::parse::Reply;
use crate::proto::{Command, Encoder, Exchange, Place, Progress};
use crate::types::{Extensions, ReplyText};

/// Marks the commands that may be run before authentication, which may still follow them (RFC 4954 4).
pub trait BeforeLogin: Command {}

impl BeforeLogin for Noop {}
impl BeforeLogin for Rset {}

macro_rules! one_word_command {
    ($(#[$doc:meta])* $name:ident, $word:literal, $place:ident, $done:expr, $expected:literal, $progress:ident) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        #[must_use = "a command does nothing until it is run"]
        pub struct $name {
            reply: Option<ReplyText>,
        }

        impl $name {
            #[doc = concat!("Says ", $word, ".")]
            pub fn new() -> Self {
                Self::default()
            }
        }

        impl Exchange for $name {
            fn encode(&mut self, out: &mut Encoder<'_>, _: &Extensions) -> Result<(), Error> {
                out.text($word);
                out.end_line(Place::$place);
                Ok(())
            }

            fn on_reply(&mut self, reply: &Reply<'_>, _: &mut Encoder<'_>) -> Result<Progress, Error> {
                let is_done: fn(u16) -> bool = $done;
                let code = reply.code();
                if !is_done(code.get()) && !code.is_refusal() {
                    return Err(Error::unexpected($expected, reply));
                }
                self.reply = Some(reply.to_text());
                Ok(Progress::$progress)
            }
        }

        impl Command for $name {
            /// The server's words.
            type Output = ReplyText;

            /// # Errors
            /// [`Error::Refused`].
            fn finish(self) -> Result<ReplyText, Error> {
                match self.reply {
                    Some(reply) if reply.code.is_refusal() => {
                        Err(Error::Refused { command: $word, reply })
                    }
                    Some(reply) => Ok(reply),
                    None => Err(Error::Busy),
                }
            }
        }
    };
}

one_word_command! {
    /// Gives up a mail transaction that was begun; [`Submit`](super::Submit) does so by itself.
    Rset, "RSET", Anywhere, |code| matches!(code, 200 | 250..=259), "250 or a refusal to RSET", Continue
}

one_word_command! {
    /// Does nothing: shows whether the server is still there, and keeps it from giving up on us.
    Noop, "NOOP", Last, |code| matches!(code, 200 | 250..=259), "250 or a refusal to NOOP", Continue
}

one_word_command! {
    /// Ends the session, whatever the server says to it.
    Quit, "QUIT", Last, |code| matches!(code, 200 | 221 | 250), "221 to QUIT", Ended
}
