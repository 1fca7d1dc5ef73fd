//! Switches between behaviours that Google shows at different times or places.

use serde::{Deserialize, Serialize};

/// Switches between behaviours. The defaults are what Google does today.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, set by name in TOML and JSON"
)]
pub struct Profile {
    /// Redirects and discovery carry RFC 9207's `iss`.
    pub iss_parameter: bool,
    /// The second use of a code revokes what the first one gave.
    pub code_reuse_revokes: bool,
    /// Live refresh tokens per user and client; one more kills the oldest.
    pub refresh_token_limit: usize,
    /// The app is "External, Testing": a refresh token with more than sign-in dies after 7 days.
    pub testing_status: bool,
    /// Users give access for so many seconds only: refresh tokens say so, and end then.
    pub access_seconds: Option<i64>,
    /// Every refresh answers with a new refresh token, and the old one dies. Google does not.
    pub rotate_refresh_tokens: bool,
    /// So many seconds the old one goes on for then, as providers that rotate allow for lost answers.
    pub rotation_grace_seconds: i64,
    /// What the token endpoint says about a wrong secret.
    pub secret_error_text: SecretErrorText,
    /// Discovery has the two members that were added in 2026: response modes, and whether answers
    /// carry `iss`.
    pub discovery_2026: bool,
    /// Signing keys move by themselves: a new one every eight days, at midnight UTC. Otherwise only
    /// `keys/rotate` moves them.
    pub scheduled_keys: bool,
    /// The consent page offers a box for each scope where there is a choice.
    pub granular: bool,
    /// A refused authorization request is redirected to the error page (302, then 200). Otherwise the
    /// page is the answer itself, with the error's own status.
    pub error_page_redirect: bool,
    /// What the error page calls a JavaScript origin that is not registered.
    pub origin_error: OriginError,
    /// How ID tokens spell the issuer, by the way they take to the client.
    pub id_token_iss_form: IssuerForms,
    /// ID tokens of the token endpoint hold no address and no name: userinfo tells them. Google's hold them.
    pub terse_id_tokens: bool,
    /// Only the key that signs is published. Google always shows two or three.
    pub lone_key: bool,
    /// Discovery names an `end_session_endpoint`. Google has none.
    pub end_session: bool,
    /// Workspace domains whose administrators let nobody use third-party applications.
    pub admin_blocked_domains: Vec<String>,
}

/// The code of the error page for a JavaScript origin that is not registered.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OriginError {
    /// What Google says today.
    #[default]
    OriginMismatch,
    /// What Google said from 2022 to 2024.
    RedirectUriMismatch,
}

/// The token endpoint's words for a wrong client secret, by the year in which Google used them.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum SecretErrorText {
    /// "The provided client secret is invalid."
    #[default]
    #[serde(rename = "2025")]
    Y2025,
    /// "Unauthorized"
    #[serde(rename = "2024")]
    Y2024,
}

/// The issuer's spelling for each way an ID token can take.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct IssuerForms {
    /// In answers of the token endpoint.
    pub token: IssuerForm,
    /// In redirects of implicit and hybrid requests, from the endpoint that discovery names.
    pub front: IssuerForm,
    /// The same from the endpoint before it, `/o/oauth2/auth`.
    pub old_front: IssuerForm,
}

/// Google's two spellings of its issuer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IssuerForm {
    /// With the scheme: `https://accounts.google.com`.
    Https,
    /// Without it: `accounts.google.com`.
    Bare,
}

impl Default for IssuerForms {
    fn default() -> Self {
        Self { token: IssuerForm::Https, front: IssuerForm::Https, old_front: IssuerForm::Bare }
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            iss_parameter: true,
            code_reuse_revokes: true,
            refresh_token_limit: 100,
            testing_status: false,
            access_seconds: None,
            rotate_refresh_tokens: false,
            rotation_grace_seconds: 0,
            granular: true,
            error_page_redirect: true,
            origin_error: OriginError::default(),
            id_token_iss_form: IssuerForms::default(),
            terse_id_tokens: false,
            lone_key: false,
            end_session: false,
            admin_blocked_domains: Vec::new(),
            secret_error_text: SecretErrorText::default(),
            discovery_2026: true,
            scheduled_keys: false,
        }
    }
}
