//! What UIDPLUS tells of messages that were stored or copied (RFC 4315).

use alloc::vec::Vec;
use core::num::NonZeroU32;

use super::{Event, ResponseCode, StatusText, Uid};
use crate::parse::{Code, SetRef};

/// The unique identifiers of messages that APPEND or REPLACE stored, in the order they were sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppendUid {
    /// The mailbox's unique identifier validity value.
    pub uid_validity: NonZeroU32,
    /// The messages: ranges, both ends included.
    pub uids: Vec<(Uid, Uid)>,
}

/// The unique identifiers of messages that COPY or MOVE copied.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CopyUid {
    /// The destination's unique identifier validity value.
    pub uid_validity: NonZeroU32,
    /// The messages copied: ranges, both ends included.
    pub source: Vec<(Uid, Uid)>,
    /// Their copies, in the same order.
    pub destination: Vec<(Uid, Uid)>,
}

impl AppendUid {
    /// The messages, made as they are asked for: a range of a server may span four thousand million.
    pub fn iter(&self) -> impl Iterator<Item = Uid> + '_ {
        expanded(&self.uids)
    }

    pub(crate) fn from_code(code: &Code<'_>) -> Option<Self> {
        let Code::AppendUid { uid_validity, uids } = code else { return None };
        Some(Self { uid_validity: *uid_validity, uids: ranges(*uids) })
    }
}

impl CopyUid {
    /// Each message copied with its copy, made as they are asked for.
    pub fn pairs(&self) -> impl Iterator<Item = (Uid, Uid)> + '_ {
        expanded(&self.source).zip(expanded(&self.destination))
    }

    pub(crate) fn from_code(code: &Code<'_>) -> Option<Self> {
        let Code::CopyUid { uid_validity, source, destination } = code else { return None };
        let (source, destination) = (ranges(*source), ranges(*destination));
        Some(Self { uid_validity: *uid_validity, source, destination })
    }

    /// As the untagged OK that told it (RFC 6851, 4.3).
    pub(crate) fn into_event(self) -> Event {
        let Self { uid_validity, source, destination } = self;
        let code = ResponseCode::CopyUid { uid_validity, source, destination };
        Event::Status(StatusText::ok_with(code))
    }

    pub(crate) fn from_status(status: StatusText) -> Option<Self> {
        match status.code {
            Some(ResponseCode::CopyUid { uid_validity, source, destination }) => {
                Some(Self { uid_validity, source, destination })
            }
            _ => None,
        }
    }
}

/// The ranges of a set in the server's order.
pub(super) fn ranges(set: SetRef<'_>) -> Vec<(Uid, Uid)> {
    set.ranges().map(|(from, to)| (Uid::from(from), Uid::from(to))).collect()
}

fn expanded(ranges: &[(Uid, Uid)]) -> impl Iterator<Item = Uid> + '_ {
    ranges.iter().flat_map(|&(from, to)| from.get()..=to.get()).filter_map(Uid::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn uid(number: u32) -> Uid {
        Uid::new(number).unwrap()
    }

    #[test]
    fn pairs_follow_the_order_of_the_sets() {
        // RFC 4315, 4.3: `COPYUID 38505 304,319:320 3956:3958`.
        let copied = CopyUid {
            uid_validity: NonZeroU32::new(38505).unwrap(),
            source: vec![(uid(304), uid(304)), (uid(319), uid(320))],
            destination: vec![(uid(3956), uid(3958))],
        };
        let pairs: Vec<_> = copied.pairs().map(|(from, to)| (from.get(), to.get())).collect();
        assert_eq!(pairs, [(304, 3956), (319, 3957), (320, 3958)]);
    }

    #[test]
    fn a_range_of_all_numbers_takes_no_room() {
        let appended =
            AppendUid { uid_validity: NonZeroU32::MIN, uids: vec![(uid(1), uid(u32::MAX))] };
        assert_eq!(appended.iter().nth(9).map(Uid::get), Some(10));
        assert_eq!(appended.iter().size_hint().0, 0);
    }
}
