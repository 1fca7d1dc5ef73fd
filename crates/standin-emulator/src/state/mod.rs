//! Everything an emulator knows, behind one lock.
//!
//! A request locks, changes what it must and unlocks before it signs or answers; nothing waits
//! while it holds the lock.

mod aging;
mod codes;
pub(crate) mod device;
pub(crate) mod grants;
mod held;
pub(crate) mod ledger;
pub(crate) mod people;
mod tokens;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::Notify;

pub(crate) use self::aging::Aging;
use self::device::DeviceCodes;
use self::grants::Grants;
use self::ledger::{Event, Ledger};
use self::people::{Browsers, Users};
use crate::api::calendar::Calendars;
use crate::api::drive::Drives;
use crate::authorize::Interaction;
use crate::background::Background;
use crate::clock::Clock;
use crate::faults::{Faults, Hold};
use crate::keys::Keys;
use crate::risc::Streams;
use crate::seed::{Client, Profile, Project, Seed, ServiceAccount, User};

/// How others reach the process: what its URLs begin with.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) origin: String,
    pub(crate) browser_origin: String,
    pub(crate) port: u16,
    pub(crate) background: Background,
}

/// What all handlers share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The issuer, and what the URLs that backends call begin with: scheme, host, port and `prefix`.
    pub(crate) origin: String,
    /// The same for the URLs that browsers open.
    pub(crate) browser_origin: String,
    /// The path under which this emulator lives: empty, or `/t/` and a tenant's name.
    pub(crate) prefix: String,
    pub(crate) port: u16,
    pub(crate) clock: Clock,
    /// Wakes those who wait for the ledger to grow.
    pub(crate) grown: Arc<Notify>,
    /// Where requests wait that a fault holds.
    pub(crate) hold: Hold,
    /// What goes on after a request was answered.
    pub(crate) background: Background,
    seed: Seed,
    state: Mutex<State>,
}

/// The part that changes.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) profile: Profile,
    pub(crate) users: Users,
    pub(crate) clients: Vec<Client>,
    pub(crate) projects: Vec<Project>,
    pub(crate) service_accounts: Vec<ServiceAccount>,
    pub(crate) streams: Streams,
    pub(crate) grants: Grants,
    pub(crate) device_codes: DeviceCodes,
    pub(crate) browsers: Browsers,
    pub(crate) interactions: Aging<Interaction>,
    pub(crate) autopilot: Option<Autopilot>,
    pub(crate) faults: Faults,
    pub(crate) ledger: Ledger,
    pub(crate) keys: Keys,
    pub(crate) calendars: Calendars,
    pub(crate) drives: Drives,
}

/// Answers the account chooser and the consent page in a person's place.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Autopilot {
    pub(crate) user: String,
    pub(crate) decision: Decision,
    pub(crate) untick: Vec<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Decision {
    Allow,
    Deny,
}

impl Shared {
    /// The world of one tenant, or, with an empty `prefix`, of those who name none.
    pub(crate) fn new(address: &Address, prefix: String, seed: Seed) -> Self {
        let grown = Arc::new(Notify::new());
        let state = Mutex::new(State::new(&seed, Keys::new(), Ledger::new(grown.clone())));
        Self {
            origin: format!("{}{prefix}", address.origin),
            browser_origin: format!("{}{prefix}", address.browser_origin),
            prefix,
            port: address.port,
            clock: Clock::default(),
            grown,
            hold: Hold::default(),
            background: address.background.clone(),
            seed,
            state,
        }
    }

    /// A path of ours as a browser must ask for it.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Back to the seed and to real time. Signing keys stay: clients may have cached them. What is
    /// left of the script of faults is given back.
    pub(crate) fn reset(&self) -> Faults {
        let mut state = self.state();
        let keys = std::mem::replace(&mut state.keys, Keys::new());
        let fresh = State::new(&self.seed, keys, Ledger::new(self.grown.clone()));
        let old = std::mem::replace(&mut *state, fresh);
        self.clock.reset();
        self.grown.notify_waiters();
        self.hold.release();
        old.faults
    }

    pub(crate) fn record(&self, event: Event) {
        let at = self.clock.now_unix_ms();
        self.state().ledger.record(at, event);
    }

    /// The client that the accessors of [`crate::Emulator`] name.
    pub(crate) fn seeded_client(&self) -> Option<&Client> {
        self.seed.clients.first()
    }
}

impl State {
    fn new(seed: &Seed, keys: Keys, ledger: Ledger) -> Self {
        Self {
            profile: seed.profile.clone(),
            users: Users::new(seed.users.iter().cloned()),
            clients: seed.clients.clone(),
            projects: seed.projects.clone(),
            service_accounts: seed.service_accounts.clone(),
            streams: Streams::default(),
            grants: Grants::default(),
            device_codes: DeviceCodes::default(),
            browsers: Browsers::default(),
            interactions: Aging::default(),
            autopilot: None,
            faults: Faults::default(),
            ledger,
            keys,
            calendars: Calendars::default(),
            drives: Drives::default(),
        }
    }

    pub(crate) fn client(&self, client_id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.client_id == client_id)
    }

    /// A client's project; an ordinary one if nobody has described it.
    pub(crate) fn project_of(&self, client: &Client) -> Project {
        let described = self.projects.iter().find(|project| project.id == client.project);
        described.cloned().unwrap_or_else(|| Project::named(&client.project))
    }

    pub(crate) fn service_account(&self, email: &str) -> Option<&ServiceAccount> {
        self.service_accounts.iter().find(|account| account.email == email)
    }

    pub(crate) fn service_account_by_sub(&self, sub: &str) -> Option<&ServiceAccount> {
        self.service_accounts.iter().find(|account| account.client_id == sub)
    }

    /// Who a subject is: a person or, failing that, a service account.
    pub(crate) fn account(&self, sub: &str) -> Option<User> {
        let person = self.users.by_sub(sub).cloned();
        person.or_else(|| self.service_account_by_sub(sub).map(ServiceAccount::as_user))
    }

    /// The address of a subject, for the ledger.
    pub(crate) fn email_of(&self, sub: &str) -> String {
        self.account(sub).map_or_else(|| sub.to_owned(), |account| account.email)
    }
}
