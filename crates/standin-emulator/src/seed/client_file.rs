//! Client files as the cloud console gives them: `client_secret_<client id>.json`.
//!
//! Read, they seed a client; written, they point Google's own libraries at this emulator, for those
//! take the addresses they call from the file.

use serde::{Deserialize, Serialize};

use super::{Client, ClientKind, SeedError};

/// The file's one member, named after the kind of client.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum ClientFile {
    Web(Registration),
    Installed(Registration),
}

/// What is in it. Addresses are written for whoever reads the file, and not believed when read.
#[derive(Debug, Deserialize, Serialize)]
struct Registration {
    client_id: String,
    #[serde(default)]
    project_id: Option<String>,
    #[serde(default)]
    auth_uri: String,
    #[serde(default)]
    token_uri: String,
    #[serde(default)]
    auth_provider_x509_cert_url: String,
    #[serde(default)]
    client_secret: String,
    #[serde(default)]
    redirect_uris: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    javascript_origins: Vec<String>,
}

impl Client {
    /// Reads a file downloaded from the cloud console, `{"web": {…}}` or `{"installed": {…}}`.
    pub fn from_file(json: &str) -> Result<Self, SeedError> {
        let (kind, file) = match serde_json::from_str(json).map_err(SeedError::ClientFile)? {
            ClientFile::Web(file) => (ClientKind::Web, file),
            ClientFile::Installed(file) => (ClientKind::Desktop, file),
        };
        let named = Self::named(file.client_id);
        let redirect_uris = file.redirect_uris.into_iter().filter(|uri| is_uri(uri)).collect();
        Self {
            kind,
            client_secret: file.client_secret,
            project: file.project_id.unwrap_or(named.project),
            redirect_uris,
            javascript_origins: file.javascript_origins,
            client_id: named.client_id,
            name: named.name,
            status: named.status,
            registered_before_2019: named.registered_before_2019,
        }
        .completed()
    }

    /// The file that makes Google's libraries use this emulator.
    pub(crate) fn to_file(&self, origin: &str, browser_origin: &str) -> impl Serialize {
        let file = Registration {
            client_id: self.client_id.clone(),
            project_id: Some(self.project.clone()),
            auth_uri: format!("{browser_origin}/o/oauth2/auth"),
            token_uri: format!("{origin}/token"),
            auth_provider_x509_cert_url: format!("{origin}/oauth2/v1/certs"),
            client_secret: self.client_secret.clone(),
            redirect_uris: self.redirect_uris.clone(),
            javascript_origins: self.javascript_origins.clone(),
        };
        if self.kind == ClientKind::Web {
            ClientFile::Web(file)
        } else {
            ClientFile::Installed(file)
        }
    }
}

/// Files of old quick starts list `postmessage` and out-of-band pseudo-addresses as well.
fn is_uri(uri: &str) -> bool {
    uri != "postmessage" && !uri.starts_with("urn:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_becomes_a_client_and_a_client_a_file() {
        let text = r#"{"web": {"client_id": "1-a.apps.googleusercontent.com", "project_id": "p",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth", "client_secret": "GOCSPX-x",
            "redirect_uris": ["postmessage", "http://localhost:1/cb"],
            "javascript_origins": ["http://localhost:1"]}}"#;
        let client = Client::from_file(text).unwrap();
        assert_eq!((client.kind, client.project.as_str()), (ClientKind::Web, "p"));
        assert_eq!(client.redirect_uris, ["http://localhost:1/cb"]);
        let file = client.to_file("http://emulator:1", "http://localhost:1");
        let file = serde_json::to_value(file).unwrap();
        assert_eq!(file["web"]["auth_uri"], "http://localhost:1/o/oauth2/auth");
        assert_eq!(file["web"]["token_uri"], "http://emulator:1/token");
    }

    #[test]
    fn a_file_of_another_kind_says_so() {
        let error = Client::from_file(r#"{"type": "service_account"}"#).unwrap_err().to_string();
        assert!(error.contains("not a client file") && error.contains("`web`"), "{error}");
    }
}
