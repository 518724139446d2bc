//! TLS by native-tls, certificate and host name always verified.

use std::io::{self, Read, Write};
use std::sync::OnceLock;
use std::time::Instant;

use native_tls::{Certificate, HandshakeError, Protocol, TlsConnector, TlsStream};

use super::gather::{Gather, portion};
use super::{Milestone, Settings, TcpTransport, Transport, hello};
use crate::Error;

/// A TLS connection over TCP.
///
/// Where it ends without the end of TLS (`close_notify`), reads fail with [`io::ErrorKind::UnexpectedEof`].
#[derive(Debug)]
pub struct TlsTransport {
    stream: TlsStream<Gather<TcpTransport>>,
}

/// A TLS client with its trusted roots, made once and shared: making one costs tens of milliseconds of
/// CPU, cloning it nothing.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
}

/// What a [`Tls`] is made of.
#[derive(Default)]
#[must_use = "`build` makes the client"]
pub struct TlsBuilder {
    roots: Vec<Certificate>,
    only_these_roots: bool,
}

impl Tls {
    /// The client with the system's trusted roots, made at the first call and shared by all.
    ///
    /// # Errors
    /// [`Error::TlsSetup`]: the system's TLS library cannot be used.
    pub fn system() -> Result<Self, Error> {
        static SYSTEM: OnceLock<Tls> = OnceLock::new();
        if let Some(tls) = SYSTEM.get() {
            return Ok(tls.clone());
        }
        let tls = Self::builder().build()?;
        Ok(SYSTEM.get_or_init(|| tls).clone())
    }

    /// A client with roots of its own.
    pub fn builder() -> TlsBuilder {
        TlsBuilder::default()
    }

    #[cfg(feature = "tokio")]
    pub(super) fn connector(&self) -> &TlsConnector {
        &self.connector
    }

    /// The handshake on a connection that is dialled already, for `host`; the transport's deadline holds for
    /// all of it. What comes back goes to a builder's `from_stream`.
    ///
    /// # Errors
    /// [`Error::Certificate`], [`Error::TlsHandshake`] and [`Error::TlsDeadline`].
    pub fn handshake(&self, host: &str, transport: TcpTransport) -> Result<TlsTransport, Error> {
        let deadline = transport.deadline();
        let stream = self.shake(host, Gather::new(transport), deadline)?;
        Ok(TlsTransport { stream })
    }

    pub(super) fn shake<T: Transport + std::fmt::Debug>(
        &self,
        host: &str,
        transport: Gather<T>,
        deadline: Option<Instant>,
    ) -> Result<TlsStream<Gather<T>>, Error> {
        let mut result = self.connector.connect(host, transport);
        loop {
            result = match result {
                Ok(stream) => return Ok(stream),
                Err(_) if deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                    return Err(Error::TlsDeadline);
                }
                Err(HandshakeError::Failure(source)) => return Err(handshake_failed(host, source)),
                // The peer took nothing for a moment.
                Err(HandshakeError::WouldBlock(begun)) => begun.handshake(),
            }
        }
    }
}

impl Settings {
    /// The handshake with the host of these settings; says which version of TLS it ended with.
    pub(crate) fn handshake(
        &self,
        tls: &Tls,
        mut transport: TcpTransport,
    ) -> Result<TlsTransport, Error> {
        if self.milestones.is_some() {
            transport.keep_first();
        }
        let mut secured = tls.handshake(&self.host, transport)?;
        let first = secured.stream.get_mut().get_mut().take_first();
        self.reached(Milestone::Secured(first.and_then(|first| hello::version(&first))));
        Ok(secured)
    }
}

impl TlsBuilder {
    /// Trusts the certificates in `pem` (one or several) beside the system's.
    ///
    /// # Errors
    /// [`Error::NoCertificate`]: `pem` holds none; [`Error::TlsSetup`]: what it holds is broken.
    pub fn add_roots(mut self, pem: &[u8]) -> Result<Self, Error> {
        let certificates = Certificate::stack_from_pem(pem).map_err(Error::TlsSetup)?;
        // Not every back end takes text without a certificate for an error.
        if certificates.is_empty() {
            return Err(Error::NoCertificate);
        }
        self.roots.extend(certificates);
        Ok(self)
    }

    /// Trusts only the roots added here, none of the system's.
    pub fn only_these_roots(mut self) -> Self {
        self.only_these_roots = true;
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    /// [`Error::TlsSetup`]: the system's TLS library refuses.
    pub fn build(self) -> Result<Tls, Error> {
        let mut builder = TlsConnector::builder();
        // RFC 8997: TLS 1.2 or later.
        builder.min_protocol_version(Some(Protocol::Tlsv12));
        builder.disable_built_in_roots(self.only_these_roots);
        for root in self.roots {
            builder.add_root_certificate(root);
        }
        Ok(Tls { connector: builder.build().map_err(Error::TlsSetup)? })
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for TlsBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsBuilder")
            .field("roots", &self.roots.len())
            .field("only_these_roots", &self.only_these_roots)
            .finish()
    }
}

impl TlsTransport {
    /// The TCP connection below.
    pub fn get_ref(&self) -> &TcpTransport {
        self.stream.get_ref().get_ref()
    }
}

impl Read for TlsTransport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer);
        ended(read, !buffer.is_empty() && self.get_ref().has_ended())
    }
}

impl Write for TlsTransport {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        write(&mut self.stream, octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        flush(&mut self.stream)
    }
}

/// Gives the TLS library as much as there is room for below it.
pub(super) fn write<T: Transport>(
    stream: &mut TlsStream<Gather<T>>,
    octets: &[u8],
) -> io::Result<usize> {
    stream.get_mut().make_room()?;
    stream.write(portion(octets))
}

/// Flushes what the TLS library has, and what was gathered below it.
pub(super) fn flush<T: Transport>(stream: &mut TlsStream<Gather<T>>) -> io::Result<()> {
    stream.flush()?;
    stream.get_mut().empty()
}

impl Transport for TlsTransport {
    fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.stream.get_mut().set_deadline(deadline);
    }

    fn set_wake(&mut self, at: Option<Instant>) {
        self.stream.get_mut().set_wake(at);
    }

    fn wait_until(&mut self, at: Instant) {
        self.stream.get_mut().wait_until(at);
    }

    fn hears_while_writing(&self) -> bool {
        self.get_ref().hears_while_writing()
    }

    fn set_waiting(&mut self, waiting: bool) {
        self.stream.get_mut().set_waiting(waiting);
    }

    fn close(&mut self) {
        // `close_notify` goes out with one write, which waits for nobody: a peer that takes nothing misses it.
        self.stream.get_mut().set_deadline(None);
        self.stream.get_mut().set_waiting(false);
        let _ = self.stream.shutdown();
        // With what was gathered.
        self.stream.get_mut().close();
    }
}

/// What a read under TLS came to. Who asked TCP for more and found its end had no end of TLS: TLS libraries
/// call that an error, each its own, or the end.
pub(super) fn ended(read: io::Result<usize>, is_cut: bool) -> io::Result<usize> {
    match read {
        Ok(n) if n > 0 => Ok(n),
        _ if is_cut => Err(io::ErrorKind::UnexpectedEof.into()),
        read => read,
    }
}

/// Tells a certificate that is not trusted from a handshake that failed otherwise.
pub(super) fn handshake_failed(host: &str, source: native_tls::Error) -> Error {
    let host = host.to_owned();
    if is_about_the_certificate(&source.to_string()) {
        Error::Certificate { host, source }
    } else {
        Error::TlsHandshake { host, source }
    }
}

/// native-tls has no typed difference. OpenSSL says that verification failed, and has the word certificate
/// also in the names of its functions and of the alerts a server sends about ours; the back ends of Windows
/// and Apple describe what is wrong with the certificate.
fn is_about_the_certificate(error: &str) -> bool {
    let error = error.to_ascii_lowercase();
    if error.contains("ssl routines") {
        error.contains("certificate verify failed")
    } else {
        error.contains("certificate") && !error.contains("alert")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_verification_that_failed_is_about_the_certificate() {
        let cases = [
            (
                "error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify \
                 failed:ssl/statem/statem_clnt.c:2091:: (self-signed certificate)",
                true,
            ),
            (
                "error:1416F086:SSL routines:tls_process_server_certificate:certificate verify \
                 failed:../ssl/statem/statem_clnt.c:1919: (Hostname mismatch)",
                true,
            ),
            (
                "error:0A000412:SSL routines:ssl3_read_bytes:sslv3 alert bad certificate:\
                 ssl/record/rec_layer_s3.c:1590:SSL alert number 42",
                false,
            ),
            (
                "error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:\
                 ssl/record/rec_layer_s3.c:1590:SSL alert number 116",
                false,
            ),
            (
                "error:0A00009F:SSL routines:tls_process_server_certificate:length mismatch:\
                 ssl/statem/statem_clnt.c:1860:",
                false,
            ),
            ("error:0A000410:SSL routines:ssl3_read_bytes:sslv3 alert handshake failure", false),
            ("The certificate was not trusted.", true),
            (
                "A certificate chain processed, but terminated in a root certificate which is not \
                 trusted by the trust provider. (os error -2146762487)",
                true,
            ),
            (
                "The certificate's CN name does not match the passed value. (os error -2146762481)",
                true,
            ),
            ("connection reset by peer", false),
        ];
        for (error, expected) in cases {
            assert_eq!(is_about_the_certificate(error), expected, "{error}");
        }
    }

    #[test]
    fn text_without_a_certificate_is_no_root() {
        for pem in ["", "no certificate", "# a comment\n\n"] {
            let error = Tls::builder().add_roots(pem.as_bytes()).unwrap_err();
            assert!(matches!(error, Error::NoCertificate), "{pem:?}: {error:?}");
            assert_eq!(error.to_string(), "no certificate in the text, expected PEM");
        }
    }
}
