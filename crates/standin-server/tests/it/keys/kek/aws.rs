//! A server that speaks as AWS KMS does, with a container's and a machine's metadata beside it. It computes every
//! signature anew, from the request as it came.

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post, put};
use standin::secret::sha256;

use super::*;

pub(super) const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd";
pub(super) const KEY: &str = "awskms:arn:aws:kms:eu-central-1:111122223333:key/1234abcd";
pub(super) const KEY_ID: &str = "AKIDEXAMPLE";
pub(super) const SECRET: &str = "canary/of+the/aws+secret";
pub(super) const CONTAINER_TOKEN: &str = "container-token";
const TEMPORARY_ID: &str = "ASIAEXAMPLE";
const SESSION: &str = "session-token==";

pub(super) struct Aws {
    pub(super) server: Server,
    pub(super) visits: Arc<Visits>,
}

impl Aws {
    pub(super) fn start(runtime: &Runtime) -> Self {
        let visits = Arc::new(Visits::default());
        let roles = "/latest/meta-data/iam/security-credentials/";
        let router = Router::new()
            .route("/", post(answer))
            .route("/container", get(container))
            .route("/latest/api/token", put(machine_token))
            .route(roles, get(machine_role))
            .route(&format!("{roles}standin-role"), get(machine))
            .with_state(Arc::clone(&visits));
        Self { server: Server::start(runtime, router), visits }
    }
}

type Answer = Result<Json<Value>, (StatusCode, Json<Value>)>;

fn error(kind: &str) -> Answer {
    let kind = format!("com.amazonaws.kms#{kind}");
    Err((StatusCode::BAD_REQUEST, Json(json!({ "__type": kind, "message": null }))))
}

fn temporary() -> Json<Value> {
    Json(json!({
        "Code": "Success", "AccessKeyId": TEMPORARY_ID, "SecretAccessKey": SECRET, "Token": SESSION,
        "Expiration": "2099-01-01T00:00:00Z",
    }))
}

async fn container(headers: HeaderMap) -> Json<Value> {
    assert_eq!(headers["authorization"], CONTAINER_TOKEN);
    temporary()
}

async fn machine_token(headers: HeaderMap) -> &'static str {
    assert_eq!(headers["x-aws-ec2-metadata-token-ttl-seconds"], "60");
    "machine-token"
}

async fn machine_role(headers: HeaderMap) -> &'static str {
    assert_eq!(headers["x-aws-ec2-metadata-token"], "machine-token");
    "standin-role\n"
}

async fn machine(headers: HeaderMap) -> Json<Value> {
    assert_eq!(headers["x-aws-ec2-metadata-token"], "machine-token");
    temporary()
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

/// Signature Version 4, from what came.
fn is_signed(headers: &HeaderMap, body: &[u8]) -> bool {
    let value = |name: &str| headers[name].to_str().unwrap();
    let is_temporary = headers.contains_key("x-amz-security-token");
    let id = if is_temporary { TEMPORARY_ID } else { KEY_ID };
    assert!(!is_temporary || value("x-amz-security-token") == SESSION);
    let date = value("x-amz-date");
    let scope = format!("{}/eu-central-1/kms/aws4_request", &date[..8]);
    let given = value("authorization");
    let (begin, signature) = given.rsplit_once(", Signature=").unwrap();
    let (credential, names) = begin.rsplit_once(", SignedHeaders=").unwrap();
    assert_eq!(credential, format!("AWS4-HMAC-SHA256 Credential={id}/{scope}"));
    for needed in ["content-type", "host", "x-amz-date", "x-amz-target"] {
        assert!(names.split(';').any(|name| name == needed), "{needed} is not signed");
    }
    let lines: Vec<_> = names.split(';').map(|name| format!("{name}:{}", value(name))).collect();
    let lines = lines.join("\n");
    let request = format!("POST\n/\n\n{lines}\n\n{names}\n{}", HEXLOWER.encode(&sha256(body)));
    let text = format!(
        "AWS4-HMAC-SHA256\n{date}\n{scope}\n{}",
        HEXLOWER.encode(&sha256(request.as_bytes()))
    );
    let day = mac(format!("AWS4{SECRET}").as_bytes(), &date[..8]);
    let key =
        ["eu-central-1", "kms", "aws4_request"].into_iter().fold(day, |key, part| mac(&key, part));
    signature == HEXLOWER.encode(&mac(&key, &text))
}

async fn answer(State(visits): State<Arc<Visits>>, headers: HeaderMap, body: Bytes) -> Answer {
    if !is_signed(&headers, &body) {
        return error("SignatureDoesNotMatch");
    }
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["KeyId"], ARN);
    let context = body["EncryptionContext"].as_object().unwrap();
    assert!(context.contains_key("standin-data-key"));
    let bound_to = Value::from(context.clone()).to_string();
    let bytes = |name: &str| BASE64.decode(body[name].as_str().unwrap().as_bytes()).unwrap();
    let key = [6; 32];
    if headers["x-amz-target"] == "TrentService.Encrypt" {
        let plain = bytes("Plaintext");
        visits.note(&plain);
        let blob = BASE64.encode(&encrypt(&key, bound_to.as_bytes(), &plain));
        return Ok(Json(json!({ "CiphertextBlob": blob, "KeyId": ARN })));
    }
    assert_eq!(headers["x-amz-target"], "TrentService.Decrypt");
    match decrypt(&key, bound_to.as_bytes(), &bytes("CiphertextBlob")) {
        Some(plain) => {
            visits.note(&plain);
            Ok(Json(json!({ "Plaintext": BASE64.encode(&plain), "KeyId": ARN })))
        }
        None => error("InvalidCiphertextException"),
    }
}
