//! Signing the same request many times.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;

use crate::base_string::{Comma, Fields, base_string_into, parameters_into};
use crate::encode::{encode_twice_pieces, percent_encode_into};
use crate::method::SigningState;
use crate::stamp::Decimal;
use crate::{Request, Signer, Stamp};

/// A request that is signed many times, each time with a stamp of its own.
///
/// It keeps the key schedule with the constant front of the base string absorbed, and the
/// constant pieces of the output, so that a signature costs little more than its hash. Both
/// texts have the same shape, because the nonce sorts before the timestamp:
///
/// ```text
/// base string   absorbed in `state` | nonce | `middle` | timestamp | `tail`
/// output        pieces[0] | nonce | pieces[1] | signature | pieces[2] | timestamp | pieces[3]
/// ```
#[derive(Clone)]
pub struct Prepared {
    state: SigningState,
    middle: String,
    tail: String,
    pieces: [String; 4],
}

impl Prepared {
    pub(crate) fn new(signer: &Signer, request: &Request, front: &str, comma: Comma) -> Self {
        let fields = Fields::new(signer, request, None, None);
        let others = request.sorted_parameters();

        let mut base = String::new();
        let places = base_string_into(
            request.method(),
            request.url(),
            fields.as_slice(),
            &others,
            &mut base,
        );
        let (absorbed, rest) = base.split_at_checked(places.nonce).unwrap_or_default();
        let (middle, tail) =
            rest.split_at_checked(places.timestamp - places.nonce).unwrap_or_default();
        let mut state = signer.state().clone();
        state.update(absorbed);

        let mut output = front.to_owned();
        let places = parameters_into(fields.as_slice(), "", comma, &mut output);
        let ends = [places.nonce, places.signature, places.timestamp, output.len()];
        let mut start = 0;
        let pieces = ends.map(|end| {
            let piece = output.get(start..end).unwrap_or_default().to_owned();
            start = end;
            piece
        });
        Self { state, middle: middle.to_owned(), tail: tail.to_owned(), pieces }
    }

    /// Signs the request and appends the parameters, in the form chosen when it was prepared.
    ///
    /// Nothing is allocated while `out` has [room](Prepared::room) left.
    pub fn sign_into(&self, stamp: &Stamp, out: &mut String) {
        let (nonce, plain) = (stamp.nonce().as_str(), stamp.nonce().is_plain());
        let timestamp = Decimal::new(stamp.timestamp());
        let timestamp = timestamp.as_str();
        let [before_nonce, before_signature, before_timestamp, end] = &self.pieces;
        out.push_str(before_nonce);
        if plain {
            out.push_str(nonce);
        } else {
            percent_encode_into(nonce, out);
        }
        out.push_str(before_signature);
        if let SigningState::Plaintext(key) = &self.state {
            percent_encode_into(key.expose(), out);
        } else {
            let mut state = self.state.clone();
            if plain {
                state.update(nonce);
            } else {
                encode_twice_pieces(nonce, |piece| state.update(piece));
            }
            state.update(&self.middle);
            state.update(timestamp);
            state.update(&self.tail);
            percent_encode_into(state.finish().as_str(), out);
        }
        out.push_str(before_timestamp);
        out.push_str(timestamp);
        out.push_str(end);
    }

    /// How many octets [`sign_into`](Prepared::sign_into) appends at most with a random nonce.
    #[must_use]
    pub fn room(&self) -> usize {
        let signature = match &self.state {
            SigningState::Plaintext(key) => key.expose().len(),
            _ => 44,
        };
        let constant: usize = self.pieces.iter().map(String::len).sum();
        constant + 3 * signature + 22 + 20
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").finish_non_exhaustive()
    }
}
