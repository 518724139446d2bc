//! What this library understands.

use std::num::NonZeroU32;

use xoauth::imap::parse::{Code as CodeRef, Response, SetRef, StatusRef};
use xoauth::imap::{
    BodyPart, BodySection, BodyStructure, Capabilities, Disposition, Event, ListEntry, Message,
    NamespaceEntry, Octets, Uid,
};
use xoauth::sasl::Mask;

use super::said::{
    Body, Code, Fetch, Listed, Namespace, Pair, Part, Ranges, Said, Status, folded, lower, name,
    rights, unescaped, upper,
};

/// What a response says to us; none where no peer has a word for it.
pub(super) fn said(response: &Response<'_>) -> Option<Said> {
    match response {
        Response::Status(status) => return Some(Said::Status(state(None, status))),
        Response::Tagged { tag, status } => return Some(Said::Status(state(Some(tag), status))),
        Response::Continuation { text } => return Some(Said::Continuation((*text).into())),
        Response::Search(found) => {
            return Some(Said::Search(found.iter().collect(), found.mod_seq()));
        }
        Response::Sort(found) => return Some(Said::Sort(found.iter().collect(), found.mod_seq())),
        _ => {}
    }
    Some(match response.to_event(&Mask::default()) {
        Event::Capability(list) => Said::Capability(lower(list.iter())),
        Event::Enabled(list) => Said::Enabled(lower(list.iter())),
        Event::Exists(count) => Said::Exists(count),
        Event::Recent(count) => Said::Recent(count),
        Event::Expunge(seq) => Said::Expunge(seq.into()),
        Event::Thread(threads) => {
            let nodes = threads.nodes().iter();
            Said::Thread(nodes.map(|node| (node.message.map(Into::into), node.parent)).collect())
        }
        Event::Flags(flags) => Said::Flags(folded(flags)),
        Event::List(entry) => Said::List(listed(&entry)),
        Event::Lsub(entry) => Said::Lsub(listed(&entry)),
        Event::MailboxStatus(status) => {
            Said::MailboxStatus { name: name(&status.mailbox.to_wire()), items: status.items }
        }
        Event::Fetch(message) => Said::Fetch(Box::new(fetch(*message)?)),
        Event::Vanished { earlier, uids } => Said::Vanished { earlier, uids: uid_ranges(&uids) },
        Event::Id(told) => {
            let fields = told.iter().map(|(name, value)| (name.clone(), value.cloned()));
            Said::Id(fields.collect())
        }
        Event::Namespace(told) => {
            Said::Namespace([told.personal, told.other_users, told.shared].map(namespaces))
        }
        Event::Quota(told) => {
            let resources = told.resources.iter();
            let resource = |kind: &str| kind.to_ascii_uppercase();
            let resources = resources.map(|r| (resource(r.kind.as_str()), r.usage, r.limit));
            Said::Quota { root: told.root, resources: resources.collect() }
        }
        Event::QuotaRoots(told) => {
            Said::QuotaRoots { name: name(&told.mailbox.to_wire()), roots: told.roots }
        }
        Event::Metadata(told) => Said::Metadata {
            name: name(&told.mailbox.to_wire()),
            entries: told.entries,
            changed: told.changed,
        },
        Event::AccessList(told) => {
            let entries = told.entries.into_iter();
            Said::AccessList {
                name: name(&told.mailbox.to_wire()),
                entries: entries.map(|(who, may)| (who, rights(may.as_str().chars()))).collect(),
            }
        }
        Event::RightsChoice(told) => Said::RightsChoice {
            name: name(&told.mailbox.to_wire()),
            identifier: told.identifier,
            required: rights(told.required.as_str().chars()),
            optional: rights(told.optional.iter().flat_map(|entry| entry.as_str().chars())),
        },
        Event::MyRights(told) => Said::MyRights {
            name: name(&told.mailbox.to_wire()),
            rights: rights(told.rights.as_str().chars()),
        },
        _ => return None,
    })
}

fn state(tag: Option<&[u8]>, status: &StatusRef<'_>) -> Status {
    Status {
        tag: tag.map(Octets::from),
        kind: status.kind,
        code: code(status),
        text: status.text.into(),
    }
}

fn code(status: &StatusRef<'_>) -> Option<Code> {
    // The owned code tells its name.
    let owned = status.to_owned_masked(&Mask::default()).code?;
    let named = || owned.name().to_ascii_uppercase();
    let number = |number: u64| Code::Number(named(), number);
    let raw = |rest: &[u8]| Code::Raw(named(), rest.into());
    Some(match status.code? {
        CodeRef::AppendUid { uid_validity, uids } => {
            Code::AppendUid(uid_validity.into(), ranges(uids))
        }
        CodeRef::CopyUid { uid_validity, source, destination } => {
            Code::CopyUid(uid_validity.into(), ranges(source), ranges(destination))
        }
        CodeRef::Modified(set) => Code::Modified(ranges(set)),
        CodeRef::Capability(list) => Code::Capability(lower(Capabilities::from(&list).iter())),
        CodeRef::PermanentFlags(flags) => Code::PermanentFlags(folded(flags.to_vec())),
        CodeRef::BadCharset(list) => charsets(list).map_or_else(|| raw(list), Code::BadCharset),
        CodeRef::HighestModSeq(n) => number(n),
        CodeRef::UidNext(n) | CodeRef::UidValidity(n) => number(n.get().into()),
        CodeRef::Unseen(n)
        | CodeRef::MaxConvertMessages(n)
        | CodeRef::MaxConvertParts(n)
        | CodeRef::MetadataLongEntries(n)
        | CodeRef::MetadataMaxSize(n) => number(n.into()),
        CodeRef::Other { name, rest } => {
            Code::Raw(String::from_utf8_lossy(name).to_ascii_uppercase(), rest.into())
        }
        CodeRef::Referral(rest)
        | CodeRef::Annotate(rest)
        | CodeRef::BadEvent(rest)
        | CodeRef::BadUrl(rest)
        | CodeRef::MailboxId(rest)
        | CodeRef::NewName(rest)
        | CodeRef::UndefinedFilter(rest)
        | CodeRef::UrlMech(rest) => raw(rest),
        CodeRef::InProgress { .. } | CodeRef::MessageLimit { .. } | CodeRef::NoUpdate(_) => {
            Code::Read(named())
        }
        _ => Code::Plain(named()),
    })
}

/// `["(" charset *(SP charset) ")"]`, RFC 9051 9, which the library leaves as it is; `charset = atom / quoted`.
fn charsets(list: &[u8]) -> Option<Vec<Octets>> {
    if list.is_empty() {
        return Some(Vec::new());
    }
    let mut rest = list.strip_prefix(b"(")?.strip_suffix(b")")?.trim_ascii_end();
    let mut charsets = Vec::new();
    loop {
        let end = match rest {
            [b'"', quoted @ ..] => {
                let mut escaped = false;
                let end = quoted.iter().position(|&octet| {
                    let ends = octet == b'"' && !escaped;
                    escaped = octet == b'\\' && !escaped;
                    ends
                })?;
                charsets.push(unescaped(&quoted[..end]));
                end + 2
            }
            _ => {
                let end = rest.iter().position(|&octet| octet == b' ').unwrap_or(rest.len());
                if rest[..end].contains(&b'{') {
                    return None;
                }
                charsets.push(rest[..end].into());
                end
            }
        };
        match &rest[end..] {
            [] => return Some(charsets),
            [b' ', behind @ ..] => rest = behind,
            _ => return None,
        }
    }
}

fn ranges(set: SetRef<'_>) -> Ranges {
    set.ranges()
        .map(|(first, last): (NonZeroU32, NonZeroU32)| (first.into(), last.into()))
        .collect()
}

fn uid_ranges(uids: &[(Uid, Uid)]) -> Ranges {
    uids.iter().map(|&(first, last)| (first.get(), last.get())).collect()
}

fn listed(entry: &ListEntry) -> Listed {
    Listed {
        attributes: folded(entry.attributes()),
        delimiter: entry.delimiter().map(|delimiter| delimiter.as_char()),
        name: name(&entry.mailbox().to_wire()),
    }
}

fn namespaces(entries: Vec<NamespaceEntry>) -> Vec<Namespace> {
    let namespace = |entry: NamespaceEntry| Namespace {
        prefix: name(&entry.prefix.to_wire()),
        delimiter: entry.delimiter.map(|delimiter| delimiter.as_char()),
        extensions: entry.extensions,
    };
    entries.into_iter().map(namespace).collect()
}

/// What a peer has words for; none where one item has a name that no peer knows.
fn fetch(message: Message) -> Option<Fetch> {
    let mut binary_size = None;
    for item in &message.others {
        match item.name.to_ascii_uppercase().as_str() {
            "EMAILID" | "THREADID" | "X-GM-MSGID" | "X-GM-THRID" | "X-GM-LABELS" => {}
            other => {
                let part = other.strip_prefix("BINARY.SIZE[")?.strip_suffix("]")?;
                let part: Result<Vec<u32>, _> = match part {
                    "" => Ok(Vec::new()),
                    part => part.split('.').map(str::parse).collect(),
                };
                let part = part.ok()?;
                let size = message.binary_size(&part)?;
                binary_size = Some((part, size));
            }
        }
    }
    Some(Fetch {
        seq: message.seq.into(),
        uid: message.uid.map(Into::into),
        flags: message.flags.as_ref().map(|flags| folded(flags.iter())),
        size: message.size,
        mod_seq: message.mod_seq,
        internal_date: message.internal_date.map(|at| (at.unix_seconds(), at.offset().into())),
        object_ids: [message.email_id(), message.thread_id()].map(|id| Some(id?.to_string())),
        gmail: [message.gmail_message_id(), message.gmail_thread_id()],
        labels: message
            .gmail_labels()
            .map(|labels| labels.iter().map(|label| name(&label.to_wire())).collect()),
        binary_size,
        structure: message.body_structure.as_ref().map(structure),
        envelope: message.envelope,
        bodies: message.bodies.into_iter().map(body).collect(),
    })
}

fn body(body: BodySection) -> Body {
    let BodySection { section, origin, is_binary, octets, .. } = body;
    Body { section, origin, is_binary, octets }
}

fn structure(structure: &BodyStructure) -> Vec<Part> {
    structure.parts().iter().map(part).collect()
}

fn part(part: &BodyPart) -> Part {
    let part = part.clone();
    let disposition = |told: Disposition| -> (Octets, Vec<Pair>) { (told.kind, told.parameters) };
    Part {
        number: part.number,
        parent: part.parent,
        media_type: upper(&part.media_type),
        subtype: upper(&part.subtype),
        parameters: part.parameters,
        id: part.id,
        description: part.description,
        encoding: part.encoding.map(|encoding| upper(&encoding)),
        size: part.size,
        lines: part.lines,
        envelope: part.envelope.map(|envelope| *envelope),
        md5: part.md5,
        disposition: part.disposition.map(disposition),
        languages: part.languages,
        location: part.location,
    }
}
