//! What framing finds does not depend on how octets arrive.

use super::room::{LARGE, LARGEST};
use super::*;
use alloc::string::String;

/// What a stream of octets is framed into: whole responses, and `|`-joined chunks before them.
fn frame(
    octets: &[u8],
    step: usize,
    stream: bool,
    limits: &Limits,
) -> Result<Vec<String>, FramingFault> {
    let mut receive = Receive::new(limits);
    let mut found = Vec::new();
    let mut chunks = String::new();
    for piece in octets.chunks(step) {
        let mut piece = piece;
        while !piece.is_empty() {
            let room = receive.room();
            let n = room.len().min(piece.len());
            room[..n].copy_from_slice(&piece[..n]);
            receive.received(n);
            piece = &piece[n..];
            loop {
                match receive.next(limits)? {
                    Framed::Incomplete => break,
                    Framed::Literal(_) => {
                        let storage = if stream { Storage::Stream } else { Storage::Buffer };
                        receive.accept(storage, limits)?;
                    }
                    Framed::Chunk => {
                        chunks.push_str(core::str::from_utf8(receive.chunk()).unwrap())
                    }
                    Framed::Response => {
                        if !chunks.is_empty() {
                            found.push(core::mem::take(&mut chunks));
                        }
                        let (response, streamed) = receive.response();
                        for literal in streamed {
                            assert!(response[..literal.at].ends_with(b"}\r\n"), "{literal:?}");
                        }
                        found.push(String::from_utf8(response.to_vec()).unwrap());
                        receive.consume();
                    }
                }
            }
        }
    }
    Ok(found)
}

const ANSWER: &[u8] =
    b"* OK ready {5}\r\n* 1 FETCH (UID 5 BODY[] {12}\r\nHello\r\nworld FLAGS ())\r\n\
    * 2 FETCH (BODY[HEADER] {3}\r\nab\n BODY[TEXT] {0}\r\n)\r\n+ go {3}\r\nt1 OK done {7}\r\n";

#[test]
fn framing_does_not_depend_on_how_octets_arrive() {
    let limits = Limits::default();
    let kept: &[&str] = &[
        "* OK ready {5}\r\n",
        "* 1 FETCH (UID 5 BODY[] {12}\r\nHello\r\nworld FLAGS ())\r\n",
        "* 2 FETCH (BODY[HEADER] {3}\r\nab\n BODY[TEXT] {0}\r\n)\r\n",
        "+ go {3}\r\n",
        "t1 OK done {7}\r\n",
    ];
    let streamed: &[&str] = &[
        "* OK ready {5}\r\n",
        "Hello\r\nworld",
        "* 1 FETCH (UID 5 BODY[] {12}\r\n FLAGS ())\r\n",
        "ab\n",
        "* 2 FETCH (BODY[HEADER] {3}\r\n BODY[TEXT] {0}\r\n)\r\n",
        "+ go {3}\r\n",
        "t1 OK done {7}\r\n",
    ];
    for step in 1..=ANSWER.len() {
        assert_eq!(frame(ANSWER, step, false, &limits).unwrap(), kept, "step {step}");
        assert_eq!(frame(ANSWER, step, true, &limits).unwrap(), streamed, "step {step}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "so much takes hours")]
fn a_streamed_literal_does_not_grow_the_buffer() {
    let limits = Limits::default();
    let mut receive = Receive::new(&limits);
    let head = b"* 1 FETCH (BODY[] {10000000}\r\n";
    receive.room()[..head.len()].copy_from_slice(head);
    receive.received(head.len());
    assert_eq!(receive.next(&limits), Ok(Framed::Literal(10_000_000)));
    receive.accept(Storage::Stream, &limits).unwrap();
    let mut lent = 0;
    while lent < 10_000_000 {
        match receive.next(&limits).unwrap() {
            Framed::Incomplete => {
                let n = receive.room().len();
                receive.received(n);
            }
            Framed::Chunk => lent += receive.chunk().len(),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(receive.buffer.len(), limits.read_buffer);
    // What was needed while much came is given back once nothing is under way.
    let rest = receive.room();
    rest[..4].copy_from_slice(b")\r\n*");
    receive.received(3);
    assert_eq!(receive.next(&limits), Ok(Framed::Response));
    receive.consume();
    receive.rest();
    assert_eq!(receive.buffer.len(), SMALL);
    assert!(receive.pending().is_empty() && receive.room().len() >= READ_ROOM);
}

#[test]
#[cfg_attr(miri, ignore = "so much takes hours")]
fn many_streamed_literals_do_not_grow_the_buffer_either() {
    let limits = Limits::default();
    let unit = [&b" BODY[] {1000}\r\n"[..], &[b'x'; 1000]].concat();
    let response = [&b"* 1 FETCH (UID 1"[..], &unit.repeat(2000), b")\r\n"].concat();
    for step in [999, 4096, 100_000] {
        let mut receive = Receive::new(&limits);
        let (mut rest, mut lent, mut complete) = (&response[..], 0, 0);
        while !rest.is_empty() {
            let room = receive.room();
            let n = room.len().min(rest.len()).min(step);
            room[..n].copy_from_slice(&rest[..n]);
            receive.received(n);
            rest = &rest[n..];
            loop {
                match receive.next(&limits).unwrap() {
                    Framed::Incomplete => break,
                    Framed::Literal(_) => receive.accept(Storage::Stream, &limits).unwrap(),
                    Framed::Chunk => lent += receive.chunk().len(),
                    Framed::Response => {
                        let (text, streamed) = receive.response();
                        assert_eq!(text.len(), response.len() - 2_000_000);
                        for (literal, index) in streamed.iter().zip(0..) {
                            assert!(text[..literal.at].ends_with(b"{1000}\r\n"), "{literal:?}");
                            assert_eq!((literal.len, literal.index), (1000, index));
                        }
                        complete += streamed.len();
                        receive.consume();
                    }
                }
            }
        }
        assert_eq!((lent, complete), (2_000_000, 2000));
        assert!(receive.buffer.len() <= 2 * limits.read_buffer, "{}", receive.buffer.len());
    }
}

#[test]
#[cfg_attr(miri, ignore = "so much takes hours")]
fn the_buffer_grows_to_what_the_limits_allow_and_no_further() {
    let most = Limits { response: 1_000_000, buffered_literal: 500_000, ..Limits::default() };
    for limits in [most, Limits::default(), Limits { response: usize::MAX, ..most }] {
        let mut receive = Receive::new(&limits);
        let head = b"* X (";
        receive.room()[..head.len()].copy_from_slice(head);
        receive.received(head.len());
        let mut lengths = alloc::vec![receive.buffer.len()];
        let mut heard = head.len();
        while heard < limits.response.min(20_000_000) {
            let n = receive.room().len().min(limits.response - heard);
            assert!(n > 0);
            if receive.buffer.len() != lengths[lengths.len() - 1] {
                assert!(receive.buffer.starts_with(head));
                lengths.push(receive.buffer.len());
            }
            receive.received(n);
            heard += n;
            assert_eq!(receive.next(&limits), Ok(Framed::Incomplete));
        }
        let allowed = limits.response.saturating_add(limits.buffered_literal);
        assert!(receive.buffer.len() <= allowed.saturating_add(2 * limits.read_buffer));
        // A text needs no room for literals.
        let text = limits.response.saturating_add(2 * limits.read_buffer);
        assert!(receive.buffer.len() <= text.saturating_add(SMALL), "{lengths:?}");
        // What stands beside the new buffer while it moves is small, unless more is allowed than `LARGEST`.
        for pair in lengths.windows(2) {
            assert!(pair[0] <= LARGE || pair[0] >= LARGEST, "{lengths:?}");
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "so much takes hours")]
fn a_long_search_answer_comes_in_pieces() {
    let limits = Limits { response: 2 * PIECE, ..Limits::default() };
    let search = |count: u32, end: &str| {
        let numbers: Vec<_> = (1..=count).map(|n| alloc::format!(" {n}")).collect();
        alloc::format!("* SEARCH{}{end}\r\nt1 OK done\r\n", numbers.concat())
    };
    let text = search(30_000, " (MODSEQ 7)");
    assert!(text.len() > 4 * PIECE);
    let whole = frame(text.as_bytes(), usize::MAX, false, &limits).unwrap();
    for piece in whole.iter().rev().skip(2) {
        assert!(piece.starts_with("* SEARCH ") && (PIECE - 8..=PIECE).contains(&piece.len()));
    }
    assert_eq!(whole.last().unwrap(), "t1 OK done\r\n");
    let numbers = |found: &[String]| found.concat().replace("* SEARCH", "");
    assert_eq!(numbers(&whole), text.replace("* SEARCH", ""));
    for step in [1, 7, 1000, PIECE - 1, PIECE, PIECE + 1] {
        assert_eq!(frame(text.as_bytes(), step, false, &limits).unwrap(), whole, "{step}");
    }
    // Just there.
    let line = |n: usize| alloc::format!("* SEARCH {}\r\n", "1 ".repeat(n));
    let pieces = |line: &str| frame(line.as_bytes(), 100, false, &limits).unwrap().len();
    let most = (PIECE - "* SEARCH \r".len()) / 2;
    assert_eq!((pieces(&line(most)), pieces(&line(most + 1))), (1, 2));
    // What is not numbers alone is no such answer, and held to the limit.
    for text in ["* SEARCH x", "* search", "* SEARCH 1\t", "* SEARCH1", "* SORT"] {
        let text = [text, &" 1".repeat(2 * PIECE)].concat();
        let passed = Err(FramingFault::Limit(LimitKind::Response));
        assert_eq!(frame(text.as_bytes(), 1000, false, &limits), passed);
    }
}

#[test]
fn a_line_feed_alone_ends_no_line() {
    let limits = Limits::default();
    assert_eq!(frame(b"* OK a\n", 1, false, &limits), Err(FramingFault::BareLineFeed));
    assert_eq!(
        frame(b"* LIST () \"/\" a\nb\r\n", 9, false, &limits),
        Err(FramingFault::BareLineFeed)
    );
    // Twisted folds its challenges so.
    assert_eq!(frame(b"+ YQ\n==\r\n", 1, false, &limits).unwrap(), ["+ YQ\n==\r\n"]);
}

#[test]
fn lines_are_bounded_just_there() {
    let limits = Limits { line: 20, response: 30, ..Limits::default() };
    let status = |n: usize| [b"* OK ", "x".repeat(n - 7).as_bytes(), b"\r\n"].concat();
    assert!(frame(&status(20), 1, false, &limits).is_ok());
    assert_eq!(frame(&status(21), 1, false, &limits), Err(FramingFault::Limit(LimitKind::Line)));
    assert_eq!(frame(&status(21), 21, false, &limits), Err(FramingFault::Limit(LimitKind::Line)));
    let data = |n: usize| [b"* XX ", "x".repeat(n - 7).as_bytes(), b"\r\n"].concat();
    assert!(frame(&data(30), 1, false, &limits).is_ok());
    assert_eq!(frame(&data(31), 1, false, &limits), Err(FramingFault::Limit(LimitKind::Response)));
    // Octets of literals are no text.
    let literal = b"* X {25}\r\n0123456789012345678901234\r\n";
    assert!(frame(literal, 1, false, &limits).is_ok());
    assert!(frame(literal, 1, true, &limits).is_ok());
}

#[test]
#[cfg_attr(miri, ignore = "so much takes hours")]
fn long_lines_are_classified_once() {
    let limits = Limits { line: 10, response: 50_000, ..Limits::default() };
    let heads: [&[u8]; 6] = [b"* ", b"*", b"* XX", b"* 1 FETCH (", b"* (", b"* 9"];
    for head in heads {
        for filling in [b'A', b' ', b'9', b'('] {
            let mut receive = Receive::new(&limits);
            for at in 0..limits.response {
                let octet = head.get(at).copied().unwrap_or(filling);
                receive.room()[0] = octet;
                receive.received(1);
                assert_eq!(receive.next(&limits), Ok(Framed::Incomplete));
            }
            let looked_at = receive.head.looked_at;
            assert!(looked_at <= 2 * limits.response, "{head:?} {filling}: {looked_at}");
        }
    }
}

#[test]
fn the_class_of_a_line_does_not_depend_on_how_it_arrives() {
    let limits = Limits { line: 1, ..Limits::default() };
    let over = Err(FramingFault::Limit(LimitKind::Line));
    for word in ["OK", "no", "BAD", "bye", "PREAUTH", " OK", "\t OK"] {
        for step in [1, 2, 3, 100] {
            let line = alloc::format!("* {word} x {{3}}\r\n");
            assert_eq!(frame(line.as_bytes(), step, false, &limits), over, "{line}");
        }
    }
    for word in ["OKAY", "N", "PREAUTHS", "BYEBYEBYE", "1", "("] {
        for step in [1, 2, 3, 100] {
            let line = alloc::format!("* {word} x {{3}}\r\nabc\r\n");
            let found = frame(line.as_bytes(), step, false, &limits);
            assert_eq!(found.unwrap(), [line], "{step}");
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "so much takes hours")]
fn a_literal_is_bounded_by_what_it_announces() {
    let limits = Limits { buffered_literal: 10, ..Limits::default() };
    assert!(frame(b"* X {10}\r\n0123456789\r\n", 3, false, &limits).is_ok());
    let too_long = Err(FramingFault::Limit(LimitKind::Literal));
    assert_eq!(frame(b"* X {11}\r\n", 3, false, &limits), too_long);
    assert_eq!(frame(b"* X {6}\r\n012345 {5}\r\n", 3, false, &limits), too_long);
    assert_eq!(frame(b"* X {18446744073709551616}\r\n", 3, true, &limits), too_long);
    // Streamed, it may be of any size, and there may be many.
    let many = |n| [b"* 1 FETCH (", "X {0}\r\n ".repeat(n).as_bytes(), b"Y 1)\r\n"].concat();
    assert!(frame(&many(MOST_STREAMED), 4096, true, &Limits::default()).is_ok());
    assert_eq!(frame(&many(MOST_STREAMED + 1), 4096, true, &Limits::default()), too_long);
    assert!(frame(b"* X {18446744073709551615}\r\n", 3, true, &limits).is_ok());
}
