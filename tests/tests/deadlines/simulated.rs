//! A stream that waits, by a clock that jumps to whatever is waited for next.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use xoauth::Transport;

use super::table::{Act, Flow, Row};

/// How many octets the network takes that nobody reads.
pub(super) const ROOM: usize = 4096;
/// How long a write that the peer does not take waits before it says so.
const MOMENT: Duration = Duration::from_millis(5);

#[derive(Debug, Clone)]
pub(super) struct Clock {
    began: Instant,
    passed: Arc<Mutex<Duration>>,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), passed: Arc::default() }
    }

    pub(super) fn passed(&self) -> Duration {
        *self.passed.lock().unwrap()
    }

    fn now(&self) -> Instant {
        self.began + self.passed()
    }

    fn jump(&self, to: Instant) {
        *self.passed.lock().unwrap() = to - self.began;
    }
}

/// Both ends of a connection: the client's, which waits as a socket does, and the server's script.
#[derive(Debug)]
pub(super) struct Simulated {
    clock: Clock,
    acts: VecDeque<Act>,
    tag: String,
    /// The server does nothing until then.
    rests: Option<Instant>,
    /// What moves behind the acts, what is said of it first, and when more of it moves.
    flow: Option<(Flow, VecDeque<u8>, Instant)>,
    /// What the client sent and the server did not read; what the server said and the client did not read.
    sent: VecDeque<u8>,
    said: VecDeque<u8>,
    deadline: Option<Instant>,
    wake: Option<Instant>,
    is_waiting: bool,
    hears_while_writing: bool,
}

impl Simulated {
    pub(super) fn new(row: &Row, flow: Option<Flow>, hears_while_writing: bool) -> (Self, Clock) {
        let clock = Clock::new();
        let flow = flow.map(|flow| (flow, flow.text().bytes().collect(), clock.now()));
        let stream = Self {
            clock: clock.clone(),
            acts: row.acts.iter().copied().collect(),
            tag: String::new(),
            rests: None,
            flow,
            sent: VecDeque::new(),
            said: VecDeque::new(),
            deadline: None,
            wake: None,
            is_waiting: true,
            hears_while_writing,
        };
        (stream, clock)
    }

    /// The server does what it can.
    fn play(&mut self) {
        while let Some(&act) = self.acts.front() {
            match act {
                Act::Say(text) => self.said.extend(text.replace("{tag}", &self.tag).bytes()),
                Act::Hear(text) => {
                    let Some(end) = self.sent.iter().position(|&octet| octet == b'\n') else {
                        return;
                    };
                    let line: Vec<u8> = self.sent.drain(..=end).collect();
                    let line = String::from_utf8_lossy(&line);
                    assert!(line.contains(text), "{text}: {line}");
                    if let Some((tag, _)) = line.split_once(' ') {
                        tag.clone_into(&mut self.tag);
                    }
                }
                Act::Rest(time) => {
                    let now = self.clock.now();
                    if now < *self.rests.get_or_insert(now + time) {
                        return;
                    }
                    self.rests = None;
                }
            }
            self.acts.pop_front();
        }
        let now = self.clock.now();
        if let Some((flow, text, at)) = self.flow.as_mut().filter(|(.., at)| *at <= now) {
            let (octets, pause) = flow.pace();
            if flow.is_reading() {
                self.sent.drain(..octets.min(self.sent.len()));
            } else {
                self.said.extend((0..octets).map(|_| text.pop_front().unwrap_or(b'x')));
            }
            *at = now + pause;
        }
    }

    /// When the server does more than it can now.
    fn next(&self) -> Option<Instant> {
        match &self.flow {
            Some((.., at)) if self.acts.is_empty() => Some(*at),
            _ => self.rests,
        }
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| self.clock.now() >= deadline)
    }
}

impl Read for Simulated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.is_late() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.play();
            if !self.said.is_empty() {
                return self.said.read(buffer);
            }
            if !self.is_waiting {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            if self.wake.is_some_and(|wake| self.clock.now() >= wake) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let until = [self.next(), self.wake, self.deadline].into_iter().flatten().min();
            self.clock.jump(until.unwrap());
        }
    }
}

impl Write for Simulated {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        loop {
            if self.is_late() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.play();
            let room = ROOM.saturating_sub(self.sent.len()).min(octets.len());
            if room > 0 {
                self.sent.extend(&octets[..room]);
                return Ok(room);
            }
            if !self.is_waiting {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let now = self.clock.now();
            let moment = self.hears_while_writing.then(|| now + MOMENT);
            let until = [moment, self.next(), self.deadline].into_iter().flatten().min();
            self.clock.jump(until.unwrap());
            if self.hears_while_writing && !self.is_late() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Simulated {
    fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn set_wake(&mut self, at: Option<Instant>) {
        self.wake = at;
    }

    fn wait_until(&mut self, at: Instant) {
        self.clock.jump(at);
    }

    fn hears_while_writing(&self) -> bool {
        self.hears_while_writing
    }

    fn set_waiting(&mut self, waiting: bool) {
        self.is_waiting = waiting;
    }

    fn close(&mut self) {}
}
