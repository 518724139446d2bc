//! A throw-away authority, a certificate for localhost, and keys for signed tokens.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Result;

/// Makes them in the directory of the lab: `ca.crt`, `server.crt` and `server.key`; `rs256.key` with
/// `rs256.pem`; and `keys/`, where Dovecot looks for what tokens are signed with.
pub(super) fn make(work: &Path, hs256_secret: &str) -> Result<()> {
    let openssl = |arguments: &[&str]| openssl(work, arguments);
    let elliptic = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let authority = [
        &["req", "-x509", "-days", "2", "-subj", "/CN=throw-away authority of the lab"][..],
        &["-keyout", "ca.key", "-out", "ca.crt"],
        &elliptic,
        &["-addext", "basicConstraints=critical,CA:TRUE"],
        &["-addext", "keyUsage=critical,keyCertSign,cRLSign"],
    ];
    openssl(&authority.concat())?;
    let server = [
        &["req", "-x509", "-days", "2", "-subj", "/CN=localhost"][..],
        &["-CA", "ca.crt", "-CAkey", "ca.key", "-keyout", "server.key", "-out", "server.crt"],
        &elliptic,
        &["-addext", "basicConstraints=critical,CA:FALSE"],
        &["-addext", "keyUsage=critical,digitalSignature"],
        &["-addext", "extendedKeyUsage=serverAuth"],
        &["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
    ];
    openssl(&server.concat())?;
    openssl(&["genrsa", "-out", "rs256.key", "2048"])?;
    openssl(&["rsa", "-in", "rs256.key", "-pubout", "-out", "rs256.pem"])?;
    // <azp or default>/<algorithm>/<kid or default>
    for directory in ["keys/default/HS256", "keys/default/RS256"] {
        fs::create_dir_all(work.join(directory))?;
    }
    fs::copy(work.join("rs256.pem"), work.join("keys/default/RS256/default"))?;
    fs::write(work.join("hs256.txt"), hs256_secret)?;
    openssl(&["base64", "-A", "-in", "hs256.txt", "-out", "keys/default/HS256/default"])
}

fn openssl(work: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("openssl");
    let output = command.args(arguments).current_dir(work).stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let name = arguments.first().copied().unwrap_or_default();
    Err(format!("openssl {name} failed: {}", String::from_utf8_lossy(&output.stderr)).into())
}
