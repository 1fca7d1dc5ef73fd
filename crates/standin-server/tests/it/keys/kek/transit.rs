//! A server that speaks as Vault's transit engine does, mounted at `transit`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use standin::secret::sha256;

use super::*;

pub(super) const TOKEN: &str = "hvs.canary-of-the-vault-token";
pub(super) const NAMESPACE: &str = "platform";

pub(super) struct Transit {
    pub(super) server: Server,
    pub(super) visits: Arc<Visits>,
}

impl Transit {
    pub(super) fn start(runtime: &Runtime) -> Self {
        let visits = Arc::new(Visits::default());
        let router = Router::new()
            .route("/v1/transit/{verb}/{key}", post(answer))
            .with_state(Arc::clone(&visits));
        Self { server: Server::start(runtime, router), visits }
    }
}

type Answer = Result<Json<Value>, (StatusCode, Json<Value>)>;

fn error(status: StatusCode, words: &str) -> Answer {
    Err((status, Json(json!({ "errors": [words] }))))
}

async fn answer(
    State(visits): State<Arc<Visits>>,
    Path((verb, key)): Path<(String, String)>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Answer {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let wanted =
        [("x-vault-token", TOKEN), ("x-vault-namespace", NAMESPACE), ("x-vault-request", "true")];
    if wanted.iter().any(|(name, value)| header(name) != Some(value)) {
        return error(StatusCode::FORBIDDEN, "permission denied");
    }
    let bytes = |name: &str| {
        body[name].as_str().map(|text| BASE64.decode(text.as_bytes()).expect("base64"))
    };
    let bound_to = bytes("associated_data").expect("associated_data is always sent");
    let key = match (key.as_str(), bytes("context")) {
        ("standin", None) => [3; 32],
        ("derived", Some(context)) => sha256(&[&[4; 32], context.as_slice()].concat()),
        ("derived", None) => {
            return error(StatusCode::BAD_REQUEST, "missing 'context' for key derivation");
        }
        _ => return error(StatusCode::BAD_REQUEST, "encryption key not found"),
    };
    if verb == "encrypt" {
        let plain = bytes("plaintext").unwrap();
        visits.note(&plain);
        let text = format!("vault:v1:{}", BASE64.encode(&encrypt(&key, &bound_to, &plain)));
        return Ok(Json(json!({ "data": { "ciphertext": text, "key_version": 1 } })));
    }
    let text = body["ciphertext"].as_str().and_then(|text| text.strip_prefix("vault:v1:"));
    let text = text.map(|text| BASE64.decode(text.as_bytes()).unwrap()).unwrap_or_default();
    match decrypt(&key, &bound_to, &text) {
        Some(plain) => {
            visits.note(&plain);
            Ok(Json(json!({ "data": { "plaintext": BASE64.encode(&plain) } })))
        }
        None => error(StatusCode::BAD_REQUEST, "cipher: message authentication failed"),
    }
}
