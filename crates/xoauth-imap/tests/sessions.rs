//! Whole sessions as written dialogues: whole, octet by octet, and cut after every octet.
#![allow(
    missing_docs,
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::string_slice
)]

mod transcript;

use transcript::{Peer, dialogue, play, play_without};
use xoauth_imap::command::*;
use xoauth_imap::proto::{Command, Encoder, Exchange, Machine, TagPrefix};
use xoauth_imap::sasl::oauth1::Secret;
use xoauth_imap::sasl::wire::{Conversation, TransportFault, Want};
use xoauth_imap::sasl::{Context, Nonce, OAuthBearer, Stamp, XOAuth2};
use xoauth_imap::{
    ArgumentSink, Error, Flag, LimitKind, Limits, Query, Section, State, StatusText,
};

const GREETING: &str =
    "S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2 AUTH=OAUTHBEARER] ready\n";

fn with_greeting(text: &str) -> String {
    format!("{GREETING}{text}")
}

fn greeted(peer: &mut Peer) -> Result<(), Error> {
    peer.run(Greeting::new()).map(drop)
}

/// Plays a dialogue that begins with a greeting and runs one command.
#[track_caller]
fn command<C: Command>(text: &str, command: impl Fn() -> C) -> Result<String, Error>
where
    C::Output: std::fmt::Debug,
{
    play(&with_greeting(text), |peer| {
        greeted(peer)?;
        peer.run(command()).map(|output| format!("{output:?}"))
    })
}

fn authenticate(sasl_ir: SaslIr) -> Authenticate {
    let stamp = Stamp::new(Nonce::new("nonce").unwrap(), 1);
    let login = XOAuth2::new("someuser@example.com", "token").unwrap();
    Authenticate::new(&login, &Context::new(&stamp, "localhost", 993)).unwrap().sasl_ir(sasl_ir)
}

const MESSAGE: &str = "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB0b2tlbgEB";

#[test]
fn greeting_tells_capabilities() {
    let state = play(GREETING, |peer| {
        greeted(peer)?;
        let capabilities = peer.machine.state().capabilities().expect("told").clone();
        Ok((capabilities.has("sasl-ir"), capabilities.mechanisms().count()))
    });
    assert_eq!(state.unwrap(), (true, 2));
}

#[test]
fn greeting_may_say_preauth_or_goodbye() {
    let preauth = play("S: * PREAUTH hi\n", |peer| {
        greeted(peer)?;
        Ok(peer.machine.state().is_preauthenticated())
    });
    assert!(preauth.unwrap());
    let bye = play("S: * BYE overloaded\n", greeted).unwrap_err();
    assert_eq!(bye.to_string(), "server ended the session: overloaded");
    assert!(bye.is_fatal() && bye.is_transient());
}

#[test]
fn a_peer_of_another_protocol_is_not_greeted() {
    let error = play("S: 220 mx ESMTP\n", greeted).unwrap_err();
    assert!(matches!(error, Error::UnsolicitedTagged { .. } | Error::Malformed { .. }), "{error}");
}

#[test]
fn the_message_goes_on_the_command_line_where_the_server_takes_it() {
    let text = format!("C: xt1 AUTHENTICATE XOAUTH2 {MESSAGE}\nS: xt1 OK in\n");
    command(&text, || authenticate(SaslIr::Auto)).unwrap();
}

#[test]
fn the_message_waits_for_the_continuation_where_the_server_does_not() {
    for plus in ["S: + ", "S: +"] {
        let text = format!("C: xt1 AUTHENTICATE XOAUTH2\n{plus}\nC: {MESSAGE}\nS: xt1 OK in\n");
        command(&text, || authenticate(SaslIr::Never)).unwrap();
    }
}

#[test]
fn a_refusal_carries_the_document_and_the_answer_and_takes_another_try() {
    let text = format!(
        "C: xt1 AUTHENTICATE XOAUTH2 {MESSAGE}
         S: + eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ==
         C:
         S: xt1 NO [AUTHENTICATIONFAILED] no
         C: xt2 AUTHENTICATE XOAUTH2 {MESSAGE}
         S: xt2 OK in\n"
    );
    let error = play(&with_greeting(&text), |peer| {
        greeted(peer)?;
        let Err(Error::AuthenticationRefused(refused)) = peer.run(authenticate(SaslIr::Auto))
        else {
            return Err(Error::Transport { fault: TransportFault::Closed, literal: None });
        };
        peer.run(authenticate(SaslIr::Auto))?;
        let challenge = refused.challenge.clone().expect("a document");
        Ok((challenge.status().map(String::from), refused.needs_new_token(), refused.to_string()))
    });
    let (status, renew, text) = error.unwrap();
    assert_eq!(status.as_deref(), Some("400"));
    assert!(renew);
    assert!(text.starts_with("XOAUTH2 refused: NO [AUTHENTICATIONFAILED] no"), "{text}");
}

#[test]
fn oauthbearer_acknowledges_with_a_separator() {
    let login = || {
        let stamp = Stamp::new(Nonce::new("nonce").unwrap(), 1);
        let login = OAuthBearer::new("u", "t").unwrap();
        Authenticate::new(&login, &Context::new(&stamp, "h", 993)).unwrap().sasl_ir(SaslIr::Never)
    };
    let text = "C: xt1 AUTHENTICATE OAUTHBEARER
        S: +
        C: bixhPXUsAWhvc3Q9aAFwb3J0PTk5MwFhdXRoPUJlYXJlciB0AQE=
        S: + eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=
        C: AQ==
        S: xt1 NO no\n";
    let error = command(text, login).unwrap_err();
    assert!(!error.is_fatal() && error.needs_new_token());
}

#[test]
fn a_login_before_the_credentials_is_none() {
    let text = "C: xt1 AUTHENTICATE XOAUTH2\nS: xt1 OK welcome\n";
    let error = command(text, || authenticate(SaslIr::Never)).unwrap_err();
    assert!(matches!(error, Error::UnsolicitedTagged { .. }) && error.is_fatal(), "{error:?}");
    // A refusal needs no credentials.
    let text = "C: xt1 AUTHENTICATE XOAUTH2\nS: xt1 NO no\n";
    let error = command(text, || authenticate(SaslIr::Never)).unwrap_err();
    assert!(matches!(error, Error::AuthenticationRefused(_)), "{error:?}");
    // Half of what LOGIN says is not enough either.
    let login = || {
        let stamp = Stamp::new(Nonce::new("nonce").unwrap(), 1);
        let login = xoauth_imap::sasl::Login::new("tim", "tanstaaf").unwrap();
        Authenticate::new(&login, &Context::new(&stamp, "h", 993)).unwrap().even_if_unlisted()
    };
    let begun = "C: xt1 AUTHENTICATE LOGIN\nS: + VXNlcm5hbWU6\nC: dGlt\n";
    let error = command(&format!("{begun}S: xt1 OK welcome\n"), login).unwrap_err();
    assert!(matches!(error, Error::UnsolicitedTagged { .. }), "{error:?}");
    let whole = format!("{begun}S: + UGFzc3dvcmQ6\nC: dGFuc3RhYWY=\nS: xt1 OK welcome\n");
    command(&whole, login).unwrap();
}

#[test]
fn a_temporary_failure_does_not_ask_for_a_new_token() {
    let text = format!("C: xt1 AUTHENTICATE XOAUTH2 {MESSAGE}\nS: xt1 NO [UNAVAILABLE] later\n");
    let error = command(&text, || authenticate(SaslIr::Auto)).unwrap_err();
    assert!(error.is_transient() && !error.needs_new_token());
    let text = format!("C: xt1 AUTHENTICATE XOAUTH2 {MESSAGE}\nS: xt1 BAD what\n");
    let error = command(&text, || authenticate(SaslIr::Auto)).unwrap_err();
    assert!(!error.is_transient() && !error.needs_new_token());
}

#[test]
fn refusals_of_credentials_are_told_apart() {
    // {"status":"insufficient_scope"}
    let scope = "eyJzdGF0dXMiOiJpbnN1ZmZpY2llbnRfc2NvcGUifQ==";
    let none = "";
    let cases = [
        ("NO", none, true),
        ("NO [AUTHENTICATIONFAILED]", none, true),
        ("NO [EXPIRED]", none, true),
        ("NO [ALERT]", none, true),
        ("NO [X-SPECIAL]", none, true),
        ("NO [AUTHORIZATIONFAILED]", none, false),
        ("NO [CONTACTADMIN]", none, false),
        ("NO [PRIVACYREQUIRED]", none, false),
        ("NO [UNAVAILABLE]", none, false),
        ("NO [SERVERBUG]", none, false),
        ("BAD", none, false),
        ("NO [AUTHENTICATIONFAILED]", scope, false),
    ];
    for (answer, document, new_token) in cases {
        let challenge =
            if document.is_empty() { String::new() } else { format!("S: + {document}\nC:\n") };
        let text =
            format!("C: xt1 AUTHENTICATE XOAUTH2 {MESSAGE}\n{challenge}S: xt1 {answer} no\n");
        let error = command(&text, || authenticate(SaslIr::Auto)).unwrap_err();
        assert!(matches!(error, Error::AuthenticationRefused(_)), "{error:?}");
        assert_eq!(error.needs_new_token(), new_token, "{answer} {document}");
    }
}

#[test]
fn who_is_authenticated_already_does_not_send_credentials() {
    let text =
        "S: * PREAUTH [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hello\nC: xt1 NOOP\nS: xt1 OK\n";
    let found = play(text, |peer| {
        peer.run(Greeting::new())?;
        let errors = [
            peer.run(authenticate(SaslIr::Auto)).unwrap_err(),
            peer.run(authenticate(SaslIr::Auto).even_if_unlisted()).unwrap_err(),
            peer.run(Login::new("user", Secret::new("password"))).unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, Error::AlreadyAuthenticated), "{error:?}");
            assert!(!error.is_fatal() && !error.is_transient() && !error.needs_new_token());
        }
        peer.run(Noop::new())
    });
    found.unwrap();
}

/// A command of a user's own that passes its argument on unchecked.
struct Unchecked(&'static str, fn(&mut Encoder<'_>, &str));

impl Exchange for Unchecked {
    fn encode(&mut self, out: &mut Encoder<'_>, _: &State) -> Result<(), Error> {
        out.raw("X ");
        (self.1)(out, self.0);
        Ok(())
    }
}

impl Command for Unchecked {
    type Output = ();

    fn finish(self, _: StatusText) -> Result<(), Error> {
        Ok(())
    }
}

#[test]
fn lines_of_own_commands_cannot_be_ended_early() {
    let ways: [fn(&mut Encoder<'_>, &str); 2] =
        [|out, text| out.raw(text), |out, text| out.secret(text)];
    let found = play("C: xt1 NOOP\nS: xt1 OK\n", |peer| {
        for text in ["x\r\nxt2 LOGOUT", "x\n", "\rx", "x\0y"] {
            for way in ways {
                let error = peer.run(Unchecked(text, way)).unwrap_err();
                assert!(matches!(error, Error::InvalidArgument { .. }), "{text:?}: {error:?}");
                assert!(!error.is_fatal());
            }
        }
        peer.run(Noop::new())
    });
    found.unwrap();
}

#[test]
fn what_a_server_says_is_bounded() {
    let (text, code) = ("x".repeat(60_000), "y".repeat(3000));
    for text in ["x".repeat(512), text] {
        let cut =
            if text.len() > 512 { format!("… ({} octets)", text.len()) } else { String::new() };
        let dialogue = format!("S: * OK ready\nC: xt1 NOOP\nS: * BYE {text}\n");
        let error = Peer::first_error(&dialogue, |peer| {
            greeted(peer)?;
            peer.run(Noop::new())
        });
        let expected = format!("server ended the session: {}{cut}", "x".repeat(512));
        assert_eq!(error.unwrap_err().to_string(), expected);
    }
    let dialogue = format!("C: xt1 NOOP\nS: xt1 NO [BADURL {code}] no\n");
    let error = Peer::first_error(&dialogue, |peer| peer.run(Noop::new())).unwrap_err().to_string();
    assert!(error.ends_with(&format!("{}… (3000 octets)] no", "y".repeat(2048))), "{error}");
}

#[test]
fn garbage_for_a_challenge_is_cancelled() {
    let text =
        format!("C: xt1 AUTHENTICATE XOAUTH2 {MESSAGE}\nS: + %%%\nC: *\nS: xt1 BAD cancelled\n");
    let error = command(&text, || authenticate(SaslIr::Auto)).unwrap_err();
    assert!(error.to_string().contains("we cancelled: challenge is not base64"), "{error}");
    assert!(!error.is_fatal());
    // RFC 9051 6.2.2 has BAD behind `*`: whether an OK lets us in is not known, and nothing is said to it any more.
    let error = command(&text.replace("BAD", "OK"), || authenticate(SaslIr::Auto)).unwrap_err();
    assert!(matches!(error, Error::UnsolicitedTagged { .. }) && error.is_fatal(), "{error:?}");
}

#[test]
fn a_server_that_echoes_the_credential_does_not_make_us_print_it() {
    let text =
        format!("C: xt1 AUTHENTICATE XOAUTH2 {MESSAGE}\nS: xt1 BAD Too many: b'{MESSAGE}'\n");
    let error = command(&text, || authenticate(SaslIr::Auto)).unwrap_err();
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains(&MESSAGE[4..30]), "{text}");
    }
}

#[test]
fn the_machine_shows_nothing_of_what_it_holds() {
    let text = format!(
        "C: xt1 AUTHENTICATE XOAUTH2 {MESSAGE}\nS: * OK {MESSAGE}\nS: * X ({MESSAGE}\nS: xt1 NO {MESSAGE}\n"
    );
    // Wherever the stream is cut, octets of the message may stand in a buffer.
    let error = play(&with_greeting(&text), |peer| {
        greeted(peer)?;
        let mut authenticate = authenticate(SaslIr::Auto);
        let mut exchanges: [&mut dyn Exchange; 1] = [&mut authenticate];
        peer.machine.start(&mut exchanges)?;
        let driven = peer.drive(&mut exchanges);
        let shown = format!("{:?}", peer.machine.converse(&mut exchanges));
        assert!(!shown.contains(&MESSAGE[4..12]), "{shown}");
        let octets = format!("{:?}", &MESSAGE.as_bytes()[4..12]);
        assert!(!shown.contains(octets.trim_matches(['[', ']'])), "{shown}");
        driven?;
        authenticate.finish(peer.machine.take_status(0).unwrap())
    });
    assert!(error.unwrap_err().to_string().starts_with("XOAUTH2 refused: NO"));
}

#[test]
fn a_mechanism_that_is_not_offered_is_not_tried() {
    let text = "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\n";
    let mut peer_of = dialogue(text);
    peer_of.truncate(1);
    let result = play(text, |peer| {
        greeted(peer)?;
        let refused = peer.run(authenticate(SaslIr::Auto)).unwrap_err();
        assert!(peer.machine.is_usable());
        Ok(refused.to_string())
    });
    assert_eq!(result.unwrap(), "server does not offer XOAUTH2, only PLAIN");
}

#[test]
fn capabilities_are_unknown_after_a_login_that_does_not_tell_them() {
    let known = |answer: &str| {
        let text = format!("C: xt1 AUTHENTICATE XOAUTH2 {MESSAGE}\n{answer}");
        play(&with_greeting(&text), |peer| {
            greeted(peer)?;
            peer.run(authenticate(SaslIr::Auto))?;
            Ok(peer.machine.state().capabilities().map(|capabilities| capabilities.has("MOVE")))
        })
        .unwrap()
    };
    assert_eq!(known("S: xt1 OK in\n"), None);
    assert_eq!(known("S: xt1 OK [CAPABILITY IMAP4rev1 MOVE] in\n"), Some(true));
    assert_eq!(known("S: * CAPABILITY IMAP4rev1 MOVE\nS: xt1 OK in\n"), Some(true));
}

#[test]
fn who_is_known_does_not_log_in_again() {
    let text = format!("C: xt1 AUTHENTICATE XOAUTH2 {MESSAGE}\nS: xt1 OK in\n");
    play(&with_greeting(&text), |peer| {
        greeted(peer)?;
        assert!(!peer.machine.state().is_authenticated());
        peer.run(authenticate(SaslIr::Auto))?;
        assert!(peer.machine.state().is_authenticated());
        let again = peer.run(authenticate(SaslIr::Auto)).unwrap_err();
        let login = peer.run(Login::new("user", Secret::new("password"))).unwrap_err();
        for error in [again, login] {
            assert!(matches!(error, Error::AlreadyAuthenticated) && !error.is_fatal(), "{error:?}");
        }
        Ok(())
    })
    .unwrap();
}

#[test]
fn octets_behind_the_answer_to_starttls_are_an_attack() {
    let text = "S: * OK [CAPABILITY IMAP4rev1 STARTTLS] ready\nC: xt1 STARTTLS\nS: xt1 OK go\n";
    for suffix in ["", "*", "* CAPABILITY IMAP4rev1 AUTH=LOGIN\r\n", "xt2 OK done\r\n", "\r\n"] {
        let mut turns = dialogue(text);
        turns.last_mut().unwrap().1.extend(suffix.as_bytes());
        let mut peer = Peer::whole(&turns);
        greeted(&mut peer).unwrap();
        let mut command = StartTls::new();
        peer.machine.start(&mut [&mut command]).unwrap();
        let switched = peer.drive(&mut [&mut command]);
        if suffix.is_empty() {
            assert!(switched.unwrap());
        } else {
            assert!(matches!(switched, Err(Error::PlaintextAfterStartTls { .. })), "{suffix:?}");
            assert!(!peer.machine.is_usable());
        }
    }
}

#[test]
fn starttls_that_cannot_be_had_is_no_tls() {
    let refused = |greeting: &str, answer: &str| {
        play(&format!("S: {greeting}\n{answer}"), |peer| {
            greeted(peer)?;
            peer.run(StartTls::new())
        })
        .unwrap_err()
    };
    let offered = "* OK [CAPABILITY IMAP4rev1 STARTTLS] ready";
    for error in [
        refused("* OK [CAPABILITY IMAP4rev1] ready", ""),
        refused("* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi", ""),
        refused(offered, "C: xt1 STARTTLS\nS: xt1 BAD what\n"),
        refused(offered, "C: xt1 STARTTLS\nS: xt1 NO never\n"),
    ] {
        assert!(matches!(error, Error::TlsUnavailable { .. }), "{error}");
    }
}

#[test]
fn select_describes_the_mailbox() {
    // RFC 9051, 6.3.2, with RFC 3501's RECENT and UNSEEN.
    let text = r#"C: xt1 SELECT INBOX
        S: * 172 EXISTS
        S: * 1 RECENT
        S: * OK [UNSEEN 12] Message 12 is first unseen
        S: * OK [UIDVALIDITY 3857529045] UIDs valid
        S: * OK [UIDNEXT 4392] Predicted next UID
        S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft)
        S: * OK [PERMANENTFLAGS (\Deleted \Seen \*)] Limited
        S: xt1 OK [READ-WRITE] SELECT completed
        "#;
    play(&with_greeting(text), |peer| {
        greeted(peer)?;
        let selected = peer.run(Select::new("INBOX"))?;
        assert_eq!(peer.machine.state().selected(), Some(&selected));
        assert_eq!(
            (selected.exists, selected.recent, selected.unseen),
            (Some(172), Some(1), Some(12))
        );
        assert_eq!(selected.uid_validity.map(u32::from), Some(3857529045));
        assert_eq!(selected.uid_next.map(u32::from), Some(4392));
        assert_eq!(selected.flags.len(), 5);
        assert!(!selected.read_only);
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_select_that_fails_leaves_no_mailbox_selected() {
    let text = "C: xt1 SELECT a
        S: xt1 OK done
        C: xt2 SELECT b
        S: xt2 NO [NONEXISTENT] no such mailbox\n";
    let text = play(&with_greeting(text), |peer| {
        greeted(peer)?;
        peer.run(Select::new("a"))?;
        match peer.run(Select::new("b")) {
            Err(error) if !error.is_fatal() => {
                assert_eq!(peer.machine.state().selected(), None);
                Ok(error.to_string())
            }
            other => other.map(|_| String::new()),
        }
    });
    assert_eq!(text.unwrap(), "SELECT refused: NO [NONEXISTENT] no such mailbox");
}

#[test]
fn mailbox_names_travel_safely() {
    for (name, sent) in [
        ("INBOX", "INBOX"),
        ("My Folder", "\"My Folder\""),
        ("a\"b\\c", r#""a\"b\\c""#),
        ("Entwürfe", "Entw&APw-rfe"),
        ("a&b", "a&-b"),
        ("", "\"\""),
        ("NIL", "\"NIL\""),
    ] {
        let text = format!("C: xt1 SELECT {sent}\nS: xt1 OK done\n");
        command(&text, || Select::new(name)).unwrap();
    }
    // What would end the line is encoded or refused, and is never sent as it is.
    for name in ["INBOX\r\nA9 DELETE x", "a\nb", "a\rb"] {
        let result = play(GREETING, |peer| {
            greeted(peer)?;
            let mut select = Select::new(name);
            Ok(match peer.machine.start(&mut [&mut select]) {
                Err(error) => error.to_string(),
                Ok(()) => {
                    let mut exchanges: [&mut dyn Exchange; 1] = [&mut select];
                    let sent = match peer.machine.poll(&mut exchanges)? {
                        Want::Write(octets) => octets.to_vec(),
                        other => panic!("{other:?}"),
                    };
                    let sent = String::from_utf8(sent).unwrap();
                    assert_eq!(sent.matches("\r\n").count(), 1, "{sent:?}");
                    assert!(!sent.contains("\nA9"), "{sent:?}");
                    "sent".to_owned()
                }
            })
        });
        result.unwrap();
    }
}

#[test]
fn list_tells_names_attributes_and_delimiters() {
    let text = r#"C: xt1 LIST "" "*"
        S: * LIST (\HasNoChildren) "/" INBOX
        S: * LIST (\Noselect \HasChildren) "/" "A b"
        S: * LIST () NIL {5}
        S: Entw"
        S: * LIST () "/" Entw&APw-rfe
        S: xt1 OK done
        "#;
    let names = play(&with_greeting(text), |peer| {
        greeted(peer)?;
        let listed = peer.run(List::all())?;
        Ok(listed.iter().map(|entry| entry.mailbox().to_string()).collect::<Vec<_>>())
    });
    let names = names.unwrap();
    assert_eq!(names[..2], ["INBOX", "A b"]);
    assert_eq!(names[3], "Entwürfe");
}

#[test]
fn search_asks_in_the_charset_it_needs() {
    let text = "C: xt1 UID SEARCH UNSEEN
        S: * SEARCH 2 84 882
        S: * SEARCH 883
        S: xt1 OK done\n";
    let found = command(text, || Search::new(Query::unseen()).even_if_unlisted()).unwrap();
    assert_eq!(found, "[Uid(2), Uid(84), Uid(882), Uid(883)]");
    let text = "C: xt1 SEARCH CHARSET UTF-8 SUBJECT {6}
        S: + go
        C: Grüß
        S: * SEARCH
        S: xt1 OK done\n";
    let search = || Search::sequence_numbers(Query::subject("Grüß")).even_if_unlisted();
    assert_eq!(command(text, search).unwrap(), "[]");
}

#[test]
fn a_literal_that_is_refused_is_not_sent() {
    let text = "C: xt1 UID SEARCH CHARSET UTF-8 SUBJECT {6}
        S: xt1 NO [BADCHARSET (US-ASCII)] no
        C: xt2 NOOP
        S: xt2 OK done\n";
    play(&with_greeting(text), |peer| {
        greeted(peer)?;
        match peer.run(Search::new(Query::subject("Grüß")).even_if_unlisted()) {
            Err(error) if error.is_fatal() => return Err(error),
            refused => assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}"),
        }
        peer.run(Noop::new())
    })
    .unwrap();
}

#[test]
fn a_literal_does_not_wait_where_the_server_has_literal_plus() {
    let text = "S: * OK [CAPABILITY IMAP4rev1 LITERAL+] ready
        C: xt1 UID SEARCH CHARSET UTF-8 SUBJECT {6+}
        C: Grüß
        S: xt1 OK done\n";
    play(text, |peer| {
        greeted(peer)?;
        peer.run(Search::new(Query::subject("Grüß")).even_if_unlisted()).map(drop)
    })
    .unwrap();
}

#[test]
fn fetch_gives_messages_with_their_bodies() {
    let text = "C: xt1 UID FETCH 1:* (FLAGS BODY.PEEK[] BODY.PEEK[HEADER])
        S: * 1 FETCH (UID 5 FLAGS (\\Seen) BODY[] {12}
        S: Hello
        S. world BODY[HEADER] \"x\")
        S:
        S: * 2 FETCH (UID 7 BODY[] NIL BODY[HEADER] {0}
        S: FLAGS ())
        S: xt1 OK done\n";
    let items = || [Item::Flags, Item::Body, Section::Header.into()];
    let read = play(&with_greeting(text), |peer| {
        greeted(peer)?;
        let messages = peer.run(Fetch::new("1:*", items()).even_if_unlisted())?;
        Ok(messages
            .iter()
            .map(|m| {
                let body = m.body().map(|b| String::from_utf8_lossy(b).into_owned());
                (
                    m.uid.map(u32::from),
                    m.flags.as_ref().is_some_and(|flags| flags.contains(&Flag::Seen)),
                    body,
                )
            })
            .collect::<Vec<_>>())
    });
    let read = read.unwrap();
    assert_eq!(read[0], (Some(5), true, Some("Hello\r\nworld".to_owned())));
    assert_eq!(read[1], (Some(7), false, None));
}

#[test]
fn a_body_longer_than_its_limit_ends_the_session_before_it_is_stored() {
    let fetch = |limit| {
        let text = "C: xt1 UID FETCH 1 (BODY.PEEK[])
            S: * 1 FETCH (BODY[] {10}
            S. 0123456789)
            S:
            S: xt1 OK done\n";
        command(text, move || Fetch::new("1", Item::Body).longest_body(limit).even_if_unlisted())
    };
    assert!(fetch(10).is_ok());
    let Err(Error::Limit { kind: LimitKind::Body }) = Peer::first_error(
        &with_greeting("C: xt1 UID FETCH 1 (BODY.PEEK[])\nS: * 1 FETCH (BODY[] {10}\n"),
        |peer| {
            greeted(peer)?;
            peer.run(Fetch::new("1", Item::Body).longest_body(9).even_if_unlisted()).map(drop)
        },
    ) else {
        panic!("taken")
    };
}

#[test]
fn a_set_that_is_none_is_refused_before_anything_is_sent() {
    for set in ["", "0", "1:", "a", "1,,2", "4294967296", "1 2", "1\r\nx"] {
        let result = play(GREETING, |peer| {
            greeted(peer)?;
            let error = peer.run(Fetch::new(set, Item::Uid).even_if_unlisted()).unwrap_err();
            assert!(peer.machine.is_usable());
            assert!(error.to_string().starts_with("invalid message numbers: "), "{error}");
            Ok(matches!(error, Error::InvalidNumbers(_)))
        });
        assert!(result.unwrap(), "{set:?}");
    }
}

#[test]
fn nothing_is_asked_about_no_messages() {
    let none: Vec<xoauth_imap::Uid> = Vec::new();
    let text = "C: xt2 NOOP\nS: xt2 OK done\n";
    let messages = play(&with_greeting(text), |peer| {
        greeted(peer)?;
        let messages = peer.run(Fetch::new(none.clone(), Item::Body).even_if_unlisted())?;
        peer.run(Noop::new())?;
        Ok(messages.len())
    });
    assert_eq!(messages.unwrap(), 0);
}

#[test]
fn store_tells_the_new_flags() {
    let text = "C: xt1 UID STORE 5 +FLAGS (\\Deleted $Label1)
        S: * 2 FETCH (UID 5 FLAGS (\\Deleted $Label1))
        S: xt1 OK done\n";
    let changed = play(&with_greeting(text), |peer| {
        greeted(peer)?;
        let flags = [Flag::Deleted, Flag::keyword("$Label1").unwrap()];
        let changed = peer.run(Store::new("5", StoreAction::Add, flags).even_if_unlisted())?;
        Ok(changed
            .iter()
            .map(|message| message.flags.as_ref().map_or(0, |flags| flags.iter().count()))
            .collect::<Vec<_>>())
    });
    assert_eq!(changed.unwrap(), [2]);
}

#[test]
fn news_is_kept_in_order_for_the_caller() {
    let text = "C: xt1 NOOP
        S: * 22 EXPUNGE
        S: * 23 EXISTS
        S: * 3 FETCH (FLAGS (\\Seen))
        S: * OK [ALERT] watch out
        S: xt1 OK done\n";
    let news = play(&with_greeting(text), |peer| {
        greeted(peer)?;
        peer.run(Noop::new())?;
        Ok(std::iter::from_fn(|| peer.machine.next_event())
            .map(|e| format!("{e:?}"))
            .collect::<Vec<_>>())
    });
    let news = news.unwrap();
    assert_eq!(news.len(), 4, "{news:?}");
    assert!(
        news[0].contains("22") && news[1].contains("23") && news[3].contains("watch out"),
        "{news:?}"
    );
}

#[test]
fn a_session_ends_with_logout_and_with_bye() {
    let text = "C: xt1 LOGOUT\nS: * BYE see you\nS: xt1 OK done\n";
    // A server that closes behind its BYE has said all that matters.
    play_without(&with_greeting(text), "xt1 OK done\r\n".len(), |peer| {
        greeted(peer)?;
        peer.run(Logout::new())?;
        assert!(peer.machine.has_ended());
        Ok(())
    })
    .unwrap();
    // One that leaves its BYE out has ended the session too; where it refuses it goes on.
    for (answer, has_ended) in [("OK done", true), ("BAD what", false)] {
        let text = format!("C: xt1 LOGOUT\nS: xt1 {answer}\n");
        let ended = play(&with_greeting(&text), |peer| {
            greeted(peer)?;
            match peer.run(Logout::new()) {
                Err(error) if error.is_fatal() => return Err(error),
                answered => assert_eq!(answered.is_ok(), has_ended),
            }
            Ok(peer.machine.has_ended())
        });
        assert_eq!(ended.unwrap(), has_ended);
    }
    let text = "C: xt1 NOOP\nS: * BYE Session invalidated - AccessTokenExpired\n";
    let error = command(text, Noop::new).unwrap_err();
    assert!(error.is_fatal() && error.needs_new_token());
}

#[test]
fn a_tagged_line_nobody_asked_for_breaks_the_session() {
    for line in ["xt2 OK early", "a1 OK done", "xt1x OK done"] {
        let text = format!("C: xt1 NOOP\nS: {line}\n");
        let error = command(&text, Noop::new).unwrap_err();
        assert!(matches!(error, Error::UnsolicitedTagged { .. }), "{error}");
    }
}

#[test]
fn a_tagged_line_sent_before_its_command_breaks_the_session() {
    let text = format!("{GREETING}S: xt1 OK early\n");
    let mut peer = Peer::whole(&dialogue(&text));
    greeted(&mut peer).unwrap();
    let error = peer.run(Noop::new()).unwrap_err();
    assert!(matches!(error, Error::UnsolicitedTagged { .. }), "{error}");
    assert_eq!(peer.run(Noop::new()).unwrap_err().to_string(), error.to_string());
}

#[test]
fn a_continuation_nobody_asked_for_breaks_the_session() {
    let error = command("C: xt1 NOOP\nS: + idling\n", Noop::new).unwrap_err();
    assert!(matches!(error, Error::Unexpected { .. }), "{error}");
}

#[test]
fn an_ok_without_its_data_is_an_error_that_leaves_the_session_usable() {
    for (code, data) in
        [("", ""), ("[CAPABILITY ] ", "S: * CAPABILITY\n"), ("", "S: * CAPABILITY \n")]
    {
        let text = format!("S: * OK {code}ready\nC: xt1 CAPABILITY\n{data}S: xt1 OK done\n");
        let result = play(&text, |peer| {
            greeted(peer)?;
            assert!(peer.machine.state().capabilities().is_none());
            match peer.run(Capability::new()) {
                Err(error @ Error::MissingData { .. }) => Ok(error.to_string()),
                other => other.map(|_| String::new()),
            }
        });
        assert_eq!(result.unwrap(), "CAPABILITY answered OK without capabilities", "{data}");
    }
}

/// The state is public, for those who drive the machine themselves.
fn _is_public(state: &State) -> Option<&xoauth_imap::Selected> {
    state.selected()
}

#[test]
fn nothing_but_a_greeting_is_taken_for_one() {
    for line in ["* NO sorry", "* BAD sorry", "* 3 EXISTS", "* CAPABILITY IMAP4rev1"] {
        let text = format!("S: {line}\nS: * OK ready");
        match Peer::first_error(&text, |peer| peer.run(Greeting::new())) {
            Err(Error::Unexpected { expected: "a greeting", .. }) => {}
            found => panic!("{line}: {found:?}"),
        }
    }
    for line in ["* WHAT", "* ", "* O\0K ready", "* OK\0ready", "* OK(ready)", "* -1 EXISTS"] {
        let text = format!("S: {line}\nS: * OK ready");
        match Peer::first_error(&text, |peer| peer.run(Greeting::new())) {
            Err(Error::Malformed { expected: "a greeting", .. }) => {}
            found => panic!("{line}: {found:?}"),
        }
    }
}

/// RFC 9051 7.1.4: it can only be a greeting, in the clear or under TLS.
#[test]
fn preauth_behind_the_greeting_ends_the_session() {
    let text = "C: xt1 NOOP\nS: * PREAUTH [CAPABILITY IMAP4rev1] hi\nS: xt1 OK done";
    let found = Peer::first_error(&with_greeting(text), |peer| {
        greeted(peer)?;
        let found = peer.run(Noop::new());
        assert!(!peer.machine.is_usable() && !peer.machine.state().is_authenticated());
        found
    });
    match found {
        Err(Error::Unexpected { expected: "PREAUTH in a greeting alone", .. }) => {}
        found => panic!("{found:?}"),
    }
}

/// RFC 7628 3.2.3: behind an error document the server has to refuse. One that does not is not spoken to any more.
#[test]
fn a_login_behind_an_error_document_breaks_the_session() {
    let cases =
        [("eyJzdGF0dXMiOiI0MDEifQ==", false), ("e30=", true), ("", true), ("dGV4dA==", true)];
    for (document, believed) in cases {
        let text = format!(
            "{GREETING}C: xt1 AUTHENTICATE XOAUTH2 {MESSAGE}\nS: + {document}\nC:\nS: xt1 OK in\n"
        );
        let found = play(&text, |peer| {
            greeted(peer)?;
            let found = peer.run(authenticate(SaslIr::Auto));
            if let Err(error @ Error::Transport { .. }) = found {
                return Err(error);
            }
            assert_eq!(found.is_ok(), believed, "{document}");
            assert_eq!(peer.machine.is_usable(), believed, "{document}");
            assert_eq!(peer.machine.state().is_authenticated(), believed, "{document}");
            Ok(found.map_or_else(|error| error.to_string(), |_| String::new()))
        });
        let told = if believed { "" } else { "tagged response to no command: 'xt1 OK in\\r\\n'" };
        assert_eq!(found.unwrap(), told);
    }
}

#[test]
fn a_trace_has_every_line_and_no_message_of_a_login() {
    let text = format!(
        "{GREETING}C: xt1 AUTHENTICATE XOAUTH2\nS: +\nC: {MESSAGE}\nS: + e30=\nC:\nS: xt1 NO [ALERT] no\n\
         C: xt2 NOOP\nS: * OK one\nS: xt2 OK done\n"
    );
    let trace = Peer::first_error(&text, |peer| {
        peer.machine.keep_transcript();
        greeted(peer)?;
        peer.run(authenticate(SaslIr::Never)).unwrap_err();
        peer.run(Noop::new())?;
        Ok(std::iter::from_fn(|| peer.machine.next_line()).collect::<Vec<_>>())
    });
    let lines: Vec<String> =
        trace.unwrap().iter().map(|(side, line)| format!("{side:?} {line}")).collect();
    let expected = [
        "Server * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2 AUTH=OAUTHBEARER] ready",
        "Client xt1 AUTHENTICATE XOAUTH2",
        "Server +",
        "Client <secret>",
        "Server + <4 octets>",
        "Client <secret>",
        "Server xt1 NO [ALERT] no",
        "Client xt2 NOOP",
        "Server * OK one",
        "Server xt2 OK done",
    ];
    assert_eq!(lines, expected);
}

/// Lets a command write what it has to, and hear this.
fn hear(machine: &mut Machine, command: &mut dyn Exchange, said: &[u8]) {
    machine.read_buffer()[..said.len()].copy_from_slice(said);
    machine.received(said.len());
    let mut exchanges = [command];
    let mut conversation = machine.converse(&mut exchanges);
    while let Want::Write(octets) = conversation.poll().unwrap() {
        let count = octets.len();
        conversation.written(count);
    }
}

#[test]
fn a_machine_tells_what_becomes_of_its_session() {
    type End = fn(&mut Machine) -> Result<(), Error>;
    let ends: [(End, TransportFault); 2] = [
        (Machine::end_of_stream, TransportFault::Closed),
        (Machine::truncated, TransportFault::Truncated),
    ];
    for (end, fault) in ends {
        for goodbye in [true, false] {
            let mut limits = Limits::default();
            limits.line = 1000;
            let mut machine = Machine::new(TagPrefix::new("t"), limits);
            assert_eq!(machine.limits().line, 1000);
            let mut greeting = Greeting::new();
            machine.start(&mut [&mut greeting]).unwrap();
            assert_eq!((machine.in_flight(), machine.is_busy()), (1, true));
            hear(&mut machine, &mut greeting, b"* OK ready\r\n");
            assert!(!machine.is_busy() && !machine.has_ended());
            let mut logout = Logout::new();
            machine.start(&mut [&mut logout]).unwrap();
            hear(&mut machine, &mut logout, if goodbye { b"* BYE soon\r\n" } else { b"" });
            assert!(machine.is_busy() && !machine.has_ended());
            // The server goes without its last answer: behind BYE it may.
            let ended = end(&mut machine);
            assert_eq!((ended.is_ok(), machine.has_ended()), (goodbye, goodbye));
            let told = machine.fault().map(ToString::to_string);
            let expected = Error::Transport { fault: fault.clone(), literal: None };
            assert_eq!(told, (!goodbye).then(|| expected.to_string()));
        }
    }
}

/// A driver that waits for octets of a literal gives them more time than it gives an answer.
#[test]
fn a_machine_tells_what_is_read_next() {
    let mut machine = Machine::new(TagPrefix::new("t"), Limits::default());
    let mut fetch = Fetch::new("1", Item::Body).even_if_unlisted();
    machine.start(&mut [&mut fetch]).unwrap();
    let mut is_receiving = |said: &[u8]| {
        hear(&mut machine, &mut fetch, said);
        machine.converse(&mut [&mut fetch]).is_receiving_content()
    };
    assert!(!is_receiving(b"* 1 FETCH (UID 1 BODY[] "));
    assert!(is_receiving(b"{5}\r\nhel"));
    assert!(!is_receiving(b"lo)"));
}

/// A long answer comes in pieces; what does not go on as it began is no answer.
#[test]
fn the_rest_of_a_search_is_one() {
    let numbers = "1 ".repeat(20_000);
    for (rest, found) in [("2", Some(20_001)), ("two", None), ("(2)", None)] {
        let text = format!("C: xt1 SEARCH ALL\nS: * SEARCH {numbers}{rest}\nS: xt1 OK done");
        let answer = Peer::first_error(&text, |peer| {
            peer.run(Search::sequence_numbers(Query::All).even_if_unlisted())
        });
        assert_eq!(answer.as_ref().map(Vec::len).ok(), found, "{answer:?}");
    }
    // Not even where nobody asked for it.
    let text = format!("C: xt1 NOOP\nS: * SEARCH {numbers}two\nS: xt1 OK done");
    match Peer::first_error(&text, |peer| peer.run(Noop::new())) {
        Err(Error::Malformed { expected: "the rest of a SEARCH response", .. }) => {}
        found => panic!("{found:?}"),
    }
}

/// Nothing found and an answer that cannot be read are not the same.
#[test]
fn an_answer_to_a_search_that_breaks_the_grammar_is_none() {
    type Run = fn(&mut Peer) -> Result<(), Error>;
    let search: Run = |peer| peer.run(Search::sequence_numbers(Query::All)).map(drop);
    let extended: Run = |peer| peer.run(ExtendedSearch::sequence_numbers(Query::All)).map(drop);
    let sort: Run = |peer| peer.run(Sort::sequence_numbers([SortKey::Date], Query::All)).map(drop);
    let thread: Run = |peer| {
        peer.run(Thread::sequence_numbers(ThreadAlgorithm::References, Query::All)).map(drop)
    };
    let cases = [
        (search, "SEARCH ALL", "SEARCH 1 two"),
        (search, "SEARCH ALL", "SEARCH 1:3"),
        (search, "SEARCH ALL", "search -1"),
        (search, "SEARCH ALL", "ESEARCH (TAG \"xt2\") ALL 1:"),
        (extended, "SEARCH RETURN () ALL", "ESEARCH (TAG \"xt2\") ALL 1:"),
        (sort, "SORT (DATE) UTF-8 ALL", "SORT 3 two"),
        (sort, "SORT (DATE) UTF-8 ALL", "sort 3:1"),
        (thread, "THREAD REFERENCES UTF-8 ALL", "THREAD (1 two)"),
        (thread, "THREAD REFERENCES UTF-8 ALL", "thread (1"),
    ];
    let greeting =
        "S: * OK [CAPABILITY IMAP4rev1 ESEARCH SORT THREAD=REFERENCES AUTH=XOAUTH2] ready\n";
    let opened = "C: xt1 SELECT INBOX\nS: * 3 EXISTS\nS: xt1 OK [READ-WRITE] done\n";
    for (run, command, line) in cases {
        let text = format!("{greeting}{opened}C: xt2 {command}\nS: * {line}\nS: xt2 OK done");
        let found = Peer::first_error(&text, |peer| {
            greeted(peer)?;
            peer.run(Select::new("INBOX"))?;
            run(peer)
        });
        match found {
            Err(Error::Malformed { expected: "an answer in its grammar", .. }) => {}
            found => panic!("{line}: {found:?}"),
        }
    }
}

/// A message that is not there cannot go.
#[test]
fn expunge_beyond_the_last_message_takes_none_away() {
    let text = "C: xt1 SELECT INBOX\nS: * 3 EXISTS\nS: xt1 OK done\nC: xt2 NOOP\nS: * 4 EXPUNGE\n\
                S: * 3 EXPUNGE\nS: * 3 EXPUNGE\nS: xt2 OK done\n";
    let exists = play(&with_greeting(text), |peer| {
        greeted(peer)?;
        peer.run(Select::new("INBOX"))?;
        peer.run(Noop::new())?;
        Ok(peer.machine.state().selected().and_then(|selected| selected.exists))
    });
    assert_eq!(exists.unwrap(), Some(2));
}

/// A login that tells no capabilities makes no other protocol of IMAP4rev2 (RFC 9051 5.1).
#[test]
fn names_stay_utf8_behind_a_login_that_tells_nothing() {
    let text = format!(
        "S: * OK [CAPABILITY IMAP4rev2 AUTH=XOAUTH2] ready\nC: xt1 AUTHENTICATE XOAUTH2 {MESSAGE}\n\
         S: xt1 OK in\nC: xt2 SELECT \"B\u{fc}ro & Co\"\nS: xt2 OK done\n"
    );
    let selected = play(&text, |peer| {
        greeted(peer)?;
        peer.run(authenticate(SaslIr::Auto))?;
        assert!(peer.machine.state().capabilities().is_none());
        peer.run(Select::new("B\u{fc}ro & Co")).map(drop)
    });
    selected.unwrap();
}

#[test]
fn the_state_shows_what_the_server_said_and_nothing_else() {
    let shown = play(GREETING, |peer| {
        greeted(peer)?;
        Ok(format!("{:?}", peer.machine.state()))
    });
    let shown = shown.unwrap();
    assert!(shown.contains("XOAUTH2") && !shown.contains("imits"), "{shown}");
}

#[test]
fn an_answer_that_is_kept_has_a_limit() {
    let lines = |count| {
        let mut text = String::from("C: xt1 LIST \"\" \"*\"\n");
        text.push_str(&"S: * LIST () \"/\" a\n".repeat(count));
        text.push_str("S: xt1 OK done");
        text
    };
    let most = Limits::default().answers;
    let found = Peer::first_error(&lines(most), |peer| peer.run(List::all()));
    assert_eq!(found.map(|list| list.len()).unwrap(), most);
    let found = Peer::first_error(&lines(most + 1), |peer| peer.run(List::all()));
    assert!(matches!(found, Err(Error::Limit { kind: LimitKind::Answers })), "{found:?}");
}

#[test]
fn an_item_that_breaks_the_grammar_is_told_the_same_however_its_body_came() {
    let text = r"
        C: xt1 UID FETCH 1 (BODY.PEEK[])
        S: * 1 FETCH (BODY[] {5}
        S. hello
        S: FLAGS (\Seen) UID 1)
        S: xt1 OK done";
    let messages = play(text, |peer| {
        peer.run(Fetch::new("1", Item::Body).even_if_unlisted()).map(|m| format!("{m:?}"))
    });
    assert!(messages.is_ok_and(|messages| messages.contains("InvalidItem")));
}

/// What came in an answer that is about another message is not part of the next.
#[test]
fn a_body_belongs_to_the_message_it_came_with() {
    let text = r"
        C: xt1 UID FETCH 7 (BODY.PEEK[])
        S: * 3 FETCH (BODY[] {5}
        S: hello UID 99)
        S: * 4 FETCH (UID 7 BODY[] {5}
        S: world)
        S: xt1 OK done";
    let messages = play(text, |peer| peer.run(Fetch::new("7", Item::Body).even_if_unlisted()));
    let messages = messages.unwrap();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].bodies[0].octets.as_ref().unwrap().lossy(), "world");
}
