//! What keeps a session alive, the same for both drivers.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use xoauth_imap::proto::Command;
use xoauth_imap::{Event, Mailbox};

use super::core::Core;
use super::opening::{Opened, Outcome, comes_back, select};
use super::reopened::Reopened;
use crate::login::{Asker, Candidate, Door};
use crate::net::{Backoff, Io};
use crate::{Credentials, Error};

/// The sessions behind a door.
pub(crate) type SessionOf<D> = <<D as Door>::Client as Candidate>::Session;

/// What a keeper asks of sessions and their clock, whatever the source of tokens is: futures that name the source in the
/// types of what they hold are not sent to other threads where it is a closure.
pub(crate) trait Opens: Door + Sized {
    type Io: Io;
    type Asker<'a>: Asker;
    /// An opening under way; `None` where nobody will end it.
    type Opening: Future<Output = Option<Outcome<Self>>> + Unpin;

    fn core(session: &mut SessionOf<Self>) -> &mut Core<Self::Io>;

    fn is_usable(session: &SessionOf<Self>) -> bool;

    fn now() -> Instant;

    async fn pause(pause: Duration);
}

/// A door that is opened with tokens of this source.
pub(crate) trait Keep<S>: Opens {
    /// Begins an opening, which goes on whether or not somebody waits for it.
    fn begin(
        &self,
        credentials: &Credentials<S>,
        ended: Option<Arc<Error>>,
        mailbox: Option<Opened>,
    ) -> Self::Opening;

    fn asker(source: &S) -> Self::Asker<'_>;
}

/// A session that is opened again when it is over.
pub(crate) struct Keeper<D: Opens, S> {
    pub(super) door: D,
    pub(crate) credentials: Credentials<S>,
    pub(crate) backoff: Backoff,
    mailbox: Option<Opened>,
    session: Option<SessionOf<D>>,
    opening: Option<D::Opening>,
    pub(crate) opened: u64,
    /// When the session was opened, and how many before it were over soon.
    since: Option<Instant>,
    short_lived: u32,
    /// Openings that failed since the last one that did not, and how many of them were reported by no error yet.
    failed: u32,
    untold: u32,
    /// No server is bothered before: a future that is dropped does not change that.
    not_before: Option<Instant>,
    /// What the last opening found, until somebody asks.
    pub(crate) reopened: Option<Reopened>,
    /// It found that unique identifiers mean other messages than in the session before, and nobody was told.
    is_void: bool,
    /// What a session heard before it broke, for a watch: it is told before the next one.
    pub(crate) heard: Option<VecDeque<Event>>,
    /// What ended the session before, for the mailbox that is opened again, and for the source of tokens until it
    /// has given one since.
    cause: Option<Arc<Error>>,
    refusal: Option<Arc<Error>>,
}

impl<D: Keep<S>, S> Keeper<D, S> {
    pub(crate) fn new(door: D, credentials: Credentials<S>) -> Self {
        Self {
            door,
            credentials,
            backoff: Backoff::default(),
            mailbox: None,
            session: None,
            opening: None,
            opened: 0,
            since: None,
            short_lived: 0,
            failed: 0,
            untold: 0,
            not_before: None,
            reopened: None,
            is_void: false,
            heard: None,
            cause: None,
            refusal: None,
        }
    }

    /// From now on this mailbox: what is open, or being opened, has another one.
    pub(crate) fn open_mailbox(&mut self, mailbox: Mailbox, read_only: bool) {
        self.mailbox = Some(Opened { mailbox, read_only, known: None });
        self.session = None;
        self.opening = None;
        self.take_reopened();
    }

    /// What the last opening found, for whoever looks at it.
    pub(crate) fn take_reopened(&mut self) -> Option<Reopened> {
        self.is_void = false;
        self.reopened.take()
    }

    /// Whoever watches has a mailbox, and is told what is known of it first.
    pub(crate) fn begin_watching(&mut self) {
        match &self.mailbox {
            None => self.open_mailbox(Mailbox::inbox(), true),
            Some(Opened { known: Some(known), .. }) if self.reopened.is_none() => {
                self.reopened = Some(Reopened::new(known.clone()));
            }
            Some(_) => {}
        }
    }

    /// The session there is, if nothing is known to have ended it, or a new one.
    pub(crate) async fn session(&mut self) -> Result<&mut SessionOf<D>, Error> {
        if !self.session.as_ref().is_some_and(D::is_usable) {
            self.note_end();
            let fresh = self.open().await?;
            self.opened += 1;
            self.since = Some(D::now());
            // The session is good; what the caller knows of the mailbox may not be.
            self.session = Some(fresh);
            if let (true, Some(opened)) = (std::mem::take(&mut self.is_void), &self.mailbox) {
                return Err(Error::UidValidityChanged { mailbox: opened.mailbox.clone() });
            }
        }
        let session = self.session.as_mut().ok_or(Error::Ended)?;
        // Another connection may have used another token since.
        D::core(session).protect(&self.credentials.secrets());
        Ok(session)
    }

    /// Until when no session will be opened, where there is none.
    pub(crate) fn rests_until(&mut self) -> Option<Instant> {
        if self.session.as_ref().is_some_and(D::is_usable) {
            return None;
        }
        self.note_end();
        self.not_before.filter(|&until| until > D::now())
    }

    /// Remembers what the session that is over knew of its mailbox.
    fn note_end(&mut self) {
        let Some(mut ended) = self.session.take() else { return };
        let core = D::core(&mut ended);
        self.cause = core.machine.fault().map(|fault| Arc::new(Error::Imap(fault.clone())));
        self.refusal.clone_from(&self.cause);
        let selected = core.state().selected().cloned();
        let is_home = selected.as_ref().map(|selected| &selected.mailbox)
            == self.mailbox.as_ref().map(|opened| &opened.mailbox);
        match (&mut self.mailbox, selected) {
            // Where nobody who watches was told that the session began, the time from its beginning on counts as missed.
            (Some(opened), Some(selected))
                if is_home && (self.heard.is_none() || self.reopened.is_none()) =>
            {
                opened.known = Some(selected);
            }
            (_, selected) if !is_home && self.heard.is_none() => {
                // The program selected another mailbox, or none: its next command is not meant for the first one.
                self.mailbox = selected.map(Opened::left);
                self.reopened = None;
            }
            _ => {}
        }
        // Sequence numbers of a session nobody was told of, or of another mailbox, mean nothing to anybody.
        if let (Some(heard), true, true) = (&mut self.heard, is_home, self.reopened.is_none()) {
            heard.extend(std::iter::from_fn(|| core.machine.next_event()));
            // Who does not ask for weeks is told to look for himself.
            if heard.len() > core.machine.limits().events {
                heard.clear();
                self.forget_mark();
            }
        }
        self.note_short_life();
    }

    /// What changed since is not asked for: the mailbox is opened as one of which little is known.
    fn forget_mark(&mut self) {
        let known = self.mailbox.as_mut().and_then(|opened| opened.known.as_mut());
        if let Some(known) = known {
            known.highest_mod_seq = None;
        }
    }

    /// A server is not bothered at once again that ended several sessions soon after they began.
    fn note_short_life(&mut self) {
        let Some(since) = self.since.take() else { return };
        let now = D::now();
        if now.saturating_duration_since(since) >= self.backoff.longest {
            self.short_lived = 0;
            return;
        }
        self.short_lived = self.short_lived.saturating_add(1);
        // One is an accident.
        let failed = self.short_lived.saturating_sub(1);
        if failed > 0 {
            self.not_before = now.checked_add(self.backoff.pause(failed));
        }
    }

    async fn open(&mut self) -> Result<SessionOf<D>, Error> {
        loop {
            if self.opening.is_none() {
                let now = D::now();
                if let Some(until) = self.not_before.filter(|&until| until > now) {
                    D::pause(until.saturating_duration_since(now)).await;
                }
                let (ended, mailbox) = (self.refusal.clone(), self.mailbox.clone());
                self.opening = Some(self.door.begin(&self.credentials, ended, mailbox));
            }
            let failed = match self.wait_for_opening().await {
                Some(Outcome { mailbox, session }) => {
                    self.mailbox = mailbox;
                    if !matches!(session, Err(Error::Token { .. })) {
                        self.refusal = None;
                    }
                    match session {
                        Ok((fresh, found)) => {
                            (self.failed, self.untold, self.not_before) = (0, 0, None);
                            if let Some(found) = found {
                                self.note_found(found);
                            }
                            return Ok(fresh);
                        }
                        Err(error) => Some(error),
                    }
                }
                None => None,
            };
            self.failed = self.failed.saturating_add(1);
            self.not_before = D::now().checked_add(self.backoff.pause(self.failed));
            if let Some(error) = failed {
                self.untold = self.untold.saturating_add(1);
                if !comes_back(&error) || self.untold >= self.backoff.attempts {
                    self.untold = 0;
                    return Err(error);
                }
            }
        }
    }

    /// A future that is dropped meanwhile leaves the opening to the next one; one that panics leaves none.
    async fn wait_for_opening(&mut self) -> Option<Outcome<D>> {
        poll_fn(|cx| {
            let Some(mut opening) = self.opening.take() else { return Poll::Ready(None) };
            let outcome = Pin::new(&mut opening).poll(cx);
            if outcome.is_pending() {
                self.opening = Some(opening);
            }
            outcome
        })
        .await
    }

    /// Selects the mailbox again where commands have selected another.
    pub(crate) async fn come_back(&mut self) -> Result<(), Error> {
        let Self { session: Some(session), mailbox: Some(opened), .. } = self else {
            return Ok(());
        };
        let core = D::core(session);
        if core.state().selected().is_some_and(|selected| selected.mailbox == opened.mailbox) {
            return Ok(());
        }
        // What is news of the other one is none here.
        while core.machine.next_event().is_some() {}
        match select(core, opened).await {
            Ok(found) => self.note_found(found),
            Err(error) => {
                // Without it there is nothing to watch in the session.
                if !error.is_fatal() {
                    self.note_end();
                    self.failed = self.failed.saturating_add(1);
                    self.not_before = D::now().checked_add(self.backoff.pause(self.failed));
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// What the session that is watched told of its mailbox, where somebody was told that it began.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        let heard = self.heard.as_mut().and_then(VecDeque::pop_front);
        if heard.is_some() || self.reopened.is_some() {
            return heard;
        }
        let core = D::core(self.session.as_mut()?);
        let selected = core.state().selected().map(|selected| &selected.mailbox);
        if selected != self.mailbox.as_ref().map(|opened| &opened.mailbox) {
            return None;
        }
        core.machine.next_event()
    }

    fn note_found(&mut self, mut found: Reopened) {
        let Some(opened) = &mut self.mailbox else { return };
        let known = opened.known.replace(found.selected.clone());
        self.is_void |= known.as_ref().is_some_and(|known| !found.has_uids_of(known));
        found.cause = self.cause.take();
        self.reopened = Some(found.after(known, self.reopened.take()));
    }

    /// Runs a command; where the session breaks under it, again in a new session if the command is safe to repeat.
    pub(crate) async fn run<C: Command>(
        &mut self,
        make: impl Fn() -> C,
    ) -> Result<C::Output, Error> {
        let mut repeated = false;
        loop {
            let command = make();
            let is_repeatable = command.is_repeatable();
            let session = self.session().await?;
            match D::core(session).run(command).await {
                Err(error)
                    if is_repeatable && !repeated && error.is_fatal() && comes_back(&error) =>
                {
                    repeated = true;
                }
                answer => return answer,
            }
        }
    }

    /// The session there is, whether it lives or not.
    pub(crate) fn peek(&mut self) -> Option<&mut SessionOf<D>> {
        self.session.as_mut()
    }

    pub(crate) fn take(&mut self) -> Option<SessionOf<D>> {
        self.session.take()
    }
}
