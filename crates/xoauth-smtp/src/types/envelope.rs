//! Whom a message is from and for, and what the server is asked to do with it.

use alloc::string::String;
use alloc::vec::Vec;

use super::parameters::{check_keyword, check_value, utf8_xtext, xtext};
use super::{Address, DeliverBy, Notify, Priority, Return, ReversePath};
use crate::error::{Fault, InvalidArgument};

/// The envelope of one message: sender, recipients, and what the extensions of SMTP can be asked for.
///
/// Nothing here fails: what cannot be sent, and what the server does not offer, is an error when the
/// message is sent, before anything is.
///
/// ```
/// use xoauth_smtp::{Envelope, Notify, Recipient, Return};
///
/// let envelope = Envelope::new("alice@example.org", ["bob@example.net"])
///     .recipient(Recipient::new("carol@example.com").notify(Notify::ALWAYS))
///     .envelope_id("order 66")
///     .returning(Return::Headers)
///     .require_tls();
/// # let _ = envelope;
/// ```
#[derive(Debug, Clone)]
pub struct Envelope {
    pub(crate) from: ReversePath,
    pub(crate) to: Vec<Recipient>,
    pub(crate) options: Options,
    /// The first argument that cannot be sent.
    fault: Option<InvalidArgument>,
}

/// One recipient of an envelope, with what is asked for it alone.
#[derive(Debug, Clone)]
pub struct Recipient {
    pub(crate) address: Address,
    pub(crate) notify: Option<String>,
    pub(crate) original: Option<Original>,
    pub(crate) parameters: Vec<Parameter>,
    fault: Option<InvalidArgument>,
}

/// What MAIL asks for beside the sender.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub(crate) returning: Option<Return>,
    /// As xtext.
    pub(crate) envelope_id: Option<String>,
    /// As xtext; `<>` is nobody.
    pub(crate) submitter: Option<String>,
    pub(crate) require_tls: bool,
    /// The value, and the time a server judges.
    pub(crate) deliver_by: Option<(String, Option<u32>)>,
    pub(crate) priority: Option<Priority>,
    pub(crate) parameters: Vec<Parameter>,
}

/// The value of ORCPT.
#[derive(Debug, Clone)]
pub(crate) struct Original(pub(crate) String);

/// A parameter that this crate has no word for.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    /// The EHLO keyword of the extension that has it.
    pub(crate) extension: String,
    /// `KEYWORD` or `KEYWORD=value`.
    pub(crate) text: String,
}

/// The whole parameter, as it is sent (RFC 3461 4.4).
const LONGEST_ENVID: usize = 100;

/// The whole parameter, as it is sent (RFC 3461 4.2).
const LONGEST_ORCPT: usize = 500;

/// What MAIL is longer by for AUTH, the space before it included (RFC 4954 3).
const LONGEST_AUTH: usize = 499;

/// Parameters of MAIL that have a method, or that the message says.
const OF_MAIL: [&str; 9] =
    ["SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "AUTH", "REQUIRETLS", "BY", "MT-PRIORITY"];

/// Parameters of RCPT that have a method.
const OF_RCPT: [&str; 2] = ["NOTIFY", "ORCPT"];

impl Envelope {
    /// From one sender to any number of recipients. Texts are taken as bare addresses
    /// (`alice@example.org`); `<>` as sender is nobody, for notifications.
    pub fn new<F, T, I>(from: F, to: I) -> Self
    where
        F: TryInto<ReversePath, Error: Into<InvalidArgument>>,
        T: TryInto<Recipient, Error: Into<InvalidArgument>>,
        I: IntoIterator<Item = T>,
    {
        let (from, fault) = match from.try_into() {
            Ok(from) => (from, None),
            Err(error) => (ReversePath::Null, Some(error.into().named("sender"))),
        };
        let mut envelope = Self { from, to: Vec::new(), options: Options::default(), fault };
        for one in to {
            envelope.add(one);
        }
        envelope
    }

    /// One more recipient.
    #[must_use]
    pub fn recipient<T>(mut self, to: T) -> Self
    where
        T: TryInto<Recipient, Error: Into<InvalidArgument>>,
    {
        self.add(to);
        self
    }

    fn add<T>(&mut self, to: T)
    where
        T: TryInto<Recipient, Error: Into<InvalidArgument>>,
    {
        match to.try_into() {
            Ok(mut to) => {
                if let Some(fault) = to.fault.take() {
                    self.fault.get_or_insert(fault);
                }
                self.to.push(to);
            }
            Err(error) => {
                self.fault.get_or_insert(error.into().named("recipient"));
            }
        }
    }

    /// What a notification of failure returns of the message; RET of DSN (RFC 3461 4.3).
    #[must_use]
    pub fn returning(mut self, what: Return) -> Self {
        self.options.returning = Some(what);
        self
    }

    /// A name for this transaction that notifications repeat; ENVID of DSN (RFC 3461 4.4): printable ASCII
    /// and spaces, up to 94 octets as they are sent, where `+`, `=` and spaces count three times.
    #[must_use]
    pub fn envelope_id(mut self, id: &str) -> Self {
        match check_envelope_id(id) {
            Ok(encoded) => self.options.envelope_id = Some(encoded),
            Err(fault) => {
                self.fault.get_or_insert(InvalidArgument::new("envelope id", id, fault));
            }
        }
        self
    }

    /// Who submitted the message first, which a relay that is trusted vouches for: the AUTH parameter
    /// (RFC 4954 5). [`ReversePath::Null`] is "not known".
    #[must_use]
    pub fn submitter<F>(mut self, submitter: F) -> Self
    where
        F: TryInto<ReversePath, Error: Into<InvalidArgument>>,
    {
        match submitter.try_into() {
            Ok(ReversePath::Null) => self.options.submitter = Some("<>".into()),
            Ok(ReversePath::Address(address)) => {
                match bounded("AUTH=", xtext(address.as_str()), LONGEST_AUTH) {
                    Ok(encoded) => self.options.submitter = Some(encoded),
                    Err(fault) => {
                        let text = address.as_str();
                        self.fault.get_or_insert(InvalidArgument::new("submitter", text, fault));
                    }
                }
            }
            Err(error) => {
                self.fault.get_or_insert(error.into().named("submitter"));
            }
        }
        self
    }

    /// The message may travel under TLS only, all the way (RFC 8689).
    #[must_use]
    pub fn require_tls(mut self) -> Self {
        self.options.require_tls = true;
        self
    }

    /// How soon the message must be delivered (RFC 2852).
    #[must_use]
    pub fn deliver_by(mut self, time: DeliverBy) -> Self {
        match time.value() {
            Ok(value) => self.options.deliver_by = Some((value, time.return_after())),
            Err(fault) => {
                self.fault.get_or_insert(fault);
            }
        }
        self
    }

    /// The priority of the message (RFC 6710).
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.options.priority = Some(priority);
        self
    }

    /// A parameter of MAIL that has no method of its own: `keyword`, or `keyword=value`. `extension` is the
    /// EHLO keyword a server offers it by. Each may be given once.
    ///
    /// ```
    /// # use xoauth_smtp::Envelope;
    /// // RFC 4865: not before an hour has passed.
    /// let envelope = Envelope::new("alice@example.org", ["bob@example.net"])
    ///     .parameter("FUTURERELEASE", "HOLDFOR", Some("3600"));
    /// # let _ = envelope;
    /// ```
    #[must_use]
    pub fn parameter(mut self, extension: &str, keyword: &str, value: Option<&str>) -> Self {
        let added = Parameter::new(extension, keyword, value)
            .and_then(|one| one.join(&mut self.options.parameters, &OF_MAIL));
        if let Err(fault) = added {
            self.fault.get_or_insert(fault);
        }
        self
    }

    /// The sender.
    pub fn sender(&self) -> &ReversePath {
        &self.from
    }

    /// The recipients, in order.
    pub fn recipients(&self) -> impl ExactSizeIterator<Item = &Address> {
        self.to.iter().map(|to| &to.address)
    }

    /// Everything in it can be sent.
    pub(crate) fn check(&self) -> Result<(), InvalidArgument> {
        match &self.fault {
            Some(fault) => Err(fault.clone()),
            None if self.to.is_empty() => {
                let fault = Fault::end(0, "at least one address");
                Err(InvalidArgument::new("list of recipients", "", fault))
            }
            None => self.from.check().map_err(|error| error.named("sender")),
        }
    }
}

impl Recipient {
    /// A recipient by an address in the code, or one that was checked before; what is no address is an
    /// error when the message is sent. Texts of users convert by `"text".parse::<Address>()?`.
    pub fn new<T>(address: T) -> Self
    where
        T: TryInto<Address, Error: Into<InvalidArgument>>,
    {
        let (address, fault) = match address.try_into() {
            Ok(address) => (address, None),
            Err(error) => (Address::nobody(), Some(error.into().named("recipient"))),
        };
        Self { address, notify: None, original: None, parameters: Vec::new(), fault }
    }

    /// When the sender is to be notified about this recipient; NOTIFY of DSN (RFC 3461 4.1).
    #[must_use]
    pub fn notify(mut self, when: Notify) -> Self {
        match when.value() {
            Some(value) => self.notify = Some(value),
            None => {
                let fault = Fault::end(0, "at least one of success, failure and delay");
                self.fault.get_or_insert(InvalidArgument::new("notification", "", fault));
            }
        }
        self
    }

    /// The address the sender gave originally, which notifications name; ORCPT of DSN (RFC 3461 4.2), of
    /// type `rfc822`, or `utf-8` for letters beyond ASCII (RFC 6533 3).
    ///
    /// Where a message is submitted for the first time that is the recipient's own address; another one is for programs
    /// that pass messages on, from before the list or alias they resolved.
    #[must_use]
    pub fn original<T>(mut self, address: T) -> Self
    where
        T: TryInto<Address, Error: Into<InvalidArgument>>,
    {
        match address.try_into() {
            Ok(address) => {
                let text = address.as_str();
                let encoded = match address.is_ascii() {
                    true => alloc::format!("rfc822;{}", xtext(text)),
                    false => alloc::format!("utf-8;{}", utf8_xtext(text)),
                };
                match bounded("ORCPT=", encoded, LONGEST_ORCPT) {
                    Ok(encoded) => self.original = Some(Original(encoded)),
                    Err(fault) => {
                        let invalid = InvalidArgument::new("original recipient", text, fault);
                        self.fault.get_or_insert(invalid);
                    }
                }
            }
            Err(error) => {
                self.fault.get_or_insert(error.into().named("original recipient"));
            }
        }
        self
    }

    /// A parameter of RCPT that has no method of its own, as [`Envelope::parameter`].
    #[must_use]
    pub fn parameter(mut self, extension: &str, keyword: &str, value: Option<&str>) -> Self {
        let added = Parameter::new(extension, keyword, value)
            .and_then(|one| one.join(&mut self.parameters, &OF_RCPT));
        if let Err(fault) = added {
            self.fault.get_or_insert(fault);
        }
        self
    }

    /// The address.
    pub fn address(&self) -> &Address {
        &self.address
    }
}

impl Parameter {
    fn new(extension: &str, keyword: &str, value: Option<&str>) -> Result<Self, InvalidArgument> {
        check_keyword(extension)?;
        check_keyword(keyword)?;
        let text = match value {
            Some(value) => {
                check_value(value)?;
                alloc::format!("{keyword}={value}")
            }
            None => keyword.into(),
        };
        Ok(Self { extension: extension.into(), text })
    }

    fn keyword(&self) -> &str {
        self.text.split('=').next().unwrap_or_default()
    }

    /// Joins the others. A parameter stands in a command once, and what has a method is said by it: said here it
    /// could contradict the message.
    fn join(self, others: &mut Vec<Self>, own: &[&str]) -> Result<(), InvalidArgument> {
        let is_same = |keyword: &str| keyword.eq_ignore_ascii_case(self.keyword());
        let fault = if own.iter().any(|own| is_same(own)) {
            Fault::end(0, "a parameter that has no method of its own")
        } else if others.iter().any(|other| is_same(other.keyword())) {
            Fault::end(0, "a parameter that was not given before")
        } else {
            others.push(self);
            return Ok(());
        };
        Err(InvalidArgument::new("parameter keyword", self.keyword(), fault))
    }
}

impl From<Address> for Recipient {
    fn from(address: Address) -> Self {
        Self::new(address)
    }
}

impl From<&Address> for Recipient {
    fn from(address: &Address) -> Self {
        Self::new(address)
    }
}

macro_rules! try_from_text {
    ($($text:ty),*) => {$(
        impl TryFrom<$text> for Recipient {
            type Error = InvalidArgument;

            fn try_from(text: $text) -> Result<Self, InvalidArgument> {
                text.parse::<Address>().map(Self::new)
            }
        }
    )*};
}

try_from_text!(&str, &&str, String, &String);

/// The identifier as it is sent; printable characters and spaces before it is encoded.
///
/// RFC 3461 4.4
fn check_envelope_id(id: &str) -> Result<String, Fault> {
    let expected = "printable ASCII";
    match id.char_indices().find(|&(_, c)| !matches!(c, ' '..='~')) {
        Some((at, found)) => Err(Fault::at(at, found, expected)),
        None if id.is_empty() => Err(Fault::end(0, expected)),
        None => bounded("ENVID=", xtext(id), LONGEST_ENVID),
    }
}

/// A value, if its parameter is not too long as it is sent.
fn bounded(keyword: &str, value: String, longest: usize) -> Result<String, Fault> {
    match longest.checked_sub(keyword.len()) {
        Some(most) if value.len() <= most => Ok(value),
        most => {
            let expected = "fewer octets, as the parameter is sent";
            Err(Fault::too_long(most.unwrap_or_default(), expected))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn fault(envelope: &Envelope) -> String {
        envelope.check().unwrap_err().to_string()
    }

    #[test]
    fn the_first_argument_that_cannot_be_sent_is_told() {
        let good = || Envelope::new("a@example.org", ["b@example.net"]);
        assert!(good().check().is_ok());
        let none: [&str; 0] = [];
        assert_eq!(
            fault(&Envelope::new("a@example.org", none)),
            "invalid list of recipients '': end of text at octet 0, expected at least one address"
        );
        // An address whose every octet takes three as xtext.
        let long = alloc::format!("{}@example.org", "=".repeat(170));
        for (envelope, argument) in [
            (Envelope::new("a@example.org\r\n", ["b@example.net"]), "sender"),
            (Envelope::new("", ["b@example.net"]), "sender"),
            (Envelope::new("postmaster".parse::<Address>().unwrap(), ["b@example.net"]), "sender"),
            (Envelope::new("a@example.org", ["b@example.net", "c\0@x"]), "recipient"),
            (good().recipient(Recipient::new("x>@y")), "recipient"),
            (good().envelope_id("a\r\nb"), "envelope id"),
            (good().envelope_id(&"x".repeat(95)), "envelope id"),
            (good().envelope_id(&"+".repeat(32)), "envelope id"),
            (good().submitter(&*long), "submitter"),
            (good().recipient(Recipient::new("b@x").original(&*long)), "original recipient"),
            (good().parameter("SIZE", "size", Some("1")), "parameter keyword"),
            (good().parameter("8BITMIME", "BODY", Some("7BIT")), "parameter keyword"),
            (good().parameter("DSN", "RET", Some("FULL")), "parameter keyword"),
            (good().parameter("X", "Y", None).parameter("X", "y", Some("1")), "parameter keyword"),
            (
                good().recipient(Recipient::new("b@x").parameter("DSN", "Notify", Some("NEVER"))),
                "parameter keyword",
            ),
            (good().submitter("a b"), "submitter"),
            (good().deliver_by(DeliverBy::or_return(0)), "delivery time"),
            (good().parameter("X", "X Y", None), "parameter keyword"),
            (good().parameter("X", "Y", Some("a\r\nb")), "parameter value"),
            (good().recipient(Recipient::new("b@x").original("c@\r\n")), "original recipient"),
            (good().recipient(Recipient::new("b@x").parameter("X", "", None)), "parameter keyword"),
            (
                good().recipient(Recipient::new("b@x").notify(Notify::When {
                    success: false,
                    failure: false,
                    delay: false,
                })),
                "notification",
            ),
        ] {
            assert_eq!(envelope.check().unwrap_err().argument(), argument, "{envelope:?}");
        }
    }

    #[test]
    fn values_are_kept_as_they_are_sent() {
        let envelope = Envelope::new("<>", ["b@example.net"])
            .envelope_id("a b+c")
            .submitter("e=mc2@example.com");
        assert_eq!(envelope.options.envelope_id.as_deref(), Some("a+20b+2Bc"));
        // RFC 4954 5's example.
        assert_eq!(envelope.options.submitter.as_deref(), Some("e+3Dmc2@example.com"));
        let full = Envelope::new("<>", ["b@example.net"]).envelope_id(&"x".repeat(94));
        assert_eq!(full.check(), Ok(()));
        let nobody = envelope.submitter("<>");
        assert_eq!(nobody.options.submitter.as_deref(), Some("<>"));
        let to = Recipient::new("b@x").original("grün@example.org");
        assert_eq!(to.original.unwrap().0, r"utf-8;gr\x{FC}n@example.org");
        let to = Recipient::new("b@x").original("a+b@example.org");
        assert_eq!(to.original.unwrap().0, "rfc822;a+2Bb@example.org");
    }
}
