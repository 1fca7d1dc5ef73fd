//! The journal of rotated tokens, with crashes in the middle of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use standin::id::{GrantId, RefreshId};
use standin::store::conformance::samples::{at, grant_id, refresh_id};
use standin::time::MockClock;
use standin::{Journal as _, JournalRecord};
use standin_store::journal::FileJournal;
use tempfile::TempDir;

pub(crate) fn record(number: u64) -> JournalRecord {
    JournalRecord {
        attempt: refresh_id(number),
        grant: grant_id(number % 2),
        generation: number,
        asked_at: at(number),
        body: format!("{{\"answer\":{number}}}").into_bytes(),
    }
}

struct Disk {
    directory: TempDir,
    clock: Arc<MockClock>,
}

impl Disk {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), clock: Arc::new(MockClock::new(at(100))) }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("journal")
    }

    fn open(&self) -> FileJournal {
        FileJournal::open(&self.path(), self.clock.clone()).unwrap()
    }

    fn file(&self) -> PathBuf {
        let mut files = fs::read_dir(self.path()).unwrap();
        let file = files.next().unwrap().unwrap().path();
        assert!(files.next().is_none(), "one process has one file");
        file
    }
}

fn found(journal: &FileJournal, grant: GrantId, generation: u64) -> Option<RefreshId> {
    journal.find(grant, generation).map(|record| record.attempt)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn what_was_written_is_there_after_a_crash() {
    let disk = Disk::new();
    let journal = disk.open();
    for number in 1..=3 {
        journal.append(record(number)).await.unwrap();
    }
    drop(journal);
    let journal = disk.open();
    assert_eq!(journal.kept(), [record(1), record(2), record(3)]);
    assert_eq!(found(&journal, grant_id(1), 0), Some(refresh_id(3)));
    assert_eq!(found(&journal, grant_id(1), 3), Some(refresh_id(3)));
    assert_eq!(found(&journal, grant_id(1), 4), None);
    assert_eq!(found(&journal, grant_id(0), 2), Some(refresh_id(2)));
    assert_eq!((mode(&disk.path()), mode(&disk.file())), (0o700, 0o600));
}

#[tokio::test]
async fn a_record_that_was_cut_off_is_left_out_and_nothing_before_it() {
    let disk = Disk::new();
    let journal = disk.open();
    journal.append(record(1)).await.unwrap();
    let whole = fs::read(disk.file()).unwrap();
    journal.append(record(2)).await.unwrap();
    let both = fs::read(disk.file()).unwrap();
    drop(journal);
    for length in 0..both.len() {
        let other = Disk::new();
        fs::create_dir(other.path()).unwrap();
        fs::write(other.path().join("left.journal"), &both[..length]).unwrap();
        let kept = other.open().kept();
        let wanted = if length < whole.len() { vec![] } else { vec![record(1)] };
        assert_eq!(kept, wanted, "cut at {length}");
    }
}

#[tokio::test]
async fn a_byte_that_was_changed_ends_what_is_believed() {
    let disk = Disk::new();
    let journal = disk.open();
    journal.append(record(1)).await.unwrap();
    journal.append(record(2)).await.unwrap();
    let good = fs::read(disk.file()).unwrap();
    for index in 0..good.len() {
        let mut bad = good.clone();
        bad[index] ^= 1;
        let other = Disk::new();
        fs::create_dir(other.path()).unwrap();
        fs::write(other.path().join("left.journal"), &bad).unwrap();
        let kept = other.open().kept();
        let is_prefix = kept.is_empty() || kept == [record(1)];
        assert!(is_prefix, "byte {index}: {kept:?}");
    }
}

#[tokio::test]
async fn a_process_that_lives_keeps_its_file() {
    let disk = Disk::new();
    let (first, second) = (disk.open(), disk.open());
    first.append(record(1)).await.unwrap();
    second.append(record(2)).await.unwrap();
    assert_eq!(disk.open().kept(), []);
    drop(first);
    assert_eq!(disk.open().kept(), [record(1)]);
    assert_eq!(second.kept(), [record(2)]);
}

#[tokio::test]
async fn what_is_in_its_row_is_forgotten_ten_minutes_later_and_a_spare_after_a_day() {
    let disk = Disk::new();
    let journal = disk.open();
    journal.append(record(1)).await.unwrap();
    journal.append(record(2)).await.unwrap();
    journal.settle(refresh_id(1));
    drop(journal);
    disk.clock.advance(Duration::from_secs(599));
    assert_eq!(disk.open().kept(), [record(1), record(2)]);
    disk.clock.advance(Duration::from_secs(1));
    assert_eq!(disk.open().kept(), [record(2)]);
    disk.clock.advance(Duration::from_hours(24));
    assert_eq!(disk.open().kept(), []);
}

#[tokio::test]
async fn a_file_that_has_grown_is_begun_anew_with_what_is_kept() {
    let disk = Disk::new();
    let journal = disk.open();
    let large = JournalRecord { body: "x".repeat(900_000).into_bytes(), ..record(1) };
    for number in 1..=6 {
        let record = JournalRecord { attempt: refresh_id(number), ..large.clone() };
        journal.append(record).await.unwrap();
        journal.settle(refresh_id(number));
        disk.clock.advance(Duration::from_mins(11));
    }
    journal.append(record(7)).await.unwrap();
    assert!(fs::metadata(disk.file()).unwrap().len() < 2_000_000);
    drop(journal);
    assert_eq!(disk.open().kept(), [record(7)]);
}
