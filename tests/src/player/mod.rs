//! Plays a client that a request describes: connects, does its actions, tells what came of it.
//!
//! The conformance shim is this behind a command line; the runner of the attack corpus calls it
//! within its own process, and the sweeps let it talk to a transport in memory. The requests and the
//! answers are those of `shim client`.

mod drivers;
mod kinds;

use std::any::Any;
use std::error::Error as _;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use serde_json::{Value, json};
use xoauth::sasl::{Mechanism, OAuth10A, OAuthBearer, XOAuth, XOAuth2};
use xoauth::{Consumer, Deadlines, Tls, Token, Trace, Transport};

pub use drivers::Driver;
use drivers::Executor;

/// What one request gave.
pub struct Played {
    /// What the shim prints.
    pub answer: Value,
    /// The client ended with an error.
    pub failed: bool,
    /// The session, and all else the client holds, behind an error.
    _held: Option<Box<dyn Any>>,
    farewell: Option<Pin<Box<dyn Future<Output = ()>>>>,
    /// Goes last: what is held may need it.
    executor: Option<Executor>,
}

impl Played {
    /// Says LOGOUT or QUIT, where nothing failed. What a server makes of it changes the answer no more.
    pub fn say_goodbye(&mut self) {
        if let (Some(farewell), Some(executor)) = (self.farewell.take(), &self.executor) {
            executor.run(farewell);
        }
    }
}

impl std::fmt::Debug for Played {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Played").field("answer", &self.answer).finish_non_exhaustive()
    }
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
    pub(crate) farewell: Option<Pin<Box<dyn Future<Output = ()>>>>,
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

/// What a client is given beside the request.
#[derive(Debug, Clone)]
pub struct Means {
    /// Which sessions it uses.
    pub driver: Driver,
    /// Sees the session's lines.
    pub trace: Option<Trace>,
    /// Takes the place of `ca_file`, which would be read for every client again.
    pub tls: Option<Tls>,
}

impl Means {
    /// A driver, and nothing else.
    pub fn new(driver: Driver) -> Self {
        Self { driver, trace: None, tls: None }
    }
}

/// Plays a request over a socket.
pub fn play(request: &Value, means: Means) -> Played {
    let driver = means.driver;
    measured(request, means, async |plan: &Plan<'_>| driver.play(plan).await)
}

/// Plays a request over a stream that is connected and protected already.
pub fn play_over(
    request: &Value,
    stream: impl Transport + Unpin + 'static,
    means: Means,
) -> Played {
    let driver = means.driver;
    measured(request, means, async |plan: &Plan<'_>| driver.play_over(plan, stream).await)
}

fn measured(request: &Value, means: Means, act: impl AsyncFnOnce(&Plan<'_>) -> Course) -> Played {
    let executor = Executor::of(means.driver);
    let plan = match Plan::read(request, means) {
        Ok(plan) => plan,
        Err(why) => return refused(&why),
    };
    // Zero where the program has another allocator.
    let before = PeakAlloc.current_usage();
    PeakAlloc.reset_peak_usage();
    let began = Instant::now();
    let course = executor.run(act(&plan));
    let elapsed = began.elapsed();
    let peak = PeakAlloc.peak_usage().saturating_sub(before);
    let answer = report(&course, elapsed, peak);
    let Course { failure, held, farewell, .. } = course;
    Played { answer, failed: failure.is_some(), _held: held, farewell, executor: Some(executor) }
}

/// One request, read.
pub(crate) struct Plan<'a> {
    pub(crate) protocol: Protocol,
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) server_name: Option<&'a str>,
    pub(crate) mode: &'a str,
    pub(crate) allow_plaintext_auth: bool,
    pub(crate) deadlines: Deadlines,
    pub(crate) tls: Option<Tls>,
    pub(crate) trace: Option<Trace>,
    pub(crate) actions: &'a [Value],
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Protocol {
    Imap,
    Smtp,
}

impl<'a> Plan<'a> {
    fn read(request: &'a Value, means: Means) -> Result<Self, String> {
        let protocol = match text(request, "protocol") {
            Some("imap") => Protocol::Imap,
            Some("smtp") => Protocol::Smtp,
            _ => return Err("protocol is neither imap nor smtp".to_owned()),
        };
        let port = request.get("port").and_then(Value::as_u64);
        let port = port.and_then(|port| u16::try_from(port).ok());
        let (Some(host), Some(port)) = (text(request, "host"), port) else {
            return Err("host and port are needed".to_owned());
        };
        let deadline = request.get("deadline_ms").and_then(Value::as_u64).unwrap_or(8000);
        Ok(Self {
            protocol,
            host,
            port,
            server_name: text(request, "server_name"),
            mode: text(request, "mode").unwrap_or("implicit"),
            allow_plaintext_auth: request.get("allow_plaintext_auth") == Some(&Value::Bool(true)),
            deadlines: Deadlines::all(Duration::from_millis(deadline)),
            tls: match means.tls {
                Some(tls) => Some(tls),
                None => text(request, "ca_file").map(trust).transpose()?,
            },
            trace: means.trace,
            actions: request.get("actions").and_then(Value::as_array).map_or(&[], Vec::as_slice),
        })
    }
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
    Played { answer, failed: true, _held: None, farewell: None, executor: None }
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

/// What the display says where the libraries cannot do an action.
pub const NO_SUCH_COMMAND: &str = "the client has no such command yet";

/// The message an action carries.
pub fn message(action: &Value) -> Vec<u8> {
    if let Some(message) = text(action, "message") {
        return message.as_bytes().to_vec();
    }
    let repeat = action.get("message_repeat").and_then(Value::as_array);
    let unit = repeat.and_then(|repeat| repeat.first()?.as_str()).unwrap_or_default();
    let times = repeat.and_then(|repeat| repeat.get(1)?.as_u64()).unwrap_or(0);
    unit.repeat(usize::try_from(times).unwrap_or(0)).into_bytes()
}

/// A field that is text.
pub fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}
