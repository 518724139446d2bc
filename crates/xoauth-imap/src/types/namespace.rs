//! Namespaces and identities: NAMESPACE (RFC 2342) and ID (RFC 2971).

use alloc::vec::Vec;

use super::{Delimiter, Mailbox, Octets};

/// What NAMESPACE tells, RFC 9051 7.3.7.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Namespaces {
    /// Where the user's own mailboxes are.
    pub personal: Vec<NamespaceEntry>,
    /// Where those of other users are.
    pub other_users: Vec<NamespaceEntry>,
    /// Where those for all are.
    pub shared: Vec<NamespaceEntry>,
}

/// One namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamespaceEntry {
    /// What the names of its mailboxes begin with, the delimiter included; mostly empty or `INBOX.`.
    pub prefix: Mailbox,
    /// The character between the levels; `None` where there is no hierarchy.
    pub delimiter: Option<Delimiter>,
    /// Extensions: a name and its values.
    pub extensions: Vec<(Octets, Vec<Octets>)>,
}

/// What a server says of itself, RFC 2971 3.2: fields and their values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity(Vec<(Octets, Option<Octets>)>);

impl Identity {
    pub(crate) fn new(fields: Vec<(Octets, Option<Octets>)>) -> Self {
        Self(fields)
    }

    /// The value of a field, in upper or lower case.
    pub fn get(&self, name: &str) -> Option<&Octets> {
        let named = |field: &Octets| field.eq_ignore_ascii_case(name.as_bytes());
        self.0.iter().find(|(field, _)| named(field))?.1.as_ref()
    }

    /// The fields in the server's order; a value may be NIL.
    pub fn iter(&self) -> impl Iterator<Item = (&Octets, Option<&Octets>)> {
        self.0.iter().map(|(name, value)| (name, value.as_ref()))
    }
}
