//! AUTHENTICATE (RFC 3501, section 6.2.2; RFC 4959).

use super::tokens::Command;
use super::{Answer, Refusal, Session, State};
use crate::connection::Line;
use crate::host::judge::{RESPONSE_LIMIT, Step};

impl Session<'_> {
    pub(super) fn authenticate(&mut self, command: &mut Command) -> Answer {
        command.space()?;
        let mechanism = command.atom()?.to_ascii_uppercase();
        let mut response = None;
        if command.eat(" ") {
            if !self.client.shared.config.capabilities.sasl_ir {
                self.client.violation("an initial response where SASL-IR is not offered");
                return Err(Refusal::bad("SASL-IR is not offered"));
            }
            let initial = command.word("base64", |octet| octet.is_ascii_graphic())?;
            // `=` stands for an empty response: RFC 4959, section 3.
            let initial = if initial == "=" { String::new() } else { initial };
            response = Some(initial.into_bytes());
        }
        command.end()?;
        if !self.client.may_authenticate() {
            return Err(Refusal::no("[PRIVACYREQUIRED] TLS is required"));
        }
        let shared = self.client.shared;
        let offered = shared.config.capabilities.mechanisms.contains(&mechanism);
        let attempt = shared.judge.attempt(&mechanism).filter(|_| offered);
        let Some(mut attempt) = attempt else {
            return Err(Refusal::no("unsupported authentication mechanism"));
        };
        let mut challenge = attempt.prompt();
        loop {
            let message = match response.take() {
                Some(message) => message,
                None => {
                    self.write(format!("+ {challenge}\r\n").as_bytes())?;
                    self.read_response()?
                }
            };
            match attempt.step(shared, self.client.port(), &message) {
                Step::Challenge(text) => challenge = text,
                Step::NotBase64 => return Err(Refusal::bad("invalid base64")),
                Step::Refused => {
                    return Err(Refusal::no("[AUTHENTICATIONFAILED] authentication failed"));
                }
                Step::Unavailable(text) => {
                    return Err(Refusal::no(format!("[UNAVAILABLE] {text}")));
                }
                Step::Accepted(user, dies) => {
                    self.client.dies = dies;
                    self.state = State::Authenticated { user };
                    if shared.config.capabilities.after_login {
                        return Ok(format!("[CAPABILITY {}] logged in", self.capabilities()));
                    }
                    return Ok("logged in".to_owned());
                }
            }
        }
    }

    fn read_response(&mut self) -> Result<Vec<u8>, Refusal> {
        match self.client.connection.line(RESPONSE_LIMIT)? {
            Line::Whole(line) => {
                self.client.note(&line);
                if line == b"*" {
                    return Err(Refusal::bad("authentication cancelled"));
                }
                Ok(line)
            }
            Line::TooLong => Err(Refusal::bad("response too long")),
            Line::Broken => {
                self.client.violation("a line that does not end with CRLF");
                Err(Refusal::bad("a line ends with CRLF"))
            }
        }
    }
}
