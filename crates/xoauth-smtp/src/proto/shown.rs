//! What the machine shows of what was said, and what it hides in it.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

use xoauth_sasl::Mask;
use xoauth_sasl::wire::{Direction, Excerpt};

use crate::proto::machine::Machine;
use crate::types::ReplyCode;

impl Machine {
    /// Hides these secrets from now on, in whatever the server says or said that it can do: those of a login that is to
    /// come, or of one on another connection to the same server. They take the place of those that were told before: tokens
    /// are renewed as long as a session lasts. What an exchange signs in with is hidden by itself, and stays so.
    pub fn protect(&mut self, secrets: impl Into<Arc<Mask>>) {
        self.mask.set_beside(secrets);
        self.extensions.hide(&self.mask);
    }

    /// Hides what an exchange signs in with.
    pub(super) fn protect_own(&mut self, secrets: Mask) {
        self.mask.merge(secrets);
        self.extensions.hide(&self.mask);
    }

    /// Notes down, from now on, what a trace may show: [`Machine::next_line`].
    pub fn keep_transcript(&mut self) {
        self.output.keep_notes();
        self.heard.get_or_insert_default();
    }

    /// The next line that was sent or heard: bounded, escaped, with our secrets replaced, also where the
    /// server echoes them. SASL messages, challenges and the content of messages are left out.
    pub fn next_line(&mut self) -> Option<(Direction, String)> {
        // A command was written before its reply was heard, and the replies heard so far before what was
        // written after them is asked for here.
        self.heard.as_mut()?.pop_front().or_else(|| self.output.next_note())
    }

    /// Notes what a trace may show of a reply: its lines, a challenge only by its length.
    pub(super) fn note_reply(&mut self, code: ReplyCode) {
        let Some(heard) = &mut self.heard else { return };
        // What was written came first.
        while let Some(note) = self.output.next_note() {
            heard.push_back(note);
        }
        for line in self.receive.reply().split_inclusive(|&octet| octet == b'\n') {
            let text = match line.get(4..) {
                Some(challenge) if code.get() == 334 && challenge.len() > 2 => {
                    format!("334 <{} octets>", challenge.len() - 2)
                }
                _ => String::from(Excerpt::new(line.trim_ascii_end(), &self.mask).as_str()),
            };
            heard.push_back((Direction::Server, text));
        }
    }
}
