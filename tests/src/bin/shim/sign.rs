//! `shim sign`: what the library makes of the input of a vector.

use serde_json::{Map, Value, json};
use xoauth::sasl::oauth1::{
    Nonce, ReceivedRequest, Request, SignatureMethod, Signer, Stamp, hmac_signature,
    percent_encode, signing_key,
};
use xoauth::sasl::{
    ClientMessage, Context, Credential, Exchange, LoginRequest, Mechanism, OAuth10A, OAuthBearer,
    Reply, XOAuth, XOAuth2, decode_response, parse_client_message,
};
use xoauth::{Consumer, Secret, Token};

use crate::{text, unsupported};

type Failure = Box<dyn std::error::Error>;

pub(crate) fn answer(vector: &Value) -> Value {
    let answered = match text(vector, "kind").unwrap_or_default() {
        "sign" | "oauth10a-base" => sign(vector),
        "encode" => Ok(expected(&percent_encode(text(vector, "input").unwrap_or_default()))),
        "hmac" => hmac(vector),
        "sasl" => sasl(vector),
        "sasl-reply" => acknowledgement(vector),
        "oauth10a-sign" => oauth10a(vector),
        "oauth10a-decode" => decode(vector),
        other => return unsupported(&format!("no kind {other}")),
    };
    answered.unwrap_or_else(|error| json!({ "error": error.to_string() }))
}

fn expected(text: &str) -> Value {
    json!({ "expected": text })
}

fn sign(vector: &Value) -> Result<Value, Failure> {
    let field = |name| text(vector, name).unwrap_or_default();
    let (consumer, token) = credentials(vector)?;
    let stamp = stamp(vector)?;
    let mut request = Request::new(field("method"), field("url"))?;
    for pair in vector.get("extra_params").and_then(Value::as_array).into_iter().flatten() {
        let item = |index: usize| pair.get(index).and_then(Value::as_str).unwrap_or_default();
        request = if item(0).starts_with("oauth_") {
            request.oauth_parameter(item(0), item(1))?
        } else {
            request.form_parameter(item(0), item(1))?
        };
    }
    let method: SignatureMethod = field("signature_method").parse()?;
    let version = vector.get("oauth_version").is_some_and(Value::is_string);
    let signer = Signer::new(consumer.clone(), token.clone()).method(method).version(version);
    let signed = signer.sign(&request, &stamp)?;
    let key = signing_key(consumer.secret(), token.as_ref().map(Token::secret));
    let mut answer = Map::from_iter([
        ("base_uri".to_owned(), json!(request.url().base_string_uri())),
        ("base_string".to_owned(), json!(signed.base_string())),
        ("signing_key".to_owned(), json!(key.expose())),
        ("signature".to_owned(), json!(signed.signature().expose())),
    ]);
    // The mechanism signs GET without other parameters, and only then there is a string to show.
    if field("method") == "GET" && version {
        let login = XOAuth::new(field("url"), consumer, token)?.signature_method(method);
        let verbatim = login.clone().with_body_hash();
        answer.append(&mut message(&login, &stamp)?);
        answer
            .insert("build_xoauth_string_verbatim".to_owned(), message(&verbatim, &stamp)?.into());
    }
    Ok(Value::Object(answer))
}

/// The mechanism's message, plain and as it is sent.
fn message(login: &XOAuth, stamp: &Stamp) -> Result<Map<String, Value>, Failure> {
    let context = Context::new(stamp, "localhost", 993);
    let plain = login.initial_response(&context)?;
    let mut exchange = Exchange::start(login, &context)?;
    Ok(Map::from_iter([
        ("xoauth".to_owned(), json!(plain.expose())),
        ("sasl_b64".to_owned(), json!(exchange.initial_response())),
    ]))
}

fn hmac(vector: &Value) -> Result<Value, Failure> {
    let field = |name| text(vector, name).unwrap_or_default();
    let signature = hmac_signature(
        SignatureMethod::HmacSha1,
        field("base_string"),
        &Secret::from(field("consumer_secret")),
        Some(&Secret::from(field("token_secret"))),
    );
    Ok(expected(signature.expose()))
}

fn sasl(vector: &Value) -> Result<Value, Failure> {
    let field = |name| text(vector, name).unwrap_or_default();
    let stamp = Stamp::new(Nonce::new("unused")?, 0);
    let login: Box<dyn Mechanism> = match (field("mechanism"), text(vector, "access_token")) {
        ("XOAUTH2", Some(token)) => Box::new(XOAuth2::new(field("user"), token)?),
        ("OAUTHBEARER", Some(token)) => Box::new(OAuthBearer::new(field("user"), token)?),
        ("OAUTHBEARER", None) => Box::new(OAuthBearer::discover(field("user"))?),
        (other, _) => return Ok(unsupported(&format!("no message of {other}"))),
    };
    let mut exchange = Exchange::start(&*login, &context(vector, &stamp))?;
    Ok(expected(exchange.initial_response()))
}

/// What answers an error challenge of the mechanism.
fn acknowledgement(vector: &Value) -> Result<Value, Failure> {
    let stamp = Stamp::new(Nonce::new("unused")?, 0);
    let login: Box<dyn Mechanism> = match text(vector, "mechanism").unwrap_or_default() {
        "XOAUTH2" => Box::new(XOAuth2::new("user", "token")?),
        "OAUTHBEARER" => Box::new(OAuthBearer::new("user", "token")?),
        other => return Ok(unsupported(&format!("no message of {other}"))),
    };
    let mut exchange = Exchange::start(&*login, &context(vector, &stamp))?;
    exchange.initial_response();
    match exchange.on_challenge(b"eyJzdGF0dXMiOiI0MDEifQ==")? {
        Reply::Response(reply) => Ok(expected(reply)),
        Reply::Cancel => Ok(expected("*")),
    }
}

fn oauth10a(vector: &Value) -> Result<Value, Failure> {
    let (consumer, token) = credentials(vector)?;
    let token = token.ok_or("no token")?;
    let login = OAuth10A::new(text(vector, "user").unwrap_or_default(), consumer, token)?;
    let stamp = stamp(vector)?;
    let message = login.initial_response(&context(vector, &stamp))?;
    let (_, request) = read(message.expose().as_bytes())?;
    let signature = request.parameter("oauth_signature");
    Ok(json!({ "base_string": request.base_string(), "signature": signature }))
}

fn decode(vector: &Value) -> Result<Value, Failure> {
    let octets = decode_response(text(vector, "encoded").unwrap_or_default().as_bytes())?;
    let (login, request) = read(octets.expose().as_bytes())?;
    let mut fields = Map::new();
    fields.insert("gs2".to_owned(), json!(login.gs2_header()));
    fields.insert("host".to_owned(), json!(login.host()));
    fields.insert("port".to_owned(), json!(login.port().map(|port| port.to_string())));
    if let Some(realm) = request.realm() {
        fields.insert("realm".to_owned(), json!(realm));
    }
    for (name, value) in request.parameters() {
        fields.insert(name.to_owned(), json!(value));
    }
    Ok(json!({ "fields": fields }))
}

/// The server's reading of a message of OAUTH10A.
fn read(message: &[u8]) -> Result<(LoginRequest, ReceivedRequest), Failure> {
    let ClientMessage::Login(login) = parse_client_message("OAUTH10A", message)? else {
        return Err("not a login".into());
    };
    let Credential::Signed(request) = login.credential().clone() else {
        return Err("not signed".into());
    };
    Ok((login, *request))
}

fn credentials(vector: &Value) -> Result<(Consumer, Option<Token>), Failure> {
    let pair = |name| {
        let value = vector.get(name).filter(|value| !value.is_null())?;
        Some((text(value, "key")?, text(value, "secret")?))
    };
    let (key, secret) = pair("consumer").ok_or("no consumer")?;
    let consumer = Consumer::new(key, secret)?;
    let Some((key, secret)) = pair("token") else { return Ok((consumer, None)) };
    let mut token = Token::new(key, secret)?;
    if let Some(verifier) = text(vector, "verifier") {
        token = token.with_verifier(verifier)?;
    }
    Ok((consumer, Some(token)))
}

fn stamp(vector: &Value) -> Result<Stamp, Failure> {
    let nonce = Nonce::new(text(vector, "nonce").unwrap_or_default())?;
    Ok(Stamp::new(nonce, text(vector, "timestamp").unwrap_or_default().parse()?))
}

fn context<'a>(vector: &'a Value, stamp: &'a Stamp) -> Context<'a> {
    let port = vector.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
    Context::new(stamp, text(vector, "host").unwrap_or("localhost"), port.unwrap_or(993))
}
