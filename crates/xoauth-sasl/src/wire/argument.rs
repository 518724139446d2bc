//! Arguments that cannot be sent.

use core::convert::Infallible;
use core::fmt;

use xoauth_sasl::Mask;
use xoauth_sasl::wire::Excerpt;

/// An argument that cannot be sent: which, what stands in it, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidArgument {
    argument: &'static str,
    /// The argument itself, where it is short enough to be shown.
    text: Excerpt,
    fault: Fault,
}

/// What is wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    offset: usize,
    found: Found,
    expected: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Character(char),
    End,
    More,
}

impl InvalidArgument {
    pub(crate) fn new(argument: &'static str, text: &str, fault: Fault) -> Self {
        Self { argument, text: Excerpt::new(text.as_bytes(), &Mask::default()), fault }
    }

    /// The same fault in an argument that has a name of its own.
    pub(crate) fn named(self, argument: &'static str) -> Self {
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

impl Fault {
    /// A character that may not stand there.
    pub(crate) fn at(offset: usize, found: char, expected: &'static str) -> Self {
        Self { offset, found: Found::Character(found), expected }
    }

    /// Something is missing.
    pub(crate) fn end(offset: usize, expected: &'static str) -> Self {
        Self { offset, found: Found::End, expected }
    }

    /// Where it is.
    pub(crate) fn offset(self) -> usize {
        self.offset
    }

    /// It is a carriage return.
    pub(crate) fn is_return(self) -> bool {
        self.found == Found::Character('\r')
    }

    /// There is too much of it.
    pub(crate) fn too_long(offset: usize, expected: &'static str) -> Self {
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
