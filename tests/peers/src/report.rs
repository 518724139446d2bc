//! What the benchmarks print, kept for a page.

use std::sync::Mutex;

static LINES: Mutex<String> = Mutex::new(String::new());

/// Prints a line and keeps it.
pub(crate) fn note(line: &str) {
    println!("{line}");
    let mut lines = LINES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    lines.push_str(line);
    lines.push('\n');
}

/// What was said since the last call.
pub(crate) fn take() -> String {
    std::mem::take(&mut *LINES.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

macro_rules! say {
    ($($argument:tt)*) => { crate::report::note(&format!($($argument)*)) };
}
pub(crate) use say;
