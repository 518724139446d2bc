//! Arguments that cannot be sent.

use core::convert::Infallible;
use core::fmt;

use super::Excerpt;
use crate::Mask;

/// An argument that cannot be sent: which, what stands in it, where, and what was expected there. Nothing of its
/// command was sent.
///
/// ```
/// use xoauth_sasl::wire::{ArgumentFault, InvalidArgument};
///
/// let fault = ArgumentFault::at(4, '\0', "no NUL");
/// let invalid = InvalidArgument::new("mailbox name", "Spam\0", fault);
/// assert_eq!(invalid.to_string(), r"invalid mailbox name 'Spam\x00': '\0' at octet 4, expected no NUL");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidArgument {
    argument: &'static str,
    /// The argument itself, where it is short enough to be shown.
    text: Excerpt,
    fault: ArgumentFault,
}

/// What is wrong with an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArgumentFault {
    offset: usize,
    found: Found,
    expected: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Character(char),
    End,
    More,
    /// The argument as a whole.
    Whole,
}

impl InvalidArgument {
    /// The fault of an argument. An empty `text` shows nothing of it: for what is a secret, or a message.
    pub fn new(argument: &'static str, text: &str, fault: ArgumentFault) -> Self {
        Self { argument, text: Excerpt::new(text.as_bytes(), &Mask::default()), fault }
    }

    /// The same fault in an argument that has a name of its own.
    #[must_use]
    pub fn named(self, argument: &'static str) -> Self {
        Self { argument, ..self }
    }

    /// Which argument: `recipient`, `message`, …
    pub fn argument(&self) -> &'static str {
        self.argument
    }

    /// Where the fault is, in octets from the start of the argument.
    pub fn offset(&self) -> usize {
        self.fault.offset
    }
}

impl ArgumentFault {
    /// A character that may not stand there.
    pub fn at(offset: usize, found: char, expected: &'static str) -> Self {
        Self { offset, found: Found::Character(found), expected }
    }

    /// Something is missing.
    pub fn end(offset: usize, expected: &'static str) -> Self {
        Self { offset, found: Found::End, expected }
    }

    /// Where it is.
    pub fn offset(self) -> usize {
        self.offset
    }

    /// It is a carriage return.
    pub fn is_return(self) -> bool {
        self.found == Found::Character('\r')
    }

    /// It is not one that is expected, whatever its letters.
    pub fn unfit(expected: &'static str) -> Self {
        Self { offset: 0, found: Found::Whole, expected }
    }

    /// There is too much of it.
    pub fn too_long(offset: usize, expected: &'static str) -> Self {
        Self { offset, found: Found::More, expected }
    }
}

impl fmt::Display for InvalidArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid {}", self.argument)?;
        // An empty text has nothing to show; a message's is not kept.
        if !self.text.as_str().is_empty()
            || self.fault.offset == 0 && self.fault.found == Found::End
        {
            write!(f, " '{}'", self.text)?;
        }
        match self.fault.found {
            Found::Character(found) => write!(f, ": {found:?}")?,
            Found::End => f.write_str(": end of text")?,
            Found::More => f.write_str(": more")?,
            Found::Whole => return write!(f, ": expected {}", self.fault.expected),
        }
        write!(f, " at octet {}, expected {}", self.fault.offset, self.fault.expected)
    }
}

impl core::error::Error for InvalidArgument {}

impl From<Infallible> for InvalidArgument {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_fault_tells_what_was_found_and_what_was_expected() {
        let cases = [
            (
                InvalidArgument::new("address", "a b", ArgumentFault::at(1, ' ', "'@'")),
                "invalid address 'a b': ' ' at octet 1, expected '@'",
            ),
            (
                InvalidArgument::new("address", "", ArgumentFault::end(0, "a name")),
                "invalid address '': end of text at octet 0, expected a name",
            ),
            (
                InvalidArgument::new("secret", "", ArgumentFault::at(7, '\n', "no CR, LF or NUL")),
                "invalid secret: '\\n' at octet 7, expected no CR, LF or NUL",
            ),
            (
                InvalidArgument::new("flag", "\\*", ArgumentFault::unfit("one a client can set")),
                "invalid flag '\\*': expected one a client can set",
            ),
            (
                InvalidArgument::new("items", "", ArgumentFault::unfit("one at least")),
                "invalid items: expected one at least",
            ),
            (
                InvalidArgument::new("id", "abc", ArgumentFault::too_long(2, "at most 2 octets")),
                "invalid id 'abc': more at octet 2, expected at most 2 octets",
            ),
        ];
        for (invalid, text) in cases {
            assert_eq!(invalid.to_string(), text);
        }
        let invalid = InvalidArgument::new("x", "\n", ArgumentFault::at(0, '\n', "y")).named("z");
        assert_eq!((invalid.argument(), invalid.offset()), ("z", 0));
        let fault = ArgumentFault::at(7, '\r', "y");
        assert_eq!((fault.offset(), InvalidArgument::new("x", "", fault).offset()), (7, 7));
        assert!(fault.is_return() && !ArgumentFault::at(7, '\n', "y").is_return());
    }
}
