//! The messages that are fetched and sent in bulk: the same in every run, and known to nobody else.

use std::fs;
use std::io::Write;
use std::os::unix::fs::chown;
use std::path::Path;

use openssl::sha::Sha256;

use crate::Result;
use crate::environment::Lab;

/// Messages in the mailbox that is read.
pub(crate) const READ: usize = 10_000;

/// Messages that are sent.
pub(crate) const SENT: usize = 5_000;

/// Octets of the large message, at least.
pub(crate) const LARGE: usize = 200_000_000;

/// Whose mailbox has the many messages, and whose the large one.
pub(crate) const READER: &str = "bulk";
pub(crate) const LARGE_READER: &str = "bulklarge";

/// From whom and to whom is sent.
pub(crate) const SENDER: &str = "bulk@example.test";

/// What many octets are, in so few that they can be compared.
pub(crate) struct Digest {
    count: usize,
    octets: u64,
    all: Sha256,
}

/// A digest of everything that was read or sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) count: usize,
    pub(crate) octets: u64,
    /// SHA-256 of the SHA-256 of each piece, in their order.
    pub(crate) digest: String,
}

impl Digest {
    pub(crate) fn new() -> Self {
        Self { count: 0, octets: 0, all: Sha256::new() }
    }

    /// Takes one piece: a message, or what is told of one.
    pub(crate) fn add(&mut self, piece: &[u8]) {
        self.add_hash(openssl::sha::sha256(piece), piece.len() as u64);
    }

    /// The same of a piece that was never in one place.
    pub(crate) fn add_hash(&mut self, hash: [u8; 32], octets: u64) {
        self.count += 1;
        self.octets += octets;
        self.all.update(&hash);
    }

    pub(crate) fn finish(self) -> Sum {
        let digest = self.all.finish().iter().map(|octet| format!("{octet:02x}")).collect();
        Sum { count: self.count, octets: self.octets, digest }
    }
}

/// The message of a number: half a kilobyte to eight.
pub(crate) fn message(number: usize) -> Vec<u8> {
    let mut text = header(number);
    // A prime, so that lengths that follow each other have nothing in common.
    for line in 0..number * 7919 % 97 + 4 {
        let begin = if line % 5 == 0 { "." } else { "" };
        let words = "all is well, and there is more of it where this came from.";
        text.push_str(&format!("{begin}{line:04} of message {number:05}: {words}\r\n"));
    }
    text.into_bytes()
}

/// Its header, with the empty line that ends it.
pub(crate) fn header(number: usize) -> String {
    format!(
        "From: Bulk <{SENDER}>\r\nTo: <reader{number}@example.test>\r\n\
         Subject: message {number} of many\r\nDate: Wed, 25 Nov 2026 12:00:00 +0000\r\n\
         Message-ID: <{number}.bulk@example.test>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n"
    )
}

/// Its flags, as IMAP names them, in the order of their names.
pub(crate) fn flags(number: usize) -> Vec<&'static str> {
    let all = ["\\Answered", "\\Flagged", "\\Seen"];
    let chosen = all.iter().enumerate().filter(|(bit, _)| number >> bit & 1 == 1);
    chosen.map(|(_, &flag)| flag).collect()
}

/// A line of the large message.
const LINE: &[u8; 78] =
    b"a line of a message that is larger than a program would want to keep at once\r\n";

fn large_header() -> String {
    header(0)
}

/// Puts the mailboxes where Dovecot finds them, once.
pub(crate) fn fill(lab: &Lab) -> Result<()> {
    let mail = lab.directory().join("dovecot-oauth1/mail");
    let (user, group) = lab.value("mail-user").split_once(':').ok_or("no mail-user")?;
    let owner = (user.parse()?, group.parse()?);
    make_maildir(&mail, READER, owner, |new| {
        for number in 1..=READ {
            let letters = flags(number).into_iter().filter_map(|flag| flag.chars().nth(1));
            // Maildir's letters are the first of the names, but R for a message that was replied to.
            let mut letters: Vec<char> =
                letters.map(|letter| if letter == 'A' { 'R' } else { letter }).collect();
            letters.sort_unstable();
            let letters: String = letters.into_iter().collect();
            // By their names messages get their numbers.
            let name = format!("{}.M1P1.bulk:2,{letters}", 1_700_000_000 + number);
            write(&new.join(name), owner, |file| Ok(file.write_all(&message(number))?))?;
        }
        Ok(())
    })?;
    make_maildir(&mail, LARGE_READER, owner, |new| {
        write(&new.join("1700000001.M1P1.bulk:2,"), owner, |file| {
            let mut file = std::io::BufWriter::with_capacity(1 << 20, file);
            file.write_all(large_header().as_bytes())?;
            for _ in 0..=LARGE / LINE.len() {
                file.write_all(LINE)?;
            }
            Ok(file.flush()?)
        })
    })
}

fn make_maildir(
    mail: &Path,
    name: &str,
    owner: (u32, u32),
    fill: impl Fn(&Path) -> Result<()>,
) -> Result<()> {
    let home = mail.join(name);
    if home.exists() {
        return Ok(());
    }
    let maildir = home.join("Maildir");
    for directory in [home, maildir.clone()]
        .into_iter()
        .chain(["cur", "new", "tmp"].map(|directory| maildir.join(directory)))
    {
        fs::create_dir_all(&directory)?;
        chown(&directory, Some(owner.0), Some(owner.1))?;
    }
    fill(&maildir.join("cur"))
}

fn write(path: &Path, owner: (u32, u32), fill: impl Fn(&mut fs::File) -> Result<()>) -> Result<()> {
    fill(&mut fs::File::create(path)?)?;
    Ok(chown(path, Some(owner.0), Some(owner.1))?)
}

/// What a client must have read of the many messages.
pub(crate) fn expected_of(piece: impl Fn(usize) -> Vec<u8>) -> Sum {
    let mut digest = Digest::new();
    (1..=READ).for_each(|number| digest.add(&piece(number)));
    digest.finish()
}

/// What a client must have read of the large one.
pub(crate) fn expected_large() -> Sum {
    let mut hash = Sha256::new();
    let header = large_header();
    hash.update(header.as_bytes());
    let lines = LARGE / LINE.len() + 1;
    (0..lines).for_each(|_| hash.update(LINE));
    let mut digest = Digest::new();
    digest.add_hash(hash.finish(), (header.len() + lines * LINE.len()) as u64);
    digest.finish()
}

/// What is told of a message that is asked for its flags: the same words for every client.
pub(crate) fn flags_line(uid: u32, flags: &mut [String]) -> Vec<u8> {
    flags.sort_unstable();
    format!("{uid} {}\n", flags.join(" ")).into_bytes()
}
