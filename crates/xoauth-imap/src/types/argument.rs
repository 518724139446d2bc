//! Where the arguments of commands are written.

/// Writes the parts of a command in the safest form each can take.
///
/// The encoder of the protocol machine is one. It decides whether a string becomes an atom, a quoted
/// string or a literal, so that types only say what they are.
pub trait ArgumentSink {
    /// Text of the protocol itself: words, numbers, spaces, parentheses. Never a caller's text.
    fn raw(&mut self, text: &str);

    /// `astring`, RFC 9051 9.
    fn astring(&mut self, octets: &[u8]);

    /// `string`, RFC 9051 9.
    fn string(&mut self, octets: &[u8]);

    /// `literal`, RFC 9051 9.
    fn literal(&mut self, octets: &[u8]);
}
