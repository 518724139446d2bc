//! What is told in words: the names of codes and responses, faults, limits, errors.
#![allow(missing_docs, clippy::panic, clippy::unwrap_used)]

mod transcript;

use std::collections::BTreeSet;

use transcript::{Peer, dialogue};
use xoauth_imap::command::{Custom, Greeting, Noop, Search};
use xoauth_imap::parse::FaultKind;
use xoauth_imap::proto::{Command, Exchange, Machine, TagPrefix};
use xoauth_imap::sasl::wire::Want;
use xoauth_imap::{Error, Event, LimitKind, Limits, Query, TransportFault};

const GREETING: &str = "S: * OK [CAPABILITY IMAP4rev1] ready\n";

/// IANA's list, each as a server writes it.
const CODES: &str = "ALERT|ALREADYEXISTS|APPENDUID 1 2:3|AUTHENTICATIONFAILED|AUTHORIZATIONFAILED|\
    BADCHARSET (UTF-8)|CANNOT|CAPABILITY IMAP4rev1|CLIENTBUG|CLOSED|CONTACTADMIN|COPYUID 1 2 3|\
    CORRUPTION|EXPIRED|EXPUNGEISSUED|HASCHILDREN|HIGHESTMODSEQ 7|INUSE|LIMIT|NOMODSEQ|NONEXISTENT|\
    NOPERM|OVERQUOTA|PARSE|PERMANENTFLAGS (\\Seen)|PRIVACYREQUIRED|READ-ONLY|READ-WRITE|\
    REFERRAL imap://h/|SERVERBUG|TRYCREATE|UIDNEXT 4|UIDNOTSTICKY|UIDVALIDITY 5|UNAVAILABLE|\
    UNKNOWN-CTE|UNSEEN 6|BADCOMPARATOR|COMPRESSIONACTIVE|NOTIFICATIONOVERFLOW|NOTSAVED|TEMPFAIL|\
    TOOBIG|UIDREQUIRED|USEATTR|ANNOTATE TOOBIG|BADEVENT (X)|BADURL x|INPROGRESS (\"a\" 1 2)|\
    MAILBOXID (F1)|MESSAGELIMIT 9|MAXCONVERTMESSAGES 1|MAXCONVERTPARTS 2|METADATA LONGENTRIES 3|\
    METADATA MAXSIZE 4|METADATA TOOMANY|METADATA NOPRIVATE|MODIFIED 1:2|NEWNAME a b|\
    NOUPDATE \"t\"|UNDEFINED-FILTER f|URLMECH INTERNAL|X-OWN word";

#[test]
fn a_code_has_the_name_it_came_with() {
    let mut names = BTreeSet::new();
    for code in CODES.split('|') {
        let text = format!("{GREETING}C: xt1 NOOP\nS: * OK [{code}] told\nS: xt1 OK done\n");
        let mut peer = Peer::whole(&dialogue(&text));
        peer.run(Greeting::new()).unwrap();
        while peer.machine.next_event().is_some() {}
        peer.run(Noop::new()).unwrap();
        let Some(Event::Status(status)) = peer.machine.next_event() else { panic!("{code}") };
        let told = status.code.as_ref().unwrap();
        assert!(code.starts_with(told.name()), "{code}: {told:?}");
        assert!(told.to_string().starts_with(told.name()), "{code}: {told}");
        // Nothing is said twice, and no code passes for another.
        assert!(names.insert(told.name().to_owned()), "{code}");
        // Those that are only named are shown as they came.
        if !code.contains(' ') {
            assert_eq!(told.to_string(), code);
        }
    }
    assert_eq!(names.len(), CODES.split('|').count());
}

#[test]
fn a_response_is_heard_by_its_name() {
    let responses = [
        ("OK", "OK said"),
        ("NO", "NO said"),
        ("BAD", "BAD said"),
        ("CAPABILITY", "CAPABILITY IMAP4rev1"),
        ("ENABLED", "ENABLED CONDSTORE"),
        ("FLAGS", "FLAGS (\\Seen)"),
        ("LIST", "LIST () \"/\" a"),
        ("LSUB", "LSUB () \"/\" a"),
        ("STATUS", "STATUS a (MESSAGES 1)"),
        ("SEARCH", "SEARCH 1 2"),
        ("SORT", "SORT 2 1"),
        ("THREAD", "THREAD (1 2)"),
        ("QUOTA", "QUOTA \"\" (STORAGE 1 2)"),
        ("QUOTAROOT", "QUOTAROOT a \"\""),
        ("METADATA", "METADATA a (/private/comment \"x\")"),
        ("ESEARCH", "ESEARCH (TAG \"x\") ALL 1"),
        ("EXISTS", "3 EXISTS"),
        ("RECENT", "1 RECENT"),
        ("EXPUNGE", "1 EXPUNGE"),
        ("FETCH", "1 FETCH (FLAGS ())"),
        ("NAMESPACE", "NAMESPACE NIL NIL NIL"),
        ("ID", "ID NIL"),
        ("JMAPACCESS", "JMAPACCESS \"https://h/\""),
        ("VANISHED", "VANISHED 1"),
        ("ACL", "ACL a b lrs"),
        ("LISTRIGHTS", "LISTRIGHTS a b \"\""),
        ("MYRIGHTS", "MYRIGHTS a lrs"),
        ("X-OWN", "X-OWN word"),
    ];
    for (name, line) in responses {
        // A sequence number needs messages.
        let exists = "S: * 9 EXISTS\n";
        let text = format!("{GREETING}C: xt1 X-GO\n{exists}S: * {line}\nS: xt1 OK done\n");
        for hears in [name, "X-ELSE"] {
            let mut peer = Peer::whole(&dialogue(&text));
            peer.run(Greeting::new()).unwrap();
            let answer = peer.run(Custom::new("X-GO").hears(hears)).unwrap();
            let expected = match hears {
                "X-ELSE" => 0,
                "EXISTS" => 2,
                _ => 1,
            };
            assert_eq!(answer.responses.len(), expected, "{line} for {hears}: {answer:?}");
        }
    }
}

/// What is sent for a search.
fn sent(query: Query) -> String {
    let mut machine = Machine::new(TagPrefix::new("t"), Limits::default());
    let mut search = Search::new(query).even_if_unlisted();
    let exchanges: &mut [&mut dyn Exchange] = &mut [&mut search];
    machine.start(exchanges).unwrap();
    match machine.poll(exchanges).unwrap() {
        Want::Write(octets) => String::from_utf8(octets.to_vec()).unwrap(),
        want => panic!("{want:?}"),
    }
}

#[test]
fn a_key_is_sent_as_it_is_read() {
    let keys = "ALL|SEEN|ANSWERED|FLAGGED|DELETED|DRAFT|UNSEEN|UNANSWERED|UNFLAGGED|UNDELETED|UNDRAFT|\
        KEYWORD $x|UNKEYWORD $x|BEFORE 1-Feb-1994|ON 1-Feb-1994|SINCE 1-Feb-1994|SENTBEFORE 1-Feb-1994|\
        SENTON 1-Feb-1994|SENTSINCE 1-Feb-1994|LARGER 5|SMALLER 6|MODSEQ 7|OLDER 8|YOUNGER 9|\
        SAVEDBEFORE 1-Feb-1994|SAVEDON 1-Feb-1994|SAVEDSINCE 1-Feb-1994|SAVEDATESUPPORTED|EMAILID M1|\
        THREADID T1|X-GM-MSGID 1|X-GM-THRID 2|UID 1:3|NEW|OLD|RECENT|NOT SEEN|OR SEEN DRAFT|SEEN DRAFT";
    for key in keys.split('|') {
        let query: Query = key.parse().unwrap();
        assert_eq!(sent(query), format!("xt1 UID SEARCH {key}\r\n"));
    }
    let texts = "X-GM-RAW|X-GM-LABELS|FROM|TO|CC|BCC|SUBJECT|BODY|TEXT|HEADER X-A";
    for key in texts.split('|') {
        let query: Query = format!("{key} \"a b\"").parse().unwrap();
        assert_eq!(sent(query), format!("xt1 UID SEARCH {key} \"a b\"\r\n"));
    }
}

#[test]
fn a_key_that_is_none_is_refused_with_what_was_expected() {
    for (text, expected) in [
        ("KEYWORD \\Seen", "a keyword"),
        ("BEFORE yesterday", "a date such as 1-Feb-1994"),
        ("LARGER x", "a number"),
        ("OLDER 0", "a number of seconds"),
        ("YOUNGER 4294967296", "a number of seconds"),
        ("EMAILID !", "an object identifier"),
        ("FROM", "a space"),
        ("SEENx", "a search key"),
    ] {
        let error = text.parse::<Query>().unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn kinds_of_faults_and_limits_have_words_of_their_own() {
    use FaultKind::*;
    let faults = [
        SurplusSpace,
        BareContinuation,
        MissingStatus,
        UnquotedString,
        UnquotedMailbox,
        EmptyAddressList,
        MissingAddress,
        MultipartWithoutParts,
        MissingSubtype,
        MissingMessage,
        MissingLines,
        MissingEncoding,
        MissingParameterValue,
        SizeNotNumber,
        DispositionNotList,
        ListForString,
        Zero,
        MalformedCode,
        MalformedData,
        MalformedItem,
        LostBalance,
        UnclosedList,
        TrailingOctets,
    ];
    let words: BTreeSet<String> = faults.iter().map(ToString::to_string).collect();
    assert!(words.len() == faults.len() && words.iter().all(|words| words.contains(' ')));
    let limits = [
        (LimitKind::Line, "line length"),
        (LimitKind::Response, "response length"),
        (LimitKind::Literal, "literal size"),
        (LimitKind::Body, "message body size"),
        (LimitKind::Events, "unsolicited responses during one command"),
        (LimitKind::Answers, "responses kept as the answer of one command"),
        (LimitKind::Depth, "nesting depth"),
    ];
    for (kind, words) in limits {
        let error = Error::Limit { kind };
        assert_eq!(error.to_string(), format!("server passed the limit of {words}"));
    }
}

#[test]
fn errors_say_what_happened() {
    let offered = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let unavailable = |names| Error::MechanismUnavailable {
        mechanism: "XOAUTH2".to_owned(),
        offered: offered(names),
    };
    let table = [
        (
            Error::Transport { fault: TransportFault::Closed, literal: Some((100, 9)) },
            "server closed the connection inside a literal: announced 100, received 9",
        ),
        (unavailable(&[]), "server does not offer XOAUTH2, nor any other mechanism"),
        (unavailable(&["PLAIN", "LOGIN"]), "server does not offer XOAUTH2, only PLAIN, LOGIN"),
        (Error::NotSelected { command: "FETCH" }, "FETCH needs a selected mailbox"),
        (Error::CapabilitiesUnknown, "capabilities are not known, expected CAPABILITY first"),
        (Error::AlreadyAuthenticated, "the session is authenticated already, expected no login"),
        (Error::AlreadyCompressed, "the session is compressed already, expected no COMPRESS"),
        (Error::Busy, "another command is under way"),
    ];
    for (error, words) in table {
        assert_eq!(error.to_string(), words);
    }
}
