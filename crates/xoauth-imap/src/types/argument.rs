//! Where the arguments of commands are written.

use xoauth_sasl::wire::{ArgumentFault, InvalidArgument};

/// Writes the parts of a command in the safest form each can take.
///
/// The encoder of the protocol machine is one. It decides whether a string becomes an atom, a quoted
/// string or a literal, so that types only say what they are.
pub trait ArgumentSink {
    /// Text of the protocol itself: words, numbers, spaces, parentheses. Never a caller's text. One with a CR,
    /// LF or NUL is not written and makes the command fail.
    fn raw(&mut self, text: &str);

    /// `astring`, RFC 9051 9.
    fn astring(&mut self, octets: &[u8]);

    /// `string`, RFC 9051 9.
    fn string(&mut self, octets: &[u8]);

    /// `literal`, RFC 9051 9.
    fn literal(&mut self, octets: &[u8]);

    /// Remembers that an argument cannot be sent; nothing of the command will be.
    fn refuse(&mut self, invalid: InvalidArgument);

    /// Names and strings may be UTF-8: UTF8=ACCEPT (RFC 6855) or IMAP4rev2 is in force.
    fn takes_utf8(&self) -> bool {
        false
    }
}

/// A NUL, which neither a quoted string nor a literal can hold (RFC 9051, 4.3).
pub(crate) fn no_nul(at: usize) -> ArgumentFault {
    ArgumentFault::at(at, '\0', "no NUL")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    /// Shows what is written and how.
    #[derive(Default)]
    pub(in super::super) struct Written(pub(in super::super) String);

    impl ArgumentSink for Written {
        fn raw(&mut self, text: &str) {
            self.0.push_str(text);
        }

        fn astring(&mut self, octets: &[u8]) {
            self.0.push_str(&format!("<{}>", octets.escape_ascii()));
        }

        fn string(&mut self, octets: &[u8]) {
            self.0.push_str(&format!("<<{}>>", octets.escape_ascii()));
        }

        fn literal(&mut self, octets: &[u8]) {
            self.0.push_str(&format!("<<<{}>>>", octets.escape_ascii()));
        }

        fn refuse(&mut self, invalid: InvalidArgument) {
            self.0.push_str(&format!("!{invalid}!"));
        }
    }
}
