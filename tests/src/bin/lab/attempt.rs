//! One login over either protocol, and what came of it in words that both share.

use xoauth::imap::command::{Noop, SaslIr, Select};
use xoauth::net::TlsTransport;
use xoauth::sasl::{ErrorChallenge, Mechanism, Service};
use xoauth::{Error, LoginRefused, imap, smtp};

use crate::environment::{Lab, Lines, Security};

/// Where the mechanism's message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// On the command line, over SMTP where it fits there.
    Inline,
    /// On a line of its own, when the server asks for it.
    Challenge,
}

impl Form {
    pub(crate) const ALL: [Self; 2] = [Self::Inline, Self::Challenge];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Challenge => "challenge",
        }
    }
}

/// A connection that was not let in yet.
#[derive(Debug)]
pub(crate) enum Client {
    Imap(Box<imap::Client<TlsTransport>>),
    Smtp(Box<smtp::Client<TlsTransport>>),
}

/// A connection that was let in.
#[derive(Debug)]
pub(crate) enum Session {
    Imap(Box<imap::Session<TlsTransport>>),
    Smtp(Box<smtp::Session<TlsTransport>>),
}

/// What came of a login.
#[derive(Debug)]
pub(crate) enum Answer {
    LoggedIn(Session),
    Refused(Box<Refused>, Option<Client>),
    /// Any other error; whether it ends the session.
    Failed(Error),
}

/// A refusal of the credentials.
#[derive(Debug)]
pub(crate) struct Refused {
    /// `NO`, `BAD` or the reply code.
    pub(crate) word: String,
    /// The response code, or the enhanced status code.
    pub(crate) code: String,
    pub(crate) document: Option<ErrorChallenge>,
    pub(crate) is_transient: bool,
    pub(crate) needs_new_token: bool,
    /// The error as it is shown to people.
    pub(crate) shown: String,
}

pub(crate) fn connect(
    lab: &Lab,
    server: &str,
    service: Service,
    security: Security,
    lines: &Lines,
) -> Result<Client, Error> {
    match service {
        Service::Imap => {
            lab.imap(server, security, lines).map(|client| Client::Imap(Box::new(client)))
        }
        _ => lab.smtp(server, security, lines).map(|client| Client::Smtp(Box::new(client))),
    }
}

impl Client {
    /// Logs in; `even_if_unlisted` asks a server for what it does not offer.
    pub(crate) fn log_in(
        self,
        mechanism: &dyn Mechanism,
        form: Form,
        even_if_unlisted: bool,
    ) -> Answer {
        match self {
            Self::Imap(client) => {
                let entered = client.authenticate_with(mechanism, |command| {
                    let command = command.sasl_ir(match form {
                        Form::Inline => SaslIr::Always,
                        Form::Challenge => SaslIr::Never,
                    });
                    if even_if_unlisted { command.even_if_unlisted() } else { command }
                });
                let entered = entered.map(|session| Session::Imap(Box::new(session)));
                answer(entered, |client| Self::Imap(Box::new(client)))
            }
            Self::Smtp(client) => {
                let entered = client.authenticate_with(mechanism, |command| {
                    let command = match form {
                        Form::Inline => command,
                        Form::Challenge => command.sasl_ir(SaslIr::Never),
                    };
                    if even_if_unlisted { command.even_if_unlisted() } else { command }
                });
                let entered = entered.map(|session| Session::Smtp(Box::new(session)));
                answer(entered, |client| Self::Smtp(Box::new(client)))
            }
        }
    }
}

fn answer<C>(entered: Result<Session, LoginRefused<C>>, client: fn(C) -> Client) -> Answer {
    match entered {
        Ok(session) => Answer::LoggedIn(session),
        Err(refused) => {
            let (error, left) = refused.into_parts();
            match describe(&error) {
                Some(refused) => Answer::Refused(Box::new(refused), left.map(client)),
                None => Answer::Failed(error),
            }
        }
    }
}

fn describe(error: &Error) -> Option<Refused> {
    let (word, code, document) = match error {
        Error::Imap(imap::Error::AuthenticationRefused(refused)) => {
            let status = &refused.status;
            let word = if status.is_no() { "NO" } else { "BAD" };
            let code = status.code.as_ref().map(|code| format!("{code:?}")).unwrap_or_default();
            (word.to_owned(), code, refused.challenge.clone())
        }
        Error::Smtp(smtp::Error::AuthenticationRefused(refused)) => {
            let reply = &refused.reply;
            let code = reply.enhanced.map(|code| code.to_string()).unwrap_or_default();
            (reply.code.get().to_string(), code, refused.challenge.clone())
        }
        _ => return None,
    };
    Some(Refused {
        word,
        code: code.to_ascii_uppercase(),
        document,
        is_transient: error.is_transient(),
        needs_new_token: error.needs_new_token(),
        shown: error.to_string(),
    })
}

impl Session {
    /// Does something that only a session which was let in can do, then says goodbye.
    pub(crate) fn use_and_end(self) -> Result<(), Error> {
        match self {
            Self::Imap(mut session) => {
                session.run(Select::new("INBOX"))?;
                session.run(Noop::new())?;
                session.logout()
            }
            Self::Smtp(mut session) => {
                session.run(smtp::exchange::Noop::new())?;
                session.quit()
            }
        }
    }
}
