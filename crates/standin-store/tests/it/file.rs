//! The file on the disk: whose it is, what it keeps, and who else may use it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use standin::store::conformance::samples::{at, grant, grant_id, hash, next, sign_in, user};
use standin::store::{DataKeyRow, DataKeys, Events, Grants, Housekeeping, Sessions, Users};
use standin_store::OpenError;
use standin_store::sqlite::SqliteStore;

use super::fixture::Fixture;

#[tokio::test]
async fn is_made_for_its_owner_alone_and_so_is_what_lies_beside_it() {
    let store = Fixture::fresh();
    store.complete_sign_in(sign_in(1)).await.unwrap();
    for entry in fs::read_dir(store.path().parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
}

#[tokio::test]
async fn is_refused_when_others_may_use_it() {
    let (_directory, path) = Fixture::fresh().close();
    for mode in [0o640, 0o604, 0o660] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let refused = SqliteStore::open(&path).unwrap_err();
        assert!(matches!(refused, OpenError::NotPrivate { mode: found, .. } if found == mode));
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(SqliteStore::open(&path).is_ok());
}

/// As the files lie there: nobody has folded the log by hand.
fn stands_in_a_file(store: &Fixture, bytes: &[u8]) -> bool {
    let files =
        [store.path(), store.path().with_extension("db-wal")].map(|path| fs::read(path).unwrap());
    files.iter().any(|file| file.windows(bytes.len()).any(|window| window == bytes))
}

/// Tokens that were wiped before it, too: nobody would look for them with a key that is gone.
#[tokio::test]
async fn vc_11_a_data_key_that_was_destroyed_stands_neither_in_the_file_nor_in_its_log() {
    let store = Fixture::fresh();
    let another_process = SqliteStore::open(&store.path()).unwrap();
    store.complete_sign_in(sign_in(1)).await.unwrap();
    let key = data_key();
    store.add_data_key(key.clone()).await.unwrap();
    let retired = DataKeyRow { version: 2, retired_at: Some(at(2)), ..key.clone() };
    store.replace_data_key(retired.clone()).await.unwrap();
    let sealed = store.grant(grant_id(1)).await.unwrap().unwrap();
    store.replace_grant(sealed.clone().revoked(at(3)), None).await.unwrap();
    let refresh = sealed.tokens.refresh.unwrap();
    assert!(stands_in_a_file(&store, &key.wrapped) && stands_in_a_file(&store, refresh.as_bytes()));
    // Many read, so that the store holds the log.
    for _ in 0..100 {
        another_process.data_keys().await.unwrap();
    }

    let destroyed = DataKeyRow { version: 3, removed_at: Some(at(4)), wrapped: vec![], ..retired };
    store.replace_data_key(destroyed).await.unwrap();

    assert!(
        !stands_in_a_file(&store, &key.wrapped) && !stands_in_a_file(&store, refresh.as_bytes())
    );
    assert!(another_process.data_keys().await.unwrap()[0].wrapped.is_empty());
}

/// It is gone all the same, and whoever reads is not cut off.
#[tokio::test]
async fn vc_11_a_log_that_somebody_reads_in_keeps_no_data_key_from_being_destroyed() {
    let store = Fixture::fresh();
    let key = data_key();
    store.add_data_key(key.clone()).await.unwrap();
    let reader = rusqlite::Connection::open(store.path()).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM data_keys").unwrap();
    let gone = DataKeyRow { version: 2, retired_at: Some(at(2)), ..key };
    store.replace_data_key(gone.clone()).await.unwrap();
    let gone = DataKeyRow { version: 3, removed_at: Some(at(3)), wrapped: vec![], ..gone };
    assert_eq!(store.replace_data_key(gone.clone()).await, Ok(()));
    assert_eq!(store.data_keys().await, Ok(vec![gone]));
}

fn data_key() -> DataKeyRow {
    DataKeyRow {
        id: 2,
        version: 1,
        wrapped_by: "k1".to_owned(),
        wrapped: b"a data key, wrapped: forty-odd bytes of it".to_vec(),
        key_check: None,
        tenant: Some("corp.example".to_owned()),
        created_at: at(1),
        activated_at: Some(at(1)),
        retired_at: None,
        removed_at: None,
    }
}

#[tokio::test]
async fn keeps_everything_when_it_is_closed_and_opened_again() {
    let store = Fixture::fresh();
    store.complete_sign_in(sign_in(1)).await.unwrap();
    let view = store.session_view(&hash(1)).await.unwrap();
    let events = store.events(0, 10).await.unwrap();
    let (_directory, path) = store.close();
    let log = path.with_extension("db-wal");
    assert!(!log.exists(), "the log is folded into the file");

    let reopened = SqliteStore::open(&path).unwrap();
    assert_eq!(reopened.session_view(&hash(1)).await.unwrap(), view);
    assert_eq!(reopened.events(0, 10).await.unwrap(), events);
}

#[tokio::test]
async fn keeps_everything_that_was_acknowledged_when_the_process_is_gone() {
    let store = Fixture::fresh();
    store.complete_sign_in(sign_in(1)).await.unwrap();
    // What a kill leaves behind is what lies on the disk now, without the shared memory.
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("standin.db");
    fs::copy(store.path(), &copy).unwrap();
    let log = |path: &std::path::Path| path.with_extension("db-wal");
    fs::copy(log(&store.path()), log(&copy)).unwrap();

    let recovered = SqliteStore::open(&copy).unwrap();
    assert_eq!(recovered.grant(grant_id(1)).await, Ok(Some(grant(1))));
}

#[tokio::test]
async fn two_stores_on_one_file_see_each_others_writes() {
    let one = Fixture::fresh();
    let other = SqliteStore::open(&one.path()).unwrap();
    one.complete_sign_in(sign_in(1)).await.unwrap();
    assert_eq!(other.grant(grant_id(1)).await, Ok(Some(grant(1))));
    for number in 1..50 {
        let (writer, reader): (&SqliteStore, &SqliteStore) = match number % 2 {
            0 => (&one, &other),
            _ => (&other, &one),
        };
        let current = reader.grant(grant_id(1)).await.unwrap().unwrap();
        let written = next(&current, at(number));
        writer.replace_grant(written.clone(), None).await.unwrap();
        let seen = reader.grant_at(user(1), &written.identity.provider).await;
        assert_eq!(seen, Ok(Some(written)));
    }
}

#[tokio::test]
async fn what_is_deleted_is_not_left_on_the_disk() {
    let store = Fixture::fresh();
    store.complete_sign_in(sign_in(1)).await.unwrap();
    let (_directory, path) = store.close();
    let subject = sign_in(1).identity.subject;
    let is_there = || {
        let bytes = fs::read(&path).unwrap();
        bytes.windows(subject.len()).any(|window| window == subject.as_bytes())
    };
    assert!(is_there());
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.delete_user(user(1)).await, Ok(true));
    assert_eq!(store.prune(at(0)).await, Ok(0));
    drop(store);
    assert!(!is_there());
}
