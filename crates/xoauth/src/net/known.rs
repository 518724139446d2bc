//! Secrets that a connection knows before its first octet.
//!
//! A server may greet with what it heard on another connection. Whoever signs in has the token before anything is dialled,
//! but what makes connections is a function of the program, which takes no arguments. So the secrets are kept beside
//! the thread while that function runs, and [`Options::settings`](super::Options) finds them there.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use xoauth_sasl::Mask;

thread_local! {
    static KNOWN: RefCell<Option<Arc<Mask>>> = const { RefCell::new(None) };
}

/// What is known where a connection is made on this thread.
pub(super) fn known() -> Option<Arc<Mask>> {
    KNOWN.with_borrow(Option::clone)
}

/// Awaits `future`; connections that it makes on the thread that polls it know these secrets from the start.
pub(crate) async fn knowing<F: Future>(secrets: Arc<Mask>, future: F) -> F::Output {
    let mut future = pin!(future);
    // Set for each poll alone: what else the thread does meanwhile is none of this.
    poll_fn(|cx| {
        let _known = Known::enter(Arc::clone(&secrets));
        future.as_mut().poll(cx)
    })
    .await
}

/// Dropped, also by a panic, what was known before is known again.
struct Known(Option<Arc<Mask>>);

impl Known {
    fn enter(secrets: Arc<Mask>) -> Self {
        Self(KNOWN.replace(Some(secrets)))
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        KNOWN.set(self.0.take());
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn secrets() -> Arc<Mask> {
        Arc::default()
    }

    fn knows(secrets: &Arc<Mask>) -> bool {
        known().is_some_and(|known| Arc::ptr_eq(&known, secrets))
    }

    #[test]
    fn secrets_are_known_while_the_future_runs_and_no_longer() {
        let (outer, inner) = (secrets(), secrets());
        let mut polls = 0;
        let steps = poll_fn(|_| {
            polls += 1;
            assert!(knows(&outer));
            let within = pin!(knowing(Arc::clone(&inner), async { knows(&inner) }));
            let mut cx = Context::from_waker(Waker::noop());
            assert_eq!(within.poll(&mut cx), Poll::Ready(true));
            assert!(knows(&outer));
            if polls < 2 { Poll::Pending } else { Poll::Ready(()) }
        });
        let mut future = pin!(knowing(Arc::clone(&outer), steps));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(future.as_mut().poll(&mut cx).is_pending());
        assert!(known().is_none());
        assert!(future.as_mut().poll(&mut cx).is_ready());
        assert!(known().is_none());
    }

    #[test]
    fn a_panic_leaves_none_behind() {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let mut future = pin!(knowing(secrets(), async { assert!(known().is_none()) }));
            let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }));
        assert!(caught.is_err() && known().is_none());
    }
}
