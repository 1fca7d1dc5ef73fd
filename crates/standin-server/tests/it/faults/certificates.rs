//! A provider's certificate that proves nothing (fault D3): it is not talked to, and never in plain text instead.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use crate::outbound::{Service, place};

/// How a server speaks TLS that has this certificate.
pub(crate) fn tls(certificate: &rcgen::Certificate, key: &KeyPair) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let cryptography = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(cryptography)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    Arc::new(config)
}

/// A provider with this certificate for its host. How many requests it could read.
fn provider(certificate: &rcgen::Certificate, key: &KeyPair) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (config, read) = (tls(certificate, key), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&read);
    let issuer = format!("https://localhost:{port}");
    let document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
    .to_string();
    thread::Builder::new()
        .spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = StreamOwned::new(connection, stream);
                if stream.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {
                    count.fetch_add(1, Ordering::Relaxed);
                    let length = document.len();
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\
                         Content-Length: {length}\r\n\r\n{document}"
                    );
                    drop(stream.write_all(answer.as_bytes()));
                }
            }
        })
        .unwrap();
    (port, read)
}

pub(crate) fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// What a visitor gets who presses the button, and how many requests the provider could read.
fn sign_in(params: &CertificateParams, is_known: bool) -> (String, usize) {
    let (known, other, key) = (authority(), authority(), KeyPair::generate().unwrap());
    let issuer = if is_known { &known } else { &other };
    let (port, read) = provider(&params.signed_by(&key, issuer).unwrap(), &key);
    let place = place(port, "[outbound]\nallow_networks = [\"127.0.0.0/8\", \"::1/128\"]");
    let file = place.path().join("authorities.pem");
    fs::write(&file, known.pem()).unwrap();
    let service = Service::start_with(place.path(), &[("SSL_CERT_FILE", file.to_str().unwrap())]);
    let answer = service.sign_in();
    (answer, read.load(Ordering::Relaxed))
}

#[test]
fn d3_a_certificate_that_is_over_or_anothers_or_from_anybody_is_no_proof() {
    let named = |name: &str| CertificateParams::new(vec![name.to_owned()]).unwrap();
    let (good, read) = sign_in(&named("localhost"), true);
    assert!(good.starts_with("HTTP/1.1 303 "), "{good}");
    assert!(good.contains("/authorize?"), "{good}");
    assert_eq!(read, 1);

    let mut over = named("localhost");
    (over.not_before, over.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    for (params, is_known) in
        [(over, true), (named("provider.example"), true), (named("localhost"), false)]
    {
        let (answer, read) = sign_in(&params, is_known);
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("provider_unavailable"), "{answer}");
        assert_eq!(read, 0, "something was sent");
    }
}

/// A name that nobody has.
#[test]
fn d3_a_provider_whose_name_leads_nowhere_is_out_of_reach() {
    let place = place(1, "");
    let path = place.path().join("standin.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("https://localhost:1", "https://provider.invalid")).unwrap();
    let answer = Service::start_with(place.path(), &[]).sign_in();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("provider_unavailable"), "{answer}");
}
