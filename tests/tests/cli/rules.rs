//! Each rule of docs/errors.md: a server says the exact line, and `check` (or the verb that hears it) names the
//! rule.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::authorization::{Authorization, CLIENT_ID};
use e2e::scripted::{Peer, Step, expect, send};
use serde_json::Value;

use crate::support::Home;

/// Where the line is said.
enum At {
    /// IMAP, as the answer to AUTHENTICATE with an initial response.
    ImapLogin(&'static str),
    /// IMAP, after a login that was accepted.
    ImapProbe(&'static str),
    /// SMTP, as the answer to AUTH.
    SmtpLogin(&'static str),
    /// SMTP, as a challenge, which is acknowledged before 535.
    SmtpChallenge(&'static str),
    /// The answer to a token request, or to one for a device code.
    Endpoint(&'static [&'static str], &'static str),
}

const GMAIL: &str = "eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ==";
/// `{"status":"invalid_request","scope":"https://mail.google.com/"}`
const INVALID: &str =
    "eyJzdGF0dXMiOiJpbnZhbGlkX3JlcXVlc3QiLCJzY29wZSI6Imh0dHBzOi8vbWFpbC5nb29nbGUuY29tLyJ9";

const TOKEN: &[&str] = &["token", "--renew"];

/// The rule, the account's own lines, the words of the server.
const SAID: &[(&str, &str, At)] = &[
    ("gmail-scope", "", At::SmtpChallenge(GMAIL)),
    (
        "gmail-oauthbearer-invalid-request",
        "mechanism = \"OAUTHBEARER\"",
        At::SmtpChallenge(INVALID),
    ),
    ("sasl-argument", "", At::ImapLogin("{tag} BAD Invalid SASL argument. k1mb12345678")),
    ("sasl-argument", "", At::SmtpLogin("501 5.5.2 Cannot Decode response 8-20020a05600c")),
    ("line-too-long", "", At::SmtpLogin("500 5.5.2 AUTH command line too long")),
    (
        "line-too-long",
        "",
        At::SmtpLogin("555-5.5.2 Syntax error, command line too long\r\n555 5.5.2 gsmtp"),
    ),
    ("ms-authenticate-failed", "", At::ImapLogin("{tag} NO AUTHENTICATE failed.")),
    ("ms-not-connected", "", At::ImapProbe("{tag} BAD User is authenticated but not connected.")),
    ("ms-token-expired", "", At::ImapProbe("* BYE Session invalidated - AccessTokenExpired")),
    ("google-session", "", At::ImapProbe("* BYE Session expired, please login again.")),
    (
        "ms-smtp-auth-disabled",
        "",
        At::SmtpLogin(
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.",
        ),
    ),
    (
        "ms-basic-disabled",
        "",
        At::SmtpLogin("535 5.7.139 Authentication unsuccessful, basic authentication is disabled."),
    ),
    (
        "ms-basic-disabled",
        "",
        At::SmtpLogin("550 5.7.30 Basic authentication is not supported for Client Submission."),
    ),
    (
        "ms-smtp-unsuccessful",
        "",
        At::SmtpLogin("535 5.7.3 Authentication unsuccessful [AM0PR01CA0001.EXAMPLE]"),
    ),
    ("ms-unrecognized-mech", "", At::SmtpLogin("504 5.7.4 Unrecognized authentication type")),
    ("ms-hve", "", At::SmtpLogin("501 5.5.127 Token will expire soon")),
    ("ms-hve", "", At::SmtpLogin("501 5.5.124 Invalid XOAUTH2 auth data")),
    ("sasl-ir-lie", "", At::ImapLogin("{tag} BAD Parse command error")),
    (
        "xoauth1-advertised",
        "provider = \"google\"\nmechanism = \"XOAUTH\"\nconsumer-key = \"k\"\nconsumer-secret = \"s\"\ntoken = \"t\"\ntoken-secret = \"ts\"",
        At::ImapLogin("{tag} NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)"),
    ),
    (
        "mech-missing",
        "mechanism = \"OAUTH10A\"\nconsumer-key = \"k\"\nconsumer-secret = \"s\"\ntoken = \"t\"\ntoken-secret = \"ts\"",
        At::ImapLogin("{tag} BAD no such thing"),
    ),
    ("mech-missing", "mechanism = \"OAUTHBEARER\"", At::SmtpLogin("504 5.5.4 not implemented")),
    (
        "mech-missing",
        "mechanism = \"OAUTHBEARER\"",
        At::SmtpLogin("535 5.7.8 Error: authentication failed: Invalid authentication mechanism"),
    ),
    (
        "aadsts-65001",
        "",
        At::Endpoint(
            TOKEN,
            r#"{"error":"invalid_grant","error_description":"AADSTS65001: The user or administrator has not consented to use the application with ID 'x'."}"#,
        ),
    ),
    (
        "aadsts-70011",
        "",
        At::Endpoint(
            TOKEN,
            r#"{"error":"invalid_scope","error_description":"AADSTS70011: The provided value for the input parameter 'scope' is not valid."}"#,
        ),
    ),
    (
        "aadsts-7000218",
        "",
        At::Endpoint(
            TOKEN,
            r#"{"error":"invalid_client","error_description":"AADSTS7000218: The request body must contain the following parameter: 'client_assertion' or 'client_secret'."}"#,
        ),
    ),
    (
        "aadsts-700025",
        "",
        At::Endpoint(
            TOKEN,
            r#"{"error":"invalid_client","error_description":"AADSTS700025: Client is public so neither 'client_assertion' nor 'client_secret' should be presented."}"#,
        ),
    ),
    (
        "aadsts-900144",
        "",
        At::Endpoint(
            TOKEN,
            r#"{"error":"invalid_request","error_description":"AADSTS900144: The request body must contain the following parameter: 'scope'."}"#,
        ),
    ),
    (
        "aadsts-70043",
        "",
        At::Endpoint(
            TOKEN,
            r#"{"error":"invalid_grant","error_description":"AADSTS70043: The refresh token has expired or is invalid due to sign-in frequency checks by conditional access."}"#,
        ),
    ),
    (
        "aadsts-54005",
        "",
        At::Endpoint(
            TOKEN,
            r#"{"error":"invalid_grant","error_description":"AADSTS54005: OAuth2 Authorization code was already redeemed, please retry with a new valid code."}"#,
        ),
    ),
    (
        "google-invalid-grant",
        "",
        At::Endpoint(
            TOKEN,
            r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#,
        ),
    ),
    (
        "google-oob",
        "",
        At::Endpoint(
            TOKEN,
            r#"{"error":"invalid_request","error_description":"The out-of-band (OOB) flow has been blocked in order to keep users secure."}"#,
        ),
    ),
    (
        "google-device-scope",
        "",
        At::Endpoint(
            &["login", "--device"],
            r#"{"error":"invalid_scope","error_description":"Invalid device flow scope: https://mail.google.com/"}"#,
        ),
    ),
    (
        "timestamp-skew",
        "mechanism = \"XOAUTH\"\nconsumer-key = \"k\"\nconsumer-secret = \"s\"",
        At::Endpoint(
            &["login", "--oauth1", "--oob"],
            "oauth_problem=timestamp_refused&oauth_acceptable_timestamps=1-2",
        ),
    ),
];

#[test]
fn every_rule_is_named_where_a_server_says_its_line() {
    for (rule, account, at) in SAID {
        let found = match at {
            At::ImapLogin(line) => imap(account, line, None),
            At::ImapProbe(line) => imap(account, "{tag} OK done", Some(line)),
            At::SmtpLogin(line) => smtp(account, vec![send(format!("{line}\r\n"))]),
            At::SmtpChallenge(text) => {
                let refusal = send("535 5.7.8 no\r\n");
                smtp(account, vec![send(format!("334 {text}\r\n")), expect(""), refusal])
            }
            At::Endpoint(verb, body) => endpoint(account, verb, body),
        };
        assert_eq!(found, *rule);
    }
    let page = include_str!("../../../docs/errors.md");
    let documented: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let tested: BTreeSet<&str> = SAID.iter().map(|(rule, ..)| *rule).collect();
    assert_eq!(tested, documented);
}

/// What a document says of the login goes before what its NO alone means, and is the same as `explain` says.
#[test]
fn what_a_document_says_is_the_advice_of_check() {
    for (status, advice) in [
        ("insufficient_scope", "the token is good, but lacks the scope"),
        ("403", "the token is good, but lacks the scope"),
        ("503", "the server cannot judge tokens at the moment"),
        ("401", "the token was refused"),
    ] {
        let document = STANDARD.encode(format!(r#"{{"status":"{status}","scope":"mail"}}"#));
        let peer = Peer::start(vec![vec![
            send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hello\r\n"),
            expect("AUTHENTICATE "),
            send(format!("+ {document}\r\n")),
            expect(""),
            send("{tag} NO [AUTHENTICATIONFAILED] no\r\n"),
            Step::ExpectEnd,
        ]])
        .unwrap();
        let config =
            config("", "XOAUTH2") + &format!("imap = \"imap://127.0.0.1:{}\"\n", peer.port());
        let home = Home::with(&config);
        let said = home.run(&["check", "imap"]);
        peer.finish().unwrap();
        assert_eq!(said.code, 77, "{said:?}");
        let all = said.out + &said.err;
        assert!(all.contains(advice) && !all.contains("syntax"), "{status}: {all}");
        let explained = home.run(&["explain", &document]).ok();
        assert!(explained.contains(advice.get(1..).unwrap()), "{status}: {explained}");
    }
}

/// The rule that `check imap` names.
fn imap(account: &str, login: &str, probe: Option<&str>) -> String {
    let mut script =
        vec![send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2 AUTH=XOAUTH] hello\r\n")];
    script.extend([expect("AUTHENTICATE "), send(format!("{login}\r\n"))]);
    if let Some(line) = probe {
        // The capabilities may be asked for again behind the login.
        script.extend([expect("EXAMINE INBOX"), send(format!("{line}\r\n"))]);
    }
    script.push(Step::ExpectEnd);
    let peer = Peer::start(vec![script]).unwrap();
    let config =
        config(account, "XOAUTH2") + &format!("imap = \"imap://127.0.0.1:{}\"\n", peer.port());
    let found = checked(&Home::with(&config), "imap");
    peer.finish().unwrap_or_else(|fault| panic!("{login} {probe:?}: {fault}"));
    found
}

/// The rule that `check smtp` names.
fn smtp(account: &str, answer: Vec<Step>) -> String {
    let mut script = vec![
        send("220 mail.example.com hello\r\n"),
        expect("EHLO"),
        send("250-mail.example.com\r\n250-AUTH LOGIN XOAUTH2\r\n250 ENHANCEDSTATUSCODES\r\n"),
        expect("AUTH "),
    ];
    script.extend(answer);
    script.push(Step::ExpectEnd);
    let peer = Peer::start(vec![script]).unwrap();
    let config =
        config(account, "XOAUTH2") + &format!("smtp = \"smtp://127.0.0.1:{}\"\n", peer.port());
    let found = checked(&Home::with(&config), "smtp");
    peer.finish().unwrap();
    found
}

fn config(account: &str, mechanism: &str) -> String {
    let own = if account.contains("mechanism") {
        String::new()
    } else {
        format!("mechanism = \"{mechanism}\"\n")
    };
    format!(
        "[account.a]\nuser = \"ann@example.org\"\naccess-token = \"access-token-0815\"\ninsecure-plaintext = true\n{own}{account}\n"
    )
}

fn checked(home: &Home, protocol: &str) -> String {
    let said = home.run(&["--json", "check", protocol]);
    assert_ne!(said.code, 0, "{said:?}");
    let report: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
    assert_eq!(report["ok"], false);
    report["diagnosis"][0]["id"].as_str().unwrap_or_else(|| panic!("{report:#}")).to_owned()
}

/// The rule that a verb names when the endpoint answers so.
fn endpoint(account: &str, verb: &[&str], body: &str) -> String {
    let server = Authorization::start(&[]).unwrap();
    server.script(400, body);
    let config = format!(
        "[account.a]\nuser = \"ann@example.org\"\nclient-id = \"{CLIENT_ID}\"\ntoken-endpoint = \"{}\"\n\
         device-endpoint = \"{}\"\nrequest-token-endpoint = \"{}\"\nauthorize-endpoint = \"http://127.0.0.1/\"\n\
         access-token-endpoint = \"http://127.0.0.1/\"\n{account}\n",
        server.url("/token"),
        server.url("/device"),
        server.url("/oauth1/request"),
    );
    let home = Home::with(&config);
    home.write(
        "state/xoauth/a.json",
        r#"{"v":1,"access_token":"a","refresh_token":"r","expires_at":1}"#,
    );
    let said = home.run(&[&["--json"], verb].concat());
    assert_eq!(said.code, 77, "{said:?}");
    said.error()["id"].as_str().unwrap_or_else(|| panic!("{said:?}")).to_owned()
}
