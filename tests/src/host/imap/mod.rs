//! The IMAP side of the host (RFC 3501): the loop over commands and the state of a session.

mod auth;
mod fetch;
mod mailboxes;
mod messages;
mod resync;
mod search;
mod structure;
mod tokens;
mod utf7;
mod view;

use std::io;

use super::service::Client;
use crate::connection::Line;
use resync::Resyncs;
use tokens::Command;
use view::View;

/// A command line, without its literals. RFC 7162 asks for 8192; long UID sets need more.
const LINE_LIMIT: usize = 64 * 1024;
/// Literals of a command other than APPEND, together with its lines.
const ARGUMENT_LIMIT: usize = 256 * 1024;

/// Why a command does not end with OK.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The command is right and cannot be done.
    No(String),
    /// The command is wrong.
    Bad(String),
    /// The connection is to be closed after this BYE.
    Bye(String),
    /// The connection is lost.
    Io(io::Error),
}

impl Refusal {
    pub(super) fn no(text: impl Into<String>) -> Self {
        Self::No(text.into())
    }

    pub(super) fn bad(text: impl Into<String>) -> Self {
        Self::Bad(text.into())
    }
}

impl From<io::Error> for Refusal {
    fn from(fault: io::Error) -> Self {
        Self::Io(fault)
    }
}

/// The text behind OK (with its code), or why there is none.
type Answer = Result<String, Refusal>;

/// Serves one client until it leaves.
pub(super) fn serve(client: Client<'_>) -> io::Result<()> {
    let resyncs = if client.offers_resync() { Resyncs::Offered } else { Resyncs::NotOffered };
    let mut session = Session { client, state: State::NotAuthenticated, resyncs };
    let outcome = session.run();
    session.client.connection.close();
    outcome
}

struct Session<'h> {
    client: Client<'h>,
    state: State,
    resyncs: Resyncs,
}

/// RFC 3501, section 3; Logout is the end of [`Session::run`].
enum State {
    NotAuthenticated,
    Authenticated { user: String },
    Selected { user: String, view: View },
}

impl Session<'_> {
    fn run(&mut self) -> io::Result<()> {
        let code = if self.client.shared.config.capabilities.in_greeting {
            format!("[CAPABILITY {}] ", self.capabilities())
        } else {
            String::new()
        };
        self.untagged(&format!("OK {code}embedded mail host ready"))?;
        loop {
            let mut command = match self.read_command() {
                Ok(command) => command,
                Err(Refusal::Io(fault)) => return Err(fault),
                Err(Refusal::Bye(text)) => return self.untagged(&format!("BYE {text}")),
                Err(Refusal::Bad(text) | Refusal::No(text)) => {
                    self.untagged(&format!("BAD {text}"))?;
                    continue;
                }
            };
            if let Some(text) = self.client.last_words() {
                return self.untagged(&format!("BYE {text}"));
            }
            let tag = match command.tag().and_then(|tag| command.space().map(|()| tag)) {
                Ok(tag) => tag,
                Err(_) => {
                    self.untagged("BAD expected a tag and a command")?;
                    continue;
                }
            };
            if !self.answer(&tag, command)? {
                return Ok(());
            }
        }
    }

    /// Carries one command out and writes its tagged answer; `false` ends the session.
    fn answer(&mut self, tag: &str, mut command: Command) -> io::Result<bool> {
        let name = command.atom().unwrap_or_default().to_ascii_uppercase();
        let answer = self.dispatch(&name, &mut command);
        if matches!(answer, Ok(_) | Err(Refusal::No(_))) {
            // No EXPUNGE where sequence numbers are in the air: RFC 3501, section 7.4.1.
            let numbered = matches!(name.as_str(), "FETCH" | "STORE" | "SEARCH");
            self.tell_news(!numbered)?;
        }
        let line = match answer {
            Ok(text) => format!("{tag} OK {text}\r\n"),
            Err(Refusal::No(text)) => format!("{tag} NO {text}\r\n"),
            Err(Refusal::Bad(text)) => format!("{tag} BAD {text}\r\n"),
            Err(Refusal::Bye(text)) => {
                self.untagged(&format!("BYE {text}"))?;
                return Ok(false);
            }
            Err(Refusal::Io(fault)) => return Err(fault),
        };
        self.client.lose_at_random();
        self.write(line.as_bytes())?;
        if name == "STARTTLS" && line.starts_with(&format!("{tag} OK")) {
            self.client.start_tls()?;
        }
        Ok(name != "LOGOUT")
    }

    fn dispatch(&mut self, name: &str, command: &mut Command) -> Answer {
        match (name, &self.state) {
            ("CAPABILITY", _) => {
                command.end()?;
                let list = self.capabilities();
                self.untagged(&format!("CAPABILITY {list}"))?;
                done("CAPABILITY")
            }
            ("NOOP", _) => {
                command.end()?;
                done("NOOP")
            }
            ("LOGOUT", _) => {
                command.end()?;
                self.untagged("BYE logging out")?;
                done("LOGOUT")
            }
            ("ID", _) => self.id(command),
            ("STARTTLS", State::NotAuthenticated) => self.starttls(command),
            ("AUTHENTICATE", State::NotAuthenticated) => self.authenticate(command),
            ("LOGIN", State::NotAuthenticated) => {
                Err(Refusal::no("[PRIVACYREQUIRED] LOGIN is disabled"))
            }
            ("STARTTLS" | "AUTHENTICATE" | "LOGIN", _) => {
                Err(Refusal::bad("already authenticated"))
            }
            (_, State::NotAuthenticated) => Err(Refusal::bad("unknown command, or not logged in")),
            ("IDLE", _) if self.client.shared.config.capabilities.idle => self.idle(command),
            ("ENABLE", _) if self.resyncs != Resyncs::NotOffered => self.enable(command),
            ("NAMESPACE", _) => {
                command.end()?;
                self.untagged("NAMESPACE ((\"\" \"/\")) NIL NIL")?;
                done("NAMESPACE")
            }
            (
                "LIST" | "LSUB" | "SUBSCRIBE" | "UNSUBSCRIBE" | "CREATE" | "DELETE" | "RENAME"
                | "STATUS" | "SELECT" | "EXAMINE",
                _,
            ) => self.mailbox_command(name, command),
            ("APPEND", _) => self.append(command),
            (
                "CHECK" | "CLOSE" | "UNSELECT" | "EXPUNGE" | "SEARCH" | "FETCH" | "STORE" | "COPY"
                | "MOVE" | "UID",
                State::Selected { .. },
            ) => self.message_command(name, command),
            (
                "CHECK" | "CLOSE" | "UNSELECT" | "EXPUNGE" | "SEARCH" | "FETCH" | "STORE" | "COPY"
                | "MOVE" | "UID",
                _,
            ) => Err(Refusal::bad("no mailbox is selected")),
            _ => Err(Refusal::bad("unknown command")),
        }
    }

    fn message_command(&mut self, name: &str, command: &mut Command) -> Answer {
        if name != "UID" {
            return self.selected_command(name, command, Ids::SequenceNumbers);
        }
        command.space()?;
        let name = command.atom()?.to_ascii_uppercase();
        let uidplus = self.client.shared.config.capabilities.uidplus;
        match name.as_str() {
            "FETCH" | "STORE" | "COPY" | "MOVE" | "SEARCH" => {}
            "EXPUNGE" if uidplus => {}
            _ => return Err(Refusal::bad("UID goes before FETCH, STORE, COPY, MOVE, SEARCH")),
        }
        self.selected_command(&name, command, Ids::Uids)
    }

    fn selected_command(&mut self, name: &str, command: &mut Command, ids: Ids) -> Answer {
        match name {
            "CHECK" => {
                command.end()?;
                done("CHECK")
            }
            "CLOSE" | "UNSELECT" => self.close_mailbox(name, command),
            "EXPUNGE" => self.expunge(command, ids),
            "SEARCH" => self.search(command, ids),
            "FETCH" => self.fetch(command, ids),
            "STORE" => self.store(command, ids),
            _ => self.copy(name, command, ids),
        }
    }

    /// RFC 2971. The client's own list is read and forgotten.
    fn id(&mut self, command: &mut Command) -> Answer {
        command.space()?;
        if !command.eat("NIL") {
            command.list(|command| match command.eat("NIL") {
                true => Ok(Vec::new()),
                false => command.string(),
            })?;
        }
        command.end()?;
        self.untagged("ID (\"name\" \"embedded mail host\")")?;
        done("ID")
    }

    /// RFC 3501, section 6.2.1. What came behind the command came without TLS and is refused.
    fn starttls(&mut self, command: &mut Command) -> Answer {
        command.end()?;
        if self.client.connection.is_tls() || !self.client.shared.config.capabilities.starttls {
            return Err(Refusal::bad("STARTTLS is not offered"));
        }
        if self.client.connection.has_input() {
            self.client.violation("octets behind STARTTLS");
            return Err(Refusal::Bye("octets behind STARTTLS".to_owned()));
        }
        Ok("begin TLS negotiation now".to_owned())
    }

    /// RFC 2177.
    fn idle(&mut self, command: &mut Command) -> Answer {
        command.end()?;
        self.write(b"+ idling\r\n")?;
        self.client.fall_silent_at_random();
        loop {
            self.tell_news(true)?;
            if let Some(text) = self.client.has_expired() {
                return Err(Refusal::Bye(text));
            }
            match self.client.connection.line_within(LINE_LIMIT, self.client.idle_interval())? {
                None => {}
                Some(Line::Whole(line)) if line.eq_ignore_ascii_case(b"DONE") => {
                    self.client.note(&line);
                    return done("IDLE");
                }
                Some(_) => {
                    self.client.violation("a line other than DONE in IDLE");
                    return Err(Refusal::bad("expected DONE"));
                }
            }
        }
    }

    fn capabilities(&self) -> String {
        let offered = &self.client.shared.config.capabilities;
        let mut list = vec!["IMAP4rev1".to_owned()];
        let mut add = |condition: bool, name: &str| {
            if condition {
                list.push(name.to_owned());
            }
        };
        add(offered.sasl_ir, "SASL-IR");
        add(offered.literal_plus, "LITERAL+");
        add(true, "ID");
        add(offered.idle, "IDLE");
        add(true, "NAMESPACE");
        add(true, "UNSELECT");
        add(true, "CHILDREN");
        add(true, "MOVE");
        add(offered.uidplus, "UIDPLUS");
        for name in ["ENABLE", "CONDSTORE", "QRESYNC"] {
            add(self.resyncs != Resyncs::NotOffered, name);
        }
        if matches!(self.state, State::NotAuthenticated) {
            add(offered.starttls && !self.client.connection.is_tls(), "STARTTLS");
            add(true, "LOGINDISABLED");
            for mechanism in &offered.mechanisms {
                add(self.client.may_authenticate(), &format!("AUTH={mechanism}"));
            }
        }
        list.join(" ")
    }

    /// Reads a command with its literals, asking for each that waits to be asked for.
    fn read_command(&mut self) -> Result<Command, Refusal> {
        let mut command = Command::default();
        loop {
            let line = match self.client.connection.line(LINE_LIMIT)? {
                Line::Whole(line) => line,
                Line::TooLong => {
                    self.client.violation("a line beyond 65536 octets");
                    return Err(Refusal::Bye("command line too long".to_owned()));
                }
                Line::Broken => {
                    self.client.violation("a line that does not end with CRLF");
                    return Err(Refusal::bad("a line ends with CRLF"));
                }
            };
            self.client.note(&line);
            let Some(announced) = command.push_line(&line) else { return Ok(command) };
            let limit = if command.is("APPEND") && !matches!(self.state, State::NotAuthenticated) {
                self.client.shared.config.max_size
            } else {
                ARGUMENT_LIMIT.saturating_sub(command.len())
            };
            let length = usize::try_from(announced.length).ok().filter(|length| *length <= limit);
            if !announced.synchronising && !self.client.shared.config.capabilities.literal_plus {
                self.client.violation("a non-synchronising literal that is not offered");
                return Err(Refusal::Bye("LITERAL+ is not offered".to_owned()));
            }
            let Some(length) = length else {
                let tag = command.tag().unwrap_or_else(|_| "*".to_owned());
                if !announced.synchronising {
                    // The octets come in any case (RFC 7888, section 4), and the rest of the line.
                    self.client.connection.skip(announced.length)?;
                    self.client.connection.line(LINE_LIMIT)?;
                }
                self.write(format!("{tag} NO [TOOBIG] literal too large\r\n").as_bytes())?;
                command = Command::default();
                continue;
            };
            if announced.synchronising {
                if self.client.connection.has_input() {
                    self.client.violation("octets behind a literal that was not asked for yet");
                    return Err(Refusal::Bye("the literal was not asked for yet".to_owned()));
                }
                self.write(b"+ ready for the literal\r\n")?;
            }
            let mut octets = Vec::new();
            self.client.connection.octets(length, &mut octets)?;
            command.push_literal(octets);
        }
    }

    /// Tells what happened in the selected mailbox since the last time.
    fn tell_news(&mut self, expunges: bool) -> io::Result<()> {
        if let State::Selected { user, view } = &mut self.state {
            let news = view.news(&self.client.shared.store, user, expunges);
            self.client.connection.write(news.as_bytes())?;
        }
        Ok(())
    }

    fn user(&self) -> Result<&str, Refusal> {
        match &self.state {
            State::NotAuthenticated => Err(Refusal::bad("not logged in")),
            State::Authenticated { user } | State::Selected { user, .. } => Ok(user),
        }
    }

    /// The user and the selected mailbox.
    fn selected(&mut self) -> Result<(&str, &mut View), Refusal> {
        match &mut self.state {
            State::Selected { user, view } => Ok((user, view)),
            _ => Err(Refusal::bad("no mailbox is selected")),
        }
    }

    fn untagged(&mut self, text: &str) -> io::Result<()> {
        self.write(format!("* {text}\r\n").as_bytes())
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.client.connection.write(octets)
    }
}

/// What the numbers of a command are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ids {
    SequenceNumbers,
    Uids,
}

fn done(name: &str) -> Answer {
    Ok(format!("{name} completed"))
}

/// Writes a string as `quoted` where that can hold it, as a literal otherwise.
fn push_string(text: &[u8], out: &mut Vec<u8>) {
    let quotable = text.iter().all(|octet| matches!(octet, 0x20..=0x7e | b'\t'));
    if !quotable || text.len() > 1_000 {
        out.extend_from_slice(format!("{{{}}}\r\n", text.len()).as_bytes());
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for octet in text {
        if matches!(octet, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*octet);
    }
    out.push(b'"');
}

/// A mailbox name as it goes over the wire.
fn mailbox_text(name: &str) -> String {
    let mut out = Vec::new();
    push_string(utf7::encode(name).as_bytes(), &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
