//! A hook that sees a session's lines without its secrets.

use std::fmt;
use std::sync::Arc;

use xoauth_sasl::wire::Direction;

/// Sees what a session sends and hears, for logs and bug reports.
///
/// Credentials never reach it: SASL messages are replaced by `<secret>` before the hook is called, and so
/// are our secrets where a server echoes them. Texts are bounded, control characters are escaped, and the
/// content of literals and messages is left out.
#[derive(Clone)]
pub struct Trace(Arc<Hook>);

type Hook = dyn Fn(Direction, &str) + Send + Sync;

impl Trace {
    /// Calls `hook` with each line.
    pub fn new(hook: impl Fn(Direction, &str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }

    /// Shows what the machine noted down.
    pub(crate) fn show(&self, mut next: impl FnMut() -> Option<(Direction, String)>) {
        while let Some((direction, line)) = next() {
            (self.0)(direction, &line);
        }
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trace(..)")
    }
}
