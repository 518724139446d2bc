//! `cargo xtask lab up`: starts every server that can be had.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use super::place::Place;
use super::ports::Ports;
use super::processes::Group;
use super::servers::{CLIENTS, FIRST, MAIL_USER, OTHERS, Ready, Server, Setting, tail, versions};
use super::tools::{self, Tool};
use super::{Options, down, keys};
use crate::Result;
use crate::outcome::Outcome;
use crate::workspace::Workspace;

/// How long a server may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is asked.
const PERIOD: Duration = Duration::from_millis(5);

/// What `start` found or made.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) place: Place,
    /// It was up before.
    pub(super) already: bool,
    /// The servers that cannot be had, with the reason.
    pub(super) not_run: Vec<(&'static str, String)>,
}

pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    let started = start(workspace, options)?;
    println!("lab: its ports are in {}", started.place.environment().display());
    Ok(judge(&started.not_run, options))
}

/// A server that was not started is named; whether that is a failure, the caller decides.
pub(super) fn judge(not_run: &[(&'static str, String)], options: &Options) -> Outcome {
    let names: Vec<&str> = not_run.iter().map(|(name, _)| *name).collect();
    if names.is_empty() || options.allow_missing {
        Outcome::Passed
    } else {
        Outcome::Failed(format!("not run: {} (see `lab deps`)", names.join(", ")))
    }
}

/// Starts the lab, unless all of it is running.
pub(super) fn start(workspace: &Workspace, options: &Options) -> Result<Started> {
    if let Some(place) = Place::find(workspace, options) {
        let is_up = place.environment().exists() && place.processes().dead().is_empty();
        let is_ours = told(&place) == configuration(workspace)?;
        if is_up && is_ours {
            println!("lab: already up in {}", place.directory.display());
            let not_run = not_run_of(&place);
            return Ok(Started { place, already: true, not_run });
        }
        match is_up {
            true => println!("lab: what the servers are told has changed: starting again"),
            false => println!("lab: cleaning up after a run that did not end"),
        }
        down::stop(place)?;
    }
    if !tools::is_root() {
        return Err("the servers change their user, for which the lab has to be root".into());
    }
    let begin = Instant::now();
    let missing: Vec<Tool> =
        Tool::ALL.into_iter().filter(|tool| !tool.is_installed(workspace)).collect();
    if missing.contains(&Tool::OpenSsl) {
        return Err("openssl is missing; see `cargo xtask lab deps`".into());
    }
    let ports = Ports::choose(options.base)?;
    let place = Place::make(workspace, options)?;
    match start_in(workspace, &place, &ports, &missing) {
        Ok(not_run) => {
            println!("lab: up in {:.1} s", begin.elapsed().as_secs_f64());
            Ok(Started { place, already: false, not_run })
        }
        Err(error) => {
            down::stop(place)?;
            Err(error)
        }
    }
}

type NotRun = Vec<(&'static str, String)>;

fn start_in(
    workspace: &Workspace,
    place: &Place,
    ports: &Ports,
    missing: &[Tool],
) -> Result<NotRun> {
    let begin = Instant::now();
    keys::make(&place.directory, &Setting::hs256_secret(workspace)?)?;
    let setting = Setting { workspace, place, ports, missing };
    let mut not_run = NotRun::new();
    start_all(FIRST, &setting, &mut not_run)?;
    println!("lab: Dovecot, authentication, Exim in {:.2} s", begin.elapsed().as_secs_f64());
    start_all(OTHERS, &setting, &mut not_run)?;
    for (name, tool) in CLIENTS.iter().filter(|(_, tool)| missing.contains(tool)) {
        not_run.push((name, it_needs(name, &[*tool])));
    }
    let environment = environment(workspace, place, ports, missing, &not_run)
        + &format!("{CONFIGURATION}{}\n", configuration(workspace)?);
    fs::write(place.environment(), environment)?;
    Ok(not_run)
}

/// Starts servers, and waits until all of them are ready.
fn start_all(
    servers: &'static [Server],
    setting: &Setting<'_>,
    not_run: &mut NotRun,
) -> Result<()> {
    let mut starting = Vec::new();
    for server in servers {
        let needs = server.needs.iter().copied();
        let needs: Vec<Tool> = needs.filter(|tool| setting.missing.contains(tool)).collect();
        if !needs.is_empty() {
            not_run.push((server.name, it_needs(server.name, &needs)));
            continue;
        }
        let log = setting.place.directory.join(format!("{}.out", server.name));
        let begin = Instant::now();
        let command = (server.prepare)(setting)?;
        let group = if server.name == "postfix" { Group::ItsOwn } else { Group::Ours };
        let child = setting.place.processes().start(server.name, &command, group, &log)?;
        starting.push(Starting { server, child, log, begin });
    }
    // The authentication service first: until it is there, Dovecot does not greet.
    starting.sort_by_key(|starting| !matches!(starting.server.ready, Ready::File(_)));
    for server in &mut starting {
        server.wait(setting.place, setting.ports)?;
    }
    Ok(())
}

/// Why something is not run, which is also said at once.
fn it_needs(name: &str, tools: &[Tool]) -> String {
    let wanted: Vec<&str> = tools.iter().map(|tool| tool.wanted()).collect();
    let why = format!("it needs {}", wanted.join(" and "));
    println!("lab: {name} not run: {why}");
    why
}

/// A server on its way.
struct Starting {
    server: &'static Server,
    child: Child,
    log: PathBuf,
    begin: Instant,
}

impl Starting {
    fn wait(&mut self, place: &Place, ports: &Ports) -> Result<()> {
        loop {
            let is_ready = match self.server.ready {
                Ready::File(name) => place.directory.join(name).exists(),
                Ready::Greets(names) => names.iter().all(|name| greets(ports.get(name))),
            };
            if is_ready {
                let seconds = self.begin.elapsed().as_secs_f64();
                println!("lab: {:<22} {seconds:.2} s", self.server.name);
                return Ok(());
            }
            let ended = self.child.try_wait()?;
            if ended.is_some() || self.begin.elapsed() > PATIENCE {
                let how =
                    ended.map_or_else(|| "is not ready".to_owned(), |how| format!("ended: {how}"));
                let name = self.server.name;
                let logs =
                    [&self.log, &place.directory.join(name).join("log")].map(|log| tail(log));
                return Err(format!("{name} {how}\n{}", logs.join("\n")).into());
            }
            thread::sleep(PERIOD);
        }
    }
}

/// Whether a server of either protocol says its first words on that port.
fn greets(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    if stream.set_read_timeout(Some(Duration::from_secs(5))).is_err() {
        return false;
    }
    let mut first = [0; 3];
    stream.read_exact(&mut first).is_ok() && matches!(&first, b"* O" | b"220")
}

/// `KEY=VALUE` lines for the test program.
fn environment(
    workspace: &Workspace,
    place: &Place,
    ports: &Ports,
    missing: &[Tool],
    not_run: &[(&'static str, String)],
) -> String {
    let mut lines = vec![
        format!("dir={}", place.directory.display()),
        format!("root={}", workspace.root.display()),
        format!("python={}", tools::python(workspace).display()),
    ];
    let mail_user = tools::user(MAIL_USER).unwrap_or_default();
    lines.push(format!("mail-user={}:{}", mail_user.0, mail_user.1));
    lines.extend(ports.iter().map(|(name, port)| format!("port.{name}={port}")));
    let versions = versions(workspace, missing);
    lines.extend(versions.iter().map(|(name, version)| format!("version.{name}={version}")));
    lines.extend(not_run.iter().map(|(name, why)| format!("{NOT_RUN}{name}={why}")));
    lines.join("\n") + "\n"
}

const NOT_RUN: &str = "not-run.";
const CONFIGURATION: &str = "configuration=";

/// What tells a lab that was started with other files from one that these would start.
fn configuration(workspace: &Workspace) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for directory in ["tests/lab", "tests/lab/config", "tests/lab/peers", "xtask/src/tasks/lab"] {
        let entries = fs::read_dir(workspace.root.join(directory))?;
        let mut files: Vec<PathBuf> =
            entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
        files.retain(|path| path.is_file());
        files.sort();
        for file in files {
            file.hash(&mut hasher);
            fs::read(file)?.hash(&mut hasher);
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// The same of a lab that is up.
fn told(place: &Place) -> String {
    let text = fs::read_to_string(place.environment()).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(CONFIGURATION));
    line.unwrap_or_default().to_owned()
}

/// The servers that a running lab lacks.
fn not_run_of(place: &Place) -> Vec<(&'static str, String)> {
    let text = fs::read_to_string(place.environment()).unwrap_or_default();
    let entries = text.lines().filter_map(|line| line.strip_prefix(NOT_RUN)?.split_once('='));
    let servers = FIRST.iter().chain(OTHERS).map(|server| server.name);
    let names: Vec<&str> = servers.chain(CLIENTS.iter().map(|(name, _)| *name)).collect();
    let known = |name: &str| names.iter().find(|known| **known == name).copied();
    entries.filter_map(|(name, why)| Some((known(name)?, why.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_cannot_be_had_fails_by_name_unless_it_may_be_missing() {
        let not_run = [("exim", "it needs Exim".to_owned()), ("curl", "it needs curl".to_owned())];
        let strict = Options::default();
        match judge(&not_run, &strict) {
            Outcome::Failed(why) => assert_eq!(why, "not run: exim, curl (see `lab deps`)"),
            other => panic!("{other:?}"),
        }
        let lenient = Options { allow_missing: true, ..Options::default() };
        assert!(matches!(judge(&not_run, &lenient), Outcome::Passed));
        assert!(matches!(judge(&[], &strict), Outcome::Passed));
    }
}
