//! An authorization server on loopback: OAuth 2 (codes with PKCE, device codes, client credentials, refresh
//! tokens that rotate) and OAuth 1.0a in three steps.
//!
//! It is as strict as the RFCs let a server be: a code works once, with its own verifier and redirect; an old
//! refresh token works no more. What it hands out as access tokens is told beforehand, so that a mail host can
//! know them.

mod http;
mod oauth1;
mod oauth2;

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

pub use http::{Answer, Request, get};

/// The client of every server: `client_id`.
pub const CLIENT_ID: &str = "test-client";
/// Its secret, where it sends one.
pub const CLIENT_SECRET: &str = "test-client-secret";

/// A running authorization server. Dropping it closes its port.
#[derive(Debug)]
pub struct Authorization {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    base: String,
    state: Mutex<State>,
    stops: AtomicBool,
}

/// What the server knows.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Access tokens to hand out, in this order.
    access_tokens: VecDeque<String>,
    /// How long they live, as `expires_in`.
    lifetime: u64,
    oauth2: oauth2::State,
    oauth1: oauth1::State,
    /// Answers that the next token requests get, whatever they ask.
    scripted: VecDeque<Answer>,
    requests: Vec<Request>,
}

impl Authorization {
    /// Listens on a free port of 127.0.0.1; `access_tokens` are handed out one after the other.
    ///
    /// # Errors
    /// When no port can be opened.
    pub fn start(access_tokens: &[&str]) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let tokens = access_tokens.iter().map(|token| (*token).to_owned()).collect();
        let state = State { access_tokens: tokens, lifetime: 3600, ..State::default() };
        let shared = Arc::new(Shared {
            base: format!("http://{address}"),
            state: Mutex::new(state),
            stops: AtomicBool::new(false),
        });
        let served = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("authorization server".to_owned())
            .spawn(move || serve(&listener, &served))?;
        Ok(Self { address, shared, thread: Some(thread) })
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.shared.base)
    }

    /// How many seconds the next access tokens live.
    pub fn set_lifetime(&self, seconds: u64) {
        self.shared.state().lifetime = seconds;
    }

    /// Answers the next token request so, whatever it asks.
    pub fn script(&self, status: u16, body: &str) {
        self.shared.state().scripted.push_back(Answer::new(status, "application/json", body));
    }

    /// The user enters the code of a device and agrees.
    pub fn approve_device(&self) {
        self.shared.state().oauth2.device_approved = true;
    }

    /// The device's code is pending for so many polls, and then agreed to.
    pub fn approve_device_after(&self, polls: u32) {
        self.shared.state().oauth2.device_pending = polls;
        self.shared.state().oauth2.device_approved = true;
    }

    /// Makes this the refresh token that works.
    pub fn set_refresh_token(&self, token: &str) {
        self.shared.state().oauth2.refresh_token = Some(token.to_owned());
    }

    /// The refresh token that works now.
    pub fn refresh_token(&self) -> Option<String> {
        self.shared.state().oauth2.refresh_token.clone()
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.state().requests.clone()
    }
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request) -> Answer {
        let mut state = self.state();
        state.requests.push(request.clone());
        let is_token_request =
            matches!(request.path.as_str(), "/token" | "/device" | "/oauth1/request");
        if is_token_request {
            if let Some(answer) = state.scripted.pop_front() {
                return answer;
            }
        }
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/authorize") => oauth2::consent_page(&mut state, request),
            ("POST", "/token") => oauth2::token(&mut state, request),
            ("POST", "/device") => oauth2::device(&mut state, &self.base),
            ("POST", "/oauth1/request") => oauth1::request_token(&mut state, request, &self.base),
            ("GET", "/oauth1/authorize") => oauth1::consent_page(&mut state, request),
            ("POST", "/oauth1/access") => oauth1::access_token(&mut state, request, &self.base),
            _ => Answer::new(404, "text/plain", "nothing here"),
        }
    }
}

impl Drop for Authorization {
    fn drop(&mut self) {
        self.shared.stops.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(listener: &TcpListener, shared: &Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept() {
        if shared.stops.load(Ordering::SeqCst) {
            return;
        }
        let shared = Arc::clone(shared);
        std::thread::spawn(move || http::converse(&stream, |request| shared.answer(request)));
    }
}
