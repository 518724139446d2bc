//! Flags.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use xoauth_sasl::Mask;

use super::hidden;
use crate::parse::is_atom_char;

/// A flag of a message, RFC 9051 2.3.2. Upper and lower case mean the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flag {
    /// `\Seen`: read.
    Seen,
    /// `\Answered`: answered.
    Answered,
    /// `\Flagged`: marked for special attention.
    Flagged,
    /// `\Deleted`: to be removed by EXPUNGE.
    Deleted,
    /// `\Draft`: not finished.
    Draft,
    /// `\Recent`: the server tells of the message for the first time (RFC 3501; dropped in RFC 9051).
    Recent,
    /// `\*` among the permanent flags: new keywords can be made (RFC 9051, 7.1).
    Wildcard,
    /// A keyword: [`Flag::keyword`].
    Keyword(FlagName),
    /// Another flag with a backslash.
    Extension(FlagName),
}

/// The name of a keyword or of an extension flag, its backslash included.
#[derive(Clone, Eq)]
pub struct FlagName(Box<str>);

/// A set of flags: the system flags as bits, the others in the order they were inserted.
#[derive(Clone, Default)]
pub struct Flags {
    bits: u8,
    others: Vec<Flag>,
}

/// Text that is no flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlagError {
    /// There is no text.
    Empty,
    /// A character cannot be part of a flag.
    Unexpected {
        /// The character.
        found: char,
        /// Offset in the text.
        at: usize,
    },
}

/// The flags that are bits.
const SYSTEM: [Flag; 7] = [
    Flag::Seen,
    Flag::Answered,
    Flag::Flagged,
    Flag::Deleted,
    Flag::Draft,
    Flag::Recent,
    Flag::Wildcard,
];

impl Flag {
    /// A keyword such as `$Forwarded`: `flag-keyword = atom`, RFC 9051 9.
    ///
    /// # Errors
    /// The text is no atom.
    pub fn keyword(name: &str) -> Result<Self, FlagError> {
        check_atom(name, 0)?;
        Ok(Self::Keyword(FlagName(name.into())))
    }

    /// The flag as it is written: `\Seen`, `$Forwarded`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Seen => "\\Seen",
            Self::Answered => "\\Answered",
            Self::Flagged => "\\Flagged",
            Self::Deleted => "\\Deleted",
            Self::Draft => "\\Draft",
            Self::Recent => "\\Recent",
            Self::Wildcard => "\\*",
            Self::Keyword(name) | Self::Extension(name) => &name.0,
        }
    }

    /// A flag as a server wrote it. Servers break the grammar of keywords; all that may not be is a
    /// character that ends a flag.
    pub(crate) fn from_wire(name: &[u8]) -> Self {
        let bit = Self::system_bit(name);
        if let Some(flag) = SYSTEM.iter().find(|flag| flag.bit() == bit) {
            return flag.clone();
        }
        let text = FlagName(String::from_utf8_lossy(name).into());
        if name.starts_with(b"\\") { Self::Extension(text) } else { Self::Keyword(text) }
    }

    /// Hides these secrets in a flag that was learned before they were known.
    pub(crate) fn hide(&mut self, mask: &Mask) {
        if let Self::Keyword(FlagName(name)) | Self::Extension(FlagName(name)) = self {
            *name = hidden(core::mem::take(name).into(), mask).into();
        }
    }

    /// The bit of a system flag, 0 for other flags.
    pub(crate) fn bit(&self) -> u8 {
        match self {
            Self::Seen => 1,
            Self::Answered => 2,
            Self::Flagged => 4,
            Self::Deleted => 8,
            Self::Draft => 16,
            Self::Recent => 32,
            Self::Wildcard => 64,
            Self::Keyword(_) | Self::Extension(_) => 0,
        }
    }

    /// The same from the flag as a server wrote it, its backslash included.
    #[inline]
    pub(crate) fn system_bit(name: &[u8]) -> u8 {
        let flag = match name.len() {
            2 => Self::Wildcard,
            5 => Self::Seen,
            6 => Self::Draft,
            7 => Self::Recent,
            8 if name.get(1).is_some_and(|b| b.eq_ignore_ascii_case(&b'F')) => Self::Flagged,
            8 => Self::Deleted,
            9 => Self::Answered,
            _ => return 0,
        };
        if name.eq_ignore_ascii_case(flag.as_str().as_bytes()) { flag.bit() } else { 0 }
    }
}

fn check_atom(text: &str, offset: usize) -> Result<(), FlagError> {
    if text.is_empty() {
        return Err(FlagError::Empty);
    }
    let wrong =
        |&(_, c): &(usize, char)| !u8::try_from(c).is_ok_and(|b| b.is_ascii() && is_atom_char(b));
    match text.char_indices().find(wrong) {
        Some((at, found)) => Err(FlagError::Unexpected { found, at: at + offset }),
        None => Ok(()),
    }
}

impl FromStr for Flag {
    type Err = FlagError;

    /// A flag as it is written: `\Seen`, `$Forwarded`.
    fn from_str(text: &str) -> Result<Self, FlagError> {
        match text.strip_prefix('\\') {
            None | Some("*") => {}
            Some(name) => check_atom(name, 1)?,
        }
        if text.starts_with('\\') {
            Ok(Self::from_wire(text.as_bytes()))
        } else {
            Self::keyword(text)
        }
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for FlagName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq for FlagName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Hash for FlagName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for octet in self.0.bytes() {
            state.write_u8(octet.to_ascii_lowercase());
        }
        state.write_u8(0xff);
    }
}

impl Flags {
    /// The flag is in the set.
    pub fn contains(&self, flag: &Flag) -> bool {
        match flag.bit() {
            0 => self.others.contains(flag),
            bit => self.bits & bit != 0,
        }
    }

    /// Adds a flag.
    pub fn insert(&mut self, flag: Flag) {
        match flag.bit() {
            0 if self.others.contains(&flag) => {}
            0 => self.others.push(flag),
            bit => self.bits |= bit,
        }
    }

    /// The flags a server told: those of the standard as bits, and the names of all. The others are not
    /// compared with one another.
    pub(crate) fn from_wire<'a>(bits: u8, names: impl Iterator<Item = &'a [u8]>) -> Self {
        let others = names.filter(|name| Flag::system_bit(name) == 0).map(Flag::from_wire);
        Self { bits, others: others.collect() }
    }

    /// The message was read: `\Seen`.
    pub fn is_seen(&self) -> bool {
        self.contains(&Flag::Seen)
    }

    /// The flags, those of the standard first.
    pub fn iter(&self) -> impl Iterator<Item = &Flag> {
        SYSTEM.iter().filter(|flag| self.bits & flag.bit() != 0).chain(&self.others)
    }

    /// There is no flag.
    pub fn is_empty(&self) -> bool {
        self.bits == 0 && self.others.is_empty()
    }
}

impl FromIterator<Flag> for Flags {
    fn from_iter<I: IntoIterator<Item = Flag>>(flags: I) -> Self {
        let mut set = Self::default();
        flags.into_iter().for_each(|flag| set.insert(flag));
        set
    }
}

impl PartialEq for Flags {
    /// The order does not matter.
    fn eq(&self, other: &Self) -> bool {
        self.bits == other.bits
            && self.others.len() == other.others.len()
            && self.others.iter().all(|flag| other.others.contains(flag))
    }
}

impl Eq for Flags {}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl fmt::Display for FlagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty flag, expected a name"),
            Self::Unexpected { found, at } => {
                write!(f, "unexpected {found:?} at offset {at} of a flag, expected an atom")
            }
        }
    }
}

impl core::error::Error for FlagError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    #[test]
    fn flags_are_read_in_any_case() {
        for flag in &SYSTEM {
            let name = flag.as_str();
            assert_eq!(name.parse(), Ok(flag.clone()));
            assert_eq!(name.to_lowercase().parse(), Ok(flag.clone()));
            assert_eq!(Flag::system_bit(name.to_uppercase().as_bytes()), flag.bit());
        }
        assert_eq!(SYSTEM.iter().map(Flag::bit).fold(0, |bits, bit| bits ^ bit), 0x7f);
        assert_eq!("$MDNSent".parse::<Flag>(), Flag::keyword("$mdnsent"));
        assert_eq!("\\X-Y".parse::<Flag>().unwrap().as_str(), "\\X-Y");
        for name in ["\\Seem", "\\Delete1", "\\", "Seen", ""] {
            assert_eq!(Flag::system_bit(name.as_bytes()), 0, "{name}");
        }
    }

    #[test]
    fn what_could_end_a_flag_is_refused() {
        let cases = [
            ("", "empty flag, expected a name"),
            ("\\", "empty flag, expected a name"),
            ("a b", "unexpected ' ' at offset 1 of a flag, expected an atom"),
            ("\\a)", "unexpected ')' at offset 2 of a flag, expected an atom"),
            ("a\r\nx", "unexpected '\\r' at offset 1 of a flag, expected an atom"),
            ("x{5}", "unexpected '{' at offset 1 of a flag, expected an atom"),
            ("ü", "unexpected 'ü' at offset 0 of a flag, expected an atom"),
            ("a\\b", "unexpected '\\\\' at offset 1 of a flag, expected an atom"),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Flag>().unwrap_err().to_string(), expected, "{text:?}");
        }
        assert!(Flag::keyword("\\Seen").is_err());
    }

    #[test]
    fn a_set_holds_each_flag_once() {
        let junk = Flag::keyword("$Junk").unwrap();
        let mut flags: Flags =
            [junk.clone(), Flag::Seen, Flag::Draft, Flag::Seen].into_iter().collect();
        flags.insert(Flag::keyword("$JUNK").unwrap());
        assert_eq!(format!("{flags:?}"), "{Seen, Draft, Keyword(\"$Junk\")}");
        assert!(flags.is_seen() && flags.contains(&junk) && !flags.contains(&Flag::Deleted));
        assert_eq!(flags, [Flag::Draft, Flag::Seen, junk].into_iter().collect());
        assert!(!flags.is_empty() && Flags::default().is_empty());
    }
}
