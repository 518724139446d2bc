//! From octets to replies.

mod reply;

pub use reply::Reply;
pub(crate) use reply::{Separator, parse_line};
