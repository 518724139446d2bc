//! Where messages go, where it is noted, and who may write there.

use std::fs::File;
use std::path::{Path, PathBuf};

use fs4::FileExt;
use xoauth::imap::Uid;

use super::Fetch;
use crate::Result;
use crate::deliver::{Eml, Kept, Maildir, Mbox, Pipe, Sink, State, hash};
use crate::failure::{Exit, Failure};
use crate::store::private;

/// A place for the messages of one mailbox.
pub(super) struct Target {
    pub(super) sink: Box<dyn Sink + Send>,
    pub(super) state: Option<State>,
    /// Another run into the same place would undo what this one notes.
    _lock: Option<File>,
}

impl Target {
    /// Makes what is missing, and tidies up what a run left that was cut off.
    pub(super) fn open(fetch: &Fetch, uid_validity: u32) -> Result<Self> {
        let mailbox = fetch.mailbox.as_str();
        let noted = format!(".xoauth-{}", file_name(mailbox));
        if let Some(directory) = &fetch.maildir {
            let io = io(directory);
            std::fs::create_dir_all(directory).map_err(&io)?;
            let (lock, state) = begin(&directory.join(noted))?;
            let sink = Maildir::open(directory, mailbox, uid_validity).map_err(&io)?;
            return Self::new(sink, lock, state, uid_validity);
        }
        if let Some(directory) = &fetch.eml {
            let io = io(directory);
            std::fs::create_dir_all(directory).map_err(&io)?;
            let (lock, state) = begin(&directory.join(noted))?;
            let sink = Eml::open(directory, mailbox, uid_validity).map_err(&io)?;
            return Self::new(sink, lock, state, uid_validity);
        }
        if let Some(file) = &fetch.mbox {
            let mut name = file.clone().into_os_string();
            name.push(noted);
            let (lock, state) = begin(Path::new(&name))?;
            let sink = Mbox::open(file, state.1.open_at).map_err(io(file))?;
            return Self::new(sink, lock, state, uid_validity);
        }
        Ok(Self { sink: Box::new(Pipe::new()), state: None, _lock: None })
    }

    fn new(
        sink: impl Sink + Send + 'static,
        lock: File,
        (path, kept): (PathBuf, Kept),
        uid_validity: u32,
    ) -> Result<Self> {
        let state = State::open(&path, uid_validity, kept).map_err(io(&path))?;
        Ok(Self { sink: Box::new(sink), state: Some(state), _lock: Some(lock) })
    }

    /// Whether the message was fetched before.
    pub(super) fn has(&self, uid: Uid) -> bool {
        self.state.as_ref().is_some_and(|state| state.is_done(uid)) || self.sink.has(uid)
    }
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> Failure + use<> {
    let path = path.display().to_string();
    move |error| Failure::io(&path, &error)
}

/// What is noted in a file, which is nobody else's until the end of this run.
fn begin(path: &Path) -> Result<(File, (PathBuf, Kept))> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = private().write(true).create(true).truncate(false).open(&name);
    let file = file.map_err(io(&name))?;
    if FileExt::try_lock(&file).is_err() {
        let message = format!("{}: another fetch into it is under way", path.display());
        return Err(Failure::new(Exit::Temporary, "fetch", message));
    }
    let kept = Kept::read(path).map_err(io(path))?;
    Ok((file, (path.to_owned(), kept)))
}

/// The name of a mailbox as part of a file's; of two mailboxes never the same.
fn file_name(mailbox: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if mailbox.chars().all(is_plain) && mailbox.len() <= 100 {
        return mailbox.to_owned();
    }
    let plain = mailbox.chars().take(60).map(|c| if is_plain(c) { c } else { '_' });
    format!("{}~{}", plain.collect::<String>(), hash(mailbox))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_plain_and_differ_as_mailboxes_do() {
        assert_eq!(file_name("INBOX"), "INBOX");
        assert_eq!(file_name("Entwürfe.2026"), "Entwürfe.2026");
        let odd = ["a/b", "a_b", "a\\b", "a b", "../a", "a\u{1b}[2J", &"x".repeat(300), "a\nb"];
        let names: Vec<String> = odd.iter().map(|mailbox| file_name(mailbox)).collect();
        for name in &names {
            assert!(name.len() <= 100 && !name.contains(['/', '\\', '\u{1b}', '\n']), "{name}");
            assert_eq!(names.iter().filter(|other| *other == name).count(), 1, "{name}");
        }
    }
}
