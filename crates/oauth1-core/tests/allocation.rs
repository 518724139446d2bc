//! A prepared request signs into the caller's buffer without growing it.
//!
//! A counting allocator cannot be written without `unsafe`, which this workspace forbids; what is
//! shown here is that the buffer stays where it is, with the capacity it had, at exactly the room
//! that was promised. The benchmark package counts the allocations themselves.
#![allow(clippy::unwrap_used, missing_docs)]

use oauth1_core::{Consumer, Nonce, Request, SignatureMethod, Signer, Stamp, Token};

#[test]
fn signing_a_prepared_request_stays_in_the_promised_room() {
    let methods =
        [SignatureMethod::HmacSha1, SignatureMethod::HmacSha256, SignatureMethod::Plaintext];
    for method in methods {
        let consumer = Consumer::new("consumer key", "consumer secret").unwrap();
        let token = Token::new("token", "token secret").unwrap();
        let signer = Signer::new(consumer, Some(token)).method(method);
        let request = Request::new("GET", "https://example.com/imap/?a=b%20c").unwrap();
        for prepared in [signer.prepare(&request), signer.prepare_header(&request, Some("r"))] {
            let mut out = String::with_capacity(prepared.room());
            let (start, capacity) = (out.as_ptr(), out.capacity());
            for round in 0..200_u32 {
                let octets = (u128::MAX / (1 + u128::from(round))).to_be_bytes();
                let timestamp = u64::MAX >> (round % 64);
                out.clear();
                prepared
                    .sign_into(&Stamp::new(Nonce::from_random_octets(octets), timestamp), &mut out);
                assert_eq!((out.as_ptr(), out.capacity()), (start, capacity));
            }
        }
    }
}
