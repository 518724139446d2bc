//! The server's side of a transcript as a stream in memory.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::Value;
use xoauth::Transport;

use super::{Course, TAG, Transcript, Turn};

/// What is done to what the server says; offsets count all its octets from the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// No read passes this offset.
    Split(usize),
    /// No read gives more octets than this.
    Pieces(usize),
    /// The stream ends here.
    Cut(usize),
    /// The same, every octet by itself.
    CutSingly(usize),
    /// Another octet stands here.
    Flip(usize, u8),
    /// The call of this number fails so; reads, writes and flushes count from 0.
    Fail(usize, Fault),
}

/// How a call of the transport fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Only one octet passes.
    Short,
    /// With an error of this kind.
    Error(io::ErrorKind),
    /// The stream ends: nothing is read or taken.
    End,
}

/// The stream.
#[derive(Debug)]
pub struct Replay {
    turns: VecDeque<Turn>,
    change: Change,
    has_tags: bool,
    /// What all tags begin with, once the client has said one.
    prefix: Option<String>,
    /// The client's first line, until it is whole.
    first_line: Vec<u8>,
    /// Lines of the client that no turn has used up.
    lines: usize,
    /// What the server says now, from `given` on.
    current: Vec<u8>,
    given: usize,
    /// Octets given before the current ones.
    before: usize,
    /// What is said now answers a message: that of the client's last turn ended.
    answers_message: bool,
    /// The client was told to write later: until then the server waits.
    refused: bool,
    /// The client was told that nothing more comes.
    ended: bool,
    log: Log,
}

/// What is known of a replay while the client has it, and behind that.
#[derive(Debug, Clone, Default)]
pub(super) struct Log(Arc<Mutex<Logged>>);

#[derive(Debug, Default)]
struct Logged {
    said: Vec<u8>,
    /// What the client wrote.
    wrote: Vec<u8>,
    /// How much of it came when it had been told that nothing more comes.
    wrote_behind_end: usize,
    calls: usize,
    /// How many calls came before the client said goodbye.
    calls_before_farewell: Option<usize>,
    /// Where the server was when the client said goodbye, unless it was within a turn.
    farewell: Option<usize>,
    /// Where it was when a call failed.
    failed_at: Option<usize>,
    /// The fault fell on a flush.
    failed_flush: bool,
    has_answer: bool,
    /// The fault, or the cut, fell between a message and the end of its answer.
    unanswered: bool,
    /// What `Course::left` counts, once the replay is gone.
    left: usize,
    closed: bool,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Logged> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The course that the session took, with what the client says of it.
    pub(super) fn course(&self, answer: Value) -> Course {
        let mut log = self.lock();
        Course {
            answer,
            said: std::mem::take(&mut log.said),
            wrote: std::mem::take(&mut log.wrote),
            wrote_behind_end: log.wrote_behind_end,
            farewell: log.farewell,
            failed_at: log.failed_at,
            calls: log.calls_before_farewell.unwrap_or(log.calls),
            failed_flush: log.failed_flush,
            has_answer: log.has_answer,
            unanswered: log.unanswered,
            left: log.left,
            closed: log.closed,
        }
    }
}

impl Replay {
    pub(super) fn new(transcript: &Transcript, change: Change) -> (Self, Log) {
        let log = Log::default();
        let replay = Self {
            turns: transcript.turns.iter().cloned().collect(),
            change,
            has_tags: transcript.is_imap(),
            prefix: None,
            first_line: Vec::new(),
            lines: 0,
            current: Vec::new(),
            given: 0,
            before: 0,
            answers_message: false,
            refused: false,
            ended: false,
            log: log.clone(),
        };
        (replay, log)
    }

    /// Counts a call, which offers so many lines of the client; the fault that it meets.
    fn call(&self, offered: usize) -> Option<Fault> {
        let mut log = self.log.lock();
        let number = log.calls;
        log.calls += 1;
        match self.change {
            Change::Fail(at, fault) if at == number => {
                // Of a write that fails nobody knows what was sent.
                log.unanswered = self.owes_answer(offered);
                log.failed_at = Some(self.before + self.given);
                log.has_answer = self.has_answer();
                Some(fault)
            }
            _ => None,
        }
    }

    /// The server has said what was not read yet.
    fn has_answer(&self) -> bool {
        self.given < self.current.len()
            || match self.turns.front() {
                Some(Turn::Server(_)) => true,
                Some(Turn::Client(said)) => self.lines >= lines(said),
                None => false,
            }
    }

    /// With the lines that are offered the client has sent a whole message, and the server has not said all of its answer.
    fn owes_answer(&self, offered: usize) -> bool {
        if self.given < self.current.len() {
            return self.answers_message;
        }
        match self.turns.front() {
            Some(Turn::Client(said)) => {
                self.ends_message(said) && self.lines + offered >= lines(said)
            }
            _ => false,
        }
    }

    /// Behind this turn of the client the server has a whole message: its dot (RFC 5321 4.1.1.4), or its last chunk
    /// (RFC 3030 2).
    fn ends_message(&self, said: &str) -> bool {
        !self.has_tags && (said.ends_with("\r\n.\r\n") || said.contains(" LAST\r\n"))
    }

    /// Notes down what is left, of a play that is compared with the record.
    fn note_left(&self) {
        if self.change == Change::None {
            self.log.lock().left = self.left();
        }
    }

    /// What `Course::left` is by now.
    fn left(&self) -> usize {
        let mut unused = self.lines;
        let mut left = usize::from(self.given < self.current.len());
        for turn in &self.turns {
            match turn {
                Turn::Client(said) if lines(said) <= unused => unused -= lines(said),
                Turn::Client(_) | Turn::Server(_) => left += 1,
            }
        }
        left + unused
    }

    /// Makes the server's next turn current; false where it has none, or waits for the client.
    fn next_turn(&mut self) -> bool {
        while self.given == self.current.len() {
            match self.turns.front() {
                Some(Turn::Client(said)) => {
                    let lines = lines(said);
                    if self.lines < lines {
                        return false;
                    }
                    self.lines -= lines;
                    self.answers_message = self.ends_message(said);
                }
                Some(Turn::Server(said)) => {
                    self.before += self.current.len();
                    self.given = 0;
                    let prefix = self.prefix.as_deref().unwrap_or(TAG);
                    self.current = said.replace(TAG, prefix).into_bytes();
                    self.log.lock().said.extend(&self.current);
                    if let Change::Flip(at, octet) = self.change {
                        let place = at.checked_sub(self.before);
                        if let Some(place) = place.and_then(|at| self.current.get_mut(at)) {
                            *place = octet;
                        }
                    }
                }
                None => return false,
            }
            self.turns.pop_front();
        }
        true
    }

    /// How many octets a read may give.
    fn most(&self) -> usize {
        let at = self.before + self.given;
        match self.change {
            Change::Split(end) if at < end => end - at,
            Change::Cut(end) => end.saturating_sub(at),
            Change::CutSingly(end) => end.saturating_sub(at).min(1),
            Change::Pieces(most) => most,
            _ => usize::MAX,
        }
    }
}

/// How many lines a turn of the client has.
fn lines(said: &str) -> usize {
    said.matches('\n').count()
}

impl Read for Replay {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let fault = self.call(0);
        match fault {
            Some(Fault::End) => {
                self.ended = true;
                return Ok(0);
            }
            Some(Fault::Error(kind)) => return Err(kind.into()),
            Some(Fault::Short) | None => {}
        }
        let has_turn = self.next_turn();
        self.note_left();
        if !has_turn {
            if self.refused {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.ended = true;
            return Ok(0);
        }
        let most = if fault.is_some() { 1 } else { self.most() };
        let octets = self.current.get(self.given..).unwrap_or_default();
        let octets = octets.get(..most.min(octets.len())).unwrap_or_default();
        let count = { octets }.read(room)?;
        self.given += count;
        self.note_left();
        if count == 0 {
            self.ended = true;
            self.log.lock().unanswered |= self.owes_answer(0);
        }
        Ok(count)
    }
}

impl Write for Replay {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let is_farewell = octets.ends_with(b" LOGOUT\r\n") || octets == b"QUIT\r\n";
        if is_farewell {
            let is_between = self.given == self.current.len();
            let mut log = self.log.lock();
            if log.calls_before_farewell.is_none() {
                log.calls_before_farewell = Some(log.calls);
                log.farewell = is_between.then_some(self.before + self.given);
            }
        }
        let offered = octets.iter().filter(|&&octet| octet == b'\n').count();
        let octets = match self.call(offered) {
            Some(Fault::End) => return Ok(0),
            Some(Fault::Error(kind)) => {
                self.refused = kind == io::ErrorKind::WouldBlock;
                return Err(kind.into());
            }
            Some(Fault::Short) => octets.get(..1).unwrap_or(octets),
            None => octets,
        };
        self.refused = false;
        self.lines += octets.iter().filter(|&&octet| octet == b'\n').count();
        self.note_left();
        {
            let mut log = self.log.lock();
            log.wrote.extend(octets);
            log.wrote_behind_end += if self.ended { octets.len() } else { 0 };
        }
        if self.has_tags && self.prefix.is_none() {
            self.first_line.extend(octets);
            if let Some(end) = self.first_line.iter().position(|&octet| octet == b' ') {
                let tag = self.first_line.get(..end).unwrap_or_default();
                let tag = String::from_utf8_lossy(tag);
                self.prefix = Some(tag.strip_suffix('1').unwrap_or(&tag).to_owned());
            }
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let kind = match self.call(0) {
            Some(Fault::Error(kind)) => kind,
            Some(Fault::End) => io::ErrorKind::UnexpectedEof,
            Some(Fault::Short) | None => return Ok(()),
        };
        self.log.lock().failed_flush = true;
        Err(kind.into())
    }
}

impl Transport for Replay {
    fn set_deadline(&mut self, _: Option<Instant>) {}

    fn close(&mut self) {
        self.log.lock().closed = true;
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.log.lock().closed = true;
    }
}
