//! PostgreSQL servers for tests: started from the binaries of this machine, real in every respect, gone afterwards.
//!
//! ```text
//! a test ─▶ Database::fresh ─▶ the server of this test run, started by the first who asks ─▶ CREATE DATABASE
//! ```
//!
//! Tests run in many processes, so the server belongs to the run and not to one of them: each holds a lock on a file
//! while it lives, and a watchdog stops the server when nobody does, also when tests were killed. A server refuses to
//! run as root and so runs as `postgres` or `nobody` there.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::panic,
    reason = "these are the means of tests: to panic is how they say that they do not work"
)]

mod patroni;

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

pub use patroni::{Patroni, Replication};

const USER: &str = "standin";
const PASSWORD: &str = "correct horse";
/// How it stands in a URL.
pub const PASSWORD_IN_URL: &str = "correct%20horse";
/// A machine that runs many tests at once is slow, and a law is not about time.
const PATIENT: &str = "pool_timeout=60";

/// Stops everything when nobody holds `users` any more, which it looks for every three seconds. The directory is moved
/// away before it is emptied: whoever comes meanwhile finds none, and makes another.
const WATCHDOG: &str = r#"
cd / && while sleep 3 && [ -d "$1" ]; do
    (
        exec 8>"$1/lock" 9>"$1/users" && flock 8 && flock --nonblock 9 || exit
        "$3" "$2/pg_ctl" stop -D "$1/data" -m immediate -s
        [ -f "$1/pgbouncer.pid" ] && kill "$(cat "$1/pgbouncer.pid")"
        mv "$1" "$1.gone" && rm -rf "$1.gone"
    )
done
"#;

/// A server that is running.
#[derive(Debug)]
pub struct Server {
    directory: PathBuf,
    port: u16,
    /// Held, so that the watchdog waits.
    _users: File,
}

impl Server {
    /// The server of this test run.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| {
            Self::at(std::env::temp_dir().join(format!("standin-pg-{}", run())), &[])
        })
    }

    /// One of one's own, to be stopped, started and configured at will.
    pub fn private(settings: &[(&str, &str)]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("standin-pg-{}-{number}", std::process::id());
        Self::at(std::env::temp_dir().join(name), settings)
    }

    /// The server in this directory, made and started if it is not there.
    fn at(directory: PathBuf, settings: &[(&str, &str)]) -> Self {
        let lock = locked(&directory);
        let users = File::create(directory.join("users")).expect("a file for the users");
        users.lock_shared().expect("a shared lock");
        if let Ok(port) = fs::read_to_string(directory.join("port")) {
            let port = port.parse().expect("a port");
            return Self { directory, port, _users: users };
        }
        let server = Self { directory, port: free_port(), _users: users };
        server.initialize(settings);
        server.watch();
        server.start();
        fs::write(server.directory.join("port"), server.port.to_string()).expect("a file");
        drop(lock);
        server
    }

    fn initialize(&self, settings: &[(&str, &str)]) {
        let password = self.directory.join("password");
        fs::write(&password, PASSWORD).expect("a file");
        Self::give(&self.directory);
        self.run("initdb", |command| {
            let user = format!("--username={USER}");
            let encoding = ["--encoding=UTF8", "--locale=C", "--no-sync", "--auth=scram-sha-256"];
            command
                .arg("-D")
                .arg(self.data())
                .arg("--pwfile")
                .arg(&password)
                .arg(user)
                .args(encoding)
        });
        let mut file = fs::OpenOptions::new()
            .append(true)
            .open(self.data().join("postgresql.conf"))
            .expect("the configuration");
        let port = self.port.to_string();
        let sockets = self.directory.display().to_string();
        let ours = [
            ("listen_addresses", "127.0.0.1"),
            ("port", &port),
            ("unix_socket_directories", &sockets),
            ("max_connections", "200"),
            ("shared_buffers", "32MB"),
        ];
        for (key, value) in ours.iter().chain(settings) {
            writeln!(file, "{key} = '{value}'").expect("a setting");
        }
    }

    /// Starts it, and waits until it answers.
    pub fn start(&self) {
        self.pg_ctl(&["start", "-w", "-s", "-l"], Some(&self.directory.join("log")));
    }

    /// Stops it as a power failure does.
    pub fn stop(&self) {
        self.pg_ctl(&["stop", "-m", "immediate", "-s"], None);
    }

    /// Makes it read its configuration again.
    pub fn reload(&self) {
        self.pg_ctl(&["reload", "-s"], None);
    }

    fn pg_ctl(&self, arguments: &[&str], log: Option<&Path>) {
        self.run("pg_ctl", |command| command.args(arguments).args(log).arg("-D").arg(self.data()));
    }

    #[expect(clippy::zombie_processes, reason = "it outlives this process, to see it go")]
    fn watch(&self) {
        let mut command = Command::new("setsid");
        command.args(["sh", "-c", WATCHDOG, "watchdog"]).arg(&self.directory).arg(binaries());
        let runner = as_whom().map_or("env".to_owned(), |user| wrapper(&self.directory, user));
        command.arg(runner).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("a watchdog");
    }

    /// Where it keeps its files.
    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// A file beside them that the server may read and nobody else.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permissions");
        Self::give(&path);
        path
    }

    /// The URL of a database, over the socket.
    pub fn url(&self, database: &str) -> String {
        let socket = self.directory.display().to_string().replace('/', "%2F");
        format!("postgres://{USER}:{PASSWORD_IN_URL}@{socket}:{}/{database}?{PATIENT}", self.port)
    }

    /// The URL of a database, over the network of this machine; parameters such as `sslmode` are the caller's.
    pub fn tcp_url(&self, database: &str) -> String {
        format!("postgres://{USER}:{PASSWORD_IN_URL}@127.0.0.1:{}/{database}", self.port)
    }

    /// The URL of a database through PgBouncer in transaction mode, which is started by the first who asks.
    pub fn pooled_url(&self, database: &str) -> String {
        let port = self.pooler();
        format!(
            "postgres://{USER}:{PASSWORD_IN_URL}@127.0.0.1:{port}/{database}?sslmode=disable&{PATIENT}"
        )
    }

    fn pooler(&self) -> u16 {
        let _lock = locked(&self.directory);
        let known = self.directory.join("pgbouncer.port");
        if let Ok(port) = fs::read_to_string(&known) {
            return port.parse().expect("a port");
        }
        let port = free_port();
        self.start_pooler(port);
        fs::write(known, port.to_string()).expect("a file");
        port
    }

    fn start_pooler(&self, port: u16) {
        let directory = self.directory.display();
        self.file("pgbouncer.users", &format!("\"{USER}\" \"{PASSWORD}\"\n"));
        let configuration = format!(
            "[databases]\n* = host={directory} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\n\
             auth_file = {directory}/pgbouncer.users\npool_mode = transaction\ndefault_pool_size = 4\n\
             max_client_conn = 500\npidfile = {directory}/pgbouncer.pid\nlogfile = {directory}/pgbouncer.log\n",
            self.port
        );
        let configuration = self.file("pgbouncer.ini", &configuration);
        self.run_at(Path::new("/usr/sbin/pgbouncer"), |command| {
            command.arg("-d").arg(&configuration)
        });
        // It goes into the background before it has begun.
        let pid = self.directory.join("pgbouncer.pid");
        while !pid.exists() || TcpStream::connect(("127.0.0.1", port)).is_err() {
            sleep(Duration::from_millis(20));
        }
    }

    /// Sends a signal to the PgBouncer of a server of one's own: `-STOP`, say.
    pub fn signal_pooler(&self, name: &str) {
        let pid = fs::read_to_string(self.directory.join("pgbouncer.pid")).expect("its file");
        let sent = Command::new("kill").args([name, pid.trim()]).status();
        assert!(sent.is_ok_and(|sent| sent.success()), "kill {name}");
    }

    /// Kills it and starts it again: whoever was connected is not any more.
    pub fn restart_pooler(&self) {
        let port = self.pooler();
        self.signal_pooler("-KILL");
        fs::remove_file(self.directory.join("pgbouncer.pid")).expect("its file");
        self.start_pooler(port);
    }

    /// What `pg_dump` writes of a database.
    pub fn dump(&self, database: &str) -> Vec<u8> {
        let mut command = Command::new(binaries().join("pg_dump"));
        command.arg("-h").arg(&self.directory).args(["-U", USER, "-d", database]);
        command.arg("-p").arg(self.port.to_string()).env("PGPASSWORD", PASSWORD);
        let output = command.stdin(Stdio::null()).output().expect("pg_dump");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Runs statements, each in a transaction of its own. What `psql` prints, without decoration.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let arguments = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql];
        let mut command = Command::new(binaries().join("psql"));
        command.args(arguments).arg("-h").arg(&self.directory).args(["-U", USER, "-d", database]);
        command.arg("-p").arg(self.port.to_string()).env("PGPASSWORD", PASSWORD);
        let output = command.stdin(Stdio::null()).output().expect("psql");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sql}: {words}");
        String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
    }

    fn run(&self, program: &str, arguments: impl Fn(&mut Command) -> &mut Command) {
        self.run_at(&binaries().join(program), arguments);
    }

    fn run_at(&self, program: &Path, arguments: impl Fn(&mut Command) -> &mut Command) {
        let mut command = match as_whom() {
            Some(user) => {
                let mut command = Command::new(wrapper(&self.directory, user));
                command.arg(program);
                command
            }
            None => Command::new(program),
        };
        let output = self.directory.join("output");
        let file = || File::create(&output).expect("a file");
        // Files and not pipes: the server keeps them, and whoever waits for the end of a pipe waits for its end.
        arguments(&mut command).current_dir("/").stdin(Stdio::null()).stdout(file()).stderr(file());
        let status = command.status().expect("a program that starts");
        let words = || fs::read_to_string(&output).unwrap_or_default();
        assert!(status.success(), "{}: {status}: {}", program.display(), words());
    }

    /// The server's user may use what is at `path`.
    fn give(path: &Path) {
        if let Some(user) = as_whom() {
            let status = Command::new("chown").arg("-R").arg(user).arg(path).status();
            assert!(status.is_ok_and(|status| status.success()), "chown {user}");
        }
    }
}

/// A database of one's own on the server of this test run. It goes when this does.
#[derive(Debug)]
pub struct Database {
    name: String,
    server: &'static Server,
}

impl Database {
    /// An empty one.
    pub fn fresh() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = Server::shared();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        server.psql("postgres", &format!("CREATE DATABASE {name}"));
        Self { name, server }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// Where its server listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.server.port).into()
    }

    /// Its URL for whoever reaches the server at another address.
    pub fn url_at(&self, address: SocketAddr) -> String {
        format!("postgres://{USER}:{PASSWORD_IN_URL}@{address}/{}?{PATIENT}", self.name)
    }

    /// Its URL through PgBouncer.
    pub fn pooled_url(&self) -> String {
        self.server.pooled_url(&self.name)
    }

    /// What `pg_dump` makes of it, for `pg_restore`: as `docs/backup.md` tells operators.
    pub fn dump(&self, to: &Path) {
        self.tool("pg_dump", |command| {
            command.args(["--format=custom", "--no-owner"]).arg("--file").arg(to).arg(&self.name)
        });
    }

    /// A fresh one, made of what [`Database::dump`] has written.
    pub fn restored(from: &Path) -> Self {
        let database = Self::fresh();
        database.tool("pg_restore", |command| {
            let whole = ["--no-owner", "--exit-on-error", "--single-transaction", "--dbname"];
            command.args(whole).arg(&database.name).arg(from)
        });
        database
    }

    fn tool(&self, program: &str, arguments: impl Fn(&mut Command) -> &mut Command) {
        let mut command = Command::new(binaries().join(program));
        let server = self.server;
        command.arg("-h").arg(&server.directory).args(["-U", USER, "-p", &server.port.to_string()]);
        arguments(&mut command).env("PGPASSWORD", PASSWORD).stdin(Stdio::null());
        let output = command.output().expect("a program that starts");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {words}");
    }

    /// From the next connection on this function stands before the server's own of its name. Both are PL/pgSQL:
    /// `version() RETURNS text` and `RETURN 'another'`.
    pub fn instead(&self, function: &str, body: &str) {
        self.psql(&format!(
            "CREATE FUNCTION public.{function} LANGUAGE plpgsql AS $$ BEGIN {body}; END $$; \
             ALTER DATABASE {} SET search_path = public, pg_catalog",
            self.name
        ));
    }

    /// As on a server whose transactions have no numbers that are to be believed.
    #[must_use]
    pub fn without_numbers(self) -> Self {
        let unknown = "RAISE 'no such function' USING ERRCODE = 'undefined_function'";
        self.instead("pg_current_snapshot() RETURNS pg_snapshot", unknown);
        self.instead("pg_current_xact_id() RETURNS xid8", unknown);
        self
    }

    /// Runs statements behind everybody's back.
    pub fn psql(&self, sql: &str) -> String {
        self.server.psql(&self.name, sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.server.psql("postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }
}

/// What the processes of one test run have in common.
#[expect(clippy::disallowed_methods, reason = "the test runner says it in the environment")]
fn run() -> String {
    std::env::var("NEXTEST_RUN_ID").unwrap_or_else(|_| std::process::id().to_string())
}

/// The lock of a directory, which is made if it is not there.
fn locked(directory: &Path) -> File {
    loop {
        fs::create_dir_all(directory).expect("a directory");
        let path = directory.join("lock");
        let file = File::create(&path).expect("a file for the lock");
        file.lock().expect("a lock");
        // The watchdog may have removed it while we waited.
        let is_there = fs::metadata(&path).map(|found| found.ino());
        if is_there.is_ok_and(|found| file.metadata().is_ok_and(|ours| ours.ino() == found)) {
            return file;
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a socket");
    listener.local_addr().expect("its address").port()
}

/// Where `initdb` and the others are: the newest version.
fn binaries() -> &'static Path {
    let found = found_binaries();
    found.unwrap_or_else(|| panic!("there is no PostgreSQL server: apt-get install postgresql"))
}

/// Whether this machine has a server to start.
pub fn is_installed() -> bool {
    found_binaries().is_some()
}

fn found_binaries() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
            .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
            .unwrap_or_default();
        versions.extend(pg_config());
        versions.retain(|bin| bin.join("initdb").exists());
        versions.sort();
        versions.pop()
    });
    found.as_deref()
}

fn pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

/// Whom the server runs as, if we are root.
fn as_whom() -> Option<&'static str> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let exists = |user: &&str| users.lines().any(|line| line.starts_with(&format!("{user}:")));
    is_root.then(|| ["postgres", "nobody"].into_iter().find(exists)).flatten()
}

/// A script that runs its arguments as that user.
fn wrapper(directory: &Path, user: &str) -> String {
    let path = directory.join("as-user");
    if !path.exists() {
        let script = format!(
            "#!/bin/sh\nexec setpriv --reuid={user} --regid=\"$(id -g {user})\" --clear-groups \"$@\"\n"
        );
        fs::write(&path, script).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
    }
    path.display().to_string()
}
