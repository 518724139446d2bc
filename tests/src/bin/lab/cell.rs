//! One cell of the table: a server, a mechanism, a way of TLS, a form and a case.

use xoauth::sasl::{ErrorChallenge, Mechanism};
use xoauth::{Error, imap, smtp};

use crate::attempt::{Answer, Client, Form, Refused, connect};
use crate::cases::{Case, Expected, good};
use crate::credentials::Kind;
use crate::environment::{Lab, Lines, Security};
use crate::peers::{Document, Judge, PEERS, Peer};
use crate::report::Verdict;

/// A cell of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) peer: &'static Peer,
    pub(crate) kind: Kind,
    pub(crate) security: Security,
    pub(crate) form: Form,
    pub(crate) case: Case,
}

/// Every cell that means something.
pub(crate) fn all() -> Vec<Cell> {
    let mut cells = Vec::new();
    for peer in PEERS {
        for &kind in peer.kinds {
            for security in Security::ALL {
                for form in Form::ALL {
                    if is_slow(peer) && (security, form) != (Security::Implicit, Form::Inline) {
                        continue;
                    }
                    let cases = Case::ALL.into_iter().filter(|case| case.applies(peer, kind));
                    cells.extend(cases.map(|case| Cell { peer, kind, security, form, case }));
                }
            }
        }
    }
    cells
}

/// Dovecot waits twice as long with each connection that it is refused, up to a minute, so that it is
/// asked few times.
fn is_slow(peer: &Peer) -> bool {
    peer.judge == Judge::Down && peer.product == "dovecot"
}

impl Cell {
    pub(crate) fn name(&self) -> String {
        let Self { peer, kind, security, form, case } = self;
        format!(
            "{} {} {} {} {} {}",
            peer.server,
            peer.protocol(),
            kind.name(),
            security.name(),
            form.name(),
            case.name()
        )
    }

    /// Tries it. A difference that is known passes when it is the one that is known.
    pub(crate) fn run(&self, lab: &Lab) -> Verdict {
        let lines = Lines::default();
        let tried = self.attempt(lab, &lines);
        let known = crate::differences::of(self);
        match (tried, known) {
            (Ok(()), None) => Verdict::Passed,
            (Err(found), Some(known)) if found.contains(known.words) => {
                Verdict::Differs { reason: known.reason, words: found }
            }
            (Ok(()), Some(known)) => {
                Verdict::Failed(format!("no longer differs: {}", known.reason), lines.all())
            }
            (Err(found), _) => Verdict::Failed(found, lines.all()),
        }
    }

    fn attempt(&self, lab: &Lab, lines: &Lines) -> Result<(), String> {
        let login = self.case.login(lab, self.peer, self.kind).map_err(|e| e.to_string())?;
        if self.case == Case::ReplayedNonce {
            // Once it is new.
            match self.log_in(lab, &*login, lines)? {
                Answer::LoggedIn(session) => session.use_and_end().map_err(show)?,
                other => return Err(format!("the first login: {}", word(&other))),
            }
        }
        let answer = self.log_in(lab, &*login, lines)?;
        let checked = match self.case.expected() {
            Expected::LoggedIn => match answer {
                Answer::LoggedIn(session) => session.use_and_end().map_err(show),
                other => Err(word(&other)),
            },
            Expected::Refused => match answer {
                Answer::Refused(refused, client) => {
                    self.check_refusal(&refused)?;
                    self.try_again(lab, client, lines)
                }
                other => Err(word(&other)),
            },
            Expected::Temporary => match answer {
                Answer::Refused(refused, client) => {
                    self.check_temporary(&refused)?;
                    self.try_again(lab, client, lines)
                }
                other => Err(word(&other)),
            },
            Expected::Unlisted => self.check_unlisted(lab, answer, &*login, lines),
        };
        checked?;
        self.check_form(lines)?;
        no_secret(&*login, &lines.all().join("\n"))
    }

    fn log_in(&self, lab: &Lab, login: &dyn Mechanism, lines: &Lines) -> Result<Answer, String> {
        let Self { peer, security, .. } = *self;
        let client = connect(lab, peer.server, peer.service, security, lines).map_err(show)?;
        Ok(client.log_in(login, self.form, false))
    }

    fn check_refusal(&self, refused: &Refused) -> Result<(), String> {
        is(refused, self.peer.refusal)?;
        let document = refused.document.as_ref().ok_or("refused without a document")?;
        says(document, self.peer.document(self.kind))?;
        if refused.is_transient || !refused.needs_new_token {
            return Err(format!("not taken for a refusal of the token: {}", refused.shown));
        }
        Ok(())
    }

    fn check_temporary(&self, refused: &Refused) -> Result<(), String> {
        is(refused, self.peer.temporary)?;
        if refused.document.is_some() {
            return Err(format!("a document although nothing was judged: {}", refused.shown));
        }
        if !refused.is_transient || refused.needs_new_token {
            return Err(format!("not taken for temporary: {}", refused.shown));
        }
        Ok(())
    }

    /// Nothing is sent for a mechanism that is not offered; forced, the server says no, and the
    /// connection serves on.
    fn check_unlisted(
        &self,
        lab: &Lab,
        answer: Answer,
        login: &dyn Mechanism,
        lines: &Lines,
    ) -> Result<(), String> {
        match answer {
            Answer::Failed(
                Error::Imap(imap::Error::MechanismUnavailable { offered, .. })
                | Error::Smtp(smtp::Error::MechanismUnavailable { offered, .. }),
            ) => {
                if !offered.iter().any(|offered| offered == self.kind.name()) {
                    return Err(format!("{} is not among {offered:?}", self.kind.name()));
                }
            }
            other => return Err(word(&other)),
        }
        if !lines.sent("AUTHENTICATE").is_empty() || !lines.sent("AUTH").is_empty() {
            return Err("it was sent all the same".to_owned());
        }
        let Self { peer, security, form, .. } = *self;
        let client = connect(lab, peer.server, peer.service, security, lines).map_err(show)?;
        match client.log_in(login, form, true) {
            Answer::Refused(refused, client) => {
                if refused.is_transient || refused.document.is_some() {
                    return Err(format!("a strange refusal: {}", refused.shown));
                }
                self.try_again(lab, client, lines)
            }
            other => Err(word(&other)),
        }
    }

    /// The connection takes another login, a good one; where the judge is down, another refusal.
    fn try_again(&self, lab: &Lab, client: Option<Client>, lines: &Lines) -> Result<(), String> {
        let client = client.ok_or("the connection was lost by the refusal")?;
        if is_slow(self.peer) {
            return Ok(());
        }
        let login = good(lab, self.peer, self.kind).map_err(|error| error.to_string())?;
        let answer = client.log_in(&*login, self.form, false);
        no_secret(&*login, &lines.all().join("\n"))?;
        match answer {
            Answer::Refused(refused, Some(_)) if self.peer.judge == Judge::Down => {
                self.check_temporary(&refused)
            }
            Answer::LoggedIn(session) => session.use_and_end().map_err(show),
            other => Err(format!("a good login after it: {}", word(&other))),
        }
    }

    /// The message went where it was to go: on the command line or behind it.
    fn check_form(&self, lines: &Lines) -> Result<(), String> {
        let commands = [lines.sent("AUTHENTICATE"), lines.sent("AUTH")].concat();
        let inline = commands.iter().filter(|line| line.ends_with("<secret>")).count();
        let is_imap = self.peer.protocol() == "imap";
        let right = match self.form {
            Form::Challenge => inline == 0,
            Form::Inline if is_imap => inline == commands.len(),
            // Over SMTP the length of the line decides.
            Form::Inline => true,
        };
        if right { Ok(()) } else { Err(format!("sent in the wrong form: {commands:?}")) }
    }
}

fn is(refused: &Refused, (word, code): (&str, &str)) -> Result<(), String> {
    if refused.word == word && refused.code == code {
        return Ok(());
    }
    Err(format!(
        "expected {word} {code}, found {} {}: {}",
        refused.word, refused.code, refused.shown
    ))
}

fn says(document: &ErrorChallenge, expected: Document) -> Result<(), String> {
    let found =
        (document.status(), document.schemes(), document.scope(), document.openid_configuration());
    let Document { status, schemes, scope, openid_configuration } = expected;
    if found == (Some(status), schemes, scope, openid_configuration) {
        return Ok(());
    }
    Err(format!("expected the document {expected:?}, found {found:?}"))
}

/// No text shows a secret of the login.
pub(crate) fn no_secret(login: &dyn Mechanism, text: &str) -> Result<(), String> {
    let mut shown = false;
    login.sensitive(&mut |secret| shown |= secret.len() > 3 && text.contains(secret));
    if shown { Err("a secret is shown".to_owned()) } else { Ok(()) }
}

fn show(error: Error) -> String {
    error.to_string()
}

fn word(answer: &Answer) -> String {
    match answer {
        Answer::LoggedIn(_) => "logged in".to_owned(),
        Answer::Refused(refused, _) => refused.shown.clone(),
        Answer::Failed(error) => error.to_string(),
    }
}
