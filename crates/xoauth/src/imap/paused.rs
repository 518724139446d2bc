//! What the tests by a clock that jumps have in common: sessions over streams in memory, and time.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use tokio::io::DuplexStream;
use tokio::time::Instant;

use super::core::Core;
use super::idle::Idling;
use super::keeper::{Keep, Opens, SessionOf};
use super::nonblocking::Client;
use super::opening::{Opened, Outcome, open};
use super::watcher::Listen;
use crate::login::{Door, Waiting};
use crate::net::{Task, Timed};
use crate::{AsyncTokenSource, Credentials, Error};

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// Runs a case under a clock that stands still while anybody is at work.
pub(super) fn simulated(case: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap().block_on(case);
}

/// Where a server is found.
pub(super) trait Dial: Clone + Send + Sync + 'static {
    fn dial(&self) -> impl Future<Output = Result<Client<DuplexStream>, Error>> + Send;
}

/// The door to it.
#[derive(Clone)]
pub(super) struct Dialled<D>(pub(super) D);

impl<D: Dial> Door for Dialled<D> {
    type Client = Client<DuplexStream>;

    async fn open(&self) -> Result<Self::Client, Error> {
        self.0.dial().await
    }
}

impl<D: Dial> Opens for Dialled<D> {
    type Io = Timed<DuplexStream>;
    type Asker<'a> = Waiting<'a>;
    type Opening = Task<Outcome<Self>>;

    fn core(session: &mut SessionOf<Self>) -> &mut Core<Self::Io> {
        &mut session.core
    }

    fn is_usable(session: &SessionOf<Self>) -> bool {
        session.is_usable()
    }

    fn now() -> std::time::Instant {
        Instant::now().into_std()
    }

    async fn pause(pause: Duration) {
        tokio::time::sleep(pause).await;
    }
}

impl<D: Dial, S: AsyncTokenSource + 'static> Keep<S> for Dialled<D> {
    fn begin(
        &self,
        credentials: &Credentials<S>,
        ended: Option<Arc<Error>>,
        mailbox: Option<Opened>,
    ) -> Self::Opening {
        let (door, credentials) = (self.clone(), credentials.clone());
        Task::spawn(async move { open(&door, &credentials, ended, mailbox).await })
    }

    fn asker(source: &S) -> Waiting<'_> {
        Waiting::new(source)
    }
}

impl<D: Dial> Listen for Dialled<D> {
    async fn hear(
        idling: &mut Idling<'_, Self::Io>,
        wake: Option<std::time::Instant>,
    ) -> Result<(), Error> {
        idling.hear(wake).await
    }
}
