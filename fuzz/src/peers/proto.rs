//! What imap-proto understands.

use std::borrow::Cow;

use imap_proto::rfc4314::AclRight;
use imap_proto::rfc4315::UidSetMember;
use imap_proto::{
    Address as TheirAddress, AttributeValue, BodyContentCommon, BodyContentSinglePart, BodyParams,
    BodyStructure, Capability, ContentEncoding, Envelope as TheirEnvelope, MailboxDatum,
    MailboxListData, MessageSection, NameAttribute, Outcome, Response, ResponseCode, SectionPath,
    Status as Word, StatusAttribute,
};
use xoauth::imap::{
    Address, DateTime, Envelope, ObjectId, Octets, PartText, Section, StatusItems, StatusKind,
};

use super::said::{
    Body, Code, Fetch, Listed, Pair, Part, Ranges, Said, Status, folded, lower, name, range,
    rights, unescaped, upper,
};

/// The response that was parsed. What was understood of it points into it.
pub(super) struct Proto<'a>(pub(super) &'a [u8]);

impl Proto<'_> {
    /// The octets of a string: they are left as they stand between the quotes, backslashes included.
    fn octets(&self, told: &[u8]) -> Octets {
        let at = (told.as_ptr() as usize).checked_sub(self.0.as_ptr() as usize);
        let before = at.and_then(|at| self.0.get(at.checked_sub(1)?));
        if before == Some(&b'"') { unescaped(told) } else { told.into() }
    }

    /// The same. A copy is made where the text is no UTF-8, and does not tell where it stood.
    #[expect(clippy::ptr_arg, reason = "a copy does not tell where it stood")]
    fn text(&self, told: &Cow<'_, str>) -> Option<Octets> {
        match told {
            Cow::Borrowed(told) => Some(self.octets(told.as_bytes())),
            Cow::Owned(_) => None,
        }
    }

    fn some(&self, told: &Option<Cow<'_, str>>) -> Option<Option<Octets>> {
        told.as_ref().map_or(Some(None), |told| self.text(told).map(Some))
    }

    fn texts(&self, told: &[Cow<'_, str>]) -> Option<Vec<Octets>> {
        told.iter().map(|text| self.text(text)).collect()
    }

    fn nstring(&self, told: &Option<Cow<'_, [u8]>>) -> Option<Octets> {
        told.as_ref().map(|told| self.octets(told))
    }

    #[expect(clippy::ptr_arg, reason = "a copy does not tell where it stood")]
    fn name(&self, told: &Cow<'_, str>) -> Option<Octets> {
        Some(name(&self.text(told)?))
    }

    /// What the response says; none where no other parser has a word for it.
    pub(super) fn said(&self, response: &Response<'_>) -> Option<Said> {
        Some(match response {
            Response::Capabilities(list) => Said::Capability(capabilities(list)),
            Response::Continue(Outcome { code: None, information }) => {
                Said::Continuation(self.information(information)?)
            }
            Response::Done { tag, status, outcome } => {
                Said::Status(self.state(Some(tag.as_bytes()), status, outcome)?)
            }
            Response::Data { status, outcome } => Said::Status(self.state(None, status, outcome)?),
            Response::Expunge(seq) => Said::Expunge(*seq),
            Response::Vanished { earlier, uids } => Said::Vanished {
                earlier: *earlier,
                uids: uids.iter().map(|uids| range(*uids.start(), *uids.end())).collect(),
            },
            Response::Fetch(seq, values) => Said::Fetch(Box::new(self.fetch(*seq, values)?)),
            Response::MailboxData(datum) => self.datum(datum)?,
            Response::Quota(told) => {
                let mut resources = Vec::new();
                for resource in &told.resources {
                    use imap_proto::rfc2087::QuotaResourceName::{Atom, Message, Storage};
                    let name = match &resource.name {
                        Storage => "STORAGE".to_owned(),
                        Message => "MESSAGE".to_owned(),
                        Atom(name) => name.to_ascii_uppercase(),
                    };
                    resources.push((name, resource.usage, resource.limit));
                }
                Said::Quota { root: self.text(&told.root_name)?, resources }
            }
            Response::QuotaRoot(told) => Said::QuotaRoots {
                name: self.name(&told.mailbox_name)?,
                roots: self.texts(&told.quota_root_names)?,
            },
            Response::Id(told) => {
                let mut fields = Vec::new();
                for (field, value) in told.iter().flatten() {
                    fields.push((self.text(field)?, Some(self.text(value)?)));
                }
                fields.sort();
                Said::Id(fields)
            }
            Response::Acl(told) => {
                let entries = told.acls.iter();
                let entry = entries.map(|e| Some((self.text(&e.identifier)?, letters(&e.rights))));
                Said::AccessList {
                    name: self.name(&told.mailbox)?,
                    entries: entry.collect::<Option<_>>()?,
                }
            }
            Response::ListRights(told) => Said::RightsChoice {
                name: self.name(&told.mailbox)?,
                identifier: self.text(&told.identifier)?,
                required: letters(&told.required),
                optional: letters(&told.optional),
            },
            Response::MyRights(told) => {
                Said::MyRights { name: self.name(&told.mailbox)?, rights: letters(&told.rights) }
            }
            _ => return None,
        })
    }

    fn information(&self, information: &Option<Cow<'_, str>>) -> Option<Octets> {
        match information {
            None => Some(Octets::default()),
            Some(Cow::Borrowed(text)) => Some(text.as_bytes().into()),
            Some(Cow::Owned(_)) => None,
        }
    }

    fn state(&self, tag: Option<&[u8]>, word: &Word, outcome: &Outcome<'_>) -> Option<Status> {
        let kind = match word {
            Word::Ok => StatusKind::Ok,
            Word::No => StatusKind::No,
            Word::Bad => StatusKind::Bad,
            Word::PreAuth => StatusKind::Preauth,
            Word::Bye => StatusKind::Bye,
        };
        let code = match &outcome.code {
            Some(code) => Some(self.code(code)?),
            None => None,
        };
        let text = self.information(&outcome.information)?;
        Some(Status { tag: tag.map(Octets::from), kind, code, text })
    }

    fn code(&self, code: &ResponseCode<'_>) -> Option<Code> {
        let plain = |name: &str| Code::Plain(name.to_owned());
        let number = |name: &str, number: u64| Code::Number(name.to_owned(), number);
        Some(match code {
            ResponseCode::Alert => plain("ALERT"),
            ResponseCode::Parse => plain("PARSE"),
            ResponseCode::ReadOnly => plain("READ-ONLY"),
            ResponseCode::ReadWrite => plain("READ-WRITE"),
            ResponseCode::TryCreate => plain("TRYCREATE"),
            ResponseCode::UidNotSticky => plain("UIDNOTSTICKY"),
            ResponseCode::MetadataTooMany => plain("METADATA TOOMANY"),
            ResponseCode::MetadataNoPrivate => plain("METADATA NOPRIVATE"),
            ResponseCode::HighestModSeq(n) => number("HIGHESTMODSEQ", *n),
            ResponseCode::UidNext(n) => number("UIDNEXT", (*n).into()),
            ResponseCode::UidValidity(n) => number("UIDVALIDITY", (*n).into()),
            ResponseCode::Unseen(n) => number("UNSEEN", (*n).into()),
            ResponseCode::MetadataLongEntries(n) => number("METADATA LONGENTRIES", *n),
            ResponseCode::MetadataMaxSize(n) => number("METADATA MAXSIZE", *n),
            ResponseCode::AppendUid(validity, uids) => Code::AppendUid(*validity, ranges(uids)),
            ResponseCode::CopyUid(validity, source, destination) => {
                Code::CopyUid(*validity, ranges(source), ranges(destination))
            }
            ResponseCode::PermanentFlags(flags) => Code::PermanentFlags(folded(flags)),
            ResponseCode::BadCharset(list) => {
                Code::BadCharset(self.texts(list.as_deref().unwrap_or_default())?)
            }
            ResponseCode::Capabilities(list) => Code::Capability(capabilities(list)),
            _ => return None,
        })
    }

    fn datum(&self, datum: &MailboxDatum<'_>) -> Option<Said> {
        // 0 is the number of no message, and is left out.
        let numbers = |found: &[u32]| found.iter().copied().filter(|&n| n > 0).collect();
        Some(match datum {
            MailboxDatum::Exists(count) => Said::Exists(*count),
            MailboxDatum::Recent(count) => Said::Recent(*count),
            MailboxDatum::Search(found) => Said::Search(numbers(found), None),
            MailboxDatum::Sort(found) => Said::Sort(numbers(found), None),
            MailboxDatum::Flags(names) => Said::Flags(folded(names)),
            MailboxDatum::List(entry) => Said::List(self.listed(entry)?),
            MailboxDatum::Status { mailbox, status } => {
                let mut items = StatusItems::default();
                for item in status {
                    match *item {
                        StatusAttribute::HighestModSeq(n) => items.highest_mod_seq = Some(n),
                        StatusAttribute::Messages(n) => items.messages = Some(n),
                        StatusAttribute::Recent(n) => items.recent = Some(n),
                        StatusAttribute::UidNext(n) => items.uid_next = Some(n.try_into().ok()?),
                        StatusAttribute::UidValidity(n) => {
                            items.uid_validity = Some(n.try_into().ok()?);
                        }
                        StatusAttribute::Unseen(n) => items.unseen = Some(n),
                        _ => return None,
                    }
                }
                Said::MailboxStatus { name: self.name(mailbox)?, items }
            }
            // Copies do not tell where they stood, and whether their backslashes are to be undone.
            MailboxDatum::MetadataSolicited { mailbox, values } if !self.0.contains(&b'\\') => {
                let entry = |told: &imap_proto::rfc5464::Metadata| {
                    let value = told.value.as_deref().map(Octets::from);
                    (told.entry.as_str().into(), value)
                };
                let entries = values.iter().map(entry).collect();
                Said::Metadata { name: self.name(mailbox)?, entries, changed: Vec::new() }
            }
            MailboxDatum::MetadataUnsolicited { mailbox, values } => Said::Metadata {
                name: self.name(mailbox)?,
                entries: Vec::new(),
                changed: self.texts(values)?,
            },
            _ => return None,
        })
    }

    fn listed(&self, entry: &MailboxListData<'_>) -> Option<Listed> {
        let attributes = entry.name_attributes.iter().map(|attribute| match attribute {
            NameAttribute::NoInferiors => "\\Noinferiors",
            NameAttribute::NoSelect => "\\Noselect",
            NameAttribute::Marked => "\\Marked",
            NameAttribute::Unmarked => "\\Unmarked",
            NameAttribute::All => "\\All",
            NameAttribute::Archive => "\\Archive",
            NameAttribute::Drafts => "\\Drafts",
            NameAttribute::Flagged => "\\Flagged",
            NameAttribute::Junk => "\\Junk",
            NameAttribute::Sent => "\\Sent",
            NameAttribute::Trash => "\\Trash",
            NameAttribute::Extension(name) => name,
            _ => "another",
        });
        let delimiter = match &entry.delimiter {
            None => None,
            Some(told) => {
                let told = self.text(told)?;
                // `DQUOTE QUOTED-CHAR DQUOTE`, RFC 9051 9: one character, of which there may be any number here.
                Some(char::from(*<&[u8; 1]>::try_from(told.as_bytes()).ok()?.first()?))
            }
        };
        Some(Listed { attributes: folded(attributes), delimiter, name: self.name(&entry.name)? })
    }

    fn fetch(&self, seq: u32, values: &[AttributeValue<'_>]) -> Option<Fetch> {
        let mut fetch = Fetch { seq, ..Fetch::default() };
        for value in values {
            match value {
                AttributeValue::Uid(number) => fetch.uid = Some(*number),
                AttributeValue::Flags(names) => fetch.flags = Some(folded(names)),
                AttributeValue::Rfc822Size(octets) => fetch.size = Some((*octets).into()),
                AttributeValue::ModSeq(number) => fetch.mod_seq = Some(*number),
                AttributeValue::InternalDate(text) => {
                    // It is only text here.
                    let date: DateTime = self.text(text)?.lossy().trim_start().parse().ok()?;
                    fetch.internal_date = Some((date.unix_seconds(), date.offset().into()));
                }
                AttributeValue::Envelope(told) => fetch.envelope = Some(self.envelope(told)),
                AttributeValue::BodyStructure(told) => {
                    let mut parts = Vec::new();
                    self.part(told, None, 1, &mut parts)?;
                    fetch.structure = Some(parts);
                }
                AttributeValue::BodySection { section, index, data } => {
                    let section = section.as_ref().map_or(Some(Section::Full), section_of)?;
                    fetch.bodies.push(self.body(section, *index, data));
                }
                AttributeValue::Rfc822(data) => {
                    fetch.bodies.push(self.body(Section::Full, None, data));
                }
                AttributeValue::Rfc822Header(data) => {
                    fetch.bodies.push(self.body(Section::Header, None, data));
                }
                AttributeValue::Rfc822Text(data) => {
                    fetch.bodies.push(self.body(Section::Text, None, data));
                }
                AttributeValue::GmailMsgId(number) => fetch.gmail[0] = Some(*number),
                AttributeValue::GmailThrId(number) => fetch.gmail[1] = Some(*number),
                AttributeValue::GmailLabels(labels) => {
                    let labels: Vec<_> =
                        labels.iter().map(|label| self.name(label)).collect::<Option<_>>()?;
                    // DEL is a control character and stands in no atom (RFC 9051 9, `atom-specials`).
                    if labels.iter().any(|label| label.contains(&0x7f)) {
                        return None;
                    }
                    fetch.labels = Some(labels);
                }
                AttributeValue::EmailId(id) => fetch.object_ids[0] = Some(object_id(id)?),
                AttributeValue::ThreadId(id) => {
                    let id = id.as_ref();
                    fetch.object_ids[1] = id.map_or(Some(None), |id| object_id(id).map(Some))?;
                }
                // Where an unknown item ends is for each to guess.
                _ => return None,
            }
        }
        Some(fetch)
    }

    fn body(&self, section: Section, origin: Option<u32>, data: &Option<Cow<'_, [u8]>>) -> Body {
        Body { section, origin, is_binary: false, octets: self.nstring(data) }
    }

    fn envelope(&self, told: &TheirEnvelope<'_>) -> Envelope {
        let list = |list: &Option<Vec<TheirAddress<'_>>>| {
            list.iter().flatten().map(|address| self.address(address)).collect()
        };
        let mut envelope = Envelope::default();
        envelope.date = self.nstring(&told.date);
        envelope.subject = self.nstring(&told.subject);
        envelope.from = list(&told.from);
        envelope.sender = list(&told.sender);
        envelope.reply_to = list(&told.reply_to);
        envelope.to = list(&told.to);
        envelope.cc = list(&told.cc);
        envelope.bcc = list(&told.bcc);
        envelope.in_reply_to = self.nstring(&told.in_reply_to);
        envelope.message_id = self.nstring(&told.message_id);
        envelope
    }

    fn address(&self, told: &TheirAddress<'_>) -> Address {
        let mut address = Address::default();
        address.name = self.nstring(&told.name);
        address.route = self.nstring(&told.adl);
        address.mailbox = self.nstring(&told.mailbox);
        address.host = self.nstring(&told.host);
        address
    }

    /// Adds a part and those inside it.
    fn part(
        &self,
        told: &BodyStructure<'_>,
        parent: Option<usize>,
        ordinal: u32,
        parts: &mut Vec<Part>,
    ) -> Option<()> {
        let is_multipart = matches!(told, BodyStructure::Multipart { .. });
        let above = parent.and_then(|parent| parts.get(parent));
        let number = Part::number(above, ordinal, is_multipart);
        let place = parts.len();
        let inside = Some(place);
        match told {
            BodyStructure::Basic { common, other, .. } => {
                parts.push(Part { number, parent, ..self.single(common, other)? });
            }
            BodyStructure::Text { common, other, lines, .. } => {
                let lines = Some((*lines).into());
                parts.push(Part { number, parent, lines, ..self.single(common, other)? });
            }
            BodyStructure::Message { common, other, envelope, body, lines, .. } => {
                let envelope = Some(self.envelope(envelope));
                let lines = Some((*lines).into());
                let single = self.single(common, other)?;
                parts.push(Part { number, parent, envelope, lines, ..single });
                self.part(body, inside, 1, parts)?;
            }
            BodyStructure::Multipart { common, bodies, .. } => {
                parts.push(Part { number, parent, ..self.common(common)? });
                for (body, ordinal) in bodies.iter().zip(1..) {
                    self.part(body, inside, ordinal, parts)?;
                }
            }
        }
        Some(())
    }

    fn common(&self, told: &BodyContentCommon<'_>) -> Option<Part> {
        Some(Part {
            media_type: upper(&self.text(&told.ty.ty)?),
            subtype: upper(&self.text(&told.ty.subtype)?),
            parameters: self.parameters(&told.ty.params)?,
            disposition: match &told.disposition {
                Some(told) => Some((self.text(&told.ty)?, self.parameters(&told.params)?)),
                None => None,
            },
            languages: self.texts(told.language.as_deref().unwrap_or_default())?,
            location: self.some(&told.location)?,
            ..Part::default()
        })
    }

    fn single(
        &self,
        common: &BodyContentCommon<'_>,
        told: &BodyContentSinglePart<'_>,
    ) -> Option<Part> {
        Some(Part {
            id: self.some(&told.id)?,
            description: self.some(&told.description)?,
            encoding: Some(match &told.transfer_encoding {
                ContentEncoding::SevenBit => "7BIT".into(),
                ContentEncoding::EightBit => "8BIT".into(),
                ContentEncoding::Binary => "BINARY".into(),
                ContentEncoding::Base64 => "BASE64".into(),
                ContentEncoding::QuotedPrintable => "QUOTED-PRINTABLE".into(),
                ContentEncoding::Other(name) => upper(&self.text(name)?),
            }),
            size: Some(told.octets.into()),
            md5: self.some(&told.md5)?,
            ..self.common(common)?
        })
    }

    fn parameters(&self, told: &BodyParams<'_>) -> Option<Vec<Pair>> {
        let pairs = told.iter().flatten();
        pairs.map(|(name, value)| Some((self.text(name)?, Some(self.text(value)?)))).collect()
    }
}

/// What it says in the words of imap-proto, which has fewer.
pub(super) fn narrowed(said: Said) -> Said {
    match said {
        // LSUB is told as LIST, and ENABLED as CAPABILITY.
        Said::Lsub(entry) => Said::List(entry),
        Said::Enabled(list) => Said::Capability(list),
        // Fields without a value are left out, and of those with one name the last is kept.
        Said::Id(fields) => {
            let mut kept: Vec<Pair> = Vec::new();
            for (field, value) in fields.into_iter().filter(|(_, value)| value.is_some()) {
                kept.retain(|(known, _)| *known != field);
                kept.push((field, value));
            }
            kept.sort();
            Said::Id(kept)
        }
        Said::Fetch(mut fetch) => {
            // Which fields of a header there are is not told.
            for body in &mut fetch.bodies {
                match &mut body.section {
                    section @ (Section::HeaderFields(_) | Section::HeaderFieldsNot(_)) => {
                        *section = Section::Header;
                    }
                    Section::Part(
                        _,
                        text @ (PartText::HeaderFields(_) | PartText::HeaderFieldsNot(_)),
                    ) => *text = PartText::Header,
                    _ => {}
                }
            }
            Said::Fetch(fetch)
        }
        other => other,
    }
}

/// None for one that is longer or has other characters than an `objectid` (RFC 8474, 7).
fn object_id(told: &str) -> Option<String> {
    Some(ObjectId::new(told)?.to_string())
}

/// None for a part of the number 0, which `section-part` does not have (RFC 9051 9).
fn section_of(path: &SectionPath) -> Option<Section> {
    Some(match path {
        SectionPath::Full(MessageSection::Header) => Section::Header,
        SectionPath::Full(MessageSection::Text) => Section::Text,
        SectionPath::Full(MessageSection::Mime) => return None,
        SectionPath::Part(number, _) if number.contains(&0) => return None,
        SectionPath::Part(number, text) => Section::Part(
            number.clone(),
            match text {
                None => PartText::Content,
                Some(MessageSection::Header) => PartText::Header,
                Some(MessageSection::Mime) => PartText::Mime,
                Some(MessageSection::Text) => PartText::Text,
            },
        ),
    })
}

fn capabilities(list: &[Capability<'_>]) -> Vec<String> {
    lower(list.iter().map(|capability| match capability {
        Capability::Imap4rev1 => "IMAP4rev1".to_owned(),
        Capability::Auth(mechanism) => format!("AUTH={mechanism}"),
        Capability::Atom(name) => name.to_string(),
    }))
}

fn ranges(set: &[UidSetMember]) -> Ranges {
    let ends = |member: &UidSetMember| match member {
        UidSetMember::UidRange(uids) => range(*uids.start(), *uids.end()),
        UidSetMember::Uid(uid) => (*uid, *uid),
    };
    set.iter().map(ends).collect()
}

fn letters(told: &[AclRight]) -> String {
    rights(told.iter().map(|&right| char::from(right)))
}
