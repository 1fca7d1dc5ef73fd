//! A Google-compatible OpenID provider for tests and demos: strict, scriptable, offline.
//!
//! ```no_run
//! # async fn example() -> Result<(), standin_emulator::EmulatorError> {
//! use standin_emulator::Emulator;
//!
//! let google = Emulator::start().await?; // a free port of 127.0.0.1; stops on drop
//! println!("{} {} {}", google.origin(), google.client_id(), google.client_secret());
//! # Ok(())
//! # }
//! ```
//!
//! A client is pointed at [`Emulator::origin`] as its issuer and finds the rest by discovery. Whatever
//! Google would refuse is refused here with Google's status and text; whatever Google does only
//! sometimes can be ordered through the control API. Nothing leaves the machine.
//!
//! # How a sign-in passes through
//!
//! ```text
//! browser ─▶ authorize ─▶ (pages) ─▶ code ─▶ token ─▶ access, refresh and ID token ─▶ userinfo, APIs
//!               │                     └────────┴──────────── state ────────────┘            │
//!               └────────────────▶ ledger: what happened, in order ◀────────────────────────┘
//! ```
//!
//! Around each endpoint stands `faults`, which plays what the script says goes wrong next.
//!
//! # What of Google is here
//!
//! [`support::AREAS`] is the whole table, with what is not here and why; its tests walk it.
//!
//! # Routes
//!
//! | path | file |
//! |---|---|
//! | `GET /.well-known/openid-configuration` | `discovery.rs` |
//! | `GET /oauth2/v3/certs`, `/oauth2/v1/certs` | `certs.rs`, `keys.rs`, `x509.rs` |
//! | `GET, POST /o/oauth2/v2/auth`, `/o/oauth2/auth` | `authorize/mod.rs`, `authorize/request/` |
//! | `GET /signin/oauth/error` | `authorize/error/` |
//! | `GET, POST /v3/signin/accountchooser` | `authorize/pages/chooser.rs` |
//! | `GET, POST /signin/oauth/{warning,id,consent}` | `authorize/pages/{unverified,sign_in,scopes}.rs` |
//! | `POST /token`, `/o/oauth2/token`, `/oauth2/v3/token`, `/oauth2/v4/token` | `token/` |
//! | `POST /device/code`, `/o/oauth2/device/code` | `device/code.rs` |
//! | `GET, POST /device`; `POST /device/account`, `/device/consent` | `device/pages.rs` |
//! | `GET /robot/v1/metadata/x509/{email}` | `certs.rs` |
//! | `POST /revoke`; `GET, POST /o/oauth2/revoke` | `revoke.rs` |
//! | `GET, POST /tokeninfo`, `/oauth2/{v1,v2,v3}/tokeninfo` | `tokeninfo/` |
//! | `GET, POST /v1/userinfo`, `/oauth2/{v1,v2,v3}/userinfo`, `/userinfo/v2/me` | `userinfo.rs` |
//! | `GET, POST /calendar/v3/calendars/{id}/events` | `api/calendar/{list,insert}.rs` |
//! | `GET, PUT, PATCH, DELETE /calendar/v3/calendars/{id}/events/{event}` | `api/calendar/{get,update,delete}.rs` |
//! | `GET /calendar/v3/calendars/{id}`, `/calendar/v3/users/me/calendarList` | `api/calendar/calendars.rs` |
//! | `GET, POST /drive/v3/files` | `api/drive/{list,create}.rs` |
//! | `GET, PATCH, DELETE /drive/v3/files/{id}` | `api/drive/{get,update,delete}.rs` |
//! | `POST /upload/drive/v3/files`, `PATCH /upload/drive/v3/files/{id}` | `api/drive/upload.rs` |
//! | `PUT, DELETE` of a resumable upload's URI | `api/drive/resumable.rs` |
//! | `GET /drive/v3/about` | `api/drive/about.rs` |
//! | `GET /gsi/client` | `gsi/script.rs`, `gsi/*.js` |
//! | `GET /js/platform.js`, `/js/api.js`, `/js/client.js` and their older names | `gsi/script.rs`, `gsi/platform/*.js` |
//! | `GET /gsi/button` | `gsi/button.rs` |
//! | `GET, POST /gsi/select` | `gsi/select.rs` |
//! | `GET, POST /gsi/iframe/select` | `gsi/card.rs` |
//! | `GET /gsi/status`, `POST /gsi/revoke` | `gsi/{status,revoke}.rs` |
//! | `GET /a/{sub}` | `avatar.rs` |
//! | `GET /.well-known/risc-configuration` | `risc/configuration.rs` |
//! | `GET /v1beta/stream`, `/v1beta/stream/status`; `POST /v1beta/stream:update`, `/v1beta/stream:verify`, `/v1beta/stream/status:update`, `/v1beta/subjects:add` | `risc/stream.rs` |
//! | `/_emulator/…` | `control/`, one file per resource |
//! | `/t/{name}/…`: all of these, in a world of its own | `tenants.rs` |
//!
//! # Why another implementation
//!
//! A test provider that shares code with what it tests agrees with its mistakes. This crate depends on
//! no other crate of the workspace, and a JOSE library that nothing else there uses verifies its
//! tokens in its tests.
//!
//! # Security
//!
//! An emulator signs in anybody as anybody and its control API has no password. It listens on loopback
//! unless told otherwise in so many words, answers only to its own host names, and refuses pages of
//! other machines on the control API. Its keys are made in memory by each process, and its issuer is
//! its own origin: no token from here passes for Google's.

mod api;
mod authorize;
mod avatar;
mod background;
mod bearer;
mod certs;
mod chance;
mod clock;
mod control;
mod cors;
mod device;
mod discovery;
mod faults;
mod gsi;
mod guard;
mod id_token;
mod jws;
mod keys;
mod loopback;
mod object;
mod policy;
mod relay;
mod reply;
mod revoke;
mod risc;
mod router;
mod rsa;
mod scopes;
mod seed;
mod server;
mod state;
mod suggest;
pub mod support;
mod tenants;
mod tick;
mod token;
mod tokeninfo;
mod userinfo;
mod x509;

/// The snippets of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use clock::Clock;
pub use seed::{
    Block, Client, ClientKind, ClientStatus, IssuerForm, IssuerForms, OriginError, Profile,
    Project, PublishingStatus, SecretErrorText, Seed, SeedError, ServiceAccount, User, UserType,
};
pub use server::{Builder, Emulator, EmulatorError};
