//! What a session that is opened again finds.

use std::sync::Arc;

use xoauth_imap::command::Resynced;
use xoauth_imap::{Message, Selected, Uid, UidSet};

use crate::Error;

/// A mailbox as a new session found it, and what became of it in between.
///
/// Sequence numbers mean other messages in every session. Unique identifiers mean the same ones as long as
/// [`Reopened::has_same_uids`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Reopened {
    /// The mailbox now, with its UIDVALIDITY, UIDNEXT and HIGHESTMODSEQ.
    pub selected: Selected,
    /// The mailbox as it was known when somebody was told last; `None` in the first session.
    pub previous: Option<Selected>,
    /// What ended the session before, where it was seen to end.
    pub cause: Option<Arc<Error>>,
    /// What changed in between, where the server told (QRESYNC, RFC 7162): then nothing was missed. `None` also where it
    /// told something that cannot be read.
    pub gap: Option<Gap>,
}

/// What changed while there was no session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// Messages that are gone: ranges, both ends included; some may never have been known.
    pub vanished: Vec<(Uid, Uid)>,
    /// Messages that changed or came, with their flags.
    pub changed: Vec<Message>,
}

/// Changes that are added up while nobody asks for them, and the octets of their flags.
const MOST: usize = 100_000;
const MOST_OCTETS: usize = 16 * 1024 * 1024;

impl Reopened {
    pub(super) fn new(selected: Selected) -> Self {
        Self { selected, previous: None, cause: None, gap: None }
    }

    pub(super) fn resynced(resynced: Resynced) -> Self {
        let Resynced { selected, vanished, mut changed, is_whole, .. } = resynced;
        for message in &mut changed {
            // Nobody asked for more than flags.
            (message.envelope, message.body_structure) = (None, None);
            (message.bodies, message.others, message.invalid) = Default::default();
        }
        Self { gap: is_whole.then_some(Gap { vanished, changed }), ..Self::new(selected) }
    }

    /// Beside what was known, and what was found and not told yet.
    pub(super) fn after(mut self, known: Option<Selected>, untold: Option<Self>) -> Self {
        let Some(untold) = untold else {
            self.previous = known;
            return self;
        };
        self.previous = untold.previous;
        self.gap = match (untold.gap, self.gap) {
            (Some(mut first), Some(second)) => {
                first.vanished.extend(second.vanished);
                first.changed.extend(second.changed);
                // Who does not ask for weeks is told to look for himself.
                let flags = first.changed.iter().flat_map(|message| &message.flags);
                let octets: usize =
                    flags.flat_map(|flags| flags.iter()).map(|flag| flag.as_str().len()).sum();
                let changes = first.vanished.len().max(first.changed.len());
                (changes <= MOST && octets <= MOST_OCTETS).then_some(first)
            }
            _ => None,
        };
        self
    }

    /// A mailbox that tells no UIDVALIDITY has no identifiers that last (RFC 3501, 6.3.1), and one may say so (RFC 4315, 2).
    pub(super) fn has_uids_of(&self, known: &Selected) -> bool {
        known.uid_validity.is_some()
            && known.uid_validity == self.selected.uid_validity
            && !known.uid_not_sticky
    }

    /// Unique identifiers mean what they meant before (RFC 9051, 2.3.1.1). Where they do not, all that is known by
    /// them is void.
    pub fn has_same_uids(&self) -> bool {
        self.previous.as_ref().is_none_or(|previous| self.has_uids_of(previous))
    }

    /// The messages from the UIDNEXT that was known before: those that came in between, and those that came while
    /// the session before lived. All, where unique identifiers mean other messages now. `None` where there can be
    /// none.
    pub fn arrived(&self) -> Option<UidSet> {
        let Some(previous) = self.previous.as_ref().filter(|_| self.has_same_uids()) else {
            return (self.selected.exists != Some(0)).then(UidSet::all);
        };
        match (previous.uid_next, self.selected.uid_next) {
            (Some(before), Some(now)) if now <= before => None,
            (Some(before), _) => Some(UidSet::starting_at(Uid::from(before))),
            (None, _) => Some(UidSet::all()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use xoauth_imap::Limits;
    use xoauth_imap::command::Select;
    use xoauth_imap::parse::{Input, Response, Tolerated, parse_response};
    use xoauth_imap::proto::{Command, Machine, TagPrefix};
    use xoauth_sasl::wire::Want;

    /// What a server said of a mailbox.
    fn selected(validity: Option<u32>) -> Selected {
        let mut machine = Machine::new(TagPrefix::new("t"), Limits::default());
        let mut select = Select::new("INBOX");
        machine.start(&mut [&mut select]).unwrap();
        while let Want::Write(octets) = machine.poll(&mut [&mut select]).unwrap() {
            let count = octets.len();
            machine.written(count);
        }
        let told = validity.map(|told| format!("* OK [UIDVALIDITY {told}] told\r\n"));
        let said = told.unwrap_or_default() + "xt1 OK done\r\n";
        machine.read_buffer().get_mut(..said.len()).unwrap().copy_from_slice(said.as_bytes());
        machine.received(said.len());
        assert!(matches!(machine.poll(&mut [&mut select]).unwrap(), Want::Done));
        select.finish(machine.outcome(0).unwrap()).unwrap()
    }

    fn changed(flag: &str) -> Message {
        let line = format!("* 1 FETCH (UID 1 FLAGS ({flag}))\r\n");
        let input = Input { bytes: line.as_bytes(), literals: &[] };
        match parse_response(input, &mut Tolerated::default()).unwrap() {
            Response::Fetch(fetch) => fetch.to_message(&mut []),
            other => panic!("{other:?}"),
        }
    }

    fn gap(changed: Vec<Message>) -> Reopened {
        Reopened {
            gap: Some(Gap { vanished: Vec::new(), changed }),
            ..Reopened::new(selected(Some(1)))
        }
    }

    #[test]
    fn identifiers_last_where_the_server_says_so_both_times() {
        let same = |before: Selected, now| Reopened::new(now).has_uids_of(&before);
        assert!(same(selected(Some(1)), selected(Some(1))));
        assert!(!same(selected(Some(1)), selected(Some(2))));
        assert!(!same(selected(None), selected(None)) && !same(selected(Some(1)), selected(None)));
        let mut fleeting = selected(Some(1));
        fleeting.uid_not_sticky = true;
        assert!(!same(fleeting, selected(Some(1))));
    }

    #[test]
    fn what_is_added_up_has_a_bound() {
        let both = |first, second| gap(second).after(None, Some(gap(first))).gap;
        assert_eq!(both(vec![changed("a")], vec![changed("b")]).unwrap().changed.len(), 2);
        assert_eq!(both(vec![changed("a"); MOST], vec![changed("b")]), None);
        let long = || vec![changed(&"a".repeat(MOST_OCTETS / 2))];
        assert!(both(long(), long()).is_some());
        assert_eq!(both(long(), vec![changed(&"a".repeat(MOST_OCTETS / 2 + 1))]), None);
    }
}
