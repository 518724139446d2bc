//! What a host is told before it starts.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use xoauth_sasl::Secret;

use super::{Host, Message};
use crate::certificates::Identity;

/// The user every host has.
pub const DEMO_USER: &str = "demo@example.test";
/// The consumer of [`DEMO_USER`]: key and secret (XOAUTH, OAUTH10A).
pub const DEMO_CONSUMER: (&str, &str) = ("demo-consumer", "demo-consumer-secret");
/// The token of [`DEMO_USER`]: key and secret (XOAUTH, OAUTH10A).
pub const DEMO_TOKEN: (&str, &str) = ("demo-token", "demo-token-secret");
/// A bearer token of [`DEMO_USER`] that is accepted (OAUTHBEARER, XOAUTH2).
pub const DEMO_BEARER_TOKEN: &str = "demo-bearer-token";
/// A bearer token of [`DEMO_USER`] that has expired.
pub const DEMO_EXPIRED_BEARER_TOKEN: &str = "demo-expired-token";

/// Somebody with mailboxes and credentials.
#[derive(Debug, Clone)]
pub struct User {
    pub(crate) name: String,
    pub(crate) consumers: Vec<Pair>,
    pub(crate) tokens: Vec<Pair>,
    pub(crate) bearers: Vec<Bearer>,
    pub(crate) password: Option<Secret>,
}

/// A key and its secret.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) key: String,
    pub(crate) secret: String,
}

impl fmt::Debug for Pair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pair").field("key", &self.key).finish_non_exhaustive()
    }
}

/// A bearer token the host knows.
#[derive(Clone)]
pub(crate) struct Bearer {
    pub(crate) token: String,
    pub(crate) expired: bool,
    /// When it dies, and the sessions it opened with it.
    pub(crate) dies: Option<Instant>,
}

impl fmt::Debug for Bearer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Bearer").field("expired", &self.expired).finish_non_exhaustive()
    }
}

impl User {
    /// A user with an INBOX and no credentials; `name` is their mail address.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            consumers: Vec::new(),
            tokens: Vec::new(),
            bearers: Vec::new(),
            password: None,
        }
    }

    /// The user of the constants above: [`DEMO_USER`].
    pub fn demo() -> Self {
        Self::new(DEMO_USER)
            .consumer(DEMO_CONSUMER.0, DEMO_CONSUMER.1)
            .token(DEMO_TOKEN.0, DEMO_TOKEN.1)
            .bearer(DEMO_BEARER_TOKEN)
            .expired_bearer(DEMO_EXPIRED_BEARER_TOKEN)
    }

    /// Lets a consumer act for this user: with a token, or alone (two-legged XOAUTH).
    pub fn consumer(mut self, key: impl Into<String>, secret: impl Into<String>) -> Self {
        self.consumers.push(Pair { key: key.into(), secret: secret.into() });
        self
    }

    /// Adds an OAuth 1.0a token; it works with each of the user's consumers.
    pub fn token(mut self, key: impl Into<String>, secret: impl Into<String>) -> Self {
        self.tokens.push(Pair { key: key.into(), secret: secret.into() });
        self
    }

    /// Sets the password, for PLAIN and LOGIN.
    pub fn password(mut self, password: impl Into<Secret>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Adds a bearer token that is accepted.
    pub fn bearer(mut self, token: impl Into<String>) -> Self {
        self.bearers.push(Bearer { token: token.into(), expired: false, dies: None });
        self
    }

    /// Adds a bearer token that is refused as expired.
    pub fn expired_bearer(mut self, token: impl Into<String>) -> Self {
        self.bearers.push(Bearer { token: token.into(), expired: true, dies: None });
        self
    }
}

/// What the host offers. All is on unless a field says otherwise.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Capabilities {
    /// IMAP: an initial response on the AUTHENTICATE line (RFC 4959).
    pub sasl_ir: bool,
    /// IMAP: non-synchronising literals (RFC 7888).
    pub literal_plus: bool,
    /// IMAP: IDLE (RFC 2177).
    pub idle: bool,
    /// IMAP: APPENDUID, COPYUID and UID EXPUNGE (RFC 4315).
    pub uidplus: bool,
    /// IMAP: ENABLE, CONDSTORE and QRESYNC (RFC 7162); off unless asked for.
    pub qresync: bool,
    /// IMAP: the greeting carries the capabilities.
    pub in_greeting: bool,
    /// IMAP: the OK to AUTHENTICATE carries the capabilities.
    pub after_login: bool,
    /// Both: STARTTLS is offered on the plain ports.
    pub starttls: bool,
    /// SMTP: PIPELINING (RFC 2920). Without it, a command that arrives before the last reply has
    /// left is answered with 503 and noted as a violation.
    pub pipelining: bool,
    /// SMTP: CHUNKING, that is BDAT (RFC 3030).
    pub chunking: bool,
    /// SMTP: 8BITMIME (RFC 6152).
    pub eight_bit_mime: bool,
    /// SMTP: SMTPUTF8 (RFC 6531).
    pub smtp_utf8: bool,
    /// SMTP: ENHANCEDSTATUSCODES (RFC 2034); replies carry none without it.
    pub enhanced_status_codes: bool,
    /// SMTP: SIZE with the largest message (RFC 1870).
    pub size: bool,
    /// SMTP: BINARYMIME (RFC 3030), where CHUNKING is offered.
    pub binary_mime: bool,
    /// SMTP: DSN (RFC 3461); what was asked for is kept with the [`Submission`](super::Submission).
    pub dsn: bool,
    /// SMTP: REQUIRETLS (RFC 8689), under TLS only.
    pub require_tls: bool,
    /// SMTP: DELIVERBY (RFC 2852) with the least time in seconds.
    pub deliver_by: Option<u32>,
    /// SMTP: MT-PRIORITY (RFC 6710).
    pub priority: bool,
    /// SMTP: LIMITS (RFC 9422) as they are offered, `RCPTMAX=10`; RCPTMAX and MAILMAX are held.
    pub limits: Option<String>,
    /// Both: the SASL mechanisms offered, in this order: at first all four. PLAIN and LOGIN are known
    /// too, for users with a [password](User::password).
    pub mechanisms: Vec<String>,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            sasl_ir: true,
            literal_plus: true,
            idle: true,
            uidplus: true,
            qresync: false,
            in_greeting: true,
            after_login: true,
            starttls: true,
            pipelining: true,
            chunking: true,
            eight_bit_mime: true,
            smtp_utf8: true,
            enhanced_status_codes: true,
            size: true,
            binary_mime: true,
            dsn: true,
            require_tls: true,
            deliver_by: Some(60),
            priority: true,
            limits: None,
            mechanisms: ["XOAUTH", "OAUTH10A", "OAUTHBEARER", "XOAUTH2"].map(str::to_owned).into(),
        }
    }
}

/// Seconds since 1970-01-01T00:00:00Z, whenever asked.
#[derive(Clone)]
pub(crate) struct Clock(pub(crate) Arc<dyn Fn() -> u64 + Send + Sync>);

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clock(..)")
    }
}

/// All a host is told.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) users: Vec<User>,
    pub(crate) capabilities: Capabilities,
    pub(crate) max_size: usize,
    pub(crate) plaintext_auth: bool,
    /// Addresses with the reply that RCPT gets for them.
    pub(crate) rejected: Vec<(String, String)>,
    pub(crate) clock: Clock,
}

/// Sets up a [`Host`]; from [`Host::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    pub(crate) config: Config,
    pub(crate) deliveries: Vec<(String, String, Message)>,
    pub(crate) identity: Option<Identity>,
}

impl Builder {
    pub(super) fn new() -> Self {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |past| past.as_secs());
        Self {
            config: Config {
                users: vec![User::demo()],
                capabilities: Capabilities::default(),
                max_size: 64 * 1024 * 1024,
                plaintext_auth: false,
                rejected: Vec::new(),
                clock: Clock(Arc::new(now)),
            },
            deliveries: Vec::new(),
            identity: None,
        }
    }

    /// Adds a user, or replaces the one of that name.
    pub fn user(mut self, user: User) -> Self {
        self.config.users.retain(|known| known.name != user.name);
        self.config.users.push(user);
        self
    }

    /// Puts a message into a mailbox before the host starts; the mailbox is made if need be.
    ///
    /// `flags` are such as `\Seen`; `internal_date` is in seconds since 1970-01-01T00:00:00Z.
    pub fn deliver(
        mut self,
        user: &str,
        mailbox: &str,
        octets: impl Into<Vec<u8>>,
        flags: &[&str],
        internal_date: i64,
    ) -> Self {
        let message = Message::new(octets.into(), flags, internal_date);
        self.deliveries.push((user.to_owned(), mailbox.to_owned(), message));
        self
    }

    /// Changes what the host offers.
    pub fn capabilities(mut self, change: impl FnOnce(&mut Capabilities)) -> Self {
        change(&mut self.config.capabilities);
        self
    }

    /// Answers RCPT for `address` with `reply` (`550 5.1.1 no such user`).
    pub fn reject_recipient(mut self, address: &str, reply: &str) -> Self {
        self.config.rejected.push((address.to_owned(), reply.to_owned()));
        self
    }

    /// The largest message taken by APPEND and submission, in octets; at first 64 MiB.
    pub fn max_size(mut self, octets: usize) -> Self {
        self.config.max_size = octets;
        self
    }

    /// Whether authentication is offered on a connection without TLS; at first it is not.
    pub fn plaintext_auth(mut self, allowed: bool) -> Self {
        self.config.plaintext_auth = allowed;
        self
    }

    /// The time by which OAuth 1.0a timestamps are judged, in seconds since
    /// 1970-01-01T00:00:00Z; at first the system's.
    pub fn clock(mut self, now: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.config.clock = Clock(Arc::new(now));
        self
    }

    /// The certificate to show; at first a good one by the authority of [`Host::ca_pem`].
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Starts the host on free ports of 127.0.0.1.
    ///
    /// # Errors
    /// When a port cannot be opened, a certificate cannot be made, or a message is for a user that
    /// does not exist.
    pub fn start(self) -> io::Result<Host> {
        Host::start(self)
    }
}
