//! NAMESPACE and ID responses.

use alloc::vec::Vec;

use super::Tolerated;
use super::cursor::{Cursor, Result};
use crate::types::{Delimiter, Identity, Mailbox, NamespaceEntry, Namespaces};

/// A response with more entries is an attack on memory.
const MAX_ENTRIES: usize = 10_000;

/// `namespace-response`, RFC 9051 9, behind the word NAMESPACE.
pub(super) fn namespaces(cursor: &mut Cursor<'_>, tolerated: &mut Tolerated) -> Result<Namespaces> {
    Ok(Namespaces {
        personal: namespace(cursor, tolerated)?,
        other_users: namespace(cursor, tolerated)?,
        shared: namespace(cursor, tolerated)?,
    })
}

/// `SP namespace`; `namespace = nil / "(" 1*namespace-descr ")"`.
fn namespace(cursor: &mut Cursor<'_>, tolerated: &mut Tolerated) -> Result<Vec<NamespaceEntry>> {
    cursor.space(tolerated)?;
    let mut entries = Vec::new();
    if cursor.nil() {
        return Ok(entries);
    }
    cursor.expect(b'(', "a list of namespaces or NIL")?;
    loop {
        cursor.surplus_spaces(tolerated);
        if cursor.eat(b')') {
            return Ok(entries);
        }
        entries.push(entry(cursor, tolerated)?);
        bounded(cursor, &entries, tolerated)?;
    }
}

/// `namespace-descr = "(" string SP (DQUOTE QUOTED-CHAR DQUOTE / nil) [namespace-response-extensions] ")"`.
fn entry(cursor: &mut Cursor<'_>, tolerated: &mut Tolerated) -> Result<NamespaceEntry> {
    cursor.expect(b'(', "a namespace")?;
    let prefix = Mailbox::read(cursor.nstring(tolerated)?, tolerated.has_utf8_names());
    cursor.space(tolerated)?;
    let delimiter = Delimiter::from_wire(cursor.nstring(tolerated)?);
    let mut extensions = Vec::new();
    while !cursor.eat(b')') {
        cursor.space(tolerated)?;
        let name = cursor.string()?.octets();
        cursor.space(tolerated)?;
        cursor.expect(b'(', "a list of values")?;
        let mut values = Vec::new();
        loop {
            values.push(cursor.string()?.octets());
            bounded(cursor, &values, tolerated)?;
            if cursor.eat(b')') {
                break;
            }
            cursor.space(tolerated)?;
        }
        extensions.push((name, values));
        bounded(cursor, &extensions, tolerated)?;
    }
    Ok(NamespaceEntry { prefix, delimiter, extensions })
}

/// `id-response = "ID" SP id-params-list`, RFC 2971 4, behind the word ID.
pub(super) fn identity(cursor: &mut Cursor<'_>, tolerated: &mut Tolerated) -> Result<Identity> {
    cursor.space(tolerated)?;
    let mut fields = Vec::new();
    if cursor.nil() {
        return Ok(Identity::new(fields));
    }
    cursor.expect(b'(', "a list of fields or NIL")?;
    loop {
        cursor.surplus_spaces(tolerated);
        if cursor.eat(b')') {
            return Ok(Identity::new(fields));
        }
        let name = cursor.string()?.octets();
        cursor.space(tolerated)?;
        fields.push((name, cursor.nstring(tolerated)?.to_octets()));
        bounded(cursor, &fields, tolerated)?;
        cursor.eat(b' ');
    }
}

/// A bound on what one response can make us keep: `list` was given one more.
pub(super) fn bounded<T>(cursor: &Cursor<'_>, list: &[T], tolerated: &mut Tolerated) -> Result<()> {
    tolerated.unfold::<T>(1, cursor)?;
    if list.len() > MAX_ENTRIES { Err(cursor.error("at most 10000 entries")) } else { Ok(()) }
}
