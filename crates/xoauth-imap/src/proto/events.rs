//! News for the caller, and how much a command keeps.

use alloc::collections::VecDeque;

use crate::error::Error;
use crate::proto::limits::{LimitKind, Limits};
use crate::types::Event;

/// What the commands of a flight claimed and keep.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// When the caller takes items while the flight runs.
    pub(super) hand_on: HandOn,
    count: usize,
    octets: usize,
    /// The same of those that are not handed on before the end.
    kept: (usize, usize),
    /// Octets of bodies that belong to the responses counted, and those of the response under way.
    bodies: u64,
    bodies_begun: u64,
    /// Messages that the selected mailbox had when the flight began.
    exists: usize,
}

/// Octets that an answer about a message takes: an envelope with a dozen addresses, and a structure of some parts.
const LARGE_ANSWER: usize = 4096;

impl Answers {
    /// Another flight begins, with a mailbox of so many messages.
    pub(super) fn begin(&mut self, exists: Option<u32>) {
        let exists = exists.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        *self = Self { exists, ..Self::default() };
    }

    /// How many responses are kept, and how many octets they take.
    fn most(&self, limits: &Limits) -> (usize, usize) {
        let in_mailbox = self.exists.min(limits.answers_in_large_mailbox);
        let octets = in_mailbox.saturating_mul(LARGE_ANSWER);
        (
            limits.answers.max(in_mailbox),
            limits.answer_octets.max(octets.min(limits.answer_octets_in_large_mailbox)),
        )
    }

    /// A body was announced that a command keeps.
    pub(super) fn announce(&mut self, octets: u64, limits: &Limits) -> Result<(), Error> {
        self.bodies_begun = self.bodies_begun.saturating_add(octets);
        if self.bodies.saturating_add(self.bodies_begun) > limits.answer_bodies {
            return Err(Error::Limit { kind: LimitKind::Answers });
        }
        Ok(())
    }

    /// A command keeps a response.
    pub(super) fn keep(&mut self, octets: usize, limits: &Limits) -> Result<(), Error> {
        self.count += 1;
        self.octets += octets;
        self.check(limits)
    }

    /// A command keeps a response that it does not hand on before its end.
    pub(super) fn keep_to_the_end(&mut self, octets: usize, limits: &Limits) -> Result<(), Error> {
        self.kept.0 += 1;
        self.kept.1 += octets;
        self.check(limits)
    }

    fn check(&mut self, limits: &Limits) -> Result<(), Error> {
        self.bodies = self.bodies.saturating_add(core::mem::take(&mut self.bodies_begun));
        let (count, octets) = self.most(limits);
        if self.count + self.kept.0 > count || self.octets + self.kept.1 > octets {
            return Err(Error::Limit { kind: LimitKind::Answers });
        }
        Ok(())
    }

    /// Whether there is something for the caller to take; it is counted as taken.
    pub(super) fn hand_on(&mut self) -> bool {
        let some = self.hand_on != HandOn::Never && self.count > 0;
        if some {
            (self.count, self.octets, self.bodies) = (0, 0, 0);
        }
        some
    }
}

/// When what was claimed is handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum HandOn {
    /// With the tagged answer.
    #[default]
    Never,
    /// When all that was received is used up.
    InBatches,
    /// As soon as it is there.
    AtOnce,
}

/// Responses no command claimed, for the caller.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// Each with what it weighs.
    queue: VecDeque<(Event, usize)>,
    /// What all of them weigh.
    weight: usize,
    /// How many of them earlier commands left: they stand first.
    earlier: usize,
    /// What the others weigh.
    octets: usize,
}

impl Events {
    /// Another command begins.
    pub(super) fn begin(&mut self) {
        self.earlier = self.queue.len();
        self.octets = 0;
    }

    /// The oldest; what was taken counts no more.
    pub(super) fn pop(&mut self) -> Option<Event> {
        let (event, weight) = self.queue.pop_front()?;
        self.weight = self.weight.saturating_sub(weight);
        match self.earlier.checked_sub(1) {
            Some(earlier) => self.earlier = earlier,
            None => self.octets = self.octets.saturating_sub(weight),
        }
        Some(event)
    }

    /// Keeps an event that takes so many octets, within the limits of one command. Of what earlier commands left, the
    /// oldest goes.
    pub(super) fn push(
        &mut self,
        event: impl FnOnce() -> Event,
        octets: usize,
        limits: &Limits,
    ) -> Result<(), Error> {
        let weight = octets.saturating_add(size_of::<(Event, usize)>());
        let count = self.queue.len().saturating_sub(self.earlier);
        self.octets = self.octets.saturating_add(weight);
        if count >= limits.events || self.octets > limits.event_octets {
            return Err(Error::Limit { kind: LimitKind::Events });
        }
        while self.queue.len() >= limits.events
            || self.weight.saturating_add(weight) > limits.event_octets
        {
            if self.pop().is_none() {
                break;
            }
        }
        self.weight = self.weight.saturating_add(weight);
        self.queue.push_back((event(), weight));
        Ok(())
    }
}
