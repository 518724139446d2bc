//! The ways besides functions by which text gets into a value: variants of public enums, public fields, and
//! conversions, found in the sources.

use std::collections::BTreeSet;

use e2e::sources::{parts, sources};
use regex_lite::Regex;

use crate::surface::{functions, heads};

/// Types in which text, or octets, of a caller arrives; what only holds one of them was made by way of it.
const TEXT: &str = r"\bstr\b|\bchar\b|\bString\b|\[u8\b|\bVec<u8>|\bVec<u32>|\bOctets\b|\bMailbox\b|\bFlag\b|\bFlagName\b|\bFlags\b|\bSection\b|\bPartText\b|\bItem\b|\bQuery\b|\bObjectId\b|\bResourceKind\b|\bRights\b|\bContent\b|\bText<|\bAddress\b|\bReversePath\b|\bRecipient\b|\bMail<|\bSecret\b|\bSource\b|\bPath\b|\$\w+";

/// Conversions that make a value of something else.
const CONVERSIONS: [&str; 4] = ["From<", "TryFrom<", "FromIterator<", "Extend<"];

/// Where this is the reason, no public function takes such a type.
pub(crate) const SAID: &str = "what a server said, or what is told of it; no function takes one";

/// Why nothing of these leaves. A type stands for all its variants and fields.
pub(crate) const EXCUSED: &[(&str, &[&str])] = &[
    (
        SAID,
        &[
            "xoauth-imap/command/fetch.rs BodyInfo",
            "xoauth-imap/command/fetch.rs FetchEvent",
            "xoauth-imap/command/quota.rs MailboxQuotas",
            "xoauth-imap/parse/body_fields.rs DispositionRef",
            "xoauth-imap/parse/body_structure.rs PartRef",
            "xoauth-imap/parse/code.rs Code",
            "xoauth-imap/parse/envelope.rs AddressRef",
            "xoauth-imap/parse/envelope.rs EnvelopeRef",
            "xoauth-imap/parse/fetch.rs BodyRef",
            "xoauth-imap/parse/fetch.rs FetchItem",
            "xoauth-imap/parse/list.rs ListRef",
            "xoauth-imap/parse/list.rs MailboxStatusRef",
            "xoauth-imap/parse/response.rs Response",
            "xoauth-imap/parse/response.rs StatusRef",
            "xoauth-imap/parse/search.rs EsearchRef",
            "xoauth-imap/proto/exchange.rs Announcement",
            "xoauth-imap/proto/state.rs Selected",
            "xoauth-imap/types/acl.rs AccessList",
            "xoauth-imap/types/acl.rs MailboxRights.mailbox",
            "xoauth-imap/types/acl.rs RightsChoice",
            "xoauth-imap/types/body_structure.rs BodyPart",
            "xoauth-imap/types/body_structure.rs Disposition",
            "xoauth-imap/types/capability.rs Capabilities",
            "xoauth-imap/types/envelope.rs Address",
            "xoauth-imap/types/envelope.rs Envelope",
            "xoauth-imap/types/event.rs Esearch",
            "xoauth-imap/types/event.rs Event",
            "xoauth-imap/types/mailbox_status.rs MailboxStatus",
            "xoauth-imap/types/mailbox_status.rs StatusItems",
            "xoauth-imap/types/message.rs BodySection",
            "xoauth-imap/types/message.rs InvalidItem",
            "xoauth-imap/types/message.rs Message",
            "xoauth-imap/types/message.rs OtherItem",
            "xoauth-imap/types/namespace.rs NamespaceEntry",
            "xoauth-imap/types/octets.rs Octets",
            "xoauth-imap/types/quota.rs Metadata",
            "xoauth-imap/types/quota.rs Quota",
            "xoauth-imap/types/quota.rs QuotaResource",
            "xoauth-imap/types/quota.rs QuotaRoots",
            "xoauth-imap/types/response_code.rs ResponseCode",
            "xoauth-sasl/exchange.rs Reply",
            "xoauth-sasl/wire/conversation.rs Want",
            "xoauth-smtp/types/outcome.rs RecipientOutcome",
            "xoauth-smtp/types/reply.rs ReplyText",
            "xoauth/net/milestones.rs Milestone",
        ],
    ),
    (
        "they read what a server said",
        &[
            "xoauth-imap/parse/cursor.rs Input",
            "xoauth-imap/parse/text.rs Text",
            "xoauth-imap/types/list.rs Delimiter",
        ],
    ),
    (
        "faults: they are shown and never sent",
        &[
            "oauth1-core/error.rs Error",
            "oauth1-core/verify/error.rs VerifyError",
            "xoauth-imap/error.rs AuthenticationRefused",
            "xoauth-imap/error.rs Error",
            "xoauth-imap/types/flag.rs FlagError",
            "xoauth-imap/types/set.rs SetError",
            "xoauth-sasl/error.rs Error",
            "xoauth-smtp/error/mod.rs AuthenticationRefused",
            "xoauth-smtp/error/mod.rs Error",
            "xoauth/error.rs Error",
            "xoauth/login/source.rs TokenCommandOverdue",
        ],
    ),
    ("numbers", &["xoauth-imap/types/number.rs NonZeroU32", "xoauth-imap/types/number.rs u32"]),
    (
        "it tells the machine which answers a command has; nothing of it is sent",
        &["xoauth-imap/proto/footprint.rs Footprint"],
    ),
    (
        "it is handed to the caller's own source of tokens, as an argument or in the environment",
        &["xoauth/login/source.rs Ask"],
    ),
    (
        "what a server is given of a client, and what its judge says: of that only documents are sent, which are tried",
        &[
            "xoauth-sasl/server/exchange.rs ServerStep",
            "xoauth-sasl/server/judge.rs BearerRequest",
            "xoauth-sasl/server/judge.rs IdentityRequest",
            "xoauth-sasl/server/judge.rs Verdict",
            "xoauth-sasl/server/message.rs Credential",
        ],
    ),
];

/// `crate/file Type::Variant`, `crate/file Type.field`, `crate/file Type: From<Text>` of each.
pub(crate) fn values_with_text() -> BTreeSet<String> {
    let text = Regex::new(TEXT).unwrap();
    let mut found = BTreeSet::new();
    for source in sources().unwrap() {
        let place = format!("{}/{}", source.name, source.within);
        let mut add = |value: String| found.insert(format!("{place} {value}"));
        for (_, head) in heads(&source.text) {
            let from = CONVERSIONS.iter().find_map(|kind| head.implemented.strip_prefix(kind));
            if from.is_some_and(|from| text.is_match(from) || text.is_match(&head.generics)) {
                add(format!("{}: {}", head.of, head.implemented));
            }
        }
        for (part, holds) in parts(&source.text) {
            // Words of the program itself live for ever.
            if text.is_match(&holds.replace("&'static str", "")) {
                add(part);
            }
        }
    }
    found
}

/// Those of the types that some public function takes, of their crate or of one above it that knows it by the same name, and
/// the function.
pub(crate) fn taken_by_a_function<'n>(names: &BTreeSet<&'n str>) -> Vec<(&'n str, String)> {
    let mut taken = Vec::new();
    // What a function of the caller's is given.
    let given = Regex::new(r"Fn(Mut|Once)?\([^)]*\)").unwrap();
    for source in sources().unwrap() {
        let knows = source.name == "xoauth";
        for function in functions(&source.text) {
            let arguments = given.replace_all(&function.taken, "");
            for name in names {
                let (place, of) = name.split_once(' ').unwrap();
                let of = of.split(['.', ':']).next().unwrap();
                let word = Regex::new(&format!(r"\b{of}\b")).unwrap();
                let is_known = knows || place.starts_with(&format!("{}/", source.name));
                if is_known && word.is_match(&arguments) {
                    taken.push((*name, format!("{} {}", source.within, function.name)));
                }
            }
        }
    }
    taken
}
