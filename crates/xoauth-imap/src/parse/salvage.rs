//! Where a FETCH response goes on behind an item whose end cannot be told.
//!
//! A quotation mark that was not escaped, a parenthesis too few or too many, a literal that was miscounted:
//! each loses the balance of all that follows. The items behind it are found again by their names, under
//! conditions that keep the content of a message from passing for an item:
//!
//! - literals are skipped, their content is never looked at;
//! - from the place on, everything to the end of the response must be items with names that are known and
//!   values that are balanced;
//! - the number of places that are tried is bounded.

use super::cursor::Cursor;
use super::item_name::{Known, Name};

/// What is left of the work that one response may cause.
#[derive(Debug)]
pub(super) struct Salvage {
    places: usize,
}

/// Places that are tried in one response; each costs one pass over what follows it.
const PLACES: usize = 32;

/// A pass over so many octets counts as another place, and the longest as [`DEAREST`]: servers that lose the balance do so in
/// some kilobytes, and a response of 16 MiB must not keep a thread for seconds.
const OCTETS: usize = 256 * 1024;

/// Four are tried, however long the response.
const DEAREST: usize = PLACES / 4;

impl Default for Salvage {
    fn default() -> Self {
        Self { places: PLACES }
    }
}

impl Salvage {
    /// Takes what a look at all that follows costs; `None` where too little is left.
    fn pay(&mut self, cursor: &Cursor<'_>) -> Option<()> {
        let cost = (1 + cursor.rest().len() / OCTETS).min(DEAREST);
        self.places = self.places.checked_sub(cost)?;
        Some(())
    }

    /// The next item behind `lost`, a position outside of all literals.
    pub(super) fn next_item<'a>(&mut self, lost: Cursor<'a>) -> Option<Cursor<'a>> {
        let mut cursor = lost;
        loop {
            if begins_item(cursor) {
                // Finding the end of a section is included in this cost.
                self.pay(&cursor)?;
                if is_sound(cursor, Names::Known) {
                    return Some(cursor);
                }
            }
            // To what separates items, over literals.
            loop {
                cursor.take_while(|octet| !matches!(octet, b' ' | b')' | b'{'));
                if cursor.peek() != Some(b'{') {
                    break;
                }
                let mut behind = cursor;
                if behind.literal().is_ok() {
                    cursor = behind;
                } else {
                    cursor.take(1);
                }
            }
            cursor.take(1)?;
        }
    }

    /// What stands behind a value goes on as a response does, whatever its items are called.
    pub(super) fn is_balanced(&mut self, mut behind: Cursor<'_>) -> bool {
        if self.pay(&behind).is_none() {
            return !behind.is_empty();
        }
        match behind.peek() {
            // The parenthesis that ends the value may be the one that ends the response.
            None => false,
            Some(b')') => ends(behind),
            _ => {
                while behind.eat(b' ') {}
                ends(behind) || is_sound(behind, Names::Any)
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Names {
    Known,
    Any,
}

/// The name of an item begins here. Looks at no more than its word.
fn begins_item(mut cursor: Cursor<'_>) -> bool {
    // Most places are told by one octet.
    let first = cursor.peek().map(|octet| octet.to_ascii_uppercase());
    if !matches!(first, Some(b'A'..=b'Z')) {
        return false;
    }
    let is_known = Known::from_name(Name::word(&mut cursor)).is_some();
    is_known && matches!(cursor.peek(), Some(b' ' | b'['))
}

/// The list, and with it the response, ends here.
fn ends(mut cursor: Cursor<'_>) -> bool {
    cursor.eat(b')');
    while cursor.eat(b' ') {}
    cursor.is_empty()
}

/// From here to the end of the response there are names and balanced values.
fn is_sound(mut cursor: Cursor<'_>, names: Names) -> bool {
    loop {
        let Ok(name) = Name::parse(&mut cursor) else { return false };
        if names == Names::Known && name.known().is_none() {
            return false;
        }
        if !cursor.eat(b' ') {
            return false;
        }
        while cursor.eat(b' ') {}
        // The number of a UID and the like is a plain one: `UID 5` inside a sentence seldom is.
        let value = cursor.skip_value();
        let plain = |value: &[u8]| !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        match value {
            Ok(value) if name.known() == Some(Known::Uid) && !plain(value) => return false,
            Ok([]) | Err(_) => return false,
            Ok(_) => {}
        }
        if ends(cursor) {
            return true;
        }
        if !cursor.eat(b' ') {
            return false;
        }
        while cursor.eat(b' ') {}
    }
}
