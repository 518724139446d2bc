//! How a step ended.

use std::fmt;

/// How a task or one of its steps ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// With the reason, in a few words; empty when it was said already.
    Failed(String),
    /// What it needs is missing. Never counted as passed.
    NotRun(String),
}

impl Outcome {
    /// The same outcome after its reason was printed, for tasks whose last line is something else.
    pub(crate) fn said(self) -> Self {
        match self {
            Self::Failed(_) => Self::Failed(String::new()),
            other => other,
        }
    }

    /// Passed without complaints, failed with how many there are.
    pub(crate) fn from_complaints(count: usize) -> Self {
        match count {
            0 => Self::Passed,
            1 => Self::Failed("1 complaint".to_owned()),
            _ => Self::Failed(format!("{count} complaints")),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Failed(why) => write!(f, "FAILED: {why}"),
            Self::NotRun(why) => write!(f, "not run: {why}"),
        }
    }
}
