//! What a player of the conformance shim relies on beside its answers.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use e2e::player::Driver;
use e2e::scripted::{Peer, Step, expect, send};
use serde_json::{Value, json};

/// A server that says nothing to LOGOUT or QUIT keeps nobody from the answer. Where it does, this test has no end.
#[test]
fn the_answer_is_there_before_leave_is_taken() {
    let servers = [
        ("imap", "* PREAUTH [CAPABILITY IMAP4rev1] ready\r\n", "NOOP", "{tag} OK done\r\n"),
        ("smtp", "220 ready\r\n", "NOOP", "250 ok\r\n"),
    ];
    for (protocol, greeting, line, answer) in servers {
        for driver in Driver::ALL {
            let mut script = vec![send(greeting)];
            if protocol == "smtp" {
                script.extend([expect("EHLO"), send("250 mail.example.org\r\n")]);
            }
            script.extend([expect(line), send(answer), Step::Stall]);
            let peer = Peer::start(vec![script]).unwrap();
            let request = json!({
                "protocol": protocol, "host": "127.0.0.1", "port": peer.port(), "mode": "plain",
                "deadline_ms": 3_600_000, "actions": [{"do": "noop"}],
            });
            let mut shim = Command::new(env!("CARGO_BIN_EXE_shim"))
                .args(["client", "--driver", driver.name()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            shim.stdin.take().unwrap().write_all(request.to_string().as_bytes()).unwrap();
            let mut printed = String::new();
            BufReader::new(shim.stdout.take().unwrap()).read_line(&mut printed).unwrap();
            let printed: Value = serde_json::from_str(&printed).unwrap();
            assert_eq!(printed["outcome"], "ok", "{printed}");
            shim.kill().unwrap();
            shim.wait().unwrap();
        }
    }
}
