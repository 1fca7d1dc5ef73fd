//! The terms of grants, which a process keeps, and what becomes of grants whose terms somebody has changed.

use standin::store::conformance::samples::{
    at, google, grant, grant_id, hash, next, sign_in, user,
};
use standin::store::{Grants, Sessions, StoreError, Users};
use standin::vault::Grant;

use super::fixture::Fixture;

fn inconsistent(number: u64) -> StoreError {
    let row = grant_id(number).to_string();
    StoreError::Inconsistent { table: "grants", column: "terms", row }
}

/// Of registrations that no other test has: a process keeps what it has read of any database.
async fn signed_in(provider_client: &str) -> (Fixture, Grant) {
    let store = Fixture::fresh().await;
    let provider_client = provider_client.to_owned();
    let first = Grant { provider_client, ..grant(1) };
    let given = standin::store::SignIn { grant: Some(first.clone()), ..sign_in(1) };
    store.complete_sign_in(given).await.unwrap();
    store.complete_sign_in(sign_in(2)).await.unwrap();
    (store, first)
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn terms_are_asked_for_once() {
    let (store, first) = signed_in("asked for once").await;
    assert_eq!(store.grant(first.id).await, Ok(Some(first.clone())));
    store.database.psql("DROP TABLE grant_terms");
    assert_eq!(store.grant(first.id).await, Ok(Some(first.clone())));
    assert_eq!(store.grants_of(first.user).await, Ok(vec![first]));
}

/// Lost, of a number that they do not make, or of scopes that are none; and the others are none the worse for it.
#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn a_grant_on_impossible_terms_is_inconsistent_on_postgresql_and_the_others_are_not() {
    for (number, provider_client, scopes) in [
        (1_i64 << 40, "", ""),
        (1 << 41, "'not of this number'", "'openid'"),
        (7, "'of the migration'", "'quo\"te'"),
    ] {
        let (store, first) = signed_in("impossible").await;
        if !provider_client.is_empty() {
            store.database.psql(&format!(
                "INSERT INTO grant_terms VALUES ({number}, {provider_client}, 'https://t', {scopes}, 'openid')"
            ));
        }
        let move_to = format!(
            "UPDATE grants SET terms = {number} WHERE subject = '{}'",
            first.identity.subject
        );
        store.database.psql(&move_to);
        assert_eq!(store.grant(first.id).await, Err(inconsistent(1)), "{number}");
        assert_eq!(store.grant_at(user(2), &google()).await, Ok(Some(grant(2))));
        assert!(store.session_view(&hash(2)).await.unwrap().is_some());
        let listed = store.list_grants(None, 10).await.unwrap();
        assert_eq!(listed[0].as_ref().map_err(|damaged| &damaged.error), Err(&inconsistent(1)));
        assert_eq!(listed[1], Ok(grant(2)));
    }
}

/// What the migration has numbered is no hash, and means something else in another database: it is not kept.
#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn terms_that_a_migration_has_numbered_are_believed_and_not_kept() {
    let (store, first) = signed_in("numbered").await;
    store.database.psql(
        "INSERT INTO grant_terms SELECT 8, provider_client, token_endpoint, scopes, requested \
         FROM grant_terms WHERE provider_client = 'numbered'; \
         UPDATE grants SET terms = 8 WHERE terms IN \
             (SELECT terms FROM grant_terms WHERE provider_client = 'numbered')",
    );
    assert_eq!(store.grant(first.id).await, Ok(Some(first.clone())));
    store.database.psql("UPDATE grant_terms SET provider_client = 'another' WHERE terms = 8");
    let another = Grant { provider_client: "another".to_owned(), ..first.clone() };
    assert_eq!(store.grant(first.id).await, Ok(Some(another)));
}

/// Reading again would help nobody: it is no conflict.
#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn terms_that_were_edited_are_noticed_by_readers_and_not_written_on() {
    let (store, first) = signed_in("edited").await;
    let edit = |set: &str| {
        store.database.psql(&format!(
            "UPDATE grant_terms SET scopes = {set} WHERE provider_client = 'edited'"
        ));
    };
    edit("scopes || ' more'");
    assert_eq!(store.grant(first.id).await, Err(inconsistent(1)));
    let next = next(&first, at(50));
    assert_eq!(store.replace_grant(next.clone(), None).await, Err(inconsistent(1)));
    edit("replace(scopes, ' more', '')");
    assert_eq!(store.replace_grant(next.clone(), None).await, Ok(()));
    assert_eq!(store.replace_grant(next, None).await, Err(StoreError::Conflict));
}
