//! Reading the client's message.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use oauth1_core::{ReceivedRequest, RequestUrl, Secret, VerifyError, percent_decode};

use crate::mechanism::{endpoint_url, is_host_character};

/// What a client said, before base64.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ClientMessage {
    /// It wants to log in, or to know what a login takes.
    Login(LoginRequest),
    /// A lone `%x01`: the answer to an error challenge, and valid only there (RFC 7628 3.2.3).
    Acknowledgement,
}

/// A login as the client asks for it. Nothing of it was judged.
#[derive(Debug, Clone)]
pub struct LoginRequest {
    gs2_header: Option<String>,
    user: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    credential: Credential,
}

/// With what a client wants to log in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Credential {
    /// The OAuth 1.0a signature of a request: XOAUTH's own, or the one OAUTH10A derives from host
    /// and port.
    Signed(Box<ReceivedRequest>),
    /// An OAuth 2.0 access token.
    Bearer(Secret),
    /// Nothing: the client asks which scope a token needs (RFC 7628 3.1, 4.3).
    Discovery,
}

impl LoginRequest {
    /// The gs2-header (RFC 5801 4) with both its commas; `None` for XOAUTH and XOAUTH2.
    #[must_use]
    pub fn gs2_header(&self) -> Option<&str> {
        self.gs2_header.as_deref()
    }

    /// The user that the client asks for, without control characters: the authorization identity,
    /// or XOAUTH2's `user`. For XOAUTH, `xoauth_requestor_id` where the consumer alone signs, and
    /// the segment behind `/b/` of the URL where a token does.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The host that the client says it connected to.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The port that the client says it connected to.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// With what it wants to log in.
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.credential
    }
}

/// Why a client's message cannot be read. No message repeats any of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError {
    /// There is no such mechanism here.
    Mechanism,
    /// The response is not base64 of UTF-8 text.
    Base64,
    /// The message is longer than any login.
    TooLong {
        /// How long it may be, in octets.
        limit: usize,
    },
    /// The message is not in the mechanism's form.
    Malformed {
        /// Where, in octets from its start.
        offset: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// A key is missing.
    Missing {
        /// Which.
        key: &'static str,
    },
    /// A key is there twice.
    Duplicate {
        /// Which.
        key: &'static str,
    },
    /// The OAuth 1.0a request in it cannot be judged.
    Request(VerifyError),
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mechanism => {
                f.write_str("unknown mechanism, expected XOAUTH, OAUTH10A, OAUTHBEARER or XOAUTH2")
            }
            Self::Base64 => f.write_str("malformed response, expected base64 of UTF-8 text"),
            Self::TooLong { limit } => write!(f, "message is longer than {limit} octets"),
            Self::Malformed { offset, expected } => {
                write!(f, "malformed message at octet {offset}, expected {expected}")
            }
            Self::Missing { key } => write!(f, "key {key} is missing, expected it once"),
            Self::Duplicate { key } => write!(f, "key {key} is given twice, expected it once"),
            Self::Request(_) => f.write_str("request cannot be judged"),
        }
    }
}

impl core::error::Error for ParseError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Request(fault) => Some(fault),
            _ => None,
        }
    }
}

impl From<VerifyError> for ParseError {
    fn from(fault: VerifyError) -> Self {
        Self::Request(fault)
    }
}

/// How long a message may be, in octets: access tokens of several KiB are in use.
pub(super) const LIMIT: usize = 65_536;

/// Reads the decoded message of a client that chose a mechanism.
///
/// # Errors
/// [`ParseError`], which says what is wrong where.
pub fn parse_client_message(mechanism: &str, octets: &[u8]) -> Result<ClientMessage, ParseError> {
    let read = Mechanism::named(mechanism)?;
    if octets.len() > LIMIT {
        return Err(ParseError::TooLong { limit: LIMIT });
    }
    let text = core::str::from_utf8(octets)
        .map_err(|fault| malformed(fault.valid_up_to(), "UTF-8 text"))?;
    match read {
        Mechanism::XOAuth => xoauth(text).map(ClientMessage::Login),
        Mechanism::XOAuth2 => xoauth2(text).map(ClientMessage::Login),
        _ if text == "\u{1}" => Ok(ClientMessage::Acknowledgement),
        Mechanism::OAuth10A => rfc7628(text, Scheme::OAuth).map(ClientMessage::Login),
        Mechanism::OAuthBearer => rfc7628(text, Scheme::Bearer).map(ClientMessage::Login),
    }
}

/// The mechanisms that a server can judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mechanism {
    XOAuth,
    OAuth10A,
    OAuthBearer,
    XOAuth2,
}

impl Mechanism {
    pub(super) const ALL: [Self; 4] =
        [Self::XOAuth, Self::OAuth10A, Self::OAuthBearer, Self::XOAuth2];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::XOAuth => "XOAUTH",
            Self::OAuth10A => "OAUTH10A",
            Self::OAuthBearer => "OAUTHBEARER",
            Self::XOAuth2 => "XOAUTH2",
        }
    }

    /// Clients write names in either case; IMAP and SMTP compare them so.
    pub(super) fn named(name: &str) -> Result<Self, ParseError> {
        let found = Self::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(name));
        found.ok_or(ParseError::Mechanism)
    }

    pub(super) fn is_signed(self) -> bool {
        matches!(self, Self::XOAuth | Self::OAuth10A)
    }

    pub(super) fn is_rfc7628(self) -> bool {
        matches!(self, Self::OAuth10A | Self::OAuthBearer)
    }
}

/// `METHOD SP url SP parameters`.
fn xoauth(text: &str) -> Result<LoginRequest, ParseError> {
    let (method, rest) = text.split_once(' ').ok_or_else(|| malformed(text.len(), "a space"))?;
    let (url, list) = rest.split_once(' ').ok_or_else(|| malformed(text.len(), "a space"))?;
    // An extension of some clients, the hash of a body that this request does not have.
    let request = ReceivedRequest::new(method, url)?.parameter_list(list)?.body(b"");
    let user = match request.token() {
        Some(_) => path_user(request.url()),
        None => request.parameter("xoauth_requestor_id").map(String::from),
    };
    if user.as_deref().is_some_and(|user| user.chars().any(char::is_control)) {
        return Err(malformed(method.len() + 1, "a user without control characters in the URL"));
    }
    let credential = Credential::Signed(Box::new(request));
    Ok(LoginRequest { gs2_header: None, user, host: None, port: None, credential })
}

/// The user in a URL like `https://mail.google.com/mail/b/user@gmail.com/imap/`.
fn path_user(url: &RequestUrl) -> Option<String> {
    let (_, behind_scheme) = url.as_str().split_once("://")?;
    let hierarchy = behind_scheme.split(['?', '#']).next()?;
    let mut segments = hierarchy.split('/').skip(1);
    segments.find(|&segment| segment == "b")?;
    let user = segments.next().filter(|user| !user.is_empty())?;
    percent_decode(user).ok().map(String::from)
}

/// `user=…^Aauth=Bearer …^A^A`, in any order, with fields of vendors.
fn xoauth2(text: &str) -> Result<LoginRequest, ParseError> {
    let (mut user, mut auth) = (Slot::new("user"), Slot::new("auth"));
    read_pairs(text, 0, |c| !c.is_control(), &mut [&mut user, &mut auth])?;
    let user = user.required()?;
    if user.text.is_empty() {
        return Err(malformed(user.offset, "a user"));
    }
    let credential = Credential::Bearer(bearer(auth.required()?)?);
    let user = Some(String::from(user.text));
    Ok(LoginRequest { gs2_header: None, user, host: None, port: None, credential })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    OAuth,
    Bearer,
}

/// `client-resp` of RFC 7628 3.1.
fn rfc7628(text: &str, scheme: Scheme) -> Result<LoginRequest, ParseError> {
    let (user, length) = gs2_header(text)?;
    let (gs2_header, rest) = text.split_at_checked(length).unwrap_or_default();
    let pairs = rest.strip_prefix('\u{1}').ok_or_else(|| malformed(length, "%x01"))?;
    let (mut host, mut port) = (Slot::new("host"), Slot::new("port"));
    let mut auth = Slot::new("auth");
    let is_value = |c: char| matches!(c, ' '..='~' | '\t' | '\r' | '\n');
    read_pairs(pairs, length + 1, is_value, &mut [&mut host, &mut port, &mut auth])?;

    let auth = auth.required()?;
    let number = port.found.map(port_number).transpose()?;
    let credential = match scheme {
        _ if auth.text.is_empty() => Credential::Discovery,
        Scheme::Bearer => Credential::Bearer(bearer(auth)?),
        Scheme::OAuth => {
            let (host, number) =
                (host.required()?, number.ok_or(ParseError::Missing { key: "port" })?);
            let list = behind_scheme(auth, "OAuth", "the scheme OAuth")?;
            // A path or user in it would make a URL of another shape.
            let url = Some(host.text).filter(|host| host.chars().all(is_host_character));
            let url = url.and_then(|host| RequestUrl::new(endpoint_url(host, number)).ok());
            let url = url.ok_or_else(|| malformed(host.offset, "a host name or address"))?;
            let request = ReceivedRequest::new("POST", url)?.parameter_list(list.text)?;
            Credential::Signed(Box::new(request))
        }
    };
    Ok(LoginRequest {
        gs2_header: Some(gs2_header.into()),
        user,
        host: host.found.map(|host| host.text.into()),
        port: number,
        credential,
    })
}

/// The authorization identity and the length of the header.
///
/// RFC 5801 4. Channel binding (`p=`) is not defined for these mechanisms (RFC 7628 3.1).
fn gs2_header(text: &str) -> Result<(Option<String>, usize), ParseError> {
    let fault = |rest: &str, expected| Err(malformed(text.len() - rest.len(), expected));
    let flag = text.strip_prefix("F,").unwrap_or(text);
    let Some(identity) = flag.strip_prefix("n,").or_else(|| flag.strip_prefix("y,")) else {
        return fault(flag, "a gs2-header without channel binding");
    };
    if let Some(rest) = identity.strip_prefix(',') {
        return Ok((None, text.len() - rest.len()));
    }
    let Some(name) = identity.strip_prefix("a=") else {
        return fault(identity, "'a=' or ','");
    };
    let Some((name, rest)) = name.split_once(',') else { return fault("", "','") };
    let offset = text.len() - rest.len() - 1 - name.len();
    Ok((Some(saslname(name, offset)?), text.len() - rest.len()))
}

/// `saslname` of RFC 5801 4: `,` and `=` are escaped. Control characters, which it allows all but
/// NUL, are refused: `%x01` ends it here, and none is part of a user's name.
fn saslname(name: &str, offset: usize) -> Result<String, ParseError> {
    let mut pieces = name.split('=');
    let mut text = String::from(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (escaped, rest) = match (piece.strip_prefix("2C"), piece.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return Err(malformed(offset, "'=' and ',' as '=3D' and '=2C'")),
        };
        text.push(escaped);
        text.push_str(rest);
    }
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(malformed(offset, "a user without control characters"));
    }
    Ok(text)
}

/// A value and where it stands in the message.
#[derive(Clone, Copy)]
struct Value<'a> {
    text: &'a str,
    offset: usize,
}

/// A key that a message may have once.
struct Slot<'a> {
    key: &'static str,
    found: Option<Value<'a>>,
}

impl<'a> Slot<'a> {
    fn new(key: &'static str) -> Self {
        Self { key, found: None }
    }

    fn required(&self) -> Result<Value<'a>, ParseError> {
        self.found.ok_or(ParseError::Missing { key: self.key })
    }
}

/// `*kvpair kvsep` to the end of the message; keys without a slot are ignored, as RFC 7628 3.1
/// has it.
fn read_pairs<'a>(
    text: &'a str,
    offset: usize,
    is_value: impl Fn(char) -> bool,
    slots: &mut [&mut Slot<'a>],
) -> Result<(), ParseError> {
    let mut rest = text;
    loop {
        let at = offset + text.len() - rest.len();
        if let Some(end) = rest.strip_prefix('\u{1}') {
            return if end.is_empty() { Ok(()) } else { Err(malformed(at + 1, "the end")) };
        }
        let Some((pair, behind)) = rest.split_once('\u{1}') else {
            return Err(malformed(offset + text.len(), "%x01"));
        };
        let key_end = pair.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(pair.len());
        let (key, value) = pair.split_at_checked(key_end).unwrap_or_default();
        let value = value.strip_prefix('=').filter(|_| !key.is_empty());
        let value = value.ok_or_else(|| malformed(at + key_end, "key=value"))?;
        let value_at = at + key_end + 1;
        if let Some(bad) = value.find(|c| !is_value(c)) {
            return Err(malformed(value_at + bad, "a character of a value"));
        }
        if let Some(slot) = slots.iter_mut().find(|slot| slot.key == key) {
            if slot.found.replace(Value { text: value, offset: value_at }).is_some() {
                return Err(ParseError::Duplicate { key: slot.key });
            }
        }
        rest = behind;
    }
}

fn port_number(value: Value<'_>) -> Result<u16, ParseError> {
    let digits = Some(value.text).filter(|text| text.bytes().all(|octet| octet.is_ascii_digit()));
    let number = digits.and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| malformed(value.offset, "a port number"))
}

/// RFC 6750 2.1, with every visible character in the token.
fn bearer(auth: Value<'_>) -> Result<Secret, ParseError> {
    let token = behind_scheme(auth, "Bearer", "the scheme Bearer")?;
    if token.text.is_empty() || !token.text.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err(malformed(token.offset, "an access token"));
    }
    Ok(Secret::new(token.text))
}

/// Scheme names are case-insensitive (RFC 9110 11.1).
fn behind_scheme<'a>(
    auth: Value<'a>,
    scheme: &str,
    expected: &'static str,
) -> Result<Value<'a>, ParseError> {
    let (found, rest) = auth.text.split_once(' ').unwrap_or((auth.text, ""));
    if !found.eq_ignore_ascii_case(scheme) {
        return Err(malformed(auth.offset, expected));
    }
    let text = rest.trim_start_matches(' ');
    Ok(Value { text, offset: auth.offset + auth.text.len() - text.len() })
}

fn malformed(offset: usize, expected: &'static str) -> ParseError {
    ParseError::Malformed { offset, expected }
}
