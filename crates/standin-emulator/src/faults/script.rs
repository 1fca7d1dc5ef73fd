//! What `POST /_emulator/faults` accepts: names, fields and the endpoints where each makes sense.
//!
//! A script that could not do what it says is refused with the reason: a fault that silently never
//! strikes would make a test pass for nothing.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::suggest;

use super::{Action, Canned, Endpoint, Fault, Twist};

/// One fault as a test writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Script {
    endpoint: String,
    fault: String,
    times: Option<u32>,
    delay_ms: Option<u64>,
    #[serde(default)]
    held: bool,
    status: Option<u16>,
    body: Option<Value>,
    content_type: Option<String>,
    /// Seconds as a number, or a date as text.
    retry_after: Option<Value>,
    scopes: Option<Vec<String>>,
    fields: Option<Map<String, Value>>,
    claims: Option<Map<String, Value>>,
    header: Option<Map<String, Value>>,
}

/// Why a script is refused.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("unknown {what} `{given}`{}", did_you_mean(.given, .known))]
    Unknown { what: &'static str, given: String, known: &'static [&'static str] },
    #[error("fault `{fault}` does not take `{field}`")]
    Superfluous { fault: &'static str, field: &'static str },
    #[error("fault `{fault}` needs `{field}`")]
    Missing { fault: &'static str, field: &'static str },
    #[error("fault `{fault}` makes no sense at this endpoint; it works at: {}", places.join(", "))]
    Misplaced { fault: &'static str, places: &'static [&'static str] },
    #[error("`{field}` is not valid: {reason}")]
    Invalid { field: &'static str, reason: &'static str },
}

const ENDPOINTS: &[&str] = &[
    "authorize",
    "device",
    "token",
    "jwks",
    "discovery",
    "userinfo",
    "tokeninfo",
    "revoke",
    "api",
];
const TOKEN: &[&str] = &["token"];
/// Where ID tokens come from.
const ID_TOKEN: &[&str] = &["token", "authorize"];

/// A fault's name, where it works, and the fields it takes (`!` marks the ones it needs).
type Definition = (&'static str, &'static [&'static str], &'static [&'static str]);

const FAULTS: &[Definition] = &[
    ("status", ENDPOINTS, &["!status", "body", "content_type", "retry_after"]),
    ("delay", ENDPOINTS, &["!delay_ms"]),
    ("hold", ENDPOINTS, &[]),
    ("drop_before", ENDPOINTS, &[]),
    ("drop_after", ENDPOINTS, &[]),
    ("malformed", ENDPOINTS, &["body", "content_type"]),
    ("wrong_iss", &["token", "discovery", "authorize"], &[]),
    ("wrong_aud", ID_TOKEN, &[]),
    ("wrong_nonce", ID_TOKEN, &[]),
    ("bad_signature", ID_TOKEN, &[]),
    ("alg_none", ID_TOKEN, &[]),
    ("expired", ID_TOKEN, &[]),
    ("unknown_kid", ID_TOKEN, &[]),
    ("no_refresh_token", TOKEN, &[]),
    ("invalid_grant", TOKEN, &[]),
    ("invalid_client", TOKEN, &[]),
    ("rotate", TOKEN, &[]),
    ("narrow_scope", TOKEN, &["!scopes"]),
    ("other_subject", &["token", "authorize", "userinfo"], &[]),
    ("token_response", TOKEN, &["!fields"]),
    ("id_token_claims", ID_TOKEN, &["claims", "header"]),
];

const NAMES: &[&str] = &names();

const fn names() -> [&'static str; FAULTS.len()] {
    let mut names = [""; FAULTS.len()];
    let mut index = 0;
    while index < FAULTS.len() {
        names[index] = FAULTS[index].0;
        index += 1;
    }
    names
}

impl Script {
    /// Checks names, places and fields, and makes the fault.
    pub(crate) fn parse(self) -> Result<Fault, Refusal> {
        let endpoint = self.endpoint()?;
        let Some(&(name, places, fields)) = FAULTS.iter().find(|known| known.0 == self.fault)
        else {
            return Err(Refusal::Unknown { what: "fault", given: self.fault, known: NAMES });
        };
        if !places.contains(&self.endpoint.as_str()) {
            return Err(Refusal::Misplaced { fault: name, places });
        }
        self.check_fields(name, fields)?;
        let remaining = self.times.unwrap_or(1);
        if remaining == 0 {
            return Err(Refusal::Invalid { field: "times", reason: "at least 1" });
        }
        let delay = Duration::from_millis(self.delay_ms.unwrap_or(0));
        let held = self.held || name == "hold";
        Ok(Fault { endpoint, name, remaining, delay, held, action: self.action()? })
    }

    fn endpoint(&self) -> Result<Endpoint, Refusal> {
        serde_json::from_value(Value::from(self.endpoint.as_str())).map_err(|_| Refusal::Unknown {
            what: "endpoint",
            given: self.endpoint.clone(),
            known: ENDPOINTS,
        })
    }

    /// `delay_ms` and `held` go with every fault: a slow wrong answer is a wrong answer too.
    fn check_fields(&self, fault: &'static str, takes: &[&'static str]) -> Result<(), Refusal> {
        let given = [
            ("delay_ms", self.delay_ms.is_some()),
            ("status", self.status.is_some()),
            ("body", self.body.is_some()),
            ("content_type", self.content_type.is_some()),
            ("retry_after", self.retry_after.is_some()),
            ("scopes", self.scopes.is_some()),
            ("fields", self.fields.is_some()),
            ("claims", self.claims.is_some()),
            ("header", self.header.is_some()),
        ];
        for (field, present) in given {
            let needs = takes.iter().any(|taken| taken.strip_prefix('!') == Some(field));
            if needs && !present {
                return Err(Refusal::Missing { fault, field });
            }
            if present && !needs && field != "delay_ms" && !takes.contains(&field) {
                return Err(Refusal::Superfluous { fault, field });
            }
        }
        Ok(())
    }

    fn action(self) -> Result<Action, Refusal> {
        Ok(match self.fault.as_str() {
            "status" | "malformed" => Action::Answer(self.canned()?),
            "drop_before" => Action::DropBefore,
            "drop_after" => Action::DropAfter,
            "delay" | "hold" => Action::Proceed,
            "wrong_iss" => Action::Twist(Twist::WrongIss),
            "wrong_aud" => Action::Twist(Twist::WrongAud),
            "wrong_nonce" => Action::Twist(Twist::WrongNonce),
            "bad_signature" => Action::Twist(Twist::BadSignature),
            "alg_none" => Action::Twist(Twist::AlgNone),
            "expired" => Action::Twist(Twist::Expired),
            "unknown_kid" => Action::Twist(Twist::UnknownKid),
            "no_refresh_token" => Action::Twist(Twist::NoRefreshToken),
            "invalid_grant" => Action::Twist(Twist::InvalidGrant),
            "invalid_client" => Action::Twist(Twist::InvalidClient),
            "rotate" => Action::Twist(Twist::Rotate),
            "other_subject" => Action::Twist(Twist::OtherSubject),
            "narrow_scope" => {
                Action::Twist(Twist::NarrowScope { scopes: self.scopes.unwrap_or_default() })
            }
            "token_response" => {
                Action::Twist(Twist::TokenResponse { fields: self.fields.unwrap_or_default() })
            }
            _ => Action::Twist(Twist::IdTokenClaims {
                claims: self.claims.unwrap_or_default(),
                header: self.header.unwrap_or_default(),
            }),
        })
    }

    fn canned(self) -> Result<Canned, Refusal> {
        // What is below 200 is no answer, and what is above 599 no status (RFC 9110 §15).
        let status = self.status.unwrap_or(200);
        let status = StatusCode::from_u16(status).ok().filter(|_| (200..600).contains(&status));
        let status = status
            .ok_or(Refusal::Invalid { field: "status", reason: "an HTTP status, 200 to 599" })?;
        let content_type =
            self.content_type.as_deref().unwrap_or("application/json; charset=utf-8");
        let content_type = HeaderValue::from_str(content_type).map_err(|_| Refusal::Invalid {
            field: "content_type",
            reason: "not a header value",
        })?;
        let body = match self.body {
            Some(Value::String(text)) => text,
            Some(json) => json.to_string(),
            None if self.fault == "malformed" => r#"{"access_token": "ya29.a0"#.to_owned(),
            None => String::new(),
        };
        Ok(Canned { status, content_type, retry_after: retry_after(self.retry_after)?, body })
    }
}

fn retry_after(written: Option<Value>) -> Result<Option<HeaderValue>, Refusal> {
    let invalid = Refusal::Invalid { field: "retry_after", reason: "seconds, or a date as text" };
    let value = match written {
        None => return Ok(None),
        Some(Value::Number(seconds)) if seconds.is_u64() => {
            HeaderValue::from_str(&seconds.to_string())
        }
        Some(Value::String(date)) => HeaderValue::from_str(&date),
        Some(_) => return Err(invalid),
    };
    value.map(Some).map_err(|_| invalid)
}

fn did_you_mean(given: &str, known: &[&'static str]) -> String {
    match suggest::nearest(given, known.iter().copied()) {
        Some(name) => format!("; did you mean `{name}`?"),
        None => format!("; known are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(script: Value) -> String {
        let script: Script = serde_json::from_value(script).unwrap();
        script.parse().unwrap_err().to_string()
    }

    #[test]
    fn every_named_fault_makes_a_fault_where_it_belongs() {
        for (name, places, fields) in FAULTS {
            let mut script = json!({"endpoint": places[0], "fault": name});
            for field in fields.iter().filter_map(|field| field.strip_prefix('!')) {
                script[field] = match field {
                    "scopes" => json!(["openid"]),
                    "fields" => json!({}),
                    _ => json!(503),
                };
            }
            let script: Script = serde_json::from_value(script).unwrap();
            assert_eq!(script.parse().unwrap().name, *name);
        }
    }

    #[test]
    fn a_script_that_could_not_strike_is_refused_with_the_reason() {
        assert_eq!(
            refusal(json!({"endpoint": "token", "fault": "bad_signatur"})),
            "unknown fault `bad_signatur`; did you mean `bad_signature`?"
        );
        assert_eq!(
            refusal(json!({"endpoint": "tokens", "fault": "status"})),
            "unknown endpoint `tokens`; did you mean `token`?"
        );
        assert_eq!(
            refusal(json!({"endpoint": "token", "fault": "status"})),
            "fault `status` needs `status`"
        );
        assert_eq!(
            refusal(json!({"endpoint": "token", "fault": "rotate", "scopes": []})),
            "fault `rotate` does not take `scopes`"
        );
        assert_eq!(
            refusal(json!({"endpoint": "jwks", "fault": "rotate"})),
            "fault `rotate` makes no sense at this endpoint; it works at: token"
        );
        assert_eq!(
            refusal(json!({"endpoint": "token", "fault": "rotate", "times": 0})),
            "`times` is not valid: at least 1"
        );
        for status in [100, 199, 600, 999] {
            assert_eq!(
                refusal(json!({"endpoint": "token", "fault": "status", "status": status})),
                "`status` is not valid: an HTTP status, 200 to 599"
            );
        }
        for when in [json!(-1), json!(1.5), json!("\n"), json!([])] {
            let status = json!({"endpoint": "token", "fault": "status", "status": 503});
            let mut script = status;
            script["retry_after"] = when;
            assert_eq!(refusal(script), "`retry_after` is not valid: seconds, or a date as text");
        }
    }
}
