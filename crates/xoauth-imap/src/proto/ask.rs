//! What the machine asks of commands outside the server's turns: content to be written, and to come to an end.

use alloc::vec::Vec;
use core::task::{Context, Poll, ready};

use crate::error::Error;
use crate::proto::encoder::Encoder;
use crate::proto::exchange::Exchange;
use crate::proto::machine::Machine;

impl Machine {
    /// Asks the command whose content is to be written for a piece of it, after
    /// [`Want::Body`](xoauth_sasl::wire::Want). Pending where its source has to be waited for.
    ///
    /// # Errors
    /// Whatever broke the session: the content ended early, or its source failed.
    pub fn poll_body(
        &mut self,
        exchanges: &mut [&mut dyn Exchange],
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        if let Some(fault) = &self.broken {
            return Poll::Ready(Err(fault.clone()));
        }
        let Some((command, room)) = self.output.wants_content() else {
            return Poll::Ready(Ok(()));
        };
        let filled = match exchanges.get_mut(command) {
            Some(exchange) => ready!(exchange.poll_fill(cx, room)),
            None => Err(Error::Content { reason: "nobody is left to give it", source: None }),
        };
        Poll::Ready(match filled {
            Ok(0) => Err(self.fail(Error::Content { reason: "it ended early", source: None })),
            Ok(n) => {
                self.output.filled(n);
                Ok(())
            }
            Err(fault) => Err(self.fail(fault)),
        })
    }

    /// Asks the commands of the flight that wait for their caller, which is IDLE, to come to their end.
    ///
    /// # Errors
    /// Whatever broke the session.
    pub fn interrupt(&mut self, exchanges: &mut [&mut dyn Exchange]) -> Result<(), Error> {
        if let Some(fault) = &self.broken {
            return Err(fault.clone());
        }
        let Self { output, flight, state, mask, .. } = self;
        for (index, (exchange, flight)) in exchanges.iter_mut().zip(flight).enumerate() {
            if !flight.is_open() {
                continue;
            }
            let mut encoder = Encoder::new(output, state, mask, index, &flight.tag);
            let start = encoder.position();
            exchange.on_interrupt(&mut encoder);
            if let Err(fault) = encoder.finish() {
                output.take_back(start);
                return Err(fault);
            }
            output.replied(index, start);
            if let Some(lines) = &mut self.transcript {
                lines.extend(output.transcript(start).filter(|_| output.len() > start));
            }
        }
        Ok(())
    }

    /// The octets that were received and not looked at. Behind the OK of COMPRESS they are compressed already
    /// (RFC 4978, 3): whoever compresses begins with them.
    pub fn take_undecoded(&mut self) -> Vec<u8> {
        self.receive.take_pending()
    }
}
