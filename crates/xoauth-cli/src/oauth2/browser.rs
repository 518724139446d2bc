//! Sending the user to a page.

use std::process::{Command, Stdio};

use crate::config::var;
use crate::output::Ui;

/// Prints the URL, and opens it where `open` says so. The URL holds no secret.
pub(crate) fn announce(ui: &Ui, url: &str, open: bool) {
    ui.note(format!("Open this page and sign in:\n\n  {url}\n"));
    if !open {
        return;
    }
    let chosen = var("BROWSER");
    let default = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let program = chosen.as_deref().unwrap_or(default);
    let started = Command::new(program)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if started.is_err() {
        ui.detail(format!("no browser could be started with `{program}`"));
    }
}
