//! `xoauth explain`: what a text is, what it means and what to do.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::Result;
use crate::args::Global;
use crate::failure::{Exit, Failure};
use crate::inspect::{self, Finding};
use crate::output::{Style, Ui, one_line};
use crate::preset::Preset;

/// The arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: xoauth explain '535 5.7.3 Authentication unsuccessful'
         xoauth explain microsoft
         xoauth explain < sasl-string.txt
Knows SASL strings, base64 challenges, lines of IMAP and SMTP servers, answers
and words of token endpoints, AADSTS codes, JWTs, rule ids, and providers by id,
domain, server or address. What holds a token is for standard input, not `ps`.")]
pub(crate) struct Explain {
    /// What to explain; standard input where there is none
    text: Vec<String>,
}

impl Explain {
    pub(crate) fn run(&self, _: &Global, ui: &Ui) -> Result<Exit> {
        let text = if self.text.is_empty() {
            super::read_text(ui, "what to explain")?
        } else {
            self.text.join(" ")
        };
        let text = text.trim();
        // Lines of servers end with addresses too.
        let word = Some(text).filter(|text| !text.contains(char::is_whitespace));
        let preset = word.and_then(|word| Preset::find(word).or_else(|| Preset::serving(word)));
        if let Some(preset) = preset {
            return show_provider(&preset, ui);
        }
        let Some(finding) = inspect::explain(text) else {
            let message = "nothing known in this text";
            return Err(
                Failure::data(message).hint("give one line, as the server sent it, or one token")
            );
        };
        if ui.json {
            show_json(&finding, ui)?
        } else {
            show(&finding, ui)?
        }
        Ok(Exit::Ok)
    }
}

fn show(finding: &Finding, ui: &Ui) -> Result<()> {
    ui.line(one_line(&finding.what))?;
    for (name, value) in &finding.facts {
        ui.line(one_line(&format!("  {name:<14} {value}")))?;
    }
    for note in &finding.notes {
        ui.line(one_line(note))?;
    }
    if let Some(rule) = finding.rule {
        ui.line(format!(
            "cause  {}   {}",
            rule.cause,
            ui.paint(Style::Faint, &format!("[{}]", rule.id))
        ))?;
        ui.line(format!("fix    {}", rule.fix))?;
    }
    Ok(())
}

fn show_json(finding: &Finding, ui: &Ui) -> Result<()> {
    let mut facts: Map<String, Value> = Map::new();
    for (name, value) in &finding.facts {
        match facts.get_mut(*name) {
            // A name may come twice: a header's user and the token's.
            Some(Value::Array(list)) => list.push(value.clone().into()),
            Some(one) => *one = json!([one, value]),
            None => drop(facts.insert((*name).to_owned(), value.clone().into())),
        }
    }
    let diagnosis: Vec<Value> = finding
        .rule
        .iter()
        .map(|rule| json!({ "id": rule.id, "cause": rule.cause, "fix": rule.fix }))
        .collect();
    ui.object(json!({
        "kind": finding.kind, "what": finding.what, "facts": facts, "notes": finding.notes,
        "diagnosis": diagnosis,
    }))
}

/// A card of what is known, with how sure it is.
fn show_provider(preset: &Preset, ui: &Ui) -> Result<Exit> {
    if ui.json {
        ui.object(json!({ "kind": "provider", "provider": preset.record() }))?;
        return Ok(Exit::Ok);
    }
    ui.line(format!("{} ({})", preset.name(), preset.id()))?;
    for protocol in ["imap", "smtp"] {
        let server =
            preset.server(protocol).map_or_else(|| "site".to_owned(), |server| server.to_string());
        let mechanisms = preset.mechanisms(protocol).join(" ");
        let confidence = ui.paint(Style::Faint, &format!("({})", preset.confidence(protocol)));
        ui.line(format!("  {protocol:<10} {server}   {mechanisms} {confidence}"))?;
    }
    for (label, member) in [
        ("authorize", "authorization_endpoint"),
        ("token", "token_endpoint"),
        ("device", "device_authorization_endpoint"),
        ("secret", "client_secret"),
        ("source", "source"),
        ("doubt", "doubt"),
    ] {
        if let Some(value) = preset.oauth2(member) {
            ui.line(format!("  {label:<10} {value}"))?;
        }
    }
    let scopes = preset.scopes().join(" ");
    if !scopes.is_empty() {
        ui.line(format!("  {:<10} {scopes}", "scopes"))?;
    }
    for (quirk, confidence) in preset.quirks() {
        ui.line(format!("  - {quirk} {}", ui.paint(Style::Faint, &format!("({confidence})"))))?;
    }
    Ok(Exit::Ok)
}
