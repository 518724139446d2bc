//! The command line.

use std::path::PathBuf;

use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::verb::{check, explain, fetch, list, login, search, send, string, token, verify, watch};

const OVERVIEW: &str = "\
Usage: xoauth [OPTIONS] COMMAND
Credentials
  login    get a token: in the browser, on another device, or for a service
  token    print a valid access token, renewed where needed
  string   print the SASL initial response of a login
Diagnosis
  check    try a login step by step; name cause and fix of what fails
  explain  say what a server's answer, a SASL string or a token means
  verify   judge an OAuth 1.0a login as a server would
Mail
  list     mailboxes            search   messages that match
  fetch    messages to Maildir, mbox or files
  watch    what happens in a mailbox, as it happens
  send     a message, as sendmail does (also under that name)
Options
  -a, --account NAME   which account of the configuration (XOAUTH_ACCOUNT)
  -c, --config FILE    instead of ~/.config/xoauth/config.toml (XOAUTH_CONFIG)
      --json           results and errors as JSON
  -h, --help           this; `xoauth COMMAND --help` for one command
Without a configuration: --user ADDR with --provider ID, or --imap/--smtp URL.
Example: xoauth check --user ann@gmail.com --access-token-file FILE
All options: man xoauth, or docs/cli.md. Rules: docs/errors.md.
";

/// Sign in to mail with OAuth, and find out why a login fails.
#[derive(Debug, Parser)]
#[command(name = "xoauth", version, override_help = OVERVIEW, term_width = 80)]
#[command(disable_help_subcommand = true, subcommand_required = true, args_override_self = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// The options of every command; `docs/cli.md` and the manual describe them.
#[derive(Debug, Args, Clone)]
pub(crate) struct Global {
    /// The account of the configuration to use
    #[arg(short, long, global = true, hide = true, value_name = "NAME")]
    pub(crate) account: Option<String>,
    /// The configuration file
    #[arg(short, long, global = true, hide = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Results and errors as JSON with a version
    #[arg(long, global = true, hide = true)]
    pub(crate) json: bool,
    /// No notes on standard error, errors only
    #[arg(short, long, global = true, hide = true)]
    pub(crate) quiet: bool,
    /// More notes on standard error
    #[arg(short, long, global = true, hide = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Colours
    #[arg(long, global = true, hide = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// How long connecting, and each command, may take; a day at most
    #[arg(long, global = true, hide = true, value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: Option<u64>,
    /// Hosts, endpoints and scopes of a provider, where no account is configured
    #[arg(long, global = true, hide = true, value_name = "ID")]
    pub(crate) provider: Option<String>,
    /// The IMAP server: imaps://HOST[:993] or imap://HOST[:143] (STARTTLS)
    #[arg(long, global = true, hide = true, value_name = "URL")]
    pub(crate) imap: Option<String>,
    /// The submission server: smtps://HOST[:465] or smtp://HOST[:587] (STARTTLS)
    #[arg(long, global = true, hide = true, value_name = "URL")]
    pub(crate) smtp: Option<String>,
    /// Whose mail: the address to sign in with
    #[arg(long, global = true, hide = true, value_name = "ADDRESS")]
    pub(crate) user: Option<String>,
    /// XOAUTH2, OAUTHBEARER, XOAUTH or OAUTH10A
    #[arg(long, global = true, hide = true, value_name = "NAME")]
    pub(crate) mechanism: Option<String>,
    /// A file with the access token; `-` for standard input
    #[arg(long, global = true, hide = true, value_name = "FILE")]
    pub(crate) access_token_file: Option<String>,
    /// Whether credentials go with the first line: auto, always or never
    #[arg(long, global = true, hide = true, value_name = "WHEN")]
    pub(crate) sasl_ir: Option<String>,
    /// Trust these certificates (PEM) and no others
    #[arg(long, global = true, hide = true, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Take imap:// and smtp:// without TLS; loopback addresses only
    #[arg(long, global = true, hide = true)]
    pub(crate) insecure_plaintext: bool,
    /// Write the conversation without its secrets to a file (mode 0600)
    #[arg(long, global = true, hide = true, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal that is not dumb, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Get a token: in the browser, on another device, or for a service
    Login(login::Login),
    /// Print a valid access token, renewed where needed; never opens a browser
    Token(token::Token),
    /// Print the SASL initial response of a login, as base64
    String(string::InitialResponse),
    /// Try a login step by step; name cause and fix of what fails
    Check(check::Check),
    /// Say what a server's answer, a SASL string, a token or a provider is
    Explain(explain::Explain),
    /// Judge an OAuth 1.0a login as a server would
    Verify(verify::Verify),
    /// List mailboxes
    List(list::List),
    /// Find messages
    Search(search::Search),
    /// Fetch messages to a Maildir, an mbox or files
    Fetch(fetch::Fetch),
    /// Tell what happens in a mailbox, as it happens
    Watch(watch::Watch),
    /// Send a message from standard input, as sendmail does
    Send(send::Send),
}

/// The whole command line, for this package's own manual pages and completions. Its type is clap's, of whatever version
/// the command is built with: no part of the interface that versions speak of.
#[doc(hidden)]
pub fn command() -> clap::Command {
    let mut command = Cli::command();
    // All criteria of `search` work for `fetch`; its help names them in one line.
    let criteria = <crate::query::Criteria as Args>::augment_args(clap::Command::new("criteria"));
    for name in criteria.get_arguments().map(|argument| argument.get_id().clone()) {
        command = command.mut_subcommand("fetch", |fetch| {
            fetch.mut_arg(name.clone(), |argument| argument.hide(true))
        });
    }
    command
}

/// The pages for users: a checkout has them, a package alone has not.
#[cfg(test)]
pub(crate) fn docs() -> Option<&'static str> {
    let checkout = concat!(env!("CARGO_MANIFEST_DIR"), "/../../xtask");
    if std::path::Path::new(checkout).is_dir() {
        return Some(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs"));
    }
    crate::output::complain("not run: no documentation beside the package");
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        command().debug_assert();
    }

    /// Arguments show in `ps`: secrets come from files, commands, variables and standard input only.
    #[test]
    fn no_option_takes_a_secret() {
        let command = command();
        for verb in command.get_subcommands().chain([&command]) {
            for argument in
                verb.get_arguments().filter(|argument| argument.get_action().takes_values())
            {
                let name = argument.get_id().as_str();
                let is_secret =
                    ["secret", "token", "password"].iter().any(|word| name.contains(word));
                assert!(!is_secret || name.ends_with("_file"), "{}: {name}", verb.get_name());
            }
        }
    }

    #[test]
    fn help_of_every_verb_fits_a_screen_and_has_an_example() {
        let mut command = command();
        command.build();
        let overview = command.render_help().to_string();
        let mut pages = vec![("xoauth".to_owned(), overview)];
        for verb in command.get_subcommands_mut() {
            pages.push((verb.get_name().to_owned(), verb.render_help().to_string()));
        }
        for (name, page) in pages {
            // A terminal of 24 lines, the prompt behind it.
            assert!(page.lines().count() < 24, "{name}:\n{page}");
            assert!(page.lines().all(|line| line.chars().count() <= 80), "{name}:\n{page}");
            assert!(page.contains("xample"), "{name} has no example:\n{page}");
        }
    }

    fn pages(docs: &str) -> Vec<(String, String)> {
        let files = |directory: &str| {
            let entries = std::fs::read_dir(directory).unwrap();
            entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
        };
        let all = [files(docs), files(&format!("{docs}/recipes"))].concat();
        let pages = all.iter().filter(|path| path.extension().is_some_and(|name| name == "md"));
        pages
            .map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap()))
            .collect()
    }

    /// What users copy is taken: every command line of the documentation, the rules and the help.
    #[test]
    fn every_command_line_that_is_shown_is_one() {
        use clap::error::ErrorKind::{DisplayHelp, InvalidValue, MissingRequiredArgument};
        let Some(docs) = docs() else { return };
        let mut texts = pages(docs);
        texts.extend(
            crate::rules::RULES.iter().map(|rule| (rule.id.to_owned(), rule.fix.to_owned())),
        );
        let mut command = command();
        command.build();
        for verb in command.get_subcommands() {
            let behind = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            texts.push((verb.get_name().to_owned(), behind));
        }
        let verbs: Vec<String> =
            command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
        let mut tried = 0;
        for (place, text) in texts {
            let lines = text.split("xoauth ").skip(1);
            for line in
                lines.map(|line| line.split(['`', '"', '\'', '\n', '|', ')', '<']).next().unwrap())
            {
                let words: Vec<&str> = line
                    .split_ascii_whitespace()
                    // What comes behind is the shell's, or a sentence.
                    .take_while(|word| !word.starts_with(['#', ';', '&', '\\', '.', ',']))
                    .collect();
                let Some(first) = words.first().map(|word| word.trim_end_matches([',', '.', ';']))
                else {
                    continue;
                };
                // `xoauth list` is one, `xoauth is` a sentence.
                if !verbs.iter().any(|verb| verb == first) || words.contains(&"and") {
                    continue;
                }
                let parsed = command
                    .clone()
                    .try_get_matches_from(["xoauth"].into_iter().chain(words.iter().copied()));
                let kind = parsed.map_err(|error| error.kind()).err();
                // The value of the last option may have been cut off with its quotes.
                let is_cut = words.last().is_some_and(|word| word.starts_with('-'));
                let is_taken = match kind {
                    None | Some(DisplayHelp | MissingRequiredArgument) => true,
                    Some(InvalidValue) => is_cut,
                    Some(_) => false,
                };
                assert!(is_taken, "{place}: xoauth {line}: {kind:?}");
                tried += 1;
            }
        }
        assert!(tried >= 25, "only {tried} were found");
    }

    #[test]
    fn the_page_of_the_command_names_every_verb_and_no_option_that_is_none() {
        let Some(docs) = docs() else { return };
        let page = std::fs::read_to_string(format!("{docs}/cli.md")).unwrap();
        let command = command();
        let arguments =
            command.get_subcommands().chain([&command]).flat_map(|one| one.get_arguments());
        let known: Vec<&str> = arguments.filter_map(|argument| argument.get_long()).collect();
        for option in page.split("--").skip(1) {
            let end =
                option.find(|c: char| !c.is_ascii_lowercase() && c != '-' && !c.is_ascii_digit());
            let name = option.get(..end.unwrap_or(option.len())).unwrap().trim_end_matches('-');
            let of_others = ["path", "help", "version", "", "exclude"];
            assert!(known.contains(&name) || of_others.contains(&name), "--{name}");
        }
        for verb in command.get_subcommands() {
            assert!(page.contains(&format!("\n| `{}` |", verb.get_name())), "{}", verb.get_name());
        }
        for global in Global::augment_args(clap::Command::new("global")).get_arguments() {
            let name = global.get_long().unwrap();
            let is_shown =
                ["quiet", "verbose"].contains(&name) || page.contains(&format!("--{name}"));
            assert!(is_shown, "--{name} is not in docs/cli.md");
        }
    }
}
