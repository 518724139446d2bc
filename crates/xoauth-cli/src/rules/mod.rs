//! From what a server said to why it said it: the rules of `check` and `explain`.

mod challenge;
mod evidence;
mod table;

pub(crate) use challenge::{advice, status_advice};
pub(crate) use evidence::{Evidence, Kind, Source, enhanced_code};
pub(crate) use table::RULES;

/// A cause that is known, with what to do about it. `docs/errors.md` has a section for each id.
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    /// Whose servers it is about, where it is those of one provider: it is told of no other's.
    provider: Option<&'static str>,
    pub(crate) cause: &'static str,
    pub(crate) fix: &'static str,
    when: fn(&Evidence) -> bool,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

/// The first rule that fits: the table has the more telling ones in front.
pub(crate) fn diagnose(evidence: &Evidence) -> Option<&'static Rule> {
    let may_be = |rule: &Rule| rule.provider.is_none_or(|id| evidence.may_be(id));
    RULES.iter().find(|rule| may_be(rule) && (rule.when)(evidence))
}

/// The rule of that name.
pub(crate) fn by_id(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_an_anchor_in_the_documentation_and_no_other_is_there() {
        let Some(docs) = crate::args::docs() else { return };
        let page = std::fs::read_to_string(format!("{docs}/errors.md")).unwrap();
        let documented: Vec<&str> =
            page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
        let known: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
        assert_eq!(documented, known);
        for rule in RULES {
            assert!(page.contains(rule.cause), "docs/errors.md lacks the cause of {}", rule.id);
            assert!(page.contains(rule.fix), "docs/errors.md lacks the fix of {}", rule.id);
        }
    }

    /// The exact texts, as far as public sources quote them.
    #[test]
    fn every_rule_is_found_by_a_text_that_servers_say() {
        let table: &[(&str, &str)] = &[
            (
                "gmail-scope",
                r#"{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}"#,
            ),
            (
                "gmail-oauthbearer-invalid-request",
                r#"{"status":"invalid_request","scope":"https://mail.google.com/"}"#,
            ),
            ("sasl-argument", "a3 BAD Invalid SASL argument. abc123"),
            ("sasl-argument", "501 5.5.2 Cannot Decode response"),
            ("line-too-long", "555-5.5.2 Syntax error, command line too long"),
            ("line-too-long", "500 5.5.2 AUTH response line too long"),
            ("ms-not-connected", "a4 BAD User is authenticated but not connected."),
            ("ms-authenticate-failed", "A01 NO AUTHENTICATE failed."),
            ("ms-token-expired", "* BYE Session invalidated - AccessTokenExpired"),
            (
                "ms-smtp-auth-disabled",
                "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
            ),
            (
                "ms-basic-disabled",
                "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.",
            ),
            (
                "ms-basic-disabled",
                "550 5.7.30 Basic authentication is not supported for Client Submission",
            ),
            (
                "ms-smtp-unsuccessful",
                "535 5.7.3 Authentication unsuccessful [AM0PR01CA0001.example]",
            ),
            ("ms-unrecognized-mech", "504 5.7.4 Unrecognized authentication type"),
            ("ms-hve", "501 5.5.127 Token will expire soon"),
            ("ms-hve", "501 5.5.124 Invalid XOAUTH2 auth data"),
            (
                "aadsts-65001",
                "AADSTS65001: The user or administrator has not consented to use the application",
            ),
            (
                "aadsts-70011",
                "AADSTS70011: The provided value for the input parameter 'scope' is not valid.",
            ),
            (
                "aadsts-7000218",
                r#"{"error":"invalid_client","error_description":"AADSTS7000218: The request body must contain the following parameter: 'client_assertion' or 'client_secret'."}"#,
            ),
            (
                "aadsts-700025",
                "AADSTS700025: Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
            ),
            (
                "aadsts-900144",
                "AADSTS900144: The request body must contain the following parameter: 'scope'.",
            ),
            (
                "aadsts-70043",
                "AADSTS70043: The refresh token has expired or is invalid due to sign-in frequency checks by conditional access.",
            ),
            ("aadsts-54005", "AADSTS54005: OAuth2 Authorization code was already redeemed"),
            (
                "google-device-scope",
                r#"{"error":"invalid_scope","error_description":"Invalid device flow scope: https://mail.google.com/"}"#,
            ),
            (
                "google-oob",
                "The out-of-band (OOB) flow has been blocked in order to keep users secure.",
            ),
            ("google-session", "* BYE Session expired, please login again."),
            (
                "google-invalid-grant",
                r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#,
            ),
            (
                "timestamp-skew",
                "401 oauth_problem=timestamp_refused&oauth_acceptable_timestamps=1-2",
            ),
        ];
        for (id, text) in table {
            let found = diagnose(&Evidence::from_text(text)).map(|rule| rule.id);
            assert_eq!(found, Some(*id), "{text}");
        }
        for rule in RULES {
            // Those that need more than a line: what was asked for, or how it was sent.
            let by_context = ["mech-missing", "sasl-ir-lie", "xoauth1-advertised"];
            let tested = table.iter().any(|(id, _)| *id == rule.id);
            assert!(tested || by_context.contains(&rule.id), "{} is not tested", rule.id);
        }
    }

    #[test]
    fn what_else_is_known_rules_a_cause_out() {
        let of = |text: &str, provider: Option<&str>, other_grant| {
            let mut evidence = Evidence::from_text(text);
            evidence.provider = provider.map(str::to_owned);
            evidence.other_grant = other_grant;
            diagnose(&evidence).map(|rule| rule.id)
        };
        let (smtp, imap) = ("535 5.7.3 no", "a NO AUTHENTICATE failed.");
        let dead = r#"{"error":"invalid_grant"}"#;
        assert_eq!(of(smtp, Some("microsoft"), false), Some("ms-smtp-unsuccessful"));
        assert_eq!(of(smtp, Some("yandex"), false), None);
        assert_eq!(of(imap, None, false), Some("ms-authenticate-failed"));
        assert_eq!(of(imap, Some("google"), false), None);
        for line in ["NO AUTHENTICATE failed.", "a1 NO [AUTHENTICATIONFAILED] AUTHENTICATE failed."]
        {
            assert_eq!(of(line, None, false), Some("ms-authenticate-failed"), "{line}");
        }
        // Others say more, or less.
        for line in [
            "a1 NO XOAUTH2 AUTHENTICATE failed.",
            "a1 NO AUTHENTICATE failed. Try again",
            "a1 NO AUTHENTICATE failed",
            "a1 NO [UNAVAILABLE] AUTHENTICATE failed.",
        ] {
            assert_eq!(of(line, None, false), None, "{line}");
        }
        assert_eq!(of(dead, Some("google"), false), Some("google-invalid-grant"));
        assert_eq!(of(dead, Some("google"), true), None);
        assert_eq!(of(dead, Some("microsoft"), false), None);
        let more = r#"{"error":"invalid_grant","error_description":"AADSTS50076: more is wanted"}"#;
        assert_eq!(of(more, None, false), None);
        let bye = "* BYE Session expired";
        assert_eq!(of(bye, Some("google"), false), Some("google-session"));
        assert_eq!(of(bye, None, false), Some("google-session"));
        assert_eq!(of(bye, Some("yahoo"), false), None);
        for (line, provider, id) in [
            (r#"{"status":"400","scope":"https://mail.google.com/"}"#, "google", "gmail-scope"),
            ("501 5.5.127 Token will expire soon", "microsoft", "ms-hve"),
            ("504 5.7.4 Unrecognized authentication type", "microsoft", "ms-unrecognized-mech"),
            ("535 5.7.139 x, basic authentication is disabled.", "microsoft", "ms-basic-disabled"),
            ("invalid_scope: Invalid device flow scope: x", "google", "google-device-scope"),
        ] {
            assert_eq!(of(line, Some(provider), false), Some(id));
            assert_eq!(of(line, None, false), Some(id));
            assert_eq!(of(line, Some("yahoo"), false), None, "{line}");
        }
        // Microsoft's tokens may be those of another's server, and RFC 7628's words are everybody's.
        for (line, id) in [
            ("AADSTS65001: x", "aadsts-65001"),
            (r#"{"status":"invalid_request"}"#, "gmail-oauthbearer-invalid-request"),
        ] {
            assert_eq!(of(line, Some("dovecot"), false), Some(id));
        }
        assert_eq!(of("a NO AUTHENTICATE failed. Try again", None, false), None);
        let unavailable = "a NO [UNAVAILABLE] AUTHENTICATE failed.";
        assert_eq!(of(unavailable, Some("microsoft"), false), None);
    }

    #[test]
    fn texts_that_say_nothing_of_the_kind_match_no_rule() {
        for text in [
            "",
            "250 OK",
            "a1 OK done",
            "a1 NO [UNAVAILABLE] try later",
            "535 5.7.8 no",
            "552 5.3.4 Message too long",
            "554 header too long",
            "a1 NO name too long",
            "550 5.7.30 REQUIRETLS support required",
        ] {
            assert!(diagnose(&Evidence::from_text(text)).is_none(), "{text}");
        }
    }
}
