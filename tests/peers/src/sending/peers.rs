//! The other clients, used as their documentation shows.

use std::process::Command;
use std::time::Duration;

use lettre::address::{Address, Envelope};
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, SmtpTransport, Tokio1Executor, Transport};
use mail_send::SmtpClientBuilder;
use tokio::io::BufStream;
use tokio::net::TcpStream;

use super::{Clock, FROM, Job, Result, TO, Took};

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

pub(super) fn async_smtp(job: Job<'_>) -> Result<Took> {
    use async_smtp::{EmailAddress, Envelope, SendableEmail, SmtpClient, SmtpTransport};
    runtime()?.block_on(async {
        // The stream is its caller's, who does well to set this: a message costs it four small writes.
        let stream = TcpStream::connect(("127.0.0.1", job.port)).await?;
        stream.set_nodelay(true)?;
        let stream = BufStream::new(stream);
        let mut transport = SmtpTransport::new(SmtpClient::new(), stream).await?;
        let began = Clock::start();
        for _ in 0..job.count {
            let to = vec![EmailAddress::new(TO.to_owned())?];
            let envelope = Envelope::new(Some(EmailAddress::new(FROM.to_owned())?), to)?;
            transport.send(SendableEmail::new(envelope, job.content)).await?;
        }
        Ok(began.took())
    })
}

fn envelope() -> Result<Envelope> {
    let to: Address = TO.parse()?;
    Ok(Envelope::new(Some(FROM.parse()?), vec![to])?)
}

fn tls_of_lettre(job: Job<'_>) -> Result<Tls> {
    let Some(authority) = job.authority else { return Ok(Tls::None) };
    let root = Certificate::from_pem(&authority.pem()?)?;
    let parameters = TlsParameters::builder("localhost".to_owned()).add_root_certificate(root);
    Ok(Tls::Wrapper(parameters.build()?))
}

pub(super) fn lettre(job: Job<'_>) -> Result<Took> {
    let builder = SmtpTransport::builder_dangerous("localhost").port(job.port);
    let transport = builder.tls(tls_of_lettre(job)?).build();
    transport.test_connection()?;
    let envelope = envelope()?;
    let began = Clock::start();
    for _ in 0..job.count {
        transport.send_raw(&envelope, job.content)?;
    }
    Ok(began.took())
}

pub(super) fn lettre_tokio(job: Job<'_>) -> Result<Took> {
    runtime()?.block_on(async {
        let builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("localhost").port(job.port);
        let transport = builder.tls(tls_of_lettre(job)?).build();
        transport.test_connection().await?;
        let envelope = envelope()?;
        let began = Clock::start();
        for _ in 0..job.count {
            transport.send_raw(&envelope, job.content).await?;
        }
        Ok(began.took())
    })
}

pub(super) fn mail_send(job: Job<'_>) -> Result<Took> {
    use mail_send::smtp::message::Message;
    let message = || Message::new(FROM, [TO], job.content);
    let builder = SmtpClientBuilder::<String>::new("localhost".to_owned(), job.port)?;
    runtime()?.block_on(async {
        if job.authority.is_some() {
            let mut client = builder.implicit_tls(true).allow_invalid_certs().connect().await?;
            let began = Clock::start();
            for _ in 0..job.count {
                client.send(message()).await?;
            }
            Ok(began.took())
        } else {
            let mut client = builder.implicit_tls(false).connect_plain().await?;
            let began = Clock::start();
            for _ in 0..job.count {
                client.send(message()).await?;
            }
            Ok(began.took())
        }
    })
}

const SCRIPT: &str = "
import smtplib, sys, time
port, count = int(sys.argv[1]), int(sys.argv[2])
content = sys.stdin.buffer.read()
server = smtplib.SMTP('127.0.0.1', port)
server.ehlo()
began, cpu = time.perf_counter(), time.process_time()
for _ in range(count):
    server.sendmail(sys.argv[3], [sys.argv[4]], content)
print(time.perf_counter() - began, time.process_time() - cpu)
";

/// Python's smtplib, where there is a Python.
pub(super) fn smtplib(job: Job<'_>) -> Result<Took> {
    use std::io::Write;
    use std::process::Stdio;
    let arguments = [&job.port.to_string(), &job.count.to_string(), FROM, TO];
    let mut python = Command::new("python3")
        .args(["-c", SCRIPT])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    python.stdin.take().ok_or("no standard input")?.write_all(job.content)?;
    let output = python.wait_with_output()?;
    let text = String::from_utf8(output.stdout)?;
    let (wall, cpu) = text.trim().split_once(' ').ok_or("smtplib told no times")?;
    let seconds = |text: &str| text.parse().map(Duration::from_secs_f64);
    Ok(Took { wall: seconds(wall)?, cpu: seconds(cpu)? })
}

pub(super) fn has_python() -> bool {
    Command::new("python3").arg("--version").output().is_ok()
}

/// What the sink and the system between take at most: the octets of one message, already made, in one write.
pub(super) fn bare_socket(job: Job<'_>) -> Result<Took> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", job.port))?;
    stream.set_nodelay(true)?;
    let size = job.content.len();
    let envelope = format!("MAIL FROM:<{FROM}>\r\nRCPT TO:<{TO}>\r\nBDAT {size} LAST\r\n");
    let mut heard = Vec::new();
    let began = Clock::start();
    for _ in 0..job.count {
        stream.write_all(envelope.as_bytes())?;
        stream.write_all(job.content)?;
    }
    stream.write_all(b"QUIT\r\n")?;
    stream.read_to_end(&mut heard)?;
    Ok(began.took())
}
