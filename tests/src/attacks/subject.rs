//! The client that is tested.

use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use xoauth::{Tls, Trace};

use crate::player::{self, Driver, Means, Played, text};

/// The client that is tested.
#[derive(Debug, Clone)]
pub enum Subject {
    /// The library, within this process.
    Library(Driver),
    /// The built shim, as a process: memory is counted, and a crash is seen from outside.
    Shim(PathBuf, Driver),
}

/// What a client did.
#[derive(Debug)]
pub(super) struct Course {
    /// What the shim prints.
    pub(super) answer: Value,
    /// Lines that the trace hook saw, or that the shim wrote beside its answer.
    pub(super) traced: Vec<String>,
}

/// A client that has its result, and keeps its connection.
pub(super) enum Held {
    Here { played: Box<Played>, lines: Lines },
    Process { child: Child, failed: bool },
}

/// What a trace hook saw.
type Lines = Arc<Mutex<Vec<String>>>;

impl Held {
    /// Lets the client say goodbye, where nothing failed, and lets go of its connection; what the trace hook saw.
    ///
    /// # Errors
    /// The client panicked, or was ended by a signal.
    pub(super) fn part(mut self) -> Result<Vec<String>, String> {
        match &mut self {
            Self::Here { played, lines } => {
                caught(|| played.say_goodbye())?;
                Ok(std::mem::take(&mut *lines.lock().unwrap_or_else(PoisonError::into_inner)))
            }
            Self::Process { child, failed } => {
                if *failed {
                    child.kill().map_err(|error| error.to_string())?;
                }
                match child.wait() {
                    Ok(status) if status.success() || *failed => Ok(complained(child)),
                    Ok(status) => Err(format!("the shim ended with {status}")),
                    Err(error) => Err(error.to_string()),
                }
            }
        }
    }
}

/// What a shim that has ended wrote beside its answer: judged as a trace is.
fn complained(child: &mut Child) -> Vec<String> {
    let lines = child.stderr.take().map(|stderr| BufReader::new(stderr).lines());
    lines.into_iter().flatten().map_while(Result::ok).collect()
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Self::Process { child, .. } = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Subject {
    /// Lets the client do what the request says: what the shim prints, and the client, which holds its connection.
    ///
    /// # Errors
    /// The client panicked, was ended by a signal, or gave no answer in time.
    pub(super) fn play(
        &self,
        request: &Value,
        tls: &Tls,
        patience: Duration,
    ) -> Result<(Value, Held), String> {
        match self {
            Self::Library(driver) => here(request, *driver, tls),
            Self::Shim(program, driver) => process(request, program, *driver, patience),
        }
    }

    /// The client's memory is counted.
    pub(super) fn counts_memory(&self) -> bool {
        matches!(self, Self::Shim(..))
    }
}

fn here(request: &Value, driver: Driver, tls: &Tls) -> Result<(Value, Held), String> {
    let lines = Lines::default();
    let seen = Arc::clone(&lines);
    let trace = Trace::new(move |direction, line| {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(format!("{direction:?} {line}"));
    });
    let means = Means { driver, trace: Some(trace), tls: Some(tls.clone()) };
    let played = Box::new(caught(|| player::play(request, means))?);
    Ok((played.answer.clone(), Held::Here { played, lines }))
}

/// Does something in this process, where a fault of the library that has no end is caught by the limits of the test runner: a
/// thread cannot be ended from outside.
fn caught<R>(act: impl FnOnce() -> R) -> Result<R, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(act)).map_err(|cause| {
        let text = cause.downcast_ref::<String>().cloned();
        let text = text.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        format!("the client panicked: {}", text.unwrap_or_default())
    })
}

fn process(
    request: &Value,
    program: &PathBuf,
    driver: Driver,
    patience: Duration,
) -> Result<(Value, Held), String> {
    let failed = |error: io::Error| format!("the shim cannot be run: {error}");
    let mut child = Command::new(program)
        .args(["client", "--driver", driver.name()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(request.to_string().as_bytes()).map_err(failed)?;
    }
    let stdout = child.stdout.take().ok_or("the shim has no output")?;
    let (answers, answer) = channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        // Nothing at all is an answer too: that of a process that broke down.
        let _ = BufReader::new(stdout).read_line(&mut line);
        let _ = answers.send(line);
    });
    let mut held = Held::Process { child, failed: true };
    match answer.recv_timeout(patience) {
        Ok(line) => {
            let Held::Process { child, failed: has_failed } = &mut held else {
                return Err(String::new());
            };
            match serde_json::from_str(&line) {
                Ok(answer) => {
                    *has_failed = text(&answer, "outcome") != Some("ok");
                    Ok((answer, held))
                }
                Err(_) => {
                    let status = child.wait().map_err(failed)?;
                    Err(format!("the shim ended with {status}"))
                }
            }
        }
        Err(RecvTimeoutError::Timeout) => Err("the client hangs".to_owned()),
        Err(RecvTimeoutError::Disconnected) => Err("the shim's output broke".to_owned()),
    }
}
