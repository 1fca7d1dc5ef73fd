//! Which page is asking, and whether its client knows it.

use serde::Deserialize;

use crate::authorize::AuthError;
use crate::relay::Receiver;
use crate::seed::{Client, ClientStatus};
use crate::state::State;

/// What our scripts say of the page they run on and of what it wants. Absent is empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    pub(super) client_id: String,
    /// The page's origin, which the browser checks when our message is delivered.
    pub(super) origin: String,
    /// What the page calls this request.
    pub(super) id: String,
    pub(super) ux_mode: String,
    pub(super) login_uri: String,
    pub(super) nonce: String,
    pub(super) login_hint: String,
    pub(super) hd: String,
    pub(super) state: String,
    pub(super) context: String,
    pub(super) g_csrf_token: String,
    pub(super) auto_select: String,
    pub(super) use_fedcm: String,
}

/// Why a page gets no credential.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    MissingClientId,
    InvalidClient,
    /// The client has registered no origin at all.
    NoOrigin,
    UnregisteredOrigin,
}

impl Asked {
    /// The client, if it exists and has registered the page's origin.
    pub(super) fn client<'a>(&self, state: &'a State) -> Result<&'a Client, Refusal> {
        client(state, &self.client_id, &self.origin)
    }

    pub(super) fn receiver(&self) -> Receiver<'_> {
        Receiver {
            origin: &self.origin,
            client_id: &self.client_id,
            id: Some(&self.id).filter(|id| !id.is_empty()).map(String::as_str),
        }
    }

    pub(super) fn nonce(&self) -> Option<&str> {
        Some(&*self.nonce).filter(|nonce| !nonce.is_empty())
    }

    pub(super) fn state(&self) -> Option<&str> {
        Some(&*self.state).filter(|state| !state.is_empty())
    }

    /// In redirect mode the credential is posted to the application's server, not told to its page.
    pub(super) fn is_redirect(&self) -> bool {
        self.ux_mode == "redirect"
    }

    /// What the person is about to do, in a heading's words.
    pub(super) fn heading(&self) -> &'static str {
        match &*self.context {
            "signup" => "Sign up to",
            "use" => "Use",
            _ => "Sign in to",
        }
    }
}

/// The client `client_id`, if it is in use and `origin` is registered for it.
pub(super) fn client<'a>(
    state: &'a State,
    client_id: &str,
    origin: &str,
) -> Result<&'a Client, Refusal> {
    if client_id.is_empty() {
        return Err(Refusal::MissingClientId);
    }
    let client = state.client(client_id).filter(|client| client.status == ClientStatus::Active);
    let client = client.ok_or(Refusal::InvalidClient)?;
    if client.javascript_origins.iter().any(|registered| registered == origin) {
        return Ok(client);
    }
    let nowhere = client.javascript_origins.is_empty();
    Err(if nowhere { Refusal::NoOrigin } else { Refusal::UnregisteredOrigin })
}

impl Refusal {
    /// The reason that One Tap's notification gives.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::MissingClientId => "missing_client_id",
            Self::InvalidClient => "invalid_client",
            Self::NoOrigin | Self::UnregisteredOrigin => "unregistered_origin",
        }
    }

    /// What Google's script writes on the console.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::MissingClientId => "Missing required parameter: client_id.",
            Self::InvalidClient => "The given client ID is not found.",
            Self::NoOrigin | Self::UnregisteredOrigin => {
                "The given origin is not allowed for the given client ID."
            }
        }
    }

    /// The page that a person sees instead of accounts.
    pub(super) fn error(self, state: &State, origin: &str) -> AuthError {
        match self {
            Self::MissingClientId => AuthError::missing("client_id"),
            Self::InvalidClient => AuthError::invalid_client(),
            Self::NoOrigin => AuthError::no_registered_origin(),
            Self::UnregisteredOrigin => {
                AuthError::origin_mismatch(origin, state.profile.origin_error)
            }
        }
    }
}

/// Whether a text is an origin as browsers write it, and so can stand in a header.
pub(super) fn is_origin(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| url.origin().ascii_serialization() == text)
}
