//! What clients and sessions share: a machine on its connection, the same for streams that wait and for
//! streams that do not.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use xoauth_imap::command::{Authenticate, Capability, Commands, Greeting, StartTls};
use xoauth_imap::proto::{Exchange, Machine, TagPrefix};
use xoauth_imap::{Limits, State};
use xoauth_sasl::{Mask, Mechanism};

use crate::net::{Connection, Io, Milestone, Settings, Stop};
use crate::{Error, time};

/// A machine on its connection.
pub(crate) struct Core<I: Io> {
    pub(crate) connection: Connection<I>,
    pub(crate) machine: Machine,
}

impl<I: Io> fmt::Debug for Core<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("connection", &self.connection).finish_non_exhaustive()
    }
}

impl<I: Io> Core<I> {
    pub(crate) fn new(io: I, settings: Settings, limits: Limits) -> Result<Self, Error> {
        let prefix = TagPrefix::new(time::random_text()?.as_str());
        let mut machine = Machine::new(prefix, limits);
        if settings.trace.is_some() {
            machine.keep_transcript();
        }
        if let Some(secrets) = &settings.secrets {
            machine.protect(Arc::clone(secrets));
        }
        if io.hears_while_writing() {
            machine.hears_while_writing();
        }
        Ok(Self::on(Connection::new(io, settings), machine))
    }

    /// On a connection that there is.
    pub(crate) fn on(connection: Connection<I>, machine: Machine) -> Self {
        Self { connection, machine }
    }

    /// A new one that has heard the greeting.
    pub(crate) async fn greeted(io: I, settings: Settings, limits: Limits) -> Result<Self, Error> {
        let mut core = Self::new(io, settings, limits)?;
        core.run_in_time(Greeting::new()).await?;
        core.connection.settings.reached(Milestone::Greeted);
        Ok(core)
    }

    /// Asks for the capabilities where they are not known.
    pub(crate) async fn know_capabilities(&mut self) -> Result<(), Error> {
        if self.state().capabilities().is_none() {
            self.run_in_time(Capability::new()).await?;
        }
        Ok(())
    }

    /// Authenticates; the mechanism makes its message now.
    pub(crate) async fn log_in(
        &mut self,
        mechanism: &dyn Mechanism,
        options: impl FnOnce(Authenticate) -> Authenticate,
    ) -> Result<(), Error> {
        self.connection.allow_time();
        self.know_capabilities().await?;
        let stamp = time::stamp()?;
        let settings = &self.connection.settings;
        let context = xoauth_sasl::Context::new(&stamp, &settings.host, settings.port);
        let command = options(Authenticate::new(mechanism, &context)?);
        if let Ok(with_command) = command.goes_with_command(self.state()) {
            let (mechanism, octets) = (command.mechanism(), command.message_len());
            settings.reached(Milestone::Authenticating { mechanism, octets, with_command });
        }
        self.run_in_time(command).await.map(drop)
    }

    /// Agrees on STARTTLS and gives up the bare stream; the machine, which knows what was said in the
    /// clear, ends here.
    pub(crate) async fn agree_on_tls(mut self) -> Result<(I, Settings, Limits), Error> {
        // Behind PREAUTH there is no STARTTLS, whatever the server says to more that is said in the clear: the command
        // refuses by itself.
        if !self.state().is_preauthenticated() {
            self.know_capabilities().await?;
        }
        let mut command = StartTls::new();
        self.begin(&mut [&mut command]).await?;
        if self.drive(&mut [&mut command]).await? != Stop::StartTls {
            // The server said no: that is what `conclude` tells.
            return self.conclude(command).and(Err(Error::Ended));
        }
        let limits = self.machine.limits();
        let (io, settings) = self.connection.into_parts()?;
        Ok((io, settings, limits))
    }

    /// Runs a command, which may take as long as commands may.
    pub(crate) async fn run<C: Commands>(&mut self, commands: C) -> Result<C::Output, Error> {
        self.take_time().await?;
        self.run_in_time(commands).await
    }

    /// Hides these secrets in whatever the server says.
    pub(crate) fn protect(&mut self, secrets: &Arc<Mask>) {
        if let Some(secrets) = self.connection.settings.learn(secrets) {
            self.machine.protect(secrets);
        }
    }

    /// Runs a command that a server answers at once, or never: in the time of a connect.
    pub(crate) async fn run_soon<C: Commands>(&mut self, commands: C) -> Result<C::Output, Error> {
        // What a dropped future left is heard in that time too: whoever says goodbye wants none of it.
        self.connection.allow(self.connection.settings.deadlines.connect);
        self.run_in_time(commands).await
    }

    /// Runs commands within the time that is left. Of several, those that were answered before the session
    /// broke have their outputs.
    pub(crate) async fn run_in_time<C: Commands>(
        &mut self,
        mut commands: C,
    ) -> Result<C::Output, Error> {
        let mut exchanges = commands.exchanges();
        self.begin(&mut exchanges).await?;
        let driven = self.drive(&mut exchanges).await;
        drop(exchanges);
        if self.machine.is_usable() {
            driven?;
        }
        self.conclude(commands)
    }

    /// A command begins, with a time of its own, after what a dropped stream or future left was heard in the time that
    /// was left to it: whoever waits in slices does not put off the deadline of a connection that is dead.
    pub(crate) async fn take_time(&mut self) -> Result<(), Error> {
        self.hear_left().await?;
        self.connection.allow_time();
        Ok(())
    }

    async fn hear_left(&mut self) -> Result<(), Error> {
        if self.machine.is_busy() {
            let mut left = self.machine.left();
            let mut rest: Vec<_> = left.iter_mut().map(|left| left as &mut dyn Exchange).collect();
            while self.drive(&mut rest).await? == Stop::Chunk {}
        }
        Ok(())
    }

    /// Readies the first flight of commands, after what a dropped stream or future left was heard.
    pub(crate) async fn begin(&mut self, exchanges: &mut [&mut dyn Exchange]) -> Result<(), Error> {
        if !self.connection.is_open() {
            return Err(Error::Ended);
        }
        self.hear_left().await?;
        let mut started = self.machine.start(exchanges);
        if matches!(started, Err(xoauth_imap::Error::CapabilitiesUnknown)) {
            let mut ask = Capability::new();
            self.machine.start(&mut [&mut ask])?;
            self.drive(&mut [&mut ask]).await?;
            self.conclude(ask)?;
            started = self.machine.start(exchanges);
        }
        if !self.machine.is_usable() {
            self.connection.close();
        }
        Ok(started?)
    }

    pub(crate) async fn drive(
        &mut self,
        exchanges: &mut [&mut dyn Exchange],
    ) -> Result<Stop, Error> {
        let mut attended = Attended { core: self, is_left: true };
        let stop = poll_fn(|cx| attended.core.poll_drive(exchanges, cx)).await;
        attended.is_left = false;
        stop
    }

    pub(crate) fn poll_drive(
        &mut self,
        exchanges: &mut [&mut dyn Exchange],
        cx: &mut Context<'_>,
    ) -> Poll<Result<Stop, Error>> {
        self.connection.poll_drive(self.machine.converse(exchanges), cx)
    }

    /// Drives until something was heard.
    pub(crate) async fn hear(
        &mut self,
        exchanges: &mut [&mut dyn Exchange],
    ) -> Result<Option<Stop>, Error> {
        let mut attended = Attended { core: self, is_left: true };
        let heard = poll_fn(|cx| {
            let Core { connection, machine } = &mut *attended.core;
            connection.poll_hear(machine.converse(exchanges), cx)
        });
        let heard = heard.await;
        attended.is_left = false;
        heard
    }

    /// COMPRESS, and everything behind its OK compressed.
    #[cfg(feature = "deflate")]
    pub(crate) async fn compress(&mut self, expansion: u32) -> Result<(), Error> {
        let mut command = xoauth_imap::command::Compress::new();
        self.take_time().await?;
        self.begin(&mut [&mut command]).await?;
        self.drive(&mut [&mut command]).await?;
        let status = self.machine.take_status(0).ok_or(Error::Ended)?;
        command.agreed(status)?;
        let received = self.machine.take_undecoded();
        self.connection.deflate(received, expansion);
        Ok(())
    }

    /// Turns the tagged answers into the output of the commands.
    pub(crate) fn conclude<C: Commands>(&mut self, commands: C) -> Result<C::Output, Error> {
        let output = commands.conclude(&mut |index| self.machine.outcome(index));
        if self.machine.has_ended() {
            self.connection.close();
        }
        Ok(output?)
    }

    pub(crate) fn is_usable(&self) -> bool {
        self.connection.is_open() && self.machine.is_usable()
    }

    pub(crate) fn state(&self) -> &State {
        self.machine.state()
    }
}

/// Commands under way, whose caller may go away: by a future that is dropped.
struct Attended<'c, I: Io> {
    core: &'c mut Core<I>,
    is_left: bool,
}

impl<I: Io> Drop for Attended<'_, I> {
    fn drop(&mut self) {
        if self.is_left {
            self.core.connection.rest();
            if !self.core.machine.leave() {
                self.core.connection.close();
            }
        }
    }
}
