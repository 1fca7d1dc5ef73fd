//! Who exists when an emulator starts: users, clients, projects, and the profile of its behaviour.
//!
//! A seed comes from TOML or from [`Seed::default`]; `POST /_emulator/reset` goes back to it. The
//! control API takes the same objects at run time.

mod client;
mod client_file;
mod profile;
mod project;
mod registration;
mod service_account;
mod user;

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::suggest::with_suggestion;

pub use self::client::{Client, ClientKind, ClientStatus};
pub use self::profile::{IssuerForm, IssuerForms, OriginError, Profile, SecretErrorText};
pub use self::project::{Project, PublishingStatus, UserType};
pub use self::service_account::ServiceAccount;
pub use self::user::{Block, User};

/// The people, applications and behaviour an emulator starts with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    /// Accounts that can sign in.
    #[serde(default = "user::default_users")]
    pub users: Vec<User>,
    /// Registered clients; the first is what [`crate::Emulator::client_id`] names.
    #[serde(default = "client::default_clients")]
    pub clients: Vec<Client>,
    /// What is special about the projects that clients belong to. Those not listed are ordinary.
    #[serde(default)]
    pub projects: Vec<Project>,
    /// Accounts of programs. Their keys are made when somebody asks for them.
    #[serde(default)]
    pub service_accounts: Vec<ServiceAccount>,
    /// Switches between behaviours that Google shows at different times or places.
    #[serde(default)]
    pub profile: Profile,
}

/// A seed that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// Not TOML, or not the expected keys.
    #[error("the seed cannot be read: {}", with_suggestion(.0.to_string()))]
    Syntax(#[from] toml::de::Error),
    /// Not a client file of the cloud console.
    #[error("not a client file of the cloud console: {0}")]
    ClientFile(serde_json::Error),
    /// A user that could not be told from others, or never sign in.
    #[error("user {email:?}: {reason}")]
    User {
        /// The address as given.
        email: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A client that could not be told from another.
    #[error("client {client_id:?}: {reason}")]
    Client {
        /// The client's id.
        client_id: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A service account without an address.
    #[error("service account {email:?}: {reason}")]
    ServiceAccount {
        /// The address as given.
        email: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A project that says two things that cannot both be.
    #[error("project {id:?}: {reason}")]
    Project {
        /// The id as given.
        id: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A redirect URI that Google's console would not take.
    #[error("client {client_id:?}: the redirect URI {uri:?} cannot be registered: {rule}")]
    RedirectUri {
        /// The client's id.
        client_id: String,
        /// The URI as given.
        uri: String,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// A JavaScript origin that Google's console would not take.
    #[error("client {client_id:?}: the JavaScript origin {origin:?} cannot be registered: {rule}")]
    Origin {
        /// The client's id.
        client_id: String,
        /// The origin as given.
        origin: String,
        /// The rule it breaks.
        rule: &'static str,
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
        self.projects =
            self.projects.into_iter().map(Project::completed).collect::<Result<_, _>>()?;
        self.service_accounts = self
            .service_accounts
            .into_iter()
            .map(ServiceAccount::completed)
            .collect::<Result<_, _>>()?;
        self.check_distinct()?;
        Ok(self)
    }

    /// Of two that share a name one would be lost without a word.
    fn check_distinct(&self) -> Result<(), SeedError> {
        let (mut addresses, mut subjects) = (BTreeSet::new(), BTreeSet::new());
        for user in &self.users {
            if !addresses.insert(user.email.to_lowercase()) {
                return Err(user.refused("another user has the same e-mail"));
            }
            if !subjects.insert(&user.sub) {
                return Err(user.refused("another user has the same `sub`"));
            }
        }
        let mut ids = BTreeSet::new();
        let twice = self.clients.iter().find(|client| !ids.insert(&client.client_id));
        twice.map_or(Ok(()), |client| {
            let reason = "another client has the same `client_id`";
            Err(SeedError::Client { client_id: client.client_id.clone(), reason })
        })
    }
}

impl Default for Seed {
    fn default() -> Self {
        Self {
            users: user::default_users(),
            clients: client::default_clients(),
            projects: Vec::new(),
            service_accounts: Vec::new(),
            profile: Profile::default(),
        }
    }
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
        let text = error.to_string();
        assert!(text.contains("unknown field `emial`") && text.contains("line 2"), "{text}");
        assert!(text.contains("did you mean `email`?"), "{text}");
    }

    #[test]
    fn two_of_one_name_are_refused() {
        let user =
            |email: &str, sub: &str| format!("[[users]]\nemail = \"{email}\"\nsub = \"{sub}\"\n");
        let client = "[[clients]]\nclient_id = \"a\"\n";
        for (seed, reason) in [
            (user("a@example.com", "1") + &user("A@example.com", "2"), "the same e-mail"),
            (user("a@example.com", "1") + &user("b@example.com", "1"), "the same `sub`"),
            (client.repeat(2), "the same `client_id`"),
        ] {
            let error = Seed::from_toml(&seed).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        assert!(Seed::from_toml("[[clients]]\nname = \"a\"\n[[clients]]\nname = \"a\"").is_ok());
    }

    #[test]
    fn an_origin_with_a_path_is_refused() {
        let error = Seed::from_toml("[[clients]]\njavascript_origins = [\"http://localhost:1/x\"]");
        assert!(error.unwrap_err().to_string().contains("scheme, a host and a port"));
    }
}
