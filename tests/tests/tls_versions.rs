//! RFC 8997: TLS 1.2 is the oldest version that a client of mail speaks.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io;
use std::net::{TcpListener, TcpStream};
use std::thread;

use e2e::certificates::{Authority, Identity};
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode, SslVersion};
use xoauth::{Error, Tls, imap, smtp};

/// Lets a client meet a server that speaks one version alone: how the handshake ended at the server, and the client's
/// answer.
fn meet<T>(
    identity: &Identity,
    version: SslVersion,
    client: impl FnOnce(u16) -> T,
) -> (io::Result<SslVersion>, T) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::scope(|scope| {
        let server = scope.spawn(|| {
            let (stream, _) = listener.accept().unwrap();
            let tls = identity.accept_only(version, stream)?;
            tls.ssl().version2().ok_or_else(|| io::Error::other("no version"))
        });
        let answer = client(port);
        (server.join().unwrap(), answer)
    })
}

/// A client that speaks this version and no other, and looks at no certificate.
fn speaker(version: SslVersion, port: u16) -> bool {
    let mut connector = SslConnector::builder(SslMethod::tls()).unwrap();
    connector.set_min_proto_version(Some(version)).unwrap();
    connector.set_max_proto_version(Some(version)).unwrap();
    connector.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
    connector.set_verify(SslVerifyMode::NONE);
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    connector.build().connect("localhost", stream).is_ok()
}

#[test]
fn a_server_of_tls_1_2_is_met_and_one_of_1_1_is_refused() {
    let authority = Authority::new().unwrap();
    let identity = authority.localhost().unwrap();
    let pem = authority.pem().unwrap();
    let tls = Tls::builder().add_roots(&pem).unwrap().only_these_roots().build().unwrap();
    let (old, new) = (SslVersion::TLS1_1, SslVersion::TLS1_2);

    // There is such a server, for whoever speaks as it does.
    let (server, met) = meet(&identity, old, |port| speaker(old, port));
    assert_eq!((server.unwrap(), met), (old, true));

    // TLS is made before the greeting that does not come.
    let imap = |port| imap::Builder::new("localhost").port(port).tls(&tls).connect().map(drop);
    let smtp = |port| smtp::Builder::new("localhost").port(port).tls(&tls).connect().map(drop);
    let clients: [&dyn Fn(u16) -> Result<(), Error>; 2] = [&imap, &smtp];
    for client in clients {
        let (server, answer) = meet(&identity, new, client);
        assert_eq!(server.unwrap(), new);
        assert!(!matches!(answer, Ok(()) | Err(Error::TlsHandshake { .. })), "{answer:?}");

        let (server, answer) = meet(&identity, old, client);
        assert!(matches!(answer, Err(Error::TlsHandshake { .. })), "{answer:?}");
        // It is the version that the client does not offer, not a cipher or a signature of its time.
        let fault = server.unwrap_err().to_string();
        assert!(fault.contains("unsupported protocol"), "{fault}");
    }
}

#[tokio::test]
async fn async_clients_refuse_it_as_well() {
    let authority = Authority::new().unwrap();
    let identity = authority.localhost().unwrap();
    let pem = authority.pem().unwrap();
    let tls = Tls::builder().add_roots(&pem).unwrap().only_these_roots().build().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        identity.accept_only(SslVersion::TLS1_1, stream).map(drop)
    });
    let builder = imap::nonblocking::Builder::new("localhost").port(port).tls(&tls);
    let answer = builder.connect().await.map(drop);
    assert!(matches!(answer, Err(Error::TlsHandshake { .. })), "{answer:?}");
    let fault = server.join().unwrap().unwrap_err().to_string();
    assert!(fault.contains("unsupported protocol"), "{fault}");
}
