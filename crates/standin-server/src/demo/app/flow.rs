//! What just happened, in three sentences, out of the emulator's ledger.

use serde::Serialize;
use serde_json::Value;

/// Three sentences and three numbers.
#[derive(Debug, Default, Serialize)]
pub(super) struct Flow {
    steps: Vec<String>,
    consents: usize,
    refreshes: usize,
    calls: usize,
}

/// Two sign-ins so close together are one, whose second leg asked for consent.
const SECOND_LEG_MS: i64 = 60_000;

/// For somebody who has not signed in.
pub(super) fn to_come() -> Flow {
    let steps = [
        "You sign in, and allow two things: one page at Google, once.",
        "Standin keeps the permission sealed. This page gets a session cookie and no token.",
        "From then on a job acts for you, with a fresh token each time, while you are away.",
    ];
    Flow { steps: steps.map(str::to_owned).to_vec(), ..Flow::default() }
}

/// For one person, by the address that the ledger knows them by.
pub(super) fn of(email: &str, ledger: &[Value]) -> Flow {
    let mine: Vec<&Value> = ledger.iter().filter(|event| event["user"] == email).collect();
    let after = mine.iter().rposition(|event| event["kind"] == "code_redeemed");
    let Some(signed_in) = after else {
        return not_seen_yet();
    };
    let since = &mine[signed_in..];
    Flow {
        steps: vec![asked(&mine), kept(mine[signed_in]).to_owned(), afterwards(since)],
        consents: count(&mine, "consent_shown"),
        refreshes: count(&mine, "token_refreshed"),
        calls: successful_calls(&mine),
    }
}

/// The session is from a run before, or the emulator has started over.
fn not_seen_yet() -> Flow {
    let steps = [
        "Your session is older than this emulator, which forgets everything when it starts.",
        "So Google knows nothing of your permission, and the job is refused.",
        "Sign in again: that heals it, with one consent.",
    ];
    Flow { steps: steps.map(str::to_owned).to_vec(), ..Flow::default() }
}

fn asked(mine: &[&Value]) -> String {
    let mut codes = mine.iter().rev().filter(|event| event["kind"] == "code_issued");
    let (last, before) = (codes.next(), codes.next());
    let was_shown = |code: &Value| code["consent_shown"] == true;
    let is_second_leg = |first: &Value, second: &Value| {
        !was_shown(first) && was_shown(second) && millis(second) - millis(first) < SECOND_LEG_MS
    };
    match (last, before) {
        (Some(second), Some(first)) if is_second_leg(first, second) => {
            "You signed in. No refresh token that works was left, so Standin sent you to consent, this \
             once."
        }
        (Some(code), _) if was_shown(code) => {
            "You signed in with one authorization code, and Google asked for your consent."
        }
        _ => "You signed in again. Google asked nothing: you had allowed everything before.",
    }
    .to_owned()
}

fn kept(redeemed: &Value) -> &'static str {
    if redeemed["refresh_token_sha256"].is_string() {
        "With the code came a refresh token. Standin sealed it in its vault; no page and no job ever \
         sees it."
    } else {
        "No refresh token came this time, as is Google’s way. The one in the vault goes on."
    }
}

fn afterwards(since: &[&Value]) -> String {
    if since.iter().any(|event| event["kind"] == "revoked") {
        return "Then the permission was taken back at Google. Only you can give it again: sign in."
            .to_owned();
    }
    let calls = successful_calls(since);
    if calls == 0 {
        return "The job has not been able to call Google for you since.".to_owned();
    }
    let calls = times(calls);
    match count(since, "token_refreshed") {
        0 => format!(
            "Since then the job has called Google for you {calls}, with the access token of the sign-in."
        ),
        refreshes => format!(
            "Since then the job has called Google for you {calls}, and Standin has refreshed the access \
             token {}, unasked.",
            times(refreshes)
        ),
    }
}

fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{count} times"),
    }
}

fn count(events: &[&Value], kind: &str) -> usize {
    events.iter().filter(|event| event["kind"] == kind).count()
}

fn successful_calls(events: &[&Value]) -> usize {
    let is_success = |event: &&&Value| event["kind"] == "api_call" && event["status"] == 200;
    events.iter().filter(is_success).count()
}

fn millis(event: &Value) -> i64 {
    event["at"].as_i64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn code(at: i64, shown: bool, refresh_token: Option<&str>) -> [Value; 2] {
        let user = "ada@example.com";
        [
            json!({"kind": "code_issued", "user": user, "at": at, "consent_shown": shown}),
            json!({"kind": "code_redeemed", "user": user, "at": at, "refresh_token_sha256": refresh_token}),
        ]
    }

    fn sentences(ledger: &[[Value; 2]]) -> String {
        of("ada@example.com", &ledger.concat()).steps.join(" ")
    }

    #[test]
    fn tells_a_first_sign_in_from_a_second_and_from_a_second_leg() {
        let first = code(0, true, Some("a"));
        assert!(sentences(std::slice::from_ref(&first)).contains("asked for your consent"));
        let again = sentences(&[first.clone(), code(1, false, None)]);
        assert!(again.contains("asked nothing") && again.contains("goes on"), "{again}");
        let healed = sentences(&[first, code(1, false, None), code(2, true, Some("b"))]);
        assert!(healed.contains("sent you to consent") && healed.contains("sealed"), "{healed}");
    }

    #[test]
    fn others_do_not_count() {
        let mut stranger = code(0, true, Some("a"));
        for event in &mut stranger {
            event["user"] = json!("grace@example.com");
        }
        assert!(sentences(&[stranger]).contains("older than this emulator"));
    }
}
