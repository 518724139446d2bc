//! What clients and sessions share: a machine on its connection, the same for streams that wait and for
//! streams that do not.

use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use xoauth_sasl::{Context, Mask, Mechanism};
use xoauth_smtp::exchange::StartTls;
use xoauth_smtp::exchange::{Auth, Bulk, Ehlo, Greeting, Noop, Quit, Sending};
use xoauth_smtp::proto::{Command, Exchange, Machine};
use xoauth_smtp::{ClientName, Extensions, Limits, TransportFault};

use crate::net::{Connection, Io, Milestone, Settings, Stop};
use crate::{Error, time};

/// How we greet, each time a connection begins or begins anew under TLS.
#[derive(Debug, Clone)]
pub(crate) struct Introduction {
    pub(crate) name: ClientName,
    pub(crate) protocol: Protocol,
}

/// Which protocol a connection speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Protocol {
    #[default]
    Smtp,
    Lmtp,
}

impl Introduction {
    fn ehlo(&self) -> Ehlo {
        let ehlo = Ehlo::new(self.name.clone());
        match self.protocol {
            Protocol::Smtp => ehlo,
            Protocol::Lmtp => ehlo.lmtp(),
        }
    }
}

impl Protocol {
    /// The port where a server is expected, unless the caller says another; LMTP has none of its own (RFC 2033 5).
    pub(crate) fn port(self, smtp: u16) -> u16 {
        match self {
            Self::Smtp => smtp,
            Self::Lmtp => 24,
        }
    }
}

/// A machine on its connection.
pub(crate) struct Core<I: Io> {
    pub(crate) connection: Connection<I>,
    pub(crate) machine: Machine,
    pub(crate) introduction: Introduction,
    /// When an exchange was begun last.
    pub(crate) began: Instant,
}

/// How long a peer that was heard is not asked whether it is still there.
const RECENT: Duration = Duration::from_secs(5);

impl<I: Io> fmt::Debug for Core<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("connection", &self.connection).finish_non_exhaustive()
    }
}

impl<I: Io> Core<I> {
    pub(crate) fn new(
        io: I,
        settings: Settings,
        limits: Limits,
        introduction: Introduction,
    ) -> Self {
        let mut machine = Machine::new(limits);
        if settings.trace.is_some() {
            machine.keep_transcript();
        }
        if let Some(secrets) = &settings.secrets {
            machine.protect(Arc::clone(secrets));
        }
        if io.hears_while_writing() {
            machine.hears_while_writing();
        }
        let began = io.now();
        Self { connection: Connection::new(io, settings), machine, introduction, began }
    }

    /// Hears the greeting.
    pub(crate) async fn greet(&mut self) -> Result<(), Error> {
        self.run_in_time(Greeting::new()).await?;
        self.connection.settings.reached(Milestone::Greeted);
        Ok(())
    }

    /// Says who we are and hears what the server can do.
    pub(crate) async fn hello(&mut self, options: fn(Ehlo) -> Ehlo) -> Result<(), Error> {
        let command = options(self.introduction.ehlo());
        self.run_in_time(command).await.map(drop)
    }

    /// Authenticates; the mechanism makes its message now.
    pub(crate) async fn log_in(
        &mut self,
        mechanism: &dyn Mechanism,
        options: impl FnOnce(Auth) -> Auth,
    ) -> Result<(), Error> {
        let stamp = time::stamp()?;
        let settings = &self.connection.settings;
        let context = Context::new(&stamp, &settings.host, settings.port);
        let command = options(Auth::new(mechanism, &context)?);
        if let Ok(with_command) = command.goes_with_command(self.extensions()) {
            let (mechanism, octets) = (command.mechanism(), command.message_len());
            settings.reached(Milestone::Authenticating { mechanism, octets, with_command });
        }
        // All challenges together have the time of one command: how many there are is the server's choice.
        self.connection.allow(self.connection.settings.deadlines.delivery);
        self.run_in_time(command).await.map(drop)
    }

    /// Agrees on STARTTLS and gives up the bare stream; the machine, which knows what was said in the
    /// clear, ends here.
    pub(crate) async fn agree_on_tls(
        mut self,
    ) -> Result<(I, Settings, Limits, Introduction), Error> {
        let mut command = StartTls::new();
        self.begin(&mut command)?;
        if self.drive(&mut command).await? != Stop::StartTls {
            // The server said no: that is what `conclude` tells.
            return self.conclude(command).and(Err(Error::Ended));
        }
        let limits = self.machine.limits();
        let (io, settings) = self.connection.into_parts()?;
        Ok((io, settings, limits, self.introduction))
    }

    /// Runs a command; each answer to what it says may take as long as that to a message (RFC 5321, 4.5.3.2).
    pub(crate) async fn run<C: Command>(&mut self, command: C) -> Result<C::Output, Error> {
        self.connection.allow_each(self.connection.settings.deadlines.delivery);
        self.run_in_time(command).await
    }

    /// Hides these secrets in whatever the server says.
    pub(crate) fn protect(&mut self, secrets: &Arc<Mask>) {
        if let Some(secrets) = self.connection.settings.learn(secrets) {
            self.machine.protect(secrets);
        }
    }

    /// Runs a command that a server answers at once, or never: in the time of a connect.
    pub(crate) async fn run_soon<C: Command>(&mut self, command: C) -> Result<C::Output, Error> {
        self.connection.allow(self.connection.settings.deadlines.connect);
        self.run_in_time(command).await
    }

    /// Runs a command within the time that is left.
    pub(crate) async fn run_in_time<C: Command>(
        &mut self,
        mut command: C,
    ) -> Result<C::Output, Error> {
        self.begin(&mut command)?;
        self.drive(&mut command).await?;
        self.conclude(command)
    }

    pub(crate) fn begin(&mut self, command: &mut dyn Exchange) -> Result<(), Error> {
        if self.machine.is_busy() {
            // A future was dropped half way: nobody can tell what became of what it sent.
            self.connection.close();
        }
        if !self.connection.is_open() {
            return Err(Error::Ended);
        }
        self.look_up();
        let started = self.machine.start(command);
        if !self.machine.is_usable() {
            self.connection.close();
        }
        Ok(started?)
    }

    /// Hears what came while the session rested, so that nothing is entrusted to a peer that took leave or is gone: a
    /// connection takes what is written into it also when nobody will read that any more. What breaks the session is
    /// told when an exchange begins.
    pub(crate) fn look_up(&mut self) {
        let now = self.connection.now();
        let rested = now.saturating_duration_since(mem::replace(&mut self.began, now));
        if rested < RECENT || !self.is_usable() {
            return;
        }
        match self.connection.glance(self.machine.read_buffer()) {
            Poll::Pending => {}
            Poll::Ready(Ok(0)) => {
                self.machine.transport_failed(&mut Noop::new(), TransportFault::Closed);
            }
            Poll::Ready(Ok(n)) => self.machine.received(n),
            Poll::Ready(Err(fault)) => {
                self.machine.transport_failed(&mut Noop::new(), fault);
            }
        }
    }

    /// Sends what was pushed until the server has to be waited for and an outcome is there, or nothing is left.
    pub(crate) fn poll_send(
        &mut self,
        bulk: &mut Bulk<'_>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<Result<Stop, Error>> {
        self.connection.poll_drive(Sending::new(&mut self.machine, bulk), cx)
    }

    /// The same until something was heard, or the stream says that it is time to come back: `None`.
    pub(crate) fn poll_send_until_heard(
        &mut self,
        bulk: &mut Bulk<'_>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<Result<Option<Stop>, Error>> {
        self.connection.poll_hear(Sending::new(&mut self.machine, bulk), cx)
    }

    pub(crate) async fn drive(&mut self, command: &mut dyn Exchange) -> Result<Stop, Error> {
        poll_fn(|cx| self.connection.poll_drive(self.machine.converse(command), cx)).await
    }

    /// Says QUIT (RFC 5321, 4.1.1.10) without waiting for the answer, which has the time of a connect. Who took leave
    /// already, or is gone, is told nothing.
    pub(crate) fn say_quit(&mut self) -> Option<Quit> {
        let mut quit = Quit::new();
        if !self.is_usable() || !self.connection.is_quiet() {
            return None;
        }
        self.connection.allow(self.connection.settings.deadlines.connect);
        self.begin(&mut quit).ok()?;
        self.connection.say(self.machine.converse(&mut quit));
        Some(quit)
    }

    /// Says QUIT, waits for nothing, and closes the connection.
    pub(crate) fn part(&mut self) {
        self.say_quit();
        self.connection.close();
    }

    /// Turns what was heard into the command's output.
    pub(crate) fn conclude<C: Command>(&mut self, command: C) -> Result<C::Output, Error> {
        if self.machine.has_ended() {
            self.connection.close();
        }
        Ok(command.finish()?)
    }

    pub(crate) fn is_usable(&self) -> bool {
        self.connection.is_open() && self.machine.is_usable() && !self.machine.is_busy()
    }

    pub(crate) fn extensions(&self) -> &Extensions {
        self.machine.extensions()
    }
}
