//! Opening a session up to its mailbox, the same for both drivers.

use std::sync::Arc;

use xoauth_imap::command::{Enable, Examine, Resync, Select};
use xoauth_imap::{Mailbox, Selected};

use super::core::Core;
use super::keeper::{Keep, SessionOf};
use super::reopened::Reopened;
use crate::login::{Door, sign_in};
use crate::net::Io;
use crate::{Credentials, Error};

/// The mailbox that is selected in each session.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(super) mailbox: Mailbox,
    pub(super) read_only: bool,
    /// The mailbox as the last session knew it.
    pub(super) known: Option<Selected>,
}

impl Opened {
    /// As a session left it.
    pub(super) fn left(selected: Selected) -> Self {
        let (mailbox, read_only) = (selected.mailbox.clone(), selected.read_only);
        Self { mailbox, read_only, known: Some(selected) }
    }
}

/// What an opening came to.
pub(crate) struct Outcome<D: Door> {
    /// The mailbox that was given; without its mark where what changed since cannot be had.
    pub(super) mailbox: Option<Opened>,
    /// The session, and what it found.
    pub(super) session: Result<(SessionOf<D>, Option<Reopened>), Error>,
}

/// Connects, signs in and selects the mailbox.
pub(crate) async fn open<D: Keep<S>, S>(
    door: &D,
    credentials: &Credentials<S>,
    ended: Option<Arc<Error>>,
    mut mailbox: Option<Opened>,
) -> Outcome<D> {
    let session = async {
        // As a path, Rust 1.85 asks that the source lives for ever.
        let mut fresh = sign_in(door, credentials, ended, |source| D::asker(source)).await?;
        let found = match &mut mailbox {
            Some(opened) => Some(select(D::core(&mut fresh), opened).await?),
            None => None,
        };
        Ok((fresh, found))
    };
    let session = session.await;
    Outcome { mailbox, session }
}

/// Selects the mailbox; where the server has QRESYNC and the mailbox is known, it tells what changed since
/// (RFC 7162, 3.2.5).
pub(super) async fn select<I: Io>(
    core: &mut Core<I>,
    opened: &mut Opened,
) -> Result<Reopened, Error> {
    core.connection.allow_time();
    core.know_capabilities().await?;
    let offers = |core: &Core<I>, name: &str| {
        core.state().capabilities().is_some_and(|capabilities| capabilities.has(name))
    };
    let known = opened.known.as_ref();
    let mark = known.and_then(|known| Some((known.uid_validity?, known.highest_mod_seq?)));
    // A server that cannot do what it offers is asked in the old way.
    let can_resync = offers(core, "QRESYNC")
        && offers(core, "ENABLE")
        && core.run(Enable::new(["QRESYNC"])).await.map(Some).or_else(refused)?.is_some();
    if let Some((uid_validity, mod_seq)) = mark.filter(|&(_, mod_seq)| can_resync && mod_seq > 0) {
        let resync = Resync::new(opened.mailbox.clone(), uid_validity, mod_seq);
        let resync = if opened.read_only { resync.read_only() } else { resync };
        match core.run(resync).await.map(Some).or_else(refused) {
            Ok(Some(resynced)) if resynced.selected.uid_validity == Some(uid_validity) => {
                return Ok(Reopened::resynced(resynced));
            }
            // Of other messages nothing is told (RFC 7162, 3.2.5.1).
            Ok(Some(resynced)) => return Ok(Reopened::new(resynced.selected)),
            Ok(None) => {}
            Err(error) => {
                // The answer itself is what cannot be had, and would not be another time.
                if let (false, Some(known)) = (comes_back(&error), &mut opened.known) {
                    known.highest_mod_seq = None;
                }
                return Err(error);
            }
        }
    }
    let condstore = offers(core, "CONDSTORE");
    let mailbox = opened.mailbox.clone();
    let selected = if opened.read_only {
        let examine = Examine::new(mailbox);
        core.run(if condstore { examine.condstore() } else { examine }).await?
    } else {
        let select = Select::new(mailbox);
        core.run(if condstore { select.condstore() } else { select }).await?
    };
    Ok(Reopened::new(selected))
}

/// Another session may do better.
pub(crate) fn comes_back(error: &Error) -> bool {
    match error {
        // Mostly a connection that was cut; the library of TLS does not tell it from a peer that does not fit.
        #[cfg(feature = "native-tls")]
        Error::TlsHandshake { .. } => true,
        Error::OwnTls { .. } => true,
        Error::Imap(error) if error.is_fatal() && error.needs_new_token() => true,
        error => error.is_transient(),
    }
}

/// What a server refuses to answer; a fault is one.
fn refused<T>(error: Error) -> Result<Option<T>, Error> {
    if error.is_fatal() { Err(error) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_handshake_that_was_cut_is_tried_again_whoever_does_it() {
        let source = io::ErrorKind::UnexpectedEof.into();
        assert!(comes_back(&Error::OwnTls { host: "h".to_owned(), source }));
        assert!(comes_back(&Error::TlsDeadline) && !comes_back(&Error::Ended));
    }
}
