//! All public types of the libraries, found in their sources, and those that need not be shown.

#![allow(clippy::string_slice, reason = "where a match ends and a brace stands a character begins")]

use std::collections::BTreeMap;

use e2e::sources::{Source, sources};
use regex_lite::Regex;

/// What holds a secret, or a session that does. A type that names one of these is excused by its own name alone, never
/// with its module.
const CARRIERS: &str = r"\b(Secret|Zeroizing|Mask|Consumer|Signer|Prepared|Credentials|Keeper|Core|Output|Machine|TokenSource|Mechanism)\b";

/// Types that are not shown here, and why: by name, or a module (`::` at the end).
pub(crate) const EXCUSED: &[(&str, &[&str])] = &[
    (
        "faults, methods, numbers, names and choices: no field is text of a login",
        &[
            "oauth1_core::error::",
            "oauth1_core::method::",
            "oauth1_core::stamp::",
            "oauth1_core::verify::error::",
            "oauth1_core::verify::nonces::",
            "oauth1_core::verify::verifier::Verifier",
            "xoauth_sasl::error::",
            "xoauth_sasl::initial::",
            "xoauth_sasl::exchange::CancelReason",
            "xoauth_sasl::exchange::Tolerance",
            "xoauth_sasl::mechanism::Context",
            "xoauth_sasl::mechanism::Speaker",
            "xoauth_sasl::mechanism::xoauth::Service",
            "xoauth_sasl::wire::",
            "xoauth::login::source::Renew",
            "xoauth::login::source::Named",
            "xoauth::login::source::TokenCommandOverdue",
        ],
    ),
    (
        "what a server says: its texts and values pass the mask before they are made (the crates' own tests of echoes, \
         the attack corpora, and the fuzz targets of the machines)",
        &[
            "xoauth_sasl::challenge::",
            "xoauth_sasl::exchange::Reply",
            "xoauth_imap::error::",
            "xoauth_imap::parse::",
            "xoauth_imap::types::",
            "xoauth_imap::proto::state::",
            "xoauth_smtp::error::",
            "xoauth_smtp::types::",
            "xoauth::error::",
            "xoauth::imap::reopened::",
            "xoauth::imap::watcher::",
        ],
    ),
    (
        "it keeps the mask of its session, which is shown here and shows nothing",
        &[
            "xoauth_imap::command::custom::Custom",
            "xoauth_imap::command::fetch::Fetch",
            "xoauth_imap::command::resync::Resync",
            "xoauth_imap::command::store::Store",
            "xoauth_imap::command::store::StoreLabels",
            "xoauth_smtp::parse::reply::Reply",
        ],
    ),
    (
        "what a caller asks for once it is logged in, and what comes of it",
        &["xoauth_imap::command::", "xoauth_smtp::exchange::", "xoauth::smtp::headers::"],
    ),
    (
        "rules, limits, marks and places of the machines, which are shown here themselves",
        &[
            "xoauth_imap::proto::exchange::",
            "xoauth_imap::proto::footprint::",
            "xoauth_imap::proto::forced::",
            "xoauth_imap::proto::left::",
            "xoauth_imap::proto::limits::",
            "xoauth_imap::proto::tag::",
            "xoauth_imap::proto::encoder::LiteralForm",
            "xoauth_smtp::proto::exchange::",
            "xoauth_smtp::proto::limits::",
            "xoauth_smtp::proto::stuffing::",
            "xoauth_smtp::proto::encoder::Place",
        ],
    ),
    (
        "it borrows a machine, and is made within a call: what it shows is the machine's",
        &[
            "xoauth_imap::proto::encoder::Encoder",
            "xoauth_imap::proto::running::Running",
            "xoauth_smtp::proto::encoder::Encoder",
            "xoauth_smtp::proto::running::Running",
            "xoauth_smtp::exchange::bulk::sending::Sending",
        ],
    ),
    (
        "it borrows a session, and its `Debug` shows none of it",
        &[
            "xoauth::imap::idle::",
            "xoauth::imap::nonblocking::idle::",
            "xoauth::imap::stream::",
            "xoauth::imap::nonblocking::stream::",
            "xoauth::smtp::outcomes::",
            "xoauth::smtp::nonblocking::outcomes::",
        ],
    ),
    (
        "where to connect and how, before anybody logs in; a session's transport holds octets of TLS alone",
        &[
            "xoauth::imap::compression::",
            "xoauth::imap::connect::",
            "xoauth::imap::nonblocking::connect::",
            "xoauth::smtp::connect::",
            "xoauth::smtp::nonblocking::connect::",
            "xoauth::smtp::pool_options::",
            "xoauth::net::",
            "xoauth::trace::",
        ],
    ),
    (
        "the judge of a server: what it is given is within what is shown here",
        &[
            "xoauth_sasl::server::document::",
            "xoauth_sasl::server::exchange::ServerExchange",
            "xoauth_sasl::server::exchange::ServerStep",
            "xoauth_sasl::server::exchange::Refusal",
            "xoauth_sasl::server::judge::BearerRequest",
            "xoauth_sasl::server::judge::IdentityRequest",
            "xoauth_sasl::server::judge::Verdict",
            "xoauth_sasl::server::judge::Server",
            "xoauth_sasl::server::message::ParseError",
        ],
    ),
    (
        "a future's own state: its `Debug` shows none of it",
        &["xoauth::login::source::Awaited", "xoauth::login::renewals::Turn"],
    ),
    (
        "the twin of what is shown here, over the same core, which is what `Debug` shows",
        &[
            "xoauth::imap::client::PlainClient",
            "xoauth::imap::nonblocking::client::PlainClient",
            "xoauth::smtp::client::PlainClient",
            "xoauth::smtp::nonblocking::client::PlainClient",
        ],
    ),
];

/// The excuse of a type, where it has one.
pub(crate) fn excuse(name: &str, body: &str) -> Option<&'static str> {
    let carries = Regex::new(CARRIERS).unwrap().is_match(body);
    let fits = |pattern: &&str| match pattern.strip_suffix("::") {
        Some(_) => !carries && name.starts_with(*pattern),
        None => name == *pattern,
    };
    let excused = EXCUSED.iter().find(|(_, patterns)| patterns.iter().any(fits));
    excused.map(|(reason, _)| *reason)
}

/// `crate::module::Type` of each, with what stands in its braces.
pub(crate) fn public_types() -> BTreeMap<String, String> {
    let declared = Regex::new(r"(?m)^\s*pub (?:struct|enum|union) (\w+)").unwrap();
    let mut found = BTreeMap::new();
    for (module, source) in modules() {
        for captures in declared.captures_iter(&source) {
            let declaration = captures.get(0).unwrap();
            let path = format!("{module}::{}", &captures[1]);
            found.insert(path, body(&source[declaration.end()..]).to_owned());
        }
    }
    found
}

/// Modules in which a macro declares public types.
pub(crate) fn modules_with_macros() -> Vec<String> {
    let declared = Regex::new(r"(?m)^\s*pub (?:struct|enum|union) \$").unwrap();
    let modules = modules().into_iter().filter(|(_, source)| declared.is_match(source));
    modules.map(|(module, _)| module).collect()
}

/// Every module, and its source without comments and tests.
fn modules() -> BTreeMap<String, String> {
    let comment = Regex::new(r"(?m)//.*$").unwrap();
    let module = |source: Source| {
        let module = source.within.trim_end_matches(".rs").replace('/', "::");
        let name = source.name.replace('-', "_");
        let module = format!("{name}::{}", module.trim_end_matches("::mod"));
        (module, comment.replace_all(&source.text, "").into_owned())
    };
    sources().unwrap().into_iter().map(module).collect()
}

/// What a declaration says behind its name.
fn body(rest: &str) -> &str {
    let mut depth = 0;
    for (at, c) in rest.char_indices() {
        match c {
            '{' | '(' => depth += 1,
            '}' | ')' => {
                depth -= 1;
                if depth == 0 && c == '}' {
                    return &rest[..at];
                }
            }
            ';' if depth == 0 => return &rest[..at],
            _ => {}
        }
    }
    rest
}
