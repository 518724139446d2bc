//! All public functions of the libraries that take text, found in their sources.

use std::collections::BTreeSet;

use e2e::sources::sources;
use regex_lite::Regex;

/// Types in which text of a caller arrives.
const TEXT: &str = r"&('\w+ )?str\b|\bString\b|\bMailbox\b|\[u8\]|\bSecret\b|\bQuery\b|\bItems\b|\bSection\b|\bFlag\b|\bContent\b|\bNewMessage\b|\bSortOrder\b|\bMessage<|TryInto<|\bSource\b|\bPath\b|\bRights\b|Vec<u32>|\bMail<|Into<Submit";

/// Functions that send nothing of the text they are given, and why.
pub(crate) const EXCUSED: &[(&str, &[&str])] = &[
    (
        "they read what a peer sent, or look something up in it",
        &[
            "oauth1-core/secret.rs Secret::is",
            "oauth1-core/verify/nonces.rs NonceKey::new",
            "oauth1-core/verify/received.rs ReceivedRequest::authorization",
            "oauth1-core/verify/received.rs ReceivedRequest::body",
            "oauth1-core/verify/received.rs ReceivedRequest::form",
            "oauth1-core/verify/received.rs ReceivedRequest::new",
            "oauth1-core/verify/received.rs ReceivedRequest::parameter",
            "oauth1-core/verify/received.rs ReceivedRequest::parameter_list",
            "oauth1-core/verify/verifier.rs Verified::parameter",
            "xoauth-imap/parse/flags.rs FlagsRef::contains",
            "xoauth-imap/types/body_structure.rs BodyPart::is",
            "xoauth-imap/types/body_structure.rs BodyPart::parameter",
            "xoauth-imap/types/capability.rs Capabilities::has",
            "xoauth-imap/types/capability.rs Capabilities::offers",
            "xoauth-imap/types/capability.rs Capabilities::values",
            "xoauth-imap/types/flag.rs Flags::contains",
            "xoauth-imap/types/list.rs ListEntry::has_attribute",
            "xoauth-imap/types/message.rs Message::section",
            "xoauth-imap/types/namespace.rs Identity::get",
            "xoauth-imap/types/quota.rs Metadata::get",
            "xoauth-imap/types/special_use.rs SpecialUse::from_attribute",
            "xoauth-sasl/challenge.rs ErrorChallenge::parse",
            "xoauth-sasl/mask.rs Mask::apply",
            "xoauth-sasl/mask.rs Mask::apply_whole",
            "xoauth-sasl/mask.rs Mask::hide",
            "xoauth-sasl/mask.rs Mask::hide_in_place",
            "xoauth-sasl/mask.rs Mask::may_hide",
            "xoauth-sasl/server/exchange.rs ServerExchange::decode_initial_response",
            "xoauth-sasl/server/exchange.rs ServerExchange::decode_response",
            "xoauth-sasl/server/exchange.rs ServerExchange::new",
            "xoauth-sasl/server/message.rs ParseError::parse_client_message",
            "xoauth-sasl/wire/farewell.rs Farewell::of",
            "xoauth-smtp/types/extensions.rs Extensions::has",
            "xoauth-smtp/types/extensions.rs Extensions::limit",
            "xoauth-smtp/types/extensions.rs Extensions::offers_mechanism",
            "xoauth-smtp/types/extensions.rs Extensions::parameters",
            "xoauth/login/credentials.rs Credentials::mechanism_for",
        ],
    ),
    (
        "their text never leaves: secrets to be masked, a hook that is called, names of programs and files, \
         roots of trust",
        &[
            "xoauth-sasl/mask.rs Mask::add",
            "xoauth/login/source.rs TokenCommand::new",
            "xoauth/net/tls.rs TlsBuilder::add_roots",
            "xoauth/smtp/connect.rs Builder::connect_unix",
            "xoauth/smtp/nonblocking/connect.rs Builder::connect_unix",
            "xoauth/trace.rs Trace::new",
        ],
    ),
    (
        "the name of a host is looked up, and judged by the TLS library",
        &[
            "xoauth/imap/connect.rs ::connect",
            "xoauth/imap/connect.rs Builder::new",
            "xoauth/imap/nonblocking/connect.rs ::connect",
            "xoauth/imap/nonblocking/connect.rs Builder::new",
            "xoauth/net/options.rs Options::server_name",
            "xoauth/net/timed.rs Tls::handshake_async",
            "xoauth/net/tls.rs Tls::handshake",
            "xoauth/smtp/connect.rs ::connect",
            "xoauth/smtp/connect.rs Builder::new",
            "xoauth/smtp/nonblocking/connect.rs ::connect",
            "xoauth/smtp/nonblocking/connect.rs Builder::new",
        ],
    ),
    (
        "sessions hand their arguments on to commands and mechanisms that are tried by themselves",
        &[
            "xoauth/imap/client.rs Client::login",
            "xoauth/imap/nonblocking/client.rs Client::login",
            "xoauth/imap/nonblocking/reconnect.rs Reconnect::examine",
            "xoauth/imap/nonblocking/reconnect.rs Reconnect::select",
            "xoauth/imap/reconnect.rs Reconnect::examine",
            "xoauth/imap/reconnect.rs Reconnect::select",
            "xoauth/login/credentials.rs Credentials::bearer",
            "xoauth/login/credentials.rs Credentials::token",
            "xoauth/login/source.rs Ask::new",
            "xoauth/login/source.rs Fixed::new",
            "xoauth/smtp/nonblocking/session.rs Session::send_all",
            "xoauth/smtp/session.rs Session::send_all",
        ],
    ),
    (
        "they make faults, which are shown and never sent",
        &[
            "xoauth-sasl/wire/argument.rs ArgumentFault::at",
            "xoauth-sasl/wire/argument.rs ArgumentFault::end",
            "xoauth-sasl/wire/argument.rs ArgumentFault::too_long",
            "xoauth-sasl/wire/argument.rs ArgumentFault::unfit",
            "xoauth-sasl/wire/argument.rs InvalidArgument::named",
            "xoauth-sasl/wire/argument.rs InvalidArgument::new",
        ],
    ),
    (
        "they read a message; what is sent of it is tried as `mail_from_headers`",
        &["xoauth/smtp/headers.rs Headers::contains", "xoauth/smtp/headers.rs Headers::new"],
    ),
    (
        "they take words of the program itself, which live for ever",
        &[
            "xoauth-imap/command/custom.rs Custom::needs",
            "xoauth-imap/proto/encoder.rs Encoder::needs",
            "xoauth-imap/proto/encoder.rs Encoder::needs_mailbox",
        ],
    ),
    (
        "they are parts of a body, which may hold anything and is framed by its size; the messages that use \
         them are tried",
        &[
            "xoauth-imap/command/content.rs Content::from_source",
            "xoauth-sasl/wire/outgoing.rs Outgoing::extend",
            "xoauth-sasl/wire/outgoing.rs Outgoing::extend_public",
            "xoauth-sasl/wire/source.rs ::poll_piece",
            "xoauth-smtp/proto/encoder.rs Encoder::chunk",
            "xoauth-smtp/proto/encoder.rs Encoder::content",
            "xoauth-smtp/proto/encoder.rs Encoder::end_content",
            "xoauth-smtp/proto/stuffing.rs DotStuffing::passes",
            "xoauth-smtp/proto/stuffing.rs DotStuffing::stuff",
        ],
    ),
    (
        "their text goes through a function that is tried",
        &[
            // Of `Request` and `Nonce`, which `Signer` is given.
            "oauth1-core/method.rs SignatureMethod::hmac_signature",
            "oauth1-core/method.rs SignatureMethod::signing_key",
            "oauth1-core/prepared.rs Prepared::sign_into",
            "oauth1-core/signer.rs Signer::sign_into",
            "oauth1-core/signer.rs Signer::sign_once_into",
            "oauth1-core/method.rs SignatureMethod::from_str",
        ],
    ),
];

/// `crate/file Type::function` of each.
pub(crate) fn functions_with_text() -> BTreeSet<String> {
    let text = Regex::new(TEXT).unwrap();
    let mut found = BTreeSet::new();
    for source in sources().unwrap() {
        let place = format!("{}/{}", source.name, source.within);
        for function in functions(&source.text) {
            if text.is_match(&function.taken) {
                found.insert(format!("{place} {}", function.name));
            }
        }
        found.extend(
            heads(&source.text)
                .iter()
                .filter(|(_, head)| head.implemented == "FromStr")
                .map(|(_, head)| format!("{place} {}::from_str", head.of)),
        );
    }
    found
}

/// A public function.
pub(crate) struct Function {
    /// `Type::function`.
    pub(crate) name: String,
    /// Its arguments, with what is required of them.
    pub(crate) taken: String,
}

/// The public functions of one file.
pub(crate) fn functions(source: &str) -> Vec<Function> {
    let function = Regex::new(r"^pub (?:const |async )*fn (\w+)").unwrap();
    let returned = Regex::new(r"->.*?(where|$)").unwrap();
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let heads = heads(source);
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = function.captures(line) else { continue };
        let name = &name[1];
        let signature = lines[at..lines.len().min(at + 14)].join(" ");
        let signature = signature.split(['{', ';']).next().unwrap();
        let taken = returned.replace(signature, "$1");
        let taken = taken.split_once(name).unwrap().1.to_owned();
        let before = heads.iter().rev().find(|(line, _)| *line < at);
        let of = before.map_or("", |(_, head)| head.of.as_str());
        found.push(Function { name: format!("{of}::{name}"), taken });
    }
    found
}

/// What begins an `impl`.
pub(crate) struct Head {
    /// The types that it has parameters for, with what is required of them.
    pub(crate) generics: String,
    /// The trait, with what is in its brackets; empty where there is none.
    pub(crate) implemented: String,
    /// The type, by its name alone.
    pub(crate) of: String,
}

/// Every `impl` of one file, with the number of its line.
pub(crate) fn heads(source: &str) -> Vec<(usize, Head)> {
    let mut found = Vec::new();
    for (at, line) in source.lines().map(str::trim).enumerate() {
        let Some(all) = line.strip_prefix("impl").filter(|head| head.starts_with(['<', ' ']))
        else {
            continue;
        };
        let head = without_generics(all);
        let generics = all.strip_suffix(head).unwrap_or_default().trim().to_owned();
        let (implemented, name) = head.split_once(" for ").unwrap_or(("", head));
        let name = name.trim_start_matches(['&', ' ']);
        let end = name.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '$' | ':'));
        let path = &name[..end.unwrap_or(name.len())];
        let of = path.rsplit("::").next().unwrap().to_owned();
        found.push((at, Head { generics, implemented: implemented.trim().to_owned(), of }));
    }
    found
}

/// What stands behind the `<..>` of an `impl`.
fn without_generics(head: &str) -> &str {
    let mut depth = 0;
    let mut before = ' ';
    for (at, c) in head.char_indices() {
        depth += match c {
            '<' => 1,
            '>' if before != '-' => -1,
            _ => 0,
        };
        if depth == 0 && c == '>' {
            return head[at + 1..].trim_start();
        }
        if depth == 0 && c != ' ' {
            break;
        }
        before = c;
    }
    head.trim_start()
}
