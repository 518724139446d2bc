//! The fake server: plays the script of a case to the first client that connects.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Certificates;
use super::answers::{Answer, Template};
use super::corpus::{Case, Expected, Step};
use super::wire::{End, Fault, Wire};

/// How long the server waits for a line, where times are judged as they are.
const EXPECT: Duration = Duration::from_secs(4);
/// How long it goes on serving behind its last step.
const AFTERWARDS: Duration = Duration::from_millis(400);
/// How long it waits for a client to close that has to, where times are judged as they are.
const CLOSING: Duration = Duration::from_secs(3);

/// What the server saw.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    /// Everything that came outside TLS.
    pub(super) clear: Vec<u8>,
    /// The client's lines, without their ends.
    pub(super) lines: Vec<Vec<u8>>,
    /// The messages.
    pub(super) data: Vec<Vec<u8>>,
    pub(super) connections: usize,
    /// Octets sent.
    pub(super) sent: usize,
    /// The first of them, as they were meant.
    pub(super) said: Vec<u8>,
    /// How many there were when the client said goodbye.
    pub(super) farewell: Option<usize>,
    /// Names of the script that nothing stood for.
    pub(super) unknown: Vec<String>,
    /// Every step of the script that sends, or waits for something, has done all of it.
    pub(super) played_whole: bool,
    /// What the script waited for in vain, while the client stayed.
    pub(super) unmet: Option<String>,
}

/// A server at work.
pub(super) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    time_factor: u32,
    thread: JoinHandle<Result<Record, String>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Our own connection, made to wake the listener.
    waker: Option<SocketAddr>,
    /// The client has its result: pauses end.
    has_result: bool,
    /// The client is gone: nothing has to be waited for.
    done: bool,
    client_left: bool,
}

impl Server {
    /// Begins to listen. `first_tag` is what the client began its first command with on an earlier
    /// connection; it gets so many times as long for what it has to do.
    pub(super) fn start(
        case: &Arc<Case>,
        certificates: &Arc<Certificates>,
        fault: Fault,
        first_tag: &str,
        time_factor: u32,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let play = Play {
            case: Arc::clone(case),
            certificates: Arc::clone(certificates),
            shared: Arc::clone(&shared),
            template: Template { first_tag: first_tag.to_owned(), ..Template::default() },
            record: Record::default(),
            patience: EXPECT * time_factor,
            done: 0,
        };
        let control = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("hostile server".to_owned())
            .spawn(move || listen(&listener, play, fault, &control))?;
        Ok(Self { address, shared, time_factor, thread })
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The client has its result: what the server only waits for is over.
    pub(super) fn end_pauses(&self) {
        self.shared.lock().has_result = true;
        self.shared.changed.notify_all();
    }

    /// Waits until the client has closed, for as long as one that has to may take.
    pub(super) fn client_closes(&self) -> bool {
        let state = self.shared.lock();
        let patience = CLOSING * self.time_factor;
        let waited =
            self.shared.changed.wait_timeout_while(state, patience, |state| !state.client_left);
        waited.is_ok_and(|(state, _)| state.client_left)
    }

    /// Ends all waiting and tells what was seen. The client's connection has to be closed by now.
    ///
    /// # Errors
    /// The server broke down: what it did not see shows nothing.
    pub(super) fn finish(self) -> Result<Record, String> {
        self.end_pauses();
        self.shared.lock().done = true;
        let waker = {
            let mut state = self.shared.lock();
            let waker = TcpStream::connect(self.address);
            state.waker = waker.as_ref().ok().and_then(|waker| waker.local_addr().ok());
            waker
        };
        let record = self.thread.join();
        drop(waker);
        record.unwrap_or_else(|_| Err("the server panicked".to_owned()))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `time` is over or the client has its result.
    fn pause(&self, time: Duration) {
        let state = self.lock();
        drop(self.changed.wait_timeout_while(state, time, |state| !state.has_result));
    }

    fn client_left(&self) {
        self.lock().client_left = true;
        self.changed.notify_all();
    }
}

fn listen(
    listener: &TcpListener,
    play: Play,
    fault: Fault,
    shared: &Shared,
) -> Result<Record, String> {
    let mut first = Some(play);
    let mut player = None;
    let mut connections = 0;
    while let Ok((stream, from)) = listener.accept() {
        if shared.lock().waker == Some(from) {
            break;
        }
        connections += 1;
        if let Some(play) = first.take() {
            let wire = Wire::new(stream, fault).map_err(|error| error.to_string())?;
            player = Some(std::thread::spawn(move || play.run(wire)));
        }
    }
    let record = player.map(JoinHandle::join).transpose();
    let record = record.map_err(|_| "the server panicked in its script".to_owned())?;
    Ok(Record { connections, ..record.unwrap_or_default() })
}

struct Play {
    case: Arc<Case>,
    certificates: Arc<Certificates>,
    shared: Arc<Shared>,
    template: Template,
    record: Record,
    /// How long a line may take.
    patience: Duration,
    /// Steps done whole of those that the client has a part in.
    done: usize,
}

/// What a line or a time of serving led to.
enum Heard {
    Line(Vec<u8>),
    /// The time was over.
    Nothing,
}

impl Play {
    fn run(mut self, mut wire: Wire) -> Record {
        let case = Arc::clone(&self.case);
        self.template.caps.clone_from(&case.caps);
        let mut ended = self.steps(&case.steps, &mut wire);
        if ended == Ok(Flow::On) {
            ended = self.serve(AFTERWARDS, &mut wire).map(|()| Flow::On);
            if ended.is_ok() && !case.want.must_close {
                wire.close();
            }
        }
        // What the client still says is heard to its end, so that nothing of it is missed and no
        // reset overtakes what was sent.
        while !wire.client_left {
            let _ = wire.fill(Instant::now() + self.patience);
            while let Some(line) = wire.take_line() {
                self.record.lines.push(line);
            }
            if self.shared.lock().done {
                break;
            }
        }
        if wire.client_left {
            self.shared.client_left();
        }
        let rest = wire.take_rest();
        if !rest.is_empty() {
            self.record.lines.push(rest);
        }
        Record {
            clear: std::mem::take(&mut wire.clear),
            sent: wire.sent,
            said: std::mem::take(&mut wire.said),
            unknown: std::mem::take(&mut self.template.unknown),
            played_whole: self.done == to_be_done(&case.steps),
            ..self.record
        }
    }

    fn steps(&mut self, steps: &[Step], wire: &mut Wire) -> Result<Flow, End> {
        for step in steps {
            match self.step(step, wire)? {
                Flow::On => {}
                Flow::Stop => return Ok(Flow::Stop),
            }
        }
        Ok(Flow::On)
    }

    fn step(&mut self, step: &Step, wire: &mut Wire) -> Result<Flow, End> {
        match step {
            Step::Send(octets) => wire.send(&self.template.fill(octets))?,
            Step::SendRaw(octets) => wire.send(octets)?,
            Step::SendParts(parts) => self.send_parts(parts, wire)?,
            Step::Expect(expected) => {
                if self.expect(expected, wire)? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
            }
            Step::ExpectData => {
                let until = Instant::now() + self.patience;
                loop {
                    if let Some(data) = wire.take_data() {
                        self.record.data.push(data);
                        break;
                    }
                    if !wire.fill(until)? {
                        return Ok(self.in_vain("the end of a message"));
                    }
                }
            }
            Step::Tls(certificate) => {
                let acceptor = self.certificates.acceptor(*certificate);
                wire.start_tls(acceptor)?;
                self.template.caps.clone_from(&self.case.caps_tls);
            }
            Step::Wait(time) | Step::Stall(time) => self.shared.pause(*time),
            Step::Drain(time) => {
                let until = Instant::now() + *time;
                while let Heard::Line(_) = self.line(until, wire)? {}
            }
            Step::Serve(time) => self.serve(*time, wire)?,
            Step::Repeat(times, steps) => {
                for _ in 0..*times {
                    if self.steps(steps, wire)? == Flow::Stop {
                        return Ok(Flow::Stop);
                    }
                }
            }
            Step::Close => {
                wire.close();
                return Ok(Flow::Stop);
            }
            Step::CloseTcp => {
                wire.close_tcp();
                return Ok(Flow::Stop);
            }
            Step::Reset => {
                wire.reset();
                return Ok(Flow::Stop);
            }
        }
        self.done += usize::from(step.needs_client());
        Ok(Flow::On)
    }

    /// Sends long things in pieces, so that they need no room as a whole.
    fn send_parts(&mut self, parts: &[(Vec<u8>, usize)], wire: &mut Wire) -> Result<(), End> {
        const PIECE: usize = 64 * 1024;
        let mut piece = Vec::new();
        for (part, times) in parts {
            let part = self.template.fill(part);
            for _ in 0..*times {
                piece.extend(&part);
                if piece.len() >= PIECE {
                    wire.send(&piece)?;
                    piece.clear();
                }
            }
        }
        wire.send(&piece)
    }

    /// The client stays and does not say what was waited for.
    fn in_vain(&mut self, expected: &str) -> Flow {
        self.record.unmet = Some(expected.to_owned());
        Flow::Stop
    }

    /// Waits for a line that matches and answers the others.
    fn expect(&mut self, expected: &Expected, wire: &mut Wire) -> Result<Flow, End> {
        let until = Instant::now() + self.patience;
        loop {
            let Heard::Line(line) = self.line(until, wire)? else {
                return Ok(self.in_vain(expected.pattern.as_str()));
            };
            let line = String::from_utf8_lossy(&line).into_owned();
            let lacks_response = lacks_initial_response(&line, self.case.is_imap);
            let with_space = lacks_response && expected.pattern.is_match(&format!("{line} "));
            if expected.pattern.is_match(&line) || with_space {
                self.template.note_tag(&line);
                if lacks_response && !expected.to_the_end {
                    let go_on: &[u8] = if self.case.is_imap { b"+ \r\n" } else { b"334 \r\n" };
                    wire.send(go_on)?;
                    if let Heard::Nothing = self.line(until, wire)? {
                        return Ok(self.in_vain("an answer to a continuation"));
                    }
                }
                return Ok(Flow::On);
            }
            self.answer(&line, until, wire)?;
        }
    }

    fn serve(&mut self, time: Duration, wire: &mut Wire) -> Result<(), End> {
        let until = Instant::now() + time;
        while let Heard::Line(line) = self.line(until, wire)? {
            let line = String::from_utf8_lossy(&line).into_owned();
            self.answer(&line, until, wire)?;
        }
        Ok(())
    }

    /// The automatic answer to a line.
    fn answer(&mut self, line: &str, until: Instant, wire: &mut Wire) -> Result<(), End> {
        self.template.note_tag(line);
        if self.case.is_imap && self.case.auto {
            self.take_literals(line, until, wire)?;
        }
        match self.template.answer(&self.case, line) {
            Answer::Nothing => Ok(()),
            Answer::Send(octets) => wire.send(&octets),
            Answer::TakeData(octets) => {
                wire.send(&octets)?;
                loop {
                    if let Some(data) = wire.take_data() {
                        self.record.data.push(data);
                        return wire.send(b"250 queued\r\n");
                    }
                    if !wire.fill(until)? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Reads the literals that a line announces, and the rest of the command.
    fn take_literals(&mut self, line: &str, until: Instant, wire: &mut Wire) -> Result<(), End> {
        let mut line = line.to_owned();
        while let Some((count, waits)) = announced(&line) {
            if waits {
                wire.send(b"+ ok\r\n")?;
            }
            while wire.take(count).is_none() {
                if !wire.fill(until)? {
                    return Ok(());
                }
            }
            let Heard::Line(rest) = self.line(until, wire)? else { return Ok(()) };
            line = String::from_utf8_lossy(&rest).into_owned();
        }
        Ok(())
    }

    fn line(&mut self, until: Instant, wire: &mut Wire) -> Result<Heard, End> {
        loop {
            if let Some(line) = wire.take_line() {
                self.template.note_line(&line);
                if is_farewell(&line, self.case.is_imap) {
                    self.record.farewell.get_or_insert(wire.sent);
                }
                self.record.lines.push(line.clone());
                return Ok(Heard::Line(line));
            }
            if Instant::now() >= until || !wire.fill(until)? {
                return Ok(Heard::Nothing);
            }
        }
    }
}

/// Whether the script goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Stop,
}

/// How many steps of a script the client has a part in.
fn to_be_done(steps: &[Step]) -> usize {
    let counts = steps.iter().map(|step| match step {
        Step::Repeat(times, steps) => times * to_be_done(steps),
        step => usize::from(step.needs_client()),
    });
    counts.sum()
}

/// A command that begins SASL without the client's first message.
fn lacks_initial_response(line: &str, is_imap: bool) -> bool {
    let mut words = line.split(' ');
    let verb = if is_imap { words.nth(1) } else { words.next() };
    let name = if is_imap { "AUTHENTICATE" } else { "AUTH" };
    verb.is_some_and(|verb| verb.eq_ignore_ascii_case(name))
        && words.next().is_some_and(|mechanism| !mechanism.is_empty())
        && words.next().is_none()
}

fn is_farewell(line: &[u8], is_imap: bool) -> bool {
    if is_imap { line.ends_with(b" LOGOUT") } else { line == b"QUIT" }
}

/// The length of the literal that follows a line, and whether the client waits before it.
fn announced(line: &str) -> Option<(usize, bool)> {
    let (_, length) = line.strip_suffix('}')?.rsplit_once('{')?;
    let (digits, waits) = match length.strip_suffix('+') {
        Some(digits) => (digits, false),
        None => (length, true),
    };
    Some((digits.parse().ok()?, waits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_logins_are_told_from_other_lines() {
        assert_eq!(announced("A1 SELECT {12}"), Some((12, true)));
        assert_eq!(announced("A1 SELECT {12+}"), Some((12, false)));
        assert_eq!(announced("A1 SELECT {x}"), None);
        assert!(lacks_initial_response("A1 AUTHENTICATE XOAUTH2", true));
        assert!(!lacks_initial_response("A1 AUTHENTICATE XOAUTH2 abc", true));
        assert!(lacks_initial_response("auth XOAUTH2", false));
        assert!(!lacks_initial_response("AUTH XOAUTH2 =", false));
    }
}
