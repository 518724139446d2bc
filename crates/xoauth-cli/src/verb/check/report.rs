//! What `check` says: a line a step as it is done, or one document at the end.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};

use crate::Result;
use crate::failure::{Exit, Failure};
use crate::output::{Style, Ui, one_line};
use crate::rules::Rule;
use crate::server::Server;
use crate::steps::Watcher;

/// As much of a list as stands on a line of a terminal beside the name of its step and the time.
const SHOWN: usize = 48;

/// What was found out so far; the library's hook writes in it too.
#[derive(Clone)]
pub(super) struct Report(Arc<Mutex<Found>>);

struct Found {
    ui: Ui,
    steps: Vec<Value>,
    diagnosis: Vec<Value>,
    first_failure: Option<Exit>,
    /// What was said of the token, for the rule that asks for its claims.
    claims: Vec<String>,
    protocol: &'static str,
    began: Instant,
    /// Nobody reads what is written.
    broken: Option<Failure>,
}

impl Report {
    pub(super) fn new(ui: &Ui) -> Self {
        Self(Arc::new(Mutex::new(Found {
            ui: *ui,
            steps: Vec::new(),
            diagnosis: Vec::new(),
            first_failure: None,
            claims: Vec::new(),
            protocol: "token",
            began: Instant::now(),
            broken: None,
        })))
    }

    /// Nothing is left half done where a step panicked.
    fn found(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn head(&self, text: impl AsRef<str>) {
        self.found().print(text.as_ref());
    }

    /// Steps are of this protocol from now on.
    pub(super) fn begin(&self, protocol: &'static str) {
        self.found().protocol = protocol;
    }

    /// The server is about to be dialled. Reading the system's trusted roots is no step of the connection.
    pub(super) fn connecting(&self, protocol: &str, server: &Server) {
        let mut found = self.found();
        found.print(&format!("{protocol}  {server}"));
        found.began = Instant::now();
    }

    /// A step that is done.
    pub(super) fn passed(&self, step: &'static str, detail: impl AsRef<str>) {
        self.found().step(step, true, detail.as_ref());
    }

    /// What the library calls at each step.
    pub(super) fn watcher(&self) -> Watcher {
        let report = self.clone();
        Box::new(move |step, detail| report.passed(step, detail))
    }

    /// What is known of the token.
    pub(super) fn claims(&self, claims: Vec<String>) {
        self.found().claims = claims;
    }

    /// What is no failure yet, on standard error.
    pub(super) fn warn(&self, note: &str) {
        self.found().ui.note(format!("warning: {note}"));
    }

    /// A step that failed, and why.
    pub(super) fn failed(&self, failure: &Failure) {
        self.found().failed(failure);
    }

    pub(super) fn finish(self, account: &str) -> Result<Exit> {
        let mut found = self.found();
        if let Some(broken) = found.broken.take() {
            return Err(broken);
        }
        if found.ui.json {
            found.ui.object(json!({
                "account": account,
                "ok": found.first_failure.is_none(),
                "steps": found.steps,
                "diagnosis": found.diagnosis,
            }))?;
        }
        Ok(found.first_failure.unwrap_or(Exit::Ok))
    }
}

impl Found {
    fn print(&mut self, text: &str) {
        if !self.ui.json && self.broken.is_none() {
            self.broken = self.ui.line(text).err();
        }
    }

    fn step(&mut self, step: &'static str, ok: bool, detail: &str) {
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.began = Instant::now();
        let verdict = match ok {
            true => self.ui.paint(Style::Good, "ok  "),
            false => self.ui.paint(Style::Bad, "FAIL"),
        };
        let time = if ms == 0 { String::new() } else { format!(", {ms} ms") };
        let mut shown = one_line(detail);
        // Two dozen names would push the other steps off the screen; `-v` and whatever is no screen have them all.
        let is_cut = step == "capability" && std::io::stdout().is_terminal();
        if is_cut && ok && !self.ui.verbose && shown.chars().count() > SHOWN {
            shown = shown.chars().take(SHOWN).chain(['…']).collect();
        }
        self.print(&format!("  {verdict}  {step:<10} {shown}{time}"));
        self.steps.push(json!({
            "step": step, "protocol": self.protocol, "ok": ok, "ms": ms, "detail": detail,
        }));
    }

    fn failed(&mut self, failure: &Failure) {
        let detail = failure.server.as_deref().unwrap_or(&failure.message);
        self.step(failure.phase, false, detail);
        self.first_failure.get_or_insert(failure.exit);
        let step = self.steps.last_mut().and_then(Value::as_object_mut);
        if let (Some(step), Some(hint)) = (step, &failure.hint) {
            step.insert("hint".to_owned(), hint.clone().into());
        }
        if let Some(rule) = failure.rule {
            self.explain(rule);
        }
        if let Some(hint) = &failure.hint {
            self.print(&format!("hint   {}", one_line(hint)));
        }
    }

    fn explain(&mut self, rule: &Rule) {
        let id = self.ui.paint(Style::Faint, &format!("[{}]", rule.id));
        self.print(&format!("cause  {}   {id}", rule.cause));
        self.print(&format!("fix    {}", rule.fix));
        // A server that says nothing of why leaves what the token says of itself.
        let claims = match rule.id {
            "ms-authenticate-failed" => std::mem::take(&mut self.claims),
            _ => Vec::new(),
        };
        for claim in &claims {
            self.print(&format!("token  {}", one_line(claim)));
        }
        let id = Value::from(rule.id);
        if self.diagnosis.iter().all(|known| known.get("id") != Some(&id)) {
            let mut entry = json!({ "id": id, "cause": rule.cause, "fix": rule.fix });
            if let Some(members) = entry.as_object_mut().filter(|_| !claims.is_empty()) {
                members.insert("token".to_owned(), claims.into());
            }
            self.diagnosis.push(entry);
        }
    }
}
