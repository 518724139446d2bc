//! Where an example signs in: the embedded mail host when nothing is named, else a real provider.
// `--help` is printed, and so are errors.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use xoauth::net::TlsTransport;
use xoauth::sasl::{Mechanism, OAuth10A, OAuthBearer, Service, XOAuth, XOAuth2};
use xoauth::{Consumer, Tls, Token, imap, smtp};

use crate::host::{DEMO_CONSUMER, DEMO_TOKEN, DEMO_USER, Host};

/// What an example is told on its command line and in the environment.
#[derive(Debug)]
pub struct Setup {
    imap: Option<(String, u16)>,
    smtp: Option<(String, u16)>,
    starttls: bool,
    tls: Tls,
    user: String,
    recipients: Vec<String>,
    mechanism: String,
    url: Option<String>,
    two_legged: bool,
    /// Keeps the embedded host running.
    host: Option<Host>,
}

const HELP: &str = "\
Without arguments the program starts a mail host on this machine and works against it.

  --imap HOST[:PORT]   IMAP server, implicit TLS (port 993; with --starttls 143)
  --smtp HOST[:PORT]   submission server, implicit TLS (port 465; with --starttls 587)
  --starttls           protect the connection with STARTTLS instead
  --user ADDRESS       whose mail
  --to ADDRESS         a recipient, for the programs that send; may be given again
  --mechanism NAME     XOAUTH (default), OAUTH10A, OAUTHBEARER or XOAUTH2
  --url URL            the URL that XOAUTH signs (default: Google's form for the user)
  --two-legged         XOAUTH without a token: the consumer acts for the user
  --ca-file FILE       trust these certificates (PEM) beside the system's

Secrets come from the environment, never from arguments:
  XOAUTH_CONSUMER_KEY, XOAUTH_CONSUMER_SECRET, XOAUTH_TOKEN, XOAUTH_TOKEN_SECRET   for XOAUTH and OAUTH10A
  XOAUTH_ACCESS_TOKEN                                                              for OAUTHBEARER and XOAUTH2";

impl Setup {
    /// Reads the arguments; `purpose` is the first line of `--help`.
    ///
    /// # Errors
    /// An argument that is not known or lacks its value, a file that cannot be read, a host that cannot
    /// start.
    pub fn from_args(purpose: &str) -> Result<Self, Box<dyn Error>> {
        let (mut imap, mut smtp, mut user, mut url, mut ca) = (None, None, None, None, None);
        let (mut starttls, mut two_legged, mut recipients) = (false, false, Vec::new());
        let mut mechanism = String::from("XOAUTH");
        let mut args = env::args().skip(1);
        while let Some(name) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{name} needs a value"));
            match name.as_str() {
                "--imap" => imap = Some(value()?),
                "--smtp" => smtp = Some(value()?),
                "--starttls" => starttls = true,
                "--user" => user = Some(value()?),
                "--to" => recipients.push(value()?),
                "--mechanism" => mechanism = value()?.to_ascii_uppercase(),
                "--url" => url = Some(value()?),
                "--two-legged" => two_legged = true,
                "--ca-file" => ca = Some(value()?),
                "--help" | "-h" => {
                    println!("{purpose}\n\n{HELP}");
                    std::process::exit(0);
                }
                other => return Err(format!("unknown argument {other}; try --help").into()),
            }
        }
        if imap.is_none() && smtp.is_none() {
            if user.is_some() || url.is_some() || ca.is_some() || starttls || two_legged {
                return Err("which server? name it with --imap or --smtp; try --help".into());
            }
            return Self::embedded(mechanism, recipients);
        }
        let mut tls = Tls::builder();
        if let Some(file) = ca {
            let pem = std::fs::read(&file).map_err(|error| format!("{file}: {error}"))?;
            tls = tls.add_roots(&pem)?;
        }
        let (imap_port, smtp_port) = if starttls { (143, 587) } else { (993, 465) };
        Ok(Self {
            imap: imap.map(|text| address(&text, imap_port)).transpose()?,
            smtp: smtp.map(|text| address(&text, smtp_port)).transpose()?,
            starttls,
            tls: tls.build()?,
            user: user.ok_or("--user is needed with --imap or --smtp")?,
            recipients,
            mechanism,
            url,
            two_legged,
            host: None,
        })
    }

    /// Signs in on a mail host of our own.
    fn embedded(mechanism: String, recipients: Vec<String>) -> Result<Self, Box<dyn Error>> {
        let host = embedded_host()?;
        let address = |port| Some((String::from("localhost"), port));
        let tls = Tls::builder().add_roots(host.ca_pem())?.only_these_roots().build()?;
        Ok(Self {
            imap: address(host.imaps_port()),
            smtp: address(host.submissions_port()),
            starttls: false,
            tls,
            user: DEMO_USER.to_owned(),
            recipients,
            mechanism,
            url: None,
            two_legged: false,
            host: Some(host),
        })
    }

    /// Whose mail.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The embedded host, where that is what the example works against.
    pub fn host(&self) -> Option<&Host> {
        self.host.as_ref()
    }

    /// Who is written to: those of `--to`; on the embedded host some of its own, one of whom it refuses.
    ///
    /// # Errors
    /// A real provider, and nobody named.
    pub fn recipients(&self) -> Result<Vec<String>, &'static str> {
        match (self.recipients.is_empty(), &self.host) {
            (false, _) => Ok(self.recipients.clone()),
            (true, Some(_)) => Ok(["ann", "ben", "nobody", "cleo"]
                .map(|name| format!("{name}@example.org"))
                .to_vec()),
            (true, None) => Err("name the recipients with --to"),
        }
    }

    /// The IMAP server's connection, not authenticated.
    ///
    /// # Errors
    /// Those of [`imap::Builder::connect`], and a server that was not named.
    pub fn imap(&self) -> Result<imap::Client<TlsTransport>, Box<dyn Error>> {
        let (host, port) = self.imap.as_ref().ok_or("this program reads mail: name --imap HOST")?;
        let builder = imap::Builder::new(host).port(*port).tls(&self.tls);
        Ok(if self.starttls { builder.starttls() } else { builder }.connect()?)
    }

    /// The submission server's connection, not authenticated.
    ///
    /// # Errors
    /// Those of [`smtp::Builder::connect`], and a server that was not named.
    pub fn smtp(&self) -> Result<smtp::Client<TlsTransport>, Box<dyn Error>> {
        let (host, port) = self.smtp.as_ref().ok_or("this program sends mail: name --smtp HOST")?;
        let builder = smtp::Builder::new(host).port(*port).tls(&self.tls);
        Ok(if self.starttls { builder.starttls() } else { builder }.connect()?)
    }

    /// The login for a service, made of the environment's secrets or the embedded host's.
    ///
    /// # Errors
    /// A secret that is missing or cannot work.
    pub fn login(&self, service: Service) -> Result<Box<dyn Mechanism>, Box<dyn Error>> {
        let user = self.user.as_str();
        Ok(match self.mechanism.as_str() {
            "XOAUTH" => {
                let url = match &self.url {
                    Some(url) => url.clone(),
                    None => XOAuth::google_request_url(user, service)?,
                };
                if self.two_legged {
                    Box::new(XOAuth::two_legged(url, user, self.consumer()?)?)
                } else {
                    let (consumer, token) = self.oauth1()?;
                    Box::new(XOAuth::new(url, consumer, Some(token))?)
                }
            }
            "OAUTH10A" => {
                let (consumer, token) = self.oauth1()?;
                Box::new(OAuth10A::new(user, consumer, token)?)
            }
            "OAUTHBEARER" => Box::new(OAuthBearer::new(user, self.access_token()?)?),
            "XOAUTH2" => Box::new(XOAuth2::new(user, self.access_token()?)?),
            other => return Err(format!("no mechanism {other}; try --help").into()),
        })
    }

    fn consumer(&self) -> Result<Consumer, Box<dyn Error>> {
        Ok(match self.host {
            Some(_) => Consumer::new(DEMO_CONSUMER.0, DEMO_CONSUMER.1)?,
            None => Consumer::new(var("XOAUTH_CONSUMER_KEY")?, var("XOAUTH_CONSUMER_SECRET")?)?,
        })
    }

    fn oauth1(&self) -> Result<(Consumer, Token), Box<dyn Error>> {
        let token = match self.host {
            Some(_) => Token::new(DEMO_TOKEN.0, DEMO_TOKEN.1)?,
            None => Token::new(var("XOAUTH_TOKEN")?, var("XOAUTH_TOKEN_SECRET")?)?,
        };
        Ok((self.consumer()?, token))
    }

    fn access_token(&self) -> Result<String, String> {
        match self.host {
            Some(_) => Ok(crate::host::DEMO_BEARER_TOKEN.to_owned()),
            None => var("XOAUTH_ACCESS_TOKEN"),
        }
    }
}

/// A mail host with something to read, and a recipient it refuses.
///
/// # Errors
/// Those of [`Builder::start`](crate::host::Builder::start).
pub fn embedded_host() -> std::io::Result<Host> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let message = |from: &str, date: &str, subject: &str, text: &str| {
        format!(
            "From: {from}\r\nTo: {DEMO_USER}\r\nDate: {date}\r\nSubject: {subject}\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n"
        )
    };
    let (monday, tuesday) = ("Mon, 23 Nov 2026 09:12:00 +0100", "Tue, 24 Nov 2026 17:40:00 +0100");
    let lunch = message("Ann <ann@example.org>", monday, "Lunch", "At noon?\r\n.. or later.");
    let words = "=?utf-8?q?Gr=C3=BC=C3=9Fe_aus_Wien?=";
    let wien = message("Ben <ben@example.org>", tuesday, words, "Schöne Grüße\r\nBen");
    let old = message("Cleo <cleo@example.org>", monday, "Archive me", "An old message.");
    Host::builder()
        .deliver(DEMO_USER, "INBOX", old, &["\\Seen"], now - 30 * DAY)
        .deliver(DEMO_USER, "INBOX", lunch, &["\\Seen"], now - DAY)
        .deliver(DEMO_USER, "INBOX", wien, &[], now - 60)
        .deliver(DEMO_USER, "Entwürfe", "Subject: a draft\r\n\r\n...\r\n", &["\\Draft"], now)
        .reject_recipient("nobody@example.org", "550 5.1.1 no such user here")
        .start()
}

const DAY: i64 = 24 * 60 * 60;

fn var(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set in the environment"))
}

/// `host`, `host:port`, `[address]` or `[address]:port`; an IPv6 address without a port needs no brackets.
fn address(text: &str, default_port: u16) -> Result<(String, u16), String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, behind) =
                rest.split_once(']').ok_or_else(|| format!("no closing bracket in {text}"))?;
            (host, behind.strip_prefix(':').or(if behind.is_empty() { None } else { Some(behind) }))
        }
        None if text.matches(':').count() > 1 => (text, None),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    match port.map(str::parse) {
        None => Ok((host.to_owned(), default_port)),
        Some(Ok(port)) => Ok((host.to_owned(), port)),
        Some(Err(_)) => Err(format!("no port number in {text}")),
    }
}

/// Runs an example; an error is printed with all its causes, one a line.
pub fn run(example: fn() -> Result<(), Box<dyn Error>>) -> ExitCode {
    let Err(error) = example() else { return ExitCode::SUCCESS };
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_named_with_and_without_a_port() {
        let table = [
            ("mail.example.org", Ok(("mail.example.org", 993))),
            ("mail.example.org:1143", Ok(("mail.example.org", 1143))),
            ("127.0.0.1:1143", Ok(("127.0.0.1", 1143))),
            ("[::1]:1143", Ok(("::1", 1143))),
            ("[::1]", Ok(("::1", 993))),
            ("::1", Ok(("::1", 993))),
            ("mail:x", Err("no port number in mail:x")),
            ("[::1", Err("no closing bracket in [::1")),
            ("[::1]x", Err("no port number in [::1]x")),
        ];
        for (text, expected) in table {
            let expected = expected.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(address(text, 993), expected.map_err(str::to_owned), "{text}");
        }
    }
}
