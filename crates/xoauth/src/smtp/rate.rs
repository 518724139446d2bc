//! No more messages than a server wants to see.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So many messages within any stretch of so much time.
///
/// The instants of the last messages are kept, so that no stretch holds more, wherever it begins: a burst is
/// allowed, and waited for afterwards.
#[derive(Debug)]
pub(crate) struct Rate {
    messages: u64,
    per: Duration,
    /// Messages that began so far.
    begun: u64,
    /// When the last of them were seen to have begun, the oldest first.
    seen: VecDeque<Instant>,
    /// How many may have begun, as it was told last.
    told: Option<u64>,
}

/// When a time is looked at again that no clock will ever show.
const FAR: Duration = Duration::from_secs(86_400 * 365);

impl Rate {
    pub(crate) fn new(messages: usize, per: Duration) -> Self {
        let messages = u64::try_from(messages.max(1)).unwrap_or(u64::MAX);
        Self { messages, per, begun: 0, seen: VecDeque::new(), told: None }
    }

    /// So many messages began by now, all in all; how many may have begun, all in all, and when to ask again if others
    /// wait for that.
    pub(crate) fn look(&mut self, begun: u64, now: Instant) -> (u64, Option<Instant>) {
        let new = begun.saturating_sub(self.begun);
        self.begun = begun;
        self.seen.extend((0..new).map(|_| now));
        while self.seen.front().is_some_and(|&first| now.duration_since(first) >= self.per) {
            self.seen.pop_front();
        }
        let seen = u64::try_from(self.seen.len()).unwrap_or(u64::MAX);
        let most = begun.saturating_add(self.messages.saturating_sub(seen));
        let is_new = self.told.replace(most) != Some(most);
        let again = if most == begun {
            self.seen.front().map(|first| first.checked_add(self.per).unwrap_or(now + FAR))
        } else {
            // What may begin now does so at once, and counts from then; or it waits for room.
            is_new.then_some(now)
        };
        (most, again)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn no_stretch_of_time_holds_more() {
        let mut now = Instant::now();
        let mut rate = Rate::new(3, SECOND);
        let mut begun = Vec::new();
        for step in 0..40u32 {
            let so_far = begun.len() as u64;
            while let (most, Some(next)) = rate.look(so_far, now) {
                assert_eq!(next > now, most == so_far);
                now = next;
            }
            begun.push(now);
            rate.look(so_far + 1, now);
            now += Duration::from_millis(u64::from(step * 37 % 500));
        }
        for stretch in begun.windows(4) {
            assert!(stretch[3] - stretch[0] >= SECOND, "{stretch:?}");
        }
    }

    #[test]
    fn a_burst_counts_whole_and_more_waits_for_its_first() {
        let start = Instant::now();
        let mut rate = Rate::new(3, SECOND);
        let half = start + SECOND / 2;
        assert_eq!(rate.look(0, start), (3, Some(start)));
        assert_eq!(rate.look(2, start), (3, None));
        assert_eq!(rate.look(3, half), (3, Some(start + SECOND)));
        assert_eq!(rate.look(3, start + SECOND), (5, Some(start + SECOND)));
        assert_eq!(rate.look(5, start + SECOND), (5, Some(half + SECOND)));
    }

    #[test]
    fn a_rate_of_nothing_still_sends_and_one_for_ever_never_again() {
        let start = Instant::now();
        assert_eq!(Rate::new(0, SECOND).look(0, start).0, 1);
        let mut once = Rate::new(1, Duration::MAX);
        assert_eq!(once.look(1, start), (1, Some(start + FAR)));
    }
}
