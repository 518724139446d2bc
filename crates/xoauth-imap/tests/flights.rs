//! Which commands share a flight, RFC 9051 5.5: what was written before the first answer is asked for.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod transcript;

use transcript::{Peer, dialogue, play};
use xoauth_imap::command::*;
use xoauth_imap::proto::Exchange;
use xoauth_imap::sasl::wire::Want;
use xoauth_imap::{Error, Flag, Query, ResourceKind, Rights, SeqNo, Uid, UidSet};

/// Everything is offered, and a mailbox is selected.
const SELECTED: &str = "S: * OK [CAPABILITY IMAP4rev1 MOVE UIDPLUS ESEARCH ESORT SORT SEARCHRES \
    CONDSTORE THREAD=REFERENCES ACL QUOTA METADATA NAMESPACE ID LITERAL+ REPLACE LIST-MYRIGHTS \
    LIST-EXTENDED X-GM-EXT-1] ready
    C: xt1 SELECT INBOX
    S: * 10 EXISTS
    S: xt1 OK done\n";

fn select(peer: &mut Peer) -> Result<(), Error> {
    peer.run(Greeting::new())?;
    peer.run(Select::new("INBOX")).map(drop)
}

/// How many commands each flight holds, a server answering each flight once all of it was written.
fn flights(mut commands: Vec<Box<dyn Exchange>>) -> Vec<usize> {
    let mut peer = Peer::whole(&dialogue(SELECTED));
    select(&mut peer).unwrap();
    let mut exchanges: Vec<&mut dyn Exchange> = Vec::new();
    for command in &mut commands {
        exchanges.push(&mut **command);
    }
    let machine = &mut peer.machine;
    machine.start(&mut exchanges).unwrap();
    let (mut flights, mut written, mut answered) = (Vec::new(), Vec::new(), 0);
    loop {
        match machine.poll(&mut exchanges).unwrap() {
            Want::Write(octets) => {
                let n = octets.len();
                written.extend_from_slice(octets);
                machine.written(n);
            }
            Want::Read => {
                let text = String::from_utf8(std::mem::take(&mut written)).unwrap();
                let tags = text.lines().filter(|line| line.starts_with("xt"));
                let tags: Vec<_> = tags.map(|line| line.split(' ').next().unwrap()).collect();
                assert!(!tags.is_empty(), "nothing was asked");
                answered += tags.len();
                flights.push(tags.len());
                let answer: String = tags.iter().map(|tag| format!("{tag} OK done\r\n")).collect();
                machine.read_buffer()[..answer.len()].copy_from_slice(answer.as_bytes());
                machine.received(answer.len());
            }
            Want::Body => {
                let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
                assert!(machine.poll_body(&mut exchanges, &mut cx).is_ready());
            }
            Want::Done => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(answered, commands.len());
    flights
}

/// Boxes commands of different kinds.
macro_rules! flights {
    ($($command:expr),+ $(,)?) => { flights(vec![$(Box::new($command) as Box<dyn Exchange>),+]) };
}

fn fetch(set: &str) -> Fetch {
    Fetch::new(set, Item::Flags)
}

fn store(set: &str) -> Store {
    Store::new(set, StoreAction::Add, [Flag::Seen])
}

fn numbered_fetch(set: &str) -> Fetch {
    Fetch::by_sequence(set, Item::Flags)
}

fn numbered_store(set: &str) -> Store {
    Store::by_sequence(set, StoreAction::Add, [Flag::Seen])
}

fn search() -> Search {
    Search::new(Query::All)
}

#[test]
fn the_examples_of_the_rfc_are_followed() {
    // RFC 9051, 5.5: sequences that are valid without waiting.
    let search = || Search::sequence_numbers(Query::All);
    assert_eq!(flights![numbered_fetch("1"), numbered_store("2"), search(), Noop::new()], [4]);
    let copy = || Copy::by_sequence("1", "x");
    assert_eq!(flights![numbered_store("1"), copy(), Expunge::new()], [3]);
    // And those that are not: behind a command that may renumber, nothing is told by its number.
    assert_eq!(flights![numbered_fetch("1"), Noop::new(), numbered_store("1")], [2, 1]);
    assert_eq!(flights![numbered_store("1"), copy(), numbered_fetch("1")], [2, 1]);
    assert_eq!(flights![copy(), copy()], [1, 1]);
    assert_eq!(flights![Check::new(), numbered_fetch("1")], [1, 1]);
    // UID SEARCH depends on what it searches.
    let numbers = || Search::new(Query::Seq("1:5".parse().unwrap()));
    assert_eq!(flights![fetch("7"), numbers()], [1, 1]);
    assert_eq!(flights![fetch("7"), Search::new(Query::All)], [2]);
}

#[test]
fn answers_that_name_messages_exclude_those_about_the_same() {
    assert_eq!(flights![fetch("1:5"), store("6"), fetch("7:9")], [3]);
    assert_eq!(flights![fetch("1:5"), store("5")], [1, 1]);
    assert_eq!(flights![fetch("1:5"), fetch("$")], [1, 1]);
    assert_eq!(flights![fetch("7"), numbered_fetch("1")], [1, 1]);
    assert_eq!(flights![numbered_fetch("1"), fetch("7")], [1, 1]);
    let conditional = || store("5").unchanged_since(7);
    assert_eq!(flights![fetch("5"), conditional(), fetch("6")], [1, 2]);
    let labels = |set: &str| StoreLabels::new(set, StoreAction::Add, ["a"]);
    assert_eq!(flights![labels("1"), labels("2"), labels("2")], [2, 1]);
}

#[test]
fn copies_are_told_apart_by_their_originals() {
    assert_eq!(flights![Copy::new("1:5", "x"), Copy::new("6", "y"), Copy::new("5", "z")], [2, 1]);
    // What is copied may be read and changed in the same flight.
    assert_eq!(flights![store("1:5"), Copy::new("1:5", "x"), fetch("6")], [3]);
    // The numbers in EXPUNGE do not tell which MOVE they belong to.
    assert_eq!(flights![Move::new("1", "x"), Move::new("2", "y")], [1, 1]);
    assert_eq!(flights![Move::new("1", "x"), Copy::new("2", "y"), fetch("3")], [3]);
    assert_eq!(flights![Move::new("1", "x"), Expunge::only("2")], [1, 1]);
    assert_eq!(flights![Expunge::only("1"), Expunge::only("2")], [1, 1]);
}

#[test]
fn a_tag_tells_whose_an_answer_is() {
    let count = || ExtendedSearch::new(Query::All).count();
    assert_eq!(flights![count(), count(), count()], [3]);
    let sorted = || count().sorted([SortKey::Date]);
    assert_eq!(flights![count(), sorted(), count()], [3]);
    // A server may answer with SEARCH or SORT all the same.
    assert_eq!(flights![count(), search()], [1, 1]);
    assert_eq!(flights![search(), count()], [1, 1]);
    let sort = || Sort::new([SortKey::Date], Query::All);
    assert_eq!(flights![sorted(), sort(), sort()], [1, 1, 1]);
    assert_eq!(flights![sort(), search(), count().sorted([SortKey::Date])], [2, 1]);
    let thread = || Thread::new(ThreadAlgorithm::References, Query::All);
    assert_eq!(flights![thread(), sort(), search(), fetch("1"), thread()], [4, 1]);
    // What a search keeps is there for the command behind it (RFC 5182, 2.3).
    assert_eq!(flights![count().save(), fetch("$")], [2]);
    let numbers = || Query::Seq("1".parse().unwrap());
    assert_eq!(flights![ExtendedSearch::new(numbers()).count(), count()], [1, 1]);
    assert_eq!(flights![ExtendedSearch::sequence_numbers(Query::All), count()], [1, 1]);
    assert_eq!(flights![Sort::new([SortKey::Date], numbers()), count()], [1, 1]);
}

#[test]
fn a_mailbox_tells_whose_an_answer_is() {
    let rights = || Rights::new("lr").unwrap();
    assert_eq!(
        flights![
            GetAcl::new("a"),
            GetAcl::new("b"),
            MyRights::new("a"),
            MyRights::new("b"),
            ListRights::new("a", "user"),
            GetMetadata::new("a", ["/private/comment"]),
            SetAcl::new("a", "user", RightsChange::Add, rights()),
            DeleteAcl::new("b", "user"),
            SetMetadata::new("b").remove("/private/comment"),
            Subscribe::new("a"),
            Create::new("c"),
            Rename::new("c", "d"),
            Delete::new("d"),
            Unsubscribe::new("d"),
        ],
        [14]
    );
    assert_eq!(flights![GetAcl::new("a"), GetAcl::new("A")], [1, 1]);
    assert_eq!(flights![ListRights::new("a", "x"), ListRights::new("a", "y")], [1, 1]);
    let listed = || List::all().returning(ListReturn::MyRights);
    assert_eq!(flights![MyRights::new("a"), listed()], [1, 1]);
    assert_eq!(flights![listed(), List::all()], [1, 1]);
}

#[test]
fn what_says_not_whose_it_is_goes_one_by_one() {
    let set = || SetQuota::new("", [(ResourceKind::Storage, 1)]);
    assert_eq!(flights![GetQuota::new(""), set(), GetQuotaRoot::new("INBOX")], [1, 1, 1]);
    assert_eq!(flights![Namespace::new(), Id::anonymous(), List::all(), Lsub::all()], [4]);
    assert_eq!(flights![Id::anonymous(), Id::anonymous()], [1, 1]);
    let uid = |n: u32| Uid::from(std::num::NonZeroU32::new(n).unwrap());
    let replace = |n| Replace::new(uid(n), "x", "m");
    assert_eq!(flights![replace(1), fetch("2"), replace(3)], [2, 1]);
    let by_number = Replace::by_sequence(SeqNo::from(std::num::NonZeroU32::MIN), "x", "m");
    assert_eq!(flights![by_number, Noop::new()], [1, 1]);
}

#[test]
fn what_changes_the_meaning_of_what_follows_is_alone() {
    assert_eq!(flights![Noop::new(), Select::new("a"), fetch("1"), Close::new()], [1, 1, 1, 1]);
    assert_eq!(flights![Noop::new(), Custom::new("X"), Noop::new()], [1, 1, 1]);
}

#[test]
fn one_that_cannot_be_sent_fails_alone() {
    let is_invalid = |error: &Error| matches!(error, Error::InvalidNumbers(_));
    let mut peer = Peer::whole(&dialogue(&format!("{SELECTED}C: xt2 NOOP\nS: xt2 OK done\n")));
    select(&mut peer).unwrap();
    let (mut wrong, mut noop) = (fetch("no set"), Noop::new());
    // By itself it is not begun; its tag is there for the next.
    assert!(is_invalid(&peer.machine.start(&mut [&mut wrong]).unwrap_err()));
    assert_eq!((peer.machine.in_flight(), peer.machine.is_busy()), (0, false));
    peer.run(Noop::new()).unwrap();
    // With others it has its fault, and they are sent.
    peer.machine.start(&mut [&mut wrong, &mut noop]).unwrap();
    assert!(is_invalid(&peer.machine.outcome(0).unwrap_err()));
    assert!(peer.machine.is_busy());
    let want = peer.machine.poll(&mut [&mut wrong, &mut noop]).unwrap();
    assert!(matches!(want, Want::Write(b"xt4 NOOP\r\n")), "{want:?}");
}

#[test]
fn capabilities_that_are_unknown_are_asked_for_before_anything_is_sent() {
    let text = "S: * OK ready\nC: xt1 SELECT a\nS: xt1 OK done\n";
    let mut peer = Peer::whole(&dialogue(text));
    peer.run(Greeting::new()).unwrap();
    let (mut id, mut other) = (Id::anonymous(), Noop::new());
    for is_first in [true, false] {
        let exchanges: &mut [&mut dyn Exchange] =
            if is_first { &mut [&mut id, &mut other] } else { &mut [&mut other, &mut id] };
        let begun = peer.machine.start(exchanges);
        assert!(matches!(begun, Err(Error::CapabilitiesUnknown)), "{begun:?}");
        assert!(!peer.machine.is_busy());
    }
    // Behind a command that was answered it is too late to ask: this one fails, and the session goes on.
    let mut select = Select::new("a");
    let exchanges: &mut [&mut dyn Exchange] = &mut [&mut select, &mut id];
    peer.machine.start(exchanges).unwrap();
    peer.drive(exchanges).unwrap();
    assert!(peer.machine.outcome(0).is_ok() && peer.machine.is_usable());
    assert!(matches!(peer.machine.outcome(1), Err(Error::CapabilitiesUnknown)));
}

#[test]
fn many_messages_are_stored_in_one_flight() {
    let append = |text: &'static str| Append::new("INBOX", text);
    assert_eq!(flights![append("a"), append("b"), append("c"), search()], [4]);
    // Where each literal waits for the server's leave, the others wait behind it.
    let text = "S: * OK [CAPABILITY IMAP4rev1] ready
        C: xt1 APPEND a () {3}
        S: + go
        C: one
        C: xt2 APPEND b () {3}
        S: xt1 OK [APPENDUID 1 7] done
        S: xt2 NO [TRYCREATE] no
        C: xt3 APPEND c () {5}
        S: + go
        C: three
        S: xt3 OK done\n";
    let stored = play(text, |peer| {
        peer.run(Greeting::new())?;
        let append = |mailbox: &str, text: &'static str| Append::new(mailbox, text);
        let mut commands = vec![append("a", "one"), append("b", "two"), append("c", "three")];
        let mut exchanges = commands.exchanges();
        peer.machine.start(&mut exchanges)?;
        peer.drive(&mut exchanges)?;
        drop(exchanges);
        let stored = commands.conclude(&mut |index| peer.machine.outcome(index))?;
        Ok(stored.iter().map(|stored| format!("{:?}", stored.is_ok())).collect::<Vec<_>>())
    });
    assert_eq!(stored.unwrap(), ["true", "false", "true"]);
}

#[test]
fn each_copy_hears_of_its_own() {
    // Some servers tell COPYUID before the tagged answer.
    let text = format!(
        "{SELECTED}C: xt2 UID COPY 1:3 x
         C: xt3 UID COPY 7 y
         S: * OK [COPYUID 1 7 70] copied
         S: * OK [COPYUID 2 1,3 10:11] copied
         S: xt2 OK done
         S: xt3 OK done\n"
    );
    let copied = play(&text, |peer| {
        select(peer)?;
        let mut commands = vec![Copy::new("1:3", "x"), Copy::new("7", "y")];
        let mut exchanges = commands.exchanges();
        peer.machine.start(&mut exchanges)?;
        peer.drive(&mut exchanges)?;
        drop(exchanges);
        let copied = commands.conclude(&mut |index| peer.machine.outcome(index))?;
        let validity = |copied: Result<Option<xoauth_imap::CopyUid>, Error>| {
            copied.ok().flatten().map(|copied| copied.uid_validity.get())
        };
        Ok(copied.into_iter().map(validity).collect::<Vec<_>>())
    });
    assert_eq!(copied.unwrap(), [Some(2), Some(1)]);
}

#[test]
fn messages_of_a_kept_search_are_read() {
    let text = format!(
        "{SELECTED}C: xt2 UID SEARCH RETURN (SAVE) UNSEEN
         C: xt3 UID FETCH $ (UID FLAGS)
         S: * ESEARCH (TAG \"xt2\") UID
         S: xt2 OK done
         S: * 4 FETCH (UID 9 FLAGS ())
         S: xt3 OK done\n"
    );
    let read = play(&text, |peer| {
        select(peer)?;
        let save = ExtendedSearch::new(Query::unseen()).save();
        let items = [Item::Uid, Item::Flags];
        let mut commands = (save, Fetch::new(UidSet::saved_search(), items));
        let mut exchanges = commands.exchanges();
        peer.machine.start(&mut exchanges)?;
        peer.drive(&mut exchanges)?;
        drop(exchanges);
        let (_, read) = commands.conclude(&mut |index| peer.machine.outcome(index))?;
        read.map(|read| read.len())
    });
    assert_eq!(read.unwrap(), 1);
    // Another session has not kept it.
    assert!(!Fetch::new("$", Item::Uid).is_repeatable());
    assert!(!Search::new(Query::Uid(UidSet::saved_search())).is_repeatable());
    assert!(
        Search::new(Query::All).is_repeatable() && Fetch::new("1:*", Item::Uid).is_repeatable()
    );
    assert!(!Search::new(Query::Seq("1".parse().unwrap())).is_repeatable());
}
