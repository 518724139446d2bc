use super::*;
use alloc::string::{String, ToString};
use alloc::{format, vec};

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

/// With characters of both alphabets of base64, as tokens of Google begin with `1//` and go on in the other.
const SECRET: &str = "ya29.vF9/dft4-mT_2Nvb3Rl=cg+";
/// The length of a text that is as long as what is looked at of texts for people, or longer.
const MANY: usize = LIMIT;

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
    // A part one octet shorter stays beside one that is hidden.
    let (part, long) = SECRET.split_at(LONG - 1);
    let text = format!("{SECRET} {part} {long}");
    let shown = format!("{} {part} {long}", "x".repeat(SECRET.len()));
    assert_eq!(mask.hide(text.as_bytes()), shown.as_bytes());
    let text = format!("{SECRET} {SECRET}");
    assert!(matches!(Mask::default().hide(text.as_bytes()), Cow::Borrowed(_)));
    let shown = format!("{0} {0}", "x".repeat(SECRET.len()));
    assert_eq!(mask.hide(text.as_bytes()), shown.as_bytes());
}

#[test]
fn parts_are_hidden_behind_backslashes_and_the_backslashes_too() {
    let mut mask = Mask::default();
    mask.add(SECRET);
    mask.add("a \"quoted\" \\ password");
    for every in 1..=SECRET.len() {
        let pieces: Vec<_> = SECRET.as_bytes().chunks(every).map(<[u8]>::escape_ascii).collect();
        let escaped: String = pieces.iter().map(|piece| format!("\\{piece}")).collect();
        for lead in 0..9 {
            let lead = "(".repeat(lead);
            let text = format!("{lead}\"{escaped}\")");
            let shown = format!("{lead}\"{}\")", "x".repeat(escaped.len()));
            assert_eq!(mask.hide(text.as_bytes()), shown.as_bytes());
        }
    }
    let quoted = br#" "a \"quoted\" \\ password""#;
    assert_eq!(&*mask.hide(quoted), br#" "xxxxxxxxxxxxxxxxxxxxxxxx""#);
    let innocent = br#"(\Seen \Answered) "/" "a \\ b \" c" \"#;
    assert!(matches!(mask.hide(innocent), Cow::Borrowed(_)));
}

#[test]
fn what_needs_no_closer_look_is_told() {
    let mut mask = Mask::default();
    mask.add(SECRET);
    let innocent = [
        SECRET.get(..LONG - 1).unwrap(),
        "a name of a mailbox, a long one",
        r#"* LIST (\HasNoChildren) "/" "a \\ name \" of a mailbox""#,
        r#"* LIST () "/" "a name of a mailbox\""#,
        // A run that ends with a backslash, and not in quotes.
        r#"(ya29.vF9\) "/" "a \\ name""#,
    ];
    for text in innocent {
        assert!(!mask.may_hide(text.as_bytes()), "{text}");
        assert!(!Mask::default().may_hide(text.as_bytes()), "{text}");
    }
    // The only backslashes end their pieces.
    mask.add("abcefgijkmnoqrsuvwyz");
    assert!(mask.may_hide(br#""abcefg\ijkmnoq\rsuvwyz""#));
    // A backslash that hides nothing stands in front of a part that is as it is.
    mask.add("_+a_///-+_/aa/+aa+");
    let text = br#"\"_+a_///-+_/aa/+a"#;
    assert_eq!(&*mask.hide(text), br#"\"xxxxxxxxxxxxxxxx"#);
    assert!(mask.may_hide(SECRET.as_bytes()) && !Mask::default().may_hide(SECRET.as_bytes()));
}

/// What is hidden, found the slow way: every run is looked up.
fn hidden_slowly(mask: &Mask, octets: &[u8]) -> Vec<u8> {
    let mut hidden = octets.to_vec();
    for with_escapes in [true, false] {
        let mut spans: Vec<(usize, usize)> = Vec::new();
        let mut start = 0;
        let (mut is_quoted, mut is_escape) = (false, false);
        for (at, &octet) in hidden.iter().enumerate() {
            is_escape = with_escapes && is_quoted && octet == b'\\' && !is_escape;
            is_quoted |= octet == b'"';
            if !is_escape {
                spans.push((start, at));
                start = at + 1;
            }
        }
        let seen: Vec<u8> = spans.iter().map(|&(_, at)| fold(hidden[at])).collect();
        let is_run = |run: &[u8]| {
            mask.runs.binary_search(&run_hash(<[u8; RUN]>::try_from(run).unwrap())).is_ok()
        };
        for (part, octets) in spans.windows(LONG).zip(seen.windows(LONG)) {
            if octets.windows(RUN).all(is_run) {
                hidden[part[0].0..=part[LONG - 1].1].fill(FILLER);
            }
        }
    }
    hidden
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 2000 }))]

    #[test]
    fn what_is_hidden_is_what_a_slow_search_finds(
        secret in "[ab+/_-]{8,40}",
        pieces in prop::collection::vec((0..40_usize, 0..40_usize, 0..4_u8, "[a\\\\\" -]{0,3}"), 0..8),
    ) {
        let mut mask = Mask::default();
        mask.add(&secret);
        let encoded = STANDARD.encode(&secret);
        let mut text = String::new();
        for (from, len, form, between) in pieces {
            let form = match form {
                0 => secret.clone(),
                1 => secret.to_uppercase().replace('-', "+").replace('/', "_"),
                2 => encoded.clone(),
                _ => secret.chars().flat_map(|c| ['\\', c]).collect(),
            };
            let from = from.min(form.len());
            text.push_str(form.get(from..form.len().min(from + len)).unwrap());
            text.push_str(&between);
        }
        let hidden = mask.hide(text.as_bytes());
        prop_assert_eq!(&*hidden, &*hidden_slowly(&mask, text.as_bytes()), "{}", text);
    }
}

#[test]
#[cfg_attr(miri, ignore = "so much takes hours")]
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
    for lead in (0..9).step_by(STEP.min(4)) {
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
        for start in (MANY - secret.len() - 3..=MANY + 3).step_by(STEP) {
            let text = format!("{} {secret} {}", "x".repeat(start), "y".repeat(MANY));
            let shown = mask.apply_whole(text.as_bytes());
            let expected = text.replace(secret, "[secret]");
            assert_eq!(shown, expected.as_bytes(), "{secret} at {start}");
        }
    }
    let innocent = "x".repeat(3 * MANY);
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
        ("dft4-mT_ and 3Rl=cg+", "[secret] and 3Rl=cg+"),
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
        let before = ".".repeat(LIMIT - cut.max(RUN));
        // What begins behind the last octet that is shown is left out with it.
        let expected = if cut > RUN { format!("{before}[secret]") } else { before };
        assert_eq!(shown.get(..expected.len().min(shown.len())), Some(&*expected), "{cut}");
        assert!(shown.len() <= LIMIT && !shown.contains("ya29"), "{cut}");
        assert!(cut > RUN || shown == expected, "{cut}");
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
