//! How long to wait before another attempt.

use std::time::Duration;

use crate::time;

/// How often a connection is attempted, and how long is waited in between: each pause is twice the one
/// before, up to the longest, and a random half of it is left out, so that many clients of one server do not come back
/// together. A call after one that failed waits the pause that is due as well: calls that are repeated, or whose futures are
/// dropped, do not bother the server more often.
///
/// ```
/// let mut backoff = xoauth::net::Backoff::default();
/// backoff.attempts = 3;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backoff {
    /// The pause after the first attempt that failed: 1 second.
    pub first: Duration,
    /// The longest pause: 5 minutes.
    pub longest: Duration,
    /// Attempts at most before an error is told, the first one counted: 10, which take 4 to 9 minutes.
    pub attempts: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(300), attempts: 10 }
    }
}

impl Backoff {
    /// The pause after so many attempts that failed.
    pub(crate) fn pause(&self, failed: u32) -> Duration {
        let doubled = 1_u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX);
        let full = self.first.saturating_mul(doubled).min(self.longest);
        full / 2 + (full / 2).mul_f64(time::random_share())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let backoff = Backoff::default();
        for (failed, full) in [(1, 1), (2, 2), (5, 16), (9, 256), (10, 300), (39, 300)] {
            let full = Duration::from_secs(full);
            let pause = backoff.pause(failed);
            assert!(pause >= full / 2 && pause <= full, "{failed}: {pause:?}");
        }
    }

    #[test]
    fn many_clients_do_not_come_back_together() {
        let backoff = Backoff::default();
        let pauses: std::collections::HashSet<_> = (0..16).map(|_| backoff.pause(9)).collect();
        assert!(pauses.len() > 1, "{pauses:?}");
    }
}
