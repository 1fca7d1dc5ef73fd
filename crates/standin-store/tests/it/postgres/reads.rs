//! Readers share connections: each gets its own answer, and what happens to one of them or to the connection is
//! nobody else's trouble (fault D28).

use std::pin::pin;
use std::process::Command;

use futures_util::future::join_all;
use standin::store::conformance::samples::{at, attempt, grant, grant_id, hash, sign_in};
use standin::store::{Attempts, Cluster, Grants, Refreshes, Result, Sessions, Users};
use standin::time::Timestamp;
use standin::vault::Grant;
use standin_store::postgres::testing::Database;
use standin_store::postgres::{PostgresStore, migrate};
use tokio::time::{Duration, sleep};
use tokio_postgres::Client;

use super::fixture::{Connected, Fixture, connect, until_waiting};
use super::proxy::Proxy;

const PEOPLE: u64 = 8;
const READERS: u64 = 200;
const OURS: &str =
    "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'standin'";

/// A store of two connections, one of which is for readers, and somebody else who can keep them waiting.
pub(super) struct Place {
    // Before the database: what is dropped first lets go of it.
    pub(super) store: PostgresStore,
    other: Client,
    _connected: Connected,
    _database: Database,
}

impl Place {
    async fn new() -> Self {
        Self::reached(Database::url).await
    }

    pub(super) async fn reached(at: impl Fn(&Database) -> String) -> Self {
        let database = Database::fresh();
        let url = at(&database).replace("pool_timeout=60", "pool_timeout=2&pool_size=2");
        // By another pool: a migration that takes its time opens a second connection, to look who is in the way.
        migrate(&url).await.unwrap();
        let store = PostgresStore::open(&url).await.unwrap();
        sign_in_all(&store).await;
        let (other, connected) = connect(&database).await;
        Self { store, other, _connected: connected, _database: database }
    }

    pub(super) async fn keep_waiting(&self) {
        self.other
            .batch_execute("BEGIN; LOCK TABLE grants IN ACCESS EXCLUSIVE MODE")
            .await
            .unwrap();
        assert_eq!(self.waiting().await, 0);
    }

    pub(super) async fn let_go(&self) {
        self.other.batch_execute("ROLLBACK").await.unwrap();
    }

    /// How many connections of ours wait.
    async fn waiting(&self) -> i64 {
        // Within a transaction what is seen of others stays as it was, unless one asks.
        self.other.batch_execute("SELECT pg_stat_clear_snapshot()").await.unwrap();
        self.count(&format!("SELECT count(*) {OURS} AND wait_event_type = 'Lock'")).await
    }

    pub(super) async fn until_waiting(&self) {
        while self.waiting().await == 0 {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Until nothing of ours waits any more, while it is still kept from what it wanted.
    pub(super) async fn until_stopped(&self) {
        while self.waiting().await > 0 {
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn count(&self, sql: &str) -> i64 {
        self.other.query_typed(sql, &[]).await.unwrap()[0].get(0)
    }

    /// The processes of the server that work for us.
    async fn processes(&self) -> Vec<i32> {
        let sql = format!("SELECT pid {OURS} ORDER BY pid");
        let rows = self.other.query_typed(&sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

async fn sign_in_all(store: &PostgresStore) {
    for number in 0..PEOPLE {
        store.complete_sign_in(sign_in(number)).await.unwrap();
    }
}

/// All at once. What they get is to be [`right`].
pub(super) async fn read_all(store: &PostgresStore) -> Vec<Result<Option<Grant>>> {
    join_all((0..READERS).map(|number| store.grant(grant_id(number % PEOPLE)))).await
}

fn right() -> Vec<Result<Option<Grant>>> {
    (0..READERS).map(|number| Ok(Some(grant(number % PEOPLE)))).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn readers_share_a_connection_and_a_write_finds_one_beside_them() {
    let place = Place::new().await;
    place.keep_waiting().await;
    let (answers, (written, waiting)) = tokio::join!(read_all(&place.store), async {
        place.until_waiting().await;
        let written = place.store.consume_attempt(attempt(1)).await;
        let waiting = place.waiting().await;
        place.let_go().await;
        (written, waiting)
    });
    assert_eq!(written, Ok(true));
    assert_eq!(waiting, 1, "connections for {READERS} readers");
    assert_eq!(answers, right());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn readers_behind_a_pooler_get_each_their_own_answer() {
    let store = Fixture::pooled().await;
    sign_in_all(&store).await;
    for _ in 0..5 {
        assert_eq!(read_all(&store).await, right());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn a_prepared_read_is_sent_once_on_each_connection_also_after_one_was_lost() {
    const LINES: usize = 8;
    let database = Database::fresh();
    let proxy = Proxy::start(&database).await;
    let url = format!("{}&prepared=on", proxy.url(&database));
    let store = PostgresStore::open(&url).await.unwrap();
    sign_in_all(&store).await;
    let before = proxy.texts();
    for _ in 0..5 {
        assert_eq!(read_all(&store).await, right());
    }
    assert!((1..=LINES).contains(&(proxy.texts() - before)));
    let (other, _connected) = connect(&database).await;
    let kill = format!("SELECT count(pg_terminate_backend(pid)) {OURS}");
    other.query_typed(&kill, &[]).await.unwrap();
    assert_eq!(read_all(&store).await, right());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn d28_a_connection_that_is_killed_under_its_readers_costs_none_of_them_an_answer() {
    let place = Place::new().await;
    place.keep_waiting().await;
    let (answers, killed) = tokio::join!(read_all(&place.store), async {
        place.until_waiting().await;
        let kill = format!("SELECT count(pg_terminate_backend(pid)) {OURS}");
        let killed = place.count(&kill).await;
        place.let_go().await;
        killed
    });
    assert!(killed > 0);
    assert_eq!(answers, right());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn a_reader_that_goes_away_is_in_nobodys_way() {
    let place = Place::new().await;
    let before = place.processes().await;
    place.keep_waiting().await;
    let mut others = pin!(read_all(&place.store));
    // It asks first, and the others behind it.
    tokio::select! {
        biased;
        answer = place.store.grant(grant_id(1)) => panic!("{answer:?}"),
        answers = &mut others => panic!("{answers:?}"),
        () = place.until_waiting() => {}
    }
    place.let_go().await;
    assert_eq!(others.await, right());
    assert_eq!(read_all(&place.store).await, right());
    assert_eq!(place.processes().await, before, "the connection is as good as before");
}

/// A process of the server that does nothing until this is dropped.
struct Stopped(i32);

impl Stopped {
    fn new(process: i32) -> Self {
        signal("-STOP", process);
        Self(process)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        signal("-CONT", self.0);
    }
}

fn signal(name: &str, process: i32) {
    let sent = Command::new("kill").args([name, &process.to_string()]).status();
    assert!(sent.is_ok_and(|sent| sent.success()), "kill {name}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn d28_a_connection_that_answers_no_more_is_given_up_and_its_readers_ask_another() {
    let place = Place::new().await;
    let processes = place.processes().await;
    let [process] = processes[..] else { panic!("{processes:?}") };
    let _stopped = Stopped::new(process);
    assert_eq!(read_all(&place.store).await, right());
    // Nobody has it any more: both of the two are others.
    place.keep_waiting().await;
    let (answers, written) = tokio::join!(read_all(&place.store), async {
        place.until_waiting().await;
        let written = place.store.consume_attempt(attempt(1)).await;
        place.let_go().await;
        written
    });
    assert_eq!((answers, written), (right(), Ok(true)));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn d25_readers_who_wait_on_connections_of_their_own_leave_one_to_whoever_writes() {
    while_readers_wait_alone(4, async |store| {
        assert_eq!(store.consume_attempt(attempt(1)).await, Ok(true));
    })
    .await;
}

/// Without a look at what others change a process hands out nothing from memory.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn d25_readers_who_wait_on_connections_of_their_own_do_not_stop_the_upkeep() {
    for size in [4, 8, 16] {
        while_readers_wait_alone(size, async |store| {
            let heard = store.bulletin(Timestamp::default()).await;
            assert!(heard.is_ok(), "{size}: {heard:?}");
            assert_eq!(store.overdue_refreshes(at(1), 10).await, Ok(Vec::new()));
            let provider = grant(1).identity.provider;
            assert_eq!(store.due_grants(&provider, at(1), 10).await, Ok(Vec::new()));
            assert_eq!(store.due_revocations(at(1), 10).await, Ok(Vec::new()));
        })
        .await;
    }
}

/// With a pool of so many connections, and more views of sessions under way than may have one of their own.
async fn while_readers_wait_alone(size: usize, work: impl AsyncFnOnce(&PostgresStore)) {
    let database = Database::fresh();
    let few = format!("pool_timeout=2&pool_size={size}");
    let url = database.url().replace("pool_timeout=60", &few);
    migrate(&url).await.unwrap();
    let store = PostgresStore::open(&url).await.unwrap();
    let (other, _connected) = connect(&database).await;
    other.batch_execute("BEGIN; LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let sessions: Vec<_> = (0..8).map(hash).collect();
    let views = join_all(sessions.iter().map(|session| store.session_view(session)));
    tokio::select! {
        biased;
        views = views => panic!("{views:?}"),
        () = async {
            until_waiting(&database).await;
            work(&store).await;
        } => {}
    }
    other.batch_execute("ROLLBACK").await.unwrap();
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn a_prepared_read_whose_table_was_changed_is_prepared_anew() {
    let database = Database::fresh();
    // One connection, so that it is the same each time.
    let url = format!("{}&prepared=on&pool_size=1", database.url());
    let store = PostgresStore::open(&url).await.unwrap();
    sign_in_all(&store).await;
    // What was prepared gives a column of another type than the next.
    database.psql("ALTER TABLE grants ALTER COLUMN reason TYPE varchar");
    drop(store.grant(grant_id(1)).await);
    database.psql("ALTER TABLE grants ALTER COLUMN reason TYPE text");
    assert_eq!(store.grant(grant_id(1)).await, Ok(Some(grant(1))));
}
