//! What a database holds of a grant: it opens as it was sealed, where it was sealed, or not at
//! all (requirements VC-2, VC-3).
//!
//! The first byte says what is put where; the rest edits it, three bytes each (where, what, how), so that a
//! mutation begins with a value that would open.

use std::sync::{Arc, LazyLock};

use futures_util::FutureExt as _;
use standin::entropy::SeededEntropy;
use standin::id::{GrantId, UserId};
use standin::provider::Scopes;
use standin::secret::{AccessToken, RefreshToken};
use standin::store::memory::MemoryStore;
use standin::time::{MockClock, Timestamp};
use standin::vault::{Binding, Grant, GrantState, KeyFile, Sealed, SealedTokens, Vault};
use standin::verify::Identity;

use crate::reference::{CLIENT, ISSUER, NOW};

const ACCESS: &str = "ya29.access";
const REFRESH: &str = "1//refresh";

static WORLD: LazyLock<(Vault, Grant)> = LazyLock::new(seal);

pub(crate) fn run(bytes: &[u8]) -> bool {
    let (vault, original) = &*WORLD;
    let Some((mode, edits)) = bytes.split_first() else {
        return false;
    };
    let mut grant = original.clone();
    let (access, refresh) = (&original.tokens.access, &original.tokens.refresh);
    grant.tokens.refresh = match mode {
        0 => refresh.as_ref().map(|sealed| edited(sealed, edits)),
        1 => access.as_ref().map(|sealed| edited(sealed, edits)),
        _ => Some(Sealed::from_bytes(edits.to_vec())),
    };
    let is_whole = grant.tokens.refresh == *refresh;
    let opened = vault.open_refresh(&grant);
    assert_eq!(opened.is_ok(), is_whole);
    assert!(opened.iter().flatten().all(|token| token.expose() == REFRESH));
    // The same bytes as another user's, in the other column, or at another time, are nobody's.
    let of_another_user = Grant { user: UserId::from_bytes([3; 16]), ..grant.clone() };
    assert!(vault.open_refresh(&of_another_user).is_err());
    grant.tokens.access.clone_from(&grant.tokens.refresh);
    assert_eq!(vault.open_access(&grant).is_ok(), grant.tokens.access == *access);
    grant.generation += 1;
    assert!(vault.open_refresh(&grant).is_err());
    is_whole
}

fn edited(sealed: &Sealed, edits: &[u8]) -> Sealed {
    let mut bytes = sealed.as_bytes().to_vec();
    for edit in edits.chunks_exact(3) {
        let place = usize::from(edit[0]) % (bytes.len() + 1);
        match edit[1] % 4 {
            0 => bytes.insert(place, edit[2]),
            1 if place < bytes.len() => drop(bytes.remove(place)),
            2 => bytes.truncate(place),
            _ => bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= edit[2]),
        }
    }
    Sealed::from_bytes(bytes)
}

fn seal() -> (Vault, Grant) {
    let entropy = SeededEntropy::new(3);
    let now = Timestamp::from_unix_seconds(NOW);
    let (store, clock) = (Arc::new(MemoryStore::default()), Arc::new(MockClock::new(now)));
    let keys = KeyFile::generate(&entropy);
    let vault = Vault::open(&keys, store, clock, &entropy).now_or_never();
    let vault = vault.expect("nothing waits").expect("a new vault");
    let mut grant = empty_grant(now);
    let binding = Binding::of(&grant, grant.generation);
    let (access, refresh) = (AccessToken::new(ACCESS), RefreshToken::new(REFRESH));
    let tokens = vault.seal_tokens(&binding, &access, Some(&refresh), now, &entropy);
    grant.tokens = tokens.expect("the vault seals");
    (vault, grant)
}

fn empty_grant(now: Timestamp) -> Grant {
    Grant {
        id: GrantId::from_bytes([1; 16]),
        user: UserId::from_bytes([2; 16]),
        identity: Identity {
            provider: "idp".parse().expect("a name"),
            issuer: ISSUER.to_owned(),
            subject: "1".to_owned(),
        },
        provider_client: CLIENT.to_owned(),
        token_endpoint: format!("{ISSUER}/token"),
        scopes: Scopes::default(),
        requested: Scopes::default(),
        state: GrantState::Active,
        reason: None,
        refusals: 0,
        due_at: None,
        version: 1,
        generation: 1,
        tokens: SealedTokens::default(),
        access_expires_at: now,
        refresh_expires_at: None,
        created_at: now,
        updated_at: now,
    }
}
