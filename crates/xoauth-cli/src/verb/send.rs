//! `xoauth send`: a message from standard input, as `sendmail` takes it.

use clap::Args;
use serde_json::{Value, json};
use xoauth::smtp::exchange;
use xoauth::smtp::{Error as SmtpError, RecipientOutcome, ReplyText};

use crate::Result;
use crate::account::Account;
use crate::args::Global;
use crate::connect::Gate;
use crate::diagnose::failure_of;
use crate::failure::{Exit, Failure};
use crate::outgoing::Outgoing;
use crate::output::Ui;

/// The arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: git config sendemail.sendmailCmd \"xoauth send -a work\"
Strips Bcc, adds Date and Message-ID where they are missing, changes nothing
else. Takes sendmail's other options (-i -oi -B -F ...) and ignores them.
Exit: 65 bad message; 67 recipients refused; 75 temporary or not known; 77.")]
pub(crate) struct Send {
    /// Who gets it
    #[arg(value_name = "RECIPIENT")]
    recipients: Vec<String>,
    /// Also everybody in To, Cc and Bcc
    #[arg(short = 't', long)]
    read_recipients: bool,
    /// The envelope's sender
    #[arg(short = 'f', long = "envelope-from", value_name = "ADDRESS")]
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
    #[arg(short = 'o', hide = true, value_name = "OPTION")]
    options: Vec<String>,
    #[arg(short = 'B', hide = true, value_name = "TYPE")]
    body_type: Option<String>,
    #[arg(short = 'F', hide = true, value_name = "NAME")]
    full_name: Option<String>,
    #[arg(short = 'N', hide = true, value_name = "DSN")]
    notify: Option<String>,
    #[arg(short = 'R', hide = true, value_name = "RETURN")]
    give_back: Option<String>,
    #[arg(short = 'V', hide = true, value_name = "ID")]
    envelope_id: Option<String>,
    #[arg(short = 'U', hide = true)]
    user_submission: bool,
    #[arg(short = 'm', hide = true)]
    me_too: bool,
}

impl Send {
    pub(crate) fn run(&self, global: &Global, ui: &Ui) -> Result<Exit> {
        let account = Account::resolve(global)?;
        let message = Outgoing::read(std::io::stdin().lock())?;
        let mut recipients: Vec<String> = self.recipients.clone();
        if self.read_recipients {
            recipients.extend(message.recipients()?.iter().map(ToString::to_string));
        }
        dedup(&mut recipients);
        if recipients.is_empty() {
            return Err(
                Failure::usage("no recipient").hint("name one, or take those of the header: -t")
            );
        }
        let sender = self.sender.clone().or_else(|| account.from().map(str::to_owned));
        let sender = sender.or_else(|| message.sender());
        let sender = sender.ok_or_else(|| {
            Failure::config("no sender").hint("-f ADDRESS, or `from` in the account")
        })?;
        let (message, size) = message.complete(&sender, self.keep_bcc)?;
        if self.dry_run {
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
        let list: Vec<&str> = recipients.iter().map(String::as_str).collect();
        let sent = session.run(exchange::Send::new(sender.as_str(), list, message));
        let exit = match sent {
            Ok(sent) => {
                let refused: Vec<_> = sent.refused().collect();
                let accepted: Vec<_> = sent.accepted().collect();
                let reply = sent.reply().text();
                report(ui, &accepted, &refused, Some(&reply))?;
                exit_of(&refused)
            }
            Err(xoauth::Error::Smtp(SmtpError::RecipientsRefused { recipients })) => {
                let refused: Vec<_> = recipients.iter().collect();
                report(ui, &[], &refused, None)?;
                exit_of(&refused)
            }
            Err(error) => return Err(failure_of(&error, "send", &gate.attempt())),
        };
        // The message is on its way; how the session ends changes nothing.
        let _ = session.quit();
        Ok(exit)
    }
}

/// Later comes no second time.
fn dedup(recipients: &mut Vec<String>) {
    let mut seen = std::collections::HashSet::new();
    recipients.retain(|recipient| seen.insert(recipient.clone()));
}

/// Some were refused: later is worth it where the server says so of any.
fn exit_of(refused: &[&RecipientOutcome]) -> Exit {
    match refused {
        [] => Exit::Ok,
        // Where nothing was said, nobody knows.
        refused
            if refused
                .iter()
                .any(|one| one.reply().is_none_or(|reply| reply.code.is_transient())) =>
        {
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
    for one in refused {
        let said = one.reply().map_or_else(|| "not known".to_owned(), ToString::to_string);
        ui.note(format!("xoauth: send: {}: {said}", one.address));
    }
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
