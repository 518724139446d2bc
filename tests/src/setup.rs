//! Where an example signs in: the embedded mail host when nothing is named, else a real provider.
// `--help` is printed.
#![allow(clippy::print_stdout)]

use std::env;
use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use xoauth::net::TlsTransport;
use xoauth::sasl::{Mechanism, OAuth10A, OAuthBearer, Service, XOAuth, XOAuth2};
use xoauth::{Consumer, Tls, Token, imap, smtp};

use crate::host::{DEMO_CONSUMER, DEMO_TOKEN, DEMO_USER, Host};

/// What an example is told on its command line and in the environment.
#[derive(Debug)]
pub struct Setup {
    imap: (String, u16),
    smtp: (String, u16),
    tls: Tls,
    user: String,
    mechanism: String,
    url: Option<String>,
    /// Keeps the embedded host running.
    host: Option<Host>,
}

const HELP: &str = "\
Without arguments the program starts a mail host on this machine and works against it.

  --imap HOST[:PORT]   IMAP server, implicit TLS (port 993)
  --smtp HOST[:PORT]   submission server, implicit TLS (port 465)
  --user ADDRESS       whose mail
  --mechanism NAME     XOAUTH (default), OAUTH10A, OAUTHBEARER or XOAUTH2
  --url URL            the URL that XOAUTH signs (default: Google's form for the user)
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
        let mut mechanism = String::from("XOAUTH");
        let mut args = env::args().skip(1);
        while let Some(name) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{name} needs a value"));
            match name.as_str() {
                "--imap" => imap = Some(address(&value()?, 993)?),
                "--smtp" => smtp = Some(address(&value()?, 465)?),
                "--user" => user = Some(value()?),
                "--mechanism" => mechanism = value()?.to_ascii_uppercase(),
                "--url" => url = Some(value()?),
                "--ca-file" => ca = Some(value()?),
                "--help" | "-h" => {
                    println!("{purpose}\n\n{HELP}");
                    std::process::exit(0);
                }
                other => return Err(format!("unknown argument {other}; try --help").into()),
            }
        }
        if imap.is_none() && smtp.is_none() {
            return Self::embedded(mechanism);
        }
        let nowhere = || (String::new(), 0);
        let mut tls = Tls::builder();
        if let Some(file) = ca {
            let pem = std::fs::read(&file).map_err(|error| format!("{file}: {error}"))?;
            tls = tls.add_roots(&pem)?;
        }
        Ok(Self {
            imap: imap.unwrap_or_else(nowhere),
            smtp: smtp.unwrap_or_else(nowhere),
            tls: tls.build()?,
            user: user.ok_or("--user is needed with --imap or --smtp")?,
            mechanism,
            url,
            host: None,
        })
    }

    /// Signs in on a mail host of our own.
    fn embedded(mechanism: String) -> Result<Self, Box<dyn Error>> {
        let host = embedded_host()?;
        let address = |port| (String::from("localhost"), port);
        let tls = Tls::builder().add_roots(host.ca_pem())?.only_these_roots().build()?;
        Ok(Self {
            imap: address(host.imaps_port()),
            smtp: address(host.submissions_port()),
            tls,
            user: DEMO_USER.to_owned(),
            mechanism,
            url: None,
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

    /// The IMAP server's connection, not authenticated.
    ///
    /// # Errors
    /// Those of [`imap::Builder::connect`].
    pub fn imap(&self) -> Result<imap::Client<TlsTransport>, xoauth::Error> {
        imap::Builder::new(&self.imap.0).port(self.imap.1).tls(&self.tls).connect()
    }

    /// The submission server's connection, not authenticated.
    ///
    /// # Errors
    /// Those of [`smtp::Builder::connect`].
    pub fn smtp(&self) -> Result<smtp::Client<TlsTransport>, xoauth::Error> {
        smtp::Builder::new(&self.smtp.0).port(self.smtp.1).tls(&self.tls).connect()
    }

    /// The login for a service, made of the environment's secrets or the embedded host's.
    ///
    /// # Errors
    /// A secret that is missing or cannot work.
    pub fn login(&self, service: Service) -> Result<Box<dyn Mechanism>, Box<dyn Error>> {
        let user = self.user.as_str();
        Ok(match self.mechanism.as_str() {
            "XOAUTH" => {
                let (consumer, token) = self.oauth1()?;
                let url = match &self.url {
                    Some(url) => url.clone(),
                    None => XOAuth::google_request_url(user, service)?,
                };
                Box::new(XOAuth::new(url, consumer, Some(token))?)
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

    fn oauth1(&self) -> Result<(Consumer, Token), Box<dyn Error>> {
        if self.host.is_some() {
            let consumer = Consumer::new(DEMO_CONSUMER.0, DEMO_CONSUMER.1)?;
            return Ok((consumer, Token::new(DEMO_TOKEN.0, DEMO_TOKEN.1)?));
        }
        let consumer = Consumer::new(var("XOAUTH_CONSUMER_KEY")?, var("XOAUTH_CONSUMER_SECRET")?)?;
        Ok((consumer, Token::new(var("XOAUTH_TOKEN")?, var("XOAUTH_TOKEN_SECRET")?)?))
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

fn address(text: &str, default_port: u16) -> Result<(String, u16), String> {
    match text.rsplit_once(':') {
        None => Ok((text.to_owned(), default_port)),
        Some((host, port)) => match port.parse() {
            Ok(port) => Ok((host.to_owned(), port)),
            Err(_) => Err(format!("no port number in {text}")),
        },
    }
}
