//! Recorded sessions, played again in memory: whole, torn, cut, changed, and with a transport that fails.
//!
//! A transcript holds what a server said and how many lines the client said before each of its turns. The
//! client is the player's, so a session does in memory what it does over a socket.

mod classes;
mod expected;
mod recorder;
mod replay;
mod sweep;

use serde_json::{Value, json};

use crate::player::{self, Driver, Means, text};
pub(crate) use classes::structural;
pub use recorder::Recorder;
pub use replay::{Change, Fault, Replay};
pub use sweep::{Sweep, Tally, io_faults};

/// A recorded session.
#[derive(Debug, Clone)]
pub struct Transcript {
    /// Its name.
    pub name: String,
    /// What the client was asked to do, as the player takes it.
    pub request: Value,
    /// Who spoke, and what: `{tag}` in a server's turn stands for what all tags of the client begin with.
    pub turns: Vec<Turn>,
    /// What came of it over a socket, as [`end_of`] takes it from an answer.
    pub end: Value,
}

/// One side's part of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// The client said so many lines.
    Client(String),
    /// The server said this.
    Server(String),
}

/// What stands for the prefix of tags.
pub(super) const TAG: &str = "{tag}";

/// What one play gave.
#[derive(Debug, Default)]
pub struct Course {
    /// What the shim would print.
    pub answer: Value,
    /// Everything the server said, as the client got it.
    pub said: Vec<u8>,
    /// Everything the client said.
    pub wrote: Vec<u8>,
    /// How many octets of that it said when it had been told that the stream is at its end.
    pub wrote_behind_end: usize,
    /// How many octets the server had said when the client said goodbye: there, and at the end of a turn.
    pub farewell: Option<usize>,
    /// How many it had said when a call of the transport failed.
    pub failed_at: Option<usize>,
    /// How often the transport was called before the client said goodbye.
    pub calls: usize,
    /// A flush of the transport failed.
    pub failed_flush: bool,
    /// What the server had said by then was not read yet.
    pub has_answer: bool,
    /// The transport failed, or ended, where the client had sent a whole message and the server had not said all of its
    /// answer.
    pub unanswered: bool,
    /// Turns that were not played whole, and lines of the client that stand in none.
    pub left: usize,
    /// The client closed the transport.
    pub closed: bool,
}

/// How a session ended, of the shim's answer: the outcome, the kind of the error and its action, and what was
/// surfaced. The limits are left out: they are what the client was told, and no part of the session.
pub fn end_of(answer: &Value) -> Value {
    let field = |name: &str| answer.get(name).cloned().unwrap_or(Value::Null);
    let surfaced: Vec<String> = answer
        .get("surfaced")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|text| text.as_str().map(without_limits))
        .collect();
    json!({
        "outcome": field("outcome"),
        "error": field("error"),
        "failed_action": field("failed_action"),
        "surfaced": surfaced,
    })
}

/// What stands for a change that must change nothing, of the shim's answer.
fn gist(answer: &Value) -> (Option<&str>, Option<&str>, Option<&Value>) {
    (text(answer, "outcome"), text(answer, "error"), answer.get("surfaced"))
}

fn without_limits(text: &str) -> String {
    let cut = text.split_once("limits: Limits {");
    match cut.and_then(|(before, rest)| Some((before, rest.split_once("}, ")?.1))) {
        Some((before, behind)) => format!("{before}{behind}"),
        None => text.to_owned(),
    }
}

impl Transcript {
    /// Reads a file of transcripts, one JSON object a line.
    ///
    /// # Errors
    /// The line that is none.
    pub fn read_all(file: &str) -> Result<Vec<Self>, String> {
        file.lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                let value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
                Self::from_json(&value).ok_or_else(|| format!("not a transcript: {line}"))
            })
            .collect()
    }

    fn from_json(value: &Value) -> Option<Self> {
        let turns = value.get("turns")?.as_array()?.iter().map(|turn| {
            let (side, said) = turn.as_object()?.iter().next()?;
            let said = said.as_str()?.to_owned();
            match side.as_str() {
                "C" => Some(Turn::Client(said)),
                "S" => Some(Turn::Server(said)),
                _ => None,
            }
        });
        Some(Self {
            name: text(value, "name")?.to_owned(),
            request: value.get("request")?.clone(),
            turns: turns.collect::<Option<_>>()?,
            end: value.get("end")?.clone(),
        })
    }

    /// The line that `read_all` reads.
    pub fn to_json(&self) -> Value {
        let turns: Vec<Value> = self
            .turns
            .iter()
            .map(|turn| match turn {
                Turn::Client(said) => json!({ "C": said }),
                Turn::Server(said) => json!({ "S": said }),
            })
            .collect();
        json!({ "name": self.name, "request": self.request, "turns": turns, "end": self.end })
    }

    /// The session is one of IMAP.
    pub fn is_imap(&self) -> bool {
        text(&self.request, "protocol") == Some("imap")
    }

    fn actions(&self) -> &[Value] {
        self.request.get("actions").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The same session with only so many of its actions asked for.
    fn begun(&self, count: usize) -> Self {
        let mut begun = self.clone();
        let actions = begun.request.get_mut("actions").and_then(Value::as_array_mut);
        if let Some(actions) = actions {
            actions.truncate(count);
        }
        begun
    }

    /// An action has no answer of its own.
    fn is_told_before(&self, action: usize) -> bool {
        self.actions().get(action).and_then(|action| text(action, "do")) == Some("ehlo")
    }

    /// How many recipients the message of an action has.
    fn recipients(&self, action: usize) -> usize {
        let to = self.actions().get(action).and_then(|action| action.get("to")?.as_array());
        to.map_or(0, Vec::len)
    }

    /// Plays the session with a change.
    pub fn play(&self, driver: Driver, change: Change) -> Course {
        let (replay, log) = Replay::new(self, change);
        let mut played = player::play_over(&self.request, replay, Means::new(driver));
        played.say_goodbye();
        log.course(played.answer.clone())
    }
}
