//! Openings that outlive the futures that wait for them.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use super::*;
use crate::{Ask, Renew};

const GREETS: Act = Say("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] ready\r\n");
const SELECTED: Act = Say("* 3 EXISTS\r\n* OK [UIDVALIDITY 7] good\r\n{tag} OK in\r\n");
const SERVES: Act = Serve(&[
    ("NOOP", "{tag} OK\r\n"),
    ("FETCH", "* 2 FETCH (UID 5 FLAGS (\\Seen))\r\n{tag} OK\r\n"),
    ("IDLE", "+ idling\r\n"),
]);

/// A session whose every answer takes two seconds.
fn slow(then: &[Act]) -> Vec<Act> {
    let late = Wait(2 * SECOND);
    let mut script = vec![
        late.clone(),
        GREETS,
        Hear("AUTHENTICATE"),
        late.clone(),
        Say(IDLES),
        Hear("SELECT INBOX"),
        late,
        SELECTED,
    ];
    script.extend_from_slice(then);
    script
}

#[test]
fn an_opening_goes_on_however_short_the_slices_are() {
    for slice in [SECOND / 100, SECOND, 100 * SECOND] {
        simulated(async move {
            let server = Server::new(vec![slow(&[SERVES])]);
            let mut watch = server.watch();
            let began = Instant::now();
            assert!(is_opened(&in_slices_of(slice, &mut watch).await.unwrap()));
            let took = began.elapsed();
            assert!(took >= 6 * SECOND && took < 6 * SECOND + SECOND / 10, "{took:?}");
            assert_eq!((server.dials(), server.heard("SELECT")), (1, 1));
        });
    }
}

/// By a program that does something else for a while, by a watch that is over.
#[test]
fn an_opening_waits_for_nobody_and_ends_with_its_watch() {
    simulated(async {
        let server = Server::new(vec![slow(&[SERVES])]);
        let mut watch = server.watch();
        assert!(timeout(SECOND, watch.next(None)).await.is_err());
        sleep(MINUTE).await;
        // It is there at once.
        let began = Instant::now();
        assert!(is_opened(&watch.next(None).await.unwrap().unwrap()));
        assert_eq!((began.elapsed(), server.dials()), (Duration::ZERO, 1));
    });
    simulated(async {
        let server = Server::new(vec![slow(&[SERVES])]);
        let mut watch = server.watch();
        assert!(timeout(3 * SECOND, watch.next(None)).await.is_err());
        assert_eq!((server.heard("AUTHENTICATE"), server.ended()), (1, 0));
        drop(watch);
        sleep(MINUTE).await;
        assert_eq!((server.heard("SELECT"), server.ended()), (0, 1));
    });
}

/// Whoever renews a token in an opening keeps nobody from it by going away.
#[test]
fn an_opening_that_nobody_waits_for_does_not_hold_the_renewal() {
    simulated(async {
        let refuses = Say("{tag} NO [AUTHENTICATIONFAILED] expired\r\n");
        let renews = [GREETS, Hear("AUTHENTICATE"), refuses, Hear("AUTHENTICATE"), Say(IDLES)];
        let script = [&renews[..], &[Hear("SELECT INBOX"), SELECTED, SERVES]].concat();
        let server = Server::new(vec![script]);
        let source = crate::Awaited(|ask: Ask| async move {
            if ask.renew == Renew::Force {
                sleep(5 * SECOND).await;
            }
            Ok("opaque-4711".into())
        });
        let credentials = Credentials::bearer("ann@example.com", source);
        let opens = || {
            let mut keeper = Keeper::new(Dialled(server.clone()), credentials.clone());
            keeper.open_mailbox("INBOX".into(), false);
            keeper
        };
        let (mut first, mut second) = (opens(), opens());
        assert!(timeout(SECOND, first.session()).await.is_err());
        let began = Instant::now();
        second.session().await.map(drop).unwrap();
        assert!(began.elapsed() < 10 * SECOND, "{:?}", began.elapsed());
        first.session().await.map(drop).unwrap();
        assert_eq!(server.dials(), 2);
    });
}

/// What a future of `run` leaves that is dropped while its command is under way, and while a session is opened for it.
#[test]
fn a_command_that_is_dropped_leaves_its_session_to_the_next() {
    simulated(async {
        let late = [Hear("NOOP"), Wait(2 * SECOND), Say("{tag} OK late\r\n"), SERVES];
        let server = Server::new(vec![session(IDLES, &late)]);
        let mut mail = server.keeper();
        assert!(timeout(SECOND, mail.run(Noop::new)).await.is_err());
        // Its answer is no other command's.
        let fetched = mail.run(|| Fetch::new("5", Item::Flags)).await.unwrap();
        assert_eq!(fetched.len(), 1);
        assert_eq!((mail.opened, server.dials(), server.heard("NOOP")), (1, 1, 1));
    });
    simulated(async {
        let ends = session(IDLES, &[Hear("NOOP"), Say("* BYE gone\r\n")]);
        let server = Server::new(vec![ends, slow(&[SERVES])]);
        let mut mail = server.keeper();
        // The session breaks, and another one is being opened for the command.
        assert!(timeout(SECOND, mail.run(Noop::new)).await.is_err());
        assert_eq!((mail.opened, server.heard("NOOP")), (1, 1));
        // Nothing runs by itself: the command went with its future.
        sleep(MINUTE).await;
        assert_eq!((mail.opened, server.heard("NOOP")), (1, 1));
        mail.run(Noop::new).await.unwrap();
        assert_eq!((mail.opened, server.heard("NOOP"), server.dials()), (2, 2, 2));
    });
}

/// What a future answers, or the panic it ends with.
async fn caught<F: Future>(future: F) -> std::thread::Result<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

#[test]
fn a_source_that_panics_is_heard_of_and_asked_again() {
    simulated(async {
        let server = Server::new(vec![session(IDLES, &[SERVES])]);
        let asked = AtomicUsize::new(0);
        let source = crate::Awaited(move |_| {
            let number = asked.fetch_add(1, Ordering::SeqCst);
            async move {
                assert!(number > 0, "the source is broken");
                Ok("opaque-4711".into())
            }
        });
        let credentials = Credentials::bearer("ann@example.com", source);
        let mut mail = Keeper::new(Dialled(server.clone()), credentials);
        mail.open_mailbox("INBOX".into(), false);
        let panic = caught(mail.run(Noop::new)).await.unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"the source is broken"));
        mail.run(Noop::new).await.unwrap();
        assert_eq!(server.dials(), 1);
    });
}

/// The mailbox that was named last is opened, whatever was being opened.
#[test]
fn another_mailbox_may_be_named_while_a_session_is_opened() {
    simulated(async {
        let archive = [GREETS, Hear("AUTHENTICATE"), Say(IDLES), Hear("SELECT Archive"), SELECTED];
        let server = Server::new(vec![slow(&[SERVES]), [&archive[..], &[SERVES]].concat()]);
        let mut mail = server.keeper();
        assert!(timeout(3 * SECOND, mail.run(Noop::new)).await.is_err());
        mail.open_mailbox("Archive".into(), false);
        mail.run(Noop::new).await.unwrap();
        assert_eq!((server.dials(), server.heard("SELECT INBOX"), mail.opened), (2, 0, 1));
        // Of the one that nobody was told of nothing is left.
        mail.open_mailbox("INBOX".into(), false);
        assert!(mail.take_reopened().is_none());
    });
}

#[test]
fn who_watches_without_a_mailbox_watches_the_inbox() {
    simulated(async {
        let examined = [GREETS, Hear("AUTHENTICATE"), Say(IDLES), Hear("EXAMINE INBOX"), SELECTED];
        let server = Server::new(vec![[&examined[..], &[SERVES]].concat()]);
        let source = crate::Awaited(|_| async { Ok("opaque-4711".into()) });
        let credentials = Credentials::bearer("ann@example.com", source);
        let mut keeper = Keeper::new(Dialled(server.clone()), credentials);
        keeper.open_mailbox("INBOX".into(), true);
        keeper.run(Noop::new).await.unwrap();
        // What was asked for already is told once more to whoever begins to watch.
        assert!(keeper.take_reopened().is_some());
        let mut watch = Watcher::new(keeper);
        assert!(is_opened(&watch.next(None).await.unwrap().unwrap()));

        let mut keeper = server.keeper();
        keeper = Keeper::new(Dialled(server.clone()), keeper.credentials);
        let mut watch = Watcher::new(keeper);
        assert!(is_opened(&watch.next(None).await.unwrap().unwrap()));
        assert_eq!((server.dials(), server.heard("EXAMINE INBOX")), (2, 2));
    });
}

#[test]
fn a_runtime_that_ends_takes_its_opening_with_it_and_another_one_begins() {
    let server = Server::new(vec![slow(&[SERVES])]);
    let mut mail = server.keeper();
    let paused = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    let first = paused();
    assert!(first.block_on(async { timeout(SECOND, mail.run(Noop::new)).await }).is_err());
    drop(first);
    paused().block_on(mail.run(Noop::new)).unwrap();
    assert_eq!((server.dials(), server.heard("SELECT"), mail.opened), (2, 1, 1));
}

#[test]
fn a_source_hears_of_a_dead_token_until_it_gives_another() {
    simulated(async {
        let dies = [Hear("NOOP"), Say("* BYE Session invalidated - AccessTokenExpired\r\n")];
        let busy = vec![Say("* BYE [UNAVAILABLE] busy\r\n")];
        let server = Server::new(vec![session(IDLES, &dies), busy, session(IDLES, &[SERVES])]);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        let source = crate::Awaited(move |ask: Ask| {
            let refusal = ask.refusal.map(|refusal| refusal.to_string());
            let mut asked = noted.lock().unwrap();
            asked.push(refusal);
            // The second time it has none for now.
            let token = match asked.len() {
                2 => Err(crate::TokenUnavailable::new("the endpoint is down").into()),
                _ => Ok("opaque-4711".into()),
            };
            async move { token }
        });
        let credentials = Credentials::bearer("ann@example.com", source);
        let mut mail = Keeper::new(Dialled(server.clone()), credentials);
        mail.open_mailbox("INBOX".into(), false);
        mail.run(Noop::new).await.unwrap();
        let asked = asked.lock().unwrap();
        let refusals: Vec<bool> = asked.iter().map(Option::is_some).collect();
        assert_eq!(refusals, [false, true, true, false], "{asked:?}");
        assert!(asked[1].as_ref().unwrap().contains("AccessTokenExpired"), "{asked:?}");
    });
}
