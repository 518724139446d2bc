//! No more messages than a server wants to see.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So many messages within any stretch of so much time.
///
/// The instants of the last messages are kept, so that no stretch holds more, wherever it begins: a burst is
/// allowed, and waited for afterwards.
#[derive(Debug)]
pub(crate) struct Rate {
    messages: usize,
    per: Duration,
    /// When the last `messages` began, the oldest first.
    begun: VecDeque<Instant>,
}

impl Rate {
    pub(crate) fn new(messages: usize, per: Duration) -> Self {
        Self { messages: messages.max(1), per, begun: VecDeque::new() }
    }

    /// How long the next message has to wait; `None` where it may begin, and it begins then.
    pub(crate) fn begin(&mut self, now: Instant) -> Option<Duration> {
        while self.begun.front().is_some_and(|&first| now.duration_since(first) >= self.per) {
            self.begun.pop_front();
        }
        if self.begun.len() < self.messages {
            self.begun.push_back(now);
            return None;
        }
        let first = *self.begun.front()?;
        Some(self.per.saturating_sub(now.duration_since(first)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_stretch_of_time_holds_more() {
        let second = Duration::from_secs(1);
        let start = Instant::now();
        let mut rate = Rate::new(3, second);
        let mut now = start;
        let mut begun = Vec::new();
        for step in 0..40u32 {
            while let Some(wait) = rate.begin(now) {
                assert!(!wait.is_zero());
                now += wait;
            }
            begun.push(now);
            now += Duration::from_millis(u64::from(step * 37 % 500));
        }
        for stretch in begun.windows(4) {
            assert!(stretch[3] - stretch[0] >= second, "{stretch:?}");
        }
        // A rate of nothing would never send.
        assert_eq!(Rate::new(0, second).begin(start), None);
    }
}
