//! What mailboxes are allowed, and what is noted beside them: QUOTA, QUOTAROOT (RFC 9208) and METADATA (RFC 5464).

use alloc::vec::Vec;

use super::Tolerated;
use super::acl::mailbox;
use super::cursor::{Cursor, Result};
use super::namespace::bounded;
use crate::types::{Metadata, Quota, QuotaResource, QuotaRoots, ResourceKind};

/// `quota-response = "QUOTA" SP quota-root-name SP quota-list`, RFC 9208 6.
pub(super) fn quota(cursor: &mut Cursor<'_>, tolerated: &mut Tolerated) -> Result<Quota> {
    cursor.space(tolerated)?;
    let root = cursor.astring()?.octets();
    cursor.space(tolerated)?;
    cursor.expect(b'(', "a list of resources")?;
    let mut resources = Vec::new();
    loop {
        cursor.surplus_spaces(tolerated);
        if cursor.eat(b')') {
            return Ok(Quota { root, resources });
        }
        let kind = ResourceKind::from_wire(cursor.atom()?);
        cursor.space(tolerated)?;
        let usage = cursor.number64()?;
        cursor.space(tolerated)?;
        resources.push(QuotaResource { kind, usage, limit: cursor.number64()? });
        bounded(cursor, &resources, tolerated)?;
        cursor.eat(b' ');
    }
}

/// `quotaroot-response = "QUOTAROOT" SP mailbox *(SP quota-root-name)`, RFC 9208 6.
pub(super) fn quota_roots(
    cursor: &mut Cursor<'_>,
    tolerated: &mut Tolerated,
) -> Result<QuotaRoots> {
    let mailbox = mailbox(cursor, tolerated)?;
    let mut roots = Vec::new();
    cursor.surplus_spaces_at_end(tolerated);
    while !cursor.is_empty() {
        cursor.space(tolerated)?;
        roots.push(cursor.astring()?.octets());
        bounded(cursor, &roots, tolerated)?;
        cursor.surplus_spaces_at_end(tolerated);
    }
    Ok(QuotaRoots { mailbox, roots })
}

/// `metadata-resp = "METADATA" SP mailbox SP (entry-values / entry-list)`, RFC 5464 5: entries with their values,
/// or the names of those that changed.
pub(super) fn metadata(cursor: &mut Cursor<'_>, tolerated: &mut Tolerated) -> Result<Metadata> {
    let mailbox = mailbox(cursor, tolerated)?;
    let mut metadata = Metadata { mailbox, entries: Vec::new(), changed: Vec::new() };
    cursor.space(tolerated)?;
    if !cursor.eat(b'(') {
        loop {
            metadata.changed.push(cursor.astring()?.octets());
            bounded(cursor, &metadata.changed, tolerated)?;
            cursor.surplus_spaces_at_end(tolerated);
            if cursor.is_empty() {
                return Ok(metadata);
            }
            cursor.space(tolerated)?;
        }
    }
    loop {
        cursor.surplus_spaces(tolerated);
        if cursor.eat(b')') {
            return Ok(metadata);
        }
        let name = cursor.astring()?.octets();
        cursor.space(tolerated)?;
        metadata.entries.push((name, cursor.nstring(tolerated)?.to_octets()));
        bounded(cursor, &metadata.entries, tolerated)?;
        cursor.eat(b' ');
    }
}
