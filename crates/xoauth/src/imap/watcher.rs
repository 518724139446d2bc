//! Watching a mailbox over many sessions, the same for both drivers.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use xoauth_imap::command::Capability;
use xoauth_imap::{Capabilities, Event};

use super::idle::{IdleState, Idling, LATEST, RENEW, SOON};
use super::keeper::{Keep, Keeper, Opens, SessionOf};
use super::opening::comes_back;
use super::reopened::Reopened;
use crate::Error;

/// What happened to a mailbox that is watched.
#[derive(Debug)]
#[non_exhaustive]
pub enum Change {
    /// A session began: the first one, or another in place of one that ended; or the mailbox was selected again, after commands
    /// had selected another. What was missed in between, if anything, is to be looked up with what stands here.
    Opened(Box<Reopened>),
    /// The server told something: messages came, went or changed. Sequence numbers are those of the session that was
    /// opened last. A server with QRESYNC says which messages went by unique identifier ([`Event::Vanished`], RFC 7162,
    /// 3.2.10), all others by number ([`Event::Expunge`]): a program looks for both.
    Told(Event),
}

/// How often a server without IDLE is asked: once a minute.
const POLL: Duration = Duration::from_secs(60);

/// A mailbox that is watched.
pub(crate) struct Watcher<D: Opens, S> {
    pub(crate) keeper: Keeper<D, S>,
    idle: IdleState,
    /// The session that idles, by its number.
    watched: u64,
    /// The session whose server refused IDLE.
    refused: u64,
    renew: Duration,
    poll: Duration,
    /// When the server was asked last, where it has no IDLE.
    polled: Option<Instant>,
}

/// What waits for news.
pub(crate) trait Listen: Opens {
    /// Waits until something was heard, or until then.
    async fn hear(idling: &mut Idling<'_, Self::Io>, wake: Option<Instant>) -> Result<(), Error>;
}

impl<D: Listen + Keep<S>, S> Watcher<D, S> {
    pub(crate) fn new(mut keeper: Keeper<D, S>) -> Self {
        keeper.heard = Some(VecDeque::new());
        keeper.begin_watching();
        let idle = IdleState::new(D::now());
        Self { keeper, idle, watched: 0, refused: 0, renew: RENEW, poll: POLL, polled: None }
    }

    pub(crate) fn renew_every(&mut self, interval: Duration) {
        self.renew = interval.min(LATEST);
    }

    pub(crate) fn poll_every(&mut self, interval: Duration) {
        self.poll = interval;
    }

    /// The next change; `None` at `until`.
    pub(crate) async fn next(&mut self, until: Option<Instant>) -> Result<Option<Change>, Error> {
        let mut has_looked = false;
        loop {
            if let Some(event) = self.keeper.next_event() {
                return Ok(Some(Change::Told(event)));
            }
            if let Some(fault) = self.idle.take_fault().filter(|fault| !comes_back(fault)) {
                return Err(fault);
            }
            // A pause before the next session ends with the waiting.
            if let Some(rests) = self.keeper.rests_until() {
                // What the session that broke heard is told before the next one.
                if let Some(event) = self.keeper.next_event() {
                    return Ok(Some(Change::Told(event)));
                }
                if let Some(until) = until.filter(|&until| until < rests) {
                    D::pause(until.saturating_duration_since(D::now())).await;
                    return Ok(None);
                }
            }
            match self.keeper.session().await {
                // What was opened says so itself.
                Ok(_) | Err(Error::UidValidityChanged { .. }) => {}
                Err(error) => return Err(error),
            }
            if let Some(reopened) = self.keeper.take_reopened() {
                return Ok(Some(Change::Opened(Box::new(reopened))));
            }
            match self.keeper.come_back().await {
                Err(error) if error.is_fatal() && comes_back(&error) => continue,
                came => came?,
            }
            if self.keeper.reopened.is_some() {
                continue;
            }
            match self.listen(until.filter(|_| has_looked), until).await {
                Ok(Heard::Event(event)) => return Ok(Some(Change::Told(event))),
                Ok(Heard::Something) => {}
                Ok(Heard::Nothing) => return Ok(None),
                // The next round opens another session.
                Err(error) if error.is_fatal() && comes_back(&error) => {}
                Err(error) => return Err(error),
            }
            has_looked = true;
        }
    }

    /// Waits in the session there is until something is heard, or until `until`; not at all once `end` has passed.
    async fn listen(
        &mut self,
        end: Option<Instant>,
        until: Option<Instant>,
    ) -> Result<Heard, Error> {
        let opened = self.keeper.opened;
        let core = D::core(self.keeper.session().await?);
        if self.watched != opened {
            self.idle = IdleState::new(core.connection.now());
            (self.watched, self.polled) = (opened, None);
        }
        if core.state().capabilities().is_none() {
            core.run(Capability::new()).await?;
        }
        let offers = core.state().capabilities();
        let offers_idle = |offers: &Capabilities| offers.has("IDLE") || offers.is_imap4rev2();
        let can_idle = self.refused != opened && offers.is_some_and(offers_idle);
        let mut idling = Idling::new(core, &mut self.idle);
        if let Some(event) = idling.next_event()? {
            return Ok(Heard::Event(event));
        }
        let now = D::now();
        if end.is_some_and(|end| now >= end) {
            return Ok(Heard::Nothing);
        }
        if can_idle {
            idling.resume(self.renew).await?;
        } else if !idling.is_under_way() {
            let due = self.polled.and_then(|polled| polled.checked_add(self.poll));
            if due.is_some_and(|due| now < due) {
                let wake = [due, until].into_iter().flatten().min();
                D::pause(wake.map_or(self.poll, |wake| wake.saturating_duration_since(now))).await;
                return Ok(Heard::Something);
            }
            idling.ask().await?;
            self.polled = Some(now);
        }
        let wake = idling.wake(self.renew, until);
        let (was_in_idle, heard) = (idling.is_in_idle(), D::hear(&mut idling, wake).await);
        let ended_soon = was_in_idle && !idling.is_under_way() && idling.age() < SOON;
        match heard {
            // It is offered and not to be had: the server is asked instead.
            Err(Error::Imap(xoauth_imap::Error::Refused { .. })) if can_idle => {
                self.refused = opened;
            }
            heard => heard?,
        }
        // Nor is it where the server ends it by itself at once.
        if ended_soon {
            self.refused = opened;
        }
        Ok(Heard::Something)
    }

    /// Ends IDLE, where there is a session: another command comes.
    pub(crate) fn leave(&mut self) {
        if let (true, Some(session)) = (self.watched == self.keeper.opened, self.keeper.peek()) {
            self.idle.leave(D::core(session));
        }
    }

    /// The session, for commands between two changes; IDLE ends with the first.
    pub(crate) async fn session(&mut self) -> Result<&mut SessionOf<D>, Error> {
        self.keeper.session().await?;
        self.leave();
        self.keeper.peek().ok_or(Error::Ended)
    }
}

enum Heard {
    Event(Event),
    Something,
    /// The time is over.
    Nothing,
}
