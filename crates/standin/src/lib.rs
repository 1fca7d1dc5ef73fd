//! Sign in once; it stands in for you while you are away.
//!
//! A web app wants two things from an OpenID provider: to know who the user is, and to act for them later,
//! when nobody is at the browser. One authorization code gives both: a session for the browser, an encrypted
//! refresh token for the vault, and from then on a fresh access token for every job that asks.
//!
//! ```text
//! browser ─ begin ─▶ provider ─ callback ─▶ exchange ─▶ verify ─▶ seal ─▶ vault ─▶ refresh ─▶ vend ─▶ job
//!   SignInRequest      Attempt   Unverified   TokenResponse  Verified   Sealed        FreshToken
//!                                Callback                    Identity   Tokens
//! ```
//!
//! A value changes type at each arrow and never goes back. The arrows are modules, in this order:
//! [`signin`] (1), [`verify`] (2), [`vault`] (3), `refresh` (4), [`vend`] (5); [`session`] and [`signals`] stand beside them,
//! [`store`] below, and [`provider`] across the network.
//!
//! # The minimum you need
//!
//! A store (crate `standin-store`), a key file, and a provider:
//!
//! ```no_run
//! # async fn run(store: std::sync::Arc<dyn standin::store::Store>) -> Result<(), Box<dyn std::error::Error>> {
//! use standin::AllowList;
//! use standin::http::{AddressPolicy, ReqwestClient};
//! use standin::provider::{AnswerForm, ClientAuthentication, ProviderConfig, ProviderKind, Registration};
//! use standin::provider::{RefreshRate, Scopes, Transport, UserAuthentication};
//! use standin::secret::ClientSecret;
//!
//! let keys = standin::vault::KeyFile::read("/etc/app/keys.toml".as_ref())?;
//! let standin = standin::Standin::builder(
//!     "https://app.example.com".parse()?,
//!     store,
//!     ReqwestClient::new(AddressPolicy::public())?,
//! )
//! .provider(ProviderConfig {
//!     id: "google".parse()?,
//!     kind: ProviderKind::Google,
//!     issuer: standin::provider::GOOGLE_ISSUER.to_owned(),
//!     registration: Registration {
//!         client_id: "1234-abcd.apps.googleusercontent.com".to_owned(),
//!         client_secret: ClientSecret::new(std::fs::read_to_string("/etc/app/secret")?),
//!         authentication: ClientAuthentication::Post,
//!     },
//!     scopes: Scopes::parse("openid email profile")?,
//!     extra_scopes: Scopes::parse("https://www.googleapis.com/auth/calendar.events")?,
//!     browser_scopes: Scopes::default(),
//!     hosted_domains: Vec::new(),
//!     allow: AllowList::default(),
//!     allow_credential_without_nonce: false,
//!     answer: AnswerForm::default(),
//!     authentication: UserAuthentication::default(),
//!     max_refreshes_per_second: RefreshRate::default(),
//!     transport: Transport::Https,
//! })
//! .build(&keys)
//! .await?;
//! # drop(standin);
//! # Ok(())
//! # }
//! ```
//!
//! Beside the requests, [`Standin::run`] must run as long as the process does: it writes the record of vends,
//! asks again for revocations that failed, and forgets what is over.
//!
//! The crate `standin-axum` makes routes of it. Nothing in here knows of a web framework, a database, the
//! environment, or what time it is.

mod account;
mod admission;
mod core;
mod json;
mod limiter;
mod live;
mod refresh;
mod revoke;
mod shred;
mod standin;

pub mod entropy;
pub mod error;
pub mod fail_point;
pub mod http;
pub mod id;
pub mod measure;
pub mod people;
pub mod provider;
pub mod receipt;
pub mod secret;
pub mod session;
pub mod signals;
pub mod signin;
pub mod store;
pub mod time;
pub mod vault;
pub mod vend;
pub mod verify;

pub use admission::{AllowList, InvalidEntry, SignUp};
pub use error::{Error, Refusal};
pub use limiter::Limiter;
pub use live::DEFAULT_LIVE_TOKEN_BYTES;
pub use refresh::{FreshToken, Journal, JournalRecord, NoJournal};
pub use revoke::{Revocations, Revoked};
pub use shred::Shredded;
pub use standin::{Builder, NotReady, Standin};
