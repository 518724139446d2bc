//! Nonces in a file, so that a login counts once however many processes judge.

use std::cell::RefCell;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::PathBuf;
use std::time::Duration;

use xoauth::sasl::oauth1::{NonceError, NonceKey, NonceStore, percent_encode};

use crate::Result;
use crate::failure::{Exit, Failure};
use crate::files::{lock_within, private, refuse_irregular, replace};
use crate::output::complain;

/// The most that a file may have, which is some hundred thousand nonces.
const MOST: usize = 64 * 1024 * 1024;

/// One line a nonce: when it may be forgotten, its timestamp, then consumer, token and nonce, percent-encoded. In front
/// stands `forgotten TIMESTAMP` where some are: what is not later may have been among them, and a larger window than
/// theirs does not make it new. A file with anything else in it is somebody else's and stays as it is.
#[derive(Debug)]
pub(crate) struct NonceFile {
    path: PathBuf,
    /// How long others may have the file.
    patience: Duration,
    /// Why the last nonce could not be judged.
    failure: RefCell<Option<Failure>>,
}

impl NonceFile {
    pub(crate) fn new(path: PathBuf, patience: Duration) -> Self {
        Self { path, patience, failure: RefCell::new(None) }
    }

    /// Why a nonce could not be judged, where the file is the reason.
    pub(crate) fn into_failure(self) -> Option<Failure> {
        self.failure.into_inner()
    }

    /// Whether the nonce is new; then it is kept. Under a lock beside the file, which itself is replaced.
    fn keep(&self, key: &NonceKey<'_>, now: u64) -> Result<bool> {
        // Nothing is made beside a file that is another's.
        self.kept()?;
        let mut lock_name = self.path.clone().into_os_string();
        lock_name.push(".lock");
        let lock = private().write(true).create(true).truncate(false).open(lock_name);
        let lock = lock.map_err(|error| self.io(&error))?;
        let tell = || complain("xoauth: waiting: another judges with the same nonces");
        if !lock_within(&lock, self.patience, tell).map_err(|error| self.io(&error))? {
            return Err(self.temporary("another process holds it"));
        }
        let kept = self.kept()?;
        let parts = [key.consumer_key(), key.token_key().unwrap_or_default(), key.nonce()];
        let parts = parts.map(|part| percent_encode(part).into_owned()).join(" ");
        // The window may differ from one call to the next; what must not come twice does not.
        let once = format!("{} {parts}", key.timestamp());
        if kept.lines().any(|line| line.split_once(' ').is_some_and(|(_, rest)| rest == once)) {
            return Ok(false);
        }
        let (lives, over): (Vec<&str>, Vec<&str>) =
            kept.lines().partition(|line| number(line, 0).is_some_and(|expires| expires >= now));
        let forgotten = over.iter().filter_map(|line| number(line, 1)).max();
        if forgotten.is_some_and(|time| key.timestamp() <= time) {
            return Ok(false);
        }
        let mut text = forgotten.map_or_else(String::new, |time| format!("forgotten {time}\n"));
        text.extend(lives.iter().flat_map(|line| [line, "\n"]));
        text.push_str(&format!("{} {once}\n", key.expires()));
        if text.len() > MOST {
            return Err(self.temporary("it is full of nonces that have not expired"));
        }
        replace(&self.path, text.as_bytes()).map_err(|error| self.io(&error))?;
        Ok(true)
    }

    /// What is in the file, which is one of nonces or not there.
    fn kept(&self) -> Result<String> {
        refuse_irregular(&self.path).map_err(|error| self.another(&error.to_string()))?;
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(String::new()),
            Err(error) => return Err(self.io(&error)),
        };
        let mut octets = Vec::new();
        let read = file.take(MOST as u64 + 1).read_to_end(&mut octets);
        read.map_err(|error| self.io(&error))?;
        if octets.len() > MOST {
            return Err(self.another("it is larger than a file of nonces"));
        }
        let text = String::from_utf8(octets).map_err(|_| self.another("it is not UTF-8"))?;
        match text.lines().position(|line| !is_of_nonces(line)) {
            // The line itself may be a secret.
            Some(at) => Err(self.another(&format!("line {} is no nonce", at + 1))),
            None => Ok(text),
        }
    }

    /// The file does not hold nonces.
    fn another(&self, why: &str) -> Failure {
        Failure::new(Exit::Data, "nonces", format!("{}: {why}", self.path.display()))
            .hint("--nonce-db takes a file of its own, which need not be there yet")
    }

    fn temporary(&self, why: &str) -> Failure {
        Failure::new(Exit::Temporary, "nonces", format!("{}: {why}", self.path.display()))
    }

    fn io(&self, error: &std::io::Error) -> Failure {
        Failure { phase: "nonces", ..Failure::io(self.path.display(), error) }
    }
}

/// A number among the words of a line.
fn number(line: &str, at: usize) -> Option<u64> {
    line.split(' ').nth(at).filter(|word| word.bytes().all(|c| c.is_ascii_digit()))?.parse().ok()
}

/// A line that this command wrote.
fn is_of_nonces(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["forgotten", _] => number(line, 1).is_some(),
        [_, _, parts @ ..] => {
            let encoded = |c: u8| c.is_ascii_alphanumeric() || b"-._~%".contains(&c);
            number(line, 0).is_some()
                && number(line, 1).is_some()
                && parts.len() == 3
                && parts.iter().all(|part| part.bytes().all(encoded))
        }
        _ => false,
    }
}

impl NonceStore for NonceFile {
    fn insert(&self, key: NonceKey<'_>, now: u64) -> Result<(), NonceError> {
        match self.keep(&key, now) {
            Ok(true) => Ok(()),
            Ok(false) => Err(NonceError::Replayed),
            Err(failure) => {
                self.failure.replace(Some(failure));
                Err(NonceError::Unavailable)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_counts_once_and_is_forgotten_when_it_expires() {
        let directory = std::env::temp_dir().join(format!("xoauth-nonces-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let file = NonceFile::new(directory.join("seen"), Duration::from_secs(60));
        let key = |nonce, time| NonceKey::new(time, "consumer", Some("to ken"), nonce, 300);
        assert_eq!(file.insert(key("a b", 1000), 1000), Ok(()));
        assert_eq!(file.insert(key("a b", 1000), 1001), Err(NonceError::Replayed));
        assert_eq!(file.insert(key("c", 1000), 1001), Ok(()));
        // Long after: the two are gone from the file.
        assert_eq!(file.insert(key("d", 9000), 9000), Ok(()));
        let text = std::fs::read_to_string(directory.join("seen")).unwrap();
        assert_eq!(text, "forgotten 1000\n9300 9000 consumer to%20ken d\n");
        // A window that is larger than theirs was takes none of them again.
        let wide = |time| NonceKey::new(time, "consumer", Some("to ken"), "a b", 99_999);
        assert_eq!(file.insert(wide(1000), 9001), Err(NonceError::Replayed));
        assert_eq!(file.insert(wide(1001), 9001), Ok(()));
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_file_with_anything_else_in_it_is_not_touched() {
        let directory = std::env::temp_dir().join(format!("xoauth-others-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("seen");
        let insert = |patience| {
            let file = NonceFile::new(path.clone(), patience);
            let key = NonceKey::new(1000, "consumer", None, "nonce", 300);
            let inserted = file.insert(key, 1000);
            (inserted, file.into_failure().map(|failure| (failure.exit, failure.message)))
        };
        let good = "9300 9000 consumer  d\n";
        for text in [
            "s3cr3t",
            "important\nlines\n",
            "\n",
            "forgotten\n",
            "forgotten 1 2\n",
            "forgotten +1\n",
            "1 2 three four\n",
            "1 2 three four five six\n",
            "+1 2 three four five\n",
            "1 two three four five\n",
            "1 2 a:b c d\n",
            &format!("{good}s3cr3t\n"),
        ] {
            std::fs::write(&path, text).unwrap();
            let (inserted, failure) = insert(Duration::ZERO);
            assert_eq!(inserted, Err(NonceError::Unavailable), "{text:?}");
            let (exit, message) = failure.unwrap();
            assert!(exit == Exit::Data && !message.contains("s3cr3t"), "{message}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            assert!(!directory.join("seen.lock").exists());
        }
        // Too large, and not read to its end.
        File::options().write(true).open(&path).unwrap().set_len(MOST as u64 + 1).unwrap();
        assert_eq!(insert(Duration::ZERO).1.unwrap().0, Exit::Data);
        for text in ["", good] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(insert(Duration::from_secs(60)).0, Ok(()), "{text:?}");
        }
        // Somebody else is at it.
        let before = std::fs::read_to_string(&path).unwrap();
        let lock = File::open(directory.join("seen.lock")).unwrap();
        fs4::FileExt::lock(&lock).unwrap();
        let (inserted, failure) = insert(Duration::ZERO);
        assert_eq!(inserted, Err(NonceError::Unavailable));
        assert_eq!(failure.unwrap().0, Exit::Temporary);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
        drop(lock);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
