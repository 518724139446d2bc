//! Where the first message goes.

/// Whether a mechanism's first message goes on the command line, the initial response of RFC 4959 and RFC 4954.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SaslIr {
    /// Where the protocol and the server allow it: in IMAP where it is advertised, in SMTP where the line stays
    /// short.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never: some servers advertise it and do not honour it (Coremail).
    Never,
}
