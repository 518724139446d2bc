//! One server conversation.
//!
//! ```text
//! Start     an empty response: an empty challenge, -> Asked
//!           anything else: judged
//! Asked     anything: judged
//! Refusing  anything: refused, -> Finished
//! Finished  anything: refused
//! ```
//!
//! Judging ends the conversation, or leads to Refusing with a challenge that says why: the client
//! has to answer it before it hears the end (RFC 7628 3.2.3).

use alloc::string::String;
use alloc::vec::Vec;
use core::{fmt, mem};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use oauth1_core::{ReceivedRequest, RequestUrl, Secret, VerifyError};
use zeroize::Zeroizing;

use super::message::{
    ClientMessage, Credential, LIMIT, LoginRequest, Mechanism, ParseError, parse_client_message,
};
use super::{BearerRequest, ErrorDocument, IdentityRequest, Server, Verdict};
use crate::exchange::decode;

/// One server conversation: decoded responses in, what to do next out.
///
/// A client that cancels with `*` is the embedder's to answer: the conversation is dropped.
#[derive(Debug)]
pub struct ServerExchange {
    mechanism: Mechanism,
    state: State,
}

#[derive(Debug)]
enum State {
    Start,
    Asked,
    Refusing(Refusal),
    Finished,
}

/// What a server does next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerStep {
    /// Send this as a challenge, [encoded](encode_challenge), and hand over the answer.
    Challenge(Vec<u8>),
    /// The client is this user: `OK`, `235`.
    Accepted {
        /// The user, as the judge named it.
        user: String,
    },
    /// The client is refused: `NO [AUTHENTICATIONFAILED]`, `535`. The reason is for the log.
    Refused(Refusal),
    /// The login could not be judged: `NO [UNAVAILABLE]`, `454`.
    Unavailable {
        /// Why, for the log.
        text: String,
    },
}

/// Why a client was refused. No text repeats what it sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The server has nothing to judge this mechanism with.
    Mechanism,
    /// Its message could not be read.
    Malformed(ParseError),
    /// Its OAuth 1.0a request was refused.
    OAuth1(VerifyError),
    /// It means a host and port that are not the server's.
    Endpoint,
    /// Its access token was refused.
    Bearer,
    /// Its signature is right, yet it may not be the user it asks for.
    Identity,
    /// It only asked what a login takes.
    Discovery,
    /// It went on after the end.
    Finished,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mechanism => f.write_str("mechanism is not offered"),
            Self::Malformed(fault) => fault.fmt(f),
            Self::OAuth1(fault) => fault.fmt(f),
            Self::Endpoint => f.write_str("meant for another host or port"),
            Self::Bearer => f.write_str("access token refused"),
            Self::Identity => f.write_str("credentials are not for the requested user"),
            Self::Discovery => f.write_str("asked for the scope only"),
            Self::Finished => f.write_str("response after the end of the exchange"),
        }
    }
}

impl core::error::Error for Refusal {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Malformed(fault) => fault.source(),
            Self::OAuth1(fault) => fault.source(),
            _ => None,
        }
    }
}

impl ServerExchange {
    /// A conversation in the mechanism that the client chose, its name in either case.
    ///
    /// # Errors
    /// [`ParseError::Mechanism`] when there is no such mechanism.
    pub fn new(mechanism: &str) -> Result<Self, ParseError> {
        Ok(Self { mechanism: Mechanism::named(mechanism)?, state: State::Start })
    }

    /// The mechanism's name.
    #[must_use]
    pub fn mechanism(&self) -> &'static str {
        self.mechanism.name()
    }

    /// Takes a response, decoded; where the client sent none with its command, an empty one. `now`
    /// is the time in seconds since 1970-01-01 00:00:00 GMT.
    pub fn step(&mut self, response: &[u8], server: &Server<'_>, now: u64) -> ServerStep {
        match mem::replace(&mut self.state, State::Finished) {
            State::Start if response.is_empty() => {
                self.state = State::Asked;
                ServerStep::Challenge(Vec::new())
            }
            State::Start | State::Asked => self.judge(response, server, now),
            State::Refusing(refusal) => ServerStep::Refused(refusal),
            State::Finished => ServerStep::Refused(Refusal::Finished),
        }
    }

    fn judge(&mut self, response: &[u8], server: &Server<'_>, now: u64) -> ServerStep {
        if !server.mechanisms().any(|offered| offered == self.mechanism.name()) {
            return ServerStep::Refused(Refusal::Mechanism);
        }
        let login = match parse_client_message(self.mechanism.name(), response) {
            Ok(ClientMessage::Login(login)) => login,
            Ok(ClientMessage::Acknowledgement) => {
                let fault = ParseError::Malformed { offset: 0, expected: "a login" };
                return ServerStep::Refused(Refusal::Malformed(fault));
            }
            Err(ParseError::Request(fault)) => return self.refuse_request(fault, server),
            Err(fault) => return ServerStep::Refused(Refusal::Malformed(fault)),
        };
        if !self.names_endpoint(&login, server) {
            let document = self.document("invalid_request", "400", server);
            return self.refuse(Refusal::Endpoint, &document);
        }
        match login.credential() {
            Credential::Discovery => {
                let document = self.document("invalid_token", "401", server);
                self.refuse(Refusal::Discovery, &document)
            }
            Credential::Bearer(token) => self.judge_bearer(&login, token, server),
            Credential::Signed(request) => self.judge_signed(&login, request, server, now),
        }
    }

    /// Whether the client means this server: looked at before a nonce is taken or a token judged.
    ///
    /// RFC 7628 3.2
    fn names_endpoint(&self, login: &LoginRequest, server: &Server<'_>) -> bool {
        let known = match self.mechanism {
            Mechanism::OAuth10A => true,
            Mechanism::OAuthBearer => !server.endpoints.is_empty(),
            Mechanism::XOAuth | Mechanism::XOAuth2 => false,
        };
        let said = login.host().is_some() || login.port().is_some();
        !(known && said) || server.is_endpoint(login.host(), login.port())
    }

    fn judge_bearer(
        &mut self,
        login: &LoginRequest,
        token: &Secret,
        server: &Server<'_>,
    ) -> ServerStep {
        let Some(judge) = server.bearer else { return ServerStep::Refused(Refusal::Mechanism) };
        let verdict = judge.judge(&BearerRequest {
            mechanism: self.mechanism.name(),
            user: login.user(),
            token,
            host: login.host(),
            port: login.port(),
        });
        self.follow(verdict, Refusal::Bearer)
    }

    fn judge_signed(
        &mut self,
        login: &LoginRequest,
        request: &ReceivedRequest,
        server: &Server<'_>,
        now: u64,
    ) -> ServerStep {
        let Some(oauth1) = server.oauth1 else { return ServerStep::Refused(Refusal::Mechanism) };
        let judged = oauth1.verifier.verify(request, oauth1.credentials, oauth1.nonces, now);
        match judged {
            Ok(verified) => {
                let verdict = oauth1.identity.identify(&IdentityRequest {
                    mechanism: self.mechanism.name(),
                    verified: &verified,
                    user: login.user(),
                    url: signed_url(request.url()).expose(),
                });
                self.follow(verdict, Refusal::Identity)
            }
            Err(fault) => self.refuse_request(fault, server),
        }
    }

    fn follow(&mut self, verdict: Verdict, refusal: Refusal) -> ServerStep {
        match verdict {
            Verdict::Accept { user } => ServerStep::Accepted { user },
            Verdict::Refuse(document) => self.refuse(refusal, &document),
            Verdict::Unavailable(text) => ServerStep::Unavailable { text },
        }
    }

    fn refuse_request(&mut self, fault: VerifyError, server: &Server<'_>) -> ServerStep {
        if fault.is_transient() {
            return ServerStep::Unavailable { text: alloc::format!("{fault}") };
        }
        let document = match fault.http_status() {
            400 => self.document("invalid_request", "400", server),
            _ => self.document("invalid_token", "401", server),
        };
        self.refuse(Refusal::OAuth1(fault), &document)
    }

    fn refuse(&mut self, refusal: Refusal, document: &ErrorDocument) -> ServerStep {
        self.state = State::Refusing(refusal);
        ServerStep::Challenge(document.to_json().into_bytes())
    }

    /// The document for a refusal that no judge wrote one for. It does not tell an unknown key
    /// from a wrong signature.
    fn document(&self, code: &str, http_status: &str, server: &Server<'_>) -> ErrorDocument {
        let mut document = if self.mechanism.is_rfc7628() {
            ErrorDocument::new(code)
        } else {
            let schemes = if self.mechanism.is_signed() { "oauth" } else { "bearer" };
            ErrorDocument::new(http_status).schemes(schemes)
        };
        if let Some(scope) = &server.scope {
            document = document.scope(scope);
        }
        if let Some(url) = &server.openid_configuration {
            document = document.openid_configuration(url);
        }
        document
    }
}

/// What a signature says of a URL (RFC 5849 3.4.1.2), and its query. User information and fragment are the client's to choose:
/// whoever repeats a request could name another host in them.
fn signed_url(url: &RequestUrl) -> Secret {
    let mut signed = url.base_string_uri();
    let hierarchy = url.as_str().split('#').next().unwrap_or_default();
    if let Some((_, query)) = hierarchy.split_once('?') {
        // Before the query is in it, which may have the signature: what moves then leaves no copy of that behind.
        signed.reserve(1 + query.len());
        signed.push('?');
        signed.push_str(query);
    }
    Secret::new(signed)
}

/// Decodes a response: strict base64 (RFC 4648 4) of UTF-8 text. An empty line is an empty
/// response.
///
/// # Errors
/// [`ParseError::Base64`] or [`ParseError::TooLong`]: `BAD`, `501`.
pub fn decode_response(text: &[u8]) -> Result<Secret, ParseError> {
    if text.len() > LIMIT.div_ceil(3) * 4 {
        return Err(ParseError::TooLong { limit: LIMIT });
    }
    let mut octets = decode(text).ok_or(ParseError::Base64)?;
    String::from_utf8(mem::take(&mut *octets)).map(Secret::new).map_err(|fault| {
        drop(Zeroizing::new(fault.into_bytes()));
        ParseError::Base64
    })
}

/// Decodes an initial response, in which `=` stands for an empty one (RFC 4954 4, RFC 4959 3).
///
/// # Errors
/// As [`decode_response`].
pub fn decode_initial_response(text: &[u8]) -> Result<Secret, ParseError> {
    decode_response(if text == b"=" { b"" } else { text })
}

/// A challenge as base64, for behind `+ ` or `334 `.
#[must_use]
pub fn encode_challenge(challenge: &[u8]) -> String {
    STANDARD.encode(challenge)
}
