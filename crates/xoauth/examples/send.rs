//! Sends the message on standard input, and tells what became of each recipient:
//! `ACCESS_TOKEN=$(xoauth token -a work) cargo run --example send -- smtp.gmail.com ann@gmail.com ben@example.org < message.eml`
//!
//! With `STARTTLS=1` it connects as servers want it that listen on port 587 alone.
#![allow(clippy::print_stdout)]

use std::env;
use std::error::Error;
use std::io::{Read, stdin};

use xoauth::Credentials;
use xoauth::smtp::exchange::Submit;
use xoauth::smtp::{Builder, Mail, Message};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(host), Some(user)) = (arguments.next(), arguments.next()) else {
        println!("usage: send HOST USER RECIPIENT.., with the token in ACCESS_TOKEN");
        return Ok(());
    };
    let recipients: Vec<String> = arguments.collect();
    let mut text = Vec::new();
    stdin().read_to_end(&mut text)?;

    let mut builder = Builder::new(&host);
    if env::var_os("STARTTLS").is_some() {
        builder = builder.starttls();
    }
    if let Ok(port) = env::var("PORT") {
        builder = builder.port(port.parse()?);
    }
    let credentials = Credentials::token(user.as_str(), env::var("ACCESS_TOKEN")?);
    let mut session = builder.log_in(&credentials)?;
    // The line ends of a Unix file are none of a message.
    let mail = Mail::new(user.as_str(), &recipients, Message::normalised(text));
    match session.run(Submit::mail(mail)) {
        Ok(sent) => {
            for refused in sent.refused() {
                println!("{}: {}", refused.address, refused.delivery);
            }
            println!("sent: {}", sent.reply());
        }
        Err(error) if error.is_delivery_unknown() => {
            println!("perhaps sent, look before you send it again: {error}");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(session.quit()?)
}
