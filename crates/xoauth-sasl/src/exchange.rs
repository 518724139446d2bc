//! One client conversation.
//!
//! The states, and what a challenge does in each:
//!
//! ```text
//! Ready         the message was made and not sent
//!               empty: the message, -> Sent
//!               anything else: `*`, -> Cancelled (unless tolerated, then as empty); where the server
//!               speaks first (LOGIN), any base64 is as empty
//! Sent          the message was sent, inline or as an answer
//!               base64 (an empty one too), something left to say (LOGIN): that, -> Sent
//!               base64 else: the acknowledgement, -> Acknowledged, or `*` where the mechanism knows none
//!               not base64: `*`, -> Cancelled
//! Acknowledged  the server said why it refuses
//!               anything: `*`, -> Cancelled
//! Cancelled     anything: an error
//! ```
//!
//! So the credentials are sent once at most, and a server gets two answers at most.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::{fmt, mem};

use base64::engine::general_purpose::STANDARD;
use base64::{Engine, decoded_len_estimate};
use oauth1_core::{Secret, percent_decode};
use zeroize::Zeroizing;

use crate::error::check;
use crate::{Context, Error, ErrorChallenge, Mask, Mechanism, Speaker};

/// One client conversation (RFC 4422 3), the same for IMAP and SMTP: base64 in, base64 out.
///
/// ```
/// use xoauth_sasl::{Context, Exchange, Nonce, Reply, Stamp, XOAuth2};
///
/// let login = XOAuth2::new("someuser@example.com", "ya29.vF9dft4qmTc2Nvb3Rlcg")?;
/// let stamp = Stamp::new(Nonce::new("unused")?, 0);
/// let mut exchange = Exchange::start(&login, &Context::new(&stamp, "imap.gmail.com", 993))?;
///
/// assert!(exchange.initial_response().starts_with("dXNlcj1zb21ldXNlck"));
/// // The server refuses, and says why; the client acknowledges with an empty line.
/// assert_eq!(exchange.on_challenge(b"eyJzdGF0dXMiOiI0MDEifQ==")?, Reply::Response(""));
/// assert_eq!(exchange.refusal().and_then(|challenge| challenge.status()), Some("401"));
/// // Whatever it says then, it gets nothing more.
/// assert_eq!(exchange.on_challenge(b"")?, Reply::Cancel);
/// # Ok::<(), xoauth_sasl::Error>(())
/// ```
#[derive(Debug)]
pub struct Exchange {
    mechanism: String,
    /// The client's message, as base64.
    message: Secret,
    /// What is left to say behind it, as base64, the next at the end.
    further: Vec<Secret>,
    /// What was said of it last.
    said: Secret,
    first_speaker: Speaker,
    /// The answer to an error challenge, as base64, of a mechanism that has them.
    acknowledgement: Option<String>,
    state: State,
    refusal: Option<ErrorChallenge>,
    mask: Mask,
    tolerance: Tolerance,
    tolerated: Tolerance,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Ready,
    Sent,
    Acknowledged,
    Cancelled(CancelReason),
}

/// What to send as the answer to a challenge.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reply<'a> {
    /// This base64 text on a line of its own; an empty text is an empty line.
    Response(&'a str),
    /// A line with `*` alone, which cancels the exchange; the server answers with its end.
    Cancel,
}

/// Why an exchange was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CancelReason {
    /// A challenge was not base64 (RFC 4648 4).
    NotBase64,
    /// The server sent text before it was sent anything; these mechanisms begin with the client.
    TextBeforeResponse,
    /// The server sent another challenge after the one that says why it refuses, or after everything
    /// was said to a server that never says why.
    SecondChallenge,
}

/// Faults of servers that an exchange puts up with.
///
/// What is not named here is never tolerated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tolerance {
    /// Line ends (LF or CRLF) inside the base64 of one challenge: Twisted folds a long one every
    /// 76 characters. Tolerated by default.
    pub folded_challenge: bool,
    /// Any text in the challenge that asks for the client's message, where it should be empty.
    /// Not tolerated by default.
    pub text_before_response: bool,
}

impl Exchange {
    /// Makes the client's messages: a signing mechanism signs now.
    ///
    /// # Errors
    /// Those of [`Mechanism::initial_response`], and [`Error::Empty`] or [`Error::Character`] for
    /// a mechanism whose name is invalid.
    pub fn start(mechanism: &dyn Mechanism, context: &Context<'_>) -> Result<Self, Error> {
        let name = mechanism.name();
        check("mechanism name", name, "upper-case letters, digits, '-' and '_'", |c| {
            c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '-' | '_')
        })?;
        let message = mechanism.initial_response(context)?;
        let mut mask = Mask::default();
        mechanism.sensitive(&mut |secret| mask.add(secret));
        mask.add_encoded(message.expose());
        for signature in signatures(message.expose()) {
            mask.add(signature.expose());
        }
        let mut further = mechanism.further_responses();
        further.reverse();
        further.iter().for_each(|response| mask.add_encoded(response.expose()));
        let acknowledgement = mechanism
            .explains_refusals()
            .then(|| STANDARD.encode(mechanism.error_acknowledgement()));
        Ok(Self {
            mechanism: name.to_owned(),
            message: encode(message.expose()),
            further: further.iter().map(|response| encode(response.expose())).collect(),
            said: Secret::new(String::new()),
            first_speaker: mechanism.first_speaker(),
            acknowledgement,
            state: State::Ready,
            refusal: None,
            mask,
            tolerance: Tolerance::default(),
            tolerated: Tolerance::NONE,
        })
    }

    /// Which faults of the server are put up with.
    #[must_use]
    pub fn tolerance(mut self, tolerance: Tolerance) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// The mechanism's name.
    #[must_use]
    pub fn mechanism(&self) -> &str {
        &self.mechanism
    }

    /// Whether the message may go with the command; where the server speaks first it must not.
    #[must_use]
    pub fn allows_initial_response(&self) -> bool {
        self.first_speaker == Speaker::Client
    }

    /// How many octets [`initial_response`](Exchange::initial_response) has, for deciding whether
    /// it fits the line.
    #[must_use]
    pub fn initial_len(&self) -> usize {
        self.message.expose().len().max(1)
    }

    /// The client's message for the command line: base64, or `=` for an empty message
    /// (RFC 4954 4, RFC 4959 3).
    ///
    /// From here on it counts as sent. Without this call the first challenge asks for it.
    pub fn initial_response(&mut self) -> &str {
        if matches!(self.state, State::Ready) {
            self.state = State::Sent;
        }
        match self.message.expose() {
            "" => "=",
            message => message,
        }
    }

    /// Answers a challenge: `text` is what stands behind `+ ` or `334 `, without the line end.
    ///
    /// # Errors
    /// [`Error::Cancelled`] for a challenge after [`Reply::Cancel`]: the server breaks the
    /// protocol.
    pub fn on_challenge(&mut self, text: &[u8]) -> Result<Reply<'_>, Error> {
        match self.state {
            State::Ready => {
                if self.first_speaker == Speaker::Server {
                    if self.decode(text).is_none() {
                        return Ok(self.cancel(CancelReason::NotBase64));
                    }
                } else if !text.is_empty() {
                    if !self.tolerance.text_before_response {
                        return Ok(self.cancel(CancelReason::TextBeforeResponse));
                    }
                    self.tolerated.text_before_response = true;
                }
                self.state = State::Sent;
                Ok(Reply::Response(self.message.expose()))
            }
            State::Sent => {
                let Some(document) = self.decode(text) else {
                    return Ok(self.cancel(CancelReason::NotBase64));
                };
                if let Some(response) = self.further.pop() {
                    self.said = response;
                    return Ok(Reply::Response(self.said.expose()));
                }
                if self.acknowledgement.is_none() {
                    return Ok(self.cancel(CancelReason::SecondChallenge));
                }
                self.refusal = Some(ErrorChallenge::masked(&document, &self.mask));
                self.state = State::Acknowledged;
                Ok(Reply::Response(self.acknowledgement.as_deref().unwrap_or_default()))
            }
            State::Acknowledged => Ok(self.cancel(CancelReason::SecondChallenge)),
            State::Cancelled(_) => Err(Error::Cancelled),
        }
    }

    /// Whether the client has said all it has to say. A success that comes before is not accepted, for the server cannot
    /// know who this is. True also once the exchange is cancelled: [`has_failed`](Exchange::has_failed) tells that.
    #[must_use]
    pub fn has_said_all(&self) -> bool {
        match self.state {
            State::Ready => false,
            State::Sent => self.further.is_empty(),
            State::Acknowledged | State::Cancelled(_) => true,
        }
    }

    /// Whether the exchange can only fail: it was cancelled, or the server told in an error document why it refuses,
    /// and has to refuse then (RFC 7628 3.2.3). A success that comes all the same is not accepted.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        match self.state {
            State::Ready | State::Sent => false,
            State::Acknowledged => {
                self.refusal.as_ref().is_some_and(|document| document.status().is_some())
            }
            State::Cancelled(_) => true,
        }
    }

    /// The server's reason for refusing, where it gave one.
    #[must_use]
    pub fn refusal(&self) -> Option<&ErrorChallenge> {
        self.refusal.as_ref()
    }

    /// Why the exchange was cancelled, where it was.
    #[must_use]
    pub fn cancelled(&self) -> Option<CancelReason> {
        match self.state {
            State::Cancelled(reason) => Some(reason),
            _ => None,
        }
    }

    /// Which of the tolerated faults the server has shown.
    #[must_use]
    pub fn tolerated(&self) -> Tolerance {
        self.tolerated
    }

    /// Finds the secrets of this exchange, for everything the server will say.
    #[must_use]
    pub fn mask(&self) -> Mask {
        self.mask.clone()
    }

    /// Hides these secrets too in what the server says of a refusal: those of other logins, which it may have heard.
    pub fn protect(&mut self, secrets: &Mask) {
        self.mask.merge(secrets.clone());
    }

    fn cancel(&mut self, reason: CancelReason) -> Reply<'_> {
        self.state = State::Cancelled(reason);
        Reply::Cancel
    }

    /// The octets of a challenge in base64, folded or not.
    fn decode(&mut self, text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        if !(self.tolerance.folded_challenge && text.contains(&b'\n')) {
            return decode(text);
        }
        self.tolerated.folded_challenge = true;
        let mut unfolded = Zeroizing::new(Vec::with_capacity(text.len()));
        for line in text.split(|&octet| octet == b'\n') {
            unfolded.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        }
        decode(&unfolded)
    }
}

/// Strict base64 (RFC 4648 4): no foreign character, padding at the end only and complete. What was decoded before a fault is
/// wiped too.
pub(crate) fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut octets = Zeroizing::new(alloc::vec![0; decoded_len_estimate(text.len())]);
    let length = STANDARD.decode_slice(text, &mut octets).ok()?;
    octets.truncate(length);
    Some(octets)
}

impl Tolerance {
    /// Nothing is tolerated.
    pub const NONE: Self = Self { folded_challenge: false, text_before_response: false };
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { folded_challenge: true, ..Self::NONE }
    }
}

impl fmt::Debug for Reply<'_> {
    /// Shows no response: it may be the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Response(text) => write!(f, "Response(<{} octets>)", text.len()),
            Self::Cancel => f.write_str("Cancel"),
        }
    }
}

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBase64 => "challenge is not base64",
            Self::TextBeforeResponse => "text in the first challenge, expected none",
            Self::SecondChallenge => "second challenge, expected the end of the exchange",
        })
    }
}

fn encode(message: &str) -> Secret {
    // The room is exact, so that the text is never moved and left behind; encoding into a string would leave a
    // copy on the stack.
    let mut octets = Zeroizing::new(alloc::vec![0; 4 * message.len().div_ceil(3)]);
    let length = STANDARD.encode_slice(message, &mut octets).unwrap_or_default();
    octets.truncate(length);
    // Base64 is text.
    Secret::new(String::from_utf8(mem::take(&mut *octets)).unwrap_or_default())
}

/// The signatures in a message of OAuth 1.0a, which the mechanism does not know beforehand: as they stand there,
/// percent-encoded, and as they are. What encodes the message again has the former within.
fn signatures(message: &str) -> impl Iterator<Item = Secret> {
    let encoded = message.split("oauth_signature=\"").skip(1);
    encoded.filter_map(|behind| behind.split('"').next()).flat_map(|encoded| {
        let decoded = percent_decode(encoded).ok().map(|signature| signature.into_owned());
        [Some(Secret::new(encoded)), decoded.map(Secret::new)].into_iter().flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mechanism, Nonce, Secret, Stamp};
    use alloc::format;
    use alloc::string::ToString;
    use oauth1_core::percent_encode;

    #[test]
    fn a_signature_is_masked_however_its_message_is_encoded_again() {
        #[derive(Debug)]
        struct Signed(&'static str);
        impl Mechanism for Signed {
            fn name(&self) -> &str {
                "X-SIGNED"
            }

            fn initial_response(&self, _: &Context<'_>) -> Result<Secret, Error> {
                Ok(Secret::new(format!("a=\"b\",oauth_signature=\"{}\",c=\"d\"", self.0)))
            }

            fn sensitive(&self, _: &mut dyn FnMut(&str)) {}
        }
        let encoded = "ab%2Fcd%2Bef%2Fgh%2Bij%2Fkl%3D";
        let stamp = Stamp::new(Nonce::new("nonce").unwrap(), 1);
        let context = Context::new(&stamp, "mail.example.org", 993);
        let mask = Exchange::start(&Signed(encoded), &context).unwrap().mask();
        let decoded = percent_decode(encoded).unwrap();
        for form in [&*decoded, encoded, &percent_encode(encoded)] {
            assert_eq!(&*mask.apply(format!("a {form} b").as_bytes()), b"a [secret] b", "{form}");
        }
        for form in [&*decoded, encoded] {
            for before in ["", "x", "xy"] {
                let again = STANDARD.encode(format!("{before}{form}"));
                // Beside it stand characters that its neighbours have a part in.
                let shown = mask.apply(again.as_bytes()).len();
                assert!(shown < 8 + 6, "{shown} of {again}");
            }
        }
    }

    #[test]
    fn replies_are_counted_not_shown() {
        assert_eq!(format!("{:?}", Reply::Response("c2VjcmV0")), "Response(<8 octets>)");
        assert_eq!(format!("{:?}", Reply::Cancel), "Cancel");
    }

    #[test]
    fn reasons_to_cancel_are_told() {
        let reasons = [
            (CancelReason::NotBase64, "challenge is not base64"),
            (CancelReason::TextBeforeResponse, "text in the first challenge, expected none"),
            (CancelReason::SecondChallenge, "second challenge, expected the end of the exchange"),
        ];
        for (reason, told) in reasons {
            assert_eq!(reason.to_string(), told);
        }
    }
}
