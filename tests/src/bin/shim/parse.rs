//! `shim parse`: what the machines make of octets, whole and one at a time.

mod imap;
mod smtp;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::{text, unsupported};

/// What a machine made of octets.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) responses: Vec<String>,
    pub(crate) faults: Vec<String>,
    pub(crate) fatal: bool,
}

/// Octets to be given to a machine.
pub(crate) struct Case<'a> {
    pub(crate) context: &'a str,
    pub(crate) tag: Option<&'a str>,
    pub(crate) octets: &'a [u8],
    /// How many octets are given at a time.
    pub(crate) step: usize,
}

pub(crate) fn answer(request: &Value) -> Value {
    let Some(Ok(octets)) = text(request, "bytes_b64").map(|text| STANDARD.decode(text)) else {
        return json!({ "error": "bytes_b64 is not base64" });
    };
    let case = |step| Case {
        context: text(request, "context").unwrap_or_default(),
        tag: text(request, "tag"),
        octets: &octets,
        step,
    };
    let hear = match text(request, "protocol") {
        Some("imap") => imap::hear,
        Some("smtp") => smtp::hear,
        _ => return unsupported("protocol is neither imap nor smtp"),
    };
    let Some(whole) = hear(&case(usize::MAX)) else {
        return unsupported("no command for this context yet");
    };
    let single = hear(&case(1));
    json!({
        "responses": whole.responses,
        "faults": whole.faults,
        "fatal": whole.fatal,
        "split_agrees": single.as_ref() == Some(&whole),
    })
}
