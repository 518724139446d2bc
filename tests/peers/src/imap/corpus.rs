//! What the servers of the measurements send.

use std::fmt::Write;
use std::sync::Arc;

/// ENVELOPE and BODYSTRUCTURE of messages with two alternatives and an attachment.
pub(crate) fn structures(count: u32) -> Arc<Vec<u8>> {
    lines(count, |text, n| {
        write!(
            text,
            "* {n} FETCH (UID {n} ENVELOPE (\"Mon, 7 Feb 1994 21:52:25 -0800 (PST)\" \"afternoon meeting about the \
             budget of 2026 [{n}]\" ((\"Fred Foobar\" NIL \"foobar\" \"blurdybloop.example\")) ((\"Fred Foobar\" NIL \
             \"foobar\" \"blurdybloop.example\")) ((\"Fred Foobar\" NIL \"foobar\" \"blurdybloop.example\")) ((NIL NIL \
             \"mooch\" \"owatagu.siam.edu.example\")(\"Joe Q. Public\" NIL \"joe.public\" \"example.com\")) NIL NIL NIL \
             \"<B27397-0100000{n}@blurdybloop.example>\") BODYSTRUCTURE (((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"UTF-8\") NIL \
             NIL \"QUOTED-PRINTABLE\" 1152 23 NIL NIL NIL NIL)(\"TEXT\" \"HTML\" (\"CHARSET\" \"UTF-8\") NIL NIL \
             \"QUOTED-PRINTABLE\" 4554 73 NIL NIL NIL NIL) \"ALTERNATIVE\" (\"BOUNDARY\" \"d3438gr7324{n}\") NIL NIL \
             NIL)(\"APPLICATION\" \"PDF\" (\"NAME\" \"report.pdf\") \"<4029JkxW{n}@example>\" NIL \"BASE64\" 76000 NIL \
             (\"ATTACHMENT\" (\"FILENAME\" \"report.pdf\" \"SIZE\" \"55000\")) NIL NIL) \"MIXED\" (\"BOUNDARY\" \
             \"4Dj8{n}=_xyz\") NIL NIL NIL))\r\n"
        )
    })
}

/// UID and FLAGS.
pub(crate) fn flags(count: u32) -> Arc<Vec<u8>> {
    lines(count, |text, n| {
        let flags = ["\\Seen", "\\Seen \\Answered", "", "\\Seen $Forwarded"][n as usize % 4];
        write!(text, "* {n} FETCH (UID {} FLAGS ({flags}))\r\n", n + 1000)
    })
}

/// LIST of mailboxes in folders.
pub(crate) fn mailboxes(count: u32) -> Arc<Vec<u8>> {
    lines(count, |text, n| {
        write!(text, "* LIST (\\HasNoChildren) \"/\" \"Archive/{}/Project number {n}\"\r\n", n % 97)
    })
}

/// One SEARCH response.
pub(crate) fn search(count: u32) -> Arc<Vec<u8>> {
    let mut text = String::from("* SEARCH");
    for n in 1..=count {
        let _ = write!(text, " {}", 3 * n);
    }
    text.push_str("\r\n");
    Arc::new(text.into_bytes())
}

/// One ESEARCH response with as many ranges.
pub(crate) fn ranges(count: u32) -> Arc<Vec<u8>> {
    let mut text = String::from("* ESEARCH (TAG \"a\") UID ALL ");
    for n in 1..=count {
        let _ = write!(text, "{}{}:{}", if n > 1 { "," } else { "" }, 10 * n, 10 * n + 5);
    }
    text.push_str("\r\n");
    Arc::new(text.into_bytes())
}

/// Messages of `size` octets.
pub(crate) fn bodies(count: u32, size: usize) -> Arc<Vec<u8>> {
    let mut octets = Vec::with_capacity(count as usize * (size + 64));
    for n in 1..=count {
        octets.extend(format!("* {n} FETCH (UID {n} BODY[] {{{size}}}\r\n").bytes());
        octets
            .extend((0..size).map(|at| if at % 78 == 77 { b'\n' } else { b'a' + (at % 23) as u8 }));
        octets.extend(b")\r\n");
    }
    Arc::new(octets)
}

fn lines(count: u32, mut line: impl FnMut(&mut String, u32) -> std::fmt::Result) -> Arc<Vec<u8>> {
    let mut text = String::new();
    for n in 1..=count {
        let _ = line(&mut text, n);
    }
    Arc::new(text.into_bytes())
}
