//! Sessions that are logged in, with a server that repeats the token, and what keeps credentials for the next one.

use std::net::TcpStream;

use e2e::scripted::{Peer, Step, expect, send};
use xoauth::net::Untimed;
use xoauth::sasl::OAuthBearer;
use xoauth::{Credentials, imap, smtp};

use super::{BEARER, Shown};

pub(super) fn login() -> OAuthBearer {
    OAuthBearer::new("user", BEARER).unwrap()
}

fn credentials() -> Credentials {
    Credentials::token("user", BEARER)
}

/// A server of IMAP; the second line of a refused login answers the error challenge.
pub(super) fn imap_script(accepts: bool) -> Vec<Step> {
    let answer = if accepts { "OK" } else { "NO" };
    vec![
        send("* OK [CAPABILITY IMAP4rev1 SASL-IR IDLE AUTH=OAUTHBEARER] hi\r\n"),
        expect("AUTHENTICATE"),
        send(format!("* OK {BEARER}\r\n{{tag}} {answer} [CAPABILITY IMAP4rev1 IDLE] {BEARER}\r\n")),
    ]
}

pub(super) fn smtp_script(accepts: bool) -> Vec<Step> {
    let code = if accepts { 235 } else { 535 };
    vec![
        send("220 hi\r\n"),
        expect("EHLO"),
        send("250-hi\r\n250 AUTH OAUTHBEARER\r\n"),
        expect("AUTH"),
        send(format!("{code}-{BEARER}\r\n{code} {BEARER}\r\n")),
    ]
}

pub(super) fn stream(peer: &Peer) -> Untimed<TcpStream> {
    Untimed(TcpStream::connect(("127.0.0.1", peer.port())).unwrap())
}

pub(crate) fn blocking(shown: &mut Shown) {
    for accepts in [true, false] {
        let peer = Peer::start(vec![imap_script(accepts)]).unwrap();
        let client = imap::Builder::new("localhost").from_stream(stream(&peer)).unwrap();
        shown.note("an IMAP client", &client);
        match client.authenticate(login()) {
            Ok(session) => shown.note("an IMAP session", &session),
            Err(refused) => {
                shown.note_error("a refused IMAP login", &refused);
                shown.note_error("its error", refused.error());
                let xoauth::Error::Imap(error) = refused.error() else { panic!("{refused}") };
                shown.note_error("that of IMAP", error);
                let imap::Error::AuthenticationRefused(said) = error else { panic!("{error}") };
                shown.note("what was said", &**said);
            }
        }
        let peer = Peer::start(vec![smtp_script(accepts)]).unwrap();
        let client = smtp::Builder::new("localhost").from_stream(stream(&peer)).unwrap();
        shown.note("an SMTP client", &client);
        match client.authenticate(login()) {
            Ok(session) => {
                shown.note("an SMTP session", &session);
                shown.note("its extensions", session.extensions());
            }
            Err(refused) => {
                shown.note_error("a refused SMTP login", &refused);
                let xoauth::Error::Smtp(error) = refused.error() else { panic!("{refused}") };
                shown.note_error("that of SMTP", error);
                let smtp::Error::AuthenticationRefused(said) = error else { panic!("{error}") };
                shown.note("what was said", &**said);
            }
        }
        let peer = Peer::start(vec![imap_script(accepts)]).unwrap();
        let builder = imap::Builder::new("localhost");
        shown.note(
            "an IMAP client in the clear",
            &builder.from_plain_stream(stream(&peer)).unwrap(),
        );
        shown.note("where to connect for IMAP", &builder);
        let peer = Peer::start(vec![smtp_script(accepts)]).unwrap();
        let builder = smtp::Builder::new("localhost");
        shown.note(
            "an SMTP client in the clear",
            &builder.from_plain_stream(stream(&peer)).unwrap(),
        );
        shown.note("where to connect for SMTP", &builder);
    }

    let peer = Peer::start(vec![imap_script(true)]).unwrap();
    let port = peer.port();
    let open = move || {
        let stream = Untimed(TcpStream::connect(("127.0.0.1", port)).unwrap());
        imap::Builder::new("localhost").from_stream(stream)
    };
    let mut kept = imap::Reconnect::over(open, credentials());
    shown.note("what reconnects", &kept);
    kept.session().unwrap();
    shown.note("what reconnects, with a session", &kept);
    shown.note("what watches", &kept.watch());

    let peer = Peer::start(vec![smtp_script(true)]).unwrap();
    let port = peer.port();
    let pool = smtp::Pool::new(1);
    let mailer = pool.mailer_over(
        move || {
            let stream = Untimed(TcpStream::connect(("127.0.0.1", port)).unwrap());
            smtp::Builder::new("localhost").from_stream(stream)
        },
        credentials(),
    );
    let pooled = mailer.session().unwrap();
    shown.note("a pool", &pool);
    shown.note("a mailer", &mailer);
    shown.note("a session out of a pool", &pooled);
}

pub(crate) async fn nonblocking(shown: &mut Shown) {
    use xoauth::imap::nonblocking as imap;
    use xoauth::smtp::nonblocking as smtp;

    let connect =
        async |port: u16| tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    for accepts in [true, false] {
        let peer = Peer::start(vec![imap_script(accepts)]).unwrap();
        let stream = connect(peer.port()).await;
        let client = imap::Builder::new("localhost").from_stream(stream).await.unwrap();
        shown.note("an async IMAP client", &client);
        match client.authenticate(login()).await {
            Ok(session) => shown.note("an async IMAP session", &session),
            Err(refused) => shown.note("a refused async IMAP login", &refused),
        }
        let peer = Peer::start(vec![smtp_script(accepts)]).unwrap();
        let stream = connect(peer.port()).await;
        let client = smtp::Builder::new("localhost").from_stream(stream).await.unwrap();
        shown.note("an async SMTP client", &client);
        match client.authenticate(login()).await {
            Ok(session) => shown.note("an async SMTP session", &session),
            Err(refused) => shown.note("a refused async SMTP login", &refused),
        }
        let peer = Peer::start(vec![imap_script(accepts)]).unwrap();
        let stream = connect(peer.port()).await;
        let client = imap::Builder::new("localhost").from_plain_stream(stream).await.unwrap();
        shown.note("an async IMAP client in the clear", &client);
        let peer = Peer::start(vec![smtp_script(accepts)]).unwrap();
        let stream = connect(peer.port()).await;
        let client = smtp::Builder::new("localhost").from_plain_stream(stream).await.unwrap();
        shown.note("an async SMTP client in the clear", &client);
    }

    let peer = Peer::start(vec![imap_script(true)]).unwrap();
    let port = peer.port();
    let open = move || async move {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        imap::Builder::new("localhost").from_stream(stream).await
    };
    let mut kept = imap::Reconnect::over(open, credentials());
    kept.session().await.unwrap();
    shown.note("what reconnects, with an async session", &kept);
    shown.note("what watches, async", &kept.watch());

    let peer = Peer::start(vec![smtp_script(true)]).unwrap();
    let port = peer.port();
    let pool = smtp::Pool::new(1);
    let open = move || async move {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        smtp::Builder::new("localhost").from_stream(stream).await
    };
    let mailer = pool.mailer_over(open, credentials());
    let pooled = mailer.session().await.unwrap();
    shown.note("an async pool", &pool);
    shown.note("an async mailer", &mailer);
    shown.note("a session out of an async pool", &pooled);
}
