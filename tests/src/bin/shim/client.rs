//! `shim client`: connects and does the actions of one request.

use std::any::Any;
use std::error::Error as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xoauth::sasl::{Mechanism, OAuth10A, OAuthBearer, XOAuth, XOAuth2};
use xoauth::{Consumer, Deadlines, Tls, Token};

use crate::{HEAP, imap_actions, kinds, smtp_actions, text};

/// What one request gave.
pub(crate) struct Played {
    pub(crate) answer: Value,
    pub(crate) failed: bool,
    /// The session, and all else the client holds.
    pub(crate) held: Option<Box<dyn Any>>,
}

/// The course of one client, as the protocols' players fill it in.
#[derive(Default)]
pub(crate) struct Course {
    /// Debug text of everything the caller was given.
    pub(crate) surfaced: Vec<String>,
    /// What ended it early.
    pub(crate) failure: Option<Failure>,
    /// The session can still be used.
    pub(crate) usable: bool,
    /// The session.
    pub(crate) held: Option<Box<dyn Any>>,
    /// Says LOGOUT or QUIT after the measured part.
    pub(crate) farewell: Option<Box<dyn FnOnce()>>,
}

/// Why a course ended early.
pub(crate) struct Failure {
    pub(crate) error: Failed,
    /// `None`: connecting failed.
    pub(crate) action: Option<usize>,
}

/// An error of the library, or a call its types rule out.
pub(crate) enum Failed {
    Library(xoauth::Error),
    Argument(Box<dyn std::error::Error>),
    RuledOut(&'static str),
}

impl From<xoauth::Error> for Failed {
    fn from(error: xoauth::Error) -> Self {
        Self::Library(error)
    }
}

impl From<xoauth::sasl::Error> for Failed {
    fn from(error: xoauth::sasl::Error) -> Self {
        Self::Argument(Box::new(error))
    }
}

impl From<xoauth::sasl::oauth1::Error> for Failed {
    fn from(error: xoauth::sasl::oauth1::Error) -> Self {
        Self::Argument(Box::new(error))
    }
}

pub(crate) fn play(request: &Value) -> Played {
    let port =
        request.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
    let (Some(host), Some(port)) = (text(request, "host"), port) else {
        return refused("host and port are needed");
    };
    let tls = match text(request, "ca_file").map(trust).transpose() {
        Ok(tls) => tls,
        Err(error) => return refused(&error),
    };
    let deadline = request.get("deadline_ms").and_then(Value::as_u64).unwrap_or(8000);
    let plan = Plan {
        host,
        port,
        server_name: text(request, "server_name"),
        mode: text(request, "mode").unwrap_or("implicit"),
        allow_plaintext_auth: request.get("allow_plaintext_auth") == Some(&Value::Bool(true)),
        deadlines: Deadlines::all(Duration::from_millis(deadline)),
        tls,
        actions: request.get("actions").and_then(Value::as_array).map_or(&[], Vec::as_slice),
    };
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let began = Instant::now();
    let mut course = match text(request, "protocol") {
        Some("imap") => imap_actions::play(&plan),
        Some("smtp") => smtp_actions::play(&plan),
        _ => return refused("protocol is neither imap nor smtp"),
    };
    let elapsed = began.elapsed();
    let peak = HEAP.peak_usage().saturating_sub(before);
    let answer = report(&course, elapsed, peak);
    if let Some(farewell) = course.farewell.take() {
        farewell();
    }
    Played { answer, failed: course.failure.is_some(), held: course.held }
}

/// One request, read.
pub(crate) struct Plan<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) server_name: Option<&'a str>,
    pub(crate) mode: &'a str,
    pub(crate) allow_plaintext_auth: bool,
    pub(crate) deadlines: Deadlines,
    pub(crate) tls: Option<Tls>,
    pub(crate) actions: &'a [Value],
}

fn trust(file: &str) -> Result<Tls, String> {
    let pem = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
    Tls::builder()
        .add_roots(&pem)
        .and_then(|builder| builder.only_these_roots().build())
        .map_err(|error| error.to_string())
}

fn refused(why: &str) -> Played {
    let answer = json!({
        "outcome": "error", "error": "invalid-argument", "display": why, "debug": why, "chain": [],
        "failed_action": null, "usable": false, "surfaced": [], "peak_heap": 0, "ms": 0,
    });
    Played { answer, failed: true, held: None }
}

fn report(course: &Course, elapsed: Duration, peak: usize) -> Value {
    let failure = course.failure.as_ref();
    let (kind, display, debug, chain) = match failure.map(|failure| &failure.error) {
        None => (Value::Null, String::new(), String::new(), Vec::new()),
        Some(Failed::Library(error)) => {
            let mut chain = Vec::new();
            let mut source = error.source();
            while let Some(error) = source {
                chain.push(error.to_string());
                source = error.source();
            }
            (json!(kinds::word(error)), error.to_string(), format!("{error:?}"), chain)
        }
        Some(Failed::Argument(error)) => {
            (json!("invalid-argument"), error.to_string(), format!("{error:?}"), Vec::new())
        }
        Some(Failed::RuledOut(why)) => {
            (json!("invalid-argument"), (*why).to_owned(), (*why).to_owned(), Vec::new())
        }
    };
    json!({
        "outcome": if failure.is_some() { "error" } else { "ok" },
        "error": kind,
        "display": display,
        "debug": debug,
        "chain": chain,
        "failed_action": failure.and_then(|failure| failure.action),
        "usable": course.usable,
        "surfaced": course.surfaced,
        "peak_heap": peak,
        "ms": u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
    })
}

/// The login an `auth` action names.
pub(crate) fn mechanism(action: &Value) -> Result<Box<dyn Mechanism>, Failed> {
    let field = |name| text(action, name).unwrap_or_default();
    let oauth1 = || {
        let consumer = Consumer::new(field("consumer_key"), field("consumer_secret"))?;
        let token = match text(action, "token") {
            Some(key) => Some(Token::new(key, field("token_secret"))?),
            None => None,
        };
        Ok::<_, Failed>((consumer, token))
    };
    Ok(match field("mech") {
        "XOAUTH2" => Box::new(XOAuth2::new(field("user"), field("token"))?),
        "OAUTHBEARER" => Box::new(OAuthBearer::new(field("user"), field("token"))?),
        "XOAUTH" => {
            let (consumer, token) = oauth1()?;
            Box::new(XOAuth::new(field("url"), consumer, token)?)
        }
        "OAUTH10A" => {
            let (consumer, token) = oauth1()?;
            let token = token.ok_or(Failed::RuledOut("OAUTH10A needs a token"))?;
            Box::new(OAuth10A::new(field("user"), consumer, token)?)
        }
        _ => return Err(Failed::RuledOut("no such mechanism")),
    })
}

/// The message an action carries.
pub(crate) fn message(action: &Value) -> Vec<u8> {
    if let Some(message) = text(action, "message") {
        return message.as_bytes().to_vec();
    }
    let repeat = action.get("message_repeat").and_then(Value::as_array);
    let unit = repeat.and_then(|repeat| repeat.first()?.as_str()).unwrap_or_default();
    let times = repeat.and_then(|repeat| repeat.get(1)?.as_u64()).unwrap_or(0);
    unit.repeat(usize::try_from(times).unwrap_or(0)).into_bytes()
}
