//! What is known of the session: always what the server said last.

use core::fmt;
use core::num::NonZeroU32;

use alloc::vec::Vec;

use xoauth_sasl::Mask;

use crate::parse::{CapabilitiesRef, Code, Response};
use crate::proto::Limits;
use crate::types::{Capabilities, Delimiter, Flag, Mailbox, ObjectId, StatusKind, Uid};

/// The session as the server described it.
#[derive(Clone)]
pub struct State {
    limits: Limits,
    pub(crate) capabilities: Option<Capabilities>,
    /// The list that was told last has IMAP4rev2 and not IMAP4rev1: a login may change the list, and not that.
    only_rev2: bool,
    pub(crate) preauthenticated: bool,
    pub(crate) authenticated: bool,
    /// BYE was heard.
    pub(crate) bye: bool,
    pub(crate) selected: Option<Selected>,
    pub(crate) enabled: Capabilities,
    pub(crate) message_limit: Option<MessageLimit>,
    pub(crate) compressed: bool,
    /// What stands between the levels of a name, as the server told it first.
    pub(crate) delimiter: Option<Delimiter>,
    /// What unsolicited FETCH responses told since the last tagged answer, and whether HIGHESTMODSEQ came meanwhile.
    mod_seq_seen: Option<u64>,
    mod_seq_told: bool,
}

/// How far a command came that the server ended before its end, RFC 9738 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageLimit {
    /// How many messages the server takes in one command.
    pub limit: u32,
    /// The lowest of the messages it did; those below it are left, and nothing is where it is `None`.
    pub lowest_done: Option<Uid>,
}

/// The selected mailbox, RFC 9051 6.3.2. Numbers that the server has not told are `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Selected {
    /// Its name.
    pub mailbox: Mailbox,
    /// It was opened by EXAMINE, or the server said READ-ONLY.
    pub read_only: bool,
    /// Messages in it.
    pub exists: Option<u32>,
    /// Messages with the \Recent flag (RFC 3501; dropped in RFC 9051).
    pub recent: Option<u32>,
    /// Sequence number of the first message without \Seen (RFC 3501).
    pub unseen: Option<u32>,
    /// Flags defined in the mailbox.
    pub flags: Vec<Flag>,
    /// Flags that STORE can change for good; `None` when not told, which means all of them.
    pub permanent_flags: Option<Vec<Flag>>,
    /// The unique identifier validity value (RFC 9051, 2.3.1.1).
    pub uid_validity: Option<NonZeroU32>,
    /// The next unique identifier that may be given out.
    pub uid_next: Option<NonZeroU32>,
    /// The highest modification sequence: what happened until then was told (RFC 7162). Once QRESYNC is enabled it grows
    /// with what is told unasked.
    pub highest_mod_seq: Option<u64>,
    /// What the mailbox is known by for ever (OBJECTID, RFC 8474).
    pub mailbox_id: Option<ObjectId>,
    /// Unique identifiers do not last beyond the session (RFC 4315).
    pub uid_not_sticky: bool,
}

impl fmt::Debug for State {
    /// Shows what the server said; what was set beforehand is not among it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("capabilities", &self.capabilities)
            .field("preauthenticated", &self.preauthenticated)
            .field("authenticated", &self.authenticated)
            .field("bye", &self.bye)
            .field("selected", &self.selected)
            .field("enabled", &self.enabled)
            .field("message_limit", &self.message_limit)
            .field("compressed", &self.compressed)
            .field("delimiter", &self.delimiter)
            .finish_non_exhaustive()
    }
}

impl State {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            capabilities: None,
            only_rev2: false,
            preauthenticated: false,
            authenticated: false,
            bye: false,
            selected: None,
            enabled: Capabilities::default(),
            message_limit: None,
            compressed: false,
            delimiter: None,
            mod_seq_seen: None,
            mod_seq_told: false,
        }
    }

    /// Hides these secrets in what was learned before they were known.
    pub(crate) fn hide(&mut self, mask: &Mask) {
        if let Some(capabilities) = &mut self.capabilities {
            capabilities.hide(mask);
        }
        self.enabled.hide(mask);
        if let Some(Selected { flags, permanent_flags, mailbox_id, .. }) = &mut self.selected {
            flags.iter_mut().chain(permanent_flags.iter_mut().flatten()).for_each(|f| f.hide(mask));
            if let Some(id) = mailbox_id {
                id.hide(mask);
            }
        }
    }

    /// What is accepted from the server at most.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The server's capabilities, or `None` where they were not asked for since they may have changed.
    pub fn capabilities(&self) -> Option<&Capabilities> {
        self.capabilities.as_ref()
    }

    /// The mailbox that is selected.
    pub fn selected(&self) -> Option<&Selected> {
        self.selected.as_ref()
    }

    /// The extensions that ENABLE switched on (RFC 5161).
    pub fn enabled(&self) -> &Capabilities {
        &self.enabled
    }

    /// Names of mailboxes and quoted strings are UTF-8: UTF8=ACCEPT (RFC 6855) or IMAP4rev2 is enabled, or the
    /// server speaks nothing but IMAP4rev2 (RFC 9051, 6.3.1).
    pub fn takes_utf8(&self) -> bool {
        self.enabled.has("UTF8=ACCEPT") || self.enabled.is_imap4rev2() || self.only_rev2
    }

    /// The server ended the last command at its limit of messages (MESSAGELIMIT, RFC 9738).
    pub fn message_limit(&self) -> Option<MessageLimit> {
        self.message_limit
    }

    /// The server greeted with PREAUTH: the session began authenticated (RFC 9051, 7.1.4).
    pub fn is_preauthenticated(&self) -> bool {
        self.preauthenticated
    }

    /// The server knows who we are: it greeted with PREAUTH, or took our credentials.
    pub fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    /// The server agreed to compress (COMPRESS=DEFLATE, RFC 4978).
    pub fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// Takes note of what ENABLE switched on.
    pub(crate) fn enable<'n>(&mut self, names: impl Iterator<Item = &'n str>) {
        self.enabled.merge(names);
        // RFC 7162, 3.2.3: QRESYNC switches on CONDSTORE.
        if self.enabled.has("QRESYNC") {
            self.enabled.merge(["CONDSTORE"]);
        }
    }

    /// Takes note of what an untagged response changes.
    pub(crate) fn apply(&mut self, response: &Response<'_>) {
        match response {
            Response::Capability(list) => self.tell_capabilities(list),
            Response::Status(status) => {
                self.bye |= status.kind == StatusKind::Bye;
                return self.apply_code(status.code.as_ref());
            }
            Response::List(entry) | Response::Lsub(entry) if self.delimiter.is_none() => {
                self.delimiter = Delimiter::from_wire(entry.delimiter);
            }
            Response::Namespace(told) if self.delimiter.is_none() => {
                self.delimiter = told.personal.first().and_then(|own| own.delimiter);
            }
            _ => {}
        }
        if let Some(selected) = &mut self.selected {
            selected.apply(response);
        }
    }

    fn tell_capabilities(&mut self, list: &CapabilitiesRef<'_>) {
        self.capabilities = Capabilities::told(list);
        if let Some(told) = &self.capabilities {
            self.only_rev2 = told.is_imap4rev2() && !told.has("IMAP4REV1");
        }
    }

    /// Takes note of what no command asked for.
    pub(crate) fn note_unsolicited(&mut self, response: &Response<'_>) {
        if let Response::Fetch(fetch) = response {
            self.mod_seq_seen = self.mod_seq_seen.max(fetch.mod_seq);
        }
    }

    /// A command has its answer: what was told until then is complete, and the highest modification sequence is the
    /// one the server named, else the highest of what it told unasked (RFC 7162, 6).
    pub(crate) fn note_answered(&mut self) {
        let seen = self.mod_seq_seen.take();
        if core::mem::take(&mut self.mod_seq_told) || !self.enabled.has("QRESYNC") {
            return;
        }
        let known = self.selected.as_mut().and_then(|selected| selected.highest_mod_seq.as_mut());
        if let (Some(known), Some(seen)) = (known, seen) {
            *known = seen.max(*known);
        }
    }

    /// Takes note of a response code; a tagged one as well.
    pub(crate) fn apply_code(&mut self, code: Option<&Code<'_>>) {
        match code {
            Some(Code::Capability(list)) => self.tell_capabilities(list),
            // RFC 7162, 3.2.11: what follows is about the mailbox that is being selected.
            Some(Code::Closed) => {
                self.selected = None;
                self.mod_seq_seen = None;
            }
            Some(Code::HighestModSeq(_)) => self.mod_seq_told = true,
            Some(&Code::MessageLimit { limit, lowest_done }) => {
                let lowest_done = lowest_done.map(Uid::from);
                self.message_limit = Some(MessageLimit { limit, lowest_done });
            }
            _ => {}
        }
        if let (Some(selected), Some(code)) = (&mut self.selected, code) {
            selected.apply_code(code);
        }
    }
}

impl Selected {
    pub(crate) fn new(mailbox: Mailbox, read_only: bool) -> Self {
        Self {
            mailbox,
            read_only,
            exists: None,
            recent: None,
            unseen: None,
            flags: Vec::new(),
            permanent_flags: None,
            uid_validity: None,
            uid_next: None,
            highest_mod_seq: None,
            mailbox_id: None,
            uid_not_sticky: false,
        }
    }

    /// Takes note of a response that describes the mailbox; true when it was one.
    pub(crate) fn apply(&mut self, response: &Response<'_>) -> bool {
        match response {
            Response::Exists(n) => self.exists = Some(*n),
            Response::Recent(n) => self.recent = Some(*n),
            // A message that is not there cannot go.
            Response::Expunge(seq) => {
                self.exists = self.exists.map(|n| n - u32::from(seq.get() <= n));
            }
            Response::Vanished(gone) if gone.earlier => {}
            Response::Vanished(gone) => {
                let gone = u32::try_from(gone.count()).unwrap_or(u32::MAX);
                self.exists = self.exists.map(|n| n.saturating_sub(gone));
            }
            Response::Flags(flags) => self.flags = flags.to_vec(),
            Response::Status(status) => {
                return status.code.as_ref().is_some_and(|code| self.apply_code(code));
            }
            _ => return false,
        }
        true
    }

    pub(crate) fn apply_code(&mut self, code: &Code<'_>) -> bool {
        match code {
            Code::UidValidity(n) => self.uid_validity = Some(*n),
            Code::UidNext(n) => self.uid_next = Some(*n),
            Code::Unseen(n) => self.unseen = Some(*n),
            Code::PermanentFlags(flags) => self.permanent_flags = Some(flags.to_vec()),
            Code::HighestModSeq(n) => self.highest_mod_seq = Some(*n),
            Code::NoModSeq => self.highest_mod_seq = None,
            Code::MailboxId(id) => self.mailbox_id = ObjectId::in_parentheses(id),
            Code::UidNotSticky => self.uid_not_sticky = true,
            Code::ReadOnly => self.read_only = true,
            Code::ReadWrite => self.read_only = false,
            _ => return false,
        }
        true
    }
}
