//! `xoauth send`: a message from standard input, as `sendmail` takes it.

use std::io::IsTerminal;

use clap::Args;
use serde_json::{Value, json};
use xoauth::smtp::exchange;
use xoauth::smtp::{Error as SmtpError, Headers, RecipientOutcome, ReplyText};

use crate::Result;
use crate::account::Account;
use crate::args::Global;
use crate::connect::Gate;
use crate::diagnose::failure_of;
use crate::failure::{Exit, Failure};
use crate::outgoing::Outgoing;
use crate::output::{Ui, complain};

/// The arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: git config sendemail.sendmailCmd \"xoauth send -a work\"
Strips Bcc, adds Date and Message-ID where they are missing, encodes header
fields beyond ASCII for a server without SMTPUTF8, changes nothing else. Takes
sendmail's other options (-i -oi -B -F ...) and ignores them.
Exit: 65 bad message; 67 recipients refused; 69; 75 temporary, or not known; 77.")]
pub(crate) struct Send {
    /// Who gets it
    #[arg(value_name = "RECIPIENT")]
    recipients: Vec<String>,
    /// Also everybody in To, Cc and Bcc
    #[arg(short = 't', long)]
    read_recipients: bool,
    /// The envelope's sender
    #[arg(short = 'f', long = "envelope-from", value_name = "ADDRESS", short_alias = 'r')]
    sender: Option<String>,
    /// Leave Bcc in the message
    #[arg(long)]
    keep_bcc: bool,
    /// Show the envelope; connect to nobody
    #[arg(long)]
    dry_run: bool,
    /// A line with a dot alone ends nothing; always so
    #[arg(short = 'i', hide = true)]
    ignore_dots: bool,
    /// Ignored, as are all of sendmail's below: -oi, -oem, -odb
    #[arg(short = 'o', hide = true, value_name = "OPTION")]
    options: Vec<String>,
    /// Ignored: the message's own octets tell
    #[arg(short = 'B', hide = true, value_name = "TYPE")]
    body_type: Option<String>,
    /// Ignored: the message has its own From
    #[arg(short = 'F', hide = true, value_name = "NAME")]
    full_name: Option<String>,
    /// Ignored: when to report delivery
    #[arg(short = 'N', hide = true, value_name = "DSN")]
    notify: Option<String>,
    /// Ignored: how much of the message a report has
    #[arg(short = 'R', hide = true, value_name = "RETURN")]
    give_back: Option<String>,
    /// Ignored: the envelope's name in reports
    #[arg(short = 'V', hide = true, value_name = "ID")]
    envelope_id: Option<String>,
    /// Ignored: submission by a user, which this always is
    #[arg(short = 'U', hide = true)]
    user_submission: bool,
    /// Ignored: the sender stays in lists
    #[arg(short = 'm', hide = true)]
    me_too: bool,
    /// Taken: -bm, the one thing this does
    #[arg(short = 'b', hide = true, value_name = "MODE", value_parser = mode)]
    mode: Option<String>,
    /// Ignored: relaying for a gateway
    #[arg(short = 'G', hide = true)]
    gateway: bool,
    /// Ignored: there are no aliases
    #[arg(short = 'n', hide = true)]
    no_aliases: bool,
    /// Ignored: a name for the system's log
    #[arg(short = 'L', hide = true, value_name = "TAG")]
    log_tag: Option<String>,
    /// Ignored: an option of sendmail's configuration
    #[arg(short = 'O', hide = true, value_name = "OPTION=VALUE")]
    long_options: Vec<String>,
    /// Ignored: how the message came here
    #[arg(short = 'p', hide = true, value_name = "PROTOCOL")]
    protocol: Option<String>,
    /// Ignored: a file for the conversation; --trace writes one
    #[arg(short = 'X', hide = true, value_name = "FILE")]
    log: Option<String>,
    /// Ignored: sendmail's configuration for submission or delivery
    #[arg(short = 'A', hide = true, value_name = "FILE")]
    configuration: Option<String>,
}

/// sendmail's modes: to deliver is the one there is.
fn mode(text: &str) -> std::result::Result<String, String> {
    match text {
        "m" => Ok(text.to_owned()),
        _ => Err("this sends one message; it is no server and keeps no queue".to_owned()),
    }
}

impl Send {
    pub(crate) fn run(&self, global: &Global, ui: &Ui) -> Result<Exit> {
        if global.access_token_file.as_deref() == Some("-") {
            return Err(Failure::usage("the message is on standard input, not the token")
                .hint("--access-token-file FILE, or XOAUTH_ACCESS_TOKEN"));
        }
        let account = Account::resolve(global)?;
        let mut recipients = Vec::new();
        for argument in &self.recipients {
            recipients.extend(addresses(argument)?);
        }
        let stdin = std::io::stdin();
        if stdin.is_terminal() {
            ui.note("the message, header first; end it with Ctrl-D on a line of its own");
        }
        let message = Outgoing::read(stdin.lock())?;
        if self.read_recipients {
            recipients.extend(message.recipients()?.iter().map(ToString::to_string));
        }
        dedup(&mut recipients);
        if recipients.is_empty() {
            return Err(
                Failure::usage("no recipient").hint("name one, or take those of the header: -t")
            );
        }
        // Of the null sender, which bounces have, the shell often leaves nothing.
        let sender = self.sender.as_ref().map(|sender| match sender.as_str() {
            "" => "<>".to_owned(),
            sender => sender.to_owned(),
        });
        let sender = match sender {
            None => account.sender()?.map(str::to_owned),
            sender => sender,
        };
        let sender = sender.or_else(|| message.sender());
        let sender = sender.ok_or_else(|| {
            Failure::config("no sender").hint("-f ADDRESS, or `from` in the account")
        })?;
        if self.dry_run {
            let (_, size) = message.complete(&sender, self.keep_bcc, true)?;
            if ui.json {
                ui.object(json!({ "from": sender, "recipients": recipients, "bytes": size, "sent": false }))?;
            } else {
                ui.line(format!("from {sender}"))?;
                for recipient in &recipients {
                    ui.line(format!("to   {recipient}"))?;
                }
                ui.line(format!("{size} octets, not sent"))?;
            }
            return Ok(Exit::Ok);
        }
        let gate = Gate::new(&account, "smtp")?;
        let mut session = gate.smtp_session()?;
        let takes_utf8 = session.extensions().smtp_utf8();
        let (message, _) = message.complete(&sender, self.keep_bcc, takes_utf8)?;
        let list: Vec<&str> = recipients.iter().map(String::as_str).collect();
        let sent = session.run(exchange::Submit::new(sender.as_str(), list, message));
        let (exit, reported) = match sent {
            Ok(sent) => {
                let refused: Vec<_> = sent.refused().collect();
                let accepted: Vec<_> = sent.accepted().collect();
                let reply = sent.reply().text();
                (exit_of(&refused), report(ui, &accepted, &refused, Some(&reply)))
            }
            Err(xoauth::Error::Smtp(SmtpError::RecipientsRefused { recipients })) => {
                let refused: Vec<_> = recipients.iter().collect();
                (exit_of(&refused), report(ui, &[], &refused, None))
            }
            Err(error) => {
                if let xoauth::Error::Smtp(error) = &error {
                    // The others share what befell the message.
                    let is_refused = |one: &&RecipientOutcome| {
                        one.reply().is_some_and(|reply| reply.code.get() >= 400)
                    };
                    tell(&error.recipients().iter().filter(is_refused).collect::<Vec<_>>());
                }
                let failure = failure_of(&error, "send", &gate.attempt());
                return Err(match error {
                    xoauth::Error::Smtp(SmtpError::ExtensionMissing { extension, .. })
                        if extension == "SMTPUTF8" =>
                    {
                        failure.hint("names, subjects and file names are encoded, addresses cannot be: write them in ASCII")
                    }
                    _ => failure,
                });
            }
        };
        // The message is on its way, or is not: neither how the session ends nor whether somebody hears of it changes
        // that, and who is told otherwise sends it again.
        let _ = session.quit();
        if let Err(failure) = reported {
            ui.failure(&failure);
        }
        Ok(exit)
    }
}

/// The addresses of an argument: one, with a name or without, or several with commas.
fn addresses(argument: &str) -> Result<Vec<String>> {
    let bad = |why: String| Failure::data(format!("recipient {argument:?}: {why}"));
    if argument.chars().any(char::is_control) {
        return Err(bad("it has a control character".to_owned()));
    }
    let field = format!("To: {argument}\r\n");
    let found = Headers::new(field.as_bytes()).recipients();
    let found = found.map_err(|error| bad(error.to_string()))?;
    if found.is_empty() {
        return Err(bad("no address".to_owned()));
    }
    Ok(found.iter().map(ToString::to_string).collect())
}

/// Names the recipients that a server refused. That is an error, and told with `-q` as well.
fn tell(refused: &[&RecipientOutcome]) {
    for one in refused {
        let said = one.reply().map_or_else(|| "not known".to_owned(), ToString::to_string);
        complain(&format!("xoauth: send: {}: {}", one.address, said));
    }
}

/// Later comes no second time.
fn dedup(recipients: &mut Vec<String>) {
    let mut seen = std::collections::HashSet::new();
    recipients.retain(|recipient| seen.insert(recipient.clone()));
}

/// Some were refused: later is worth it where the server says so of any. Also where others have the message by now: twice
/// is better than never, and who calls this can do so for one recipient at a time.
fn exit_of(refused: &[&RecipientOutcome]) -> Exit {
    match refused {
        [] => Exit::Ok,
        // Where nothing was said, nobody knows.
        refused if refused.iter().any(|one| one.reply().is_none() || one.is_transient()) => {
            Exit::Temporary
        }
        _ => Exit::NoUser,
    }
}

fn report(
    ui: &Ui,
    accepted: &[&RecipientOutcome],
    refused: &[&RecipientOutcome],
    reply: Option<&str>,
) -> Result<()> {
    tell(refused);
    if !ui.json {
        if !refused.is_empty() {
            for one in accepted {
                ui.note(format!("accepted: {}", one.address));
            }
        }
        return Ok(());
    }
    let rejected: Vec<Value> = refused
        .iter()
        .map(|one| {
            let (code, text) =
                (one.reply().map(|r| r.code.get()), one.reply().map(ReplyText::text));
            json!({ "rcpt": one.address.as_str(), "code": code, "text": text })
        })
        .collect();
    let accepted: Vec<&str> = accepted.iter().map(|one| one.address.as_str()).collect();
    ui.object(json!({
        "accepted": accepted,
        "rejected": rejected,
        "queue_id": reply.and_then(queue_id),
        "reply": reply,
    }))
}

/// The name in the server's queue, in the words of the servers that tell it.
fn queue_id(reply: &str) -> Option<&str> {
    let behind = ["queued as ", "id="].into_iter().find_map(|words| reply.split_once(words));
    let id = behind?.1.split([' ', ')', ']']).next()?;
    Some(id.trim_end_matches('.')).filter(|id| !id.is_empty())
}
