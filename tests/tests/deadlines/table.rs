//! Where a server may stop, for both drivers.

use std::time::Duration;

use e2e::scripted::{Step, expect, send};
use xoauth::Deadlines;

/// What the server does before it stops.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    /// Reads lines until one holds this.
    Hear(&'static str),
    /// Says this; `{tag}` is the first word of the last command.
    Say(&'static str),
    /// Does nothing for so long.
    Rest(Duration),
}
use Act::{Hear, Rest, Say};

/// What the server does behind its acts, where it does not stop.
#[derive(Debug, Clone, Copy)]
pub(super) enum Flow {
    /// Says an octet ten times a second, those of this text first.
    Drip(&'static str),
    /// Says a thousand octets twenty times a second.
    Says,
    /// Reads a thousand octets twenty times a second.
    Reads,
}

impl Flow {
    /// How many octets move at a time, and how often.
    pub(super) fn pace(self) -> (usize, Duration) {
        match self {
            Self::Drip(_) => (1, Duration::from_millis(100)),
            Self::Says | Self::Reads => (1000, Duration::from_millis(50)),
        }
    }

    /// What is said first.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Drip(text) => text,
            Self::Says | Self::Reads => "",
        }
    }

    pub(super) fn is_reading(self) -> bool {
        matches!(self, Self::Reads)
    }
}

/// What the client does. The last thing of each is what does not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Connect,
    AskCapabilities,
    LogIn,
    Noop,
    /// A command that is longer than what the network holds.
    Search,
    Fetch,
    Append(Size),
    Compress,
    NoopCompressed,
    Idle,
    EndIdle,
    RenewIdle,
    LogOut,
    SmtpConnect,
    SmtpLogIn,
    SmtpNoop,
    Send(Size),
    SendAll,
    Quit,
}

/// How long a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    Little,
    /// More than the network holds.
    Much,
}

impl Size {
    pub(super) fn octets(self, much: usize) -> usize {
        match self {
            Self::Little => 20,
            Self::Much => much,
        }
    }
}

pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) doing: Doing,
    pub(super) acts: &'static [Act],
    /// A server that does not stop but drips begins with this; one that has nothing to drip is silent only.
    pub(super) drip: &'static str,
    /// When the client gives up.
    pub(super) bound: Duration,
}

pub(super) const CONNECT: Duration = Duration::from_secs(3);
pub(super) const COMMAND: Duration = Duration::from_secs(5);
pub(super) const DELIVERY: Duration = Duration::from_secs(7);
pub(super) const RENEW: Duration = Duration::from_secs(2);

/// More than the sockets of this machine hold.
pub(super) const MUCH: usize = 16 << 20;

/// Each another, so that the table tells which one it was.
pub(super) fn deadlines() -> Deadlines {
    let mut deadlines = Deadlines::all(COMMAND);
    (deadlines.connect, deadlines.delivery) = (CONNECT, DELIVERY);
    // What the simulated network takes is no flow.
    deadlines.slowest = 1 << 20;
    deadlines.total = None;
    deadlines
}

/// The script for a peer on a real socket, which keeps the connection then.
pub(super) fn steps(acts: &[Act]) -> Vec<Step> {
    let steps = acts.iter().map(|act| match act {
        Hear(text) => expect(text),
        Say(text) => send(text),
        Rest(_) => unreachable!("only under a clock that jumps"),
    });
    steps.chain([Step::Stall]).collect()
}

const OFFERS: Act = Say("* OK [CAPABILITY IMAP4rev1 AUTH=OAUTHBEARER] ready\r\n");
const IN: Act = Say("* PREAUTH [CAPABILITY IMAP4rev1 IDLE COMPRESS=DEFLATE] ready\r\n");
const SELECTED: Act = Say("* 1 EXISTS\r\n{tag} OK in\r\n");
const NEWS: Act = Say("+ idling\r\n* 1 EXISTS\r\n");
const READY: Act = Say("220 ready\r\n");
const HELLO: Act = Say("250-x\r\n250 AUTH OAUTHBEARER\r\n");
const PIPELINED: Act = Say("250-x\r\n250-CHUNKING\r\n250 PIPELINING\r\n");
const OK: Act = Say("250 ok\r\n");
const GO: Act = Say("354 go\r\n");

const fn row(
    name: &'static str,
    doing: Doing,
    acts: &'static [Act],
    drip: &'static str,
    bound: Duration,
) -> Row {
    Row { name, doing, acts, drip, bound }
}

/// Every point at which a session waits, save those that take a socket: see `sockets`.
pub(super) const ROWS: &[Row] = &[
    row("IMAP greeting", Doing::Connect, &[], "* OK ", CONNECT),
    row("half an IMAP greeting", Doing::Connect, &[Say("* OK [CAPAB")], "I", CONNECT),
    row(
        "CAPABILITY",
        Doing::AskCapabilities,
        &[Say("* OK ready\r\n"), Hear("CAPABILITY")],
        "* CAPABILITY ",
        COMMAND,
    ),
    row(
        "continuation of AUTHENTICATE",
        Doing::LogIn,
        &[OFFERS, Hear("AUTHENTICATE")],
        "+ ",
        COMMAND,
    ),
    row(
        "result of AUTHENTICATE",
        Doing::LogIn,
        &[OFFERS, Hear("AUTHENTICATE"), Say("+ \r\n"), Hear("")],
        "* OK ",
        COMMAND,
    ),
    row("command", Doing::Noop, &[IN, Hear("NOOP")], "* OK ", COMMAND),
    row(
        "half an answer",
        Doing::Noop,
        &[IN, Hear("NOOP"), Say("* 1 EXISTS\r\n{tag} OK ha")],
        "l",
        COMMAND,
    ),
    row("command that is not taken", Doing::Search, &[IN, Hear("SELECT"), SELECTED], "", COMMAND),
    row(
        "literal",
        Doing::Fetch,
        &[IN, Hear("SELECT"), SELECTED, Hear("FETCH"), Say("* 1 FETCH (BODY[] {9000}\r\nabc")],
        "d",
        COMMAND,
    ),
    row(
        "continuation of APPEND",
        Doing::Append(Size::Little),
        &[IN, Hear("APPEND")],
        "+ ",
        COMMAND,
    ),
    row(
        "result of APPEND",
        Doing::Append(Size::Little),
        &[IN, Hear("APPEND"), Say("+ \r\n"), Hear("xxx")],
        "* OK ",
        COMMAND,
    ),
    row(
        "content that is not taken",
        Doing::Append(Size::Much),
        &[IN, Hear("APPEND"), Say("+ \r\n")],
        "",
        COMMAND,
    ),
    row("COMPRESS", Doing::Compress, &[IN, Hear("COMPRESS")], "* OK ", COMMAND),
    row(
        "command behind COMPRESS",
        Doing::NoopCompressed,
        &[IN, Hear("COMPRESS"), Say("{tag} OK deflating\r\n")],
        "",
        COMMAND,
    ),
    row("continuation of IDLE", Doing::Idle, &[IN, Hear("IDLE")], "+ ", COMMAND),
    row("DONE", Doing::EndIdle, &[IN, Hear("IDLE"), NEWS, Hear("DONE")], "* OK ", COMMAND),
    row(
        "renewal of IDLE",
        Doing::RenewIdle,
        &[IN, Hear("IDLE"), NEWS, Hear("DONE")],
        "* OK ",
        COMMAND.saturating_add(RENEW),
    ),
    row("LOGOUT", Doing::LogOut, &[IN, Hear("LOGOUT")], "* BYE ", CONNECT),
    row("SMTP greeting", Doing::SmtpConnect, &[], "220-", CONNECT),
    row("EHLO", Doing::SmtpConnect, &[READY, Hear("EHLO")], "250-", CONNECT),
    row(
        "continuation of AUTH",
        Doing::SmtpLogIn,
        &[READY, Hear("EHLO"), HELLO, Hear("AUTH")],
        "334 ",
        DELIVERY,
    ),
    row(
        "result of AUTH",
        Doing::SmtpLogIn,
        &[READY, Hear("EHLO"), HELLO, Hear("AUTH"), Say("334 \r\n"), Hear("")],
        "235-",
        DELIVERY,
    ),
    row(
        "SMTP command",
        Doing::SmtpNoop,
        &[READY, Hear("EHLO"), HELLO, Hear("NOOP")],
        "250-",
        DELIVERY,
    ),
    row(
        "MAIL",
        Doing::Send(Size::Little),
        &[READY, Hear("EHLO"), HELLO, Hear("MAIL")],
        "250-",
        DELIVERY,
    ),
    row(
        "RCPT",
        Doing::Send(Size::Little),
        &[READY, Hear("EHLO"), HELLO, Hear("MAIL"), OK, Hear("RCPT")],
        "250-",
        DELIVERY,
    ),
    row(
        "DATA",
        Doing::Send(Size::Little),
        &[READY, Hear("EHLO"), HELLO, Hear("MAIL"), OK, Hear("RCPT"), OK, Hear("DATA")],
        "354-",
        DELIVERY,
    ),
    row(
        "message that is not taken",
        Doing::Send(Size::Much),
        &[READY, Hear("EHLO"), HELLO, Hear("MAIL"), OK, Hear("RCPT"), OK, Hear("DATA"), GO],
        "",
        DELIVERY,
    ),
    row(
        "final dot",
        Doing::Send(Size::Little),
        &[
            READY,
            Hear("EHLO"),
            HELLO,
            Hear("MAIL"),
            OK,
            Hear("RCPT"),
            OK,
            Hear("DATA"),
            GO,
            Hear("Subject"),
            Hear(""),
            Hear("xxx"),
            Hear("."),
        ],
        "250-",
        DELIVERY,
    ),
    row(
        "message among many",
        Doing::SendAll,
        &[READY, Hear("EHLO"), PIPELINED, Hear("MAIL"), Hear("RCPT"), Hear("BDAT")],
        "250-",
        DELIVERY,
    ),
    row(
        "message among many that is answered in part",
        Doing::SendAll,
        &[READY, Hear("EHLO"), PIPELINED, Hear("MAIL"), Hear("RCPT"), Hear("BDAT"), OK, OK],
        "250-",
        DELIVERY,
    ),
    row("QUIT", Doing::Quit, &[READY, Hear("EHLO"), HELLO, Hear("QUIT")], "221-", CONNECT),
];

const SLOW: Act = Rest(Duration::from_millis(4500));

/// Servers that let each step have its time, or flow without end. The total ends all of them.
pub(super) const ENDLESS: &[(Row, Option<Flow>)] = &[
    (
        row(
            "body",
            Doing::Fetch,
            &[IN, Hear("SELECT"), SELECTED, Hear("FETCH"), Say("* 1 FETCH (BODY[] {50000000}\r\n")],
            "",
            COMMAND,
        ),
        Some(Flow::Says),
    ),
    (
        row(
            "APPEND",
            Doing::Append(Size::Much),
            &[IN, Hear("APPEND"), Say("+ go\r\n")],
            "",
            COMMAND,
        ),
        Some(Flow::Reads),
    ),
    (
        row(
            "DATA",
            Doing::Send(Size::Much),
            &[READY, Hear("EHLO"), HELLO, Hear("MAIL"), OK, Hear("RCPT"), OK, Hear("DATA"), GO],
            "",
            COMMAND,
        ),
        Some(Flow::Reads),
    ),
    (
        row(
            "BDAT",
            Doing::Send(Size::Much),
            &[READY, Hear("EHLO"), PIPELINED, Hear("MAIL"), Hear("RCPT"), OK, OK, Hear("BDAT")],
            "",
            COMMAND,
        ),
        Some(Flow::Reads),
    ),
    (
        row(
            "answers to a message",
            Doing::Send(Size::Little),
            &[READY, Hear("EHLO"), HELLO, Hear("MAIL"), SLOW, OK, Hear("RCPT"), SLOW, OK],
            "",
            COMMAND,
        ),
        None,
    ),
    (
        row(
            "answers to many messages",
            Doing::SendAll,
            &[
                READY,
                Hear("EHLO"),
                PIPELINED,
                Hear("MAIL"),
                Hear("RCPT"),
                Hear("BDAT"),
                SLOW,
                OK,
                SLOW,
                OK,
                SLOW,
                OK,
            ],
            "",
            COMMAND,
        ),
        None,
    ),
];
