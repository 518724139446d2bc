//! Commands that change messages: APPEND, STORE, COPY, MOVE, EXPUNGE, CLOSE.

use std::sync::Arc;

use super::tokens::Command;
use super::{Answer, Ids, Refusal, Session, State, done};
use crate::host::date::Moment;
use crate::host::store::{Change, Message};

impl Session<'_> {
    /// RFC 3501, section 6.3.11.
    pub(super) fn append(&mut self, command: &mut Command) -> Answer {
        command.space()?;
        let name = command.mailbox()?;
        command.space()?;
        let mut flags = Vec::new();
        if command.peek() == Some(b'(') {
            flags = command.list(Command::flag)?;
            command.space()?;
        }
        let mut date = self.now();
        if command.peek() == Some(b'"') {
            let text = String::from_utf8(command.string()?).unwrap_or_default();
            date = Moment::parse_internal_date(&text)
                .ok_or_else(|| Refusal::bad("expected a date-time"))?;
            command.space()?;
        }
        let octets = command.literal().ok_or_else(|| Refusal::bad("expected a literal"))?;
        command.end()?;
        if octets.contains(&0) {
            return Err(Refusal::no("NUL in the message"));
        }
        let uidplus = self.client.shared.config.capabilities.uidplus;
        let appended = self.account(|account| {
            let mailbox = account.mailboxes.get_mut(&name)?;
            Some((mailbox.uid_validity, mailbox.append(Arc::new(octets), &flags, date)))
        })?;
        let (validity, uid) = appended.ok_or_else(no_target)?;
        let code = if uidplus { format!("[APPENDUID {validity} {uid}] ") } else { String::new() };
        Ok(format!("{code}APPEND completed"))
    }

    /// RFC 3501, section 6.4.6.
    pub(super) fn store(&mut self, command: &mut Command, ids: Ids) -> Answer {
        command.space()?;
        let set = command.sequence_set()?;
        command.space()?;
        let change = if command.eat("+") {
            Change::Add
        } else if command.eat("-") {
            Change::Remove
        } else {
            Change::Replace
        };
        command.expect("FLAGS")?;
        let silent = command.eat(".SILENT");
        command.space()?;
        let flags = if command.peek() == Some(b'(') {
            command.list(Command::flag)?
        } else {
            let mut flags = vec![command.flag()?];
            while command.eat(" ") {
                flags.push(command.flag()?);
            }
            flags
        };
        command.end()?;

        let store = &self.client.shared.store;
        let State::Selected { user, view } = &mut self.state else {
            return Err(Refusal::bad("no mailbox is selected"));
        };
        if view.read_only {
            return Err(Refusal::no("the mailbox is read-only"));
        }
        let chosen = view.resolve(&set, ids)?;
        let name = view.name.clone();
        let told = store.mailbox(user, &name, |mailbox| {
            let mut lines = view.flag_news(mailbox);
            for (number, uid) in chosen {
                if mailbox.store(uid, change, &flags).is_none() || silent {
                    continue;
                }
                if let Some(message) = mailbox.message(uid) {
                    if ids == Ids::Uids || view.by_uid {
                        view.push_flags(number, message, &mut lines);
                    } else {
                        let flags = view.flags(message);
                        lines.push_str(&format!("* {number} FETCH (FLAGS {flags})\r\n"));
                    }
                }
            }
            view.catch_up(mailbox);
            lines
        });
        self.write(told.unwrap_or_default().as_bytes())?;
        done("STORE")
    }

    /// RFC 3501, section 6.4.7, and MOVE (RFC 6851): all messages or none.
    pub(super) fn copy(&mut self, name: &str, command: &mut Command, ids: Ids) -> Answer {
        command.space()?;
        let set = command.sequence_set()?;
        command.space()?;
        let target = command.mailbox()?;
        command.end()?;
        let (_, view) = self.selected()?;
        let moving = name == "MOVE";
        if moving && view.read_only {
            return Err(Refusal::no("the mailbox is read-only"));
        }
        let chosen = view.resolve(&set, ids)?;
        let source = view.name.clone();
        let copied = self.account(|account| {
            let from = account.mailboxes.get(&source)?;
            let found = chosen.iter().filter_map(|(_, uid)| from.message(*uid));
            let messages: Vec<Message> = found.cloned().collect();
            let target = account.mailboxes.get_mut(&target)?;
            let validity = target.uid_validity;
            let pairs: Vec<(u32, u32)> = messages
                .into_iter()
                .map(|message| {
                    let date = message.moment();
                    (message.uid, target.append(message.octets, &message.flags, date))
                })
                .collect();
            if let Some(from) = account.mailboxes.get_mut(&source).filter(|_| moving) {
                from.expunge(|message| pairs.iter().any(|(uid, _)| *uid == message.uid));
            }
            Some((validity, pairs))
        })?;
        let (validity, pairs) = copied.ok_or_else(no_target)?;
        let uidplus = self.client.shared.config.capabilities.uidplus;
        if !uidplus || pairs.is_empty() {
            return done(name);
        }
        let from = uid_list(pairs.iter().map(|(from, _)| *from));
        let to = uid_list(pairs.iter().map(|(_, to)| *to));
        let code = format!("[COPYUID {validity} {from} {to}]");
        if moving {
            // RFC 6851, section 4.3: COPYUID goes before the EXPUNGE responses.
            self.untagged(&format!("OK {code} moved"))?;
            return done(name);
        }
        Ok(format!("{code} {name} completed"))
    }

    /// RFC 3501, section 6.4.3; UID EXPUNGE is RFC 4315, section 2.1.
    pub(super) fn expunge(&mut self, command: &mut Command, ids: Ids) -> Answer {
        let mut set = None;
        if ids == Ids::Uids {
            command.space()?;
            set = Some(command.sequence_set()?);
        }
        command.end()?;
        let (_, view) = self.selected()?;
        if view.read_only {
            return Err(Refusal::no("the mailbox is read-only"));
        }
        let chosen = match set {
            Some(set) => Some(view.resolve(&set, ids)?),
            None => None,
        };
        let name = view.name.clone();
        self.account(|account| {
            let mailbox = account.mailboxes.get_mut(&name)?;
            mailbox.expunge(|message| {
                let meant = chosen
                    .as_ref()
                    .is_none_or(|chosen| chosen.iter().any(|(_, uid)| *uid == message.uid));
                meant && message.has("\\Deleted")
            });
            Some(())
        })?;
        self.expunged()
    }

    /// CLOSE (RFC 3501, section 6.4.2) removes deleted messages and says nothing; UNSELECT (RFC
    /// 3691) removes none.
    pub(super) fn close_mailbox(&mut self, name: &str, command: &mut Command) -> Answer {
        command.end()?;
        let (user, view) = self.selected()?;
        let (user, mailbox, read_only) = (user.to_owned(), view.name.clone(), view.read_only);
        if name == "CLOSE" && !read_only {
            self.client.shared.store.mailbox(&user, &mailbox, |mailbox| {
                mailbox.expunge(|message| message.has("\\Deleted"));
            });
        }
        self.state = State::Authenticated { user };
        done(name)
    }

    fn now(&self) -> Moment {
        Moment::utc(i64::try_from(self.client.shared.now()).unwrap_or(i64::MAX))
    }
}

fn no_target() -> Refusal {
    Refusal::no("[TRYCREATE] no such mailbox")
}

/// UIDs in the order given, runs as ranges.
pub(super) fn uid_list(uids: impl Iterator<Item = u32>) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for uid in uids {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(uid) => *last = uid,
            _ => ranges.push((uid, uid)),
        }
    }
    let texts = ranges.into_iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}:{last}"),
    });
    texts.collect::<Vec<_>>().join(",")
}
