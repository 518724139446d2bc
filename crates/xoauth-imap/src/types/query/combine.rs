//! Queries made of others: `&`, `|`, `!`, and sets of messages.

use core::ops::{BitAnd, BitOr, Not};

use super::{Query, Token};
use crate::types::{SeqSet, UidSet};

impl BitAnd for Query {
    type Output = Self;

    /// Messages that both match.
    fn bitand(self, other: Self) -> Self {
        let mut tokens = self.into_tokens();
        // A list takes another key at its end; anything else becomes the first key of a list.
        if tokens.first() == Some(&Token::Open) {
            tokens.pop();
        } else {
            tokens.insert(0, Token::Open);
        }
        tokens.extend(other.into_tokens());
        tokens.push(Token::Close);
        Self::from_tokens(tokens)
    }
}

impl BitOr for Query {
    type Output = Self;

    /// Messages that one of them matches, or both.
    fn bitor(self, other: Self) -> Self {
        Self::any_of([self, other])
    }
}

impl Not for Query {
    type Output = Self;

    /// Messages that it does not match.
    fn not(self) -> Self {
        let mut tokens = self.into_tokens();
        if tokens.first() == Some(&Token::Not) {
            tokens.remove(0);
        } else {
            tokens.insert(0, Token::Not);
        }
        Self::from_tokens(tokens)
    }
}

impl From<UidSet> for Query {
    fn from(set: UidSet) -> Self {
        Self::Uid(set)
    }
}

impl From<SeqSet> for Query {
    fn from(set: SeqSet) -> Self {
        Self::Seq(set)
    }
}
