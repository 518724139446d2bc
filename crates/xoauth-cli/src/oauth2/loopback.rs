//! The loopback redirect (RFC 8252 7.3): a listener that waits for the browser to come back.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use xoauth::sasl::oauth1::percent_decode;

use crate::Result;
use crate::failure::{Exit, Failure};

/// A listener on 127.0.0.1.
#[derive(Debug)]
pub(crate) struct Loopback {
    listener: TcpListener,
    port: u16,
}

/// A request line longer than this is no redirect.
const LONGEST: u64 = 32 * 1024;

const PAGE: &str = "<!doctype html><meta charset=utf-8><title>xoauth</title>\
    <p>Signed in. You can close this page and go back to the terminal.";

impl Loopback {
    /// Listens on the port, or on a free one.
    pub(crate) fn bind(port: Option<u16>) -> Result<Self> {
        let failed = |error: std::io::Error| {
            Failure::new(Exit::Unavailable, "login", format!("no port to listen on: {error}"))
        };
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        Ok(Self { listener, port })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Waits for the request that `accept` takes; browsers ask for other things too (`/favicon.ico`), and
    /// so may anybody else on this machine.
    pub(crate) fn wait<T>(
        &self,
        patience: Duration,
        mut accept: impl FnMut(&[(String, String)]) -> Option<Result<T>>,
    ) -> Result<T> {
        let timed_out = || Failure::new(Exit::Temporary, "login", "nobody signed in in time");
        let failed = |error: std::io::Error| Failure::io("loopback redirect", &error);
        let deadline = Instant::now() + patience;
        // A connection that says nothing holds up others for two seconds at most.
        self.listener.set_nonblocking(true).map_err(failed)?;
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    if let Some(found) = answer(stream, &mut accept) {
                        return found;
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    if Instant::now() >= deadline {
                        return Err(timed_out());
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(error) => return Err(failed(error)),
            }
        }
    }
}

fn answer<T>(
    stream: TcpStream,
    accept: &mut impl FnMut(&[(String, String)]) -> Option<Result<T>>,
) -> Option<Result<T>> {
    stream.set_nonblocking(false).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    let mut reader = BufReader::new((&stream).take(LONGEST));
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    // The headers are read, or closing would reset the connection before the page is shown.
    let mut header = String::new();
    while reader.read_line(&mut header).is_ok_and(|octets| octets > 2) {
        header.clear();
    }
    let target = line.strip_prefix("GET ").and_then(|rest| rest.split(' ').next());
    let found = target.and_then(|target| accept(&query_of(target)));
    let (status, page) = match &found {
        Some(Ok(_)) => ("200 OK", PAGE),
        Some(Err(_)) => {
            ("200 OK", "<!doctype html><title>xoauth</title><p>Not signed in; see the terminal.")
        }
        None => ("404 Not Found", "<!doctype html><title>xoauth</title><p>Not here."),
    };
    let _ = write!(
        &stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
    found
}

/// The parameters of a URL's query, or of its path's.
pub(crate) fn query_of(url: &str) -> Vec<(String, String)> {
    let query =
        url.split('#').next().and_then(|url| url.split_once('?')).map_or("", |(_, query)| query);
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode(&text).map_or_else(|_| text.clone(), |decoded| decoded.into_owned())
    };
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}
