//! What a mailbox is for: SPECIAL-USE (RFC 6154).

/// `use-attr`, RFC 6154 6 (`\Important`: RFC 8457). The attribute of a mailbox that serves a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpecialUse {
    /// `\All`: all messages, a view of the others.
    All,
    /// `\Archive`: messages that were put away.
    Archive,
    /// `\Drafts`: messages that are being written.
    Drafts,
    /// `\Flagged`: messages marked for attention, a view of the others.
    Flagged,
    /// `\Important`: messages the server takes for important.
    Important,
    /// `\Junk`: spam.
    Junk,
    /// `\Sent`: copies of messages that were sent.
    Sent,
    /// `\Trash`: messages to be removed.
    Trash,
}

const ALL: [SpecialUse; 8] = [
    SpecialUse::All,
    SpecialUse::Archive,
    SpecialUse::Drafts,
    SpecialUse::Flagged,
    SpecialUse::Important,
    SpecialUse::Junk,
    SpecialUse::Sent,
    SpecialUse::Trash,
];

impl SpecialUse {
    /// The attribute as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "\\All",
            Self::Archive => "\\Archive",
            Self::Drafts => "\\Drafts",
            Self::Flagged => "\\Flagged",
            Self::Important => "\\Important",
            Self::Junk => "\\Junk",
            Self::Sent => "\\Sent",
            Self::Trash => "\\Trash",
        }
    }

    /// The purpose an attribute names; upper and lower case mean the same.
    pub fn from_attribute(attribute: &str) -> Option<Self> {
        ALL.into_iter().find(|purpose| purpose.as_str().eq_ignore_ascii_case(attribute))
    }
}
