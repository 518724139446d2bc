//! The processes of a lab: started, written down, and stopped by what was written down.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;

/// A process, so told that another one that got its number later is not taken for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Process {
    id: u32,
    /// When it was started, in the kernel's ticks since the machine was.
    started: u64,
}

/// What the kernel tells of a process.
#[derive(Debug, PartialEq, Eq)]
struct Status {
    state: char,
    parent: u32,
    group: u32,
    session: u32,
    started: u64,
}

/// The list of what was started, in the lab's directory.
#[derive(Debug)]
pub(super) struct Processes {
    list: PathBuf,
}

/// Who makes the process group of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// We do.
    Ours,
    /// The program begins a session of its own, and ends at once where it cannot: Postfix.
    ItsOwn,
}

/// How long a server may take to stop before it is killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked again.
const PERIOD: Duration = Duration::from_millis(5);

impl Processes {
    pub(super) fn of(directory: &Path) -> Self {
        Self { list: directory.join("processes") }
    }

    /// Starts a program, its output in `log`. A key that interrupts us is not to reach it: it is in a
    /// process group of its own, or makes one.
    pub(super) fn start(
        &self,
        name: &str,
        command: &Command,
        group: Group,
        log: &Path,
    ) -> Result<Child> {
        let mut waiting = self.start_waiting(name, command, group, log)?;
        if let Some(mut stdin) = waiting.stdin.take() {
            stdin.write_all(b"\n")?;
        }
        Ok(waiting)
    }

    /// A process that is written down, and becomes the program only when it gets a line: if we are killed in
    /// between, it ends, and nothing runs that nobody knows of.
    fn start_waiting(
        &self,
        name: &str,
        command: &Command,
        group: Group,
        log: &Path,
    ) -> Result<Child> {
        let output = File::options().create(true).append(true).open(log)?;
        let mut shell = Command::new("sh");
        shell.args(["-c", "read -r go && exec \"$@\" < /dev/null", "sh"]);
        shell.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        if group == Group::Ours {
            shell.process_group(0);
        }
        shell.stdin(Stdio::piped()).stdout(output.try_clone()?).stderr(output);
        let child = shell.spawn().map_err(|error| format!("cannot start {name}: {error}"))?;
        let started = status(child.id()).map_or(0, |status| status.started);
        let mut list = OpenOptions::new().create(true).append(true).open(&self.list)?;
        writeln!(list, "{name} {} {started}", child.id())?;
        Ok(child)
    }

    /// The servers that are not running any more.
    pub(super) fn dead(&self) -> Vec<String> {
        let all = self.read();
        all.into_iter().filter(|(_, process)| !process.is_alive()).map(|(name, _)| name).collect()
    }

    /// Stops everything that was started and whatever it has started itself. Returns how many
    /// processes had to be killed.
    pub(super) fn stop(&self) -> Result<usize> {
        self.stop_within(PATIENCE)
    }

    fn stop_within(&self, patience: Duration) -> Result<usize> {
        let roots: Vec<Process> = self.read().into_iter().map(|(_, process)| process).collect();
        let mut family = BTreeSet::new();
        // Of one that has ended, those it left behind; its number is not given away while a group has it.
        for root in roots.iter().filter(|root| !root.is_replaced()) {
            family.extend(descendants(root.id));
        }
        signal("TERM", roots.iter().filter(|root| root.is_alive()))?;
        wait(&mut family, patience / 4);
        // Servers that were busy with a connection may outlive their master.
        signal("TERM", family.iter())?;
        wait(&mut family, patience);
        signal("KILL", family.iter())?;
        let killed = family.len();
        wait(&mut family, PATIENCE);
        match family.first() {
            None => Ok(killed),
            Some(process) => Err(format!("process {} cannot be ended", process.id).into()),
        }
    }

    fn read(&self) -> Vec<(String, Process)> {
        let text = fs::read_to_string(&self.list).unwrap_or_default();
        text.lines().filter_map(entry).collect()
    }
}

fn entry(line: &str) -> Option<(String, Process)> {
    let mut words = line.split(' ');
    let name = words.next()?.to_owned();
    let process = Process { id: words.next()?.parse().ok()?, started: words.next()?.parse().ok()? };
    Some((name, process))
}

impl Process {
    /// Another process has its number.
    fn is_replaced(&self) -> bool {
        status(self.id).is_some_and(|now| now.started != self.started)
    }

    /// A process that ended and was not asked for its status yet is no longer alive.
    fn is_alive(&self) -> bool {
        status(self.id).is_some_and(|now| now.started == self.started && now.state != 'Z')
    }
}

/// Waits until none of the family is alive; who is left stays in the set.
fn wait(family: &mut BTreeSet<Process>, patience: Duration) {
    let start = Instant::now();
    loop {
        family.retain(Process::is_alive);
        if family.is_empty() || start.elapsed() > patience {
            return;
        }
        thread::sleep(PERIOD);
    }
}

/// Signals processes by the shell's own `kill`, since a program of that name need not be there.
fn signal<'a>(name: &str, processes: impl Iterator<Item = &'a Process>) -> Result<()> {
    let ids: Vec<String> = processes.map(|process| process.id.to_string()).collect();
    if !ids.is_empty() {
        let script = format!("kill -{name} {}", ids.join(" "));
        // One that has ended meanwhile is an error of `kill` and none of ours.
        Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status()?;
    }
    Ok(())
}

/// A process, its children and theirs, and whoever is left in their groups and sessions.
fn descendants(root: u32) -> BTreeSet<Process> {
    let all: Vec<(u32, Status)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|id| Some((id, status(id)?)))
        .collect();
    let mut found = BTreeSet::from([root]);
    loop {
        let before = found.len();
        for (id, status) in &all {
            let related = [status.parent, status.group, status.session];
            if related.iter().any(|relative| found.contains(relative)) {
                found.insert(*id);
            }
        }
        if found.len() == before {
            break;
        }
    }
    let members = all.into_iter().filter(|(id, _)| found.contains(id));
    members.map(|(id, status)| Process { id, started: status.started }).collect()
}

fn status(id: u32) -> Option<Status> {
    parse_status(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
}

/// `proc(5)`: number, name in parentheses (which may hold anything), state, parent, group,
/// session, …, and the start as the 22nd field.
fn parse_status(text: &str) -> Option<Status> {
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse().ok();
    Some(Status {
        state: fields.first()?.chars().next()?,
        parent: number(1)?,
        group: number(2)?,
        session: number(3)?,
        started: fields.get(19)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_read_whatever_the_name_holds() {
        let text = "77 (a ) b) S 1 76 75 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        let expected = Status { state: 'S', parent: 1, group: 76, session: 75, started: 4711 };
        assert_eq!(parse_status(text), Some(expected));
        assert_eq!(parse_status("77 (a) S 1"), None);
    }

    #[test]
    fn what_a_server_leaves_behind_is_stopped() {
        let directory = std::env::temp_dir().join(format!("xtask-left-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let processes = Processes::of(&directory);
        let log = directory.join("log");
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo ready; wait"]);
        let mut child = processes.start("shell", &command, Group::Ours, &log).unwrap();
        while fs::read_to_string(&log).unwrap() != "ready\n" {
            thread::yield_now();
        }
        let family = descendants(child.id());
        assert_eq!(family.len(), 2, "{family:?}");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(processes.dead(), ["shell"]);
        processes.stop().unwrap();
        assert!(!family.iter().any(Process::is_alive));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn who_is_killed_while_starting_leaves_nobody_behind() {
        let directory = std::env::temp_dir().join(format!("xtask-starting-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let processes = Processes::of(&directory);
        let mark = directory.join("mark");
        let mut command = Command::new("touch");
        command.arg(&mark);
        let log = directory.join("log");
        let mut child = processes.start_waiting("touch", &command, Group::Ours, &log).unwrap();
        // It is written down by now, and it is no server yet.
        assert!(processes.dead().is_empty());
        // The end of us is the end of its standard input.
        drop(child.stdin.take());
        assert!(!child.wait().unwrap().success());
        assert!(!mark.exists());
        // Told to go on, it becomes the program.
        let mut child = processes.start("touch", &command, Group::Ours, &log).unwrap();
        assert!(child.wait().unwrap().success());
        assert!(mark.exists());
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn what_was_started_is_stopped_with_its_children() {
        let directory =
            std::env::temp_dir().join(format!("xtask-processes-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let processes = Processes::of(&directory);
        let log = directory.join("log");
        // The child ignores the signal that stops its parent.
        let script = "(trap '' TERM; echo ready; exec sleep 600) & sleep 600";
        let mut command = Command::new("sh");
        let mut child =
            processes.start("shell", command.args(["-c", script]), Group::Ours, &log).unwrap();
        while fs::read_to_string(&log).unwrap() != "ready\n" {
            thread::yield_now();
        }
        let family = descendants(child.id());
        assert!(family.len() >= 2, "{family:?}");
        assert!(processes.dead().is_empty());
        // Only those that do not listen have to be killed, and they are.
        let stopped = Processes { list: processes.list.clone() };
        assert!(stopped.stop_within(Duration::ZERO).unwrap() >= 1);
        child.wait().unwrap();
        assert!(!family.iter().any(Process::is_alive));
        assert_eq!(processes.dead(), ["shell"]);
        // A second time there is nothing left to do, whoever has the numbers now.
        assert_eq!(processes.stop().unwrap(), 0);
        fs::remove_dir_all(directory).unwrap();
    }
}
