//! What a message asks of the server, and how MAIL and RCPT say it.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;

use crate::error::Error;
use crate::proto::{Encoder, History, Place};
use crate::types::{Content, Envelope, Extensions, Mail, Parameter, Recipient, Transfer};

/// What a transaction needs of the server.
#[derive(Debug)]
pub(crate) struct Needs {
    pub(crate) content: Content,
    address_is_internationalised: bool,
}

/// By which command the message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Data,
    Bdat,
}

impl Needs {
    /// Checks every argument.
    pub(crate) fn find(mail: &Mail<'_>) -> Result<Self, Error> {
        mail.envelope.check()?;
        let content = mail.message.check()?;
        let envelope = &mail.envelope;
        let address_is_internationalised = !envelope.from.as_str().is_ascii()
            || envelope.to.iter().any(|to| !to.address.is_ascii());
        Ok(Self { content, address_is_internationalised })
    }

    fn is_internationalised(&self) -> bool {
        self.address_is_internationalised || self.content.is_internationalised
    }

    /// Compares them with what the server offers and takes. Everything is either sent as it was asked for
    /// or not at all.
    pub(crate) fn check(
        &self,
        mail: &Mail<'_>,
        extensions: &Extensions,
        history: &History,
    ) -> Result<(), Error> {
        self.check_content(mail, extensions)?;
        check_envelope(&mail.envelope, extensions)?;
        check_limits(&mail.envelope, extensions, history)
    }

    fn check_content(&self, mail: &Mail<'_>, extensions: &Extensions) -> Result<(), Error> {
        let content = &self.content;
        let needs = [
            (
                content.is_binary,
                extensions.binary_mime(),
                "BINARYMIME",
                "a message with octets of any kind",
            ),
            (
                content.is_binary || mail.transfer == Transfer::Bdat,
                extensions.chunking(),
                "CHUNKING",
                "a message sent by BDAT",
            ),
            (
                self.address_is_internationalised,
                extensions.smtp_utf8(),
                "SMTPUTF8",
                "an address with letters beyond ASCII",
            ),
            (
                content.is_eight_bit && !content.is_binary,
                extensions.eight_bit_mime(),
                "8BITMIME",
                "a message with octets beyond ASCII",
            ),
            (
                content.is_internationalised,
                extensions.smtp_utf8(),
                "SMTPUTF8",
                "header fields with octets beyond ASCII",
            ),
        ];
        for (needed, offered, extension, needed_for) in needs {
            require(needed, offered, extension, needed_for)?;
        }
        // Mending line ends makes no message shorter than what was said of it.
        let size = content.size.or(mail.message.form.size);
        match (size, extensions.size_limit()) {
            (Some(size), Some(limit)) if size > limit => {
                Err(Error::MessageTooLarge { size, limit })
            }
            _ => Ok(()),
        }
    }

    /// By which command the message is to travel.
    pub(crate) fn method(&self, mail: &Mail<'_>, extensions: &Extensions) -> Method {
        let chunks = match mail.transfer {
            Transfer::Automatic => {
                self.content.is_binary || extensions.chunking() && extensions.pipelining()
            }
            Transfer::Data => self.content.is_binary,
            Transfer::Bdat => true,
        };
        if chunks { Method::Bdat } else { Method::Data }
    }

    /// Queues MAIL with the parameters the message needs.
    ///
    /// RFC 5321 4.1.1.2
    pub(crate) fn mail(&self, envelope: &Envelope, extensions: &Extensions, out: &mut Encoder<'_>) {
        out.begin_transaction();
        if extensions.limit("RCPTDOMAINMAX").is_some() {
            out.note_domains(domains(envelope));
        }
        out.text("MAIL FROM:<");
        out.text(envelope.from.as_str());
        out.text(">");
        let mut add = |text: &str| {
            out.text(" ");
            out.text(text);
        };
        if let (true, Some(size)) = (extensions.has("SIZE"), self.content.size) {
            add(&format!("SIZE={size}")); // RFC 1870 6
        }
        if self.content.is_binary {
            add("BODY=BINARYMIME"); // RFC 3030 3
        } else if self.content.is_eight_bit {
            add("BODY=8BITMIME"); // RFC 6152 3
        }
        if self.is_internationalised() {
            add("SMTPUTF8"); // RFC 6531 3.4
        }
        let options = &envelope.options;
        if let Some(what) = options.returning {
            add(&format!("RET={}", what.keyword())); // RFC 3461 4.3
        }
        if let Some(id) = &options.envelope_id {
            add(&format!("ENVID={id}")); // RFC 3461 4.4
        }
        if let Some(submitter) = &options.submitter {
            add(&format!("AUTH={submitter}")); // RFC 4954 5
        }
        if options.require_tls {
            add("REQUIRETLS"); // RFC 8689 2
        }
        if let Some((value, _)) = &options.deliver_by {
            add(&format!("BY={value}")); // RFC 2852 4
        }
        if let Some(priority) = options.priority {
            add(&format!("MT-PRIORITY={priority}")); // RFC 6710 4
        }
        options.parameters.iter().for_each(|parameter| add(&parameter.text));
        out.end_line(Place::Anywhere);
    }
}

/// Queues RCPT.
///
/// RFC 5321 4.1.1.3, RFC 3461 4.1 and 4.2
pub(crate) fn rcpt(to: &Recipient, out: &mut Encoder<'_>) {
    out.text("RCPT TO:<");
    out.text(to.address.as_str());
    out.text(">");
    if let Some(notify) = &to.notify {
        out.text(" NOTIFY=");
        out.text(notify);
    }
    if let Some(original) = &to.original {
        out.text(" ORCPT=");
        out.text(&original.0);
    }
    for parameter in &to.parameters {
        out.text(" ");
        out.text(&parameter.text);
    }
    out.end_line(Place::Anywhere);
}

fn check_envelope(envelope: &Envelope, extensions: &Extensions) -> Result<(), Error> {
    let options = &envelope.options;
    let asks_recipient = |asks: fn(&Recipient) -> bool| envelope.to.iter().any(asks);
    let needs = [
        (options.returning.is_some(), "DSN", "RET"),
        (options.envelope_id.is_some(), "DSN", "ENVID"),
        (asks_recipient(|to| to.notify.is_some()), "DSN", "NOTIFY"),
        (asks_recipient(|to| to.original.is_some()), "DSN", "ORCPT"),
        (options.submitter.is_some(), "AUTH", "the submitter"),
        (options.require_tls, "REQUIRETLS", "a message that may travel under TLS only"),
        (options.deliver_by.is_some(), "DELIVERBY", "a time of delivery"),
        (options.priority.is_some(), "MT-PRIORITY", "a priority"),
    ];
    for (needed, extension, needed_for) in needs {
        require(needed, extensions.has(extension), extension, needed_for)?;
    }
    let of_recipients = envelope.to.iter().flat_map(|to| &to.parameters);
    for Parameter { extension, .. } in options.parameters.iter().chain(of_recipients) {
        require(true, extensions.has(extension), extension, "a parameter of the caller's")?;
    }
    match (&options.deliver_by, extensions.least_delivery_time()) {
        (Some((_, Some(asked))), Some(allowed)) if u64::from(*asked) < allowed => {
            Err(Error::ServerLimit { limit: "DELIVERBY", asked: u64::from(*asked), allowed })
        }
        _ => Ok(()),
    }
}

/// RCPTMAX counts in a transaction, MAILMAX and RCPTDOMAINMAX in the whole session, whatever became of the
/// commands.
///
/// RFC 9422 4
fn check_limits(
    envelope: &Envelope,
    extensions: &Extensions,
    history: &History,
) -> Result<(), Error> {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let check = |limit: &'static str, asked: u64| match extensions.limit(limit) {
        Some(allowed) if asked > allowed => Err(Error::ServerLimit { limit, asked, allowed }),
        _ => Ok(()),
    };
    check("MAILMAX", history.transactions.saturating_add(1))?;
    check("RCPTMAX", count(envelope.to.len()))?;
    if extensions.limit("RCPTDOMAINMAX").is_none() {
        return Ok(());
    }
    let new: BTreeSet<String> =
        domains(envelope).filter(|domain| !history.domains.contains(domain)).collect();
    check("RCPTDOMAINMAX", count(history.domains.len().saturating_add(new.len())))
}

/// The domains of the recipients; the case of their letters means nothing.
fn domains(envelope: &Envelope) -> impl Iterator<Item = String> {
    envelope.to.iter().filter_map(|to| to.address.domain()).map(str::to_ascii_lowercase)
}

fn require(
    needed: bool,
    offered: bool,
    extension: &str,
    needed_for: &'static str,
) -> Result<(), Error> {
    if needed && !offered {
        return Err(Error::ExtensionMissing { extension: extension.into(), needed_for });
    }
    Ok(())
}
