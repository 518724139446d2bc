//! Nonces in a file, so that a login counts once however many processes judge.

use std::path::PathBuf;

use fs4::FileExt;
use xoauth::sasl::oauth1::{NonceError, NonceKey, NonceStore, percent_encode};

use crate::files::{private, replace};

/// One line a nonce: when it may be forgotten, its timestamp, then consumer, token and nonce, percent-encoded. In front
/// stands `forgotten TIMESTAMP` where some are: what is not later may have been among them, and a larger window than
/// theirs does not make it new.
#[derive(Debug)]
pub(crate) struct NonceFile(PathBuf);

impl NonceFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }
}

impl NonceStore for NonceFile {
    /// Under a lock beside the file, which itself is replaced.
    fn insert(&self, key: NonceKey<'_>, now: u64) -> Result<(), NonceError> {
        let unavailable = |_| NonceError::Unavailable;
        let mut lock_name = self.0.clone().into_os_string();
        lock_name.push(".lock");
        let lock = private()
            .write(true)
            .create(true)
            .truncate(false)
            .open(lock_name)
            .map_err(unavailable)?;
        FileExt::lock(&lock).map_err(unavailable)?;
        let kept = match std::fs::read_to_string(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(_) => return Err(NonceError::Unavailable),
        };
        let parts = [key.consumer_key(), key.token_key().unwrap_or_default(), key.nonce()];
        let parts = parts.map(|part| percent_encode(part).into_owned()).join(" ");
        // The window may differ from one call to the next; what must not come twice does not.
        let once = format!("{} {parts}", key.timestamp());
        if kept.lines().any(|line| line.split_once(' ').is_some_and(|(_, rest)| rest == once)) {
            return Err(NonceError::Replayed);
        }
        let number = |line: &str, at| line.split(' ').nth(at)?.parse::<u64>().ok();
        let (lives, over): (Vec<&str>, Vec<&str>) =
            kept.lines().partition(|line| number(line, 0).is_some_and(|expires| expires >= now));
        let forgotten = over.iter().filter_map(|line| number(line, 1)).max();
        if forgotten.is_some_and(|time| key.timestamp() <= time) {
            return Err(NonceError::Replayed);
        }
        let mut text = forgotten.map_or_else(String::new, |time| format!("forgotten {time}\n"));
        text.extend(lives.iter().flat_map(|line| [line, "\n"]));
        text.push_str(&format!("{} {once}\n", key.expires()));
        replace(&self.0, text.as_bytes()).map_err(unavailable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_counts_once_and_is_forgotten_when_it_expires() {
        let directory = std::env::temp_dir().join(format!("xoauth-nonces-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let file = NonceFile::new(directory.join("seen"));
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
}
