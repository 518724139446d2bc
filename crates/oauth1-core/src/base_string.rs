//! The signature base string (RFC 5849 3.4.1) and the order of what is signed and sent.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::encode::{encode_twice_pieces, encoded_order, percent_encode_into};
use crate::{Request, RequestUrl, Signer};

/// One protocol parameter, before encoding.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a str,
    pub(crate) kind: Kind,
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

/// The protocol parameters of a request, sorted.
///
/// `few` holds `0..length` in use, on the stack; `many` is used instead of it once the request
/// has parameters of its own.
pub(crate) struct Fields<'a> {
    few: [Field<'a>; 10],
    length: usize,
    many: Vec<Field<'a>>,
}

impl<'a> Fields<'a> {
    /// RFC 5849 3.1
    pub(crate) fn new(
        signer: &'a Signer,
        request: &'a Request,
        nonce: &'a str,
        timestamp: &'a str,
    ) -> Self {
        use Kind::{Constant, Nonce, Signature, Timestamp};
        let unused = Field { name: "", value: "", kind: Constant };
        let mut fields = Self { few: [unused; 10], length: 0, many: Vec::new() };
        let method = signer.signature_method();
        let token = signer.token();
        let verifier = token.and_then(|token| token.verifier()).map(|verifier| verifier.expose());
        // These names are in the order of their encoded form, which is the order wanted.
        fields.push("oauth_body_hash", request.body_hash_text(method), Constant);
        fields.push("oauth_consumer_key", Some(signer.consumer().key()), Constant);
        fields.push("oauth_nonce", Some(nonce), Nonce);
        fields.push("oauth_signature", Some(""), Signature);
        fields.push("oauth_signature_method", Some(method.as_str()), Constant);
        fields.push("oauth_timestamp", Some(timestamp), Timestamp);
        fields.push("oauth_token", token.map(|token| token.key()), Constant);
        fields.push("oauth_verifier", verifier, Constant);
        fields.push("oauth_version", signer.sends_version().then_some("1.0"), Constant);
        if !request.oauth_parameters().is_empty() {
            let own = request.oauth_parameters().iter();
            let own = own.map(|(name, value)| Field { name, value, kind: Constant });
            fields.many = fields.as_slice().iter().copied().chain(own).collect();
            // The names differ, so the values do not decide.
            fields.many.sort_by(|a, b| encoded_order(a.name, b.name));
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

    fn push(&mut self, name: &'static str, value: Option<&'a str>, kind: Kind) {
        if let (Some(value), Some(slot)) = (value, self.few.get_mut(self.length)) {
            *slot = Field { name, value, kind };
            self.length += 1;
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
    let octets: usize = protocol.iter().map(|field| field.name.len() + field.value.len() + 6).sum();
    let more: usize = others.iter().map(|(name, value)| name.len() + value.len() + 6).sum();
    out.reserve(method.len() + url.as_str().len() + octets + more + 64);
    out.push_str(method);
    out.push('&');
    url.encode_base_into(out);
    let mut places = Places::default();
    let mut others = others.iter().peekable();
    let mut separator = "&";
    let mut push = |name: &str, value: &str, kind: Kind| {
        out.push_str(separator);
        separator = "%26";
        encode_twice_pieces(name, |piece| out.push_str(piece));
        out.push_str("%3D");
        match kind {
            Kind::Nonce => places.nonce = out.len(),
            Kind::Timestamp => places.timestamp = out.len(),
            Kind::Constant | Kind::Signature => {}
        }
        encode_twice_pieces(value, |piece| out.push_str(piece));
    };
    for field in protocol {
        let smaller = |(name, value): &&(Cow<'_, str>, Cow<'_, str>)| {
            let order = encoded_order(name, field.name);
            order.then_with(|| encoded_order(value, field.value)).is_lt()
        };
        while let Some((name, value)) = others.next_if(smaller) {
            push(name, value, Kind::Constant);
        }
        if field.kind != Kind::Signature {
            push(field.name, field.value, field.kind);
        }
    }
    for (name, value) in others {
        push(name, value, Kind::Constant);
    }
    places
}

/// Appends `name="value"` for each parameter; says where the values that change stand in `out`.
///
/// RFC 5849 3.5.1
pub(crate) fn parameters_into(
    protocol: &[Field<'_>],
    signature: &str,
    separator: &str,
    out: &mut String,
) -> Places {
    let mut places = Places::default();
    let mut between = "";
    for field in protocol {
        out.push_str(between);
        between = separator;
        percent_encode_into(field.name, out);
        out.push_str("=\"");
        let mut value = field.value;
        match field.kind {
            Kind::Constant => {}
            Kind::Nonce => places.nonce = out.len(),
            Kind::Timestamp => places.timestamp = out.len(),
            Kind::Signature => {
                places.signature = out.len();
                value = signature;
            }
        }
        percent_encode_into(value, out);
        out.push('"');
    }
    places
}

/// How long the output of [`parameters_into`] can become, so that a text with secrets in it is
/// never moved and left behind.
pub(crate) fn parameters_room(protocol: &[Field<'_>], signature: &str) -> usize {
    let each = |field: &Field<'_>| 3 * (field.name.len() + field.value.len()) + 5;
    protocol.iter().map(each).sum::<usize>() + 3 * signature.len()
}
