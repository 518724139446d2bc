//! SIGINT, SIGTERM and SIGHUP end the command, but not between spending a refresh token or a code and its tokens being kept.

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
    let mut handled: std::io::Result<()> = Ok(());
    ONCE.call_once(|| {
        handled = install();
    });
    handled.map_err(|error| Failure::new(Exit::Internal, "signals", error.to_string()))
}

/// What is ignored stays so, as POSIX asks it of programs: SIGHUP under `nohup`, SIGINT in what a script runs behind it. Where
/// that cannot be found out, the end of the terminal is that of any program.
#[cfg(unix)]
fn install() -> std::io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let ignored = ignored();
    let is_wanted = |signal: &i32| match ignored {
        Some(mask) => mask & 1 << (signal - 1) == 0,
        None => *signal != SIGHUP,
    };
    let wanted = [SIGHUP, SIGINT, SIGTERM].into_iter().filter(is_wanted);
    let mut signals = signal_hook::iterator::Signals::new(wanted)?;
    let listen = move || {
        if let Some(signal) = signals.forever().next() {
            end((signal == SIGHUP).then_some(128 + SIGHUP));
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(listen).map(drop)
}

#[cfg(not(unix))]
fn install() -> std::io::Result<()> {
    ctrlc::set_handler(|| end(None)).map_err(std::io::Error::other)
}

/// The signals that are ignored, as Linux tells them: a bit each.
#[cfg(unix)]
fn ignored() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

/// Ends the command once nothing is being renewed; `code` is that of a signal which is never a success.
fn end(code: Option<i32>) {
    let _renewal = RENEWAL.lock();
    let note = *NOTE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(note) = note {
        // Where a terminal shows `^C`, and perhaps a bar, it is on a line of its own.
        if std::io::stderr().is_terminal() {
            complain("");
        }
        complain(note);
    }
    std::process::exit(code.unwrap_or_else(|| CODE.load(Ordering::Relaxed)));
}
