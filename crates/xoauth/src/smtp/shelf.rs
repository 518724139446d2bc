//! Connections that wait for their next message, the same for both drivers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A session that can be kept.
pub(crate) trait Keepable {
    /// It takes another message.
    fn is_usable(&self) -> bool;

    /// Messages that were begun over it.
    fn messages(&self) -> u64;

    /// Takes leave without waiting for an answer.
    fn part(&mut self);
}

/// What a pool allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Connections at most, those that wait and those that send.
    pub(crate) limit: usize,
    /// A connection is given up after so much silence,
    pub(crate) idle: Duration,
    /// so long after it was opened,
    pub(crate) age: Duration,
    /// or after so many messages.
    pub(crate) messages: u32,
    /// One that waited longer is asked whether it is still there before a message is entrusted to it.
    pub(crate) check: Duration,
    /// Who waits for a place is told after so long that there is none.
    pub(crate) wait: Duration,
}

impl Rules {
    /// What is right for most servers, with at most so many connections.
    pub(crate) fn new(limit: usize) -> Self {
        let minute = Duration::from_secs(60);
        let check = Duration::from_secs(5);
        let wait = 10 * minute;
        Self { limit, idle: minute, age: 10 * minute, messages: 100, check, wait }
    }
}

/// The connections of a pool.
///
/// `idle.len() <= open <= limit`: what is open and not idle is lent.
pub(crate) struct Shelf<C> {
    rules: Rules,
    /// [`Keepable::part`].
    part: fn(&mut C),
    places: Mutex<Places<C>>,
}

struct Places<C> {
    open: usize,
    /// The one that was given back last stands last.
    idle: Vec<Kept<C>>,
    /// Who waits for a place, by ticket: who came first is served first, and one that asks again and again stands here
    /// once.
    waiting: BTreeMap<u64, Waker>,
    tickets: u64,
    mailers: u64,
}

/// A connection, and for whom it was opened.
struct Kept<C> {
    mailer: u64,
    session: C,
    opened: Instant,
    /// When it was given back.
    since: Instant,
}

/// A connection on loan, or the place for one. Dropped, it is given back where it takes another message, else its
/// place is free.
pub(crate) struct Lent<C: Keepable> {
    shelf: Arc<Shelf<C>>,
    mailer: u64,
    now: fn() -> Instant,
    kept: Option<Kept<C>>,
}

impl<C> Shelf<C> {
    pub(crate) fn new(rules: Rules) -> Self
    where
        C: Keepable,
    {
        let (idle, waiting) = (Vec::new(), BTreeMap::new());
        let places = Places { open: 0, idle, waiting, tickets: 0, mailers: 0 };
        Self { rules, part: C::part, places: Mutex::new(places) }
    }

    /// The number of a new mailer: connections are lent to the mailer they were opened for, and nobody else.
    pub(crate) fn enroll(&self) -> u64 {
        let mut places = self.places();
        places.mailers += 1;
        places.mailers
    }

    pub(crate) fn rules(&self) -> Rules {
        self.rules
    }

    /// Connections that are open, and those of them that wait.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let places = self.places();
        (places.open, places.idle.len())
    }

    /// Whoever has this ticket waits no longer; the place that was meant for it is somebody else's.
    pub(crate) fn forget(&self, ticket: u64) {
        let mut places = self.places();
        if places.waiting.remove(&ticket).is_some() {
            self.call(places);
        }
    }

    /// Wakes those for whom there is a place.
    fn call(&self, places: MutexGuard<'_, Places<C>>) {
        let free = self.free(&places);
        let next: Vec<_> = places.waiting.values().take(free).cloned().collect();
        drop(places);
        next.into_iter().for_each(Waker::wake);
    }

    /// Places that nobody has.
    fn free(&self, places: &Places<C>) -> usize {
        self.rules.limit.max(1).saturating_sub(places.open) + places.idle.len()
    }

    fn part(&self, mut kept: Kept<C>) {
        (self.part)(&mut kept.session);
    }

    fn places(&self) -> MutexGuard<'_, Places<C>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Keepable> Shelf<C> {
    /// A connection of this mailer, or a place for one; waits while there is neither, or others who came before wait for
    /// it. `ticket` is that of whoever waits, empty at first.
    pub(crate) fn poll_take(
        self: &Arc<Self>,
        mailer: u64,
        now: fn() -> Instant,
        ticket: &mut Option<u64>,
        cx: &mut Context<'_>,
    ) -> Poll<Lent<C>> {
        let time = now();
        // They take leave when the lock is no longer held.
        let mut given_up = Vec::new();
        let mut places = self.places();
        let mut index = 0;
        while let Some(kept) = places.idle.get(index) {
            if self.is_over(kept, time) {
                given_up.push(places.idle.remove(index));
                places.open -= 1;
            } else {
                index += 1;
            }
        }
        let before = ticket.map_or(places.waiting.len(), |own| places.waiting.range(..own).count());
        if before >= self.free(&places) {
            let number = *ticket.get_or_insert_with(|| {
                places.tickets += 1;
                places.tickets
            });
            places.waiting.insert(number, cx.waker().clone());
            drop(places);
            given_up.into_iter().for_each(|kept| self.part(kept));
            return Poll::Pending;
        }
        if let Some(own) = *ticket {
            places.waiting.remove(&own);
        }
        let own = places.idle.iter().rposition(|kept| kept.mailer == mailer);
        let kept = own.map(|own| places.idle.remove(own));
        if kept.is_none() {
            if places.open < self.rules.limit.max(1) {
                places.open += 1;
            } else {
                // The place of the connection that another mailer has not used for longest: there is one, for a place is
                // free and no more may be opened.
                given_up.push(places.idle.remove(0));
            }
        }
        drop(places);
        given_up.into_iter().for_each(|kept| self.part(kept));
        Poll::Ready(Lent { shelf: Arc::clone(self), mailer, now, kept })
    }

    /// All connections that wait.
    pub(crate) fn take_idle(&self) -> Vec<C> {
        let mut places = self.places();
        let idle = std::mem::take(&mut places.idle);
        places.open -= idle.len();
        self.call(places);
        idle.into_iter().map(|kept| kept.session).collect()
    }

    fn is_over(&self, kept: &Kept<C>, now: Instant) -> bool {
        now.saturating_duration_since(kept.since) >= self.rules.idle
            || now.saturating_duration_since(kept.opened) >= self.rules.age
            || kept.session.messages() >= u64::from(self.rules.messages.max(1))
            || !kept.session.is_usable()
    }
}

impl<C: Keepable> Lent<C> {
    /// The connection, and how long it waited; `None` where it is a place for one.
    pub(crate) fn session(&mut self) -> Option<(&mut C, Duration)> {
        let now = (self.now)();
        let kept = self.kept.as_mut()?;
        Some((&mut kept.session, now.saturating_duration_since(kept.since)))
    }

    /// Fills the place.
    pub(crate) fn fill(&mut self, session: C) {
        let now = (self.now)();
        let mailer = self.mailer;
        self.kept = Some(Kept { mailer, session, opened: now, since: now });
    }

    /// Takes leave and closes the connection; its place stays.
    pub(crate) fn discard(&mut self) {
        if let Some(kept) = self.kept.take() {
            self.shelf.part(kept);
        }
    }

    pub(crate) fn get_mut(&mut self) -> Option<&mut C> {
        self.kept.as_mut().map(|kept| &mut kept.session)
    }

    /// The connection of one that was filled, and that nobody discards.
    pub(crate) fn filled(&self) -> &C {
        let Some(kept) = &self.kept else { unreachable!("a place is lent as a session") };
        &kept.session
    }

    /// As [`Lent::filled`].
    pub(crate) fn filled_mut(&mut self) -> &mut C {
        let Some(kept) = &mut self.kept else { unreachable!("a place is lent as a session") };
        &mut kept.session
    }
}

/// A pool that is dropped takes leave.
impl<C> Drop for Shelf<C> {
    fn drop(&mut self) {
        let idle = std::mem::take(&mut self.places().idle);
        idle.into_iter().for_each(|kept| self.part(kept));
    }
}

impl<C: Keepable> Drop for Lent<C> {
    fn drop(&mut self) {
        let now = (self.now)();
        let kept = self.kept.take().map(|kept| Kept { since: now, ..kept });
        let kept = match kept {
            // The place is free when leave was taken.
            Some(kept) if self.shelf.is_over(&kept, now) => {
                self.shelf.part(kept);
                None
            }
            kept => kept,
        };
        let mut places = self.shelf.places();
        match kept {
            Some(kept) => places.idle.push(kept),
            None => places.open -= 1,
        }
        self.shelf.call(places);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    impl<C> Shelf<C> {
        /// How many wait for a place.
        pub(crate) fn waiting(&self) -> usize {
            self.places().waiting.len()
        }
    }

    /// A session by its number, and the messages sent over it; the even ones are usable.
    #[derive(Debug, PartialEq, Eq)]
    struct Numbered(u32, u64);

    impl Keepable for Numbered {
        fn is_usable(&self) -> bool {
            self.0 % 2 == 0
        }

        fn messages(&self) -> u64 {
            self.1
        }

        fn part(&mut self) {
            PARTED.with_borrow_mut(|parted| parted.push(self.0));
        }
    }

    thread_local! {
        static PASSED: Cell<u64> = const { Cell::new(0) };
        /// The sessions that took leave.
        static PARTED: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
    }

    /// The time of the test's own clock.
    fn clock() -> Instant {
        static BEGAN: OnceLock<Instant> = OnceLock::new();
        *BEGAN.get_or_init(Instant::now) + Duration::from_secs(PASSED.get())
    }

    fn shelf(limit: usize) -> Arc<Shelf<Numbered>> {
        let second = Duration::from_secs(1);
        let rules = Rules {
            idle: 10 * second,
            age: 60 * second,
            messages: 3,
            check: second,
            ..Rules::new(limit)
        };
        Arc::new(Shelf::new(rules))
    }

    fn ask(
        shelf: &Arc<Shelf<Numbered>>,
        mailer: u64,
        ticket: &mut Option<u64>,
    ) -> Option<Lent<Numbered>> {
        let mut cx = Context::from_waker(Waker::noop());
        match shelf.poll_take(mailer, clock, ticket, &mut cx) {
            Poll::Ready(lent) => Some(lent),
            Poll::Pending => None,
        }
    }

    /// Asks once, and waits for nothing.
    fn take(shelf: &Arc<Shelf<Numbered>>, mailer: u64) -> Option<Lent<Numbered>> {
        let mut ticket = None;
        let lent = ask(shelf, mailer, &mut ticket);
        ticket.into_iter().for_each(|ticket| shelf.forget(ticket));
        lent
    }

    /// The number of the session that is lent; a place is filled with a new one.
    fn number(lent: &mut Lent<Numbered>, fresh: u32) -> u32 {
        if lent.session().is_none() {
            lent.fill(Numbered(fresh, 0));
        }
        lent.session().unwrap().0.0
    }

    #[test]
    fn a_session_is_lent_to_its_mailer_only() {
        let shelf = shelf(2);
        let (ann, ben) = (shelf.enroll(), shelf.enroll());
        assert_eq!(number(&mut take(&shelf, ann).unwrap(), 2), 2);
        assert_eq!(number(&mut take(&shelf, ben).unwrap(), 4), 4);
        assert_eq!(number(&mut take(&shelf, ann).unwrap(), 6), 2);
        assert_eq!(number(&mut take(&shelf, ben).unwrap(), 8), 4);
        assert_eq!(shelf.counts(), (2, 2));
        // A third takes the place of the one that waited longest.
        let cleo = shelf.enroll();
        assert_eq!(number(&mut take(&shelf, cleo).unwrap(), 10), 10);
        assert_eq!(shelf.counts(), (2, 2));
        assert_eq!(number(&mut take(&shelf, ben).unwrap(), 12), 4);
        assert_eq!(number(&mut take(&shelf, ann).unwrap(), 14), 14);
        // Each that made room took leave, and so do those of a pool that is gone.
        assert_eq!(PARTED.take(), [2, 10]);
        drop(shelf);
        assert_eq!(PARTED.take(), [4, 14]);
    }

    #[test]
    fn no_more_are_lent_than_the_limit() {
        let shelf = shelf(2);
        let mailer = shelf.enroll();
        let (one, two) = (take(&shelf, mailer), take(&shelf, mailer));
        assert!(one.is_some() && two.is_some() && take(&shelf, mailer).is_none());
        // A place that was not filled is free again.
        drop(one);
        assert_eq!(shelf.counts(), (1, 0));
        assert!(take(&shelf, mailer).is_some());
        drop(two);
        assert_eq!(shelf.counts(), (0, 0));
    }

    #[test]
    fn who_waits_is_noted_once_however_often_it_asks() {
        let shelf = shelf(1);
        let lent = take(&shelf, shelf.enroll());
        let other = shelf.enroll();
        let mut ticket = None;
        assert!((0..100).all(|_| ask(&shelf, other, &mut ticket).is_none()));
        assert_eq!(shelf.waiting(), 1);
        // Another one that waits has a ticket of its own.
        let mut second = None;
        assert!(ask(&shelf, other, &mut second).is_none());
        assert_eq!(shelf.waiting(), 2);
        shelf.forget(second.unwrap());
        drop(lent);
        assert!(ask(&shelf, other, &mut ticket).is_some() && shelf.waiting() == 0);
    }

    #[test]
    fn who_came_first_is_served_first_whoever_asks() {
        let shelf = shelf(2);
        let mailer = shelf.enroll();
        let (one, two) = (take(&shelf, mailer), take(&shelf, mailer));
        let mut tickets = [None; 4];
        assert!(tickets.iter_mut().all(|ticket| ask(&shelf, mailer, ticket).is_none()));
        drop(one);
        // Neither one that has come since nor one who stands behind takes the place that came free.
        assert!(take(&shelf, mailer).is_none());
        let [first, second, third, fourth] = &mut tickets;
        assert!(ask(&shelf, mailer, third).is_none() && ask(&shelf, mailer, second).is_none());
        let lent = ask(&shelf, mailer, first);
        assert!(lent.is_some());
        // Two places, and the first of the three who is left has gone away.
        drop((two, lent));
        shelf.forget(second.unwrap());
        let mut lent = [ask(&shelf, mailer, fourth), ask(&shelf, mailer, third)];
        assert!(lent.iter_mut().all(|lent| number(lent.as_mut().unwrap(), 2) == 2));
    }

    /// Whoever is woken and goes away wakes the next.
    #[test]
    fn a_place_is_not_kept_for_one_who_has_gone() {
        struct Count(AtomicUsize);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let shelf = shelf(1);
        let mailer = shelf.enroll();
        let lent = take(&shelf, mailer);
        let woken = [0, 1].map(|_| Arc::new(Count(AtomicUsize::new(0))));
        let counts = || woken.each_ref().map(|count| count.0.load(Ordering::SeqCst));
        for count in &woken {
            let waker = Waker::from(Arc::clone(count));
            let polled =
                shelf.poll_take(mailer, clock, &mut None, &mut Context::from_waker(&waker));
            assert!(polled.is_pending());
        }
        drop(lent);
        assert_eq!(counts(), [1, 0]);
        shelf.forget(1);
        assert_eq!(counts(), [1, 1]);
    }

    #[test]
    fn a_session_is_not_kept_for_ever() {
        let shelf = shelf(1);
        let mailer = shelf.enroll();
        let mut fresh = 0;
        let mut next = |messages: u64| {
            fresh += 2;
            let mut lent = take(&shelf, mailer).unwrap();
            let number = number(&mut lent, fresh);
            lent.get_mut().unwrap().1 += messages;
            number
        };
        assert_eq!(next(0), 2);
        PASSED.set(9);
        assert_eq!(next(0), 2);
        // Silent for too long.
        PASSED.set(19);
        assert_eq!(next(0), 6);
        // Too many messages.
        assert_eq!(next(2), 6);
        assert_eq!(next(1), 6);
        assert_eq!(next(0), 12);
        // Too old, whatever it did.
        for passed in [28, 37, 46, 55, 64, 73, 78] {
            PASSED.set(passed);
            assert_eq!(next(0), 12, "{passed}");
        }
        PASSED.set(79);
        assert_eq!(next(0), 28);
        // One that broke.
        let mut lent = take(&shelf, mailer).unwrap();
        lent.discard();
        lent.fill(Numbered(1, 0));
        drop(lent);
        assert_eq!(shelf.counts(), (0, 0));
    }
}
