//! What is written is read as the same, and written again as the same.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use xoauth::imap::Event;
use xoauth::imap::parse::{Input, Tolerated, parse_response};
use xoauth::sasl::oauth1::{Nonce, Stamp};
use xoauth::sasl::{
    ClientMessage, Context, Credential, Exchange, Mask, Mechanism, OAuthBearer, XOAuth2,
    parse_client_message,
};

use super::written::written;
use super::{Choices, text};
use crate::hear::{Case, Protocol, Said, hear};

/// A response that is written from what was understood of it is understood as the same.
pub fn imap_round_trip(octets: &[u8]) {
    let Some(event) = understood(octets) else { return };
    let Some(line) = written(&event) else { return };
    let again = understood(&line);
    assert_eq!(again.as_ref(), Some(&event), "{}", line.escape_ascii());
    assert_eq!(again.as_ref().and_then(written), Some(line));
}

fn understood(octets: &[u8]) -> Option<Event> {
    let mut tolerated = Tolerated::default();
    let response = parse_response(Input { bytes: octets, literals: &[] }, &mut tolerated).ok()?;
    Some(response.to_event(&Mask::default()))
}

/// A reply that is written from its code and its lines is heard as the same.
pub fn smtp_reply(octets: &[u8]) {
    let mut choices = Choices(octets);
    let context = match choices.octet().unwrap_or(0) % 3 {
        0 => "greeting",
        1 => "ehlo",
        _ => "",
    };
    let heard = |octets: &[u8]| {
        let case = Case { context, tag: None, octets, step: usize::MAX, shown: false };
        hear(Protocol::Smtp, &case).unwrap_or_default()
    };
    let first = heard(choices.0);
    let mut line_ends = 0;
    for said in &first.responses {
        let Said::Reply(code, text) = said else { continue };
        let lines: Vec<&[u8]> = text.split(|&octet| octet == b'\n').collect();
        line_ends += lines.len();
        let last = lines.len() - 1;
        let mut reply = Vec::new();
        for (number, line) in lines.into_iter().enumerate() {
            reply.extend(code.to_string().bytes());
            reply.push(if number == last { b' ' } else { b'-' });
            reply.extend(line);
            reply.extend(b"\r\n");
        }
        let again = heard(&reply);
        assert_eq!(again.responses.first(), Some(said), "{}", reply.escape_ascii());
    }
    let given = choices.0.iter().filter(|&&octet| octet == b'\n').count();
    assert!(line_ends <= given, "more was heard than was said");
}

/// What a mechanism says is read by the server side as what went into it, and said again as the same.
pub fn sasl_round_trip(octets: &[u8]) {
    let mut choices = Choices(octets);
    let bearer = choices.octet().unwrap_or(0) % 2 == 0;
    let (Some(user), Some(token)) = (text(choices.piece()), text(choices.0)) else { return };
    let Some((name, message)) = said(bearer, user, token) else { return };
    let read = parse_client_message(name, &message);
    let Ok(ClientMessage::Login(login)) = &read else {
        assert!(read.is_ok(), "{}: {read:?}", message.escape_ascii());
        return;
    };
    let Credential::Bearer(read) = login.credential() else { return };
    assert_eq!(login.user().unwrap_or_default(), user);
    assert_eq!(read.expose(), token);
    let again = said(bearer, login.user().unwrap_or_default(), read.expose());
    assert_eq!(again.map(|(_, message)| message), Some(message));
}

/// The name of a mechanism, and its message; none for a user or token that it refuses.
fn said(bearer: bool, user: &str, token: &str) -> Option<(&'static str, Vec<u8>)> {
    let mechanism: Box<dyn Mechanism> = match bearer {
        true => Box::new(OAuthBearer::new(user, token).ok()?),
        false => Box::new(XOAuth2::new(user, token).ok()?),
    };
    let stamp = Stamp::new(Nonce::new("nonce").ok()?, 0);
    let context = Context::new(&stamp, "localhost", 993);
    let mut exchange = Exchange::start(&*mechanism, &context).ok()?;
    let message = STANDARD.decode(exchange.initial_response()).ok()?;
    Some((if bearer { "OAUTHBEARER" } else { "XOAUTH2" }, message))
}
