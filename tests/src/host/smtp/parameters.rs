//! What MAIL and RCPT ask for beside addresses, read strictly.

use crate::host::config::Capabilities;

/// Whether a parameter of MAIL is one the host offers, and well formed; `is_tls` for REQUIRETLS.
pub(super) fn is_mail_parameter(
    offered: &Capabilities,
    is_tls: bool,
    keyword: &str,
    value: Option<&str>,
) -> bool {
    match (keyword, value) {
        // RFC 3461, sections 4.3 and 4.4
        ("RET", Some(what)) => offered.dsn && matches!(what, "FULL" | "HDRS"),
        ("ENVID", Some(id)) => offered.dsn && is_xtext(id) && id.len() <= 300,
        // RFC 4954, section 5: taken, not trusted.
        ("AUTH", Some(submitter)) => submitter == "<>" || is_xtext(submitter),
        // RFC 8689, section 2
        ("REQUIRETLS", None) => offered.require_tls && is_tls,
        ("BY", Some(by)) => offered.deliver_by.is_some_and(|least| is_by_value(by, least)),
        // RFC 6710, section 4
        ("MT-PRIORITY", Some(priority)) => {
            offered.priority && priority.parse::<i8>().is_ok_and(|one| (-9..=9).contains(&one))
        }
        _ => false,
    }
}

/// Whether a parameter of RCPT is one the host offers, and well formed.
///
/// RFC 3461, sections 4.1 and 4.2
pub(super) fn is_rcpt_parameter(
    offered: &Capabilities,
    keyword: &str,
    value: Option<&str>,
) -> bool {
    match (keyword, value) {
        ("NOTIFY", Some("NEVER")) => offered.dsn,
        ("NOTIFY", Some(list)) => {
            offered.dsn && list.split(',').all(|one| matches!(one, "SUCCESS" | "FAILURE" | "DELAY"))
        }
        ("ORCPT", Some(original)) => {
            let parts = original.split_once(';');
            offered.dsn
                && parts.is_some_and(|(kind, address)| {
                    !kind.is_empty()
                        && !address.is_empty()
                        && (is_xtext(address) || kind == "utf-8")
                })
        }
        _ => false,
    }
}

/// `xtext`, RFC 3461, section 4.
fn is_xtext(text: &str) -> bool {
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        let hex = |octet: Option<u8>| matches!(octet, Some(b'0'..=b'9' | b'A'..=b'F'));
        match octet {
            b'+' if hex(octets.next()) && hex(octets.next()) => {}
            b'+' | b'=' => return false,
            b'!'..=b'~' => {}
            _ => return false,
        }
    }
    !text.is_empty()
}

/// `by-value`, RFC 2852, section 4; a time that returns the message must not be below the least.
fn is_by_value(value: &str, least: u32) -> bool {
    let Some((time, mode)) = value.split_once(';') else { return false };
    match (time.parse::<i64>(), mode.trim_end_matches('T')) {
        (Ok(time), "R") => time >= i64::from(least.max(1)),
        (Ok(_), "N") => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_strictly() {
        let offered = Capabilities::default();
        for (keyword, value, good) in [
            ("RET", Some("HDRS"), true),
            ("RET", Some("SOME"), false),
            ("ENVID", Some("a+20b"), true),
            ("ENVID", Some("a=b"), false),
            ("ENVID", Some("a+2"), false),
            ("AUTH", Some("<>"), true),
            ("REQUIRETLS", None, true),
            ("REQUIRETLS", Some("x"), false),
            ("BY", Some("120;R"), true),
            ("BY", Some("59;R"), false),
            ("BY", Some("-5;NT"), true),
            ("BY", Some("x;R"), false),
            ("MT-PRIORITY", Some("-9"), true),
            ("MT-PRIORITY", Some("10"), false),
            ("X", None, false),
        ] {
            assert_eq!(
                is_mail_parameter(&offered, true, keyword, value),
                good,
                "{keyword} {value:?}"
            );
        }
        assert!(!is_mail_parameter(&offered, false, "REQUIRETLS", None));
        for (keyword, value, good) in [
            ("NOTIFY", Some("NEVER"), true),
            ("NOTIFY", Some("SUCCESS,DELAY"), true),
            ("NOTIFY", Some("NEVER,DELAY"), false),
            ("ORCPT", Some("rfc822;a+2Bb@x"), true),
            ("ORCPT", Some("utf-8;gr\\x{FC}n@x"), true),
            ("ORCPT", Some("a@x"), false),
            ("NOTIFY", None, false),
        ] {
            assert_eq!(is_rcpt_parameter(&offered, keyword, value), good, "{keyword} {value:?}");
        }
    }
}
