//! Machines as whoever writes a command or a driver of his own sees them: encoders with a secret in them, what is on its way,
//! and what a server says that repeats the secret.

use xoauth::imap::command::{
    Custom, Enable, Fetch, Item, Noop, Resync, Select, Store, StoreAction, StoreLabels,
};
use xoauth::imap::parse::{FetchItem, Response};
use xoauth::imap::proto::{
    Announcement, Claim, Encoder, Exchange as Command, Machine, Sink, State, TagPrefix,
};
use xoauth::imap::{ArgumentSink, Error, Event, Flag, Limits, command::Greeting};
use xoauth::sasl::wire::{Conversation, Excerpt, Outgoing, Want};
use xoauth::sasl::{Context, Exchange, Mask, OAuthBearer, Reply, encode_challenge};
use xoauth::smtp;

use super::{BEARER, Shown, stamp};

fn mask() -> Mask {
    let mut mask = Mask::default();
    mask.add(BEARER);
    mask
}

/// A command that looks at everything it is given.
struct Nosy(Shown);

impl Command for Nosy {
    fn encode(&mut self, out: &mut Encoder<'_>, state: &State) -> Result<(), Error> {
        out.protect(mask());
        out.raw("XNOSY ");
        out.secret(BEARER);
        out.secret_astring(BEARER);
        self.0.note("an IMAP encoder", &*out);
        self.0.note("a state", state);
        Ok(())
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        self.0.note("a response", response);
        match response {
            Response::Status(status) => {
                self.0.note("a status", status);
                self.0.note("its code", &status.code);
                if let Some(code) = &status.code {
                    self.0.note("a code", code);
                }
            }
            Response::List(list) => {
                self.0.note("a mailbox", list);
                self.0.note("its name", &list.mailbox);
            }
            Response::Capability(list) => self.0.note("capabilities", list),
            Response::Flags(flags) => self.0.note("flags", flags),
            Response::MailboxStatus(status) => self.0.note("a mailbox's status", status),
            Response::Esearch(found) => self.0.note("what was found", found),
            Response::Fetch(fetch) => {
                self.0.note("a message", fetch);
                for item in fetch.items() {
                    self.0.note("an item of it", &item);
                    if let FetchItem::Body(body) = &item {
                        self.0.note("its body", body);
                    }
                }
            }
            _ => {}
        }
        Ok(Claim::Pass)
    }

    fn on_literal(&mut self, literal: &Announcement<'_>) -> Result<Sink, Error> {
        self.0.note("what announces a literal", literal);
        Ok(Sink::Buffer)
    }
}

/// What a server says that repeats a secret, in every kind of response.
fn echoes() -> Vec<String> {
    let secret = BEARER;
    vec![
        format!("* OK you said {secret}"),
        format!("* NO [ALERT] {secret}"),
        format!("* OK [X-{secret} {secret}] what"),
        format!("* OK [CAPABILITY AUTH={secret}] what"),
        format!("* OK [REFERRAL imap://{secret}/] what"),
        format!("* OK [MAILBOXID ({secret})] what"),
        format!("* OK [NOUPDATE \"{secret}\"] what"),
        format!("* OK [INPROGRESS (\"{secret}\" 1 2)] what"),
        format!("* OK [PERMANENTFLAGS ({secret})] what"),
        format!("* OK [NEWNAME {secret} {secret}] what"),
        format!("* OK [BADCHARSET ({secret})] what"),
        format!("* LIST (\\{secret}) \"/\" \"a/{secret}\" (\"X-{secret}\" (\"{secret}\"))"),
        format!("* LIST () \"/\" {{{}}}\r\n{secret}", secret.len()),
        format!("* LIST (\\{secret}) \"{secret}\" {{1}}\r\nx"),
        format!("* LSUB () \"/\" {secret}"),
        format!("* CAPABILITY IMAP4rev1 AUTH={secret}"),
        format!("* ENABLED {secret}"),
        format!("* FLAGS ({secret})"),
        format!("* 1 FETCH (FLAGS ({secret}) {secret} 1)"),
        format!("* 1 {secret} what"),
        format!("* {secret} what"),
        format!("* ID (\"name\" \"{secret}\")"),
        format!("* QUOTA \"{secret}\" (STORAGE 1 2 X-{secret} 1 2)"),
        format!("* QUOTAROOT INBOX {secret}"),
        format!("* STATUS {secret} (MESSAGES 1)"),
        format!("* STATUS INBOX (MAILBOXID ({secret}))"),
        format!("* ACL INBOX \"{secret}\" lr"),
        format!("* LISTRIGHTS INBOX {secret} \"\" l"),
        format!("* MYRIGHTS \"{secret}\" lr"),
        format!("* NAMESPACE ((\"{secret}\" \"/\" \"X\" (\"{secret}\"))) NIL NIL"),
        format!("* METADATA INBOX (/shared/{secret} \"{secret}\")"),
        format!("* METADATA INBOX /shared/{secret}"),
        format!("* ESEARCH (TAG \"{secret}\") X-{secret} 1"),
        format!("* JMAPACCESS \"https://{secret}/\""),
    ]
}

fn imap_machine() -> Machine {
    let mut machine = Machine::new(TagPrefix::new("t"), Limits::default());
    let greeting = b"* PREAUTH [CAPABILITY IMAP4rev1 ENABLE QRESYNC X-GM-EXT-1] hi\r\n";
    hear(&mut machine, &mut Greeting::new(), greeting, None);
    let selected = b"* 3 EXISTS\r\nxt1 OK [READ-WRITE] done\r\n";
    hear(&mut machine, &mut Select::new("INBOX"), selected, None);
    machine.protect(mask());
    machine
}

/// Starts a command and lets it hear something.
fn hear(machine: &mut Machine, command: &mut dyn Command, said: &[u8], shown: Option<&mut Shown>) {
    machine.start(&mut [&mut *command]).unwrap();
    let mut exchanges: [&mut dyn Command; 1] = [command];
    let mut running = machine.converse(&mut exchanges);
    let mut written = Vec::new();
    while let Ok(Want::Write(octets)) = running.poll() {
        written.push(octets.to_vec());
        let count = octets.len();
        running.written(count);
    }
    if let Some(shown) = shown {
        shown.note("what runs", &running);
        for octets in &written {
            shown.note("what is to be written", &Want::Write(octets));
            shown.note("what is lent", &Want::Chunk(octets));
        }
    }
    running.read_buffer()[..said.len()].copy_from_slice(said);
    running.received(said.len());
    let _ = running.poll();
}

pub(crate) fn imap(shown: &mut Shown) {
    for line in echoes() {
        let mut machine = imap_machine();
        let mut nosy = Nosy(Shown::default());
        hear(&mut machine, &mut nosy, format!("{line}\r\n").as_bytes(), Some(shown));
        shown.add(&format!("of {}", line.replace(BEARER, "..")), nosy.0);
        shown.note("a machine that heard it", &machine);
        shown.note("its state", machine.state());
        let mut events = 0;
        while let Some(event) = machine.next_event() {
            events += 1;
            shown.note("an event", &event);
            match &event {
                Event::Status(status) => shown.note("a status that was told", status),
                Event::List(entry) => shown.note("a mailbox that was told", entry),
                Event::Fetch(message) => shown.note("a message that was told", &**message),
                Event::Esearch(found) => shown.note("what was told of a search", found),
                _ => {}
            }
        }
        assert_eq!(events, 1, "{line} {:?}", machine.fault());
    }
    // A fault, with what was found in its place.
    let mut machine = imap_machine();
    hear(&mut machine, &mut Noop::new(), format!("{BEARER} what\r\n").as_bytes(), None);
    shown.note_error("a fault of an IMAP server", machine.fault().unwrap());

    // Commands keep the mask of their session.
    let fetch = format!("* 1 FETCH (UID 1 FLAGS ({BEARER}) {BEARER} 1)\r\n");
    let mut command = Fetch::new("1", Item::Flags);
    hear(&mut imap_machine(), &mut command, fetch.as_bytes(), None);
    shown.note("Fetch", &command);
    let mut command = Store::new("1", StoreAction::Add, [Flag::Seen]);
    hear(&mut imap_machine(), &mut command, fetch.as_bytes(), None);
    shown.note("Store", &command);
    let mut command = StoreLabels::new("1", StoreAction::Add, ["x"]);
    hear(&mut imap_machine(), &mut command, fetch.as_bytes(), None);
    shown.note("StoreLabels", &command);
    let mut command = Custom::new("XTEST").hears("XTOLD").hears("FETCH");
    let told = format!("* XTOLD {BEARER}\r\n{fetch}");
    hear(&mut imap_machine(), &mut command, told.as_bytes(), None);
    shown.note("Custom", &command);
    let mut command = Resync::new("INBOX", std::num::NonZeroU32::MIN, 1);
    let mut machine = imap_machine();
    let enabled = b"* ENABLED QRESYNC\r\nxt2 OK\r\n";
    hear(&mut machine, &mut Enable::new(["QRESYNC"]), enabled, None);
    hear(&mut machine, &mut command, fetch.as_bytes(), None);
    shown.note("Resync", &command);
}

/// The same of SMTP.
struct NosySmtp(Shown);

impl smtp::proto::Exchange for NosySmtp {
    fn encode(
        &mut self,
        out: &mut smtp::proto::Encoder<'_>,
        extensions: &smtp::Extensions,
    ) -> Result<(), smtp::Error> {
        out.protect(mask());
        out.text("XNOSY ");
        out.secret(BEARER);
        self.0.note("an SMTP encoder", &*out);
        self.0.note("extensions", extensions);
        out.end_line(smtp::proto::Place::Last);
        Ok(())
    }

    fn on_reply(
        &mut self,
        reply: &smtp::Reply<'_>,
        out: &mut smtp::proto::Encoder<'_>,
    ) -> Result<smtp::proto::Progress, smtp::Error> {
        self.0.note("a reply", reply);
        self.0.note("its text", &reply.to_text());
        self.0.note("its whole text", &reply.to_whole_text());
        self.0.note("an SMTP encoder once more", &*out);
        Ok(smtp::proto::Progress::Continue)
    }
}

pub(crate) fn smtp(shown: &mut Shown) {
    for said in [
        format!("250-2.1.0 {BEARER}\r\n250 2.1.0 {BEARER}\r\n"),
        format!("535-{BEARER}\r\n535 5.7.8 {BEARER}\r\n"),
        format!("421 {BEARER}\r\n"),
        format!("25x {BEARER}\r\n"),
        format!("250 x\r\n250 {BEARER}\r\n"),
    ] {
        let mut machine = smtp::proto::Machine::new(smtp::Limits::default());
        let mut nosy = NosySmtp(Shown::default());
        machine.start(&mut nosy).unwrap();
        let mut running = machine.converse(&mut nosy);
        while let Ok(Want::Write(octets)) = running.poll() {
            shown.note("what is to be written", &Want::Write(octets));
            let count = octets.len();
            running.written(count);
        }
        shown.note("what runs", &running);
        running.read_buffer()[..said.len()].copy_from_slice(said.as_bytes());
        running.received(said.len());
        if let Err(error) = running.poll() {
            shown.note_error("a fault of an SMTP server", &error);
        }
        shown.note("an SMTP machine that heard it", &machine);
        shown.add(&format!("of {}", said.replace(BEARER, "..")), nosy.0);
    }
}

/// What both machines are made of.
pub(crate) fn wire(shown: &mut Shown) {
    let mut outgoing = Outgoing::default();
    outgoing.extend(BEARER.as_bytes());
    shown.note("Outgoing", &outgoing);
    shown.note("Excerpt", &Excerpt::new(BEARER.as_bytes(), &mask()));
    shown.note("Reply", &Reply::Response(BEARER));
    // A server that repeats the token where it says why it refuses.
    let stamp = stamp();
    let login = OAuthBearer::new("user", BEARER).unwrap();
    let context = Context::new(&stamp, "mail.example.org", 993);
    for document in
        [format!(r#"{{"status":"401","scope":"{BEARER}","{BEARER}":1}}"#), BEARER.to_owned()]
    {
        let mut exchange = Exchange::start(&login, &context).unwrap();
        exchange.initial_response();
        let challenge = encode_challenge(document.as_bytes());
        shown.note("Reply to it", &exchange.on_challenge(challenge.as_bytes()).unwrap());
        let refusal = exchange.refusal().unwrap();
        shown.note("ErrorChallenge", refusal);
        shown.text("ErrorChallenge", refusal.to_string());
    }
}
