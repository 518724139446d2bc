//! Our secrets stay out of everything that is kept of what a server says, wherever it echoes them.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod transcript;

use transcript::Peer;
use xoauth_imap::command::*;
use xoauth_imap::sasl::oauth1::Secret;
use xoauth_imap::sasl::{Context, Mask, Nonce, SaslIr, Stamp, XOAuth2, encode_challenge};
use xoauth_imap::{Error, Flag};

const SECRET: &str = "correct-horse/battery";
/// The same in base64, as a part of a longer text: `xcorrect-horse/battery`.
const ENCODED: &str = "eGNvcnJlY3QtaG9yc2UvYmF0dGVyeQ==";

const LOGGED_IN: &str = "S: * OK [CAPABILITY IMAP4rev1 QRESYNC X-GM-EXT-1] ready
    C: xt1 LOGIN user correct-horse/battery
    S: xt1 OK [CAPABILITY IMAP4rev1 QRESYNC X-GM-EXT-1] in
    C: xt2 SELECT INBOX
    S: xt2 OK done\n";

fn logged_in(peer: &mut Peer) -> Result<(), Error> {
    peer.run(Greeting::new())?;
    peer.run(Login::new("user", Secret::new(SECRET)))?;
    peer.run(Select::new("INBOX")).map(drop)
}

/// What a command gives and what is news, as text.
#[track_caller]
fn shown<C: Commands>(text: &str, commands: impl Fn() -> C) -> String
where
    C::Output: std::fmt::Debug,
{
    let text = format!("{LOGGED_IN}{text}").replace("SECRET", SECRET).replace("ENCODED", ENCODED);
    let shown = Peer::first_error(&text, |peer| {
        logged_in(peer)?;
        let mut commands = commands();
        let mut exchanges = commands.exchanges();
        peer.machine.start(&mut exchanges)?;
        peer.drive(&mut exchanges)?;
        drop(exchanges);
        let output = commands.conclude(&mut |index| peer.machine.outcome(index));
        let events: Vec<_> = std::iter::from_fn(|| peer.machine.next_event()).collect();
        Ok(format!("{output:?} {events:?}"))
    });
    match shown {
        Ok(shown) => shown,
        Err(error) => format!("{error} {error:?}"),
    }
}

#[track_caller]
fn hidden<C: Commands>(text: &str, commands: impl Fn() -> C)
where
    C::Output: std::fmt::Debug,
{
    let shown = shown(text, commands);
    // A text for people says so; values have octets that mean nothing.
    assert!(shown.contains("[secret]") || shown.contains("xxxxxxxxxxxxxxxx"), "{shown}");
    assert!(
        !shown.contains("horse") && !shown.contains("Y29y") && !shown.contains("NvcnJl"),
        "{shown}"
    );
}

/// Items of a FETCH response that are unknown or break the grammar.
const ITEMS: [&str; 4] = [
    "ENVELOPE (SECRET",
    "ENVELOPE \"SECRET\"",
    "X-ECHO (\"ENCODED\")",
    "BODYSTRUCTURE (\"text\" SECRET ENCODED",
];

#[test]
fn items_that_have_no_type_hide_them() {
    for item in ITEMS {
        let answer = format!("S: * 1 FETCH (UID 1 {item})\n    S: xt3 OK done\n");
        let fetch = || Fetch::new("1", [Item::Uid, Item::Envelope]);
        hidden(&format!("C: xt3 UID FETCH 1 (UID ENVELOPE)\n{answer}"), fetch);
        hidden(&format!("C: xt3 NOOP\n{answer}"), Noop::new);
        let store = || Store::new("1", StoreAction::Add, [Flag::Seen]);
        hidden(&format!("C: xt3 UID STORE 1 +FLAGS (\\Seen)\n{answer}"), store);
        hidden(&format!("C: xt3 UID STORE 1 (UNCHANGEDSINCE 7) +FLAGS (\\Seen)\n{answer}"), || {
            store().unchanged_since(7)
        });
        let labels = || StoreLabels::new("1", StoreAction::Add, ["a"]);
        hidden(&format!("C: xt3 UID STORE 1 +X-GM-LABELS (a)\n{answer}"), labels);
    }
}

#[test]
fn a_resynchronised_mailbox_hides_them() {
    let text = "C: xt3 ENABLE QRESYNC
         S: * ENABLED QRESYNC
         S: xt3 OK done
         C: xt4 SELECT INBOX (QRESYNC (1 7))
         S: * 1 FETCH (UID 1 ENVELOPE (SECRET)
         S: xt4 OK done\n";
    let one = std::num::NonZeroU32::MIN;
    hidden(text, || {
        (
            Enable::new(["QRESYNC"]),
            xoauth_imap::proto::Command::even_if_unlisted(Resync::new("INBOX", one, 7)),
        )
    });
}

#[test]
fn what_a_command_without_a_type_hears_hides_them() {
    for answer in ["X-ECHO SECRET", "X-ECHO (\"ENCODED\" 5)", "x-echo {21}\n    S: SECRET"] {
        let text = format!("C: xt3 X-ECHO\n    S: * {answer}\n    S: xt3 OK done\n");
        hidden(&text, || Custom::new("X-ECHO").hears("X-ECHO"));
        hidden(&text, || Custom::new("X-ECHO"));
    }
    // A long one, with a secret where it is looked at in pieces.
    for before in 4080..4110 {
        let answer = format!("X-ECHO {}SECRET tail", "-".repeat(before));
        let text = format!("{LOGGED_IN}C: xt3 X-ECHO\nS: * {answer}\nS: xt3 OK done\n");
        let text = text.replace("SECRET", SECRET);
        let heard = Peer::first_error(&text, |peer| {
            logged_in(peer)?;
            peer.run(Custom::new("X-ECHO").hears("X-ECHO"))
        });
        let shown = format!("{heard:?}");
        assert!(shown.contains("xxxxxxxxxxxxxxxx") && shown.contains("tail"), "{before}");
        // Fewer than eight octets on one side of the cut may stay.
        assert!(!shown.contains("correct-horse") && !shown.contains("se/battery"), "{before}");
    }
}

#[test]
fn faults_and_refusals_hide_them() {
    for line in [
        "* BYE gone, SECRET",
        "(SECRET what",
        "xt9 OK SECRET",
        "xt3 NO [REFERRAL imap://SECRET/] no",
        "xt3 BAD Too many arguments: ENCODED",
        "xt3 BAD [X-CODE SECRET] what",
        "* SEARCH SECRET\n    S: xt3 OK done",
        "* OK [X-CODE ENCODED] SECRET\n    S: xt3 OK done",
        "+ SECRET",
    ] {
        hidden(&format!("C: xt3 NOOP\n    S: {line}\n"), Noop::new);
    }
}

/// The same with no octet of ours, however it is said, and what stands for it is as long.
#[track_caller]
fn hidden_in_values<C: Commands>(text: &str, commands: impl Fn() -> C)
where
    C::Output: std::fmt::Debug,
{
    for form in ["SECRET", "ENCODED"] {
        let shown = shown(&text.replace("ECHO", form), &commands);
        let (clear, encoded) = (shown.contains("horse"), shown.contains("Y29y"));
        assert!(!clear && !encoded && !shown.contains("NvcnJl"), "{shown}");
        assert!(shown.contains("xxxxxxxxxxxxxxxx"), "{shown}");
    }
}

#[test]
fn names_flags_and_capabilities_hide_them() {
    let told = [
        "* LIST () \"/\" \"ECHO\"",
        "* LIST (\\ECHO) NIL INBOX",
        "* LIST () \"/\" INBOX (ECHO NIL)",
        "* LIST () \"/\" INBOX (CHILDINFO (\"ECHO\"))",
        "* LSUB () \"/\" ECHO",
        "* FLAGS (\\Seen ECHO)",
        "* STATUS \"ECHO\" (MESSAGES 1)",
        "* NAMESPACE ((\"ECHO\" \"/\")) NIL NIL",
        "* ID (\"name\" \"ECHO\")",
        "* CAPABILITY IMAP4rev1 AUTH=ECHO",
        "* ENABLED ECHO",
        "* ECHO what",
        "* QUOTA \"ECHO\" (STORAGE 1 2)",
        "* ACL INBOX ECHO lr",
        "* METADATA \"\" (/shared/comment \"ECHO\")",
        "* ESEARCH (TAG \"ECHO\") COUNT 1",
        "* 1 FETCH (FLAGS (ECHO))",
        "* 1 FETCH (X-ECHO 1)",
        "* OK [CAPABILITY IMAP4rev1 AUTH=ECHO] what",
        "* OK [PERMANENTFLAGS (ECHO)] what",
        "* OK [INPROGRESS (\"ECHO\" 1 2)] what",
        "* OK [NOUPDATE \"ECHO\"] what",
        "* JMAPACCESS \"https://ECHO\"",
        // Names that do not stand at the beginning.
        "* 1 ECHO x",
        "* 4294967295 ECHO x",
        "* 18446744073709551616 ECHO x",
        "*                         ECHO x",
        "* 1                       ECHO x",
    ];
    for line in told {
        hidden_in_values(&format!("C: xt3 NOOP\nS: {line}\nS: xt3 OK done\n"), Noop::new);
    }
    // Messages are the caller's as they are; flags and the names of items are no part of them.
    for item in ["FLAGS (\\Seen ECHO)", "FLAGS (\\ECHO a)", "X-ECHO 5", "BODY[X-ECHO] \"a\""] {
        let answer = format!("S: * 1 FETCH (UID 1 {item})\nS: xt3 OK done\n");
        let fetch = || Fetch::new("1", [Item::Uid, Item::Flags]);
        hidden_in_values(&format!("C: xt3 UID FETCH 1 (UID FLAGS)\n{answer}"), fetch);
    }
    let list = "C: xt3 LIST \"\" \"*\"\nS: * LIST (\\ECHO) \"/\" ECHO\nS: xt3 OK done\n";
    hidden_in_values(list, List::all);
    for code in ["CAPABILITY AUTH=ECHO", "PERMANENTFLAGS (ECHO)", "NOUPDATE \"ECHO\""] {
        hidden_in_values(&format!("C: xt3 NOOP\nS: xt3 NO [{code}] what\n"), Noop::new);
        hidden_in_values(&format!("C: xt3 NOOP\nS: * BYE [{code}] what\n"), Noop::new);
    }
}

#[test]
fn messages_are_handed_on_as_they_are() {
    let answer = "S: * 1 FETCH (UID 1 ENVELOPE (NIL \"SECRET\" NIL NIL NIL NIL NIL NIL NIL NIL))";
    let text = format!("C: xt3 UID FETCH 1 (UID ENVELOPE)\n{answer}\nS: xt3 OK done\n");
    let shown = shown(&text, || Fetch::new("1", [Item::Uid, Item::Envelope]));
    assert!(shown.contains(SECRET) && !shown.contains("xxxx"), "{shown}");
}

#[test]
fn texts_for_people_say_where_they_stood() {
    for line in ["* OK [ALERT] SECRET", "* NO SECRET", "xt3 NO [ALERT] SECRET", "xt3 BAD SECRET"] {
        let shown = shown(&format!("C: xt3 NOOP\nS: {line}\nS: xt3 OK done\n"), Noop::new);
        assert!(shown.contains("[secret]") && !shown.contains("xxxx"), "{shown}");
        assert!(!shown.contains("horse"), "{shown}");
    }
}

/// Secrets of a login that is to come, or was made on another connection.
#[test]
fn what_the_machine_is_told_to_protect_is_hidden_from_the_greeting_on() {
    for greeting in ["* BYE SECRET", "* OK [CAPABILITY IMAP4rev1 AUTH=SECRET] SECRET"] {
        let mut peer = Peer::whole(&transcript::dialogue(
            &format!("S: {greeting}\n").replace("SECRET", SECRET),
        ));
        let mut mask = Mask::default();
        mask.add(SECRET);
        peer.machine.protect(mask);
        let shown = format!("{:?} {:?}", peer.run(Greeting::new()), peer.machine.state());
        assert!(shown.contains("[secret]") && !shown.contains("horse"), "{shown}");
    }
}

/// With a backslash before every octet, before each seventh, and before the last.
const ESCAPED: [&str; 3] = [
    r"\c\o\r\r\e\c\t\-\h\o\r\s\e\/\b\a\t\t\e\r\y",
    r"correct\-horse/\battery",
    r"correct-horse/batter\y",
];

#[test]
fn quoted_strings_hide_them_behind_backslashes() {
    let told = [
        "* ID (\"name\" \"ECHO\")",
        "* LIST () \"/\" \"ECHO\"",
        "* LIST (\\Marked) \"/\" \"a \\\\ ECHO\"",
        "* STATUS \"ECHO\" (MESSAGES 1)",
        "* NAMESPACE ((\"ECHO\" \"/\")) NIL NIL",
        "* QUOTA \"ECHO\" (STORAGE 1 2)",
        "* OK [NOUPDATE \"ECHO\"] what",
        "* 1 FETCH (ENVELOPE (NIL \"ECHO\" NIL NIL NIL NIL NIL NIL NIL NIL))",
    ];
    for line in told {
        for escaped in ESCAPED {
            let line = line.replace("ECHO", escaped);
            let shown = shown(&format!("C: xt3 NOOP\nS: {line}\nS: xt3 OK done\n"), Noop::new);
            assert!(!shown.contains("horse") && !shown.contains("rrect"), "{shown}");
            assert!(shown.contains("xxxxxxxxxxxxxxxx"), "{shown}");
        }
    }
}

#[test]
fn no_name_is_a_secret_in_modified_utf7() {
    // What can be written as it is must be: RFC 3501, 5.1.3.
    let units = SECRET.bytes().flat_map(|octet| [0, octet]).collect::<Vec<_>>();
    let encoded = encode_challenge(&units).replace('=', "").replace('/', ",");
    for line in ["* LIST () \"/\" \"&ECHO-\"", "* STATUS \"&ECHO-\" (MESSAGES 1)"] {
        let line = line.replace("ECHO", &encoded);
        let shown = shown(&format!("C: xt3 NOOP\nS: {line}\nS: xt3 OK done\n"), Noop::new);
        assert!(!shown.contains("horse") && shown.contains(&encoded), "{shown}");
    }
}

#[test]
fn a_password_that_modified_utf7_writes_in_another_way_is_hidden_in_names() {
    // What is sent, and how a server writes a name that has it.
    let cases = [
        ("horse&cart&wheel&axle", "horse&-cart&-wheel&-axle"),
        ("horse&cart&wheel&axle", "a/horse&ACY-cart&ACY-wheel&ACY-axle"),
        ("пароль-секретно", "&BD8EMARABD4EOwRM-&-x&BD8EMARABD4EOwRM--&BEEENQQ6BEAENQRCBD0EPg-"),
    ];
    for (password, name) in cases {
        for line in [
            "* LIST () \"/\" \"ECHO\"",
            "* LIST () \"/\" ECHO",
            "* STATUS \"ECHO\" (MESSAGES 1)",
            "* NAMESPACE ((\"ECHO\" \"/\")) NIL NIL",
            "* LIST () \"/\" new (\"OLDNAME\" (\"ECHO\"))",
        ] {
            let line = line.replace("ECHO", name);
            let text = format!("{LOGGED_IN}C: xt3 NOOP\n    S: {line}\n    S: xt3 OK done\n");
            let text = text.replace("SECRET", SECRET);
            let events = Peer::first_error(&text, |peer| {
                let mut mask = Mask::default();
                mask.add(password);
                peer.machine.protect(mask);
                logged_in(peer)?;
                peer.run(Noop::new())?;
                Ok(std::iter::from_fn(|| peer.machine.next_event()).collect::<Vec<_>>())
            });
            let shown = format!("{:?}", events.unwrap());
            assert!(!shown.contains("cart") && !shown.contains("секретно"), "{shown}");
            assert!(shown.contains("xxxxxxxxxxxxxxxx"), "{shown}");
        }
    }
}

#[test]
fn the_state_holds_none_of_them() {
    let text = format!(
        "{LOGGED_IN}C: xt3 NOOP\n    S: * CAPABILITY IMAP4rev1 AUTH=SECRET\n    S: * FLAGS (SECRET)\n    \
         S: * OK [PERMANENTFLAGS (ENCODED)] x\n    S: xt3 OK done\n"
    );
    let text = text
        .replace("SECRET", SECRET)
        .replace("LOGIN user SECRET", "LOGIN user correct-horse/battery");
    let text = text.replace("ENCODED", ENCODED);
    Peer::first_error(&text, |peer| {
        logged_in(peer)?;
        peer.run(Noop::new())?;
        let shown = format!("{:?}", peer.machine.state());
        assert!(!shown.contains("horse") && !shown.contains("Y29y"), "{shown}");
        assert_eq!(shown.matches("xxxxxxxxxxxxxxxx").count(), 3, "{shown}");
        Ok(())
    })
    .unwrap();
}

/// Tokens are renewed as long as a session lasts: what hides them must not grow with it.
#[test]
fn what_is_told_takes_the_place_of_what_was_told_before() {
    let mask = |secret: &str| {
        let mut mask = Mask::default();
        mask.add(secret);
        mask
    };
    let (first, second) = ("ya29.a0AfH6SMBxT0k3", "EwBYA8l6BAAURSN/FHl");
    let news = format!("    S: * OK {first} {second} {SECRET}\n    S: * FLAGS ({second})\n");
    let text = format!("{LOGGED_IN}    C: xt3 NOOP\n{news}    S: xt3 OK done\n");
    Peer::first_error(&text.replace("SECRET", SECRET), |peer| {
        peer.machine.protect(mask(first));
        logged_in(peer)?;
        peer.machine.protect(mask(second));
        peer.machine.protect(mask(first));
        peer.run(Noop::new())?;
        let shown = format!("{:?}", peer.machine.next_event());
        // What the session signed in with stays.
        assert!(shown.contains(&format!("[secret] {second} [secret]")), "{shown}");
        // And what it learned meanwhile is hidden once it is known.
        let flags = |peer: &Peer| peer.machine.state().selected().unwrap().flags.clone();
        assert_eq!(flags(peer)[0].as_str(), second);
        peer.machine.protect(mask(second));
        assert_eq!(flags(peer)[0].as_str(), "x".repeat(second.len()));
        Ok(())
    })
    .unwrap();
}

/// What hides them reads a response again: within the limits of the session, not those of a session without any.
#[test]
fn news_longer_than_the_default_limit_hides_them_too() {
    use xoauth_imap::proto::{Machine, TagPrefix};

    let addresses = "(NIL NIL NIL NIL)".repeat(200_000);
    let news = format!(
        "S: * 1 FETCH (ENVELOPE (NIL \"SECRET\" ({addresses}) NIL NIL NIL NIL NIL NIL NIL))\n"
    );
    let text = format!("{LOGGED_IN}C: xt3 NOOP\n{news}S: xt3 OK done\n").replace("SECRET", SECRET);
    let mut limits = xoauth_imap::Limits::default();
    limits.response *= 4;
    let mut peer = Peer::whole(&transcript::dialogue(&text));
    peer.machine = Machine::new(TagPrefix::new("t"), limits);
    logged_in(&mut peer).unwrap();
    peer.run(Noop::new()).unwrap();
    let Some(xoauth_imap::Event::Fetch(message)) = peer.machine.next_event() else { panic!() };
    let envelope = message.envelope.unwrap();
    assert_eq!(envelope.from.len(), 200_000);
    assert_eq!(envelope.subject.unwrap().lossy(), "x".repeat(SECRET.len()));
}

fn authenticate(token: &str) -> Authenticate {
    let stamp = Stamp::new(Nonce::new("nonce").unwrap(), 1);
    let login = XOAuth2::new("user", token).unwrap();
    Authenticate::new(&login, &Context::new(&stamp, "h", 993)).unwrap().sasl_ir(SaslIr::Never)
}

/// A server may have heard of them elsewhere: what it said before they were known is hidden as well.
#[test]
fn what_it_offered_before_a_login_hides_them() {
    for (offered, is_offered) in [("AUTH=SECRET AUTH=XOAUTH2", true), ("AUTH=SECRET", false)] {
        let text = format!(
            "S: * OK [CAPABILITY IMAP4rev1 {offered}] ready\n{}",
            if is_offered { "C: xt1 AUTHENTICATE XOAUTH2\nS: xt1 NO no" } else { "" }
        );
        let shown = Peer::first_error(&text.replace("SECRET", SECRET), |peer| {
            peer.run(Greeting::new())?;
            let error = peer.run(authenticate(SECRET)).unwrap_err();
            Ok(format!("{error} {error:?} {:?}", peer.machine.state()))
        });
        let shown = shown.unwrap();
        assert!(!shown.contains("horse") && shown.contains(&"x".repeat(SECRET.len())), "{shown}");
    }
}

/// The token of an earlier login comes back in the reason why a later one is refused.
#[test]
fn an_error_document_hides_those_of_other_logins() {
    let document = encode_challenge(format!(r#"{{"status":"401","scope":"{SECRET}"}}"#).as_bytes());
    let message = |token: &str| {
        encode_challenge(format!("user=user\x01auth=Bearer {token}\x01\x01").as_bytes())
    };
    let text = format!(
        "S: * OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2] ready
         C: xt1 AUTHENTICATE XOAUTH2
         S: +
         C: {}
         S: xt1 NO no
         C: xt2 AUTHENTICATE XOAUTH2
         S: +
         C: {}
         S: + {document}
         C:
         S: xt2 NO no\n",
        message(SECRET),
        message("another")
    );
    let refused = Peer::first_error(&text, |peer| {
        peer.run(Greeting::new())?;
        peer.run(authenticate(SECRET)).unwrap_err();
        peer.run(authenticate("another"))
    });
    let Err(Error::AuthenticationRefused(refused)) = refused else { panic!("{refused:?}") };
    let challenge = refused.challenge.as_ref().unwrap();
    assert_eq!((challenge.status(), challenge.scope()), (Some("401"), Some("[secret]")));
    let shown = format!("{refused:?} {}", String::from_utf8_lossy(challenge.raw()));
    assert!(!shown.contains("horse"), "{shown}");
}
