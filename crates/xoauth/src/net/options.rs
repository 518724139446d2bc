//! How to connect: what the builders of both protocols share.

use std::net::Ipv6Addr;
use std::time::Instant;

use super::connection::Settings;
use super::known::known;
use super::{Deadlines, Milestones, TcpTransport, Transport, dial};
#[cfg(feature = "native-tls")]
use super::{Tls, TlsTransport};
use crate::Error;
use crate::trace::Trace;

/// The choices of a builder.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) server_name: Option<String>,
    /// TLS begins with STARTTLS.
    #[cfg(feature = "native-tls")]
    pub(crate) starttls: bool,
    pub(crate) deadlines: Deadlines,
    pub(crate) trace: Option<Trace>,
    pub(crate) milestones: Option<Milestones>,
    #[cfg(feature = "native-tls")]
    pub(crate) tls: Option<Tls>,
}

impl Options {
    pub(crate) fn new(host: &str) -> Self {
        Self { host: host.to_owned(), ..Self::default() }
    }

    /// The settings of a connection that begins now.
    pub(crate) fn settings(&self, default_port: u16, now: Instant) -> Settings {
        Settings {
            host: self.server_name.clone().unwrap_or_else(|| self.host.clone()),
            port: self.port.unwrap_or(default_port),
            deadlines: self.deadlines,
            deadline: now.checked_add(self.deadlines.connect),
            trace: self.trace.clone(),
            milestones: self.milestones.clone(),
            secrets: known(),
        }
    }

    /// People type `host:port` and URLs; looked up, they fail as names that nobody has.
    pub(crate) fn check_host(&self) -> Result<(), Error> {
        // An IPv6 address may have a zone, `fe80::1%eth0`.
        let address = self.host.split('%').next().unwrap_or_default();
        if !self.host.contains([':', '/', '[']) || address.parse::<Ipv6Addr>().is_ok() {
            return Ok(());
        }
        Err(Error::Host { host: self.host.clone() })
    }

    /// A connection in the clear, its deadline that of connecting.
    pub(crate) fn dial(&self, default_port: u16) -> Result<(TcpTransport, Settings), Error> {
        self.check_host()?;
        let settings = self.settings(default_port, Instant::now());
        let mut transport = dial(&self.host, &settings)?;
        transport.set_deadline(settings.deadline);
        Ok((transport, settings))
    }

    /// A connection under TLS from its first octet.
    #[cfg(feature = "native-tls")]
    pub(crate) fn dial_tls(&self, default_port: u16) -> Result<(TlsTransport, Settings), Error> {
        // Made before dialling: where no TLS can be had, nothing is connected to.
        let tls = self.tls()?;
        let (transport, settings) = self.dial(default_port)?;
        Ok((settings.handshake(&tls, transport)?, settings))
    }

    #[cfg(feature = "native-tls")]
    pub(crate) fn tls(&self) -> Result<Tls, Error> {
        self.tls.clone().map_or_else(Tls::system, Ok)
    }
}

/// The methods of a builder that only set [`Options`]; `$ports` names the default ports.
macro_rules! builder_methods {
    ($ports:literal) => {
        #[doc = concat!("Another port than ", $ports, ".")]
        pub fn port(mut self, port: u16) -> Self {
            self.options.port = Some(port);
            self
        }

        /// The name the certificate must be for and mechanisms sign, where it is not the name dialled:
        /// behind a tunnel, say.
        pub fn server_name(mut self, name: &str) -> Self {
            self.options.server_name = Some(name.to_owned());
            self
        }

        /// TLS begins with STARTTLS on a connection in the clear, instead of with its first octet.
        #[cfg(feature = "native-tls")]
        pub fn starttls(mut self) -> Self {
            self.options.starttls = true;
            self
        }

        /// How long whole operations may take.
        pub fn deadlines(mut self, deadlines: crate::Deadlines) -> Self {
            self.options.deadlines = deadlines;
            self
        }

        /// What is accepted from the server at most.
        pub fn limits(mut self, limits: Limits) -> Self {
            self.limits = limits;
            self
        }

        /// Sees the session's lines, without its secrets.
        pub fn trace(mut self, trace: crate::Trace) -> Self {
            self.options.trace = Some(trace);
            self
        }

        /// Hears how far connecting has come, each time it connects: for programs that show it, or tell where it
        /// failed.
        pub fn milestones(
            mut self,
            hook: impl Fn(crate::net::Milestone<'_>) + Send + Sync + 'static,
        ) -> Self {
            self.options.milestones = Some(crate::net::Milestones::new(hook));
            self
        }

        /// A TLS client with roots of its own instead of the system's.
        #[cfg(feature = "native-tls")]
        pub fn tls(mut self, tls: &crate::Tls) -> Self {
            self.options.tls = Some(tls.clone());
            self
        }
    };
}

pub(crate) use builder_methods;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_with_a_port_or_a_scheme_is_none() {
        let table = [
            ("imap.example.com", true),
            ("192.0.2.7", true),
            ("2001:db8::7", true),
            ("fe80::1%eth0", true),
            ("imap.example.com:993", false),
            ("192.0.2.7:993", false),
            ("[2001:db8::7]:993", false),
            ("imaps://imap.example.com", false),
        ];
        for (host, fits) in table {
            match Options::new(host).check_host() {
                Ok(()) => assert!(fits, "{host}"),
                Err(error) => {
                    let expected =
                        "is no host, expected its name or address without scheme and port";
                    assert!(!fits && !error.is_transient(), "{host}");
                    assert_eq!(error.to_string(), format!("`{host}` {expected}"));
                }
            }
        }
    }
}
