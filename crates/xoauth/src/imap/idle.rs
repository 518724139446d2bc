//! News as they happen.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use xoauth_imap::proto::Exchange;
use xoauth_imap::{Event, command};

use super::core::Core;
use crate::Error;
use crate::net::{Blocking, Io, Stop, Transport, now};

/// Where waiting for news is. What is under way goes on whichever future waits for it, in the time it has.
pub(crate) struct IdleState {
    under_way: UnderWay,
    /// When it was sent.
    began: Instant,
    /// The server ended IDLE as soon as it began: it is not sent anew before.
    not_before: Option<Instant>,
    /// What broke the session, told once the news that came before were handed out.
    fault: Option<Error>,
}

/// The command whose answer is awaited.
#[derive(Default)]
enum UnderWay {
    #[default]
    Nothing,
    Idle(command::Idle),
    /// DONE was said, or will be as soon as the server agrees.
    Ending(command::Idle),
    /// NOOP, where IDLE cannot be had.
    Asked(command::Noop),
}

impl IdleState {
    pub(crate) fn new(now: Instant) -> Self {
        Self { under_way: UnderWay::Nothing, began: now, not_before: None, fault: None }
    }

    /// Leaves DONE, and what is heard until the answer, to the next command.
    pub(crate) fn leave<I: Io>(&mut self, core: &mut Core<I>) {
        if let UnderWay::Idle(mut command) = std::mem::take(&mut self.under_way) {
            core.connection.allow_time();
            // A session that is broken says so at its next command.
            let _ = core.machine.interrupt(&mut [&mut command]);
        }
    }

    /// What broke the session, where nobody was told.
    pub(crate) fn take_fault(&mut self) -> Option<Error> {
        self.fault.take()
    }

    fn exchange(&mut self) -> Option<&mut dyn Exchange> {
        match &mut self.under_way {
            UnderWay::Nothing => None,
            UnderWay::Idle(command) | UnderWay::Ending(command) => Some(command),
            UnderWay::Asked(command) => Some(command),
        }
    }

    /// The command under way was answered.
    fn conclude<I: Io>(&mut self, core: &mut Core<I>) -> Result<(), Error> {
        match std::mem::take(&mut self.under_way) {
            UnderWay::Nothing => Ok(()),
            UnderWay::Idle(command) | UnderWay::Ending(command) => core.conclude(command),
            UnderWay::Asked(command) => core.conclude(command),
        }
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

    /// Sends IDLE where nothing is under way, and DONE where it is time to send IDLE anew.
    pub(crate) async fn resume(&mut self, renew: Duration) -> Result<(), Error> {
        match &self.state.under_way {
            UnderWay::Nothing => {
                let mut command = command::Idle::new();
                self.core.take_time().await?;
                self.core.begin(&mut [&mut command]).await?;
                self.state.under_way = UnderWay::Idle(command);
                self.state.began = self.core.connection.now();
                Ok(())
            }
            UnderWay::Idle(_) if self.age() >= renew => self.say_done(),
            _ => Ok(()),
        }
    }

    /// Asks for news by NOOP.
    pub(crate) async fn ask(&mut self) -> Result<(), Error> {
        let mut command = command::Noop::new();
        self.core.take_time().await?;
        self.core.begin(&mut [&mut command]).await?;
        self.state.under_way = UnderWay::Asked(command);
        self.state.began = self.core.connection.now();
        Ok(())
    }

    /// How long what is under way is so.
    pub(crate) fn age(&self) -> Duration {
        self.core.connection.now().saturating_duration_since(self.state.began)
    }

    /// A command waits for its answer.
    pub(crate) fn is_under_way(&self) -> bool {
        !matches!(self.state.under_way, UnderWay::Nothing)
    }

    /// IDLE is under way, and nobody asked the server to end it.
    pub(crate) fn is_in_idle(&self) -> bool {
        matches!(self.state.under_way, UnderWay::Idle(_))
    }

    fn say_done(&mut self) -> Result<(), Error> {
        let mut command = match std::mem::take(&mut self.state.under_way) {
            UnderWay::Idle(command) => command,
            // Its answer is awaited all the same.
            other => {
                self.state.under_way = other;
                return Ok(());
            }
        };
        if command.is_idling() {
            self.core.connection.allow_time();
        }
        let said = self.core.machine.interrupt(&mut [&mut command]);
        self.state.under_way = UnderWay::Ending(command);
        Ok(said?)
    }

    /// Sends DONE and hears the answer, which may take as long as a command's.
    pub(crate) async fn end(&mut self) -> Result<(), Error> {
        self.say_done()?;
        let Some(exchange) = self.state.exchange() else { return Ok(()) };
        self.core.drive(&mut [exchange]).await?;
        self.state.conclude(self.core)
    }

    /// When waiting ends at the latest, for what is due then. Before the server agrees to IDLE it has a command's
    /// time, whoever waits how often; then there is nothing to wait for but the renewal.
    pub(crate) fn wake(&mut self, renew: Duration, until: Option<Instant>) -> Option<Instant> {
        let UnderWay::Idle(command) = &self.state.under_way else { return until };
        if command.is_idling() {
            let waits = renew.saturating_sub(self.age());
            let bound = self.core.connection.settings.deadlines.command;
            self.core.connection.allow_waiting(bound.saturating_add(waits));
        }
        let renewal = self.state.began.checked_add(renew);
        [renewal, until].into_iter().flatten().min()
    }

    /// Until when IDLE is not sent anew, where the server ended it at once: no loop at the speed of the network.
    pub(crate) fn rests_until(&self) -> Option<Instant> {
        self.state.not_before.filter(|&until| until > self.core.connection.now())
    }

    /// Waits until IDLE may be sent anew.
    #[cfg(feature = "tokio")]
    pub(crate) async fn rest(&mut self)
    where
        I: crate::net::Alarm,
    {
        if let Some(until) = self.rests_until() {
            I::before(until, std::future::pending::<()>()).await;
        }
    }

    /// Waits until something was heard, or until then.
    #[cfg(feature = "tokio")]
    pub(crate) async fn hear(&mut self, wake: Option<Instant>) -> Result<(), Error>
    where
        I: crate::net::Alarm,
    {
        match wake {
            Some(wake) => I::before(wake, self.hear_once()).await.unwrap_or(Ok(())),
            None => self.hear_once().await,
        }
    }

    /// The same for streams that wait.
    pub(crate) fn hear_blocking(&mut self, wake: Option<Instant>) -> Result<(), Error> {
        // What is there already is read, also where there is no time to wait for more.
        let soonest = self.core.connection.now() + MOMENT;
        self.core.connection.wake_at(wake.map(|wake| wake.max(soonest)));
        let heard = now(self.hear_once());
        self.core.connection.wake_at(None);
        heard
    }

    async fn hear_once(&mut self) -> Result<(), Error> {
        let Some(exchange) = self.state.exchange() else { return Ok(()) };
        match self.core.hear(&mut [exchange]).await {
            // DONE was answered, or the server ended IDLE by itself, or refuses it.
            Ok(Some(Stop::Done)) => {
                if matches!(self.state.under_way, UnderWay::Idle(_)) && self.age() < SOON {
                    self.state.not_before = self.state.began.checked_add(SOON);
                }
                self.state.conclude(self.core)
            }
            Ok(_) => Ok(()),
            Err(fault) => {
                self.state.fault = Some(fault);
                Ok(())
            }
        }
    }
}

/// An IDLE that lasts no longer does not count as one: the server ends it by itself at once.
pub(super) const SOON: Duration = Duration::from_secs(1);

/// The shortest wait that is one.
const MOMENT: Duration = Duration::from_millis(1);

/// A session that idles for a while, and leaves DONE to its next command.
pub(crate) struct Held<'s, I: Io> {
    core: &'s mut Core<I>,
    state: IdleState,
}

impl<'s, I: Io> Held<'s, I> {
    /// Sends IDLE.
    pub(crate) async fn begin(core: &'s mut Core<I>) -> Result<Self, Error> {
        let mut state = IdleState::new(core.connection.now());
        Idling::new(core, &mut state).resume(RENEW).await?;
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
#[must_use = "news are told while they are waited for"]
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

    /// The next news. `None` if `timeout` passes or an [`Interrupter`] is used first; it may be called again in each
    /// case. News that came before are handed out first; with a timeout of zero, only news that have already arrived.
    ///
    /// A stream without [`Transport::set_wake`] comes back only when the server speaks.
    ///
    /// # Errors
    /// The session broke, or the server refuses IDLE.
    pub fn wait(&mut self, timeout: Duration) -> Result<Option<Event>, Error> {
        let deadline = self.held.core.connection.now().checked_add(timeout);
        let mut has_looked = false;
        loop {
            let time = self.held.core.connection.now();
            let mut idling = self.held.idling();
            if let Some(event) = idling.next_event()? {
                return Ok(Some(event));
            }
            let is_over = has_looked && deadline.is_some_and(|deadline| time >= deadline);
            if is_over || self.interrupted.load(Ordering::Acquire) {
                return Ok(None);
            }
            let watched = Arc::strong_count(&self.interrupted) > 1;
            let look = if watched { time.checked_add(LOOK) } else { None };
            let until = [deadline, look].into_iter().flatten().min();
            if let Some(rests) = idling.rests_until() {
                let wakes = until.map_or(rests, |until| until.min(rests));
                self.held.core.connection.wait_until(wakes);
                has_looked = true;
                continue;
            }
            now(idling.resume(self.renew))?;
            let wake = idling.wake(self.renew, until);
            idling.hear_blocking(wake)?;
            has_looked = true;
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
