//! Envelopes.

use alloc::string::String;
use alloc::vec::Vec;

use super::Octets;
use super::octets::few;
use crate::parse::{AddressRef, AddressesRef, EnvelopeRef};

/// The header of a message as the server parsed it, RFC 9051 7.5.2.
///
/// Texts are as the message has them: encoded words (RFC 2047, `=?utf-8?q?Gr=C3=BC=C3=9Fe?=`) are not decoded. A parser of
/// messages does that: the crate `mail-parser`, say, by `MessageParser::parse_headers` of a line `Subject: ` with the text behind it.
/// A field that the message does not have is `None` or an empty list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Envelope {
    /// Date.
    pub date: Option<Octets>,
    /// Subject.
    pub subject: Option<Octets>,
    /// From.
    pub from: Vec<Address>,
    /// Sender; the server puts From where there is none.
    pub sender: Vec<Address>,
    /// Reply-To; the server puts From where there is none.
    pub reply_to: Vec<Address>,
    /// To.
    pub to: Vec<Address>,
    /// Cc.
    pub cc: Vec<Address>,
    /// Bcc.
    pub bcc: Vec<Address>,
    /// In-Reply-To.
    pub in_reply_to: Option<Octets>,
    /// Message-ID.
    pub message_id: Option<Octets>,
}

/// One entry of an address list: a mailbox, or the begin or end of a group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Address {
    /// The display name.
    pub name: Option<Octets>,
    /// The source route, which is obsolete.
    pub route: Option<Octets>,
    /// The local part, or the name of a group.
    pub mailbox: Option<Octets>,
    /// The domain.
    pub host: Option<Octets>,
}

impl Address {
    /// `mailbox@host`; `None` for the begin or end of a group.
    pub fn email(&self) -> Option<String> {
        let (mailbox, host) = (self.mailbox.as_ref()?.lossy(), self.host.as_ref()?.lossy());
        Some(alloc::format!("{mailbox}@{host}"))
    }

    /// A group begins here, with this name; its members follow (RFC 5322, 3.4).
    pub fn begins_group(&self) -> Option<&Octets> {
        if self.host.is_none() { self.mailbox.as_ref() } else { None }
    }

    /// The group that began before ends here.
    pub fn ends_group(&self) -> bool {
        self.host.is_none() && self.mailbox.is_none()
    }
}

impl From<&EnvelopeRef<'_>> for Envelope {
    fn from(envelope: &EnvelopeRef<'_>) -> Self {
        let list = |addresses: AddressesRef<'_>| few(addresses.map(Address::from));
        Self {
            date: envelope.date.to_octets(),
            subject: envelope.subject.to_octets(),
            from: list(envelope.from()),
            sender: list(envelope.sender()),
            reply_to: list(envelope.reply_to()),
            to: list(envelope.to()),
            cc: list(envelope.cc()),
            bcc: list(envelope.bcc()),
            in_reply_to: envelope.in_reply_to.to_octets(),
            message_id: envelope.message_id.to_octets(),
        }
    }
}

impl From<AddressRef<'_>> for Address {
    fn from(address: AddressRef<'_>) -> Self {
        Self {
            name: address.name.to_octets(),
            route: address.route.to_octets(),
            mailbox: address.mailbox.to_octets(),
            host: address.host.to_octets(),
        }
    }
}
