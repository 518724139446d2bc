//! What is to be written, and which replies it will get.
//!
//! Commands are queued as if the server took any number of them at once; how far writing may go ahead of
//! the replies is decided here, by PIPELINING (RFC 2920), the place of a command in its group, and the
//! window. Positions count octets from the start of the session.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;

use xoauth_sasl::wire::{Direction, Outgoing};

/// Octets waiting to be written, and replies waited for.
///
/// `base + written` octets were written, and `written <= buffer.len()`. A command is written whole or not at
/// all: what is dropped begins at a command.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) buffer: Outgoing,
    /// Octets behind those of the buffer that the exchange has; nothing is queued while there are any.
    lent: usize,
    written: usize,
    base: u64,
    /// Up to where octets were handed to the transport; some may have gone out although it failed.
    offered: u64,
    awaited: VecDeque<Awaited>,
    /// The ends of those that are last in their group, so that nobody looks for them among thousands of recipients each
    /// time one is answered.
    stops: VecDeque<u64>,
    /// Whether commands may be sent ahead of replies.
    pub(crate) pipelining: bool,
    pub(crate) history: History,
    /// Lines for a trace and the position behind each; `None` while nobody listens.
    notes: Option<VecDeque<(u64, String)>>,
}

/// What a server may have set a limit to for the whole session (RFC 9422).
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Mail transactions that were begun.
    pub(crate) transactions: u64,
    /// Domains of recipients; noted only where the server counts them.
    pub(crate) domains: BTreeSet<String>,
}

/// A reply that will come once the octets up to `end` were written.
#[derive(Debug, Clone, Copy)]
struct Awaited {
    start: u64,
    end: u64,
    /// Nothing may be written behind it before its reply.
    is_last: bool,
    /// It is the end of content, and no command.
    ends_content: bool,
}

impl Output {
    /// The octets that may be written now.
    pub(crate) fn writable(&self, window: usize) -> &[u8] {
        let until = self.limit(window).min(self.kept()).saturating_sub(self.base);
        let until = usize::try_from(until).unwrap_or(usize::MAX);
        self.buffer.as_slice().get(self.written..until).unwrap_or_default()
    }

    /// How many of the octets that were lent may be written now.
    pub(crate) fn writable_lent(&self, window: usize) -> usize {
        if self.lent == 0 || !self.buffer.is_empty() {
            return 0;
        }
        let until = self.limit(window).saturating_sub(self.base);
        usize::try_from(until).unwrap_or(usize::MAX).min(self.lent)
    }

    /// Octets that were lent and not written yet.
    pub(crate) fn lent(&self) -> usize {
        self.lent
    }

    /// Some octets may be written now.
    pub(crate) fn can_write(&self, window: usize) -> bool {
        !self.writable(window).is_empty() || self.writable_lent(window) > 0
    }

    /// The next octets are the exchange's own.
    pub(crate) fn lend(&mut self, octets: usize) {
        self.lent = self.lent.saturating_add(octets);
    }

    /// Up to where octets may be written: the end of the first command whose reply must be heard first.
    fn limit(&self, window: usize) -> u64 {
        let end_of = |index: usize| self.awaited.get(index).map(|one| one.end);
        let stop = if self.pipelining { self.stops.front().copied() } else { end_of(0) };
        let last = window.max(1) - 1;
        let full = end_of(last).filter(|_| self.awaited.len() > last + 1);
        [stop, full].into_iter().flatten().fold(self.end(), u64::min)
    }

    /// Replies must be heard before more is worth queueing.
    pub(crate) fn is_window_full(&self, window: usize) -> bool {
        let is_stopped = !self.stops.is_empty() || !self.pipelining && !self.awaited.is_empty();
        is_stopped || self.awaited.len() > window.max(1)
    }

    /// [`Output::writable`] is handed to the transport, or [`Output::writable_lent`] of the exchange's octets.
    pub(crate) fn offer(&mut self, window: usize) {
        let own = self.buffer.is_empty();
        let until = if own { self.limit(window) } else { self.limit(window).min(self.kept()) };
        self.offered = self.offered.max(until);
    }

    /// The first `n` octets of those that were offered were written.
    pub(crate) fn wrote(&mut self, n: usize) {
        if self.buffer.is_empty() {
            let n = n.min(self.lent);
            self.lent -= n;
            self.base = self.base.saturating_add(u64::try_from(n).unwrap_or(u64::MAX));
        }
        self.written = self.written.saturating_add(n).min(self.buffer.len());
        // What the transport did not take it will be offered again.
        self.offered = self.position();
        self.forget_written();
    }

    fn forget_written(&mut self) {
        if self.written == self.buffer.len() {
            self.base = self.kept();
            self.buffer.clear();
            self.written = 0;
        }
    }

    /// Everything queued was written.
    pub(crate) fn is_written(&self) -> bool {
        self.buffer.is_empty() && self.lent == 0
    }

    /// Octets queued and not written.
    pub(crate) fn queued(&self) -> usize {
        self.buffer.len().saturating_sub(self.written).saturating_add(self.lent)
    }

    /// The position behind everything queued.
    pub(crate) fn end(&self) -> u64 {
        self.kept().saturating_add(u64::try_from(self.lent).unwrap_or(u64::MAX))
    }

    /// The position behind the octets of the buffer.
    fn kept(&self) -> u64 {
        self.base.saturating_add(u64::try_from(self.buffer.len()).unwrap_or(u64::MAX))
    }

    fn position(&self) -> u64 {
        self.base.saturating_add(u64::try_from(self.written).unwrap_or(u64::MAX))
    }

    /// A reply will come to the octets between `start` and everything queued so far.
    pub(crate) fn await_reply(&mut self, start: u64, is_last: bool) {
        self.push(Awaited { start, end: self.end(), is_last, ends_content: false });
    }

    /// The same, where those octets end content that gets no reply of its own.
    pub(crate) fn await_reply_to_content(&mut self, start: u64, is_last: bool) {
        self.push(Awaited { start, end: self.end(), is_last, ends_content: true });
    }

    fn push(&mut self, awaited: Awaited) {
        if awaited.is_last {
            self.stops.push_back(awaited.end);
        }
        self.awaited.push_back(awaited);
    }

    /// The command queued last gets this many replies more.
    pub(crate) fn await_more(&mut self, replies: usize) {
        if let Some(&last) = self.awaited.back() {
            (0..replies).for_each(|_| self.push(last));
        }
    }

    /// Replies still to come.
    pub(crate) fn awaited(&self) -> usize {
        self.awaited.len()
    }

    /// The command of the next reply was written, so that a reply may come.
    pub(crate) fn expects_reply(&self) -> bool {
        self.awaited.front().is_some_and(|awaited| awaited.end <= self.position())
    }

    /// The next octets to write begin a command, and are not content or the rest of one. Asked only where no reply
    /// is [expected](Output::expects_reply).
    pub(crate) fn begins_command(&self) -> bool {
        let at_start = |next: &Awaited| next.start == self.position() && !next.ends_content;
        self.awaited.front().is_some_and(at_start)
    }

    /// The next reply came.
    pub(crate) fn answered(&mut self) {
        if self.awaited.pop_front().is_some_and(|answered| answered.is_last) {
            self.stops.pop_front();
        }
    }

    /// Of the replies still to come, those whose commands were handed to the transport.
    pub(crate) fn sent(&self) -> usize {
        self.awaited.iter().take_while(|awaited| awaited.end <= self.offered).count()
    }

    /// Drops the commands of which no octet was written, and the wait for their replies. Answers how many
    /// replies will not come.
    ///
    /// What was offered to a transport that did not answer how much of it it took counts as written: under TLS
    /// it may be encrypted already.
    pub(crate) fn drop_unwritten(&mut self) -> usize {
        let position = self.position().max(self.offered);
        let begun = |awaited: &Awaited| awaited.end <= position || awaited.start < position;
        let kept = self.awaited.iter().take_while(|awaited| begun(awaited)).count();
        let dropped = self.awaited.len() - kept;
        if dropped == 0 {
            return 0;
        }
        let cut = kept.checked_sub(1).and_then(|last| self.awaited.get(last));
        let cut = cut.map_or(position, |awaited| awaited.end.max(position));
        let lasts = self.awaited.iter().skip(kept).filter(|one| one.is_last).count();
        self.stops.truncate(self.stops.len().saturating_sub(lasts));
        self.awaited.truncate(kept);
        if cut <= self.kept() {
            self.lent = 0;
        }
        self.buffer.truncate(usize::try_from(cut.saturating_sub(self.base)).unwrap_or(usize::MAX));
        if let Some(notes) = &mut self.notes {
            notes.retain(|&(end, _)| end <= cut);
        }
        // Nothing may be left to write.
        self.forget_written();
        dropped
    }

    /// Forgets everything that was not written, for an exchange that cannot begin.
    pub(crate) fn clear(&mut self) {
        self.base = self.position();
        self.lent = 0;
        self.buffer.clear();
        self.written = 0;
        self.awaited.clear();
        self.stops.clear();
        if let Some(notes) = &mut self.notes {
            let base = self.base;
            notes.retain(|&(end, _)| end <= base);
        }
    }

    /// From now on notes are kept.
    pub(crate) fn keep_notes(&mut self) {
        self.notes.get_or_insert_default();
    }

    pub(crate) fn keeps_notes(&self) -> bool {
        self.notes.is_some()
    }

    /// What a trace may show of the line queued last, once it is written.
    pub(crate) fn note(&mut self, text: String) {
        let end = self.end();
        if let Some(notes) = &mut self.notes {
            notes.push_back((end, text));
        }
    }

    /// The next line a trace may show that has been written.
    pub(crate) fn next_note(&mut self) -> Option<(Direction, String)> {
        let position = self.position();
        let notes = self.notes.as_mut()?;
        notes.front().filter(|(end, _)| *end <= position)?;
        notes.pop_front().map(|(_, text)| (Direction::Client, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MAIL, RCPT, DATA in one group.
    fn group(pipelining: bool) -> Output {
        let mut output = Output { pipelining, ..Output::default() };
        for (line, is_last) in [("MAIL\r\n", false), ("RCPT\r\n", false), ("DATA\r\n", true)] {
            let start = output.end();
            output.buffer.extend(line.as_bytes());
            output.await_reply(start, is_last);
        }
        output.buffer.extend(b"more");
        output
    }

    #[test]
    fn commands_go_ahead_of_replies_only_with_pipelining() {
        let mut output = group(true);
        assert_eq!(output.writable(9), b"MAIL\r\nRCPT\r\nDATA\r\n");
        assert_eq!(output.writable(2), b"MAIL\r\nRCPT\r\n");
        output.wrote(18);
        assert_eq!(output.writable(9), b"");
        (0..3).for_each(|_| output.answered());
        assert_eq!(output.writable(9), b"more");

        let mut output = group(false);
        assert_eq!(output.writable(9), b"MAIL\r\n");
        assert!(!output.expects_reply());
        output.wrote(6);
        assert!(output.expects_reply());
        assert_eq!(output.writable(9), b"");
        output.answered();
        assert_eq!(output.writable(9), b"RCPT\r\n");
        assert!(!output.expects_reply());
    }

    #[test]
    fn unwritten_commands_are_dropped_whole() {
        let cases = [
            (0, 0, ""),
            (1, 1, "AIL\r\n"),
            (5, 1, "\n"),
            (6, 1, ""),
            (7, 2, "CPT\r\n"),
            (12, 2, ""),
            (13, 3, "ATA\r\n"),
        ];
        for (written, awaited, rest) in cases {
            let mut output = group(true);
            output.wrote(written);
            output.drop_unwritten();
            assert_eq!(output.awaited(), awaited, "{written}");
            assert_eq!(output.writable(9), rest.as_bytes(), "{written}");
        }
    }

    #[test]
    fn lent_octets_follow_those_of_the_buffer() {
        let mut output = Output { pipelining: true, ..Output::default() };
        output.buffer.extend(b"BDAT 9 LAST\r\n");
        output.lend(9);
        output.await_reply(0, false);
        assert_eq!((output.end(), output.queued()), (22, 22));
        output.offer(9);
        assert_eq!(output.writable(9), b"BDAT 9 LAST\r\n");
        assert_eq!((output.sent(), output.writable_lent(9)), (0, 0));
        output.wrote(13);
        assert_eq!((output.writable(9), output.writable_lent(9)), (&b""[..], 9));
        output.offer(9);
        assert_eq!(output.sent(), 1);
        output.wrote(4);
        assert_eq!((output.writable_lent(9), output.sent()), (5, 0));
        assert!(output.can_write(9) && !output.is_written() && !output.expects_reply());
        // A command that was begun is written to its end.
        assert_eq!(output.drop_unwritten(), 0);
        output.wrote(5);
        assert!(output.is_written() && output.expects_reply());

        let mut output = Output::default();
        output.buffer.extend(b"BDAT 9 LAST\r\n");
        output.lend(9);
        output.await_reply(0, false);
        assert_eq!((output.drop_unwritten(), output.is_written()), (1, true));
    }

    #[test]
    fn what_was_offered_counts_as_sent() {
        let mut output = group(true);
        assert_eq!(output.sent(), 0);
        output.offer(2);
        assert_eq!(output.sent(), 2);
        output.wrote(12);
        output.answered();
        assert_eq!(output.sent(), 1);
    }
}
