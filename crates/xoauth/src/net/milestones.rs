//! A hook that hears how far connecting has come.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::TlsVersion;

/// What was reached on the way to a session, in the order it happens. With STARTTLS the greeting comes before TLS.
///
/// Of a connection that fails, the last one that was heard tells where.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Milestone<'a> {
    /// The addresses of the host, in the order they are tried.
    Resolved(&'a [SocketAddr]),
    /// This one answered first.
    Connected(SocketAddr),
    /// TLS is agreed on, and the certificate is trusted and good for the host. The version is not known of async
    /// connections.
    Secured(Option<TlsVersion>),
    /// The server greeted.
    Greeted,
    /// A login by this mechanism begins. With one renewal of the token there may be two.
    Authenticating {
        /// Its name.
        mechanism: &'a str,
        /// How many octets its message has in base64.
        octets: usize,
        /// These go on the line of the command, and not on one of their own.
        with_command: bool,
    },
}

/// Who hears of milestones.
#[derive(Clone)]
pub(crate) struct Milestones(Arc<Hook>);

type Hook = dyn Fn(Milestone<'_>) + Send + Sync;

impl Milestones {
    pub(crate) fn new(hook: impl Fn(Milestone<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }

    pub(crate) fn tell(&self, milestone: Milestone<'_>) {
        (self.0)(milestone);
    }
}

impl fmt::Debug for Milestones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Milestones(..)")
    }
}
