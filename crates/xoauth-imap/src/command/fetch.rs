//! FETCH, RFC 9051 6.4.5.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use xoauth_sasl::Mask;

use super::set::NotASet;
use super::{ForEach, Items, Numbers, Streamed, accepted};
use crate::error::Error;
use crate::parse::{FetchRef, Response, announced_section};
use crate::proto::{
    Announcement, Claim, Command, Encoder, Exchange, Footprint, Leaves, LimitKind, Sink, State,
};
use crate::types::{
    ArgumentSink, BodySection, Message, Octets, Section, SeqNo, SeqSet, StatusText, Uid, UidSet,
};

/// Which message and section the octets of a body belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BodyInfo {
    /// The message's sequence number.
    pub seq: SeqNo,
    /// Its unique identifier, where the server told it before the body.
    pub uid: Option<Uid>,
    /// The section.
    pub section: Section,
    /// The first octet, where a range was asked for.
    pub origin: Option<u32>,
    /// The server undid the transfer encoding (RFC 3516).
    pub is_binary: bool,
    /// Octets.
    pub len: u64,
}

/// What a FETCH answer consists of while its bodies are streamed. Whoever reads a stream hands out each of these.
#[derive(Debug)]
pub enum FetchEvent {
    /// A body begins; its octets are lent next.
    Body(BodyInfo),
    /// A body whole: it came as a quoted string instead of a literal.
    Whole(BodyInfo, Octets),
    /// A message is complete; its bodies came before.
    Message(Box<Message>),
}

/// Reads messages.
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct Fetch {
    numbers: Numbers,
    items: Items,
    modifiers: Modifiers,
    /// The session's limit, once it is known.
    longest_body: Option<u64>,
    lend: bool,
    /// Bodies of the message under way, and what they are.
    bodies: Vec<Vec<u8>>,
    announced: Vec<BodyInfo>,
    events: VecDeque<FetchEvent>,
    /// Hides our secrets in items without a type.
    mask: Option<Arc<Mask>>,
}

/// What a server announces is believed only so far before it was sent: room for a body is taken in steps.
const STEP: usize = 256 * 1024;

/// Bodies of one message that are kept, as many as the parser takes items. One more ends the session: a message
/// that lacks some of its bodies without a word would be worse.
const MOST_BODIES: usize = 1000;

impl Fetch {
    /// Messages named by unique identifier, from a set or from text such as `"1:*"`.
    pub fn new<S: TryInto<UidSet>>(uids: S, items: impl Into<Items>) -> Self
    where
        S::Error: Into<NotASet>,
    {
        Self::of(Numbers::uids(uids), items.into())
    }

    /// Messages named by sequence number.
    pub fn by_sequence<S: TryInto<SeqSet>>(numbers: S, items: impl Into<Items>) -> Self
    where
        S::Error: Into<NotASet>,
    {
        Self::of(Numbers::sequence(numbers), items.into())
    }

    fn of(numbers: Numbers, items: Items) -> Self {
        Self {
            numbers,
            items,
            modifiers: Modifiers::default(),
            longest_body: None,
            lend: false,
            bodies: Vec::new(),
            announced: Vec::new(),
            events: VecDeque::new(),
            mask: None,
        }
    }

    /// Only messages that changed after this modification sequence; it is told of each (CONDSTORE, RFC 7162
    /// 3.1.4.1).
    pub fn changed_since(mut self, mod_seq: u64) -> Self {
        self.modifiers.changed_since = Some(mod_seq);
        self
    }

    /// With [`Fetch::changed_since`]: also tells which messages are gone since, as events (QRESYNC, RFC 7162
    /// 3.2.6).
    pub fn vanished(mut self) -> Self {
        self.modifiers.vanished = true;
        self
    }

    /// Only a part of the messages named: places counted from 1, or from the end with -1 (PARTIAL, RFC 9394 3.3).
    pub fn partial(mut self, from: i64, to: i64) -> Self {
        self.modifiers.partial = Some((from, to));
        self
    }

    /// The longest body an owned answer takes, in octets, instead of [`Limits::body`](crate::Limits). A
    /// longer one ends the session, since nobody reads it: stream such messages.
    pub fn longest_body(mut self, octets: u64) -> Self {
        self.longest_body = Some(octets);
        self
    }

    /// From now on bodies are lent piece by piece instead of becoming part of their message.
    pub fn lend_bodies(&mut self) {
        self.lend = true;
    }

    /// Bodies that did not come as literals are handed out as those are, not with their message.
    fn hand_out_bodies(&mut self, message: &mut Message) {
        let (seq, uid) = (message.seq, message.uid);
        for body in core::mem::take(&mut message.bodies) {
            match body {
                BodySection { section, origin, is_binary, octets: Some(octets) } => {
                    let len = octets.len() as u64;
                    let info = BodyInfo { seq, uid, section, origin, is_binary, len };
                    self.events.push_back(FetchEvent::Whole(info, octets));
                }
                none => message.bodies.push(none),
            }
        }
    }

    /// Shows each message to `visit` as it is in the buffer, instead of making owned ones: nothing is copied
    /// and nothing allocated for what `visit` does not look at. Bodies stay in memory while their message is
    /// read, within [`Limits::buffered_literal`](crate::Limits).
    ///
    /// ```
    /// use xoauth_imap::command::{Fetch, Item};
    ///
    /// let mut unread = 0;
    /// let command = Fetch::new("1:*", Item::Flags).for_each(|message| {
    ///     unread += u32::from(message.flags.is_some_and(|flags| !flags.is_seen()));
    /// });
    /// # drop(command);
    /// ```
    pub fn for_each<F: FnMut(&FetchRef<'_>) + Send>(self, visit: F) -> ForEach<F> {
        ForEach::new(self, visit)
    }

    /// The response is about messages that were asked for.
    pub(super) fn is_answer(&self, fetch: &FetchRef<'_>) -> bool {
        // Another client changed flags meanwhile (RFC 9051, 7.5.2).
        let is_news = tells_only_flags(fetch) && !self.items.ask_only_flags();
        !is_news && self.numbers.may_name(fetch.seq, fetch.uid)
    }

    /// The next thing that was heard, in order.
    pub fn take_event(&mut self) -> Option<FetchEvent> {
        self.events.pop_front()
    }

    /// Something was heard and not taken.
    pub fn has_event(&self) -> bool {
        !self.events.is_empty()
    }
}

/// `fetch-modifiers`, RFC 4466 2.4.
#[derive(Debug, Clone, Default)]
struct Modifiers {
    changed_since: Option<u64>,
    vanished: bool,
    partial: Option<(i64, i64)>,
}

impl Modifiers {
    fn encode(&self, by_uid: bool, out: &mut Encoder<'_>, state: &State) -> Result<(), Error> {
        let invalid = |text: &str, expected| Err(Error::unfit("FETCH modifier", text, expected));
        let mut words = Vec::new();
        if let Some((from, to)) = self.partial {
            out.needs("FETCH of a part", &["PARTIAL"])?;
            let range = 1..=i64::from(u32::MAX);
            let both = |sign: i64| range.contains(&(from * sign)) && range.contains(&(to * sign));
            if !by_uid || from == i64::MIN || to == i64::MIN || !(both(1) || both(-1)) {
                let expected = "two places counted from 1, or from -1, among unique identifiers";
                return invalid(&alloc::format!("PARTIAL {from}:{to}"), expected);
            }
            words.push(alloc::format!("PARTIAL {from}:{to}"));
        }
        if let Some(mod_seq) = self.changed_since {
            out.needs("FETCH of changes", &["CONDSTORE"])?;
            check_mod_seq(mod_seq)?;
            words.push(alloc::format!("CHANGEDSINCE {mod_seq}"));
        }
        if self.vanished {
            out.needs("FETCH of what vanished", &["QRESYNC"])?;
            if !by_uid || self.changed_since.is_none() {
                let expected = "unique identifiers, and CHANGEDSINCE beside it";
                return invalid("VANISHED", expected);
            }
            // RFC 7162, 3.2.6: a server says BAD otherwise.
            if !state.enabled().has("QRESYNC") && !out.is_forced() {
                return invalid("VANISHED", "ENABLE QRESYNC before it");
            }
            words.push("VANISHED".into());
        }
        if !words.is_empty() {
            out.raw(&alloc::format!(" ({})", words.join(" ")));
        }
        Ok(())
    }
}

/// `mod-sequence-value`, RFC 7162 7: from 1 on, 63 bits.
pub(super) fn check_mod_seq(mod_seq: u64) -> Result<(), Error> {
    if (1..=i64::MAX as u64).contains(&mod_seq) {
        return Ok(());
    }
    let expected = "a number from 1 on, of 63 bits";
    Err(Error::unfit("modification sequence", &alloc::format!("{mod_seq}"), expected))
}

impl Exchange for Fetch {
    fn is_repeatable(&self) -> bool {
        self.numbers.are_unique()
    }

    fn encode(&mut self, out: &mut Encoder<'_>, state: &State) -> Result<(), Error> {
        self.mask = Some(out.mask());
        self.longest_body.get_or_insert(state.limits().body);
        out.needs_mailbox("FETCH")?;
        self.numbers.encode("FETCH", out)?;
        out.raw(" ");
        self.items.encode(out)?;
        self.modifiers.encode(matches!(self.numbers, Numbers::Uid(_)), out, state)
    }

    fn footprint(&self) -> Footprint<'_> {
        Footprint::Messages(&self.numbers)
    }

    fn leaves(&self) -> Leaves {
        if self.items.ask_only_flags() { Leaves::Data } else { Leaves::Messages }
    }

    fn on_literal(&mut self, literal: &Announcement<'_>) -> Result<Sink, Error> {
        let Some(info) = announced_section(literal.head, literal.line, literal.len) else {
            return Ok(Sink::Buffer);
        };
        // Where the number comes only behind the body, it waits as part of the response.
        let is_known = info.uid.is_some() || !matches!(self.numbers, Numbers::Uid(_));
        if literal.is_shared && !is_known || !self.numbers.may_name(info.seq, info.uid) {
            return Ok(Sink::Buffer);
        }
        if self.lend {
            self.events.push_back(FetchEvent::Body(info));
            return Ok(Sink::Lend);
        }
        if self.longest_body.is_some_and(|longest| literal.len > longest) {
            return Err(Error::Limit { kind: LimitKind::Body });
        }
        if self.bodies.len() >= MOST_BODIES {
            return Err(Error::Limit { kind: LimitKind::Answers });
        }
        let room = usize::try_from(literal.len).unwrap_or(STEP).min(STEP);
        self.bodies.push(Vec::with_capacity(room));
        self.announced.push(info);
        Ok(Sink::Deliver)
    }

    fn on_chunk(&mut self, octets: &[u8]) {
        let (Some(body), Some(info)) = (self.bodies.last_mut(), self.announced.last()) else {
            return;
        };
        if body.capacity() - body.len() < octets.len() {
            // Twice as much as came so far, and never more than was announced.
            let left = usize::try_from(info.len).unwrap_or(usize::MAX).saturating_sub(body.len());
            body.reserve_exact(left.min(body.len().max(octets.len())));
        }
        body.extend_from_slice(octets);
    }

    fn on_untagged(&mut self, response: &Response<'_>) -> Result<Claim, Error> {
        let Response::Fetch(fetch) = response else { return Ok(Claim::Pass) };
        if !self.is_answer(fetch) {
            // What came in it is not the next message's.
            self.announced.clear();
            self.bodies.clear();
            return Ok(Claim::Pass);
        }
        let mut message = fetch.to_message_masked(&mut self.bodies, self.mask.as_deref());
        // A body whose item could not be read for what stands before it is known from its announcement.
        for (info, octets) in self.announced.drain(..).zip(self.bodies.drain(..)) {
            message.restore(info, octets);
        }
        // Those that did not come as literals count too.
        if message.bodies.len() > MOST_BODIES && !self.lend {
            return Err(Error::Limit { kind: LimitKind::Answers });
        }
        if self.lend {
            self.hand_out_bodies(&mut message);
        }
        self.events.push_back(FetchEvent::Message(Box::new(message)));
        Ok(Claim::Mine)
    }
}

impl Command for Fetch {
    /// The messages in the order the server told them; one it told in two responses is there twice.
    type Output = Vec<Message>;

    fn finish(mut self, status: StatusText) -> Result<Vec<Message>, Error> {
        accepted("FETCH", status)?;
        Ok(core::iter::from_fn(|| self.take_item()).collect())
    }
}

impl Streamed for Fetch {
    type Item = Message;

    fn take_item(&mut self) -> Option<Message> {
        loop {
            match self.events.pop_front()? {
                FetchEvent::Message(message) => return Some(*message),
                FetchEvent::Body(_) | FetchEvent::Whole(..) => {}
            }
        }
    }
}

/// What a server sends unasked when another client changed flags.
fn tells_only_flags(fetch: &FetchRef<'_>) -> bool {
    fetch.internal_date.is_none()
        && fetch.size.is_none()
        && fetch.envelope.is_none()
        && fetch.body_structure.is_none()
        && fetch.items().next().is_none()
}
