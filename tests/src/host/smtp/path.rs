//! The arguments of MAIL and RCPT (RFC 5321, section 4.1.2), read strictly.

/// A path with the parameters behind it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path<'a> {
    /// Without angle brackets; empty for `<>`.
    pub(super) address: &'a str,
    /// Keyword, and value if there is one.
    pub(super) parameters: Vec<(&'a str, Option<&'a str>)>,
}

/// Reads `FROM:<a@b> KEY=value`, where `prefix` is `FROM:`.
pub(super) fn parse<'a>(text: &'a str, prefix: &str) -> Option<Path<'a>> {
    let (found, rest) = text.split_at_checked(prefix.len())?;
    let rest = rest.strip_prefix('<').filter(|_| found.eq_ignore_ascii_case(prefix))?;
    let end = closing(rest)?;
    let (address, rest) = rest.split_at_checked(end)?;
    let rest = rest.strip_prefix('>')?;
    let mut parameters = Vec::new();
    if !rest.is_empty() {
        for parameter in rest.strip_prefix(' ')?.split(' ') {
            let (keyword, value) = match parameter.split_once('=') {
                Some((keyword, value)) => (keyword, Some(value)),
                None => (parameter, None),
            };
            let plain = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
            if keyword.is_empty() || !keyword.bytes().all(plain) {
                return None;
            }
            parameters.push((keyword, value));
        }
    }
    Some(Path { address, parameters })
}

/// Whether an address is `local@domain` (Mailbox, RFC 5321 section 4.1.2, with RFC 6531).
pub(super) fn is_mailbox(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let quoted = local.len() >= 2 && local.starts_with('"') && local.ends_with('"');
    let atom = |text: &str| !text.is_empty() && text.chars().all(is_atext);
    (quoted || local.split('.').all(atom)) && is_domain(domain)
}

/// Whether text is a domain name or an address literal.
pub(super) fn is_domain(text: &str) -> bool {
    if let Some(literal) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        let literal = literal.strip_prefix("IPv6:").unwrap_or(literal);
        return literal.parse::<std::net::IpAddr>().is_ok();
    }
    let label = |label: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || !c.is_ascii();
        !label.is_empty() && !label.starts_with('-') && label.chars().all(allowed)
    };
    text.split('.').all(label)
}

/// Where the `>` stands that is in no quoted string.
fn closing(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

fn is_atext(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(character)
        || !character.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read() {
        for (text, expected) in [
            ("FROM:<a@b>", Some(("a@b", vec![]))),
            ("from:<>", Some(("", vec![]))),
            (
                "FROM:<a@b> SIZE=1 SMTPUTF8",
                Some(("a@b", vec![("SIZE", Some("1")), ("SMTPUTF8", None)])),
            ),
            ("FROM:<\"a>\\\"b\"@c>", Some(("\"a>\\\"b\"@c", vec![]))),
            ("FROM: <a@b>", None),
            ("FROM:a@b", None),
            ("FROM:<a@b>  SIZE=1", None),
            ("FROM:<a@b>SIZE=1", None),
            ("FROM:<a@b", None),
            ("TO:<a@b>", None),
        ] {
            let found = parse(text, "FROM:").map(|path| (path.address, path.parameters));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn mailboxes_are_checked() {
        for (address, good) in [
            ("a.b@c.example", true),
            ("\"a b\"@[127.0.0.1]", true),
            ("jörg@müller.example", true),
            ("a..b@c", false),
            ("a b@c", false),
            ("a@", false),
            ("a", false),
            ("a@b c", false),
        ] {
            assert_eq!(is_mailbox(address), good, "{address}");
        }
    }
}
