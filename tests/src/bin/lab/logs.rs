//! What the servers wrote down: what a server complains of about us fails a run, and so does its own breakdown.

use std::fs;

use crate::environment::Lab;
use crate::report::{Outcome, Verdict};

/// A log: its file in the lab's directory, what in it is a complaint, the complaints that tests provoke, and what
/// the cells of the table must have left there.
struct Log {
    file: &'static str,
    complaints: &'static [&'static str],
    expected: &'static [&'static str],
    reasons: &'static [&'static str],
}

/// With what the name of an outcome of these begins.
pub(crate) const NAME: &str = "log ";

/// What Dovecot's services say of themselves.
const DOVECOT: &[&str] =
    &[": Error: ", ": Fatal: ", ": Panic: ", "SSL_accept() failed", "wrong version"];
const POSTFIX: &[&str] = &["fatal: ", "panic: ", "error: ", "improper command"];
const EXIM: &[&str] =
    &["TLS error", "panic", "syntax or protocol errors", "SMTP protocol synchronization"];
const PYTHON: &[&str] = &["Traceback", "Error", "Unhandled", "exception", "complaint"];
/// Services of ours note every verdict, with the reason of a refusal; this alone is about clients.
const COMPLAINT: &[&str] = &["complaint"];
const ANYTHING: &[&str] = &[""];

/// Why a server of ours is silent to some: the reason of a known difference, which it tells nobody else.
const TOO_LARGE: &[&str] = &["Authentication response too large"];

/// The authentication service behind it is down, as `service-down` wants it.
const DOWN: &str = "Introspection failed";

/// A log in which nothing has to be.
const fn log(
    file: &'static str,
    complaints: &'static [&'static str],
    expected: &'static [&'static str],
) -> Log {
    Log { file, complaints, expected, reasons: &[] }
}

const LOGS: &[Log] = &[
    Log {
        file: "dovecot-oauth1/log",
        complaints: DOVECOT,
        // `lmtp_answers_for_each_recipient` has a user whose mail cannot be written.
        expected: &["lmtp(broken@example.test)"],
        reasons: TOO_LARGE,
    },
    Log { file: "dovecot-jwt/log", complaints: DOVECOT, expected: &[], reasons: TOO_LARGE },
    Log {
        file: "dovecot-introspection/log",
        complaints: DOVECOT,
        expected: &[DOWN],
        reasons: TOO_LARGE,
    },
    log("dovecot-down/log", DOVECOT, &[DOWN]),
    log("exim/log/mainlog", EXIM, &[]),
    log("exim/log/paniclog", ANYTHING, &[]),
    log("exim-down/log/mainlog", EXIM, &[]),
    log("exim-down/log/paniclog", ANYTHING, &[]),
    log("postfix/log", POSTFIX, &[]),
    log("auth-service.log", COMPLAINT, &[]),
    log("auth-service.out", PYTHON, &[]),
    log("twisted.log", COMPLAINT, &[]),
    log("twisted.out", PYTHON, &[]),
    log("aiosmtpd.log", COMPLAINT, &[]),
    log(
        "aiosmtpd.out",
        PYTHON,
        // Its way to refuse a token of more than 1,000 octets.
        &[
            "SMTP session exception",
            "Traceback",
            "chunk is longer than limit",
            "During handling of the above exception",
            "raise exceptions.LimitOverrunError(",
            "raise ValueError(e.args[0])",
            "attribute-error",
        ],
    ),
    log("sink.out", ANYTHING, &[]),
    log("exim.out", ANYTHING, &[]),
    log("exim-down.out", ANYTHING, &[]),
    log("postfix.out", ANYTHING, &[]),
];

/// How much of a log is shown.
const SHOWN: usize = 10;

/// Looks at every log there is, once the servers have been asked everything.
/// `is_whole`: all cells were run, so that their traces are there.
pub(crate) fn outcomes(lab: &Lab, is_whole: bool, wanted: impl Fn(&str) -> bool) -> Vec<Outcome> {
    let logs = LOGS.iter().map(|log| (format!("{NAME}{}", log.file), log));
    let logs = logs.filter(|(name, _)| wanted(name));
    logs.map(|(name, log)| Outcome::new(name, log.judge(lab, is_whole))).collect()
}

/// The names of all of them.
pub(crate) fn names() -> Vec<String> {
    LOGS.iter().map(|log| format!("{NAME}{}", log.file)).collect()
}

impl Log {
    fn judge(&self, lab: &Lab, is_whole: bool) -> Verdict {
        let server = self.file.split(['/', '.']).next().unwrap_or_default();
        if let Some(why) = lab.not_run(server) {
            return Verdict::NotRun(why.to_owned());
        }
        // One that found nothing to say has no log.
        let text = fs::read(lab.directory().join(self.file)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let missing = self.reasons.iter().find(|reason| !text.contains(**reason));
        if let (true, Some(reason)) = (is_whole, missing) {
            return Verdict::Failed(format!("`{reason}` is not there"), Vec::new());
        }
        let found = self.complaints_of(&text);
        if found.is_empty() {
            return Verdict::Passed;
        }
        let shown = found.iter().take(SHOWN).map(|line| (*line).to_owned()).collect();
        Verdict::Failed(format!("{} lines that nobody expects", found.len()), shown)
    }

    fn complaints_of<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let is_any = |words: &[&str], line: &str| words.iter().any(|word| line.contains(word));
        text.lines()
            .filter(|line| is_any(self.complaints, line) && !is_any(self.expected, line))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_found_and_expected_ones_are_not() {
        let log = |file: &str| LOGS.iter().find(|log| log.file == file).unwrap();
        let text = "Nov 26 imap-login: Info: Login\nNov 26 imap(a): Panic: file x: line 1\n\
                    Nov 26 lmtp(broken@example.test)<1><s>: Error: mkdir failed\n";
        let found = log("dovecot-oauth1/log").complaints_of(text);
        assert_eq!(found, ["Nov 26 imap(a): Panic: file x: line 1"]);
        let text = "XOAUTH Verdict(reason='ValueError')\ncomplaint XOAUTH acknowledged by b'x'\n";
        assert_eq!(log("auth-service.log").complaints_of(text).len(), 1);
        assert_eq!(log("exim/log/paniclog").complaints_of("anything\n").len(), 1);
        assert_eq!(log("aiosmtpd.out").complaints_of("TypeError: x\n").len(), 1);
    }
}
