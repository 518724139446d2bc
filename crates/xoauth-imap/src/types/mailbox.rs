//! Names of mailboxes.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};

use xoauth_sasl::wire::InvalidArgument;

use super::{ArgumentSink, Delimiter, no_nul, utf7};
use crate::parse::Text;

/// The name of a mailbox, as people read it.
///
/// On the wire it is modified UTF-7 (RFC 3501, 5.1.3), which every server understands. A name that a
/// server wrote in another way keeps its octets, so that it can be named to the server again. `INBOX`
/// is the same in upper and lower case (RFC 9051, 5.1).
///
/// ```
/// use xoauth_imap::Mailbox;
///
/// let drafts = Mailbox::from("Entwürfe");
/// assert_eq!(drafts.to_wire(), b"Entw&APw-rfe");
/// assert_eq!(Mailbox::from_wire(b"Entw&APw-rfe"), drafts);
/// ```
#[derive(Clone)]
pub struct Mailbox {
    name: String,
    /// The octets the server wrote, where they are not what `name` encodes to.
    wire: Option<Box<[u8]>>,
}

impl Mailbox {
    /// The mailbox each user has.
    pub fn inbox() -> Self {
        Self::from("INBOX")
    }

    /// A name as a server wrote it. What is no modified UTF-7 is read as UTF-8.
    pub fn from_wire(wire: &[u8]) -> Self {
        if let Some(name) = utf7::plain(wire) {
            return Self::from(name);
        }
        let name = utf7::decode(wire).unwrap_or_else(|| String::from_utf8_lossy(wire).into_owned());
        let wire = (utf7::encode(&name) != wire).then(|| wire.into());
        Self { name, wire }
    }

    /// A name as a server wrote it once UTF8=ACCEPT or IMAP4rev2 is enabled: UTF-8 (RFC 6855, 3; RFC 9051, 5.1). What
    /// looks like modified UTF-7 there is not: a server that goes on with it all the same is told its own octets back, and its names are shown
    /// as they come, for `R&-D` is a name like any other.
    pub fn from_utf8_wire(wire: &[u8]) -> Self {
        let name = String::from_utf8_lossy(wire).into_owned();
        let wire = (name.as_bytes() != wire).then(|| wire.into());
        Self { name, wire }
    }

    pub(crate) fn read(text: Text<'_>, utf8: bool) -> Self {
        if utf8 { Self::from_utf8_wire(&text.cow()) } else { Self::from_wire(&text.cow()) }
    }

    /// The name. It is lossy where the server's octets are neither modified UTF-7 nor UTF-8.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The server means this one: it may write the name in another way than it was asked, or in another case.
    pub(crate) fn is_told_as(&self, told: &Self) -> bool {
        self == told || self.name.eq_ignore_ascii_case(&told.name)
    }

    /// This is the INBOX.
    pub fn is_inbox(&self) -> bool {
        self.name.eq_ignore_ascii_case("INBOX")
    }

    /// The names of the levels of the hierarchy, the highest first.
    pub fn levels(&self, delimiter: Option<Delimiter>) -> impl Iterator<Item = &str> {
        let mut rest = Some(self.name.as_str());
        core::iter::from_fn(move || {
            let name = rest?;
            let cut = delimiter.and_then(|delimiter| name.split_once(delimiter.as_char()));
            let (level, below) = cut.map_or((name, None), |(level, below)| (level, Some(below)));
            rest = below;
            Some(level)
        })
    }

    /// What this mailbox is called after `from` was renamed `to` (RFC 9051, 6.3.6): what is below a mailbox moves with
    /// it, but not what is below the INBOX. `None` where it keeps its name. Where the server has told no delimiter, it is
    /// taken for one of those that servers have.
    pub(crate) fn renamed(
        &self,
        from: &Self,
        to: &Self,
        delimiter: Option<Delimiter>,
    ) -> Option<Self> {
        if from.is_inbox() {
            return None;
        }
        let below = self.name.strip_prefix(&from.name)?;
        let begins_level = |c| delimiter.map_or(matches!(c, '/' | '.'), |d| d.as_char() == c);
        match below.chars().next() {
            None => return Some(to.clone()),
            Some(c) if begins_level(c) => {}
            Some(_) => return None,
        }
        let name = alloc::format!("{}{below}", to.name);
        let is_odd = self.wire.is_some() || to.wire.is_some();
        let wire = is_odd.then(|| {
            let (own, above) = (self.to_wire(), from.to_wire());
            let below_octets = own.strip_prefix(above.as_slice()).map(<[u8]>::to_vec);
            let below_octets = below_octets.unwrap_or_else(|| utf7::encode(below));
            [to.to_wire(), below_octets].concat().into_boxed_slice()
        });
        Some(Self { name, wire })
    }

    /// The octets of the name on the wire.
    pub fn to_wire(&self) -> Vec<u8> {
        match &self.wire {
            Some(wire) => wire.to_vec(),
            None => utf7::encode(&self.name),
        }
    }

    /// Writes the name as an argument. One with a NUL character is refused.
    pub fn encode(&self, out: &mut dyn ArgumentSink) {
        if let Some(name) = self.sendable("mailbox name", out) {
            out.astring(&name);
        }
    }

    /// Writes the name as `list-mailbox`, in which `*` and `%` are wildcards (RFC 9051, 6.3.9).
    pub fn encode_pattern(&self, out: &mut dyn ArgumentSink) {
        if let Some(name) = self.sendable("mailbox pattern", out) {
            out.string(&name);
        }
    }

    /// Modified UTF-7 could carry a NUL; no server takes one for a name.
    fn sendable(&self, argument: &'static str, out: &mut dyn ArgumentSink) -> Option<Vec<u8>> {
        if let Some(at) = self.name.find('\0') {
            out.refuse(InvalidArgument::new(argument, &self.name, no_nul(at)));
            return None;
        }
        Some(match &self.wire {
            None if out.takes_utf8() => self.name.clone().into_bytes(),
            _ => self.to_wire(),
        })
    }
}

impl From<&str> for Mailbox {
    fn from(name: &str) -> Self {
        Self { name: name.into(), wire: None }
    }
}

impl From<String> for Mailbox {
    fn from(name: String) -> Self {
        Self { name, wire: None }
    }
}

impl From<&Mailbox> for Mailbox {
    fn from(mailbox: &Mailbox) -> Self {
        mailbox.clone()
    }
}

impl From<Text<'_>> for Mailbox {
    fn from(text: Text<'_>) -> Self {
        Self::from_wire(&text.cow())
    }
}

impl PartialEq for Mailbox {
    fn eq(&self, other: &Self) -> bool {
        self.is_inbox() && other.is_inbox() || self.name == other.name && self.wire == other.wire
    }
}

impl Eq for Mailbox {}

impl Hash for Mailbox {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if self.is_inbox() { "INBOX".hash(state) } else { self.name.hash(state) }
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mailbox({:?})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::argument::tests::Written;
    use alloc::format;
    use proptest::prelude::*;

    #[test]
    fn octets_of_odd_names_move_with_them() {
        let slash = Some(Delimiter::from('/'));
        let renamed = |own: &[u8], from: &[u8], to: &[u8]| {
            let names = [own, from, to].map(Mailbox::from_wire);
            names[0].renamed(&names[1], &names[2], slash).map(|name| name.to_wire())
        };
        assert_eq!(renamed(b"a/\xfc", b"a", b"b").unwrap(), b"b/\xfc");
        assert_eq!(renamed(b"a/x", b"a", b"\xfc").unwrap(), b"\xfc/x");
        assert_eq!(renamed(b"\xfc/&APw-", b"\xfc", b"b").unwrap(), b"b/&APw-");
        assert_eq!(renamed(b"&APw-/x", b"&APw-", b"&AOQ-").unwrap(), b"&AOQ-/x");
        assert_eq!(renamed(b"\xfcb", b"\xfc", b"c"), None);
    }

    #[test]
    fn names_fill_a_column() {
        assert_eq!(
            format!("{:<8}|{:>6}|", Mailbox::from("Sent"), Mailbox::from("a")),
            "Sent    |     a|"
        );
    }

    #[test]
    fn a_server_is_told_what_it_told() {
        // What modified UTF-7 does not produce: raw UTF-8, Latin-1, base64 for what needs none, a lone `&`.
        let cases: [(&[u8], &str); 7] = [
            (b"Entw&APw-rfe", "Entwürfe"),
            ("Entwürfe".as_bytes(), "Entwürfe"),
            (b"Entw\xfcrfe", "Entw\u{fffd}rfe"),
            // Yandex encodes an `&` between letters of another script with them.
            (b"&BBAEMQQyACYEMwQ0BDU-", "Абв&где"),
            (b"&AGE-", "&AGE-"),
            (b"R&D", "R&D"),
            (b"a\tb", "a\tb"),
        ];
        for (wire, name) in cases {
            let mailbox = Mailbox::from_wire(wire);
            assert_eq!(mailbox.as_str(), name);
            assert_eq!(mailbox.to_wire(), wire);
        }
        assert_ne!(Mailbox::from_wire(b"&AGE-"), Mailbox::from("a"));
        assert_eq!(Mailbox::from_wire(b"R&-D"), Mailbox::from("R&D"));
    }

    #[test]
    fn the_inbox_has_one_name() {
        assert_eq!(Mailbox::from("inbox"), Mailbox::inbox());
        assert_ne!(Mailbox::from("inbox/a"), Mailbox::from("INBOX/a"));
        assert!(Mailbox::from_wire(b"iNbOx").is_inbox());
        assert_eq!(
            format!("{:?} {}", Mailbox::from("a b"), Mailbox::from("a b")),
            "Mailbox(\"a b\") a b"
        );
    }

    #[test]
    fn names_are_written_as_arguments() {
        let mut out = Written::default();
        Mailbox::from("日本\r\n").encode(&mut out);
        Mailbox::from("%/R&D").encode_pattern(&mut out);
        assert_eq!(out.0, "<&ZeVnLAANAAo-><<%/R&-D>>");
        let mut out = Written::default();
        Mailbox::from("a\0b").encode(&mut out);
        let expected = r"!invalid mailbox name 'a\x00b': '\0' at octet 1, expected no NUL!";
        assert_eq!(out.0, expected);
    }

    #[test]
    fn levels_are_cut_at_the_delimiter() {
        let levels = |name, delimiter: Option<char>| {
            let mailbox = Mailbox::from(name);
            mailbox.levels(delimiter.map(Delimiter::from)).collect::<Vec<_>>().join("|")
        };
        assert_eq!(levels("a/b.c/", Some('/')), "a|b.c|");
        assert_eq!(levels("a/b", None), "a/b");
    }

    proptest! {
        #[test]
        fn wire_octets_come_back(wire: Vec<u8>) {
            prop_assert_eq!(Mailbox::from_wire(&wire).to_wire(), wire);
        }

        #[test]
        fn names_come_back(name: String) {
            let mailbox = Mailbox::from(name.as_str());
            prop_assert_eq!(Mailbox::from_wire(&mailbox.to_wire()), mailbox);
        }
    }
}
