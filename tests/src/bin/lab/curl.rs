//! curl as a second client: what it does with the same servers, and what it makes of the host of this project.
//!
//! It speaks XOAUTH2 and OAUTHBEARER, and takes OAUTHBEARER wherever that is offered.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::host::{DEMO_BEARER_TOKEN, DEMO_USER, Host};
use xoauth::sasl::Service;

use crate::Result;
use crate::credentials::{Kind, address, opaque};
use crate::environment::{HOST, Lab, Lines, Security};
use crate::mail;
use crate::runner::Test;

/// A server that curl is sent to, the mechanism it has to choose there.
const SERVERS: &[(&str, Service, Kind, &[Security])] = &[
    ("dovecot-oauth1", Service::Imap, Kind::OAuthBearer, &Security::ALL),
    ("dovecot-introspection", Service::Imap, Kind::OAuthBearer, &Security::ALL),
    ("dovecot-introspection", Service::Smtp, Kind::OAuthBearer, &Security::ALL),
    ("exim", Service::Smtp, Kind::OAuthBearer, &Security::ALL),
    ("postfix", Service::Smtp, Kind::OAuthBearer, &Security::ALL),
    ("postfix-xoauth2", Service::Smtp, Kind::XOAuth2, &[Security::Implicit]),
];

/// What curl says when a login was refused: `CURLE_LOGIN_DENIED`.
const DENIED: i32 = 67;

pub(crate) fn all() -> Vec<Test> {
    let mut tests = Vec::new();
    for &(server, service, kind, securities) in SERVERS {
        for &security in securities {
            for good in [true, false] {
                let name = name(server, service, kind, security, good);
                // Where Postfix offers one mechanism alone is no server of its own.
                let process = server.strip_suffix("-xoauth2").unwrap_or(server);
                let needs = vec!["curl", process, "auth-service"];
                tests.push(Test::named(&name, needs, move |lab, _| {
                    let port = match service {
                        Service::Imap => lab.imap_port(server, security),
                        _ => lab.smtp_port(server, security),
                    };
                    let place =
                        Place { service, security, port, ca: lab.directory().join("ca.crt") };
                    against_a_server(lab, &place, kind, good)
                }));
            }
        }
    }
    for service in [Service::Imap, Service::Smtp] {
        for kind in [Kind::XOAuth2, Kind::OAuthBearer] {
            for security in Security::ALL {
                for good in [true, false] {
                    let name = name("our-host", service, kind, security, good);
                    tests.push(Test::named(&name, vec!["curl"], move |lab, _| {
                        against_our_host(lab, service, kind, security, good)
                    }));
                }
            }
        }
    }
    tests.push(Test::named(
        "curl sends what our client reads",
        vec!["curl", "exim", "dovecot-oauth1", "auth-service"],
        |lab, _| curl_to_us(lab),
    ));
    tests.push(Test::named(
        "curl reads what our client sent",
        vec!["curl", "dovecot-oauth1", "auth-service"],
        |lab, _| us_to_curl(lab),
    ));
    tests
}

fn name(server: &str, service: Service, kind: Kind, security: Security, good: bool) -> String {
    let protocol = if service == Service::Imap { "imap" } else { "smtp" };
    let case = if good { "good" } else { "unknown-token" };
    format!("curl {server} {protocol} {} {} {case}", kind.name(), security.name())
}

/// Where curl is sent.
struct Place {
    service: Service,
    security: Security,
    port: u16,
    ca: PathBuf,
}

/// What curl did.
struct Done {
    code: Option<i32>,
    stdout: Vec<u8>,
    /// The lines of the dialogue, `> ` its own and `< ` the server's.
    dialogue: String,
}

impl Place {
    fn curl(&self, user: &str, token: &str, path: &str, more: &[&str]) -> Result<Done> {
        let mut command = Command::new("curl");
        command.args(["--silent", "--verbose", "--disable", "--noproxy", "*", "--max-time", "60"]);
        command.arg("--cacert").arg(&self.ca);
        command.args(["--user", &format!("{user}:"), "--oauth2-bearer", token]).args(more);
        let scheme = match (self.service, self.security) {
            (Service::Imap, Security::Implicit) => "imaps",
            (Service::Imap, Security::StartTls) => "imap",
            (_, Security::Implicit) => "smtps",
            (_, Security::StartTls) => "smtp",
        };
        if self.security == Security::StartTls {
            command.arg("--ssl-reqd");
        }
        command.arg(format!("{scheme}://{HOST}:{}/{path}", self.port));
        let output = command.output()?;
        let text = String::from_utf8_lossy(&output.stderr);
        let lines = text.lines().filter(|line| line.starts_with("> ") || line.starts_with("< "));
        let dialogue = lines.collect::<Vec<_>>().join("\n");
        Ok(Done { code: output.status.code(), stdout: output.stdout, dialogue })
    }

    /// Logs in and does what only somebody who was let in may do.
    fn try_out(&self, work: &Path, user: &str, token: &str) -> Result<Done> {
        match self.service {
            Service::Imap => self.curl(user, token, "", &["--request", "STATUS INBOX (MESSAGES)"]),
            _ => self.send(
                work,
                user,
                token,
                &format!("null@{}", domain(user)),
                b"Subject: curl\r\n\r\nhi\r\n",
            ),
        }
    }

    fn send(&self, work: &Path, user: &str, token: &str, to: &str, message: &[u8]) -> Result<Done> {
        let file = work.join(format!("curl-{}-{}.eml", self.port, unique()));
        fs::write(&file, message)?;
        let path = file.to_string_lossy();
        let more = ["--mail-from", user, "--mail-rcpt", to, "--upload-file", &path];
        let done = self.curl(user, token, "", &more);
        fs::remove_file(&file)?;
        done
    }
}

fn domain(user: &str) -> &str {
    user.split('@').nth(1).unwrap_or_default()
}

fn unique() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Done {
    /// It ended like this, by the mechanism that is meant.
    fn check(&self, kind: Kind, good: bool) -> Result<()> {
        let code = if good { 0 } else { DENIED };
        let command = [format!("AUTHENTICATE {}", kind.name()), format!("AUTH {}", kind.name())];
        let meant = self.dialogue.lines().any(|line| {
            line.starts_with("> ") && command.iter().any(|words| is_command(line, words))
        });
        if self.code == Some(code) && meant {
            return Ok(());
        }
        Err(format!("ended with {:?}, expected {code}:\n{}", self.code, self.dialogue).into())
    }
}

fn is_command(line: &str, words: &str) -> bool {
    let found = line.find(words).and_then(|at| line.get(at + words.len()..));
    found.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

fn against_a_server(lab: &Lab, place: &Place, kind: Kind, good: bool) -> Result<()> {
    let token = if good { opaque("john", 0) } else { "nobody-knows-this-token".to_owned() };
    place.try_out(lab.directory(), &address("john"), &token)?.check(kind, good)
}

/// Our host is judged by somebody else's client.
fn against_our_host(
    lab: &Lab,
    service: Service,
    kind: Kind,
    security: Security,
    good: bool,
) -> Result<()> {
    let host = Host::builder()
        .capabilities(|offer| offer.mechanisms.retain(|name| name.as_str() == kind.name()))
        .deliver(DEMO_USER, "INBOX", "Subject: hello\r\n\r\nhi\r\n", &[], 1_700_000_000)
        .start()?;
    let port = match (service, security) {
        (Service::Imap, Security::Implicit) => host.imaps_port(),
        (Service::Imap, Security::StartTls) => host.imap_port(),
        (_, Security::Implicit) => host.submissions_port(),
        (_, Security::StartTls) => host.submission_port(),
    };
    let place = Place { service, security, port, ca: host.ca_file() };
    let token = if good { DEMO_BEARER_TOKEN } else { "nobody-knows-this-token" };
    let done = place.try_out(lab.directory(), DEMO_USER, token)?;
    done.check(kind, good)?;
    if good && service == Service::Imap {
        let fetched = place.curl(DEMO_USER, token, "INBOX;MAILINDEX=1", &[])?;
        if fetched.stdout != b"Subject: hello\r\n\r\nhi\r\n" {
            return Err(format!("fetched something else:\n{}", fetched.dialogue).into());
        }
    }
    if good && service != Service::Imap && host.submitted() != 1 {
        return Err(format!("nothing was submitted:\n{}", done.dialogue).into());
    }
    let violations = host.violations();
    if violations.is_empty() {
        Ok(())
    } else {
        Err(format!("found fault with: {violations:?}").into())
    }
}

/// A message that curl sends through Exim arrives in Dovecot, where our client reads it.
fn curl_to_us(lab: &Lab) -> Result<()> {
    let user = "curlsends";
    let mut mailbox = mail::open(lab, user, &Lines::default())?;
    let before = mail::count(&mailbox);
    let security = Security::StartTls;
    let port = lab.smtp_port("exim", security);
    let place =
        Place { service: Service::Smtp, security, port, ca: lab.directory().join("ca.crt") };
    let message = mail::written(user, "by curl", ".\r\n..\r\nSchöne Grüße\r\n");
    let (from, token) = (address(user), opaque(user, 0));
    place.send(lab.directory(), &from, &token, &from, &message)?.check(Kind::OAuthBearer, true)?;
    mail::wait_for(&mut mailbox, before + 1)?;
    mail::same_below(&mail::read(&mut mailbox, before + 1)?, &message)
}

/// A message that our client appends is the one that curl fetches.
fn us_to_curl(lab: &Lab) -> Result<()> {
    let user = "curlreads";
    let mut mailbox = mail::open(lab, user, &Lines::default())?;
    let before = mail::count(&mailbox);
    let message = mail::written(user, "for curl", ".\r\n..\r\nSchöne Grüße\r\n");
    mailbox.run(xoauth::imap::command::Append::new("INBOX", message.clone()))?;
    let security = Security::Implicit;
    let port = lab.imap_port(mail::SERVER, security);
    let place =
        Place { service: Service::Imap, security, port, ca: lab.directory().join("ca.crt") };
    let path = format!("INBOX;MAILINDEX={}", before + 1);
    let done = place.curl(&address(user), &opaque(user, 0), &path, &[])?;
    done.check(Kind::OAuthBearer, true)?;
    if done.stdout == message {
        return Ok(());
    }
    Err(format!("fetched something else:\n{}", done.dialogue).into())
}
