//! Sending the user to a page.

use std::process::{Command, Stdio};

use crate::config::var;
use crate::output::Ui;
use crate::secret::VARIABLES;

/// Prints the URL, and opens it where `open` says so. The URL holds no secret.
pub(crate) fn announce(ui: &Ui, url: &str, open: bool) {
    ui.prompt(format!("Open this page and sign in:\n\n  {url}\n\n"));
    if !open {
        return;
    }
    let default = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let browsers = var("BROWSER").unwrap_or_else(|| default.to_owned());
    let mut commands = commands(&browsers, url);
    let started = commands.any(|(program, arguments)| {
        let mut command = Command::new(program);
        // It lives for long and runs what pages say.
        for name in VARIABLES {
            command.env_remove(name);
        }
        let command = command.args(arguments).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().is_ok()
    });
    if !started {
        ui.detail(format!("no browser could be started with `{browsers}`"));
    }
}

/// `BROWSER` is a list; the first that can be started is taken. `%s` stands for the URL, which is appended where there
/// is none.
fn commands(browsers: &str, url: &str) -> impl Iterator<Item = (String, Vec<String>)> {
    let separator = if cfg!(windows) { ';' } else { ':' };
    browsers.split(separator).filter_map(move |entry| {
        let mut words: Vec<String> = entry.split_ascii_whitespace().map(str::to_owned).collect();
        if words.is_empty() {
            return None;
        }
        if entry.contains("%s") {
            words.iter_mut().for_each(|word| *word = word.replace("%s", url));
        } else {
            words.push(url.to_owned());
        }
        let program = words.remove(0);
        Some((program, words))
    })
}

/// Says where the browser has to end, and how one on another machine gets there.
pub(crate) fn waiting(ui: &Ui, host: &str, port: u16) {
    if std::env::var_os("SSH_CONNECTION").is_some() {
        ui.prompt(format!("From your own machine: ssh -L {port}:127.0.0.1:{port} HOST"));
    }
    ui.prompt(format!("Waiting on http://{host}:{port} …"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_browsers_is_tried_in_turn_with_the_url_where_it_belongs() {
        let list =
            if cfg!(windows) { "w3m;;x -new-tab %s -y; " } else { "w3m::x -new-tab %s -y: " };
        let found: Vec<_> = commands(list, "http://h/?a=%20").collect();
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        assert_eq!(
            found,
            [
                ("w3m".to_owned(), words(&["http://h/?a=%20"])),
                ("x".to_owned(), words(&["-new-tab", "http://h/?a=%20", "-y"])),
            ]
        );
    }
}
