//! Writes the manual pages, the completions for shells and the sample configuration into a directory,
//! `target/dist` where none is named: `cargo xtask dist`.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use clap_complete::Shell;

fn main() -> Result<(), Box<dyn Error>> {
    let named = std::env::args_os().nth(1).map(PathBuf::from);
    let directory = named.unwrap_or_else(|| PathBuf::from("target/dist"));
    let (manuals, completions) = (directory.join("man"), directory.join("completions"));
    fs::create_dir_all(&manuals)?;
    fs::create_dir_all(&completions)?;

    // The help of the terminal leaves out what every verb has; the manual has all of it.
    let mut command = xoauth_cli::command().mut_args(|argument| argument.hide(false));
    let verbs: Vec<String> =
        command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    for verb in &verbs {
        if verb != "send" {
            command =
                command.mut_subcommand(verb, |verb| verb.mut_args(|argument| argument.hide(false)));
        }
    }
    clap_mangen::generate_to(command.clone(), &manuals)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell] {
        clap_complete::generate_to(shell, &mut command.clone(), "xoauth", &completions)?;
    }
    fs::write(directory.join("config.toml"), include_str!("../data/config.toml"))?;
    for name in ["man", "completions"] {
        let count = fs::read_dir(directory.join(name))?.count();
        println!("{}: {count} files", directory.join(name).display());
    }
    Ok(())
}
