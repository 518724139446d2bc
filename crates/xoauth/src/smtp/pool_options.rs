//! What a pool allows.

use std::time::Duration;

use super::shelf::Rules;

/// How many connections a [`Pool`](super::Pool) has, how long it keeps them, and how long a message waits for one; the same
/// for the pool of `nonblocking`.
///
/// ```
/// use std::time::Duration;
/// use xoauth::smtp::{Pool, PoolOptions};
///
/// let options = PoolOptions::new(4).wait_at_most(Duration::from_secs(30));
/// let pool = Pool::with(options);
/// # assert_eq!(pool.open(), 0);
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use = "options make no pool: `Pool::with` does"]
pub struct PoolOptions {
    pub(super) rules: Rules,
}

impl PoolOptions {
    /// At most so many connections, of all mailers together; one at least.
    pub fn new(limit: usize) -> Self {
        Self { rules: Rules::new(limit) }
    }

    /// A connection is given up after so much silence (a minute), at such an age (10 minutes: Exchange ends sessions
    /// after 20), or after so many messages (100).
    pub fn keep(mut self, idle: Duration, age: Duration, messages: u32) -> Self {
        self.rules = Rules { idle, age, messages, ..self.rules };
        self
    }

    /// A connection that waited longer than this (5 seconds) is asked whether it is still there, with NOOP, before a
    /// message is entrusted to it.
    pub fn check_after(mut self, wait: Duration) -> Self {
        self.rules.check = wait;
        self
    }

    /// Who waits longer than this (10 minutes, what the answer to one message may take) for a place is told that the pool is full:
    /// [`Error::PoolFull`](crate::Error::PoolFull).
    pub fn wait_at_most(mut self, wait: Duration) -> Self {
        self.rules.wait = wait;
        self
    }
}
