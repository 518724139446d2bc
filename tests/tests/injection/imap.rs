//! IMAP: commands with literals that wait for the server and with literals that do not, in ASCII and in UTF-8.

use std::num::NonZeroU32;
use std::task::{Context, Poll, Waker};

use xoauth::imap::command::{
    Append, Copy, Create, Custom, Delete, DeleteAcl, Enable, Examine, Expunge, ExtendedSearch,
    Fetch, GetAcl, GetMetadata, GetQuota, GetQuotaRoot, Greeting, Id, Item, Items, List,
    ListRights, Login, Lsub, Move, MyRights, NewMessage, News, Noop, Notify, Numbers, ProxyAuth,
    Rename, Replace, Resync, RightsChange, Search, Select, SetAcl, SetMetadata, SetQuota, Sort,
    SortKey, Status, Store, StoreAction, StoreLabels, Subscribe, Thread, ThreadAlgorithm,
    Unsubscribe, Watched,
};
use xoauth::imap::proto::{Command, Encoder, Exchange, Machine, State, TagPrefix};
use xoauth::imap::{
    ArgumentSink, Date, DateTime, Error, Flag, Limits, Mailbox, ObjectId, Query, ResourceKind,
    Rights, Section, SeqNo, SeqSet, StatusItem, Uid, UidSet,
};
use xoauth::sasl::Secret;
use xoauth::sasl::wire::{Conversation, Want};

use crate::Probe;
use crate::left::left;

/// What servers differ in where arguments are written.
const SERVERS: [&str; 3] =
    ["IMAP4rev1", "IMAP4rev1 LITERAL+ BINARY", "IMAP4rev2 LITERAL- UTF8=ACCEPT ENABLE BINARY"];

/// Sends a command to each kind of server.
#[track_caller]
pub(crate) fn sent<E: Command + 'static>(make: impl Fn() -> E) {
    exchanged(|| Box::new(make().even_if_unlisted()));
}

#[track_caller]
fn exchanged(make: impl Fn() -> Box<dyn Exchange>) {
    for capabilities in SERVERS {
        if let Some(octets) = octets_of(&mut selected(capabilities), &mut *make()) {
            one_command(&octets);
            left(&octets);
        }
    }
}

/// The same to a server that knows nobody yet.
#[track_caller]
fn sent_before_login<E: Command + 'static>(make: impl Fn() -> E) {
    for capabilities in SERVERS {
        let mut machine = Machine::new(TagPrefix::new("i"), Limits::default());
        let greeting = format!("* OK [CAPABILITY {capabilities}] hi\r\n");
        converse(&mut machine, &mut Greeting::new(), greeting.as_bytes(), &mut Vec::new()).unwrap();
        if let Some(octets) = octets_of(&mut machine, &mut make()) {
            one_command(&octets);
            left(&octets);
        }
    }
}

/// A session in which a mailbox is selected.
fn selected(capabilities: &str) -> Machine {
    let mut machine = Machine::new(TagPrefix::new("i"), Limits::default());
    let mut before = Vec::new();
    let greeting = format!("* PREAUTH [CAPABILITY {capabilities}] hi\r\n");
    converse(&mut machine, &mut Greeting::new(), greeting.as_bytes(), &mut before).unwrap();
    let mut enable = Enable::new(["UTF8=ACCEPT"]);
    if capabilities.contains("ENABLE") {
        let answer = b"* ENABLED UTF8=ACCEPT\r\nxi1 OK\r\n";
        converse(&mut machine, &mut enable, answer, &mut before).unwrap();
    }
    let select = if capabilities.contains("ENABLE") { "xi2" } else { "xi1" };
    let answer = format!("* 3 EXISTS\r\n{select} OK [READ-WRITE] done\r\n");
    converse(&mut machine, &mut Select::new("INBOX"), answer.as_bytes(), &mut before).unwrap();
    machine
}

/// What leaves for a command, while the server agrees to all that is asked; `None` where it is refused, and then
/// nothing has left.
fn octets_of(machine: &mut Machine, command: &mut dyn Exchange) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    match converse(machine, command, b"", &mut octets) {
        Ok(()) => Some(octets),
        Err(error) => {
            assert!(octets.is_empty(), "{error}, yet {} left", octets.escape_ascii());
            assert!(!error.is_fatal() && machine.is_usable(), "{error}");
            assert!(!error.to_string().contains(['\r', '\n', '\0']), "{error:?}");
            None
        }
    }
}

/// Lets a command speak, answers `+` wherever it waits, then says what the server has to say.
pub(crate) fn converse(
    machine: &mut Machine,
    command: &mut dyn Exchange,
    answer: &[u8],
    octets: &mut Vec<u8>,
) -> Result<(), Error> {
    machine.start(&mut [&mut *command])?;
    let mut answer = Some(answer);
    loop {
        let mut exchanges: [&mut dyn Exchange; 1] = [&mut *command];
        let mut conversation = machine.converse(&mut exchanges);
        let said: &[u8] = match conversation.poll()? {
            Want::Write(written) => {
                octets.extend(written);
                let count = written.len();
                conversation.written(count);
                continue;
            }
            Want::Body => {
                // What is in memory is there at once.
                let Poll::Ready(given) =
                    conversation.poll_body(&mut Context::from_waker(Waker::noop()))
                else {
                    return Ok(());
                };
                given?;
                continue;
            }
            Want::Read if waits_for_literal(octets) => b"+ go on\r\n",
            Want::Read => match answer.take().filter(|answer| !answer.is_empty()) {
                Some(answer) => answer,
                None => return Ok(()),
            },
            _ => return Ok(()),
        };
        machine.read_buffer()[..said.len()].copy_from_slice(said);
        machine.received(said.len());
    }
}

/// The last thing said is the announcement of a literal.
fn waits_for_literal(octets: &[u8]) -> bool {
    let mut rest = octets;
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let behind = &rest[end + 2..];
        let Some((announced, _)) = literal(&rest[..end]) else { return false };
        if behind.is_empty() {
            return true;
        }
        rest = behind.get(announced..).unwrap_or_default();
    }
    false
}

/// One line with its literals, and nothing behind it.
fn one_command(octets: &[u8]) {
    let shown = octets.escape_ascii();
    let mut rest = octets;
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n");
        let end = end.unwrap_or_else(|| panic!("a line without an end: {shown}"));
        let (line, behind) = (&rest[..end], &rest[end + 2..]);
        let bare = line.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0));
        assert!(!bare, "a raw CR, LF or NUL: {shown}");
        let Some((announced, is_binary)) = literal(line) else {
            assert!(behind.is_empty(), "more than one command: {shown}");
            return;
        };
        assert!(announced <= behind.len(), "an announcement without a literal: {shown}");
        let (content, behind) = behind.split_at(announced);
        assert!(is_binary || !content.contains(&0), "NUL in a literal: {shown}");
        rest = behind;
    }
}

/// The length that a line announces at its end, and whether as `literal8`.
fn literal(line: &[u8]) -> Option<(usize, bool)> {
    let text = line.strip_suffix(b"}")?;
    let open = text.iter().rposition(|&octet| octet == b'{')?;
    let digits = &text[open + 1..];
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    let length = std::str::from_utf8(digits).ok()?.parse().ok()?;
    // In a quoted string it would end in a quotation mark.
    Some((length, open > 0 && text[open - 1] == b'~'))
}

fn uid(number: u32) -> Uid {
    Uid::new(number).unwrap()
}

/// A command of a user's own, which writes through the encoder by itself.
struct Own<F>(F);

impl<F: Fn(&mut Encoder<'_>) + Send> Exchange for Own<F> {
    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.raw("XOWN ");
        (self.0)(out);
        Ok(())
    }
}

#[track_caller]
fn own(write: impl Fn(&mut Encoder<'_>) + Send + Clone + 'static) {
    exchanged(|| Box::new(Own(write.clone())));
}

#[track_caller]
pub(crate) fn query(query: &Query) {
    sent(|| Search::new(query.clone()));
}

macro_rules! probes {
    ($($function:literal => |$text:ident| $send:expr),* $(,)?) => {
        pub(crate) const PROBES: &[Probe] =
            &[$(Probe { function: concat!("xoauth-imap/", $function), send: |$text| { let _ = $send; } }),*];
    };
}

probes! {
    "command/acl.rs SetAcl::new" => |text| {
        let rights = || Rights::new("lr").unwrap();
        sent(|| SetAcl::new(text, "user", RightsChange::Replace, rights()));
        sent(|| SetAcl::new("INBOX", text, RightsChange::Add, rights()));
    },
    "command/acl.rs DeleteAcl::new" => |text| {
        sent(|| DeleteAcl::new(text, "user"));
        sent(|| DeleteAcl::new("INBOX", text));
    },
    "command/acl.rs GetAcl::new" => |text| sent(|| GetAcl::new(text)),
    "command/acl.rs ListRights::new" => |text| {
        sent(|| ListRights::new(text, "user"));
        sent(|| ListRights::new("INBOX", text));
    },
    "command/acl.rs MyRights::new" => |text| sent(|| MyRights::new(text)),
    "command/append.rs NewMessage::new" => |text| {
        sent(|| Append::new("INBOX", NewMessage::new(text)));
        sent(|| Append::new("INBOX", NewMessage::new(text).binary()));
        sent(|| Append::new("INBOX", NewMessage::new(text).utf8()));
    },
    "command/append.rs NewMessage::flags" => |text| {
        if let Ok(flag) = text.parse::<Flag>() {
            sent(|| Append::new("INBOX", NewMessage::new("x").flags([flag.clone()])));
        }
    },
    "command/append.rs Append::new" => |text| sent(|| Append::new(text, "a message")),
    "command/append.rs Append::and" => |text| sent(|| Append::new(text, "a message").and(text)),
    "command/append.rs Replace::new" => |text| sent(|| Replace::new(uid(1), text, text)),
    "command/append.rs Replace::by_sequence" => |text| {
        sent(|| Replace::by_sequence(SeqNo::new(1).unwrap(), text, text));
    },
    "command/custom.rs Custom::new" => |text| sent(|| Custom::new(text)),
    "command/custom.rs Custom::atom" => |text| sent(|| Custom::new("XA").atom(text)),
    "command/custom.rs Custom::text" => |text| sent(|| Custom::new("XA").text(text).text("b")),
    "command/custom.rs Custom::mailbox" => |text| sent(|| Custom::new("XA").mailbox(text)),
    "command/custom.rs Custom::flags" => |text| {
        if let Ok(flag) = text.parse::<Flag>() {
            sent(|| Custom::new("XA").flags([flag.clone()]));
        }
    },
    "command/custom.rs Custom::hears" => |text| sent(|| Custom::new("XA").hears(text)),
    "command/extended_search.rs ExtendedSearch::new" => |text| {
        sent(|| ExtendedSearch::new(Query::subject(text)).count());
    },
    "command/extended_search.rs ExtendedSearch::sequence_numbers" => |text| {
        sent(|| ExtendedSearch::sequence_numbers(Query::subject(text)).save());
    },
    "command/extended_search.rs ExtendedSearch::sorted" => |text| {
        sent(|| ExtendedSearch::new(Query::subject(text)).sorted([SortKey::Date]));
    },
    "command/fetch.rs Fetch::new" => |text| sent(|| Fetch::new(text, Item::Flags)),
    "command/fetch.rs Fetch::by_sequence" => |text| sent(|| Fetch::by_sequence(text, Item::Flags)),
    "command/items.rs Item::section" => |text| {
        if let Ok(section) = text.parse::<Section>() {
            sent(|| Fetch::new("1", Item::section(section.clone())));
        }
    },
    "command/items.rs Items::from_str" => |text| {
        if let Ok(items) = text.parse::<Items>() {
            sent(|| Fetch::new("1", items.clone()));
        }
    },
    "command/list.rs List::new" => |text| sent(|| List::new(text)),
    "command/list.rs List::within" => |text| sent(|| List::new("*").within(text)),
    "command/list.rs List::or" => |text| sent(|| List::new("*").or(text)),
    "command/list.rs Lsub::new" => |text| sent(|| Lsub::new(text)),
    "command/list.rs Lsub::within" => |text| sent(|| Lsub::new("*").within(text)),
    "command/mailbox.rs Select::new" => |text| sent(|| Select::new(text)),
    "command/mailbox.rs Examine::new" => |text| sent(|| Examine::new(text)),
    "command/manage.rs Create::new" => |text| sent(|| Create::new(text)),
    "command/manage.rs $command::new" => |text| {
        sent(|| Delete::new(text));
        sent(|| Subscribe::new(text));
        sent(|| Unsubscribe::new(text));
    },
    "command/manage.rs Rename::new" => |text| {
        sent(|| Rename::new(text, "b"));
        sent(|| Rename::new("a", text));
    },
    "command/manage.rs Status::new" => |text| sent(|| Status::new(text, [StatusItem::Messages])),
    "command/messages.rs $command::new" => |text| {
        sent(|| Copy::new("1", text));
        sent(|| Copy::new(text, "a"));
        sent(|| Move::new("1", text));
        sent(|| Move::new(text, "a"));
    },
    "command/messages.rs $command::by_sequence" => |text| {
        sent(|| Copy::by_sequence("1", text));
        sent(|| Copy::by_sequence(text, "a"));
        sent(|| Move::by_sequence("1", text));
        sent(|| Move::by_sequence(text, "a"));
    },
    "command/messages.rs Expunge::only" => |text| sent(|| Expunge::only(text)),
    "command/metadata.rs GetMetadata::new" => |text| {
        sent(|| GetMetadata::new(text, ["/private/comment"]));
        sent(|| GetMetadata::new("INBOX", [text]));
    },
    "command/metadata.rs GetMetadata::of_server" => |text| sent(|| GetMetadata::of_server([text])),
    "command/metadata.rs SetMetadata::new" => |text| {
        sent(|| SetMetadata::new(text).set("/private/comment", "x"));
    },
    "command/metadata.rs SetMetadata::set" => |text| {
        sent(|| SetMetadata::of_server().set(text, "x"));
        sent(|| SetMetadata::of_server().set("/private/comment", text));
    },
    "command/metadata.rs SetMetadata::remove" => |text| {
        sent(|| SetMetadata::of_server().remove(text));
    },
    "command/notify.rs News::messages_with" => |text| {
        if let Ok(items) = text.parse::<Items>() {
            let news = News::none().messages_with(items);
            sent(|| Notify::set(Watched::Selected, news.clone()));
        }
    },
    "command/quota.rs GetQuota::new" => |text| sent(|| GetQuota::new(text)),
    "command/quota.rs GetQuotaRoot::new" => |text| sent(|| GetQuotaRoot::new(text)),
    "command/quota.rs SetQuota::new" => |text| {
        sent(|| SetQuota::new(text, [(ResourceKind::Storage, 1)]));
    },
    "command/resync.rs Resync::new" => |text| {
        sent(|| Resync::new(text, NonZeroU32::MIN, 1));
    },
    "command/search.rs Search::new" => |text| sent(|| Search::new(Query::text(text))),
    "command/search.rs Search::sequence_numbers" => |text| {
        sent(|| Search::sequence_numbers(Query::any_of([Query::text(text), Query::body(text)])));
    },
    "command/session.rs Enable::new" => |text| sent(|| Enable::new([text])),
    "command/session.rs Id::field" => |text| {
        sent(|| Id::anonymous().field(text, "x"));
        sent(|| Id::anonymous().field("name", text));
    },
    "command/session.rs Login::new" => |text| {
        sent_before_login(|| Login::new(text, Secret::new("x")));
        sent_before_login(|| Login::new("user", Secret::new(text)));
    },
    "command/session.rs ProxyAuth::new" => |text| sent(|| ProxyAuth::new(text)),
    "command/set.rs Numbers::uids" => |text| {
        if let Numbers::Uid(set) = Numbers::uids(text) {
            own(move |out| set.encode(out));
        }
    },
    "command/set.rs Numbers::sequence" => |text| {
        if let Numbers::Sequence(set) = Numbers::sequence(text) {
            own(move |out| set.encode(out));
        }
    },
    "command/sort.rs Sort::new" => |text| sent(|| Sort::new([SortKey::Date], Query::text(text))),
    "command/sort.rs Sort::sequence_numbers" => |text| {
        sent(|| Sort::sequence_numbers([SortKey::Date], Query::text(text)));
    },
    "command/sort.rs Thread::new" => |text| {
        sent(|| Thread::new(ThreadAlgorithm::References, Query::text(text)));
    },
    "command/sort.rs Thread::sequence_numbers" => |text| {
        sent(|| Thread::sequence_numbers(ThreadAlgorithm::References, Query::text(text)));
    },
    "command/store.rs Store::new" => |text| sent(|| Store::new(text, StoreAction::Add, [Flag::Seen])),
    "command/store.rs Store::by_sequence" => |text| {
        sent(|| Store::by_sequence(text, StoreAction::Add, [Flag::Seen]));
    },
    "command/store.rs StoreLabels::new" => |text| {
        sent(|| StoreLabels::new("1", StoreAction::Add, [text]));
    },
    "proto/encoder.rs Encoder::literal8" => |text| {
        let text = text.to_owned();
        own(move |out| out.literal8(text.as_bytes()));
    },
    "proto/encoder.rs Encoder::secret" => |text| {
        let text = text_without_literals(text);
        own(move |out| out.secret(&text));
    },
    "proto/encoder.rs Encoder::secret_astring" => |text| {
        let words = text_without_literals(text);
        own(move |out| out.raw(&words));
        let text = text.to_owned();
        own(move |out| {
            out.secret_astring(&text);
            // What stands for it in every trait of arguments.
            out.raw(" ");
            out.astring(text.as_bytes());
            out.raw(" ");
            out.string(text.as_bytes());
            out.raw(" ");
            out.literal(text.as_bytes());
        });
    },
    "proto/tag.rs TagPrefix::new" => |text| {
        let tag = format!("{:?}", TagPrefix::new(text));
        assert!(!tag.contains(['\r', '\n', '\0', ' ']), "{tag}");
        let mut machine = Machine::new(TagPrefix::new(text), Limits::default());
        let mut octets = Vec::new();
        let greeting = b"* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n";
        converse(&mut machine, &mut Greeting::new(), greeting, &mut octets).unwrap();
        converse(&mut machine, &mut Noop::new(), b"", &mut octets).unwrap();
        one_command(&octets);
        left(&octets);
    },
    "types/acl.rs Rights::new" => |text| {
        if let Some(rights) = Rights::new(text) {
            sent(|| SetAcl::new("INBOX", "user", RightsChange::Replace, rights.clone()));
        }
    },
    "types/date.rs Date::from_str" => |text| {
        if let Ok(date) = text.parse::<Date>() {
            query(&Query::Since(date));
        }
    },
    "types/date.rs DateTime::from_str" => |text| {
        if let Ok(date) = text.parse::<DateTime>() {
            sent(|| Append::new("INBOX", NewMessage::new("x").date(date)));
        }
    },
    "types/flag.rs Flag::keyword" => |text| {
        if let Ok(flag) = Flag::keyword(text) {
            query(&Query::Has(flag));
        }
    },
    "types/flag.rs Flag::from_str" => |text| {
        if let Ok(flag) = text.parse::<Flag>() {
            query(&Query::Lacks(flag.clone()));
            sent(|| Store::new("1", StoreAction::Add, [flag.clone()]));
        }
    },
    "types/flag.rs Flags::insert" => |text| {
        if let Ok(flag) = text.parse::<Flag>() {
            let mut flags = xoauth::imap::Flags::default();
            flags.insert(flag);
            sent(|| Store::new("1", StoreAction::Replace, flags.iter().cloned().collect::<Vec<_>>()));
        }
    },
    "types/mailbox.rs Mailbox::from_wire" => |text| {
        let mailbox = Mailbox::from_wire(text.as_bytes());
        sent(|| Select::new(mailbox.clone()));
        sent(|| List::new("").within(mailbox.clone()));
    },
    "types/mailbox.rs Mailbox::from_utf8_wire" => |text| {
        let mailbox = Mailbox::from_utf8_wire(text.as_bytes());
        sent(|| Select::new(mailbox.clone()));
        sent(|| List::new("").within(mailbox.clone()));
    },
    "types/object_id.rs ObjectId::new" => |text| {
        if let Some(id) = ObjectId::new(text) {
            query(&Query::EmailId(id));
        }
    },
    "types/query.rs Query::subject" => |text| query(&Query::subject(text)),
    "types/query.rs Query::from_contains" => |text| query(&Query::from_contains(text)),
    "types/query.rs Query::to_contains" => |text| query(&Query::to_contains(text)),
    "types/query.rs Query::text" => |text| query(&Query::text(text)),
    "types/query.rs Query::body" => |text| query(&Query::body(text)),
    "types/query.rs Query::header" => |text| {
        query(&Query::header(text, "x"));
        query(&Query::header("Message-ID", text));
        query(&Query::Cc(text.into()));
        query(&Query::Bcc(text.into()));
        query(&Query::GmailRaw(text.into()));
        query(&Query::GmailLabel(text.into()));
    },
    "types/query_text.rs Query::from_str" => |text| {
        if let Ok(parsed) = text.parse::<Query>() {
            query(&parsed);
        }
    },
    "types/section.rs Section::part" => |text| {
        let numbers: Vec<u32> = text.bytes().map(u32::from).collect();
        sent(|| Fetch::new("1", Item::section(Section::part(numbers.clone()))));
    },
    "types/section.rs Section::from_str" => |text| {
        if let Ok(section) = text.parse::<Section>() {
            sent(|| Fetch::new("1", Item::section(section.clone()).partial(0, 9)));
        }
    },
    "types/set.rs Set::from_str" => |text| {
        if let Ok(set) = text.parse::<UidSet>() {
            query(&Query::Uid(set.clone()));
            sent(|| Expunge::only(set.clone()));
        }
        if let Ok(set) = text.parse::<SeqSet>() {
            query(&Query::Seq(set));
        }
    },
}

/// `raw` takes words of the protocol, and these may announce a literal: whoever writes `{5}` there means it.
fn text_without_literals(text: &str) -> String {
    text.replace(['{', '}'], "")
}
