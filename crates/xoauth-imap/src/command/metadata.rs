//! Notes beside mailboxes and servers: METADATA, RFC 5464.

use alloc::string::String;
use alloc::vec::Vec;

use super::accepted;
use crate::error::Error;
use crate::parse::Response;
use crate::proto::{Claim, Command, Encoder, Exchange, Footprint, State};
use crate::types::{ArgumentSink, Mailbox, Metadata, Octets, ResponseCode, StatusText};

/// GETMETADATA, RFC 5464 4.2.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct GetMetadata {
    mailbox: Mailbox,
    entries: Vec<String>,
    max_size: Option<u32>,
    depth: Option<Depth>,
    told: Metadata,
}

/// How far below the entries it names GETMETADATA looks, RFC 5464 4.2.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The entries alone.
    Zero,
    /// And those one level below.
    One,
    /// And all below.
    Infinity,
}

/// What GETMETADATA tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToldMetadata {
    /// The entries.
    pub metadata: Metadata,
    /// Entries were left out for their size, the longest of which has so many octets.
    pub longest_left_out: Option<u32>,
}

impl GetMetadata {
    /// Asks for entries of a mailbox: `["/private/comment"]`.
    pub fn new<S: Into<String>>(
        mailbox: impl Into<Mailbox>,
        entries: impl IntoIterator<Item = S>,
    ) -> Self {
        let mailbox = mailbox.into();
        let told = Metadata { mailbox: mailbox.clone(), entries: Vec::new(), changed: Vec::new() };
        let entries = entries.into_iter().map(Into::into).collect();
        Self { mailbox, entries, max_size: None, depth: None, told }
    }

    /// Asks for entries of the server: `["/shared/admin"]`.
    pub fn of_server<S: Into<String>>(entries: impl IntoIterator<Item = S>) -> Self {
        Self::new("", entries)
    }

    /// Leaves out values that are longer.
    pub fn max_size(mut self, octets: u32) -> Self {
        self.max_size = Some(octets);
        self
    }

    /// Also entries below those named.
    pub fn depth(mut self, depth: Depth) -> Self {
        self.depth = Some(depth);
        self
    }
}

/// The capability for the entries of a mailbox, or of the server alone (RFC 5464, 1).
fn needed(mailbox: &Mailbox) -> &'static [&'static str] {
    if mailbox.as_str().is_empty() { &["METADATA", "METADATA-SERVER"] } else { &["METADATA"] }
}

/// `entry`, RFC 5464 3.2: a path of printable ASCII below `/private` or `/shared`.
fn check_entry(entry: &str) -> Result<(), Error> {
    let lower = entry.to_ascii_lowercase();
    let known = lower.starts_with("/private/") || lower.starts_with("/shared/");
    let printable = |b: u8| b.is_ascii_graphic() && !matches!(b, b'*' | b'%') || b == b' ';
    if !known || !entry.bytes().all(printable) || entry.ends_with('/') || entry.contains("//") {
        return Err(Error::unfit("metadata entry", entry, "a path such as /private/comment"));
    }
    Ok(())
}

/// `entries = entry / "(" entry *(SP entry) ")"`, RFC 5464 5; always as a list.
pub(super) fn encode_entries(entries: &[String], out: &mut Encoder<'_>) -> Result<(), Error> {
    if entries.is_empty() {
        return Err(Error::unfit("metadata entries", "", "one at least"));
    }
    for (index, entry) in entries.iter().enumerate() {
        check_entry(entry)?;
        out.raw(if index == 0 { "(" } else { " " });
        out.astring(entry.as_bytes());
    }
    out.raw(")");
    Ok(())
}

impl Exchange for GetMetadata {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::MailboxData("METADATA", &self.mailbox)
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.needs("GETMETADATA", needed(&self.mailbox))?;
        out.raw("GETMETADATA ");
        let depth = self.depth.map(|depth| match depth {
            Depth::Zero => "DEPTH 0",
            Depth::One => "DEPTH 1",
            Depth::Infinity => "DEPTH infinity",
        });
        let size = self.max_size.map(|octets| alloc::format!("MAXSIZE {octets}"));
        match (size, depth) {
            (None, None) => {}
            (Some(size), None) => out.raw(&alloc::format!("({size}) ")),
            (None, Some(depth)) => out.raw(&alloc::format!("({depth}) ")),
            (Some(size), Some(depth)) => out.raw(&alloc::format!("({size} {depth}) ")),
        }
        self.mailbox.encode(out);
        out.raw(" ");
        encode_entries(&self.entries, out)
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        match response {
            Response::Metadata(told)
                if self.mailbox.is_told_as(&told.mailbox) && told.changed.is_empty() =>
            {
                self.told.entries.extend(told.entries.iter().cloned());
                Ok(Claim::Mine)
            }
            _ => Ok(Claim::Pass),
        }
    }
}

impl Command for GetMetadata {
    type Output = ToldMetadata;

    fn finish(self, status: StatusText) -> Result<ToldMetadata, Error> {
        let longest_left_out = match accepted("GETMETADATA", status)?.code {
            Some(ResponseCode::MetadataLongEntries(octets)) => Some(octets),
            _ => None,
        };
        Ok(ToldMetadata { metadata: self.told, longest_left_out })
    }
}

/// SETMETADATA, RFC 5464 4.3: all its entries are changed or none.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct SetMetadata {
    mailbox: Mailbox,
    entries: Vec<(String, Option<Octets>)>,
}

impl SetMetadata {
    /// Will change entries of a mailbox.
    pub fn new(mailbox: impl Into<Mailbox>) -> Self {
        Self { mailbox: mailbox.into(), entries: Vec::new() }
    }

    /// Will change entries of the server.
    pub fn of_server() -> Self {
        Self::new("")
    }

    /// Gives an entry a value.
    pub fn set(mut self, entry: impl Into<String>, value: impl AsRef<[u8]>) -> Self {
        self.entries.push((entry.into(), Some(value.as_ref().into())));
        self
    }

    /// Removes an entry.
    pub fn remove(mut self, entry: impl Into<String>) -> Self {
        self.entries.push((entry.into(), None));
        self
    }
}

impl Exchange for SetMetadata {
    fn footprint(&self) -> Footprint<'_> {
        Footprint::Status
    }

    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.needs("SETMETADATA", needed(&self.mailbox))?;
        if self.entries.is_empty() {
            out.nothing_to_ask();
        }
        out.raw("SETMETADATA ");
        self.mailbox.encode(out);
        for (index, (entry, value)) in self.entries.iter().enumerate() {
            check_entry(entry)?;
            out.raw(if index == 0 { " (" } else { " " });
            out.astring(entry.as_bytes());
            out.raw(" ");
            match value {
                // `value = nstring / literal8`: only the latter holds a NUL (RFC 5464, 5).
                Some(value) if value.contains(&0) => out.literal8(value),
                Some(value) => out.string(value),
                None => out.raw("NIL"),
            }
        }
        out.raw(")");
        Ok(())
    }
}

impl Command for SetMetadata {
    type Output = ();

    fn finish(self, status: StatusText) -> Result<(), Error> {
        accepted("SETMETADATA", status).map(drop)
    }
}
