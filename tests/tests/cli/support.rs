//! A user's directory, and the command run in it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use e2e::host::{DEMO_BEARER_TOKEN, DEMO_CONSUMER, DEMO_TOKEN, DEMO_USER, Host};
use serde_json::Value;

/// The command, built by cargo together with these tests.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_xoauth-under-test");

/// A home directory of its own; removed at the end.
pub(crate) struct Home {
    pub(crate) path: PathBuf,
}

/// What a run of the command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("xoauth-cli-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(path.join("config/xoauth")).unwrap();
        Self { path }
    }

    /// A home whose configuration is this.
    pub(crate) fn with(config: &str) -> Self {
        let home = Self::new();
        home.write("config/xoauth/config.toml", config);
        home
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path.join(name)).unwrap()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        #[cfg(unix)]
        hear_interrupts();
        let mut command = Command::new(PROGRAM);
        command.env_clear().env("HOME", &self.path);
        // Windows programs need to know where the system is, Unix ones where others are.
        for name in ["PATH", "SystemRoot", "TEMP", "TMP"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("XDG_CONFIG_HOME", self.path.join("config"))
            .env("XDG_STATE_HOME", self.path.join("state"))
            .current_dir(&self.path)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, "")
    }

    /// The same with something on standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Said {
        finish(self.command(arguments).spawn().unwrap(), input)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// What is ignored is inherited, and a shell runs what is behind a script with SIGINT ignored: what is handled here is not.
#[cfg(unix)]
fn hear_interrupts() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let mut signals =
            signal_hook::iterator::Signals::new([signal_hook::consts::SIGINT]).unwrap();
        std::thread::spawn(move || {
            if signals.forever().next().is_some() {
                std::process::exit(130);
            }
        });
    });
}

/// Gives a running command its input and waits for its end.
pub(crate) fn finish(mut child: Child, input: &str) -> Said {
    // A command that needs no input may have closed it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Said {
    /// The output of a success.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:#?}");
        self.out
    }

    /// The output of a success as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let out = self.ok();
        let value: Value =
            serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"));
        assert_eq!(value["v"], 1, "{out}");
        value
    }

    /// The error as JSON.
    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        let line = self.err.lines().last().unwrap_or_default();
        let value: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:#?}"));
        assert_eq!(value["v"], 1);
        assert_eq!(value["error"]["exit"], self.code, "{self:#?}");
        value["error"].clone()
    }
}

/// A configuration with an account `demo` on the host, signing in with a bearer token.
pub(crate) fn bearer_account(host: &Host, mechanism: &str) -> String {
    format!(
        "[account.demo]\nuser = \"{DEMO_USER}\"\nimap = \"imaps://localhost:{}\"\n\
         smtp = \"smtp://localhost:{}\"\nca-file = \"{}\"\nmechanism = \"{mechanism}\"\n\
         access-token = \"{DEMO_BEARER_TOKEN}\"\n",
        host.imaps_port(),
        host.submission_port(),
        shown(&host.ca_file()),
    )
}

/// The same, signing with OAuth 1.0a.
pub(crate) fn signing_account(host: &Host, mechanism: &str) -> String {
    format!(
        "[account.demo]\nuser = \"{DEMO_USER}\"\nimap = \"imap://localhost:{}\"\n\
         smtp = \"smtps://localhost:{}\"\nca-file = \"{}\"\nmechanism = \"{mechanism}\"\n\
         consumer-key = \"{}\"\nconsumer-secret = \"{}\"\ntoken = \"{}\"\ntoken-secret = \"{}\"\n",
        host.imap_port(),
        host.submissions_port(),
        shown(&host.ca_file()),
        DEMO_CONSUMER.0,
        DEMO_CONSUMER.1,
        DEMO_TOKEN.0,
        DEMO_TOKEN.1,
    )
}

/// A path as a TOML string.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string().replace('\\', "\\\\")
}
