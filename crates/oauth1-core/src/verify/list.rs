//! Reading `name="value"` lists (RFC 5849 3.5.1).

use alloc::borrow::Cow;
use alloc::string::String;

use crate::Error;
use crate::encode::{Plus, decode_strict, wipe};
use crate::verify::VerifyError;

/// One element of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Element<'a> {
    /// The realm, unescaped. It is never signed.
    Realm(Cow<'a, str>),
    /// A parameter, percent-decoded.
    Parameter(Cow<'a, str>, Cow<'a, str>),
}

/// The text behind the scheme `OAuth`, whose letters are of either case.
///
/// RFC 5849 3.5.1, RFC 9110 11.4
pub(super) fn behind_scheme(header: &str) -> Result<&str, VerifyError> {
    let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
    if scheme.eq_ignore_ascii_case("OAuth") && !rest.is_empty() {
        return Ok(rest);
    }
    Err(VerifyError::Malformed { place: HEADER, offset: 0, expected: "the scheme OAuth" })
}

pub(super) const HEADER: &str = "authorization header";
pub(super) const LIST: &str = "parameter list";

/// Reads a list element by element.
///
/// Accepted beside the form of RFC 5849 3.5.1, because clients send it: no space or several
/// around a comma, empty elements (RFC 9110 5.6.1.2), characters in a value that should have been
/// percent-encoded, parameters in any order, the realm anywhere. A `+` is a `+`.
pub(super) struct Elements<'a> {
    place: &'static str,
    whole: usize,
    rest: &'a str,
}

impl<'a> Elements<'a> {
    /// `offset` octets stand in front of `text` in what the caller was given; fault offsets count
    /// from there.
    pub(super) fn new(place: &'static str, text: &'a str, offset: usize) -> Self {
        Self { place, whole: offset + text.len(), rest: text }
    }

    /// The next element, or `None` at the end of the list.
    pub(super) fn next(&mut self) -> Result<Option<Element<'a>>, VerifyError> {
        self.rest = self.rest.trim_start_matches([' ', '\t', ',']);
        if self.rest.is_empty() {
            return Ok(None);
        }
        let name_at = self.rest;
        let end = self.rest.find(['=', ',', '"']).unwrap_or(self.rest.len());
        let name = self.take(end).trim_end_matches([' ', '\t']);
        let bad = name.find(|c: char| c == ' ' || c.is_ascii_control());
        if let Some(at) = bad.or(name.is_empty().then_some(0)) {
            return Err(self.fault(name_at.get(at..).unwrap_or_default(), "a parameter name"));
        }
        self.expect('=', "'=' behind the name")?;
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        self.expect('"', "a value in double quotes")?;
        let value_at = self.rest;
        let value = self.quoted()?;
        let mut element = if name.eq_ignore_ascii_case("realm") {
            Element::Realm(unescape(value))
        } else if let Some(backslash) = value.find('\\') {
            return Err(self.fault(value_at.get(backslash..).unwrap_or_default(), ENCODED));
        } else {
            Element::Parameter(self.decode(name_at, name)?, self.decode(value_at, value)?)
        };
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        if !self.rest.is_empty() && !self.rest.starts_with(',') {
            if let Element::Parameter(_, value) = &mut element {
                wipe(value);
            }
            return Err(self.fault(self.rest, "',' or the end"));
        }
        Ok(Some(element))
    }

    /// The text up to the closing quote, which is taken too; `\x` does not close.
    ///
    /// RFC 9110 5.6.4
    fn quoted(&mut self) -> Result<&'a str, VerifyError> {
        let mut escaped = false;
        let close = self.rest.char_indices().find_map(|(at, c)| {
            let closes = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closes.then_some(at)
        });
        let Some(close) = close else { return Err(self.fault("", "a closing double quote")) };
        let value = self.take(close);
        self.expect('"', "a closing double quote")?;
        if let Some(at) = value.find(|c: char| c.is_ascii_control()) {
            let length = value.len() - at + 1 + self.rest.len();
            return Err(self.fault_at(self.whole - length, "no control character"));
        }
        Ok(value)
    }

    fn decode(&self, at: &str, text: &'a str) -> Result<Cow<'a, str>, VerifyError> {
        decode_strict(text, Plus::Literal).map_err(|fault| match fault {
            Error::PercentEncoding { offset } => {
                self.fault(at.get(offset..).unwrap_or_default(), ENCODED)
            }
            other => VerifyError::Request(other),
        })
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn expect(&mut self, wanted: char, expected: &'static str) -> Result<(), VerifyError> {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(self.fault(self.rest, expected)),
        }
    }

    /// A fault where `rest`, a tail of the text, begins.
    fn fault(&self, rest: &str, expected: &'static str) -> VerifyError {
        self.fault_at(self.whole - rest.len(), expected)
    }

    fn fault_at(&self, offset: usize, expected: &'static str) -> VerifyError {
        VerifyError::Malformed { place: self.place, offset, expected }
    }
}

const ENCODED: &str = "percent-encoded UTF-8";

/// Takes the backslashes of a quoted string away.
///
/// RFC 9110 5.6.4
fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    let mut text = String::with_capacity(value.len());
    let mut escaped = false;
    for c in value.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            text.push(c);
            escaped = false;
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;
    use alloc::vec::Vec;

    fn read(text: &str) -> Result<Vec<(String, String)>, String> {
        let mut elements = Elements::new(LIST, text, 0);
        let mut found = vec![];
        while let Some(element) = elements.next().map_err(|fault| fault.to_string())? {
            found.push(match element {
                Element::Realm(realm) => ("(realm)".into(), realm.into_owned()),
                Element::Parameter(name, value) => (name.into_owned(), value.into_owned()),
            });
        }
        Ok(found)
    }

    #[test]
    fn lists_are_read_as_clients_write_them() {
        let cases: &[(&str, &[(&str, &str)])] = &[
            ("", &[]),
            (r#"a="1",b="2""#, &[("a", "1"), ("b", "2")]),
            (r#"a="1", b="2""#, &[("a", "1"), ("b", "2")]),
            (" a=\"1\"\t,  b=\"2\" ", &[("a", "1"), ("b", "2")]),
            (r#",,a="1",,b="2","#, &[("a", "1"), ("b", "2")]),
            (r#"a = "1""#, &[("a", "1")]),
            (r#"b="2",a="1""#, &[("b", "2"), ("a", "1")]),
            (r#"a="x/y+z=",b="%7E~%2f""#, &[("a", "x/y+z="), ("b", "~~/")]),
            (r#"a="1,2",b="c=d""#, &[("a", "1,2"), ("b", "c=d")]),
            (r#"a="",b="""#, &[("a", ""), ("b", "")]),
            (r#"oauth%5Ftoken="1""#, &[("oauth_token", "1")]),
            (
                r#"a="1",REALM="x \"y\", \\z%20",b="2""#,
                &[("a", "1"), ("(realm)", r#"x "y", \z%20"#), ("b", "2")],
            ),
            (
                r#"oauth_token="realmish",realm_x="1""#,
                &[("oauth_token", "realmish"), ("realm_x", "1")],
            ),
            ("a=\"\u{e9}\",\u{e9}=\"1\"", &[("a", "\u{e9}"), ("\u{e9}", "1")]),
        ];
        for &(text, expected) in cases {
            let expected = expected.iter().map(|&(n, v)| (n.into(), v.into())).collect();
            assert_eq!(read(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn malformed_lists_are_refused_where_they_are_wrong() {
        let cases = [
            ("a", 1, "'=' behind the name"),
            ("a=", 2, "a value in double quotes"),
            ("a=1", 2, "a value in double quotes"),
            ("a=\"1", 4, "a closing double quote"),
            ("a=\"1\\\"", 6, "a closing double quote"),
            ("=\"1\"", 0, "a parameter name"),
            ("\"1\"", 0, "a parameter name"),
            ("a=\"1\" b=\"2\"", 6, "',' or the end"),
            ("a=\"1\"b=\"2\"", 5, "',' or the end"),
            ("x, a b=\"2\"", 1, "'=' behind the name"),
            ("a b=\"2\"", 1, "a parameter name"),
            ("a=\"1\", b=\"x%zz\"", 11, "percent-encoded UTF-8"),
            ("a=\"%ff\"", 3, "percent-encoded UTF-8"),
            ("%f=\"1\"", 0, "percent-encoded UTF-8"),
            ("a=\"x\\y\"", 4, "percent-encoded UTF-8"),
            ("a=\"x\r\ny\"", 4, "no control character"),
            ("a=\"x\ty\",b=\"1\"", 4, "no control character"),
            ("a=\"1\",\n", 6, "a parameter name"),
        ];
        for (text, offset, expected) in cases {
            let message =
                alloc::format!("malformed parameter list at octet {offset}, expected {expected}");
            assert_eq!(read(text), Err(message), "{text:?}");
        }
    }

    #[test]
    fn every_prefix_of_a_list_is_read_or_refused() {
        let text = r#"realm="a\"b", oauth_token="t%C3%A9",oauth_nonce="n/+=""#;
        let complete: Vec<_> =
            (0..=text.len()).filter(|&end| read(text.get(..end).unwrap()).is_ok()).collect();
        assert_eq!(complete, [0, 12, 13, 14, 35, 36, text.len()]);
    }
}
