//! How mailboxes are named: on the wire, in both of its alphabets, and with what LIST tells beside a name.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod transcript;

use transcript::play;
use xoauth_imap::command::*;
use xoauth_imap::parse::{Input, Response, Tolerated, parse_response};
use xoauth_imap::{Error, Event, ListEntry, Mailbox};

/// Plays a dialogue behind a greeting.
#[track_caller]
fn run<C: Commands>(text: &str, commands: impl Fn() -> C) -> C::Output
where
    C::Output: std::fmt::Debug,
{
    let greeting = "S: * OK [CAPABILITY IMAP4rev1 ENABLE UTF8=ACCEPT ACL QUOTA METADATA] ready\n";
    let mut output = None;
    let shown = play(&format!("{greeting}{text}"), |peer| {
        peer.run(Greeting::new())?;
        let mut commands = commands();
        let mut exchanges = commands.exchanges();
        peer.machine.start(&mut exchanges)?;
        peer.drive(&mut exchanges)?;
        drop(exchanges);
        let output = commands.conclude(&mut |index| peer.machine.outcome(index))?;
        Ok(format!("{output:?}"))
    });
    shown.unwrap();
    let _ = transcript::Peer::first_error(&format!("{greeting}{text}"), |peer| {
        peer.run(Greeting::new())?;
        let mut commands = commands();
        let mut exchanges = commands.exchanges();
        peer.machine.start(&mut exchanges)?;
        peer.drive(&mut exchanges)?;
        drop(exchanges);
        output = Some(commands.conclude(&mut |index| peer.machine.outcome(index))?);
        Ok::<_, Error>(())
    });
    output.unwrap()
}

fn names(listed: Result<Vec<ListEntry>, Error>) -> Vec<String> {
    listed.unwrap().iter().map(|entry| entry.mailbox().to_string()).collect()
}

#[test]
fn what_looks_like_utf7_is_itself_once_utf8_is_enabled() {
    let told = "S: * LIST () \"/\" \"R&-D\"
         S: * LIST () \"/\" \"Entw&APw-rfe\"
         S: * LIST () \"/\" \"Grüße\"\n";
    let text = format!("C: xt1 LIST \"\" \"*\"\n{told}S: xt1 OK done\n");
    assert_eq!(names(Ok(run(&text, List::all))), ["R&D", "Entwürfe", "Grüße"]);
    let enable = "C: xt1 ENABLE UTF8=ACCEPT\nS: * ENABLED UTF8=ACCEPT\nS: xt1 OK done\n";
    let text = format!("{enable}C: xt2 LIST \"\" \"*\"\n{told}S: xt2 OK done\n");
    let (_, listed) = run(&text, || (Enable::new(["UTF8=ACCEPT"]), List::all()));
    assert_eq!(names(listed), ["R&-D", "Entw&APw-rfe", "Grüße"]);
}

#[test]
fn a_server_is_told_the_name_it_told() {
    // In each alphabet a name goes back as it came, and answers about it are known for what they are.
    let enable = "C: xt1 ENABLE UTF8=ACCEPT\nS: * ENABLED UTF8=ACCEPT\nS: xt1 OK done\n";
    for wire in ["R&-D", "&AOQ-", "&", "a&b", "Grüße", "Grüße/R&-D"] {
        let name = Mailbox::from_utf8_wire(wire.as_bytes());
        assert_eq!(name.as_str(), wire);
        let shown = if wire.is_ascii() { wire.to_owned() } else { format!("\"{wire}\"") };
        let text = format!(
            "{enable}C: xt2 STATUS {shown} (MESSAGES)
             C: xt3 GETACL {shown}
             C: xt4 GETQUOTAROOT {shown}
             C: xt5 GETMETADATA {shown} (/private/comment)
             S: * STATUS \"{wire}\" (MESSAGES 7)
             S: * ACL \"{wire}\" user lr
             S: * QUOTAROOT \"{wire}\" a
             S: * METADATA \"{wire}\" (/private/comment \"x\")
             S: xt2 OK done\nS: xt3 OK done\nS: xt4 OK done\nS: xt5 OK done\n"
        );
        let (_, status, acl, roots, notes) = run(&text, || {
            let items = [xoauth_imap::StatusItem::Messages];
            (
                Enable::new(["UTF8=ACCEPT"]),
                Status::new(&name, items),
                GetAcl::new(&name),
                GetQuotaRoot::new(&name),
                GetMetadata::new(&name, ["/private/comment"]),
            )
        });
        assert_eq!(status.unwrap().messages, Some(7), "{wire}");
        assert_eq!(acl.unwrap().len(), 1, "{wire}");
        assert_eq!(roots.unwrap().roots.len(), 1, "{wire}");
        assert_eq!(notes.unwrap().metadata.entries.len(), 1, "{wire}");
    }
    // What is not UTF-8 keeps its octets.
    let odd = Mailbox::from_utf8_wire(b"caf\xe9");
    assert_eq!((odd.as_str(), odd.to_wire()), ("caf\u{fffd}", b"caf\xe9".to_vec()));
}

fn event(text: &str) -> (Event, u64) {
    let octets = format!("{text}\r\n");
    let mut tolerated = Tolerated::default();
    let input = Input { bytes: octets.as_bytes(), literals: &[] };
    let response = parse_response(input, &mut tolerated).unwrap();
    assert!(!matches!(response, Response::Other { .. }), "{text}");
    (response.to_event(&xoauth_imap::sasl::Mask::default()), tolerated.count())
}

fn entry(text: &str) -> ListEntry {
    let (Event::List(entry), _) = event(text) else { panic!("{text}") };
    entry
}

#[test]
fn extended_data_is_read_however_it_is_spaced() {
    // RFC 5258, 5; RFC 9051, 7.3.1.
    for text in [
        "* LIST () \"/\" a (\"CHILDINFO\" (\"SUBSCRIBED\" \"SPECIAL-USE\") \"OLDNAME\" (\"b c\"))",
        "* LIST () \"/\" a ( \"CHILDINFO\"  ( \"SUBSCRIBED\"   \"SPECIAL-USE\" )  \"OLDNAME\"  ( \"b c\" ) )",
        "* LIST () \"/\" a  (childinfo (SUBSCRIBED SPECIAL-USE) oldname (\"b c\")) ",
        "* LIST () \"/\" a (oldname \"b c\" childinfo (\"SUBSCRIBED\" \"SPECIAL-USE\"))",
    ] {
        let entry = entry(text);
        let child_info: Vec<_> = entry.child_info().collect();
        assert_eq!(child_info, ["SUBSCRIBED", "SPECIAL-USE"], "{text}");
        assert_eq!(entry.old_name().unwrap(), &Mailbox::from("b c"), "{text}");
        assert!(entry.other_items().is_empty());
    }
    // What is not known is kept, and what breaks the grammar spoils only what stands behind it.
    let entry = entry(
        "* LIST () \"/\" a (\"X-COLOR\" (\"red\" (1 2)) \"Y\" 5 \"CHILDINFO\" (\"SUBSCRIBED\"))",
    );
    let others: Vec<_> =
        entry.other_items().iter().map(|item| (&*item.name, item.octets.lossy())).collect();
    assert_eq!(others, [("X-COLOR", "(\"red\" (1 2))".into()), ("Y", "5".into())]);
    assert_eq!(entry.child_info().count(), 1);
    let entry = self::entry("* LIST (\\HasChildren) NIL a (\"CHILDINFO\" (\"SUBSCRIBED\") ()x)");
    assert_eq!((entry.child_info().count(), entry.delimiter()), (1, None));
}

#[test]
fn searches_of_several_mailboxes_and_their_updates_are_told() {
    // RFC 7377, 2.2; RFC 5267, 4.3; RFC 6203, 4.
    let text =
        "* ESEARCH (TAG \"tag1\" MAILBOX \"folder 1\" UIDVALIDITY 1 X (2)) UID ALL 4001,4003,4005";
    let (Event::Esearch(found), 0) = event(text) else { panic!("{text}") };
    assert_eq!(found.mailbox, Some(Mailbox::from("folder 1")));
    assert_eq!(found.uid_validity.unwrap().get(), 1);
    assert_eq!((found.all.unwrap().len(), found.uid, found.others.len()), (3, true, 0));
    let text = "* ESEARCH (TAG \"B01\") UID ADDTO (0 32768:32769 1 5)  RELEVANCY (4 99 42) COUNT 3 REMOVEFROM (0 8)";
    let (Event::Esearch(found), 1) = event(text) else { panic!("{text}") };
    let others: Vec<_> =
        found.others.iter().map(|item| (&*item.name, item.octets.lossy())).collect();
    let expected =
        [("ADDTO", "(0 32768:32769 1 5)"), ("RELEVANCY", "(4 99 42)"), ("REMOVEFROM", "(0 8)")];
    assert_eq!(others, expected.map(|(name, octets)| (name, octets.into())));
    assert_eq!(found.count, Some(3));
}

#[test]
fn responses_of_extensions_without_a_type_are_kept() {
    // RFC 5255, RFC 4467, RFC 5259, RFC 9586.
    for text in [
        "LANGUAGE (DE EN)",
        "COMPARATOR \"i;unicode-casemap\" (\"i;basic\")",
        "GENURLAUTH \"imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=x:internal:91\"",
        "URLFETCH \"imap://joe@example.com/INBOX/;uid=20\" {3}\r\na)b",
        "1 CONVERTED (TAG \"a002\") (BINARY[1] ~{3}\r\na)b)",
        "25997 UIDFETCH (FLAGS (\\Flagged $MDNSent))",
        "XLIST (\\Inbox) \"/\" INBOX",
    ] {
        let octets = format!("* {text}\r\n");
        let input = Input { bytes: octets.as_bytes(), literals: &[] };
        let mut tolerated = Tolerated::default();
        let response = parse_response(input, &mut tolerated).unwrap();
        let Event::Other { name, octets } = response.to_event(&xoauth_imap::sasl::Mask::default())
        else {
            panic!("{text}")
        };
        assert_eq!(octets, text);
        assert!(text.split(' ').take(2).any(|word| word == name), "{name} of {text}");
        assert_eq!(tolerated.count(), 0, "{text}");
    }
}
