//! Each command as it is on the wire, with what it hears: dialogues of the RFCs first.
#![allow(
    missing_docs,
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::indexing_slicing
)]

mod transcript;

use transcript::{Peer, play, refused, told};
use xoauth_imap::command::*;
use xoauth_imap::proto::Command;
use xoauth_imap::sasl::oauth1::Secret;
use xoauth_imap::{Error, Event, Flag, Mailbox, Query, SpecialUse, StatusItem};

#[test]
fn flags_no_client_can_set_are_refused() {
    for flag in [Flag::Recent, Flag::Wildcard] {
        let append = || Append::new("INBOX", NewMessage::new("").flags([flag.clone()]));
        let expected =
            format!("invalid flag '{}': expected one that a client can set", flag.as_str());
        assert_eq!(refused("", append), expected);
    }
}

#[test]
fn mailboxes_are_made_renamed_and_removed() {
    // RFC 9051, 6.3.4 to 6.3.8; RFC 8474, 4.1; RFC 6154, 5.2.
    let text = "C: xt2 CREATE foo\nS: xt2 OK [MAILBOXID (F2212ea87-6097)] Completed\n";
    let id = told("", text, || Create::new("foo")).unwrap();
    assert_eq!(id.unwrap().as_str(), "F2212ea87-6097");
    let special = || Create::new("All My Mail").special_use(SpecialUse::All);
    let text = "C: xt2 CREATE \"All My Mail\" (USE (\\All))\nS: xt2 OK done\n";
    told("CREATE-SPECIAL-USE", text, special).unwrap();
    assert_eq!(
        refused("SPECIAL-USE", special),
        "CREATE with a special use needs CREATE-SPECIAL-USE, which the server does not offer"
    );
    told("", "C: xt2 DELETE blurdybloop\nS: xt2 OK done\n", || Delete::new("blurdybloop")).unwrap();
    let text = "C: xt2 RENAME INBOX old-mail\nS: xt2 OK done\n";
    told("", text, || Rename::new("INBOX", "old-mail")).unwrap();
    let text = "C: xt2 SUBSCRIBE #news.comp.mail.mime\nS: xt2 OK done\n";
    told("", text, || Subscribe::new("#news.comp.mail.mime")).unwrap();
    let text = "C: xt2 UNSUBSCRIBE Entw&APw-rfe\nS: xt2 OK done\n";
    told("", text, || Unsubscribe::new("Entwürfe")).unwrap();
    let error = told("", "C: xt2 DELETE a\nS: xt2 NO [NONEXISTENT] no\n", || Delete::new("a"));
    assert_eq!(error.unwrap_err().to_string(), "DELETE refused: NO [NONEXISTENT] no");
}

#[test]
fn arguments_cannot_end_a_command() {
    // Names with CR, LF and quotes travel encoded or as literals; a NUL is refused.
    let text = "C: xt2 CREATE a&AA0ACg-xt3\nS: xt2 OK done\n";
    told("", text, || Create::new("a\r\nxt3")).unwrap();
    let wire = "C: xt2 DELETE {5+}\nC: a\nC: bc\nS: xt2 OK done\n";
    told("LITERAL+", wire, || Delete::new(Mailbox::from_wire(b"a\r\nbc"))).unwrap();
    let text = "C: xt2 CREATE \"a\\\"b\\\\c\"\nS: xt2 OK done\n";
    told("", text, || Create::new("a\"b\\c")).unwrap();
    let nul = r"invalid mailbox name 'a\x00': '\0' at octet 1, expected no NUL";
    assert_eq!(refused("", || Create::new("a\0")), nul);
    assert_eq!(refused("", || Rename::new("x", "a\0")), nul);
    // What is secret is not shown.
    let nul = r"invalid secret: '\0' at octet 4, expected no NUL";
    assert_eq!(refused("", || Login::new("user", Secret::new("pass\0word"))), nul);
}

#[test]
fn the_selected_mailbox_keeps_its_new_name() {
    // RFC 9051, 6.3.6: what is below a mailbox is renamed with it, but not what is below the INBOX.
    let nothing = || "* OK no delimiter yet".to_owned();
    let list = |delimiter: char| format!("* LIST () \"{delimiter}\" x");
    let namespace = |delimiter: char| format!("* NAMESPACE ((\"\" \"{delimiter}\")) NIL NIL");
    for (told, selected, from, to, now) in [
        (nothing(), "a", "a", "b", "b"),
        (nothing(), "a/sub", "a", "b", "b/sub"),
        (nothing(), "a.sub", "a", "b", "b.sub"),
        (nothing(), "ab", "a", "b", "ab"),
        (nothing(), "b", "a", "c", "b"),
        (list('.'), "a.sub.x", "a", "b.c", "b.c.sub.x"),
        (list('.'), "a.sub", "a.sub.x", "b", "a.sub"),
        (list('/'), "a.sub", "a", "b", "a.sub"),
        (list('^'), "a^sub", "a", "b", "b^sub"),
        (namespace('|'), "a|sub", "a", "b", "b|sub"),
        (list('/'), "INBOX", "INBOX", "old", "INBOX"),
        (list('/'), "INBOX/sub", "INBOX", "old", "INBOX/sub"),
    ] {
        let text = format!(
            "S: * OK ready
             C: xt1 NOOP
             S: {told}
             S: xt1 OK done
             C: xt2 SELECT {selected}
             S: xt2 OK done
             C: xt3 RENAME {from} {to}
             S: xt3 OK done\n"
        );
        let name = play(&text, |peer| {
            peer.run(Greeting::new())?;
            peer.run(Noop::new())?;
            peer.run(Select::new(selected))?;
            peer.run(Rename::new(from, to))?;
            Ok(peer.machine.state().selected().map(|selected| selected.mailbox.to_string()))
        });
        assert_eq!(name.unwrap().as_deref(), Some(now), "{told}: {selected}");
    }
}

#[test]
fn status_tells_numbers() {
    // RFC 9051, 6.3.11; RFC 7162, 3.1.7; RFC 7889, 3.2; RFC 8474, 4.3; RFC 9208, 4.1.4.
    let text = "C: xt2 STATUS blurdybloop (UIDNEXT MESSAGES)
         S: * STATUS other (MESSAGES 1)
         S: * STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)
         S: xt2 OK STATUS completed\n";
    let status = || Status::new("blurdybloop", [StatusItem::UidNext, StatusItem::Messages]);
    let items = told("", text, status).unwrap();
    assert_eq!((items.messages, items.uid_next.unwrap().get()), (Some(231), 44292));
    let text = "C: xt2 STATUS b (SIZE HIGHESTMODSEQ APPENDLIMIT MAILBOXID DELETED-STORAGE)
         S: * STATUS b (SIZE 44421 HIGHESTMODSEQ 7011231777 APPENDLIMIT 257890)
         S: * STATUS b (MAILBOXID (F2212ea87-6097) DELETED-STORAGE 8 X-NEW (a b))
         S: xt2 OK STATUS completed\n";
    let all = [
        StatusItem::Size,
        StatusItem::HighestModSeq,
        StatusItem::AppendLimit,
        StatusItem::MailboxId,
        StatusItem::DeletedStorage,
    ];
    let offered = "STATUS=SIZE CONDSTORE APPENDLIMIT OBJECTID QUOTA=RES-STORAGE";
    let items = told(offered, text, || Status::new("b", all)).unwrap();
    assert_eq!((items.size, items.highest_mod_seq), (Some(44421), Some(7_011_231_777)));
    assert_eq!(items.append_limit, Some(xoauth_imap::AppendLimit::Octets(257_890)));
    assert_eq!(items.mailbox_id.unwrap().as_str(), "F2212ea87-6097");
    assert_eq!(items.deleted_storage, Some(8));
    for item in all {
        let capability = match item {
            StatusItem::Size => "STATUS=SIZE",
            StatusItem::HighestModSeq => "CONDSTORE",
            StatusItem::AppendLimit => "APPENDLIMIT",
            StatusItem::MailboxId => "OBJECTID",
            _ => "QUOTA=RES-STORAGE",
        };
        let expected = format!("STATUS needs {capability}, which the server does not offer");
        assert_eq!(refused("", || Status::new("b", [item])), expected);
    }
    let deleted = || Status::new("b", [StatusItem::Deleted]);
    let needed = "STATUS needs IMAP4REV2 or QUOTA=RES-MESSAGE, which the server does not offer";
    assert_eq!(refused("QUOTA", deleted), needed);
    let text = "C: xt2 STATUS b (DELETED)\nS: * STATUS b (DELETED 2)\nS: xt2 OK done\n";
    assert_eq!(told("QUOTA=RES-MESSAGE", text, deleted).unwrap().deleted, Some(2));
    assert_eq!(refused("", || Status::new("b", [])), "invalid items: expected one at least");
    let silent = told("", "C: xt2 STATUS b (UNSEEN)\nS: xt2 OK done\n", || {
        Status::new("b", [StatusItem::Unseen])
    });
    assert_eq!(silent.unwrap_err().to_string(), "STATUS answered OK without status items");
}

#[test]
fn messages_are_copied() {
    // RFC 9051, 6.4.7; RFC 4315, 3.
    let text = "C: xt2 UID COPY 304,319:320 meeting
         S: xt2 OK [COPYUID 38505 304,319:320 3956:3958] Done\n";
    let copied = told("", text, || Copy::new("304,319:320", "meeting")).unwrap().unwrap();
    let pairs: Vec<_> = copied.pairs().map(|(from, to)| (from.get(), to.get())).collect();
    assert_eq!(pairs, [(304, 3956), (319, 3957), (320, 3958)]);
    let text = "C: xt2 COPY 2:4 MEETING\nS: xt2 OK COPY completed\n";
    assert_eq!(told("", text, || Copy::by_sequence("2:4", "MEETING")).unwrap(), None);
    // Nothing to copy: nothing is sent.
    assert_eq!(told("", "", || Copy::new(Vec::new(), "x")).unwrap(), None);
}

#[test]
fn messages_are_moved() {
    // RFC 6851, 3.3 and 4.3.
    let text = "C: xt2 UID MOVE 42:69 foo
         S: * OK [COPYUID 432432 42:69 1202:1229]
         S: * 22 EXPUNGE
         S: * 22 EXPUNGE
         S: xt2 OK Done\n";
    let moved = told("MOVE", text, || Move::new("42:69", "foo")).unwrap();
    assert_eq!(moved.copied.unwrap().pairs().count(), 28);
    assert_eq!(moved.expunged.numbers.iter().map(|n| n.get()).collect::<Vec<_>>(), [22, 22]);
    let refused = refused("", || Move::by_sequence("1", "foo"));
    assert_eq!(refused, "MOVE needs MOVE, which the server does not offer");
    // The user knows better.
    let text = "C: xt2 MOVE 1 foo\nS: xt2 OK [COPYUID 1 5 9] done\n";
    let moved = told("", text, || Move::by_sequence("1", "foo").even_if_unlisted()).unwrap();
    assert!(moved.copied.is_some() && moved.expunged.numbers.is_empty());
}

#[test]
fn messages_are_expunged() {
    // RFC 9051, 6.4.3; RFC 4315, 2.1; RFC 7162, 3.2.10.
    let text = "S: * OK [CAPABILITY IMAP4rev1 UIDPLUS QRESYNC] ready
         C: xt1 SELECT INBOX
         S: * 10 EXISTS
         S: xt1 OK done
         C: xt2 EXPUNGE
         S: * 3 EXPUNGE
         S: * 3 EXPUNGE
         S: * 5 EXPUNGE
         S: * 9 EXISTS
         S: xt2 OK EXPUNGE completed
         C: xt3 UID EXPUNGE 3000:3002
         S: * VANISHED 3000,3002
         S: xt3 OK [HIGHESTMODSEQ 20010715194045319] done\n";
    let all = play(text, |peer| {
        peer.run(Greeting::new())?;
        peer.run(Select::new("INBOX"))?;
        let gone = peer.run(Expunge::new())?;
        let numbers: Vec<_> = gone.numbers.iter().map(|n| n.get()).collect();
        let vanished = peer.run(Expunge::only("3000:3002"))?.vanished;
        let selected = peer.machine.state().selected().unwrap();
        Ok((numbers, vanished.len(), selected.exists, selected.highest_mod_seq))
    });
    assert_eq!(all.unwrap(), (vec![3, 3, 5], 2, Some(7), Some(20_010_715_194_045_319)));
    let refused = refused("", || Expunge::only("1"));
    assert_eq!(refused, "UID EXPUNGE needs UIDPLUS, which the server does not offer");
}

/// RFC 6851 3.3: a server may have moved some messages when it refuses to move the next. Who keeps track of numbers, or
/// moves the rest, has to hear of it.
#[test]
fn what_was_done_before_a_refusal_is_news() {
    let greeting =
        "S: * OK [CAPABILITY IMAP4rev1 MOVE UIDPLUS CONDSTORE QRESYNC X-GM-EXT-1] ready\n";
    let opened = "C: xt1 SELECT INBOX\nS: * 10 EXISTS\nS: xt1 OK done\n";
    let said = |command: &str, told: &str| {
        format!("{greeting}{opened}C: xt2 {command}\nS: {told}\nS: xt2 NO [OVERQUOTA] full\n")
    };
    fn news<C: Command>(text: &str, command: impl Fn() -> C) -> String
    where
        C::Output: std::fmt::Debug,
    {
        let news = play(text, |peer| {
            peer.run(Greeting::new())?;
            peer.run(Select::new("INBOX"))?;
            while peer.machine.next_event().is_some() {}
            let error = peer.run(command()).unwrap_err();
            if error.is_fatal() {
                return Err(error);
            }
            assert!(matches!(error, Error::Refused { .. }), "{error:?}");
            let events: Vec<_> = std::iter::from_fn(|| peer.machine.next_event()).collect();
            let exists = peer.machine.state().selected().unwrap().exists;
            Ok(format!("{exists:?} {events:?}"))
        });
        news.unwrap()
    }
    let copied = "* OK [COPYUID 7 11:12 21:22] x\nS: * 1 EXPUNGE\nS: * 1 EXPUNGE";
    let moved = news(&said("UID MOVE 11:13 a", copied), || Move::new("11:13", "a"));
    assert!(moved.starts_with("Some(8) [Status(") && moved.contains("CopyUid"), "{moved}");
    assert!(moved.ends_with(", Expunge(SeqNo(1)), Expunge(SeqNo(1))]"), "{moved}");
    let gone = news(&said("EXPUNGE", "* 3 EXPUNGE\nS: * VANISHED 7:8"), Expunge::new);
    assert!(gone.starts_with("Some(7) [Expunge(SeqNo(3)), Vanished {"), "{gone}");
    let told = "* 2 FETCH (UID 12 FLAGS (\\Seen) MODSEQ (9))";
    let store = || Store::new("11:13", StoreAction::Add, [Flag::Seen]);
    let command = "UID STORE 11:13 +FLAGS (\\Seen)";
    let stored = news(&said(command, told), store);
    let command = "UID STORE 11:13 (UNCHANGEDSINCE 5) +FLAGS (\\Seen)";
    let with_condition = news(&said(command, told), || store().unchanged_since(5));
    let labels = || StoreLabels::new("11:13", StoreAction::Add, ["a"]);
    let labelled = news(&said("UID STORE 11:13 +X-GM-LABELS (a)", told), labels);
    for stored in [stored, with_condition, labelled] {
        assert!(stored.starts_with("Some(10) [Fetch(Message {") && stored.contains("Seen"));
    }
    assert!(
        news(&said("UID MOVE 11:13 a", "* OK hm"), || {
            Move::new("11:13", "a").even_if_unlisted()
        })
        .ends_with("text: \"hm\" })]")
    );
}

#[test]
fn commands_about_messages_need_a_mailbox() {
    let text = "S: * OK [CAPABILITY IMAP4rev1 MOVE UNSELECT REPLACE] ready\n";
    let errors = play(text, |peer| {
        peer.run(Greeting::new())?;
        let mut errors = vec![
            peer.run(Copy::new("1", "a")).unwrap_err(),
            peer.run(Move::new("1", "a")).unwrap_err(),
            peer.run(Expunge::new()).unwrap_err(),
            peer.run(Close::new()).unwrap_err(),
            peer.run(Unselect::new()).unwrap_err(),
            peer.run(Check::new()).unwrap_err(),
            peer.run(Fetch::new("1", Item::Uid)).unwrap_err(),
            peer.run(Store::new("1", StoreAction::Add, [Flag::Seen])).unwrap_err(),
            peer.run(Search::new(Query::All)).unwrap_err(),
        ];
        errors.retain(|error| !error.is_fatal());
        Ok(errors.iter().map(ToString::to_string).collect::<Vec<_>>())
    });
    let errors = errors.unwrap();
    let verbs = "COPY MOVE EXPUNGE CLOSE UNSELECT CHECK FETCH STORE SEARCH";
    for (verb, error) in verbs.split(' ').zip(&errors) {
        assert_eq!(*error, format!("{verb} needs a selected mailbox"));
    }
    assert_eq!(errors.len(), 9);
}

#[test]
fn a_mailbox_is_left() {
    let text = "S: * OK [CAPABILITY IMAP4rev1 UNSELECT] ready
         C: xt1 SELECT INBOX
         S: xt1 OK done
         C: xt2 CHECK
         S: xt2 OK CHECK Completed
         C: xt3 UNSELECT
         S: xt3 OK Returned to authenticated state
         C: xt4 SELECT INBOX
         S: xt4 OK done
         C: xt5 CLOSE
         S: xt5 OK CLOSE completed\n";
    let selected = play(text, |peer| {
        peer.run(Greeting::new())?;
        peer.run(Select::new("INBOX"))?;
        peer.run(Check::new())?;
        let kept = peer.machine.state().selected().is_some();
        peer.run(Unselect::new())?;
        let left = peer.machine.state().selected().is_none();
        peer.run(Select::new("INBOX"))?;
        peer.run(Close::new())?;
        Ok((kept, left, peer.machine.state().selected().is_none()))
    });
    assert_eq!(selected.unwrap(), (true, true, true));
    assert_eq!(
        refused("", Unselect::new),
        "UNSELECT needs UNSELECT, which the server does not offer"
    );
}

#[test]
fn subscriptions_are_listed() {
    // RFC 3501, 6.3.9.
    let text = "C: xt2 LSUB #news. \"comp.mail.*\"
         S: * LSUB () \".\" #news.comp.mail.mime
         S: * LSUB () \".\" #news.comp.mail.misc
         S: xt2 OK LSUB completed\n";
    let found = told("", text, || Lsub::new("comp.mail.*").within("#news.")).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[1].mailbox().as_str(), "#news.comp.mail.misc");
}

#[test]
fn list_takes_options() {
    // RFC 5258, 5 and RFC 5819, 2.
    let text = "C: xt2 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (\"INBOX\" \"a%\") RETURN (CHILDREN STATUS (MESSAGES UNSEEN))
         S: * LIST (\\Subscribed \\HasNoChildren) \".\" INBOX
         S: * STATUS INBOX (MESSAGES 17 UNSEEN 16)
         S: * LIST () \".\" a1 (CHILDINFO (\"SUBSCRIBED\") OLDNAME (\"&APw-\"))
         S: * LIST (\\NonExistent) \".\" a2 (X-NEW (a (b)) \"X\" \"y\")
         S: xt2 OK LIST completed\n";
    let list = || {
        List::new("INBOX")
            .or("a%")
            .select(ListSelect::Subscribed)
            .select(ListSelect::RecursiveMatch)
            .returning(ListReturn::Children)
            .returning(ListReturn::Status(vec![StatusItem::Messages, StatusItem::Unseen]))
    };
    let found = told("LIST-EXTENDED LIST-STATUS", text, list).unwrap();
    assert_eq!(found[0].status().unwrap().messages, Some(17));
    assert_eq!(found[1].child_info().collect::<Vec<_>>(), ["SUBSCRIBED"]);
    assert_eq!(found[1].old_name(), Some(&Mailbox::from("ü")));
    assert!(found[1].status().is_none() && found[2].child_info().next().is_none());
    assert!(!found[2].is_selectable());
    assert_eq!(
        refused("LIST-STATUS", list),
        "LIST with options needs LIST-EXTENDED, which the server does not offer"
    );
    assert_eq!(
        refused("LIST-EXTENDED", list),
        "LIST with numbers needs LIST-STATUS, which the server does not offer"
    );
    let alone = || List::all().select(ListSelect::RecursiveMatch);
    assert!(refused("LIST-EXTENDED", alone).starts_with("invalid list options 'RECURSIVEMATCH'"));
    // RFC 6154, 5.2 and RFC 8440, 4.
    let text = "C: xt2 LIST (SPECIAL-USE) \"\" \"*\" RETURN (SPECIAL-USE SUBSCRIBED MYRIGHTS)
         S: * LIST (\\Sent \\X) \"/\" SentMail
         S: * MYRIGHTS SentMail lrswi
         S: xt2 OK done\n";
    let list = || {
        List::all()
            .select(ListSelect::SpecialUse)
            .returning(ListReturn::SpecialUse)
            .returning(ListReturn::Subscribed)
            .returning(ListReturn::MyRights)
    };
    let found = told("LIST-EXTENDED SPECIAL-USE LIST-MYRIGHTS", text, list).unwrap();
    assert_eq!(found[0].special_use().collect::<Vec<_>>(), [SpecialUse::Sent]);
    assert!(found[0].my_rights().unwrap().has('s'));
    // RFC 9590, 3; entries come together or one by one (RFC 5464, 4.4.1).
    let text = "C: xt2 LIST \"\" \"%\" RETURN (METADATA (/shared/comment /private/color))
         S: * LIST () \".\" INBOX
         S: * METADATA INBOX (/shared/comment \"Shared comment\" /private/color NIL)
         S: * LIST () \".\" foo
         S: * METADATA foo (/shared/comment NIL)
         S: * METADATA foo (/private/color \"#b71c1c\")
         S: * METADATA foo /shared/comment
         S: xt2 OK List completed.\n";
    let entries = ["/shared/comment", "/private/color"].map(String::from);
    let list = || List::new("%").returning(ListReturn::Metadata(entries.to_vec()));
    let found = told("LIST-EXTENDED LIST-METADATA", text, list).unwrap();
    let values =
        |at: usize| found[at].metadata().iter().filter(|(_, value)| value.is_some()).count();
    assert_eq!((found[0].metadata().len(), values(0)), (2, 1));
    assert_eq!((found[1].metadata().len(), values(1)), (2, 1));
    let error = refused("LIST-EXTENDED", list);
    assert_eq!(error, "LIST with notes needs LIST-METADATA, which the server does not offer");
}

#[test]
fn a_list_with_numbers_is_streamed_when_they_are_known() {
    let text = "S: * OK [CAPABILITY IMAP4rev2] ready
         C: xt1 LIST \"\" \"*\" RETURN (STATUS (MESSAGES))
         S: * LIST () \"/\" a
         S: * STATUS a (MESSAGES 1)
         S: xt1 OK done\n";
    let found = play(text, |peer| {
        peer.run(Greeting::new())?;
        let mut list = List::all().returning(ListReturn::Status(vec![StatusItem::Messages]));
        peer.machine.start(&mut [&mut list])?;
        peer.drive(&mut [&mut list])?;
        Ok(list.take_item().unwrap().status().cloned())
    });
    assert_eq!(found.unwrap().unwrap().messages, Some(1));
}

#[test]
fn enable_changes_how_names_are_written() {
    // RFC 5161, 3.1 and RFC 6855, 3.
    let text = "S: * OK [CAPABILITY IMAP4rev1 ENABLE UTF8=ACCEPT QRESYNC] ready
         C: xt1 SELECT Entw&APw-rfe
         S: xt1 OK done
         C: xt2 ENABLE UTF8=ACCEPT QRESYNC
         S: * ENABLED UTF8=ACCEPT QRESYNC X-ELSE
         S: xt2 OK enabled
         C: xt3 SELECT \"Entwürfe\"
         S: xt3 OK done
         C: xt4 CREATE a&b
         S: xt4 OK done\n";
    let enabled = play(text, |peer| {
        peer.run(Greeting::new())?;
        peer.run(Select::new("Entwürfe"))?;
        peer.run(Enable::new(["UTF8=ACCEPT", "QRESYNC"]))?;
        peer.run(Select::new("Entwürfe"))?;
        peer.run(Create::new("a&b"))?;
        let enabled = peer.machine.state().enabled();
        Ok((enabled.has("CONDSTORE"), enabled.has("X-ELSE"), peer.machine.state().takes_utf8()))
    });
    assert_eq!(enabled.unwrap(), (true, false, true));
}

#[test]
fn a_server_does_not_enable_by_itself() {
    let text = "S: * OK [CAPABILITY IMAP4rev1] ready
         C: xt1 NOOP
         S: * ENABLED UTF8=ACCEPT
         S: xt1 OK done
         C: xt2 CREATE &APw-
         S: xt2 OK done\n";
    play(text, |peer| {
        peer.run(Greeting::new())?;
        peer.run(Noop::new())?;
        peer.run(Create::new("ü"))?;
        Ok(peer.machine.next_event().is_some())
    })
    .unwrap();
}

/// RFC 6855 3: from the OK on names are UTF-8, also of what comes before the next command.
#[test]
fn names_behind_the_answer_to_enable_are_utf8() {
    let text = "S: * OK [CAPABILITY IMAP4rev1 ENABLE UTF8=ACCEPT] ready
         C: xt1 ENABLE UTF8=ACCEPT
         S: * ENABLED UTF8=ACCEPT
         S: xt1 OK done
         S: * STATUS \"R&-D\" (MESSAGES 3)
         C: xt2 NOOP
         S: xt2 OK done\n";
    let event = Peer::first_error(text, |peer| {
        peer.run(Greeting::new())?;
        while peer.machine.next_event().is_some() {}
        peer.run(Enable::new(["UTF8=ACCEPT"]))?;
        peer.run(Noop::new())?;
        Ok(peer.machine.next_event())
    });
    let Ok(Some(Event::MailboxStatus(status))) = event else { panic!("{event:?}") };
    assert_eq!(status.mailbox, Mailbox::from("R&-D"));
}

#[test]
fn what_cannot_be_enabled_is_refused() {
    let enable = |name: &'static str| move || Enable::new([name]);
    assert_eq!(
        refused("QRESYNC", enable("UTF8=ACCEPT")),
        "ENABLE needs UTF8=ACCEPT, which the server does not offer"
    );
    assert_eq!(refused("", enable("X")), "ENABLE needs ENABLE, which the server does not offer");
    assert_eq!(
        refused("ENABLE", enable("X\r\n")),
        r"invalid extension 'X\r\n': '\r' at octet 1, expected an atom"
    );
    let forced = || Enable::new(["X-NEW"]).even_if_unlisted();
    told("", "C: xt2 ENABLE X-NEW\nS: xt2 OK done\n", forced).unwrap();
    assert_eq!(told("ENABLE", "", || Enable::new([""; 0])).unwrap().iter().count(), 0);
}

#[test]
fn namespaces_are_told() {
    // RFC 2342, 5 (examples 5.3, 5.6 and 5.7), RFC 9051 6.3.10.
    let text = "C: xt2 NAMESPACE
         S: * NAMESPACE ((\"\" \"/\")(\"#mh/\" \"/\" \"X-PARAM\" (\"FLAG1\" \"FLAG2\"))) ((\"~\" \"/\")) NIL
         S: xt2 OK NAMESPACE command completed\n";
    let told_ = told("NAMESPACE", text, Namespace::new).unwrap();
    assert_eq!(told_.personal[1].prefix, Mailbox::from("#mh/"));
    assert_eq!(told_.personal[1].extensions[0].1.len(), 2);
    assert_eq!(told_.other_users[0].delimiter, Some('/'.into()));
    assert!(told_.shared.is_empty());
    assert_eq!(
        refused("", Namespace::new),
        "NAMESPACE needs NAMESPACE, which the server does not offer"
    );
    let silent = told("NAMESPACE", "C: xt2 NAMESPACE\nS: xt2 OK\n", Namespace::new);
    assert_eq!(silent.unwrap_err().to_string(), "NAMESPACE answered OK without namespaces");
}

#[test]
fn who_is_who_is_told() {
    // RFC 2971, 3.1 and 3.2.
    let text = "C: xt2 ID (\"name\" \"sodr\" \"version\" \"19.34\")
         S: * ID (\"name\" \"Cyrus\" \"Version\" NIL)
         S: xt2 OK ID completed\n";
    let server =
        told("ID", text, || Id::anonymous().field("name", "sodr").field("version", "19.34"));
    let server = server.unwrap();
    assert_eq!(server.get("NAME").unwrap(), &"Cyrus");
    assert!(server.get("version").is_none() && server.iter().count() == 2);
    let text = "C: xt2 ID NIL\nS: * ID NIL\nS: xt2 OK ID completed\n";
    assert_eq!(told("ID", text, Id::anonymous).unwrap().iter().count(), 0);
    let text = "C: xt2 ID (\"name\" {4+}\nC: a\nC: b)\nS: xt2 OK ID completed\n";
    told("ID LITERAL+", text, || Id::anonymous().field("name", "a\r\nb")).unwrap();
    for (id, reason) in [
        (Id::anonymous().field("a", "1").field("A", "2"), "'A': expected each told once"),
        (
            Id::anonymous().field("a".repeat(31), ""),
            "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa': expected a name of at most 30 octets, a value of at most 1024",
        ),
        (
            Id::anonymous().field("a", "v".repeat(1025)),
            "'a': expected a name of at most 30 octets, a value of at most 1024",
        ),
        (
            (0..31).fold(Id::anonymous(), |id, n| id.field(n.to_string(), "")),
            ": expected at most 30 of them",
        ),
    ] {
        assert_eq!(
            refused("ID", || id.clone()),
            format!("invalid ID field{}{reason}", if reason.starts_with(':') { "" } else { " " })
        );
    }
}

#[test]
fn login_shows_its_password_to_nobody() {
    // RFC 9051, 6.2.3.
    let login = |password: &'static str| move || Login::new("SMITH", Secret::new(password));
    let text = "C: xt2 LOGIN SMITH SESAME\nS: xt2 OK LOGIN completed\n";
    told("", text, login("SESAME")).unwrap();
    let text = "C: xt2 LOGIN SMITH \"open \\\"sesame\\\"\"\nS: xt2 NO not open \"sesame\"\n";
    let error = told("", text, login("open \"sesame\"")).unwrap_err();
    assert!(!format!("{error:?}").contains("sesame"), "{error:?}");
    let text = "C: xt2 LOGIN SMITH {8}\nS: + go\nC: pässwör\nS: xt2 OK in\n";
    // Eight characters, nine octets.
    let text = text.replace("{8}", "{9}");
    told("", &text, login("pässwör")).unwrap();
    assert_eq!(
        refused("LOGINDISABLED AUTH=XOAUTH2", login("x")),
        "server does not offer LOGIN, only XOAUTH2"
    );
    let trace = Peer::first_error(
        "S: * OK [CAPABILITY IMAP4rev1] ready\nC: xt1 LOGIN u \"a secret\"\nS: xt1 OK in\n",
        |peer| {
            peer.machine.keep_transcript();
            peer.run(Greeting::new())?;
            peer.run(Login::new("u", Secret::new("a secret")))?;
            Ok((std::iter::from_fn(|| peer.machine.next_line())).collect::<Vec<_>>())
        },
    );
    let trace = format!("{:?}", trace.unwrap());
    assert!(trace.contains("LOGIN u <secret>") && !trace.contains("a secret"), "{trace}");
}

#[test]
fn capabilities_are_unknown_after_a_login_that_does_not_tell_them() {
    let text = "S: * OK [CAPABILITY IMAP4rev1 ID] ready
         C: xt1 LOGIN u p
         S: xt1 OK in\n";
    let error = play(text, |peer| {
        peer.run(Greeting::new())?;
        peer.run(Login::new("u", Secret::new("p")))?;
        Ok(peer.run(Id::anonymous()).unwrap_err().to_string())
    });
    assert_eq!(error.unwrap(), "capabilities are not known, expected CAPABILITY first");
    let text = "C: xt2 PROXYAUTH fred\nS: xt2 OK done\n";
    told("", text, || ProxyAuth::new("fred")).unwrap();
}

#[test]
fn idle_lasts_until_its_caller_has_enough() {
    // RFC 2177, 3.
    let text = "S: * OK [CAPABILITY IMAP4rev1 IDLE] ready
         C: xt1 IDLE
         S: + idling
         S: * 2 EXPUNGE
         S: * OK Still here
         C: DONE
         S: * 3 EXISTS
         S: xt1 OK IDLE terminated
         C: xt2 NOOP
         S: xt2 OK done\n";
    for early in [false, true] {
        let events = Peer::first_error(text, |peer| {
            peer.run(Greeting::new())?;
            let mut idle = Idle::new();
            peer.machine.start(&mut [&mut idle])?;
            if early {
                // DONE waits for the server's `+`.
                peer.machine.interrupt(&mut [&mut idle])?;
                peer.machine.interrupt(&mut [&mut idle])?;
            } else {
                peer.hear(&mut [&mut idle])?;
                assert!(idle.is_idling());
                peer.machine.interrupt(&mut [&mut idle])?;
            }
            peer.drive(&mut [&mut idle])?;
            idle.finish(peer.machine.take_status(0).unwrap())?;
            peer.run(Noop::new())?;
            Ok(std::iter::from_fn(|| peer.machine.next_event()).count())
        });
        assert_eq!(events.unwrap(), 3, "early {early}");
    }
    assert_eq!(refused("", Idle::new), "IDLE needs IDLE, which the server does not offer");
}

#[test]
fn idle_that_is_refused_or_ended_by_the_server_ends() {
    let text = "C: xt2 IDLE\nS: xt2 NO not now\n";
    assert!(told("IDLE", text, Idle::new).is_err());
    let text = "C: xt2 IDLE\nS: + idling\nS: xt2 OK that was all\n";
    told("IDLE", text, Idle::new).unwrap();
    // A second `+` answers nothing.
    let text = "C: xt2 IDLE\nS: + idling\nS: + idling\n";
    assert!(told("IDLE", text, Idle::new).unwrap_err().is_fatal());
}

#[test]
fn a_command_of_ones_own_is_encoded_as_safely() {
    let text = "C: xt2 XAPPLE \"\" \"a b\" INBOX 7 (\\Seen (x 1:3)) ()
         S: * XAPPLE one
         S: * 1 EXISTS
         S: * XAPPLE (two)
         S: xt2 OK done\n";
    let own = || {
        Custom::new("XAPPLE")
            .text("")
            .text("a b")
            .mailbox("INBOX")
            .number(7)
            .open()
            .atom("\\Seen")
            .open()
            .atom("x")
            .uids("1:3".parse::<xoauth_imap::UidSet>().unwrap())
            .close()
            .close()
            .flags([])
            .hears("xapple")
    };
    // A backslash is no part of an atom: flags have a way of their own.
    let backslash = r"invalid atom '\Seen': '\\' at octet 0, expected an atom";
    assert_eq!(refused("", own), backslash);
    let own = || {
        Custom::new("XAPPLE")
            .text("")
            .text("a b")
            .mailbox("INBOX")
            .number(7)
            .open()
            .atom("Seen")
            .open()
            .atom("x")
            .uids("1:3".parse::<xoauth_imap::UidSet>().unwrap())
            .close()
            .close()
            .flags([])
            .hears("xapple")
    };
    let answer = told("", &text.replace("\\Seen", "Seen"), own).unwrap();
    assert_eq!(answer.responses.len(), 2);
    let text = "C: xt2 X {4+}\nC: a\nC: b\nS: xt2 OK done\n";
    told("LITERAL+", text, || Custom::new("X").text("a\r\nb")).unwrap();
    let uid = || Custom::new("UID XMOVE").sequence("1".parse::<xoauth_imap::SeqSet>().unwrap());
    told("", "C: xt2 UID XMOVE 1\nS: xt2 OK done\n", uid).unwrap();
    for (own, expected) in [
        (Custom::new("X Y"), "invalid command 'X Y': expected one word, or two behind UID"),
        (Custom::new("X\r\nY"), r"invalid command 'X\r\nY': '\r' at octet 1, expected an atom"),
        (Custom::new("UID X Y"), "invalid command 'X Y': ' ' at octet 1, expected an atom"),
        (Custom::new(""), "invalid command '': end of text at octet 0, expected an atom"),
        (
            Custom::new("starttls"),
            "invalid command 'starttls': expected one without a type of its own",
        ),
        (Custom::new("X").atom("a b"), "invalid atom 'a b': ' ' at octet 1, expected an atom"),
        (Custom::new("X").atom("{5}"), "invalid atom '{5}': '{' at octet 0, expected an atom"),
        (Custom::new("X").text("\0"), r"invalid text '\x00': '\0' at octet 0, expected no NUL"),
        (Custom::new("X").open(), "invalid list: expected an end"),
        (Custom::new("X").close(), "invalid list: expected a beginning before its end"),
        (Custom::new("X").needs("XC"), "the command needs XC, which the server does not offer"),
    ] {
        assert_eq!(refused("", || own.clone()), expected);
    }
}
