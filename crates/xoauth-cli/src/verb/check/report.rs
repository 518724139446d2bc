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
    /// What the token says of itself, and what in it opens no mailbox: a server that refuses it seldom tells.
    facts: Vec<String>,
    notes: Vec<String>,
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
            facts: Vec::new(),
            notes: Vec::new(),
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

    /// There is a token, with what it says of itself, and what in it opens no mailbox.
    pub(super) fn token(&self, detail: impl AsRef<str>, facts: Vec<String>, notes: Vec<String>) {
        let mut found = self.found();
        found.step("token", true, detail.as_ref());
        found.tell("note", &notes);
        if let Some(step) = found.last_step().filter(|_| !notes.is_empty()) {
            step.insert("notes".to_owned(), notes.clone().into());
        }
        (found.facts, found.notes) = (facts, notes);
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
        if let (Some(step), Some(hint)) = (self.last_step(), &failure.hint) {
            step.insert("hint".to_owned(), hint.clone().into());
        }
        let claims = self.claims(failure);
        match failure.rule {
            Some(rule) => self.explain(rule, claims),
            None if claims.is_empty() => {}
            // No rule knows the server's words, and the token tells why.
            None => {
                self.tell("token", &claims);
                let (cause, fix) = (claims.join(" "), failure.hint.clone());
                self.diagnose(json!({ "id": null, "cause": cause, "fix": fix, "token": claims }));
            }
        }
        if let Some(hint) = &failure.hint {
            self.print(&format!("hint   {}", one_line(hint)));
        }
    }

    /// What of the token goes with a login that was refused, or was of no use. A server that says nothing of why leaves all
    /// that the token says of itself.
    fn claims(&self, failure: &Failure) -> Vec<String> {
        let is_refused = matches!(failure.phase, "auth" | "probe");
        if !is_refused || failure.exit == Exit::Temporary {
            return Vec::new();
        }
        let says_nothing = failure.rule.is_some_and(|rule| rule.id == "ms-authenticate-failed");
        let facts = if says_nothing { self.facts.as_slice() } else { &[] };
        facts.iter().chain(&self.notes).cloned().collect()
    }

    fn explain(&mut self, rule: &Rule, claims: Vec<String>) {
        let id = self.ui.paint(Style::Faint, &format!("[{}]", rule.id));
        self.print(&format!("cause  {}   {id}", rule.cause));
        self.print(&format!("fix    {}", rule.fix));
        self.tell("token", &claims);
        let mut entry = json!({ "id": rule.id, "cause": rule.cause, "fix": rule.fix });
        if let Some(members) = entry.as_object_mut().filter(|_| !claims.is_empty()) {
            members.insert("token".to_owned(), claims.into());
        }
        self.diagnose(entry);
    }

    /// Once each, whatever protocol met it first.
    fn diagnose(&mut self, entry: Value) {
        if self.diagnosis.iter().all(|known| known.get("id") != entry.get("id")) {
            self.diagnosis.push(entry);
        }
    }

    /// Lines below a step.
    fn tell(&mut self, what: &str, lines: &[String]) {
        for line in lines {
            self.print(&format!("{what:<5}  {}", one_line(line)));
        }
    }

    fn last_step(&mut self) -> Option<&mut serde_json::Map<String, Value>> {
        self.steps.last_mut().and_then(Value::as_object_mut)
    }
}
