//! Text that gets into a value by a variant, a field or a conversion, and what is sent of that value.

use xoauth::imap::command::RightsChange;
use xoauth::imap::command::{
    Append, Content, Copy, Create, Custom, Fetch, Greeting, Item, Items, List, ListReturn,
    NewMessage, News, Noop, Notify, Search, SetAcl, SetQuota, Store, StoreAction, StoreLabels,
    Watched,
};
use xoauth::imap::parse::Text;
use xoauth::imap::proto::{Machine, TagPrefix};
use xoauth::imap::{
    Event, Flag, Flags, Limits, Mailbox, ObjectId, PartText, Query, ResourceKind, Section, SeqSet,
    UidSet,
};
use xoauth::sasl::oauth1::{Consumer, Request, RequestUrl, Secret, Token};
use xoauth::smtp::exchange::Submit;
use xoauth::smtp::{Address, Envelope, Mail, Message, Recipient, ReversePath};

use crate::Probe;
use crate::imap::{converse, query, sent};
use crate::oauth::{leaves, signed_by, signed_request};
use crate::smtp::{good, mail, message, submitted};

/// What a session makes of a line that a server says.
fn told(line: &str) -> Vec<Event> {
    let mut machine = Machine::new(TagPrefix::new("i"), Limits::default());
    let mut octets = Vec::new();
    let greeting = b"* PREAUTH [CAPABILITY IMAP4rev1 ACL] hi\r\n";
    converse(&mut machine, &mut Greeting::new(), greeting, &mut octets).unwrap();
    // A line that is none ends the session, which is as good.
    let _ = converse(&mut machine, &mut Noop::new(), line.as_bytes(), &mut octets);
    std::iter::from_fn(|| machine.next_event()).collect()
}

/// Uses a flag wherever one is sent.
#[track_caller]
fn flag(flag: &Flag) {
    query(&Query::Has(flag.clone()));
    query(&Query::Lacks(flag.clone()));
    sent(|| Store::new("1", StoreAction::Add, [flag.clone()]));
    sent(|| Append::new("INBOX", NewMessage::new("x").flags([flag.clone()])));
    sent(|| Custom::new("XA").flags([flag.clone()]));
}

/// Flags that a server told: of those it may break the grammar.
fn told_flags(text: &str) -> Vec<Flag> {
    let flags = |event| if let Event::Flags(flags) = event { flags } else { Vec::new() };
    told(&format!("* FLAGS (\\Seen {text})\r\n")).into_iter().flat_map(flags).collect()
}

#[track_caller]
fn section(section: &Section) {
    sent(|| Fetch::new("1", Item::section(section.clone())));
    sent(|| Fetch::new("1", Item::section(section.clone()).marking_seen().partial(1, 2)));
}

#[track_caller]
fn items(items: &Items) {
    sent(|| Fetch::new("1", items.clone()));
    sent(|| Notify::set(Watched::Selected, News::none().messages_with(items.clone())));
}

#[track_caller]
fn mailbox(mailbox: &Mailbox) {
    sent(|| Create::new(mailbox.clone()));
    sent(|| Copy::new("1", mailbox.clone()));
    sent(|| StoreLabels::new("1", StoreAction::Add, [mailbox.clone()]));
}

#[track_caller]
fn content(content: impl Into<Content> + Clone + 'static) {
    sent(|| Append::new("INBOX", content.clone()));
}

fn numbers(text: &str) -> Vec<u32> {
    text.chars().map(u32::from).collect()
}

#[track_caller]
fn url(url: &RequestUrl) {
    leaves(url.as_str());
    if let Ok(request) = Request::new("GET", url) {
        signed_request(&request);
    }
}

#[track_caller]
fn address(text: &str, send: impl Fn(Address)) {
    if let Ok(address) = text.parse::<Address>() {
        send(address);
    }
}

macro_rules! probes {
    ($($value:literal => |$text:ident| $send:expr),* $(,)?) => {
        pub(crate) const PROBES: &[Probe] = &[$(Probe { function: $value, send: |$text| { let _ = $send; } }),*];
    };
}

probes! {
    "oauth1-core/request_url.rs RequestUrl: TryFrom<&String>" => |text| {
        if let Ok(made) = RequestUrl::try_from(&text.to_owned()) {
            url(&made);
        }
    },
    "oauth1-core/request_url.rs RequestUrl: TryFrom<&str>" => |text| {
        if let Ok(made) = RequestUrl::try_from(text) {
            url(&made);
        }
    },
    "oauth1-core/request_url.rs RequestUrl: TryFrom<String>" => |text| {
        if let Ok(made) = RequestUrl::try_from(text.to_owned()) {
            url(&made);
        }
    },
    "oauth1-core/secret.rs Secret: From<&str>" => |text| {
        if let Ok(consumer) = Consumer::new("key", Secret::from(text)) {
            signed_by(consumer, None);
        }
    },
    "oauth1-core/secret.rs Secret: From<String>" => |text| {
        let token = Token::new("token", Secret::from(text.to_owned()));
        if let (Ok(consumer), Ok(token)) = (Consumer::new("key", "secret"), token) {
            signed_by(consumer, Some(token));
        }
    },
    "xoauth-imap/command/append.rs NewMessage: From<C>" => |text| {
        sent(|| Append::new("INBOX", NewMessage::from(text).binary()).and(text.to_owned()));
    },
    "xoauth-imap/command/content.rs Content: From<&[u8; N]>" => |text| {
        let mut octets = [b'x'; 16];
        octets.iter_mut().zip(text.bytes()).for_each(|(to, octet)| *to = octet);
        sent(|| Append::new("INBOX", &octets));
    },
    "xoauth-imap/command/content.rs Content: From<&[u8]>" => |text| {
        sent(|| Append::new("INBOX", text.as_bytes()));
    },
    "xoauth-imap/command/content.rs Content: From<&str>" => |text| sent(|| Append::new("INBOX", text)),
    "xoauth-imap/command/content.rs Content: From<String>" => |text| content(text.to_owned()),
    "xoauth-imap/command/content.rs Content: From<Vec<u8>>" => |text| content(text.as_bytes().to_vec()),
    "xoauth-imap/command/items.rs Item: From<Section>" => |text| {
        items(&Items::from(Item::from(Section::HeaderFields(vec![text.to_owned()]))));
    },
    "xoauth-imap/command/items.rs Item::Binary" => |text| {
        items(&Items::from(Item::Binary(numbers(text))));
    },
    "xoauth-imap/command/items.rs Item::BinarySize" => |text| {
        items(&Items::from(Item::BinarySize(numbers(text))));
    },
    "xoauth-imap/command/items.rs Items: From<I>" => |text| {
        items(&Items::from(Section::HeaderFields(vec![text.to_owned()])));
    },
    "xoauth-imap/command/items.rs Items: From<Vec<Item>>" => |text| {
        let fields = Section::HeaderFieldsNot(vec!["To".to_owned(), text.to_owned()]);
        items(&Items::from(vec![Item::Uid, Item::from(fields), Item::Binary(numbers(text))]));
    },
    "xoauth-imap/command/items.rs Items: From<[Item; N]>" => |text| {
        items(&Items::from([Item::from(Section::part(numbers(text))), Item::Flags]));
    },
    "xoauth-imap/command/list.rs ListReturn::Metadata" => |text| {
        let told = |entries: Vec<String>| {
            sent(|| List::all().returning(ListReturn::Metadata(entries.clone())));
        };
        told(vec![text.to_owned()]);
        told(vec!["/shared/comment".to_owned(), format!("/shared/{text}")]);
        told(Vec::new());
    },
    "xoauth-imap/command/notify.rs Watched::Mailboxes" => |text| {
        let watched = || Watched::Mailboxes(vec!["a".into(), text.into()]);
        sent(|| Notify::set(watched(), News::none().messages()));
    },
    "xoauth-imap/command/notify.rs Watched::Subtree" => |text| {
        let watched = || Watched::Subtree(vec![text.into()]);
        sent(|| Notify::set(Watched::Selected, News::none()).and(watched(), News::none().names()));
    },
    "xoauth-imap/types/acl.rs MailboxRights.rights" => |text| {
        for event in told(&format!("* MYRIGHTS INBOX {{{}}}\r\n{text}\r\n", text.len())) {
            let Event::MyRights(told) = event else { continue };
            sent(|| SetAcl::new("INBOX", "user", RightsChange::Add, told.rights.clone()));
        }
    },
    "xoauth-imap/types/flag.rs Flag::Extension" => |text| {
        told_flags(&format!("\\{text}")).iter().for_each(flag);
    },
    "xoauth-imap/types/flag.rs Flag::Keyword" => |text| told_flags(text).iter().for_each(flag),
    "xoauth-imap/types/flag.rs Flags: FromIterator<Flag>" => |text| {
        let flags: Flags = told_flags(text).into_iter().collect();
        sent(|| Store::new("1", StoreAction::Replace, flags.iter().cloned().collect::<Vec<_>>()));
    },
    "xoauth-imap/types/mailbox.rs Mailbox: From<&Mailbox>" => |text| {
        mailbox(&Mailbox::from(&Mailbox::from_wire(text.as_bytes())));
    },
    "xoauth-imap/types/mailbox.rs Mailbox: From<&str>" => |text| mailbox(&Mailbox::from(text)),
    "xoauth-imap/types/mailbox.rs Mailbox: From<String>" => |text| mailbox(&Mailbox::from(text.to_owned())),
    "xoauth-imap/types/mailbox.rs Mailbox: From<Text<'_>>" => |text| {
        mailbox(&Mailbox::from(Text::Raw(text.as_bytes())));
        mailbox(&Mailbox::from(Text::Quoted(text.as_bytes())));
    },
    "xoauth-imap/types/query.rs Query::Bcc" => |text| query(&Query::Bcc(text.into())),
    "xoauth-imap/types/query.rs Query::Body" => |text| query(&Query::Body(text.into())),
    "xoauth-imap/types/query.rs Query::Cc" => |text| query(&Query::Cc(text.into())),
    "xoauth-imap/types/query.rs Query::EmailId" => |text| {
        if let Some(id) = ObjectId::new(text) {
            query(&Query::EmailId(id));
        }
    },
    "xoauth-imap/types/query.rs Query::From" => |text| query(&!Query::From(text.into())),
    "xoauth-imap/types/query.rs Query::GmailLabel" => |text| query(&Query::GmailLabel(text.into())),
    "xoauth-imap/types/query.rs Query::GmailRaw" => |text| query(&Query::GmailRaw(text.into())),
    "xoauth-imap/types/query.rs Query::Has" => |text| {
        told_flags(text).into_iter().for_each(|flag| query(&(Query::Has(flag) & Query::New)));
    },
    "xoauth-imap/types/query.rs Query::Header" => |text| {
        query(&Query::Header(text.into(), text.into()));
        query(&Query::Header("To".into(), text.into()));
    },
    "xoauth-imap/types/query.rs Query::Lacks" => |text| {
        told_flags(text).into_iter().for_each(|flag| query(&(Query::Lacks(flag) | Query::All)));
    },
    "xoauth-imap/types/query.rs Query::Subject" => |text| query(&Query::Subject(text.into())),
    "xoauth-imap/types/query.rs Query::Text" => |text| {
        sent(|| Search::new(Query::any_of([Query::Text(text.into()), Query::Text(text.into())])));
    },
    "xoauth-imap/types/query.rs Query::ThreadId" => |text| {
        if let Some(id) = ObjectId::new(text) {
            query(&Query::ThreadId(id));
        }
    },
    "xoauth-imap/types/query.rs Query::To" => |text| query(&Query::To(text.into())),
    "xoauth-imap/types/quota.rs ResourceKind::Other" => |text| {
        let kind = || ResourceKind::Other(text.to_owned());
        sent(|| SetQuota::new("", [(ResourceKind::Storage, 1), (kind(), 2)]));
    },
    "xoauth-imap/types/section.rs PartText::HeaderFields" => |text| {
        section(&Section::Part(vec![1], PartText::HeaderFields(vec![text.to_owned()])));
    },
    "xoauth-imap/types/section.rs PartText::HeaderFieldsNot" => |text| {
        let names = vec!["To".to_owned(), text.to_owned()];
        section(&Section::Part(vec![1, 2], PartText::HeaderFieldsNot(names)));
    },
    "xoauth-imap/types/section.rs Section::HeaderFields" => |text| {
        section(&Section::HeaderFields(vec![text.to_owned(), "To".to_owned()]));
    },
    "xoauth-imap/types/section.rs Section::HeaderFieldsNot" => |text| {
        section(&Section::HeaderFieldsNot(vec![text.to_owned()]));
    },
    "xoauth-imap/types/section.rs Section::Part" => |text| {
        section(&Section::Part(numbers(text), PartText::Mime));
        section(&Section::Part(vec![1], PartText::HeaderFields(vec![text.to_owned()])));
    },
    "xoauth-imap/types/set.rs Set: TryFrom<&str>" => |text| {
        if let Ok(set) = SeqSet::try_from(text) {
            query(&Query::Seq(set));
        }
    },
    "xoauth-imap/types/set.rs Set: TryFrom<String>" => |text| {
        if let Ok(set) = UidSet::try_from(text.to_owned()) {
            sent(|| Copy::new(set.clone(), "INBOX"));
        }
    },
    "xoauth-smtp/exchange/send/mod.rs Submit: From<Mail<'a>>" => |text| {
        let text = text.to_owned();
        submitted(|| Submit::from(Mail::new(text.as_str(), [text.as_str()], text.clone())));
    },
    "xoauth-smtp/types/address.rs $target: TryFrom<$text>" => |text| {
        if let Ok(address) = Address::try_from(text.to_owned()) {
            mail(|| Envelope::new("a@example.org", [address.clone()]));
        }
        if let Ok(path) = ReversePath::try_from(text) {
            mail(|| Envelope::new(path.clone(), ["b@example.org"]));
        }
    },
    "xoauth-smtp/types/address.rs Address: From<&Address>" => |text| {
        address(text, |address| mail(|| Envelope::new("a@example.org", [Address::from(&address)])));
    },
    "xoauth-smtp/types/address.rs ReversePath: From<&Address>" => |text| {
        address(text, |address| mail(|| Envelope::new(ReversePath::from(&address), ["b@example.org"])));
    },
    "xoauth-smtp/types/address.rs ReversePath: From<Address>" => |text| {
        address(text, |address| mail(|| Envelope::new(address.clone(), ["b@example.org"])));
    },
    "xoauth-smtp/types/address.rs ReversePath::Address" => |text| {
        address(text, |address| {
            mail(|| Envelope::new(ReversePath::Address(address.clone()), ["b@example.org"]));
        });
    },
    "xoauth-smtp/types/envelope.rs Recipient: From<&Address>" => |text| {
        address(text, |address| mail(|| good().recipient(&address)));
    },
    "xoauth-smtp/types/envelope.rs Recipient: From<Address>" => |text| {
        address(text, |address| mail(|| good().recipient(Recipient::from(address.clone()))));
    },
    "xoauth-smtp/types/envelope.rs Recipient: TryFrom<$text>" => |text| {
        mail(|| good().recipient(text.to_owned()));
        if let Ok(recipient) = Recipient::try_from(&text.to_owned()) {
            mail(|| good().recipient(recipient.clone()));
        }
    },
    "xoauth-smtp/types/message.rs Message: From<$octets>" => |text| {
        let text = text.to_owned();
        message(|| Mail::with(good(), text.clone()));
        message(|| Mail::with(good(), Message::from(text.clone().into_bytes())));
    },
    "xoauth-smtp/types/message.rs Message: From<&'a [u8; N]>" => |text| {
        let mut octets = [b'x'; 16];
        octets.iter_mut().zip(text.bytes()).for_each(|(to, octet)| *to = octet);
        message(|| Mail::with(good(), &octets));
        submitted(|| Submit::new("a@example.org", ["b@example.org"], &octets));
    },
}

/// What a server tells is there to be sent: the probes that depend on it are not idle.
#[test]
fn servers_tell_flags_and_rights() {
    assert_eq!(told_flags("x \\y").len(), 3);
    let rights = told("* MYRIGHTS INBOX {2}\r\nlr\r\n");
    assert!(matches!(rights.as_slice(), [Event::MyRights(_)]), "{rights:?}");
}
