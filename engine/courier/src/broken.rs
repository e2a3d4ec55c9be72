//! Why there is no whole answer: failures of sockets, TLS and HTTP, put into the kinds and words of an outcome.

use std::{error::Error as StdError, fmt, io};

use leadhook_core::outcome::{BrokenKind, Outcome};
use rustls::CertificateError;

/// The most names of a certificate that are told.
const CERTIFICATE_NAMES_TOLD_MAX: usize = 3;

/// There is no whole answer; of an attempt, [`Outcome::Broken`] on its way up.
#[derive(Debug)]
pub struct Broken {
    /// In which way.
    pub kind: BrokenKind,
    /// What exactly, for people; no paths, query strings or bodies.
    pub detail: String,
    /// The status, where one had come before.
    pub status: Option<u16>,
}

impl Broken {
    pub(crate) fn new(kind: BrokenKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), status: None }
    }

    /// From connecting a socket. `place` is the address, as every place below is a host or address with its port.
    pub(crate) fn from_connecting(error: &io::Error, place: &str) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::ConnectionRefused => BrokenKind::ConnectionRefused,
            _ => BrokenKind::ConnectionFailed,
        };
        let detail = match kind {
            BrokenKind::ConnectionRefused => place.to_owned(),
            _ => format!("{place}: {error}"),
        };
        Self::new(kind, detail)
    }

    /// From a TLS handshake.
    pub(crate) fn from_handshake(error: &io::Error, place: &str) -> Self {
        match find::<rustls::Error>(error) {
            Some(error) => Self::from_tls(error, place),
            None => Self::new(BrokenKind::TlsFailed, format!("{place} broke off the TLS handshake")),
        }
    }

    fn from_tls(error: &rustls::Error, place: &str) -> Self {
        match error {
            rustls::Error::InvalidCertificate(error) => {
                Self::new(BrokenKind::CertificateInvalid, format!("{place}: {}", certificate_words(error)))
            }
            rustls::Error::InvalidMessage(_) => {
                Self::new(BrokenKind::TlsFailed, format!("{place} does not speak TLS"))
            }
            error => Self::new(BrokenKind::TlsFailed, format!("{place}: {error}")),
        }
    }

    /// From an HTTP exchange, before the head of the answer was whole or after it.
    pub(crate) fn from_exchange(error: &hyper::Error, place: &str) -> Self {
        if error.is_parse_too_large() {
            return Self::new(BrokenKind::HeadTooLarge, place);
        }
        if error.is_parse() {
            return Self::new(BrokenKind::NotHttp, place);
        }
        if let Some(tls) = find::<rustls::Error>(error) {
            return Self::from_tls(tls, place);
        }
        match find::<io::Error>(error).map(io::Error::kind) {
            // The kinds by which a broken chunked encoding is told.
            Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => {
                Self::new(BrokenKind::NotHttp, format!("the body that {place} sent is malformed"))
            }
            Some(io::ErrorKind::ConnectionReset) => {
                Self::new(BrokenKind::ConnectionLost, format!("{place} reset it"))
            }
            _ => Self::new(BrokenKind::ConnectionLost, format!("{place} closed it")),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.in_words(), self.detail)
    }
}

impl From<Broken> for Outcome {
    fn from(Broken { kind, detail, status }: Broken) -> Self {
        Self::Broken { kind, detail, status }
    }
}

/// The first error of this type, from `error` down through its sources. What an [`io::Error`] wraps is no
/// source of it, so that is looked into as well.
pub(crate) fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    None
}

fn certificate_words(error: &CertificateError) -> String {
    let words = match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the certificate has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet"
        }
        CertificateError::Revoked => "the certificate was revoked",
        CertificateError::UnknownIssuer => "the certificate is from an authority that is not known here",
        CertificateError::NotValidForName => "the certificate is for another name",
        CertificateError::NotValidForNameContext { presented, .. } => return other_names(presented),
        CertificateError::BadSignature => "the certificate is not signed by its issuer",
        CertificateError::BadEncoding => "the certificate is not readable",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate is not one for servers"
        }
        // The handler shows its authority's certificate as its own: what a plain self-signed one often is.
        CertificateError::Other(_) => "the certificate cannot be a server's own",
        error => return error.to_string(),
    };
    words.to_owned()
}

fn other_names(presented: &[String]) -> String {
    // As rustls words them: DnsName("www.example"), or a bare address.
    let bare = |name: &String| {
        let name = name.strip_prefix("DnsName(").and_then(|name| name.strip_suffix(')')).unwrap_or(name);
        name.trim_matches('"').to_owned()
    };
    let told: Vec<_> = presented.iter().take(CERTIFICATE_NAMES_TOLD_MAX).map(bare).collect();
    let more = match presented.len().saturating_sub(CERTIFICATE_NAMES_TOLD_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match told.is_empty() {
        true => "the certificate is for no name at all".to_owned(),
        false => format!("the certificate is for another name: {}{more}", told.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_for_many_names_tells_three_of_them() {
        let presented: Vec<_> = (1..=5).map(|n| format!("DnsName(\"www{n}.example\")")).collect();
        let told = other_names(&presented);
        assert_eq!(
            told,
            "the certificate is for another name: www1.example, www2.example, www3.example and 2 more"
        );
        assert_eq!(other_names(&[]), "the certificate is for no name at all");
    }

    #[test]
    fn an_error_is_found_inside_of_io_errors() {
        let inner = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError);
        let outer = io::Error::other(inner);
        assert_eq!(find::<rustls::Error>(&outer), Some(&rustls::Error::DecryptError));
        assert_eq!(find::<rustls::Error>(&io::Error::other("no")), None);
    }
}
