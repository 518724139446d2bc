//! What a server can do.

use alloc::string::String;
use alloc::vec::Vec;

use xoauth_sasl::Mask;
use xoauth_sasl::wire::Excerpt;

use super::hidden;
use crate::parse::CapabilitiesRef;

/// The capabilities a server told, RFC 9051 7.2.2: unknown ones as well, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// With a space behind each.
    names: String,
}

/// What RFC 9051 (appendix E) took in. Of BINARY it is only FETCH, of SPECIAL-USE only the attributes.
const IN_IMAP4REV2: [&str; 14] = [
    "NAMESPACE",
    "UNSELECT",
    "UIDPLUS",
    "ESEARCH",
    "SEARCHRES",
    "ENABLE",
    "IDLE",
    "SASL-IR",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "MOVE",
    "LITERAL-",
    "STATUS=SIZE",
    "SPECIAL-USE",
];

/// More mechanisms than a server has.
const MOST_SHOWN: usize = 32;

impl Capabilities {
    /// The server has the capability; upper and lower case mean the same.
    pub fn has(&self, capability: &str) -> bool {
        self.iter().any(|known| known.eq_ignore_ascii_case(capability))
    }

    /// The capabilities as the server wrote them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.split_terminator(' ')
    }

    /// What stands behind `NAME=`, once for each capability of that name: `values("AUTH")`.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter().filter_map(move |capability| {
            let (known, value) = capability.split_once('=')?;
            known.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The SASL mechanisms: what stands behind `AUTH=`.
    pub fn mechanisms(&self) -> impl Iterator<Item = &str> {
        self.values("AUTH")
    }

    /// Hides these secrets in what was learned before they were known.
    pub(crate) fn hide(&mut self, mask: &Mask) {
        self.names = hidden(core::mem::take(&mut self.names), mask);
    }

    /// The mechanisms as an error shows them: the first few, escaped and bounded, without these secrets.
    pub(crate) fn mechanisms_shown(&self, mask: &Mask) -> Vec<String> {
        let shown = |name: &str| Excerpt::new(name.as_bytes(), mask);
        self.mechanisms().take(MOST_SHOWN).map(|name| shown(name).as_str().into()).collect()
    }

    /// The server has the capability, or one that includes it: IMAP4rev2 has many others within (RFC 9051,
    /// appendix E), and QRESYNC has CONDSTORE (RFC 7162, 3.2.3).
    pub fn offers(&self, capability: &str) -> bool {
        let within =
            |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(capability));
        self.has(capability)
            || within(&IN_IMAP4REV2) && self.is_imap4rev2()
            || within(&["CONDSTORE", "ENABLE"]) && self.has("QRESYNC")
            || within(&["UTF8=ACCEPT"]) && self.has("UTF8=ONLY")
            // RFC 7889, 2 and RFC 9738, 3: `NAME` or `NAME=number`.
            || within(&["APPENDLIMIT", "MESSAGELIMIT"]) && self.values(capability).next().is_some()
    }

    /// The rights `c` and `d` are told for old clients alone (RFC 4314, 2.1.1): the server tells by `RIGHTS=` that it
    /// knows those they stand for.
    pub(crate) fn has_virtual_rights(&self) -> bool {
        self.values("RIGHTS").next().is_some()
    }

    /// The server speaks RFC 9051.
    pub fn is_imap4rev2(&self) -> bool {
        self.has("IMAP4REV2")
    }

    /// An initial response may stand on the AUTHENTICATE line (RFC 4959); always so in IMAP4rev2.
    pub fn has_sasl_ir(&self) -> bool {
        self.has("SASL-IR") || self.is_imap4rev2()
    }

    /// Literals of any size may be sent without waiting (RFC 7888).
    pub fn has_literal_plus(&self) -> bool {
        self.has("LITERAL+")
    }

    /// Literals of up to 4096 octets may be sent without waiting (RFC 7888); always so in IMAP4rev2.
    pub fn has_literal_minus(&self) -> bool {
        self.has("LITERAL-") || self.is_imap4rev2()
    }

    /// Adds those of `other`.
    pub(crate) fn merge<'a>(&mut self, other: impl IntoIterator<Item = &'a str>) {
        for name in other {
            if !self.has(name) {
                self.push(name);
            }
        }
    }

    /// A list without a name tells nothing: the grammar has IMAP4rev1 or IMAP4rev2 in each (RFC 9051 9).
    pub(crate) fn told(list: &CapabilitiesRef<'_>) -> Option<Self> {
        Some(Self::from(list)).filter(|told| !told.names.is_empty())
    }

    fn push(&mut self, name: &str) {
        if !name.is_empty() {
            self.names.push_str(name);
            self.names.push(' ');
        }
    }
}

impl From<&CapabilitiesRef<'_>> for Capabilities {
    fn from(list: &CapabilitiesRef<'_>) -> Self {
        let mut capabilities = Self::default();
        for name in list.iter() {
            capabilities.push(&String::from_utf8_lossy(name));
        }
        capabilities
    }
}

impl<'a> FromIterator<&'a str> for Capabilities {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut capabilities = Self::default();
        for name in names.into_iter().flat_map(|name| name.split(' ')) {
            capabilities.push(name);
        }
        capabilities
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "so much takes hours")]
    fn what_an_error_shows_of_them_is_escaped_and_bounded() {
        let many = "AUTH=\u{1b}[2J AUTH=A\0 ".repeat(5000);
        let many: Capabilities = [many.as_str()].into_iter().collect();
        let shown = many.mechanisms_shown(&Mask::default());
        assert_eq!(shown.len(), MOST_SHOWN);
        assert!(shown.iter().all(|name| !name.contains(char::is_control)), "{shown:?}");
        let long: Capabilities =
            [alloc::format!("AUTH={}", "A".repeat(100_000)).as_str()].into_iter().collect();
        assert!(long.mechanisms_shown(&Mask::default()).concat().len() < 2000);
        let mut mask = Mask::default();
        mask.add("correct-horse-battery");
        let two = ["AUTH=OAUTHBEARER AUTH=correct-horse-battery"];
        let two: Capabilities = two.into_iter().collect();
        assert_eq!(two.mechanisms_shown(&mask), ["OAUTHBEARER", "[secret]"]);
    }

    #[test]
    fn capabilities_are_found_in_any_case() {
        let capabilities: Capabilities =
            ["IMAP4rev1", "sasl-ir", "AUTH=XOAUTH2 auth=PLAIN", "LITERAL-", "AUTH=", ""]
                .into_iter()
                .collect();
        assert!(capabilities.has("imap4REV1") && capabilities.has_sasl_ir());
        assert!(capabilities.has_literal_minus() && !capabilities.has_literal_plus());
        assert!(!capabilities.is_imap4rev2() && !capabilities.has("AUTH"));
        assert_eq!(capabilities.mechanisms().collect::<Vec<_>>(), ["XOAUTH2", "PLAIN", ""]);
        assert_eq!(capabilities.iter().count(), 6);
        let rev2: Capabilities = ["IMAP4rev2"].into_iter().collect();
        assert!(rev2.has_sasl_ir() && rev2.has_literal_minus() && !rev2.has_literal_plus());
    }
}
