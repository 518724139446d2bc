//! What sessions do once they were let in: news by IDLE, APPEND, COMPRESS, several commands in flight.
//! Each with both drivers.

use xoauth::imap::command::{
    Append, Batch, Content, Fetch, Item, List, NewMessage, Noop, Search, Status,
};
use xoauth::imap::{Compression, Event, Flag, Query, Session, StatusItem, nonblocking};
use xoauth::net::{AsyncTlsTransport, FromReader};
use xoauth::sasl::Service;
use xoauth::{Error, imap};

use crate::Result;
use crate::credentials::{Kind, OAuth1};
use crate::environment::{Lab, Lines, Security};
use crate::mail::{self, NEEDS, SERVER};
use crate::runner::Test;

/// One test.
type Run = fn(&Lab, &Lines) -> Result<()>;

pub(crate) fn all() -> Vec<Test> {
    let tests: [(&str, Run); 12] = [
        ("idle_is_woken_by_a_delivery", idle),
        ("idle_is_woken_by_a_delivery_async", |lab, lines| run(idle_async(lab, lines))),
        ("idle_renews_itself", idle_renews),
        ("append_with_flags_is_read_back", append),
        ("append_of_25_mb_from_a_reader", append_large),
        ("append_of_25_mb_async", |lab, lines| run(append_large_async(lab, lines))),
        ("append_of_several_messages", append_several),
        ("compressed_session", compress),
        ("compressed_session_async", |lab, lines| run(compress_async(lab, lines))),
        ("batch_of_commands", batch),
        ("batch_of_commands_async", |lab, lines| run(batch_async(lab, lines))),
        ("batch_of_200_appends", batch_of_appends),
    ];
    tests.into_iter().map(|(name, test)| Test::named(name, NEEDS.to_vec(), test)).collect()
}

fn run(future: impl Future<Output = Result<()>>) -> Result<()> {
    e2e::runtime().block_on(future)
}

async fn open_async(
    lab: &Lab,
    user: &str,
    lines: &Lines,
) -> Result<nonblocking::Session<AsyncTlsTransport>> {
    let login = OAuth1::of(user).login(Kind::XOAuth, Service::Imap)?;
    let client = lab.imap_async(SERVER, Security::StartTls, lines).await?;
    let mut session = client.authenticate(login).await.map_err(Error::from)?;
    session.run(imap::command::Select::new("INBOX")).await?;
    Ok(session)
}

/// How long news may take.
const NEWS: std::time::Duration = std::time::Duration::from_secs(60);

fn idle(lab: &Lab, lines: &Lines) -> Result<()> {
    let user = "idle";
    let mut mailbox = mail::open(lab, user, lines)?;
    let before = mail::count(&mailbox);
    let mut idle = mailbox.idle()?;
    // Until the server has agreed there is nothing that a delivery could wake.
    mail::deliver(lab, user, &mail::written(user, "wake up", "now\r\n"), &Lines::default())?;
    loop {
        match idle.wait(NEWS)? {
            Some(Event::Exists(count)) if count > before => break,
            Some(_) => {}
            None => return Err("no news".into()),
        }
    }
    idle.done()?;
    let read = mail::read(&mut mailbox, before + 1)?;
    mail::same_below(&read, &mail::written(user, "wake up", "now\r\n"))?;
    Ok(mailbox.logout()?)
}

async fn idle_async(lab: &Lab, lines: &Lines) -> Result<()> {
    let user = "idleasync";
    let mut session = open_async(lab, user, lines).await?;
    let before = session.selected().and_then(|selected| selected.exists).unwrap_or(0);
    let mut idle = session.idle().await?;
    mail::deliver(lab, user, &mail::written(user, "wake up", "now\r\n"), &Lines::default())?;
    let woken = async {
        loop {
            match idle.next().await? {
                Event::Exists(count) if count > before => return Ok::<(), Error>(()),
                _ => {}
            }
        }
    };
    tokio::time::timeout(NEWS, woken).await.map_err(|_| "no news")??;
    idle.done().await?;
    session.run(Noop::new()).await?;
    Ok(session.logout().await?)
}

/// IDLE is sent anew, which Dovecot answers as often as it is asked; news still come.
fn idle_renews(lab: &Lab, lines: &Lines) -> Result<()> {
    let user = "idlerenews";
    let mut mailbox = mail::open(lab, user, lines)?;
    let before = mail::count(&mailbox);
    let interval = std::time::Duration::from_millis(20);
    let mut idle = mailbox.idle()?.renew_every(interval);
    while lines.sent("IDLE").len() < 4 {
        idle.wait(interval)?;
    }
    mail::deliver(lab, user, &mail::written(user, "late", "now\r\n"), &Lines::default())?;
    let begin = std::time::Instant::now();
    loop {
        match idle.wait(interval)? {
            Some(Event::Exists(count)) if count > before => break,
            _ if begin.elapsed() > NEWS => return Err("no news".into()),
            _ => {}
        }
    }
    idle.done()?;
    Ok(mailbox.logout()?)
}

fn append(lab: &Lab, lines: &Lines) -> Result<()> {
    let user = "append";
    let mut mailbox = mail::open(lab, user, lines)?;
    let before = mail::count(&mailbox);
    let text = mail::written(user, "a draft", ".\r\nSchöne Grüße\r\n");
    let message = NewMessage::new(text.clone()).flags([Flag::Seen, Flag::Draft]);
    let stored = mailbox.run(Append::new("INBOX", message))?;
    if stored.is_none() {
        return Err("no APPENDUID, which Dovecot always tells".into());
    }
    mail::wait_for(&mut mailbox, before + 1)?;
    let number = (before + 1).to_string();
    let found = mailbox.run(Fetch::by_sequence(number.as_str(), [Item::Body, Item::Flags]))?;
    let message = found.first().ok_or("no message")?;
    let flags = message.flags.as_ref().ok_or("no flags")?;
    if ![Flag::Seen, Flag::Draft].iter().all(|flag| flags.iter().any(|found| found == flag)) {
        return Err(format!("its flags are {flags:?}").into());
    }
    // Nothing is put on top of what was appended.
    if message.body() != Some(&text[..]) {
        return Err("what was read is not what was appended".into());
    }
    Ok(mailbox.logout()?)
}

/// A text of at least so many octets.
fn long_text(user: &str, octets: usize) -> Vec<u8> {
    let line = "a line of a message that is longer than any buffer on its way to the server\r\n";
    mail::written(user, "long", &line.repeat(octets / line.len() + 1))
}

const LARGE: usize = 25 * 1024 * 1024;

fn append_large(lab: &Lab, lines: &Lines) -> Result<()> {
    let user = "appendlarge";
    let mut mailbox = mail::open(lab, user, lines)?;
    let before = mail::count(&mailbox);
    let text = long_text(user, LARGE);
    let source = FromReader(std::io::Cursor::new(text.clone()));
    let content = Content::from_source(source, text.len() as u64);
    mailbox.run(Append::new("INBOX", content))?;
    mail::wait_for(&mut mailbox, before + 1)?;
    if mail::read(&mut mailbox, before + 1)? != text {
        return Err("what was read is not what was appended".into());
    }
    Ok(mailbox.logout()?)
}

async fn append_large_async(lab: &Lab, lines: &Lines) -> Result<()> {
    let user = "appendasync";
    let mut session = open_async(lab, user, lines).await?;
    let text = long_text(user, LARGE);
    let stored = session.run(Append::new("INBOX", text.clone())).await?;
    let uid = stored.and_then(|stored| Some(stored.uids.first()?.0)).ok_or("no APPENDUID")?;
    let found = session.run(Fetch::new(uid, Item::Body)).await?;
    if found.first().and_then(|message| message.body()) != Some(&text[..]) {
        return Err("what was read is not what was appended".into());
    }
    Ok(session.logout().await?)
}

/// MULTIAPPEND (RFC 3502): all in one command.
fn append_several(lab: &Lab, lines: &Lines) -> Result<()> {
    let user = "appendseveral";
    let mut mailbox = mail::open(lab, user, lines)?;
    let before = mail::count(&mailbox);
    let text = |number: usize| mail::written(user, &"x".repeat(number), "...\r\n");
    let append = (2..=20).fold(Append::new("INBOX", text(1)), |all, number| all.and(text(number)));
    mailbox.run(append)?;
    mail::wait_for(&mut mailbox, before + 20)?;
    for number in 1..=20 {
        if mail::read(&mut mailbox, before + number)? != text(number as usize) {
            return Err(format!("message {number} is another").into());
        }
    }
    Ok(mailbox.logout()?)
}

/// A text that does not become much smaller, so that both directions have long compressed streams.
fn noise(octets: usize) -> String {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut text = String::with_capacity(octets);
    while text.len() < octets {
        for _ in 0..76 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            text.push(char::from(b'!' + (state % 90) as u8));
        }
        text.push_str("\r\n");
    }
    text
}

const COMPRESSED: usize = 3 * 1024 * 1024;

/// COMPRESS=DEFLATE (RFC 4978) with zlib at the other end.
fn compress(lab: &Lab, lines: &Lines) -> Result<()> {
    let user = "compress";
    let mut mailbox = mail::open(lab, user, lines)?;
    mailbox.compress(Compression::default())?;
    let before = mail::count(&mailbox);
    let text = mail::written(user, "noise", &noise(COMPRESSED));
    mailbox.run(Append::new("INBOX", text.clone()))?;
    mail::wait_for(&mut mailbox, before + 1)?;
    if mail::read(&mut mailbox, before + 1)? != text {
        return Err("what was read is not what was appended".into());
    }
    // What becomes very small is also taken: 4 MiB of one letter.
    let long =
        mail::written(user, "one letter", &["x".repeat(76), "\r\n".into()].concat().repeat(50_000));
    mailbox.run(Append::new("INBOX", long.clone()))?;
    mail::wait_for(&mut mailbox, before + 2)?;
    let read = mail::read(&mut mailbox, before + 2)?;
    if read != long {
        return Err("what was read is not what was appended".into());
    }
    if mailbox.compress(Compression::default()).is_ok() {
        return Err("compressed twice".into());
    }
    mailbox.run(Noop::new())?;
    Ok(mailbox.logout()?)
}

async fn compress_async(lab: &Lab, lines: &Lines) -> Result<()> {
    let user = "compressasync";
    let mut session = open_async(lab, user, lines).await?;
    session.compress(Compression::default()).await?;
    let text = mail::written(user, "noise", &noise(COMPRESSED));
    let stored = session.run(Append::new("INBOX", text.clone())).await?;
    let uid = stored.and_then(|stored| Some(stored.uids.first()?.0)).ok_or("no APPENDUID")?;
    let found = session.run(Fetch::new(uid, Item::Body)).await?;
    if found.first().and_then(|message| message.body()) != Some(&text[..]) {
        return Err("what was read is not what was appended".into());
    }
    // The same in pieces.
    let mut stream = session.stream(Fetch::new(uid, Item::Body)).await?;
    let mut read = Vec::new();
    while let Some(part) = stream.next_part().await? {
        let nonblocking::Part::Body(mut body) = part else { continue };
        while let Some(chunk) = body.chunk().await? {
            read.extend_from_slice(chunk);
        }
    }
    drop(stream);
    if read != text {
        return Err("what was streamed is not what was appended".into());
    }
    if session.compress(Compression::default()).await.is_ok() {
        return Err("compressed twice".into());
    }
    session.run(Noop::new()).await?;
    Ok(session.logout().await?)
}

/// Messages in a mailbox that batches read.
fn fill<T: xoauth::Transport>(mailbox: &mut Session<T>, user: &str) -> Result<u32> {
    let before = mailbox.selected().and_then(|selected| selected.exists).unwrap_or(0);
    let appends: Vec<Append> = (0..5)
        .map(|number| Append::new("INBOX", mail::written(user, &"y".repeat(number), "text\r\n")))
        .collect();
    for stored in mailbox.run(appends)? {
        stored?;
    }
    Ok(before)
}

fn batch(lab: &Lab, lines: &Lines) -> Result<()> {
    let user = "batch";
    let mut mailbox = mail::open(lab, user, lines)?;
    let before = fill(&mut mailbox, user)?;
    mailbox.run(Noop::new())?;
    let mut batch = Batch::new();
    let found = batch.add(Search::new(Query::All));
    let folders = batch.add(List::all());
    let nobody = batch.add(Status::new("No such mailbox", [StatusItem::Messages]));
    let bodies = batch.add(Fetch::by_sequence("1:*", Item::Body));
    let mut outputs = mailbox.run(batch)?;
    let counts =
        (outputs.take(found)?.len(), outputs.take(folders)?.len(), outputs.take(bodies)?.len());
    let all = before as usize + 5;
    if counts.0 != all || counts.1 == 0 || counts.2 != all {
        return Err(format!("found {counts:?}, expected {all} messages").into());
    }
    // One that is refused is an error of its own.
    match outputs.take(nobody) {
        Err(imap::Error::Refused { .. }) => {}
        other => return Err(format!("a mailbox that is not there: {other:?}").into()),
    }
    Ok(mailbox.logout()?)
}

async fn batch_async(lab: &Lab, lines: &Lines) -> Result<()> {
    let mut session = open_async(lab, "batchasync", lines).await?;
    let appends: Vec<Append> = (0..5)
        .map(|number| Append::new("INBOX", mail::written("b", &"y".repeat(number), "text\r\n")))
        .collect();
    for stored in session.run(appends).await? {
        stored?;
    }
    session.run(Noop::new()).await?;
    let commands = (Search::new(Query::All), List::all(), Fetch::by_sequence("1:*", Item::Body));
    let (found, folders, bodies) = session.run(commands).await?;
    let counts = (found?.len(), folders?.len(), bodies?.len());
    if counts.0 < 5 || counts.1 == 0 || counts.2 != counts.0 {
        return Err(format!("found {counts:?}").into());
    }
    Ok(session.logout().await?)
}

/// As many literals as commands, all on their way at once.
fn batch_of_appends(lab: &Lab, lines: &Lines) -> Result<()> {
    let user = "batchappends";
    let mut mailbox = mail::open(lab, user, lines)?;
    let before = mail::count(&mailbox);
    let text = |number: usize| mail::written(user, &"z".repeat(number), &"text\r\n".repeat(number));
    let appends: Vec<Append> = (1..=200).map(|number| Append::new("INBOX", text(number))).collect();
    for stored in mailbox.run(appends)? {
        stored?;
    }
    mail::wait_for(&mut mailbox, before + 200)?;
    for number in [1, 2, 100, 200] {
        if mail::read(&mut mailbox, before + number)? != text(number as usize) {
            return Err(format!("message {number} is another").into());
        }
    }
    Ok(mailbox.logout()?)
}
