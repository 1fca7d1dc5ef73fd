//! The end of a receipt in plain words: how it went, what failed, offline access, and what to do.

use super::{Check, Step};
use crate::error::Refusal;
use crate::store::{ReceiptKind, ReceiptRow};

/// The sentences under a receipt, in order.
#[must_use]
pub fn conclusion(row: &ReceiptRow, steps: &[Step]) -> Vec<String> {
    let mut sentences = vec![outcome(row)];
    sentences.extend(failed_check(steps).map(|check| {
        let Check { check, requirement, expected, came, .. } = check;
        format!("What failed: {check} ({requirement}). Expected: {expected}. Came: {came}.")
    }));
    let offline = row.offline.filter(|_| row.kind == ReceiptKind::Done);
    sentences.extend(offline.map(|offline| format!("Offline access: {}.", offline.said())));
    let advice = offline
        .map_or_else(|| row.code.as_deref().map_or("", advice_on), super::offline::Offline::advice);
    sentences.extend((!advice.is_empty()).then(|| format!("What to do: {advice}.")));
    sentences
}

fn outcome(row: &ReceiptRow) -> String {
    let why = || words(row.code.as_deref().unwrap_or_default());
    match (row.kind, row.user) {
        (ReceiptKind::Done, Some(user)) if row.is_new_user => {
            format!("Signed in: {user}, who is new here.")
        }
        (ReceiptKind::Done, Some(user)) => format!("Signed in: {user}, who was known."),
        (ReceiptKind::Done, None) => "Signed in by the attempt before; nothing was added.".into(),
        (ReceiptKind::Failed, _) => format!("Not signed in: {}.", why()),
        (ReceiptKind::TurnedAway, _) => {
            format!("This answer was turned away, and the attempt could go on: {}.", why())
        }
        (ReceiptKind::Stray, _) => format!("This answer belongs to no attempt: {}.", why()),
    }
}

/// What a page says of a code.
fn words(code: &str) -> String {
    let refusal = Refusal::ALL.iter().find(|refusal| refusal.code() == code);
    match refusal {
        Some(refusal) => refusal.to_string(),
        None if code.starts_with("id_token_") => "the ID token proves nobody".to_owned(),
        None => format!("`{code}`"),
    }
}

/// The check that ended it.
fn failed_check(steps: &[Step]) -> Option<&Check> {
    steps.iter().flat_map(|step| &step.checks).find(|check| !check.passed)
}

/// What an operator can look at.
fn advice_on(code: &str) -> &'static str {
    match code {
        "access_denied" => {
            "nothing, if the user pressed Cancel; if nobody did, their organisation may not admit this application"
        }
        "account_disabled" => "nothing here: the provider must enable the account again",
        "attempt_expired" => {
            "nothing, unless it happens often: more than ten minutes passed between the button and the answer"
        }
        "attempt_missing" => {
            "look whether the browser keeps cookies, whether it came back to the very host of `public_url`, and whether it is the one that began; a page that is loaded again after its end looks like this, too"
        }
        "attempt_used" => "nothing: the answer was loaded again",
        "code_refused" => {
            "look at the redirect URIs that are registered at the provider; a code that was used before or waited for minutes looks the same"
        }
        "id_token_audience_mismatch" => "compare `client_id` with the registration",
        "id_token_expired" | "id_token_issued_in_future" | "id_token_not_yet_valid" => {
            "compare this machine's clock with the provider's"
        }
        "id_token_hosted_domain_refused" => {
            "nothing, if the account is of no domain in `hosted_domains`; else add its domain there"
        }
        "id_token_tenant_refused" => {
            "nothing, if nobody of this account's tenant is meant to sign in; else add the tenant to `allow_tenants`"
        }
        "id_token_issuer_mismatch" | "issuer_mismatch" => {
            "compare `issuer` in the configuration with what came, letter for letter; if it is right, somebody may have tried to mix up two providers"
        }
        "id_token_nonce_mismatch" => {
            "a token of another sign-in was sent: if it happens again, ask the provider"
        }
        "id_token_signature_invalid" | "id_token_unknown_key" => {
            "if it happens again, compare the keys that the provider publishes with those it signs with"
        }
        "keys_unavailable" => {
            "look at the service that has the key-encryption key: the log says more"
        }
        "provider_address_refused" => {
            "name the provider's network in `outbound.allow_networks`, if it is meant to be reached"
        }
        "provider_misbehaved" => "look at what the provider's token endpoint answers",
        "provider_refuses_client" => {
            "check `client_id`, the client secret and `client_authentication` of this provider"
        }
        "provider_unavailable" => {
            "look whether the provider can be reached from here, and at its own status page"
        }
        "storage_unavailable" => "look at the database: the log says more",
        "subject_mismatch" => {
            "nothing: another account was chosen at the provider than the one that was expected"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receipt::Offline;
    use crate::store::conformance::samples::{receipt, user};

    fn steps(passed: bool) -> Vec<Step> {
        let text = format!(
            r#"[{{"at_ms":0,"step":"keys","checks":[
                {{"check":"alg","requirement":"ID-1","expected":"RS256","came":"RS256","passed":true}},
                {{"check":"iss","requirement":"ID-5","expected":"https://a.example","came":"https://b.example","passed":{passed}}}
            ]}}]"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn done(offline: Offline) -> String {
        let row = ReceiptRow {
            kind: ReceiptKind::Done,
            code: None,
            offline: Some(offline),
            user: Some(user(1)),
            is_new_user: true,
            ..receipt(1)
        };
        conclusion(&row, &steps(true)).join(" ")
    }

    #[test]
    fn who_signed_in_is_told_how_it_stands_with_offline_access() {
        let user = user(1);
        assert_eq!(
            done(Offline::Came),
            format!(
                "Signed in: {user}, who is new here. Offline access: yes: the provider gave a refresh token, and it is sealed in the grant."
            )
        );
        for offline in Offline::ALL {
            let text = done(*offline);
            assert!(text.contains(offline.said()), "{text}");
            assert_eq!(text.contains("What to do: "), !offline.advice().is_empty(), "{text}");
        }
    }

    #[test]
    fn what_failed_is_said_with_what_was_expected_and_what_came() {
        let code = Some("id_token_issuer_mismatch".to_owned());
        let row = ReceiptRow { code, ..receipt(1) };
        let text = conclusion(&row, &steps(false)).join("\n");
        assert!(text.starts_with("Not signed in: the ID token proves nobody.\n"), "{text}");
        let check =
            "What failed: iss (ID-5). Expected: https://a.example. Came: https://b.example.\n";
        assert!(text.contains(check), "{text}");
        assert!(text.contains("What to do: compare `issuer`"), "{text}");
    }

    #[test]
    fn whatever_did_not_succeed_is_said_to_be_what_it_was() {
        let said = |kind, code: &str| {
            let row = ReceiptRow { kind, code: Some(code.to_owned()), ..receipt(1) };
            conclusion(&row, &[]).join(" ")
        };
        let stray = said(ReceiptKind::Stray, "attempt_missing");
        assert!(stray.starts_with("This answer belongs to no attempt: this sign-in was not"));
        let replay = said(ReceiptKind::TurnedAway, "attempt_used");
        assert!(replay.contains("the attempt could go on"), "{replay}");
        assert!(said(ReceiptKind::Failed, "vault_error").contains("`vault_error`"));
    }
}
