//! Watching a mailbox over many sessions, the same for both drivers.

use std::time::{Duration, Instant};

use xoauth_imap::command::Noop;
use xoauth_imap::{Capabilities, Event};

use super::idle::{IdleState, Idling, LATEST, RENEW};
use super::keeper::{Keep, Keeper, SessionOf, comes_back};
use super::reopened::Reopened;
use crate::Error;
use crate::login::Door;

/// What happened to a mailbox that is watched.
#[derive(Debug)]
#[non_exhaustive]
pub enum Change {
    /// A session began: the first one, or another in place of one that ended. What was missed in between, if
    /// anything, is to be looked up with what stands here.
    Opened(Box<Reopened>),
    /// The server told something: messages came, went or changed. Sequence numbers are those of the session that was
    /// opened last.
    Told(Event),
}

/// How often a server without IDLE is asked: once a minute.
const POLL: Duration = Duration::from_secs(60);

/// A mailbox that is watched.
pub(crate) struct Watcher<D: Door, S> {
    pub(crate) keeper: Keeper<D, S>,
    idle: IdleState,
    /// The session that idles, by its number.
    watched: u64,
    /// The session whose server refused IDLE.
    refused: u64,
    renew: Duration,
    poll: Duration,
    /// When the server was asked last, where it has no IDLE, and the question that has no answer yet.
    polled: Option<Instant>,
    asked: Option<Noop>,
}

/// What waits for news.
pub(crate) trait Listen<S>: Keep<S> {
    /// Waits until something was heard, or until then.
    async fn hear(
        idling: &mut Idling<'_, Self::Io>,
        renew: Duration,
        until: Option<Instant>,
    ) -> Result<(), Error>;
}

impl<D: Listen<S>, S> Watcher<D, S> {
    pub(crate) fn new(mut keeper: Keeper<D, S>) -> Self {
        keeper.watches();
        let idle = IdleState::new(D::now());
        let (renew, poll) = (RENEW, POLL);
        Self { keeper, idle, watched: 0, refused: 0, renew, poll, polled: None, asked: None }
    }

    pub(crate) fn renew_every(&mut self, interval: Duration) {
        self.renew = interval.min(LATEST);
    }

    pub(crate) fn poll_every(&mut self, interval: Duration) {
        self.poll = interval;
    }

    /// The next change; `None` at `until`.
    pub(crate) async fn next(&mut self, until: Option<Instant>) -> Result<Option<Change>, Error> {
        loop {
            if let Some(event) = self.left_over() {
                return Ok(Some(Change::Told(event)));
            }
            match self.keeper.session().await {
                // What was opened says so itself.
                Ok(_) | Err(Error::UidValidityChanged { .. }) => {}
                Err(error) => return Err(error),
            }
            if let Some(reopened) = self.keeper.reopened.take() {
                return Ok(Some(Change::Opened(Box::new(reopened))));
            }
            match self.listen(until).await {
                Ok(Heard::Event(event)) => return Ok(Some(Change::Told(event))),
                Ok(Heard::Something) => {}
                Ok(Heard::Nothing) => return Ok(None),
                // The next round opens another session.
                Err(error) if error.is_fatal() && comes_back(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// What sessions heard before they broke. What a session heard that nobody was told of has to wait.
    fn left_over(&mut self) -> Option<Event> {
        if let Some(event) = self.keeper.take_untold() {
            return Some(event);
        }
        if self.keeper.reopened.is_some() {
            return None;
        }
        D::core(self.keeper.held()?).machine.next_event()
    }

    /// Waits in the session there is, until something is heard. The time of what is under way goes on where the future
    /// before was dropped: a server that is gone is found out however short the slices are in which it is waited for.
    async fn listen(&mut self, until: Option<Instant>) -> Result<Heard, Error> {
        let opened = self.keeper.opened;
        let core = D::core(self.keeper.session().await?);
        if self.watched != opened {
            self.idle = IdleState::new(core.connection.now());
            (self.watched, self.polled, self.asked) = (opened, None, None);
        }
        let is_waiting = self.asked.is_some() || self.idle.is_under_way();
        if !is_waiting {
            self.keeper.return_to_mailbox().await?;
            if self.keeper.reopened.is_some() {
                return Ok(Heard::Something);
            }
        }
        let core = D::core(self.keeper.session().await?);
        let now = D::now();
        let is_over = until.is_some_and(|until| now >= until);
        if core.state().capabilities().is_none() {
            core.connection.allow_time();
            core.know_capabilities().await?;
        }
        let offers = core.state().capabilities();
        let offers_idle = |offers: &Capabilities| offers.has("IDLE") || offers.is_imap4rev2();
        if self.refused != opened && offers.is_some_and(offers_idle) {
            let mut idling = Idling::new(core, &mut self.idle);
            if let Some(event) = idling.next_event()? {
                return Ok(Heard::Event(event));
            }
            if is_over {
                return Ok(Heard::Nothing);
            }
            match D::hear(&mut idling, self.renew, until).await {
                // It is offered and not to be had: the server is asked instead.
                Err(Error::Imap(xoauth_imap::Error::Refused { .. })) => self.refused = opened,
                heard => heard?,
            }
            return Ok(Heard::Something);
        }
        if let Some(event) = core.machine.next_event() {
            return Ok(Heard::Event(event));
        }
        let due = self.polled.and_then(|polled| polled.checked_add(self.poll));
        if self.asked.is_some() || due.is_none_or(|due| now >= due) {
            if self.asked.is_none() {
                let mut noop = Noop::new();
                core.connection.allow_time();
                core.begin(&mut [&mut noop]).await?;
                (self.asked, self.polled) = (Some(noop), Some(now));
            }
            self.hear_answer().await?;
            return Ok(Heard::Something);
        }
        if is_over {
            return Ok(Heard::Nothing);
        }
        let wake = [due, until].into_iter().flatten().min();
        D::pause(wake.map_or(self.poll, |wake| wake.saturating_duration_since(now))).await;
        Ok(Heard::Something)
    }

    /// Hears the answer to the question that was asked.
    async fn hear_answer(&mut self) -> Result<(), Error> {
        let (Some(session), Some(noop)) = (self.keeper.held(), &mut self.asked) else {
            return Ok(());
        };
        let core = D::core(session);
        let driven = core.drive(&mut [noop]).await;
        let asked = self.asked.take();
        driven?;
        asked.map_or(Ok(()), |noop| core.conclude(noop))
    }

    /// The session, for commands between two changes; IDLE ends with the first.
    pub(crate) async fn session(&mut self) -> Result<&mut SessionOf<D>, Error> {
        self.keeper.session().await?;
        let opened = self.keeper.opened;
        let session = self.keeper.session().await?;
        if self.watched == opened {
            let core = D::core(session);
            self.idle.leave(core);
            if self.asked.take().is_some() {
                core.leaves_news();
            }
        }
        Ok(session)
    }
}

enum Heard {
    Event(Event),
    Something,
    /// The time is over.
    Nothing,
}
