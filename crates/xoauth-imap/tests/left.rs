//! Commands whose caller is gone, commands that show instead of keeping, and COMPRESS.
#![allow(missing_docs, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]

use xoauth_imap::command::*;
use xoauth_imap::proto::{Command, Exchange, Machine, TagPrefix};
use xoauth_imap::sasl::wire::{Conversation, Want};
use xoauth_imap::{Error, Event, Limits};

const GREETING: &str =
    "* OK [CAPABILITY IMAP4rev1 IDLE ENABLE CONDSTORE COMPRESS=DEFLATE] ready\r\n";

/// Hears `octets` and keeps what is said; true where the conversation has come to its end.
fn feed(
    machine: &mut Machine,
    exchanges: &mut [&mut dyn Exchange],
    octets: &str,
    said: &mut String,
) -> Result<bool, Error> {
    let mut octets = octets.as_bytes();
    loop {
        let mut conversation = machine.converse(exchanges);
        match conversation.poll()? {
            Want::Write(octets) => {
                let count = octets.len();
                said.push_str(std::str::from_utf8(octets).unwrap());
                conversation.written(count);
            }
            Want::Read if octets.is_empty() => return Ok(false),
            Want::Read => {
                let room = conversation.read_buffer();
                let count = room.len().min(octets.len());
                room[..count].copy_from_slice(&octets[..count]);
                octets = &octets[count..];
                conversation.received(count);
            }
            Want::Chunk(_) => {}
            Want::Done => return Ok(true),
            want => panic!("{want:?}"),
        }
    }
}

fn greeted() -> Machine {
    let mut machine = Machine::new(TagPrefix::new("t"), Limits::default());
    run(&mut machine, Greeting::new(), GREETING).unwrap();
    machine
}

fn run<C: Command>(machine: &mut Machine, mut command: C, says: &str) -> Result<C::Output, Error> {
    machine.start(&mut [&mut command])?;
    assert!(feed(machine, &mut [&mut command], says, &mut String::new())?);
    command.finish(machine.take_status(0).unwrap())
}

/// A command that is written, and whose caller is gone then; what is said while its rest is heard.
fn left(machine: &mut Machine, command: impl Exchange, rest: &str) -> Result<String, Error> {
    left_with(machine, command, rest.split_inclusive('\n').map(String::from))
}

/// The same, its rest in these pieces.
fn left_with(
    machine: &mut Machine,
    mut command: impl Exchange,
    rest: impl Iterator<Item = String>,
) -> Result<String, Error> {
    machine.start(&mut [&mut command])?;
    assert!(!feed(machine, &mut [&mut command], "", &mut String::new())?);
    assert!(machine.leave());
    let (mut left, mut said) = (machine.left(), String::new());
    let mut exchanges: Vec<&mut dyn Exchange> = Vec::new();
    for one in &mut left {
        exchanges.push(one);
    }
    let mut is_over = false;
    for piece in rest {
        is_over = feed(machine, &mut exchanges, &piece, &mut said)?;
    }
    assert!(is_over);
    Ok(said)
}

fn events(machine: &mut Machine) -> Vec<Event> {
    std::iter::from_fn(|| machine.next_event()).collect()
}

#[test]
fn of_what_was_left_news_stay_news() {
    let fetch = || Fetch::new("1:*", Item::Body).even_if_unlisted();
    let mut machine = greeted();
    events(&mut machine);
    let rest = "* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\n* 2 FETCH (FLAGS (\\Seen))\r\n* 5 EXISTS\r\nxt1 OK done\r\n";
    left(&mut machine, fetch(), rest).unwrap();
    let news = events(&mut machine);
    assert!(matches!(&news[..], [Event::Fetch(_), Event::Exists(5)]), "{news:?}");
    // The next command is heard as ever.
    run(&mut machine, Noop::new(), "xt2 OK done\r\n").unwrap();

    let mut machine = greeted();
    events(&mut machine);
    left(&mut machine, List::all(), "* LIST () \"/\" a\r\n* 5 EXISTS\r\nxt1 OK done\r\n").unwrap();
    assert!(matches!(&events(&mut machine)[..], [Event::Exists(5)]));

    let mut machine = greeted();
    events(&mut machine);
    left(&mut machine, Noop::new(), "* LIST () \"/\" a\r\nxt1 OK done\r\n").unwrap();
    assert!(matches!(&events(&mut machine)[..], [Event::List(_)]));
}

#[test]
fn literals_of_news_are_kept_while_bodies_are_thrown_away() {
    let news =
        "* STATUS {5}\r\na\"b\\c (MESSAGES 5)\r\n* 1 FETCH (UID 1 ENVELOPE (NIL {3}\r\nabc NIL";
    let rest =
        format!("{news} NIL NIL NIL NIL NIL NIL NIL) BODY[] {{3}}\r\nabc)\r\nxt1 OK done\r\n");
    let commands: [&dyn Fn(&mut Machine); 2] = [
        &|machine| {
            left(machine, Fetch::new("1:*", Item::Body).even_if_unlisted(), &rest).unwrap();
        },
        &|machine| {
            left(machine, Select::new("a"), &rest).unwrap();
        },
    ];
    for leave in commands {
        let mut machine = greeted();
        events(&mut machine);
        leave(&mut machine);
        let news = events(&mut machine);
        let [Event::MailboxStatus(status)] = &news[..] else { panic!("{news:?}") };
        assert_eq!(status.mailbox.as_str(), "a\"b\\c");
    }
}

/// However many they are, and however they arrive: bodies that are thrown away count towards no limit.
#[test]
fn bodies_that_nobody_wants_any_more_are_read_to_their_end() {
    let mut limits = Limits::default();
    limits.answer_bodies = 10;
    limits.answers = 2;
    limits.answer_octets = 2_000;
    let body = format!("* 1 FETCH (UID 1 BODY[] {{11}}\r\n{})\r\n", "x".repeat(11));
    let rest = body.repeat(30) + "xt1 OK done\r\n";
    for at_once in [true, false] {
        let mut machine = Machine::new(TagPrefix::new("t"), limits);
        run(&mut machine, Greeting::new(), GREETING).unwrap();
        let rest = if at_once { rest.replace('\n', "\u{1}") } else { rest.clone() };
        let fetch = Fetch::new("1:*", Item::Body).even_if_unlisted();
        left_with(
            &mut machine,
            fetch,
            rest.split_inclusive('\n').map(|line| line.replace('\u{1}', "\n")),
        )
        .unwrap();
        run(&mut machine, Noop::new(), "xt2 OK done\r\n").unwrap();
    }
}

/// What a search found that nobody waits for is no news.
#[test]
fn what_was_left_of_a_search_is_thrown_away() {
    let answers = ["SEARCH 1 2", "ESEARCH (TAG \"xt1\") UID ALL 1", "SORT 2 1", "THREAD (1)(2)"];
    for answer in answers {
        let mut machine = greeted();
        events(&mut machine);
        let search = Search::new(xoauth_imap::Query::All).even_if_unlisted();
        left(&mut machine, search, &format!("* {answer}\r\n* 5 EXISTS\r\nxt1 OK done\r\n"))
            .unwrap();
        let news = events(&mut machine);
        assert!(matches!(&news[..], [Event::Exists(5)]), "{answer}: {news:?}");
    }
}

#[test]
fn what_was_left_still_changes_the_session() {
    let mut machine = greeted();
    let told = "* ENABLED CONDSTORE\r\nxt1 OK done\r\n";
    left(&mut machine, Enable::new(["CONDSTORE"]), told).unwrap();
    assert!(machine.state().enabled().has("CONDSTORE"));
    // Nothing is enabled that another command hears, nor what the server does not have, and a flood is no work.
    let mut machine = greeted();
    left(&mut machine, List::all(), told).unwrap();
    assert!(!machine.state().enabled().has("CONDSTORE"));
    let many: String = (0..200_000).map(|n| format!(" X{n}")).collect();
    let told = format!("* ENABLED CONDSTORE UTF8=ACCEPT{many}\r\nxt1 OK done\r\n");
    let mut machine = greeted();
    left(&mut machine, Enable::new(["CONDSTORE"]), &told).unwrap();
    assert_eq!(machine.state().enabled().iter().collect::<Vec<_>>(), ["CONDSTORE"]);
    let mut machine = greeted();
    let enabled = run(&mut machine, Enable::new(["CONDSTORE"]), &told).unwrap();
    assert_eq!(enabled.iter().collect::<Vec<_>>(), ["CONDSTORE"]);
    // A refusal enables nothing.
    let mut machine = greeted();
    let told = "* ENABLED CONDSTORE\r\nxt1 NO no\r\n";
    left(&mut machine, Enable::new(["CONDSTORE"]), told).unwrap();
    assert!(!machine.state().enabled().has("CONDSTORE"));
    // A mailbox that may be selected or not is none.
    let mut machine = greeted();
    run(&mut machine, Select::new("a"), "* 1 EXISTS\r\nxt1 OK done\r\n").unwrap();
    assert!(machine.state().selected().is_some());
    let mut select = Select::new("b");
    machine.start(&mut [&mut select]).unwrap();
    assert!(machine.leave() && machine.state().selected().is_none());
}

#[test]
fn idle_that_was_left_is_ended_as_soon_as_the_server_agrees() {
    let mut machine = greeted();
    assert_eq!(left(&mut machine, Idle::new(), "+ go\r\nxt1 OK done\r\n").unwrap(), "DONE\r\n");
    // Nothing else is waiting for the server's leave.
    let error = left(&mut greeted(), Noop::new(), "+ go\r\n").unwrap_err();
    assert!(matches!(error, Error::Unexpected { .. }), "{error}");
}

#[test]
fn what_was_left_cannot_be_started() {
    let mut machine = greeted();
    machine.start(&mut [&mut Noop::new()]).unwrap();
    let mut left = machine.left();
    let error = greeted().start(&mut [&mut left[0]]).unwrap_err();
    assert!(matches!(error, Error::InvalidArgument(_)), "{error}");
}

#[test]
fn a_stream_that_may_be_compressed_or_not_is_over() {
    let mut machine = greeted();
    machine.start(&mut [&mut Compress::new()]).unwrap();
    assert!(!machine.leave());
}

#[test]
fn a_session_is_compressed_once() {
    let mut machine = greeted();
    let mut compress = Compress::new();
    let mut said = String::new();
    machine.start(&mut [&mut compress]).unwrap();
    assert!(feed(&mut machine, &mut [&mut compress], "xt1 OK go\r\n", &mut said).unwrap());
    assert_eq!(said, "xt1 COMPRESS DEFLATE\r\n");
    compress.agreed(machine.take_status(0).unwrap()).unwrap();
    assert!(machine.state().is_compressed());
    let again = machine.start(&mut [&mut Compress::new()]);
    assert!(matches!(again, Err(Error::AlreadyCompressed)), "{again:?}");

    let mut machine = greeted();
    let mut compress = Compress::new();
    machine.start(&mut [&mut compress]).unwrap();
    assert!(feed(&mut machine, &mut [&mut compress], "xt1 NO no\r\n", &mut said).unwrap());
    let refused = compress.agreed(machine.take_status(0).unwrap());
    assert!(matches!(refused, Err(Error::Refused { .. })) && !machine.state().is_compressed());

    let mut machine = Machine::new(TagPrefix::new("t"), Limits::default());
    run(&mut machine, Greeting::new(), "* OK [CAPABILITY IMAP4rev1] ready\r\n").unwrap();
    let unlisted = machine.start(&mut [&mut Compress::new()]);
    assert!(matches!(unlisted, Err(Error::Unsupported { .. })), "{unlisted:?}");
}

#[test]
fn answers_are_shown_where_they_are() {
    let mut machine = greeted();
    events(&mut machine);
    let mut seen = Vec::new();
    let fetch = Fetch::new("1:2", Item::Size).for_each(|message| seen.push(message.size));
    let told = "* 1 FETCH (UID 1 RFC822.SIZE 10)\r\n* 4 EXISTS\r\n* 2 FETCH (UID 2 RFC822.SIZE 20)\r\n\
                * 3 FETCH (UID 9 RFC822.SIZE 30)\r\nxt1 OK done\r\n";
    assert_eq!(run(&mut machine, fetch.even_if_unlisted(), told).unwrap(), 2);
    assert_eq!(seen, [Some(10), Some(20)]);
    // What was not asked for is news.
    assert!(matches!(&events(&mut machine)[..], [Event::Exists(4), Event::Fetch(_)]));

    let mut names = Vec::new();
    let list = List::all().for_each(|entry| names.push(format!("{:?}", entry.mailbox)));
    let told = "* LIST () \"/\" a\r\n* LIST () \"/\" b\r\n* 5 EXISTS\r\nxt2 OK done\r\n";
    assert_eq!(run(&mut machine, list, told).unwrap(), 2);
    assert_eq!(names.len(), 2);
    let list = List::all().for_each(|_| ());
    let refused = run(&mut machine, list, "xt3 NO no\r\n");
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
}
