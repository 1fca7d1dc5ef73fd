//! Grants as rows of the schema before V17, and what they must be afterwards.

use standin::provider::Scopes;
use standin::secret::sha256;
use standin::store::conformance::samples::{at, google, grant, hash_bytes, trace};
use standin::store::{About, Duties, News, Signal, SpentKind, Store};
use standin::vault::{Grant, GrantState, NamedToken, ReauthReason};

/// The last migration before.
pub(crate) const BEFORE: u32 = 16;

/// Two on the same terms, one on others, and one that was taken back.
pub(crate) fn grants() -> [Grant; 4] {
    let scopes = Scopes::parse("openid https://www.googleapis.com/auth/calendar").unwrap();
    let others = Grant { scopes: scopes.clone(), requested: scopes, ..grant(3) };
    [grant(1), grant(2), others, grant(4).revoked(at(9))]
}

/// What puts a grant, its user and a line of its ledger into a database, which writes bytes so.
pub(crate) fn insert(grant: &Grant, id: fn(&[u8]) -> String, blob: fn(&[u8]) -> String) -> String {
    let (row, user) = (id(grant.id.as_bytes()), id(grant.user.as_bytes()));
    let or_null = |bytes: Option<Vec<u8>>| bytes.map_or("NULL".to_owned(), |bytes| blob(&bytes));
    let (tokens, identity) = (&grant.tokens, &grant.identity);
    let access = or_null(tokens.access.as_ref().map(|sealed| sealed.as_bytes().to_vec()));
    let refresh = or_null(tokens.refresh.as_ref().map(|sealed| sealed.as_bytes().to_vec()));
    // Whole hashes. This much of one is kept; the rest of the other is anything.
    let hash = or_null(tokens.trace.map(|trace| [trace.hash.0, [7; 16]].concat()));
    let begins = b"token prefix\n1//0000000000000".as_slice();
    let prefix = or_null(tokens.trace.map(|_| sha256(begins).to_vec()));
    let given_at = tokens.trace.map_or(-1, |trace| trace.given_at.unix_ms());
    format!(
        "INSERT INTO users (id, email_verified, created_at) VALUES ({user}, 1 = 1, 5);
         INSERT INTO grants (id, user_id, provider, issuer, subject, provider_client, token_endpoint,
             scopes, requested, state, version, generation, sealed_access, sealed_refresh,
             access_expires_at, created_at, updated_at, token_hash, token_prefix, token_given_at)
         VALUES ({row}, {user}, 'google', '{}', '{}', '{}', '{}', '{}', '{}', '{}', {}, {}, {access},
             {refresh}, {}, {}, {}, {hash}, {prefix}, nullif({given_at}, -1));
         INSERT INTO scope_ledger (grant_id, scope, requested_at, source) VALUES ({row}, 'openid', 5, 'consent');",
        identity.issuer,
        identity.subject,
        grant.provider_client,
        grant.token_endpoint,
        grant.scopes,
        grant.requested,
        grant.state.as_str(),
        grant.version,
        grant.generation,
        grant.access_expires_at.unix_ms(),
        grant.created_at.unix_ms(),
        grant.updated_at.unix_ms(),
    )
}

/// Each is what it was, and goes on: it is written, and found by how its provider names its token.
pub(crate) async fn go_on(store: &dyn Store) {
    for was in grants() {
        assert_eq!(store.grant(was.id).await, Ok(Some(was.clone())));
        assert_eq!(store.grant_at(was.user, &google()).await, Ok(Some(was.clone())));
        let ledger = store.scope_ledger(was.id).await.unwrap();
        assert_eq!(ledger.len(), 1, "{ledger:?}");
        let next = Grant { version: was.version + 1, updated_at: at(50), ..was };
        assert_eq!(store.replace_grant(next.clone(), None).await, Ok(()));
        assert_eq!(store.grant(next.id).await, Ok(Some(next)));
    }
    let about = About::Token { provider: google(), token: NamedToken::Hash(trace(1).hash) };
    let duties = Duties { withdraw_grants: true, ..Duties::NONE };
    let signal = Signal {
        kind: SpentKind::SecurityEvent,
        sha256: hash_bytes(1),
        remembered_until: at(9_000),
        at: at(500),
        news: vec![News { about, duties, before: at(400), detail: "revoked".to_owned() }],
    };
    assert_eq!(store.take_signal(signal).await, Ok(true));
    let withdrawn = store.grant(grants()[0].id).await.unwrap().unwrap();
    assert_eq!(
        (withdrawn.state, withdrawn.reason),
        (GrantState::Reauth, Some(ReauthReason::Revoked))
    );
    let other = store.grant(grants()[1].id).await.unwrap().unwrap();
    assert_eq!(other.state, GrantState::Active);
}
