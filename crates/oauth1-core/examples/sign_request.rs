//! Signs a request and prints its `Authorization` header.
//!
//! ```text
//! cargo run -p oauth1-core --example sign_request -- METHOD URL [name=value]...
//! ```
//!
//! `name=value` are parameters of a form body. The credentials come from the environment:
//! `OAUTH_CONSUMER_KEY`, `OAUTH_CONSUMER_SECRET`, `OAUTH_TOKEN`, `OAUTH_TOKEN_SECRET`. What is not
//! given is an example's.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use oauth1_core::{Consumer, Request, Signer, Stamp, Token};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let method = arguments.next().unwrap_or_else(|| "GET".into());
    let url = arguments.next().unwrap_or_else(|| "https://api.example.com/photos?size=big".into());
    let mut request = Request::new(&method, url)?;
    for argument in arguments {
        let (name, value) = argument.split_once('=').ok_or("expected name=value")?;
        request = request.form_parameter(name, value)?;
    }

    let setting =
        |name: &str, example: &str| std::env::var(name).unwrap_or_else(|_| example.into());
    let consumer = Consumer::new(
        setting("OAUTH_CONSUMER_KEY", "consumer key"),
        setting("OAUTH_CONSUMER_SECRET", "consumer secret"),
    )?;
    let token =
        Token::new(setting("OAUTH_TOKEN", "token"), setting("OAUTH_TOKEN_SECRET", "token secret"))?;

    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let signer = Signer::new(consumer, Some(token));
    let signed = signer.sign(&request, &Stamp::random(now)?)?;
    println!("{} {}", request.method(), request.url().as_str());
    println!("Authorization: {}", signed.authorization_header(None).expose());
    Ok(())
}
