//! What a server answers, as it is kept.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use xoauth_sasl::wire::Farewell;

/// A reply code of three digits, 200 to 599 (RFC 5321 4.2).
///
/// Its first digit says how things went; servers may use codes nobody registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyCode(u16);

impl ReplyCode {
    pub(crate) const fn new(code: u16) -> Self {
        Self(code)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// 4yz: the same may work later (RFC 5321 4.2.1).
    pub const fn is_transient(self) -> bool {
        matches!(self.0, 400..=499)
    }

    /// 5yz: the same will not work.
    pub const fn is_permanent(self) -> bool {
        matches!(self.0, 500..=599)
    }

    /// 4yz or 5yz.
    pub const fn is_refusal(self) -> bool {
        self.is_transient() || self.is_permanent()
    }

    /// 250 and its like from the mail system (x5z), and 200 from servers that know no better. Other codes
    /// of the same first digit answer other questions: 220, 221, 235.
    pub const fn is_mail_action_done(self) -> bool {
        matches!(self.0, 200 | 250..=259)
    }
}

impl fmt::Display for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An enhanced status code, `class.subject.detail` (RFC 2034, RFC 3463).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct EnhancedCode {
    /// 2 success, 4 transient, 5 permanent; the first digit of the reply code.
    pub class: u8,
    /// What it is about: 1 addresses, 2 mailboxes, 3 the mail system, 4 the network, 5 the protocol,
    /// 6 the message's content, 7 security and policy.
    pub subject: u16,
    /// What exactly, within the subject.
    pub detail: u16,
}

impl EnhancedCode {
    pub(crate) const fn new(class: u8, subject: u16, detail: u16) -> Self {
        Self { class, subject, detail }
    }
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// A server's reply as errors and outcomes keep it.
///
/// Its text is for people: bounded, control characters escaped, our secrets masked. Decide by the codes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplyText {
    /// The reply code.
    pub code: ReplyCode,
    /// The enhanced status code, where the server sent one.
    pub enhanced: Option<EnhancedCode>,
    /// The text of each line, without its codes.
    pub lines: Vec<String>,
}

impl ReplyText {
    pub(crate) fn new(code: ReplyCode, enhanced: Option<EnhancedCode>, lines: Vec<String>) -> Self {
        Self { code, enhanced, lines }
    }

    /// The text of all lines, joined by spaces. For an accepted message most servers say here under which
    /// name it is in their queue.
    pub fn text(&self) -> String {
        self.lines.join(" ")
    }

    /// Why the server takes leave, where this is how it does. X.4.2 is a connection that went bad, which servers
    /// say of a client that was silent (RFC 3463 3.5).
    pub(crate) fn farewell(&self) -> Farewell {
        let bad_connection = |code: EnhancedCode| (code.subject, code.detail) == (4, 2);
        match Farewell::of(&self.text()) {
            Farewell::Other if self.enhanced.is_some_and(bad_connection) => Farewell::Idle,
            farewell => farewell,
        }
    }
}

impl fmt::Display for ReplyText {
    /// The codes and the text in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code.fmt(f)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        self.lines.iter().filter(|line| !line.is_empty()).try_for_each(|line| write!(f, " {line}"))
    }
}
