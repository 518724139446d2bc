//! How far a long transfer is, on a terminal.

use std::fmt::Write;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::output::Ui;

/// A bar on standard error; nothing where that is no terminal.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(ui: &Ui, messages: usize) -> Self {
        Self::with(ui.draws(), messages)
    }

    /// A bar that nobody sees.
    pub(crate) fn hidden() -> Self {
        Self::with(false, 0)
    }

    fn with(shown: bool, messages: usize) -> Self {
        let target =
            if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(u64::try_from(messages).ok(), target);
        let template = "{wide_bar} {pos}/{len}, {rate}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.with_key("rate", |state: &ProgressState, out: &mut dyn Write| {
                let _ = write!(out, "{:.0}/s", state.per_sec());
            }));
        }
        Self(bar)
    }

    /// A message is done.
    pub(crate) fn advance(&self) {
        self.0.inc(1);
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
