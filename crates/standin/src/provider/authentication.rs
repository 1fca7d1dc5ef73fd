//! What is asked of the way in which a person signs in at the provider (OpenID Connect Core §3.1.2.1).
//!
//! Whatever is asked for here stands in every authorization request of ours, and no ID token that does not say it is
//! proof of anything (requirement ID-23). A credential of a button and the code of the provider's own popup come of
//! requests that cannot ask: they are good only if their ID token says it all the same.

use std::time::Duration;

/// How, and how recently, a person must have signed in at the provider. The default asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserAuthentication {
    /// How long ago at most, when the request is made (`max_age`, answered by `auth_time`).
    pub max_age: Option<Duration>,
    /// The ways that are good enough, the best first (`acr_values`, answered by `acr`); empty for any.
    pub acr_values: Vec<String>,
}

impl UserAuthentication {
    /// The parameters that ask for it.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&'static str, String)> {
        let max_age = self.max_age.map(|age| ("max_age", age.as_secs().to_string()));
        let acr_values = (!self.acr_values.is_empty()).then(|| self.acr_values.join(" "));
        max_age.into_iter().chain(acr_values.map(|values| ("acr_values", values)))
    }
}
