//! What other parsers understand of the same response.

use imap_codec::ResponseCodec;
use imap_codec::decode::Decoder;
use imap_codec::imap_types::fetch::MessageDataItem;
use imap_codec::imap_types::flag::FlagFetch;
use imap_codec::imap_types::mailbox::Mailbox;
use imap_codec::imap_types::response::{Data, Response as CodecResponse};
use imap_codec::imap_types::status::StatusDataItem;
use imap_proto::{AttributeValue, MailboxDatum, Response as ProtoResponse, StatusAttribute};
use xoauth::imap::parse::{Input, Tolerated, parse_response};
use xoauth::imap::{Event, StatusItems};
use xoauth::sasl::Mask;

/// What a response says, as far as all three have words for it.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Exists(u32),
    Recent(u32),
    Expunge(u32),
    Search(Vec<u32>),
    Flags(Vec<String>),
    List {
        attributes: Vec<String>,
        delimiter: Option<char>,
        name: Vec<u8>,
    },
    Status {
        name: Vec<u8>,
        items: StatusItems,
    },
    /// Number, unique identifier, flags, size.
    Fetch(u32, Option<u32>, Option<Vec<String>>, Option<u64>),
}

impl Said {
    /// What both tell is the same. A parser may leave out an item of FETCH that it does not take.
    fn agrees(&self, theirs: &Self) -> bool {
        fn fits<T: PartialEq>(ours: &Option<T>, theirs: &Option<T>) -> bool {
            theirs.is_none() || ours == theirs
        }
        match (self, theirs) {
            (Self::Fetch(seq, uid, flags, size), Self::Fetch(seq2, uid2, flags2, size2)) => {
                seq == seq2 && fits(uid, uid2) && fits(flags, flags2) && fits(size, size2)
            }
            _ => self == theirs,
        }
    }
}

/// Where two parsers take a response, whole and without a fault, they take it for the same.
pub fn imap_peers(octets: &[u8]) {
    let mut tolerated = Tolerated::default();
    let input = Input { bytes: octets, literals: &[] };
    let Ok(response) = parse_response(input, &mut tolerated) else { return };
    // What is beyond ASCII is replaced by one and kept by another; neither is in the grammar.
    if tolerated.count() > 0 || !octets.is_ascii() {
        return;
    }
    let event = response.to_event(&Mask::default());
    let Some(ours) = ours(&event) else { return };
    let show = octets.escape_ascii();
    if let Ok((b"", theirs)) = ProtoResponse::parse(octets) {
        if let Some(theirs) = proto(&theirs) {
            assert!(ours.agrees(&theirs), "imap-proto: {show}: {ours:?}, {theirs:?}");
        }
    }
    if let Ok((b"", CodecResponse::Data(theirs))) = ResponseCodec::default().decode(octets) {
        if let Some(theirs) = codec(&theirs) {
            assert!(ours.agrees(&theirs), "imap-codec: {show}: {ours:?}, {theirs:?}");
        }
    }
}

/// Names that differ in nothing but case are the same.
fn folded(names: impl IntoIterator<Item = impl ToString>) -> Vec<String> {
    let mut names: Vec<String> =
        names.into_iter().map(|name| name.to_string().to_ascii_lowercase()).collect();
    names.sort();
    names.dedup();
    names
}

/// INBOX in any case is one mailbox.
fn name(wire: &[u8]) -> Vec<u8> {
    if wire.eq_ignore_ascii_case(b"INBOX") { b"INBOX".to_vec() } else { wire.to_vec() }
}

fn ours(event: &Event) -> Option<Said> {
    Some(match event {
        Event::Exists(count) => Said::Exists(*count),
        Event::Recent(count) => Said::Recent(*count),
        Event::Expunge(seq) => Said::Expunge(u32::from(*seq)),
        Event::Search(found) => Said::Search(found.clone()),
        Event::Flags(flags) => Said::Flags(folded(flags)),
        Event::List(entry) | Event::Lsub(entry) => Said::List {
            attributes: folded(entry.attributes()),
            delimiter: entry.delimiter().map(|delimiter| delimiter.as_char()),
            name: name(&entry.mailbox().to_wire()),
        },
        Event::MailboxStatus(status) => {
            Said::Status { name: name(&status.mailbox.to_wire()), items: status.items.clone() }
        }
        // Where an unknown item ends is for each to guess.
        Event::Fetch(message) if !message.others.is_empty() || !message.invalid.is_empty() => {
            return None;
        }
        Event::Fetch(message) => Said::Fetch(
            u32::from(message.seq),
            message.uid.map(u32::from),
            message.flags.as_ref().map(|flags| folded(flags.iter())),
            message.size,
        ),
        _ => return None,
    })
}

fn proto(response: &ProtoResponse<'_>) -> Option<Said> {
    Some(match response {
        ProtoResponse::Expunge(seq) => Said::Expunge(*seq),
        ProtoResponse::Fetch(seq, values) => {
            let (mut uid, mut flags, mut size) = (None, None, None);
            for value in values {
                match value {
                    AttributeValue::Uid(number) => uid = Some(*number),
                    AttributeValue::Flags(names) => flags = Some(folded(names)),
                    AttributeValue::Rfc822Size(octets) => size = Some(u64::from(*octets)),
                    _ => {}
                }
            }
            Said::Fetch(*seq, uid, flags, size)
        }
        ProtoResponse::MailboxData(datum) => match datum {
            MailboxDatum::Exists(count) => Said::Exists(*count),
            MailboxDatum::Recent(count) => Said::Recent(*count),
            // 0 is the number of no message.
            MailboxDatum::Search(found) => {
                Said::Search(found.iter().copied().filter(|&number| number > 0).collect())
            }
            MailboxDatum::Flags(names) => Said::Flags(folded(names)),
            MailboxDatum::Status { mailbox, status } => {
                let mut items = StatusItems::default();
                for item in status {
                    match *item {
                        StatusAttribute::HighestModSeq(number) => {
                            items.highest_mod_seq = Some(number)
                        }
                        StatusAttribute::Messages(number) => items.messages = Some(number),
                        StatusAttribute::Recent(number) => items.recent = Some(number),
                        StatusAttribute::UidNext(number) => {
                            items.uid_next = Some(number.try_into().ok()?)
                        }
                        StatusAttribute::UidValidity(number) => {
                            items.uid_validity = Some(number.try_into().ok()?);
                        }
                        StatusAttribute::Unseen(number) => items.unseen = Some(number),
                        _ => return None,
                    }
                }
                Said::Status { name: name(mailbox.as_bytes()), items }
            }
            _ => return None,
        },
        _ => return None,
    })
}

fn flag(flag: &FlagFetch<'_>) -> String {
    match flag {
        FlagFetch::Flag(flag) => flag.to_string(),
        FlagFetch::Recent => "\\Recent".to_owned(),
    }
}

fn codec(data: &Data<'_>) -> Option<Said> {
    let wire = |mailbox: &Mailbox<'_>| match mailbox {
        Mailbox::Inbox => b"INBOX".to_vec(),
        Mailbox::Other(other) => name(other.as_ref()),
    };
    Some(match data {
        Data::Exists(count) => Said::Exists(*count),
        Data::Recent(count) => Said::Recent(*count),
        Data::Expunge(seq) => Said::Expunge(seq.get()),
        Data::Search(found, None) => Said::Search(found.iter().map(|n| n.get()).collect()),
        Data::Flags(flags) => Said::Flags(folded(flags)),
        Data::List { items, delimiter, mailbox } | Data::Lsub { items, delimiter, mailbox } => {
            Said::List {
                attributes: folded(items),
                delimiter: delimiter.map(|delimiter| delimiter.inner()),
                name: wire(mailbox),
            }
        }
        Data::Status { mailbox, items: told } => {
            let mut items = StatusItems::default();
            for item in told.iter() {
                match *item {
                    StatusDataItem::Messages(number) => items.messages = Some(number),
                    StatusDataItem::Recent(number) => items.recent = Some(number),
                    StatusDataItem::UidNext(number) => items.uid_next = Some(number),
                    StatusDataItem::UidValidity(number) => items.uid_validity = Some(number),
                    StatusDataItem::Unseen(number) => items.unseen = Some(number),
                    StatusDataItem::Deleted(number) => items.deleted = Some(number),
                    StatusDataItem::DeletedStorage(octets) => items.deleted_storage = Some(octets),
                    _ => return None,
                }
            }
            Said::Status { name: wire(mailbox), items }
        }
        Data::Fetch { seq, items } => {
            let (mut uid, mut flags, mut size) = (None, None, None);
            for item in items.as_ref() {
                match item {
                    MessageDataItem::Uid(number) => uid = Some(number.get()),
                    MessageDataItem::Flags(names) => flags = Some(folded(names.iter().map(flag))),
                    MessageDataItem::Rfc822Size(octets) => size = Some(u64::from(*octets)),
                    _ => {}
                }
            }
            Said::Fetch(seq.get(), uid, flags, size)
        }
        _ => return None,
    })
}
