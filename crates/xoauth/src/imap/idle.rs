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

/// IDLE under way, and the connection it has for itself.
pub(crate) struct Idling<'s, I: Io> {
    core: &'s mut Core<I>,
    /// `None` once it was answered.
    command: Option<command::Idle>,
    /// When it was sent.
    began: Instant,
    /// What broke the session, told once the news that came before were handed out.
    fault: Option<Error>,
}

impl<'s, I: Io> Idling<'s, I> {
    /// Sends IDLE.
    pub(crate) async fn begin(core: &'s mut Core<I>) -> Result<Self, Error> {
        let began = core.connection.now();
        let mut idling = Self { core, command: None, began, fault: None };
        idling.resume().await?;
        Ok(idling)
    }

    /// What the server told and nobody took yet; then what broke the session, where that is known.
    pub(crate) fn next_event(&mut self) -> Result<Option<Event>, Error> {
        match (self.core.machine.next_event(), &self.fault) {
            (Some(event), _) => Ok(Some(event)),
            (None, Some(_)) => Err(self.fault.take().unwrap_or(Error::Ended)),
            (None, None) => Ok(None),
        }
    }

    /// Sends IDLE where none is under way.
    async fn resume(&mut self) -> Result<(), Error> {
        if self.command.is_none() {
            let mut command = command::Idle::new();
            self.core.connection.allow_until(None);
            self.core.begin(&mut [&mut command]).await?;
            self.command = Some(command);
            self.began = self.core.connection.now();
        }
        Ok(())
    }

    /// Sends DONE and hears the answer, which may take as long as a command's.
    pub(crate) async fn end(&mut self) -> Result<(), Error> {
        let Some(mut command) = self.command.take() else { return Ok(()) };
        self.core.connection.allow_until(None);
        self.core.machine.interrupt(&mut [&mut command])?;
        self.core.drive(&mut [&mut command]).await?;
        self.core.conclude(command)
    }

    /// DONE and IDLE again.
    async fn renew(&mut self) -> Result<(), Error> {
        self.end().await?;
        self.resume().await
    }

    /// Waits until something was heard or it is time to come back.
    fn poll_hear(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(command) = &mut self.command else { return Poll::Ready(Ok(())) };
        let stop = match ready!(self.core.poll_hear(&mut [command], cx)) {
            Ok(stop) => stop,
            Err(fault) => {
                self.fault = Some(fault);
                return Poll::Ready(Ok(()));
            }
        };
        if stop == Some(Stop::Done) {
            // The server ended it by itself, or refuses it.
            let ended = self.command.take().map_or(Ok(()), |command| self.core.conclude(command));
            return Poll::Ready(ended);
        }
        Poll::Ready(Ok(()))
    }

    /// Waits for news, with IDLE sent anew when `renew` has passed; comes back when something was heard. A future that
    /// is dropped loses nothing.
    #[cfg(feature = "tokio")]
    pub(crate) async fn hear(&mut self, renew: Duration) -> Result<(), Error>
    where
        I: crate::net::Alarm,
    {
        self.resume().await?;
        let Some(until) = self.began.checked_add(renew) else { return self.hear_once().await };
        if self.core.connection.now() >= until {
            return self.renew().await;
        }
        // Before the server agrees it has a command's time, then there is nothing to wait for but the renewal.
        let command = self.core.connection.settings.deadlines.command;
        let waits = match self.is_idling() {
            true => until.saturating_duration_since(self.core.connection.now()),
            false => Duration::ZERO,
        };
        self.core.connection.allow(command.saturating_add(waits));
        match I::before(until, self.hear_once()).await {
            Some(heard) => heard,
            None => self.renew().await,
        }
    }

    async fn hear_once(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_hear(cx)).await
    }

    /// The server agreed: it tells news.
    fn is_idling(&self) -> bool {
        self.command.as_ref().is_some_and(command::Idle::is_idling)
    }

    /// The server has not agreed to it, and had its time.
    fn is_overdue(&self) -> bool {
        let bound = self.core.connection.settings.deadlines.command;
        self.command.is_some() && !self.is_idling() && self.began.elapsed() >= bound
    }
}

impl<I: Io> Drop for Idling<'_, I> {
    /// DONE is written with the next command, which hears the rest.
    fn drop(&mut self) {
        self.core.connection.allow_until(None);
        if let Some(command) = &mut self.command {
            // A session that is broken says so at its next command.
            let _ = self.core.machine.interrupt(&mut [command]);
        }
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
    idling: Idling<'s, Blocking<T>>,
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
        let idling = now(Idling::begin(core))?;
        Ok(Self { idling, renew: RENEW, interrupted: Arc::default() })
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
            if let Some(event) = self.idling.next_event()? {
                return Ok(Some(event));
            }
            let time = Instant::now();
            if self.is_interrupted() || deadline.is_some_and(|deadline| time >= deadline) {
                return Ok(None);
            }
            if self.idling.is_overdue() {
                let fault = TransportFault::Deadline;
                let error = self.idling.core.machine.transport_failed(fault);
                self.idling.core.connection.close();
                return Err(error.into());
            }
            now(self.idling.resume())?;
            let renew = self.idling.began.checked_add(self.renew);
            if renew.is_some_and(|renew| time >= renew) {
                now(self.idling.renew())?;
                continue;
            }
            let command = self.idling.core.connection.settings.deadlines.command;
            let agreed =
                if self.idling.is_idling() { None } else { self.idling.began.checked_add(command) };
            let watched = Arc::strong_count(&self.interrupted) > 1;
            let look = if watched { time.checked_add(LOOK) } else { None };
            let wake = [deadline, renew, agreed, look].into_iter().flatten().min();
            self.idling.core.connection.allow_until(wake);
            now(self.idling.hear_once())?;
        }
    }

    /// Says DONE and hears the answer. Dropping an [`Idle`] leaves that to the next command.
    ///
    /// # Errors
    /// The session broke.
    pub fn done(mut self) -> Result<(), Error> {
        now(self.idling.end())
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
