//! What the provider gave and what the vault keeps: they must be the same.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use serde_json::Value;
use standin::entropy::SystemEntropy;
use standin::id::UserId;
use standin::store::Store;
use standin::time::SystemClock;
use standin::vault::{Grant, GrantState, KeyFile, ReauthReason, Vault};

use super::house::{House, Person};

/// What the provider has written down.
#[derive(Default)]
pub(super) struct Ledger {
    next: u64,
    /// SHA-256 of the refresh token that each address was given last.
    newest: HashMap<String, String>,
    /// How often each was given one for another.
    refreshed: HashMap<String, usize>,
    pub(super) refused: usize,
}

impl Ledger {
    pub(super) fn look(&mut self, house: &House) {
        let ledger = house.control("GET", &format!("ledger?after={}", self.next), &Value::Null);
        self.next = ledger["next"].as_u64().unwrap();
        for event in ledger["events"].as_array().unwrap() {
            self.take(event);
        }
    }

    fn take(&mut self, event: &Value) {
        let user = event["user"].as_str().unwrap_or_default().to_owned();
        let given = match event["kind"].as_str() {
            Some("token_refreshed") => {
                *self.refreshed.entry(user.clone()).or_default() += 1;
                &event["new_refresh_token_sha256"]
            }
            Some("code_redeemed") => &event["refresh_token_sha256"],
            Some("refresh_refused") => {
                self.refused += 1;
                return;
            }
            _ => return,
        };
        if let Some(given) = given.as_str() {
            self.newest.insert(user, given.to_owned());
        }
    }

    pub(super) fn refreshed(&self, person: &Person) -> usize {
        self.refreshed.get(&person.email).copied().unwrap_or(0)
    }

    pub(super) fn refreshes(&self) -> usize {
        self.refreshed.values().sum()
    }
}

/// Where a grant stands in the vault.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) state: GrantState,
    pub(super) reason: Option<ReauthReason>,
    /// How many refresh tokens it has had.
    pub(super) generation: u64,
    /// SHA-256 of its refresh token.
    token: Option<String>,
    /// Whether it says that something is not yet settled.
    pub(super) is_leased: bool,
}

/// What became of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The vault has the token that the provider gave last.
    Whole,
    /// The grant says that its token was lost.
    SaysLost,
    /// The grant cannot be used, for another reason.
    Dead,
    /// The lease says that somebody must look after it.
    Open,
    /// The vault has another token, and nothing says so.
    Torn,
}

/// The vault as it is on the disk: read anew, past whatever a process keeps in memory.
pub(super) fn vault_of(house: &House) -> HashMap<String, Stored> {
    house.runtime.block_on(async {
        let store = standin_store::open(&house.database_url).await.unwrap();
        let keys = KeyFile::read(&house.directory.path().join("keys.toml")).unwrap();
        let vault = Vault::open(&keys, Arc::clone(&store), Arc::new(SystemClock), &SystemEntropy);
        let vault = vault.await.unwrap();
        let leases = house.leases(&*store).await;
        let grants = store.grants(None, 100_000).await.unwrap().into_iter();
        let grants: HashMap<_, _> = grants.map(|grant| (grant.user.to_string(), grant)).collect();
        let stored = |person: &Person| {
            (person.email.clone(), stored(&vault, &grants[&person.user], &leases))
        };
        house.people.iter().map(stored).collect()
    })
}

pub(super) async fn grant_of(store: &dyn Store, person: &Person) -> Grant {
    let user: UserId = person.user.parse().unwrap();
    store.grants_of(user).await.unwrap().remove(0)
}

fn stored(vault: &Vault, grant: &Grant, leases: &HashSet<Vec<u8>>) -> Stored {
    let token = vault.open_refresh(grant).expect("a token that opens");
    Stored {
        state: grant.state,
        reason: grant.reason,
        generation: grant.generation,
        token: token.map(|token| HEXLOWER.encode(&token.sha256())),
        is_leased: leases.contains(&grant.id.as_bytes()[..]),
    }
}

/// The invariant: each is whole, or says that it is not.
pub(super) fn fate(ledger: &Ledger, person: &Person, stored: &Stored) -> Fate {
    let is_newest =
        stored.token.is_some() && stored.token.as_ref() == ledger.newest.get(&person.email);
    match stored {
        Stored { is_leased: true, .. } => Fate::Open,
        Stored { state: GrantState::Active, .. } if is_newest => Fate::Whole,
        Stored { state: GrantState::Active, .. } => Fate::Torn,
        Stored { reason: Some(ReauthReason::RotationLost), .. } => Fate::SaysLost,
        Stored { .. } => Fate::Dead,
    }
}
