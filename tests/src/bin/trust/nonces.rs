//! `trust nonces`: ten million nonces, and none twice.

use xoauth::sasl::oauth1::Nonce;

use crate::Outcome;

const COUNT: usize = 10_000_000;

/// Letters and digits of a random nonce.
const LENGTH: usize = 26;

pub(crate) fn run() -> Outcome {
    let mut nonces = Vec::with_capacity(COUNT);
    for _ in 0..COUNT {
        let nonce = Nonce::random()?;
        let text: [u8; LENGTH] = nonce.as_str().as_bytes().try_into()?;
        nonces.push(text);
    }
    nonces.sort_unstable();
    let repeats = nonces.windows(2).filter(|pair| matches!(pair, [a, b] if a == b)).count();
    let verdict = if repeats == 0 { "reached" } else { "MISSED" };
    println!("{COUNT} nonces, {repeats} repeats, goal 0: {verdict}");
    Ok(repeats == 0)
}
