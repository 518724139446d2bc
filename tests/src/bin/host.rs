//! `cargo xtask host`: the embedded mail host and an authorization server, until they are told to end, with a
//! configuration for the command.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::channel;

use e2e::authorization::{Authorization, CLIENT_ID};
use e2e::host::{DEMO_BEARER_TOKEN, DEMO_CONSUMER, DEMO_TOKEN, DEMO_USER, Host};
use e2e::setup::embedded_host;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the host failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let (stop, stopped) = channel();
    ctrlc::set_handler(move || {
        // Told twice is told.
        let _ = stop.send(());
    })?;
    let host = embedded_host()?;
    let until_eof = fill(&host, std::env::args().skip(1))?;
    // What a login hands out opens the mailbox.
    let tokens: Vec<String> = (1..=1000).map(|number| format!("issued-token-{number}")).collect();
    for token in &tokens {
        host.issue_bearer(DEMO_USER, token);
    }
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let authorization = Authorization::start(&tokens)?;
    let directory = Directory::new()?;
    let config = directory.0.join("config.toml");
    write_private(&config, &configuration(&host, &authorization))?;

    println!("A mail host for {DEMO_USER} runs on this machine:\n");
    println!(
        "  IMAP        localhost:{} (TLS), localhost:{} (STARTTLS)",
        host.imaps_port(),
        host.imap_port()
    );
    println!(
        "  submission  localhost:{} (TLS), localhost:{} (STARTTLS)",
        host.submissions_port(),
        host.submission_port()
    );
    println!("  sign in at  {}", authorization.url("/authorize"));
    println!("  CA file     {}", host.ca_file().display());
    println!(
        "  tokens      bearer {DEMO_BEARER_TOKEN}; OAuth 1.0a {} / {}, {} / {}\n",
        DEMO_CONSUMER.0, DEMO_CONSUMER.1, DEMO_TOKEN.0, DEMO_TOKEN.1
    );
    println!("In another terminal:\n");
    println!("  export XOAUTH_CONFIG={}", config.display());
    println!(
        "  cargo run -q -p xoauth-cli -- check            # the account `demo`; also: -a signed, -a expired"
    );
    println!("  cargo run -q -p xoauth-cli -- login -a login   # in the browser\n");
    println!("Ctrl-C ends it.");
    if until_eof {
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    } else {
        // The other end lives as long as the handler: for ever.
        let _ = stopped.recv();
    }
    Ok(())
}

/// `--messages N`: so many more in INBOX, of some 4 KiB. Answers whether the host is to end with its standard input:
/// `--until-eof`.
fn fill(host: &Host, mut arguments: impl Iterator<Item = String>) -> Result<bool, Box<dyn Error>> {
    let (mut count, mut until_eof) = (0_usize, false);
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), &mut arguments) {
            ("--messages", rest) => count = rest.next().ok_or("how many?")?.parse()?,
            ("--until-eof", _) => until_eof = true,
            _ => return Err("the options are --messages N and --until-eof".into()),
        }
    }
    let line = "All work and no play makes a mailbox of messages that are some kilobytes long.\r\n";
    for number in 1..=count {
        let text = format!(
            "From: ann@example.org\r\nTo: {DEMO_USER}\r\nSubject: message {number}\r\n\r\n{}",
            line.repeat(50)
        );
        host.deliver(DEMO_USER, "INBOX", text, &[], 1_700_000_000)?;
    }
    Ok(until_eof)
}

fn configuration(host: &Host, authorization: &Authorization) -> String {
    let ca = host.ca_file().display().to_string().replace('\\', "\\\\");
    let common = format!(
        "user = \"{DEMO_USER}\"\nimap = \"imaps://localhost:{}\"\nsmtp = \"smtp://localhost:{}\"\nca-file = \"{ca}\"\n",
        host.imaps_port(),
        host.submission_port()
    );
    format!(
        "default = \"demo\"\n\n[account.demo]\n{common}mechanism = \"XOAUTH2\"\naccess-token = \"{DEMO_BEARER_TOKEN}\"\n\n\
         [account.expired]\n{common}mechanism = \"OAUTHBEARER\"\naccess-token = \"demo-expired-token\"\n\n\
         [account.signed]\n{common}mechanism = \"XOAUTH\"\nconsumer-key = \"{}\"\nconsumer-secret = \"{}\"\n\
         token = \"{}\"\ntoken-secret = \"{}\"\n\n\
         [account.login]\n{common}mechanism = \"XOAUTH2\"\nclient-id = \"{CLIENT_ID}\"\nscopes = [\"mail\"]\n\
         authorization-endpoint = \"{}\"\ntoken-endpoint = \"{}\"\ndevice-endpoint = \"{}\"\n",
        DEMO_CONSUMER.0,
        DEMO_CONSUMER.1,
        DEMO_TOKEN.0,
        DEMO_TOKEN.1,
        authorization.url("/authorize"),
        authorization.url("/token"),
        authorization.url("/device"),
    )
}

/// A directory that goes with the host.
struct Directory(PathBuf);

impl Directory {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("xoauth-host-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write_private(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    std::io::Write::write_all(&mut options.open(path)?, text.as_bytes())
}
