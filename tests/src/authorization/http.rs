//! As much of HTTP/1.1 as an authorization server and a browser need.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST`.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The parameters of the query and of a form, decoded.
    pub parameters: Vec<(String, String)>,
    /// The `Authorization` header.
    pub authorization: Option<String>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The type of the body.
    pub content_type: String,
    /// The body.
    pub body: String,
}

impl Request {
    /// A parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Answer {
    pub(crate) fn new(status: u16, content_type: &str, body: &str) -> Self {
        Self { status, content_type: content_type.to_owned(), body: body.to_owned() }
    }

    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status, "application/json", &body.to_string())
    }

    pub(crate) fn page(body: &str) -> Self {
        let page = format!("<!doctype html><title>Consent</title>{body}");
        Self::new(200, "text/html; charset=utf-8", &page)
    }
}

/// Serves one connection, one request at a time.
pub(super) fn converse(stream: &TcpStream, answer: impl Fn(&Request) -> Answer) {
    let mut reader = BufReader::new(stream);
    while let Ok(Some(request)) = read_request(&mut reader) {
        let Answer { status, content_type, body } = answer(&request);
        let written = write!(
            &*stream,
            "HTTP/1.1 {status} Status\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if written.is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_ascii_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (mut length, mut authorization) = (0_u64, None);
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? <= 2 {
            break;
        }
        let Some((name, value)) = header.split_once(':') else { continue };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "authorization" => authorization = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    let mut body = String::new();
    reader.take(length).read_to_string(&mut body)?;
    let mut parameters = decode_form(query);
    parameters.extend(decode_form(&body));
    let (method, path) = (method.to_owned(), path.to_owned());
    Ok(Some(Request { method, path, parameters, authorization }))
}

fn decode_form(text: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        let decoded = xoauth_sasl::oauth1::percent_decode(&text);
        decoded.map_or_else(|_| text.clone(), std::borrow::Cow::into_owned)
    };
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}

/// Fetches a page as a browser would; gives its body.
///
/// # Errors
/// When nobody answers.
pub fn get(url: &str) -> io::Result<String> {
    let bad = || io::Error::new(io::ErrorKind::InvalidInput, "no http URL");
    let rest = url.strip_prefix("http://").ok_or_else(bad)?;
    let (host, path) =
        rest.split_at_checked(rest.find(['/', '?']).unwrap_or(rest.len())).ok_or_else(bad)?;
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mut stream = TcpStream::connect(host)?;
    write!(stream, "GET {slash}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut reader = BufReader::new(stream);
    let mut length = 0_u64;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? <= 2 {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = String::new();
    reader.take(length).read_to_string(&mut body)?;
    Ok(body)
}
