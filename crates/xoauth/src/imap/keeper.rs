//! What keeps a session alive, the same for both drivers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use xoauth_imap::command::{Enable, Examine, Resync, Select};
use xoauth_imap::proto::Command;
use xoauth_imap::{Event, Mailbox, Selected};

use super::core::Core;
use super::reopened::Reopened;
use crate::login::{Asker, Candidate, Door, sign_in};
use crate::net::{Backoff, Io};
use crate::{Credentials, Error};

/// The sessions behind a door.
pub(crate) type SessionOf<D> = <<D as Door>::Client as Candidate>::Session;

/// What a keeper asks of sessions and their clock.
pub(crate) trait Keep<S>: Door + Sized {
    type Io: Io;
    type Asker<'a>: Asker
    where
        S: 'a;

    fn asker<'a>(credentials: &'a Credentials<S>, source: &'a S) -> Self::Asker<'a>;

    fn core(session: &mut SessionOf<Self>) -> &mut Core<Self::Io>;

    fn is_usable(session: &SessionOf<Self>) -> bool;

    fn now() -> Instant;

    async fn pause(pause: Duration);
}

/// A session that is opened again when it is over.
pub(crate) struct Keeper<D: Door, S> {
    pub(super) door: D,
    pub(crate) credentials: Credentials<S>,
    pub(crate) backoff: Backoff,
    mailbox: Option<Opened>,
    session: Option<SessionOf<D>>,
    pub(crate) opened: u64,
    /// When the session was opened, and how many before it were over soon.
    since: Option<Instant>,
    short_lived: u32,
    /// Attempts to open the session that failed, or whose future was dropped, and when there may be another: a
    /// caller that waits in short slices does not come any sooner.
    failed: u32,
    not_before: Option<Instant>,
    /// Each session selects the mailbox given at the beginning, and what ended sessions heard is kept to be told.
    /// Otherwise each session selects what the one before had selected.
    watches: bool,
    untold: VecDeque<Event>,
    /// What the last opening found, until somebody asks.
    pub(crate) reopened: Option<Reopened>,
    /// It found that unique identifiers mean other messages than in the session before, and nobody was told.
    is_void: bool,
    /// What ended the session before.
    cause: Option<Arc<Error>>,
}

/// The mailbox that is selected in each session.
struct Opened {
    mailbox: Mailbox,
    read_only: bool,
    /// The mailbox as the last session knew it.
    known: Option<Selected>,
}

impl Opened {
    /// As a session left it.
    fn left(selected: Selected) -> Self {
        let (mailbox, read_only) = (selected.mailbox.clone(), selected.read_only);
        Self { mailbox, read_only, known: Some(selected) }
    }
}

impl<D: Keep<S>, S> Keeper<D, S> {
    pub(crate) fn new(door: D, credentials: Credentials<S>) -> Self {
        Self {
            door,
            credentials,
            backoff: Backoff::default(),
            mailbox: None,
            session: None,
            opened: 0,
            since: None,
            short_lived: 0,
            failed: 0,
            not_before: None,
            watches: false,
            untold: VecDeque::new(),
            reopened: None,
            is_void: false,
            cause: None,
        }
    }

    pub(crate) fn open_mailbox(&mut self, mailbox: Mailbox, read_only: bool) {
        self.mailbox = Some(Opened { mailbox, read_only, known: None });
        self.session = None;
    }

    /// A session that lives as far as anybody knows: the one there is, or a new one.
    pub(crate) async fn session(&mut self) -> Result<&mut SessionOf<D>, Error> {
        if !self.session.as_ref().is_some_and(D::is_usable) {
            self.note_end();
            if let Some(pause) = self.pause_after_short_lives() {
                self.wait_at_least(pause);
            }
            let fresh = self.open().await?;
            self.opened += 1;
            self.since = Some(D::now());
            // The session is good; what the caller knows of the mailbox may not be.
            self.session = Some(fresh);
            if let (true, Some(opened)) = (std::mem::take(&mut self.is_void), &self.mailbox) {
                return Err(Error::UidValidityChanged { mailbox: opened.mailbox.clone() });
            }
        }
        self.session.as_mut().ok_or(Error::Ended)
    }

    /// From now on sessions are there to be watched.
    pub(crate) fn watches(&mut self) {
        self.watches = true;
    }

    /// What ended sessions heard, oldest first.
    pub(crate) fn take_untold(&mut self) -> Option<Event> {
        self.untold.pop_front()
    }

    /// Remembers what the session that is over knew of its mailbox, and what it heard that nobody was told.
    fn note_end(&mut self) {
        let Some(mut ended) = self.session.take() else { return };
        let core = D::core(&mut ended);
        self.cause = core.machine.fault().map(|fault| Arc::new(Error::Imap(fault.clone())));
        let selected = core.state().selected().cloned();
        match (&mut self.mailbox, selected) {
            (Some(opened), Some(selected)) if selected.mailbox == opened.mailbox => {
                opened.known = Some(selected);
            }
            (_, selected) if !self.watches => {
                // The program selected another mailbox, or none: its next command is not meant for the first one.
                self.mailbox = selected.map(Opened::left);
            }
            _ => {}
        }
        if !self.watches {
            return;
        }
        let heard = std::iter::from_fn(|| core.machine.next_event());
        match &mut self.reopened {
            None => self.untold.extend(heard),
            // Nobody was told of that session: its numbers mean nothing to anybody, and that the next one finds all
            // that changed cannot be said any more.
            Some(untold) => {
                if heard.count() > 0 {
                    untold.gap = None;
                }
            }
        }
    }

    /// How long to wait before a server is bothered again that ended several sessions soon after they began.
    fn pause_after_short_lives(&mut self) -> Option<Duration> {
        let lived = D::now().saturating_duration_since(self.since.take()?);
        if lived >= self.backoff.longest {
            self.short_lived = 0;
            return None;
        }
        self.short_lived = self.short_lived.saturating_add(1);
        // One is an accident.
        let failed = self.short_lived.checked_sub(1).filter(|&failed| failed > 0)?;
        Some(self.backoff.pause(failed).unwrap_or(self.backoff.longest))
    }

    /// Attempts until there is a session, or no other attempt is allowed. Dropped, it is as if the attempt under way had
    /// failed.
    async fn open(&mut self) -> Result<SessionOf<D>, Error> {
        loop {
            if let Some(until) = self.not_before {
                let left = until.saturating_duration_since(D::now());
                if !left.is_zero() {
                    D::pause(left).await;
                }
                self.not_before = None;
            }
            self.failed = self.failed.saturating_add(1);
            let pause = self.backoff.pause(self.failed);
            self.wait_at_least(pause.unwrap_or(self.backoff.longest));
            let attempt = self.attempt().await;
            self.not_before = None;
            match attempt {
                Ok(fresh) => {
                    self.failed = 0;
                    return Ok(fresh);
                }
                Err(error) => match pause.filter(|_| comes_back(&error)) {
                    Some(pause) => self.wait_at_least(pause),
                    None => {
                        self.failed = 0;
                        return Err(error);
                    }
                },
            }
        }
    }

    fn wait_at_least(&mut self, pause: Duration) {
        self.not_before = self.not_before.max(D::now().checked_add(pause));
    }

    async fn attempt(&mut self) -> Result<SessionOf<D>, Error> {
        let credentials = &self.credentials;
        let asker = |source| D::asker(credentials, source);
        let mut fresh = sign_in(&self.door, credentials, self.cause.clone(), asker).await?;
        let Some(opened) = &mut self.mailbox else { return Ok(fresh) };
        let mut found = select(D::core(&mut fresh), opened).await?;
        let known = opened.known.replace(found.selected.clone());
        self.is_void |= known.as_ref().is_some_and(|known| !found.has_uids_of(known));
        found.cause = self.cause.take();
        self.reopened = Some(found.after(known, self.reopened.take()));
        Ok(fresh)
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

    /// Selects the mailbox again where a command of the program selected another, so that nobody takes the one for the
    /// other; what it finds is told as of a session that was opened.
    pub(crate) async fn return_to_mailbox(&mut self) -> Result<(), Error> {
        let (Some(opened), Some(session)) = (&mut self.mailbox, &mut self.session) else {
            return Ok(());
        };
        let core = D::core(session);
        if core.state().selected().is_some_and(|selected| selected.mailbox == opened.mailbox) {
            return Ok(());
        }
        while core.machine.next_event().is_some() {}
        let found = select(core, opened).await?;
        let known = opened.known.replace(found.selected.clone());
        self.reopened = Some(found.after(known, self.reopened.take()));
        Ok(())
    }

    /// The session there is, whether it lives or not.
    pub(crate) fn held(&mut self) -> Option<&mut SessionOf<D>> {
        self.session.as_mut()
    }

    pub(crate) fn take(&mut self) -> Option<SessionOf<D>> {
        self.session.take()
    }
}

/// Selects the mailbox; where the server has QRESYNC and the mailbox is known, it tells what changed since
/// (RFC 7162, 3.2.5).
async fn select<I: Io>(core: &mut Core<I>, opened: &Opened) -> Result<Reopened, Error> {
    core.connection.allow_time();
    core.know_capabilities().await?;
    let offers = |core: &Core<I>, name: &str| {
        core.state().capabilities().is_some_and(|capabilities| capabilities.has(name))
    };
    let known = opened.known.as_ref();
    let mark = known.and_then(|known| Some((known.uid_validity?, known.highest_mod_seq?)));
    if offers(core, "QRESYNC") && offers(core, "ENABLE") {
        core.run(Enable::new(["QRESYNC"])).await?;
        if let Some((uid_validity, mod_seq)) = mark.filter(|&(_, mod_seq)| mod_seq > 0) {
            let resync = Resync::new(opened.mailbox.clone(), uid_validity, mod_seq);
            let resync = if opened.read_only { resync.read_only() } else { resync };
            match core.run(resync).await {
                Ok(resynced) => return Ok(Reopened::resynced(resynced)),
                // A server that cannot do what it offers is asked in the old way.
                Err(error) if error.is_fatal() => return Err(error),
                Err(_) => {}
            }
        }
    }
    let condstore = offers(core, "CONDSTORE");
    let mailbox = opened.mailbox.clone();
    let selected = if opened.read_only {
        let examine = Examine::new(mailbox);
        core.run(if condstore { examine.condstore() } else { examine }).await?
    } else {
        let select = Select::new(mailbox);
        core.run(if condstore { select.condstore() } else { select }).await?
    };
    Ok(Reopened::new(selected))
}

/// Another session may do better.
pub(crate) fn comes_back(error: &Error) -> bool {
    match error {
        // Mostly a connection that was cut; the library of TLS does not tell it from a peer that does not fit.
        Error::TlsHandshake { .. } => true,
        Error::Imap(error) if error.is_fatal() && error.needs_new_token() => true,
        error => error.is_transient(),
    }
}
