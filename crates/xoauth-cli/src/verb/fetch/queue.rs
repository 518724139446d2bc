//! A queue between two threads that bothers the system little: whoever waits is woken once for all there is.
//!
//! The taker takes everything at once, and the giver goes on when there is room for as much again. With one call a
//! piece, as `std::sync::mpsc::sync_channel` makes where the taker is the slower, waking costs as much as a third of a
//! small file.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The other end is gone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gone;

/// `waiting.len() <= most`, and the giver sleeps only while they are equal, the taker only while nothing waits.
struct Shared<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    emptied: Condvar,
    most: usize,
}

struct State<T> {
    waiting: Vec<T>,
    /// One of the ends is gone.
    is_over: bool,
}

/// The end that gives.
pub(super) struct Giver<T>(Arc<Shared<T>>);

/// The end that takes.
pub(super) struct Taker<T>(Arc<Shared<T>>);

/// A queue in which at most so many wait; as many may be in the hands of the taker.
pub(super) fn queue<T>(most: usize) -> (Giver<T>, Taker<T>) {
    let state = State { waiting: Vec::with_capacity(most), is_over: false };
    let shared = Arc::new(Shared {
        state: Mutex::new(state),
        filled: Condvar::new(),
        emptied: Condvar::new(),
        most,
    });
    (Giver(Arc::clone(&shared)), Taker(shared))
}

impl<T> Giver<T> {
    /// Waits for room.
    pub(super) fn give(&self, item: T) -> Result<(), Gone> {
        let mut state = self.0.lock();
        while state.waiting.len() >= self.0.most && !state.is_over {
            state = self.0.emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.is_over {
            return Err(Gone);
        }
        state.waiting.push(item);
        if state.waiting.len() == 1 {
            self.0.filled.notify_one();
        }
        Ok(())
    }
}

impl<T> Taker<T> {
    /// Takes all there is, in place of what `into` held; says whether that was anything.
    pub(super) fn try_take(&self, into: &mut Vec<T>) -> bool {
        self.0.take(&mut self.0.lock(), into)
    }

    /// The same, and waits for it; nothing comes any more where it is `false`.
    pub(super) fn take(&self, into: &mut Vec<T>) -> bool {
        let mut state = self.0.lock();
        loop {
            if self.0.take(&mut state, into) {
                return true;
            }
            if state.is_over {
                return false;
            }
            state = self.0.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, state: &mut State<T>, into: &mut Vec<T>) -> bool {
        into.clear();
        let was_full = state.waiting.len() >= self.most;
        std::mem::swap(&mut state.waiting, into);
        if was_full {
            self.emptied.notify_one();
        }
        !into.is_empty()
    }
}

impl<T> Drop for Giver<T> {
    fn drop(&mut self) {
        self.0.lock().is_over = true;
        self.0.filled.notify_one();
    }
}

impl<T> Drop for Taker<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_over = true;
        // Whoever waits for something in here hears that it will not be done.
        state.waiting.clear();
        self.0.emptied.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_arrives_in_order_and_no_more_waits_than_may() {
        let (giver, taker) = queue(4);
        let thread = std::thread::spawn(move || (0..1000).try_for_each(|n| giver.give(n)));
        let (mut all, mut taken) = (Vec::new(), Vec::new());
        while taker.take(&mut taken) {
            assert!(taken.len() <= 4, "{taken:?}");
            all.append(&mut taken);
        }
        assert_eq!(thread.join().unwrap(), Ok(()));
        assert_eq!(all, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn what_waits_is_taken_after_the_giver_is_gone() {
        let (giver, taker) = queue(4);
        let mut taken = vec![9];
        assert!(!taker.try_take(&mut taken) && taken.is_empty());
        giver.give(1).unwrap();
        drop(giver);
        assert!(taker.take(&mut taken));
        assert_eq!(taken, [1]);
        assert!(!taker.take(&mut taken) && !taker.try_take(&mut taken));
    }

    #[test]
    fn a_giver_that_waits_for_room_hears_that_the_taker_is_gone() {
        let (giver, taker) = queue(1);
        let thread = std::thread::spawn(move || (0..).find_map(|n| giver.give(n).err()));
        let mut taken = Vec::new();
        assert!(taker.take(&mut taken));
        drop(taker);
        assert_eq!(thread.join().unwrap(), Some(Gone));
    }

    #[test]
    fn what_waits_goes_with_the_taker() {
        let (giver, taker) = queue(4);
        let (answer, heard) = std::sync::mpsc::channel::<()>();
        giver.give(answer).unwrap();
        drop(taker);
        assert!(heard.recv().is_err());
        drop(giver);
    }
}
