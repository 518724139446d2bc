//! The rules. The order matters: what tells more stands in front.

use super::Rule;
use super::evidence::{Kind, Source};

/// Every rule, each with the shape of what it explains.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "mech-missing",
        provider: None,
        cause: "The server does not offer the mechanism on this connection.",
        fix: "Choose one it offers (`mechanism`; one that is named is tried even if not offered); where it offers none, connect with TLS first.",
        when: |e| e.mechanism_missing,
    },
    Rule {
        id: "xoauth1-advertised",
        provider: Some("google"),
        cause: "Google still lists XOAUTH, but ended it in May 2015: listing it proves nothing.",
        fix: "Set mechanism = \"OAUTHBEARER\" (or XOAUTH2) and run `xoauth login`.",
        when: |e| e.is_provider("google") && e.mechanism_is(&["XOAUTH", "OAUTH10A"]),
    },
    Rule {
        id: "gmail-scope",
        provider: Some("google"),
        cause: "Google refused the token: expired, issued without the mail scope, or for another user.",
        fix: "Ask for the scope https://mail.google.com/ and sign in as the mailbox: `xoauth login`.",
        when: |e| e.status_is("400") && e.scope_is("https://mail.google.com/"),
    },
    Rule {
        id: "gmail-oauthbearer-invalid-request",
        // The word is that of RFC 7628 3.2.2, and every server means it so.
        provider: None,
        cause: "The OAUTHBEARER message is malformed, or names a host, port or user that does not fit.",
        fix: "Connect to the server by its own name, without a tunnel; another token will not help.",
        when: |e| e.status_is("invalid_request"),
    },
    Rule {
        id: "line-too-long",
        provider: None,
        cause: "The credentials are too long for the line they were sent on.",
        fix: "Send them on a line of their own (sasl-ir = \"never\"); if they were, the server caps them: ask for fewer scopes or a shorter token.",
        when: |e| {
            e.login
                && e.says("too long")
                && (matches!(e.code, Some(500..=599)) || e.kind == Kind::Bad)
        },
    },
    Rule {
        id: "sasl-argument",
        provider: None,
        cause: "The server cannot decode the SASL message: its framing is wrong, not the token.",
        fix: "Show the message to `xoauth explain`; it must be base64, once, in the mechanism's own form.",
        when: |e| {
            e.says("invalid sasl argument") || (e.code == Some(501) && e.says("cannot decode"))
        },
    },
    Rule {
        id: "ms-not-connected",
        provider: Some("microsoft"),
        cause: "The token is good, but not for this mailbox: another user's, no permission, or throttled.",
        fix: "Sign in as the mailbox's user, or grant the permission (Add-MailboxPermission; for an application, to the enterprise application's object id).",
        when: |e| e.says("user is authenticated but not connected"),
    },
    Rule {
        id: "ms-authenticate-failed",
        provider: Some("microsoft"),
        cause: "Microsoft refused the token and says no more: wrong audience or scope, wrong user, or no consent.",
        fix: "The token's audience must be https://outlook.office.com with IMAP.AccessAsUser.All; its user the mailbox's: `xoauth login`.",
        when: |e| {
            e.kind == Kind::No && e.is_all("authenticate failed.") && e.is_about_credentials()
        },
    },
    Rule {
        id: "ms-token-expired",
        provider: Some("microsoft"),
        cause: "The access token expired during the session, and the server ended it.",
        fix: "Reconnect with a renewed token (`xoauth token --renew`).",
        when: |e| e.says("accesstokenexpired"),
    },
    Rule {
        id: "ms-smtp-auth-disabled",
        provider: Some("microsoft"),
        cause: "The administrator has switched SMTP AUTH off, for the tenant or this mailbox; the token is fine.",
        fix: "Set-CASMailbox -SmtpClientAuthenticationDisabled $false, or the tenant's setting; or send another way.",
        when: |e| e.says("smtpclientauthentication is disabled"),
    },
    Rule {
        id: "ms-basic-disabled",
        provider: Some("microsoft"),
        cause: "The server takes passwords no more, and judged this login as one.",
        fix: "Use XOAUTH2 with a token instead: `xoauth login`.",
        // RFC 8689 has 5.7.30 for REQUIRETLS.
        when: |e| {
            e.says("basic authentication is disabled")
                || (e.enhanced_is(5, 7, 30) && e.says("basic authentication"))
        },
    },
    Rule {
        id: "ms-smtp-unsuccessful",
        provider: Some("microsoft"),
        cause: "Microsoft refused the user of the token: wrong user, no permission, or a shared mailbox over SMTP.",
        fix: "Sign in to SMTP as the user of the token, and put a shared address in `from`; the token needs SMTP.Send.",
        when: |e| e.code == Some(535) && e.enhanced_is(5, 7, 3),
    },
    Rule {
        id: "ms-unrecognized-mech",
        provider: Some("microsoft"),
        cause: "The server does not know the mechanism that was used, a password's most likely.",
        fix: "Set mechanism = \"XOAUTH2\".",
        when: |e| e.code == Some(504) && e.says("unrecognized authentication type"),
    },
    Rule {
        id: "ms-hve",
        provider: Some("microsoft"),
        cause: "Microsoft's high-volume service wants a token with ten minutes left, and a valid user address.",
        fix: "Renew earlier (`xoauth token --min-valid 900s`), and check the address in `user`.",
        when: |e| e.enhanced_is(5, 5, 127) || e.enhanced_is(5, 5, 124),
    },
    Rule {
        id: "aadsts-65001",
        // The tokens of a server that is not Microsoft's may be: the codes are nobody else's.
        provider: None,
        cause: "Nobody consented to this application with these permissions.",
        fix: "Run `xoauth login` and agree, or have the administrator consent for the tenant.",
        when: |e| e.says("aadsts65001"),
    },
    Rule {
        id: "aadsts-70011",
        provider: None,
        cause: "A scope is not valid, or scopes of two resources are mixed.",
        fix: "Use https://outlook.office.com/IMAP.AccessAsUser.All, .../SMTP.Send and offline_access; none of graph.microsoft.com.",
        when: |e| e.says("aadsts70011"),
    },
    Rule {
        id: "aadsts-7000218",
        provider: None,
        cause: "The application is registered as confidential and no client secret was sent.",
        fix: "Set `client-secret`, or allow public client flows in the registration.",
        when: |e| e.says("aadsts7000218"),
    },
    Rule {
        id: "aadsts-700025",
        provider: None,
        cause: "A client secret was sent for an application that is registered as public.",
        fix: "Remove `client-secret` from the account.",
        when: |e| e.says("aadsts700025"),
    },
    Rule {
        id: "aadsts-900144",
        provider: None,
        cause: "The token request lacks a parameter, the scope most likely.",
        fix: "Set `scopes` in the account, the same as at login.",
        when: |e| e.says("aadsts900144"),
    },
    Rule {
        id: "aadsts-70043",
        provider: None,
        cause: "A conditional access policy ended the refresh token.",
        fix: "Run `xoauth login` again; ask the administrator for a longer sign-in frequency.",
        when: |e| e.says("aadsts70043"),
    },
    Rule {
        id: "aadsts-54005",
        provider: None,
        cause: "The authorization code was used before: a page was reloaded or pasted twice.",
        fix: "Run `xoauth login` again and use each code once.",
        when: |e| e.says("aadsts54005"),
    },
    Rule {
        id: "google-device-scope",
        provider: Some("google"),
        cause: "Google's device flow takes no Gmail scope.",
        fix: "Run `xoauth login` without --device; on a remote host with --paste.",
        when: |e| e.says("invalid device flow scope"),
    },
    Rule {
        id: "google-oob",
        provider: Some("google"),
        cause: "Google has blocked out-of-band redirects since October 2022.",
        fix: "Run `xoauth login` with its loopback redirect, or with --paste.",
        when: |e| e.says("out-of-band (oob) flow has been blocked"),
    },
    Rule {
        id: "google-session",
        provider: Some("google"),
        cause: "Google ends a session when its token does, after an hour or so.",
        fix: "Reconnect with a renewed token.",
        when: |e| e.kind == Kind::Bye && e.says("session expired"),
    },
    Rule {
        id: "google-invalid-grant",
        provider: None,
        cause: "The refresh token is dead: revoked, a password changed, unused for months, or issued by a consent screen in status Testing (seven days).",
        fix: "Run `xoauth login`; with Google, publish the consent screen first.",
        // Microsoft says so of whatever its own codes tell apart.
        when: |e| {
            e.error_is("invalid_grant")
                && !e.other_grant
                && !e.says("aadsts")
                && !e.is_provider("microsoft")
        },
    },
    Rule {
        id: "timestamp-skew",
        provider: None,
        cause: "The clock of this machine and the server's differ too much for an OAuth 1.0a signature.",
        fix: "Set the clock (NTP).",
        when: |e| {
            e.says("timestamp_refused")
                || e.says("oauth_timestamp is more than")
                || e.clock_is_off()
        },
    },
    Rule {
        id: "sasl-ir-lie",
        provider: None,
        cause: "The server answers BAD to credentials on the first line, which it lists as SASL-IR or was told with sasl-ir = \"always\".",
        fix: "Set sasl-ir = \"never\" in the account.",
        when: |e| e.source == Source::Imap && e.kind == Kind::Bad && e.inline && !e.has_document(),
    },
];
