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
    /// The mechanisms that the server lists.
    offered: Vec<String>,
    /// The credentials go with the first line.
    is_inline: bool,
    /// The mechanism is tried although the server does not list it.
    is_unlisted: bool,
    watcher: Option<Watcher>,
}

impl Steps {
    pub(crate) fn new(server: &Server) -> Self {
        Self(Arc::new(Mutex::new(State {
            server: server.clone(),
            under_way: "resolve",
            offered: Vec::new(),
            is_inline: false,
            is_unlisted: false,
            watcher: None,
        })))
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
                Milestone::Authenticating { mechanism, octets, with_command } => {
                    steps.mechanism(mechanism, octets, with_command);
                }
                _ => {}
            }
        }
    }

    /// What the server can do is known, and by which mechanisms.
    pub(crate) fn capabilities<'a>(
        &self,
        all: impl Iterator<Item = &'a str>,
        mechanisms: impl Iterator<Item = &'a str>,
    ) {
        self.state().offered = mechanisms.map(str::to_owned).collect();
        self.done("capability", all.collect::<Vec<_>>().join(" "), "mechanism");
    }

    /// The mechanism is chosen, and its message goes out.
    fn mechanism(&self, name: &str, octets: usize, is_inline: bool) {
        let mut state = self.state();
        let is_unlisted = !state.offered.iter().any(|one| one.eq_ignore_ascii_case(name));
        (state.is_inline, state.is_unlisted) = (is_inline, is_unlisted);
        let how = if is_inline { "with the command" } else { "on a line of its own" };
        let listed = if is_unlisted { " (not offered)" } else { "" };
        let offered = state.offered.join(" ");
        let detail = format!("{name}{listed}, {octets} octets {how} (offered: {offered})");
        drop(state);
        self.done("mechanism", detail, "auth");
    }

    /// The step that is not done yet.
    pub(crate) fn under_way(&self) -> &'static str {
        self.state().under_way
    }

    pub(crate) fn is_inline(&self) -> bool {
        self.state().is_inline
    }

    /// What the server lists, where the mechanism is not there.
    pub(crate) fn unlisted(&self) -> Option<Vec<String>> {
        let state = self.state();
        state.is_unlisted.then(|| state.offered.clone())
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
