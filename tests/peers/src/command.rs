//! The `xoauth` command as a whole: 10,000 messages into a Maildir beside a loop of Python's imaplib, and how long it
//! takes to start.

use std::env;
use std::error::Error;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use e2e::host::{DEMO_BEARER_TOKEN, DEMO_USER, Host};

use crate::measure::{goal, is_quick, median};
use crate::report::say;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Set where this program is to be the command.
const AS_COMMAND: &str = "XOAUTH_BENCH_COMMAND";

const ROUNDS: usize = 5;
const STARTS: usize = 200;

/// One message after the other, as the documentation of imaplib does it, with all that the command keeps: flags, date,
/// body. Files are written without forcing each to the disk (`mailbox.Maildir` does), as the command does.
const SCRIPT: &str = r#"
import base64, imaplib, os, re, sys
port, user, token, directory = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
mail = imaplib.IMAP4('127.0.0.1', port)
mail.authenticate('XOAUTH2', lambda _: f'user={user}\x01auth=Bearer {token}\x01\x01'.encode())
mail.select('INBOX', readonly=True)
for name in ('tmp', 'new', 'cur'):
    os.makedirs(os.path.join(directory, name))
flags = re.compile(rb'FLAGS \(([^)]*)\)')
for uid in mail.uid('SEARCH', 'ALL')[1][0].split():
    _, data = mail.uid('FETCH', uid, '(UID FLAGS INTERNALDATE BODY.PEEK[])')
    head, body = next(part for part in data if isinstance(part, tuple))
    seen = b'\\Seen' in (flags.search(head) or [b'', b''])[1]
    name = f'1.{uid.decode()}'
    temporary = os.path.join(directory, 'tmp', name)
    with open(temporary, 'wb') as file:
        file.write(body.replace(b'\r\n', b'\n'))
    place = ('cur', name + ':2,S') if seen else ('new', name)
    os.rename(temporary, os.path.join(directory, *place))
mail.logout()
"#;

/// The command, where this program was started to be it.
pub(crate) fn as_command() -> Option<ExitCode> {
    env::var_os(AS_COMMAND).map(|_| xoauth_cli::main())
}

/// What one run took.
#[derive(Clone, Copy)]
struct Took {
    wall: f64,
    /// CPU time of the client's process.
    cpu: f64,
}

pub(crate) fn run() -> Result<()> {
    let (count, rounds) = if is_quick() { (200, 1) } else { (10_000, ROUNDS) };
    let directory = env::temp_dir().join(format!("xoauth-bench-fetch-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let outcome = measure(count, rounds, &directory);
    std::fs::remove_dir_all(&directory)?;
    outcome
}

fn measure(count: usize, rounds: usize, directory: &Path) -> Result<()> {
    starts(if is_quick() { 3 } else { STARTS })?;
    if Command::new("python3").arg("--version").output().is_err() {
        say!("fetch: not run, there is no python3");
        return Ok(());
    }
    let body = "a line of a message, as long as lines are, and then a little more\r\n".repeat(60);
    let mut builder = Host::builder().plaintext_auth(true);
    for number in 0..count {
        let text = format!("Subject: {number}\r\nMessage-ID: <{number}@example.org>\r\n\r\n{body}");
        let flags: &[&str] = if number % 3 == 0 { &["\\Seen"] } else { &[] };
        builder = builder.deliver(DEMO_USER, "INBOX", text, flags, 1_700_000_000);
    }
    let host = builder.start()?;
    let port = host.imap_port();
    let (mut ours, mut python) = (Vec::new(), Vec::new());
    // Nothing is removed before the end: ext4 passes over every inode that was freed in the last seconds, and the next
    // run would pay for it.
    for round in 0..rounds {
        let place = |name: &str| directory.join(format!("{name}{round}"));
        let mut command = timed(&env::current_exe()?);
        command
            .env(AS_COMMAND, "1")
            .env("HOME", directory)
            .env("XOAUTH_ACCESS_TOKEN", DEMO_BEARER_TOKEN);
        command.args([
            "fetch",
            "--imap",
            &format!("imap://127.0.0.1:{port}"),
            "--insecure-plaintext",
        ]);
        command.args([
            "--user",
            DEMO_USER,
            "--mechanism",
            "XOAUTH2",
            "-q",
            "--all",
            "--resume",
            "--maildir",
        ]);
        ours.push(time(command.arg(place("ours")))?);
        let mut command = timed(Path::new("python3"));
        command.args(["-c", SCRIPT, &port.to_string(), DEMO_USER, DEMO_BEARER_TOKEN]);
        python.push(time(command.arg(place("python")))?);
        for name in ["ours", "python"] {
            let found = ["new", "cur"]
                .iter()
                .map(|part| Ok(std::fs::read_dir(place(name).join(part))?.count()));
            let found: usize = found.sum::<Result<usize>>()?;
            if found != count {
                return Err(format!("{name} wrote {found} messages of {count}").into());
            }
        }
    }
    say!(
        "{count} messages of 4 KB over loopback, plain, into a Maildir; {rounds} rounds, interleaved"
    );
    for (name, took) in [("xoauth fetch", &ours), ("imaplib, one by one (Python)", &python)] {
        let (wall, cpu) = (
            median(took.iter().map(|t| t.wall).collect()),
            median(took.iter().map(|t| t.cpu).collect()),
        );
        let rate = count as f64 / wall;
        say!(
            "  {name:<30} {rate:>8.0} messages/s   {:>7.1} µs CPU a message",
            cpu * 1e6 / count as f64
        );
    }
    let ratio = |pick: fn(&Took) -> f64| {
        median(ours.iter().zip(&python).map(|(ours, python)| pick(python) / pick(ours)).collect())
    };
    let (wall, cpu) = (ratio(|t| t.wall), ratio(|t| t.cpu));
    say!("{}", goal("imaplib's time by ours, by the clock", wall, ">= 5", wall >= 5.0));
    say!("{}", goal("imaplib's time by ours, by CPU time", cpu, ">= 5", cpu >= 5.0));
    Ok(())
}

/// `--help`, from the start of the process to its end.
fn starts(count: usize) -> Result<()> {
    let mut took = Vec::new();
    for _ in 0..count {
        let mut command = Command::new(env::current_exe()?);
        command.env(AS_COMMAND, "1").arg("--help").stdout(Stdio::null());
        let began = Instant::now();
        let ended = command.status()?;
        took.push(began.elapsed());
        if !ended.success() {
            return Err("--help failed".into());
        }
    }
    took.sort_unstable();
    let at = |part: usize| took.get(took.len() * part / 100).copied().unwrap_or_default();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let (least, middle) = (ms(at(0)), ms(at(50)));
    say!("start-up to --help, {count} times: least {least:.1} ms, median {middle:.1} ms");
    say!("{}", goal("median, ms", middle, "< 10", middle < 10.0));
    Ok(())
}

/// Runs a program by the shell, which tells its CPU time (POSIX `times`) at the end.
fn timed(program: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "\"$0\" \"$@\" > /dev/null || exit; times"]).arg(program);
    command
}

fn time(command: &mut Command) -> Result<Took> {
    let began = Instant::now();
    let output = command.stderr(Stdio::inherit()).output()?;
    let wall = began.elapsed().as_secs_f64();
    let text = String::from_utf8(output.stdout)?;
    // The second line is that of the children: user and system time as `0m1.23s`.
    let times = text.lines().nth(1).filter(|_| output.status.success()).ok_or("a client failed")?;
    let seconds = |text: &str| -> Result<f64> {
        let (minutes, seconds) = text.trim_end_matches('s').split_once('m').ok_or("no time")?;
        Ok(minutes.parse::<f64>()? * 60.0 + seconds.parse::<f64>()?)
    };
    let cpu = times.split_ascii_whitespace().map(seconds).sum::<Result<f64>>()?;
    Ok(Took { wall, cpu })
}
