//! A server without I/O: octets in, octets out, and a list of what it accepted.

use std::mem;

use super::content::{FinalDot, undo_dots};
use super::faults::{Faults, Whim};

/// What a sink offers in its answer to EHLO. Everything else it takes silently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// Commands ahead of replies (RFC 2920).
    pub pipelining: bool,
    /// BDAT (RFC 3030).
    pub chunking: bool,
}

/// What a sink remembers of the messages it accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// Their number and their octets, for measurements.
    #[default]
    Counts,
    /// Envelopes and contents.
    Messages,
}

/// A message that the sink answered for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The envelope's sender.
    pub from: String,
    /// The envelope's recipients that were accepted.
    pub recipients: Vec<String>,
    /// The message, dots undone.
    pub content: Vec<u8>,
}

/// What came, and what it took to bring it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Messages accepted.
    pub messages: u64,
    /// Octets of messages as they were sent, dots included.
    pub octets: u64,
    /// Commands heard.
    pub commands: u64,
    /// Replies said, the greeting included.
    pub replies: u64,
    /// Groups of octets that came without waiting: each began after something was said to the client.
    pub flights: u64,
}

/// One connection of the sink.
#[derive(Debug)]
pub struct Model {
    offer: Offer,
    keep: Keep,
    faults: Faults,
    phase: Phase,
    /// The start of a line whose end has not come.
    line: Vec<u8>,
    output: Vec<u8>,
    transaction: Option<Transaction>,
    content: Vec<u8>,
    accepted: Vec<Accepted>,
    counts: Counts,
    /// LHLO was said: each recipient gets an answer (RFC 2033).
    is_lmtp: bool,
    /// Something was said since octets came last.
    has_spoken: bool,
    /// Octets that may still come and go before the connection ends.
    input_left: Option<u64>,
    output_left: Option<u64>,
}

#[derive(Debug)]
enum Phase {
    Command,
    /// The answer to `334` comes.
    Response,
    /// The message comes, and a final dot.
    Content(FinalDot),
    /// A chunk comes, `left` octets of it.
    Chunk {
        left: u64,
        is_last: bool,
    },
    Closed,
}

/// MAIL was accepted.
#[derive(Debug, Default)]
struct Transaction {
    from: String,
    recipients: Vec<String>,
    /// A chunk was refused: so is everything until it ends (RFC 3030 2).
    is_spoiled: bool,
}

const LINE_LIMIT: usize = 16 * 1024;

impl Default for Offer {
    /// PIPELINING alone.
    fn default() -> Self {
        Self { pipelining: true, chunking: false }
    }
}

impl Model {
    /// A connection that was just made; the greeting is said.
    pub fn new(offer: Offer, keep: Keep, faults: Faults) -> Self {
        let (input_left, output_left) = (faults.input, faults.output);
        let mut model = Self {
            offer,
            keep,
            faults,
            phase: Phase::Command,
            line: Vec::new(),
            output: Vec::new(),
            transaction: None,
            content: Vec::new(),
            accepted: Vec::new(),
            counts: Counts::default(),
            is_lmtp: false,
            has_spoken: false,
            input_left,
            output_left,
        };
        model.say("220 sink ESMTP\r\n");
        model
    }

    /// Hears octets of the client. What comes after the end of the connection is lost.
    pub fn receive(&mut self, octets: &[u8]) {
        if mem::take(&mut self.has_spoken) {
            self.counts.flights += 1;
        }
        let allowed = self.input_left.map_or(octets.len(), |left| {
            usize::try_from(left).map_or(octets.len(), |left| left.min(octets.len()))
        });
        let mut rest = octets.get(..allowed).unwrap_or_default();
        while !rest.is_empty() {
            let used = match &mut self.phase {
                Phase::Closed => return,
                Phase::Command | Phase::Response => self.hear_line(rest),
                Phase::Content(dot) => {
                    let end = dot.find(rest);
                    let used = end.unwrap_or(rest.len());
                    self.take_content(rest.get(..used).unwrap_or_default());
                    if end.is_some() {
                        self.end_content();
                    }
                    used
                }
                Phase::Chunk { left, is_last } => {
                    let used = usize::try_from(*left).map_or(rest.len(), |n| n.min(rest.len()));
                    *left -= used as u64;
                    let (is_over, is_last) = (*left == 0, *is_last);
                    self.take_content(rest.get(..used).unwrap_or_default());
                    if is_over {
                        self.end_chunk(is_last);
                    }
                    used
                }
            };
            rest = rest.get(used..).unwrap_or_default();
        }
        if let Some(left) = &mut self.input_left {
            *left -= allowed as u64;
            if *left == 0 {
                self.phase = Phase::Closed;
            }
        }
    }

    /// The client closed its side.
    pub fn end_of_stream(&mut self) {
        self.phase = Phase::Closed;
    }

    /// What is to be said now.
    pub fn take_output(&mut self) -> Vec<u8> {
        let mut output = mem::take(&mut self.output);
        if let Some(left) = &mut self.output_left {
            let kept = usize::try_from(*left).map_or(output.len(), |left| left.min(output.len()));
            output.truncate(kept);
            *left -= kept as u64;
            if *left == 0 {
                self.phase = Phase::Closed;
            }
        }
        self.has_spoken |= !output.is_empty();
        output
    }

    /// What was taken was said: its room serves for what is said next.
    pub fn give_back(&mut self, mut output: Vec<u8>) {
        if self.output.is_empty() {
            output.clear();
            self.output = output;
        }
    }

    /// Nothing more is heard; what [`Model::take_output`] still gives is said before the connection ends.
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// The messages accepted so far, in order, where they are kept.
    pub fn accepted(&self) -> &[Accepted] {
        &self.accepted
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Hears as much of a line as there is; how much that was.
    fn hear_line(&mut self, octets: &[u8]) -> usize {
        let Some(at) = memchr::memchr(b'\n', octets) else {
            self.line.extend_from_slice(octets);
            if self.line.len() > LINE_LIMIT {
                self.farewell();
            }
            return octets.len();
        };
        let (line, _) = octets.split_at_checked(at + 1).unwrap_or((octets, &[]));
        if self.line.is_empty() {
            self.hear(line);
        } else {
            let mut whole = mem::take(&mut self.line);
            whole.extend_from_slice(line);
            self.hear(&whole);
        }
        at + 1
    }

    fn hear(&mut self, line: &[u8]) {
        self.counts.commands += 1;
        if matches!(self.phase, Phase::Response) {
            self.phase = Phase::Command;
            self.say("235 2.7.0 in\r\n");
            return;
        }
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end();
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let is = |command: &str| word.eq_ignore_ascii_case(command);
        if is("BDAT") {
            // Its octets follow, whatever is thought of it.
            self.begin_chunk(rest);
        } else if is("MAIL") {
            let fair = if self.transaction.is_some() { NESTED } else { OK };
            if self.answer(fair) {
                let from = self.kept_path(rest);
                self.transaction = Some(Transaction { from, ..Transaction::default() });
            }
        } else if is("RCPT") {
            let fair = if self.transaction.is_some() { OK } else { OUT_OF_SEQUENCE };
            if self.answer(fair) {
                let path = self.kept_path(rest);
                if let Some(transaction) = &mut self.transaction {
                    transaction.recipients.push(path);
                }
            }
        } else if is("DATA") {
            let fair = match &self.transaction {
                None => OUT_OF_SEQUENCE,
                Some(open) if open.is_spoiled => OUT_OF_SEQUENCE,
                Some(open) if open.recipients.is_empty() && !self.faults.is_eager => NO_RECIPIENTS,
                Some(_) => "354 go on\r\n",
            };
            if self.answer(fair) {
                self.phase = Phase::Content(FinalDot::new());
            }
        } else if is("EHLO") || is("LHLO") {
            self.is_lmtp = is("LHLO");
            self.say("250-sink\r\n250-SIZE 1000000000\r\n250-8BITMIME\r\n");
            if self.offer.pipelining {
                self.output.extend_from_slice(b"250-PIPELINING\r\n");
            }
            if self.offer.chunking {
                self.output.extend_from_slice(b"250-CHUNKING\r\n");
            }
            self.output.extend_from_slice(b"250 AUTH XOAUTH2 PLAIN LOGIN\r\n");
        } else if is("AUTH") {
            if rest.contains(' ') {
                self.say("235 2.7.0 in\r\n");
            } else {
                self.say("334 \r\n");
                self.phase = Phase::Response;
            }
        } else if is("RSET") {
            self.transaction = None;
            self.content.clear();
            self.say(OK);
        } else if is("HELO") || is("NOOP") {
            self.say(OK);
        } else if is("QUIT") {
            self.say("221 2.0.0 bye\r\n");
            self.phase = Phase::Closed;
        } else {
            self.say("500 5.5.1 unknown\r\n");
        }
    }

    fn begin_chunk(&mut self, arguments: &str) {
        let (size, last) = arguments.split_once(' ').unwrap_or((arguments, ""));
        let Ok(left) = size.parse() else {
            // Nobody knows where the octets end.
            return self.farewell();
        };
        let is_last = last.eq_ignore_ascii_case("LAST");
        if left == 0 {
            self.end_chunk(is_last);
        } else {
            self.phase = Phase::Chunk { left, is_last };
        }
    }

    fn end_chunk(&mut self, is_last: bool) {
        self.phase = Phase::Command;
        let fair = match &self.transaction {
            Some(open) if open.is_spoiled => OUT_OF_SEQUENCE,
            Some(open) if open.recipients.is_empty() => NO_RECIPIENTS,
            Some(_) => OK,
            None => OUT_OF_SEQUENCE,
        };
        // A message that was looked at is over, accepted or not (RFC 5321 4.1.1.4); a chunk that was not
        // even looked at leaves the transaction as it is (RFC 3030 2).
        let ends = is_last && fair == OK;
        if ends {
            self.judge(false);
            self.transaction = None;
        } else if !self.answer(fair) {
            if let Some(open) = &mut self.transaction {
                open.is_spoiled = true;
            }
        }
        if is_last || self.transaction.is_none() {
            self.content.clear();
        }
    }

    fn end_content(&mut self) {
        self.phase = Phase::Command;
        let has_recipient = self.transaction.as_ref().is_some_and(|one| !one.recipients.is_empty());
        if has_recipient {
            self.judge(true);
        } else {
            self.answer(NO_RECIPIENTS);
        }
        self.transaction = None;
        self.content.clear();
    }

    /// An address, where somebody wants to see it: nothing is allocated for measurements.
    fn kept_path(&self, argument: &str) -> String {
        if self.keep == Keep::Messages { path(argument) } else { String::new() }
    }

    fn take_content(&mut self, octets: &[u8]) {
        self.counts.octets += octets.len() as u64;
        if self.keep == Keep::Messages {
            self.content.extend_from_slice(octets);
        }
    }

    /// Answers for a message that is there whole: once, or for each recipient.
    fn judge(&mut self, has_dots: bool) {
        if !self.is_lmtp {
            if self.answer(OK) {
                self.accept(has_dots);
            }
            return;
        }
        let recipients = self.transaction.as_mut().map(|open| mem::take(&mut open.recipients));
        let mut delivered = Vec::new();
        for recipient in recipients.unwrap_or_default() {
            if !self.is_closed() && self.answer(OK) {
                delivered.push(recipient);
            }
        }
        if delivered.is_empty() {
            return;
        }
        if let Some(open) = &mut self.transaction {
            open.recipients = delivered;
        }
        self.accept(has_dots);
    }

    /// From now on the sink answers for the message, whether the client hears of it or not.
    fn accept(&mut self, has_dots: bool) {
        self.counts.messages += 1;
        if self.keep == Keep::Messages {
            let open = self.transaction.take().unwrap_or_default();
            let content = mem::take(&mut self.content);
            let content = if has_dots { undo_dots(&content) } else { content };
            self.accepted.push(Accepted { from: open.from, recipients: open.recipients, content });
        }
    }

    /// Answers a command as it deserves or by whim; whether that was a yes.
    fn answer(&mut self, fair: &'static str) -> bool {
        match self.faults.next() {
            Whim::Fair => {
                self.say(fair);
                return fair.starts_with(['2', '3']);
            }
            Whim::Refused(code) => self.say(&format!("{code} no\r\n")),
            Whim::RefusedAtLength(code) => {
                self.say(&format!("{code}-this and\r\n{code} that\r\n"));
            }
            Whim::Farewell => self.farewell(),
            Whim::Nonsense(octets) => self.say(octets),
        }
        false
    }

    fn farewell(&mut self) {
        self.say("421 4.3.2 closing\r\n");
        self.phase = Phase::Closed;
    }

    fn say(&mut self, reply: &str) {
        self.counts.replies += 1;
        self.output.extend_from_slice(reply.as_bytes());
    }
}

const OK: &str = "250 2.0.0 ok\r\n";
const NESTED: &str = "503 5.5.1 nested MAIL command\r\n";
const OUT_OF_SEQUENCE: &str = "503 5.5.1 out of sequence\r\n";
const NO_RECIPIENTS: &str = "554 5.5.1 no valid recipients\r\n";

/// What stands between `<` and `>`.
fn path(arguments: &str) -> String {
    let (_, behind) = arguments.split_once('<').unwrap_or_default();
    let (path, _) = behind.split_once('>').unwrap_or_default();
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says everything at once and octet by octet; what the model answered, and what it accepted.
    fn play(offer: Offer, faults: &Faults, octets: &[u8]) -> (String, Vec<Accepted>) {
        let say = |size: usize| {
            let mut model = Model::new(offer, Keep::Messages, faults.clone());
            let mut heard = model.take_output();
            for piece in octets.chunks(size) {
                model.receive(piece);
                heard.extend(model.take_output());
            }
            (String::from_utf8(heard).unwrap(), model.accepted().to_vec())
        };
        let whole = say(usize::MAX);
        assert_eq!(say(1), whole);
        whole
    }

    fn codes(heard: &str) -> Vec<&str> {
        heard.lines().filter_map(|line| line.get(..3)).collect()
    }

    #[test]
    fn messages_are_taken_by_data_and_by_bdat() {
        let session = b"EHLO x\r\nMAIL FROM:<a@x> SIZE=3\r\nRCPT TO:<b@x>\r\nDATA\r\n..\r\n.\r\n\
            MAIL FROM:<>\r\nRCPT TO:<c@x>\r\nRCPT TO:<d@x>\r\nBDAT 1\r\n.BDAT 3 LAST\r\n.\r\nQUIT\r\n";
        let (heard, accepted) = play(Offer::default(), &Faults::none(), session);
        let expected = "220 250 250 250 250 250 250 250 354 250 250 250 250 250 250 221";
        assert_eq!(codes(&heard).join(" "), expected);
        let message = |from: &str, to: &[&str], content: &[u8]| Accepted {
            from: from.to_owned(),
            recipients: to.iter().map(|&one| one.to_owned()).collect(),
            content: content.to_vec(),
        };
        let one = message("a@x", &["b@x"], b".\r\n");
        assert_eq!(accepted, [one, message("", &["c@x", "d@x"], b"..\r\n")]);
    }

    #[test]
    fn lmtp_answers_for_each_recipient() {
        let session = b"LHLO x\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\nhi\r\n.\r\n\
            MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nBDAT 2\r\nhiBDAT 2 LAST\r\nhiQUIT\r\n";
        let (heard, accepted) = play(Offer::default(), &Faults::none(), session);
        let expected =
            "220 250 250 250 250 250 250 250 250 354 250 250 250 250 250 250 250 250 221";
        assert_eq!(codes(&heard).join(" "), expected);
        assert_eq!(accepted.len(), 2);
        assert!(accepted.iter().all(|one| one.recipients == ["b@x", "c@x"]), "{accepted:?}");
    }

    #[test]
    fn what_is_out_of_sequence_is_refused_and_its_octets_are_not_commands() {
        let session = b"RCPT TO:<b@x>\r\nBDAT 6 LAST\r\nQUIT\r\nDATA\r\nMAIL FROM:<a@x>\r\nMAIL FROM:<b@x>\r\n\
            BDAT 2 LAST\r\nhiRCPT TO:<b@x>\r\nBDAT 2 LAST\r\nhiDATA\r\nRSET\r\nDATA\r\nNOOP\r\n";
        let (heard, accepted) = play(Offer::default(), &Faults::none(), session);
        let expected = "220 503 503 503 250 503 554 250 503 503 250 503 250";
        assert_eq!(codes(&heard).join(" "), expected);
        assert!(accepted.is_empty());
    }

    #[test]
    fn connections_end_at_the_octet_that_was_drawn() {
        let session = b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nBDAT 2 LAST\r\nhi";
        for input in 0..=session.len() as u64 {
            let faults = Faults::none().after_input(input);
            let (_, accepted) = play(Offer::default(), &faults, session);
            assert_eq!(accepted.len(), usize::from(input == session.len() as u64), "{input}");
        }
        let (whole, _) = play(Offer::default(), &Faults::none(), session);
        for output in 0..whole.len() {
            let faults = Faults::none().after_output(output as u64);
            let mut model = Model::new(Offer::default(), Keep::Messages, faults);
            model.receive(session);
            assert_eq!(model.take_output(), &whole.as_bytes()[..output]);
            assert!(model.is_closed());
            // It was accepted, although nobody will hear of it.
            assert_eq!(model.accepted().len(), 1);
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_faults() {
        let session = b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nBDAT 2 LAST\r\nhi".repeat(50);
        let mut endings = Vec::new();
        for seed in 0..50 {
            let once = || {
                let faults = Faults::draw(seed, 2000);
                let mut model = Model::new(Offer::default(), Keep::Messages, faults);
                model.receive(&session);
                (model.take_output(), model.accepted().len())
            };
            let first = once();
            assert_eq!(once(), first);
            endings.push(first.1);
        }
        endings.sort_unstable();
        endings.dedup();
        assert!(endings.len() > 10, "always the same: {endings:?}");
    }
}
