//! What a session that is opened again tells of the time in between, by QRESYNC (RFC 7162).

use super::*;
use crate::imap::Reopened;

const OFFERS: &str = "{tag} OK [CAPABILITY IMAP4rev1 IDLE ENABLE CONDSTORE QRESYNC] in\r\n";
const ENABLED: &str = "* ENABLED QRESYNC\r\n{tag} OK enabled\r\n";
const ENDS: [Act; 2] = [Hear("IDLE"), Say("* BYE gone\r\n")];

/// A session up to where the mailbox is opened, and what comes then.
fn enabled(answer: &'static str, then: &[Act]) -> Vec<Act> {
    let mut script = vec![
        Say("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] ready\r\n"),
        Hear("AUTHENTICATE"),
        Say(OFFERS),
        Hear("ENABLE"),
        Say(answer),
    ];
    script.extend_from_slice(then);
    script
}

/// A mailbox with QRESYNC, whose server answers so to a line that holds this.
fn resyncs(select: &'static str, answer: &'static str) -> Vec<Act> {
    enabled(ENABLED, &[&[Hear(select), Say(answer)], &ENDS[..]].concat())
}

const PLAIN: &str = "SELECT INBOX (CONDSTORE)";
const SINCE_90: &str = "SELECT INBOX (QRESYNC (7 90))";
const KNOWN: &str = "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] good\r\n\
                     * OK [HIGHESTMODSEQ 90] high\r\n{tag} OK in\r\n";

async fn opened<S: AsyncTokenSource + 'static>(
    watch: &mut Watcher<Dialled<Server>, S>,
) -> Reopened {
    match in_slices(watch).await.unwrap() {
        Change::Opened(opened) => *opened,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_changed_between_two_sessions_is_told_with_the_second() {
    simulated(async {
        let changed = "* 2 EXISTS\r\n* OK [UIDVALIDITY 7] good\r\n* OK [HIGHESTMODSEQ 95] high\r\n\
                       * VANISHED (EARLIER) 3:5,8\r\n\
                       * 2 FETCH (UID 9 FLAGS (\\Seen) MODSEQ (95))\r\n{tag} OK in\r\n";
        let nothing = "* 2 EXISTS\r\n* OK [UIDVALIDITY 7] good\r\n\
                       * OK [HIGHESTMODSEQ 95] high\r\n{tag} OK in\r\n";
        let server = Server::new(vec![
            resyncs(PLAIN, KNOWN),
            resyncs(SINCE_90, changed),
            // What was told is not asked for again.
            resyncs("SELECT INBOX (QRESYNC (7 95))", nothing),
        ]);
        let mut watch = server.watch();
        let first = opened(&mut watch).await;
        assert!(first.gap.is_none() && first.previous.is_none());
        let second = opened(&mut watch).await;
        let gap = second.gap.as_ref().unwrap();
        let vanished: Vec<_> = gap.vanished.iter().map(|(a, b)| (a.get(), b.get())).collect();
        assert_eq!(vanished, [(3, 5), (8, 8)]);
        let changed: Vec<_> = gap.changed.iter().map(|it| it.uid.unwrap().get()).collect();
        assert_eq!(changed, [9]);
        assert!(second.has_same_uids() && second.cause.is_some() && second.previous.is_some());
        let third = opened(&mut watch).await;
        let gap = third.gap.unwrap();
        assert!(gap.vanished.is_empty() && gap.changed.is_empty());
    });
}

#[test]
fn a_server_that_cannot_do_what_it_offers_is_asked_in_the_old_way() {
    for refusal in ["{tag} NO not now\r\n", "{tag} BAD what\r\n"] {
        // It refuses ENABLE; it refuses the parameter.
        let old = [&[Hear(PLAIN), Say(KNOWN)], &ENDS[..]].concat();
        let no_parameter = [&[Hear(SINCE_90), Say(refusal)], &old[..]].concat();
        for again in [enabled(refusal, &old), enabled(ENABLED, &no_parameter)] {
            simulated(async {
                let server = Server::new(vec![resyncs(PLAIN, KNOWN), again]);
                let mut watch = server.watch();
                assert!(opened(&mut watch).await.previous.is_none());
                let second = opened(&mut watch).await;
                assert!(second.gap.is_none() && second.previous.is_some());
                assert_eq!(server.dials(), 2);
            });
        }
    }
}

#[test]
fn a_resync_that_cannot_be_had_is_not_asked_for_again() {
    simulated(async {
        let much = "* 1 FETCH (UID 1 FLAGS ())\r\n* 2 FETCH (UID 2 FLAGS ())\r\n\
                    * 3 FETCH (UID 3 FLAGS ())\r\n* 4 FETCH (UID 4 FLAGS ())\r\n\
                    * 5 FETCH (UID 5 FLAGS ())\r\n";
        let again = resyncs(PLAIN, KNOWN);
        let mut server = Server::new(vec![again.clone(), resyncs(SINCE_90, much), again]);
        server.limits.answers = 4;
        let mut watch = server.watch();
        opened(&mut watch).await;
        let error = in_slices(&mut watch).await.unwrap_err();
        assert!(error.is_fatal(), "{error}");
        let again = opened(&mut watch).await;
        assert!(again.gap.is_none() && again.previous.is_some());
        assert_eq!(server.heard("SELECT INBOX (QRESYNC"), 1);
    });
}

/// What cannot be read may be anything: the program is told to look for itself, and the session goes on.
#[test]
fn a_gap_that_cannot_be_read_is_none() {
    let garbled = |line: &str| -> &'static str {
        format!(
            "* 2 EXISTS\r\n* OK [UIDVALIDITY 7] good\r\n* OK [HIGHESTMODSEQ 95] high\r\n\
             * VANISHED (EARLIER) 3:5\r\n* {line}\r\n{{tag}} OK in\r\n"
        )
        .leak()
    };
    let cases = [
        ("VANISHED (EARLIER) x", false),
        ("0 FETCH (UID 9 FLAGS (\\Seen))", false),
        ("2 FETCH (UID 9 FLAGS (\\Seen))", true),
    ];
    for (line, is_told) in cases {
        simulated(async {
            let nothing = "* 2 EXISTS\r\n* OK [UIDVALIDITY 7] good\r\n{tag} OK in\r\n";
            let server = Server::new(vec![
                resyncs(PLAIN, KNOWN),
                resyncs(SINCE_90, garbled(line)),
                // What comes from there on is asked for all the same.
                resyncs("SELECT INBOX (QRESYNC (7 95))", nothing),
            ]);
            let mut watch = server.watch();
            opened(&mut watch).await;
            let second = opened(&mut watch).await;
            assert_eq!(second.gap.is_some(), is_told, "{line}");
            assert!(second.previous.is_some() && second.has_same_uids());
            if !is_told {
                // It comes out as it is.
                let Event::Other { octets, .. } = told(in_slices(&mut watch).await) else {
                    panic!()
                };
                assert_eq!(octets, line);
            }
            assert!(opened(&mut watch).await.gap.is_some());
        });
    }
}

#[test]
fn of_a_mailbox_whose_messages_are_others_no_gap_is_told() {
    simulated(async {
        let other = "* 1 EXISTS\r\n* OK [UIDVALIDITY 8] good\r\n\
                     * OK [HIGHESTMODSEQ 5] high\r\n{tag} OK in\r\n";
        let server = Server::new(vec![
            resyncs(PLAIN, KNOWN),
            resyncs(SINCE_90, other),
            // What is known now is that of the other messages.
            resyncs("SELECT INBOX (QRESYNC (8 5))", other),
        ]);
        let mut watch = server.watch();
        opened(&mut watch).await;
        let second = opened(&mut watch).await;
        assert!(second.gap.is_none() && !second.has_same_uids());
        let third = opened(&mut watch).await;
        assert!(third.gap.is_some() && third.has_same_uids());
    });
}

/// Who does not ask what was found for weeks has it added up, within a bound, and is told to look for himself then.
#[test]
fn gaps_that_nobody_asks_for_are_bounded() {
    // So many messages vanish in each of three gaps.
    for (each, is_told) in [(30_000, true), (40_000, false)] {
        let mut numbers = 0;
        let mut vanish = || {
            let mut answer = String::from("* 1 EXISTS\r\n* OK [UIDVALIDITY 7] good\r\n");
            for _ in 0..each / 1000 {
                let gone: Vec<String> =
                    (0..1000).map(|n| (numbers + 2 * n + 1).to_string()).collect();
                numbers += 2000;
                answer += &format!("* VANISHED (EARLIER) {}\r\n", gone.join(","));
            }
            answer += "* OK [HIGHESTMODSEQ 90] high\r\n{tag} OK in\r\n";
            let answer: &str = answer.leak();
            enabled(ENABLED, &[Hear(SINCE_90), Say(answer), Hear("NOOP"), Say("* BYE gone\r\n")])
        };
        let served = &[("NOOP", "{tag} OK\r\n")];
        let nothing = enabled(ENABLED, &[Hear(SINCE_90), Say(KNOWN), Serve(served)]);
        let first =
            enabled(ENABLED, &[Hear(PLAIN), Say(KNOWN), Hear("NOOP"), Say("* BYE gone\r\n")]);
        let server = Server::new(vec![first, vanish(), vanish(), vanish(), nothing]);
        simulated(async {
            let mut mail = server.keeper();
            mail.session().await.map(drop).unwrap();
            assert!(mail.reopened.take().is_some());
            // NOOP is safe to repeat, and is once: each has two sessions.
            for _ in 0..3 {
                let _ = mail.run(Noop::new).await;
            }
            assert_eq!(server.dials(), 5);
            let reopened = mail.reopened.take().unwrap();
            let told = reopened.gap.map(|gap| gap.vanished.len());
            assert_eq!(told, is_told.then_some(3 * each));
        });
    }
}
