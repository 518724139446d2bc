//! Whatever text commands are given, what leaves is one command: neither a line end nor a NUL stands outside of a
//! literal, and a NUL only in one that may hold it.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::task::{Context, Waker};

use proptest::prelude::*;
use xoauth_imap::command::*;
use xoauth_imap::proto::{Command, Exchange, Machine, TagPrefix};
use xoauth_imap::sasl::oauth1::Secret;
use xoauth_imap::sasl::wire::{Conversation, Want};
use xoauth_imap::{
    Error, Flag, Limits, Mailbox, Query, ResourceKind, Rights, Section, SpecialUse, StatusItem,
};

/// What a server reads: lines, and literals where the line before announces one.
#[derive(Debug, Default)]
struct Reader {
    line: Vec<u8>,
    /// Octets of a literal that are to come, and whether they may be 0.
    literal: Option<(usize, bool)>,
    complete: bool,
}

impl Reader {
    /// Takes what was written; true where the server must say `+` now.
    fn take(&mut self, octets: &[u8]) -> bool {
        let mut waits = false;
        for &octet in octets {
            assert!(!waits, "more was written before the server agreed");
            if let Some((left, zeros)) = &mut self.literal {
                assert!(octet != 0 || *zeros, "a NUL in a literal");
                *left -= 1;
                if *left == 0 {
                    self.literal = None;
                }
                continue;
            }
            assert!(!self.complete, "something behind the command");
            assert_ne!(octet, 0, "a NUL in a line");
            self.line.push(octet);
            let Some(text) = self.line.strip_suffix(b"\r\n") else { continue };
            assert!(!text.contains(&b'\r') && !text.contains(&b'\n'), "a line end in a line");
            match announced(text) {
                None => self.complete = true,
                Some((len, zeros, synchronising)) => {
                    self.literal = (len > 0).then_some((len, zeros));
                    waits = synchronising;
                }
            }
            self.line.clear();
        }
        waits
    }
}

/// `{n}`, `{n+}` or `~{n}` at the end of a line: octets, whether they may be 0, whether the client waits.
fn announced(line: &[u8]) -> Option<(usize, bool, bool)> {
    let text = std::str::from_utf8(line).ok()?.strip_suffix('}')?;
    let (before, number) = text.rsplit_once('{')?;
    // A quoted string ends in a quotation mark.
    let digits = number.trim_end_matches('+');
    Some((digits.parse().ok()?, before.ends_with('~'), digits == number))
}

/// Every command that takes text, with two texts.
fn command(choice: usize, a: &str, b: &str) -> Option<Box<dyn Exchange>> {
    fn boxed<C: Command + 'static>(command: C) -> Option<Box<dyn Exchange>> {
        Some(Box::new(command.even_if_unlisted()))
    }
    let search = |query: Query| boxed(Search::new(query));
    let message = || NewMessage::new(a).flags([Flag::Seen]);
    match choice {
        0 => boxed(Append::new(b, message())),
        1 => boxed(Append::new(b, message().binary()).and(NewMessage::new(b).utf8())),
        2 => boxed(Create::new(a).special_use(SpecialUse::Sent)),
        3 => boxed(Delete::new(a)),
        4 => boxed(Rename::new(a, b)),
        5 => boxed(Subscribe::new(a)),
        6 => boxed(Unsubscribe::new(a)),
        7 => boxed(List::new(a).within(b).or(b).select(ListSelect::Subscribed)),
        8 => boxed(Lsub::new(a).within(b)),
        9 => boxed(Status::new(a, [StatusItem::Messages])),
        10 => boxed(Select::new(a)),
        11 => boxed(Examine::new(a).condstore()),
        12 => boxed(Resync::new(a, std::num::NonZeroU32::MIN, 1)),
        13 => search(Query::subject(a) & !Query::from_contains(b)),
        14 => search(Query::header(a, b)),
        15 => search(Query::GmailRaw(a.into()) | Query::GmailLabel(b.into())),
        16 => boxed(ExtendedSearch::new(Query::text(a)).all().sorted([SortKey::Date])),
        17 => boxed(Sort::new([SortKey::Subject.reversed()], Query::body(a))),
        18 => boxed(Thread::new(ThreadAlgorithm::References, Query::to_contains(a))),
        19 => boxed(Fetch::new("1", Section::HeaderFields(vec![a.into(), b.into()]))),
        20 => boxed(Copy::new("1", a)),
        21 => boxed(Move::new("1", a)),
        22 => boxed(SetAcl::new(a, b, RightsChange::Add, Rights::new("lr")?)),
        23 => boxed(DeleteAcl::new(a, b)),
        24 => boxed(GetAcl::new(a)),
        25 => boxed(ListRights::new(a, b)),
        26 => boxed(MyRights::new(a)),
        27 => boxed(GetQuota::new(a)),
        28 => boxed(GetQuotaRoot::new(a)),
        29 => boxed(SetQuota::new(a, [(ResourceKind::Storage, 1)])),
        30 => boxed(GetMetadata::new(a, [b, "/private/comment"])),
        31 => boxed(SetMetadata::new(a).set("/private/comment", b).remove(b)),
        32 => boxed(SetMetadata::of_server().set(a, b)),
        33 => boxed(Id::anonymous().field(a, b)),
        34 => boxed(Login::new(a, Secret::new(b))),
        35 => boxed(ProxyAuth::new(a)),
        36 => boxed(Enable::new([a, b])),
        37 => boxed(Custom::new(a).text(b)),
        38 => boxed(Custom::new("X").atom(a)),
        39 => boxed(Custom::new("X").open().mailbox(a).text(b).close().flags([Flag::Draft])),
        40 => boxed(StoreLabels::new("1", StoreAction::Add, [a, b])),
        41 => boxed(Notify::set(Watched::Mailboxes(vec![Mailbox::from(a)]), News::none().names())),
        42 => boxed(Fetch::new(a, Item::Uid)),
        43 => boxed(Store::new("1", StoreAction::Add, a.parse::<Flag>().ok())),
        44 => boxed(Replace::by_sequence(std::num::NonZeroU32::MIN.into(), a, message())),
        45 => search(a.parse().ok()?),
        46 => boxed(Fetch::new("1", a.parse::<Section>().ok()?)),
        47 => boxed(Fetch::new("1", a.parse::<Items>().ok()?)),
        _ => None,
    }
}

const COMMANDS: usize = 48;

fn hear(machine: &mut Machine, octets: &[u8]) {
    machine.read_buffer()[..octets.len()].copy_from_slice(octets);
    machine.received(octets.len());
}

/// Writes the command to a server; what it is refused with is text fit to be shown.
fn write(capabilities: &str, utf8: bool, command: &mut dyn Exchange) -> Result<(), Error> {
    let mut machine = Machine::new(TagPrefix::new("t"), Limits::default());
    let mut greeting = Greeting::new();
    machine.start(&mut [&mut greeting])?;
    hear(&mut machine, format!("* OK [CAPABILITY IMAP4rev1 {capabilities}] hi\r\n").as_bytes());
    assert!(matches!(machine.poll(&mut [&mut greeting])?, Want::Done));
    let mut tag = 1;
    if utf8 {
        let mut enable = Enable::new(["UTF8=ACCEPT"]).even_if_unlisted();
        machine.start(&mut [&mut enable])?;
        hear(&mut machine, b"* ENABLED UTF8=ACCEPT\r\n");
        loop {
            match machine.poll(&mut [&mut enable])? {
                Want::Write(octets) => {
                    let n = octets.len();
                    machine.written(n);
                }
                Want::Read => hear(&mut machine, b"xt1 OK done\r\n"),
                _ => break,
            }
        }
        tag = 2;
    }
    machine.start(&mut [&mut *command])?;
    let mut reader = Reader::default();
    let mut waits = false;
    loop {
        let mut exchanges: [&mut dyn Exchange; 1] = [&mut *command];
        let mut conversation = machine.converse(&mut exchanges);
        match conversation.poll()? {
            Want::Write(octets) => {
                let n = octets.len();
                waits = reader.take(octets);
                conversation.written(n);
            }
            Want::Read => {
                let answer = if waits { "+ go\r\n".into() } else { format!("xt{tag} OK done\r\n") };
                assert!(waits || reader.complete, "the client waits inside a command: {reader:?}");
                waits = false;
                conversation.read_buffer()[..answer.len()].copy_from_slice(answer.as_bytes());
                conversation.received(answer.len());
            }
            Want::Body => {
                let mut cx = Context::from_waker(Waker::noop());
                assert!(conversation.poll_body(&mut cx)?.is_ready());
            }
            Want::Done => return Ok(()),
            want => panic!("{want:?}"),
        }
    }
}

/// Text with what could end a command, begin another or open a literal.
fn text() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        '\r', '\n', '\0', '"', '\\', '{', '}', '+', '(', ')', '[', ']', '*', '%', '&', '-', ' ',
        '~', '5', 'a', 'Z', '/', ':', '\u{7f}', 'ü', '\u{2028}', '日', '😀',
    ]);
    let character = prop_oneof![4 => odd, 1 => any::<char>()];
    let short = prop::collection::vec(character, 0..24).prop_map(String::from_iter);
    let long = (0_usize..3000).prop_map(|n| "x\r\n".repeat(n / 3) + &"y".repeat(n));
    let whole = prop::sample::select(vec!["NIL", "INBOX", "/private/x", "1:*", "FROM \"a\""]);
    prop_oneof![8 => short, 1 => long, 1 => whole.prop_map(String::from)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn one_command_leaves_or_none(
        choice in 0..COMMANDS,
        a in text(),
        b in text(),
        capabilities in prop::sample::select(vec!["", "LITERAL+", "LITERAL-", "IMAP4rev2"]),
        utf8: bool,
    ) {
        if let Some(mut command) = command(choice, &a, &b) {
            if let Err(error) = write(capabilities, utf8, &mut *command) {
                prop_assert!(!error.is_fatal(), "{error:?}");
                let shown = format!("{error} {error:?}");
                prop_assert!(!shown.contains(['\r', '\n', '\0', '\x7f']), "{shown:?}");
            }
        }
    }
}

#[test]
fn each_command_is_among_them() {
    for choice in 0..COMMANDS {
        // Texts that each of them can send.
        let (a, b) = match choice {
            30 | 31 => ("a", "/private/x"),
            32 => ("/private/x", "b"),
            42 => ("1:*", ""),
            45 => ("FROM a", ""),
            46 => ("HEADER", ""),
            47 => ("(UID FLAGS)", ""),
            _ => ("a", "b"),
        };
        let mut command = command(choice, a, b).unwrap();
        if let Err(error) = write("LITERAL+", false, &mut *command) {
            panic!("{choice}: {error}");
        }
    }
    assert!(command(COMMANDS, "a", "b").is_none());
}
