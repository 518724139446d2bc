//! Disks that are full, and directories that only others may write to.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use e2e::authorization::{Authorization, CLIENT_ID};
use e2e::host::{DEMO_USER, Host};

use crate::support::{Home, PROGRAM, Said, bearer_account, finish};

fn account(server: &Authorization) -> String {
    format!(
        "[account.a]\nuser = \"ann@example.org\"\nclient-id = \"{CLIENT_ID}\"\ntoken-endpoint = \"{}\"\n\
         device-endpoint = \"{}\"\n",
        server.url("/token"),
        server.url("/device"),
    )
}

const SPENT: &str = r#"{"v":1,"access_token":"old","expires_at":1,"refresh_token":"first"}"#;

/// Runs the command where a file may have so many kibibytes.
fn limited(home: &Home, kibibytes: u32, arguments: &[&str]) -> Said {
    let inner = home.command(&[]);
    let line = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", kibibytes * 2);
    let mut command = Command::new("sh");
    command.args(["-c", &line, PROGRAM]).args(arguments).current_dir(&home.path);
    command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(command.spawn().unwrap(), "")
}

#[test]
fn where_tokens_have_no_room_none_are_spent() {
    let server = Authorization::start(&["access-2"]).unwrap();
    server.set_refresh_token("first");
    let home = Home::with(&account(&server));
    home.write("state/xoauth/a.json", SPENT);
    for arguments in [&["token"][..], &["login", "--device"]] {
        let said = limited(&home, 8, arguments);
        assert_eq!(said.code, 74, "{said:?}");
        assert!(said.err.contains("a.json: File too large"), "{said:?}");
        assert!(server.requests().is_empty());
        assert_eq!(home.read("state/xoauth/a.json"), SPENT);
    }
    let left: Vec<_> = std::fs::read_dir(home.path.join("state/xoauth")).unwrap().collect();
    assert_eq!(left.len(), 2, "the store and its lock: {left:?}");
    assert_eq!(limited(&home, 64, &["token"]).ok(), "access-2\n");
}

#[test]
fn what_a_full_disk_cut_off_is_fetched_later_and_once() {
    let large = format!("Subject: large\r\n\r\n{}", "x\r\n".repeat(20_000));
    let mut host = Host::builder();
    for text in ["Subject: a\r\n\r\na\r\n", large.as_str(), "Subject: b\r\n\r\nb\r\n"] {
        host = host.deliver(DEMO_USER, "INBOX", text, &[], 1);
    }
    let host = host.start().unwrap();
    let home = Home::with(&bearer_account(&host, "XOAUTH2"));
    for (option, name) in [("--maildir", "M"), ("--eml", "E"), ("--mbox", "B")] {
        let arguments = ["fetch", "--all", option, name, "--resume"];
        let said = limited(&home, 16, &arguments);
        assert_eq!(said.code, 74, "{said:?}");
        assert!(said.err.contains(&format!("io: {name}: File too large")), "{said:?}");
        home.run(&arguments).ok();
        home.run(&arguments).ok();
        let texts = match option {
            "--mbox" => home.read(name).split("\nFrom ").map(str::to_owned).collect(),
            _ => texts(&home.path.join(name)),
        };
        assert_eq!(texts.len(), 3, "{option}");
        for subject in ["Subject: a\n", "Subject: large\n", "Subject: b\n"] {
            let found = texts.iter().filter(|text| text.replace('\r', "").contains(subject));
            assert_eq!(found.count(), 1, "{option} {subject}");
        }
    }
}

/// Of the files below a directory that are messages.
fn texts(directory: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let is_note = entry.file_name().to_string_lossy().starts_with(".xoauth");
        match entry.path() {
            path if path.is_dir() => texts.extend(self::texts(&path)),
            path if !is_note => texts.push(std::fs::read_to_string(path).unwrap()),
            _ => {}
        }
    }
    texts
}

/// Somebody who may write where its modes say so: root may everywhere, and becomes nobody for the command.
#[test]
fn where_the_store_cannot_be_written_no_token_is_spent() {
    const NOBODY: u32 = 65534;
    let server = Authorization::start(&["access-2"]).unwrap();
    server.set_refresh_token("first");
    let home = Home::with(&account(&server));
    let store = home.write("state/xoauth/a.json", SPENT);
    home.write("state/xoauth/a.lock", "");
    let is_root = home.path.metadata().unwrap().uid() == 0;
    // Where the program was built nobody may have no way to.
    let program = home.path.join("xoauth");
    std::fs::copy(PROGRAM, &program).unwrap();
    let inner = home.command(&[]);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(arguments).current_dir(&home.path).env_clear();
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        finish(command.spawn().unwrap(), "")
    };
    if is_root {
        own(&home.path, NOBODY);
    }
    let directory = store.parent().unwrap();
    let mode = |mode| {
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o500);
    for arguments in [&["token"][..], &["login", "--device"]] {
        let said = run(arguments);
        assert_eq!(said.code, 74, "{said:?}");
        assert!(said.err.contains("a.json: Permission denied"), "{said:?}");
        assert!(server.requests().is_empty());
    }
    mode(0o700);
    assert_eq!(run(&["token"]).ok(), "access-2\n");
}

/// Gives a directory and what is in it to somebody.
fn own(path: &Path, user: u32) {
    chown(path, Some(user), Some(user)).unwrap();
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            own(&entry.unwrap().path(), user);
        }
    }
}
