//! Why a server takes leave, as far as it says so.

/// Why a server ended a session by itself.
///
/// The protocols have hardly a code for it, so that the words of known servers are looked at: what no phrase
/// is known for is [`Farewell::Other`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Farewell {
    /// The access token the session was begun with expired: a session with a new one goes on.
    Expired,
    /// The client said nothing for too long.
    Idle,
    /// Whatever else, a shutdown mostly.
    Other,
}

/// What servers say when a token or the session it allowed expired: Exchange Online
/// (`Session invalidated - AccessTokenExpired`), Gmail (`Session expired, please login again.`).
const EXPIRED: [&str; 5] = [
    "accesstokenexpired",
    "session expired",
    "session has expired",
    "token expired",
    "token has expired",
];

/// What servers say to a client that was silent: Dovecot (`Disconnected for inactivity.`), Yandex and UW
/// (`Autologout; idle for too long`), Postfix (`Error: timeout exceeded`), Exim (`SMTP command timeout`), Exchange
/// (`Connection timed out`, `Timeout waiting for client input`), Gmail (`Timeout - closing connection`).
const IDLE: [&str; 6] =
    ["inactiv", "autologout", "auto-logout", "idle for", "timeout", "timed out"];

impl Farewell {
    /// What a server's last words say.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        let says = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
        if says(&EXPIRED) {
            Self::Expired
        } else if says(&IDLE) {
            Self::Idle
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_known_servers_are_understood() {
        let table = [
            ("Session invalidated - AccessTokenExpired", Farewell::Expired),
            ("Session expired, please login again.", Farewell::Expired),
            ("4.7.0 Token expired", Farewell::Expired),
            ("The access token has expired.", Farewell::Expired),
            ("Disconnected for inactivity.", Farewell::Idle),
            ("Disconnected for inactivity in reading our output.", Farewell::Idle),
            ("Autologout; idle for too long", Farewell::Idle),
            ("4.4.2 mail.example.org Error: timeout exceeded", Farewell::Idle),
            ("mail.example.org: SMTP command timeout - closing connection", Farewell::Idle),
            ("4.4.1 Connection timed out. Total session duration: 00:20:55", Farewell::Idle),
            ("4.4.2 Timeout - closing connection.", Farewell::Idle),
            ("Server shutting down.", Farewell::Other),
            ("Too many simultaneous connections. (Failure)", Farewell::Other),
            ("4.3.2 Service not available", Farewell::Other),
            ("", Farewell::Other),
        ];
        for (text, expected) in table {
            assert_eq!(Farewell::of(text), expected, "{text}");
        }
    }
}
