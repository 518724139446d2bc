//! News as they happen.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use xoauth_imap::{Event, TransportFault, command};

use super::core::Core;
use crate::Error;
use crate::net::{Blocking, Io, Stop, Transport, now};

/// Where IDLE is.
pub(crate) struct IdleState {
    /// `None` once it was answered.
    command: Option<command::Idle>,
    /// When it was sent.
    began: Instant,
    /// DONE was said, or will be with the next octets that are written.
    is_ending: bool,
    /// What broke the session, told once the news that came before were handed out.
    fault: Option<Error>,
}

impl IdleState {
    pub(crate) fn new(now: Instant) -> Self {
        Self { command: None, began: now, is_ending: false, fault: None }
    }

    /// IDLE was sent, and has no answer yet.
    #[cfg(feature = "native-tls")]
    pub(crate) fn is_under_way(&self) -> bool {
        self.command.is_some()
    }

    /// Leaves DONE, and what is heard until its answer, to the next command.
    pub(crate) fn leave<I: Io>(&mut self, core: &mut Core<I>) {
        core.connection.allow_until(None);
        if let Some(mut command) = self.command.take() {
            core.leaves_news();
            if !self.is_ending {
                // A session that is broken says so at its next command.
                let _ = core.machine.interrupt(&mut [&mut command]);
            }
        }
        self.is_ending = false;
    }
}

/// IDLE under way, and the connection it has for itself. A future of any method may be dropped: the next one goes on.
pub(crate) struct Idling<'s, I: Io> {
    core: &'s mut Core<I>,
    state: &'s mut IdleState,
}

impl<'s, I: Io> Idling<'s, I> {
    pub(crate) fn new(core: &'s mut Core<I>, state: &'s mut IdleState) -> Self {
        Self { core, state }
    }

    /// What the server told and nobody took yet; then what broke the session, where that is known.
    pub(crate) fn next_event(&mut self) -> Result<Option<Event>, Error> {
        match self.core.machine.next_event() {
            None => self.state.fault.take().map_or(Ok(None), Err),
            event => Ok(event),
        }
    }

    /// Sends IDLE where none is under way.
    pub(crate) async fn resume(&mut self) -> Result<(), Error> {
        if self.state.is_ending {
            self.end().await?;
        }
        if self.state.command.is_none() {
            let mut command = command::Idle::new();
            self.core.connection.allow_until(None);
            self.core.begin(&mut [&mut command]).await?;
            self.state.command = Some(command);
            self.state.began = self.core.connection.now();
        }
        Ok(())
    }

    /// Sends DONE and hears the answer, which may take as long as a command's.
    pub(crate) async fn end(&mut self) -> Result<(), Error> {
        let Some(command) = &mut self.state.command else { return Ok(()) };
        if !self.state.is_ending {
            self.core.connection.allow_until(None);
            self.core.machine.interrupt(&mut [command])?;
            self.state.is_ending = true;
        }
        let driven = self.core.drive(&mut [command]).await;
        self.state.is_ending = false;
        let ended = self.state.command.take();
        driven?;
        ended.map_or(Ok(()), |command| self.core.conclude(command))
    }

    /// DONE and IDLE again.
    async fn renew(&mut self) -> Result<(), Error> {
        self.end().await?;
        self.resume().await
    }

    /// Waits until something was heard or it is time to come back.
    fn poll_hear(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(command) = &mut self.state.command else { return Poll::Ready(Ok(())) };
        let stop = match ready!(self.core.poll_hear(&mut [command], cx)) {
            Ok(stop) => stop,
            Err(fault) => {
                self.state.fault = Some(fault);
                return Poll::Ready(Ok(()));
            }
        };
        if stop == Some(Stop::Done) {
            // The server ended it by itself, or refuses it.
            let ended = self.state.command.take();
            return Poll::Ready(ended.map_or(Ok(()), |command| self.core.conclude(command)));
        }
        Poll::Ready(Ok(()))
    }

    /// Waits for news, with IDLE sent anew when `renew` has passed; comes back when something was heard, or at `until`.
    #[cfg(feature = "tokio")]
    pub(crate) async fn hear(
        &mut self,
        renew: Duration,
        until: Option<Instant>,
    ) -> Result<(), Error>
    where
        I: crate::net::Alarm,
    {
        self.check_overdue()?;
        self.resume().await?;
        let renewal = self.state.began.checked_add(renew);
        let now = self.core.connection.now();
        if renewal.is_some_and(|renewal| now >= renewal) {
            return self.renew().await;
        }
        let Some(wake) = [renewal, until].into_iter().flatten().min() else {
            return self.hear_once().await;
        };
        // Before the server agrees it has a command's time, then there is nothing to wait for but the renewal.
        let command = self.core.connection.settings.deadlines.command;
        let waits = match (self.is_idling(), renewal) {
            (true, Some(renewal)) => renewal.saturating_duration_since(now),
            _ => Duration::ZERO,
        };
        self.core.connection.allow(command.saturating_add(waits));
        I::before(wake, self.hear_once()).await.unwrap_or(Ok(()))
    }

    /// The same for streams that wait.
    pub(crate) fn hear_blocking(
        &mut self,
        renew: Duration,
        until: Option<Instant>,
    ) -> Result<(), Error> {
        self.check_overdue()?;
        now(self.resume())?;
        let renewal = self.state.began.checked_add(renew);
        if renewal.is_some_and(|renewal| Instant::now() >= renewal) {
            return now(self.renew());
        }
        let command = self.core.connection.settings.deadlines.command;
        let agreed = match self.is_idling() {
            true => None,
            false => self.state.began.checked_add(command),
        };
        let wake = [renewal, until, agreed].into_iter().flatten().min();
        self.core.connection.allow_until(wake);
        now(self.hear_once())
    }

    async fn hear_once(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_hear(cx)).await
    }

    /// The server agreed: it tells news.
    fn is_idling(&self) -> bool {
        self.state.command.as_ref().is_some_and(command::Idle::is_idling)
    }

    /// A server that has not agreed to it had its time, in however many calls it was waited for.
    fn check_overdue(&mut self) -> Result<(), Error> {
        let bound = self.core.connection.settings.deadlines.command;
        let waits = self.state.command.is_some() && !self.is_idling() && !self.state.is_ending;
        let waited = self.core.connection.now().saturating_duration_since(self.state.began);
        if !waits || waited < bound {
            return Ok(());
        }
        let error = self.core.machine.transport_failed(TransportFault::Deadline);
        self.core.connection.close();
        Err(error.into())
    }
}

/// A session that idles for a while, and leaves DONE to its next command.
pub(crate) struct Held<'s, I: Io> {
    core: &'s mut Core<I>,
    state: IdleState,
}

impl<'s, I: Io> Held<'s, I> {
    /// Sends IDLE.
    pub(crate) async fn begin(core: &'s mut Core<I>) -> Result<Self, Error> {
        let mut state = IdleState::new(core.connection.now());
        Idling::new(core, &mut state).resume().await?;
        Ok(Self { core, state })
    }

    pub(crate) fn idling(&mut self) -> Idling<'_, I> {
        Idling::new(self.core, &mut self.state)
    }
}

impl<I: Io> Drop for Held<'_, I> {
    fn drop(&mut self) {
        self.state.leave(self.core);
    }
}

/// The server tells news as they happen: IDLE (RFC 2177).
///
/// IDLE is sent anew before the 29 minutes pass after which a server may give up on a silent client. Every
/// answer to that is a sign of life: a connection that is dead shows itself then at the latest, by
/// [`Error::Imap`] with a deadline. What a server says in between to show that it lives (`OK Still here`) comes
/// out as an [`Event`] like all else.
///
/// ```no_run
/// # use std::time::Duration;
/// # fn watch<T: xoauth::Transport>(session: &mut xoauth::imap::Session<T>) -> Result<(), xoauth::Error> {
/// let mut idle = session.idle()?;
/// while let Some(event) = idle.wait(Duration::from_secs(3600))? {
///     println!("{event:?}");
/// }
/// idle.done()?;
/// # Ok(()) }
/// ```
pub struct Idle<'s, T: Transport> {
    held: Held<'s, Blocking<T>>,
    renew: Duration,
    interrupted: Arc<AtomicBool>,
}

/// Ends the waiting of an [`Idle`] from elsewhere: another thread, a signal handler.
#[derive(Debug, Clone)]
pub struct Interrupter(Arc<AtomicBool>);

impl Interrupter {
    /// The [`Idle`] comes back to its caller, within 200 ms.
    pub fn interrupt(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// RFC 2177, 3: at least every 29 minutes. One is left for the network.
pub(super) const RENEW: Duration = Duration::from_secs(28 * 60);

/// RFC 2177, 3.
pub(super) const LATEST: Duration = Duration::from_secs(29 * 60);

/// How often an interrupter is looked at, where there is one.
const LOOK: Duration = Duration::from_millis(200);

impl<'s, T: Transport> Idle<'s, T> {
    pub(super) fn new(core: &'s mut Core<Blocking<T>>) -> Result<Self, Error> {
        let held = now(Held::begin(core))?;
        Ok(Self { held, renew: RENEW, interrupted: Arc::default() })
    }

    /// Sends IDLE anew so often instead of every 28 minutes: behind a router that forgets silent connections,
    /// or to find dead ones sooner. Not more than 29 minutes.
    pub fn renew_every(mut self, interval: Duration) -> Self {
        self.renew = interval.min(LATEST);
        self
    }

    /// A handle that ends the waiting from elsewhere.
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(Arc::clone(&self.interrupted))
    }

    /// The handle was used.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Acquire)
    }

    /// The next news; `None` when `timeout` passed without, or an [`Interrupter`] was used. It may be called
    /// again in each case. News that came before are handed out first.
    ///
    /// A stream without [`Transport::set_wake`] comes back only when the server speaks.
    ///
    /// # Errors
    /// The session broke, or the server refuses IDLE.
    pub fn wait(&mut self, timeout: Duration) -> Result<Option<Event>, Error> {
        let deadline = Instant::now().checked_add(timeout);
        loop {
            let mut idling = self.held.idling();
            if let Some(event) = idling.next_event()? {
                return Ok(Some(event));
            }
            let time = Instant::now();
            let is_over = deadline.is_some_and(|deadline| time >= deadline);
            if is_over || self.interrupted.load(Ordering::Acquire) {
                return Ok(None);
            }
            let watched = Arc::strong_count(&self.interrupted) > 1;
            let look = if watched { time.checked_add(LOOK) } else { None };
            let until = [deadline, look].into_iter().flatten().min();
            idling.hear_blocking(self.renew, until)?;
        }
    }

    /// Says DONE and hears the answer. Dropping an [`Idle`] leaves that to the next command.
    ///
    /// # Errors
    /// The session broke.
    pub fn done(mut self) -> Result<(), Error> {
        now(self.held.idling().end())
    }
}

impl<T: Transport> fmt::Debug for Idle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idle")
            .field("renew", &self.renew)
            .field("is_interrupted", &self.is_interrupted())
            .finish_non_exhaustive()
    }
}
