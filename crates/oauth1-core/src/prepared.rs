//! Signing the same request many times.

use alloc::string::String;
use core::fmt;

use crate::ascii::Decimal;
use crate::base_string::{
    Comma, Fields, base_string_into, base_string_room, parameters_into, parameters_room,
};
use crate::encode::{encode_twice_pieces, percent_encode_into};
use crate::method::SigningState;
use crate::stamp::RANDOM_LENGTH;
use crate::{Request, Secret, Signer, Stamp};

/// A request that is signed many times, each time with a stamp of its own.
///
/// It keeps the key schedule with the constant front of the base string absorbed, and the
/// constant pieces of the output, so that a signature costs little more than its hash. Both
/// texts have the same shape, because the nonce sorts before the timestamp:
///
/// ```text
/// base string   absorbed in `state` | nonce | pieces[0] | timestamp | pieces[1]
/// output        pieces[2] | nonce | pieces[3] | signature | pieces[4] | timestamp | pieces[5]
/// ```
#[derive(Clone)]
pub struct Prepared {
    state: SigningState,
    /// The pieces one behind the other, and where each ends. A form may hold a password.
    text: Secret,
    ends: [usize; 6],
}

impl Prepared {
    pub(crate) fn new(signer: &Signer, request: &Request, front: &str, comma: Comma) -> Self {
        let fields = Fields::new(signer.sender(), request, None, None);
        let others = request.sorted_parameters();
        let (method, url) = (request.method(), request.url());

        // Room for both texts, so that what a form holds is never moved and left behind.
        let room = base_string_room(method, url, fields.as_slice(), &others)
            + front.len()
            + parameters_room(fields.as_slice(), None, comma);
        let mut text = String::with_capacity(room);
        let places = base_string_into(method, url, fields.as_slice(), &others, &mut text);
        let mut state = signer.state().clone();
        state.update(text.get(..places.nonce).unwrap_or_default());
        text.drain(..places.nonce);
        let (middle, tail) = (places.timestamp - places.nonce, text.len());

        text.push_str(front);
        let places = parameters_into(fields.as_slice(), None, comma, &mut text);
        let ends = [middle, tail, places.nonce, places.signature, places.timestamp, text.len()];
        // Much of what was reserved may be too much: what is kept has the room it takes, and the rest is given back, wiped.
        let is_roomy = text.capacity() > 2 * text.len();
        let text = Secret::new(text);
        Self { state, text: if is_roomy { text.clone() } else { text }, ends }
    }

    /// Signs the request and appends the parameters, in the form chosen when it was prepared.
    ///
    /// Nothing is allocated while `out` has [room](Prepared::room) left.
    pub fn sign_into(&self, stamp: &Stamp, out: &mut String) {
        let (nonce, plain) = (stamp.nonce().as_str(), stamp.nonce().is_plain());
        let timestamp = Decimal::number(stamp.timestamp());
        let timestamp = timestamp.as_str();
        // Before the signature is there, so that it is never moved and left behind.
        out.reserve(self.room_with(if plain { nonce.len() } else { 5 * nonce.len() }));

        // The output is the scratch space of the base string, which is no secret.
        let start = out.len();
        if plain {
            out.push_str(nonce);
        } else {
            encode_twice_pieces(nonce, |piece| out.push_str(piece));
        }
        out.push_str(self.piece(0));
        out.push_str(timestamp);
        out.push_str(self.piece(1));
        let signature = self.state.sign(out.get(start..).unwrap_or_default());
        out.truncate(start);

        out.push_str(self.piece(2));
        if plain {
            out.push_str(nonce);
        } else {
            percent_encode_into(nonce, out);
        }
        out.push_str(self.piece(3));
        signature.percent_encode_into(out);
        out.push_str(self.piece(4));
        out.push_str(timestamp);
        out.push_str(self.piece(5));
    }

    /// How many octets [`sign_into`](Prepared::sign_into) needs at most with a random nonce; what
    /// it appends is a little less.
    #[must_use]
    pub fn room(&self) -> usize {
        self.room_with(RANDOM_LENGTH)
    }

    fn room_with(&self, nonce: usize) -> usize {
        let signature = self.state.longest_signature();
        let [_, base_string, .., output] = self.ends;
        base_string.max(output - base_string + 3 * signature) + nonce + 20
    }

    fn piece(&self, index: usize) -> &str {
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).unwrap_or(&0);
        let end = self.ends.get(index).unwrap_or(&0);
        self.text.expose().get(*start..*end).unwrap_or_default()
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").finish_non_exhaustive()
    }
}
