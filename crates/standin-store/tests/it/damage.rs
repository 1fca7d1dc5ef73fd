//! Files and rows that are not what they should be.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use standin::id::UserId;
use standin::store::conformance::samples::{
    at, client, google, grant, grant_id, hash, next, sign_in, user,
};
use standin::store::{Clients, Grants, Sessions, StoreError, Users};
use standin_store::OpenError;
use standin_store::sqlite::{SqliteStore, migrate, pending_migrations};
use tempfile::TempDir;

use super::fixture::Fixture;

/// A file of some hundred pages.
async fn full_file() -> (TempDir, PathBuf) {
    let store = Fixture::fresh();
    for number in 0..200 {
        store.complete_sign_in(sign_in(number)).await.unwrap();
    }
    store.close()
}

/// Everything that opens a database refuses this one, and its bytes stay.
fn refused_untouched(path: &Path) -> OpenError {
    let before = fs::read(path).unwrap();
    let refused = SqliteStore::open(path).unwrap_err();
    assert!(SqliteStore::open_existing(path).is_err());
    assert!(migrate(path).is_err());
    assert!(pending_migrations(path).is_err());
    assert!(fs::read(path).unwrap() == before, "the bytes have changed");
    refused
}

fn private_file(bytes: &[u8]) -> (TempDir, PathBuf) {
    let (directory, path) = Fixture::fresh().close();
    fs::write(&path, bytes).unwrap();
    (directory, path)
}

#[test]
fn st_3_a_file_that_is_no_database_is_refused() {
    for bytes in [&b"not a database at all, whatever its name"[..], b"{}", &[0; 4096]] {
        let (_directory, path) = private_file(bytes);
        let refused = refused_untouched(&path);
        assert!(matches!(refused, OpenError::NotSqlite { .. }), "{refused}");
    }
}

#[test]
fn st_3_the_database_of_another_program_is_refused() {
    let (_directory, path) = private_file(b"");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    drop(other);
    let refused = refused_untouched(&path);
    assert!(matches!(refused, OpenError::NotStandin { .. }), "{refused}");
}

#[tokio::test]
async fn st_3_a_corrupt_file_is_refused() {
    let (_directory, path) = full_file().await;
    let whole = fs::read(&path).unwrap();
    let pages = whole.len() / 4096;
    for page in [0, 1, pages / 2, pages - 1] {
        let mut bytes = whole.clone();
        let start = if page == 0 { 100 } else { page * 4096 };
        bytes[start..(page + 1) * 4096].fill(0xa5);
        fs::write(&path, &bytes).unwrap();
        let refused = refused_untouched(&path);
        assert!(matches!(refused, OpenError::Corrupt { .. }), "{page}: {refused}");
    }
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let refused = refused_untouched(&path);
    assert!(matches!(refused, OpenError::Corrupt { .. }), "{refused}");
}

#[tokio::test]
async fn st_3_a_log_without_its_database_is_refused_and_kept() {
    let store = Fixture::fresh();
    store.complete_sign_in(sign_in(1)).await.unwrap();
    let log = fs::read(store.path().with_extension("db-wal")).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("standin.db");
    let beside = path.with_extension("db-wal");
    fs::write(&beside, &log).unwrap();
    let refuses = || {
        let refused = SqliteStore::open(&path).unwrap_err();
        assert!(matches!(refused, OpenError::Corrupt { .. }), "{refused}");
        assert!(fs::read(&beside).unwrap() == log);
    };
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).unwrap();
    refuses();
    assert!(!path.exists());
    fs::copy(&beside, &path).unwrap();
    fs::write(&path, b"").unwrap();
    refuses();
}

/// Edits behind the store's back, against every rule of the schema.
fn edit(store: &Fixture, sql: &str) {
    let raw = Connection::open(store.path()).unwrap();
    raw.execute_batch("PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF").unwrap();
    assert_eq!(raw.execute(sql, []).unwrap(), 1, "{sql}");
}

fn inconsistent(table: &'static str, column: &'static str, row: &impl ToString) -> StoreError {
    let row = row.to_string();
    StoreError::Inconsistent { table, column, row }
}

#[tokio::test]
async fn an_impossible_grant_is_inconsistent_and_the_others_are_not() {
    for (column, value) in [
        ("state", "'sleeping'"),
        ("reason", "'bad luck'"),
        ("provider", "'Google!'"),
        ("version", "-1"),
        ("generation", "-1"),
        ("user_id", "x'00'"),
    ] {
        let store = Fixture::fresh();
        for number in [1, 2] {
            store.complete_sign_in(sign_in(number)).await.unwrap();
        }
        let sql = format!(
            "UPDATE grants SET {column} = {value} WHERE subject = '{}'",
            grant(1).identity.subject
        );
        edit(&store, &sql);
        let wrong = Err(inconsistent("grants", column, &grant_id(1)));
        assert_eq!(store.grant(grant_id(1)).await, wrong);
        assert_eq!(store.grant(grant_id(2)).await, Ok(Some(grant(2))));
        assert_eq!(store.grant_at(user(2), &google()).await, Ok(Some(grant(2))));
        assert!(store.session_view(&hash(2)).await.unwrap().is_some());
    }
}

/// Of terms that nobody can have, and of terms that are not there.
#[tokio::test]
async fn a_grant_on_impossible_terms_is_inconsistent_and_the_others_are_not() {
    for (column, value) in [
        ("provider_client", "CAST(x'ff' AS TEXT)"),
        ("token_endpoint", "CAST(x'ff' AS TEXT)"),
        ("scopes", "'quo\"te'"),
        ("requested", "'quo\"te'"),
        ("provider_client", ""),
    ] {
        let store = Fixture::fresh();
        for number in [1, 2] {
            store.complete_sign_in(sign_in(number)).await.unwrap();
        }
        if !value.is_empty() {
            let terms = ["provider_client", "token_endpoint", "scopes", "requested"];
            let terms = terms.map(|name| if name == column { value } else { name }).join(", ");
            edit(&store, &format!("INSERT INTO grant_terms SELECT 7, {terms} FROM grant_terms"));
        }
        let subject = grant(1).identity.subject;
        edit(&store, &format!("UPDATE grants SET terms = 7 WHERE subject = '{subject}'"));
        let wrong = inconsistent("grants", column, &grant_id(1));
        assert_eq!(store.grant(grant_id(1)).await, Err(wrong.clone()));
        assert_eq!(store.grant(grant_id(2)).await, Ok(Some(grant(2))));
        let listed = store.list_grants(None, 10).await.unwrap();
        assert_eq!(listed[0].as_ref().map_err(|damaged| &damaged.error), Err(&wrong));
        assert_eq!(listed[1], Ok(grant(2)));
    }
}

/// What is written is what is read again: nobody writes on terms that say something else.
#[tokio::test]
async fn terms_that_were_edited_are_not_written_on() {
    let store = Fixture::fresh();
    store.complete_sign_in(sign_in(1)).await.unwrap();
    edit(&store, "UPDATE grant_terms SET scopes = scopes || ' more'");
    let next = next(&grant(1), at(50));
    let wrong = Err(inconsistent("grants", "terms", &grant_id(1)));
    assert_eq!(store.replace_grant(next.clone(), None).await, wrong);
    edit(&store, "UPDATE grant_terms SET scopes = replace(scopes, ' more', '')");
    assert_eq!(store.replace_grant(next, None).await, Ok(()));
}

#[tokio::test]
async fn an_impossible_user_or_client_is_inconsistent() {
    let store = Fixture::fresh();
    store.complete_sign_in(sign_in(1)).await.unwrap();
    store.add_client(client(1)).await.unwrap();
    edit(&store, "UPDATE users SET email_verified = 7");
    edit(&store, "UPDATE clients SET policy = '[\"No:Such Rule\"]'");
    let wrong = inconsistent("users", "email_verified", &user(1));
    assert_eq!(store.user(user(1)).await, Err(wrong.clone()));
    assert_eq!(store.session_view(&hash(1)).await, Err(wrong));
    assert!(store.session(&hash(1)).await.unwrap().is_some());
    assert_eq!(store.user(UserId::from_bytes([9; 16])).await, Ok(None));
    let wrong = inconsistent("clients", "policy", &client(1).id);
    let found = store.client_by_key(&client(1).key_sha256).await;
    assert_eq!(found, Err(wrong));
}
