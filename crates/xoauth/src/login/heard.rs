//! The secrets that a server may have heard, and repeat on another connection.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use xoauth_sasl::{Mask, Mechanism, Secret};

/// The last tokens that were given for some credentials, which their clones share, or the secrets of a mechanism.
#[derive(Default)]
pub(super) struct Heard(Mutex<Tokens>);

#[derive(Default)]
struct Tokens {
    /// The one that was given last stands last.
    last: VecDeque<Secret>,
    /// What hides all of them.
    mask: Arc<Mask>,
}

/// One login uses two at most, the second after a refusal. The one of the login before may have been another.
const KEPT: usize = 3;

impl Heard {
    /// Those of a mechanism that was made with its credentials.
    pub(super) fn of(mechanism: &dyn Mechanism) -> Self {
        let mut mask = Mask::default();
        mechanism.sensitive(&mut |secret| mask.add(secret));
        Self(Mutex::new(Tokens { last: VecDeque::new(), mask: Arc::new(mask) }))
    }

    /// What hides them; the same as before as long as there is no other token.
    pub(super) fn mask(&self) -> Arc<Mask> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&tokens.mask)
    }

    /// This token will be heard.
    pub(super) fn note(&self, token: &Secret) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = tokens.last.iter().position(|known| known.is(token.expose()));
        if let Some(again) = known.and_then(|known| tokens.last.remove(known)) {
            tokens.last.push_back(again);
            return;
        }
        if tokens.last.len() >= KEPT {
            tokens.last.pop_front();
        }
        tokens.last.push_back(token.clone());
        let mut mask = Mask::default();
        tokens.last.iter().for_each(|token| mask.add(token.expose()));
        tokens.mask = Arc::new(mask);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_tokens_are_hidden() {
        let heard = Heard::default();
        let hides = |token: &str| heard.mask().apply(token.as_bytes()) == b"[secret]".as_slice();
        let tokens =
            ["first-of-the-tokens", "second/and/other", "third=but=longer", "fourth.of.all"];
        heard.note(&Secret::new(tokens[0]));
        let mask = heard.mask();
        heard.note(&Secret::new(tokens[0]));
        assert!(Arc::ptr_eq(&mask, &heard.mask()));
        for token in tokens {
            heard.note(&Secret::new(token));
            // Whatever comes between, the first is given again and again.
            heard.note(&Secret::new(tokens[0]));
        }
        assert_eq!(tokens.map(hides), [true, false, true, true]);
    }
}
