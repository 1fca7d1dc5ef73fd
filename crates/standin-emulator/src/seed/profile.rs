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
    /// Every refresh answers with a new refresh token, and the old one dies. Google does not.
    pub rotate_refresh_tokens: bool,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            iss_parameter: true,
            code_reuse_revokes: true,
            refresh_token_limit: 100,
            testing_status: false,
            rotate_refresh_tokens: false,
        }
    }
}
