//! Sessions of programs that dial for themselves, with the types of their streams erased.

use e2e::host::{DEMO_BEARER_TOKEN, DEMO_EXPIRED_BEARER_TOKEN, DEMO_USER, Host};
use xoauth::imap::command::Select;
use xoauth::smtp::exchange::Submit;
use xoauth::{Credentials, Error};

use super::cases::tls;
use super::tokens::{ASKED, FORCED, Tokens};
use super::{imap_sessions, smtp_sessions};

#[test]
fn what_a_program_dials_itself_signs_in_with_its_type_erased() {
    run!({
        let host = Host::builder().start().unwrap();
        let tls = tls(host.ca_pem());
        let source = Tokens::new(&[DEMO_EXPIRED_BEARER_TOKEN, DEMO_BEARER_TOKEN]);
        let credentials = Credentials::bearer(DEMO_USER, source.clone());
        let open = opening!({
            let stream = shaken!(tls, "localhost", dialled!(host.imaps_port()))?;
            // Mechanisms sign the port.
            let builder = imap_sessions::Builder::new("localhost").port(host.imaps_port());
            wait!(builder.from_stream(stream))?.boxed()
        });
        let mut session = wait!(imap_sessions::log_in(open, &credentials)).unwrap();
        wait!(session.run(Select::new("INBOX"))).unwrap();
        wait!(session.logout()).unwrap();
        assert_eq!(source.asked(), [ASKED, FORCED]);

        let source = Tokens::new(&[DEMO_EXPIRED_BEARER_TOKEN, DEMO_BEARER_TOKEN]);
        let credentials = Credentials::bearer(DEMO_USER, source.clone());
        let open = opening!({
            let stream = shaken!(tls, "localhost", dialled!(host.submissions_port()))?;
            let builder = smtp_sessions::Builder::new("localhost").port(host.submissions_port());
            wait!(builder.from_stream(stream))?.boxed()
        });
        let mut session = wait!(smtp_sessions::log_in(open, &credentials)).unwrap();
        let submit = Submit::new("ann@example.com", [DEMO_USER], "Subject: x\r\n\r\nhi\r\n");
        wait!(session.run(submit)).unwrap();
        wait!(session.quit()).unwrap();
        assert_eq!(source.asked(), [ASKED, FORCED]);
        assert_eq!(host.accepted_connections(), 2);
    });
}

/// The certificate is verified as for connections that a builder makes, and what `open` fails with is told.
#[test]
fn what_a_program_dials_itself_is_verified_too() {
    run!({
        let host = Host::builder().start().unwrap();
        let tls = tls(host.ca_pem());
        let open = opening!({
            let stream = shaken!(tls, "mail.example.org", dialled!(host.imaps_port()))?;
            wait!(imap_sessions::Builder::new("localhost").from_stream(stream))
        });
        let credentials = Credentials::token(DEMO_USER, DEMO_BEARER_TOKEN);
        let error = wait!(imap_sessions::log_in(open, &credentials)).map(drop).unwrap_err();
        assert!(matches!(error, Error::Certificate { .. }), "{error:?}");
        assert!(host.transcript().is_empty());
    });
}
