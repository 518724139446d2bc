//! What keeps a session alive, the same for both drivers.

use std::time::Duration;

use xoauth_imap::command::{Examine, Select};
use xoauth_imap::proto::Command;
use xoauth_imap::{Mailbox, Selected};

use crate::login::{Asker, Candidate, Door, sign_in};
use crate::net::Backoff;
use crate::{Credentials, Error};

/// The sessions behind a door.
pub(crate) type SessionOf<D> = <<D as Door>::Client as Candidate>::Session;

/// What a keeper asks of sessions and their clock.
pub(crate) trait Keep<S>: Door + Sized {
    type Asker<'a>: Asker
    where
        S: 'a;

    fn asker<'a>(credentials: &'a Credentials<S>, source: &'a S) -> Self::Asker<'a>;

    async fn run<C: Command>(session: &mut SessionOf<Self>, command: C)
    -> Result<C::Output, Error>;

    fn selected(session: &SessionOf<Self>) -> Option<&Selected>;

    fn is_usable(session: &SessionOf<Self>) -> bool;

    async fn pause(pause: Duration);
}

/// A session that is opened again when it is over.
pub(crate) struct Keeper<D: Door, S> {
    door: D,
    pub(crate) credentials: Credentials<S>,
    pub(crate) backoff: Backoff,
    mailbox: Option<Opened>,
    session: Option<SessionOf<D>>,
    pub(crate) opened: u64,
}

/// The mailbox that is selected in each session.
pub(crate) struct Opened {
    pub(crate) mailbox: Mailbox,
    pub(crate) read_only: bool,
    /// What its unique identifiers are good for, as the last session told.
    pub(crate) uid_validity: Option<std::num::NonZeroU32>,
}

impl<D: Keep<S>, S> Keeper<D, S> {
    pub(crate) fn new(door: D, credentials: Credentials<S>) -> Self {
        let backoff = Backoff::default();
        Self { door, credentials, backoff, mailbox: None, session: None, opened: 0 }
    }

    pub(crate) fn open_mailbox(&mut self, mailbox: Mailbox, read_only: bool) {
        self.mailbox = Some(Opened { mailbox, read_only, uid_validity: None });
        self.session = None;
    }

    /// A session that lives as far as anybody knows: the one there is, or a new one.
    pub(crate) async fn session(&mut self) -> Result<&mut SessionOf<D>, Error> {
        let Self { door, credentials, backoff, mailbox, session, opened } = self;
        let credentials: &Credentials<S> = credentials;
        if !session.as_ref().is_some_and(D::is_usable) {
            *session = None;
            let mut failed = 0;
            let fresh = loop {
                let attempt = async {
                    let mut fresh =
                        sign_in(door, credentials, |source| D::asker(credentials, source)).await?;
                    let validity = match mailbox {
                        Some(opened) => Self::select(&mut fresh, opened).await?,
                        None => Ok(()),
                    };
                    Ok((fresh, validity))
                };
                match attempt.await {
                    Ok(fresh) => break fresh,
                    Err(error) => {
                        failed += 1;
                        match backoff.pause(failed).filter(|_| comes_back(&error)) {
                            Some(pause) => D::pause(pause).await,
                            None => return Err(error),
                        }
                    }
                }
            };
            *opened += 1;
            let (fresh, validity) = fresh;
            *session = Some(fresh);
            // The session is good; what the caller knows of the mailbox is not.
            validity?;
        }
        session.as_mut().ok_or(Error::Ended)
    }

    async fn select(
        session: &mut SessionOf<D>,
        opened: &mut Opened,
    ) -> Result<Result<(), Error>, Error> {
        let mailbox = opened.mailbox.clone();
        if opened.read_only {
            D::run(session, Examine::new(mailbox)).await?;
        } else {
            D::run(session, Select::new(mailbox)).await?;
        }
        let now = D::selected(session).and_then(|selected| selected.uid_validity);
        let before = std::mem::replace(&mut opened.uid_validity, now);
        Ok(match before {
            Some(_) if before != now => {
                Err(Error::UidValidityChanged { mailbox: opened.mailbox.clone() })
            }
            _ => Ok(()),
        })
    }

    /// Runs a command; where the session breaks under it, again in a new session if the command is safe to repeat.
    pub(crate) async fn run<C: Command>(
        &mut self,
        make: impl Fn() -> C,
    ) -> Result<C::Output, Error> {
        let mut repeated = false;
        loop {
            let command = make();
            let is_repeatable = command.is_repeatable();
            let session = self.session().await?;
            match D::run(session, command).await {
                Err(error)
                    if is_repeatable && !repeated && error.is_fatal() && comes_back(&error) =>
                {
                    repeated = true;
                }
                answer => return answer,
            }
        }
    }

    pub(crate) fn take(&mut self) -> Option<SessionOf<D>> {
        self.session.take()
    }
}

/// Another session may do better.
fn comes_back(error: &Error) -> bool {
    match error {
        // Mostly a connection that was cut; the library of TLS does not tell it from a peer that does not fit.
        Error::TlsHandshake { .. } => true,
        Error::Imap(error) if error.is_fatal() && error.needs_new_token() => true,
        error => error.is_transient(),
    }
}
