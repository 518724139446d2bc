//! How long an operation may still take.

use std::time::{Duration, Instant};

use super::Deadlines;

/// The time of one operation.
///
/// It runs while the session is at work and rests while the caller is: a caller that is slow to take the
/// pieces of a stream loses nothing. Content that flows well moves the deadline; a drip of octets does not.
///
/// Where each command of the operation has a time of its own (RFC 5321, 4.5.3.2), it begins when everything was
/// said, and anew with each answer that was heard whole. Of those there are as many as commands, so that the time of
/// all is bounded too.
///
/// Nothing of this goes beyond the end of the operation, where it has one ([`Deadlines::total`]).
#[derive(Debug)]
pub(crate) struct Pace {
    time: Time,
    /// The time of each command, where it is not for all together.
    each: Option<Duration>,
    deadlines: Deadlines,
    /// When counting began anew, and the octets of content moved since.
    since: Option<Instant>,
    moved: u64,
    /// How often the operation may still look, once its time is over, for what had come by then.
    looks: u8,
}

/// Each is a read that does not wait: under TLS it gives one record, and a reply may have one for itself. A peer that
/// drips octets gains what has come, and no time.
const LOOKS: u8 = 16;

/// `None` is for ever. The deadline is never later than the end, which does not move.
#[derive(Debug, Clone, Copy)]
enum Time {
    /// The operation must be over then.
    Running { deadline: Option<Instant>, end: Option<Instant> },
    /// So much is left to it.
    Resting { deadline: Option<Duration>, end: Option<Duration> },
}

/// Which way content moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    In,
    Out,
}

impl Pace {
    /// Of an operation that is under way, connecting: nothing moves its deadline.
    pub(crate) fn new(deadline: Option<Instant>, deadlines: Deadlines) -> Self {
        let time = Time::Running { deadline, end: deadline };
        Self { time, each: None, deadlines, since: None, moved: 0, looks: LOOKS }
    }

    /// A new operation may take so long.
    pub(crate) fn begin(&mut self, bound: Duration) {
        self.begin_within(bound, self.deadlines.total);
    }

    /// Waiting for news may take so long. That is no operation that has to come to its end.
    #[cfg(feature = "imap")]
    pub(crate) fn begin_waiting(&mut self, bound: Duration) {
        self.begin_within(bound, None);
    }

    fn begin_within(&mut self, bound: Duration, total: Option<Duration>) {
        self.time = Time::Resting { deadline: earlier(Some(bound), total), end: total };
        self.each = None;
        (self.since, self.moved, self.looks) = (None, 0, LOOKS);
    }

    /// Each command of a new operation may take so long.
    #[cfg(feature = "smtp")]
    pub(crate) fn begin_each(&mut self, bound: Duration) {
        self.begin(bound);
        self.each = Some(bound);
    }

    /// What was to be said was said, or an answer was heard whole: the new deadline, where this begins the time of the
    /// next command.
    pub(crate) fn begin_next(&mut self, now: impl FnOnce() -> Instant) -> Option<Instant> {
        let each = self.each?;
        let now = now();
        self.resume(|| now);
        let Time::Running { end, .. } = self.time else { return None };
        let deadline = earlier(now.checked_add(each), end);
        self.time = Time::Running { deadline, end };
        deadline
    }

    /// The session is at work from now on: its deadline.
    pub(crate) fn resume(&mut self, now: impl FnOnce() -> Instant) -> Option<Instant> {
        let (deadline, end) = match self.time {
            Time::Running { deadline, .. } => return deadline,
            Time::Resting { deadline, end } => {
                let now = now();
                let at = |left: Option<Duration>| left.and_then(|left| now.checked_add(left));
                (at(deadline), at(end))
            }
        };
        self.time = Time::Running { deadline, end };
        deadline
    }

    /// The deadline has passed.
    pub(crate) fn is_over(&self, now: impl FnOnce() -> Instant) -> bool {
        matches!(self.time, Time::Running { deadline: Some(deadline), .. } if now() >= deadline)
    }

    /// The deadline has passed, and what had come by then is looked for once more.
    pub(crate) fn may_look(&mut self) -> bool {
        let is_left = self.looks > 0;
        self.looks = self.looks.saturating_sub(1);
        is_left
    }

    /// The session waits for its caller.
    pub(crate) fn rest(&mut self, now: impl FnOnce() -> Instant) {
        let Time::Running { deadline, end } = self.time else { return };
        let now = now();
        let left = |at: Option<Instant>| at.map(|at| at.saturating_duration_since(now));
        self.time = Time::Resting { deadline: left(deadline), end: left(end) };
    }

    /// Octets of content moved: the new deadline, where they flow well enough to move it.
    ///
    /// Content that goes out has the server's judgement still to come (RFC 5321, 4.5.3.2.6), content that
    /// comes in only its own rest.
    pub(crate) fn moved(&mut self, way: Way, octets: usize, now: Instant) -> Option<Instant> {
        let window = self.window();
        let since = match self.since {
            Some(since) if now.saturating_duration_since(since) <= window => since,
            _ => {
                self.moved = 0;
                *self.since.insert(now)
            }
        };
        self.moved = self.moved.saturating_add(octets as u64);
        let wanted = u128::from(self.deadlines.slowest) * window.as_millis() / 1000;
        if u128::from(self.moved) < wanted.max(1) || since > now {
            return None;
        }
        (self.since, self.moved) = (None, 0);
        let more = match way {
            Way::In => window,
            Way::Out => self.deadlines.delivery,
        };
        let Time::Running { deadline: Some(deadline), end } = self.time else { return None };
        let later = earlier(now.checked_add(more), end).filter(|&later| later > deadline)?;
        self.time = Time::Running { deadline: Some(later), end };
        Some(later)
    }

    /// How much time octets are counted together: a tenth of what a command may take, 10 seconds at most.
    fn window(&self) -> Duration {
        (self.deadlines.command / 10).min(Duration::from_secs(10))
    }
}

/// Which comes first, where `None` never comes.
fn earlier<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    [one, other].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn pace(at: Instant) -> Pace {
        let mut deadlines = Deadlines::all(MINUTE);
        deadlines.slowest = 1000;
        deadlines.total = None;
        let mut pace = Pace::new(None, deadlines);
        pace.begin(MINUTE);
        assert_eq!(pace.resume(|| at), Some(at + MINUTE));
        pace
    }

    #[test]
    fn nothing_goes_beyond_the_end_of_an_operation() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut deadlines = Deadlines::all(MINUTE);
        deadlines.total = Some(2 * MINUTE);
        let mut pace = Pace::new(None, deadlines);
        pace.begin_each(MINUTE);
        assert_eq!(pace.resume(|| start), Some(at(60)));
        // Content out has a minute more, an answer too, and then there is no more to have.
        assert_eq!(pace.moved(Way::Out, 1 << 20, at(50)), Some(at(110)));
        assert_eq!(pace.begin_next(|| at(55)), Some(at(115)));
        assert_eq!(pace.moved(Way::Out, 1 << 20, at(80)), Some(at(120)));
        assert_eq!(pace.moved(Way::Out, 1 << 20, at(90)), None);
        assert_eq!(pace.moved(Way::In, 1 << 20, at(119)), None);
        assert_eq!(pace.begin_next(|| at(119)), Some(at(120)));
        assert!(pace.is_over(|| at(120)));
        // The time of the caller is not counted here either.
        pace.rest(|| at(110));
        assert_eq!(pace.resume(|| at(1000)), Some(at(1010)));
        assert_eq!(pace.begin_next(|| at(1000)), Some(at(1010)));
        // A total that is less than a command may take counts, and not for what waits for news.
        deadlines.total = Some(MINUTE / 2);
        let mut pace = Pace::new(None, deadlines);
        pace.begin(MINUTE);
        assert_eq!(pace.resume(|| start), Some(at(30)));
        pace.begin_waiting(MINUTE);
        assert_eq!(pace.resume(|| start), Some(at(60)));
    }

    #[test]
    fn nothing_moves_the_deadline_of_connecting() {
        let start = Instant::now();
        let mut pace = Pace::new(Some(start + MINUTE), Deadlines::default());
        assert_eq!(pace.moved(Way::In, 1 << 30, start + MINUTE / 2), None);
        assert_eq!(pace.resume(|| start), Some(start + MINUTE));
    }

    #[test]
    fn content_that_flows_moves_the_deadline_and_a_drip_does_not() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut dripped = pace(start);
        for second in 0..60 {
            assert_eq!(dripped.moved(Way::In, 800, at(second)), None, "{second}");
        }
        let mut flowing = pace(start);
        assert_eq!(flowing.moved(Way::In, 6000, at(10)), None, "the deadline is later still");
        assert_eq!(flowing.moved(Way::In, 5999, at(57)), None);
        assert_eq!(flowing.moved(Way::In, 1, at(57)), Some(at(63)));
        assert_eq!(flowing.moved(Way::In, 6000, at(62)), Some(at(68)));
        // Sent content waits for the judgement of the server.
        assert_eq!(flowing.moved(Way::Out, 6000, at(62)), Some(at(122)));
    }

    #[test]
    fn each_command_has_its_own_time_where_it_is_asked_for() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut together = pace(start);
        assert_eq!(together.begin_next(|| at(30)), None);
        assert!(together.is_over(|| at(60)));
        let mut each = pace(start);
        each.begin_each(MINUTE);
        assert_eq!(each.resume(|| at(10)), Some(at(70)));
        assert_eq!(each.begin_next(|| at(30)), Some(at(90)));
        assert!(!each.is_over(|| at(89)) && each.is_over(|| at(90)));
        each.begin(MINUTE);
        assert_eq!(each.begin_next(|| at(91)), None);
    }

    #[test]
    fn the_time_of_the_caller_does_not_count() {
        let start = Instant::now();
        let mut pace = pace(start);
        pace.rest(|| start + Duration::from_secs(20));
        let later = start + 10 * MINUTE;
        assert_eq!(pace.resume(|| later), Some(later + Duration::from_secs(40)));
        assert_eq!(pace.resume(|| start), Some(later + Duration::from_secs(40)));
    }

    #[test]
    fn what_has_come_is_looked_for_so_often_in_an_operation() {
        let start = Instant::now();
        let mut pace = pace(start);
        for _ in 0..2 {
            let looks = std::iter::from_fn(|| pace.may_look().then_some(())).count();
            assert_eq!(looks, usize::from(LOOKS));
            // The time of the caller, and that of another command, bring no more.
            pace.rest(|| start);
            pace.begin_next(|| start);
            assert!(!pace.may_look());
            pace.begin(MINUTE);
        }
    }
}
