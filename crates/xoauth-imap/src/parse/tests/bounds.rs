//! What a response may cost, and octets of any kind.

use std::thread;

use proptest::prelude::*;

use super::*;

/// Under miri each octet costs what a thousand do without it.
const MANY: usize = if cfg!(miri) { 1_000 } else { 100_000 };

#[test]
fn nesting_is_bounded_and_needs_no_stack() {
    let small = thread::Builder::new().stack_size(128 * 1024).spawn(|| {
        let open = [&b"* 1 FETCH (BODYSTRUCTURE "[..], &[b'('; MANY], b"\r\n"].concat();
        assert!(owned(&open, &[]).unwrap_err().is_depth());
        let open = [&b"* 1 FETCH (X "[..], &[b'('; MANY], b"\r\n"].concat();
        assert!(owned(&open, &[]).unwrap_err().is_depth());

        // Closed, it spoils only its item.
        let closed =
            [&b"* 1 FETCH (BODYSTRUCTURE "[..], &[b'('; MANY], &[b')'; MANY], b" UID 5)\r\n"];
        let Event::Fetch(message) = owned(&closed.concat(), &[]).unwrap() else { panic!() };
        assert!(message.invalid[0].error.is_depth());
        assert_eq!(message.uid.unwrap().get(), 5);

        let flat = [&b"* LIST "[..], &[b'('; MANY], b"\r\n"].concat();
        assert!(matches!(owned(&flat, &[]), Ok(Event::Other { .. })));
    });
    small.unwrap().join().unwrap();
}

#[test]
#[cfg_attr(miri, ignore = "a hundred levels take many minutes")]
fn a_hundred_levels_are_read_and_one_more_is_not() {
    let nested = |levels: usize| {
        let mut body = "(".repeat(levels - 1);
        body.push_str("(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 1 1)");
        body.push_str(&" \"MIXED\")".repeat(levels - 1));
        structure(body.as_bytes())
    };
    assert_eq!(nested(100).len(), 100);
    assert_eq!(nested(101).len(), 1);
    assert!(nested(101)[0].contains("100 deep"), "{:?}", nested(101));
}

#[test]
#[cfg_attr(miri, ignore = "the limits themselves are far: it takes an hour")]
fn what_grows_in_memory_is_bounded() {
    let part = "(\"a\" \"b\" NIL NIL NIL \"7BIT\" 1)";
    let many = |count: usize| structure(format!("({} \"MIXED\")", part.repeat(count)).as_bytes());
    assert_eq!(many(9_999).len(), 10_000);
    assert!(many(10_000)[0].contains("at most 10000 body parts"));

    let flags = |count: usize| format!("* 1 FETCH (FLAGS ({}))\r\n", "a ".repeat(count));
    assert_eq!(message(flags(10_000).as_bytes()).invalid, []);
    assert_eq!(message(flags(10_001).as_bytes()).invalid.len(), 1);

    let items = |count: usize| format!("* 1 FETCH ({}UID 5)\r\n", "X 1 ".repeat(count));
    assert_eq!(message(items(1_000).as_bytes()).invalid, []);
    assert_eq!(message(items(1_002).as_bytes()).invalid.len(), 1);

    let mut tolerated = Tolerated::default();
    for _ in 0..1_000 {
        let input = Input { bytes: b"*  1 EXISTS\r\n", literals: &[] };
        parse_response(input, &mut tolerated).unwrap();
    }
    assert_eq!((tolerated.count(), tolerated.iter().count()), (1_000, 32));
}

#[test]
fn many_literals_cost_linear_time() {
    let count = MANY;
    let text = [&b"* 1 FETCH (X ("[..], &b"{0}\r\n ".repeat(count), b"))\r\n"].concat();
    assert_eq!(message(&text).others.len(), 1);
    // The same, streamed away.
    let literals: Vec<_> =
        (0..count).map(|n| StreamedLiteral { at: 14 + n * 6 + 5, len: 0, index: 0 }).collect();
    let Event::Fetch(message) = owned(&text, &literals).unwrap() else { panic!() };
    assert_eq!(message.others.len(), 1);
}

/// Pieces that responses are made of, so that random ones get beyond the first octets.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let words: &[&[u8]] = &[
        b"* ",
        b"1 ",
        b"FETCH ",
        b"(",
        b")",
        b" ",
        b"\"",
        b"\\",
        b"{3}\r\n",
        b"{0}\r\n",
        b"NIL",
        b"\r\n",
        b"BODYSTRUCTURE ",
        b"ENVELOPE ",
        b"FLAGS ",
        b"BODY[",
        b"]",
        b"<0>",
        b"UID ",
        b"\"TEXT\" ",
        b"\"MESSAGE\" \"RFC822\" NIL NIL NIL NIL 1 ",
        b"LIST ",
        b"STATUS ",
        b"SEARCH ",
        b"ESEARCH ",
        b"OK ",
        b"[",
        b"COPYUID 1 2 3",
        b"7:9,1",
        b"a",
        b"\xff",
        b"\0",
        b"99999999999999999999",
        b"-1",
        b"1e9 ",
    ];
    prop_oneof![
        4 => prop::sample::select(words).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ]
}

proptest! {
    #[test]
    fn no_octets_panic(bytes: Vec<u8>) {
        let _ = owned(&bytes, &[]);
    }

    #[test]
    fn no_pieces_panic(
        pieces in prop::collection::vec(piece(), 0..60),
        places in prop::collection::vec((0usize..200, any::<u64>()), 0..4),
    ) {
        let bytes = pieces.concat();
        let mut places = places;
        places.sort_unstable();
        let literals: Vec<_> = places
            .iter()
            .map(|&(at, len)| StreamedLiteral { at, len, index: 0 })
            .collect();
        let _ = owned(&bytes, &literals);
        let _ = owned(&[&b"* 1 FETCH (BODYSTRUCTURE ("[..], &bytes].concat(), &literals);
        let _ = owned(&[&b"* 1 FETCH (ENVELOPE ("[..], &bytes].concat(), &literals);
        let _ = announced_section(&bytes, &bytes, 5);
    }

    /// A string means the same in each of its three forms.
    #[test]
    fn strings_come_back(octets in prop::collection::vec(any::<u8>(), 0..40)) {
        let literal = [format!("{{{}}}\r\n", octets.len()).as_bytes(), &octets].concat();
        let text = [&b"* 1 FETCH (BODY[] "[..], &literal, b" UID 5)\r\n"].concat();
        let message = message(&text);
        prop_assert_eq!(message.body(), Some(&octets[..]));
        if !octets.iter().any(|octet| matches!(octet, b'\r' | b'\n')) {
            let mut quoted = Vec::from(*b"\"");
            for &octet in &octets {
                if matches!(octet, b'"' | b'\\') {
                    quoted.push(b'\\');
                }
                quoted.push(octet);
            }
            quoted.push(b'"');
            let text = [&b"* 1 FETCH (BODY[] "[..], &quoted, b" UID 5)\r\n"].concat();
            let message = self::message(&text);
            prop_assert_eq!(message.body(), Some(&octets[..]));
        }
    }
}
