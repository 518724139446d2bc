//! What the sender of many messages asks of one of them.

use super::body::Body;
use super::needs::Method;
use super::{Company, Protocol, Step, Submit};
use crate::error::Error;
use crate::proto::Encoder;
use crate::types::{Extensions, Mail, Transfer};

impl Submit<'_> {
    /// Queues the envelope of a message that was prepared, of several on the connection.
    pub(in crate::exchange) fn begin_among_others(
        &mut self,
        is_ahead: bool,
        extensions: &Extensions,
        out: &mut Encoder<'_>,
    ) {
        self.company = if is_ahead { Company::Ahead } else { Company::Others };
        self.write_envelope(extensions, out);
    }

    /// The message cannot be sent.
    pub(in crate::exchange) fn give_up(&mut self, failure: Error) {
        self.failure = Some(failure);
    }

    /// The message travels by DATA, unless it asks for something else.
    pub(in crate::exchange) fn avoid_chunks(&mut self) {
        let Mail { transfer, .. } = &mut self.mail;
        if *transfer == Transfer::Automatic {
            *transfer = Transfer::Data;
        }
    }

    /// The message may follow its envelope before that is answered. By LMTP nobody knows how many replies it
    /// will get by then.
    pub(in crate::exchange) fn can_go_ahead(&self) -> bool {
        self.is_in_chunks() && self.protocol == Protocol::Smtp
    }

    /// The message travels by BDAT.
    pub(in crate::exchange) fn is_in_chunks(&self) -> bool {
        self.method == Method::Bdat
    }

    /// Nobody gets the message.
    pub(in crate::exchange) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// All was queued that will ever be: the end of the message, or of its attempt.
    pub(in crate::exchange) fn has_nothing_to_queue(&self) -> bool {
        let is_ended = self.body.as_ref().is_some_and(Body::is_ended);
        let asks_no_more = self.is_in_chunks() || self.step == Step::Void;
        is_ended || self.failure.is_some() && asks_no_more
    }

    /// Octets of the message; 0 where it does not tell.
    pub(in crate::exchange) fn size(&self) -> u64 {
        self.needs.as_ref().and_then(|needs| needs.content.size).unwrap_or(0)
    }

    /// Octets of the message that were queued so far.
    pub(in crate::exchange) fn octets_queued(&self) -> u64 {
        self.body.as_ref().map_or(0, Body::sent)
    }
}
