//! The steps on the way to a session: which is under way, and what those before it found.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xoauth::net::Milestone;

use crate::server::{Protection, Server};

/// Hears of each step that is done: its name, and what it found.
pub(crate) type Watcher = Box<dyn FnMut(&'static str, String) + Send>;

/// Shared with the library, which tells of the steps it makes.
#[derive(Clone)]
pub(crate) struct Steps(Arc<Mutex<State>>);

struct State {
    server: Server,
    under_way: &'static str,
    /// The credentials go with the first line.
    is_inline: bool,
    watcher: Option<Watcher>,
}

impl Steps {
    pub(crate) fn new(server: &Server) -> Self {
        let (server, under_way) = (server.clone(), "resolve");
        Self(Arc::new(Mutex::new(State { server, under_way, is_inline: false, watcher: None })))
    }

    pub(crate) fn watched(server: &Server, watcher: Watcher) -> Self {
        let steps = Self::new(server);
        steps.state().watcher = Some(watcher);
        steps
    }

    /// What a builder's milestones go to.
    pub(crate) fn hook(&self) -> impl Fn(Milestone<'_>) + Send + Sync + 'static {
        let steps = self.clone();
        move |milestone| {
            let protection = steps.state().server.tls;
            match milestone {
                Milestone::Resolved(addresses) => {
                    let shown = addresses.iter().map(|address| address.ip().to_string());
                    steps.done("resolve", shown.collect::<Vec<_>>().join(" "), "connect");
                }
                Milestone::Connected(address) => {
                    let is_implicit = protection == Protection::Implicit;
                    let next = if is_implicit { "tls" } else { "greeting" };
                    steps.done("connect", address.to_string(), next);
                }
                Milestone::Secured(version) => {
                    let (how, next) = match protection {
                        Protection::Implicit => ("implicit", "greeting"),
                        _ => ("STARTTLS", "capability"),
                    };
                    let version = version.map(|v| format!(", {v}")).unwrap_or_default();
                    let host = steps.state().server.host.clone();
                    let detail = format!("{how}{version}, certificate is good for {host}");
                    steps.done("tls", detail, next);
                }
                Milestone::Greeted => {
                    let is_late = protection == Protection::StartTls;
                    let next = if is_late { "tls" } else { "capability" };
                    steps.done("greeting", "OK".to_owned(), next);
                }
                _ => {}
            }
        }
    }

    /// What the server can do is known.
    pub(crate) fn capabilities(&self, detail: String) {
        self.done("capability", detail, "mechanism");
    }

    /// The mechanism is chosen, and offered; `length` is that of its message.
    pub(crate) fn mechanism(
        &self,
        name: &str,
        offered: &[String],
        length: Option<usize>,
        is_inline: bool,
    ) {
        self.state().is_inline = is_inline;
        let length =
            length.map_or_else(|| "response".to_owned(), |length| format!("{length} octets"));
        let how = if is_inline { "with the command" } else { "on a line of its own" };
        let detail = format!("{name}, {length} {how} (offered: {})", offered.join(" "));
        self.done("mechanism", detail, "auth");
    }

    /// The step that is not done yet.
    pub(crate) fn under_way(&self) -> &'static str {
        self.state().under_way
    }

    pub(crate) fn is_inline(&self) -> bool {
        self.state().is_inline
    }

    fn done(&self, step: &'static str, detail: String, next: &'static str) {
        let mut state = self.state();
        state.under_way = next;
        if let Some(watcher) = &mut state.watcher {
            watcher(step, detail);
        }
    }

    /// A watcher that panicked left nothing half done.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Steps({})", self.under_way())
    }
}
