//! GitHub's token answers: a refusal comes with status 200, scopes are separated by commas, and a token that
//! does not say when it ends does not end.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;

use crate::http::Response;
use crate::json;
use crate::provider::token::{self, OAuthError, TokenError, TokenResponse};
use crate::provider::{InvalidScope, Scopes};
use crate::secret::{AccessToken, RefreshToken};

/// The members that are read; serde refuses each of them when it stands twice.
#[derive(Deserialize)]
struct Written {
    error: Option<String>,
    access_token: Option<String>,
    token_type: Option<String>,
    scope: Option<String>,
    expires_in: Option<u64>,
    refresh_token: Option<String>,
    refresh_token_expires_in: Option<u64>,
}

/// Reads an answer of `/login/oauth/access_token`.
pub(in crate::provider) fn read(response: &Response) -> Result<TokenResponse, TokenError> {
    match response.status {
        StatusCode::OK => {
            let written: Written = json::object(&response.body).ok_or(TokenError::Unreadable(
                "it is no JSON object, or a member is twice there, or of the wrong type",
            ))?;
            match written.error.as_deref() {
                Some(word) => Err(refusal(word)),
                None => granted(written),
            }
        }
        // For a client id that it does not know.
        StatusCode::NOT_FOUND => Err(TokenError::Refused(OAuthError::InvalidClient)),
        StatusCode::FORBIDDEN => Err(token::throttled(&response.headers)),
        _ => token::read(response),
    }
}

/// GitHub's own words, beside those of RFC 6749 §5.2.
fn refusal(word: &str) -> TokenError {
    TokenError::Refused(match word {
        "bad_verification_code" | "bad_refresh_token" => OAuthError::InvalidGrant,
        "incorrect_client_credentials" => OAuthError::InvalidClient,
        // What an operator must mend, whoever signs in.
        "redirect_uri_mismatch" | "application_suspended" | "unsupported_grant_type" => {
            OAuthError::UnauthorizedClient
        }
        word => return token::refusal_of(word),
    })
}

fn granted(written: Written) -> Result<TokenResponse, TokenError> {
    let malformed = TokenError::Unreadable;
    let some = |token: Option<String>| token.filter(|token| !token.is_empty());
    let access_token = some(written.access_token).ok_or(malformed("there is no access token"))?;
    let is_bearer = |kind: String| kind.eq_ignore_ascii_case("bearer");
    if !written.token_type.is_some_and(is_bearer) {
        return Err(malformed("the token type is not Bearer"));
    }
    let scopes = written.scope.as_deref().map(scopes).transpose();
    let refresh_token = some(written.refresh_token).map(RefreshToken::new);
    Ok(TokenResponse {
        access_token: AccessToken::new(access_token),
        expires_in: match (written.expires_in, &refresh_token) {
            (None, None) => None,
            (seconds, _) => Some(token::lifetime(seconds)),
        },
        refresh_token,
        refresh_expires_in: written.refresh_token_expires_in.map(Duration::from_secs),
        scopes: scopes.map_err(|_| malformed("the scope is not a list of scopes"))?,
        unverified_id_token: None,
    })
}

/// What is listed, and what that includes: GitHub leaves out of the answer what another scope holds already
/// ("Normalized scopes"). No scope of GitHub's holds a comma, so a list in the form of RFC 6749 §3.3 is read as well.
fn scopes(list: &str) -> Result<Scopes, InvalidScope> {
    let listed = list.split([',', ' ']).filter(|scope| !scope.is_empty());
    let mut open: Vec<String> = listed.map(str::to_owned).collect();
    let mut all = Vec::new();
    while let Some(scope) = open.pop() {
        open.extend(included_in(&scope).iter().map(|&scope| scope.to_owned()));
        all.push(scope);
    }
    Scopes::try_from(all)
}

/// docs.github.com, "Scopes for OAuth apps".
fn included_in(scope: &str) -> &'static [&'static str] {
    match scope {
        "repo" => {
            &["repo:status", "repo_deployment", "public_repo", "repo:invite", "security_events"]
        }
        "user" => &["read:user", "user:email", "user:follow"],
        "admin:repo_hook" => &["write:repo_hook"],
        "write:repo_hook" => &["read:repo_hook"],
        "admin:org" => &["write:org"],
        "write:org" => &["read:org"],
        "admin:public_key" => &["write:public_key"],
        "write:public_key" => &["read:public_key"],
        "admin:gpg_key" => &["write:gpg_key"],
        "write:gpg_key" => &["read:gpg_key"],
        "project" => &["read:project"],
        "write:packages" => &["read:packages"],
        "write:discussion" => &["read:discussion"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;

    fn answer(status: u16, body: &str) -> Result<TokenResponse, TokenError> {
        read(&Response {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        })
    }

    #[test]
    fn a_refusal_has_status_200() {
        for (word, expected) in [
            ("bad_verification_code", OAuthError::InvalidGrant),
            ("bad_refresh_token", OAuthError::InvalidGrant),
            ("incorrect_client_credentials", OAuthError::InvalidClient),
            ("redirect_uri_mismatch", OAuthError::UnauthorizedClient),
            ("application_suspended", OAuthError::UnauthorizedClient),
            ("unsupported_grant_type", OAuthError::UnauthorizedClient),
            ("unverified_user_email", OAuthError::Other),
        ] {
            // An error beside a token is an error.
            let body = format!(r#"{{"error":"{word}","access_token":"a","token_type":"bearer"}}"#);
            assert_eq!(answer(200, &body).unwrap_err(), TokenError::Refused(expected), "{word}");
        }
        let unknown = answer(404, r#"{"error":"Not Found"}"#).unwrap_err();
        assert_eq!(unknown, TokenError::Refused(OAuthError::InvalidClient));
        let limited = answer(403, r#"{"message":"API rate limit exceeded"}"#).unwrap_err();
        assert_eq!(limited, TokenError::Throttled { retry_after: None });
        assert!(matches!(answer(302, "").unwrap_err(), TokenError::Malformed(_)));
        assert!(matches!(answer(502, "").unwrap_err(), TokenError::Ambiguous { .. }));
    }

    #[test]
    fn cb_11_an_answer_of_another_shape_is_refused() {
        for body in [
            "",
            "[]",
            "{}",
            "access_token=gho_1&scope=repo&token_type=bearer",
            r#"{"access_token":"","token_type":"bearer","scope":""}"#,
            r#"{"access_token":"gho_1","scope":""}"#,
            r#"{"access_token":"gho_1","token_type":"mac","scope":""}"#,
            r#"{"access_token":1,"token_type":"bearer","scope":""}"#,
            r#"{"access_token":"gho_1","token_type":"bearer","scope":["repo"]}"#,
            r#"{"access_token":"gho_1","token_type":"bearer","scope":"\"repo\""}"#,
            r#"{"access_token":"gho_1","token_type":"bearer","expires_in":"28800"}"#,
            r#"{"access_token":"gho_1","access_token":"gho_2","token_type":"bearer"}"#,
        ] {
            assert!(matches!(answer(200, body), Err(TokenError::Unreadable(_))), "{body}");
        }
    }

    #[test]
    fn a_token_that_does_not_say_when_it_ends_does_not_end() {
        let lasting =
            answer(200, r#"{"access_token":"gho_1","token_type":"bearer","scope":"gist"}"#);
        assert_eq!(lasting.unwrap().expires_in, None);
        let expiring = r#"{"access_token":"ghu_1","token_type":"bearer","scope":"","expires_in":28800,
            "refresh_token":"ghr_1","refresh_token_expires_in":15897600}"#;
        let expiring = answer(200, expiring).unwrap();
        assert_eq!(expiring.expires_in.unwrap().as_secs(), 28800);
        assert_eq!(expiring.refresh_expires_in.unwrap().as_secs(), 15_897_600);
        assert_eq!(expiring.scopes, Some(Scopes::default()));
    }

    #[test]
    fn what_a_scope_includes_is_granted_with_it() {
        let body = r#"{"access_token":"gho_1","token_type":"bearer","scope":"admin:org,user"}"#;
        let granted = answer(200, body).unwrap().scopes.unwrap();
        let expected = "admin:org read:org read:user user user:email user:follow write:org";
        assert_eq!(granted.to_string(), expected);
    }
}
