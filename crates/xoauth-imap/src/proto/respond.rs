//! What a whole response does: it is hidden where it repeats secrets, parsed, and given to whom it is for.

use alloc::vec::Vec;

use xoauth_sasl::wire::{Direction, Excerpt};

use crate::error::Error;
use crate::parse::{Input, Response, parse_into};
use crate::proto::echo::{echoes, event, heard, is_all_values};
use crate::proto::encoder::Encoder;
use crate::proto::exchange::{Claim, Continued, Exchange, Kind};
use crate::proto::flight::{Answer, InFlight};
use crate::proto::limits::{Faults, LimitKind};
use crate::proto::machine::Machine;
use crate::types::StatusKind;

impl Machine {
    /// Handles the complete response in the receive buffer.
    pub(super) fn respond(&mut self, exchanges: &mut [&mut dyn Exchange]) -> Result<(), Error> {
        let Self { receive, output, flight, state, tolerated, mask, limits, .. } = self;
        if let Some(lines) = &mut self.transcript {
            lines.push_back((Direction::Server, heard(receive.response().0, mask)));
        }
        let all = receive.response().0;
        let is_all_values = is_all_values(all);
        if is_all_values && mask.may_hide(all) {
            receive.hide(0..all.len(), mask);
        }
        let (mut bytes, mut literals) = receive.response();
        let mut response = Response::Other { name: &[], octets: &[] };
        match parse_into(Input { bytes, literals }, &mut response, tolerated) {
            Ok(()) if receive.is_rest_of_search() && !matches!(response, Response::Search(_)) => {
                // What came before was taken for an answer: it must not be taken for all of it.
                let octets = Excerpt::new(bytes, mask);
                return Err(Error::Malformed { expected: "the rest of a SEARCH response", octets });
            }
            Ok(()) => {}
            Err(fault) if fault.is_depth() => return Err(Error::Limit { kind: LimitKind::Depth }),
            Err(fault) => {
                let octets = Excerpt::new(bytes.get(fault.at..).unwrap_or(bytes), mask);
                return Err(Error::Malformed { expected: fault.expected, octets });
            }
        }
        let weight = bytes.len().saturating_add(tolerated.unfolded());
        if let (Some(fault), Faults::Refuse) = (tolerated.end_response(), limits.faults) {
            let octets = Excerpt::new(bytes.get(fault.at..).unwrap_or(bytes), mask);
            return Err(Error::NotTolerated { fault: fault.kind, octets });
        }
        let echoes = if is_all_values { Vec::new() } else { echoes(&response, bytes, mask) };
        if !echoes.is_empty() {
            // The response that has none of our secrets is the one that counts.
            drop(response);
            echoes.into_iter().for_each(|part| receive.hide(part, mask));
            (bytes, literals) = receive.response();
            response = Response::Other { name: &[], octets: &[] };
            let input = Input { bytes, literals };
            parse_into(input, &mut response, &mut tolerated.anew()).map_err(|fault| {
                let octets = Excerpt::new(bytes, mask);
                Error::Malformed { expected: fault.expected, octets }
            })?;
        }
        let response = &response;
        match response {
            Response::Tagged { tag, status } => {
                let mut flights = flight.iter().enumerate();
                let answered =
                    flights.find(|(at, flight)| flight.awaits(*at, tag, status.kind, output));
                let answered = answered.filter(|(at, _)| {
                    status.kind != StatusKind::Ok
                        || exchanges.get(*at).is_none_or(|exchange| exchange.has_said_all())
                });
                let Some(index) = answered.map(|(at, _)| at) else {
                    return Err(Error::UnsolicitedTagged { octets: Excerpt::new(bytes, mask) });
                };
                state.apply_code(status.code.as_ref());
                let status = status.to_owned_masked(mask);
                output.abandon(index, flight.get(index + 1).map(|next| next.start));
                if let Some(exchange) = exchanges.get_mut(index) {
                    exchange.on_completed(&status, state);
                    let told = if status.is_ok() { Vec::new() } else { exchange.on_refused() };
                    let mut kept = flight.get(index).map_or(0, |flight| flight.kept);
                    for event in told {
                        self.events.push(|| event, core::mem::take(&mut kept), limits)?;
                    }
                }
                state.note_answered();
                // What follows may be a name already (RFC 6855 3).
                tolerated.set_utf8_names(state.takes_utf8());
                if let Some(flight) = flight.get_mut(index) {
                    flight.answer = Answer::Given(status);
                }
            }
            Response::Continuation { text } => {
                if output.waits_for_continuation() {
                    output.go_on();
                    return Ok(());
                }
                let first = flight.iter().position(InFlight::is_open);
                let first = first.filter(|&at| flight.get(at).is_some_and(InFlight::is_written));
                let exchange = first.and_then(|index| Some((index, exchanges.get_mut(index)?)));
                if let Some((index, exchange)) = exchange {
                    let mut encoder = Encoder::new(output, state, mask, index, "");
                    let start = encoder.position();
                    if exchange.on_continuation(text, &mut encoder)? == Continued::Answered {
                        encoder.finish()?;
                        output.replied(index, start);
                        if let Some(lines) = &mut self.transcript {
                            lines.extend(output.transcript(start));
                        }
                        return Ok(());
                    }
                }
                let expected = "no continuation, for no command waits for one";
                return Err(Error::Unexpected { expected, octets: Excerpt::new(bytes, mask) });
            }
            Response::Status(status)
                if status.kind == StatusKind::Bye
                    && !flight.iter().any(|flight| flight.kind == Kind::Logout) =>
            {
                return Err(Error::bye(status.to_owned_masked(mask)));
            }
            Response::Status(status)
                if status.kind == StatusKind::Preauth
                    && !flight.iter().any(|flight| flight.kind == Kind::Greeting) =>
            {
                // RFC 9051 7.1.4: it can only be a greeting.
                let octets = Excerpt::new(bytes, mask);
                return Err(Error::Unexpected { expected: "PREAUTH in a greeting alone", octets });
            }
            untagged => {
                let octets = || Excerpt::new(bytes, mask);
                let malformed = |expected| Error::Malformed { expected, octets: octets() };
                state.apply(untagged);
                let is_greeting = flight.iter().any(|flight| flight.kind == Kind::Greeting);
                for (exchange, flight) in exchanges.iter_mut().zip(flight.iter_mut()) {
                    if !flight.is_open() {
                        continue;
                    }
                    match (exchange.on_untagged(untagged)?, untagged) {
                        (Claim::Pass, _) => {}
                        (Claim::Spoilt, _) => return Err(malformed("an answer in its grammar")),
                        (Claim::Finished, Response::Status(status)) => {
                            let status = status.to_owned_masked(mask);
                            exchange.on_completed(&status, state);
                            flight.answer = Answer::Given(status);
                            return Ok(());
                        }
                        (claim, _) => {
                            let octets = weight + untagged.kept();
                            flight.kept += octets;
                            return match claim {
                                Claim::Kept => self.answers.keep_to_the_end(octets, limits),
                                _ => self.answers.keep(octets, limits),
                            };
                        }
                    }
                }
                if is_greeting {
                    return Err(match untagged {
                        Response::Other { .. } => malformed("a greeting"),
                        _ => Error::Unexpected { expected: "a greeting", octets: octets() },
                    });
                }
                state.note_unsolicited(untagged);
                let event = || event(untagged, Input { bytes, literals }, tolerated, mask);
                self.events.push(event, weight + untagged.kept(), limits)?;
            }
        }
        Ok(())
    }
}
