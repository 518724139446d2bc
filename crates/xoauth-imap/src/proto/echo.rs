//! Our secrets in what becomes values: the names, flags and capabilities a server sends.
//!
//! Texts for people, and what has no type, are masked where they are kept. Messages are handed on as they are.

use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;

use xoauth_sasl::Mask;

use crate::parse::{Input, Response, StreamedLiteral, Tolerated, parse_into};
use crate::proto::Machine;
use crate::types::Event;

impl Machine {
    /// Hides these secrets from now on, in whatever the server says: those of a login that is to come, or of one on
    /// another connection to the same server. What a command signs in with is hidden by itself.
    pub fn protect(&mut self, secrets: Mask) {
        Arc::make_mut(&mut self.mask).merge(secrets);
    }
}

/// The octets of a response with our secrets hidden in its values; nothing where there are none.
pub(super) fn without_echo(response: &Response<'_>, bytes: &[u8], mask: &Mask) -> Option<Vec<u8>> {
    // Messages come by the thousand, and have none.
    let count = values(response, bytes.len());
    let (values, rest) = bytes.split_at_checked(count).filter(|_| count > 0)?;
    hidden(values, mask).map(|mut hidden| {
        hidden.extend_from_slice(rest);
        hidden
    })
}

/// The event a response is that no command claimed. Nobody asked for it, so its values are no message's.
pub(super) fn event(
    response: &Response<'_>,
    bytes: &[u8],
    literals: &[StreamedLiteral],
    mask: &Mask,
) -> Event {
    let hidden = match response {
        Response::Fetch(_) => hidden(bytes, mask),
        _ => None,
    };
    let again = hidden.as_ref().and_then(|hidden| {
        let mut again = Response::Other { name: &[], octets: &[] };
        let input = Input { bytes: hidden, literals };
        parse_into(input, &mut again, &mut Tolerated::default()).ok().map(|()| again)
    });
    again.as_ref().unwrap_or(response).to_event(mask)
}

fn hidden(octets: &[u8], mask: &Mask) -> Option<Vec<u8>> {
    match mask.hide(octets) {
        Cow::Borrowed(_) => None,
        Cow::Owned(hidden) => Some(hidden),
    }
}

/// How many octets, from the first on, values are made of.
fn values(response: &Response<'_>, len: usize) -> usize {
    match response {
        Response::Status(status) | Response::Tagged { status, .. } => match status.code {
            Some(_) => len.saturating_sub(status.text.len()),
            None => 0,
        },
        // Numbers; what is told of messages; texts.
        Response::Exists(_)
        | Response::Recent(_)
        | Response::Expunge(_)
        | Response::Vanished(_)
        | Response::Search(_)
        | Response::Sort(_)
        | Response::Thread(_)
        | Response::Fetch(_)
        | Response::JmapAccess(_)
        | Response::Continuation { .. } => 0,
        Response::Other { name, .. } => name.len().saturating_add(2),
        _ => len,
    }
}
