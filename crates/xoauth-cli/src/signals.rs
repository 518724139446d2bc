//! SIGINT and SIGTERM end the command, but not between spending a refresh token or a code and its tokens being kept.

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use crate::Result;
use crate::failure::{Exit, Failure};

static RENEWAL: Mutex<()> = Mutex::new(());

/// As shells show the end by SIGINT.
static CODE: AtomicI32 = AtomicI32::new(130);

/// A signal ends the command with this code.
pub(crate) fn end_with(code: i32) -> Result<()> {
    CODE.store(code, Ordering::Relaxed);
    handle()
}

/// Signals wait until this is dropped.
pub(crate) type Held = MutexGuard<'static, ()>;

/// Makes signals wait.
pub(crate) fn hold() -> Result<Held> {
    handle()?;
    Ok(RENEWAL.lock().unwrap_or_else(PoisonError::into_inner))
}

fn handle() -> Result<()> {
    static ONCE: Once = Once::new();
    let mut handled = Ok(());
    ONCE.call_once(|| {
        handled = ctrlc::set_handler(|| {
            let _renewal = RENEWAL.lock();
            std::process::exit(CODE.load(Ordering::Relaxed));
        });
    });
    handled.map_err(|error| Failure::new(Exit::Internal, "signals", error.to_string()))
}
