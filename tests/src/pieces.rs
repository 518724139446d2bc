//! Octets handed to a machine as it has room for them.

/// Copies what fits into the room: how much that is, and what is left.
pub(crate) fn fill<'a>(room: &mut [u8], octets: &'a [u8]) -> (usize, &'a [u8]) {
    let count = room.len().min(octets.len());
    let (now, later) = octets.split_at_checked(count).unwrap_or((octets, &[]));
    if let Some(room) = room.get_mut(..count) {
        room.copy_from_slice(now);
    }
    (count, later)
}
