//! Which version of TLS a server chose, read from the first octets it sent: native-tls does not tell.

use std::fmt;

/// A version of TLS that a connection may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    V1_2,
    /// TLS 1.3 (RFC 8446).
    V1_3,
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1_2 => "TLSv1.2",
            Self::V1_3 => "TLSv1.3",
        })
    }
}

/// As much of an answer as holds a ServerHello, the largest key shares of today included.
#[cfg(feature = "native-tls")]
pub(super) const LONGEST: usize = 2048;

/// `supported_versions` (RFC 8446 4.2.1).
#[cfg(feature = "native-tls")]
const SUPPORTED_VERSIONS: u16 = 43;

/// The version that a ServerHello at the beginning of `octets` chooses: in the extension where there is one
/// (RFC 8446 4.1.3), else in its own field (RFC 5246 7.4.1.3). `None` where the octets hold no whole one.
#[cfg(feature = "native-tls")]
pub(super) fn version(octets: &[u8]) -> Option<TlsVersion> {
    let mut hello = Cursor(octets);
    // A record of type handshake (22): type, version, length; in it a ServerHello (2): type, length.
    if hello.number(1)? != 22 {
        return None;
    }
    hello.take(4)?;
    if hello.number(1)? != 2 {
        return None;
    }
    let length = usize::try_from(hello.number(3)?).ok()?;
    let mut hello = Cursor(hello.take(length)?);
    let mut version = hello.number(2)?;
    let _random = hello.take(32)?;
    let session = usize::try_from(hello.number(1)?).ok()?;
    let _session_cipher_and_compression = hello.take(session.checked_add(3)?)?;
    // TLS 1.2 may end here.
    if !hello.0.is_empty() {
        let length = usize::try_from(hello.number(2)?).ok()?;
        let mut extensions = Cursor(hello.take(length)?);
        while !extensions.0.is_empty() {
            let kind = extensions.number(2)?;
            let length = usize::try_from(extensions.number(2)?).ok()?;
            let mut data = Cursor(extensions.take(length)?);
            if kind == u32::from(SUPPORTED_VERSIONS) {
                version = data.number(2)?;
            }
        }
    }
    match version {
        0x0303 => Some(TlsVersion::V1_2),
        0x0304 => Some(TlsVersion::V1_3),
        _ => None,
    }
}

/// Octets that are taken from the front.
#[cfg(feature = "native-tls")]
struct Cursor<'a>(&'a [u8]);

#[cfg(feature = "native-tls")]
impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of so many octets, at most four.
    fn number(&mut self, octets: usize) -> Option<u32> {
        Some(self.take(octets)?.iter().fold(0, |number, &octet| number << 8 | u32::from(octet)))
    }
}

#[cfg(test)]
#[cfg(feature = "native-tls")]
mod tests {
    use super::*;

    /// A ServerHello with these extensions.
    fn hello(legacy: u16, extensions: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = legacy.to_be_bytes().to_vec();
        body.extend([7; 32]);
        body.push(4);
        body.extend([9; 4]);
        body.extend([0x13, 0x01, 0]);
        let mut list = Vec::new();
        for (kind, data) in extensions {
            list.extend(kind.to_be_bytes());
            list.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            list.extend(*data);
        }
        if !extensions.is_empty() {
            body.extend(u16::try_from(list.len()).unwrap().to_be_bytes());
            body.extend(list);
        }
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        let mut message = vec![2, length[1], length[2], length[3]];
        message.extend(body);
        let mut record = vec![22, 3, 3];
        record.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
        record.extend(message);
        record
    }

    #[test]
    fn the_version_is_that_of_the_extension_or_of_the_field() {
        let share: &[u8] = &[0; 1124];
        let table = [
            (hello(0x0303, &[]), Some(TlsVersion::V1_2)),
            (hello(0x0303, &[(0xff01, &[0]), (23, &[])]), Some(TlsVersion::V1_2)),
            (hello(0x0303, &[(43, &[3, 4]), (51, share)]), Some(TlsVersion::V1_3)),
            (hello(0x0303, &[(51, share), (43, &[3, 4])]), Some(TlsVersion::V1_3)),
            (hello(0x0302, &[]), None),
            (hello(0x0303, &[(43, &[3])]), None),
            (b"* OK hello\r\n".to_vec(), None),
        ];
        for (octets, expected) in table {
            assert!(octets.len() < LONGEST);
            assert_eq!(version(&octets), expected);
            // What follows does not matter; half of it says nothing.
            assert_eq!(version(&[&octets[..], &[22, 3, 3, 0]].concat()), expected);
            for end in 0..octets.len() {
                assert_eq!(version(&octets[..end]), None, "{end}");
            }
        }
        assert_eq!(TlsVersion::V1_3.to_string(), "TLSv1.3");
    }
}
