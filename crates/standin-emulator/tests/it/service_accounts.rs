//! Service accounts: key files, assertions, and what becomes of them.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Answer, CALENDAR, DRIVE, Google};

const ROBOT: &str = "robot@emulated-project.iam.gserviceaccount.com";
const CLOUD: &str = "https://www.googleapis.com/auth/cloud-platform";

pub(crate) struct Robot {
    pub(crate) google: Google,
    file: Value,
}

impl Robot {
    async fn new(account: Value) -> Self {
        let google = Google::start().await;
        let file = google.put("/_emulator/service-accounts", &account).await;
        Self { google, file: file.json().await.unwrap() }
    }

    pub(crate) async fn alone() -> Self {
        Self::new(json!({"email": ROBOT})).await
    }

    fn key(&self) -> EncodingKey {
        let pem = self.file["private_key"].as_str().unwrap();
        EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
    }

    /// Claims that are good, with `change` merged in; `null` removes.
    pub(crate) fn claims(&self, change: &Value) -> Value {
        let now = self.google.emulator.clock().now_unix_ms() / 1000;
        let mut claims = json!({
            "iss": ROBOT, "scope": CLOUD, "aud": self.file["token_uri"], "iat": now, "exp": now + 3600
        });
        for (name, value) in change.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        claims
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = self.file["private_key_id"].as_str().map(str::to_owned);
        jsonwebtoken::encode(&header, claims, &self.key()).unwrap()
    }

    pub(crate) async fn send(&self, assertion: &str) -> Answer {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion),
        ];
        let request = self.google.http.post(self.google.url("/token")).form(&form);
        Answer::of(request.send().await.unwrap()).await
    }

    async fn ask(&self, change: &Value) -> Answer {
        self.send(&self.sign(&self.claims(change))).await
    }
}

#[tokio::test]
async fn a_key_file_has_googles_members_and_leads_to_this_emulator() {
    let robot = Robot::alone().await;
    let origin = robot.google.emulator.origin();
    assert_eq!(robot.file["type"], "service_account");
    assert_eq!(robot.file["client_email"], ROBOT);
    assert_eq!(robot.file["token_uri"], format!("{origin}/token"));
    assert_eq!(robot.file["private_key_id"].as_str().unwrap().len(), 40);
    let url = robot.file["client_x509_cert_url"].as_str().unwrap();
    let map: Value = robot.google.http.get(url).send().await.unwrap().json().await.unwrap();
    let pem = map[robot.file["private_key_id"].as_str().unwrap()].as_str().unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"));
    let again = robot.google.put("/_emulator/service-accounts", &json!({"email": ROBOT})).await;
    assert_eq!(again.json::<Value>().await.unwrap(), robot.file, "the key stays");
    let list = robot.google.get("/_emulator/service-accounts").await.text().await.unwrap();
    assert!(list.contains(ROBOT) && !list.contains("PRIVATE KEY"));
}

#[tokio::test]
async fn a_good_assertion_gives_an_access_token_and_no_more() {
    let robot = Robot::alone().await;
    let answer = robot.ask(&json!({})).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.raw);
    assert!(answer.text("access_token").starts_with("ya29.c."));
    assert_eq!(
        (&answer.body["expires_in"], &answer.body["token_type"]),
        (&json!(3599), &json!("Bearer"))
    );
    assert_eq!(answer.body.as_object().unwrap().len(), 3);
    let token = answer.text("access_token");
    let info = robot.google.json(&format!("/tokeninfo?access_token={token}")).await;
    assert_eq!(info["azp"], robot.file["client_id"]);
    let revoked = robot.google.revoke(&token).await;
    assert_eq!(revoked.error(), "400 invalid_request: Token is not revocable.");
    let digits = json!({
        "iat": robot.claims(&json!({}))["iat"].to_string(),
        "exp": robot.claims(&json!({}))["exp"].to_string()
    });
    assert_eq!(robot.ask(&digits).await.status, StatusCode::OK);
    let google = json!({"aud": "https://oauth2.googleapis.com/token"});
    assert_eq!(robot.ask(&google).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_no_jws_is_a_bad_request() {
    let robot = Robot::alone().await;
    let good = robot.sign(&robot.claims(&json!({})));
    let (message, _) = good.rsplit_once('.').unwrap();
    for bad in [
        "",
        "x",
        "a.b",
        "a.b.c",
        "e30.W10.AA",
        message,
        &format!("{good}.AA"),
        &format!("{message}.="),
    ] {
        assert_eq!(robot.send(bad).await.error(), "400 invalid_request: Bad Request", "{bad}");
    }
}

#[tokio::test]
async fn the_table_of_assertions_is_googles() {
    let robot = Robot::alone().await;
    let now = robot.claims(&json!({}))["iat"].as_i64().unwrap();
    let signature = "400 invalid_grant: Invalid JWT Signature.";
    let account = "400 invalid_grant: Invalid grant: account not found";
    let window = "400 invalid_grant: Invalid JWT: Token must be a short-lived token (60 minutes) \
                  and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";
    let scope = "400 invalid_scope: Invalid OAuth scope or ID token audience provided.";
    let audience = "400 invalid_grant: Invalid JWT: Failed audience check.";
    let iat = "400 invalid_grant: Invalid JWT: iat (issued at) is not set.";
    let exp = "400 invalid_grant: Invalid JWT: exp (expiration time) is not set.";
    let mut cases = vec![
        (json!({"iss": "nobody@x.iam.gserviceaccount.com"}), account),
        (json!({"iss": null}), account),
        (json!({"iat": null}), iat),
        (json!({"exp": null}), exp),
        (json!({"iat": now - 4000, "exp": now - 400}), window),
        (json!({"exp": now + 3700}), window),
        (json!({"iat": now + 100, "exp": now + 200}), window),
        (json!({"scope": ""}), scope),
        (json!({"scope": null}), scope),
        (json!({"scope": "a\"b"}), scope),
        (json!({"aud": null}), audience),
        (json!({"aud": "https://elsewhere.example/token"}), audience),
        // What is wrong first is named.
        (json!({"iss": null, "iat": null}), account),
        (json!({"iat": null, "exp": now - 9}), iat),
        (json!({"exp": now - 9, "scope": ""}), window),
        (json!({"scope": "", "aud": null}), scope),
    ];
    for (change, expected) in cases.drain(..) {
        assert_eq!(robot.ask(&change).await.error(), expected, "{change}");
    }
    let hs256 = jsonwebtoken::encode(
        &Header::new(Algorithm::HS256),
        &robot.claims(&json!({"iss": null})),
        &EncodingKey::from_secret(b"guessed"),
    );
    assert_eq!(robot.send(&hs256.unwrap()).await.error(), signature);
    let good = robot.sign(&robot.claims(&json!({})));
    let other = robot.sign(&robot.claims(&json!({"x": 1})));
    let (message, _) = good.rsplit_once('.').unwrap();
    let (_, foreign) = other.rsplit_once('.').unwrap();
    assert_eq!(robot.send(&format!("{message}.{foreign}")).await.error(), signature);
    let unsigned = robot.sign(&robot.claims(&json!({"iss": null})));
    let (message, _) = unsigned.rsplit_once('.').unwrap();
    assert_eq!(robot.send(&format!("{message}.{foreign}")).await.error(), signature, "before iss");
}

#[tokio::test]
async fn an_unknown_scope_is_taken_for_an_audience() {
    let robot = Robot::alone().await;
    let mixed = format!("{CLOUD} something-else");
    let cases = [
        (json!({"scope": "https://my-service.example/"}), "https://my-service.example/"),
        (json!({"scope": mixed}), mixed.as_str()),
        (json!({"scope": null, "target_audience": "my-service"}), "my-service"),
    ];
    for (change, audience) in cases {
        let answer = robot.ask(&change).await;
        assert_eq!(answer.body.as_object().unwrap().len(), 1, "{}", answer.raw);
        let claims = answer.claims();
        assert_eq!((&claims["aud"], &claims["azp"]), (&json!(audience), &json!(ROBOT)));
        assert_eq!((&claims["sub"], &claims["email"]), (&robot.file["client_id"], &json!(ROBOT)));
        let path = format!("/tokeninfo?id_token={}", answer.text("id_token"));
        assert_eq!(robot.google.get(&path).await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn faults_strike_assertions_too() {
    let robot = Robot::alone().await;
    let fault = async |name: &str| {
        robot.google.fault(json!({"endpoint": "token", "fault": name})).await;
        robot.ask(&json!({"scope": null, "target_audience": "my-service"})).await
    };
    assert_eq!(fault("invalid_grant").await.error(), "400 invalid_grant: Bad Request");
    assert_eq!(fault("invalid_client").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(fault("wrong_iss").await.claims()["iss"], "https://issuer.invalid");
    assert_ne!(fault("wrong_aud").await.claims()["aud"], "my-service");
    assert_eq!(fault("alg_none").await.header()["alg"], "none");
    let forged = fault("bad_signature").await.text("id_token");
    let path = format!("/tokeninfo?id_token={forged}");
    assert_eq!(robot.google.get(&path).await.status(), StatusCode::BAD_REQUEST);
    let narrow = json!({"endpoint": "token", "fault": "narrow_scope", "scopes": [CALENDAR]});
    robot.google.fault(narrow).await;
    let token = robot.ask(&json!({"scope": format!("{CLOUD} {CALENDAR}")})).await;
    let path = format!("/tokeninfo?access_token={}", token.text("access_token"));
    assert_eq!(robot.google.json(&path).await["scope"], CLOUD);
}

#[tokio::test]
async fn the_ledger_tells_what_a_service_account_got_and_did_not_get() {
    let robot = Robot::alone().await;
    robot.ask(&json!({"scope": null, "target_audience": "my-service"})).await;
    robot.ask(&json!({"iat": null})).await;
    let issued = &robot.google.events("service_token_issued").await[0];
    assert_eq!((&issued["user"], &issued["audience"]), (&json!(ROBOT), &json!("my-service")));
    let refused = &robot.google.events("service_token_refused").await[0];
    assert_eq!(refused["error"], "invalid_grant");
    assert_eq!(refused["assertion_sha256"].as_str().unwrap().len(), 64);
}

#[tokio::test]
async fn a_user_cannot_take_back_what_a_domain_delegates() {
    let robot = Robot::new(json!({"email": ROBOT, "delegated_scopes": [CALENDAR]})).await;
    let answer = robot.ask(&json!({"sub": "linus@corp.example", "scope": CALENDAR})).await;
    robot.google.post("/_emulator/users/linus@corp.example/revoke", &json!({})).await;
    let path = format!("/tokeninfo?access_token={}", answer.text("access_token"));
    assert_eq!(robot.google.get(&path).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_domain_lets_a_service_account_act_for_its_users() {
    let robot = Robot::new(json!({"email": ROBOT, "delegated_scopes": [CALENDAR]})).await;
    let refused = "401 unauthorized_client: Client is unauthorized to retrieve access tokens using \
                   this method, or client not authorized for any of the scopes requested.";
    let cases = [
        ("linus@corp.example", CLOUD, refused),
        ("ada@example.com", CALENDAR, refused),
        ("nobody@corp.example", CALENDAR, "400 invalid_grant: Invalid email or User ID"),
        (ROBOT, CLOUD, "200 : "),
        ("linus@corp.example", CALENDAR, "200 : "),
    ];
    for (sub, scope, expected) in cases {
        let answer = robot.ask(&json!({"sub": sub, "scope": scope})).await;
        assert_eq!(answer.error(), expected, "{sub} {scope}");
    }
    let answer = robot.ask(&json!({"sub": "linus@corp.example", "scope": CALENDAR})).await;
    let path = robot.google.url("/calendar/v3/calendars/primary/events");
    let events = robot.google.http.get(path).bearer_auth(answer.text("access_token")).send().await;
    let events: Value = events.unwrap().json().await.unwrap();
    assert_eq!(events["summary"], "linus@corp.example");
}

#[tokio::test]
async fn a_seeded_accounts_key_outlives_a_reset() {
    let seed = format!("[[service_accounts]]\nemail = \"{ROBOT}\"");
    let seed = standin_emulator::Seed::from_toml(&seed).unwrap();
    let google = Google::with(standin_emulator::Emulator::builder().seed(seed)).await;
    let file = google.put("/_emulator/service-accounts", &json!({"email": ROBOT})).await;
    let robot = Robot { file: file.json().await.unwrap(), google };
    robot.google.post("/_emulator/reset", &json!({})).await;
    assert_eq!(robot.ask(&json!({})).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_service_account_finishes_an_upload_in_pieces() {
    let robot = Robot::alone().await;
    let google = &robot.google;
    let token = robot.ask(&json!({"scope": DRIVE})).await.text("access_token");
    let begin = google.http.post(google.url("/upload/drive/v3/files?uploadType=resumable"));
    let begun = begin.bearer_auth(token).json(&json!({"name": "a.txt"})).send().await.unwrap();
    let session = begun.headers()["location"].to_str().unwrap();
    let done = google.http.put(session).body("hello").send().await.unwrap();
    assert_eq!(done.status(), StatusCode::OK);
    assert_eq!(Answer::of(done).await.text("name"), "a.txt");
}
