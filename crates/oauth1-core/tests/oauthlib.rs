//! Requests of `tests/data/oauthlib.jsonl` beside what oauthlib says of them: base string and signature.
//!
//! `OAUTHLIB_CASES=FILE` plays those of another file; `cargo xtask vectors --oauthlib` makes one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs
)]

use std::net::Ipv6Addr;

use oauth1_core::{Consumer, Error, Nonce, Request, Signer, Stamp, Token};
use serde_json::Value;

#[test]
fn signatures_are_those_of_oauthlib() {
    let given = std::env::var("OAUTHLIB_CASES").ok();
    let text = match &given {
        Some(file) => std::fs::read_to_string(file).unwrap(),
        None => include_str!("data/oauthlib.jsonl").to_owned(),
    };
    let (mut same, mut other, mut faults) = (0, 0, Vec::new());
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        match (signed(&case), reason(&case)) {
            (Ok(found), None) if found == expected(&case) => same += 1,
            // It must differ where it is said to.
            (found, Some(_)) if !matches!(&found, Ok(found) if *found == expected(&case)) => {
                other += 1;
            }
            (found, _) => faults.push(format!("{case}\n   found {found:?}")),
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {same}: {}",
        faults.len(),
        faults[..faults.len().min(5)].join("\n")
    );
    assert!(same > 3 * other, "{same} are the same, {other} differ");
}

/// Why the answers differ, if they do.
fn reason(case: &Value) -> Option<&'static str> {
    let url = text(&case["url"]);
    let (_, behind) = url.split_once("://").unwrap();
    let (authority, path) = behind.split_at(behind.find(['/', '?', '#']).unwrap_or(behind.len()));
    if path.split(['?', '#']).next().is_some_and(|path| path.contains(' ')) {
        return Some(
            "RFC 3986 2: no space stands in a URI; oauthlib encodes it, this crate refuses it",
        );
    }
    if let Some((address, _)) = authority.split_once('[').and_then(|(_, host)| host.split_once(']'))
    {
        let parsed: Ipv6Addr = address.parse().unwrap();
        let is_shortest = parsed.to_string() == address.to_lowercase();
        if !is_shortest || parsed.to_ipv4_mapped().is_some() {
            return Some(
                "RFC 5849 3.4.1.2: a host is put into lower case, and no more; oauthlib writes addresses anew",
            );
        }
    }
    let port = authority.rsplit_once(':').map(|(_, port)| port);
    let is_default = url.to_lowercase().starts_with("http:") && port == Some("080");
    if port.is_some_and(|port| port.starts_with('0')) && !is_default {
        return Some(
            "RFC 5849 3.4.1.2: the port is that of the Host field; oauthlib writes the number anew",
        );
    }
    None
}

fn expected(case: &Value) -> (String, String) {
    (text(&case["base_string"]).to_owned(), text(&case["signature"]).to_owned())
}

fn signed(case: &Value) -> Result<(String, String), Error> {
    let mut request = Request::new(text(&case["method"]), text(&case["url"]))?;
    for pair in case["form"].as_array().unwrap() {
        request = request.form_parameter(text(&pair[0]), text(&pair[1]))?;
    }
    let consumer = Consumer::new(text(&case["key"]), text(&case["secrets"][0]))?;
    let token = case["token"].as_str().map(|key| Token::new(key, text(&case["secrets"][1])));
    let signer = Signer::new(consumer, token.transpose()?)
        .method(text(&case["signature_method"]).parse().unwrap())
        .version(true);
    let stamp =
        Stamp::new(Nonce::new(text(&case["nonce"]))?, text(&case["timestamp"]).parse().unwrap());
    let signed = signer.sign(&request, &stamp)?;
    Ok((signed.base_string().to_owned(), signed.signature().expose().to_owned()))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}
