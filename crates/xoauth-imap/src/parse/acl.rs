//! Responses about rights: ACL, LISTRIGHTS, MYRIGHTS (RFC 4314).

use alloc::vec::Vec;

use super::Tolerated;
use super::cursor::{Cursor, Result};
use super::namespace::bounded;
use crate::types::{AccessList, Mailbox, MailboxRights, Rights, RightsChoice};

/// `SP mailbox`.
pub(super) fn mailbox(cursor: &mut Cursor<'_>, tolerated: &mut Tolerated) -> Result<Mailbox> {
    cursor.space(tolerated)?;
    Ok(Mailbox::read(cursor.astring()?, tolerated.has_utf8_names()))
}

/// `SP rights`.
fn rights(cursor: &mut Cursor<'_>, tolerated: &mut Tolerated) -> Result<Rights> {
    cursor.space(tolerated)?;
    Ok(Rights::from_wire(&cursor.astring()?.cow()))
}

/// `acl-data = "ACL" SP mailbox *(SP identifier SP rights)`, RFC 4314 7.
pub(super) fn access_list(
    cursor: &mut Cursor<'_>,
    tolerated: &mut Tolerated,
) -> Result<AccessList> {
    let mailbox = mailbox(cursor, tolerated)?;
    let mut entries = Vec::new();
    cursor.surplus_spaces_at_end(tolerated);
    while !cursor.is_empty() {
        cursor.space(tolerated)?;
        let identifier = cursor.astring()?.octets();
        entries.push((identifier, rights(cursor, tolerated)?));
        bounded(cursor, &entries, tolerated)?;
        cursor.surplus_spaces_at_end(tolerated);
    }
    Ok(AccessList { mailbox, entries })
}

/// `listrights-data = "LISTRIGHTS" SP mailbox SP identifier SP [rights] *(SP rights)`, RFC 4314 7.
pub(super) fn rights_choice(
    cursor: &mut Cursor<'_>,
    tolerated: &mut Tolerated,
) -> Result<RightsChoice> {
    let mailbox = mailbox(cursor, tolerated)?;
    cursor.space(tolerated)?;
    let identifier = cursor.astring()?.octets();
    // `[rights]`: nothing between two spaces, or behind the last one.
    cursor.expect(b' ', "a space")?;
    let required = match cursor.peek() {
        None | Some(b' ') => Rights::default(),
        Some(_) => Rights::from_wire(&cursor.astring()?.cow()),
    };
    let mut optional = Vec::new();
    cursor.surplus_spaces_at_end(tolerated);
    while !cursor.is_empty() {
        optional.push(rights(cursor, tolerated)?);
        bounded(cursor, &optional, tolerated)?;
        cursor.surplus_spaces_at_end(tolerated);
    }
    Ok(RightsChoice { mailbox, identifier, required, optional })
}

/// `myrights-data = "MYRIGHTS" SP mailbox SP rights`, RFC 4314 7.
pub(super) fn my_rights(
    cursor: &mut Cursor<'_>,
    tolerated: &mut Tolerated,
) -> Result<MailboxRights> {
    let mailbox = mailbox(cursor, tolerated)?;
    Ok(MailboxRights { mailbox, rights: rights(cursor, tolerated)? })
}
