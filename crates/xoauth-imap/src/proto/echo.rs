//! Our secrets in what becomes values: the names, flags and capabilities a server sends.
//!
//! Texts for people, and what has no type, are masked where they are kept. Messages are handed on as they are,
//! but for flags and the names of items: those are no part of anybody's mail.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use xoauth_sasl::Mask;
use xoauth_sasl::wire::Excerpt;

use crate::parse::{FetchItem, FetchRef, Input, Response, Tolerated, parse_into};
use crate::proto::Machine;
use crate::types::Event;

impl Machine {
    /// Hides these secrets from now on, in whatever the server says or said that it can do: those of a login that is to
    /// come, or of one on another connection to the same server. They take the place of those that were told before: tokens
    /// are renewed as long as a session lasts. What a command signs in with is hidden by itself, and stays so.
    pub fn protect(&mut self, secrets: impl Into<Arc<Mask>>) {
        Arc::make_mut(&mut self.mask).set_beside(secrets);
        self.state.hide(&self.mask);
    }
}

/// Whether all of a response becomes values, by how its name begins. Our secrets in it are hidden before it is parsed: some
/// are parsed into copies, and nobody wipes a copy.
pub(super) fn is_all_values(bytes: &[u8]) -> bool {
    let told = bytes.strip_prefix(b"*").unwrap_or_default().trim_ascii_start();
    let at = |place: usize| told.get(place).map(u8::to_ascii_uppercase);
    match at(0) {
        // ACL; CAPABILITY; ENABLED, ESEARCH; FLAGS; ID; JMAPACCESS; METADATA, MYRIGHTS; QUOTA.
        Some(b'A' | b'C' | b'E' | b'F' | b'I' | b'J' | b'M' | b'Q') => true,
        // LISTRIGHTS, and neither LIST nor LSUB, of which there are many.
        Some(b'L') => at(4) == Some(b'R'),
        // NAMESPACE, and not NO; STATUS, and not SEARCH or SORT.
        Some(b'N') => at(1) == Some(b'A'),
        Some(b'S') => at(1) == Some(b'T'),
        _ => false,
    }
}

/// Which octets of any other response are to be hidden: those that values are made of, where there may be our secrets in
/// them.
pub(super) fn echoes(response: &Response<'_>, bytes: &[u8], mask: &Mask) -> Vec<Range<usize>> {
    let (end, may_hide) = match response {
        // Messages come by the thousand, and have none.
        Response::Fetch(fetch) if echoes_in_names(fetch, mask) => return names(fetch, bytes),
        // Mailboxes do so too: a look at the values takes half the time of one at all the octets.
        Response::List(list) | Response::Lsub(list) => match list.values() {
            Some(values) => (bytes.len(), values.iter().any(|value| mask.may_hide(value))),
            None => (bytes.len(), mask.may_hide(bytes)),
        },
        _ => {
            let end = values(response, bytes.len());
            (end, bytes.get(..end).is_some_and(|values| mask.may_hide(values)))
        }
    };
    may_hide.then_some(0..end).into_iter().collect()
}

/// The event a response is that no command claimed. Nobody asked for it, so its values are no message's.
pub(super) fn event(
    response: &Response<'_>,
    input: Input<'_>,
    tolerated: &Tolerated,
    mask: &Mask,
) -> Event {
    let Response::Fetch(_) = response else { return response.to_event(mask) };
    let Cow::Owned(hidden) = mask.hide(input.bytes) else { return response.to_event(mask) };
    // Where it could not be read again, its octets are told without our secrets.
    let mut again = Response::Other { name: b"FETCH", octets: &[] };
    let input = Input { bytes: &hidden, ..input };
    if parse_into(input, &mut again, &mut tolerated.anew()).is_err() {
        again = Response::Other { name: b"FETCH", octets: &hidden };
    }
    again.to_event(mask)
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
        | Response::Continuation { .. } => 0,
        // The name of what is unknown may stand anywhere, behind a number or surplus spaces.
        _ => len,
    }
}

fn echoes_in_names(fetch: &FetchRef<'_>, mask: &Mask) -> bool {
    fetch.flags.is_some_and(|flags| mask.may_hide(flags.list()))
        || fetch.items().any(|item| mask.may_hide(name(item)))
}

/// Where the flags stand, and the names that the server chose.
fn names(fetch: &FetchRef<'_>, bytes: &[u8]) -> Vec<Range<usize>> {
    let flags = fetch.flags.map(|flags| flags.list());
    let names = flags.into_iter().chain(fetch.items().map(name));
    let ranges = names.filter_map(|name| {
        let start = name.as_ptr().addr().checked_sub(bytes.as_ptr().addr())?;
        let end = start.checked_add(name.len())?;
        // Some names are ours, and stand elsewhere.
        bytes.get(start..end).map(|_| start..end)
    });
    ranges.collect()
}

fn name<'a>(item: &FetchItem<'a>) -> &'a [u8] {
    match *item {
        FetchItem::Body(body) => body.section,
        FetchItem::Other { name, .. } | FetchItem::Invalid { name, .. } => name,
    }
}

/// What a trace shows of a response: its first line, without the text of a challenge.
pub(super) fn heard(response: &[u8], mask: &Mask) -> String {
    let line = response.split(|&octet| octet == b'\n').next().unwrap_or_default().trim_ascii_end();
    match line.strip_prefix(b"+ ") {
        Some(text) => format!("+ <{} octets>", text.len()),
        None => String::from(Excerpt::new(line, mask).as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_values_is_told_by_its_name() {
        let all = [
            "ACL",
            "CAPABILITY",
            "ENABLED",
            "ESEARCH",
            "FLAGS",
            "ID",
            "JMAPACCESS",
            "LISTRIGHTS",
            "METADATA",
            "MYRIGHTS",
            "NAMESPACE",
            "QUOTA",
            "QUOTAROOT",
            "STATUS",
        ];
        let others = [
            "LIST",
            "LSUB",
            "NO",
            "OK",
            "BAD",
            "BYE",
            "PREAUTH",
            "SEARCH",
            "SORT",
            "THREAD",
            "VANISHED",
            "1 FETCH",
            "12 EXISTS",
            "",
        ];
        let cases =
            all.map(|name| (name, true)).into_iter().chain(others.map(|name| (name, false)));
        for (name, expected) in cases {
            for name in [String::from(name), name.to_ascii_lowercase()] {
                assert_eq!(is_all_values(format!("* {name} x").as_bytes()), expected, "{name}");
                assert!(!is_all_values(format!("xt1 {name} x").as_bytes()), "{name}");
            }
        }
    }
}
