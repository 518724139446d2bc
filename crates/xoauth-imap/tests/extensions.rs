//! Commands of the extensions as they are on the wire: the examples of their RFCs.
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

use transcript::{needs, play, refused, told};
use xoauth_imap::command::*;
use xoauth_imap::proto::Command;
use xoauth_imap::{Date, Error, Event, Flag, Mailbox, ResourceKind, Rights, Uid, UidSet};

#[test]
fn flags_are_stored_where_nothing_changed() {
    // RFC 7162, 3.1.3, examples 5 to 9.
    let text = "C: xt2 STORE 5,7,9 (UNCHANGEDSINCE 320162338) +FLAGS.SILENT (\\Deleted)
         S: * 5 FETCH (MODSEQ (320162350))
         S: * 6 FETCH (FLAGS (\\Seen))
         S: xt2 OK [MODIFIED 7,9] Conditional STORE failed\n";
    let store = || {
        Store::by_sequence("5,7,9", StoreAction::Add, [Flag::Deleted])
            .silent()
            .unchanged_since(320_162_338)
    };
    let stored = told("CONDSTORE", text, store).unwrap();
    assert_eq!(stored.changed.len(), 1);
    assert_eq!(stored.changed[0].mod_seq, Some(320_162_350));
    let modified: Vec<_> = stored.modified.iter().map(|(from, _)| from.get()).collect();
    assert_eq!(modified, [7, 9]);
    needs("CONDSTORE", store);
    let text = "C: xt2 UID STORE 1 (UNCHANGEDSINCE 0) FLAGS ($x)
         S: xt2 NO [MODIFIED 1] no\n";
    let store =
        || Store::new("1", StoreAction::Replace, [Flag::keyword("$x").unwrap()]).unchanged_since(0);
    assert!(told("QRESYNC", text, store).is_err());
}

#[test]
fn a_mailbox_is_opened_with_modification_sequences() {
    // RFC 7162, 3.1.8 and RFC 8474, 4.2.
    let text = "C: xt2 EXAMINE x (CONDSTORE)
         S: * OK [HIGHESTMODSEQ 715194045007] Highest
         S: * OK [MAILBOXID (F2212ea87-6097)] Ok
         S: * NO [UIDNOTSTICKY] Non-persistent UIDs
         S: xt2 OK [READ-ONLY] done\n";
    let opened = told("CONDSTORE", text, || Examine::new("x").condstore()).unwrap();
    assert_eq!(opened.highest_mod_seq, Some(715_194_045_007));
    assert_eq!(opened.mailbox_id.unwrap().as_str(), "F2212ea87-6097");
    assert!(opened.uid_not_sticky);
    needs("CONDSTORE", || Select::new("x").condstore());
}

#[test]
fn a_mailbox_is_synchronised_in_one_round_trip() {
    // RFC 7162, 3.2.5 and 3.2.11.
    let text = "S: * OK [CAPABILITY IMAP4rev1 QRESYNC ENABLE] ready
         C: xt1 SELECT old
         S: * 5 EXISTS
         S: xt1 OK done
         C: xt2 ENABLE QRESYNC
         S: * ENABLED QRESYNC
         S: xt2 OK done
         C: xt3 SELECT INBOX (QRESYNC (67890007 20050715194045000 41,43:211,214:541 (1,3 41,99)))
         S: * 1 FETCH (UID 7 FLAGS ())
         S: * VANISHED (EARLIER) 7
         S: * OK [CLOSED] Previous mailbox is now closed
         S: * 314 EXISTS
         S: * OK [UIDVALIDITY 67890007] UIDVALIDITY
         S: * OK [HIGHESTMODSEQ 90060115205545359] Highest
         S: * VANISHED (EARLIER) 41,43:116,118,120:211,214:540
         S: * 49 FETCH (UID 117 FLAGS (\\Seen) MODSEQ (90060115194045001))
         S: xt3 OK [READ-WRITE] mailbox selected\n";
    let resync = || {
        Resync::new("INBOX", NonZeroU32::new(67_890_007).unwrap(), 20_050_715_194_045_000)
            .known("41,43:211,214:541".parse().unwrap())
            .matching("1,3".parse().unwrap(), "41,99".parse().unwrap())
    };
    let resynced = play(text, |peer| {
        peer.run(Greeting::new())?;
        peer.run(Select::new("old"))?;
        peer.run(Enable::new(["QRESYNC"]))?;
        let resynced = peer.run(resync())?;
        assert_eq!(peer.machine.state().selected(), Some(&resynced.selected));
        Ok(resynced)
    });
    let resynced = resynced.unwrap();
    assert_eq!(resynced.selected.exists, Some(314));
    assert_eq!(resynced.vanished.len(), 5);
    assert_eq!(resynced.changed[0].uid.map(Uid::get), Some(117));
    assert_eq!(resynced.changed.len(), 1);
    needs("QRESYNC", resync);
    let one = || "1".parse::<UidSet>().unwrap();
    let open = || Resync::new("x", NonZeroU32::MIN, 5);
    for open in [
        open().known("1:*".parse().unwrap()),
        open().known(UidSet::saved_search()),
        open().known(one()).matching("*".parse().unwrap(), one()),
    ] {
        let error = refused("QRESYNC", || open.clone().even_if_unlisted());
        assert_eq!(error, "invalid known messages: expected numbers, without * and $");
    }
    let uneven = || open().matching("1:3".parse().unwrap(), one()).even_if_unlisted();
    let expected =
        "invalid matching messages: expected as many sequence numbers as unique identifiers";
    assert_eq!(refused("QRESYNC", uneven), expected);
    assert_eq!(refused("QRESYNC", resync), "invalid QRESYNC: expected ENABLE QRESYNC before it");
    let text = "C: xt2 EXAMINE x (QRESYNC (1 5))\nS: xt2 OK done\n";
    let bare = || Resync::new("x", NonZeroU32::MIN, 5).read_only().even_if_unlisted();
    assert!(told("QRESYNC", text, bare).unwrap().selected.read_only);
    let text = "C: xt2 SELECT x (QRESYNC (1 5 1:4294967295 (1 9)))\nS: xt2 OK done\n";
    let matching = || {
        Resync::new("x", NonZeroU32::MIN, 5)
            .matching("1".parse().unwrap(), "9".parse().unwrap())
            .even_if_unlisted()
    };
    told("", text, matching).unwrap();
}

#[test]
fn a_synchronisation_that_cannot_be_read_is_not_whole() {
    let resync = || Resync::new("x", NonZeroU32::MIN, 5).even_if_unlisted();
    for (line, is_whole) in [
        ("VANISHED (EARLIER) 7", true),
        ("VANISHED (EARLIER) x", false),
        ("vanished (EARLIER) 0", false),
        ("VANISHED (EARLIER) 1:*", false),
        ("VANISHED", false),
        ("2 FETCH (UID 7 FLAGS (\\Seen))", true),
        ("2 FETCH (UID x FLAGS (\\Seen))", false),
        ("0 FETCH (UID 7 FLAGS (\\Seen))", false),
        ("XNEWS of another kind", true),
        ("2 EXPUNGE", false),
    ] {
        let text = format!("C: xt2 SELECT x (QRESYNC (1 5))\nS: * {line}\nS: xt2 OK done\n");
        assert_eq!(told("", &text, resync).unwrap().is_whole, is_whole, "{line}");
        // What was told of the mailbox that is left does not count.
        let text = format!(
            "C: xt2 SELECT x (QRESYNC (1 5))\nS: * {line}\nS: * OK [CLOSED] left\nS: xt2 OK done\n"
        );
        assert!(told("", &text, resync).unwrap().is_whole, "{line}");
    }
}

#[test]
fn what_goes_while_a_mailbox_is_synchronised_is_told_with_it() {
    let resync = || Resync::new("x", NonZeroU32::MIN, 5).even_if_unlisted();
    let text = "C: xt2 SELECT x (QRESYNC (1 5))
         S: * 4 EXISTS
         S: * VANISHED (EARLIER) 3
         S: * VANISHED 7:8
         S: xt2 OK done\n";
    let resynced = told("", text, resync).unwrap();
    let gone: Vec<_> = resynced.vanished.iter().map(|(a, b)| (a.get(), b.get())).collect();
    assert_eq!((gone, resynced.selected.exists), (vec![(3, 3), (7, 8)], Some(2)));
    assert!(resynced.is_whole);
}

#[test]
fn messages_that_vanish_are_counted_off() {
    // RFC 7162, 3.2.10: EARLIER ones are counted off already.
    let text = "S: * OK ready
         C: xt1 SELECT INBOX
         S: * 10 EXISTS
         S: xt1 OK done
         C: xt2 NOOP
         S: * VANISHED 405,407,410,425
         S: * VANISHED (EARLIER) 300:310
         S: xt2 OK done
         C: xt3 NOOP
         S: * VANISHED 1:4294967295
         S: xt3 OK done\n";
    let exists = play(text, |peer| {
        peer.run(Greeting::new())?;
        peer.run(Select::new("INBOX"))?;
        peer.run(Noop::new())?;
        let exists = peer.machine.state().selected().unwrap().exists;
        peer.run(Noop::new())?;
        let events: Vec<_> = std::iter::from_fn(|| peer.machine.next_event()).collect();
        assert!(matches!(&events[1], Event::Vanished { earlier: true, uids } if uids.len() == 1));
        Ok((exists, peer.machine.state().selected().unwrap().exists, events.len()))
    });
    assert_eq!(exists.unwrap(), (Some(6), Some(0), 3));
}

#[test]
fn extensions_tell_more_of_a_message() {
    // RFC 8474, 5.3; RFC 8514, 4.1; RFC 8970, 3; RFC 3516, 4; the description of X-GM-EXT-1.
    let text = "C: xt2 UID FETCH 1 (MODSEQ EMAILID THREADID SAVEDATE PREVIEW PREVIEW (LAZY) BINARY.PEEK[1.2] BINARY.PEEK[] BINARY.SIZE[3] X-GM-MSGID X-GM-THRID X-GM-LABELS)
         S: * 1 FETCH (UID 1 MODSEQ (5) EMAILID (M6d99ac3275bb4e) THREADID (T64b478a75b7ea9) SAVEDATE \"01-Jan-2015 00:00:01 +0000\" PREVIEW \"Grüße\" BINARY[1.2] ~{3}
         S. a\u{0}b
         S:  BINARY[] NIL BINARY.SIZE[3] 3456789 X-GM-MSGID 18446744073709551615 X-GM-THRID 1266894439832287888 X-GM-LABELS (\\Inbox \"\\\\Sent\" Important \"Muy &AOE-\"))
         S: xt2 OK done\n";
    let items = || {
        [
            Item::ModSeq,
            Item::EmailId,
            Item::ThreadId,
            Item::SaveDate,
            Item::Preview,
            Item::PreviewLazy,
            Item::Binary(vec![1, 2]),
            Item::Binary(vec![]),
            Item::BinarySize(vec![3]),
            Item::GmailMessageId,
            Item::GmailThreadId,
            Item::GmailLabels,
        ]
    };
    let all = "CONDSTORE OBJECTID SAVEDATE PREVIEW BINARY X-GM-EXT-1";
    let messages = told(all, text, || Fetch::new("1", items())).unwrap();
    let message = &messages[0];
    assert_eq!(message.mod_seq, Some(5));
    assert_eq!(message.email_id().unwrap().as_str(), "M6d99ac3275bb4e");
    assert_eq!(message.thread_id().unwrap().as_str(), "T64b478a75b7ea9");
    assert_eq!(message.save_date().unwrap().date(), Date::new(2015, 1, 1).unwrap());
    assert_eq!(message.preview().as_deref(), Some("Grüße"));
    assert_eq!(message.binary(&[1, 2]), Some(&b"a\0b"[..]));
    assert_eq!(message.binary(&[]), None);
    assert_eq!(message.binary_size(&[3]), Some(3_456_789));
    assert_eq!(message.gmail_message_id(), Some(u64::MAX));
    assert_eq!(message.gmail_thread_id(), Some(1_266_894_439_832_287_888));
    let labels: Vec<_> = message.gmail_labels().unwrap();
    let labels: Vec<_> = labels.iter().map(Mailbox::as_str).collect();
    assert_eq!(labels, ["\\Inbox", "\\Sent", "Important", "Muy á"]);
    for item in items() {
        let error = refused("", || Fetch::new("1", item.clone()));
        assert!(error.starts_with("FETCH of such an item needs"), "{item:?}: {error}");
    }
    // RFC 9051 took in BINARY, and NIL is no value.
    let text = "C: xt2 UID FETCH 1 (BINARY.SIZE[])
         S: * 1 FETCH (UID 1 BINARY.SIZE[] 7 PREVIEW NIL SAVEDATE NIL THREADID NIL)
         S: xt2 OK done\n";
    let messages = told("IMAP4rev2", text, || Fetch::new("1", Item::BinarySize(vec![]))).unwrap();
    assert_eq!(messages[0].binary_size(&[]), Some(7));
    assert!(messages[0].preview().is_none() && messages[0].save_date().is_none());
    assert!(messages[0].thread_id().is_none() && messages[0].gmail_labels().is_none());
    let zero = || Fetch::new("1", Item::Binary(vec![1, 0]));
    assert_eq!(
        refused("BINARY", zero),
        "invalid section '1.0': expected numbers of parts, which count from 1"
    );
}

#[test]
fn gmail_labels_are_stored() {
    let text = "C: xt2 UID STORE 1 +X-GM-LABELS (\"\\\\Inbox\" foo \"a b\" Entw&APw-rfe)
         S: * 1 FETCH (X-GM-LABELS (\"\\\\Inbox\" foo) UID 1)
         S: xt2 OK STORE (Success)\n";
    let store = || StoreLabels::new("1", StoreAction::Add, ["\\Inbox", "foo", "a b", "Entwürfe"]);
    let changed = told("X-GM-EXT-1", text, store).unwrap();
    assert_eq!(changed[0].gmail_labels().unwrap().len(), 2);
    needs("X-GM-EXT-1", store);
    for (action, word) in [(StoreAction::Remove, "-X-GM"), (StoreAction::Replace, "X-GM")] {
        let text = format!("C: xt2 UID STORE 1 {word}-LABELS (x)\nS: xt2 OK\n");
        told("X-GM-EXT-1", &text, || StoreLabels::new("1", action, ["x"])).unwrap();
    }
}

#[test]
fn quotas_are_told_and_set() {
    // RFC 9208, 4.1 and 4.2.
    let text = "C: xt2 GETQUOTA \"\"
         S: * QUOTA other (STORAGE 1 2)
         S: * QUOTA \"\" (STORAGE 10 512 MESSAGE 1 2 X-NEW 3 4)
         S: xt2 OK Getquota completed\n";
    let quota = told("QUOTA", text, || GetQuota::new("")).unwrap();
    let kinds: Vec<_> =
        quota.resources.iter().map(|r| (r.kind.as_str(), r.usage, r.limit)).collect();
    assert_eq!(kinds, [("STORAGE", 10, 512), ("MESSAGE", 1, 2), ("X-NEW", 3, 4)]);
    needs("QUOTA", || GetQuota::new(""));
    let text = "C: xt2 GETQUOTAROOT INBOX
         S: * QUOTAROOT INBOX \"#user/alice\" \"\"
         S: * QUOTA \"#user/alice\" (MESSAGE 42 1000)
         S: * QUOTA \"\" ()
         S: xt2 OK Getquotaroot completed\n";
    let quotas = told("QUOTA", text, || GetQuotaRoot::new("INBOX")).unwrap();
    assert_eq!((quotas.roots.len(), quotas.quotas.len()), (2, 2));
    // A QUOTAROOT that breaks the grammar spoils only itself.
    let text = "C: xt2 GETQUOTAROOT INBOX
         S: * QUOTAROOT INBOX User (Storage)
         S: * QUOTA User (STORAGE 102401 10000)
         S: xt2 OK completed\n";
    let quotas = told("QUOTA", text, || GetQuotaRoot::new("INBOX")).unwrap();
    assert_eq!((quotas.roots.len(), quotas.quotas[0].resources[0].usage), (0, 102_401));
    let text = "C: xt2 SETQUOTA \"#user/alice\" (STORAGE 510)
         S: * QUOTA \"#user/alice\" (STORAGE 58 512)
         S: xt2 OK Rounded quota\n";
    let set = || SetQuota::new("#user/alice", [(ResourceKind::Storage, 510)]);
    let text = text.replace("SETQUOTA \"#user/alice\"", "SETQUOTA #user/alice");
    assert_eq!(told("QUOTASET QUOTA", &text, set).unwrap().unwrap().resources[0].limit, 512);
    needs("QUOTASET", set);
    let bad = || SetQuota::new("", [(ResourceKind::Other("a b".into()), 1)]);
    assert_eq!(refused("QUOTA", bad), "invalid resource 'a b': ' ' at octet 1, expected an atom");
    let most = i64::MAX as u64;
    let text = format!("C: xt2 SETQUOTA \"\" (MESSAGE {most})\nS: xt2 OK done\n");
    told("QUOTASET", &text, || SetQuota::new("", [(ResourceKind::Message, most)])).unwrap();
    let more = || SetQuota::new("", [(ResourceKind::Message, most + 1)]);
    assert!(refused("QUOTASET", more).ends_with("expected a number of 63 bits"));
}

#[test]
fn rights_are_told_and_set() {
    // RFC 4314, 3.
    let rights = |letters| Rights::new(letters).unwrap();
    let text = "C: xt2 SETACL INBOX/Drafts John +lrswicda\nS: xt2 OK done\n";
    let set = || SetAcl::new("INBOX/Drafts", "John", RightsChange::Add, rights("lrswicda"));
    told("ACL", text, set).unwrap();
    needs("ACL", set);
    for (change, word) in [(RightsChange::Remove, "-x"), (RightsChange::Replace, "x")] {
        let text = format!("C: xt2 SETACL a \"a b\" {word}\nS: xt2 OK done\n");
        told("ACL", &text, || SetAcl::new("a", "a b", change, rights("x"))).unwrap();
    }
    let text = "C: xt2 SETACL a b \"\"\nS: xt2 OK done\n";
    told("ACL", text, || SetAcl::new("a", "b", RightsChange::Replace, rights(""))).unwrap();
    let text = "C: xt2 DELETEACL INBOX Fred\nS: xt2 OK done\n";
    told("ACL", text, || DeleteAcl::new("INBOX", "Fred")).unwrap();
    needs("ACL", || DeleteAcl::new("INBOX", "Fred"));
    let text = "C: xt2 GETACL INBOX
         S: * ACL INBOX Fred rwipsldexta \"-a b\" l
         S: xt2 OK Getacl complete\n";
    let list = told("ACL", text, || GetAcl::new("INBOX")).unwrap();
    assert_eq!(list[0].0, *"Fred");
    assert!(list[0].1.has(Rights::ADMINISTER) && list[1].1.as_str() == "l");
    needs("ACL", || GetAcl::new("INBOX"));
    let text = "C: xt2 LISTRIGHTS ~/Mail/saved smith
         S: * LISTRIGHTS ~/Mail/saved smith la r swicdkxte
         S: xt2 OK Listrights completed\n";
    let choice = told("ACL", text, || ListRights::new("~/Mail/saved", "smith")).unwrap();
    assert_eq!((choice.required.as_str(), choice.optional.len()), ("la", 2));
    needs("ACL", || ListRights::new("a", "b"));
    let text = "C: xt2 MYRIGHTS INBOX\nS: * MYRIGHTS INBOX rwiptsldaex\nS: xt2 OK done\n";
    assert!(told("ACL", text, || MyRights::new("INBOX")).unwrap().has(Rights::READ));
    needs("ACL", || MyRights::new("INBOX"));
    // A server that answers with a name that is not encoded, or in another case, means the same mailbox.
    for name in ["R&D", "r&-d"] {
        let text = format!("C: xt2 MYRIGHTS R&-D\nS: * MYRIGHTS \"{name}\" lr\nS: xt2 OK done\n");
        assert!(told("ACL", &text, || MyRights::new("R&D")).unwrap().has(Rights::READ));
    }
    let text = "C: xt2 MYRIGHTS a\nS: * MYRIGHTS b lr\nS: xt2 OK done\n";
    assert!(matches!(told("ACL", text, || MyRights::new("a")), Err(Error::MissingData { .. })));
    for command in ["GETACL", "MYRIGHTS"] {
        let text = format!("C: xt2 {command} INBOX\nS: xt2 OK done\n");
        let silent = match command {
            "GETACL" => told("ACL", &text, || GetAcl::new("INBOX")).map(drop),
            _ => told("ACL", &text, || MyRights::new("INBOX")).map(drop),
        };
        let error = silent.unwrap_err().to_string();
        assert!(error.starts_with(&format!("{command} answered OK without")), "{error}");
    }
    // 2.1.1: `c` and `d` stand beside what they mean, for old clients, where the server knows more than they do.
    for (offered, letters, optional) in
        [("ACL RIGHTS=kxte", "lrsta", 8), ("ACL", "lrstda", 10), ("ACL AUTH=RIGHTS", "lrstda", 10)]
    {
        let text = "C: xt2 MYRIGHTS INBOX\nS: * MYRIGHTS INBOX lrstda\nS: xt2 OK done\n";
        assert_eq!(told(offered, text, || MyRights::new("INBOX")).unwrap().as_str(), letters);
        let text = "C: xt2 GETACL INBOX\nS: * ACL INBOX Fred lrstda\nS: xt2 OK done\n";
        let list = told(offered, text, || GetAcl::new("INBOX")).unwrap();
        assert_eq!(list[0].1.as_str(), letters);
        let text = "C: xt2 LISTRIGHTS archive/imap anyone
             S: * LISTRIGHTS archive/imap anyone \"\" lr s w i p k x t c d
             S: xt2 OK done\n";
        let choice = told(offered, text, || ListRights::new("archive/imap", "anyone")).unwrap();
        assert!(choice.required.is_empty());
        assert_eq!(choice.optional.len(), optional);
        let text = "C: xt2 LIST \"\" \"*\" RETURN (MYRIGHTS)
             S: * LIST () \"/\" a
             S: * MYRIGHTS a lrstda
             S: xt2 OK done\n";
        let offered = format!("{offered} LIST-EXTENDED LIST-MYRIGHTS");
        let listed = told(&offered, text, || List::all().returning(ListReturn::MyRights));
        assert_eq!(listed.unwrap()[0].my_rights().unwrap().as_str(), letters);
    }
    assert_eq!(Rights::new("lrl"), None);
    assert_eq!(Rights::new("L"), None);
}

#[test]
fn notes_are_told_and_set() {
    // RFC 5464, 4.2 and 4.3.
    let text = "C: xt2 GETMETADATA \"\" (/shared/comment)
         S: * METADATA \"\" (/shared/comment \"Shared comment\")
         S: xt2 OK GETMETADATA complete\n";
    let server = || GetMetadata::of_server(["/shared/comment"]);
    let found = told("METADATA-SERVER", text, server).unwrap();
    assert_eq!(found.metadata.get("/SHARED/comment").unwrap(), &"Shared comment");
    needs("METADATA", server);
    let text = "C: xt2 GETMETADATA (MAXSIZE 1024 DEPTH 1) INBOX (/private/filters /shared/x)
         S: * METADATA INBOX (/private/filters/values/small ~{3}
         S. a\u{0}b
         S:  /shared/x NIL)
         S: * METADATA INBOX /private/other
         S: xt2 OK [METADATA LONGENTRIES 2199] done\n";
    let get = || {
        GetMetadata::new("INBOX", ["/private/filters", "/shared/x"])
            .max_size(1024)
            .depth(Depth::One)
    };
    let found = told("METADATA", text, get).unwrap();
    assert_eq!(found.longest_left_out, Some(2199));
    assert_eq!(found.metadata.entries.len(), 2);
    assert_eq!(found.metadata.get("/private/filters/values/small").unwrap().as_bytes(), b"a\0b");
    assert_eq!(
        refused("METADATA-SERVER", get),
        "GETMETADATA needs METADATA, which the server does not offer"
    );
    for (depth, size, options) in [
        (Some(Depth::Infinity), None, "(DEPTH infinity) "),
        (Some(Depth::Zero), None, "(DEPTH 0) "),
        (None, Some(5), "(MAXSIZE 5) "),
    ] {
        let text = format!("C: xt2 GETMETADATA {options}a (/shared/x)\nS: xt2 OK done\n");
        let get = || {
            let get = GetMetadata::new("a", ["/shared/x"]);
            let get = depth.map_or(get.clone(), |depth| get.depth(depth));
            size.map_or(get.clone(), |size| get.max_size(size))
        };
        told("METADATA", &text, get).unwrap();
    }
    let text = "C: xt2 SETMETADATA INBOX (/private/comment {33+}
         C: My new comment across
         C: two lines. /shared/comment NIL)
         S: xt2 OK SETMETADATA complete\n";
    let set = || {
        SetMetadata::new("INBOX")
            .set("/private/comment", "My new comment across\r\ntwo lines.")
            .remove("/shared/comment")
    };
    told("METADATA LITERAL+", text, set).unwrap();
    let text = "C: xt2 SETMETADATA a (/private/x ~{3+}\nC: a\0b)\nS: xt2 OK done\n";
    told("METADATA LITERAL+", text, || SetMetadata::new("a").set("/private/x", "a\0b")).unwrap();
    // The longest that is quoted, and one octet more.
    for (length, head, end) in [(1024, "\"", "\""), (1025, "{1025+}\nC: ", "")] {
        let value = "v".repeat(length);
        let text =
            format!("C: xt2 SETMETADATA a (/private/x {head}{value}{end})\nS: xt2 OK done\n");
        told("METADATA LITERAL+", &text, || SetMetadata::new("a").set("/private/x", &value))
            .unwrap();
    }
    needs("METADATA", set);
    assert_eq!(
        told(
            "METADATA",
            "C: xt2 SETMETADATA \"\" (/shared/x \"\")\nS: xt2 NO [METADATA TOOMANY] no\n",
            || { SetMetadata::of_server().set("/shared/x", "") }
        )
        .unwrap_err()
        .to_string(),
        "SETMETADATA refused: NO [METADATA TOOMANY] no"
    );
    for entry in
        ["/comment", "/private/a*", "/private/ü", "/private/a\r\nb", "/shared/", "/shared//a", ""]
    {
        let error = refused("METADATA", || GetMetadata::new("a", [entry]));
        assert!(error.contains(": expected a path such as"), "{entry}: {error}");
    }
    assert!(refused("METADATA", || GetMetadata::new("a", [""; 0])).contains("one at least"));
    told("METADATA", "", || SetMetadata::new("a")).unwrap();
}

#[test]
fn the_highest_modification_sequence_grows_with_what_is_told() {
    // RFC 7162, 6: the sequence the server names counts, even where higher ones were seen; else the highest seen
    // unasked, once a command has its answer.
    let heard = [
        (
            "* 1 FETCH (UID 6 MODSEQ (103))\nS: * 2 FETCH (UID 7 MODSEQ (101))\nS: * OK [HIGHESTMODSEQ 99] delayed",
            "",
            99,
        ),
        ("* 3 FETCH (UID 8 MODSEQ (104))", "[HIGHESTMODSEQ 99] ", 99),
        ("* VANISHED 8", "[HIGHESTMODSEQ 104] ", 104),
        ("* 1 FETCH (UID 6 FLAGS () MODSEQ (110))\nS: * 2 FETCH (UID 7 MODSEQ (107))", "", 110),
        ("* 1 FETCH (UID 6 FLAGS () MODSEQ (105))", "", 110),
        ("* 1 FETCH (UID 6 FLAGS ())", "", 110),
        ("* OK [NOMODSEQ] none any more", "", 0),
        ("* 1 FETCH (UID 6 FLAGS () MODSEQ (120))", "", 0),
    ];
    for qresync in [true, false] {
        let enabled = if qresync { "QRESYNC" } else { "CONDSTORE" };
        let mut text = format!(
            "S: * OK [CAPABILITY IMAP4rev1 CONDSTORE QRESYNC ENABLE] ready
             C: xt1 ENABLE {enabled}
             S: * ENABLED {enabled}
             S: xt1 OK done
             C: xt2 SELECT a
             S: * OK [HIGHESTMODSEQ 96] Highest
             S: xt2 OK done
             C: xt3 UID FETCH 6 (MODSEQ)
             S: * 1 FETCH (UID 6 MODSEQ (98) FLAGS ())
             S: xt3 OK done\n"
        );
        for (index, (told, code, _)) in heard.iter().enumerate() {
            let tag = index + 4;
            text += &format!("C: xt{tag} NOOP\nS: {told}\nS: xt{tag} OK {code}done\n");
        }
        let found = play(&text, |peer| {
            let highest = |peer: &transcript::Peer| {
                let selected = peer.machine.state().selected();
                selected.and_then(|selected| selected.highest_mod_seq).unwrap_or(0)
            };
            peer.run(Greeting::new())?;
            peer.run(Enable::new([enabled]))?;
            peer.run(Select::new("a"))?;
            // What was asked for says nothing of the other messages.
            peer.run(Fetch::new("6", Item::ModSeq))?;
            let mut found = vec![highest(peer)];
            for _ in &heard {
                peer.run(Noop::new())?;
                found.push(highest(peer));
            }
            Ok(found)
        });
        let expected = if qresync { 110 } else { 104 };
        let expected: Vec<_> =
            heard.iter().map(|&(_, _, n)| if n > 104 { expected } else { n }).collect();
        assert_eq!(found.unwrap(), [&[96], &expected[..]].concat(), "{enabled}");
    }
}

#[test]
fn news_of_other_mailboxes_are_asked_for() {
    // RFC 5465, 3 and 5.
    let text = "C: xt2 NOTIFY SET STATUS (selected (MessageNew (UID FLAGS) MessageExpunge FlagChange)) (subtree (Lists \"a b\") (MessageNew MessageExpunge)) (personal (MailboxName SubscriptionChange)) (mailboxes (misc) NONE)
         S: * STATUS Lists/Lemonade (UIDVALIDITY 4 UIDNEXT 9999 MESSAGES 500)
         S: xt2 OK done\n";
    let notify = || {
        Notify::set(Watched::Selected, News::none().messages_with([Item::Uid, Item::Flags]).flags())
            .and(Watched::Subtree(vec!["Lists".into(), "a b".into()]), News::none().messages())
            .and(Watched::Personal, News::none().names().subscriptions())
            .and(Watched::Mailboxes(vec!["misc".into()]), News::none())
            .with_status()
    };
    told("NOTIFY", text, notify).unwrap();
    needs("NOTIFY", notify);
    told("NOTIFY", "C: xt2 NOTIFY NONE\nS: xt2 OK done\n", Notify::none).unwrap();
    let text = "C: xt2 NOTIFY SET (selected-delayed (MessageNew MessageExpunge)) (inboxes (ServerMetadataChange)) (subscribed (MailboxMetadataChange))
         S: xt2 NO [BADEVENT (MessageNew)] no\n";
    let notify = || {
        Notify::set(Watched::SelectedDelayed, News::none().messages())
            .and(Watched::Inboxes, News::none().server_metadata())
            .and(Watched::Subscribed, News::none().mailbox_metadata())
    };
    assert!(
        told("NOTIFY", text, notify).unwrap_err().to_string().contains("BADEVENT (MessageNew)")
    );
    let flags = || Notify::set(Watched::Selected, News::none().flags());
    assert!(refused("NOTIFY", flags).starts_with("invalid news 'FlagChange': expected messages"));
    let nobody = || Notify::set(Watched::Mailboxes(vec![]), News::none().messages());
    assert_eq!(refused("NOTIFY", nobody), "invalid mailboxes: expected one at least");
    // RFC 5465, 6.1 and 8.
    for watched in [Watched::Selected, Watched::SelectedDelayed] {
        let names = || Notify::set(watched.clone(), News::none().messages().names());
        let error = refused("NOTIFY", names);
        assert!(error.starts_with("invalid news 'MailboxName': expected nothing but"), "{error}");
        let twice = || {
            Notify::set(watched.clone(), News::none().messages())
                .and(Watched::Selected, News::none())
        };
        let error = refused("NOTIFY", twice);
        assert!(error.starts_with("invalid mailboxes 'selected': expected the"), "{error}");
    }
    let items = || Notify::set(Watched::Inboxes, News::none().messages_with(Item::Uid));
    let error = refused("NOTIFY", items);
    assert!(error.starts_with("invalid news 'MessageNew': expected items of"), "{error}");
}

#[test]
fn where_jmap_is_is_told() {
    // RFC 9698.
    let text = "C: xt2 GETJMAPACCESS
         S: * JMAPACCESS \"https://example.com/.s/[jmap]\"
         S: xt2 OK done\n";
    let url = told("JMAPACCESS OBJECTID", text, GetJmapAccess::new).unwrap();
    assert_eq!(url, "https://example.com/.s/[jmap]");
    needs("JMAPACCESS", GetJmapAccess::new);
    let text = "C: xt2 GETJMAPACCESS\nS: * JMAPACCESS NIL x\nS: xt2 OK done\n";
    let error = told("JMAPACCESS", text, GetJmapAccess::new).unwrap_err();
    assert_eq!(error.to_string(), "GETJMAPACCESS answered OK without a URL");
    let text = "S: * OK ready
         C: xt1 NOOP
         S: * jmapaccess https://example.com/jmap
         S: xt1 OK done\n";
    let event = play(text, |peer| {
        peer.run(Greeting::new())?;
        peer.run(Noop::new())?;
        Ok(peer.machine.next_event())
    });
    let event = event.unwrap();
    assert!(matches!(event, Some(Event::JmapAccess(url)) if url == "https://example.com/jmap"));
}

#[test]
fn what_nobody_asked_for_is_news() {
    let text = "S: * OK ready
         C: xt1 NOOP
         S: * SORT 3 1
         S: * QUOTA \"\" (STORAGE 1 2)
         S: * QUOTAROOT a b
         S: * METADATA a /shared/x /shared/y
         S: * ACL a b l
         S: * LISTRIGHTS a b l
         S: * MYRIGHTS a l
         S: * NAMESPACE NIL NIL ((\"p\" NIL))
         S: * ID NIL
         S: * ESEARCH (TAG \"x\") PARTIAL (1:5 1:3) ALL 1:9
         S: xt1 OK done\n";
    let events = play(text, |peer| {
        peer.run(Greeting::new())?;
        peer.run(Noop::new())?;
        Ok(std::iter::from_fn(|| peer.machine.next_event()).collect::<Vec<_>>())
    });
    let events = events.unwrap();
    assert!(events.iter().all(|event| !matches!(event, Event::Other { .. })), "{events:?}");
    assert_eq!(events[0], Event::Sort(vec![3, 1]));
    assert!(matches!(&events[3], Event::Metadata(told) if told.changed.len() == 2));
    assert!(matches!(&events[9], Event::Esearch(found) if found.partial.is_some()));
    assert_eq!(events.len(), 10);
}
