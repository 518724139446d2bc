//! What clients and sessions share: a machine on its connection, the same for streams that wait and for
//! streams that do not.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

#[cfg(feature = "native-tls")]
use xoauth_imap::command::StartTls;
use xoauth_imap::command::{Authenticate, Capability, Commands, Discard, Greeting};
use xoauth_imap::parse::Response;
use xoauth_imap::proto::{
    Announcement, Claim, Continued, Encoder, Exchange, Footprint, Machine, Sink, TagPrefix,
};
use xoauth_imap::{Limits, State};
use xoauth_sasl::Mechanism;

use crate::net::{Connection, Io, Milestone, Settings, Stop};
use crate::{Error, time};

/// Hears the rest of an answer nobody waits for any more.
#[derive(Clone, Copy)]
struct Left {
    /// Of a command that hears data of its own, which is thrown away.
    takes_data: bool,
}

impl Exchange for Left {
    fn encode(&mut self, out: &mut Encoder<'_>, state: &State) -> Result<(), xoauth_imap::Error> {
        Discard.encode(out, state)
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, xoauth_imap::Error> {
        if self.takes_data { Discard.on_untagged(response) } else { Ok(Claim::Pass) }
    }

    fn on_continuation(
        &mut self,
        text: &[u8],
        out: &mut Encoder<'_>,
    ) -> Result<Continued, xoauth_imap::Error> {
        Discard.on_continuation(text, out)
    }

    fn on_literal(&mut self, literal: &Announcement<'_>) -> Result<Sink, xoauth_imap::Error> {
        if self.takes_data { Discard.on_literal(literal) } else { Ok(Sink::Buffer) }
    }
}

/// A machine on its connection.
pub(crate) struct Core<I: Io> {
    pub(crate) connection: Connection<I>,
    pub(crate) machine: Machine,
    /// What is in flight and was left to the next command hears no data of its own: all that comes is news.
    has_left_news: bool,
    /// COMPRESS was sent: from its OK on nothing is said in the clear.
    is_switching: bool,
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
        Ok(Self::on(Connection::new(io, settings), machine))
    }

    /// On a connection that there is.
    pub(crate) fn on(connection: Connection<I>, machine: Machine) -> Self {
        Self { connection, machine, has_left_news: false, is_switching: false }
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
        self.run_in_time(command).await.map(drop)
    }

    /// Agrees on STARTTLS and gives up the bare stream; the machine, which knows what was said in the
    /// clear, ends here.
    #[cfg(feature = "native-tls")]
    pub(crate) async fn agree_on_tls(mut self) -> Result<(I, Settings, Limits), Error> {
        self.know_capabilities().await?;
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
        self.connection.allow_time();
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

    /// Readies the first flight of commands, after what a dropped stream or future left was heard.
    pub(crate) async fn begin(&mut self, exchanges: &mut [&mut dyn Exchange]) -> Result<(), Error> {
        if self.is_switching {
            // Dropped half way: nobody can tell from where on the server compresses.
            self.connection.close();
        }
        if !self.connection.is_open() {
            return Err(Error::Ended);
        }
        if self.machine.is_busy() {
            // What is discarded is kept nowhere.
            self.machine.pause_for_items();
            let takes_data = !self.has_left_news;
            let mut left = vec![Left { takes_data }; self.machine.in_flight()];
            let mut rest: Vec<&mut dyn Exchange> = Vec::new();
            for left in &mut left {
                rest.push(left);
            }
            while self.drive(&mut rest).await? == Stop::Chunk {}
        }
        self.has_left_news =
            exchanges.iter().all(|exchange| matches!(exchange.footprint(), Footprint::Status));
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

    /// What is in flight is left to the next command, and hears nothing but news.
    pub(crate) fn leaves_news(&mut self) {
        self.has_left_news = true;
    }

    pub(crate) async fn drive(
        &mut self,
        exchanges: &mut [&mut dyn Exchange],
    ) -> Result<Stop, Error> {
        poll_fn(|cx| self.poll_drive(exchanges, cx)).await
    }

    pub(crate) fn poll_drive(
        &mut self,
        exchanges: &mut [&mut dyn Exchange],
        cx: &mut Context<'_>,
    ) -> Poll<Result<Stop, Error>> {
        self.connection.poll_drive(self.machine.converse(exchanges), cx)
    }

    /// Drives until something was heard.
    pub(crate) fn poll_hear(
        &mut self,
        exchanges: &mut [&mut dyn Exchange],
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Stop>, Error>> {
        self.connection.poll_hear(self.machine.converse(exchanges), cx)
    }

    /// COMPRESS, and everything behind its OK compressed.
    #[cfg(feature = "deflate")]
    pub(crate) async fn compress(&mut self, expansion: u32) -> Result<(), Error> {
        let mut command = xoauth_imap::command::Compress::new();
        self.connection.allow_time();
        self.begin(&mut [&mut command]).await?;
        self.is_switching = true;
        let driven = self.drive(&mut [&mut command]).await;
        self.is_switching = false;
        driven?;
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
