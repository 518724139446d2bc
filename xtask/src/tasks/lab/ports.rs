//! Which ports the servers get.

use std::collections::BTreeMap;
use std::net::TcpListener;

use crate::Result;

/// Every port of the lab: server and service. The order is the one of the ports.
const NAMES: &[&str] = &[
    "dovecot-jwt.imap",
    "dovecot-jwt.imaps",
    "dovecot-jwt.submission",
    "dovecot-jwt.submissions",
    "dovecot-introspection.imap",
    "dovecot-introspection.imaps",
    "dovecot-introspection.submission",
    "dovecot-introspection.submissions",
    "dovecot-down.imap",
    "dovecot-down.imaps",
    "dovecot-down.submission",
    "dovecot-down.submissions",
    "dovecot-oauth1.imap",
    "dovecot-oauth1.imaps",
    "dovecot-oauth1.submission",
    "dovecot-oauth1.submissions",
    "exim.smtp",
    "exim.smtps",
    "exim-down.smtp",
    "exim-down.smtps",
    "postfix.smtp",
    "postfix.smtps",
    "postfix-down.smtp",
    "postfix-down.smtps",
    "postfix-xoauth2.smtps",
    "twisted.imap",
    "twisted.imaps",
    "aiosmtpd.smtp",
    "aiosmtpd.smtps",
    "sink.smtp",
    "auth-service.http",
    // Nobody listens here: a service that is down.
    "nobody.http",
];

/// How many ports a lab needs.
pub(super) const COUNT: u16 = 40;

/// Where ports are looked for: below those that systems give to outgoing connections.
const SEARCHED: std::ops::Range<u16> = 20_000..32_000;

/// The ports of a lab by name.
#[derive(Debug, Clone)]
pub(super) struct Ports(BTreeMap<&'static str, u16>);

impl Ports {
    /// The ports from `base` on, which all have to be free; without a base the first place where
    /// they are, beginning somewhere else in each process.
    pub(super) fn choose(base: Option<u16>) -> Result<Self> {
        if let Some(base) = base {
            let taken = ports(base).find(|&(_, port)| !is_free(port));
            return match taken {
                None => Ok(Self(ports(base).collect())),
                Some((_, port)) => Err(format!("port {port} is taken; try another --base").into()),
            };
        }
        let places = SEARCHED.len() / usize::from(COUNT);
        let first = std::process::id() as usize % places;
        let bases = SEARCHED.step_by(usize::from(COUNT)).cycle().skip(first).take(places);
        for base in bases {
            if ports(base).all(|(_, port)| is_free(port)) {
                return Ok(Self(ports(base).collect()));
            }
        }
        Err(format!("no {COUNT} free ports in a row between {SEARCHED:?}").into())
    }

    /// The port of that name, 0 where there is none.
    pub(super) fn get(&self, name: &str) -> u16 {
        self.0.get(name).copied().unwrap_or_default()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, u16)> + '_ {
        self.0.iter().map(|(&name, &port)| (name, port))
    }
}

fn ports(base: u16) -> impl Iterator<Item = (&'static str, u16)> {
    NAMES.iter().copied().zip(base..)
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_room_and_a_taken_port_is_named() {
        assert!(NAMES.len() <= usize::from(COUNT));
        let ports = Ports::choose(None).unwrap();
        let base = ports.get("dovecot-jwt.imap");
        assert_eq!(ports.get("nobody.http"), base + u16::try_from(NAMES.len()).unwrap() - 1);
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let holder = TcpListener::bind(("127.0.0.1", taken)).unwrap();
        let error = Ports::choose(Some(taken)).unwrap_err();
        assert_eq!(error.to_string(), format!("port {taken} is taken; try another --base"));
        drop(holder);
    }
}
