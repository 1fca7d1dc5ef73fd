//! The journal of rotated tokens, with crashes in the middle of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use standin::fail_point::FailPoint;
use standin::id::{GrantId, RefreshId};
use standin::store::Waiting;
use standin::store::conformance::samples::{at, grant_id, refresh_id};
use standin::time::MockClock;
use standin::vault::TraceHash;
use standin::{Journal as _, JournalRecord};
use standin_store::journal::FileJournal;
use tempfile::TempDir;

pub(crate) fn record(number: u64) -> JournalRecord {
    JournalRecord {
        attempt: refresh_id(number),
        grant: grant_id(number % 2),
        generation: number,
        question: number,
        asked_at: at(number),
        spent: Some(TraceHash([7; 16])),
        body: format!("{{\"answer\":{number}}}").into_bytes(),
    }
}

/// Another answer, that was asked for some seconds later.
fn asked_later(record: &JournalRecord) -> JournalRecord {
    let asked_at = record.asked_at.after(Duration::from_secs(13));
    JournalRecord { asked_at, body: b"{\"answer\":\"later\"}".to_vec(), ..record.clone() }
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
        let files = fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().path());
        let files: Vec<_> =
            files.filter(|path| path.extension().is_some_and(|found| found == "journal")).collect();
        let [file] = files.as_slice() else { panic!("one process has one file: {files:?}") };
        file.clone()
    }
}

fn found(journal: &FileJournal, grant: GrantId, generation: u64) -> Option<RefreshId> {
    journal.find(grant, generation).first().map(|record| record.attempt)
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
    journal.settle(grant_id(1), 2).await;
    drop(journal);
    disk.clock.advance(Duration::from_secs(599));
    assert_eq!(disk.open().kept(), [record(1), record(2)]);
    disk.clock.advance(Duration::from_secs(1));
    assert_eq!(disk.open().kept(), [record(2)]);
    disk.clock.advance(Duration::from_hours(24));
    assert_eq!(disk.open().kept(), []);
}

/// Records left the file only when it had grown, or at a start: a process that ran for long kept them, and found them.
#[tokio::test]
async fn what_is_past_its_time_is_not_found_and_leaves_the_disk_while_the_process_runs() {
    let disk = Disk::new();
    let journal = disk.open();
    journal.append(record(1)).await.unwrap();
    journal.append(record(2)).await.unwrap();
    journal.settle(grant_id(1), 2).await;
    let began = disk.file();
    journal.tidy().await;
    assert_eq!(disk.file(), began, "nothing is past its time");

    disk.clock.advance(Duration::from_mins(10));
    assert_eq!((found(&journal, grant_id(1), 0), journal.kept()), (None, vec![record(2)]));
    journal.tidy().await;
    let left = String::from_utf8_lossy(&fs::read(disk.file()).unwrap()).into_owned();
    assert!(!left.contains("answer\\\":1") && left.contains("answer\\\":2"), "{left}");

    disk.clock.advance(Duration::from_hours(24));
    journal.tidy().await;
    assert_eq!((journal.waiting().count, fs::metadata(disk.file()).unwrap().len()), (0, 0));
}

/// Whatever generation it was given for: its user has given others since.
#[tokio::test]
async fn what_was_asked_for_before_a_consent_is_settled() {
    let disk = Disk::new();
    let journal = disk.open();
    for number in 1..=5 {
        journal.append(record(number)).await.unwrap();
    }
    journal.outdate(grant_id(1), at(3), None).await;
    // 3, 5, and those of the other grant.
    let left = Waiting { count: 4, oldest: Some(at(2)) };
    assert_eq!(journal.waiting(), left);
    drop(journal);
    assert_eq!(disk.open().waiting(), left);
}

#[tokio::test]
async fn a_file_that_has_grown_is_begun_anew_with_what_is_kept() {
    let disk = Disk::new();
    let journal = disk.open();
    let large = JournalRecord { body: "x".repeat(900_000).into_bytes(), ..record(1) };
    for number in 1..=6 {
        let record = JournalRecord { attempt: refresh_id(number), ..large.clone() };
        journal.append(record).await.unwrap();
        journal.settle(grant_id(1), 2).await;
        disk.clock.advance(Duration::from_mins(11));
    }
    journal.append(record(7)).await.unwrap();
    assert!(fs::metadata(disk.file()).unwrap().len() < 2_000_000);
    drop(journal);
    assert_eq!(disk.open().kept(), [record(7)]);
}

#[tokio::test]
async fn what_is_in_its_row_settles_what_was_given_before_it() {
    let disk = Disk::new();
    let journal = disk.open();
    for number in 1..=5 {
        journal.append(record(number)).await.unwrap();
    }
    journal.settle(grant_id(1), 4).await;
    assert_eq!(journal.waiting().count, 3, "5, and those of the other grant");
    drop(journal);
    let journal = disk.open();
    assert_eq!((journal.waiting().count, journal.kept().len()), (3, 5));
    // A spare is newer than one that is settled, and is found also where it is asked for the older one.
    assert_eq!(found(&journal, grant_id(1), 1), Some(refresh_id(5)));
}

/// Nothing fails, and nothing is lost on its way from file to file.
#[test]
fn processes_that_start_at_the_same_time_take_over_each_record_once() {
    let disk = Disk::new();
    let start_again_and_again = |process: u64| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for round in 0..25 {
            let journal = disk.open();
            let record = record(100 * process + round);
            runtime.block_on(journal.append(record)).unwrap();
        }
    };
    std::thread::scope(|scope| {
        for process in 0..4 {
            scope.spawn(move || start_again_and_again(process));
        }
    });
    let mut wanted: Vec<_> = (0..4)
        .flat_map(|process| (0..25).map(move |round| record(100 * process + round)))
        .collect();
    wanted.sort_by_key(|record| record.asked_at);
    assert_eq!(disk.open().kept(), wanted);
}

/// Whoever was killed while a file was taken over has left what it held in two.
#[tokio::test]
async fn a_record_that_is_in_two_files_is_one_and_settled_if_either_says_so() {
    let disk = Disk::new();
    let journal = disk.open();
    journal.append(record(1)).await.unwrap();
    fs::copy(disk.file(), disk.path().join("older.left")).unwrap();
    journal.settle(grant_id(1), 2).await;
    drop(journal);
    fs::rename(disk.path().join("older.left"), disk.path().join("older.journal")).unwrap();
    let journal = disk.open();
    assert_eq!((journal.waiting().count, journal.kept()), (0, vec![record(1)]));
}

/// Whoever takes up an answer goes on under the attempt that it was given to.
#[tokio::test]
async fn two_answers_to_one_attempt_are_two() {
    let disk = Disk::new();
    let journal = disk.open();
    let next = JournalRecord { attempt: refresh_id(1), ..record(3) };
    journal.append(record(1)).await.unwrap();
    journal.settle(grant_id(1), 2).await;
    journal.append(next.clone()).await.unwrap();
    drop(journal);
    let journal = disk.open();
    assert_eq!((journal.waiting().count, journal.kept()), (1, vec![record(1), next]));
}

/// A node that was fenced asks again under the same attempt, and for the same generation.
#[tokio::test]
async fn two_answers_to_one_attempt_for_one_generation_are_two_and_the_later_is_the_newest() {
    let disk = Disk::new();
    let journal = disk.open();
    let (first, later) = (record(1), asked_later(&record(1)));
    journal.append(first.clone()).await.unwrap();
    journal.append(later.clone()).await.unwrap();
    drop(journal);
    let journal = disk.open();
    assert_eq!((journal.waiting().count, journal.kept()), (2, vec![first, later.clone()]));
    assert_eq!(journal.find(grant_id(1), 1).first(), Some(&later));
}

#[tokio::test]
async fn a_later_generation_is_newer_whatever_the_clock_said() {
    let disk = Disk::new();
    let journal = disk.open();
    let before = asked_later(&record(1));
    let next = JournalRecord { generation: before.generation + 1, ..record(1) };
    journal.append(before.clone()).await.unwrap();
    journal.append(next.clone()).await.unwrap();
    assert_eq!(journal.find(grant_id(1), 1), [next.clone(), before.clone()]);
    assert_eq!(journal.kept(), [before, next]);
}

/// The clock was set back between them, and the earlier one was taken for the newest: it was brought instead of the later.
#[tokio::test]
async fn rf_9_a_later_question_has_the_newer_answer_whatever_the_clock_said() {
    let disk = Disk::new();
    let journal = disk.open();
    let first = asked_later(&record(1));
    let later = JournalRecord { question: first.question + 1, ..record(1) };
    journal.append(later.clone()).await.unwrap();
    journal.append(first.clone()).await.unwrap();
    assert_eq!(journal.find(grant_id(1), 1), [later.clone(), first.clone()]);
    drop(journal);
    assert_eq!(disk.open().kept(), [first, later]);
}

/// Whatever the clocks said, it is not older than what stands in the row.
#[tokio::test]
async fn rf_9_an_answer_to_the_token_that_stands_in_its_row_is_never_outdated() {
    let disk = Disk::new();
    let journal = disk.open();
    let (one, other) = (record(1), JournalRecord { spent: None, ..record(3) });
    for record in [&one, &other] {
        journal.append(record.clone()).await.unwrap();
    }
    journal.outdate(grant_id(1), at(3), Some(TraceHash([8; 16]))).await;
    assert_eq!(journal.waiting().count, 1, "what was asked for at that time is not outdated");
    journal.outdate(grant_id(1), at(50), one.spent).await;
    assert_eq!(journal.waiting().count, 0, "nobody noted what was spent for it");
    let again = JournalRecord { generation: 5, ..one };
    journal.append(again.clone()).await.unwrap();
    drop(journal);
    let journal = disk.open();
    journal.outdate(grant_id(1), at(50), again.spent).await;
    assert_eq!(journal.waiting().count, 1);
}

/// In a container each process has the number of the one before it.
#[tokio::test]
async fn what_a_probe_has_left_that_was_killed_is_in_nobodys_way() {
    let disk = Disk::new();
    let journal = disk.open();
    for number in 0..3 {
        let left = disk.path().join(format!("{}-{number}.probe", std::process::id()));
        fs::write(left, "").unwrap();
    }
    journal.probe().await.unwrap();
    drop(journal);
    drop(disk.open());
    assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 2, "the journal, and its lock");
}

/// A disk that hangs holds up whoever writes, and nobody who looks.
#[tokio::test]
async fn a_disk_that_hangs_keeps_nobody_who_only_looks() {
    let disk = Disk::new();
    let journal = disk.open();
    journal.append(record(1)).await.unwrap();
    let slow = FailPoint::JournalHasWritten.name();
    fail::cfg(slow, "pause").unwrap();
    let size = fs::metadata(disk.file()).unwrap().len();
    let (written, ()) = tokio::join!(journal.append(record(2)), async {
        while fs::metadata(disk.file()).unwrap().len() == size {
            tokio::task::yield_now().await;
        }
        assert_eq!((journal.kept(), journal.waiting().count), (vec![record(1)], 1));
        assert_eq!(found(&journal, grant_id(1), 1), Some(refresh_id(1)));
        fail::cfg(slow, "off").unwrap();
    });
    written.unwrap();
    assert_eq!(journal.kept(), [record(1), record(2)]);
}
