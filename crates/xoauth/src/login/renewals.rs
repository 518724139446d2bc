//! Renewals of a token, which all connections that use it share.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xoauth_sasl::Secret;

/// What clones of credentials share.
#[derive(Clone, Default)]
pub(super) struct Renewals(Arc<Shared>);

#[derive(Default)]
struct Shared {
    turn: Arc<turn::Mutex>,
    last: Mutex<Renewed>,
}

/// The token of the last renewal, and how many there were.
#[derive(Default)]
struct Renewed {
    count: u64,
    token: Option<Secret>,
}

/// Held while a token is renewed; whoever gives it up without a token leaves the renewal to the next.
#[cfg_attr(not(feature = "tokio"), allow(unreachable_pub, reason = "async sources take it"))]
pub struct Turn {
    renewals: Renewals,
    _held: turn::Held,
}

impl Renewals {
    /// How many there were.
    pub(super) fn count(&self) -> u64 {
        held(&self.0.last).count
    }

    /// The token of a renewal that came after `seen` others, unless it is the one that was `refused`.
    pub(super) fn since(&self, seen: u64, refused: Option<&Secret>) -> Option<Secret> {
        let last = held(&self.0.last);
        let token = last.token.as_ref().filter(|_| last.count > seen)?;
        (!refused.is_some_and(|refused| refused.is(token.expose()))).then(|| token.clone())
    }

    /// Waits until nobody else renews. A thread may wait for it as well as a task.
    pub(super) async fn turn(&self) -> Turn {
        let held = turn::take(Arc::clone(&self.0.turn)).await;
        Turn { renewals: self.clone(), _held: held }
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn(..)")
    }
}

impl Turn {
    /// The token was renewed, for all.
    pub(super) fn end(self, token: &Secret) {
        let mut last = held(&self.renewals.0.last);
        *last = Renewed { count: last.count + 1, token: Some(token.clone()) };
    }
}

/// A thread that panicked while it renewed left nothing half done.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(feature = "tokio")]
mod turn {
    use std::sync::Arc;

    pub(super) type Mutex = tokio::sync::Mutex<()>;
    pub(super) type Held = tokio::sync::OwnedMutexGuard<()>;

    pub(super) async fn take(turn: Arc<Mutex>) -> Held {
        // A thread that runs a task has only so many turns of the runtime's before the task must yield, which a
        // blocking session does not.
        tokio::task::unconstrained(turn.lock_owned()).await
    }
}

#[cfg(not(feature = "tokio"))]
mod turn {
    use std::sync::{Arc, Condvar, PoisonError};

    /// Whether somebody has it, and whoever waits for it.
    #[derive(Default)]
    pub(super) struct Mutex(std::sync::Mutex<bool>, Condvar);

    pub(super) struct Held(Arc<Mutex>);

    pub(super) async fn take(turn: Arc<Mutex>) -> Held {
        let taken = super::held(&turn.0);
        let free = turn.1.wait_while(taken, |taken| *taken);
        *free.unwrap_or_else(PoisonError::into_inner) = true;
        Held(turn)
    }

    impl Drop for Held {
        fn drop(&mut self) {
            *super::held(&self.0.0) = false;
            self.0.1.notify_one();
        }
    }
}
