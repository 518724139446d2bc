//! `xoauth fetch`: messages to a Maildir, an mbox, files or standard output.

use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use xoauth::imap::command::{
    Examine, Fetch as FetchCommand, Item, Search, Select, Store, StoreAction,
};
use xoauth::imap::{Flag, Part, Query, Section, Session, Uid, UidSet};

use crate::Result;
use crate::account::Account;
use crate::args::Global;
use crate::connect::{Stream, imap_session};
use crate::deliver::{About, Eml, Kept, Maildir, Mbox, Pipe, Sink, State};
use crate::diagnose::{Attempt, failure_of};
use crate::failure::{Exit, Failure};
use crate::output::Ui;
use crate::progress::Progress;
use crate::query::Criteria;

/// The arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: xoauth fetch -a work --all --maildir Mail --resume
Also the criteria of `xoauth search`: --from --to --subject --body --since
--before --unseen --flagged --larger --keys. What was fetched is noted beside
the output. Exit: 74 disk; 75 cut off, --resume goes on.")]
pub(crate) struct Fetch {
    /// The mailbox
    #[arg(short, long, value_name = "NAME", default_value = "INBOX")]
    mailbox: String,
    #[command(flatten)]
    criteria: Criteria,
    /// Every message
    #[arg(long)]
    all: bool,
    /// These: 7,12:20; `-` reads them from standard input
    #[arg(long, value_name = "SET")]
    uid: Option<String>,
    /// Into this Maildir
    #[arg(long, value_name = "DIR", group = "target")]
    maildir: Option<PathBuf>,
    /// Behind what is in this mbox
    #[arg(long, value_name = "FILE", group = "target")]
    mbox: Option<PathBuf>,
    /// One file each in this directory
    #[arg(long, value_name = "DIR", group = "target")]
    eml: Option<PathBuf>,
    /// `-`: to standard output, as they are
    #[arg(group = "target", value_name = "-", value_parser = ["-"], hide_possible_values = true)]
    pipe: Option<String>,
    /// The headers only
    #[arg(long)]
    headers: bool,
    /// Mark them as read
    #[arg(long)]
    mark_seen: bool,
    /// Leave out what was fetched before
    #[arg(long)]
    resume: bool,
}

/// Messages a command: an interrupted one is begun anew from what is left, and servers that limit a command
/// (`MESSAGELIMIT`) take as many.
const BATCH: usize = 500;

/// How often a connection that broke is made anew without a message in between.
const ATTEMPTS: u32 = 3;

impl Fetch {
    pub(crate) fn run(&self, global: &Global, ui: &Ui) -> Result<Exit> {
        let query = self.query()?;
        if self.maildir.is_none()
            && self.mbox.is_none()
            && self.eml.is_none()
            && self.pipe.is_none()
        {
            return Err(
                Failure::usage("where to?").hint("--maildir DIR, --mbox FILE, --eml DIR, or -")
            );
        }
        let account = Account::resolve(global)?;
        let attempt = Attempt::new(&account, "imap");
        let failed = |error: xoauth::Error| failure_of(&error, "fetch", &attempt);
        let mut session = imap_session(&account)?;
        let uid_validity = self.open(&mut session).map_err(failed)?;
        let found = session.run(Search::new(query)).map_err(failed)?;
        let (mut sink, mut state) = self.target(uid_validity)?;
        let mut left: Vec<Uid> = found;
        left.sort_unstable();
        if self.resume {
            left.retain(|&uid| {
                !state.as_ref().is_some_and(|state| state.is_done(uid)) && !sink.has(uid)
            });
        }
        left.reverse();
        let mut run = Run {
            ui,
            sink: sink.as_mut(),
            state: state.as_mut(),
            progress: Progress::new(ui, left.len()),
            out: BufWriter::new(std::io::stdout()),
            octets: 0,
            count: 0,
            seen: Vec::new(),
        };
        let mut tries = 0;
        let result = loop {
            let before = left.len();
            let Err(broken) = self.rest(&mut session, &mut left, &mut run) else { break Ok(()) };
            if left.len() < before {
                tries = 0;
            }
            tries += 1;
            let again =
                matches!(&broken, Broken::Session(error) if error.is_fatal()) && tries <= ATTEMPTS;
            if !again {
                break Err(broken.failure(&attempt));
            }
            ui.note("connection lost; connecting again");
            let opened = imap_session(&account).and_then(|mut again| {
                let now = self.open(&mut again).map_err(failed)?;
                Ok((again, now))
            });
            match opened {
                Ok((_, now)) if now != uid_validity => {
                    break Err(Failure::new(
                        Exit::Temporary,
                        "fetch",
                        "the mailbox was made anew meanwhile",
                    ));
                }
                Ok((again, _)) => session = again,
                Err(failure) => break Err(failure),
            }
        };
        run.end(&state_note(result.is_err(), self))?;
        result?;
        let _ = session.logout();
        Ok(Exit::Ok)
    }

    /// What to look for.
    fn query(&self) -> Result<Query> {
        let criteria = self.criteria.query()?;
        match (criteria, &self.uid, self.all) {
            (Some(query), None, false) => Ok(query),
            (None, Some(set), false) => {
                let text = if set == "-" { uids_of_stdin()? } else { set.clone() };
                let set = text.parse::<UidSet>();
                set.map(Query::Uid).map_err(|error| Failure::usage(format!("--uid: {error}")))
            }
            (None, None, true) => Ok(Query::All),
            (None, None, false) => {
                Err(Failure::usage("which messages?").hint("--all, --uid SET, or criteria"))
            }
            _ => Err(Failure::usage("--all, --uid and criteria exclude each other")),
        }
    }

    /// Opens the mailbox and gives its UIDVALIDITY.
    fn open(&self, session: &mut Session<Stream>) -> Result<u32, xoauth::Error> {
        let selected = if self.mark_seen {
            session.run(Select::new(self.mailbox.as_str()))?
        } else {
            session.run(Examine::new(self.mailbox.as_str()))?
        };
        Ok(selected.uid_validity.map_or(0, std::num::NonZeroU32::get))
    }

    /// Where messages go, and where it is noted.
    fn target(&self, uid_validity: u32) -> Result<(Box<dyn Sink>, Option<State>)> {
        let state_in =
            |directory: &Path| directory.join(format!(".xoauth-{}", file_name(&self.mailbox)));
        let io = |path: &Path| {
            let path = path.display().to_string();
            move |error: std::io::Error| Failure::io(path, &error)
        };
        let state =
            |path: &Path, kept: Kept| State::open(path, uid_validity, kept).map_err(io(path));
        let read = |path: &Path| Kept::read(path).map_err(io(path));
        if let Some(directory) = &self.maildir {
            let sink =
                Maildir::open(directory, &self.mailbox, uid_validity).map_err(io(directory))?;
            let path = state_in(directory);
            return Ok((Box::new(sink), Some(state(&path, read(&path)?)?)));
        }
        if let Some(directory) = &self.eml {
            let sink = Eml::open(directory, &self.mailbox, uid_validity).map_err(io(directory))?;
            let path = state_in(directory);
            return Ok((Box::new(sink), Some(state(&path, read(&path)?)?)));
        }
        if let Some(file) = &self.mbox {
            let mut name = file.clone().into_os_string();
            name.push(format!(".xoauth-{}", file_name(&self.mailbox)));
            let path = PathBuf::from(name);
            let kept = read(&path)?;
            let sink = Mbox::open(file, kept.open_at).map_err(io(file))?;
            return Ok((Box::new(sink), Some(state(&path, kept)?)));
        }
        Ok((Box::new(Pipe::new()), None))
    }

    /// Fetches what is left, the last first off the list.
    fn rest(
        &self,
        session: &mut Session<Stream>,
        left: &mut Vec<Uid>,
        run: &mut Run<'_>,
    ) -> Result<(), Broken> {
        while !left.is_empty() {
            let batch: Vec<Uid> = left.iter().rev().take(BATCH).copied().collect();
            let section = if self.headers { Section::Header } else { Section::Full };
            let items = vec![Item::Uid, Item::Flags, Item::InternalDate, Item::from(section)];
            let fetched = run.batch(session, FetchCommand::new(&batch, items), left);
            run.sink.give_up();
            fetched?;
            // What the server did not send is gone: expunged meanwhile.
            left.retain(|uid| !batch.contains(uid));
            if self.mark_seen && !run.seen.is_empty() {
                let seen = std::mem::take(&mut run.seen);
                session
                    .run(Store::new(&seen, StoreAction::Add, [Flag::Seen]))
                    .map_err(Broken::Session)?;
            }
        }
        Ok(())
    }
}

/// Why fetching stopped.
enum Broken {
    Session(xoauth::Error),
    /// The disk, or whoever reads our output.
    Local(Failure),
}

impl Broken {
    fn failure(self, attempt: &Attempt<'_>) -> Failure {
        match self {
            Self::Session(error) => failure_of(&error, "fetch", attempt),
            Self::Local(failure) => failure,
        }
    }
}

/// What is under way.
struct Run<'a> {
    ui: &'a Ui,
    sink: &'a mut dyn Sink,
    state: Option<&'a mut State>,
    progress: Progress,
    out: BufWriter<std::io::Stdout>,
    octets: u64,
    count: u64,
    seen: Vec<Uid>,
}

impl Run<'_> {
    /// One command: octets go to the sink as they come, a message is done when all of it is known.
    fn batch(
        &mut self,
        session: &mut Session<Stream>,
        command: FetchCommand,
        left: &mut Vec<Uid>,
    ) -> Result<(), Broken> {
        let disk = |error: std::io::Error| Broken::Local(Failure::io("output", &error));
        let mut stream = session.stream(command).map_err(Broken::Session)?;
        let mut size = None;
        while let Some(part) = stream.next_part().map_err(Broken::Session)? {
            match part {
                Part::Body(mut body) => {
                    self.sink.give_up();
                    if let (Some(state), Some(length)) = (&mut self.state, self.sink.length()) {
                        state.opens(length).map_err(disk)?;
                    }
                    self.sink.begin().map_err(disk)?;
                    size = Some(body.info().len);
                    while let Some(octets) = body.chunk().map_err(Broken::Session)? {
                        self.sink.write(octets).map_err(disk)?;
                    }
                }
                Part::Message(message) => {
                    // Flags that somebody changed meanwhile come without a body.
                    let (Some(uid), Some(octets)) = (message.uid, size.take()) else { continue };
                    let about = About { uid, message: &message };
                    let place = self.sink.finish(&about).map_err(disk)?;
                    if let Some(state) = &mut self.state {
                        state.done(uid).map_err(disk)?;
                    }
                    if let Ok(at) = left.binary_search_by(|other| uid.cmp(other)) {
                        left.remove(at);
                    }
                    self.seen.push(uid);
                    self.octets += octets;
                    self.count += 1;
                    self.progress.advance(octets);
                    self.tell(&about, place.as_deref(), octets).map_err(Broken::Local)?;
                }
            }
        }
        Ok(())
    }

    fn tell(&mut self, about: &About<'_>, place: Option<&Path>, octets: u64) -> Result<()> {
        let line = if self.ui.json {
            let flags =
                about.message.flags.iter().flat_map(|flags| flags.iter().map(ToString::to_string));
            let flags: Vec<String> = flags.collect();
            let date = about.date().map(|date| date.unix_seconds());
            let path = place.map(|path| path.display().to_string());
            json!({ "v": 1, "uid": about.uid.get(), "path": path, "size": octets, "date": date, "flags": flags })
                .to_string()
        } else {
            match place {
                Some(place) => place.display().to_string(),
                None => return Ok(()),
            }
        };
        writeln!(self.out, "{line}").map_err(|error| Failure::io("standard output", &error))
    }

    fn end(mut self, note: &str) -> Result<()> {
        self.progress.finish();
        self.out.flush().map_err(|error| Failure::io("standard output", &error))?;
        self.ui.note(format!("{} messages, {} octets{note}", self.count, self.octets));
        Ok(())
    }
}

fn state_note(broke: bool, fetch: &Fetch) -> String {
    let kept = broke && fetch.pipe.is_none();
    if kept { "; --resume goes on from here".to_owned() } else { String::new() }
}

/// UIDs, one a line or as sets.
fn uids_of_stdin() -> Result<String> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(16 * 1024 * 1024).read_to_string(&mut text);
    read.map_err(|error| Failure::io("standard input", &error))?;
    Ok(text.split_ascii_whitespace().collect::<Vec<_>>().join(","))
}

/// The name of a mailbox as part of a file's.
fn file_name(mailbox: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    mailbox.chars().map(plain).collect()
}
