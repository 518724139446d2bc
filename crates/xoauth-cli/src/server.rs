//! Servers as people write them: `imaps://host:993`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    /// TLS from the first octet.
    Implicit,
    /// STARTTLS, required.
    StartTls,
    /// None; loopback only.
    None,
}

/// A server and how to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Protection,
}

impl Server {
    /// Reads a URL: its scheme is `protocol` (STARTTLS) or `protocol` with an `s` behind it.
    pub(crate) fn parse(protocol: &str, text: &str) -> Result<Self, String> {
        let expected = || format!("expected {protocol}s://HOST[:PORT] or {protocol}://HOST[:PORT]");
        let (scheme, rest) = text.split_once("://").ok_or_else(expected)?;
        let scheme = scheme.to_ascii_lowercase();
        let tls = match scheme.strip_prefix(protocol) {
            Some("s") => Protection::Implicit,
            Some("") => Protection::StartTls,
            _ => return Err(expected()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (host, behind) = rest.split_once(']').ok_or_else(expected)?;
                host.parse::<Ipv6Addr>().map_err(|_| format!("`{host}` is no IPv6 address"))?;
                match behind {
                    "" => (host, None),
                    behind => (host, Some(behind.strip_prefix(':').ok_or_else(expected)?)),
                }
            }
            None if rest.parse::<Ipv6Addr>().is_ok() => {
                return Err(format!("an IPv6 address stands in brackets: {scheme}://[{rest}]"));
            }
            None => match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        if host.is_empty() || !host.chars().all(|c| is_host(c) || !c.is_ascii()) {
            return Err(expected());
        }
        let port = match port {
            Some(port) => match port.parse() {
                Ok(port @ 1..) => port,
                _ => return Err(format!("`{port}` is no port number")),
            },
            None => default_port(protocol, tls),
        };
        Ok(Self { host: host.to_owned(), port, tls })
    }

    /// The same without TLS where it was not to be from the first octet, which is for loopback addresses only.
    pub(crate) fn without_tls(mut self) -> Result<Self, String> {
        if self.tls == Protection::Implicit {
            return Ok(self);
        }
        let loopback = self.host == "localhost"
            || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if !loopback {
            return Err(format!("{} is no loopback address; TLS is required", self.host));
        }
        self.tls = Protection::None;
        Ok(self)
    }
}

fn default_port(protocol: &str, tls: Protection) -> u16 {
    match (protocol, tls) {
        ("imap", Protection::Implicit) => 993,
        ("imap", _) => 143,
        (_, Protection::Implicit) => 465,
        _ => 587,
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_from_urls() {
        let table = [
            ("imaps://mail.example.com", "mail.example.com", 993, Protection::Implicit),
            ("imap://mail.example.com", "mail.example.com", 143, Protection::StartTls),
            ("IMAPS://mail.example.com:1993/", "mail.example.com", 1993, Protection::Implicit),
            ("imap://[::1]:1143", "::1", 1143, Protection::StartTls),
        ];
        for (text, host, port, tls) in table {
            let server = Server { host: host.to_owned(), port, tls };
            assert_eq!(Server::parse("imap", text), Ok(server), "{text}");
        }
        for text in [
            "mail.example.com",
            "imaps://",
            "smtp://h",
            "imap://h:x",
            "imap://h:70000",
            "imap://h:0",
            "imap://h:-1",
            "imap://h:",
            "imap://h:1:2",
            "imap://user@h",
            "imap://h/path",
            "imap://[::1",
            "imap://[::1]x",
            "imap://[h]",
            "imap://[]",
            "imap://[fe80::1%eth0]",
            "imap://a b",
        ] {
            assert!(Server::parse("imap", text).is_err(), "{text}");
        }
        let bare = Server::parse("imap", "imaps://::1");
        assert_eq!(bare, Err("an IPv6 address stands in brackets: imaps://[::1]".to_owned()));
        let shown = |text| Server::parse("imap", text).unwrap().to_string();
        assert_eq!(
            (shown("imap://[::1]:1143"), shown("imap://h")),
            ("[::1]:1143".into(), "h:143".into())
        );
        assert_eq!(Server::parse("smtp", "smtp://h").map(|s| s.port), Ok(587));
        assert_eq!(Server::parse("smtp", "smtps://h").map(|s| s.port), Ok(465));
    }

    #[test]
    fn only_loopback_goes_without_tls() {
        for (text, allowed) in
            [("imap://127.0.0.1:1", true), ("imap://localhost:1", true), ("imap://h:1", false)]
        {
            let server = Server::parse("imap", text).unwrap();
            assert_eq!(server.without_tls().is_ok(), allowed, "{text}");
        }
    }
}
