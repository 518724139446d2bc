//! What the machines make of octets that a command hears.

mod imap;
mod smtp;

/// One thing that a command heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Debug text of it.
    Shown(String),
    /// A response of IMAP.
    Event(xoauth::imap::Event),
    /// The tagged answer.
    Tagged(xoauth::imap::StatusText),
    /// A reply of SMTP, and the octets of its lines.
    Reply(xoauth::smtp::ReplyCode, Vec<u8>),
    /// The text of a continuation.
    Continuation(Vec<u8>),
    /// A body, joined.
    Body(Vec<u8>),
}

/// What a machine made of octets.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Each response or event.
    pub responses: Vec<Said>,
    /// Display of each fault, tolerated or fatal.
    pub faults: Vec<String>,
    /// The machine refuses to go on.
    pub fatal: bool,
}

/// Octets to be given to a machine.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// What the client is doing, in the words of the shim's contract.
    pub context: &'a str,
    /// The tag that the command in flight has in the octets.
    pub tag: Option<&'a str>,
    /// The octets.
    pub octets: &'a [u8],
    /// How many octets are given at a time.
    pub step: usize,
    /// What is heard is kept as text, which costs more than hearing it.
    pub shown: bool,
}

/// Which machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// IMAP.
    Imap,
    /// SMTP.
    Smtp,
}

/// Gives octets to a machine; `None` where there is no command for the context.
pub fn hear(protocol: Protocol, case: &Case<'_>) -> Option<Heard> {
    match protocol {
        Protocol::Imap => imap::hear(case),
        Protocol::Smtp => smtp::hear(case),
    }
}
