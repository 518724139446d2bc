//! What a server can do beyond the minimum.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use xoauth_sasl::Mask;
use xoauth_sasl::wire::{Excerpt, escape_into};

/// The extensions a server offers in its answer to EHLO (RFC 5321 4.1.1.1). None are known before EHLO,
/// and none after HELO.
///
/// Keywords are compared without regard to case; unknown ones are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extensions {
    offered: Vec<Extension>,
    mechanisms: Vec<String>,
    /// They were learned by LHLO.
    lmtp: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Extension {
    keyword: String,
    parameters: String,
}

/// How many mechanisms an error shows.
const MOST_SHOWN: usize = 32;

impl Extensions {
    /// Reads the lines of an EHLO answer behind the first, which names the server. What it repeats of our secrets is
    /// hidden before anything is made of it.
    pub(crate) fn parse<'a>(lines: impl Iterator<Item = &'a [u8]>, mask: &Mask) -> Self {
        let mut extensions = Self::default();
        // As many as fit a reply: looking through those before each of them would take seconds.
        let mut known = BTreeSet::new();
        for line in lines {
            let mut text = String::new();
            escape_into(&mask.hide(line), &mut text);
            extensions.add(text.trim_ascii(), &mut known);
        }
        extensions
    }

    /// `ehlo-line = ehlo-keyword *( SP ehlo-param )`, RFC 5321 4.1.1.1. A line without keyword says nothing.
    fn add(&mut self, line: &str, known: &mut BTreeSet<String>) {
        let (keyword, parameters) = line.split_once(' ').unwrap_or((line, ""));
        // `AUTH=LOGIN`, from before AUTH was standardised, stands beside the line with a space or alone.
        let (keyword, parameters) = match keyword.split_once('=') {
            Some((auth, _)) if auth.eq_ignore_ascii_case("AUTH") => {
                (auth, line.split_once('=').map_or("", |(_, behind)| behind))
            }
            _ => (keyword, parameters),
        };
        if keyword.eq_ignore_ascii_case("AUTH") {
            for mechanism in parameters.split_ascii_whitespace() {
                if known.insert(mechanism.to_ascii_lowercase()) {
                    self.mechanisms.push(mechanism.to_owned());
                }
            }
        }
        if !keyword.is_empty() {
            self.offered.push(Extension {
                keyword: keyword.to_owned(),
                parameters: parameters.trim_ascii().to_owned(),
            });
        }
    }

    /// The server's word for this is not taken.
    pub(crate) fn forget(&mut self, keyword: &str) {
        self.offered.retain(|one| !one.keyword.eq_ignore_ascii_case(keyword));
    }

    /// Hides these secrets in what was learned before they were known.
    pub(crate) fn hide(&mut self, mask: &Mask) {
        let offered =
            self.offered.iter_mut().flat_map(|one| [&mut one.keyword, &mut one.parameters]);
        for text in offered.chain(&mut self.mechanisms) {
            if mask.may_hide(text.as_bytes()) {
                // Where they stand: no copy of them stays in memory that is given back.
                let mut octets = core::mem::take(text).into_bytes();
                mask.hide_in_place(&mut octets);
                *text = String::from_utf8(octets)
                    .unwrap_or_else(|fault| String::from_utf8_lossy(fault.as_bytes()).into_owned());
            }
        }
    }

    /// The mechanisms as an error shows them: the first few, bounded, without these secrets.
    pub(crate) fn mechanisms_shown(&self, mask: &Mask) -> Vec<String> {
        let shown = |name: &str| Excerpt::new(name.as_bytes(), mask).into();
        self.mechanisms().take(MOST_SHOWN).map(shown).collect()
    }

    /// They were learned by LHLO.
    pub(crate) fn speak_lmtp(&mut self) {
        self.lmtp = true;
    }

    /// Whether the server offers an extension, by its keyword: `SMTPUTF8`.
    pub fn has(&self, keyword: &str) -> bool {
        self.parameters(keyword).is_some()
    }

    /// The text behind the keyword of an extension that the server offers, maybe empty.
    pub fn parameters(&self, keyword: &str) -> Option<&str> {
        let found = self.offered.iter().find(|one| one.keyword.eq_ignore_ascii_case(keyword))?;
        Some(&found.parameters)
    }

    /// The keywords offered, in the server's order.
    pub fn keywords(&self) -> impl Iterator<Item = &str> {
        self.offered.iter().map(|one| one.keyword.as_str())
    }

    /// The SASL mechanisms offered (RFC 4954 3), those of the old `AUTH=` form included.
    pub fn mechanisms(&self) -> impl Iterator<Item = &str> {
        self.mechanisms.iter().map(String::as_str)
    }

    /// Whether a SASL mechanism is offered.
    pub fn offers_mechanism(&self, name: &str) -> bool {
        self.mechanisms().any(|mechanism| mechanism.eq_ignore_ascii_case(name))
    }

    /// Octets of a message that the server takes at most (RFC 1870 4). `None` where it names no limit: no
    /// number, zero, or one beyond 64 bits.
    pub fn size_limit(&self) -> Option<u64> {
        let size = self.parameters("SIZE")?.split(' ').next()?;
        let is_number = size.bytes().all(|octet| octet.is_ascii_digit());
        size.parse().ok().filter(|&limit| is_number && limit > 0)
    }

    /// Commands may be sent ahead of replies (RFC 2920).
    pub fn pipelining(&self) -> bool {
        self.has("PIPELINING")
    }

    /// The session can be protected by TLS (RFC 3207).
    pub fn starttls(&self) -> bool {
        self.has("STARTTLS")
    }

    /// Messages may hold octets beyond ASCII (RFC 6152).
    pub fn eight_bit_mime(&self) -> bool {
        self.has("8BITMIME")
    }

    /// Addresses and header fields may hold UTF-8 (RFC 6531).
    pub fn smtp_utf8(&self) -> bool {
        self.has("SMTPUTF8")
    }

    /// Messages may be sent in chunks with BDAT (RFC 3030).
    pub fn chunking(&self) -> bool {
        self.has("CHUNKING")
    }

    /// Messages may hold any octet in any order (RFC 3030 3).
    pub fn binary_mime(&self) -> bool {
        self.has("BINARYMIME")
    }

    /// A limit that LIMITS announces (RFC 9422 3, 4): `RCPTMAX`, `MAILMAX`, `RCPTDOMAINMAX`. One whose value is not
    /// as the RFC has it was not announced, and none where one of them is no limit by its form (3.7).
    pub fn limit(&self, name: &str) -> Option<u64> {
        let mut limits = self.parameters("LIMITS")?.split_ascii_whitespace();
        if !limits.clone().all(is_limit) {
            return None;
        }
        limits.find_map(|limit| {
            let (found, value) = limit.split_once('=')?;
            let value = limit_value(value)?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The least time of delivery in seconds that the server takes, where it names one: up to nine digits, before
    /// whatever extensions of DELIVERBY are named behind a comma (RFC 2852 2, 3).
    pub fn least_delivery_time(&self) -> Option<u64> {
        let time = self.parameters("DELIVERBY")?.split(',').next()?;
        let is_time = time.len() <= 9 && time.bytes().all(|octet| octet.is_ascii_digit());
        time.parse().ok().filter(|_| is_time)
    }

    /// The server speaks LMTP (RFC 2033): it answered LHLO.
    pub fn is_lmtp(&self) -> bool {
        self.lmtp
    }

    /// Delivery status notifications can be asked for (RFC 3461).
    pub fn dsn(&self) -> bool {
        self.has("DSN")
    }

    /// Replies carry enhanced status codes (RFC 2034).
    pub fn enhanced_status_codes(&self) -> bool {
        self.has("ENHANCEDSTATUSCODES")
    }
}

/// `limit-name ["=" limit-value]`, whatever the limit is about.
///
/// RFC 9422 3
fn is_limit(text: &str) -> bool {
    let (name, value) = text.split_once('=').unwrap_or((text, "none"));
    let is_of_name = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    let is_of_value = |octet: u8| octet.is_ascii_graphic() && octet != b';';
    !name.is_empty()
        && name.bytes().all(is_of_name)
        && !value.is_empty()
        && value.bytes().all(is_of_value)
}

/// `%x31-39 0*5DIGIT`: a limit of nothing would be no service.
///
/// RFC 9422 4.1
fn limit_value(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|octet| octet.is_ascii_digit());
    let fits = matches!(text.len(), 1..=6) && !text.starts_with('0');
    text.parse().ok().filter(|_| is_number && fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn parse(lines: &[&str]) -> Extensions {
        Extensions::parse(lines.iter().map(|line| line.as_bytes()), &Mask::default())
    }

    const TOKEN: &str = "ya29.correct-horse-battery";

    fn knowing_token() -> Mask {
        let mut mask = Mask::default();
        mask.add(TOKEN);
        mask
    }

    #[test]
    fn secrets_are_hidden_in_every_part_of_a_line() {
        let base64 = "eWEyOS5jb3JyZWN0LWhvcnNlLWJhdHRlcnk=";
        let hex = "796132392E636F72726563742D686F7273652D62617474657279";
        for secret in [TOKEN, base64, hex] {
            let lines = [
                alloc::format!("X-{secret} a"),
                alloc::format!("X {secret} {secret}"),
                alloc::format!("AUTH PLAIN {secret}"),
                alloc::format!("AUTH={secret}"),
                alloc::format!("SIZE {secret}"),
                alloc::format!("LIMITS {secret}=1"),
            ];
            let octets = || lines.iter().map(String::as_bytes);
            let mut late = Extensions::parse(octets(), &Mask::default());
            assert!(alloc::format!("{late:?}").contains(secret));
            late.hide(&knowing_token());
            let early = Extensions::parse(octets(), &knowing_token());
            for (when, extensions) in [("before", early), ("behind", late)] {
                let mut shown = alloc::format!("{extensions:?}");
                shown.extend(extensions.keywords().chain(extensions.mechanisms()));
                let ours = |part: &[u8]| shown.as_bytes().windows(16).any(|seen| seen == part);
                let is_shown = secret.as_bytes().windows(16).any(ours);
                assert!(!is_shown, "{when} the secret was known: {shown}");
                assert!(extensions.offers_mechanism("PLAIN") && extensions.has("SIZE"));
            }
        }
    }

    #[test]
    fn an_error_shows_a_few_mechanisms_without_secrets() {
        let offered = parse(&[&alloc::format!("AUTH {TOKEN} PLAIN \x1b[2J {}", "x".repeat(1000))]);
        let shown = offered.mechanisms_shown(&knowing_token());
        assert_eq!(shown[..3], ["[secret]", "PLAIN", r"\x1b[2J"]);
        assert_eq!(shown[3], alloc::format!("{}… (1000 octets)", "x".repeat(Excerpt::LIMIT)));
        let names: Vec<String> = (0..100).map(|name| alloc::format!("M{name}")).collect();
        let many = parse(&[&alloc::format!("AUTH {}", names.join(" "))]);
        assert_eq!(many.mechanisms_shown(&Mask::default()), names[..MOST_SHOWN]);
    }

    #[test]
    #[cfg_attr(miri, ignore = "so much takes hours")]
    fn every_mechanism_is_kept_once_however_many_there_are() {
        let names: Vec<String> = (0..10_000).map(|name| alloc::format!("M{name}")).collect();
        let upper = alloc::format!("AUTH {}", names.join(" "));
        let lower = upper.to_ascii_lowercase();
        assert!(parse(&[&upper, &lower, "AUTH=m0"]).mechanisms().eq(&names));
    }

    #[test]
    fn keywords_count_in_any_case_and_unknown_ones_are_kept() {
        let offered = parse(&["pipelining", "8BitMime", "SMTPUTF8", "X-WHATEVER a b", "STARTTLS"]);
        assert!(offered.pipelining() && offered.eight_bit_mime());
        assert!(offered.smtp_utf8() && offered.starttls());
        assert!(!offered.chunking() && !offered.dsn() && !offered.enhanced_status_codes());
        assert_eq!(offered.parameters("x-whatever"), Some("a b"));
        assert_eq!(offered.keywords().count(), 5);
        assert!(parse(&["CHUNKING", "DSN", "ENHANCEDSTATUSCODES"]).dsn());
    }

    #[test]
    fn both_forms_of_auth_are_merged() {
        let cases: [(&[&str], &[&str]); 6] = [
            (&["AUTH LOGIN PLAIN", "AUTH=LOGIN"], &["LOGIN", "PLAIN"]),
            (&["AUTH=LOGIN PLAIN", "AUTH XOAUTH2"], &["LOGIN", "PLAIN", "XOAUTH2"]),
            (&["auth=xoauth2"], &["xoauth2"]),
            (&["AUTH"], &[]),
            (&["AUTH="], &[]),
            (&["AUTHX=LOGIN", "X AUTH=PLAIN"], &[]),
        ];
        for (lines, expected) in cases {
            assert_eq!(parse(lines).mechanisms().collect::<Vec<_>>(), expected, "{lines:?}");
        }
        assert!(parse(&["AUTH=xoauth2"]).offers_mechanism("XOAUTH2"));
    }

    #[test]
    fn size_limit_is_known_only_where_a_number_says_it() {
        let cases = [
            ("SIZE 35882577", Some(35_882_577)),
            ("size 18446744073709551615", Some(u64::MAX)),
            ("SIZE", None),
            ("SIZE 0", None),
            ("SIZE 99999999999999999999999", None),
            ("SIZE x", None),
            ("SIZE +5", None),
            ("SIZE -5", None),
            ("SIZE 5 of any kind", Some(5)),
            ("SIZE  5", Some(5)),
        ];
        for (line, expected) in cases {
            assert_eq!(parse(&[line]).size_limit(), expected, "{line}");
            assert!(parse(&[line]).has("SIZE"));
        }
        assert_eq!(parse(&[]).size_limit(), None);
    }

    #[test]
    fn limits_are_known_only_where_a_number_says_them() {
        // RFC 9422 5's form, and forms no server should have.
        let cases = [
            ("LIMITS RCPTMAX=20 MAILMAX=5", "RCPTMAX", Some(20)),
            ("limits rcptmax=20 mailmax=5", "MAILMAX", Some(5)),
            ("LIMITS RCPTMAX=20", "RCPTDOMAINMAX", None),
            ("LIMITS RCPTMAX", "RCPTMAX", None),
            ("LIMITS RCPTMAX=0", "RCPTMAX", None),
            ("LIMITS RCPTMAX=x RCPTMAX=7", "RCPTMAX", Some(7)),
            ("LIMITS RCPTMAX=999999", "RCPTMAX", Some(999_999)),
            ("LIMITS RCPTMAX=1000000", "RCPTMAX", None),
            ("LIMITS RCPTMAX=020 MAILMAX=+5", "RCPTMAX", None),
            ("LIMITS RCPTMAX=020 MAILMAX=+5", "MAILMAX", None),
            ("LIMITS RCPTMAX=99999999999999999999999", "RCPTMAX", None),
            ("LIMITS", "RCPTMAX", None),
            // What is no list of limits announces none.
            ("LIMITS RCPTMAX=20 ;", "RCPTMAX", None),
            ("LIMITS RCPTMAX=20;MAILMAX=5", "RCPTMAX", None),
            ("LIMITS RCPTMAX=20 MAILMAX=", "RCPTMAX", None),
            ("LIMITS RCPTMAX=20 =5", "RCPTMAX", None),
            ("LIMITS RCPTMAX=20, MAILMAX=5", "MAILMAX", Some(5)),
            ("LIMITS RCPTMAX=20 X.Y=5", "RCPTMAX", None),
            ("LIMITS RCPTMAX=20 M\u{fc}LL=5", "RCPTMAX", None),
            // Limits nobody knows yet, with any value and without.
            ("LIMITS X-1_2=a:b=c RCPTMAX=20 NEW", "RCPTMAX", Some(20)),
        ];
        for (line, name, expected) in cases {
            assert_eq!(parse(&[line]).limit(name), expected, "{line}");
        }
        assert_eq!(parse(&["DELIVERBY 240"]).least_delivery_time(), Some(240));
        assert_eq!(parse(&["DELIVERBY"]).least_delivery_time(), None);
        assert!(parse(&["BINARYMIME"]).binary_mime() && !parse(&[]).is_lmtp());
    }

    #[test]
    fn lines_without_keyword_are_ignored_and_control_characters_escaped() {
        let lines = [&b""[..], b" ", b"X\x1b[2J\xff"];
        let offered = Extensions::parse(lines.into_iter(), &Mask::default());
        assert_eq!(offered.keywords().collect::<Vec<_>>(), vec![r"X\x1b[2J\xff"]);
    }
}
