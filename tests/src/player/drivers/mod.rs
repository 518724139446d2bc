//! The drivers: the same text of actions over each.
#![allow(clippy::duplicate_mod, reason = "each driver runs the same actions")]

mod ready;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tokio::runtime::Runtime;
use xoauth::Transport;

use super::{Course, Plan, Protocol};
use ready::Ready;

#[path = "actions"]
mod blocking {
    use xoauth::Transport as Carrier;
    use xoauth::{imap as imap_sessions, smtp as smtp_sessions};

    macro_rules! wait {
        ($call:expr) => {
            $call
        };
    }

    #[path = "imap.rs"]
    pub(super) mod imap;
    #[path = "smtp.rs"]
    pub(super) mod smtp;
}

#[path = "actions"]
mod nonblocking {
    use xoauth::net::AsyncTransport as Carrier;
    use xoauth::{imap::nonblocking as imap_sessions, smtp::nonblocking as smtp_sessions};

    macro_rules! wait {
        ($call:expr) => {
            $call.await
        };
    }

    #[path = "imap.rs"]
    pub(super) mod imap;
    #[path = "smtp.rs"]
    pub(super) mod smtp;
}

/// The drivers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// Blocking sessions.
    Blocking,
    /// Async sessions, over tokio.
    Async,
}

impl Driver {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Blocking, Self::Async];

    /// The driver with this name on the shim's command line.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|driver| driver.name() == name)
    }

    /// Its name on the shim's command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blocking => "blocking",
            Self::Async => "async",
        }
    }

    /// Plays a plan over a socket.
    pub(super) async fn play(self, plan: &Plan<'_>) -> Course {
        match (self, plan.protocol) {
            (Self::Blocking, Protocol::Imap) => blocking::imap::play(plan).await,
            (Self::Blocking, Protocol::Smtp) => blocking::smtp::play(plan).await,
            (Self::Async, Protocol::Imap) => nonblocking::imap::play(plan).await,
            (Self::Async, Protocol::Smtp) => nonblocking::smtp::play(plan).await,
        }
    }

    /// Plays a plan over a stream.
    pub(super) async fn play_over(
        self,
        plan: &Plan<'_>,
        stream: impl Transport + Unpin + 'static,
    ) -> Course {
        match (self, plan.protocol) {
            (Self::Blocking, Protocol::Imap) => blocking::imap::play_over(plan, stream).await,
            (Self::Blocking, Protocol::Smtp) => blocking::smtp::play_over(plan, stream).await,
            (Self::Async, Protocol::Imap) => {
                nonblocking::imap::play_over(plan, Ready(stream)).await
            }
            (Self::Async, Protocol::Smtp) => {
                nonblocking::smtp::play_over(plan, Ready(stream)).await
            }
        }
    }
}

/// What runs the futures of a driver.
pub(super) enum Executor {
    /// Blocking calls wait by themselves: their futures are ready at once.
    Now,
    Tokio(Box<Runtime>),
}

impl Executor {
    pub(super) fn of(driver: Driver) -> Self {
        match driver {
            Driver::Blocking => Self::Now,
            Driver::Async => Self::Tokio(Box::new(crate::runtime())),
        }
    }

    pub(super) fn run<F: Future>(&self, future: F) -> F::Output {
        match self {
            Self::Tokio(runtime) => runtime.block_on(future),
            Self::Now => {
                let mut future = pin!(future);
                loop {
                    let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                    if let Poll::Ready(output) = polled {
                        return output;
                    }
                }
            }
        }
    }
}
