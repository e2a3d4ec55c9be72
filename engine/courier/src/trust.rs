//! Whose certificates are believed, and the one TLS configuration that every connection shares.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject as _},
    version::{TLS12, TLS13},
};

use crate::CourierError;

/// The most TLS sessions remembered, so that a new connection to a known handler costs one round trip less.
const SESSIONS_MAX: usize = 1024;

/// The certificate authorities that are believed: Mozilla's, and those that are added.
#[derive(Debug, Clone)]
pub struct Roots {
    store: RootCertStore,
}

impl Default for Roots {
    fn default() -> Self {
        Self { store: webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect() }
    }
}

impl Roots {
    /// Believes also these certificates, one or several in PEM form: a company's own authority, or a handler's
    /// self-signed certificate.
    ///
    /// # Errors
    /// When the text is not PEM, holds no certificate, or one that cannot be a root.
    pub fn and_pem(mut self, text: &[u8]) -> Result<Self, CourierError> {
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(text) {
            let certificate = certificate.map_err(CourierError::ReadRoots)?;
            count += 1;
            self.store.add(certificate).map_err(|source| CourierError::AddRoot { number: count, source })?;
        }
        if count == 0 {
            return Err(CourierError::NoRoots);
        }
        Ok(self)
    }
}

/// TLS 1.2 and 1.3 by aws-lc-rs, named explicitly so that no process-wide default decides; HTTP/1.1 only.
pub(crate) fn client_config(roots: Roots) -> Result<Arc<ClientConfig>, CourierError> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(CourierError::TlsVersions)?
        .with_root_certificates(roots.store)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_certificate_is_refused_and_says_why() {
        let cut = "-----BEGIN CERTIFICATE-----\nMIIB";
        let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(Roots::default().and_pem(b"hello"), Err(CourierError::NoRoots)));
        assert!(matches!(Roots::default().and_pem(cut.as_bytes()), Err(CourierError::ReadRoots(_))));
        let refused = Roots::default().and_pem(empty.as_bytes());
        assert!(matches!(refused, Err(CourierError::AddRoot { number: 1, .. })));
    }
}
