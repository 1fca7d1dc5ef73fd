//! The power fails, the disk is full, a file is cut off: what was acknowledged stays (faults D20, D22, D23).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use standin::store::conformance::samples::{at, grant, grant_id, next, sign_in};
use standin::store::{Grants as _, Housekeeping as _, StoreError, Users as _};
use standin::time::MockClock;
use standin::vault::Grant;
use standin::{Journal as _, JournalRecord};
use standin_store::journal::FileJournal;
use standin_store::sqlite::SqliteStore;
use standin_store::testing::SmallDisk;
use tempfile::TempDir;

use super::fixture::Fixture;
use super::journal::record;

/// What was acknowledged, and how long the log was at that moment.
struct Acknowledged {
    grant: Grant,
    length: usize,
}

/// A database whose log holds some writes, one after the other. What it would be without its process: file and log.
async fn written() -> (Vec<u8>, Vec<u8>, Vec<Acknowledged>) {
    let store = Fixture::fresh();
    store.complete_sign_in(sign_in(1)).await.unwrap();
    let (file, log) = (store.path(), log_of(&store.path()));
    let mut writes = Vec::new();
    let mut current = grant(1);
    for number in 1..6 {
        current = next(&current, at(number));
        store.replace_grant(current.clone(), None).await.unwrap();
        let length = fs::read(&log).unwrap().len();
        writes.push(Acknowledged { grant: current.clone(), length });
    }
    (fs::read(file).unwrap(), fs::read(log).unwrap(), writes)
}

fn log_of(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

/// The same files elsewhere, for the owner alone.
fn laid_out(file: &[u8], log: &[u8]) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("standin.db");
    for (path, bytes) in [(&path, file), (&log_of(&path), log)] {
        fs::write(path, bytes).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    (directory, path)
}

/// The disk loses whatever was not flushed to it, or has other bytes there. Every acknowledged commit had been flushed
/// (`st_1_the_settings_are_what_was_promised`), so nothing before the end that the log had then is touched.
#[tokio::test]
async fn d22_what_was_acknowledged_stays_whatever_becomes_of_the_log_behind_it() {
    let (file, log, writes) = written().await;
    for Acknowledged { grant, length } in &writes {
        let behind = log.len() - length;
        let rests =
            [vec![], vec![0; behind], vec![0xa5; behind], log[*length..][..behind / 2].to_vec()];
        for rest in rests {
            let (_directory, path) = laid_out(&file, &[&log[..*length], &rest].concat());
            let store = SqliteStore::open(&path).unwrap();
            let found = store.grant(grant_id(1)).await.unwrap().unwrap();
            assert!(found.version >= grant.version, "{} of {}", found.version, grant.version);
        }
    }
}

/// Nobody can tell a log that was cut off from one that ended there: what it gives is a state that once was.
#[tokio::test]
async fn d23_a_log_that_was_cut_off_gives_a_state_that_was_acknowledged_and_never_half_of_one() {
    let (file, log, writes) = written().await;
    let mut seen = 0;
    for length in (0..log.len()).step_by(977).chain([log.len()]) {
        let (_directory, path) = laid_out(&file, &log[..length]);
        let Ok(store) = SqliteStore::open(&path) else { continue };
        let Ok(Some(found)) = store.grant(grant_id(1)).await else { continue };
        let is_known = found == grant(1) || writes.iter().any(|write| write.grant == found);
        assert!(is_known, "cut at {length}: {found:?}");
        assert!(found.version >= u64::try_from(seen).unwrap(), "cut at {length}");
        seen = found.version.try_into().unwrap();
    }
    assert_eq!(seen, usize::try_from(writes.last().unwrap().grant.version).unwrap());
}

#[tokio::test]
async fn d23_without_the_file_that_processes_share_everything_is_there() {
    let (file, log, writes) = written().await;
    let (_directory, path) = laid_out(&file, &log);
    assert!(!path.with_extension("db-shm").exists());
    let store = SqliteStore::open(&path).unwrap();
    let newest = writes.last().unwrap().grant.clone();
    assert_eq!(store.grant(grant_id(1)).await, Ok(Some(newest)));
}

#[tokio::test]
#[ignore = "needs to mount a disk"]
async fn d20_a_full_disk_is_reported_and_read_from_and_written_to_again_when_it_has_room() {
    let disk = SmallDisk::mount(2);
    let store = SqliteStore::open(&disk.path().join("standin.db")).unwrap();
    store.complete_sign_in(sign_in(1)).await.unwrap();
    disk.fill();
    let written = next(&grant(1), at(9));
    let refused = store.replace_grant(written.clone(), None).await;
    let words = format!("{refused:?}");
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{words}");
    assert!(words.contains("the disk is full"), "{words}");
    assert!(store.ping().await.is_err(), "it is not ready for work");
    assert_eq!(store.grant(grant_id(1)).await, Ok(Some(grant(1))));
    disk.free();
    assert_eq!(store.ping().await, Ok(()));
    assert_eq!(store.replace_grant(written.clone(), None).await, Ok(()));
    assert_eq!(store.grant(grant_id(1)).await, Ok(Some(written)));
}

/// A record that fits in part ends what is believed of its file: what comes later needs another.
#[tokio::test]
#[ignore = "needs to mount a disk"]
async fn d20_a_record_of_the_journal_that_did_not_fit_takes_none_of_the_later_ones_along() {
    let disk = SmallDisk::mount(2);
    let path = disk.path().join("journal");
    let open = || FileJournal::open(&path, Arc::new(MockClock::new(at(100)))).unwrap();
    let large = |number| JournalRecord { body: "x".repeat(10_000).into_bytes(), ..record(number) };
    let journal = open();
    journal.append(large(1)).await.unwrap();
    disk.fill();
    journal.append(large(2)).await.unwrap_err();
    journal.append(large(3)).await.unwrap_err();
    assert_eq!(journal.kept(), [large(1)]);
    disk.free();
    journal.append(large(4)).await.unwrap();
    drop(journal);
    assert_eq!(open().kept(), [large(1), large(4)]);
    let files = fs::read_dir(&path).unwrap().count();
    assert_eq!(files, 2, "the journal and its lock: what did not work leaves no files");
}
