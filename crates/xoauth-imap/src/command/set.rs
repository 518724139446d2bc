//! Which messages a command is about.

use core::convert::Infallible;

use crate::error::Error;
use crate::proto::Encoder;
use crate::types::{ArgumentSink, Number, SeqNo, SeqSet, Set, SetError, Uid, UidSet};

/// Messages named by unique identifiers or by sequence numbers, checked when the command is run. A command of one's own names them in its
/// [`Footprint`](crate::proto::Footprint).
#[derive(Debug, Clone)]
pub enum Numbers {
    /// By unique identifier: the `UID` form of a command.
    Uid(UidSet),
    /// By sequence number, which changes when messages are removed.
    Sequence(SeqSet),
    /// None, say because a search found nothing: the command is not sent.
    None,
    /// Text that is no set of numbers.
    Invalid(SetError),
}

impl Numbers {
    /// Unique identifiers, from a set or from text such as `"1:*"`.
    pub fn uids<S: TryInto<UidSet>>(set: S) -> Self
    where
        S::Error: Into<NotASet>,
    {
        set.try_into().map_or_else(|error| Self::from(error.into()), Self::Uid)
    }

    /// Sequence numbers, from a set or from text such as `"1:*"`.
    pub fn sequence<S: TryInto<SeqSet>>(set: S) -> Self
    where
        S::Error: Into<NotASet>,
    {
        set.try_into().map_or_else(|error| Self::from(error.into()), Self::Sequence)
    }

    /// A FETCH response with these numbers may be about one of the messages.
    pub(crate) fn may_name(&self, seq: SeqNo, uid: Option<Uid>) -> bool {
        match self {
            Self::Uid(set) => uid.is_none_or(|uid| set.may_hold(uid)),
            Self::Sequence(set) => set.may_hold(seq),
            Self::None | Self::Invalid(_) => false,
        }
    }

    /// They mean the same messages in another session, while UIDVALIDITY stays what it is.
    pub(crate) fn are_unique(&self) -> bool {
        match self {
            Self::Uid(set) => !set.is_saved_search(),
            Self::None => true,
            Self::Sequence(_) | Self::Invalid(_) => false,
        }
    }

    /// Writes `verb` in the form that fits, a space and the numbers.
    pub(crate) fn encode(&self, verb: &str, out: &mut Encoder<'_>) -> Result<(), Error> {
        match self {
            Self::Uid(set) => {
                sendable(set, out)?;
                out.raw("UID ");
                out.raw(verb);
                out.raw(" ");
                set.encode(out);
            }
            Self::Sequence(set) => {
                sendable(set, out)?;
                out.raw(verb);
                out.raw(" ");
                set.encode(out);
            }
            Self::None => out.nothing_to_ask(),
            Self::Invalid(error) => return Err(Error::InvalidNumbers(error.clone())),
        }
        Ok(())
    }
}

/// `$` needs a server that keeps what a search found, and stands alone (RFC 5182).
fn sendable<T: Number>(set: &Set<T>, out: &Encoder<'_>) -> Result<(), Error> {
    if set.is_saved_search() {
        out.needs("$", &["SEARCHRES"])?;
    }
    if !set.can_be_sent() {
        return Err(Error::unfit("message numbers", "", "$ alone, or numbers alone"));
    }
    Ok(())
}

/// Why text is not a set; nothing where it is one already.
#[derive(Debug)]
pub struct NotASet(SetError);

impl From<SetError> for NotASet {
    fn from(error: SetError) -> Self {
        Self(error)
    }
}

impl From<Infallible> for NotASet {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<NotASet> for Numbers {
    fn from(NotASet(error): NotASet) -> Self {
        match error {
            SetError::Empty => Self::None,
            error => Self::Invalid(error),
        }
    }
}
