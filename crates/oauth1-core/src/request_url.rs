//! The URL of a request, as the caller wrote it.

use alloc::borrow::{Cow, ToOwned};
use alloc::string::String;
use core::fmt;
use core::net::Ipv6Addr;
use core::ops::Range;
use core::str::FromStr;

use crate::encode::{CONTROL, NON_ASCII, OTHER, SPACE, classes, percent_encode_into};
use crate::{Error, Secret};

/// The URL of a request: the caller's own text, checked and never rewritten.
///
/// What is sent and shown is [the text as it was given](RequestUrl::as_str); only the
/// [base string URI](RequestUrl::base_string_uri) is derived from it. The scheme is `http` or
/// `https`, the host is not empty, and there is no control character and no space. Characters
/// outside ASCII are allowed and signed as UTF-8.
///
/// With the feature `url`, host names that are not plain ASCII letters, digits, `-`, `_` and `.`
/// are also judged by the crate `url`.
#[derive(Clone)]
pub struct RequestUrl {
    // Wiped: the query may hold a signature, and that of PLAINTEXT is the secrets.
    text: Secret,
    // Octet ranges of `text`, in this order: host, port, path, query. The port is without its
    // colon and the query without its question mark; what is absent is empty.
    secure: bool,
    host: Range<usize>,
    port: Range<usize>,
    path: Range<usize>,
    query: Range<usize>,
}

impl RequestUrl {
    /// Checks a URL.
    ///
    /// # Errors
    /// [`Error::Url`], which says what was expected where.
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let owned = Secret::new(text);
        let text = owned.expose();
        let mut cursor = Cursor { text, at: 0 };
        if let Some(at) = unsendable(text) {
            return Err(cursor.fault(at, "no control character and no space"));
        }
        let scheme = cursor.take_until(|octet| octet == b':');
        let secure = match text.get(scheme) {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => true,
            Some(scheme) if scheme.eq_ignore_ascii_case("http") => false,
            _ => return Err(cursor.fault(0, SCHEMES)),
        };
        for expected in *b"://" {
            if !cursor.take_if(expected) {
                return Err(cursor.fault(cursor.at, SCHEMES));
            }
        }
        let authority = cursor.take_until(|octet| matches!(octet, b'/' | b'?' | b'#'));
        let path = cursor.take_until(|octet| matches!(octet, b'?' | b'#'));
        let query =
            if cursor.take_if(b'?') { cursor.take_until(|octet| octet == b'#') } else { 0..0 };
        let (host, port) = split_authority(text, authority)?;
        let url = Self { secure, host, port, path, query, text: owned };
        #[cfg(feature = "url")]
        url.ask_url_crate()?;
        Ok(url)
    }

    /// The text exactly as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.text.expose()
    }

    /// The base string URI: scheme and host in lower case, the port unless it is the default or
    /// empty, the path as written or `/`; no user information, query or fragment
    /// (RFC 5849 3.4.1.2).
    ///
    /// Host and port must be those of the `Host` header, so a port is not written anew: `:0444` stays, zeros
    /// and all. Where the HTTP client sends the number alone, give it the number.
    ///
    /// ```
    /// let url = oauth1_core::RequestUrl::new("HTTPS://EXAMPLE.com:443?q=1#part")?;
    /// assert_eq!(url.base_string_uri(), "https://example.com/");
    /// assert_eq!(url.as_str(), "HTTPS://EXAMPLE.com:443?q=1#part");
    /// # Ok::<(), oauth1_core::Error>(())
    /// ```
    #[must_use]
    pub fn base_string_uri(&self) -> String {
        let mut uri = String::with_capacity(self.as_str().len() + 1);
        for piece in self.base_pieces() {
            uri.push_str(&piece);
        }
        uri
    }

    /// Appends the base string URI, percent-encoded.
    pub(crate) fn encode_base_into(&self, out: &mut String) {
        let [_, host, colon, port, path] = self.base_pieces();
        out.push_str(if self.secure { "https%3A%2F%2F" } else { "http%3A%2F%2F" });
        percent_encode_into(&host, out);
        for piece in [&colon, &port, &path] {
            percent_encode_into(piece, out);
        }
    }

    /// The query without its question mark, as written.
    pub(crate) fn query(&self) -> &str {
        self.part(&self.query)
    }

    /// RFC 5849 3.4.1.2
    fn base_pieces(&self) -> [Cow<'_, str>; 5] {
        let (scheme, default) = if self.secure { ("https://", "443") } else { ("http://", "80") };
        let host = self.part(&self.host);
        let host = if host.bytes().any(|octet| octet.is_ascii_uppercase()) {
            Cow::Owned(host.to_ascii_lowercase())
        } else {
            Cow::Borrowed(host)
        };
        let (colon, port) = match self.part(&self.port) {
            "" => ("", ""),
            port if port.trim_start_matches('0') == default => ("", ""),
            port => (":", port),
        };
        let path = if self.path.is_empty() { "/" } else { self.part(&self.path) };
        [
            Cow::Borrowed(scheme),
            host,
            Cow::Borrowed(colon),
            Cow::Borrowed(port),
            Cow::Borrowed(path),
        ]
    }

    fn part(&self, range: &Range<usize>) -> &str {
        self.as_str().get(range.clone()).unwrap_or_default()
    }

    /// Lets the `url` crate judge a host that is more than plain ASCII labels. For those its
    /// answer is known, and asking would cost as much as the signature.
    #[cfg(feature = "url")]
    fn ask_url_crate(&self) -> Result<(), Error> {
        if is_ordinary(self.part(&self.host)) || url::Url::parse(self.as_str()).is_ok() {
            return Ok(());
        }
        let cursor = Cursor { text: self.as_str(), at: 0 };
        Err(cursor.fault(self.host.start, "a valid host name or address"))
    }
}

impl fmt::Debug for RequestUrl {
    /// Shows the base string URI: user information and query may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestUrl").field(&self.base_string_uri()).finish()
    }
}

impl FromStr for RequestUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl TryFrom<&str> for RequestUrl {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl TryFrom<String> for RequestUrl {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl TryFrom<&String> for RequestUrl {
    type Error = Error;

    fn try_from(text: &String) -> Result<Self, Error> {
        Self::new(text.to_owned())
    }
}

impl From<&RequestUrl> for RequestUrl {
    fn from(url: &RequestUrl) -> Self {
        url.clone()
    }
}

const SCHEMES: &str = "http:// or https://";

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl Cursor<'_> {
    /// Takes everything in front of the first octet for which `end` holds; `end` knows ASCII only.
    fn take_until(&mut self, end: impl Fn(u8) -> bool) -> Range<usize> {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let length = rest.iter().position(|&octet| end(octet)).unwrap_or(rest.len());
        self.at = start + length;
        start..self.at
    }

    fn take_if(&mut self, expected: u8) -> bool {
        let found = self.text.as_bytes().get(self.at) == Some(&expected);
        if found {
            self.at += 1;
        }
        found
    }

    fn fault(&self, offset: usize, expected: &'static str) -> Error {
        let found = self.text.get(offset..).and_then(|rest| rest.chars().next());
        Error::Url { found, offset, expected }
    }
}

/// Whether a host is only ASCII labels, with no port and no user information beside them.
fn is_plain(host: &str) -> bool {
    classes(host) & OTHER == 0
}

/// Whether a host is plain, its last label begins with no digit (all of it may be a number), and
/// no label holds two hyphens, as an internationalised one, `xn--…`, does.
#[cfg(feature = "url")]
fn is_ordinary(host: &str) -> bool {
    let mut labels = host.as_bytes();
    while let Some((b'.', front)) = labels.split_last() {
        labels = front;
    }
    let last = labels.rsplit(|&octet| octet == b'.').next().unwrap_or_default();
    is_plain(host)
        && !last.first().is_some_and(u8::is_ascii_digit)
        && !labels.windows(2).any(|two| two == b"--")
}

/// Where the first control character or space is.
fn unsendable(text: &str) -> Option<usize> {
    if classes(text) & (CONTROL | SPACE | NON_ASCII) == 0 {
        return None;
    }
    text.char_indices().find(|&(_, c)| c.is_control() || c.is_whitespace()).map(|(at, _)| at)
}

/// The ranges of the host and the port.
///
/// RFC 3986 3.2. A backslash is refused: some parsers end the authority there, so that two
/// programs would see two different hosts.
fn split_authority(
    text: &str,
    authority: Range<usize>,
) -> Result<(Range<usize>, Range<usize>), Error> {
    if text.get(authority.clone()).is_some_and(|host| !host.is_empty() && is_plain(host)) {
        return Ok((authority, 0..0));
    }
    let mut cursor = Cursor { text: text.get(..authority.end).unwrap_or_default(), at: 0 };
    let user = cursor.text.get(authority.start..).and_then(|authority| authority.rfind('@'));
    cursor.at = authority.start + user.map_or(0, |at| at + 1);
    let start = cursor.at;
    let host = if cursor.take_if(b'[') {
        let address = cursor.take_until(|octet| octet == b']');
        let valid = cursor.text.get(address).is_some_and(|a| Ipv6Addr::from_str(a).is_ok());
        if !valid || !cursor.take_if(b']') {
            return Err(cursor.fault(start, "an IPv6 address in brackets"));
        }
        start..cursor.at
    } else {
        cursor.take_until(|octet| octet == b':')
    };
    if host.is_empty() {
        return Err(Cursor { text, at: start }.fault(start, "a host"));
    }
    let name = cursor.text.get(host.clone()).unwrap_or_default();
    let forbidden =
        |c| matches!(c, '\\' | '<' | '>' | '"' | '^' | '|' | '`' | '{' | '}' | '[' | ']');
    if let Some(at) = name.find(forbidden).filter(|_| !name.starts_with('[')) {
        return Err(cursor.fault(start + at, "a host name"));
    }
    if let Some(at) = text.get(authority.clone()).and_then(|authority| authority.find('\\')) {
        return Err(cursor.fault(authority.start + at, "no backslash before the path"));
    }
    if cursor.at < authority.end && !cursor.take_if(b':') {
        return Err(cursor.fault(cursor.at, "a port or the end of the host"));
    }
    let port = cursor.at..authority.end;
    let digits = text.get(port.clone()).unwrap_or_default();
    if let Some(at) = digits.find(|c: char| !c.is_ascii_digit()) {
        return Err(cursor.fault(port.start + at, "a port of digits"));
    }
    if !digits.is_empty() && digits.parse::<u16>().is_err() {
        return Err(cursor.fault(port.start, "a port of at most 65535"));
    }
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_hosts_are_told_from_all_others() {
        for host in ["", "example.com", "EXAMPLE.com.", "1.2.3.4", "xn--a.example", "a_b-c", "--"] {
            assert!(is_plain(host), "{host}");
        }
        for host in ["~", "a~b", "a:1", "a@b", "[::1]", "a%20b", "\u{fc}.example", "a\0", "a b"] {
            assert!(!is_plain(host), "{host:?}");
        }
    }

    #[cfg(feature = "url")]
    #[test]
    fn hosts_that_need_no_second_opinion_are_told_from_all_others() {
        for host in ["a", "example.com", "a.b..", "1.2.3.a4", "a-b-.c", "-"] {
            assert!(is_ordinary(host), "{host}");
        }
        for host in ["1.2.3.4", "1.2.3.256.", "a.0x", "xn--a.example", "a--b", "--", "a~b", "a:1"] {
            assert!(!is_ordinary(host), "{host}");
        }
    }
}
