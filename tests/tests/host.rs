//! The embedded mail host, spoken to by hand: lines written here, not by our client crates.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use e2e::certificates::{Authority, Identity};
use e2e::host::{
    Builder, DEMO_BEARER_TOKEN, DEMO_CONSUMER, DEMO_EXPIRED_BEARER_TOKEN, DEMO_TOKEN, DEMO_USER,
    Host, User,
};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::ssl::{SslConnector, SslMethod, SslVersion};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;

const MESSAGE: &str = "Date: Tue, 5 Mar 2024 10:00:00 +0100\r\n\
    From: =?utf-8?q?J=C3=B6rg?= <joerg@example.test>\r\nTo: demo@example.test\r\n\
    Subject: Lunch\r\nX-Note: seven\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/alternative; boundary=\"x\"\r\n\r\n\
    --x\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Content-Transfer-Encoding: quoted-printable\r\n\r\nCaf=C3=A9 at one?\r\n\
    --x\r\nContent-Type: text/html\r\n\r\n<b>at one?</b>\r\n--x--\r\n";
/// 2024-03-05T09:00:01Z.
const ARRIVAL: i64 = 1_709_629_201;

/// A connection in plain text or TLS.
struct Peer {
    stream: Box<dyn Stream>,
    input: Vec<u8>,
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl Peer {
    fn plain(port: u16) -> Self {
        Self::new(dial(port))
    }

    fn tls(host: &Host, port: u16) -> Self {
        Self::new(handshake(host, dial(port)).unwrap())
    }

    fn new(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), input: Vec::new() }
    }

    fn send(&mut self, text: impl AsRef<[u8]>) {
        self.stream.write_all(text.as_ref()).unwrap();
        self.stream.flush().unwrap();
    }

    /// The next line without CRLF; empty at the end of the connection.
    fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.input.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.input.drain(..end + 2).collect::<Vec<_>>();
                return String::from_utf8(line[..end].to_vec()).unwrap();
            }
            let mut room = [0; 4096];
            match self.stream.read(&mut room) {
                Ok(count) if count > 0 => self.input.extend_from_slice(&room[..count]),
                _ => return String::new(),
            }
        }
    }

    /// Sends a command and gives the lines up to the one that begins with its tag.
    fn imap(&mut self, command: &str) -> Vec<String> {
        self.send(format!("{command}\r\n"));
        let tag = command.split(' ').next().unwrap();
        self.until(&format!("{tag} "))
    }

    fn until(&mut self, start: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            let ends = line.starts_with(start) || line.is_empty() && self.input.is_empty();
            lines.push(line);
            if ends {
                return lines;
            }
        }
    }

    /// Sends a command and gives all lines of its reply.
    fn smtp(&mut self, command: &str) -> Vec<String> {
        self.send(format!("{command}\r\n"));
        self.reply()
    }

    fn reply(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            let last = line.as_bytes().get(3) != Some(&b'-');
            lines.push(line);
            if last {
                return lines;
            }
        }
    }
}

/// Connects; a read that waits for long fails the test rather than hanging it.
fn dial(port: u16) -> TcpStream {
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket
}

fn handshake(
    host: &Host,
    socket: TcpStream,
) -> Result<openssl::ssl::SslStream<TcpStream>, Box<dyn std::error::Error>> {
    let mut roots = X509StoreBuilder::new()?;
    roots.add_cert(X509::from_pem(host.ca_pem())?)?;
    let mut connector = SslConnector::builder(SslMethod::tls())?;
    connector.set_cert_store(roots.build());
    Ok(connector.build().connect("localhost", socket)?)
}

/// IMAP over TLS, behind the greeting.
fn imap(host: &Host) -> Peer {
    let mut peer = Peer::tls(host, host.imaps_port());
    assert!(peer.line().starts_with("* OK [CAPABILITY IMAP4rev1 "));
    peer
}

/// IMAP with the demo user logged in.
fn session(host: &Host) -> Peer {
    let mut peer = imap(host);
    let login = xoauth2(DEMO_USER, DEMO_BEARER_TOKEN);
    assert!(peer.imap(&format!("in AUTHENTICATE XOAUTH2 {login}"))[0].starts_with("in OK "));
    peer
}

/// IMAP with INBOX selected.
fn inbox(host: &Host) -> Peer {
    let mut peer = session(host);
    assert_eq!(peer.imap("in SELECT inbox").last().unwrap(), "in OK [READ-WRITE] SELECT completed");
    peer
}

/// Submission over TLS, behind EHLO.
fn submission(host: &Host) -> Peer {
    let mut peer = Peer::tls(host, host.submissions_port());
    assert!(peer.line().starts_with("220 "));
    peer.smtp("EHLO localhost");
    peer
}

/// Submission with the demo user logged in.
fn sender(host: &Host) -> Peer {
    let mut peer = submission(host);
    let login = xoauth2(DEMO_USER, DEMO_BEARER_TOKEN);
    assert_eq!(peer.smtp(&format!("AUTH XOAUTH2 {login}")), ["235 2.7.0 authentication succeeded"]);
    peer
}

fn base64(text: &str) -> String {
    openssl::base64::encode_block(text.as_bytes())
}

fn xoauth2(user: &str, token: &str) -> String {
    base64(&format!("user={user}\x01auth=Bearer {token}\x01\x01"))
}

fn with_message() -> Builder {
    Host::builder().deliver(DEMO_USER, "INBOX", MESSAGE, &["\\Flagged", "work"], ARRIVAL)
}

#[test]
fn greeting_capabilities_and_logout() {
    let host = Host::builder().start().unwrap();
    let mut peer = Peer::plain(host.imap_port());
    assert_eq!(
        peer.line(),
        "* OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ ID IDLE NAMESPACE UNSELECT CHILDREN MOVE \
         UIDPLUS STARTTLS LOGINDISABLED] embedded mail host ready"
    );
    assert_eq!(peer.imap("a LOGIN u p"), ["a NO [PRIVACYREQUIRED] LOGIN is disabled"]);
    assert_eq!(peer.imap("b SELECT INBOX"), ["b BAD unknown command, or not logged in"]);
    assert_eq!(peer.imap("c id nil").last().unwrap(), "c OK ID completed");
    assert_eq!(
        peer.imap("d AUTHENTICATE XOAUTH2 AAAA"),
        ["d NO [PRIVACYREQUIRED] TLS is required"]
    );
    assert_eq!(peer.imap("e LOGOUT"), ["* BYE logging out", "e OK LOGOUT completed"]);
    assert_eq!(peer.line(), "");
    assert!(host.violations().is_empty());
}

#[test]
fn starttls_hides_nothing_and_offers_tls_1_3() {
    let host = Host::builder().start().unwrap();
    let socket = dial(host.imap_port());
    let mut peer = Peer::new(socket.try_clone().unwrap());
    peer.line();
    assert_eq!(peer.imap("a STARTTLS"), ["a OK begin TLS negotiation now"]);
    let tls = handshake(&host, socket).unwrap();
    assert_eq!(tls.ssl().version2(), Some(SslVersion::TLS1_3));
    let mut peer = Peer::new(tls);
    let capability = peer.imap("b CAPABILITY");
    assert!(capability[0].contains("AUTH=XOAUTH AUTH=OAUTH10A AUTH=OAUTHBEARER AUTH=XOAUTH2"));
    assert!(!capability[0].contains("STARTTLS"));
    assert_eq!(peer.imap("c STARTTLS"), ["c BAD STARTTLS is not offered"]);
}

#[test]
fn octets_behind_starttls_are_refused() {
    let host = Host::builder().start().unwrap();
    let mut peer = Peer::plain(host.imap_port());
    peer.line();
    peer.send("a STARTTLS\r\nb NOOP\r\n");
    assert_eq!(peer.line(), "* BYE octets behind STARTTLS");
    let mut peer = Peer::plain(host.submission_port());
    peer.line();
    peer.send("STARTTLS\r\nNOOP\r\n");
    assert_eq!(peer.line(), "421 4.7.0 improper command pipelining");
    assert_eq!(host.violations().len(), 2);
}

#[test]
fn certificates_are_as_bad_as_they_say() {
    let authority = Authority::new().unwrap();
    for identity in [
        authority.localhost().unwrap(),
        authority.wrong_host().unwrap(),
        authority.expired().unwrap(),
        authority.not_yet_valid().unwrap(),
        Identity::self_signed().unwrap(),
    ] {
        let host = Host::builder().identity(identity).start().unwrap();
        assert!(handshake(&host, dial(host.imaps_port())).is_err());
    }
    let host = Host::builder().start().unwrap();
    let file = host.ca_file();
    assert_eq!(std::fs::read(&file).unwrap(), host.ca_pem());
    drop(host);
    assert!(!file.exists());
}

#[test]
fn bearer_tokens_are_judged_over_imap() {
    let host = Host::builder().start().unwrap();
    let mut peer = imap(&host);
    // Without an initial response, and cancelled.
    peer.send("a AUTHENTICATE XOAUTH2\r\n");
    assert_eq!(peer.line(), "+ ");
    peer.send("*\r\n");
    assert_eq!(peer.line(), "a BAD authentication cancelled");
    // Refused with a document, then answered.
    for (mechanism, message, document) in [
        (
            "XOAUTH2",
            xoauth2(DEMO_USER, DEMO_EXPIRED_BEARER_TOKEN),
            r#"{"status":"401","schemes":"bearer","scope":"mail"}"#,
        ),
        (
            "OAUTHBEARER",
            base64(&format!("n,a={DEMO_USER},\x01auth=Bearer wrong\x01\x01")),
            r#"{"status":"invalid_token","scope":"mail"}"#,
        ),
    ] {
        peer.send(format!("b AUTHENTICATE {mechanism} {message}\r\n"));
        assert_eq!(peer.line(), format!("+ {}", base64(document)));
        peer.send("AQ==\r\n");
        assert_eq!(peer.line(), "b NO [AUTHENTICATIONFAILED] authentication failed");
    }
    assert_eq!(peer.imap("c AUTHENTICATE XOAUTH2 !!!!"), ["c BAD invalid base64"]);
    assert_eq!(
        peer.imap("d AUTHENTICATE SCRAM-SHA-1 AAAA"),
        ["d NO unsupported authentication mechanism"]
    );
    host.set_unavailable(true);
    let good = xoauth2(DEMO_USER, DEMO_BEARER_TOKEN);
    assert_eq!(
        peer.imap(&format!("e AUTHENTICATE XOAUTH2 {good}")),
        ["e NO [UNAVAILABLE] temporary authentication failure"]
    );
    host.set_unavailable(false);
    // The same connection takes a good one; a token can expire and be issued.
    host.expire_bearer(DEMO_BEARER_TOKEN);
    host.issue_bearer(DEMO_USER, "fresh");
    peer.send(format!("f AUTHENTICATE XOAUTH2 {good}\r\n"));
    assert!(peer.line().starts_with("+ ey"));
    peer.send("\r\n");
    assert_eq!(peer.line(), "f NO [AUTHENTICATIONFAILED] authentication failed");
    peer.send("g AUTHENTICATE OAUTHBEARER\r\n");
    assert_eq!(peer.line(), "+ ");
    peer.send(base64(&format!("n,a={DEMO_USER},\x01auth=Bearer fresh\x01\x01")) + "\r\n");
    assert!(peer.line().starts_with("g OK [CAPABILITY IMAP4rev1 "));
    assert_eq!(peer.imap("h AUTHENTICATE XOAUTH2"), ["h BAD already authenticated"]);
    assert!(host.transcript().iter().any(|seen| seen.line.ends_with(&good) && seen.tls));
}

/// A request to sign: method, URL without its query, the query's one parameter, the token.
struct Signed<'a> {
    method: &'a str,
    url: &'a str,
    query: Option<(&'a str, &'a str)>,
    token: Option<(&'a str, &'a str)>,
}

impl<'a> Signed<'a> {
    fn new(method: &'a str, url: &'a str) -> Self {
        Self { method, url, query: None, token: Some(DEMO_TOKEN) }
    }

    /// The protocol parameters, signed with HMAC-SHA1 by RFC 5849, section 3.4.
    fn parameters(&self, nonce: &str, timestamp: u64) -> String {
        let mut parameters = vec![
            ("oauth_consumer_key", DEMO_CONSUMER.0.to_owned()),
            ("oauth_nonce", nonce.to_owned()),
            ("oauth_signature_method", "HMAC-SHA1".to_owned()),
            ("oauth_timestamp", timestamp.to_string()),
        ];
        parameters.extend(self.token.map(|(key, _)| ("oauth_token", key.to_owned())));
        parameters.push(("oauth_version", "1.0".to_owned()));
        // The query's name sorts behind all of them.
        let query = self.query.map(|(name, value)| (name, value.to_owned()));
        let pairs: Vec<String> = parameters
            .iter()
            .chain(&query)
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect();
        let base = format!("{}&{}&{}", self.method, encode(self.url), encode(&pairs.join("&")));
        let secret = self.token.map_or("", |(_, secret)| secret);
        let key = PKey::hmac(format!("{}&{secret}", DEMO_CONSUMER.1).as_bytes()).unwrap();
        let mut signer = openssl::sign::Signer::new(MessageDigest::sha1(), &key).unwrap();
        let signature = signer.sign_oneshot_to_vec(base.as_bytes()).unwrap();
        parameters.push(("oauth_signature", openssl::base64::encode_block(&signature)));
        let quote = |(name, value): &(&str, String)| format!("{name}=\"{}\"", encode(value));
        parameters.iter().map(quote).collect::<Vec<_>>().join(",")
    }
}

fn signed(method: &str, url: &str, nonce: &str, timestamp: u64) -> String {
    Signed::new(method, url).parameters(nonce, timestamp)
}

fn encode(text: &str) -> String {
    let encode = |octet: u8| match octet {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(octet).to_string()
        }
        _ => format!("%{octet:02X}"),
    };
    text.bytes().map(encode).collect()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn signatures_are_judged_over_imap_and_smtp() {
    let host = Host::builder().start().unwrap();
    let url = format!("https://mail.google.com/mail/b/{DEMO_USER}/imap/");
    let xoauth =
        |nonce: &str, time| base64(&format!("GET {url} {}", signed("GET", &url, nonce, time)));
    let first = xoauth("n1", now());
    let answer = imap(&host).imap(&format!("a AUTHENTICATE XOAUTH {first}"));
    assert!(answer[0].starts_with("a OK "), "{answer:?}");
    // Replayed, and too old.
    for message in [first, xoauth("n2", now() - 3600)] {
        let mut peer = submission(&host);
        assert_eq!(peer.smtp("AUTH XOAUTH"), ["334 "]);
        let document = r#"{"status":"401","schemes":"oauth","scope":"mail"}"#;
        assert_eq!(peer.smtp(&message), [format!("334 {}", base64(document))]);
        assert_eq!(peer.smtp(""), ["535 5.7.8 authentication failed"]);
    }
    let oauth10a = |port: u16, nonce: &str| {
        let signature = signed("POST", &format!("http://localhost:{port}/"), nonce, now());
        base64(&format!(
            "n,a={DEMO_USER},\x01host=localhost\x01port={port}\x01auth=OAuth {signature}\x01\x01"
        ))
    };
    let mut peer = imap(&host);
    // Signed for another port.
    peer.send(format!("a AUTHENTICATE OAUTH10A {}\r\n", oauth10a(host.imap_port(), "n3")));
    assert!(peer.line().starts_with("+ ey"));
    peer.send("AQ==\r\n");
    assert!(peer.line().starts_with("a NO [AUTHENTICATIONFAILED]"));
    let answer =
        peer.imap(&format!("b AUTHENTICATE OAUTH10A {}", oauth10a(host.imaps_port(), "n4")));
    assert!(answer[0].starts_with("b OK "), "{answer:?}");
}

#[test]
fn signatures_open_no_mailbox_but_their_own() {
    let other = "other@example.test";
    let host = Host::builder().user(User::new(other)).start().unwrap();
    let url = |user: &str| format!("https://mail.google.com/mail/b/{user}/imap/");
    let mut peer = imap(&host);
    // The signature is right; the token is not that user's.
    let theirs = url(other);
    let message = base64(&format!("GET {theirs} {}", signed("GET", &theirs, "n1", now())));
    peer.send(format!("a AUTHENTICATE XOAUTH {message}\r\n"));
    assert!(peer.line().starts_with("+ ey"));
    peer.send("\r\n");
    assert!(peer.line().starts_with("a NO [AUTHENTICATIONFAILED]"));
    // Without a token, the consumer acts for the user it names.
    for (user, answer) in [(other, "+ ey"), (DEMO_USER, "b OK ")] {
        let url = url(DEMO_USER);
        let query = Some(("xoauth_requestor_id", user));
        let request = Signed { query, token: None, ..Signed::new("GET", &url) };
        let parameters = request.parameters(user, now());
        let query = format!("xoauth_requestor_id={}", encode(user));
        let message = base64(&format!("GET {url}?{query} {parameters}"));
        peer.send(format!("b AUTHENTICATE XOAUTH {message}\r\n"));
        let line = peer.line();
        assert!(line.starts_with(answer), "{line}");
        if line.starts_with('+') {
            peer.send("\r\n");
            assert!(peer.line().starts_with("b NO [AUTHENTICATIONFAILED]"));
        }
    }
}

#[test]
fn the_clock_of_the_host_judges_timestamps() {
    let host = Host::builder().clock(|| 1_000_000).start().unwrap();
    let url = format!("https://mail.google.com/mail/b/{DEMO_USER}/imap/");
    let message = base64(&format!("GET {url} {}", signed("GET", &url, "n", 1_000_100)));
    let answer = imap(&host).imap(&format!("a AUTHENTICATE XOAUTH {message}"));
    assert!(answer[0].starts_with("a OK "), "{answer:?}");
}

#[test]
fn mailboxes_are_listed_made_and_removed() {
    let host = Host::builder().start().unwrap();
    let mut peer = session(&host);
    assert_eq!(peer.imap("a CREATE \"Entw&APw-rfe/alt\""), ["a OK CREATE completed"]);
    assert_eq!(host.mailboxes(DEMO_USER), ["Entwürfe", "Entwürfe/alt", "INBOX"]);
    assert_eq!(
        peer.imap("b LIST \"\" *"),
        [
            "* LIST (\\HasChildren) \"/\" \"Entw&APw-rfe\"",
            "* LIST (\\HasNoChildren) \"/\" \"Entw&APw-rfe/alt\"",
            "* LIST (\\HasNoChildren) \"/\" \"INBOX\"",
            "b OK LIST completed",
        ]
    );
    assert_eq!(peer.imap("c LIST \"\" %").len(), 3);
    assert_eq!(peer.imap("d LIST \"\" \"\"")[0], "* LIST (\\Noselect) \"/\" \"\"");
    assert_eq!(peer.imap("e DELETE Entw&APw-rfe")[0].split(' ').nth(1), Some("NO"));
    assert_eq!(peer.imap("f RENAME Entw&APw-rfe Old"), ["f OK RENAME completed"]);
    assert_eq!(host.mailboxes(DEMO_USER), ["INBOX", "Old", "Old/alt"]);
    assert_eq!(peer.imap("g DELETE Old/alt"), ["g OK DELETE completed"]);
    assert_eq!(peer.imap("h DELETE Old/alt"), ["h NO [NONEXISTENT] no such mailbox"]);
    assert_eq!(peer.imap("i CREATE &bad"), ["i BAD mailbox name is not modified UTF-7"]);
    assert_eq!(peer.imap("j SUBSCRIBE Old"), ["j OK SUBSCRIBE completed"]);
    assert_eq!(peer.imap("k LSUB \"\" *")[0], "* LSUB (\\HasNoChildren) \"/\" \"Old\"");
    assert_eq!(peer.imap("l SELECT nowhere"), ["l NO [NONEXISTENT] no such mailbox"]);
    assert_eq!(peer.imap("m NAMESPACE")[0], "* NAMESPACE ((\"\" \"/\")) NIL NIL");
}

#[test]
fn select_and_status_tell_the_mailbox() {
    let host = with_message().start().unwrap();
    let mut peer = session(&host);
    assert_eq!(
        peer.imap("a STATUS INBOX (MESSAGES recent UIDNEXT UNSEEN)")[0],
        "* STATUS \"INBOX\" (MESSAGES 1 RECENT 1 UIDNEXT 2 UNSEEN 1)"
    );
    let select = [
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft work)",
        "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft work \\*)] flags that stay",
        "* 1 EXISTS",
        "* 1 RECENT",
        "* OK [UNSEEN 1] first unseen",
        "* OK [UIDVALIDITY 1] UIDs are valid",
        "* OK [UIDNEXT 2] predicted next UID",
        "b OK [READ-WRITE] SELECT completed",
    ];
    assert_eq!(peer.imap("b SELECT INBOX"), select);
    let examine = peer.imap("c EXAMINE INBOX");
    assert!(examine.contains(&"* 0 RECENT".to_owned()));
    assert_eq!(examine.last().unwrap(), "c OK [READ-ONLY] EXAMINE completed");
    assert_eq!(peer.imap("d STORE 1 +FLAGS (\\Seen)"), ["d NO the mailbox is read-only"]);
    assert_eq!(peer.imap("e CLOSE"), ["e OK CLOSE completed"]);
    assert_eq!(peer.imap("f FETCH 1 FLAGS"), ["f BAD no mailbox is selected"]);
}

#[test]
fn append_takes_literals_of_both_kinds() {
    let host = Host::builder().max_size(100).start().unwrap();
    let mut peer = session(&host);
    peer.send("a APPEND INBOX (\\Seen) \"17-Jul-1996 02:44:25 -0700\" {10}\r\n");
    assert_eq!(peer.line(), "+ ready for the literal");
    peer.send("A: b\r\n\r\nc\n\r\n");
    // One octet is missing: the literal has ten, and the line goes on.
    assert_eq!(peer.line(), "a OK [APPENDUID 1 1] APPEND completed");
    peer.send("b APPEND {5+}\r\nInbox {3+}\r\nabc\r\n");
    assert_eq!(peer.line(), "b OK [APPENDUID 1 2] APPEND completed");
    assert_eq!(peer.imap("c APPEND INBOX {101}"), ["c NO [TOOBIG] literal too large"]);
    peer.send(format!("d APPEND INBOX {{101+}}\r\n{}\r\n", "x".repeat(101)));
    assert_eq!(peer.line(), "d NO [TOOBIG] literal too large");
    peer.send("e APPEND nowhere {1+}\r\nx\r\n");
    assert_eq!(peer.line(), "e NO [TRYCREATE] no such mailbox");
    let messages = host.mailbox(DEMO_USER, "inbox");
    assert_eq!(messages.len(), 2);
    assert_eq!(*messages[0].octets, b"A: b\r\n\r\nc\n");
    assert_eq!(messages[0].flags, ["\\Seen"]);
    assert_eq!(messages[0].internal_date, 837_596_665);
    assert_eq!(*messages[1].octets, b"abc");
}

#[test]
fn literals_that_are_not_offered_end_the_session() {
    let host = Host::builder().capabilities(|c| c.literal_plus = false).start().unwrap();
    let mut peer = session(&host);
    peer.send("a APPEND INBOX {1+}\r\nx\r\n");
    assert_eq!(peer.line(), "* BYE LITERAL+ is not offered");
    assert_eq!(host.violations().len(), 1);
    let mut peer = session(&host);
    peer.send("a APPEND INBOX {1}\r\nx\r\n");
    assert_eq!(peer.line(), "* BYE the literal was not asked for yet");
}

#[test]
fn fetch_tells_each_item() {
    let host = with_message().start().unwrap();
    let mut peer = inbox(&host);
    let size = MESSAGE.len();
    assert_eq!(
        peer.imap("a FETCH 1 FAST")[0],
        format!(
            "* 1 FETCH (FLAGS (\\Flagged work \\Recent) INTERNALDATE \
             \" 5-Mar-2024 09:00:01 +0000\" RFC822.SIZE {size})"
        )
    );
    assert_eq!(
        peer.imap("b UID FETCH 1:* (ENVELOPE)")[0],
        "* 1 FETCH (UID 1 ENVELOPE (\"Tue, 5 Mar 2024 10:00:00 +0100\" \"Lunch\" \
         ((\"=?utf-8?q?J=C3=B6rg?=\" NIL \"joerg\" \"example.test\")) \
         ((\"=?utf-8?q?J=C3=B6rg?=\" NIL \"joerg\" \"example.test\")) \
         ((\"=?utf-8?q?J=C3=B6rg?=\" NIL \"joerg\" \"example.test\")) \
         ((NIL NIL \"demo\" \"example.test\")) NIL NIL NIL NIL))"
    );
    assert_eq!(
        peer.imap("c FETCH 1 BODY")[0],
        "* 1 FETCH (BODY ((\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \
         \"quoted-printable\" 17 0)(\"text\" \"html\" NIL NIL NIL \"7bit\" 14 0) \"alternative\"))"
    );
    // BODY.PEEK leaves \Seen alone, BODY sets and tells it.
    for (item, expected) in [
        ("BODY.PEEK[1]", "Caf=C3=A9 at one?"),
        ("BODY.PEEK[1]<4.6>", "C3=A9 "),
        ("BODY.PEEK[2.MIME]", "Content-Type: text/html\r\n\r\n"),
        ("BODY.PEEK[TEXT]<0.5>", "--x\r\n"),
        ("BODY.PEEK[]<9999.5>", ""),
        ("BODY.PEEK[HEADER.FIELDS (subject x-note)]", "Subject: Lunch\r\nX-Note: seven\r\n\r\n"),
    ] {
        let text = peer.imap(&format!("d FETCH 1 {item}")).join("\r\n");
        let length = expected.len();
        let end = format!(" {{{length}}}\r\n{expected})\r\nd OK FETCH completed");
        assert!(text.ends_with(&end), "{item}: {text}");
    }
    assert_eq!(peer.imap("e FETCH 1 BODY.PEEK[3]")[0], "* 1 FETCH (BODY[3] NIL)");
    let text = peer.imap("f FETCH 1 RFC822").join("\r\n");
    assert_eq!(
        text,
        format!(
            "* 1 FETCH (RFC822 {{{size}}}\r\n{MESSAGE} FLAGS (\\Flagged work \\Seen \\Recent))\r\n\
             f OK FETCH completed"
        )
    );
    assert_eq!(peer.imap("g FETCH 2 FLAGS"), ["g BAD no such message"]);
    assert_eq!(peer.imap("h UID FETCH 9:10 FLAGS"), ["h OK FETCH completed"]);
    assert_eq!(peer.imap("i FETCH 1 (FLAGS  UID)")[0].split(' ').nth(1), Some("BAD"));
}

#[test]
fn sections_reach_into_messages_in_messages() {
    let inner = "Subject: in\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n\
        --i\r\n\r\ndeep\r\n--i--";
    let outer = format!(
        "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\nfirst\r\n\
         --o\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n--o--\r\n"
    );
    let host = Host::builder()
        .deliver(DEMO_USER, "INBOX", outer, &["\\Seen"], 0)
        .deliver(DEMO_USER, "INBOX", "A: b\r\n\r\nonly", &["\\Seen"], 0)
        .start()
        .unwrap();
    let mut peer = inbox(&host);
    let header = "Subject: in\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n";
    for (number, section, expected) in [
        (1, "1", Some("first")),
        (1, "2", Some(inner)),
        (1, "2.HEADER", Some(header)),
        (1, "2.HEADER.FIELDS.NOT (Content-Type)", Some("Subject: in\r\n\r\n")),
        (1, "2.TEXT", Some("--i\r\n\r\ndeep\r\n--i--")),
        (1, "2.MIME", Some("Content-Type: message/rfc822\r\n\r\n")),
        (1, "2.1", Some("deep")),
        (1, "2.1.1", None),
        (1, "1.HEADER", None),
        (1, "1.1", None),
        (2, "1", Some("only")),
        (2, "2", None),
    ] {
        let text = peer.imap(&format!("a FETCH {number} BODY[{section}]")).join("\r\n");
        let value = match expected {
            Some(expected) => format!(" {{{}}}\r\n{expected})", expected.len()),
            None => " NIL)".to_owned(),
        };
        assert!(text.ends_with(&format!("{value}\r\na OK FETCH completed")), "{section}: {text}");
    }
    assert_eq!(
        peer.imap("b FETCH 1 BODYSTRUCTURE")[0],
        "* 1 FETCH (BODYSTRUCTURE \
         ((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 5 0 NIL NIL NIL NIL)\
         (\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 76 \
         (NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL) \
         ((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 4 0 NIL NIL NIL NIL) \
         \"mixed\" (\"boundary\" \"i\") NIL NIL NIL) 6 NIL NIL NIL NIL) \
         \"mixed\" (\"boundary\" \"o\") NIL NIL NIL))"
    );
}

#[test]
fn search_evaluates_every_key() {
    let host = with_message()
        .deliver(
            DEMO_USER,
            "INBOX",
            "Subject: =?utf-8?b?w5xiZXI=?=\r\n\r\nsimple\r\n",
            &["\\Seen"],
            0,
        )
        .deliver(
            DEMO_USER,
            "INBOX",
            "From: a@b\r\nDate: 1 Jan 2020 00:00:00 GMT\r\n\r\n",
            &[],
            86_400,
        )
        .start()
        .unwrap();
    let mut peer = inbox(&host);
    for (keys, found) in [
        ("ALL", " 1 2 3"),
        ("SEEN", " 2"),
        ("UNSEEN FLAGGED", " 1"),
        ("KEYWORD WORK", " 1"),
        ("UNKEYWORD work", " 2 3"),
        ("NEW", " 1 3"),
        ("OLD", ""),
        ("ON 1-Jan-1970", " 2"),
        ("BEFORE 2-Jan-1970", " 2"),
        ("SINCE \"2-Jan-1970\"", " 1 3"),
        ("SENTON 5-Mar-2024", " 1"),
        ("SENTBEFORE 1-Jan-2021", " 3"),
        ("LARGER 200", " 1"),
        ("SMALLER 44", " 2"),
        ("SUBJECT lunch", " 1"),
        ("HEADER X-Note \"\"", " 1"),
        ("HEADER X-Note eve", " 1"),
        ("BODY SIMPLE", " 2"),
        ("TEXT alternative", " 1"),
        ("TO demo", " 1"),
        ("1,3", " 1 3"),
        ("UID 2:*", " 2 3"),
        ("NOT 1", " 2 3"),
        ("OR SEEN FLAGGED", " 1 2"),
        ("OR (SEEN 2) NOT (OR 1 2)", " 2 3"),
        ("9", ""),
    ] {
        let answer = peer.imap(&format!("s SEARCH {keys}"));
        assert_eq!(
            answer,
            [format!("* SEARCH{found}"), "s OK SEARCH completed".to_owned()],
            "{keys}"
        );
    }
    // 8-bit text stands in literals only.
    assert!(peer.imap("t SEARCH FROM \"jörg\"")[0].starts_with("t BAD "));
    for (key, text, found) in
        [("SUBJECT", "über", " 2"), ("FROM", "JÖRG", " 1"), ("TEXT", "café", " 1")]
    {
        let length = text.len();
        let answer =
            peer.imap(&format!("u UID SEARCH CHARSET UTF-8 {key} {{{length}+}}\r\n{text}"));
        assert_eq!(answer[0], format!("* SEARCH{found}"));
    }
    assert_eq!(
        peer.imap("v SEARCH CHARSET KOI8-R ALL"),
        ["v NO [BADCHARSET (US-ASCII UTF-8)] unknown charset"]
    );
    let deep = format!("w SEARCH {}ALL", "NOT ".repeat(5_000));
    assert_eq!(peer.imap(&deep), ["w BAD search nested too deep"]);
}

#[test]
fn flags_copies_and_expunges_reach_other_sessions() {
    let host = with_message()
        .deliver(DEMO_USER, "INBOX", "two", &[], 0)
        .deliver(DEMO_USER, "INBOX", "three", &[], 0)
        .start()
        .unwrap();
    let mut first = inbox(&host);
    let mut second = inbox(&host);
    assert_eq!(
        first.imap("a STORE 1:2 FLAGS \\deleted"),
        [
            "* 1 FETCH (FLAGS (\\Deleted \\Recent))",
            "* 2 FETCH (FLAGS (\\Deleted \\Recent))",
            "a OK STORE completed",
        ]
    );
    assert_eq!(first.imap("b UID STORE 2 -FLAGS.SILENT (\\Deleted)"), ["b OK STORE completed"]);
    assert_eq!(
        second.imap("a NOOP"),
        [
            "* 1 FETCH (UID 1 FLAGS (\\Deleted))",
            "* 2 FETCH (UID 2 FLAGS ())",
            "a OK NOOP completed",
        ]
    );
    assert_eq!(first.imap("c COPY 1:2 Other"), ["c NO [TRYCREATE] no such mailbox"]);
    first.imap("d CREATE Other");
    assert_eq!(first.imap("e UID COPY 1:3 Other"), ["e OK [COPYUID 2 1:3 1:3] COPY completed"]);
    assert_eq!(host.mailbox(DEMO_USER, "Other")[0].flags, ["\\Deleted"]);
    assert_eq!(first.imap("f EXPUNGE"), ["* 1 EXPUNGE", "f OK EXPUNGE completed"]);
    assert_eq!(
        first.imap("g MOVE 2 Other"),
        ["* OK [COPYUID 2 3 4] moved", "* 2 EXPUNGE", "g OK MOVE completed"]
    );
    // No EXPUNGE while numbers are in use, then all of them.
    assert_eq!(second.imap("b FETCH 2 UID"), ["* 2 FETCH (UID 2)", "b OK FETCH completed"]);
    assert_eq!(second.imap("c FETCH 1 UID"), ["c OK FETCH completed"]);
    assert_eq!(second.imap("d NOOP"), ["* 1 EXPUNGE", "* 2 EXPUNGE", "d OK NOOP completed"]);
    assert_eq!(first.imap("h UNSELECT"), ["h OK UNSELECT completed"]);
}

#[test]
fn idle_tells_arrivals() {
    let host = Host::builder().start().unwrap();
    let mut peer = inbox(&host);
    peer.send("a IDLE\r\n");
    assert_eq!(peer.line(), "+ idling");
    host.deliver(DEMO_USER, "INBOX", "new", &[], 0).unwrap();
    assert_eq!(peer.line(), "* 1 EXISTS");
    assert_eq!(peer.line(), "* 1 RECENT");
    peer.send("done\r\n");
    assert_eq!(peer.line(), "a OK IDLE completed");
}

#[test]
fn the_host_ends_sessions_when_told() {
    let host = Host::builder().start().unwrap();
    let mut peer = session(&host);
    host.next_bye("Session expired, please login again.");
    assert_eq!(peer.imap("a NOOP"), ["* BYE Session expired, please login again.", ""]);
    let mut peer = sender(&host);
    host.next_bye("going down");
    assert_eq!(peer.smtp("NOOP"), ["421 4.3.2 going down"]);
    let mut peer = session(&host);
    assert_eq!(host.accepted_connections(), 3);
    host.disconnect_all();
    assert_eq!(peer.line(), "");
}

#[test]
fn dropping_the_host_ends_idle_and_silent_connections() {
    let host = Host::builder().start().unwrap();
    let mut idle = inbox(&host);
    idle.send("a IDLE\r\n");
    idle.line();
    let silent = Peer::plain(host.imaps_port());
    let mut greeted = Peer::plain(host.submission_port());
    greeted.line();
    drop(host);
    assert_eq!(idle.line(), "");
    assert_eq!(greeted.line(), "");
    drop(silent);
}

#[test]
fn broken_lines_are_refused() {
    let host = Host::builder().start().unwrap();
    let mut peer = imap(&host);
    peer.send("a NOOP\n");
    assert_eq!(peer.line(), "* BAD a line ends with CRLF");
    assert_eq!(peer.imap("b NOOP "), ["b BAD unexpected arguments"]);
    peer.send("\r\n");
    assert_eq!(peer.line(), "* BAD expected a tag and a command");
    peer.send(format!("c {}\r\n", "x".repeat(70_000)));
    assert_eq!(peer.line(), "* BYE command line too long");
}

#[test]
fn ehlo_offers_what_the_builder_left_on() {
    let host = Host::builder().max_size(1000).start().unwrap();
    let mut peer = Peer::plain(host.submission_port());
    assert_eq!(peer.line(), "220 localhost ESMTP embedded mail host");
    assert_eq!(peer.smtp("MAIL FROM:<a@b>"), ["503 5.5.1 say EHLO first"]);
    assert_eq!(
        peer.smtp("EHLO [127.0.0.1]"),
        [
            "250-localhost greets you",
            "250-PIPELINING",
            "250-8BITMIME",
            "250-SIZE 1000",
            "250-SMTPUTF8",
            "250-ENHANCEDSTATUSCODES",
            "250-CHUNKING",
            "250-BINARYMIME",
            "250-DSN",
            "250-DELIVERBY 60",
            "250-MT-PRIORITY",
            "250 STARTTLS",
        ]
    );
    assert_eq!(peer.smtp("AUTH XOAUTH2"), ["538 5.7.11 TLS is required"]);
    let host = Host::builder()
        .plaintext_auth(true)
        .capabilities(|offered| {
            offered.pipelining = false;
            offered.chunking = false;
            offered.starttls = false;
            offered.enhanced_status_codes = false;
            offered.dsn = false;
            offered.deliver_by = None;
            offered.priority = false;
            offered.mechanisms = vec!["XOAUTH".to_owned()];
        })
        .start()
        .unwrap();
    let mut peer = Peer::plain(host.submission_port());
    peer.line();
    let lines = peer.smtp("EHLO x");
    assert_eq!(
        lines[1..],
        ["250-8BITMIME", "250-SIZE 67108864", "250-SMTPUTF8", "250 AUTH XOAUTH"]
    );
    assert_eq!(peer.smtp("AUTH XOAUTH2"), ["504 unsupported authentication mechanism"]);
    assert_eq!(peer.smtp("BDAT 1 LAST"), ["500 unknown command"]);
    peer.send("NOOP\r\nNOOP\r\n");
    assert_eq!(peer.line(), "421 improper command pipelining");
}

#[test]
fn authentication_over_smtp_answers_as_rfc_4954_says() {
    let host = Host::builder().start().unwrap();
    let mut peer = submission(&host);
    assert_eq!(peer.smtp("MAIL FROM:<a@b>"), ["530 5.7.0 authentication required"]);
    assert_eq!(peer.smtp("AUTH XOAUTH2"), ["334 "]);
    assert_eq!(peer.smtp("*"), ["501 5.7.0 authentication cancelled"]);
    assert_eq!(peer.smtp("AUTH XOAUTH2 ?"), ["501 5.5.2 invalid base64"]);
    assert_eq!(peer.smtp("AUTH PLAIN"), ["504 5.5.4 unsupported authentication mechanism"]);
    host.set_unavailable(true);
    let good = xoauth2(DEMO_USER, DEMO_BEARER_TOKEN);
    let unavailable = ["454 4.7.0 temporary authentication failure"];
    assert_eq!(peer.smtp(&format!("AUTH XOAUTH2 {good}")), unavailable);
    host.set_unavailable(false);
    let bad = xoauth2(DEMO_USER, "nonsense");
    assert!(peer.smtp(&format!("AUTH XOAUTH2 {bad}"))[0].starts_with("334 ey"));
    assert_eq!(peer.smtp(""), ["535 5.7.8 authentication failed"]);
    // 512 octets with CRLF are taken, one more is not.
    let line = |length: usize| format!("AUTH XOAUTH2 {}", "A".repeat(length - 15));
    assert_eq!(peer.smtp(&line(513)), ["500 5.5.2 line too long"]);
    assert_ne!(peer.smtp(&line(512)), ["500 5.5.2 line too long"]);
    let long = xoauth2(DEMO_USER, &"t".repeat(2000));
    assert_eq!(peer.smtp("AUTH XOAUTH2"), ["334 "]);
    assert!(peer.smtp(&long)[0].starts_with("334 ey"));
    peer.smtp("");
    assert_eq!(peer.smtp("AUTH XOAUTH2"), ["334 "]);
    assert_eq!(peer.smtp(&"A".repeat(12_290)), ["500 5.5.6 response too long"]);
}

#[test]
fn messages_are_delivered_or_kept() {
    let host = Host::builder()
        .user(User::new("other@example.test"))
        .reject_recipient("gone@example.test", "550 5.1.1 no such user")
        .start()
        .unwrap();
    let mut peer = sender(&host);
    peer.send(
        "MAIL FROM:<demo@example.test> SIZE=20 BODY=8BITMIME\r\n\
         RCPT TO:<OTHER@example.test>\r\nRCPT TO:<gone@example.test>\r\n\
         RCPT TO:<far@away.test>\r\nDATA\r\n",
    );
    for expected in [
        "250 2.1.0 sender ok",
        "250 2.1.5 recipient ok",
        "550 5.1.1 no such user",
        "250 2.1.5 recipient ok",
        "354 end with a dot on a line of its own",
    ] {
        assert_eq!(peer.line(), expected);
    }
    // The next envelope comes in one write with the end of this message.
    peer.send("A: b\r\n\r\n..\r\n...x\r\né\r\n.\r\nMAIL FROM:<>\r\nRSET\r\n");
    assert_eq!(peer.line(), "250 2.0.0 queued as 1");
    assert_eq!(peer.line(), "250 2.1.0 sender ok");
    assert_eq!(peer.line(), "250 2.0.0 reset");
    let text = "A: b\r\n\r\n.\r\n..x\r\né\r\n";
    let delivered = host.mailbox("other@example.test", "INBOX");
    assert_eq!(*delivered[0].octets, text.as_bytes());
    let kept = host.outbox();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].from, DEMO_USER);
    assert_eq!(kept[0].recipients, ["far@away.test"]);
    assert_eq!(*kept[0].octets, text.as_bytes());
    assert!(kept[0].eight_bit && !kept[0].chunked);
    assert_eq!(host.submitted(), 1);
    assert_eq!(peer.smtp("QUIT"), ["221 2.0.0 closing"]);
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn chunks_make_a_message() {
    let host = Host::builder().max_size(20).start().unwrap();
    let mut peer = sender(&host);
    let envelope = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n";
    peer.send(format!("{envelope}BDAT 6\r\n.\r\na\r\nBDAT 3 LAST\r\nb\r\n"));
    let replies: Vec<String> = (0..4).map(|_| peer.line()).collect();
    assert_eq!(replies[2..], ["250 2.0.0 6 octets received", "250 2.0.0 queued as 1"]);
    assert_eq!(*host.outbox()[0].octets, b".\r\na\r\nb\r\n");
    // Without a transaction, and too large: the octets are skipped.
    peer.send("BDAT 4 LAST\r\nQUITNOOP\r\n");
    assert_eq!(peer.line(), "503 5.5.1 say MAIL first");
    assert_eq!(peer.line(), "250 2.0.0 nothing done");
    peer.send(format!("{envelope}BDAT 21\r\n{}BDAT 1 LAST\r\nxRSET\r\n", "x".repeat(21)));
    let replies: Vec<String> = (0..5).map(|_| peer.line()).collect();
    assert_eq!(
        replies[2..],
        ["552 5.3.4 message too large", "503 5.5.1 say MAIL first", "250 2.0.0 reset"]
    );
    peer.send(format!("{envelope}BDAT 0 LAST\r\n"));
    assert_eq!((0..3).map(|_| peer.line()).last().unwrap(), "250 2.0.0 queued as 2");
}

#[test]
fn what_a_submission_server_must_not_take_is_refused() {
    let host = Host::builder().max_size(100).start().unwrap();
    let mut peer = sender(&host);
    for (command, reply) in [
        ("MAIL FROM:<a@b> SIZE=101", "552 5.3.4 message too large"),
        ("MAIL FROM: <a@b>", "501 5.5.4 expected FROM:<address>"),
        ("MAIL FROM:<a b@c>", "501 5.1.7 bad sender address"),
        ("MAIL FROM:<ä@b>", "553 5.6.7 SMTPUTF8 is needed for this address"),
        ("MAIL FROM:<a@b> FOO=1", "555 5.5.4 unknown MAIL parameter"),
        ("DATA", "503 5.5.1 say MAIL first"),
        ("MAIL FROM:<ä@b> SMTPUTF8", "250 2.1.0 sender ok"),
        ("DATA", "554 5.5.1 no valid recipients"),
        ("RSET", "250 2.0.0 reset"),
    ] {
        assert_eq!(peer.smtp(command), [reply], "{command}");
    }
    for (text, reply) in [
        ("a\nb\r\n", "550 5.6.0 bare CR or LF in the message"),
        ("a\rb\r\n", "550 5.6.0 bare CR or LF in the message"),
        // Nothing but CRLF.CRLF ends a message.
        ("a\n.\r\nb\r\n", "550 5.6.0 bare CR or LF in the message"),
        ("a\r\n.\nb\r\n", "550 5.6.0 bare CR or LF in the message"),
        ("a\r\n.\rb\r\n", "550 5.6.0 bare CR or LF in the message"),
        ("é\r\n", "554 5.6.1 8-bit text was not declared"),
        ("", "250 2.0.0 queued as 1"),
    ] {
        peer.send("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
        assert_eq!((0..3).map(|_| peer.line()).last().unwrap().split(' ').next(), Some("354"));
        assert_eq!(peer.smtp(&format!("{text}.")), [reply], "{text:?}");
    }
    peer.send("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
    (0..3).for_each(|_| drop(peer.line()));
    peer.send(format!("{}\r\n.\r\n", "x".repeat(200)));
    assert_eq!(peer.line(), "552 5.3.4 message too large");
    // DATA ends a group: text behind it was sent without leave.
    peer.send("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\ntext\r\n.\r\n");
    assert_eq!(
        (0..3).map(|_| peer.line()).last().unwrap(),
        "421 4.7.0 improper command pipelining"
    );
}

#[test]
fn large_messages_pass_both_ways() {
    let host = Host::builder().start().unwrap();
    let mut peer = sender(&host);
    let text = format!("Subject: big\r\n\r\n{}", "0123456789abcdef.\r\n".repeat(200_000));
    peer.send("MAIL FROM:<a@b>\r\nRCPT TO:<demo@example.test>\r\nDATA\r\n");
    (0..3).for_each(|_| drop(peer.line()));
    peer.send(format!("{text}.\r\n"));
    assert_eq!(peer.line(), "250 2.0.0 queued as 1");
    let mut peer = inbox(&host);
    peer.send("a UID FETCH 1 BODY.PEEK[]\r\n");
    assert_eq!(peer.line(), format!("* 1 FETCH (UID 1 BODY[] {{{}}}", text.len()));
    let mut octets = std::mem::take(&mut peer.input);
    let held = octets.len();
    octets.resize(text.len(), 0);
    peer.stream.read_exact(&mut octets[held..]).unwrap();
    assert!(octets == text.as_bytes());
    assert_eq!(peer.until("a "), [")", "a OK FETCH completed"]);
}
