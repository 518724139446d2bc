//! The loopback redirect (RFC 8252 7.3): a listener that waits for the browser to come back.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use xoauth::sasl::oauth1::percent_decode;

use crate::Result;
use crate::failure::{Exit, Failure};
use crate::output::Ui;

/// Listeners on 127.0.0.1 and, where it can be had, on the same port of ::1, which `localhost` may be too.
#[derive(Debug)]
pub(crate) struct Loopback {
    listeners: Vec<TcpListener>,
    port: u16,
}

/// A request longer than this is no redirect.
const LONGEST: usize = 32 * 1024;

/// So long does one connection hold up others at most.
const TURN: Duration = Duration::from_secs(2);

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
        let other = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).ok();
        let listeners: Vec<_> = [Some(listener), other].into_iter().flatten().collect();
        for listener in &listeners {
            listener.set_nonblocking(true).map_err(failed)?;
        }
        Ok(Self { listeners, port })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Waits for the request that `accept` takes; browsers ask for other things too (`/favicon.ico`), and
    /// so may anybody else on this machine.
    pub(crate) fn wait<T>(
        &self,
        patience: Duration,
        ui: &Ui,
        mut accept: impl FnMut(&[(String, String)]) -> Option<Result<T>>,
    ) -> Result<T> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            // Whoever gives up before it is his turn leaves an error: the next one comes.
            let mut streams =
                self.listeners.iter().filter_map(|listener| listener.accept().ok()).peekable();
            if streams.peek().is_none() {
                std::thread::sleep(Duration::from_millis(20));
            }
            for (stream, _) in streams {
                if let Some(found) = answer(stream, ui, &mut accept) {
                    return found;
                }
            }
        }
        Err(Failure::new(Exit::Temporary, "login", "nobody signed in in time"))
    }
}

/// A request whole, or as much as came in time: what is read late would reset the connection before the page is shown.
fn read_request(mut stream: &TcpStream) -> Option<String> {
    stream.set_nonblocking(false).ok()?;
    let deadline = Instant::now() + TURN;
    let (mut request, mut piece) = (Vec::new(), [0; 2048]);
    while request.len() < LONGEST && !request.ends_with(b"\r\n\r\n") {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            break;
        }
        match stream.read(&mut piece) {
            Ok(octets @ 1..) => request.extend_from_slice(piece.get(..octets)?),
            _ => break,
        }
    }
    String::from_utf8(request).ok()
}

fn answer<T>(
    stream: TcpStream,
    ui: &Ui,
    accept: &mut impl FnMut(&[(String, String)]) -> Option<Result<T>>,
) -> Option<Result<T>> {
    let request = read_request(&stream)?;
    let line = request.lines().next()?;
    let target = line.strip_prefix("GET ").and_then(|rest| rest.split(' ').next());
    let query = target.map(query_of).unwrap_or_default();
    let found = accept(&query);
    let refusals = ["error", "denied", "oauth_problem"];
    let refusal = query.iter().find(|(name, _)| refusals.contains(&name.as_str()));
    if let Some((name, value)) = refusal.filter(|_| found.is_none()) {
        ui.prompt(format!(
            "A browser came with {name}={value}, but not from this login; still waiting."
        ));
    }
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
