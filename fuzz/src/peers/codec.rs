//! What imap-codec understands.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use imap_codec::imap_types::body::{
    BasicFields, BodyStructure, Disposition, Language, SpecificFields,
};
use imap_codec::imap_types::core::{IString, NString, NString8};
use imap_codec::imap_types::envelope::{Address as TheirAddress, Envelope as TheirEnvelope};
use imap_codec::imap_types::extensions::metadata::{MetadataCode, MetadataResponse};
use imap_codec::imap_types::extensions::namespace::Namespaces;
use imap_codec::imap_types::extensions::thread::Thread;
use imap_codec::imap_types::extensions::uidplus::{UidElement, UidSet};
use imap_codec::imap_types::fetch::{MessageDataItem, Part as TheirPart, Section as TheirSection};
use imap_codec::imap_types::flag::{FlagFetch, FlagPerm};
use imap_codec::imap_types::mailbox::Mailbox;
use imap_codec::imap_types::response::{
    Code as TheirCode, CommandContinuationRequest, Data, Greeting, GreetingKind, Response,
    Status as TheirStatus, StatusKind as Word,
};
use imap_codec::imap_types::sequence::{SeqOrUid, Sequence, SequenceSet};
use imap_codec::imap_types::status::StatusDataItem;
use xoauth::imap::{Address, Envelope, Octets, PartText, Section, StatusItems, StatusKind};

use super::said::{
    Body, Code, Fetch, Listed, Namespace, Pair, Part, Ranges, Said, Status, folded, lower, name,
    range, upper,
};

/// What a greeting says.
pub(super) fn greeting(greeting: &Greeting<'_>) -> Option<Said> {
    let kind = match greeting.kind {
        GreetingKind::Ok => StatusKind::Ok,
        GreetingKind::PreAuth => StatusKind::Preauth,
        GreetingKind::Bye => StatusKind::Bye,
    };
    state(None, kind, &greeting.code, greeting.text.as_ref())
}

/// What a response says; none where no other parser has a word for it.
pub(super) fn said(response: &Response<'_>) -> Option<Said> {
    match response {
        Response::CommandContinuationRequest(request) => match request {
            CommandContinuationRequest::Base64(octets) => {
                Some(Said::Continuation(STANDARD.encode(octets).as_str().into()))
            }
            CommandContinuationRequest::Basic(basic) => {
                let code = basic.code().is_none();
                code.then(|| Said::Continuation(basic.text().as_ref().into()))
            }
        },
        Response::Status(TheirStatus::Untagged(body)) => {
            state(None, kind(body.kind), &body.code, body.text.as_ref())
        }
        Response::Status(TheirStatus::Tagged(tagged)) => {
            let body = &tagged.body;
            state(Some(tagged.tag.as_ref()), kind(body.kind), &body.code, body.text.as_ref())
        }
        Response::Status(TheirStatus::Bye(bye)) => {
            state(None, StatusKind::Bye, &bye.code, bye.text.as_ref())
        }
        Response::Data(data) => self::data(data),
    }
}

/// The capabilities are the same. What stands between `QUOTA=` and `RES-`, where nothing does (RFC 9208, 3.1.1), is left
/// out there.
pub(super) fn same_names(ours: &[String], theirs: &[String]) -> bool {
    let read = |name: &str| {
        let (_, resource) = name.strip_prefix("quota=")?.split_once("res-")?;
        Some(format!("quota=res-{resource}"))
    };
    let same =
        |(ours, theirs): (&String, &String)| ours == theirs || read(ours).as_ref() == Some(theirs);
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(same)
}

fn kind(word: Word) -> StatusKind {
    match word {
        Word::Ok => StatusKind::Ok,
        Word::No => StatusKind::No,
        Word::Bad => StatusKind::Bad,
    }
}

fn state(
    tag: Option<&str>,
    kind: StatusKind,
    code: &Option<TheirCode<'_>>,
    text: &str,
) -> Option<Said> {
    let code = match code {
        Some(code) => Some(self::code(code)?),
        None => None,
    };
    Some(Said::Status(Status { tag: tag.map(Octets::from), kind, code, text: text.into() }))
}

fn code(code: &TheirCode<'_>) -> Option<Code> {
    let plain = |name: &str| Code::Plain(name.to_owned());
    let number = |name: &str, number: u64| Code::Number(name.to_owned(), number);
    Some(match code {
        TheirCode::Alert => plain("ALERT"),
        TheirCode::Parse => plain("PARSE"),
        TheirCode::ReadOnly => plain("READ-ONLY"),
        TheirCode::ReadWrite => plain("READ-WRITE"),
        TheirCode::TryCreate => plain("TRYCREATE"),
        TheirCode::CompressionActive => plain("COMPRESSIONACTIVE"),
        TheirCode::OverQuota => plain("OVERQUOTA"),
        TheirCode::TooBig => plain("TOOBIG"),
        TheirCode::UnknownCte => plain("UNKNOWN-CTE"),
        TheirCode::UidNotSticky => plain("UIDNOTSTICKY"),
        TheirCode::NoModSeq => plain("NOMODSEQ"),
        TheirCode::Closed => plain("CLOSED"),
        TheirCode::Metadata(MetadataCode::TooMany) => plain("METADATA TOOMANY"),
        TheirCode::Metadata(MetadataCode::NoPrivate) => plain("METADATA NOPRIVATE"),
        TheirCode::Metadata(MetadataCode::LongEntries(n)) => {
            number("METADATA LONGENTRIES", (*n).into())
        }
        TheirCode::Metadata(MetadataCode::MaxSize(n)) => number("METADATA MAXSIZE", (*n).into()),
        TheirCode::UidNext(n) => number("UIDNEXT", n.get().into()),
        TheirCode::UidValidity(n) => number("UIDVALIDITY", n.get().into()),
        TheirCode::Unseen(n) => number("UNSEEN", n.get().into()),
        TheirCode::HighestModSeq(n) => number("HIGHESTMODSEQ", n.get()),
        TheirCode::AppendUid { uid_validity, uid } => {
            Code::AppendUid(uid_validity.get(), vec![(uid.get(), uid.get())])
        }
        TheirCode::CopyUid { uid_validity, source, destination } => {
            Code::CopyUid(uid_validity.get(), uids(source), uids(destination))
        }
        TheirCode::Modified(set) => Code::Modified(ranges(set)?),
        TheirCode::Capability(list) => Code::Capability(lower(list.as_ref())),
        TheirCode::PermanentFlags(flags) => {
            Code::PermanentFlags(folded(flags.iter().map(|flag| match flag {
                FlagPerm::Flag(flag) => flag.to_string(),
                FlagPerm::Asterisk => "\\*".to_owned(),
            })))
        }
        TheirCode::BadCharset { allowed } => {
            Code::BadCharset(allowed.iter().map(|charset| charset.as_ref().into()).collect())
        }
        TheirCode::Other(other) => Code::raw(other.inner()),
    })
}

fn data(data: &Data<'_>) -> Option<Said> {
    Some(match data {
        Data::Capability(list) => Said::Capability(lower(list.as_ref())),
        Data::Enabled { capabilities } => Said::Enabled(lower(capabilities)),
        Data::Exists(count) => Said::Exists(*count),
        Data::Recent(count) => Said::Recent(*count),
        Data::Expunge(seq) => Said::Expunge(seq.get()),
        Data::Search(found, mod_seq) => {
            Said::Search(found.iter().map(|n| n.get()).collect(), mod_seq.map(|n| n.get()))
        }
        Data::Sort(found, mod_seq) => {
            Said::Sort(found.iter().map(|n| n.get()).collect(), mod_seq.map(|n| n.get()))
        }
        Data::Thread(threads) => {
            let mut nodes = Vec::new();
            for thread in threads {
                self::thread(thread, None, &mut nodes);
            }
            Said::Thread(nodes)
        }
        Data::Flags(flags) => Said::Flags(folded(flags)),
        Data::List { items, delimiter, mailbox } => Said::List(Listed {
            attributes: folded(items),
            delimiter: delimiter.map(|delimiter| delimiter.inner()),
            name: wire(mailbox),
        }),
        Data::Lsub { items, delimiter, mailbox } => Said::Lsub(Listed {
            attributes: folded(items),
            delimiter: delimiter.map(|delimiter| delimiter.inner()),
            name: wire(mailbox),
        }),
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
                    StatusDataItem::Size(octets) => items.size = Some(octets),
                    StatusDataItem::HighestModSeq(number) => items.highest_mod_seq = Some(number),
                }
            }
            Said::MailboxStatus { name: wire(mailbox), items }
        }
        Data::Fetch { seq, items } => Said::Fetch(Box::new(fetch(seq.get(), items.as_ref()))),
        Data::Vanished { earlier, known_uids } => {
            Said::Vanished { earlier: *earlier, uids: ranges(known_uids)? }
        }
        Data::Id { parameters } => {
            let fields = parameters.iter().flatten();
            Said::Id(fields.map(|(field, value)| (octets(field), nstring(value))).collect())
        }
        Data::Namespace { personal, other, shared } => {
            Said::Namespace([personal, other, shared].map(namespaces))
        }
        Data::Quota { root, quotas } => {
            let resource = |name: String| name.to_ascii_uppercase();
            let quotas = quotas.as_ref().iter();
            let resources = quotas.map(|q| (resource(q.resource.to_string()), q.usage, q.limit));
            Said::Quota { root: root.as_ref().into(), resources: resources.collect() }
        }
        Data::QuotaRoot { mailbox, roots } => Said::QuotaRoots {
            name: wire(mailbox),
            roots: roots.iter().map(|root| root.as_ref().into()).collect(),
        },
        Data::Metadata { mailbox, items } => {
            let (mut entries, mut changed) = (Vec::new(), Vec::new());
            match items {
                MetadataResponse::WithValues(told) => {
                    for told in told.as_ref() {
                        entries.push((told.entry.as_ref().into(), nstring8(&told.value)));
                    }
                }
                MetadataResponse::WithoutValues(told) => {
                    changed = told.as_ref().iter().map(|entry| entry.as_ref().into()).collect();
                }
            }
            Said::Metadata { name: wire(mailbox), entries, changed }
        }
    })
}

fn wire(mailbox: &Mailbox<'_>) -> Octets {
    match mailbox {
        Mailbox::Inbox => "INBOX".into(),
        Mailbox::Other(other) => name(other.as_ref()),
    }
}

fn octets(string: &IString<'_>) -> Octets {
    string.as_ref().into()
}

fn nstring(string: &NString<'_>) -> Option<Octets> {
    string.0.as_ref().map(octets)
}

fn nstring8(string: &NString8<'_>) -> Option<Octets> {
    match string {
        NString8::NString(string) => nstring(string),
        NString8::Literal8(literal) => Some(literal.data.as_ref().into()),
    }
}

fn namespaces(told: &Namespaces<'_>) -> Vec<Namespace> {
    let told = told.iter().map(|told| Namespace {
        prefix: name(told.prefix.as_ref()),
        delimiter: told.delimiter.map(|delimiter| delimiter.inner()),
        extensions: told
            .extensions
            .iter()
            .map(|told| (octets(&told.key), told.values.as_ref().iter().map(octets).collect()))
            .collect(),
    });
    told.collect()
}

/// What a message is answered by stands behind it; what these answer may be missing.
fn thread(told: &Thread, mut parent: Option<usize>, nodes: &mut Vec<(Option<u32>, Option<usize>)>) {
    let mut push = |message: Option<u32>| {
        nodes.push((message, parent));
        parent = Some(nodes.len() - 1);
    };
    let answers = match told {
        Thread::Members { prefix, answers } => {
            prefix.as_ref().iter().for_each(|message| push(Some(message.get())));
            answers.as_ref()
        }
        Thread::Nested { answers } => {
            push(None);
            Some(answers)
        }
    };
    for answer in answers.iter().flat_map(|answers| answers.as_ref()) {
        thread(answer, parent, nodes);
    }
}

fn uids(set: &UidSet) -> Ranges {
    let ends = |element: &UidElement| match element {
        UidElement::Single(uid) => (uid.get(), uid.get()),
        UidElement::Range(first, last) => range(first.get(), last.get()),
    };
    set.0.as_ref().iter().map(ends).collect()
}

/// None for a set with an asterisk, which a server does not send (RFC 7162 7, `known-uids`).
fn ranges(set: &SequenceSet) -> Option<Ranges> {
    let number = |number: &SeqOrUid| match number {
        SeqOrUid::Value(number) => Some(number.get()),
        SeqOrUid::Asterisk => None,
    };
    let ends = |sequence: &Sequence| match sequence {
        Sequence::Single(one) => Some((number(one)?, number(one)?)),
        Sequence::Range(first, last) => Some(range(number(first)?, number(last)?)),
    };
    set.0.as_ref().iter().map(ends).collect()
}

fn fetch(seq: u32, items: &[MessageDataItem<'_>]) -> Fetch {
    let mut fetch = Fetch { seq, ..Fetch::default() };
    let mut push = |section, origin, is_binary, octets| {
        fetch.bodies.push(Body { section, origin, is_binary, octets });
    };
    for item in items {
        match item {
            MessageDataItem::BodyExt { section, origin, data } => {
                let section = section.as_ref().map_or(Section::Full, section_of);
                push(section, *origin, false, nstring(data));
            }
            MessageDataItem::Rfc822(data) => push(Section::Full, None, false, nstring(data)),
            MessageDataItem::Rfc822Header(data) => {
                push(Section::Header, None, false, nstring(data));
            }
            MessageDataItem::Rfc822Text(data) => push(Section::Text, None, false, nstring(data)),
            MessageDataItem::Binary { section, value } => {
                let number: Vec<u32> = section.iter().map(|number| number.get()).collect();
                let section = if number.is_empty() { Section::Full } else { Section::part(number) };
                push(section, None, true, nstring8(value));
            }
            _ => {}
        }
    }
    for item in items {
        match item {
            MessageDataItem::Uid(number) => fetch.uid = Some(number.get()),
            MessageDataItem::Flags(names) => {
                fetch.flags = Some(folded(names.iter().map(|flag| match flag {
                    FlagFetch::Flag(flag) => flag.to_string(),
                    FlagFetch::Recent => "\\Recent".to_owned(),
                })));
            }
            MessageDataItem::Rfc822Size(octets) => fetch.size = Some(u64::from(*octets)),
            MessageDataItem::ModSeq(number) => fetch.mod_seq = Some(number.get()),
            MessageDataItem::InternalDate(date) => {
                let date = date.as_ref();
                let offset = date.offset().local_minus_utc() / 60;
                fetch.internal_date = Some((date.timestamp(), offset));
            }
            MessageDataItem::Envelope(told) => fetch.envelope = Some(envelope(told)),
            MessageDataItem::BodyStructure(told) | MessageDataItem::Body(told) => {
                let mut parts = Vec::new();
                part(told, None, 1, &mut parts);
                fetch.structure = Some(parts);
            }
            MessageDataItem::BinarySize { section, size } => {
                let part = section.iter().map(|number| number.get()).collect();
                fetch.binary_size = Some((part, (*size).into()));
            }
            _ => {}
        }
    }
    fetch
}

fn section_of(told: &TheirSection<'_>) -> Section {
    let number = |part: &TheirPart| -> Vec<u32> {
        part.0.as_ref().iter().map(|number| number.get()).collect()
    };
    let names = |names: &[imap_codec::imap_types::core::AString<'_>]| -> Vec<String> {
        names.iter().map(|name| String::from_utf8_lossy(name.as_ref()).into_owned()).collect()
    };
    match told {
        TheirSection::Part(part) => Section::part(number(part)),
        TheirSection::Mime(part) => Section::Part(number(part), PartText::Mime),
        TheirSection::Header(None) => Section::Header,
        TheirSection::Header(Some(part)) => Section::Part(number(part), PartText::Header),
        TheirSection::Text(None) => Section::Text,
        TheirSection::Text(Some(part)) => Section::Part(number(part), PartText::Text),
        TheirSection::HeaderFields(None, told) => Section::HeaderFields(names(told.as_ref())),
        TheirSection::HeaderFields(Some(part), told) => {
            Section::Part(number(part), PartText::HeaderFields(names(told.as_ref())))
        }
        TheirSection::HeaderFieldsNot(None, told) => Section::HeaderFieldsNot(names(told.as_ref())),
        TheirSection::HeaderFieldsNot(Some(part), told) => {
            Section::Part(number(part), PartText::HeaderFieldsNot(names(told.as_ref())))
        }
    }
}

fn envelope(told: &TheirEnvelope<'_>) -> Envelope {
    let list = |list: &[TheirAddress<'_>]| list.iter().map(address).collect();
    let mut envelope = Envelope::default();
    envelope.date = nstring(&told.date);
    envelope.subject = nstring(&told.subject);
    envelope.from = list(&told.from);
    envelope.sender = list(&told.sender);
    envelope.reply_to = list(&told.reply_to);
    envelope.to = list(&told.to);
    envelope.cc = list(&told.cc);
    envelope.bcc = list(&told.bcc);
    envelope.in_reply_to = nstring(&told.in_reply_to);
    envelope.message_id = nstring(&told.message_id);
    envelope
}

fn address(told: &TheirAddress<'_>) -> Address {
    let mut address = Address::default();
    address.name = nstring(&told.name);
    address.route = nstring(&told.adl);
    address.mailbox = nstring(&told.mailbox);
    address.host = nstring(&told.host);
    address
}

/// Adds a part and those inside it.
fn part(told: &BodyStructure<'_>, parent: Option<usize>, ordinal: u32, parts: &mut Vec<Part>) {
    let is_multipart = matches!(told, BodyStructure::Multi { .. });
    let above = parent.and_then(|parent| parts.get(parent));
    let number = Part::number(above, ordinal, is_multipart);
    let inside = Some(parts.len());
    match told {
        BodyStructure::Single { body, extension_data } => {
            let mut part = Part { number, parent, ..single(&body.basic) };
            if let Some(told) = extension_data {
                part.md5 = nstring(&told.md5);
                extend(&mut part, &told.tail);
            }
            let mut content = None;
            match &body.specific {
                SpecificFields::Basic { r#type, subtype } => {
                    (part.media_type, part.subtype) =
                        (upper(r#type.as_ref()), upper(subtype.as_ref()));
                }
                SpecificFields::Text { subtype, number_of_lines } => {
                    (part.media_type, part.subtype) = ("TEXT".into(), upper(subtype.as_ref()));
                    part.lines = Some((*number_of_lines).into());
                }
                SpecificFields::Message { envelope, body_structure, number_of_lines } => {
                    (part.media_type, part.subtype) = ("MESSAGE".into(), "RFC822".into());
                    part.lines = Some((*number_of_lines).into());
                    part.envelope = Some(self::envelope(envelope));
                    content = Some(body_structure);
                }
            }
            parts.push(part);
            if let Some(content) = content {
                self::part(content, inside, 1, parts);
            }
        }
        BodyStructure::Multi { bodies, subtype, extension_data } => {
            let mut part = Part { number, parent, ..Part::default() };
            (part.media_type, part.subtype) = ("MULTIPART".into(), upper(subtype.as_ref()));
            if let Some(told) = extension_data {
                part.parameters = parameters(&told.parameter_list);
                extend(&mut part, &told.tail);
            }
            parts.push(part);
            for (body, ordinal) in bodies.as_ref().iter().zip(1..) {
                self::part(body, inside, ordinal, parts);
            }
        }
    }
}

fn single(told: &BasicFields<'_>) -> Part {
    Part {
        parameters: parameters(&told.parameter_list),
        id: nstring(&told.id),
        description: nstring(&told.description),
        encoding: Some(upper(told.content_transfer_encoding.as_ref())),
        size: Some(told.size.into()),
        ..Part::default()
    }
}

fn extend(part: &mut Part, told: &Option<Disposition<'_>>) {
    let Some(Disposition { disposition, tail }) = told else { return };
    part.disposition = disposition.as_ref().map(|(kind, told)| (octets(kind), parameters(told)));
    let Some(Language { language, tail }) = tail else { return };
    part.languages = language.iter().map(octets).collect();
    let Some(tail) = tail else { return };
    part.location = nstring(&tail.location);
}

fn parameters(told: &[(IString<'_>, IString<'_>)]) -> Vec<Pair> {
    told.iter().map(|(name, value)| (octets(name), Some(octets(value)))).collect()
}
