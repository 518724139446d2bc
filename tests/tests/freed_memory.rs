//! No copy of a secret stays in memory that the pure crates gave back.
//!
//! An allocator that looks at what is freed takes `unsafe`, which this workspace forbids. So the process reads
//! its own memory when all values are gone: whatever is found then stands in freed blocks. The secrets are known
//! to this test only in disguise, so that it does not find itself. What the system's allocator writes into a
//! freed block are its first octets; parts of a long secret are looked for, so that those do not hide it.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "freed_memory/imap.rs"]
mod imap;
#[path = "freed_memory/server.rs"]
mod server;
#[path = "freed_memory/signed.rs"]
mod signed;
#[path = "freed_memory/smtp.rs"]
mod smtp;

use std::cell::RefCell;
use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use xoauth::sasl::oauth1::{
    Consumer, CredentialStore, MemoryNonceStore, Nonce, ReceivedRequest, Request, SignatureMethod,
    Signer, Stamp, Token, Verifier, percent_decode,
};
use xoauth::sasl::{
    Context, Exchange, Mechanism, OAuth10A, OAuthBearer, Plain, Secret, XOAuth, XOAuth2,
    decode_response, encode_challenge, parse_client_message,
};

/// Octets that are looked at together.
const BLOCK: usize = 4096;

/// What an octet of a secret is disguised with in this program.
const DISGUISE: u8 = 0xa5;
/// What the allocator writes into a freed block of no great size.
const ALLOCATOR: usize = 16;
/// Octets of a part that is looked for.
const PART: usize = 12;
const LENGTH: usize = 72;

/// A secret that nothing but its number leads to.
fn octets(number: u64) -> impl Iterator<Item = u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..LENGTH).map(move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"[(state % 62) as usize]
    })
}

/// The secret as text, in a string that was never moved.
fn secret(number: u64) -> String {
    let mut text = String::with_capacity(LENGTH);
    text.extend(octets(number).map(char::from));
    text
}

/// A search through the memory of this process. It takes all it needs when it is made: a search that allocated
/// would overwrite what it looks for.
struct Search {
    /// What is looked for, disguised.
    parts: Vec<[u8; PART]>,
    /// By their first octet, as it stands in memory.
    begins: Vec<Vec<usize>>,
    room: Vec<u8>,
    maps: Vec<u8>,
}

impl Search {
    fn new(numbers: &[u64], signatures: &[Vec<u8>]) -> Self {
        let mut parts: Vec<[u8; PART]> = Vec::new();
        let mut add = |disguised: Vec<u8>, skipped: usize, taken: usize| {
            let chunks = disguised.chunks_exact(PART).skip(skipped).take(taken);
            parts.extend(chunks.map(|chunk| <[u8; PART]>::try_from(chunk).unwrap()));
        };
        for &number in numbers {
            // The first octets of a freed block are the allocator's.
            add(octets(number).map(|octet| octet ^ DISGUISE).collect(), 2, 4);
            for shift in 0..3 {
                // Nor those that neighbours have a part in.
                add(base64_in_disguise(octets(number), shift), 2, 5);
            }
        }
        for signature in signatures {
            // They are short: as much of them as the allocator leaves.
            let mut add = |disguised: &[u8]| {
                let chunks = disguised[ALLOCATOR..].chunks_exact(PART);
                parts.extend(chunks.map(|chunk| <[u8; PART]>::try_from(chunk).unwrap()));
            };
            for form in [signature.clone(), signed::percent_in_disguise(signature)] {
                add(&form);
                for shift in 0..3 {
                    let octets = form.iter().map(|octet| octet ^ DISGUISE);
                    add(&base64_in_disguise(octets, shift));
                }
            }
        }
        let mut begins = vec![Vec::new(); 256];
        for (index, part) in parts.iter().enumerate() {
            begins[usize::from(part[0] ^ DISGUISE)].push(index);
        }
        Self { parts, begins, room: vec![0; 1 << 20], maps: vec![0; 1 << 18] }
    }

    /// In how many places a part of a secret stands.
    fn places(&mut self) -> usize {
        let mut maps = File::open("/proc/self/maps").unwrap();
        let mut length = 0;
        loop {
            match maps.read(&mut self.maps[length..]).unwrap() {
                0 => break,
                count => length += count,
            }
        }
        assert!(length < self.maps.len(), "there is more memory than is searched");
        let memory = File::open("/proc/self/mem").unwrap();
        // What calls leave on the stack is nobody's to wipe.
        let stack = std::ptr::from_ref(&length).addr() as u64;
        let mut found = 0;
        for line in self.maps[..length].split(|&octet| octet == b'\n') {
            let line = std::str::from_utf8(line).unwrap();
            let mut words = line.split_ascii_whitespace();
            let (Some(range), Some(rights)) = (words.next(), words.next()) else { continue };
            let is_heap = matches!(words.nth(3), None | Some("[heap]"));
            if !rights.starts_with("rw") || !is_heap {
                continue;
            }
            let (start, end) = range.split_once('-').unwrap();
            let mut at = u64::from_str_radix(start, 16).unwrap();
            let end = u64::from_str_radix(end, 16).unwrap();
            if (at..end).contains(&stack) {
                continue;
            }
            while at < end {
                let wanted = usize::try_from(end - at).unwrap().min(self.room.len());
                let Ok(count) = memory.read_at(&mut self.room[..wanted], at) else { break };
                found += found_in(&self.room[..count], &self.parts, &self.begins);
                // Parts may lie across two readings.
                at += if count <= PART || at + count as u64 >= end {
                    count.max(1)
                } else {
                    count - PART
                } as u64;
            }
        }
        // What was read must not be found the next time.
        self.room.fill(0);
        found
    }
}

fn found_in(octets: &[u8], parts: &[[u8; PART]], begins: &[Vec<usize>]) -> usize {
    let mut found = 0;
    // Most of it is nothing but zeros, which a comparison of blocks passes over. A part may end in the next block.
    let zeros = [0; BLOCK + PART];
    for start in (0..octets.len()).step_by(BLOCK) {
        let block = &octets[start..octets.len().min(start + BLOCK + PART)];
        if block == &zeros[..block.len()] {
            continue;
        }
        for (at, &octet) in block.iter().enumerate().take(BLOCK) {
            for &index in &begins[usize::from(octet)] {
                let here = block.get(at..at + PART).unwrap_or_default();
                let is_part = !here.is_empty()
                    && here
                        .iter()
                        .zip(&parts[index])
                        .all(|(octet, part)| octet ^ DISGUISE == *part);
                found += usize::from(is_part);
            }
        }
    }
    found
}

/// The base64 of octets `shift` octets behind a group of three, disguised.
fn base64_in_disguise(octets: impl Iterator<Item = u8>, shift: usize) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = 0_u32;
    let mut count = 0;
    let mut encoded = Vec::new();
    for octet in std::iter::repeat_n(0, shift).chain(octets) {
        bits = bits << 8 | u32::from(octet);
        count += 8;
        while count >= 6 {
            count -= 6;
            encoded.push(ALPHABET[(bits >> count & 63) as usize] ^ DISGUISE);
        }
    }
    encoded
}

const CONSUMER: u64 = 11;
const TOKEN: u64 = 22;
const BEARER: u64 = 33;
const FORM: u64 = 44;
const ALL: [u64; 4] = [CONSUMER, TOKEN, BEARER, FORM];

fn consumer() -> Consumer {
    Consumer::new("key", secret(CONSUMER)).unwrap()
}

fn token() -> Token {
    Token::new("token", secret(TOKEN)).unwrap()
}

fn stamp(nonce: &str) -> Stamp {
    Stamp::new(Nonce::new(nonce).unwrap(), 1)
}

const METHODS: [SignatureMethod; 3] =
    [SignatureMethod::HmacSha1, SignatureMethod::HmacSha256, SignatureMethod::Plaintext];

fn request() -> Request {
    let request = Request::new("POST", "https://example.org/a?b=c").unwrap();
    request.form_parameter("x_auth_password", secret(FORM)).unwrap()
}

fn signing() {
    for method in METHODS {
        let signer = Signer::new(consumer(), Some(token())).method(method);
        let request = request();
        let signed = signer.sign(&request, &stamp("one")).unwrap();
        black_box((signed.authorization_header(None), signed.parameter_list()));
        black_box((signed.form_body(), signed.url()));
        let prepared = signer.prepare(&request);
        let mut out = String::with_capacity(prepared.room());
        prepared.sign_into(&stamp("two"), &mut out);
        black_box(Secret::new(out));
    }
}

fn verifying() {
    struct Known;
    impl CredentialStore for Known {
        fn consumer(&self, _: &str) -> Option<Secret> {
            Some(Secret::new(secret(CONSUMER)))
        }

        fn token(&self, _: &str, _: &str) -> Option<Secret> {
            Some(Secret::new(secret(TOKEN)))
        }
    }
    for method in METHODS {
        let signer = Signer::new(consumer(), Some(token())).method(method);
        let request = request();
        let header = signer.sign(&request, &stamp("one")).unwrap().authorization_header(None);
        let body = joined(["x_auth_password=", &hidden(FORM)]);
        let received = ReceivedRequest::new("POST", "https://example.org/a?b=c").unwrap();
        let received =
            received.authorization(header.expose()).unwrap().form(body.expose()).unwrap();
        let nonces = RefCell::new(MemoryNonceStore::with_capacity(100));
        let verifier = Verifier::new().methods(&METHODS);
        assert!(verifier.verify(&received, &Known, &nonces, 1).is_ok());
    }
}

/// The signature in the query of a URL: that of PLAINTEXT is the secrets.
fn urls() {
    for method in METHODS {
        let signer = Signer::new(consumer(), Some(token())).method(method);
        let request = Request::new("GET", "https://example.org/a?b=c").unwrap();
        let url = signer.sign(&request, &stamp("one")).unwrap().url();
        black_box(ReceivedRequest::new("GET", url.expose()).is_ok());
    }
}

/// Forms that break off behind a secret, which is percent-encoded: in part, or so that it is no text.
fn broken_forms() {
    for (number, names) in [
        (CONSUMER, ["oauth_consumer_key", "oauth_consumer_secret"]),
        (TOKEN, ["oauth_token", "oauth_token_secret"]),
    ] {
        let [key, secret] = names;
        let told = hidden(number);
        for (before, behind) in [
            ("%41", ""),
            ("%41", "%zz"),
            ("%41", "%ff"),
            ("%41", "&x=%zz"),
            ("%41", "&oauth_token_secret=x&oauth_consumer_secret=x"),
            ("%41", "&oauth_token=k%0a&oauth_consumer_key=k%0a"),
            ("%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff", ""),
        ] {
            for first in ["", "=k&"] {
                let key = if first.is_empty() { "" } else { key };
                let form = joined([key, first, secret, "=", before, &told, behind]);
                black_box(Token::from_form(form.expose()).is_ok());
                black_box(Consumer::from_form(form.expose()).is_ok());
                let received = ReceivedRequest::new("POST", "https://example.org/").unwrap();
                black_box(received.form(form.expose()).is_ok());
                let url = joined(["https://example.org/?", form.expose()]);
                black_box(ReceivedRequest::new("GET", url.expose()).is_ok());
                let decoded = percent_decode(form.expose());
                black_box(decoded.map(|text| Secret::new(text.into_owned())).is_ok());
            }
        }
    }
}

/// Requests of every length, which need room of every size, and those with a secret in the query.
fn rooms(padding: usize) {
    let padding = "y/".repeat(padding / 2);
    let realm = "r".repeat(40);
    for method in METHODS {
        let signer = Signer::new(consumer(), Some(token())).method(method);
        let request = request().form_parameter("x_z", padding.as_str()).unwrap();
        for prepared in
            [signer.prepare(&request), signer.prepare_header(&request, Some(realm.as_str()))]
        {
            let mut out = String::with_capacity(prepared.room());
            prepared.sign_into(&stamp("two"), &mut out);
            black_box(Secret::new(out));
        }
        let mut out = String::new();
        signer.sign_into(&request, &stamp("two"), &mut out).unwrap();
        drop(Secret::new(out));
        let mut out = String::new();
        Signer::sign_once_into(&consumer(), Some(&token()), &request, &stamp("two"), &mut out);
        drop(Secret::new(out));
        black_box(signer.sign(&request, &stamp("two")).unwrap().form_body());
    }
}

fn queries() {
    for method in METHODS {
        let signer = Signer::new(consumer(), Some(token())).method(method);
        for begin in [
            "https://example.org/a?x=%2D",
            "https://example.org/a?x=%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff%ff",
        ] {
            let url = joined([begin, &hidden(FORM), "&b=c"]);
            let request = Request::new("GET", url.expose()).unwrap();
            black_box(signer.sign(&request, &stamp("one")).unwrap().url());
            black_box(signer.prepare(&request).room());
            black_box(Request::new("GET", url.expose()).unwrap().form_parameter("x", "y").is_ok());
            let key = "k%".repeat(100);
            for consumer in [consumer(), Consumer::new(key, secret(CONSUMER)).unwrap()] {
                let token = token();
                drop(
                    XOAuth::message(url.expose(), &consumer, Some(&token), &stamp("one")).unwrap(),
                );
            }
        }
    }
}

fn forms() {
    black_box((consumer().to_form(), token().to_form()));
    black_box(Token::from_form(token().to_form().expose()).is_ok());
    black_box(Consumer::from_form(consumer().to_form().expose()).is_ok());
}

/// Texts one behind the other, in a string that was never moved.
fn joined<const N: usize>(texts: [&str; N]) -> Secret {
    let mut joined = String::with_capacity(texts.iter().map(|text| text.len()).sum());
    joined.extend(texts);
    Secret::new(joined)
}

fn hidden(number: u64) -> Hidden {
    Hidden(secret(number))
}

/// Text that is wiped by its owner.
struct Hidden(String);

impl std::ops::Deref for Hidden {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        drop(Secret::new(std::mem::take(&mut self.0)));
    }
}

const MECHANISMS: [&str; 6] = ["XOAUTH", "OAUTH10A", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"];

fn mechanisms() -> Vec<Box<dyn Mechanism>> {
    vec![
        Box::new(XOAuth::new("https://mail.example.org/u/", consumer(), Some(token())).unwrap()),
        Box::new(OAuth10A::new("user", consumer(), token()).unwrap()),
        Box::new(OAuthBearer::new("user", secret(BEARER)).unwrap()),
        Box::new(XOAuth2::new("user", secret(BEARER)).unwrap()),
        Box::new(Plain::new("user", secret(BEARER)).unwrap()),
        Box::new(xoauth::sasl::Login::new("user", secret(BEARER)).unwrap()),
    ]
}

/// The secrets that a mechanism signs or goes with.
fn known_to(mechanism: &str) -> &'static [u64] {
    match mechanism {
        "XOAUTH" | "OAUTH10A" => &[CONSUMER, TOKEN],
        _ => &[BEARER],
    }
}

/// What a server says that repeats the secrets: in documents, with escapes, in what is no document and no base64, each folded too.
fn challenges(numbers: &[u64]) -> Vec<Hidden> {
    let mut challenges = Vec::with_capacity(16 * numbers.len());
    for &number in numbers {
        let told = hidden(number);
        let mut escaped = Hidden(String::with_capacity(6 * LENGTH));
        for octet in told.bytes() {
            escaped.0.push_str(r"\u00");
            escaped.0.extend(
                [octet >> 4, octet & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap()),
            );
        }
        for (begin, told, end) in [
            (r#"{"status":"401","scope":""#, &told, r#"","further":[]}"#),
            (r#"{"status":"401","further":{"a":["b",""#, &told, r#""]}}"#),
            (r#"{"status":"401",""#, &told, r#"":1}"#),
            (r#"{"status":"401","scope":""#, &escaped, r#""}"#),
            (r#"{"status":"401","scope":""#, &told, r#"\n"#),
            ("what is ", &told, "?"),
        ] {
            let document = joined([begin, told, end]);
            let encoded = Hidden(encode_challenge(document.expose().as_bytes()));
            let (first, rest) = encoded.split_at(76);
            for text in [[&*encoded, "", ""], [first, "\r\n", rest], [&*encoded, "\n", "!"]] {
                challenges.push(Hidden(joined(text).expose().to_owned()));
            }
        }
    }
    challenges
}

/// Both sides of a mechanism.
fn sasl(mechanism: &dyn Mechanism) {
    let stamp = stamp("three");
    let context = Context::new(&stamp, "mail.example.org", 993);
    let mut exchange = Exchange::start(mechanism, &context).unwrap();
    let sent = Secret::new(exchange.initial_response());
    for challenge in challenges(known_to(mechanism.name())) {
        let mut exchange = Exchange::start(mechanism, &context).unwrap();
        drop(Secret::new(exchange.initial_response()));
        black_box(exchange.on_challenge(challenge.as_bytes()).is_ok());
    }
    if let Ok(decoded) = decode_response(sent.expose().as_bytes()) {
        black_box(parse_client_message(mechanism.name(), decoded.expose().as_bytes()).is_ok());
    }
}

/// Values that a panic drops.
fn panics() {
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _held = (mechanisms(), consumer(), token());
        let mut exchange = mechanisms().pop().unwrap();
        black_box(&mut exchange);
        black_box(None::<()>).unwrap();
    }));
    assert!(caught.is_err());
}

#[test]
fn nothing_that_was_given_back_holds_a_secret() {
    let mut search = Search::new(&ALL, &signed::signatures());
    assert_eq!(search.places(), 0, "before anything is done");
    // The search finds what is there, and what was there: a secret, a signature, and the message of a mechanism.
    let kept: [fn() -> String; 3] = [|| secret(FORM), signed::signature, signed::message];
    for keep in kept {
        let there = keep();
        let length = there.len();
        assert!(search.places() > 0, "the search is blind");
        drop(there);
        assert!(search.places() > 0, "the search does not see freed memory");
        // A block of the same size is used again, which overwrites it.
        drop(black_box("x".repeat(length)));
        assert_eq!(search.places(), 0, "it is gone");
    }

    let mut steps = Steps { search, left: Vec::with_capacity(64) };
    for padding in (0..600).step_by(8) {
        rooms(padding);
        steps.done("rooms");
    }
    let works: [(&str, fn()); 6] = [
        ("broken forms", broken_forms),
        ("queries", queries),
        ("signatures in URLs", urls),
        ("signing", signing),
        ("verifying", verifying),
        ("forms of credentials", forms),
    ];
    for (name, work) in works {
        work();
        steps.done(name);
    }
    for (index, name) in MECHANISMS.into_iter().enumerate() {
        let mechanism = mechanisms().swap_remove(index);
        sasl(&*mechanism);
        drop(mechanism);
        steps.done(name);
    }
    server::server(&mut steps);
    imap::imap(&mut steps);
    smtp::smtp(&mut steps);
    // Behind the rest: what is read for a backtrace stays in memory, and each step searches it.
    panics();
    steps.done("panics");
    assert!(steps.left.is_empty(), "{:?}", steps.left);
}

/// What was looked at, and what was found behind which step.
struct Steps {
    search: Search,
    left: Vec<(&'static str, usize)>,
}

impl Steps {
    /// A step has ended, and all its values are gone.
    fn done(&mut self, name: &'static str) {
        let places = self.search.places();
        if places > 0 && self.left.len() < self.left.capacity() {
            self.left.push((name, places));
        }
    }
}
