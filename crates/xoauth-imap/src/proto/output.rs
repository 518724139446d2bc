//! What is to be written, with the places where writing pauses.
//!
//! A synchronising literal (RFC 9051, 4.3) may only follow the server's `+`, so the output is a line of
//! octets with stops in it. A command that is refused before its literal was asked for is cut at its stop.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use xoauth_sasl::Mask;
use xoauth_sasl::wire::{Direction, Excerpt, Outgoing};

/// Octets waiting to be written.
///
/// ```text
///   buffer: | written | writable | stop: content, not in the buffer | behind the content | ...
/// ```
#[derive(Debug, Default)]
pub(crate) struct Output {
    buffer: Outgoing,
    written: usize,
    stops: VecDeque<Stop>,
    secrets: Vec<Range<usize>>,
    /// Octets of the content at the first stop, once they were asked for.
    piece: Piece,
    /// Nothing behind it is written yet.
    horizon: Option<usize>,
    /// The command that is answered next.
    first: usize,
    /// Octets of contents that were written for commands behind that one, for each of them.
    ahead: Vec<(usize, u64)>,
    /// They are not counted.
    any_ahead: bool,
    /// A command was answered before it was written, which is made good now.
    finishing: bool,
    /// The last answer to a continuation: whose it is, and where it begins. Nothing stands behind it.
    reply: Option<(usize, usize)>,
}

/// Writing pauses at `at`.
#[derive(Debug, Clone, Copy)]
struct Stop {
    at: usize,
    /// Which command of the flight the stop belongs to.
    command: usize,
    until: Until,
}

/// What ends a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    /// The server sends `+`.
    Continuation,
    /// The command gave so many octets of content; writing goes on at `resume`.
    Content { left: u64, resume: usize },
    /// Nothing: what stands here is not written, but what stands at `resume`.
    Skipped { resume: usize },
}

/// A part of a content.
#[derive(Default)]
struct Piece {
    octets: Vec<u8>,
    written: usize,
    filled: usize,
}

impl Output {
    /// The octets that may be written now.
    pub(crate) fn writable(&self) -> &[u8] {
        match self.piece.rest() {
            [] => self.buffer.as_slice().get(self.written..self.limit()).unwrap_or_default(),
            piece => piece,
        }
    }

    /// Content is to be written now: whose it is, and room for the next piece of it.
    pub(crate) fn wants_content(&mut self) -> Option<(usize, &mut [u8])> {
        let stop = self.stops.front().filter(|stop| stop.at == self.written)?;
        let Until::Content { left, .. } = stop.until else { return None };
        let command = stop.command;
        if !self.piece.rest().is_empty() || !self.is_within_horizon(stop, left) {
            return None;
        }
        Some((command, self.piece.room(left)))
    }

    /// What is left of a content may be written before the commands in front of its own are answered: with all that is
    /// ahead of them it goes no further than lines do.
    fn is_within_horizon(&self, stop: &Stop, left: u64) -> bool {
        let horizon = self.horizon.map_or(u64::MAX, |horizon| horizon as u64);
        let contents: u64 = self.ahead.iter().map(|(_, octets)| octets).sum();
        self.any_ahead
            || stop.command <= self.first
            || left.saturating_add(contents).saturating_add(stop.at as u64) <= horizon
    }

    /// Contents are written whatever was answered.
    pub(crate) fn write_contents_ahead(&mut self) {
        self.any_ahead = true;
    }

    /// The command filled the first `n` octets of the room.
    pub(crate) fn filled(&mut self, n: usize) {
        self.piece.filled = n.min(self.piece.octets.len());
        self.piece.written = 0;
    }

    /// A line or a content was begun that must be written to its end, whatever the server answered.
    pub(crate) fn owes_end(&self) -> bool {
        self.finishing
    }

    /// What a trace may show of the octets behind `start`, line by line: secrets replaced.
    pub(crate) fn transcript(&self, start: usize) -> impl Iterator<Item = (Direction, String)> {
        let octets = |from, to| self.buffer.as_slice().get(from..to).unwrap_or_default();
        let mut text = Vec::new();
        let mut at = start;
        for secret in self.secrets.iter().filter(|secret| secret.start >= start) {
            text.extend_from_slice(octets(at, secret.start));
            text.extend_from_slice(b"<secret>");
            at = secret.end;
        }
        text.extend_from_slice(octets(at, self.buffer.len()));
        let lines: Vec<_> = text
            .strip_suffix(b"\r\n")
            .unwrap_or(&text)
            .split(|&octet| octet == b'\n')
            .map(|line| Excerpt::new(line.trim_ascii_end(), &Mask::default()))
            .map(|line| (Direction::Client, String::from(line.as_str())))
            .collect();
        lines.into_iter()
    }

    pub(crate) fn wrote(&mut self, n: usize) {
        if !self.piece.rest().is_empty() {
            return self.wrote_content(n);
        }
        self.written = self.written.saturating_add(n).min(self.limit());
        if let Some(&Stop { at, until: Until::Skipped { resume }, .. }) = self.stops.front() {
            if at == self.written {
                self.written = resume;
                self.stops.pop_front();
            }
        }
        if self.written == self.buffer.len() {
            self.clear();
        }
    }

    fn wrote_content(&mut self, n: usize) {
        let n = n.min(self.piece.rest().len());
        self.piece.written += n;
        if let Some(Stop { until: Until::Content { left, resume }, command, .. }) =
            self.stops.front_mut()
        {
            match self.ahead.last_mut() {
                Some((last, octets)) if last == command => *octets += n as u64,
                _ if *command > self.first => self.ahead.push((*command, n as u64)),
                _ => {}
            }
            *left = left.saturating_sub(n as u64);
            if *left == 0 {
                self.written = *resume;
                self.stops.pop_front();
                self.piece.filled = 0;
            }
        }
    }

    /// Everything was written, and nothing waits for the server's leave.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Nothing can be written before the server sends `+`.
    pub(crate) fn waits_for_continuation(&self) -> bool {
        self.stops
            .front()
            .is_some_and(|stop| stop.at == self.written && stop.until == Until::Continuation)
    }

    /// A literal of the command waits for the server's leave, or not all of its content was written.
    pub(crate) fn owes_literal(&self, command: usize) -> bool {
        self.stops.iter().any(|stop| stop.command == command)
    }

    /// Not all of what the command answered a continuation with was written.
    pub(crate) fn owes_reply(&self, command: usize) -> bool {
        self.reply.is_some_and(|(owner, _)| owner == command)
    }

    /// The server sent `+` for the first stop.
    pub(crate) fn go_on(&mut self) {
        self.stops.pop_front();
    }

    /// The command ended before all of it was written. What the server has not begun to hear is never sent; what it
    /// has begun to hear is written to its end: a line, and a content, which it still takes for one (RFC 7888, 4).
    /// Where the next command begins is told by `next`, the start of the commands behind it.
    pub(crate) fn abandon(&mut self, command: usize, next: Option<usize>) {
        if self.is_empty() {
            return;
        }
        let end = next.unwrap_or(self.buffer.len());
        if let Some((_, start)) = self.reply.filter(|(owner, _)| *owner == command) {
            self.reply = None;
            if self.written > start {
                self.finishing = true;
            } else {
                // The server would take it for a command.
                self.take_back(start);
            }
            return;
        }
        let Some(&first) = self.stops.front().filter(|stop| stop.command == command) else {
            self.finishing |= self.written < end;
            return;
        };
        self.stops.retain(|stop| stop.command != command);
        let end_of_line = end.saturating_sub(b"\r\n".len());
        if let Until::Content { left, .. } = first.until {
            let resume = end_of_line.max(first.at);
            self.stops.push_front(Stop { until: Until::Content { left, resume }, ..first });
            self.finishing = true;
        } else if self.written < first.at {
            // The line is ended by the announcement of the literal, which is refused already.
            self.stops.push_front(Stop { until: Until::Skipped { resume: end }, ..first });
            self.finishing = true;
        } else if next.is_some() {
            self.written = end;
        } else {
            self.clear();
        }
    }

    /// A command answered a continuation with what stands behind `start`.
    pub(crate) fn replied(&mut self, command: usize, start: usize) {
        if self.buffer.len() > start {
            let waits = |&(owner, from): &(usize, usize)| owner == command && self.written <= from;
            self.reply = self.reply.filter(waits).or(Some((command, start)));
        }
    }

    /// All up to `position` was written.
    pub(crate) fn has_written(&self, position: usize) -> bool {
        self.is_empty() || self.written >= position
    }

    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// More is to be written.
    pub(super) fn extend(&mut self, octets: &[u8]) {
        self.buffer.extend(octets);
    }

    /// No trace shows what stands behind `start`.
    pub(super) fn hide(&mut self, start: usize) {
        self.secrets.push(start..self.buffer.len());
    }

    /// What follows waits for `+`.
    pub(super) fn stop_for_continuation(&mut self, command: usize) {
        self.stop(command, Until::Continuation);
    }

    /// What follows waits for so many octets of content.
    pub(super) fn stop_for_content(&mut self, command: usize, octets: u64) {
        self.stop(command, Until::Content { left: octets, resume: self.buffer.len() });
    }

    fn stop(&mut self, command: usize, until: Until) {
        self.stops.push_back(Stop { at: self.buffer.len(), command, until });
    }

    /// Takes back what was put behind `start`, of which nothing is written.
    pub(crate) fn take_back(&mut self, start: usize) {
        self.stops.retain(|stop| stop.at < start);
        self.secrets.retain(|secret| secret.start < start);
        self.buffer.truncate(start);
        if self.written >= self.buffer.len() {
            self.clear();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.buffer.clear();
        self.written = 0;
        self.stops.clear();
        self.secrets.clear();
        self.piece = Piece::default();
        self.finishing = false;
        self.horizon = None;
        self.first = 0;
        self.ahead.clear();
        self.reply = None;
    }

    /// Writes nothing behind `horizon` until the next one is set or all is written. All commands before `first` are answered.
    pub(crate) fn set_horizon(&mut self, horizon: usize, first: usize) {
        self.horizon = Some(horizon);
        self.first = first;
        self.ahead.retain(|(command, _)| *command > first);
    }

    fn limit(&self) -> usize {
        let stop = self.stops.front().map_or(self.buffer.len(), |stop| stop.at);
        self.horizon.map_or(stop, |horizon| horizon.max(self.written).min(stop))
    }
}

/// Content is asked for in pieces of this size.
const PIECE: usize = 64 * 1024;

impl Piece {
    fn rest(&self) -> &[u8] {
        self.octets.get(self.written..self.filled).unwrap_or_default()
    }

    /// Room for what is left of the content; never empty.
    fn room(&mut self, left: u64) -> &mut [u8] {
        let len = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        self.octets.resize(len, 0);
        &mut self.octets
    }
}

impl fmt::Debug for Piece {
    /// Shows no content: it is part of somebody's message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Piece")
            .field("filled", &self.filled)
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What may be written now.
    fn next(output: &Output) -> &str {
        core::str::from_utf8(output.writable()).unwrap_or_default()
    }

    #[test]
    fn content_is_asked_for_in_pieces() {
        for (left, room) in [(1, 1), (65_536, 65_536), (65_537, 65_536), (u64::MAX, 65_536)] {
            let mut output = Output::default();
            output.stop_for_content(0, left);
            assert_eq!(output.wants_content().map(|(_, octets)| octets.len()), Some(room));
        }
    }

    #[test]
    fn contents_are_ahead_until_their_command_is_next() {
        let mut output = Output::default();
        for command in 0..3 {
            output.extend(b"x");
            output.stop_for_content(command, 10);
        }
        output.extend(b"\r\n");
        output.set_horizon(23, 0);
        for command in 0..2 {
            output.wrote(1);
            assert_eq!(output.wants_content().map(|(owner, _)| owner), Some(command));
            output.filled(10);
            output.wrote(3);
            output.wrote(7);
        }
        output.wrote(1);
        assert!(output.wants_content().is_some());
        // What is written of the first is ahead of nobody: the second and the third have ten octets each, behind three of lines.
        let mut third = |horizon, first| {
            output.set_horizon(horizon, first);
            output.wants_content().is_some()
        };
        assert!(third(23, 0) && !third(22, 0));
        assert!(third(13, 1));
    }

    #[test]
    fn a_piece_of_a_message_shows_how_long_it_is_and_no_more() {
        let piece = Piece { octets: b"content".to_vec(), written: 3, filled: 7 };
        assert_eq!(alloc::format!("{piece:?}"), "Piece { filled: 7, written: 3, .. }");
    }

    #[test]
    fn what_is_taken_back_takes_its_stops_and_secrets_with_it() {
        let mut output = Output::default();
        output.extend(b"one ");
        let secret = output.len();
        output.extend(b"pass {3}\r\n");
        output.hide(secret);
        output.stop_for_continuation(0);
        output.extend(b"abc\r\n");
        let start = output.len();
        output.stop_for_continuation(1);
        output.extend(b"two");
        output.hide(start);
        output.take_back(start);
        assert!(output.owes_literal(0) && !output.owes_literal(1));
        assert_eq!(next(&output), "one pass {3}\r\n");
        output.extend(b"seen\r\n");
        let lines: Vec<_> = output.transcript(0).map(|(_, line)| line).collect();
        assert_eq!(lines, ["one <secret>abc", "seen"]);
    }

    #[test]
    fn a_literal_waits_once_all_before_it_is_written() {
        let mut output = Output::default();
        output.extend(b"a {1}\r\n");
        output.stop_for_continuation(0);
        output.extend(b"x\r\n");
        assert!(!output.waits_for_continuation());
        output.wrote(7);
        assert!(output.waits_for_continuation());
        output.go_on();
        assert_eq!(next(&output), "x\r\n");
        output.wrote(1);
        output.stop_for_content(0, 5);
        output.extend(b"\r\n");
        output.wrote(2);
        assert!(!output.waits_for_continuation() && output.wants_content().is_some());
    }

    #[test]
    fn what_was_answered_before_it_was_written_is_written_to_its_end() {
        for (written, owes) in [(2, true), (3, false)] {
            let mut output = Output::default();
            output.extend(b"a\r\nb\r\n");
            output.wrote(written);
            output.abandon(0, Some(3));
            assert_eq!(output.owes_end(), owes, "{written}");
        }
        // An answer of no octets is none.
        let mut output = Output::default();
        output.extend(b"a\r\n");
        output.replied(0, output.len());
        output.abandon(0, None);
        assert!(output.owes_end());
    }

    #[test]
    fn replies_that_nobody_heard_of_are_taken_back() {
        let replied = |written| {
            let mut output = Output::default();
            output.extend(b"one\r\n");
            output.replied(0, 0);
            output.wrote(written);
            output.extend(b"two\r\n");
            output.replied(0, 5);
            output.abandon(0, None);
            output
        };
        assert!(replied(0).is_empty());
        assert_eq!((next(&replied(1)), replied(1).owes_end()), ("ne\r\n", false));
        // The reply of another command is not the first's to take back.
        let mut output = Output::default();
        output.extend(b"one\r\n");
        output.replied(0, 0);
        output.extend(b"two\r\n");
        output.replied(1, 5);
        output.abandon(1, None);
        assert_eq!(next(&output), "one\r\n");
    }
}
