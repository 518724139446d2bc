//! Whether an attack took place: what a client never sent, in a script that stopped before it, shows nothing.

use serde_json::Value;

use super::server::Record;
use super::wire::Fault;
use crate::player::text;

/// What of a case was not played.
pub(super) fn undelivered(answer: &Value, record: &Record, fault: Fault) -> Vec<String> {
    let mut missing = Vec::new();
    // What a client refuses by itself is refused before it connects.
    let is_refused = text(answer, "error") == Some("invalid-argument");
    if record.connections == 0 && !is_refused {
        missing.push("the client did not connect".to_owned());
    }
    if text(answer, "outcome") == Some("ok") && !record.played_whole {
        missing.push("ok, and the script was not played to its end".to_owned());
    }
    // An octet that is changed, or missing, may let a client wait for another.
    if matches!(fault, Fault::None | Fault::Fragment) {
        missing.extend(record.unmet.iter().map(|unmet| format!("waited in vain for {unmet}")));
    }
    missing
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_attack_that_did_not_take_place_shows_nothing() {
        let played = Record { connections: 1, played_whole: true, ..Record::default() };
        let early = Record { connections: 1, ..Record::default() };
        let unmet = Record { unmet: Some("^MAIL".to_owned()), ..played.clone() };
        let (ok, closed) =
            (json!({"outcome": "ok"}), json!({"outcome": "error", "error": "closed"}));
        let argument = json!({"outcome": "error", "error": "invalid-argument"});
        for (answer, record, fault, missing) in [
            (&ok, &played, Fault::None, 0),
            (&ok, &early, Fault::None, 1),
            (&ok, &early, Fault::Cut(1), 1),
            (&closed, &early, Fault::None, 0),
            (&closed, &unmet, Fault::None, 1),
            (&closed, &unmet, Fault::Flip(0, 0), 0),
            (&closed, &Record::default(), Fault::None, 1),
            (&argument, &Record::default(), Fault::None, 0),
        ] {
            let found = undelivered(answer, record, fault);
            assert_eq!(found.len(), missing, "{answer} {record:?} {fault:?}: {found:?}");
        }
    }
}
