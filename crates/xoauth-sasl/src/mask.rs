//! Finding our secrets in what a server sends.

use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

mod glances;
mod reading;
mod utf7;
use glances::Glances;
use reading::{LONGEST, Reading, Unit, json, percent_encoded, plain, quoted};

/// The secrets of a login, to be kept out of errors, logs and events.
///
/// Servers echo what they were sent: Twisted answers a credential it did not expect with the
/// whole of it. [`apply`](Mask::apply) replaces with `[secret]` every run of at least 8 octets
/// that is part of a secret, in clear, base64 (wherever in the encoded text the secret begins) or
/// hexadecimal form, in letters of either case. The same holds for secrets of which some or all characters
/// are percent-encoded or escaped as in quoted strings and JSON (`\"`, `\u0041`), and for secrets in
/// modified UTF-7. A form shorter than that is replaced where all of it stands as a word of its own: `token` in `bad token`, not in
/// `invalid_token`.
///
/// The default masks nothing.
#[derive(Clone, Default)]
pub struct Mask {
    // A hash of every `RUN` consecutive octets of every form, sorted. That a wrong text has the
    // hash of a right one is so rare (one octet in 100,000) that it only costs a few letters.
    runs: Zeroizing<Vec<u32>>,
    // A bit for what every such run looks like at a glance: it settles almost all that is not ours.
    glances: Glances,
    // Whole forms shorter than `RUN`.
    short: Vec<Zeroizing<Vec<u8>>>,
    // What else is masked, and shared with others.
    beside: Option<Arc<Mask>>,
}

/// The shortest part of a secret that is masked: fewer octets are found in innocent text.
const RUN: usize = 8;

/// The shortest part that is hidden in what is no text for people: names there may be words of ours.
const LONG: usize = 2 * RUN;

/// What stands in its place: an atom of IMAP can hold it, and so can a quoted string.
const FILLER: u8 = b'x';

/// How many octets the shortest part takes at most.
const CUT: usize = RUN * LONGEST;

/// How many octets are looked at. What an error or event keeps of a text is far shorter.
const LIMIT: usize = 4096;

const REPLACEMENT: &[u8] = b"[secret]";

impl Mask {
    /// Masks a secret from now on. An empty one is ignored.
    pub fn add(&mut self, secret: &str) {
        let octets = secret.as_bytes();
        // Clear, clear with spaces as forms have them, hexadecimal, and base64 three times over.
        let is_shifted = secret.contains(|c| utf7::is_shifted(c, true));
        let shifted = if is_shifted { utf7::form_room(secret) } else { 0 };
        let mut forms = Forms::with_capacity(8 * octets.len() + 12 + 6 * shifted);
        forms.add(octets);
        if octets.contains(&b' ') {
            let plus = octets.iter().map(|&octet| if octet == b' ' { b'+' } else { octet });
            forms.add(&Zeroizing::new(plus.collect::<Vec<_>>()));
        }
        let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble };
        let mut hex = Zeroizing::new(Vec::with_capacity(2 * octets.len()));
        hex.extend(octets.iter().flat_map(|&octet| [digit(octet >> 4), digit(octet & 15)]));
        forms.add(&hex);
        for lead in 0..3 {
            forms.add_base64(octets, lead);
        }
        if is_shifted {
            for foreign in utf7::FOREIGN {
                forms.add(&utf7::form(secret, foreign, false));
                forms.add(&utf7::form(secret, foreign, true));
            }
        }
        self.add_forms(forms);
    }

    /// Masks what `other` masks.
    pub fn merge(&mut self, other: Self) {
        self.add_forms(Forms { runs: other.runs, glances: other.glances, short: other.short });
        if let Some(beside) = other.beside {
            self.merge(Self::clone(&beside));
        }
    }

    /// Masks what `other` masks too, without a copy of it, in place of what was set beside before.
    pub fn set_beside(&mut self, other: impl Into<Arc<Self>>) {
        self.beside = Some(other.into());
    }

    /// Masks the base64 form of a whole text only: what is no secret in it stays readable.
    pub(crate) fn add_encoded(&mut self, text: &str) {
        let mut forms = Forms::with_capacity(4 * text.len().div_ceil(3));
        forms.add_base64(text.as_bytes(), 0);
        self.add_forms(forms);
    }

    /// The same for parts of 8 octets or more, and not for words.
    pub(crate) fn without_short(&self) -> Self {
        let beside = self.beside.as_ref().map(|beside| Arc::new(beside.without_short()));
        Self { short: Vec::new(), beside, ..self.clone() }
    }

    /// Whether it masks nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let has_nothing_beside = self.beside.as_ref().is_none_or(|beside| beside.is_empty());
        self.runs.is_empty() && self.short.is_empty() && has_nothing_beside
    }

    /// Whether [`apply`](Mask::apply) leaves out the end of this text.
    pub(crate) fn leaves_out(&self, text: &[u8]) -> bool {
        text.len() > LIMIT && !self.is_empty()
    }

    /// The text with `[secret]` in place of our secrets.
    ///
    /// Takes time in proportion to the text. Of a text longer than 4 KiB the end is left out.
    #[must_use]
    pub fn apply<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        if self.is_empty() {
            return Cow::Borrowed(text);
        }
        let seen = text.get(..LIMIT).unwrap_or(text);
        // A secret that begins in the last few octets could not be told from innocent text.
        let shown = if seen.len() < text.len() { seen.len() - CUT } else { seen.len() };
        self.replaced(seen, shown)
    }

    /// The whole of a text, however long, with `[secret]` in place of our secrets.
    #[must_use]
    pub fn apply_whole<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        if self.is_empty() {
            return Cow::Borrowed(text);
        }
        self.replaced(text, text.len())
    }

    /// Octets of the same length, with `x` for every octet of ours.
    ///
    /// Only parts of at least 16 octets are hidden, whatever form they have. This is for what a protocol makes
    /// values of, where another length would change its meaning: names, flags, capabilities. Behind the first
    /// quotation mark a part is also found where backslashes stand in it, as before the octets of a quoted string, and
    /// anywhere where octets of it are percent-encoded.
    #[must_use]
    pub fn hide<'a>(&self, octets: &'a [u8]) -> Cow<'a, [u8]> {
        if !self.may_hide(octets) {
            return Cow::Borrowed(octets);
        }
        let mut hidden = octets.to_vec();
        self.hide_in_place(&mut hidden);
        if hidden == octets { Cow::Borrowed(octets) } else { Cow::Owned(hidden) }
    }

    /// Whether [`hide`](Mask::hide) may find something: where this says no, it changes nothing. Takes a fraction of its time.
    #[inline]
    #[must_use]
    pub fn may_hide(&self, octets: &[u8]) -> bool {
        octets.len() >= LONG && self.has_runs() && self.may_have_part(octets)
    }

    fn has_runs(&self) -> bool {
        !self.runs.is_empty() || self.beside.as_ref().is_some_and(|beside| beside.has_runs())
    }

    fn may_have_part(&self, octets: &[u8]) -> bool {
        let (mut is_quoted, mut has_escapes) = (false, false);
        let mut has_percent = false;
        let mut looked = 0;
        let mut rest = octets;
        // A part that long holds a whole run that begins where a piece does.
        while let Some((piece, behind)) = rest.split_first_chunk() {
            if self.is_run(*piece) {
                return true;
            }
            rest = behind;
            has_percent |= has(*piece, b'%');
            if has(*piece, b'\\') {
                // Attributes and flags have one too, but stand in front of the first quotation mark.
                let end = octets.len() - rest.len();
                is_quoted |= octets.get(looked..end).is_some_and(|seen| seen.contains(&b'"'));
                has_escapes |= is_quoted;
                looked = end;
            }
        }
        (has_escapes || rest.contains(&b'\\')) && self.is_joined(octets, in_quotes(octets))
            || (has_percent || rest.contains(&b'%'))
                && self.is_joined(octets, |text, at| percent_encoded(from(text, at)))
    }

    /// [`hide`](Mask::hide) without a copy.
    pub fn hide_in_place(&self, octets: &mut [u8]) {
        if octets.contains(&b'\\') {
            let read = in_quotes(octets);
            self.fill_parts(octets, read);
        }
        if octets.contains(&b'%') {
            self.fill_parts(octets, |text, at| percent_encoded(from(text, at)));
        }
        // Backslashes and percent signs may be octets like others, as in a literal.
        self.fill_parts(octets, |text, at| plain(from(text, at)));
    }

    /// Whether a part of ours may have escapes in it. Either a whole run of it begins with the first of them, or one stands
    /// before that as it is.
    fn is_joined(&self, octets: &[u8], read: impl Fn(&[u8], usize) -> Unit) -> bool {
        (0..octets.len()).filter(|at| read(octets, *at).is_escape()).any(|at| {
            let before = octets.get(..at).unwrap_or_default();
            before.last_chunk().is_some_and(|run| self.is_run(*run))
                || first_run(octets, at, &read).is_some_and(|run| self.is_run(run))
        })
    }

    /// Fills every part of at least `LONG` octets, as they are read.
    fn fill_parts(&self, text: &mut [u8], read: impl Fn(&[u8], usize) -> Unit) {
        // The last octets that were read, and where each stands.
        let mut run = [0; RUN];
        let mut places = [0; RUN];
        let mut count = 0;
        // How many runs began one behind the other, and where what is not filled of their part begins.
        let mut runs = 0;
        let mut from = 0;
        let mut at = 0;
        while text.get(at).is_some() {
            let unit = read(text, at);
            let end = at + unit.length();
            for &octet in unit.octets() {
                run.rotate_left(1);
                places.rotate_left(1);
                let ([.., last], [.., last_place]) = (&mut run, &mut places);
                (*last, *last_place) = (octet, at);
                count += 1;
                if count < RUN || !self.is_run(run) {
                    runs = 0;
                    continue;
                }
                if runs == 0 {
                    [from, ..] = places;
                }
                runs += 1;
                if runs + RUN > LONG {
                    if let Some(part) = text.get_mut(from..end) {
                        part.fill(FILLER);
                    }
                    from = end;
                }
            }
            at = end;
        }
    }

    /// The first `shown` octets of `text`. Nothing is allocated where none of them is ours and all stand for themselves.
    fn replaced<'a>(&self, text: &'a [u8], shown: usize) -> Cow<'a, [u8]> {
        let mut ours = Vec::new();
        let mut mark = |part: Range<usize>| {
            ours.resize(text.len(), false);
            ours.get_mut(part).unwrap_or_default().fill(true);
        };
        self.parts(text).for_each(&mut mark);
        for (sign, read) in
            [(b'%', percent_encoded as fn(&[u8]) -> Unit), (b'\\', quoted), (b'\\', json)]
        {
            if text.contains(&sign) {
                for piece in Reading::pieces(text, read) {
                    let parts = self.parts(&piece.octets);
                    let parts = parts.filter(|part| !piece.is_at_seam(part, text));
                    parts.for_each(|part| mark(piece.range(part)));
                }
            }
        }
        if ours.is_empty() {
            return Cow::Borrowed(text.get(..shown).unwrap_or_default());
        }
        let mut masked = Vec::with_capacity(shown);
        let mut was_ours = false;
        for (octet, is_ours) in text.iter().zip(ours).take(shown) {
            match (was_ours, is_ours) {
                (_, false) => masked.push(*octet),
                (false, true) => masked.extend_from_slice(REPLACEMENT),
                (true, true) => {}
            }
            was_ours = is_ours;
        }
        Cow::Owned(masked)
    }

    /// Where runs and short forms of ours stand.
    fn parts(&self, text: &[u8]) -> impl Iterator<Item = Range<usize>> {
        let parts = (0..text.len()).map(|at| at..at + self.length_at(text, at));
        parts.filter(|part| !part.is_empty())
    }

    /// How many octets from this one on are ours.
    fn length_at(&self, text: &[u8], at: usize) -> usize {
        let behind = text.get(at..).unwrap_or_default();
        let run = behind.first_chunk().filter(|run| self.is_run(**run)).map_or(0, |_| RUN);
        let in_word = |at: Option<usize>| {
            let octet = at.and_then(|at| text.get(at));
            octet.is_some_and(|&o| o.is_ascii_alphanumeric() || matches!(fold(o), b'-' | b'_'))
        };
        let short = self.short.iter().filter(|form| {
            let part = text.get(at..at + form.len()).unwrap_or_default();
            part.iter().map(|&octet| fold(octet)).eq(form.iter().copied())
                && !in_word(at.checked_sub(1))
                && !in_word(at.checked_add(form.len()))
        });
        let beside = self.beside.as_ref().map_or(0, |beside| beside.length_at(text, at));
        short.map(|form| form.len()).fold(run.max(beside), usize::max)
    }

    /// Whether these octets of a text are a secret's.
    #[inline]
    fn is_run(&self, run: [u8; RUN]) -> bool {
        self.glances.may_have(run) && self.runs.binary_search(&run_hash(run.map(fold))).is_ok()
            || self.beside.as_ref().is_some_and(|beside| beside.is_run(run))
    }

    /// Into memory of its own, so that no copy stays behind where the list was.
    fn add_forms(&mut self, mut forms: Forms) {
        let mut runs = Zeroizing::new(Vec::with_capacity(self.runs.len() + forms.runs.len()));
        runs.extend_from_slice(&self.runs);
        runs.extend_from_slice(&forms.runs);
        runs.sort_unstable();
        runs.dedup();
        self.glances.merge(forms.glances);
        self.runs = runs;
        forms.short.retain(|short| !self.short.contains(short));
        self.short.append(&mut forms.short);
    }
}

impl core::fmt::Debug for Mask {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Mask").finish_non_exhaustive()
    }
}

/// The forms that one secret may come back in.
struct Forms {
    runs: Zeroizing<Vec<u32>>,
    glances: Glances,
    short: Vec<Zeroizing<Vec<u8>>>,
}

impl Forms {
    /// Room for forms of `octets` octets together: the list never moves and leaves a copy behind.
    fn with_capacity(octets: usize) -> Self {
        let runs = Zeroizing::new(Vec::with_capacity(octets));
        Self { runs, glances: Glances::default(), short: Vec::new() }
    }

    fn add(&mut self, form: &[u8]) {
        let folded = folded(form);
        if folded.len() >= RUN {
            self.runs.extend(run_hashes(&folded));
            self.glances.add(&folded);
        } else if !folded.is_empty() {
            self.short.push(folded);
        }
    }

    /// The base64 text of a secret behind `lead` unknown octets, without the characters that hold
    /// bits of its neighbours.
    fn add_base64(&mut self, octets: &[u8], lead: usize) {
        let mut padded = Zeroizing::new(Vec::with_capacity(lead + octets.len()));
        padded.resize(lead, 0);
        padded.extend_from_slice(octets);
        let mut text = Zeroizing::new(alloc::vec![0; 4 * padded.len().div_ceil(3)]);
        // The room is exact, so this does not fail.
        let length = STANDARD.encode_slice(&*padded, &mut text).unwrap_or_default();
        // Behind no octet, the text may also be a whole one: its end and padding count too.
        let end = if lead == 0 { length } else { padded.len() * 8 / 6 };
        let start = (lead * 8).div_ceil(6);
        self.add(text.get(start..end).unwrap_or_default());
    }
}

/// Whether one of these octets is `wanted`.
fn has(run: [u8; RUN], wanted: u8) -> bool {
    const ONES: u64 = u64::MAX / 255;
    // Of the octets that differ from it by 0, the first borrows from its upper bit.
    let differ = u64::from_le_bytes(run) ^ (ONES * u64::from(wanted));
    differ.wrapping_sub(ONES) & !differ & (ONES << 7) != 0
}

fn from(text: &[u8], at: usize) -> &[u8] {
    text.get(at..).unwrap_or_default()
}

/// Reads a text as it is up to the first quotation mark, and as quoted strings are from there on.
fn in_quotes(text: &[u8]) -> impl Fn(&[u8], usize) -> Unit + use<> {
    let begin = text.iter().position(|octet| *octet == b'"').unwrap_or(text.len());
    move |text, at| if at < begin { plain(from(text, at)) } else { quoted(from(text, at)) }
}

/// The first run of what is read from here on.
fn first_run(text: &[u8], mut at: usize, read: impl Fn(&[u8], usize) -> Unit) -> Option<[u8; RUN]> {
    let mut run = [0; RUN];
    for place in &mut run {
        text.get(at)?;
        let unit = read(text, at);
        *place = *unit.octets().first()?;
        at += unit.length();
    }
    Some(run)
}

fn folded(octets: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut folded = Zeroizing::new(Vec::with_capacity(octets.len()));
    folded.extend(octets.iter().map(|&octet| fold(octet)));
    folded
}

/// Servers change the case of what they echo, and base64 has two alphabets (RFC 4648 4, 5).
fn fold(octet: u8) -> u8 {
    match octet {
        b'+' => b'-',
        b'/' => b'_',
        other => other.to_ascii_lowercase(),
    }
}

/// A hash of every run of `RUN` octets.
fn run_hashes(folded: &[u8]) -> impl Iterator<Item = u32> {
    folded.windows(RUN).map(|run| run_hash(<[u8; RUN]>::try_from(run).unwrap_or_default()))
}

fn run_hash(run: [u8; RUN]) -> u32 {
    let [_, _, _, _, high @ ..] = multiplied(u64::from_le_bytes(run)).to_le_bytes();
    u32::from_le_bytes(high)
}

/// Multiplicative hashing: the upper half of the product depends on every bit.
fn multiplied(octets: u64) -> u64 {
    octets.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests;
