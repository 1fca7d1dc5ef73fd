//! A server that speaks as Google Cloud KMS does, with the token endpoint and the metadata server beside it.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::{get, post};
use axum::{Form, Json};
use data_encoding::BASE64URL_NOPAD;

use super::*;

pub(super) const KEY: &str =
    "gcpkms:projects/p-1/locations/europe-west1/keyRings/ring/cryptoKeys/standin";
const TOKEN: &str = "ya29.canary-of-the-kms-token";
const ROBOT: &str = "robot@p-1.iam.gserviceaccount.com";

pub(super) struct Google {
    pub(super) server: Server,
    pub(super) visits: Arc<Visits>,
    pem: String,
}

#[derive(Clone)]
struct Shared {
    visits: Arc<Visits>,
    public_key: Vec<u8>,
    /// Known once it listens.
    token_uri: Arc<OnceLock<String>>,
}

impl Google {
    pub(super) fn start(runtime: &Runtime) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
        let pem = BASE64.encode(der.as_ref());
        let shared = Shared {
            visits: Arc::default(),
            public_key: pair.public_key().as_ref().to_vec(),
            token_uri: Arc::default(),
        };
        let router = Router::new()
            .route("/token", post(token))
            .route("/computeMetadata/v1/instance/service-accounts/default/token", get(machine))
            .fallback(answer)
            .with_state(shared.clone());
        let server = Server::start(runtime, router);
        shared.token_uri.set(format!("{}/token", server.url())).unwrap();
        Self { server, visits: shared.visits, pem }
    }

    /// A key file as Google gives it out.
    pub(super) fn service_account(&self) -> String {
        let key = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", self.pem);
        let token_uri = format!("{}/token", self.server.url());
        json!({
            "type": "service_account", "client_email": ROBOT, "private_key_id": "1",
            "private_key": key, "token_uri": token_uri,
        })
        .to_string()
    }

    pub(super) fn secrets(&self) -> Vec<String> {
        vec![TOKEN.to_owned(), self.pem[100..140].to_owned()]
    }
}

type Answer = Result<Json<Value>, (StatusCode, Json<Value>)>;

fn error(status: StatusCode, kind: &str, words: &str) -> Answer {
    let error = json!({ "code": status.as_u16(), "message": words, "status": kind });
    Err((status, Json(json!({ "error": error }))))
}

async fn token(State(shared): State<Shared>, Form(form): Form<BTreeMap<String, String>>) -> Answer {
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let (message, signature) = form["assertion"].rsplit_once('.').unwrap();
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &shared.public_key);
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
    key.verify(message.as_bytes(), &signature).expect("signed with RS256");
    let claims = BASE64URL_NOPAD.decode(message.split_once('.').unwrap().1.as_bytes()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let now = SystemClock.now().unix_seconds();
    assert_eq!(claims["iss"], ROBOT);
    assert_eq!(claims["scope"], "https://www.googleapis.com/auth/cloudkms");
    assert_eq!(claims["aud"], *shared.token_uri.get().unwrap());
    assert!(claims["iat"].as_i64().unwrap() <= now && claims["exp"].as_i64().unwrap() > now);
    Ok(Json(json!({ "access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer" })))
}

async fn machine(headers: HeaderMap) -> Answer {
    assert_eq!(headers["metadata-flavor"], "Google");
    Ok(Json(json!({ "access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer" })))
}

/// By a table, unlike the one that it checks.
fn crc32c(bytes: &[u8]) -> u32 {
    let table: Vec<u32> = (0..256_u32)
        .map(|byte| {
            (0..8).fold(byte, |sum, _| (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg()))
        })
        .collect();
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        let [low, ..] = (sum ^ u32::from(*byte)).to_le_bytes();
        table[usize::from(low)] ^ (sum >> 8)
    })
}

async fn answer(State(shared): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> Answer {
    if headers.get("authorization").is_none_or(|value| value != &format!("Bearer {TOKEN}")) {
        return error(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "no credentials");
    }
    let name = KEY.trim_start_matches("gcpkms:");
    let body: Value = serde_json::from_slice(&body).unwrap();
    let checked = |field: &str| {
        let bytes = BASE64.decode(body[field].as_str().unwrap().as_bytes()).unwrap();
        let sum = body[format!("{field}Crc32c")].as_str().unwrap();
        assert_eq!(sum, crc32c(&bytes).to_string(), "{field}");
        bytes
    };
    let bound_to = checked("additionalAuthenticatedData");
    let path = uri.path().strip_prefix("/v1/").unwrap();
    let key = [5; 32];
    if path == format!("{name}:encrypt") {
        let plain = checked("plaintext");
        shared.visits.note(&plain);
        let text = encrypt(&key, &bound_to, &plain);
        return Ok(Json(json!({
            "name": format!("{name}/cryptoKeyVersions/1"), "ciphertext": BASE64.encode(&text),
            "ciphertextCrc32c": crc32c(&text).to_string(), "verifiedPlaintextCrc32c": true,
            "verifiedAdditionalAuthenticatedDataCrc32c": true, "protectionLevel": "SOFTWARE",
        })));
    }
    assert_eq!(path, format!("{name}:decrypt"));
    match decrypt(&key, &bound_to, &checked("ciphertext")) {
        Some(plain) => {
            shared.visits.note(&plain);
            let sum = crc32c(&plain).to_string();
            let plain = BASE64.encode(&plain);
            Ok(Json(json!({ "plaintext": plain, "plaintextCrc32c": sum, "usedPrimary": true })))
        }
        None => error(
            StatusCode::BAD_REQUEST,
            "INVALID_ARGUMENT",
            "Decryption failed: the ciphertext is invalid.",
        ),
    }
}
