//! TLS as rustls does it on aws-lc-rs: the server's certificate is verified in full, or there is none.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Tls;
use super::refusal::ServerError;

/// What connects. Where there is no TLS it is asked for nothing, and trusts nobody.
pub(super) fn connector(tls: &Tls) -> Result<MakeRustlsConnect, ServerError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ServerError::Address(error.to_string()))?;
    let builder = match tls {
        Tls::VerifyFull(None) => builder.with_platform_verifier().map_err(|error| {
            ServerError::Address(format!("this machine trusts nobody: {error}"))
        })?,
        Tls::VerifyFull(Some(file)) => builder.with_root_certificates(authorities(file)?),
        Tls::Local | Tls::Plaintext => builder.with_root_certificates(RootCertStore::empty()),
    };
    Ok(MakeRustlsConnect::new(builder.with_no_client_auth()))
}

fn authorities(file: &Path) -> Result<RootCertStore, ServerError> {
    let unusable = |why: String| {
        ServerError::Address(format!("sslrootcert={} cannot be used: {why}", file.display()))
    };
    let mut authorities = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(file).map_err(|error| unusable(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        authorities.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    if authorities.is_empty() {
        return Err(unusable("it holds no certificate".to_owned()));
    }
    Ok(authorities)
}
