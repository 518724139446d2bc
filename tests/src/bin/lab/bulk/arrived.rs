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
            } else if !(in_received && line.starts_with('\t')
                || line.starts_with("X-Client-")
                || line.starts_with("X-Helo-"))
            {
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
pub(super) fn clear(lab: &Lab) -> Result<()> {
    for file in files(lab)? {
        fs::remove_file(file)?;
    }
    Ok(())
}

/// The messages of a sender, with the files they are in; one that is not written to its end yet is none.
pub(crate) fn from(lab: &Lab, sender: &str) -> Result<Vec<(PathBuf, Dump)>> {
    let mut found = Vec::new();
    for file in files(lab)? {
        if let Some(dump) = Dump::parse(&fs::read(&file)?).filter(|dump| dump.from == sender) {
            found.push((file, dump));
        }
    }
    Ok(found)
}

/// Every message that was sent arrived once, from and to whom it was meant, octet by octet; then forgets them.
pub(super) fn check(lab: &Lab) -> Result<()> {
    let mut seen = BTreeSet::new();
    for (file, dump) in from(lab, SENDER)? {
        let [to] = &dump.to[..] else { return Err(format!("sent to {:?}", dump.to).into()) };
        let number =
            to.strip_prefix("reader").and_then(|rest| rest.split('@').next()?.parse().ok());
        let number: usize = number.ok_or_else(|| format!("sent to {to}"))?;
        if dump.message != with_line_feeds(&message(number)) {
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

/// A message as the sink keeps it.
pub(crate) fn with_line_feeds(message: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(message.len());
    for line in message.split_inclusive(|&octet| octet == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(line) => lines.extend([line, b"\n"].concat()),
            None => lines.extend_from_slice(line),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_sink_writes_is_read() {
        let text = b"X-Client-Addr: 127.0.0.1\nX-Client-Proto: ESMTP\nX-Helo-Args: h\n\
            X-Mail-Args: <a@b> SIZE=3\nX-Rcpt-Args: <c@d>\nX-Rcpt-Args: <e@f>\n\
            Received: from h ([127.0.0.1])\n\tby localhost (smtp-sink) with ESMTP id 1;\n\tThu\n\
            Subject: x\n\n.dot\n\n";
        let dump = Dump::parse(text).unwrap();
        assert_eq!((dump.from.as_str(), &dump.to[..]), ("a@b", &["c@d".into(), "e@f".into()][..]));
        assert_eq!(dump.message, b"Subject: x\n\n.dot\n");
        // Not written to its end.
        assert_eq!(Dump::parse(b"X-Mail-Args: <a@b>"), None);
        assert_eq!(with_line_feeds(b"a\r\n.\r\nb"), b"a\n.\nb");
    }
}
