//! What real servers were seen to do, each a test of its own name.

use xoauth::imap::command::{BeforeLogin, Capability};
use xoauth::imap::parse::Response;
use xoauth::imap::proto as imap_proto;
use xoauth::imap::{ArgumentSink, StatusText};
use xoauth::sasl::Service;
use xoauth::smtp::proto as smtp_proto;
use xoauth::smtp::{Extensions, Reply, ReplyText};
use xoauth::{Error, imap, smtp};

use crate::attempt::{Answer, Client, Form, connect};
use crate::cell::no_secret;
use crate::credentials::{Custom, Kind, OAuth1, bearer, opaque, opaque_down};
use crate::environment::{Lab, Lines, Security, traced};
use crate::runner::Test;

type Checked = Result<(), Box<dyn std::error::Error>>;

/// The tests, with the server each needs.
pub(crate) fn all() -> Vec<Test> {
    vec![
        test("plus_without_a_space", "twisted", plus_without_a_space),
        test("challenge_folded_by_bare_line_feeds", "twisted", challenge_folded),
        test("code_334_with_a_space_and_nothing_else", "exim", empty_334),
        test("untagged_capability_before_the_tagged_ok", "dovecot-oauth1", untagged_capability),
        test("tagged_ok_with_a_capability_code", "dovecot-oauth1", capability_code),
        test("refusal_without_a_challenge_imap", "dovecot-jwt", direct_no),
        test("refusal_without_a_challenge_smtp", "dovecot-jwt", direct_535),
        test("no_unavailable_is_temporary", "dovecot-introspection", unavailable),
        test("code_454_is_temporary", "dovecot-introspection", code_454),
        test("bad_after_the_star", "dovecot-jwt", bad_after_star),
        test("code_501_after_the_star", "dovecot-jwt", code_501_after_star),
        test("ehlo_line_with_an_empty_keyword", "sink", empty_keyword),
        test("size_without_a_number", "dovecot-jwt", size_without_number),
        test("reply_without_an_enhanced_code", "exim", no_enhanced_code),
        test("server_echoes_the_credentials", "twisted", echo),
        test("connection_closed_on_too_long_a_token", "dovecot-jwt", too_long),
        test("failure_then_success_on_one_connection_imap", "dovecot-oauth1", twice_imap),
        test("failure_then_success_on_one_connection_smtp", "postfix", twice_smtp),
        test("xoauth_by_exims_plaintext_driver", "exim", plaintext_driver),
    ]
}

fn test(name: &'static str, server: &'static str, run: fn(&Lab, &Lines) -> Checked) -> Test {
    Test::named(name, vec![server], run)
}

/// Twisted asks with `+` CRLF.
fn plus_without_a_space(lab: &Lab, lines: &Lines) -> Checked {
    log_in(lab, "twisted", Service::Imap, Kind::XOAuth, Form::Challenge, lines)?;
    heard(lines, "S: +", |line, wanted| line == wanted)
}

/// Twisted folds a document of more than 57 octets at every 76 characters.
fn challenge_folded(lab: &Lab, lines: &Lines) -> Checked {
    let client = connect(lab, "twisted", Service::Imap, Security::Implicit, lines)?;
    let login = bearer(Kind::OAuthBearer, "john", "nobody-knows-this-token")?;
    let Answer::Refused(refused, Some(client)) = client.log_in(&*login, Form::Challenge, false)
    else {
        return Err("not refused, or the connection was lost".into());
    };
    let document = refused.document.ok_or("no document")?;
    let found = (document.status(), document.openid_configuration());
    let openid = "https://localhost/.well-known/openid-configuration";
    equal(found, (Some("invalid_token"), Some(openid)))?;
    enter(client, Kind::OAuthBearer, Service::Imap)
}

fn empty_334(lab: &Lab, lines: &Lines) -> Checked {
    log_in(lab, "exim", Service::Smtp, Kind::XOAuth, Form::Challenge, lines)?;
    heard(lines, "S: 334", |line, wanted| line.trim_end() == wanted)
}

/// Dovecot tells what it can do in an untagged line when the client had asked before.
fn untagged_capability(lab: &Lab, lines: &Lines) -> Checked {
    let mut client = lab.imap("dovecot-oauth1", Security::Implicit, lines)?;
    client.run(Capability::new())?;
    let login = OAuth1::of("john").login(Kind::XOAuth, Service::Imap)?;
    let session = client.authenticate(login).map_err(Error::from)?;
    knows_more(&session)?;
    let lines_heard = lines.all();
    let last = lines_heard.iter().rev().take(2).cloned().collect::<Vec<_>>().join("\n");
    if !last.contains("* CAPABILITY") {
        return Err(format!("no untagged CAPABILITY before the OK: {last}").into());
    }
    Ok(session.logout()?)
}

/// Dovecot tells it in the tagged OK when the client had not asked.
fn capability_code(lab: &Lab, lines: &Lines) -> Checked {
    let client = lab.imap("dovecot-oauth1", Security::Implicit, lines)?;
    let login = OAuth1::of("john").login(Kind::XOAuth, Service::Imap)?;
    let session = client.authenticate(login).map_err(Error::from)?;
    knows_more(&session)?;
    equal(lines.sent("CAPABILITY").len(), 0)?;
    heard(lines, "OK [CAPABILITY ", |line, wanted| {
        line.contains(wanted) && !line.starts_with("S: *")
    })?;
    Ok(session.logout()?)
}

/// What Dovecot can do once somebody is in, and never says before.
fn knows_more(session: &imap::Session<xoauth::net::TlsTransport>) -> Checked {
    let capabilities = session.state().capabilities().ok_or("the capabilities are not known")?;
    if capabilities.has("UIDPLUS") && !capabilities.has("LOGINDISABLED") {
        return Ok(());
    }
    Err("the capabilities are those of before the login".into())
}

fn direct_no(lab: &Lab, lines: &Lines) -> Checked {
    direct(lab, Service::Imap, lines, ("NO", "AUTHENTICATIONFAILED"))
}

fn direct_535(lab: &Lab, lines: &Lines) -> Checked {
    direct(lab, Service::Smtp, lines, ("535", "5.7.8"))
}

/// A message that is none of the mechanism is refused at once, with no document.
fn direct(lab: &Lab, service: Service, lines: &Lines, expected: (&str, &str)) -> Checked {
    let client = connect(lab, "dovecot-jwt", service, Security::Implicit, lines)?;
    let login = bearer(Kind::XOAuth2, "john", "unused")?;
    let login = Custom { name: "XOAUTH2", message: Some("foo"), login };
    let Answer::Refused(refused, Some(_)) = client.log_in(&login, Form::Inline, false) else {
        return Err("not refused, or the connection was lost".into());
    };
    equal((refused.word.as_str(), refused.code.as_str()), expected)?;
    equal(refused.document, None)
}

fn unavailable(lab: &Lab, lines: &Lines) -> Checked {
    temporary(lab, Service::Imap, lines, ("NO", "UNAVAILABLE"))
}

fn code_454(lab: &Lab, lines: &Lines) -> Checked {
    temporary(lab, Service::Smtp, lines, ("454", "4.7.0"))
}

/// What the token is worth is not known: the same may work later, and a new token helps nobody.
fn temporary(lab: &Lab, service: Service, lines: &Lines, expected: (&str, &str)) -> Checked {
    let client = connect(lab, "dovecot-introspection", service, Security::Implicit, lines)?;
    let login = bearer(Kind::XOAuth2, "john", &opaque_down("john"))?;
    let Answer::Refused(refused, Some(_)) = client.log_in(&*login, Form::Inline, false) else {
        return Err("not refused, or the connection was lost".into());
    };
    equal((refused.word.as_str(), refused.code.as_str()), expected)?;
    equal((refused.is_transient, refused.needs_new_token), (true, false))
}

/// A command that begins a login and thinks better of it.
#[derive(Debug, Default)]
struct Star {
    reply: Option<ReplyText>,
}

impl imap_proto::Exchange for Star {
    fn encode(
        &mut self,
        out: &mut imap_proto::Encoder<'_>,
        _: &imap_proto::State,
    ) -> Result<(), imap::Error> {
        out.raw("AUTHENTICATE XOAUTH2");
        Ok(())
    }

    fn on_continuation(
        &mut self,
        _: &[u8],
        out: &mut imap_proto::Encoder<'_>,
    ) -> Result<imap_proto::Continued, imap::Error> {
        out.raw("*");
        out.line_end();
        Ok(imap_proto::Continued::Answered)
    }

    fn on_untagged(&mut self, _: &Response<'_>) -> Result<imap_proto::Claim, imap::Error> {
        Ok(imap_proto::Claim::Pass)
    }
}

impl imap_proto::Command for Star {
    type Output = StatusText;

    fn finish(self, status: StatusText) -> Result<StatusText, imap::Error> {
        Ok(status)
    }
}

impl BeforeLogin for Star {}

impl smtp_proto::Exchange for Star {
    fn encode(
        &mut self,
        out: &mut smtp_proto::Encoder<'_>,
        _: &Extensions,
    ) -> Result<(), smtp::Error> {
        out.text("AUTH XOAUTH2");
        out.end_line(smtp_proto::Place::Last);
        Ok(())
    }

    fn on_reply(
        &mut self,
        reply: &Reply<'_>,
        out: &mut smtp_proto::Encoder<'_>,
    ) -> Result<smtp_proto::Progress, smtp::Error> {
        if reply.code().get() == 334 {
            out.text("*");
            out.end_line(smtp_proto::Place::Last);
        } else {
            self.reply = Some(reply.to_text());
        }
        Ok(smtp_proto::Progress::Continue)
    }
}

impl smtp_proto::Command for Star {
    type Output = Option<ReplyText>;

    fn finish(self) -> Result<Option<ReplyText>, smtp::Error> {
        Ok(self.reply)
    }
}

/// The star ends an exchange with BAD, which ends nothing else (RFC 9051, 6.2.2).
fn bad_after_star(lab: &Lab, lines: &Lines) -> Checked {
    let mut client = lab.imap("dovecot-introspection", Security::Implicit, lines)?;
    let status = client.run(Star::default())?;
    equal((status.is_bad(), status.text()), (true, "Authentication aborted by client."))?;
    let login = bearer(Kind::XOAuth2, "john", &opaque("john", 0))?;
    Ok(client.authenticate(login).map_err(Error::from)?.logout()?)
}

/// Over SMTP it is 501 (RFC 4954, 4).
fn code_501_after_star(lab: &Lab, lines: &Lines) -> Checked {
    let client = lab.smtp("dovecot-jwt", Security::Implicit, lines)?;
    let mut session = client.without_authentication();
    let reply = session.run(Star::default())?.ok_or("no reply")?;
    equal(reply.code.get(), 501)?;
    session.run(smtp::exchange::Noop::new())?;
    Ok(session.quit()?)
}

/// The last line of smtp-sink's answer to EHLO is `250 ` alone.
fn empty_keyword(lab: &Lab, lines: &Lines) -> Checked {
    let mut session = sink(lab, lines)?;
    equal(session.extensions().has("PIPELINING"), true)?;
    heard(lines, "S: 250", |line, wanted| line.trim_end() == wanted)?;
    session.run(smtp::exchange::Noop::new())?;
    Ok(session.quit()?)
}

/// A connection to smtp-sink, which has no TLS and asks for no login.
pub(crate) fn sink(
    lab: &Lab,
    lines: &Lines,
) -> Result<smtp::Session<xoauth::net::TcpTransport>, Error> {
    let builder = smtp::Builder::new("127.0.0.1").port(lab.port("sink", "smtp"));
    Ok(traced!(builder, lines).connect_plain()?.trust().without_authentication())
}

fn size_without_number(lab: &Lab, lines: &Lines) -> Checked {
    let client = lab.smtp("dovecot-jwt", Security::Implicit, lines)?;
    let extensions = client.extensions();
    equal((extensions.has("SIZE"), extensions.size_limit()), (true, None))
}

fn no_enhanced_code(lab: &Lab, lines: &Lines) -> Checked {
    let client = lab.smtp("exim", Security::Implicit, lines)?;
    let login = bearer(Kind::XOAuth2, "john", "nobody-knows-this-token")?;
    match client.authenticate(login).map_err(Error::from) {
        Err(Error::Smtp(smtp::Error::AuthenticationRefused(refused))) => {
            let reply = (refused.reply.code.get(), refused.reply.enhanced.is_none());
            equal(reply, (535, true))?;
            equal(refused.reply.text().as_str(), "Incorrect authentication data")
        }
        Err(other) => Err(other.into()),
        Ok(_) => Err("let in".into()),
    }
}

/// Forced to take an initial response, Twisted says what it was.
fn echo(lab: &Lab, lines: &Lines) -> Checked {
    let client = connect(lab, "twisted", Service::Imap, Security::Implicit, lines)?;
    let login = bearer(Kind::XOAuth2, "john", &opaque("john", 0))?;
    let Answer::Refused(refused, Some(_)) = client.log_in(&*login, Form::Inline, false) else {
        return Err("not refused, or the connection was lost".into());
    };
    equal(refused.shown.contains("b'[secret]'"), true)?;
    let text = format!("{}\n{refused:?}\n{}", refused.shown, lines.all().join("\n"));
    Ok(no_secret(&*login, &text)?)
}

/// Dovecot says nothing: the error is the connection's, and may be tried again.
fn too_long(lab: &Lab, lines: &Lines) -> Checked {
    let client = connect(lab, "dovecot-jwt", Service::Imap, Security::Implicit, lines)?;
    let login = bearer(Kind::XOAuth2, "john", &opaque("john", 8000))?;
    match client.log_in(&*login, Form::Inline, false) {
        Answer::Failed(error) if error.is_fatal() && !error.needs_new_token() => {
            equal(error.to_string().as_str(), "server closed the connection")
        }
        _ => Err("not closed".into()),
    }
}

fn twice_imap(lab: &Lab, lines: &Lines) -> Checked {
    twice(lab, "dovecot-oauth1", Service::Imap, lines)
}

fn twice_smtp(lab: &Lab, lines: &Lines) -> Checked {
    twice(lab, "postfix", Service::Smtp, lines)
}

/// Every mechanism is refused, then let in, and all of it is one connection until then.
fn twice(lab: &Lab, server: &str, service: Service, lines: &Lines) -> Checked {
    let mut client = connect(lab, server, service, Security::StartTls, lines)?;
    for kind in [Kind::XOAuth, Kind::OAuth10A] {
        let mut wrong = OAuth1::of("john");
        wrong.token_secret.push('!');
        let login = wrong.login(kind, service)?;
        client = refused(client, &*login)?;
    }
    for kind in [Kind::XOAuth2, Kind::OAuthBearer] {
        client = refused(client, &*bearer(kind, "john", "nobody-knows-this-token")?)?;
    }
    enter(client, Kind::XOAuth, service)
}

fn refused(
    client: Client,
    login: &dyn xoauth::sasl::Mechanism,
) -> Result<Client, Box<dyn std::error::Error>> {
    match client.log_in(login, Form::Inline, false) {
        Answer::Refused(refused, Some(client)) if refused.needs_new_token => Ok(client),
        Answer::Refused(refused, _) => Err(refused.shown.into()),
        Answer::Failed(error) => Err(error.into()),
        Answer::LoggedIn(_) => Err("let in".into()),
    }
}

/// Exim's own driver of plain text asks the judge for yes or no; there is no document.
fn plaintext_driver(lab: &Lab, lines: &Lines) -> Checked {
    for form in Form::ALL {
        let client = connect(lab, "exim", Service::Smtp, Security::StartTls, lines)?;
        let login = |account: OAuth1| {
            let login = account.login(Kind::XOAuth, Service::Smtp)?;
            Ok::<_, Box<dyn std::error::Error>>(Custom {
                name: "XOAUTH-PLAINTEXT",
                message: None,
                login,
            })
        };
        let mut wrong = OAuth1::of("john");
        wrong.token_secret.push('!');
        let client = match client.log_in(&login(wrong)?, form, false) {
            Answer::Refused(refused, Some(client)) if refused.document.is_none() => client,
            _ => return Err("not refused, or with a document".into()),
        };
        match client.log_in(&login(OAuth1::of("john"))?, form, false) {
            Answer::LoggedIn(session) => session.use_and_end()?,
            Answer::Refused(refused, _) => return Err(refused.shown.into()),
            Answer::Failed(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn log_in(
    lab: &Lab,
    server: &str,
    service: Service,
    kind: Kind,
    form: Form,
    lines: &Lines,
) -> Checked {
    let client = connect(lab, server, service, Security::Implicit, lines)?;
    let login = OAuth1::of("john").login(kind, service)?;
    match client.log_in(&*login, form, false) {
        Answer::LoggedIn(session) => Ok(session.use_and_end()?),
        Answer::Refused(refused, _) => Err(refused.shown.into()),
        Answer::Failed(error) => Err(error.into()),
    }
}

/// Logs in with good credentials on a connection that was there before.
fn enter(client: Client, kind: Kind, service: Service) -> Checked {
    let login = if kind.is_signed() {
        OAuth1::of("john").login(kind, service)?
    } else {
        bearer(kind, "john", &opaque("john", 0))?
    };
    match client.log_in(&*login, Form::Challenge, false) {
        Answer::LoggedIn(session) => Ok(session.use_and_end()?),
        Answer::Refused(refused, _) => Err(refused.shown.into()),
        Answer::Failed(error) => Err(error.into()),
    }
}

/// A line of the server was the one that the test is about.
fn heard(lines: &Lines, wanted: &str, is_it: fn(&str, &str) -> bool) -> Checked {
    let all = lines.all();
    if all.iter().any(|line| is_it(line, wanted)) {
        return Ok(());
    }
    Err(format!("the server did not say `{wanted}`: the test is about something else").into())
}

fn equal<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Checked {
    if found == expected {
        return Ok(());
    }
    Err(format!("found {found:?}, expected {expected:?}").into())
}
