//! Finding our secrets in what a server sends.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use oauth1_core::percent_encode;
use zeroize::Zeroizing;

/// The secrets of a login, to be kept out of errors, logs and events.
///
/// Servers echo what they were sent: Twisted answers a credential it did not expect with the
/// whole of it. [`apply`](Mask::apply) replaces with `[secret]` every run of at least 8 octets
/// that is part of a secret, in clear, base64 (wherever in the encoded text the secret begins),
/// hexadecimal or percent-encoded form, in letters of either case. A form shorter than that is
/// replaced where all of it stands as a word of its own: `token` in `bad token`, not in
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
}

/// The shortest part of a secret that is masked: fewer octets are found in innocent text.
const RUN: usize = 8;

/// The shortest part that is hidden in what is no text for people: names there may be words of ours.
const LONG: usize = 2 * RUN;

/// What stands in its place: an atom of IMAP can hold it, and so can a quoted string.
const FILLER: u8 = b'x';

/// How many bits of a hash a glance takes.
const GLANCE: u32 = 15;

/// How many octets are looked at. What an error or event keeps of a text is far shorter.
const LIMIT: usize = 4096;

/// How many of them at a time.
const PIECE: usize = 4096;

const REPLACEMENT: &[u8] = b"[secret]";

impl Mask {
    /// Masks a secret from now on. An empty one is none.
    pub fn add(&mut self, secret: &str) {
        let octets = secret.as_bytes();
        // Clear, percent-encoded, hexadecimal, and base64 three times over.
        let mut forms = Forms::with_capacity(10 * octets.len() + 12);
        forms.add(octets);
        if let Cow::Owned(encoded) = percent_encode(secret) {
            forms.add(Zeroizing::new(encoded).as_bytes());
        }
        let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble };
        let mut hex = Zeroizing::new(Vec::with_capacity(2 * octets.len()));
        hex.extend(octets.iter().flat_map(|&octet| [digit(octet >> 4), digit(octet & 15)]));
        forms.add(&hex);
        for lead in 0..3 {
            forms.add_base64(octets, lead);
        }
        self.add_forms(forms);
    }

    /// Masks what `other` masks.
    pub fn merge(&mut self, other: Self) {
        self.add_forms(Forms { runs: other.runs, glances: other.glances, short: other.short });
    }

    /// Masks the base64 form of a whole text only: what is no secret in it stays readable.
    pub(crate) fn add_encoded(&mut self, text: &str) {
        let mut forms = Forms::with_capacity(4 * text.len().div_ceil(3));
        forms.add_base64(text.as_bytes(), 0);
        self.add_forms(forms);
    }

    /// Whether it masks nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.short.is_empty()
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
        let shown = if seen.len() < text.len() { seen.len() - RUN } else { seen.len() };
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
    /// values of, where another length would change its meaning: names, flags, capabilities.
    #[must_use]
    pub fn hide<'a>(&self, octets: &'a [u8]) -> Cow<'a, [u8]> {
        // A part that long holds a whole run that begins where a piece does.
        let seems_ours = |piece: &[u8]| {
            let run = <[u8; RUN]>::try_from(piece).unwrap_or_default();
            self.glances.may_have(run) && self.has_run(run_hash(run.map(fold)))
        };
        if self.runs.is_empty() || !octets.chunks_exact(RUN).any(seems_ours) {
            return Cow::Borrowed(octets);
        }
        let mut ours = alloc::vec![false; octets.len()];
        self.mark_runs(&folded(octets), &mut ours);
        let mut hidden = Cow::Borrowed(octets);
        let mut start = 0;
        for part in ours.chunk_by(|one, next| one == next) {
            let end = start + part.len();
            if part.first() == Some(&true) && part.len() >= LONG {
                mark(hidden.to_mut(), start, part.len(), FILLER);
            }
            start = end;
        }
        hidden
    }

    /// The first `shown` octets of `text`, looked at in pieces, each with what its neighbours begin and end.
    fn replaced<'a>(&self, text: &'a [u8], shown: usize) -> Cow<'a, [u8]> {
        let mut masked = None;
        let mut inside = false;
        for start in (0..shown).step_by(PIECE) {
            let end = shown.min(start + PIECE);
            let context = start.saturating_sub(RUN);
            let seen = text.get(context..text.len().min(end + RUN)).unwrap_or_default();
            let secret = self.marks(seen);
            let hidden = secret.get(start - context..end - context).unwrap_or_default();
            if masked.is_none() && !hidden.contains(&true) {
                continue;
            }
            let masked = masked.get_or_insert_with(|| {
                let mut masked = Vec::with_capacity(shown);
                masked.extend_from_slice(text.get(..start).unwrap_or_default());
                masked
            });
            for (&octet, &hidden) in text.get(start..end).unwrap_or_default().iter().zip(hidden) {
                if !hidden {
                    masked.push(octet);
                } else if !inside {
                    masked.extend_from_slice(REPLACEMENT);
                }
                inside = hidden;
            }
        }
        masked.map_or_else(|| Cow::Borrowed(text.get(..shown).unwrap_or(text)), Cow::Owned)
    }

    /// Which of some octets are part of a secret.
    fn marks(&self, seen: &[u8]) -> Vec<bool> {
        let folded = folded(seen);
        let mut secret = alloc::vec![false; seen.len()];
        self.mark_runs(&folded, &mut secret);
        self.mark_short(&folded, &mut secret);
        secret
    }

    fn mark_runs(&self, folded: &[u8], secret: &mut [bool]) {
        for (start, run) in run_hashes(folded).enumerate() {
            if self.has_run(run) {
                mark(secret, start, RUN, true);
            }
        }
    }

    fn has_run(&self, run: u32) -> bool {
        self.runs.binary_search(&run).is_ok()
    }

    fn mark_short(&self, folded: &[u8], secret: &mut [bool]) {
        let in_word = |at: Option<usize>| {
            let octet = at.and_then(|at| folded.get(at));
            octet.is_some_and(|&o| o.is_ascii_alphanumeric() || matches!(o, b'-' | b'_'))
        };
        for form in &self.short {
            for (start, part) in folded.windows(form.len()).enumerate() {
                let (before, behind) = (start.checked_sub(1), start.checked_add(form.len()));
                if part == form.as_slice() && !in_word(before) && !in_word(behind) {
                    mark(secret, start, form.len(), true);
                }
            }
        }
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
    // Multiplicative hashing: the upper half of the product depends on every bit.
    let product = u64::from_le_bytes(run).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let [_, _, _, _, high @ ..] = product.to_le_bytes();
    u32::from_le_bytes(high)
}

/// A set of bits: a run that was added has its bit, and few others do. A glance takes a fraction of the time that it takes
/// to fold a run and look it up.
#[derive(Clone, Default)]
struct Glances(Zeroizing<Vec<u64>>);

impl Glances {
    /// Adds every run of a folded form, in either alphabet of base64.
    fn add(&mut self, folded: &[u8]) {
        self.0.resize(1 << (GLANCE - u64::BITS.ilog2()), 0);
        let other = |octet| match octet {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        };
        for run in folded.windows(RUN) {
            let run = <[u8; RUN]>::try_from(run).unwrap_or_default();
            for run in [run, run.map(other)] {
                let (word, bit) = Self::place(run);
                if let Some(word) = self.0.get_mut(word) {
                    *word |= bit;
                }
            }
        }
    }

    fn merge(&mut self, other: Self) {
        if self.0.is_empty() {
            *self = other;
        } else {
            self.0.iter_mut().zip(other.0.iter()).for_each(|(word, other)| *word |= other);
        }
    }

    fn may_have(&self, run: [u8; RUN]) -> bool {
        let (word, bit) = Self::place(run);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    /// The word and the bit for a run; letters of either case have the same.
    fn place(run: [u8; RUN]) -> (usize, u64) {
        let lower = u64::from_le_bytes(run) | 0x2020_2020_2020_2020;
        let hash = lower.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - GLANCE);
        ((hash >> 6) as usize, 1 << (hash & 63))
    }
}

fn mark<T: Clone>(octets: &mut [T], start: usize, length: usize, value: T) {
    if let Some(run) = octets.get_mut(start..start + length) {
        run.fill(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use alloc::{format, vec};

    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    const SECRET: &str = "ya29.vF9/dft4qmTc2Nvb3Rl=cg+";

    /// Under miri each place costs seconds.
    const STEP: usize = if cfg!(miri) { 17 } else { 1 };

    fn masked(secrets: &[&str], text: &str) -> String {
        let mut mask = Mask::default();
        secrets.iter().for_each(|secret| mask.add(secret));
        String::from_utf8(mask.apply(text.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn default_masks_nothing() {
        let mask = Mask::default();
        assert!(mask.is_empty());
        let long = vec![b'a'; 10_000];
        assert!(matches!(mask.apply(&long), Cow::Borrowed(text) if text == long));
        assert_eq!(masked(&[""], "a text"), "a text");
    }

    #[test]
    fn long_parts_are_hidden_in_place_wherever_they_lie_and_no_others() {
        let mut mask = Mask::default();
        mask.add(SECRET);
        mask.add("anonymous");
        let hex: String = SECRET.bytes().map(|octet| format!("{octet:02X}")).collect();
        let bits = "aa?aa>".repeat(6);
        mask.add(&bits);
        let (standard, url) = (STANDARD.encode(&bits), URL_SAFE_NO_PAD.encode(&bits));
        assert!(standard.contains(['+', '/']) && url.contains(['-', '_']), "{standard}");
        let encoded = STANDARD.encode(SECRET);
        for form in [SECRET, &SECRET.to_uppercase(), &encoded, &hex, &standard, &url] {
            for lead in 0..9 {
                for length in [LONG, form.len()] {
                    let text = format!("{}{}) \"", "(".repeat(lead), form.get(..length).unwrap());
                    let shown = format!("{}{}) \"", "(".repeat(lead), "x".repeat(length));
                    assert_eq!(mask.hide(text.as_bytes()), shown.as_bytes(), "{text}");
                }
            }
        }
        for innocent in
            [SECRET.get(..LONG - 1).unwrap(), "anonymous", "a name of a mailbox, a long one", ""]
        {
            let hidden = mask.hide(innocent.as_bytes());
            assert!(matches!(hidden, Cow::Borrowed(text) if text == innocent.as_bytes()));
        }
        let text = format!("{SECRET} {SECRET}");
        assert!(matches!(Mask::default().hide(text.as_bytes()), Cow::Borrowed(_)));
        let shown = format!("{0} {0}", "x".repeat(SECRET.len()));
        assert_eq!(mask.hide(text.as_bytes()), shown.as_bytes());
    }

    #[test]
    fn the_end_of_a_long_text_is_left_out_and_no_more() {
        let mut mask = Mask::default();
        mask.add(SECRET);
        let text = vec![b'x'; LIMIT + 1];
        assert!(!mask.leaves_out(&text[..LIMIT]) && mask.leaves_out(&text));
        assert!(!Mask::default().leaves_out(&text));
        assert_eq!(mask.apply(&text[..LIMIT]).len(), LIMIT);
        assert_eq!(mask.apply(&text).len(), LIMIT - RUN);
    }

    #[test]
    fn secret_is_masked_in_every_form() {
        let encoded = percent_encode(SECRET).into_owned();
        let hex: String = SECRET.bytes().map(|octet| format!("{octet:02x}")).collect();
        let forms = [
            SECRET.to_string(),
            SECRET.to_uppercase(),
            encoded.clone(),
            encoded.to_lowercase(),
            hex.to_uppercase(),
            hex,
            STANDARD.encode(SECRET),
            URL_SAFE_NO_PAD.encode(SECRET),
        ];
        for form in forms {
            let shown = masked(&[SECRET], &format!("BAD <{form}> what"));
            assert_eq!(shown, "BAD <[secret]> what", "{form}");
        }
    }

    #[test]
    fn base64_is_masked_wherever_the_secret_begins_in_it() {
        for lead in 0..9 {
            for tail in 0..3 {
                let text = format!("{}{SECRET}{}", "<".repeat(lead), ">".repeat(tail));
                let shown = masked(&[SECRET], &STANDARD.encode(text));
                let (front, behind) = shown.split_once("[secret]").unwrap();
                // What is left holds the neighbours, and at most one octet of ours at each end.
                assert!(front.len() <= (lead * 8).div_ceil(6), "{shown}");
                assert!(behind.len() <= 6, "{shown}");
            }
        }
    }

    #[test]
    fn secret_is_masked_wherever_it_lies_in_a_long_text() {
        let mut mask = Mask::default();
        for secret in [SECRET, "word"] {
            mask.add(secret);
            for start in (PIECE - secret.len() - 3..=PIECE + 3).step_by(STEP) {
                let text = format!("{} {secret} {}", "x".repeat(start), "y".repeat(PIECE));
                let shown = mask.apply_whole(text.as_bytes());
                let expected = text.replace(secret, "[secret]");
                assert_eq!(shown, expected.as_bytes(), "{secret} at {start}");
            }
        }
        let innocent = "x".repeat(3 * PIECE);
        assert!(
            matches!(mask.apply_whole(innocent.as_bytes()), Cow::Borrowed(text) if text == innocent.as_bytes())
        );
        let only_secret = SECRET.repeat(1000);
        assert_eq!(mask.apply_whole(only_secret.as_bytes()), b"[secret]".as_slice());
    }

    #[test]
    fn parts_of_a_secret_are_masked_from_eight_octets_on() {
        let cases = [
            ("NO ya29.vF9 again", "NO [secret] again"),
            ("NO ya29.vF again", "NO ya29.vF again"),
            ("dft4qmTc and 3Rl=cg+", "[secret] and 3Rl=cg+"),
            ("ya29.vF9 ya29.vF9/", "[secret] [secret]"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(masked(&[SECRET], text), expected);
        }
    }

    #[test]
    fn short_secrets_are_masked_as_words() {
        let cases = [
            ("key", "bad key", "bad [secret]"),
            ("key", "bad 'KEY'.", "bad '[secret]'."),
            ("key", "keyword hot-key key_1", "keyword hot-key key_1"),
            ("token", "invalid_token", "invalid_token"),
            ("token", "dG9rZW4= 746f6b656e", "[secret] [secret]"),
            ("s", "s's", "[secret]'[secret]"),
            ("jo", "6a6f 6:6f", "[secret] 6:6f"),
            ("ü", "<%C3%BC>", "<[secret]>"),
        ];
        for (secret, text, expected) in cases {
            assert_eq!(masked(&[secret], text), expected);
        }
    }

    #[test]
    fn several_secrets_and_merged_masks_work_together() {
        assert_eq!(masked(&["first-secret", "second-one"], "first-secretsecond-one"), "[secret]");
        let (mut one, mut two) = (Mask::default(), Mask::default());
        one.add("first-secret");
        two.add("second-one");
        two.add("abc");
        one.merge(two);
        assert_eq!(&*one.apply(b"first-secret second-one abc"), b"[secret] [secret] [secret]");
    }

    #[test]
    fn only_the_beginning_of_a_long_text_is_looked_at_and_shown() {
        for cut in (0..SECRET.len()).step_by(STEP) {
            let text = format!("{}{SECRET} tail", ".".repeat(LIMIT - cut));
            let shown = masked(&[SECRET], &text);
            assert!(shown.len() <= LIMIT);
            assert!(!shown.contains("ya29"), "{cut}");
        }
    }

    #[test]
    fn octets_that_are_not_text_pass() {
        let mut mask = Mask::default();
        mask.add(SECRET);
        let text = [&b"\xff\0"[..], SECRET.as_bytes(), b"\xfe"].concat();
        assert_eq!(&*mask.apply(&text), b"\xff\0[secret]\xfe");
        assert_eq!(format!("{mask:?}"), "Mask { .. }");
    }
}
