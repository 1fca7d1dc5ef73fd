//! Who exists when an emulator starts: users, clients, and the profile of its behaviour.
//!
//! A seed comes from TOML or from [`Seed::default`]; `POST /_emulator/reset` goes back to it. The
//! control API takes the same user and client objects at run time.

use serde::{Deserialize, Serialize};

use crate::chance;

/// The people, applications and behaviour an emulator starts with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    /// Accounts that can sign in.
    #[serde(default = "default_users")]
    pub users: Vec<User>,
    /// Registered web clients; the first is what [`crate::Emulator::client_id`] names.
    #[serde(default = "default_clients")]
    pub clients: Vec<Client>,
    /// Switches between behaviours that Google shows at different times or places.
    #[serde(default)]
    pub profile: Profile,
}

/// A Google account.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The address the user signs in with.
    pub email: String,
    /// The stable subject, decimal digits; derived from the address when absent.
    #[serde(default)]
    pub sub: String,
    /// The full name; the part before the `@` when absent.
    #[serde(default)]
    pub name: String,
    /// First name; the first word of `name` when absent.
    #[serde(default)]
    pub given_name: String,
    /// Last name; the other words of `name` when absent.
    #[serde(default)]
    pub family_name: String,
    /// An avatar's URL.
    #[serde(default)]
    pub picture: Option<String>,
    /// The Workspace domain. Consumer accounts have none.
    #[serde(default)]
    pub hd: Option<String>,
    /// Whether the address is verified.
    #[serde(default = "yes")]
    pub email_verified: bool,
}

/// An OAuth client of type "Web application".
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// `<number>-<32 characters>.apps.googleusercontent.com`; made up when absent.
    #[serde(default)]
    pub client_id: String,
    /// `GOCSPX-` and 28 characters; made up when absent.
    #[serde(default)]
    pub client_secret: String,
    /// The name the consent page shows.
    #[serde(default = "default_application_name")]
    pub name: String,
    /// The API project. Grants belong to it, so clients of one project share them.
    #[serde(default = "default_project")]
    pub project: String,
    /// Where codes may be sent, compared byte for byte.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Origins whose pages may open the popup.
    #[serde(default)]
    pub javascript_origins: Vec<String>,
}

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

/// A seed that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// Not TOML, or not the expected keys.
    #[error("the seed cannot be read: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A user that could not be told from others, or never sign in.
    #[error("user {email:?}: {reason}")]
    User {
        /// The address as given.
        email: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A client that could never complete a sign-in.
    #[error("client {client_id:?}: {reason}")]
    Client {
        /// The id as given.
        client_id: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Seed {
    /// Reads a seed and fills in what it leaves out.
    pub fn from_toml(text: &str) -> Result<Self, SeedError> {
        toml::from_str::<Self>(text)?.completed()
    }

    /// Fills in derived fields and refuses what cannot work.
    pub(crate) fn completed(mut self) -> Result<Self, SeedError> {
        self.users = self.users.into_iter().map(User::completed).collect::<Result<_, _>>()?;
        self.clients = self.clients.into_iter().map(Client::completed).collect::<Result<_, _>>()?;
        Ok(self)
    }
}

impl Default for Seed {
    fn default() -> Self {
        Self { users: default_users(), clients: default_clients(), profile: Profile::default() }
    }
}

impl User {
    pub(crate) fn completed(mut self) -> Result<Self, SeedError> {
        let Some((local, domain)) = self.email.split_once('@') else {
            return Err(self.refused("the e-mail has no `@`"));
        };
        if local.is_empty() || domain.is_empty() {
            return Err(self.refused("the e-mail lacks a part around its `@`"));
        }
        if self.name.is_empty() {
            local.clone_into(&mut self.name);
        }
        let (given, family) = self.name.split_once(' ').unwrap_or((&self.name, ""));
        if self.given_name.is_empty() {
            self.given_name = given.to_owned();
        }
        if self.family_name.is_empty() {
            self.family_name = family.to_owned();
        }
        if self.sub.is_empty() {
            self.sub = derived_sub(&self.email);
        }
        if self.sub.len() > 255 || !self.sub.is_ascii() {
            return Err(self.refused("`sub` is at most 255 ASCII characters"));
        }
        Ok(self)
    }

    fn refused(&self, reason: &'static str) -> SeedError {
        SeedError::User { email: self.email.clone(), reason }
    }
}

impl Client {
    /// A client with nothing registered yet.
    pub(crate) fn named(client_id: String) -> Self {
        Self {
            client_id,
            client_secret: String::new(),
            name: default_application_name(),
            project: default_project(),
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
        for uri in &self.redirect_uris {
            let parsed =
                url::Url::parse(uri).map_err(|_| self.refused("a redirect URI is not a URL"))?;
            if parsed.fragment().is_some() {
                return Err(self.refused("a redirect URI must not have a fragment"));
            }
        }
        for origin in &self.javascript_origins {
            let parsed =
                url::Url::parse(origin).map_err(|_| self.refused("an origin is not a URL"))?;
            if parsed.origin().ascii_serialization() != *origin {
                return Err(self.refused("an origin is a scheme, a host and a port, nothing more"));
            }
        }
        Ok(self)
    }

    fn refused(&self, reason: &'static str) -> SeedError {
        SeedError::Client { client_id: self.client_id.clone(), reason }
    }
}

/// 21 decimal digits that the same address always gets.
fn derived_sub(email: &str) -> String {
    let hash = chance::sha256(email.to_lowercase().as_bytes());
    let digits: String = hash.iter().map(|byte| char::from(b'0' + byte % 10)).take(20).collect();
    format!("1{digits}")
}

fn default_users() -> Vec<User> {
    let user = |email: &str, sub: &str, (given, family): (&str, &str), hd: Option<&str>| User {
        email: email.to_owned(),
        sub: sub.to_owned(),
        name: format!("{given} {family}"),
        given_name: given.to_owned(),
        family_name: family.to_owned(),
        picture: None,
        hd: hd.map(str::to_owned),
        email_verified: true,
    };
    vec![
        user("ada@example.com", "108151210181518451210", ("Ada", "Lovelace"), None),
        user("grace@example.com", "109061209061906199201", ("Grace", "Hopper"), None),
        user(
            "linus@corp.example",
            "106912281969122819691",
            ("Linus", "Corp"),
            Some("corp.example"),
        ),
    ]
}

/// One client whose id and secret never change, so that a configuration can name them.
fn default_clients() -> Vec<Client> {
    let hash = chance::sha256(b"the seeded web client of the emulator");
    let text = data_encoding::BASE32_NOPAD.encode(&hash).to_lowercase();
    vec![Client {
        client_id: format!("271828182845-{}.apps.googleusercontent.com", &text[..32]),
        client_secret: format!("GOCSPX-{}", &data_encoding::BASE64URL_NOPAD.encode(&hash)[..28]),
        name: default_application_name(),
        project: default_project(),
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

fn default_project() -> String {
    "emulated-project".to_owned()
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_fills_in_what_it_leaves_out() {
        let seed =
            Seed::from_toml("[[users]]\nemail = \"mary@example.com\"\nname = \"Mary Jane Watson\"")
                .unwrap();
        let mary = &seed.users[0];
        assert_eq!((mary.given_name.as_str(), mary.family_name.as_str()), ("Mary", "Jane Watson"));
        assert_eq!(mary.sub.len(), 21);
        assert_eq!(seed.clients[0].client_secret.len(), 35);
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = Seed::from_toml("[[users]]\nemial = \"a@b\"").unwrap_err();
        assert!(error.to_string().contains("unknown field `emial`"), "{error}");
    }

    #[test]
    fn an_origin_with_a_path_is_refused() {
        let error = Seed::from_toml("[[clients]]\njavascript_origins = [\"http://localhost:1/x\"]");
        assert!(error.unwrap_err().to_string().contains("scheme, a host and a port"));
    }
}
