//! What a command is to the machine, and to its user.

use core::task::{Context, Poll};

use crate::error::Error;
use crate::parse::Reply;
use crate::proto::encoder::Encoder;
use crate::types::Extensions;

/// One conversation (a command, or a whole mail transaction) and everything it hears, as the machine drives
/// it. Object safe: the machine is compiled once for all of them, a user's own included.
/// It moves between threads with the future that runs it.
///
/// The machine calls `encode` once, then `on_reply` for every reply that was announced to the
/// [`Encoder`], in order, and `fill` whenever everything queued was written. The exchange is over when no
/// reply is outstanding and `fill` adds nothing.
pub trait Exchange: Send {
    /// Queues the first commands.
    ///
    /// # Errors
    /// An argument that cannot be sent, or something the server does not offer: nothing is sent and the
    /// session stays usable.
    fn encode(&mut self, out: &mut Encoder<'_>, extensions: &Extensions) -> Result<(), Error>;

    /// Hears the reply to the first unanswered command, and may queue more. 421 never comes here: the
    /// machine answers it with [`Error::ServerClosing`].
    ///
    /// # Errors
    /// What breaks the session: a reply that does not answer the command. A refusal is none of these; it is
    /// kept for [`Command::finish`].
    fn on_reply(&mut self, reply: &Reply<'_>, out: &mut Encoder<'_>) -> Result<Progress, Error>;

    /// Queues more content, a piece of at most some 64 KiB at a time, so that a message of any size passes
    /// in constant memory.
    ///
    /// # Errors
    /// What breaks the session: content that cannot be had.
    fn fill(&mut self, out: &mut Encoder<'_>) -> Result<(), Error> {
        let _ = out;
        Ok(())
    }

    /// The last `left` octets of those that were [lent](Encoder::lend) to be written.
    fn lent(&self, left: usize) -> &[u8] {
        let _ = left;
        &[]
    }

    /// Queues content from a source, after [`fill`](Exchange::fill) [wanted it](Encoder::want_body).
    ///
    /// # Errors
    /// What breaks the session.
    fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Encoder<'_>,
    ) -> Poll<Result<(), Error>> {
        let _ = (cx, out);
        Poll::Ready(Ok(()))
    }

    /// The session broke by `cause`. The commands of the next `sent` replies, in order, had been handed to the
    /// transport; what came of them is not known. Answers the error to report.
    fn interrupted(&mut self, cause: Error, sent: usize) -> Error {
        let _ = sent;
        cause
    }
}

/// What users see of an exchange: a value with an output.
pub trait Command: Exchange {
    /// What the command answers when the server agrees.
    type Output;

    /// Turns what was heard into the output, after the machine said
    /// [`Want::Done`](xoauth_sasl::wire::Want::Done).
    ///
    /// # Errors
    /// The server's refusal.
    fn finish(self) -> Result<Self::Output, Error>;
}

/// How an exchange goes on after a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// As before: it is over when nothing is outstanding.
    Continue,
    /// The server agreed to STARTTLS: nothing more may be read in the clear.
    StartTls,
    /// The session is over, and nothing more will be said.
    Ended,
}
