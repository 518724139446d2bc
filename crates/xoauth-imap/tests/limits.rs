//! Each limit holds at n and is passed at n + 1, and what passes it ends the session.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod transcript;

use transcript::Peer;
use xoauth_imap::command::*;
use xoauth_imap::proto::{Command, Exchange, Machine, TagPrefix};
use xoauth_imap::{
    Error, Event, LimitKind, Limits, ListEntry, MailboxStatus, Message, Query, StatusItem,
};

/// Lets a command hear `answer` after a SELECT of a mailbox with `exists` messages.
fn hear(
    limits: Limits,
    exists: u32,
    command: &mut dyn Exchange,
    answer: &str,
) -> Result<Machine, Error> {
    let handing_on = false;
    hear_as(limits, exists, command, answer, handing_on)
}

/// The same as a stream, where it is handed on.
fn hear_as(
    limits: Limits,
    exists: u32,
    command: &mut dyn Exchange,
    answer: &str,
    handing_on: bool,
) -> Result<Machine, Error> {
    let mut peer = Peer::whole(&transcript::dialogue(&format!(
        "S: * OK [CAPABILITY IMAP4rev1 IDLE] ready\nC: xt1 SELECT INBOX\nS: * {exists} EXISTS\nS: xt1 OK done\n"
    )));
    peer.machine = Machine::new(TagPrefix::new("t"), limits);
    peer.run(Greeting::new())?;
    peer.run(Select::new("INBOX"))?;
    let machine = &mut peer.machine;
    while machine.next_event().is_some() {}
    let answer = answer.to_owned() + "xt2 OK done\r\n";
    let mut rest = answer.as_bytes();
    machine.start(&mut [command])?;
    if handing_on {
        machine.pause_for_items();
    }
    loop {
        use xoauth_imap::sasl::wire::Want;
        match machine.poll(&mut [command])? {
            Want::Chunk(_) => {}
            Want::Write(octets) => {
                let n = octets.len();
                machine.written(n);
            }
            Want::Read => {
                let room = machine.read_buffer();
                let n = rest.len().min(room.len());
                room[..n].copy_from_slice(&rest[..n]);
                rest = &rest[n..];
                machine.received(n);
            }
            Want::Done => break,
            want => panic!("{want:?}"),
        }
    }
    Ok(peer.machine)
}

fn limits(set: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    set(&mut limits);
    limits
}

/// What holds is heard; what is one more is not, and the session is over with it.
#[track_caller]
fn at(
    kind: LimitKind,
    limits: Limits,
    command: impl Fn() -> Box<dyn Exchange>,
    holds: &str,
    passes: &str,
) {
    hear(limits, 3, &mut *command(), holds).unwrap();
    match hear(limits, 3, &mut *command(), passes) {
        Err(error @ Error::Limit { kind: found }) if found == kind => assert!(error.is_fatal()),
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("{kind} was not passed"),
    }
}

fn noop() -> Box<dyn Exchange> {
    Box::new(Noop::new())
}

fn fetch() -> Box<dyn Exchange> {
    Box::new(Fetch::new("1:*", Item::Body))
}

fn list() -> Box<dyn Exchange> {
    Box::new(List::all())
}

#[test]
fn lines_are_bounded() {
    let line = |n: usize| format!("* OK {}\r\n", "x".repeat(n - 7));
    at(LimitKind::Line, limits(|l| l.line = 40), noop, &line(40), &line(41));
    let tagged = |n: usize| format!("xt2 NO {}\r\n", "x".repeat(n - 9));
    at(LimitKind::Line, limits(|l| l.line = 40), noop, "", &tagged(41));
    let line = |n: usize| format!("* LIST () NIL {}\r\n", "x".repeat(n - 16));
    at(
        LimitKind::Response,
        limits(|l| (l.line, l.response) = (40, 300)),
        list,
        &line(300),
        &line(301),
    );
    // By default a status has 64 KiB, data 16 MiB.
    let line = |n: usize| format!("* OK {}\r\n", "x".repeat(n - 7));
    at(LimitKind::Line, Limits::default(), noop, &line(64 * 1024), &line(64 * 1024 + 1));
}

#[test]
fn literals_that_are_kept_are_bounded() {
    let literal = |n: usize| format!("* LIST () NIL {{{n}}}\r\n{}\r\n", "x".repeat(n));
    at(LimitKind::Literal, limits(|l| l.buffered_literal = 10), list, &literal(10), &literal(11));
    // Those of one response together.
    let two = |n: usize| format!("* X {{5}}\r\n12345 {{{n}}}\r\n{}\r\n", "x".repeat(n));
    at(LimitKind::Literal, limits(|l| l.buffered_literal = 10), noop, &two(5), &two(6));
}

#[test]
fn bodies_are_bounded() {
    let body = |n: usize| format!("* 1 FETCH (UID 1 BODY[] {{{n}}}\r\n{})\r\n", "x".repeat(n));
    at(LimitKind::Body, limits(|l| l.body = 10), fetch, &body(10), &body(11));
    let two = |n: usize| body(5) + &body(n);
    at(LimitKind::Answers, limits(|l| l.answer_bodies = 10), fetch, &two(5), &two(6));
    // Of one message, literal or quoted.
    for body in ["{0}\r\n", "\"\""] {
        let several = |n: usize| {
            let bodies = format!(" BODY[1] {body}").repeat(n);
            format!("* 1 FETCH (UID 1{bodies})\r\n")
        };
        at(LimitKind::Answers, Limits::default(), fetch, &several(1000), &several(1001));
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("* X {}\r\n", "(".repeat(depth));
    let item = |depth: usize| format!("* 1 FETCH (ENVELOPE {}\r\n", "(".repeat(depth));
    hear(Limits::default(), 3, &mut *noop(), &nested(1000)).unwrap();
    at(LimitKind::Depth, Limits::default(), fetch, &item(100), &item(101));
    // Lists that end are skipped, however deep they are.
    let ended = format!("* 1 FETCH (ENVELOPE {}{})\r\n", "(".repeat(5000), ")".repeat(5000));
    hear(Limits::default(), 3, &mut *fetch(), &ended).unwrap();
}

#[test]
fn news_is_bounded() {
    let news = |n: usize| "* 3 EXISTS\r\n".repeat(n);
    at(LimitKind::Events, limits(|l| l.events = 7), noop, &news(7), &news(8));
    // In what they take: the length of the responses, and what each is kept in.
    let each = "* 3 EXISTS\r\n".len() + size_of::<ListEntry>() + size_of::<(Event, usize)>();
    let octets = limits(|l| l.event_octets = 7 * each);
    at(LimitKind::Events, octets, noop, &news(7), &news(8));
    // What earlier commands left goes, the oldest first; the session goes on.
    for limits in [limits(|l| l.events = 7), octets] {
        the_oldest_goes(limits, &news(7));
    }
}

/// A caller that takes news while IDLE runs hears any number of them.
#[test]
fn what_was_taken_counts_no_more() {
    let limits = limits(|l| l.events = 7);
    let mut machine = hear(limits, 3, &mut *noop(), "* 3 EXISTS\r\n").unwrap();
    let mut noop = Noop::new();
    machine.start(&mut [&mut noop]).unwrap();
    let mut taken = 0;
    let mut say = |octets: &str| {
        machine.read_buffer()[..octets.len()].copy_from_slice(octets.as_bytes());
        machine.received(octets.len());
        while let xoauth_imap::sasl::wire::Want::Write(octets) = machine.poll(&mut [&mut noop])? {
            let n = octets.len();
            machine.written(n);
        }
        taken += std::iter::from_fn(|| machine.next_event()).count();
        Ok::<_, Error>(())
    };
    say("").unwrap();
    for _ in 0..5 {
        say(&"* 9 EXISTS\r\n".repeat(7)).unwrap();
    }
    let passed = say(&"* 9 EXISTS\r\n".repeat(8));
    assert!(matches!(passed, Err(Error::Limit { kind: LimitKind::Events })), "{passed:?}");
    assert_eq!(taken, 36);
}

fn the_oldest_goes(limits: Limits, seven: &str) {
    let mut machine = hear(limits, 3, &mut *noop(), seven).unwrap();
    let mut noop = Noop::new();
    machine.start(&mut [&mut noop]).unwrap();
    loop {
        use xoauth_imap::sasl::wire::Want;
        match machine.poll(&mut [&mut noop]).unwrap() {
            Want::Write(octets) => {
                let n = octets.len();
                machine.written(n);
            }
            Want::Read => {
                let answer = b"* 9 EXISTS\r\nxt3 OK done\r\n";
                machine.read_buffer()[..answer.len()].copy_from_slice(answer);
                machine.received(answer.len());
            }
            _ => break,
        }
    }
    let left: Vec<_> = std::iter::from_fn(|| machine.next_event()).collect();
    assert_eq!((left.len(), left.last()), (7, Some(&Event::Exists(9))));
}

#[test]
fn answers_are_bounded() {
    let lists = |n: usize| "* LIST () NIL a\r\n".repeat(n);
    at(LimitKind::Answers, limits(|l| l.answers = 7), list, &lists(7), &lists(8));
    // In what they take: the length of the responses, and what each is kept in.
    let each = "* LIST () NIL a\r\n".len() + size_of::<ListEntry>();
    let in_octets = |octets| {
        limits(|l| {
            l.answer_octets = octets;
            l.answers_in_large_mailbox = 0;
        })
    };
    let octets = in_octets(7 * each);
    at(LimitKind::Answers, octets, list, &lists(7), &lists(8));
    let search = || Box::new(Search::new(Query::All)) as Box<dyn Exchange>;
    let found = |n: usize| "* SEARCH 1 2 3\r\n".repeat(n);
    let each = "* SEARCH 1 2 3\r\n".len() + 3 * size_of::<u32>() + size_of::<ListEntry>();
    let octets = in_octets(7 * each);
    at(LimitKind::Answers, octets, search, &found(7), &found(8));
    // A range that is short to tell is not short to keep.
    let search = || Box::new(Search::new(Query::All)) as Box<dyn Exchange>;
    let found = |n: usize| format!("* ESEARCH (TAG \"xt2\") UID ALL 1:{n}\r\n");
    at(LimitKind::Response, limits(|l| l.response = 1000), search, &found(250), &found(251));
}

#[test]
fn a_stream_is_bounded_where_it_hands_nothing_on_before_its_end() {
    let in_octets = |octets| {
        limits(|l| {
            l.answer_octets = octets;
            l.answers_in_large_mailbox = 0;
        })
    };
    let limits = |n| limits(|l| l.answers = n);
    let both = "* LIST () NIL a\r\n* STATUS a (MESSAGES 1)\r\n";
    let told = |n: usize| both.repeat(n);
    let numbers = || {
        let numbers = ListReturn::Status(vec![StatusItem::Messages]);
        List::all().returning(numbers).even_if_unlisted()
    };
    let hear = |answers, command: &mut dyn Exchange, answer: &str| {
        let passed = hear_as(limits(answers), 3, command, answer, true);
        passed.map(drop).map_err(|error| error.to_string())
    };
    hear(8, &mut numbers(), &told(4)).unwrap();
    let passed = "server passed the limit of responses kept as the answer of one command";
    assert_eq!(hear(8, &mut numbers(), &told(5)).unwrap_err(), passed);
    let each = both.len() + size_of::<ListEntry>() + size_of::<MailboxStatus>();
    for (octets, passes) in [(4 * each, true), (4 * each - 1, false)] {
        let heard = hear_as(in_octets(octets), 3, &mut numbers(), &told(4), true);
        assert_eq!(heard.is_ok(), passes, "{heard:?}");
    }
    // What is handed on, as often as all that was received is used up, has no such limit.
    hear(5000, &mut List::all(), &"* LIST () NIL a\r\n".repeat(20_000)).unwrap();
}

#[test]
fn a_search_answer_is_longer_than_any_line() {
    let numbers: Vec<_> = (1..=3_000_000).map(|n| format!(" {n}")).collect();
    let answer = format!("* SEARCH{}\r\n", numbers.concat());
    assert!(answer.len() > Limits::default().response);
    let mut search = Search::new(Query::All);
    let mut machine = hear(Limits::default(), 3, &mut search, &answer).unwrap();
    let found = search.finish(machine.take_status(0).unwrap()).unwrap();
    assert_eq!(
        (found.len(), found.last().map(ToString::to_string)),
        (3_000_000, Some("3000000".into()))
    );
    // Where it breaks, what came before is not taken for all of it.
    for end in [" x", " (MODSEQ)", " 1 {3}\r\nabc"] {
        let answer = format!("* SEARCH{}{end}\r\n", numbers[..20_000].concat());
        let error = hear(Limits::default(), 3, &mut Search::new(Query::All), &answer).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
    }
    // What is kept of it has a limit: a number takes four octets.
    for (kept, passes) in [(40, true), (39, false)] {
        let answer = "* SEARCH 1 2\r\n".repeat(5);
        let limits = limits(|l| l.response = kept);
        let error = hear(limits, 3, &mut Search::new(Query::All), &answer).err();
        assert_eq!(error.is_none(), passes, "{error:?}");
        assert!(matches!(error, None | Some(Error::Limit { kind: LimitKind::Response })));
    }
    // And the responses together have one.
    let answer = "* SEARCH 1 2 3\r\n".repeat(10);
    let each = "* SEARCH 1 2 3\r\n".len() + 3 * size_of::<u32>() + size_of::<ListEntry>();
    let limits = limits(|l| {
        l.answer_octets = 10 * each - 1;
        l.answers_in_large_mailbox = 0;
    });
    let passed = hear(limits, 3, &mut Search::new(Query::All), &answer);
    assert!(matches!(passed, Err(Error::Limit { kind: LimitKind::Answers })));
}

#[test]
fn a_large_mailbox_is_read_whole() {
    const EACH: usize = "* 1 FETCH (UID 1 FLAGS ())\r\n".len() + size_of::<Message>();
    let limits = limits(|l| {
        l.answers = 3;
        l.answers_in_large_mailbox = 7;
        l.answer_octets = 3 * EACH;
        l.answer_octets_in_large_mailbox = 7 * EACH;
    });
    let answers = |n: usize| "* 1 FETCH (UID 1 FLAGS ())\r\n".repeat(n);
    let run = |exists, count| {
        let mut command = Fetch::new("1:*", Item::Flags);
        hear(limits, exists, &mut command, &answers(count)).map(drop)
    };
    for (exists, most) in [(0, 3), (3, 3), (4, 4), (7, 7), (1_000_000, 7)] {
        run(exists, most).unwrap();
        let passed = run(exists, most + 1);
        assert!(matches!(passed, Err(Error::Limit { kind: LimitKind::Answers })), "{exists}");
    }
    // What the server says during the answer gives it no more room.
    let mut command = Fetch::new("1:*", Item::Flags).even_if_unlisted();
    let answer = format!("* 7 EXISTS\r\n{}", answers(4));
    assert!(hear(limits, 3, &mut command, &answer).is_err());
    // By default that is 100,000, and more where the mailbox has more.
    let mut command = Fetch::new("1:*", Item::Flags);
    hear(Limits::default(), 100_001, &mut command, &answers(100_001)).unwrap();
    let mut command = Fetch::new("1:*", Item::Flags);
    assert!(hear(Limits::default(), 5, &mut command, &answers(100_001)).is_err());
}
