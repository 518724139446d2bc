//! What searches ask and hear: SEARCH with options, SORT, THREAD, and what their keys need.
#![allow(
    missing_docs,
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::indexing_slicing
)]

mod transcript;

use std::num::NonZeroU32;

use transcript::{Peer, needs, play, refused, told};
use xoauth_imap::command::*;
use xoauth_imap::proto::Command;
use xoauth_imap::{Date, Error, Event, Flag, ObjectId, Query, SeqNo, SeqSet, Uid, UidSet};

fn numbers<N: xoauth_imap::Number>(numbers: impl IntoIterator<Item = N>) -> Vec<u32> {
    numbers.into_iter().map(|number| Into::<NonZeroU32>::into(number).get()).collect()
}

#[test]
fn a_search_tells_what_is_asked_for() {
    // RFC 4731, 3.1 and 3.2.
    let text = "C: xt2 UID SEARCH RETURN (MIN COUNT) FLAGGED SINCE 1-Feb-1994
         S: * ESEARCH (TAG \"another\") UID MIN 9
         S: * ESEARCH (TAG \"xt2\") UID MIN 2 COUNT 3
         S: xt2 OK SEARCH completed\n";
    let query = || Query::Has(Flag::Flagged) & Query::Since(Date::new(1994, 2, 1).unwrap());
    let search = || ExtendedSearch::new(query()).min().count();
    let found = told("ESEARCH", text, search).unwrap();
    assert_eq!((found.min.map(Uid::get), found.count, found.max), (Some(2), Some(3), None));
    needs("ESEARCH", search);
    let text = "C: xt2 SEARCH RETURN () FLAGGED
         S: * ESEARCH (TAG \"xt2\") ALL 2,10:11 MODSEQ 917162500
         S: xt2 OK SEARCH completed\n";
    let flagged = || Query::Has(Flag::Flagged);
    let found = told("ESEARCH", text, || ExtendedSearch::sequence_numbers(flagged())).unwrap();
    let all = found.all.as_ref().unwrap();
    assert_eq!((all.count(), found.mod_seq), (3, Some(917_162_500)));
    assert_eq!(numbers(all.iter()), [2, 10, 11]);
    assert_eq!(found.to_set().unwrap().to_string(), "2,10:11");
    // Nothing found.
    let text = "C: xt2 UID SEARCH RETURN (ALL MAX) FLAGGED
         S: * ESEARCH (TAG \"xt2\") UID
         S: xt2 OK SEARCH completed\n";
    let found = told("ESEARCH", text, || ExtendedSearch::new(flagged()).all().max()).unwrap();
    assert!(found.all.is_none() && found.to_set().is_none());
    // A server that answers as it always did.
    let text = "C: xt2 UID SEARCH RETURN (ALL) FLAGGED
         S: * SEARCH 2 84 882
         S: xt2 OK SEARCH completed\n";
    let found = told("ESEARCH", text, || ExtendedSearch::new(flagged()).all().all()).unwrap();
    assert_eq!(numbers(found.all.unwrap().iter()), [2, 84, 882]);
}

/// RFC 4731 3.1: `UID` tells which numbers they are. Who took the one kind for the other would change other messages.
#[test]
fn numbers_of_the_other_kind_are_no_answer() {
    let answers = ["ALL 1:3", "MIN 2 COUNT 3", "MAX 9", "PARTIAL (1:10 4,6)"];
    let options = |uid: &str| format!("{uid}SEARCH RETURN (ALL) ALL");
    for answer in answers {
        for (asked, told_by) in [("UID ", ""), ("", "UID ")] {
            let text = |command: String| {
                format!(
                    "C: xt2 {command}\nS: * ESEARCH (TAG \"xt2\") {told_by}{answer}\nS: xt2 OK done\n"
                )
            };
            let is_uid = !asked.is_empty();
            let extended = text(options(asked));
            let plain = text(format!("{asked}SEARCH ALL"));
            let errors = if is_uid {
                let search = || ExtendedSearch::new(Query::All).all();
                [first("ESEARCH", &extended, search()), first("", &plain, Search::new(Query::All))]
            } else {
                let search = || ExtendedSearch::sequence_numbers(Query::All).all();
                let plainly = Search::sequence_numbers(Query::All);
                [first("ESEARCH", &extended, search()), first("", &plain, plainly)]
            };
            for error in errors {
                assert!(
                    matches!(error, Some(Error::Malformed { .. })),
                    "{asked}{answer}: {error:?}"
                );
            }
        }
    }
    // Cyrus 2.4 leaves it out where nothing was found.
    let text = "C: xt2 UID SEARCH RETURN (COUNT) ALL\nS: * ESEARCH (TAG \"xt2\") COUNT 0\nS: xt2 OK done\n";
    let found = told("ESEARCH", text, || ExtendedSearch::new(Query::All).count()).unwrap();
    assert_eq!(found.count, Some(0));
}

/// The error of a command that ends the session.
fn first<C: Command>(capabilities: &str, text: &str, command: C) -> Option<Error> {
    let text = format!(
        "S: * OK [CAPABILITY IMAP4rev1 {capabilities}] ready\nC: xt1 SELECT INBOX\nS: xt1 OK done\n{text}"
    );
    let ended = Peer::first_error(&text, |peer| {
        peer.run(Greeting::new())?;
        peer.run(Select::new("INBOX"))?;
        peer.run(command).map(drop)
    });
    ended.err()
}

#[test]
fn ranges_stay_ranges() {
    let text = "C: xt2 UID SEARCH RETURN (ALL) ALL
         S: * ESEARCH (TAG \"xt2\") UID ALL 1:4294967295
         S: xt2 OK SEARCH completed\n";
    let found = told("ESEARCH", text, || ExtendedSearch::new(Query::All).all()).unwrap();
    assert_eq!(found.all.as_ref().unwrap().count(), 4_294_967_295);
    assert_eq!(found.to_set().unwrap().to_string(), "1:4294967295");
    // Where numbers were asked for one by one, a range of all there can be is an attack.
    let error = told("IMAP4rev2", &text.replace(" RETURN (ALL)", ""), || Search::new(Query::All));
    assert!(matches!(error, Err(Error::Limit { .. })));
    let text = "C: xt2 UID SEARCH ALL
         S: * ESEARCH (TAG \"xt2\") UID ALL 1:3,7
         S: xt2 OK SEARCH completed\n";
    assert_eq!(numbers(told("IMAP4rev2", text, || Search::new(Query::All)).unwrap()), [1, 2, 3, 7]);
}

#[test]
fn a_search_is_kept_for_the_next_command() {
    // RFC 5182, 2.1 to 2.4.
    let text = "S: * OK [CAPABILITY IMAP4rev1 ESEARCH SEARCHRES] ready
         C: xt1 SELECT INBOX
         S: xt1 OK done
         C: xt2 UID SEARCH RETURN (COUNT SAVE) UNSEEN
         S: * ESEARCH (TAG \"xt2\") UID COUNT 2
         S: xt2 OK done
         C: xt3 UID COPY $ x
         S: xt3 OK done
         C: xt4 UID SEARCH UID $ UNDELETED
         S: * SEARCH 5
         S: xt4 OK done\n";
    let found = play(text, |peer| {
        peer.run(Greeting::new())?;
        peer.run(Select::new("INBOX"))?;
        let found = peer.run(ExtendedSearch::new(Query::unseen()).count().save())?;
        peer.run(Copy::new(UidSet::saved_search(), "x"))?;
        let rest = Query::Uid(UidSet::saved_search()) & Query::Lacks(Flag::Deleted);
        Ok((found.count, numbers(peer.run(Search::new(rest))?)))
    });
    assert_eq!(found.unwrap(), (Some(2), vec![5]));
    needs("SEARCHRES", || Copy::new("$", "x"));
    needs("SEARCHRES", || Search::new(Query::from(SeqSet::saved_search())));
    let save = || ExtendedSearch::new(Query::All).save();
    assert_eq!(
        refused("ESEARCH", save),
        "SEARCH with options needs SEARCHRES, which the server does not offer"
    );
    let both = || "1".parse::<UidSet>().unwrap().union(&UidSet::saved_search());
    assert_eq!(
        refused("SEARCHRES", || Copy::new(both(), "x")),
        "invalid message numbers: expected $ alone, or numbers alone"
    );
    assert_eq!(
        refused("SEARCHRES", || Search::new(Query::Uid(both()))),
        "invalid query: expected $ alone, or numbers alone"
    );
}

#[test]
fn a_part_of_what_was_found_is_told() {
    // RFC 9394, 3.1 and 3.3.
    let text = "C: xt2 UID SEARCH RETURN (PARTIAL -1:-100) UNDELETED
         S: * ESEARCH (TAG \"xt2\") UID PARTIAL (-1:-100 200:250,252:300)
         S: xt2 OK done\n";
    let search = || ExtendedSearch::new(Query::Lacks(Flag::Deleted)).partial(-1, -100);
    let part = told("ESEARCH PARTIAL", text, search).unwrap().partial.unwrap();
    assert_eq!((part.places, part.numbers.count()), ((-1, -100), 100));
    let text = "C: xt2 UID SEARCH RETURN (PARTIAL 23500:24000) ALL
         S: * ESEARCH (TAG \"xt2\") UID PARTIAL (23500:24000 NIL)
         S: xt2 OK done\n";
    let search = || ExtendedSearch::new(Query::All).partial(23_500, 24_000);
    let part = told("ESEARCH PARTIAL", text, search).unwrap().partial.unwrap();
    assert!(part.numbers.is_empty());
    // RFC 5267 knows places from the beginning, for searches and sorted ones, each with a capability of its own.
    let from_end = || ExtendedSearch::new(Query::All).partial(-1, -2);
    let error = refused("ESEARCH CONTEXT=SEARCH", from_end);
    assert_eq!(error, "SEARCH with options needs PARTIAL, which the server does not offer");
    let sorted = || ExtendedSearch::new(Query::All).sorted([SortKey::Date]).partial(1, 2);
    let error = refused("ESORT SORT CONTEXT=SEARCH", sorted);
    assert!(error.contains("PARTIAL or CONTEXT=SORT"), "{error}");
    let both = refused("ESEARCH PARTIAL", || from_end().all());
    assert!(both.ends_with("expected either a part or all (RFC 9394, 3.1)"), "{both}");
    for (from, to) in [(0, 1), (-1, 1), (1, 5_000_000_000), (i64::MIN, i64::MIN)] {
        let error =
            refused("ESEARCH PARTIAL", || ExtendedSearch::new(Query::All).partial(from, to));
        assert!(error.contains(": expected two places"), "{error}");
    }
    let text = "C: xt2 UID FETCH 25900:26600 (UID FLAGS) (PARTIAL -1:-100 CHANGEDSINCE 98305)
         S: * 12888 FETCH (FLAGS (\\Seen) UID 25996)
         S: xt2 OK done\n";
    let fetch = || {
        Fetch::new("25900:26600", [Item::Uid, Item::Flags]).partial(-1, -100).changed_since(98_305)
    };
    assert_eq!(told("PARTIAL CONDSTORE", text, fetch).unwrap().len(), 1);
    assert_eq!(
        refused("PARTIAL", fetch),
        "FETCH of changes needs CONDSTORE, which the server does not offer"
    );
    needs("PARTIAL", fetch);
    for mod_seq in [0, u64::MAX] {
        let error = refused("CONDSTORE", || Fetch::new("1", Item::Flags).changed_since(mod_seq));
        assert!(error.starts_with("invalid modification sequence"), "{error}");
    }
    // RFC 7162, 3.2.6.
    let error = refused("QRESYNC", || Fetch::new("1", Item::Flags).changed_since(1).vanished());
    assert_eq!(error, "invalid FETCH modifier 'VANISHED': expected ENABLE QRESYNC before it");
    for fetch in [
        Fetch::by_sequence("1", Item::Uid).partial(1, 2),
        Fetch::new("1", Item::Uid).partial(1, -2),
        Fetch::new("1", Item::Uid).partial(i64::MIN, -1),
        Fetch::new("1", Item::Uid).vanished(),
    ] {
        let error = xoauth_imap::proto::Machine::new(
            xoauth_imap::proto::TagPrefix::new("t"),
            Default::default(),
        )
        .start(&mut [&mut fetch.even_if_unlisted()])
        .unwrap_err();
        assert!(error.to_string().starts_with("invalid FETCH modifier"), "{error}");
    }
}

#[test]
fn a_command_that_stopped_at_a_limit_says_so() {
    // RFC 9738, 3.1.
    let text = "S: * OK [CAPABILITY IMAP4rev1 MESSAGELIMIT=1000] ready
         C: xt1 SELECT INBOX
         S: xt1 OK done
         C: xt2 UID COPY 1:* x
         S: xt2 OK [MESSAGELIMIT 1000 23221] only so many
         C: xt3 NOOP
         S: xt3 OK done\n";
    let limits = play(text, |peer| {
        peer.run(Greeting::new())?;
        peer.run(Select::new("INBOX"))?;
        peer.run(Copy::new("1:*", "x"))?;
        let limit = peer.machine.state().message_limit().unwrap();
        peer.run(Noop::new())?;
        let after = peer.machine.state().message_limit();
        Ok((limit.limit, limit.lowest_done.map(Uid::get), after))
    });
    assert_eq!(limits.unwrap(), (1000, Some(23_221), None));
}

#[test]
fn messages_are_sorted() {
    // RFC 5256, 3 and RFC 5957, 3.
    let text = "C: xt2 SORT (SUBJECT REVERSE DATE) UTF-8 ALL
         S: * SORT 5 3 4 1 2
         S: xt2 OK SORT completed\n";
    let sort =
        || Sort::sequence_numbers([SortKey::Subject.into(), SortKey::Date.reversed()], Query::All);
    assert_eq!(numbers(told("SORT", text, sort).unwrap()), [5, 3, 4, 1, 2]);
    needs("SORT", sort);
    let text = "C: xt2 UID SORT (ARRIVAL CC FROM SIZE TO DISPLAYFROM DISPLAYTO) UTF-8 TEXT {7+}
         C: grüße
         S: * SORT
         S: xt2 OK SORT completed\n";
    let keys = [
        SortKey::Arrival,
        SortKey::Cc,
        SortKey::From,
        SortKey::Size,
        SortKey::To,
        SortKey::DisplayFrom,
        SortKey::DisplayTo,
    ];
    let sort = || Sort::new(keys, Query::text("grüße"));
    assert!(told("SORT SORT=DISPLAY LITERAL+", text, sort).unwrap().is_empty());
    assert!(refused("SORT", sort).contains("SORT=DISPLAY"));
    let unsorted = || Sort::new([SortKey::Date; 0], Query::All);
    assert_eq!(refused("SORT", unsorted), "invalid order: expected a key to sort by");
    // RFC 5267, 3: the order is kept.
    let text = "C: xt2 UID SORT RETURN (ALL) (REVERSE DATE) UTF-8 UNDELETED
         S: * ESEARCH (TAG \"xt2\") UID ALL 23765,23764,23763:23761
         S: xt2 OK done\n";
    let undeleted = || Query::Lacks(Flag::Deleted);
    let sort = || ExtendedSearch::new(undeleted()).sorted([SortKey::Date.reversed()]).all();
    let found = told("ESORT", text, sort).unwrap().all.unwrap();
    assert_eq!(found.as_slice().len(), 3);
    assert_eq!(found.as_slice()[0].0.get(), 23_765);
    let numbers: Vec<_> = found.iter().map(Uid::get).collect();
    assert_eq!(numbers, [23_765, 23_764, 23_763, 23_762, 23_761]);
    assert_eq!((found.count(), found.to_set().unwrap().to_string().as_str()), (5, "23761:23765"));
    needs("ESORT", sort);
}

#[test]
fn conversations_are_told() {
    // RFC 5256, 4 (the examples behind the grammar).
    let text = "C: xt2 UID THREAD REFERENCES UTF-8 ALL
         S: * THREAD (2)(3 6 (4 23)(44 7 96))
         S: * THREAD ((3)(5))
         S: xt2 OK THREAD completed\n";
    let thread = || Thread::new(ThreadAlgorithm::References, Query::All);
    let threads = told("THREAD=REFERENCES", text, thread).unwrap();
    let nodes: Vec<_> =
        threads.nodes().iter().map(|node| (node.message.map(Uid::get), node.parent)).collect();
    let expected = [
        (Some(2), None),
        (Some(3), None),
        (Some(6), Some(1)),
        (Some(4), Some(2)),
        (Some(23), Some(3)),
        (Some(44), Some(2)),
        (Some(7), Some(5)),
        (Some(96), Some(6)),
        (None, None),
        (Some(3), Some(8)),
        (Some(5), Some(8)),
    ];
    assert_eq!(nodes, expected);
    assert_eq!(threads.roots().count(), 3);
    needs("THREAD=REFERENCES", thread);
    let text = "C: xt2 THREAD ORDEREDSUBJECT UTF-8 NEW\nS: * THREAD\nS: xt2 OK done\n";
    let thread = || Thread::sequence_numbers(ThreadAlgorithm::OrderedSubject, Query::New);
    assert!(told("THREAD=ORDEREDSUBJECT", text, thread).unwrap().nodes().is_empty());
    needs("THREAD=REFS", || Thread::new(ThreadAlgorithm::Refs, Query::All));
    // However deep, no stack is needed; what is malformed is kept as it came.
    let deep = format!("{}1{}", "(".repeat(20_000), ")".repeat(20_000));
    for (list, sound) in
        [(&*deep, true), ("(1", false), ("(1))", false), ("()", false), ("1", false)]
    {
        let text = format!("S: * OK ready\nC: xt1 NOOP\nS: * THREAD {list}\nS: xt1 OK done\n");
        let event = Peer::first_error(&text, |peer| {
            peer.run(Greeting::new())?;
            peer.run(Noop::new())?;
            Ok(peer.machine.next_event().unwrap())
        });
        assert_eq!(matches!(event.unwrap(), Event::Thread(_)), sound, "{list:.20}");
    }
}

#[test]
fn queries_need_what_their_keys_need() {
    let text = "C: xt2 UID SEARCH YOUNGER 259200 EMAILID M6d99
         S: * SEARCH 2
         S: xt2 OK done\n";
    let younger = || Query::Younger(NonZeroU32::new(259_200).unwrap());
    let query = || younger() & Query::EmailId(ObjectId::new("M6d99").unwrap());
    assert_eq!(numbers(told("WITHIN OBJECTID", text, || Search::new(query())).unwrap()), [2]);
    needs("WITHIN", || Search::new(query()));
    assert!(refused("WITHIN", || Search::new(query())).contains("OBJECTID"));
    needs("SAVEDATE", || Search::new(Query::SaveDateSupported));
    needs("CONDSTORE", || Search::new(Query::ModSeq(1)));
    needs("X-GM-EXT-1", || Search::new(!Query::GmailRaw("in:spam".into())));
    let text = "C: xt2 UID SEARCH X-GM-RAW \"has:attachment in:unread\"
         S: * SEARCH 1
         S: xt2 OK done\n";
    let raw = || Search::new(Query::GmailRaw("has:attachment in:unread".into()));
    told("X-GM-EXT-1", text, raw).unwrap();
}

#[test]
fn text_is_utf8_without_a_word_once_it_is_enabled() {
    // RFC 6855, 3.
    let text = "S: * OK [CAPABILITY IMAP4rev1 ENABLE UTF8=ACCEPT] ready
         C: xt1 ENABLE UTF8=ACCEPT
         S: * ENABLED UTF8=ACCEPT
         S: xt1 OK done
         C: xt2 UID SEARCH SUBJECT \"grüße\"
         S: * SEARCH
         S: xt2 OK done\n";
    play(text, |peer| {
        peer.run(Greeting::new())?;
        peer.run(Enable::new(["UTF8=ACCEPT"]))?;
        peer.run(Search::new(Query::subject("grüße")).even_if_unlisted())
    })
    .unwrap();
}

#[test]
fn a_sequence_number_is_no_uid() {
    // They are different types; a set of one cannot name messages by the other.
    let found: SeqSet = SeqNo::new(5).unwrap().into();
    let text = "C: xt2 COPY 5 x\nS: xt2 OK done\n";
    told("", text, || Copy::by_sequence(found.clone(), "x")).unwrap();
}
