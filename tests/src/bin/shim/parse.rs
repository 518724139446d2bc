//! `shim parse`: what the machines make of octets, whole and one at a time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::hear::{Case, Protocol, Said, hear};
use serde_json::{Value, json};

use crate::{text, unsupported};

pub(crate) fn answer(request: &Value) -> Value {
    let Some(Ok(octets)) = text(request, "bytes_b64").map(|text| STANDARD.decode(text)) else {
        return json!({ "error": "bytes_b64 is not base64" });
    };
    let case = |step| Case {
        context: text(request, "context").unwrap_or_default(),
        tag: text(request, "tag"),
        octets: &octets,
        step,
        shown: true,
    };
    let protocol = match text(request, "protocol") {
        Some("imap") => Protocol::Imap,
        Some("smtp") => Protocol::Smtp,
        _ => return unsupported("protocol is neither imap nor smtp"),
    };
    let Some(whole) = hear(protocol, &case(usize::MAX)) else {
        return unsupported("no command for this context yet");
    };
    let single = hear(protocol, &case(1));
    let responses = whole.responses.iter().map(|said| match said {
        Said::Shown(text) => text.clone(),
        other => format!("{other:?}"),
    });
    json!({
        "responses": responses.collect::<Vec<_>>(),
        "faults": whole.faults,
        "fatal": whole.fatal,
        "split_agrees": single.as_ref() == Some(&whole),
    })
}
