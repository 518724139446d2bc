//! The signature base string (RFC 5849 3.4.1) and the order of what is signed and sent.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::encode::{encode_twice_pieces, encoded_order, percent_encode_into};
use crate::method::SignatureText;
use crate::{Consumer, Nonce, Request, RequestUrl, SignatureMethod, Token};

/// Who sends a request, and how it is signed.
#[derive(Clone, Copy)]
pub(crate) struct Sender<'a> {
    pub(crate) consumer: &'a Consumer,
    pub(crate) token: Option<&'a Token>,
    pub(crate) method: SignatureMethod,
    /// Whether `oauth_version` is sent.
    pub(crate) version: bool,
}

/// One protocol parameter, before encoding.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    name: Name<'a>,
    pub(crate) value: &'a str,
    /// Whether the value is known to have nothing to encode.
    plain: bool,
    pub(crate) kind: Kind,
}

impl<'a> Field<'a> {
    pub(crate) fn name(&self) -> &'a str {
        match self.name {
            Name::Known(known) => known.text,
            Name::Own(text) => text,
        }
    }
}

#[derive(Clone, Copy)]
enum Name<'a> {
    /// One of RFC 5849 3.1, which has nothing to encode: alone, and as it stands in a base string
    /// and in a list, so that each is one copy.
    Known(&'static Known),
    /// One that the request brought along.
    Own(&'a str),
}

struct Known {
    text: &'static str,
    in_base: &'static str,
    in_list: &'static str,
}

/// Which parameters change from one signature to the next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Constant,
    Nonce,
    Timestamp,
    /// Sent, not signed; its value is filled in when it is known.
    Signature,
}

/// Where the values that change stand in a text.
#[derive(Clone, Copy, Default)]
pub(crate) struct Places {
    pub(crate) nonce: usize,
    pub(crate) signature: usize,
    pub(crate) timestamp: usize,
}

macro_rules! known {
    ($name:literal) => {
        Name::Known(&Known {
            text: $name,
            in_base: concat!("%26", $name, "%3D"),
            in_list: concat!($name, "=\""),
        })
    };
}

/// The protocol parameters of a request, sorted.
///
/// `few` holds `0..length` in use, on the stack; `many` is used instead of it once the request
/// has parameters of its own.
pub(crate) struct Fields<'a> {
    few: [Field<'a>; 9],
    length: usize,
    many: Vec<Field<'a>>,
}

impl<'a> Fields<'a> {
    /// `nonce` and `timestamp` are `None` when they come later.
    ///
    /// RFC 5849 3.1
    #[inline]
    pub(crate) fn new(
        sender: Sender<'a>,
        request: &'a Request,
        nonce: Option<&'a Nonce>,
        timestamp: Option<&'a str>,
    ) -> Self {
        use Kind::{Constant, Nonce, Signature, Timestamp};
        let unused = Field { name: Name::Own(""), value: "", plain: true, kind: Constant };
        let mut fields = Self { few: [unused; 9], length: 0, many: Vec::new() };
        let mut push = |name, value: Option<&'a str>, plain, kind| {
            if let (Some(value), Some(slot)) = (value, fields.few.get_mut(fields.length)) {
                *slot = Field { name, value, plain, kind };
                fields.length += 1;
            }
        };
        let Sender { consumer, token, method, version } = sender;
        let token_is_plain = token.is_none_or(|token| token.key_is_plain());
        let verifier = token.and_then(|token| token.verifier()).map(|verifier| verifier.expose());
        let version = version.then_some("1.0");
        // These names are in the order of their encoded form, which is the order wanted.
        push(known!("oauth_body_hash"), request.body_hash_text(method), false, Constant);
        push(known!("oauth_consumer_key"), Some(consumer.key()), consumer.key_is_plain(), Constant);
        let nonce_plain = nonce.is_none_or(|nonce| nonce.is_plain());
        let nonce = nonce.map_or("", |nonce| nonce.as_str());
        push(known!("oauth_nonce"), Some(nonce), nonce_plain, Nonce);
        push(known!("oauth_signature"), Some(""), true, Signature);
        push(known!("oauth_signature_method"), Some(method.as_str()), true, Constant);
        push(known!("oauth_timestamp"), Some(timestamp.unwrap_or_default()), true, Timestamp);
        push(known!("oauth_token"), token.map(|token| token.key()), token_is_plain, Constant);
        push(known!("oauth_verifier"), verifier, false, Constant);
        push(known!("oauth_version"), version, true, Constant);
        if !request.oauth_parameters().is_empty() {
            let own = request.oauth_parameters().iter().map(|(name, value)| Field {
                name: Name::Own(name),
                value: value.expose(),
                plain: false,
                kind: Constant,
            });
            fields.many = fields.as_slice().iter().copied().chain(own).collect();
            // The names differ, so the values do not decide.
            fields.many.sort_by(|a, b| encoded_order(a.name(), b.name()));
        }
        fields
    }

    pub(crate) fn as_slice(&self) -> &[Field<'a>] {
        if self.many.is_empty() {
            self.few.get(..self.length).unwrap_or_default()
        } else {
            &self.many
        }
    }
}

/// Appends the base string of a request; says where the nonce and the timestamp stand in `out`.
///
/// Both lists are sorted; the signature is left out.
///
/// RFC 5849 3.4.1.1, 3.4.1.3.2
pub(crate) fn base_string_into(
    method: &str,
    url: &RequestUrl,
    protocol: &[Field<'_>],
    others: &[(Cow<'_, str>, Cow<'_, str>)],
    out: &mut String,
) -> Places {
    out.reserve(base_string_room(method, url, protocol, others));
    percent_encode_into(method, out);
    out.push('&');
    url.encode_base_into(out);
    out.push('&');
    let start = out.len();
    let mut places = Places::default();
    let mut others = others.iter().peekable();
    for field in protocol {
        let smaller = |(name, value): &&(Cow<'_, str>, Cow<'_, str>)| {
            let order = encoded_order(name, field.name());
            order.then_with(|| encoded_order(value, field.value)).is_lt()
        };
        while let Some((name, value)) = others.next_if(smaller) {
            pair_into(name, value, start, out);
        }
        match (field.kind, field.name) {
            (Kind::Signature, _) => continue,
            (_, Name::Known(known)) if out.len() > start => out.push_str(known.in_base),
            (_, Name::Known(known)) => {
                out.push_str(known.in_base.strip_prefix("%26").unwrap_or_default());
            }
            (_, Name::Own(name)) => pair_into(name, "", start, out),
        }
        match field.kind {
            Kind::Nonce => places.nonce = out.len(),
            Kind::Timestamp => places.timestamp = out.len(),
            Kind::Constant | Kind::Signature => {}
        }
        if field.plain {
            out.push_str(field.value);
        } else {
            encode_twice_pieces(field.value, |piece| out.push_str(piece));
        }
    }
    for (name, value) in others {
        pair_into(name, value, start, out);
    }
    places
}

/// How many octets a base string has at most where it may hold secrets: with this room it is never moved and left behind.
/// What has nothing to encode and no secret may be a little longer.
pub(crate) fn base_string_room(
    method: &str,
    url: &RequestUrl,
    protocol: &[Field<'_>],
    others: &[(Cow<'_, str>, Cow<'_, str>)],
) -> usize {
    // An octet is encoded once in the URL, twice in a parameter.
    let parameter = |field: &Field<'_>| {
        let name = match field.name {
            Name::Known(known) => known.text.len(),
            Name::Own(name) => 5 * name.len(),
        };
        name + if field.plain { field.value.len() } else { 5 * field.value.len() } + 6
    };
    let octets: usize = protocol.iter().map(parameter).sum();
    let more: usize = others.iter().map(|(name, value)| 5 * (name.len() + value.len()) + 6).sum();
    let is_plain = others.is_empty() && protocol.iter().all(|field| field.plain);
    let url = if is_plain { 1 } else { 3 } * url.as_str().len();
    3 * method.len() + url + octets + more + 48
}

/// Appends `name="value"` for each parameter with `comma` between them; says where the values
/// that change stand in `out`. Without a signature its place is left empty.
///
/// RFC 5849 3.5.1
pub(crate) fn parameters_into(
    protocol: &[Field<'_>],
    signature: Option<&SignatureText<'_>>,
    comma: Comma,
    out: &mut String,
) -> Places {
    let mut places = Places::default();
    for field in protocol {
        match field.name {
            Name::Known(known) => out.push_str(known.in_list),
            Name::Own(name) => {
                percent_encode_into(name, out);
                out.push_str("=\"");
            }
        }
        match field.kind {
            Kind::Constant => {}
            Kind::Nonce => places.nonce = out.len(),
            Kind::Timestamp => places.timestamp = out.len(),
            Kind::Signature => {
                places.signature = out.len();
                if let Some(signature) = signature {
                    signature.percent_encode_into(out);
                }
            }
        }
        if field.plain {
            out.push_str(field.value);
        } else {
            percent_encode_into(field.value, out);
        }
        out.push_str(comma.behind_quote());
    }
    out.truncate(out.len() + 1 - comma.behind_quote().len());
    places
}

/// How long the output of [`parameters_into`] becomes at most: with this room a text with secrets
/// in it is not moved and left behind.
pub(crate) fn parameters_room(
    protocol: &[Field<'_>],
    signature: Option<&SignatureText<'_>>,
    comma: Comma,
) -> usize {
    let each = |field: &Field<'_>| {
        let name = match field.name {
            Name::Known(known) => known.in_list.len(),
            Name::Own(name) => 3 * name.len() + 2,
        };
        let value = if field.plain { field.value.len() } else { 3 * field.value.len() };
        name + value + comma.behind_quote().len()
    };
    let parameters: usize = protocol.iter().map(each).sum();
    parameters + signature.map_or(0, |signature| 3 * signature.as_str().len())
}

/// What stands between two parameters of a list.
#[derive(Clone, Copy)]
pub(crate) enum Comma {
    /// `,` as XOAUTH has it.
    Bare,
    /// `, ` as an `Authorization` header has it.
    Spaced,
}

impl Comma {
    fn behind_quote(self) -> &'static str {
        match self {
            Self::Bare => "\",",
            Self::Spaced => "\", ",
        }
    }
}

/// Appends one parameter to a base string whose parameters begin at `start`.
fn pair_into(name: &str, value: &str, start: usize, out: &mut String) {
    if out.len() > start {
        out.push_str("%26");
    }
    encode_twice_pieces(name, |piece| out.push_str(piece));
    out.push_str("%3D");
    encode_twice_pieces(value, |piece| out.push_str(piece));
}
