//! What left while a text was tried: a probe that sends nothing of it tries nothing.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::Location;

use e2e::secrets::Finder;

use crate::Probe;

/// Harmless texts of every kind that some function takes, and what is looked for of them: as it is, percent-encoded,
/// in base64, or as the numbers of its octets.
const BENIGN: &[(&str, &str)] = &[
    ("marker7", "marker7"),
    ("\\marker7", "marker7"),
    ("/shared/marker7", "/shared/marker7"),
    ("lrswite", "lrswite"),
    ("4711:4713", "4711:4713"),
    ("17-Aug-1987", "17-Aug-1987"),
    ("17-Aug-1987 11:22:33 +0100", "17-Aug-1987 11:22:33 +0100"),
    ("HEADER.FIELDS (marker7)", "marker7"),
    ("BODY.PEEK[HEADER.FIELDS (marker7)]", "marker7"),
    ("SUBJECT marker7", "marker7"),
    ("marker7@example.org", "marker7@example.org"),
    ("https://marker7.example.org/", "https://marker7.example.org/"),
    ("oauth_consumer_key=marker7&oauth_consumer_secret=x", "marker7"),
    ("oauth_token=marker7&oauth_token_secret=x", "marker7"),
];

/// Functions of whose text nothing leaves, and why; something does leave where they are tried.
pub(crate) const EXCUSED: &[(&str, &[&str])] = &[
    (
        "it is the name of responses that are heard",
        &["xoauth-imap/command/custom.rs Custom::hears"],
    ),
    ("a hash of it leaves", &["oauth1-core/request.rs Request::body_hash"]),
    (
        "it is what a peer says, which is answered and not repeated",
        &[
            "xoauth-sasl/exchange.rs Exchange::on_challenge",
            "xoauth-sasl/server/exchange.rs ServerExchange::step",
        ],
    ),
    ("it is compared with what a client says", &["xoauth-sasl/server/judge.rs Server::endpoint"]),
];

/// Every place that sent something, with what it sent.
type Sent = BTreeMap<Location<'static>, Vec<u8>>;

thread_local! {
    static SENT: RefCell<Sent> = const { RefCell::new(Sent::new()) };
}

/// These octets leave.
#[track_caller]
pub(crate) fn left(octets: &[u8]) {
    let place = *Location::caller();
    SENT.with_borrow_mut(|sent| {
        let of_place = sent.entry(place).or_default();
        of_place.extend(octets);
        // What comes next is no part of it.
        of_place.push(b'\n');
    });
}

/// What a probe sends of a text.
pub(crate) fn by(probe: &Probe, text: &str) -> Sent {
    SENT.take();
    (probe.send)(text);
    SENT.take()
}

/// The text, or a form of it, is within the octets.
fn holds(octets: &[u8], mark: &str) -> bool {
    let numbers: Vec<String> = mark.bytes().map(|octet| octet.to_string()).collect();
    let numbers = numbers.join(".");
    Finder::new(&[mark, &numbers], usize::MAX).find(octets).is_some()
}

/// Each place that sends for a function sends a harmless text, unless it is excused: whoever tries a text in two places tries
/// both.
#[test]
fn what_is_tried_leaves() {
    let excused: BTreeSet<&str> = EXCUSED.iter().flat_map(|(_, of)| of.iter().copied()).collect();
    let (mut complaints, mut tried) = (Vec::new(), BTreeSet::new());
    for probe in crate::probes().chain(crate::values()) {
        let function = probe.function;
        let mut places: BTreeMap<Location<'static>, bool> = BTreeMap::new();
        for (text, mark) in BENIGN {
            for (place, octets) in by(probe, text) {
                *places.entry(place).or_default() |= holds(&octets, mark);
            }
        }
        if places.is_empty() {
            complaints.push(format!("{function} sends nothing"));
        }
        for (place, leaves) in places {
            match (leaves, excused.contains(function)) {
                (true, true) => complaints.push(format!("{function} sends its text at {place}")),
                (false, false) => complaints.push(format!("{function} sends no text at {place}")),
                _ => {}
            }
        }
        tried.insert(function);
    }
    complaints.extend(excused.difference(&tried).map(|function| format!("{function} is gone")));
    assert!(complaints.is_empty(), "{complaints:#?}");
}
