//! Responses of IMAP as a server would write what was understood of them.

use std::fmt::Write as _;

use xoauth::imap::{
    Address, AppendLimit, BodyPart, BodySection, BodyStructure, Envelope, Event, ListEntry,
    Mailbox, Message, NamespaceEntry, Octets, PartText, ResponseCode, Section, StatusItems,
    StatusText,
};

/// The response that says this; none where the event keeps less than was said.
pub(super) fn written(event: &Event) -> Option<Vec<u8>> {
    let mut line = Line(b"* ".to_vec());
    line.event(event)?;
    line.0.extend(b"\r\n");
    // In a message all octets are kept, and in names those that are no UTF-8 are not.
    (matches!(event, Event::Fetch(_)) || line.0.is_ascii()).then_some(line.0)
}

struct Line(Vec<u8>);

impl Line {
    fn text(&mut self, text: impl AsRef<str>) {
        self.0.extend(text.as_ref().bytes());
    }

    /// A quoted string where it can be one, or else a literal.
    fn string(&mut self, octets: &[u8]) {
        if octets.iter().all(|&octet| octet == b' ' || octet.is_ascii_graphic()) {
            self.text("\"");
            for &octet in octets {
                if matches!(octet, b'"' | b'\\') {
                    self.text("\\");
                }
                self.0.push(octet);
            }
            self.text("\"");
        } else {
            self.text(format!("{{{}}}\r\n", octets.len()));
            self.0.extend(octets);
        }
    }

    fn nstring(&mut self, octets: Option<&Octets>) {
        match octets {
            Some(octets) => self.string(octets),
            None => self.text("NIL"),
        }
    }

    fn mailbox(&mut self, mailbox: &Mailbox) {
        self.string(&mailbox.to_wire());
    }

    /// What is in a list, in parentheses; NIL where nothing is.
    fn list<T>(&mut self, items: &[T], between: &str, write: impl Fn(&mut Self, &T)) {
        if items.is_empty() {
            return self.text("NIL");
        }
        self.text("(");
        for (index, item) in items.iter().enumerate() {
            self.text(if index > 0 { between } else { "" });
            write(self, item);
        }
        self.text(")");
    }

    fn pairs(&mut self, pairs: &[(Octets, Option<Octets>)]) {
        self.list(pairs, " ", |line, (name, value)| {
            line.string(name);
            line.text(" ");
            line.nstring(value.as_ref());
        });
    }

    fn event(&mut self, event: &Event) -> Option<()> {
        match event {
            Event::Exists(count) => self.text(format!("{count} EXISTS")),
            Event::Recent(count) => self.text(format!("{count} RECENT")),
            Event::Expunge(seq) => self.text(format!("{seq} EXPUNGE")),
            Event::Search(found) => self.text(format!("SEARCH{}", words(found))),
            Event::Sort(found) => self.text(format!("SORT{}", words(found))),
            Event::Flags(flags) => self.text(format!("FLAGS ({})", words(flags).trim_start())),
            Event::List(entry) => {
                self.text("LIST ");
                self.listed(entry)?;
            }
            Event::Lsub(entry) => {
                self.text("LSUB ");
                self.listed(entry)?;
            }
            Event::MailboxStatus(status) => {
                self.text("STATUS ");
                self.mailbox(&status.mailbox);
                self.text(format!(" ({})", items(&status.items)?));
            }
            Event::Vanished { earlier, uids } => {
                let earlier = if *earlier { "(EARLIER) " } else { "" };
                self.text(format!("VANISHED {earlier}{}", set(uids)));
            }
            Event::Fetch(message) => self.fetch(message)?,
            Event::Status(status) => self.status(status)?,
            Event::Capability(list) => {
                self.text(format!("CAPABILITY{}", words(list.iter())));
            }
            Event::Enabled(list) => self.text(format!("ENABLED{}", words(list.iter()))),
            Event::Id(told) => {
                self.text("ID ");
                let fields = told.iter().map(|(name, value)| (name.clone(), value.cloned()));
                self.pairs(&fields.collect::<Vec<_>>());
            }
            Event::Namespace(told) => {
                self.text("NAMESPACE");
                for entries in [&told.personal, &told.other_users, &told.shared] {
                    self.text(" ");
                    let all = entries.iter().map(|entry| delimiter(entry.delimiter?.as_char()));
                    let fit = entries.iter().filter(|entry| entry.delimiter.is_some()).count();
                    if all.flatten().count() < fit {
                        return None;
                    }
                    self.list(entries, "", Self::namespace);
                }
            }
            Event::Quota(told) => {
                self.text("QUOTA ");
                self.string(&told.root);
                let resources = told.resources.iter();
                let resources =
                    resources.map(|r| format!("{} {} {}", r.kind.as_str(), r.usage, r.limit));
                self.text(format!(" ({})", words(resources).trim_start()));
            }
            Event::QuotaRoots(told) => {
                self.text("QUOTAROOT ");
                self.mailbox(&told.mailbox);
                for root in &told.roots {
                    self.text(" ");
                    self.string(root);
                }
            }
            Event::Metadata(told) => {
                self.text("METADATA ");
                self.mailbox(&told.mailbox);
                if told.changed.is_empty() {
                    let entries = !told.entries.is_empty();
                    self.text(" ");
                    entries.then(|| self.pairs(&told.entries))?;
                }
                for entry in &told.changed {
                    self.text(" ");
                    self.string(entry);
                }
            }
            Event::AccessList(told) => {
                self.text("ACL ");
                self.mailbox(&told.mailbox);
                for (who, rights) in &told.entries {
                    self.text(" ");
                    self.string(who);
                    self.text(" ");
                    self.string(rights.as_str().as_bytes());
                }
            }
            Event::RightsChoice(told) => {
                self.text("LISTRIGHTS ");
                self.mailbox(&told.mailbox);
                self.text(" ");
                self.string(&told.identifier);
                for rights in std::iter::once(&told.required).chain(&told.optional) {
                    self.text(" ");
                    self.string(rights.as_str().as_bytes());
                }
            }
            Event::MyRights(told) => {
                self.text("MYRIGHTS ");
                self.mailbox(&told.mailbox);
                self.text(format!(" \"{}\"", told.rights));
            }
            _ => return None,
        }
        Some(())
    }

    fn listed(&mut self, entry: &ListEntry) -> Option<()> {
        let is_plain = entry.child_info().next().is_none()
            && entry.old_name().is_none()
            && entry.my_rights().is_none()
            && entry.status().is_none()
            && entry.other_items().is_empty();
        let attributes: Vec<&str> = entry.attributes().collect();
        let delimiter = match entry.delimiter() {
            None => "NIL".to_owned(),
            Some(told) => delimiter(told.as_char())?,
        };
        self.text(format!("({}) {delimiter} ", attributes.join(" ")));
        self.mailbox(entry.mailbox());
        is_plain.then_some(())
    }

    fn namespace(&mut self, entry: &NamespaceEntry) {
        self.text("(");
        self.mailbox(&entry.prefix);
        let delimiter = entry.delimiter.and_then(|told| delimiter(told.as_char()));
        self.text(format!(" {}", delimiter.as_deref().unwrap_or("NIL")));
        for (name, values) in &entry.extensions {
            self.text(" ");
            self.string(name);
            self.text(" ");
            self.list(values, " ", |line, value| line.string(value));
        }
        self.text(")");
    }

    /// Control characters and backslashes are shown in another way than they were told, and so is what is long.
    fn status(&mut self, status: &StatusText) -> Option<()> {
        let text = status.text();
        let is_kept = text.len() < 512
            && text
                .bytes()
                .all(|octet| octet != b'\\' && (octet == b' ' || octet.is_ascii_graphic()));
        self.text(format!("{} ", status.kind));
        if let Some(code) = &status.code {
            self.text(format!("[{}] ", arguments(code)?));
        }
        self.text(text);
        is_kept.then_some(())
    }

    fn fetch(&mut self, message: &Message) -> Option<()> {
        let start = format!("{} FETCH (", message.seq);
        self.text(&start);
        let before = self.0.len();
        if let Some(uid) = message.uid {
            self.text(format!(" UID {uid}"));
        }
        if let Some(flags) = &message.flags {
            let flags: Vec<_> = flags.iter().map(ToString::to_string).collect();
            self.text(format!(" FLAGS ({})", flags.join(" ")));
        }
        if let Some(size) = message.size {
            self.text(format!(" RFC822.SIZE {size}"));
        }
        if let Some(mod_seq) = message.mod_seq {
            self.text(format!(" MODSEQ ({mod_seq})"));
        }
        if let Some(date) = message.internal_date {
            self.text(format!(" INTERNALDATE \"{date}\""));
        }
        if let Some(envelope) = &message.envelope {
            self.text(" ENVELOPE ");
            self.envelope(envelope);
        }
        if let Some(structure) = &message.body_structure {
            self.text(" BODYSTRUCTURE ");
            self.part(structure, 0)?;
        }
        for body in &message.bodies {
            self.body(body)?;
        }
        if self.0.get(before) != Some(&b' ') {
            return None;
        }
        self.0.remove(before);
        self.text(")");
        (message.others.is_empty() && message.invalid.is_empty()).then_some(())
    }

    fn envelope(&mut self, envelope: &Envelope) {
        self.text("(");
        self.nstring(envelope.date.as_ref());
        self.text(" ");
        self.nstring(envelope.subject.as_ref());
        let Envelope { from, sender, reply_to, to, cc, bcc, .. } = envelope;
        for list in [from, sender, reply_to, to, cc, bcc] {
            self.text(" ");
            self.list(list, "", Self::address);
        }
        for id in [&envelope.in_reply_to, &envelope.message_id] {
            self.text(" ");
            self.nstring(id.as_ref());
        }
        self.text(")");
    }

    fn address(&mut self, address: &Address) {
        let Address { name, route, mailbox, host, .. } = address;
        self.text("(");
        for (index, part) in [name, route, mailbox, host].into_iter().enumerate() {
            self.text(if index > 0 { " " } else { "" });
            self.nstring(part.as_ref());
        }
        self.text(")");
    }

    /// A part and those inside it; none where one lacks what the grammar wants.
    fn part(&mut self, structure: &BodyStructure, place: usize) -> Option<()> {
        let part = structure.parts().get(place)?;
        let inside = structure.parts().iter().enumerate();
        let mut inside = inside.filter(|(_, inner)| inner.parent == Some(place)).peekable();
        self.text("(");
        if part.envelope.is_none() && inside.peek().is_some() {
            for (place, _) in inside {
                self.part(structure, place)?;
            }
            self.text(" ");
            self.string(&part.subtype);
            self.text(" ");
            self.pairs(&part.parameters);
        } else {
            self.fields(part)?;
            if let Some(envelope) = &part.envelope {
                self.text(" ");
                self.envelope(envelope);
                self.text(" ");
                self.part(structure, inside.next()?.0)?;
            }
            if part.envelope.is_some() || part.media_type.eq_ignore_ascii_case(b"TEXT") {
                self.text(format!(" {}", part.lines?));
            } else if part.lines.is_some() {
                return None;
            }
            self.text(" ");
            self.nstring(part.md5.as_ref());
        }
        match &part.disposition {
            None => self.text(" NIL "),
            Some(disposition) => {
                self.text(" (");
                self.string(&disposition.kind);
                self.text(" ");
                self.pairs(&disposition.parameters);
                self.text(") ");
            }
        }
        self.list(&part.languages, " ", |line, language| line.string(language));
        self.text(" ");
        self.nstring(part.location.as_ref());
        self.text(")");
        Some(())
    }

    /// `media-type SP body-fields`.
    fn fields(&mut self, part: &BodyPart) -> Option<()> {
        self.string(&part.media_type);
        self.text(" ");
        self.string(&part.subtype);
        self.text(" ");
        self.pairs(&part.parameters);
        for text in [&part.id, &part.description] {
            self.text(" ");
            self.nstring(text.as_ref());
        }
        self.text(" ");
        self.string(part.encoding.as_ref()?);
        self.text(format!(" {}", part.size?));
        Some(())
    }

    fn body(&mut self, body: &BodySection) -> Option<()> {
        self.text(if body.is_binary { " BINARY[" } else { " BODY[" });
        self.text(section(&body.section)?);
        self.text("]");
        if let Some(origin) = body.origin {
            self.text(format!("<{origin}>"));
        }
        self.text(" ");
        self.nstring(body.octets.as_ref());
        Some(())
    }
}

fn words(all: impl IntoIterator<Item = impl ToString>) -> String {
    all.into_iter().map(|one| format!(" {}", one.to_string())).collect()
}

fn set(ranges: &[(impl ToString, impl ToString)]) -> String {
    let ranges =
        ranges.iter().map(|(first, last)| format!("{}:{}", first.to_string(), last.to_string()));
    ranges.collect::<Vec<_>>().join(",")
}

/// `DQUOTE QUOTED-CHAR DQUOTE`.
fn delimiter(told: char) -> Option<String> {
    match told {
        '"' | '\\' => Some(format!("\"\\{told}\"")),
        '\r' | '\n' | '\0' => None,
        told => Some(format!("\"{told}\"")),
    }
}

fn items(items: &StatusItems) -> Option<String> {
    let limit = items.append_limit.map(|limit| match limit {
        AppendLimit::Octets(octets) => octets.to_string(),
        AppendLimit::Unlimited => "NIL".to_owned(),
    });
    let number = |number: Option<u32>| number.map(|number| number.to_string());
    let large = |number: Option<u64>| number.map(|number| number.to_string());
    let all = [
        ("MESSAGES", number(items.messages)),
        ("RECENT", number(items.recent)),
        ("UIDNEXT", number(items.uid_next.map(u32::from))),
        ("UIDVALIDITY", number(items.uid_validity.map(u32::from))),
        ("UNSEEN", number(items.unseen)),
        ("DELETED", number(items.deleted)),
        ("SIZE", large(items.size)),
        ("HIGHESTMODSEQ", large(items.highest_mod_seq)),
        ("APPENDLIMIT", limit),
        ("DELETED-STORAGE", large(items.deleted_storage)),
    ];
    let told = all.iter().filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?)));
    let told: Vec<String> = told.collect();
    (items.mailbox_id.is_none() && !told.is_empty()).then(|| told.join(" "))
}

/// A code as it is written; none for one whose arguments are kept as they are shown.
fn arguments(code: &ResponseCode) -> Option<String> {
    let mut text = code.name().to_owned();
    match code {
        ResponseCode::AppendUid { uid_validity, uids } => {
            let _ = write!(text, " {uid_validity} {}", set(uids));
        }
        ResponseCode::CopyUid { uid_validity, source, destination } => {
            let _ = write!(text, " {uid_validity} {} {}", set(source), set(destination));
        }
        ResponseCode::Modified(numbers) => {
            let _ = write!(text, " {}", set(numbers));
        }
        ResponseCode::Capability(list) => text.push_str(&words(list.iter())),
        ResponseCode::PermanentFlags(flags) => {
            let _ = write!(text, " ({})", words(flags).trim_start());
        }
        ResponseCode::HighestModSeq(number) => {
            let _ = write!(text, " {number}");
        }
        ResponseCode::UidNext(number) | ResponseCode::UidValidity(number) => {
            let _ = write!(text, " {number}");
        }
        ResponseCode::Unseen(number)
        | ResponseCode::MetadataLongEntries(number)
        | ResponseCode::MetadataMaxSize(number) => {
            let _ = write!(text, " {number}");
        }
        ResponseCode::Alert
        | ResponseCode::Closed
        | ResponseCode::NoModSeq
        | ResponseCode::NonExistent
        | ResponseCode::OverQuota
        | ResponseCode::Parse
        | ResponseCode::ReadOnly
        | ResponseCode::ReadWrite
        | ResponseCode::TryCreate
        | ResponseCode::UidNotSticky
        | ResponseCode::Unavailable => {}
        _ => return None,
    }
    Some(text)
}

/// A section as it stands between the brackets; none for a field whose name is no text.
fn section(section: &Section) -> Option<String> {
    let fields = |word: &str, names: &[String]| {
        let fits = names.iter().all(|name| name.bytes().all(|octet| octet.is_ascii_graphic()));
        let quoted = |name: &String| name.replace('\\', "\\\\").replace('"', "\\\"");
        let names: Vec<String> = names.iter().map(|name| format!("\"{}\"", quoted(name))).collect();
        fits.then(|| format!("{word} ({})", names.join(" ")))
    };
    Some(match section {
        Section::Full => String::new(),
        Section::Header => "HEADER".to_owned(),
        Section::Text => "TEXT".to_owned(),
        Section::HeaderFields(names) => fields("HEADER.FIELDS", names)?,
        Section::HeaderFieldsNot(names) => fields("HEADER.FIELDS.NOT", names)?,
        Section::Part(number, text) => {
            let number: Vec<String> = number.iter().map(ToString::to_string).collect();
            let number = number.join(".");
            match text {
                PartText::Content => number,
                PartText::Mime => format!("{number}.MIME"),
                PartText::Header => format!("{number}.HEADER"),
                PartText::Text => format!("{number}.TEXT"),
                PartText::HeaderFields(names) => {
                    format!("{number}.{}", fields("HEADER.FIELDS", names)?)
                }
                PartText::HeaderFieldsNot(names) => {
                    format!("{number}.{}", fields("HEADER.FIELDS.NOT", names)?)
                }
                _ => return None,
            }
        }
        _ => return None,
    })
}
