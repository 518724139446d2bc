use super::*;
use alloc::string::{String, ToString};
use alloc::{format, vec};

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth1_core::percent_encode;
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
fn percent_encoded_parts_are_hidden_and_no_others() {
    let mut mask = Mask::default();
    mask.add(SECRET);
    let percent = |octet: u8| format!("%{octet:02X}");
    for every in (1..SECRET.len()).step_by(STEP) {
        let spelled: String = SECRET
            .bytes()
            .enumerate()
            .map(|(at, octet)| match at % every {
                0 => percent(octet),
                _ => char::from(octet).to_string(),
            })
            .collect();
        for lead in 0..9 {
            let text = format!("{}{spelled} 100%", "(".repeat(lead));
            let shown = format!("{}{} 100%", "(".repeat(lead), "x".repeat(spelled.len()));
            assert_eq!(mask.hide(text.as_bytes()), shown.as_bytes());
        }
    }
    let short: String = SECRET.bytes().take(LONG - 1).map(percent).collect();
    // It may be one: it is looked at more closely.
    assert!(mask.may_hide(short.as_bytes()) && !mask.may_hide(b"100%25 of what there is, %zz%4"));
    for innocent in [&short, "100%25 of what there is, %zz%4", "%79%61%32%39.a name of a mailbox%"]
    {
        assert!(matches!(mask.hide(innocent.as_bytes()), Cow::Borrowed(_)), "{innocent}");
    }
}

/// Modified UTF-7 by the rules of RFC 3501 5.1.3.
fn modified_utf7(name: &str, is_shifted: fn(char) -> bool) -> String {
    let chars: Vec<char> = name.chars().collect();
    let stretches = chars.chunk_by(|one, two| is_shifted(*one) == is_shifted(*two)).map(|chars| {
        let text: String = chars.iter().collect();
        if !is_shifted(chars[0]) {
            return text.replace('&', "&-");
        }
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        format!("&{}-", STANDARD.encode(units).trim_end_matches('=').replace('/', ","))
    });
    stretches.collect()
}

#[test]
fn parts_are_hidden_in_names_in_modified_utf7() {
    let secrets = [
        "horse&cart&wheel&axle&road",
        "Пароль-очень-секретный",
        "пароль&секретный",
        "pässwörd 日本語 \u{1f4e7}!",
    ];
    for secret in secrets.into_iter().step_by(STEP) {
        let mut mask = Mask::default();
        mask.add(secret);
        for is_shifted in [|c| !matches!(c, ' '..='~'), |c| c == '&' || !matches!(c, ' '..='~')] {
            let alone = modified_utf7(secret, is_shifted);
            for lead in ["", "a/", "ü", "üé", "a/üéö"] {
                for tail in ["", "/a", "ü"] {
                    let name = modified_utf7(&format!("{lead}{secret}{tail}"), is_shifted);
                    let hidden = mask.hide(name.as_bytes());
                    // A digit at each end may have bits of its neighbour; what begins and ends the base64 may be none of ours.
                    let hidden = hidden.iter().filter(|octet| **octet == FILLER).count();
                    assert!(hidden + 5 >= alone.len(), "{name}: {hidden} of {alone}");
                }
            }
        }
        let innocent = modified_utf7("Gelöschte Objekte & Entwürfe/日本", |c| !c.is_ascii());
        assert!(!mask.may_hide(innocent.as_bytes()), "{innocent}");
    }
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
    for escapes in ["\\", "%", ""]
        .into_iter()
        .filter(|sign| sign.is_empty() || octets.contains(&sign.as_bytes()[0]))
    {
        // Where each octet begins and ends, and what it is.
        let mut spans: Vec<(usize, usize)> = Vec::new();
        let mut seen: Vec<u8> = Vec::new();
        let mut at = 0;
        while at < hidden.len() {
            let is_quoted = hidden[..at].contains(&b'"');
            let digits = hidden.get(at + 1..at + 3).and_then(|two| core::str::from_utf8(two).ok());
            let digits = digits.filter(|two| two.bytes().all(|octet| octet.is_ascii_hexdigit()));
            let (octet, length) = match (escapes, hidden[at], digits, hidden.get(at + 1)) {
                ("\\", b'\\', _, Some(next)) if is_quoted => (*next, 2),
                ("%", b'%', Some(two), _) => (u8::from_str_radix(two, 16).unwrap(), 3),
                (_, octet, ..) => (octet, 1),
            };
            spans.push((at, at + length - 1));
            seen.push(fold(octet));
            at += length;
        }
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
        pieces in prop::collection::vec((0..40_usize, 0..40_usize, 0..5_u8, "[a\\\\\" -]{0,3}"), 0..8),
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
                3 => secret.bytes().map(|octet| format!("%{octet:02x}")).collect(),
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
    // Eight octets, each as `\u0041`.
    assert_eq!(mask.apply(&text).len(), LIMIT - 48);
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

/// Ways to write a text in which some of its characters are escaped.
fn spellings(text: &str) -> Vec<String> {
    let written = |escaped: &dyn Fn(usize) -> bool, escape: &dyn Fn(char) -> String| {
        let written = text.chars().enumerate().map(|(at, c)| match escaped(at) {
            true => escape(c),
            false if matches!(c, '%' | '"' | '\\') => escape(c),
            false => c.to_string(),
        });
        written.collect::<String>()
    };
    let percent = |c: char| {
        let octets = c.to_string().into_bytes();
        octets.iter().map(|octet| format!("%{octet:02x}")).collect()
    };
    let unit = |c: char| -> String {
        c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}")).collect()
    };
    let all: [&dyn Fn(usize) -> bool; 4] =
        [&|_| true, &|at| at % 2 == 0, &|at| at % 7 == 3, &|_| false];
    let forms = all.iter().flat_map(|escaped| {
        [
            written(escaped, &percent),
            written(escaped, &|c| percent(c).to_uppercase()),
            written(escaped, &unit),
            written(escaped, &|c| format!("\\{c}")),
        ]
    });
    forms.collect()
}

#[test]
fn secret_is_masked_however_its_characters_are_escaped() {
    for secret in
        [SECRET, "horse&cart", "Tr0ub\"4dor\\&3x\"Qz9", "100% \u{fc} \u{1f4e7}", "a%41", "пароль"]
    {
        for form in spellings(secret).into_iter().step_by(STEP) {
            assert_eq!(masked(&[secret], &format!("<{form}>")), "<[secret]>", "{secret} {form}");
        }
    }
    let form = "correct+horse%2Bbattery";
    assert_eq!(masked(&["correct horse+battery"], form), "[secret]");
    for innocent in ["100%", "%", "%4", "%zz %+1", "\\", "\\u12", "\\u00zz", "\\ud83d\\u0041 a"] {
        assert_eq!(masked(&[SECRET], innocent), innocent);
    }
}

#[test]
#[cfg_attr(miri, ignore = "so much takes hours")]
fn escaped_secret_is_masked_wherever_it_lies_in_a_long_text() {
    let mut mask = Mask::default();
    mask.add(SECRET);
    let escaped: String = SECRET.bytes().map(|octet| format!("\\u{octet:04x}")).collect();
    for start in (MANY - 48..MANY + 3).step_by(STEP) {
        let text = format!("{}{escaped}{}", "x".repeat(start), "y".repeat(MANY));
        let expected = text.replace(&escaped, "[secret]");
        assert_eq!(mask.apply_whole(text.as_bytes()), expected.as_bytes(), "{start}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "so much takes hours")]
fn a_word_is_told_from_a_part_of_one_where_a_piece_of_a_text_ends() {
    let mut mask = Mask::default();
    mask.add("token");
    for start in (MANY - 48..MANY + 48).step_by(STEP) {
        let lead = format!("%20{}", ".".repeat(start));
        let text = format!("{lead}invalid_token to%6ben a_to%6ben{lead}");
        let expected = text.replacen(" to%6ben", " [secret]", 1);
        assert_eq!(mask.apply_whole(text.as_bytes()), expected.as_bytes(), "{start}");
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
#[cfg_attr(miri, ignore = "so much takes hours")]
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
fn what_is_set_beside_is_masked_until_something_else_is() {
    let mask = |secrets: &[&str]| {
        let mut mask = Mask::default();
        secrets.iter().for_each(|secret| mask.add(secret));
        mask
    };
    let (first, second) = ("ya29.a0AfH6SMBxT0k3", "EwBYA8l6BAAURSN/FHl");
    let text = format!("{first} {second} {SECRET} abc");
    let shown = |mask: &Mask| String::from_utf8(mask.apply(text.as_bytes()).into_owned()).unwrap();
    let mut own = mask(&[SECRET]);
    own.set_beside(mask(&[first, "abc"]));
    assert_eq!(shown(&own), format!("[secret] {second} [secret] [secret]"));
    assert_eq!(shown(&own.without_short()), format!("[secret] {second} [secret] abc"));
    assert!(own.may_hide(first.as_bytes()) && !own.may_hide(second.as_bytes()));
    own.set_beside(Arc::new(mask(&[second])));
    assert_eq!(shown(&own), format!("{first} [secret] [secret] abc"));
    let mut all = mask(&[]);
    assert!(all.is_empty());
    all.set_beside(Mask::default());
    assert!(all.is_empty() && !all.may_hide(second.as_bytes()));
    all.set_beside(mask(&["abc"]));
    assert!(!all.is_empty() && !all.may_hide(second.as_bytes()));
    assert_eq!(shown(&all), format!("{first} {second} {SECRET} [secret]"));
    all.merge(own);
    all.set_beside(Mask::default());
    assert_eq!(shown(&all), format!("{first} [secret] [secret] abc"));
}

#[test]
fn only_the_beginning_of_a_long_text_is_looked_at_and_shown() {
    for cut in (0..CUT + SECRET.len()).step_by(STEP) {
        let text = format!("{}{SECRET}{}", ".".repeat(LIMIT - cut), " tail".repeat(CUT));
        let shown = masked(&[SECRET], &text);
        let before = ".".repeat(LIMIT - cut.max(CUT));
        // What begins behind the last octet that is shown is left out with it.
        let expected = if cut > CUT { format!("{before}[secret]") } else { before };
        assert_eq!(shown.get(..expected.len().min(shown.len())), Some(&*expected), "{cut}");
        assert!(shown.len() <= LIMIT && !shown.contains("ya29"), "{cut}");
        assert!(cut > CUT || shown == expected, "{cut}");
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
