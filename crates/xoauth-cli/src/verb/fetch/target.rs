//! Where messages go, where it is noted, and who may write there.

use std::fs::File;
use std::path::{Path, PathBuf};

use fs4::FileExt;
use xoauth::imap::Uid;

use super::Fetch;
use crate::Result;
use crate::deliver::{Eml, Kept, Maildir, Mbox, Pipe, Sink, State, hash, make_directory};
use crate::failure::{Exit, Failure};
use crate::files::private;

/// A place for the messages of one mailbox.
pub(super) struct Target {
    pub(super) sink: Box<dyn Sink + Send>,
    pub(super) state: Option<State>,
    /// Where that is.
    pub(super) place: PathBuf,
    /// Another run into the same place would undo what this one notes.
    _lock: Option<File>,
}

impl Target {
    /// Makes what is missing, and tidies up what a run left that was cut off. `owner` is whose mailbox it is, and where.
    pub(super) fn open(fetch: &Fetch, owner: &str, uid_validity: u32) -> Result<Self> {
        let key = key(owner, &fetch.mailbox, fetch.headers);
        let noted = format!(".xoauth-{}~{key}", readable(&fetch.mailbox));
        let (place, notes) = match (&fetch.maildir, &fetch.eml, &fetch.mbox) {
            (Some(directory), ..) | (None, Some(directory), _) => {
                make_directory(directory).map_err(io(directory))?;
                (directory, directory.join(noted))
            }
            (None, None, Some(file)) => {
                let mut name = file.clone().into_os_string();
                name.push(noted);
                (file, PathBuf::from(name))
            }
            (None, None, None) => {
                let place = PathBuf::from("standard output");
                return Ok(Self { sink: Box::new(Pipe::new()), state: None, place, _lock: None });
            }
        };
        let lock = lock(&notes)?;
        let sink: Box<dyn Sink + Send> = if fetch.maildir.is_some() {
            Box::new(Maildir::open(place, &key, uid_validity).map_err(io(place))?)
        } else if fetch.eml.is_some() {
            Box::new(Eml::new(place, &key, uid_validity))
        } else {
            Box::new(Mbox::open(place).map_err(io(place))?)
        };
        let kept = Kept::read(&notes).map_err(io(&notes))?;
        let state = State::open(&notes, uid_validity, kept).map_err(io(&notes))?;
        Ok(Self { sink, state: Some(state), place: place.clone(), _lock: Some(lock) })
    }

    /// Whether the message was fetched before.
    pub(super) fn has(&self, uid: Uid) -> bool {
        self.state.as_ref().is_some_and(|state| state.is_done(uid)) || self.sink.has(uid)
    }
}

/// What the disk has to say of a place.
pub(super) fn io(path: &Path) -> impl Fn(std::io::Error) -> Failure + use<> {
    let path = path.display().to_string();
    move |error| Failure::io(&path, &error)
}

/// What is noted there is nobody else's until the end of this run.
fn lock(notes: &Path) -> Result<File> {
    let mut name = notes.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = private().write(true).create(true).truncate(false).open(&name);
    let file = file.map_err(io(&name))?;
    if FileExt::try_lock(&file).is_err() {
        let message = format!("{}: another fetch into it is under way", notes.display());
        return Err(Failure::new(Exit::Temporary, "fetch", message));
    }
    Ok(file)
}

/// Tells the messages of a mailbox from those of any other that are fetched into the same place: of another user, on
/// another server, and headers from whole messages.
fn key(owner: &str, mailbox: &str, headers: bool) -> String {
    // INBOX in any case is INBOX (RFC 9051 5.1).
    let mailbox = if mailbox.eq_ignore_ascii_case("INBOX") { "INBOX" } else { mailbox };
    hash(&[owner, mailbox, if headers { "headers" } else { "" }].join("\0"))
}

/// The name of a mailbox as part of a file's, for whoever looks.
fn readable(mailbox: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    mailbox.chars().take(60).map(|c| if is_plain(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_plain() {
        assert_eq!(readable("Entwürfe.2026"), "Entwürfe.2026");
        for odd in ["a/b", "a\\b", "a b", "../a", "a\u{1b}[2J", &"x".repeat(300), "a\nb"] {
            let name = readable(odd);
            assert!(name.len() <= 60 && !name.contains(['/', '\\', '\u{1b}', '\n', ' ']), "{name}");
        }
    }

    #[test]
    fn no_two_mailboxes_share_a_key() {
        let mailboxes = ["INBOX", "a/b", "a_b", "a\\b", "a b", "Sent", "sent", ""];
        let owners = ["ann@example.org at a", "ann@example.org at b", "bob@example.org at a", ""];
        let mut keys = std::collections::HashSet::new();
        for (mailbox, owner) in mailboxes.iter().flat_map(|m| owners.iter().map(move |o| (m, o))) {
            for headers in [true, false] {
                assert!(keys.insert(key(owner, mailbox, headers)), "{owner} {mailbox} {headers}");
            }
        }
        assert_eq!(key("", "inbox", false), key("", "INBOX", false));
    }
}
