//! `xoauth login` with a real browser that reads the consent page and clicks: headless Chromium, driven by its own
//! driver (W3C WebDriver). `cargo xtask lab deps` installs both where that can be done; where they are not, the test says so.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use e2e::authorization::{Authorization, CLIENT_ID};
use serde_json::{Value, json};

use crate::Result;
use crate::environment::Lab;
use crate::report::Verdict;
use crate::runner::Test;

pub(crate) fn all() -> Vec<Test> {
    let run = |lab: &Lab| match Driver::start() {
        Err(why) => Verdict::NotRun(why.to_string()),
        Ok(driver) => match log_in(lab, driver) {
            Ok(()) => Verdict::Passed,
            Err(error) => Verdict::Failed(error.to_string(), Vec::new()),
        },
    };
    let name = "command login through the consent page in chromium".to_owned();
    vec![Test { name, servers: Vec::new(), run: Box::new(run) }]
}

/// A browser's driver that is ended with this value, and the browser with it.
struct Driver {
    child: Child,
    port: u16,
    directory: PathBuf,
}

impl Driver {
    fn start() -> Result<Self> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child =
            command.spawn().map_err(|error| format!("chromedriver cannot be run: {error}"))?;
        let out = child.stdout.take().ok_or("no output of chromedriver")?;
        let directory = std::env::temp_dir().join(format!("xoauth-browser-{}", std::process::id()));
        let mut driver = Self { child, port: 0, directory };
        let mut lines = BufReader::new(out).lines().map_while(|line| line.ok());
        let told = lines.find_map(|line| {
            let behind =
                line.split_once("successfully on port ")?.1.trim_end_matches('.').to_owned();
            behind.parse().ok()
        });
        driver.port = told.ok_or("chromedriver told no port")?;
        fs::create_dir_all(&driver.directory)?;
        Ok(driver)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let body = body.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            body.len()
        )?;
        // The driver leaves the connection open, whatever it says.
        let mut reader = BufReader::new(stream);
        let (mut head, mut length) = (String::new(), 0);
        while reader.read_line(&mut head)? > 2 {
            let line = head.lines().last().unwrap_or_default().to_ascii_lowercase();
            if let Some(told) = line.strip_prefix("content-length:") {
                length = told.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let document: Value = serde_json::from_slice(&body)?;
        if !head.starts_with("HTTP/1.1 200") {
            return Err(format!("{path}: {:?}", document.pointer("/value/message")).into());
        }
        Ok(document.get("value").cloned().unwrap_or_default())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn log_in(lab: &Lab, driver: Driver) -> Result<()> {
    let profile = driver.directory.join("profile");
    let options = json!({ "args": [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        format!("--user-data-dir={}", profile.display()),
    ] });
    let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
    let session = driver.ask("POST", "/session", &wanted)?;
    let session =
        session.get("sessionId").and_then(Value::as_str).ok_or("no session of the driver")?;
    let path = |rest: &str| format!("/session/{session}{rest}");
    let outcome = browse(lab, &driver, &path);
    driver.ask("DELETE", &path(""), &json!({}))?;
    outcome
}

fn browse(lab: &Lab, driver: &Driver, path: &impl Fn(&str) -> String) -> Result<()> {
    let server = Authorization::start(&["access-of-a-browser"])?;
    fs::create_dir_all(driver.directory.join("xoauth"))?;
    fs::write(
        driver.directory.join("xoauth/config.toml"),
        format!(
            "[account.a]\nuser = \"ann@example.org\"\nclient-id = \"{CLIENT_ID}\"\nscopes = [\"mail\"]\n\
             authorization-endpoint = \"{}\"\ntoken-endpoint = \"{}\"\n",
            server.url("/authorize"),
            server.url("/token")
        ),
    )?;
    let program = crate::command::program(lab)?;
    let command = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (config, state) = (&driver.directory, &driver.directory);
        command.env("XDG_CONFIG_HOME", config).env("XDG_STATE_HOME", state);
        command
    };
    let mut login = command(&["login", "--no-browser"]).spawn()?;
    let notes = login.stderr.take().ok_or("no notes")?;
    let mut lines = BufReader::new(notes).lines().map_while(|line| line.ok());
    let page = lines.find(|line| line.trim().starts_with("http://")).ok_or("no page to open")?;
    let clicked = click(driver, path, page.trim());
    if clicked.is_err() {
        login.kill()?;
    }
    let rest: Vec<String> = lines.collect();
    let ended = login.wait()?;
    clicked?;
    if !ended.success() {
        return Err(format!("login ended with {ended}: {}", rest.join("\n")).into());
    }
    let seen = driver.ask("GET", &path("/source"), &json!({}))?;
    if !seen.as_str().is_some_and(|text| text.contains("close this")) {
        return Err(format!("the browser ends at {seen}").into());
    }
    let token = command(&["token"]).output()?;
    match token.stdout.as_slice() {
        b"access-of-a-browser\n" => Ok(()),
        _ => Err(format!("no token: {token:?}").into()),
    }
}

/// Opens the page and agrees.
fn click(driver: &Driver, path: &impl Fn(&str) -> String, page: &str) -> Result<()> {
    driver.ask("POST", &path("/url"), &json!({ "url": page }))?;
    let wanted = json!({ "using": "css selector", "value": "#allow" });
    let link = driver.ask("POST", &path("/element"), &wanted)?;
    // W3C WebDriver 12.1: an object whose one member is the identifier.
    let link = link.as_object().and_then(|link| link.values().next()?.as_str());
    let link = link.ok_or("no link to agree by")?;
    driver.ask("POST", &path(&format!("/element/{link}/click")), &json!({}))?;
    Ok(())
}
