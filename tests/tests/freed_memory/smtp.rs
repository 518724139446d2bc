//! SMTP: a server that repeats the credential in the reply to whatever was said.

use std::hint::black_box;
use std::task::{Context as TaskContext, Poll, Waker};

use xoauth::sasl::wire::{Conversation, Want};
use xoauth::sasl::{Context, Mechanism, Secret, encode_challenge};
use xoauth::smtp::exchange::{Auth, Ehlo, Greeting, Submit};
use xoauth::smtp::proto::{Command, Exchange, Machine};
use xoauth::smtp::{ClientName, Limits};

use super::{Hidden, MECHANISMS, Steps, hidden, joined, known_to, mechanisms, stamp};

/// Lets an exchange speak, and says one of the replies whenever it waits; what was sent.
fn play(machine: &mut Machine, exchange: &mut dyn Exchange, replies: &[Secret]) -> Hidden {
    let mut sent = Hidden(String::with_capacity(16 * 1024));
    let mut replies = replies.iter();
    black_box(machine.start(exchange).is_ok());
    let mut conversation = machine.converse(exchange);
    // A refused login is answered by an error, which is dropped with its reply.
    while let Ok(want) = conversation.poll() {
        match want {
            Want::Write(octets) => {
                sent.0.push_str(std::str::from_utf8(octets).unwrap());
                let count = octets.len();
                conversation.written(count);
            }
            Want::Read => {
                let Some(reply) = replies.next() else { break };
                let octets = reply.expose().as_bytes();
                conversation.read_buffer()[..octets.len()].copy_from_slice(octets);
                conversation.received(octets.len());
            }
            Want::Body => {
                let mut waker = TaskContext::from_waker(Waker::noop());
                if !matches!(conversation.poll_body(&mut waker), Poll::Ready(Ok(()))) {
                    break;
                }
            }
            _ => break,
        }
    }
    sent
}

fn plain(text: &str) -> Secret {
    joined([text, "\r\n"])
}

/// How a reply repeats something: in its text, over several lines, in place of a code, in what is no reply.
fn replies(code: &str, told: &str) -> Vec<Secret> {
    let mut replies = Vec::with_capacity(16);
    replies.push(joined([code, " you said ", told, "\r\n"]));
    replies.push(joined([code, " ", told, "\r\n"]));
    replies.push(joined([code, "-", told, "\r\n", code, "-what\r\n", code, " ", told, "\r\n"]));
    let (class, _) = code.split_at(1);
    replies.push(joined([
        code, "-", class, ".7.8 ", told, "\r\n", code, " ", class, ".7.8 ", told, "\r\n",
    ]));
    replies.push(joined([code, " ", class, ".7.", told, " no\r\n"]));
    replies.push(joined([code, "-", class, ".0.0 x\r\n", code, " ", class, ".1.1 ", told, "\r\n"]));
    replies.push(joined([code, "-", told, "\r\n999 ", told, "\r\n"]));
    replies.push(joined([told, " ", code, "\r\n"]));
    replies.push(joined(["421 4.3.2 ", told, "\r\n"]));
    replies.push(joined([code, " ok\r\n", code, " ", told, "\r\n"]));
    replies
}

/// The commands whose replies repeat what was said, and the code of each.
const PLACES: [(&str, &str); 9] = [
    ("AUTH", "334"),
    ("AUTH", "535"),
    ("AUTH", "235"),
    ("EHLO", "250"),
    ("MAIL", "250"),
    ("RCPT", "550"),
    ("DATA", "354"),
    ("end", "250"),
    ("end", "554"),
];

pub(crate) fn smtp(steps: &mut Steps) {
    for (index, name) in MECHANISMS.into_iter().enumerate() {
        for (place, code) in PLACES {
            sessions(index, name, place, code);
            steps.done(place);
        }
    }
}

/// Sessions with a mechanism in which the reply to one command repeats the login.
fn sessions(index: usize, name: &str, place: &str, code: &str) {
    let stamp = stamp("six");
    let context = Context::new(&stamp, "mail.example.org", 993);
    let mechanism = mechanisms().swap_remove(index);
    let mut machine = Machine::new(Limits::default());
    let mut command = Auth::new(&*mechanism, &context).unwrap().even_if_unlisted();
    let sent = play(&mut machine, &mut command, &[]);
    // The line, the message in it, and the secrets themselves.
    let line = sent.trim_end();
    let mut told = Vec::with_capacity(4);
    told.push(joined([line]));
    told.push(joined([line.rsplit(' ').next().unwrap_or_default()]));
    told.extend(known_to(name).iter().map(|number| joined([&*hidden(*number)])));
    for told in &told {
        for reply in replies(code, told.expose()) {
            session(place, code, reply, &*mechanism, &context, told.expose());
        }
    }
}

fn session(
    place: &str,
    code: &str,
    reply: Secret,
    mechanism: &dyn Mechanism,
    context: &Context<'_>,
    told: &str,
) {
    let mut machine = Machine::new(Limits::default());
    play(&mut machine, &mut Greeting::new(), &[plain("220 mx")]);
    let offered =
        "250-mx\r\n250-PIPELINING\r\n250 AUTH XOAUTH OAUTH10A OAUTHBEARER XOAUTH2 PLAIN LOGIN";
    play(&mut machine, &mut Ehlo::new(ClientName::default()), &[plain(offered)]);
    let mut login = Auth::new(mechanism, context).unwrap();
    if place == "AUTH" {
        // As text, and as the document of a challenge.
        let document = joined([r#"{"status":"401","scope":""#, told, "\"}"]);
        let challenge = Hidden(encode_challenge(document.expose().as_bytes()));
        let challenge = joined(["334 ", &challenge, "\r\n"]);
        let replies = if code == "334" {
            [challenge, reply, plain("535 no")]
        } else {
            [reply, plain("535 no"), plain("535 no")]
        };
        drop(play(&mut machine, &mut login, &replies));
        black_box(login.finish().is_ok());
        return;
    }
    let asks = if mechanism.name() == "LOGIN" { 2 } else { 0 };
    let agreed = [plain("334 VXNlcm5hbWU6"), plain("334 UGFzc3dvcmQ6"), plain("235 ok")];
    drop(play(&mut machine, &mut login, &agreed[2 - asks..]));
    assert!(login.finish().is_ok() && machine.is_usable(), "{}", mechanism.name());
    if place == "EHLO" {
        let values = joined([
            "250-",
            told,
            "\r\n250-X-TOLD ",
            told,
            "\r\n250-AUTH ",
            told,
            "\r\n250 SIZE ",
            told,
            "\r\n",
        ]);
        for reply in [reply, values] {
            let mut hello = Ehlo::new(ClientName::default());
            drop(play(&mut machine, &mut hello, &[reply]));
            black_box(hello.finish().is_ok());
        }
        return;
    }
    let mut submit = Submit::new("a@example.org", ["b@example.org"], "x\r\n");
    let at = match place {
        "MAIL" => 0,
        "RCPT" => 1,
        "DATA" => 2,
        _ => 3,
    };
    let mut replies = vec![plain("250 ok"), plain("250 ok"), plain("354 go on"), plain("250 ok")];
    replies[at] = reply;
    drop(play(&mut machine, &mut submit, &replies));
    black_box(submit.finish().is_ok());
}
