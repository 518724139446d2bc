//! Answers that are there when a session notices that its deadline has passed: as of a process that was stopped meanwhile.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use xoauth_smtp::Transfer;
use xoauth_smtp::exchange::Submit;

use super::Transport;
use super::gather::Gather;
use super::reluctant::{Secured, server};
use crate::smtp::{Builder, Mail};

/// A stream whose reads, from some time on, look at the clock too late: what came is there by then.
#[derive(Debug)]
struct Late {
    stream: UnixStream,
    is_late: Arc<AtomicBool>,
    is_waiting: bool,
    came: VecDeque<u8>,
}

impl Read for Late {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.is_late.load(Ordering::SeqCst) {
            return self.stream.read(buffer);
        }
        if self.is_waiting && !self.came.is_empty() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if self.is_waiting {
            let mut room = [0; 4096];
            let count = self.stream.read(&mut room)?;
            self.came.extend(&room[..count]);
            return Err(io::ErrorKind::TimedOut.into());
        }
        match self.came.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for Late {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.stream.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Late {
    fn set_deadline(&mut self, _: Option<Instant>) {}

    fn hears_while_writing(&self) -> bool {
        true
    }

    fn set_waiting(&mut self, waiting: bool) {
        self.is_waiting = waiting;
    }

    fn close(&mut self) {}
}

#[test]
fn an_answer_that_has_come_is_heard_behind_a_deadline_under_tls_too() {
    for transfer in [Transfer::Data, Transfer::Bdat] {
        let (stream, tls, served) = server();
        let is_late = Arc::new(AtomicBool::new(false));
        let came = VecDeque::new();
        let late = Late { stream, is_late: Arc::clone(&is_late), is_waiting: true, came };
        let stream = Secured(tls.shake("localhost", Gather::new(late), None).unwrap());
        let client = Builder::new("localhost").from_stream(stream).unwrap();
        let mut session = client.without_authentication();
        is_late.store(true, Ordering::SeqCst);
        let message = b"Subject: late\r\n\r\nHi.\r\n";
        let mail = Mail::new("ann@example.org", ["ben@example.org"], message).transfer(transfer);
        let sent = session.run(Submit::mail(mail)).unwrap();
        assert_eq!(sent.accepted().count(), 1, "{transfer:?}");
        session.quit().unwrap();
        assert_eq!(served.join().unwrap(), message, "{transfer:?}");
    }
}
