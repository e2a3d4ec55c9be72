//! Certificates of a test's own: an authority, what it signs, and what nobody signed.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;

/// A certificate authority of a test's own.
#[derive(Debug)]
pub struct Authority {
    issuer: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
    serial: Mutex<u64>,
}

impl Default for Authority {
    /// One that nobody knows yet.
    fn default() -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer =
            rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
        Self { issuer, serial: Mutex::new(1) }
    }
}

impl Authority {
    /// Its certificate in PEM form.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A server's configuration with a certificate for this name, valid in these years.
    ///
    /// # Panics
    /// When the name cannot stand in a certificate.
    pub fn server(&self, name: &str, years: std::ops::Range<i32>) -> ServerConfig {
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        let mut serial = self.serial.lock().unwrap_or_else(PoisonError::into_inner);
        *serial += 1;
        params.serial_number = Some((*serial).into());
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        server_config(certificate.der().clone(), &key)
    }
}

/// A server's configuration with a certificate for this name that nobody else vouches for, and that certificate in PEM form.
///
/// # Panics
/// When the name cannot stand in a certificate.
pub fn self_signed(name: &str) -> (ServerConfig, String) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    (server_config(made.cert.der().clone(), &made.signing_key), made.cert.pem())
}

fn server_config(
    certificate: rustls::pki_types::CertificateDer<'static>,
    key: &rcgen::KeyPair,
) -> ServerConfig {
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .unwrap()
}
