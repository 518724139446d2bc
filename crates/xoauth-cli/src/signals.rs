//! SIGINT and SIGTERM end the command, but not between spending a refresh token or a code and its tokens being kept.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use crate::Result;
use crate::failure::{Exit, Failure};
use crate::output::complain;

static RENEWAL: Mutex<()> = Mutex::new(());

/// As shells show the end by SIGINT.
static CODE: AtomicI32 = AtomicI32::new(130);

static NOTE: Mutex<Option<&str>> = Mutex::new(None);

/// A signal ends the command with this code.
pub(crate) fn end_with(code: i32) -> Result<()> {
    CODE.store(code, Ordering::Relaxed);
    handle()
}

/// A signal ends the command, and this is said.
pub(crate) fn end_with_note(note: Option<&'static str>) -> Result<()> {
    *NOTE.lock().unwrap_or_else(PoisonError::into_inner) = note;
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
            let note = *NOTE.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(note) = note {
                // Where a terminal shows `^C`, and perhaps a bar, it is on a line of its own.
                if std::io::stderr().is_terminal() {
                    complain("");
                }
                complain(note);
            }
            std::process::exit(CODE.load(Ordering::Relaxed));
        });
    });
    handled.map_err(|error| Failure::new(Exit::Internal, "signals", error.to_string()))
}
