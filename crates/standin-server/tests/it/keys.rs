//! Changing keys from the command line while the service runs, and while whoever does it is killed.

mod kek;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use standin::entropy::SystemEntropy;
use standin::secret::{AccessToken, RefreshToken};
use standin::store::conformance::samples::{grant_id, next, revocation, sign_in, user};
use standin::store::{EventKind, Store};
use standin::time::{Clock as _, SystemClock};
use standin::vault::{Binding, Destination, Grant, KeyFile, Vault};
use standin_store::postgres::testing::Database;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// How many grants are in the vault: enough for some hundred batches. `STANDIN_TEST_GRANTS=100000` makes it
/// the size that requirement VC-6 speaks of.
fn grants() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the size of a test, for whoever has the time")]
    let wanted = std::env::var("STANDIN_TEST_GRANTS").ok();
    wanted.map_or(1_500, |count| count.parse().expect("STANDIN_TEST_GRANTS is no number"))
}

/// A directory with a key file, a vault full of grants, and a client.
struct Place {
    directory: TempDir,
    runtime: Runtime,
    store: Arc<dyn Store>,
    client_key: String,
    /// Where the rows are, unless they are in the directory.
    _database: Option<Database>,
}

impl Place {
    fn with_grants(count: u64) -> Self {
        Self::new(count, None)
    }

    fn on_postgres(count: u64) -> Self {
        Self::new(count, Some(Database::fresh()))
    }

    fn new(count: u64, database: Option<Database>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path();
        assert!(standin(place, &["init"]).status.success());
        let path = place.join("standin.toml");
        let text = fs::read_to_string(&path).unwrap();
        let registration = "client_id = \"id\"\nclient_secret = \"secret\"";
        let lines: Vec<_> = text
            .lines()
            .map(|line| if line.starts_with("client_secret_json") { registration } else { line })
            .collect();
        let in_a_file =
            format!("sqlite://{}", fs::canonicalize(place).unwrap().join("standin.db").display());
        let url = database.as_ref().map_or(in_a_file, Database::url);
        let is_url = |line: &&&str| line.starts_with("url = ");
        let (url_line, text) = (lines.iter().find(is_url).unwrap(), lines.join("\n"));
        fs::write(&path, text.replace(*url_line, &format!("url = \"{url}\""))).unwrap();
        let added = json(place, &["clients", "add", "job", "--allow", "*", "--json"]);
        let client_key = added["key"].as_str().unwrap().to_owned();

        let runtime = Runtime::new().unwrap();
        let store = runtime.block_on(standin_store::open(&url)).unwrap();
        let place = Self { directory, runtime, store, client_key, _database: database };
        place.fill(count);
        place
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn vault(&self) -> Vault {
        let keys = KeyFile::read(&self.path().join("keys.toml")).unwrap();
        let opened =
            Vault::open(&keys, Arc::clone(&self.store), Arc::new(SystemClock), &SystemEntropy);
        self.runtime.block_on(opened).unwrap()
    }

    /// Many at a time, so that they share commits.
    fn fill(&self, count: u64) {
        let vault = self.vault();
        for numbers in (1..=count).collect::<Vec<_>>().chunks(200) {
            let mut writes = JoinSet::new();
            for number in numbers {
                let mut first = sign_in(*number);
                first.grant = first.grant.map(|grant| live(&vault, grant, *number));
                let store = Arc::clone(&self.store);
                writes.spawn_on(
                    async move { store.complete_sign_in(first).await.unwrap() },
                    self.runtime.handle(),
                );
            }
            self.runtime.block_on(writes.join_all());
        }
        let (token, destination) =
            (RefreshToken::new("1//dying"), Destination::of(sign_in(1).grant.as_ref().unwrap()));
        let sealed =
            vault.seal_revocation(grant_id(1), &token, &destination, &SystemEntropy).unwrap();
        let mut row = revocation(1);
        row.sealed_token = sealed.as_bytes().to_vec();
        row.retry_at = SystemClock.now().after(Duration::from_hours(24));
        self.runtime.block_on(self.store.queue_revocation(row)).unwrap();
    }

    fn grant(&self, number: u64) -> Grant {
        self.runtime.block_on(self.store.grant(grant_id(number))).unwrap().unwrap()
    }

    /// The keys of the database by their ids.
    fn data_keys(&self) -> BTreeMap<u64, Value> {
        let listed = json(self.path(), &["keys", "list", "--json"]);
        let keys = listed["data_keys"].as_array().unwrap().iter();
        keys.map(|key| (key["id"].as_u64().unwrap(), key.clone())).collect()
    }

    fn rows_under(&self, key: u64) -> u64 {
        let key = &self.data_keys()[&key];
        key["grants"].as_u64().unwrap() + key["revocations"].as_u64().unwrap()
    }
}

fn access(number: u64) -> String {
    format!("ya29.access-{number}")
}

/// A sample with tokens that live another hour.
fn live(vault: &Vault, grant: Grant, number: u64) -> Grant {
    let binding = Binding::of(&grant, grant.generation);
    let (token, refresh) =
        (AccessToken::new(access(number)), RefreshToken::new(format!("1//{number}")));
    let tokens = vault
        .seal_tokens(&binding, &token, Some(&refresh), SystemClock.now(), &SystemEntropy)
        .unwrap();
    let access_expires_at = SystemClock.now().after(Duration::from_hours(1));
    Grant { tokens, access_expires_at, ..grant }
}

fn command(place: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
    command.current_dir(place).env_clear().stdin(Stdio::null()).args(arguments);
    command
}

fn standin(place: &Path, arguments: &[&str]) -> Output {
    command(place, arguments).output().unwrap()
}

fn json(place: &Path, arguments: &[&str]) -> Value {
    let output = standin(place, arguments);
    assert!(output.status.success(), "{arguments:?} {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refusal(place: &Path, arguments: &[&str]) -> String {
    let output = standin(place, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?} {output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A process that ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(place: &Path) -> (Running, String) {
    let ports = ["serve", "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--json"];
    let child = command(place, &ports)
        .env("STANDIN__LOG__LEVEL", "warn")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut service = Running(child);
    let mut line = String::new();
    BufReader::new(service.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    (service, ready["public"].as_str().unwrap().trim_start_matches("http://").to_owned())
}

/// A job that asks for one token after the other, and stops at the first that it does not get.
fn vend(address: &str, key: &str, number: u64) -> Result<(), String> {
    let mut stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
    write!(
        stream,
        "POST /v1/users/{}/grants/google/token HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\n\
         Authorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}",
        user(number)
    )
    .map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
    let token = format!("\"{}\"", access(number));
    let is_right = answer.starts_with("HTTP/1.1 200") && answer.contains(&token);
    is_right.then_some(()).ok_or(answer)
}

/// Rewraps, and is killed after the first word of progress, every second time at some moment before it.
/// `true` once it was faster than the kill and has nothing left to do.
fn rewrap_and_kill(place: &Path, round: usize) -> bool {
    let mut rewrap = command(place, &["keys", "rewrap", "--batch", "60", "--json"]);
    let child = rewrap.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut child = Running(child);
    let mut progress = BufReader::new(child.0.stderr.take().unwrap());
    let mut line = String::new();
    for _ in 0..=round % 3 {
        line.clear();
        progress.read_line(&mut line).unwrap();
    }
    child.0.kill().unwrap();
    let status = child.0.wait().unwrap();
    assert!(
        status.success() || status.code().is_none(),
        "neither done nor killed: {status} {line}"
    );
    status.success()
}

/// The whole of it: a new data key, a rewrap that is killed again and again, the old key retired and removed;
/// a job gets every token it asks for meanwhile, from a service that knows nothing of it.
#[test]
fn vc_6_a_rewrap_killed_at_every_turn_ends_and_no_vend_fails() {
    killed_at_every_turn(&Place::with_grants(grants()), grants());
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn vc_6_a_rewrap_killed_at_every_turn_ends_and_no_vend_fails_on_postgresql() {
    killed_at_every_turn(&Place::on_postgres(grants()), grants());
}

#[expect(clippy::print_stdout, reason = "how much it was is what the test is read for")]
fn killed_at_every_turn(place: &Place, count: u64) {
    let (_service, address) = serve(place.path());
    let (stop, vends) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (kills, job) = std::thread::scope(|scope| {
        let job = scope.spawn(|| {
            for number in (1..=count).cycle().step_by(7) {
                vend(&address, &place.client_key, number)?;
                if stop.load(Ordering::Relaxed) {
                    return Ok::<(), String>(());
                }
                vends.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
        let kills = rotate_under_fire(place, count);
        stop.store(true, Ordering::Relaxed);
        (kills, job.join().unwrap())
    });
    assert_eq!(job, Ok(()), "a vend failed");
    let vends = vends.load(Ordering::Relaxed);
    println!("{count} grants, {kills} kills, {vends} vends");

    let vault = place.vault();
    for number in 1..=count {
        let grant = place.grant(number);
        assert_eq!(vault.open_access(&grant).unwrap().unwrap().expose(), access(number));
        assert_eq!(vault.open_refresh(&grant).unwrap().unwrap().expose(), format!("1//{number}"));
    }
}

/// Changes the key until enough rewraps have been killed, however fast they are: how many.
fn rotate_under_fire(place: &Place, count: u64) -> usize {
    let mut kills = 0;
    for old in 1..50 {
        kills += rotate_once_under_fire(place, count, old);
        if kills > 5 {
            break;
        }
    }
    assert!(kills > 5, "{kills} kills");
    kills
}

/// How often the rewrap was killed.
fn rotate_once_under_fire(place: &Place, count: u64, old: u64) -> usize {
    let new = old + 1;
    assert_eq!(json(place.path(), &["keys", "add", "--json"]), json!({ "id": new, "kek": null }));
    json(place.path(), &["keys", "activate", &new.to_string(), "--json"]);
    assert_eq!(place.rows_under(old), count + 1);
    let mut kills = 0;
    while !rewrap_and_kill(place.path(), kills) {
        kills += 1;
    }
    assert_eq!((place.rows_under(old), place.rows_under(new)), (0, count + 1));
    json(place.path(), &["keys", "retire", &old.to_string(), "--now", "--json"]);
    json(place.path(), &["keys", "remove", &old.to_string(), "--json"]);
    assert_eq!(place.data_keys()[&old]["state"], "removed");
    for told in [
        format!("data key {new} activated"),
        format!("data key {old} retired"),
        format!("data key {old} removed"),
    ] {
        assert!(on_record(place).contains(&told), "ls_6: {told}");
    }
    kills
}

const COUNT: u64 = 400;

/// The compare-and-swap between two processes: whatever is written while a rewrap runs, stays.
#[test]
fn vc_6_a_refresh_of_another_process_is_never_lost_to_a_rewrap() {
    refreshed_meanwhile(&Place::with_grants(COUNT));
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn vc_6_a_refresh_of_another_process_is_never_lost_to_a_rewrap_on_postgresql() {
    refreshed_meanwhile(&Place::on_postgres(COUNT));
}

fn refreshed_meanwhile(place: &Place) {
    json(place.path(), &["keys", "add", "--json"]);
    json(place.path(), &["keys", "activate", "2", "--json"]);
    let child = command(place.path(), &["keys", "rewrap", "--batch", "2", "--json"]);
    let mut child = Running(piped(child).spawn().unwrap());
    let mut progress = BufReader::new(child.0.stderr.take().unwrap());
    progress.read_line(&mut String::new()).unwrap();

    let vault = place.vault();
    for number in (1..=COUNT).rev() {
        refresh(place, &vault, number);
    }
    let mut rest = String::new();
    progress.read_to_string(&mut rest).unwrap();
    assert!(child.0.wait().unwrap().success(), "{rest}");
    assert_eq!(place.rows_under(1), 0);
    for number in 1..=COUNT {
        let token = vault.open_refresh(&place.grant(number)).unwrap().unwrap();
        assert_eq!(token.expose(), format!("1//rotated-{number}"));
    }
}

/// It held a transaction open and got nothing of the processor, when it left that to others altogether.
#[test]
fn vc_6_a_rewrap_comes_to_its_end_where_others_want_all_processors_all_the_time() {
    // Of fewer, one that gets next to nothing would come to its end as well.
    const MANY: u64 = 4_000;
    let place = Place::with_grants(MANY);
    json(place.path(), &["keys", "add", "--json"]);
    json(place.path(), &["keys", "activate", "2", "--json"]);
    let is_over = AtomicBool::new(false);
    let rewrapped = std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let rewrap = scope.spawn(|| json(place.path(), &["keys", "rewrap", "--json"]));
        let rewrapped = rewrap.join();
        is_over.store(true, Ordering::Relaxed);
        rewrapped.unwrap()
    });
    assert_eq!((&rewrapped["rows"], &rewrapped["left"]), (&json!(MANY + 1), &json!(0)));
}

fn piped(mut command: Command) -> Command {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    command
}

/// As the service writes a rotated token: over the row that was read, or read again.
fn refresh(place: &Place, vault: &Vault, number: u64) {
    loop {
        let mut grant = next(&place.grant(number), SystemClock.now());
        grant.generation += 1;
        let binding = Binding::of(&grant, grant.generation);
        let refresh = RefreshToken::new(format!("1//rotated-{number}"));
        let token = AccessToken::new(access(number));
        let sealed = vault
            .seal_tokens(&binding, &token, Some(&refresh), SystemClock.now(), &SystemEntropy)
            .unwrap();
        grant.tokens = sealed;
        if place.runtime.block_on(place.store.replace_grant(grant, None)).is_ok() {
            return;
        }
    }
}

#[test]
fn vc_6_an_interrupted_rewrap_says_so_and_goes_on_when_it_is_run_again() {
    interrupted(&Place::with_grants(600));
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn vc_6_an_interrupted_rewrap_says_so_and_goes_on_when_it_is_run_again_on_postgresql() {
    interrupted(&Place::on_postgres(600));
}

fn interrupted(place: &Place) {
    json(place.path(), &["keys", "add", "--json"]);
    json(place.path(), &["keys", "activate", "2", "--json"]);
    let child = command(place.path(), &["keys", "rewrap", "--batch", "1", "--json"]);
    let mut child = Running(piped(child).spawn().unwrap());
    let mut progress = BufReader::new(child.0.stderr.take().unwrap());
    progress.read_line(&mut String::new()).unwrap();
    let id = child.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let mut words = String::new();
    progress.read_to_string(&mut words).unwrap();
    assert_eq!(child.0.wait().unwrap().code(), Some(1), "{words}");
    assert!(words.contains("interrupted"), "{words}");
    let mut result = String::new();
    child.0.stdout.take().unwrap().read_to_string(&mut result).unwrap();
    let first: Value = serde_json::from_str(&result).unwrap();
    let second = json(place.path(), &["keys", "rewrap", "--json"]);
    let rows = |result: &Value| result["rows"].as_u64().unwrap();
    assert!(rows(&first) > 0 && rows(&second) > 0, "{first} {second}");
    assert_eq!((rows(&first) + rows(&second), &second["left"]), (601, &json!(0)));
}

#[test]
fn vc_6_a_key_that_is_needed_is_refused_with_the_count() {
    needed(&Place::with_grants(3));
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn vc_6_a_key_that_is_needed_is_refused_with_the_count_on_postgresql() {
    needed(&Place::on_postgres(3));
}

fn needed(place: &Place) {
    let path = place.path();
    assert!(refusal(path, &["keys", "retire", "1"]).contains("active"));
    json(path, &["keys", "add", "--json"]);
    json(path, &["keys", "activate", "2", "--json"]);
    let words = refusal(path, &["keys", "retire", "1", "--now"]);
    assert!(words.contains("3 grants") && words.contains("1 waiting"), "{words}");
    assert!(refusal(path, &["keys", "remove", "1"]).contains("not retired"));
    assert!(refusal(path, &["keys", "activate", "9"]).contains("no data key 9"));
    json(path, &["keys", "rewrap", "--json"]);
    assert!(refusal(path, &["keys", "remove", "2"]).contains("not retired"));
    for wrong in
        [&["keys", "activate"][..], &["keys", "activate", "k2"], &["keys", "retire", "--kek"]]
    {
        assert_eq!(standin(path, wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn vc_6_a_new_key_file_key_takes_over_and_the_old_file_opens_nothing() {
    new_key_file_key(&Place::with_grants(3));
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn vc_6_a_new_key_file_key_takes_over_and_the_old_file_opens_nothing_on_postgresql() {
    new_key_file_key(&Place::on_postgres(3));
}

fn new_key_file_key(place: &Place) {
    let path = place.path();
    let keys = path.join("keys.toml");
    let old = fs::read(&keys).unwrap();
    let (_service, address) = serve(path);
    assert_eq!(json(path, &["keys", "add", "--kek", "--json"]), json!({ "id": null, "kek": "k2" }));
    json(path, &["keys", "activate", "--kek", "k2", "--json"]);
    assert!(refusal(path, &["keys", "remove", "--kek", "k1"]).contains("wraps 1 data keys"));
    assert_eq!(json(path, &["keys", "rewrap", "--json"])["data_keys"], 1);
    json(path, &["keys", "remove", "--kek", "k1", "--json"]);
    assert!(refusal(path, &["keys", "remove", "--kek", "k2"]).contains("active"));

    // The service was started with the old file; what is sealed under a data key of the new one it opens.
    json(path, &["keys", "add", "--json"]);
    json(path, &["keys", "activate", "2", "--json"]);
    json(path, &["keys", "rewrap", "--json"]);
    for number in 1..=3 {
        assert_eq!(vend(&address, &place.client_key, number), Ok(()));
    }
    let listed = json(path, &["keys", "list", "--json"]);
    let wanted = json!([{ "id": "k2", "state": "active", "wraps": 2 }]);
    assert_eq!(listed["key_encryption_keys"], wanted);

    fs::write(&keys, old).unwrap();
    let before = dump(place);
    assert!(refusal(path, &["serve"]).contains("restore the key file"));
    assert!(refusal(path, &["keys", "rewrap"]).contains("restore the key file"));
    assert!(refusal(path, &["keys", "add"]).contains("restore the key file"));
    assert_eq!(dump(place), before, "vc_7: nothing is written");
}

/// What was done to keys.
fn on_record(place: &Place) -> Vec<String> {
    let events = place.runtime.block_on(place.store.events(0, 100_000)).unwrap();
    let changed = events.into_iter().filter(|stored| stored.event.kind == EventKind::KeysChanged);
    changed.filter_map(|stored| stored.event.detail).collect()
}

fn dump(place: &Place) -> String {
    let read = async {
        let (keys, grants) = (place.store.data_keys().await, place.store.grants(None, 100).await);
        format!(
            "{keys:?} {:?}",
            grants.map(|grants| grants.iter().map(|g| g.version).collect::<Vec<_>>())
        )
    };
    place.runtime.block_on(read)
}
