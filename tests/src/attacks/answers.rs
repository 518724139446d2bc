//! What the fake server says by itself, and what `${..}` in its script stands for.

use super::corpus::Case;
use super::sent::Sent;

/// The values of `${..}`.
#[derive(Debug, Clone, Default)]
pub(super) struct Template {
    pub(super) tag: String,
    pub(super) first_tag: String,
    pub(super) caps: String,
    /// How the client logged in.
    pub(super) sent: Sent,
    /// Names of a login that was not there when they had to be filled in.
    pub(super) unknown: Vec<String>,
}

/// The automatic answer to a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Nothing,
    Send(Vec<u8>),
    /// The data of a message follows this answer.
    TakeData(Vec<u8>),
}

impl Template {
    /// The tag of a line from now on; a line without a space has none.
    pub(super) fn note_tag(&mut self, line: &str) {
        if let Some((tag, _)) = line.split_once(' ') {
            tag.clone_into(&mut self.tag);
        }
    }

    /// What the client said: of a login the server remembers it.
    pub(super) fn note_line(&mut self, line: &[u8]) {
        if let Some(sent) = Sent::of_line(&String::from_utf8_lossy(line)) {
            self.sent = sent;
        }
    }

    /// Octets with the values filled in.
    pub(super) fn fill(&mut self, octets: &[u8]) -> Vec<u8> {
        let mut filled = Vec::with_capacity(octets.len());
        let mut rest = octets;
        while let Some((&octet, behind)) = rest.split_first() {
            let name = rest.strip_prefix(b"${").and_then(|name| {
                let end = name.iter().position(|&octet| octet == b'}')?;
                Some((name.get(..end)?, name.get(end + 1..)?))
            });
            let value = name.and_then(|(name, behind)| Some((self.value(name)?, behind)));
            if let (None, Some((name, _))) = (&value, name) {
                if Sent::is_name(name) {
                    self.unknown.push(String::from_utf8_lossy(name).into_owned());
                }
            }
            match value {
                Some((value, behind)) => {
                    filled.extend(value.bytes());
                    rest = behind;
                }
                None => {
                    filled.push(octet);
                    rest = behind;
                }
            }
        }
        filled
    }

    fn value(&self, name: &[u8]) -> Option<String> {
        Some(match name {
            b"tag" => self.tag.clone(),
            b"caps" => self.caps.clone(),
            b"next_tag" => raised(&self.tag, 1),
            b"next_tag+1" => raised(&self.tag, 2),
            b"first_tag" => self.first_tag.clone(),
            b"first_tag+1" => raised(&self.first_tag, 1),
            b"first_tag+2" => raised(&self.first_tag, 2),
            name => return self.sent.value(name),
        })
    }

    pub(super) fn answer(&mut self, case: &Case, line: &str) -> Answer {
        let extra = case.auto_extra.iter().find(|(pattern, _)| pattern.is_match(line));
        if let Some((_, answer)) = extra {
            let answer = self.fill(answer.as_bytes());
            let asks_for_data = !case.is_imap && answer.starts_with(b"354");
            return if asks_for_data { Answer::TakeData(answer) } else { Answer::Send(answer) };
        }
        if !case.auto {
            return Answer::Nothing;
        }
        Answer::Send(if case.is_imap { self.imap(line) } else { self.smtp(line) }.into_bytes())
    }

    fn imap(&self, line: &str) -> String {
        const SERVED: [&str; 27] = [
            "NOOP",
            "ID",
            "CHECK",
            "LIST",
            "LSUB",
            "SELECT",
            "EXAMINE",
            "FETCH",
            "SEARCH",
            "STORE",
            "COPY",
            "MOVE",
            "UID",
            "STATUS",
            "CLOSE",
            "UNSELECT",
            "EXPUNGE",
            "ENABLE",
            "NAMESPACE",
            "APPEND",
            "CREATE",
            "DELETE",
            "RENAME",
            "SUBSCRIBE",
            "UNSUBSCRIBE",
            "GETQUOTAROOT",
            "SORT",
        ];
        let Self { tag, caps, .. } = self;
        let verb = line.split(' ').nth(1).unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "CAPABILITY" => format!("* CAPABILITY {caps}\r\n{tag} OK done\r\n"),
            "LOGOUT" => format!("* BYE bye\r\n{tag} OK done\r\n"),
            verb if SERVED.contains(&verb) => format!("{tag} OK done\r\n"),
            _ => format!("{tag} BAD what\r\n"),
        }
    }

    fn smtp(&self, line: &str) -> String {
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => {
                let mut lines = vec!["mx.example.org"];
                lines.extend(self.caps.split('|').filter(|line| !line.is_empty()));
                let last = lines.pop().unwrap_or_default();
                let first: String = lines.iter().map(|line| format!("250-{line}\r\n")).collect();
                format!("{first}250 {last}\r\n")
            }
            "HELO" | "RSET" | "NOOP" => "250 ok\r\n".to_owned(),
            "QUIT" => "221 bye\r\n".to_owned(),
            _ => "502 what\r\n".to_owned(),
        }
    }
}

/// A tag with its trailing number raised, as wide as it was.
fn raised(tag: &str, by: u64) -> String {
    let head = tag.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = tag.strip_prefix(head).unwrap_or_default();
    let width = number.len();
    let number = number.parse::<u64>().unwrap_or(0).saturating_add(by);
    format!("{head}{number:0width$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_filled_in() {
        let mut template = Template { first_tag: "b9".into(), ..Template::default() };
        template.note_tag("a09 NOOP");
        template.note_tag("bm90IGEgdGFn");
        let filled = template.fill(b"${tag} ${next_tag} ${next_tag+1} ${first_tag+1} ${other} $");
        assert_eq!(filled, b"a09 a10 a11 b10 ${other} $");
    }
}
