//! What was done so far.

use alloc::boxed::Box;
use core::fmt;

use super::Outcome;
use crate::error::Error;

/// How sending many messages goes, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Tally {
    /// Messages that were handed over.
    pub pushed: u64,
    /// Messages the server accepted for at least one recipient.
    pub accepted: u64,
    /// Messages that were refused: by the server, or because they cannot be sent.
    pub refused: u64,
    /// Messages that may have been accepted or not.
    pub unknown: u64,
    /// Messages that were not sent because the session broke.
    pub unsent: u64,
    /// Octets of messages that were sent, also of those without outcome. Short pieces count when they are queued,
    /// long ones as the transport takes them.
    pub octets: u64,
}

impl Tally {
    /// Messages that have an outcome.
    pub fn settled(&self) -> u64 {
        self.accepted + self.refused + self.unknown + self.unsent
    }

    pub(super) fn count(&mut self, outcome: &Outcome) {
        let counter = match outcome {
            Ok(_) => &mut self.accepted,
            Err(Error::DeliveryUnknown { .. }) => &mut self.unknown,
            Err(error) if error.is_fatal() => &mut self.unsent,
            Err(_) => &mut self.refused,
        };
        *counter += 1;
    }
}

/// Who is told how it goes.
#[derive(Default)]
pub(super) struct Watcher<'a>(pub(super) Option<Box<Watch<'a>>>);

type Watch<'a> = dyn FnMut(&Tally) + Send + 'a;

impl Watcher<'_> {
    pub(super) fn look(&mut self, tally: &Tally) {
        if let Some(watch) = &mut self.0 {
            watch(tally);
        }
    }
}

impl fmt::Debug for Watcher<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Watcher(..)" } else { "Watcher(None)" })
    }
}
