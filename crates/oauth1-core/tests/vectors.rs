//! The published vectors of `tests/data/xoauth.json`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use oauth1_core::{
    Consumer, Nonce, Request, RequestUrl, Secret, SignatureMethod, Signer, Stamp, Token,
    hmac_signature, percent_decode, percent_encode, signing_key,
};
use serde_json::Value;

#[test]
fn every_vector_of_a_known_kind_passes() {
    let file: Value = serde_json::from_str(include_str!("data/xoauth.json")).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    let mut faults = Vec::new();
    let mut passed = 0;
    for vector in vectors {
        let id = text(&vector["id"]);
        let outcome = match text(&vector["kind"]) {
            "sign" => sign(vector),
            "encode" => encode(vector),
            "hmac" => hmac(vector),
            "oauth10a-base" | "oauth10a-sign" => oauth10a(vector),
            "sasl" | "sasl-reply" | "oauth10a-decode" => continue,
            kind => Err(format!("unknown kind {kind}")),
        };
        match outcome {
            Ok(()) => passed += 1,
            Err(fault) => faults.push(format!("{id}: {fault}")),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(passed, 71);
}

fn sign(vector: &Value) -> Result<(), String> {
    let url = text(&vector["url"]);
    let mut request = match Request::new(text(&vector["method"]), url) {
        Ok(request) => request,
        Err(_) if vector["error_acceptable"] == true => return Ok(()),
        Err(fault) => return Err(fault.to_string()),
    };
    for pair in vector["extra_params"].as_array().unwrap() {
        let (name, value) = (text(&pair[0]), text(&pair[1]));
        request = if name.starts_with("oauth_") {
            request.oauth_parameter(name, value).unwrap()
        } else {
            request.form_parameter(name, value).unwrap()
        };
    }
    let (signer, stamp) = (signer(vector), stamp(vector));
    let signed = signer.sign(&request, &stamp).unwrap();
    let expected = &vector["expected"];
    let key = signing_key(signer.consumer().secret(), signer.token().map(Token::secret));
    compare("base_uri", &request.url().base_string_uri(), &expected["base_uri"])?;
    compare("base_string", signed.base_string(), &expected["base_string"])?;
    compare("signing_key", key.expose(), &expected["signing_key"])?;
    compare("signature", signed.signature().expose(), &expected["signature"])?;
    compare("url", request.url().as_str(), &vector["url"])?;
    let list = signed.parameter_list();
    compare("xoauth", &format!("GET {url} {}", list.expose()), &expected["xoauth"])?;
    same_by_every_way(&signer, &request, &stamp, list.expose())?;

    if let Some(verbatim) =
        vector.get("build_xoauth_string_verbatim").filter(|_| vector["differs"] == false)
    {
        let request = request.empty_body_hash();
        let list = signer.sign(&request, &stamp).unwrap().parameter_list();
        compare("verbatim", &format!("GET {url} {}", list.expose()), &verbatim["xoauth"])?;
        same_by_every_way(&signer, &request, &stamp, list.expose())?;
    }
    Ok(())
}

fn same_by_every_way(
    signer: &Signer,
    request: &Request,
    stamp: &Stamp,
    list: &str,
) -> Result<(), String> {
    let mut once = String::from("front ");
    signer.sign_into(request, stamp, &mut once).unwrap();
    let mut prepared = String::from("front ");
    signer.prepare(request).sign_into(stamp, &mut prepared);
    let expected = Value::from(format!("front {list}"));
    compare("sign_into", &once, &expected)?;
    compare("prepared", &prepared, &expected)?;

    let header = signer.sign(request, stamp).unwrap().authorization_header(Some("a \"b\""));
    let mut prepared = String::new();
    signer.prepare_header(request, Some("a \"b\"")).sign_into(stamp, &mut prepared);
    compare("prepared header", &prepared, &Value::from(header.expose()))
}

fn encode(vector: &Value) -> Result<(), String> {
    let encoded = percent_encode(text(&vector["input"]));
    compare("encoded", &encoded, &vector["expected"])?;
    compare("decoded", &percent_decode(&encoded).unwrap(), &vector["input"])
}

fn hmac(vector: &Value) -> Result<(), String> {
    let secret = |name: &str| Secret::new(text(&vector[name]));
    let (consumer, token) = (secret("consumer_secret"), secret("token_secret"));
    let base_string = text(&vector["base_string"]);
    let signature = hmac_signature(SignatureMethod::HmacSha1, base_string, &consumer, Some(&token));
    compare("signature", signature.expose(), &vector["expected"])
}

/// RFC 7628 3.3: POST to `http://host:port/`.
fn oauth10a(vector: &Value) -> Result<(), String> {
    let url = match vector.get("url") {
        Some(url) => text(url).to_owned(),
        None => format!("http://{}:{}/", text(&vector["host"]), vector["port"]),
    };
    let request = Request::new("POST", RequestUrl::new(url).unwrap()).unwrap();
    let signer = signer(vector);
    let signed = signer.sign(&request, &stamp(vector)).unwrap();
    compare("base_string", signed.base_string(), &vector["expected"]["base_string"])?;
    compare("signature", signed.signature().expose(), &vector["expected"]["signature"])
}

fn signer(vector: &Value) -> Signer {
    let consumer = &vector["consumer"];
    let consumer = Consumer::new(text(&consumer["key"]), text(&consumer["secret"])).unwrap();
    let token = vector["token"].as_object().map(|token| {
        let token = Token::new(text(&token["key"]), text(&token["secret"])).unwrap();
        match vector["verifier"].as_str() {
            Some(verifier) => token.with_verifier(verifier).unwrap(),
            None => token,
        }
    });
    let method = vector["signature_method"].as_str().unwrap_or("HMAC-SHA1");
    Signer::new(consumer, token)
        .method(method.parse().unwrap())
        .version(vector["oauth_version"].is_string())
}

fn stamp(vector: &Value) -> Stamp {
    let nonce = Nonce::new(text(&vector["nonce"])).unwrap();
    Stamp::new(nonce, text(&vector["timestamp"]).parse().unwrap())
}

/// What the vector does not state is not compared.
fn compare(what: &str, found: &str, expected: &Value) -> Result<(), String> {
    match expected.as_str() {
        Some(expected) if expected != found => {
            Err(format!("{what}\n   found {found}\nexpected {expected}"))
        }
        _ => Ok(()),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}
