//! Sender and recipients from the header section of a message.

mod addresses;

use std::borrow::Cow;
use std::collections::HashSet;

use xoauth_smtp::{Address, Envelope, Mail, ReversePath};

use crate::Error;
use addresses::addresses;

/// Makes a mail of a message alone, as `send_message` of Python's smtplib does: the sender is that of
/// `Sender`, else the author of `From`; the recipients are those of `To`, `Cc` and `Bcc`, each once. Where the
/// message was resent, the fields of the newest `Resent-` block count instead (RFC 5322 3.6.6). No `Bcc` and no
/// `Resent-Bcc` field is sent.
///
/// Needs of the server that follow from the message (8BITMIME, SMTPUTF8) are found when it is sent.
///
/// ```
/// let message = "From: a@example.org\r\nTo: B <b@example.net>\r\nBcc: c@example.com\r\n\r\nhello\r\n";
/// let mail = xoauth::smtp::mail_from_headers(message.as_bytes())?;
/// let to: Vec<&str> = mail.envelope().recipients().map(|to| to.as_str()).collect();
/// assert_eq!(to, ["b@example.net", "c@example.com"]);
/// let sent = mail.message().as_bytes().unwrap_or_default();
/// assert_eq!(sent, b"From: a@example.org\r\nTo: B <b@example.net>\r\n\r\nhello\r\n");
/// # Ok::<(), xoauth::Error>(())
/// ```
///
/// Line ends stay as they are, and only CRLF can be sent. Those of a file are mended before:
///
/// ```
/// use xoauth::smtp::{Message, mail_from_headers};
///
/// let file = "From: a@example.org\nTo: b@example.net\nBcc: c@example.com\n\nhello\n";
/// let text = Message::normalised(file.as_bytes());
/// let mail = mail_from_headers(text.as_bytes().unwrap_or_default())?;
/// let sent = mail.message().as_bytes().unwrap_or_default();
/// assert_eq!(sent, b"From: a@example.org\r\nTo: b@example.net\r\n\r\nhello\r\n");
/// # Ok::<(), xoauth::Error>(())
/// ```
///
/// # Errors
/// [`Error::Headers`]: there is no sender, or several authors and no `Sender`; addresses cannot be told, for example without
/// commas between them. [`Error::Smtp`]: an address cannot be sent. Nobody is dropped silently.
pub fn mail_from_headers(message: &[u8]) -> Result<Mail<'_>, Error> {
    let headers = Headers::new(message);
    let envelope = Envelope::new(headers.sender()?, headers.recipients()?);
    Ok(Mail::with(envelope, headers.without_blind_copies()))
}

/// What the header section of a message says of its envelope, piece by piece: for programs that choose sender or
/// recipients otherwise. [`mail_from_headers`] is all of it.
#[derive(Debug)]
pub struct Headers<'m> {
    message: &'m [u8],
    fields: Fields,
    /// The fields that count, and what their names begin with.
    block: Vec<Field>,
    prefix: &'static str,
}

impl<'m> Headers<'m> {
    /// Reads the header section of a message, or the section alone.
    pub fn new(message: &'m [u8]) -> Self {
        let fields = Fields::new(message);
        let (prefix, block) = match fields.resent() {
            block if block.is_empty() => ("", fields.0.clone()),
            block => ("Resent-", block),
        };
        Self { message, fields, block, prefix }
    }

    /// Whether there is a field of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.fields.0.iter().any(|field| field.is(name))
    }

    /// The one of `Sender`, else the author of `From`.
    ///
    /// # Errors
    /// As [`mail_from_headers`].
    pub fn sender(&self) -> Result<ReversePath, Error> {
        let sender: Vec<&[u8]> = self.named("Sender").collect();
        let origin = if sender.is_empty() { self.named("From").collect() } else { sender };
        sender_of(&addresses(&origin)?)
    }

    /// Those of `To`, `Cc` and `Bcc`, each once.
    ///
    /// # Errors
    /// As [`mail_from_headers`].
    pub fn recipients(&self) -> Result<Vec<Address>, Error> {
        let fields = ["To", "Cc", "Bcc"].into_iter();
        let values: Vec<&[u8]> = fields.flat_map(|name| self.named(name)).collect();
        let mut seen = HashSet::new();
        let mut to = addresses(&values)?;
        to.retain(|address| seen.insert(address.clone()));
        Ok(to)
    }

    /// What was read, without `Bcc` and `Resent-Bcc`.
    pub fn without_blind_copies(&self) -> Cow<'m, [u8]> {
        self.fields.without_blind_copies(self.message)
    }

    fn named(&self, name: &str) -> impl Iterator<Item = &'m [u8]> + use<'_, 'm> {
        let name = format!("{}{name}", self.prefix);
        let fields = self.block.iter().filter(move |field| field.is(&name));
        fields.map(|field| field.value(self.message))
    }
}

fn sender_of(addresses: &[Address]) -> Result<ReversePath, Error> {
    match addresses {
        [one] => Ok(one.into()),
        [] => Err(Error::Headers { reason: "no sender in From or Sender" }),
        [..] => Err(Error::Headers { reason: "several authors, and no Sender that tells one" }),
    }
}

/// One field of a header section: its name, its value and where both stand.
#[derive(Debug, Clone)]
struct Field {
    name: String,
    start: usize,
    value: usize,
    end: usize,
}

#[derive(Debug)]
struct Fields(Vec<Field>);

impl Field {
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn is_resent(&self) -> bool {
        self.name.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("Resent-"))
    }

    fn value<'a>(&self, message: &'a [u8]) -> &'a [u8] {
        message.get(self.value..self.end).unwrap_or_default()
    }
}

impl Fields {
    /// A field begins with its name and goes on in lines that begin with white space; an empty line ends all
    /// (RFC 5322 2.2). Lines end in CRLF, LF or CR, as [`Message::normalised`](xoauth_smtp::Message::normalised) has
    /// it: a field behind a CR alone would be one of its own in what is sent. Space before the colon is obsolete and
    /// understood.
    fn new(message: &[u8]) -> Self {
        let mut fields: Vec<Field> = Vec::new();
        let mut start = 0;
        while let Some(line) = first_line(message.get(start..).unwrap_or_default()) {
            let end = start + line.len();
            match line {
                b"\r\n" | b"\n" | b"\r" => break,
                [b' ' | b'\t', ..] => {
                    if let Some(field) = fields.last_mut() {
                        field.end = end;
                    }
                }
                line => {
                    let colon = line.iter().position(|&octet| octet == b':');
                    let name = colon.and_then(|colon| line.get(..colon)).unwrap_or_default();
                    let name = String::from_utf8_lossy(name.trim_ascii_end()).into_owned();
                    let value = start + colon.map_or(line.len(), |colon| colon + 1);
                    fields.push(Field { name, start, value, end });
                }
            }
            start = end;
        }
        Self(fields)
    }

    /// The newest block of resent fields: those that stand together on top, each once. A field that is there
    /// again begins an older block.
    fn resent(&self) -> Vec<Field> {
        let mut block: Vec<Field> = Vec::new();
        let mut names = HashSet::new();
        let behind = self.0.iter().skip_while(|field| !field.is_resent());
        for field in behind.take_while(|field| field.is_resent()) {
            if !names.insert(field.name.to_ascii_lowercase()) {
                break;
            }
            block.push(field.clone());
        }
        block
    }

    fn without_blind_copies<'a>(&self, message: &'a [u8]) -> Cow<'a, [u8]> {
        let blind = |field: &&Field| field.is("Bcc") || field.is("Resent-Bcc");
        let mut kept = Vec::new();
        let mut from = 0;
        for field in self.0.iter().filter(blind) {
            kept.extend_from_slice(message.get(from..field.start).unwrap_or_default());
            from = field.end;
        }
        if from == 0 {
            return Cow::Borrowed(message);
        }
        kept.extend_from_slice(message.get(from..).unwrap_or_default());
        Cow::Owned(kept)
    }
}

/// The first line with its end, where there is any.
fn first_line(octets: &[u8]) -> Option<&[u8]> {
    let end = octets.iter().position(|octet| matches!(octet, b'\r' | b'\n')).map(|end| {
        let behind = octets.get(end..).unwrap_or_default();
        end + if behind.starts_with(b"\r\n") { 2 } else { 1 }
    });
    octets.get(..end.unwrap_or(octets.len())).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(message: &str) -> Result<(String, Vec<String>, String), String> {
        let mail = mail_from_headers(message.as_bytes()).map_err(|error| error.to_string())?;
        let to = mail.envelope().recipients().map(ToString::to_string).collect();
        let sent = String::from_utf8_lossy(mail.message().as_bytes().unwrap()).into_owned();
        Ok((mail.envelope().sender().as_str().to_owned(), to, sent))
    }

    #[test]
    fn sender_and_recipients_come_from_the_header_section() {
        let cases: [(&str, &str, &[&str]); 10] = [
            ("From: a@x\r\nTo: b@x\r\n\r\nTo: z@x\r\n", "a@x", &["b@x"]),
            ("From: A <a@x>, B <b@x>\r\nSender: s@x\r\nTo: c@x\r\n\r\n", "s@x", &["c@x"]),
            (
                "from: a@x\r\nTO : b@x,\r\n\tC <c@x> (c)\r\ncc: d@x\r\n\r\n",
                "a@x",
                &["b@x", "c@x", "d@x"],
            ),
            ("From: a@x\r\nTo: friends: b@x, C <c@x>;\r\nCc: b@x\r\n\r\n", "a@x", &["b@x", "c@x"]),
            ("From: a@x\r\nTo: \"Doe, J\" <b@x>\r\nTo: c@x\r\n\r\n", "a@x", &["b@x", "c@x"]),
            ("From: =?utf-8?q?J=C3=B6rg?= <j@x>\nTo: b@x\n\nbody\n", "j@x", &["b@x"]),
            ("From: grün@bücher.example\r\nTo: b@x\r\n\r\n", "grün@bücher.example", &["b@x"]),
            // RFC 5322 A.3, with an older block below.
            (
                "Resent-From: m@x\r\nResent-To: j@x\r\nResent-Date: d\r\nResent-To: old@x\r\n\
                 From: a@x\r\nTo: b@x\r\n\r\n",
                "m@x",
                &["j@x"],
            ),
            (
                "Received: x\r\nResent-Sender: s@x\r\nResent-From: m@x\r\nResent-Cc: j@x\r\n\
                 Received: y\r\nResent-To: old@x\r\nFrom: a@x\r\nTo: b@x\r\n\r\n",
                "s@x",
                &["j@x"],
            ),
            ("From: a@x\r\nTo: b@x", "a@x", &["b@x"]),
        ];
        for (message, from, to) in cases {
            let (sender, recipients, _) = envelope(message).unwrap();
            assert_eq!(
                (sender.as_str(), recipients),
                (from, to.iter().map(|one| (*one).to_owned()).collect()),
                "{message}"
            );
        }
    }

    #[test]
    fn an_address_is_one_as_it_stands_or_an_error() {
        let to = |value: &str| {
            envelope(&format!("From: a@x\r\nTo: {value}\r\n\r\n")).map(|(_, to, _)| to)
        };
        let taken: [(&str, &[&str]); 24] = [
            // Quotes and backslashes are part of an address.
            ("\"john doe\"@x", &["\"john doe\"@x"]),
            ("J <\"john doe\"@x>, b@x", &["\"john doe\"@x", "b@x"]),
            ("<\"a\\\"b\"@x>", &["\"a\\\"b\"@x"]),
            ("<\"a\\\\b\"@x>, \"a\\b\"@x", &["\"a\\\\b\"@x", "\"a\\b\"@x"]),
            ("\"a b\" @x", &["\"a b\"@x"]),
            ("\"a b\" (c@x) @x", &["\"a b\"@x"]),
            ("\"a, b@y\"@x, \"c;d:\"@x", &["\"a, b@y\"@x", "\"c;d:\"@x"]),
            ("\"john\r\n doe\"@x", &["\"john doe\"@x"]),
            ("g: \"a b\"@x, c@x;, \"d(e\"@x", &["\"a b\"@x", "c@x", "\"d(e\"@x"]),
            ("\"=?utf-8?q?a?=\"@x", &["\"=?utf-8?q?a?=\"@x"]),
            // What is in a comment or in a name is no address.
            ("j@x (b@x, \\) (\"c@x) d) , e@x", &["j@x", "e@x"]),
            ("\"b@x, c@x\" <j@x>", &["j@x"]),
            ("b@x <j@x>", &["j@x"]),
            ("\"J\". \"D\" <j@x>", &["j@x"]),
            ("=?utf-8?q?b=40x?= <j@x>", &["j@x"]),
            ("J (x) <j@x>,, , b@x,", &["j@x", "b@x"]),
            ("=?utf-8?q?J=C3=B6rg?= <j@x>", &["j@x"]),
            ("=?utf-8?q?Doe,_J?= <j@x>, b@x", &["j@x", "b@x"]),
            ("\"J \\\"X\\\" Doe\" <j@x>", &["j@x"]),
            ("j@x (a \\) comment)", &["j@x"]),
            ("\"a\\\\b\" (c) <j@x>", &["j@x"]),
            ("Postmaster", &["Postmaster"]),
            ("friends: b@x, c@x;, d@x", &["b@x", "c@x", "d@x"]),
            ("\"a@x: b\" <j@x>", &["j@x"]),
        ];
        for (value, expected) in taken {
            assert_eq!(to(value).unwrap(), expected, "{value}");
        }
        let refused = [
            "=?utf-8?q?evil=40example.net?=",
            "=?utf-8?q?postmaster?=",
            "\"evil@example.net\"",
            "=?utf-8?q?evil=40example.net?= <=?utf-8?q?evil=40example.net?=>",
            // A colon by mistake: the first would be nobody's.
            "a@x: b@x",
            "a@x: b@x;",
            "c@x, a@x: b@x;",
            // Somebody would be dropped.
            "a@x b@x",
            "<a@x> <b@x>",
            "<a@x> b@x, c@x",
            "a@x (b@x, c@x",
            "a@x, \"b@x, c@x",
            "<@relay:a@x>",
            "a@b@x",
            // Nobody's, or another mailbox than it says.
            "a\\b@x",
            "<a\\@x>",
            "\"a\".b@x",
            "a.\"b c\"@x",
            "\"a\"b@x",
            "\"a\tb\"@x",
            "\u{2}0\u{2}@x, \"b\"@x",
            "\u{1}@x",
        ];
        for value in refused {
            assert!(to(value).is_err(), "{value}: {:?}", to(value));
        }
    }

    /// Every list of a few pieces, most of which nobody would write.
    #[test]
    fn nobody_is_dropped_and_nobody_is_made_up_whatever_the_list_is() {
        let pieces =
            ["a@x", "\"b c\"@y", "\"n@z\"", "(k@z)", " N ", "<", ">", ",", ";", ":", " ", "\\"];
        let mut lists = vec![(String::new(), 0)];
        let mut taken = 0;
        for _ in 0..4 {
            let longer = lists.iter().flat_map(|(list, count)| {
                let more = pieces.iter().enumerate();
                more.map(move |(at, piece)| (format!("{list}{piece}"), count + usize::from(at < 2)))
            });
            lists = longer.collect();
            for (list, count) in &lists {
                let Ok(found) = addresses(&[list.as_bytes()]) else { continue };
                let told = |one: &Address| ["a@x", "\"b c\"@y"].contains(&one.as_str());
                assert!(found.iter().all(told), "{list}: {found:?}");
                // One that stands before another in angle brackets is its name.
                let is_named = list.contains('<') && found.len() + 1 == *count;
                assert!(found.len() == *count || is_named, "{list}: {found:?}");
                taken += found.len();
            }
        }
        assert!(taken > 1000, "{taken}");
    }

    #[test]
    fn long_lists_are_read_once() {
        let many: Vec<String> = (0..5_000).map(|one| format!("\"{one} b\"@x")).collect();
        let message = format!("From: a@x\nTo: {}\nCc: {}\n\n", many.join(",\n "), many.join(","));
        let (_, to, _) = envelope(&message).unwrap();
        assert_eq!(to, many);
        // Neither comments nor words without end are gone through for each octet.
        let deep = format!("{}j@x{}", "(".repeat(200_000), ")".repeat(200_000));
        assert!(addresses(&[deep.as_bytes()]).unwrap().is_empty());
        // Nor is an address of the letters of its name looked for in it.
        let letters = "a".repeat(4_000_000);
        let long = format!("\"{letters}\" <{letters}@x>");
        let error = addresses(&[long.as_bytes()]).unwrap_err();
        assert!(
            error.to_string().ends_with("expected an address of at most 254 octets"),
            "{error}"
        );
        let longest = format!("{}@{}.x", "a".repeat(64), vec!["b"; 94].join("."));
        assert_eq!(longest.len(), 254);
        let found = addresses(&[format!("\"{letters}\" <{longest}>").as_bytes()]).unwrap();
        assert_eq!(found[0].as_str(), longest);
        for piece in ["=?x", "\"\" ", "=?a?q?", "a@x<"] {
            let long = [piece.repeat(20_000), "<j@x>".to_owned()].concat();
            if let Ok(found) = addresses(&[long.as_bytes()]) {
                assert!(found.iter().all(|one| one.as_str() == "j@x"), "{piece}");
            }
        }
    }

    #[test]
    fn a_block_of_many_resent_fields_is_read_once() {
        let fields: String = (0..200_000).map(|one| format!("Resent-{one}: a\n")).collect();
        let message =
            format!("RESENT-FROM: m@x\n{fields}Resent-To: j@x\nresent-to: old@x\nTo: b@x\n\n");
        let (from, to, _) = envelope(&message).unwrap();
        assert_eq!((from.as_str(), to), ("m@x", vec!["j@x".to_owned()]));
    }

    #[test]
    fn a_bare_return_ends_a_line_as_it_does_when_line_ends_are_mended() {
        let message = b"From: a@x\rTo: b@x\rBcc: c@x,\r\td@x\r\nSubject: t\n\rBcc: stays\r\n";
        let headers = Headers::new(message);
        let to: Vec<String> =
            headers.recipients().unwrap().iter().map(|to| to.to_string()).collect();
        assert_eq!(to, ["b@x", "c@x", "d@x"]);
        let kept = headers.without_blind_copies();
        assert_eq!(&*kept, b"From: a@x\rTo: b@x\rSubject: t\n\rBcc: stays\r\n");
        let sent = xoauth_smtp::Message::normalised(&*kept);
        let (header, _) =
            std::str::from_utf8(sent.as_bytes().unwrap()).unwrap().split_once("\r\n\r\n").unwrap();
        assert!(!header.contains("Bcc"), "{header}");
    }

    #[test]
    fn a_header_section_alone_tells_each_thing() {
        let headers = Headers::new(b"To: a@x\r\nBcc: b@x\r\nDATE : d\r\n");
        assert!(headers.contains("Date") && !headers.contains("Message-ID"));
        let to: Vec<String> =
            headers.recipients().unwrap().iter().map(|to| to.to_string()).collect();
        assert_eq!(to, ["a@x", "b@x"]);
        assert!(headers.sender().is_err());
        assert_eq!(&*headers.without_blind_copies(), b"To: a@x\r\nDATE : d\r\n");
    }

    #[test]
    fn blind_copies_are_taken_out_whole() {
        let message = "Bcc: x@x\r\nFrom: a@x\r\nbcc : b@x,\r\n c@x,\r\n\td@x\r\nSubject: t\r\n\
                       Resent-Bcc: e@x\r\nBCC: y@x\r\n\r\nBcc: stays\r\n";
        // The resent block has no sender of its own.
        assert!(envelope(message).is_err());
        let message = message.replace("Resent-Bcc", "Bcc");
        let (_, to, sent) = envelope(&message).unwrap();
        assert_eq!(to, ["x@x", "b@x", "c@x", "d@x", "e@x", "y@x"]);
        assert_eq!(sent, "From: a@x\r\nSubject: t\r\n\r\nBcc: stays\r\n");
        let resent =
            "Resent-From: a@x\r\nResent-Bcc: b@x\r\nFrom: c@x\r\nTo: d@x\r\nBcc: old@x\r\n\r\n";
        let (from, to, sent) = envelope(resent).unwrap();
        assert_eq!((from.as_str(), to), ("a@x", vec!["b@x".to_owned()]));
        assert_eq!(sent, "Resent-From: a@x\r\nFrom: c@x\r\nTo: d@x\r\n\r\n");
    }

    #[test]
    fn what_tells_no_envelope_is_refused() {
        for (message, expected) in [
            ("To: b@x\r\n\r\n", "no sender in From or Sender"),
            ("From: a@x, b@x\r\nTo: c@x\r\n\r\n", "several authors, and no Sender that tells one"),
            ("From: a@x\r\nTo: nonsense\r\n\r\n", "invalid address 'nonsense'"),
            ("From: a@x\r\nTo: <b@x\0>\r\n\r\n", "invalid address"),
        ] {
            let error = envelope(message).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        // Nobody to send it to: an error when it is sent, before anything is.
        let (_, to, _) = envelope("From: a@x\r\nTo: undisclosed-recipients:;\r\n\r\n").unwrap();
        assert!(to.is_empty());
    }
}
