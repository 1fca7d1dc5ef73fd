//! The applications: OAuth clients, and what kind of one each is.

use serde::{Deserialize, Serialize};

use super::{SeedError, project, registration};
use crate::chance;

/// An OAuth client.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// `<number>-<32 characters>.apps.googleusercontent.com`; made up when absent.
    #[serde(default)]
    pub client_id: String,
    /// `GOCSPX-` and 28 characters; made up when absent.
    #[serde(default)]
    pub client_secret: String,
    /// What kind of application it is; a web server's unless said otherwise.
    #[serde(default)]
    pub kind: ClientKind,
    /// Whether it still works.
    #[serde(default)]
    pub status: ClientStatus,
    /// The name the consent page shows.
    #[serde(default = "default_application_name")]
    pub name: String,
    /// The API project. Grants belong to it, so clients of one project share them.
    #[serde(default = "project::default_id")]
    pub project: String,
    /// Whether it is so old that it may ask for consent without boxes: registered before 2019.
    #[serde(default)]
    pub registered_before_2019: bool,
    /// Where codes may be sent, compared byte for byte; installed applications have more freedom.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Origins whose pages may open the popup.
    #[serde(default)]
    pub javascript_origins: Vec<String>,
}

/// The application type that was chosen when a client was registered. It decides which redirect URIs
/// are good, whether a secret is needed, and when a refresh token is given.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKind {
    /// A web server: registered URIs only, a confidential secret.
    #[default]
    Web,
    /// A desktop application: any port of loopback, a secret that is sent and protects nothing.
    Desktop,
    /// An Android app: no secret.
    Android,
    /// An iOS app: no secret.
    Ios,
    /// TVs and limited-input devices: the device flow.
    LimitedInput,
}

/// What the cloud console has done to a client.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientStatus {
    /// In use.
    #[default]
    Active,
    /// Switched off.
    Disabled,
    /// Deleted less than thirty days ago.
    Deleted,
}

impl ClientKind {
    /// Whether this is an installed application: offline access is implied, and so is a refresh token.
    #[must_use]
    pub fn is_installed(self) -> bool {
        matches!(self, Self::Desktop | Self::Android | Self::Ios)
    }
}

impl Client {
    /// A client with nothing registered yet.
    pub(crate) fn named(client_id: String) -> Self {
        Self {
            client_id,
            client_secret: String::new(),
            kind: ClientKind::default(),
            status: ClientStatus::default(),
            name: default_application_name(),
            project: project::default_id(),
            registered_before_2019: false,
            redirect_uris: Vec::new(),
            javascript_origins: Vec::new(),
        }
    }

    pub(crate) fn completed(mut self) -> Result<Self, SeedError> {
        if self.client_id.is_empty() {
            self.client_id = chance::client_id();
        }
        if self.client_secret.is_empty() {
            self.client_secret = chance::client_secret();
        }
        self.check_registrations()?;
        Ok(self)
    }

    fn check_registrations(&self) -> Result<(), SeedError> {
        let client_id = || self.client_id.clone();
        for uri in &self.redirect_uris {
            registration::check_redirect_uri(uri, self.kind).map_err(|rule| {
                SeedError::RedirectUri { client_id: client_id(), uri: uri.clone(), rule }
            })?;
        }
        for origin in &self.javascript_origins {
            registration::check_origin(origin).map_err(|rule| SeedError::Origin {
                client_id: client_id(),
                origin: origin.clone(),
                rule,
            })?;
        }
        Ok(())
    }
}

/// One client whose id and secret never change, so that a configuration can name them.
pub(super) fn default_clients() -> Vec<Client> {
    let hash = chance::sha256(b"the seeded web client of the emulator");
    let text = data_encoding::BASE32_NOPAD.encode(&hash).to_lowercase();
    vec![Client {
        client_id: format!("271828182845-{}.apps.googleusercontent.com", &text[..32]),
        client_secret: format!("GOCSPX-{}", &data_encoding::BASE64URL_NOPAD.encode(&hash)[..28]),
        kind: ClientKind::Web,
        status: ClientStatus::Active,
        name: default_application_name(),
        project: project::default_id(),
        registered_before_2019: false,
        redirect_uris: vec![
            "http://127.0.0.1:8080/auth/google/callback".to_owned(),
            "http://localhost:8080/auth/google/callback".to_owned(),
        ],
        javascript_origins: vec![
            "http://127.0.0.1:8080".to_owned(),
            "http://localhost:8080".to_owned(),
        ],
    }]
}

fn default_application_name() -> String {
    "Example application".to_owned()
}
