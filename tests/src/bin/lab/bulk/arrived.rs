//! What smtp-sink has written down of the messages it took.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::content::{SENDER, SENT, message};
use crate::Result;
use crate::environment::Lab;

/// A message as the sink writes it: lines of its own about the envelope, then the message with lines that end
/// with LF, then an empty line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Dump {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) message: Vec<u8>,
}

impl Dump {
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let mut dump = Self::default();
        let mut rest = text;
        let mut in_received = false;
        while let Some(end) = rest.iter().position(|&octet| octet == b'\n') {
            let (line, behind) = (rest.get(..end)?, rest.get(end + 1..)?);
            let line = std::str::from_utf8(line).unwrap_or_default();
            let address = |text: &str| text.trim().trim_matches(['<', '>']).to_owned();
            if let Some(from) = line.strip_prefix("X-Mail-Args: ") {
                // The parameters of MAIL stand behind the address.
                dump.from = address(from.split(' ').next()?);
            } else if let Some(to) = line.strip_prefix("X-Rcpt-Args: ") {
                dump.to.push(address(to.split(' ').next()?));
            } else if line.starts_with("Received: from ") && line.contains("(") && !in_received {
                in_received = true;
            } else if in_received && line.starts_with('\t') {
            } else if !(line.starts_with("X-Client-") || line.starts_with("X-Helo-")) {
                break;
            }
            rest = behind;
        }
        dump.message = rest.strip_suffix(b"\n")?.to_vec();
        Some(dump)
    }
}

fn files(lab: &Lab) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(lab.directory().join("sink"))?;
    Ok(entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<_>>()?)
}

/// Forgets what arrived so far.
pub(crate) fn clear(lab: &Lab) -> Result<()> {
    for file in files(lab)? {
        fs::remove_file(file)?;
    }
    Ok(())
}

/// Every message that was sent arrived once, from and to whom it was meant, octet by octet; then forgets them.
pub(crate) fn check(lab: &Lab) -> Result<()> {
    let mut seen = BTreeSet::new();
    for file in files(lab)? {
        let text = fs::read(&file)?;
        let dump = Dump::parse(&text).ok_or("the sink wrote what is no message")?;
        let [to] = &dump.to[..] else { return Err(format!("sent to {:?}", dump.to).into()) };
        let number =
            to.strip_prefix("reader").and_then(|rest| rest.split('@').next()?.parse().ok());
        let number: usize = number.ok_or_else(|| format!("sent to {to}"))?;
        let expected = String::from_utf8(message(number))?.replace("\r\n", "\n");
        if dump.from != SENDER || dump.message != expected.as_bytes() {
            return Err(format!("message {number} arrived changed: {}", file.display()).into());
        }
        if !seen.insert(number) {
            return Err(format!("message {number} arrived twice").into());
        }
        fs::remove_file(file)?;
    }
    if seen != (1..=SENT).collect() {
        return Err(format!("{} of {SENT} messages arrived", seen.len()).into());
    }
    Ok(())
}
