//! Records a session while it runs.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use xoauth::Transport;

use super::{TAG, Turn};

/// A transport that writes down what passes.
#[derive(Debug)]
pub struct Recorder<T> {
    transport: T,
    tape: Tape,
}

/// What was recorded; shared with the recorder, which the session consumes.
#[derive(Debug, Clone, Default)]
pub struct Tape(Arc<Mutex<Vec<Said>>>);

/// Whether the client spoke, and what.
type Said = (bool, Vec<u8>);

impl<T> Recorder<T> {
    /// Records what passes over `transport`.
    pub fn new(transport: T) -> (Self, Tape) {
        let tape = Tape::default();
        (Self { transport, tape: tape.clone() }, tape)
    }
}

impl Tape {
    fn note(&self, is_client: bool, octets: &[u8]) {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match turns.last_mut() {
            Some((last, turn)) if *last == is_client => turn.extend(octets),
            _ => turns.push((is_client, octets.to_vec())),
        }
    }

    /// The turns so far; what all tags begin with is replaced in them.
    pub fn turns(&self, has_tags: bool) -> Vec<Turn> {
        let turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let texts: Vec<(bool, String)> = turns
            .iter()
            .map(|(is_client, octets)| (*is_client, String::from_utf8_lossy(octets).into_owned()))
            .collect();
        let first = texts.iter().find(|(is_client, _)| *is_client);
        let tag = first.and_then(|(_, said)| said.split(' ').next()).unwrap_or_default();
        let tag = tag.to_owned();
        let prefix = tag.strip_suffix('1').filter(|prefix| has_tags && !prefix.is_empty());
        let replaced = |said: String| match prefix {
            Some(prefix) => said.replace(prefix, TAG),
            None => said,
        };
        texts
            .into_iter()
            .map(|(is_client, said)| match is_client {
                true => Turn::Client(replaced(said)),
                false => Turn::Server(replaced(said)),
            })
            .collect()
    }
}

impl<T: Transport> Read for Recorder<T> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = self.transport.read(room)?;
        self.tape.note(false, room.get(..count).unwrap_or_default());
        Ok(count)
    }
}

impl<T: Transport> Write for Recorder<T> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let count = self.transport.write(octets)?;
        self.tape.note(true, octets.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.transport.flush()
    }
}

impl<T: Transport> Transport for Recorder<T> {
    fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.transport.set_deadline(deadline);
    }

    fn close(&mut self) {
        self.transport.close();
    }
}
