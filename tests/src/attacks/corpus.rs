//! Reading the corpus. What is not understood is an error: a field that nobody checks would be a
//! promise that nobody keeps.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex_lite::Regex;
use serde_json::Value;
use std::time::Duration;

use crate::player::text;

/// A file of cases.
#[derive(Debug, Clone)]
pub struct Corpus {
    /// What may be seen nowhere.
    pub secrets: Vec<String>,
    /// The cases, in the order of the file.
    pub cases: Vec<Case>,
}

/// A hostile server, and what a correct client does about it.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name.
    pub id: String,
    pub(super) is_imap: bool,
    pub(super) client: Value,
    pub(super) caps: String,
    pub(super) caps_tls: String,
    /// Automatic answers beyond `auto_extra`.
    pub(super) auto: bool,
    pub(super) auto_extra: Vec<(Regex, String)>,
    pub(super) steps: Vec<Step>,
    pub(super) sweep: Option<Sweep>,
    pub(super) want: Want,
}

/// One thing the server does.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Octets with `${..}` to be filled in.
    Send(Vec<u8>),
    /// Octets as they are.
    SendRaw(Vec<u8>),
    /// Parts, each so many times over; only the first and the last are filled in.
    SendParts(Vec<(Vec<u8>, usize)>),
    Expect(Expected),
    ExpectData,
    Tls(Certificate),
    Wait(Duration),
    Stall(Duration),
    Drain(Duration),
    Serve(Duration),
    Repeat(usize, Vec<Step>),
    /// In order, TLS first.
    Close,
    /// TCP alone, without `close_notify`.
    CloseTcp,
    Reset,
}

impl Step {
    /// The client hears of it, or has to do something.
    pub(super) fn needs_client(&self) -> bool {
        matches!(
            self,
            Self::Send(_)
                | Self::SendRaw(_)
                | Self::SendParts(_)
                | Self::Expect(_)
                | Self::ExpectData
                | Self::Tls(_)
        )
    }

    fn edit_said(&mut self, edit: &mut dyn FnMut(&mut String)) {
        let mut edited = |octets: &mut Vec<u8>| {
            if let Ok(mut text) = String::from_utf8(octets.clone()) {
                edit(&mut text);
                *octets = text.into_bytes();
            }
        };
        match self {
            Self::Send(octets) | Self::SendRaw(octets) => edited(octets),
            Self::SendParts(parts) => parts.iter_mut().for_each(|(part, _)| edited(part)),
            Self::Repeat(_, steps) => steps.iter_mut().for_each(|step| step.edit_said(edit)),
            _ => {}
        }
    }
}

/// A line that the server waits for.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) pattern: Regex,
    /// The pattern is anchored at the end: nothing is added to what the client says.
    pub(super) to_the_end: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Certificate {
    Good,
    WrongHost,
    Expired,
    SelfSigned,
    Untrusted,
}

/// A case that stands for a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sweep {
    Fragment,
    Cut,
    Flip,
    Stall,
}

/// The required outcome.
#[derive(Debug, Clone, Default)]
pub(super) struct Want {
    pub(super) outcome: Vec<String>,
    pub(super) error: Vec<String>,
    pub(super) credentials_in_clear: bool,
    pub(super) never_send: Vec<Regex>,
    pub(super) never_send_decoded: Vec<String>,
    pub(super) send_in_order: Vec<Regex>,
    pub(super) send_decoded: Vec<String>,
    pub(super) must_close: bool,
    pub(super) must_not_surface: Vec<String>,
    pub(super) no_connect_to: Vec<String>,
    pub(super) not_in_error: Vec<String>,
    pub(super) max_ms: Option<u64>,
    pub(super) max_rss_mb: Option<u64>,
    pub(super) max_client_lines: Option<usize>,
    pub(super) data_no_bare_cr_lf: bool,
    pub(super) data_equals_after_unstuff: Option<String>,
    pub(super) one_message: bool,
}

impl Corpus {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// What is not in `README.md` beside the files, with the case that has it.
    pub fn read(file: &str) -> Result<Self, String> {
        let document: Value = serde_json::from_str(file).map_err(|error| error.to_string())?;
        if text(&document, "format") != Some("mail-attack-cases/1") {
            return Err("not a file of attack cases".to_owned());
        }
        let secrets = strings(document.get("secrets"));
        let cases = list(document.get("cases")).iter().map(|case| {
            let id = text(case, "id").unwrap_or_default();
            Case::read(id, case).map_err(|error| format!("{id}: {error}"))
        });
        Ok(Self { secrets, cases: cases.collect::<Result<_, _>>()? })
    }
}

impl Case {
    /// The case stands for a family of runs.
    pub fn is_sweep(&self) -> bool {
        self.sweep.is_some()
    }

    /// All may go well.
    pub(super) fn wants_ok(&self) -> bool {
        self.want.outcome.iter().any(|outcome| outcome == "ok")
    }

    /// The case is about the memory of the client, which is counted in a process of its own.
    pub fn bounds_memory(&self) -> bool {
        self.want.max_rss_mb.is_some()
    }

    /// By how many octets the heap may grow: the case says it where the server sends as much as limits allow. What the
    /// client is given to send is its own.
    pub(super) fn max_heap(&self) -> u64 {
        let given = list(self.client.get("actions")).iter().map(|action| {
            let repeated = action.get("message_repeat").map(|parts| {
                let part = parts.get(0).and_then(Value::as_str).unwrap_or_default();
                parts.get(1).and_then(Value::as_u64).unwrap_or_default() * part.len() as u64
            });
            repeated.unwrap_or_default()
        });
        self.want.max_rss_mb.unwrap_or(1) * 1024 * 1024 + given.sum::<u64>()
    }

    /// Changes what the server says.
    pub(super) fn edit_said(&mut self, edit: &mut dyn FnMut(&mut String)) {
        edit(&mut self.caps);
        edit(&mut self.caps_tls);
        self.auto_extra.iter_mut().for_each(|(_, answer)| edit(answer));
        self.steps.iter_mut().for_each(|step| step.edit_said(edit));
    }

    /// The request for the client, without where to connect to.
    pub(super) fn request(&self) -> Value {
        let mut request = self.client.clone();
        if let Some(fields) = request.as_object_mut() {
            let protocol = if self.is_imap { "imap" } else { "smtp" };
            fields.insert("protocol".to_owned(), protocol.into());
        }
        request
    }

    /// The time one operation may take.
    pub(super) fn deadline_ms(&self) -> u64 {
        self.client.get("deadline_ms").and_then(Value::as_u64).unwrap_or(8000)
    }

    /// The time the whole run may take.
    pub(super) fn max_ms(&self) -> u64 {
        let actions = list(self.client.get("actions")).len() as u64;
        self.want.max_ms.unwrap_or_else(|| self.deadline_ms() * (1 + actions) + 500)
    }

    fn read(id: &str, case: &Value) -> Result<Self, String> {
        let known = [
            "id",
            "protocol",
            "level",
            "class",
            "title",
            "source",
            "note",
            "client",
            "caps",
            "caps_tls",
            "auto",
            "auto_extra",
            "server",
            "sweep",
            "want",
        ];
        only(case, &known)?;
        let is_imap = match text(case, "protocol") {
            Some("imap") => true,
            Some("smtp") => false,
            other => return Err(format!("protocol {other:?}")),
        };
        let sweep = match text(case, "sweep") {
            None => None,
            Some("fragment-1") => Some(Sweep::Fragment),
            Some("cut-every-byte") => Some(Sweep::Cut),
            Some("flip-every-byte") => Some(Sweep::Flip),
            Some("stall-every-7") => Some(Sweep::Stall),
            Some(other) => return Err(format!("sweep {other:?}")),
        };
        let auto_extra = list(case.get("auto_extra")).iter().map(|pair| {
            let [pattern, answer] = strings(Some(pair)).try_into().map_err(|_| "auto_extra")?;
            Ok::<_, String>((regex(&pattern)?, answer))
        });
        Ok(Self {
            id: id.to_owned(),
            is_imap,
            client: case.get("client").cloned().ok_or("no client")?,
            caps: text(case, "caps").unwrap_or_default().to_owned(),
            caps_tls: text(case, "caps_tls").unwrap_or_default().to_owned(),
            auto: case.get("auto") != Some(&Value::Bool(false)),
            auto_extra: auto_extra.collect::<Result<_, _>>()?,
            steps: steps(case.get("server"))?,
            sweep,
            want: Want::read(case.get("want").ok_or("no want")?)?,
        })
    }
}

impl Want {
    fn read(want: &Value) -> Result<Self, String> {
        let known = [
            "outcome",
            "error",
            "credentials_in_clear",
            "never_send",
            "never_send_decoded",
            "send_in_order",
            "send_decoded",
            "must_close",
            "must_not_surface",
            "no_connect_to",
            "not_in_error",
            "max_ms",
            "max_rss_mb",
            "max_client_lines",
            "data_no_bare_cr_lf",
            "data_equals_after_unstuff",
            "one_message",
            "note",
        ];
        only(want, &known)?;
        let flag = |name| want.get(name) == Some(&Value::Bool(true));
        let number = |name| want.get(name).and_then(Value::as_u64);
        let words = |name| strings(want.get(name));
        let patterns =
            |name| words(name).iter().map(|word| regex(word)).collect::<Result<Vec<_>, _>>();
        Ok(Self {
            outcome: words("outcome"),
            error: words("error"),
            credentials_in_clear: flag("credentials_in_clear"),
            never_send: patterns("never_send")?,
            never_send_decoded: words("never_send_decoded"),
            send_in_order: patterns("send_in_order")?,
            send_decoded: words("send_decoded"),
            must_close: flag("must_close"),
            must_not_surface: words("must_not_surface"),
            no_connect_to: words("no_connect_to"),
            not_in_error: words("not_in_error"),
            max_ms: number("max_ms"),
            max_rss_mb: number("max_rss_mb"),
            max_client_lines: number("max_client_lines").and_then(|n| usize::try_from(n).ok()),
            data_no_bare_cr_lf: flag("data_no_bare_cr_lf"),
            data_equals_after_unstuff: text(want, "data_equals_after_unstuff").map(str::to_owned),
            one_message: flag("one_message"),
        })
    }
}

pub(super) fn steps(script: Option<&Value>) -> Result<Vec<Step>, String> {
    list(script).iter().map(step).collect()
}

fn step(step: &Value) -> Result<Step, String> {
    let fields = step.as_object().ok_or("a step is no object")?;
    let name = fields.keys().find(|name| *name != "steps").ok_or("an empty step")?;
    only(step, &[name, "steps"])?;
    let value = step.get(name);
    let word = || value.and_then(Value::as_str).ok_or_else(|| format!("{name}: no text"));
    let time = || {
        let time = value.and_then(Value::as_u64).ok_or_else(|| format!("{name}: no number"))?;
        Ok::<_, String>(Duration::from_millis(time))
    };
    Ok(match name.as_str() {
        "send" => Step::Send(word()?.as_bytes().to_vec()),
        "send_b64" => Step::SendRaw(STANDARD.decode(word()?).map_err(|error| error.to_string())?),
        "send_repeat" => {
            let [head, unit, count, tail] = list(value) else { return Err(name.clone()) };
            let count = count.as_u64().and_then(|n| usize::try_from(n).ok()).ok_or("no count")?;
            Step::SendParts(vec![(octets(head), 1), (octets(unit), count), (octets(tail), 1)])
        }
        "send_nest" => {
            let [head, open, core, close, count, tail] = list(value) else {
                return Err(name.clone());
            };
            let count = count.as_u64().and_then(|n| usize::try_from(n).ok()).ok_or("no count")?;
            let parts = [(head, 1), (open, count), (core, 1), (close, count), (tail, 1)];
            Step::SendParts(parts.into_iter().map(|(part, n)| (octets(part), n)).collect())
        }
        "expect" => {
            let pattern = word()?;
            let to_the_end = pattern.ends_with('$') && !pattern.ends_with("\\$");
            Step::Expect(Expected { pattern: regex(pattern)?, to_the_end })
        }
        "expect_data" => Step::ExpectData,
        "tls" => Step::Tls(match word()? {
            "good" => Certificate::Good,
            "wrong-host" => Certificate::WrongHost,
            "expired" => Certificate::Expired,
            "self-signed" => Certificate::SelfSigned,
            "untrusted" => Certificate::Untrusted,
            other => return Err(format!("certificate {other:?}")),
        }),
        "wait_ms" => Step::Wait(time()?),
        "stall_ms" => Step::Stall(time()?),
        "drain_ms" => Step::Drain(time()?),
        "serve_ms" => Step::Serve(time()?),
        "repeat" => {
            let count = value.and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
            Step::Repeat(count.ok_or("repeat: no number")?, steps(step.get("steps"))?)
        }
        "close" if value == Some(&Value::Bool(true)) => Step::Close,
        "close" if value.and_then(Value::as_str) == Some("tcp") => Step::CloseTcp,
        "reset" => Step::Reset,
        other => return Err(format!("step {other:?}")),
    })
}

/// Patterns ignore case and are searched for.
fn regex(pattern: &str) -> Result<Regex, String> {
    Regex::new(&format!("(?i){pattern}")).map_err(|error| format!("{pattern}: {error}"))
}

fn octets(value: &Value) -> Vec<u8> {
    value.as_str().unwrap_or_default().as_bytes().to_vec()
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn strings(value: Option<&Value>) -> Vec<String> {
    list(value).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn only(value: &Value, known: &[&str]) -> Result<(), String> {
    let mut names = value.as_object().into_iter().flatten().map(|(name, _)| name);
    match names.find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("field {name:?} is not known")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(case: &str) -> Result<Corpus, String> {
        Corpus::read(&format!(r#"{{"format":"mail-attack-cases/1","cases":[{case}]}}"#))
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let good = r#"{"id":"a","protocol":"imap","client":{},"want":{"outcome":["ok"]},"server":[{"send":"x"}]}"#;
        assert!(read(good).is_ok());
        let changes = [
            (r#""outcome""#, r#""outcomes""#),
            (r#""send""#, r#""sned""#),
            (r#""server""#, r#""servers""#),
            (r#""imap""#, r#""pop""#),
        ];
        for (from, to) in changes {
            let fault = read(&good.replace(from, to)).unwrap_err();
            assert!(fault.starts_with("a: "), "{fault}");
        }
    }
}
