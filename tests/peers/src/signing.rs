//! OAuth 1.0a signatures with HMAC-SHA1 (RFC 5849 3.4.2).

use std::error::Error;
use std::hint::black_box;
use std::num::NonZeroU64;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use oauth1_core::{
    Consumer, Nonce, Request, Secret, Signer, Stamp, Token, percent_encode, signing_key,
};
use oauth1_request::signature_method::HmacSha1;
use oauth1_request::{Builder, Credentials};
use sha1::Sha1;
use xoauth_sasl::{Context, Mechanism, XOAuth};

use crate::measure::{Candidate, goal, measure};
use crate::report::say;

const URL: &str = "https://mail.google.com/mail/b/user@gmail.com/imap/";
const HOST: &str = "imap.gmail.com";
const CONSUMER: (&str, &str) = ("consumer-key", "consumer-secret-24-chars");
const TOKEN: (&str, &str) =
    ("1/fFAGRNJru1FTz70BzhT3Zg-0123456789-0123456789-012345", "token-secret-of-24-chars");
// As long as random ones are, so that all hash the same number of blocks.
const NONCE: &str = "7d2f3e4a7d2f3e4a7d2f3e4a7d";
const TIMESTAMP: u64 = 1_274_215_474;

const LIMIT: &str = "limit: kept key, hash + base64 + 16 random octets";
const KEPT: &str = "oauth1-core, kept key and buffer";
const LOGIN: &str = "xoauth-sasl, one-shot from a login";
const VALUES: &str = "xoauth-sasl, one-shot from values";
const PEER: &str = "oauth1-request 0.6, one-shot from values";
const VALUES_RANDOM: &str = "xoauth-sasl, the same, nonce from the system, the clock";
const PEER_RANDOM: &str = "oauth1-request, the same, nonce from its generator, the clock";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

pub(crate) fn run() -> Result<()> {
    let consumer = Consumer::new(CONSUMER.0, CONSUMER.1)?;
    let token = Token::new(TOKEN.0, TOKEN.1)?;
    let key = signing_key(consumer.secret(), Some(token.secret()));
    let request = Request::new("GET", URL)?;
    let signer = Signer::new(consumer.clone(), Some(token.clone()));
    let login = XOAuth::new(URL, consumer.clone(), Some(token.clone()))?;

    let stamp = Stamp::new(Nonce::new(NONCE)?, TIMESTAMP);
    let base_string = signer.sign(&request, &stamp)?.base_string().to_owned();
    let state = Hmac::<Sha1>::new_from_slice(key.expose().as_bytes())?;
    let prepared = signer.prepare(&request);

    let mut text = String::new();
    prepared.sign_into(&stamp, &mut text);
    let bare = hash_into(&state, base_string.as_bytes(), &mut [0; 28])?.to_owned();
    agree(&[
        &percent_encode(&bare),
        &signature(&text)?,
        &signature(login.initial_response(&Context::new(&stamp, HOST, 993))?.expose())?,
        &signature(from_values(&consumer, &token, &stamp)?.expose())?,
        &signature(&peer(Some((NONCE, TIMESTAMP))))?,
    ])?;

    let mut random = [0; 16];
    let mut encoded = [0; 28];
    let mut kept = String::with_capacity(prepared.room());
    let mut signed = String::with_capacity(prepared.room());
    let measured = measure(vec![
        Candidate::new(LIMIT, || {
            getrandom::fill(&mut random).expect("random octets");
            black_box(&random);
            let base_string = black_box(base_string.as_bytes());
            black_box(hash_into(&state, base_string, &mut encoded).expect("28 octets").len())
        }),
        Candidate::new(KEPT, || {
            kept.clear();
            let nonce = Nonce::random().expect("random octets");
            prepared.sign_into(&Stamp::new(nonce, black_box(TIMESTAMP)), &mut kept);
            black_box(kept.as_str());
        }),
        Candidate::new(LOGIN, || {
            let stamp = Stamp::random(now()).expect("random octets");
            login.initial_response(&Context::new(&stamp, HOST, 993))
        }),
        Candidate::new(VALUES, || from_values(&consumer, &token, black_box(&stamp))),
        Candidate::new(PEER, || peer(black_box(Some((NONCE, TIMESTAMP))))),
        Candidate::new(VALUES_RANDOM, || {
            let stamp = Stamp::random(now()).expect("random octets");
            from_values(&consumer, &token, &stamp)
        }),
        Candidate::new(PEER_RANDOM, || peer(None)),
        Candidate::new("part: hash with a kept key", || {
            let mut state = state.clone();
            state.update(black_box(base_string.as_bytes()));
            state.finalize().into_bytes()
        }),
        Candidate::new("part: hash with a new key", || {
            let key = black_box(key.expose().as_bytes());
            let mut state = Hmac::<Sha1>::new_from_slice(key).expect("any length");
            state.update(black_box(base_string.as_bytes()));
            state.finalize().into_bytes()
        }),
        Candidate::new("part: 16 random octets", || {
            let mut random = [0; 16];
            getrandom::fill(&mut random).expect("random octets");
            random
        }),
        Candidate::new("part: Nonce::random", || Nonce::random().expect("random octets")),
        Candidate::new("part: Prepared::sign_into", || {
            signed.clear();
            prepared.sign_into(black_box(&stamp), &mut signed);
            black_box(signed.as_str());
        }),
        Candidate::new("part: a message made and cleared as a secret", || {
            Secret::new(black_box(text.as_str()))
        }),
        Candidate::new("part: the clock", now),
    ]);

    let octets = (base_string.len(), key.expose().len());
    say!("signing: HMAC-SHA1, base string {} octets, key {} octets\n", octets.0, octets.1);
    say!("{measured}");
    let ratio = measured.ratio(KEPT, LIMIT);
    say!("{}", goal("time of ours with kept keys / limit", ratio, "<= 1.20", ratio <= 1.2));
    let allocations = measured.allocations(KEPT);
    let none = allocations == 0.0;
    say!("{}", goal("allocations of ours with kept keys", allocations, "0", none));
    // The peer's nonces come from a generator in the process, ours from the system, which is the dearer
    // half of the work here and no part of building a string.
    let rows = [
        ("oauth1-request / ours with kept keys", PEER_RANDOM, KEPT, 1.5),
        ("oauth1-request / ours, one-shot from a login", PEER_RANDOM, LOGIN, 1.0),
        ("oauth1-request / ours, one-shot from values", PEER, VALUES, 1.0),
    ];
    for (what, peer, ours, wanted) in rows {
        let ratio = measured.ratio(peer, ours);
        let wanted_text = format!(">= {wanted:.2}");
        say!("{}", goal(&format!("time of {what}"), ratio, &wanted_text, ratio >= wanted));
    }
    Ok(())
}

/// The bare parts: hash, base64.
fn hash_into<'a>(state: &Hmac<Sha1>, base_string: &[u8], out: &'a mut [u8; 28]) -> Result<&'a str> {
    let mut state = state.clone();
    state.update(base_string);
    let hash = state.finalize().into_bytes();
    let length = STANDARD.encode_slice(hash, out).map_err(|fault| fault.to_string())?;
    Ok(std::str::from_utf8(out.get(..length).ok_or("too long")?)?)
}

/// What the predecessor's `build_xoauth_string(url, consumer, token)` does: nothing is kept.
fn from_values(consumer: &Consumer, token: &Token, stamp: &Stamp) -> Result<Secret> {
    Ok(XOAuth::message(black_box(URL), consumer, Some(token), stamp)?)
}

/// The same request by oauth1-request, which asks for the time and a nonce by itself.
fn peer(fixed: Option<(&str, u64)>) -> String {
    let consumer = Credentials::new(black_box(CONSUMER.0), black_box(CONSUMER.1));
    let token = Credentials::new(black_box(TOKEN.0), black_box(TOKEN.1));
    let mut builder = Builder::new(consumer, HmacSha1::new());
    builder.token(token).version(true);
    if let Some((nonce, timestamp)) = fixed {
        builder.nonce(nonce).timestamp(NonZeroU64::new(timestamp));
    }
    builder.get(black_box(URL), &())
}

/// The percent-encoded signature in a list of parameters.
fn signature(parameters: &str) -> Result<String> {
    let (_, rest) = parameters.split_once("oauth_signature=\"").ok_or("found no signature")?;
    Ok(rest.split('"').next().unwrap_or_default().to_owned())
}

/// Nothing is measured before all candidates sign alike.
fn agree(signatures: &[&str]) -> Result<()> {
    match signatures.windows(2).all(|pair| pair.first() == pair.last()) {
        true => Ok(()),
        false => Err(format!("the candidates disagree: {signatures:?}").into()),
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
