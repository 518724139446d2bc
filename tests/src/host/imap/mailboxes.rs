//! Commands about mailboxes (RFC 3501, sections 6.3.1 to 6.3.10).

use super::resync::{Resyncs, changes_since};
use super::tokens::Command;
use super::view::View;
use super::{Answer, Refusal, Session, State, done, mailbox_text};
use crate::host::store::{Account, DELIMITER, Mailbox, SYSTEM_FLAGS, canonical_name};

impl Session<'_> {
    pub(super) fn mailbox_command(&mut self, name: &str, command: &mut Command) -> Answer {
        command.space()?;
        match name {
            "LIST" | "LSUB" => self.list(name, command),
            "STATUS" => self.status(command),
            "SELECT" | "EXAMINE" => self.select(name, command),
            "RENAME" => {
                let from = command.mailbox()?;
                command.space()?;
                let to = command.mailbox()?;
                command.end()?;
                self.account(|account| rename(account, &from, &to))??;
                done(name)
            }
            _ => {
                let mailbox = command.mailbox()?;
                command.end()?;
                self.account(|account| match name {
                    "CREATE" => create(account, &mailbox),
                    "DELETE" => delete(account, &mailbox),
                    "SUBSCRIBE" => {
                        account.subscribed.insert(mailbox);
                        Ok(())
                    }
                    _ => {
                        account.subscribed.remove(&mailbox);
                        Ok(())
                    }
                })??;
                done(name)
            }
        }
    }

    pub(super) fn account<T>(&self, work: impl FnOnce(&mut Account) -> T) -> Result<T, Refusal> {
        let account = self.client.shared.store.account(self.user()?, work);
        account.ok_or_else(|| Refusal::no("no such account"))
    }

    /// RFC 3501, sections 6.3.8 and 6.3.9, with the attributes of RFC 3348.
    fn list(&mut self, command_name: &str, command: &mut Command) -> Answer {
        let reference = command.mailbox_or_empty()?;
        command.space()?;
        let pattern = command.pattern()?;
        command.end()?;
        if pattern.is_empty() && command_name == "LIST" {
            self.untagged("LIST (\\Noselect) \"/\" \"\"")?;
            return done(command_name);
        }
        let pattern = format!("{reference}{pattern}");
        let lines = self.account(|account| {
            let mut lines = String::new();
            let subscribed = account.subscribed.iter();
            let names: Vec<&String> = match command_name {
                "LSUB" => subscribed.collect(),
                _ => account.mailboxes.keys().collect(),
            };
            for name in names.into_iter().filter(|name| list_matches(&pattern, name)) {
                let attributes = attributes(account, name);
                let name = mailbox_text(name);
                lines.push_str(&format!("* {command_name} ({attributes}) \"/\" {name}\r\n"));
            }
            lines
        })?;
        self.write(lines.as_bytes())?;
        done(command_name)
    }

    /// RFC 3501, section 6.3.10.
    fn status(&mut self, command: &mut Command) -> Answer {
        let name = command.mailbox()?;
        command.space()?;
        let items = command.list(Command::atom)?;
        command.end()?;
        if items.is_empty() {
            return Err(Refusal::bad("expected a status item"));
        }
        let values = self.mailbox(&name, |mailbox| {
            let values: Option<Vec<String>> = items
                .iter()
                .map(|item| {
                    let item = item.to_ascii_uppercase();
                    status_value(mailbox, &item).map(|value| format!("{item} {value}"))
                })
                .collect();
            values
        })?;
        let values = values.ok_or_else(|| Refusal::bad("unknown status item"))?.join(" ");
        self.untagged(&format!("STATUS {} ({values})", mailbox_text(&name)))?;
        done("STATUS")
    }

    /// RFC 3501, sections 6.3.1 and 6.3.2.
    fn select(&mut self, command_name: &str, command: &mut Command) -> Answer {
        let name = command.mailbox()?;
        let known = self.select_parameters(command)?;
        command.end()?;
        let user = self.user()?.to_owned();
        // Also a SELECT that fails leaves no mailbox selected.
        self.state = State::Authenticated { user: user.clone() };
        let read_only = command_name == "EXAMINE";
        let resyncs = self.resyncs;
        let (view, lines) = self.mailbox(&name, |mailbox| {
            let view = View::open(&name, read_only, resyncs == Resyncs::Enabled, mailbox);
            let mut lines = select_lines(&view, mailbox);
            if resyncs != Resyncs::NotOffered {
                lines.push_str(&format!("* OK [HIGHESTMODSEQ {}] highest\r\n", mailbox.changes));
            }
            if let Some(known) = known {
                lines.push_str(&changes_since(&known, &view, mailbox));
            }
            (view, lines)
        })?;
        self.write(lines.as_bytes())?;
        self.state = State::Selected { user, view };
        let code = if read_only { "READ-ONLY" } else { "READ-WRITE" };
        Ok(format!("[{code}] {command_name} completed"))
    }

    fn mailbox<T>(&self, name: &str, work: impl FnOnce(&mut Mailbox) -> T) -> Result<T, Refusal> {
        let found = self.client.shared.store.mailbox(self.user()?, name, work);
        found.ok_or_else(|| Refusal::no("[NONEXISTENT] no such mailbox"))
    }
}

impl Command {
    /// The reference name of LIST, which is mostly empty.
    fn mailbox_or_empty(&mut self) -> Result<String, Refusal> {
        if self.eat("\"\"") { Ok(String::new()) } else { self.mailbox() }
    }
}

fn select_lines(view: &View, mailbox: &Mailbox) -> String {
    let mut known: Vec<&str> = SYSTEM_FLAGS.to_vec();
    for flag in mailbox.messages.iter().flat_map(|message| &message.flags) {
        if !known.iter().any(|name| name.eq_ignore_ascii_case(flag)) {
            known.push(flag);
        }
    }
    let known = known.join(" ");
    let permanent = if view.read_only { String::new() } else { format!("{known} \\*") };
    let unseen = mailbox.messages.iter().position(|message| !message.has("\\Seen"));
    let unseen = unseen.map(|at| format!("* OK [UNSEEN {}] first unseen\r\n", at + 1));
    format!(
        "* FLAGS ({known})\r\n\
         * OK [PERMANENTFLAGS ({permanent})] flags that stay\r\n\
         * {} EXISTS\r\n* {} RECENT\r\n{}\
         * OK [UIDVALIDITY {}] UIDs are valid\r\n\
         * OK [UIDNEXT {}] predicted next UID\r\n",
        view.uids.len(),
        view.recent_count(),
        unseen.unwrap_or_default(),
        mailbox.uid_validity,
        mailbox.uid_next,
    )
}

fn status_value(mailbox: &Mailbox, item: &str) -> Option<usize> {
    let number = |value: u32| usize::try_from(value).ok();
    match item {
        "MESSAGES" => Some(mailbox.messages.len()),
        "RECENT" => {
            let recent = mailbox.messages.iter().filter(|m| m.uid >= mailbox.recent_from);
            Some(recent.count())
        }
        "UIDNEXT" => number(mailbox.uid_next),
        "UIDVALIDITY" => number(mailbox.uid_validity),
        "UNSEEN" => Some(mailbox.messages.iter().filter(|m| !m.has("\\Seen")).count()),
        _ => None,
    }
}

fn create(account: &mut Account, name: &str) -> Result<(), Refusal> {
    // A trailing delimiter says that names below it will follow: RFC 3501, section 6.3.3.
    let name = name.strip_suffix(DELIMITER).unwrap_or(name);
    if name.is_empty() || name.split(DELIMITER).any(str::is_empty) {
        return Err(Refusal::no("[CANNOT] a level of the name is empty"));
    }
    if name.chars().any(char::is_control) {
        return Err(Refusal::no("[CANNOT] control characters in the name"));
    }
    if account.create(name) {
        Ok(())
    } else {
        Err(Refusal::no("[ALREADYEXISTS] the mailbox exists"))
    }
}

fn delete(account: &mut Account, name: &str) -> Result<(), Refusal> {
    if name == "INBOX" {
        return Err(Refusal::no("[CANNOT] INBOX cannot be deleted"));
    }
    if has_children(account, name) {
        return Err(Refusal::no("[HASCHILDREN] delete the mailboxes below it first"));
    }
    let removed = account.mailboxes.remove(name);
    removed.map(|_| ()).ok_or_else(|| Refusal::no("[NONEXISTENT] no such mailbox"))
}

/// RFC 3501, section 6.3.5. Renaming INBOX moves its messages and leaves it empty.
fn rename(account: &mut Account, from: &str, to: &str) -> Result<(), Refusal> {
    if !account.mailboxes.contains_key(from) {
        return Err(Refusal::no("[NONEXISTENT] no such mailbox"));
    }
    if to.starts_with(&format!("{from}{DELIMITER}")) {
        return Err(Refusal::no("[CANNOT] a mailbox cannot be moved below itself"));
    }
    create(account, to)?;
    if from == "INBOX" {
        let moved = account.mailboxes.get_mut(from).map(|inbox| {
            let moved = inbox.messages.clone();
            inbox.expunge(|_| true);
            moved
        });
        if let Some(target) = account.mailboxes.get_mut(to) {
            for message in moved.unwrap_or_default() {
                let date = message.moment();
                target.append(message.octets, &message.flags, date);
            }
        }
        return Ok(());
    }
    let below = format!("{from}{DELIMITER}");
    let names: Vec<String> = account
        .mailboxes
        .keys()
        .filter(|name| *name == from || name.starts_with(&below))
        .cloned()
        .collect();
    for old in names {
        let new = old.strip_prefix(from).map(|rest| format!("{to}{rest}"));
        if let (Some(mailbox), Some(new)) = (account.mailboxes.remove(&old), new) {
            account.mailboxes.insert(new, mailbox);
        }
    }
    Ok(())
}

fn attributes(account: &Account, name: &str) -> String {
    let children = if has_children(account, name) { "\\HasChildren" } else { "\\HasNoChildren" };
    let gone = if account.mailboxes.contains_key(name) { "" } else { "\\Noselect " };
    format!("{gone}{children}")
}

fn has_children(account: &Account, name: &str) -> bool {
    let below = format!("{name}{DELIMITER}");
    let mut following = account.mailboxes.range(below.clone()..);
    following.next().is_some_and(|(next, _)| next.starts_with(&below))
}

/// Whether a name matches a pattern: `*` is anything, `%` anything within a level (RFC 3501,
/// section 6.3.8). `ends[i]` says whether the pattern so far matches the first `i` characters.
fn list_matches(pattern: &str, name: &str) -> bool {
    let inbox_pattern = canonical_name(pattern);
    let name: Vec<char> = name.chars().collect();
    let mut ends = vec![false; name.len() + 1];
    if let Some(start) = ends.first_mut() {
        *start = true;
    }
    for wanted in inbox_pattern.chars() {
        let mut next = vec![false; ends.len()];
        let mut reached = false;
        let mut previous = false;
        let characters = std::iter::once(None).chain(name.iter().copied().map(Some));
        for ((slot, here), character) in next.iter_mut().zip(&ends).zip(characters) {
            let within = character.is_none_or(|character| character != DELIMITER);
            *slot = match wanted {
                '*' => *here || reached,
                '%' => *here || (reached && within),
                _ => previous && character == Some(wanted),
            };
            reached = *slot;
            previous = *here;
        }
        ends = next;
    }
    ends.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_within_and_across_levels() {
        for (pattern, name, matches) in [
            ("*", "a/b", true),
            ("%", "a/b", false),
            ("%", "a", true),
            ("%/%", "a/b", true),
            ("a/%", "a/b/c", false),
            ("a*c", "a/b/c", true),
            ("a%c", "abbc", true),
            ("a%c", "a/c", false),
            ("inbox", "INBOX", true),
            ("a", "A", false),
            ("", "a", false),
            ("**%*", "x/y", true),
        ] {
            assert_eq!(list_matches(pattern, name), matches, "{pattern} {name}");
        }
    }
}
