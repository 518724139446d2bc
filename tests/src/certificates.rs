//! Certificates made at run time: a throw-away authority, and certificates good and bad.
//!
//! Keys are EC P-256, which are made in a moment. Nothing is written to disk and no key outlives
//! the process.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod, SslStream, SslVersion};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509NameBuilder};

/// A certificate with its private key.
#[derive(Clone)]
pub struct Identity {
    certificate: X509,
    key: PKey<Private>,
}

impl Identity {
    /// A certificate for `localhost`, `127.0.0.1` and `::1` that no authority has signed.
    ///
    /// # Errors
    /// When OpenSSL cannot make it; so for every function here.
    pub fn self_signed() -> io::Result<Self> {
        issue(&Request::new(LOOPBACK), None)
    }

    /// The certificate in PEM.
    ///
    /// # Errors
    /// When OpenSSL cannot encode it.
    pub fn pem(&self) -> io::Result<Vec<u8>> {
        Ok(self.certificate.to_pem()?)
    }

    /// The server's side of TLS on a stream that a client was accepted on.
    ///
    /// # Errors
    /// The handshake failed.
    pub fn accept<S: io::Read + io::Write + std::fmt::Debug>(
        &self,
        stream: S,
    ) -> io::Result<SslStream<S>> {
        self.acceptor()?.accept(stream).map_err(|error| io::Error::other(error.to_string()))
    }

    /// The same by a server that speaks this version of TLS alone, with what old ones need that is refused by now.
    ///
    /// # Errors
    /// The handshake failed, or OpenSSL was built without that version.
    pub fn accept_only<S: io::Read + io::Write + std::fmt::Debug>(
        &self,
        version: SslVersion,
        stream: S,
    ) -> io::Result<SslStream<S>> {
        let mut acceptor = SslAcceptor::mozilla_intermediate(SslMethod::tls())?;
        acceptor.set_min_proto_version(Some(version))?;
        acceptor.set_max_proto_version(Some(version))?;
        acceptor.set_cipher_list("ALL:@SECLEVEL=0")?;
        acceptor.set_private_key(&self.key)?;
        acceptor.set_certificate(&self.certificate)?;
        acceptor.build().accept(stream).map_err(|error| io::Error::other(error.to_string()))
    }

    /// A TLS server configuration (1.2 and 1.3) with this certificate.
    pub(crate) fn acceptor(&self) -> io::Result<SslAcceptor> {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
        acceptor.set_private_key(&self.key)?;
        acceptor.set_certificate(&self.certificate)?;
        acceptor.check_private_key()?;
        Ok(acceptor.build())
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Identity")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

/// A throw-away certificate authority.
#[derive(Debug, Clone)]
pub struct Authority {
    identity: Identity,
}

impl Authority {
    /// Makes an authority with a key of its own. Two of them do not know each other, whatever
    /// their names.
    ///
    /// # Errors
    /// When OpenSSL cannot make it.
    pub fn new() -> io::Result<Self> {
        let request = Request { authority: true, ..Request::new(&[]) };
        Ok(Self { identity: issue(&request, None)? })
    }

    /// The authority's certificate in PEM: what a client is to trust.
    ///
    /// # Errors
    /// When OpenSSL cannot encode it.
    pub fn pem(&self) -> io::Result<Vec<u8>> {
        self.identity.pem()
    }

    /// A good certificate for `localhost`, `127.0.0.1` and `::1`.
    ///
    /// # Errors
    /// When OpenSSL cannot make it.
    pub fn localhost(&self) -> io::Result<Identity> {
        self.issue(&Request::new(LOOPBACK))
    }

    /// A certificate for `names` (DNS names and IP addresses), such as a host that is not ours.
    ///
    /// # Errors
    /// When OpenSSL cannot make it.
    pub fn names(&self, names: &[&str]) -> io::Result<Identity> {
        self.issue(&Request::new(names))
    }

    /// A certificate for another host (`mail.example.test`): the chain is good, the name is not.
    ///
    /// # Errors
    /// When OpenSSL cannot make it.
    pub fn wrong_host(&self) -> io::Result<Identity> {
        self.names(&["mail.example.test"])
    }

    /// A certificate for loopback that was valid until yesterday.
    ///
    /// # Errors
    /// When OpenSSL cannot make it.
    pub fn expired(&self) -> io::Result<Identity> {
        self.issue(&Request { from_day: -3, until_day: -1, ..Request::new(LOOPBACK) })
    }

    /// A certificate for loopback that is valid from tomorrow.
    ///
    /// # Errors
    /// When OpenSSL cannot make it.
    pub fn not_yet_valid(&self) -> io::Result<Identity> {
        self.issue(&Request { from_day: 1, until_day: 3, ..Request::new(LOOPBACK) })
    }

    fn issue(&self, request: &Request<'_>) -> io::Result<Identity> {
        issue(request, Some(&self.identity))
    }
}

const LOOPBACK: &[&str] = &["localhost", "127.0.0.1", "::1"];
const DAY: i64 = 86_400;

/// What a certificate is to say; days are counted from now.
struct Request<'a> {
    names: &'a [&'a str],
    authority: bool,
    from_day: i64,
    until_day: i64,
}

impl<'a> Request<'a> {
    fn new(names: &'a [&'a str]) -> Self {
        Self { names, authority: false, from_day: -1, until_day: 30 }
    }
}

fn issue(request: &Request<'_>, issuer: Option<&Identity>) -> io::Result<Identity> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let key = PKey::from_ec_key(EcKey::generate(&group)?)?;

    let mut name = X509NameBuilder::new()?;
    let common_name = request.names.first().copied().unwrap_or("throw-away test authority");
    name.append_entry_by_nid(Nid::COMMONNAME, common_name)?;
    let name = name.build();

    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?.as_secs();
    let now = i64::try_from(now).map_err(io::Error::other)?;
    let not_before = Asn1Time::from_unix(now + request.from_day * DAY)?;
    let not_after = Asn1Time::from_unix(now + request.until_day * DAY)?;

    let mut certificate = X509Builder::new()?;
    certificate.set_version(2)?;
    certificate.set_serial_number(serial_number()?.as_ref())?;
    certificate.set_subject_name(&name)?;
    certificate
        .set_issuer_name(issuer.map_or(&*name, |issuer| issuer.certificate.subject_name()))?;
    certificate.set_not_before(&not_before)?;
    certificate.set_not_after(&not_after)?;
    certificate.set_pubkey(&key)?;
    add_extensions(&mut certificate, request, issuer)?;
    certificate.sign(issuer.map_or(&key, |issuer| &issuer.key), MessageDigest::sha256())?;
    Ok(Identity { certificate: certificate.build(), key })
}

fn serial_number() -> io::Result<Asn1Integer> {
    let mut number = BigNum::new()?;
    number.rand(127, MsbOption::ONE, false)?;
    Ok(number.to_asn1_integer()?)
}

fn add_extensions(
    certificate: &mut X509Builder,
    request: &Request<'_>,
    issuer: Option<&Identity>,
) -> io::Result<()> {
    let mut usage = KeyUsage::new();
    usage.critical();
    if request.authority {
        certificate.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        usage.key_cert_sign().crl_sign();
    } else {
        certificate.append_extension(BasicConstraints::new().critical().build()?)?;
        certificate.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
        usage.digital_signature();
    }
    certificate.append_extension(usage.build()?)?;

    let issuer_certificate = issuer.map(|issuer| &*issuer.certificate);
    let context = certificate.x509v3_context(issuer_certificate, None);
    let subject_key = SubjectKeyIdentifier::new().build(&context)?;
    certificate.append_extension(subject_key)?;
    if issuer_certificate.is_some() {
        let context = certificate.x509v3_context(issuer_certificate, None);
        let authority_key = AuthorityKeyIdentifier::new().keyid(true).build(&context)?;
        certificate.append_extension(authority_key)?;
    }
    if !request.names.is_empty() {
        let mut alternatives = SubjectAlternativeName::new();
        for name in request.names {
            if name.parse::<std::net::IpAddr>().is_ok() {
                alternatives.ip(name);
            } else {
                alternatives.dns(name);
            }
        }
        let context = certificate.x509v3_context(issuer_certificate, None);
        let alternatives = alternatives.build(&context)?;
        certificate.append_extension(alternatives)?;
    }
    Ok(())
}
