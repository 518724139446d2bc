//! Writes the manual pages, the completions for shells and the sample configuration into a directory,
//! `target/dist` where none is named: `cargo xtask dist`.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use clap_complete::Shell;

/// Every kind of account, with comments.
const SAMPLE: &str = include_str!("../data/config.toml");

fn main() -> Result<(), Box<dyn Error>> {
    let named = std::env::args_os().nth(1).map(PathBuf::from);
    let directory = named.unwrap_or_else(|| PathBuf::from("target/dist"));
    let (manuals, completions) = (directory.join("man"), directory.join("completions"));
    fs::create_dir_all(&manuals)?;
    fs::create_dir_all(&completions)?;

    // The help of the terminal leaves out what every verb has; the manual has all of it.
    let mut order = 1000; // Behind those of the verb itself.
    let mut command = xoauth_cli::command().mut_args(|argument| {
        order += 1;
        argument.hide(false).display_order(order)
    });
    let verbs: Vec<String> =
        command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    for verb in &verbs {
        command =
            command.mut_subcommand(verb, |verb| verb.mut_args(|argument| argument.hide(false)));
    }
    clap_mangen::generate_to(command.clone(), &manuals)?;
    // For who installs the command under that name too.
    fs::write(manuals.join("sendmail.1"), ".so man1/xoauth-send.1\n")?;
    fs::write(manuals.join("xoauth.toml.5"), configuration_page())?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell] {
        clap_complete::generate_to(shell, &mut command.clone(), "xoauth", &completions)?;
    }
    fs::write(directory.join("config.toml"), SAMPLE)?;
    for name in ["man", "completions"] {
        let count = fs::read_dir(directory.join(name))?.count();
        println!("{}: {count} files", directory.join(name).display());
    }
    Ok(())
}

/// The page of the configuration: what a user would type, with its comments.
fn configuration_page() -> String {
    let mut page = String::from(
        ".TH xoauth.toml 5\n.SH NAME\nxoauth.toml \\- the accounts of xoauth(1)\n.SH FILES\n\
         $XDG_CONFIG_HOME/xoauth/config.toml, else ~/.config/xoauth/config.toml; or what XOAUTH_CONFIG and \\-\\-config name\n\
         .SH EXAMPLE\n.nf\n",
    );
    for line in SAMPLE.lines() {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        // A dot or an apostrophe in front would be a request.
        let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
        page.push_str(&format!("{guard}{line}\n"));
    }
    page + ".fi\n.SH SEE ALSO\nxoauth(1)\n"
}
