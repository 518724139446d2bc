//! Flags as arguments.

use crate::error::Error;
use crate::proto::Encoder;
use crate::types::{ArgumentSink, Flag};

/// `flag-list`, RFC 9051 9, of flags that a client may set.
///
/// # Errors
/// `\Recent` and `\*`, which only a server sets, and a keyword that a server told and that is no atom.
pub(super) fn encode(flags: &[Flag], out: &mut Encoder<'_>) -> Result<(), Error> {
    out.raw("(");
    for (index, flag) in flags.iter().enumerate() {
        let expected = match flag {
            Flag::Recent | Flag::Wildcard => "one that a client can set",
            flag if flag.as_str().parse::<Flag>().is_err() => "an atom",
            _ => {
                out.raw(if index > 0 { " " } else { "" });
                out.raw(flag.as_str());
                continue;
            }
        };
        return Err(Error::unfit("flag", flag.as_str(), expected));
    }
    out.raw(")");
    Ok(())
}
