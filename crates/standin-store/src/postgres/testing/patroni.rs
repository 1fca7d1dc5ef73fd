//! Three PostgreSQL servers that Patroni keeps, and etcd, which says who leads: from the binaries of this machine.
//!
//! ```text
//! Patroni::start ─▶ etcd ─┬▶ patroni ─▶ primary ──┬─ kill -9 ─▶ nobody renews the leader's key in etcd ─▶ another leads
//!                         ├▶ patroni ─▶ standby ◀─┤
//!                         └▶ patroni ─▶ standby ◀─┘
//! ```
//!
//! Whoever leads is found by the URL, which names all three: the store takes the one that takes writes. Times are as
//! short as they work on a slow machine, so that a test sees a failover in seconds. A watchdog ends whatever is left
//! when the test is gone.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::{
    PASSWORD, PASSWORD_IN_URL, PATIENT, Server, USER, as_whom, binaries, free_port, wrapper,
};

const MEMBERS: usize = 3;

/// Ends what is left of a cluster when nobody holds `users` any more, which it looks for every three seconds.
const WATCHDOG: &str = r#"
cd / && exec 9>"$1/users" && while ! flock --nonblock 9; do sleep 3; done
for file in "$1"/*.pid "$1"/data*/postmaster.pid; do
    [ -f "$file" ] && kill -9 "$(head -n 1 "$file")"
done
rm -rf "$1"
"#;

/// What a commit waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replication {
    /// For a standby: whoever leads next has it.
    Synchronous,
    /// For nobody: whoever leads next may not have it.
    Asynchronous,
}

/// A cluster that is running.
#[derive(Debug)]
pub struct Patroni {
    directory: PathBuf,
    replication: Replication,
    etcd: Option<Child>,
    members: Vec<Member>,
    /// Held, so that the watchdog waits.
    _users: File,
}

#[derive(Debug)]
struct Member {
    name: String,
    port: u16,
    api: u16,
    child: Option<Child>,
}

impl Patroni {
    /// Three members, when one leads and each of the others follows.
    pub fn start(replication: Replication) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("standin-patroni-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir(&directory).expect("a directory");
        let users = File::create(directory.join("users")).expect("a file for the users");
        users.lock_shared().expect("a shared lock");
        Server::give(&directory);
        let member = |number| Member {
            name: format!("member{number}"),
            port: free_port(),
            api: free_port(),
            child: None,
        };
        let members = (0..MEMBERS).map(member).collect();
        let mut cluster = Self { directory, replication, etcd: None, members, _users: users };
        cluster.watch();
        let etcd = cluster.start_etcd();
        for number in 0..MEMBERS {
            cluster.configure(number, etcd);
            cluster.revive(number);
        }
        cluster.until("the cluster is complete", |members| {
            let follow = members.iter().filter(|member| member.follows).count();
            members.iter().any(|member| member.leads) && follow == MEMBERS - 1
        });
        cluster.until_safe();
        cluster
    }

    /// The URL of its database, whoever leads.
    pub fn url(&self) -> String {
        let hosts = self.members.iter().map(|member| format!("127.0.0.1:{}", member.port));
        let hosts = hosts.collect::<Vec<_>>().join(",");
        format!("postgres://{USER}:{PASSWORD_IN_URL}@{hosts}/postgres?sslmode=disable&{PATIENT}")
    }

    /// Who leads; waits until somebody does.
    pub fn leader(&self) -> usize {
        let mut leader = None;
        self.until("somebody leads", |members| {
            leader = members.iter().position(|member| member.leads);
            leader.is_some()
        });
        leader.unwrap_or_default()
    }

    /// Waits until somebody leads who may be killed: a standby follows and, where commits wait for one, is the one that
    /// they wait for.
    pub fn until_safe(&self) {
        self.until("a standby follows", |members| {
            let is_synchronous = self.replication == Replication::Synchronous;
            let is_enough =
                |member: &Seen| member.follows && (member.is_waited_for || !is_synchronous);
            members.iter().any(|member| member.leads) && members.iter().any(is_enough)
        });
    }

    /// Kills the server of a member, all of its processes, and the Patroni beside it.
    pub fn kill(&mut self, number: usize) {
        if let Some(mut child) = self.members[number].child.take() {
            drop(child.kill());
            drop(child.wait());
        }
        let postmaster = self.postmaster(number);
        // Whoever has stopped makes no more children.
        signal("-STOP", &[postmaster]);
        let mut processes = children_of(postmaster);
        processes.push(postmaster);
        signal("-KILL", &processes);
    }

    /// Makes a member that was killed come back.
    pub fn revive(&mut self, number: usize) {
        let configuration = self.directory.join(format!("{}.yml", self.members[number].name));
        let name = self.members[number].name.clone();
        let child = self.spawn(&name, Path::new("/usr/bin/patroni"), &[&configuration]);
        self.members[number].child = Some(child);
    }

    /// Whoever leads sends its standbys nothing any more: what is committed now, they will not have.
    pub fn hold_back_the_standbys(&self) {
        let senders = children_of(self.postmaster(self.leader())).into_iter().filter(|process| {
            let words = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&words).contains("walsender")
        });
        let senders: Vec<_> = senders.collect();
        assert_eq!(senders.len(), MEMBERS - 1, "not every standby is sent to");
        signal("-STOP", &senders);
    }

    fn postmaster(&self, number: usize) -> u32 {
        let file = self.data(number).join("postmaster.pid");
        let text = fs::read_to_string(file).expect("the postmaster's file");
        text.lines().next().and_then(|line| line.parse().ok()).expect("its number")
    }

    fn data(&self, number: usize) -> PathBuf {
        self.directory.join(format!("data{number}"))
    }

    #[expect(clippy::zombie_processes, reason = "it outlives this process, to see it go")]
    fn watch(&self) {
        let mut command = Command::new("setsid");
        command.args(["sh", "-c", WATCHDOG, "watchdog"]).arg(&self.directory);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("a watchdog");
    }

    /// The port where it answers.
    fn start_etcd(&mut self) -> u16 {
        let (clients, peers) = (free_port(), free_port());
        let url = |port| format!("http://127.0.0.1:{port}");
        let data = self.directory.join("etcd");
        let arguments = [
            format!("--data-dir={}", data.display()),
            format!("--listen-client-urls={}", url(clients)),
            format!("--advertise-client-urls={}", url(clients)),
            format!("--listen-peer-urls={}", url(peers)),
            format!("--initial-advertise-peer-urls={}", url(peers)),
            format!("--initial-cluster=default={}", url(peers)),
        ];
        let arguments = arguments.each_ref().map(Path::new);
        self.etcd = Some(self.spawn("etcd", Path::new("/usr/bin/etcd"), &arguments));
        clients
    }

    fn configure(&self, number: usize, etcd: u16) {
        let Member { name, port, api, .. } = &self.members[number];
        let (directory, data) = (self.directory.display(), self.data(number).display().to_string());
        let synchronous = self.replication == Replication::Synchronous;
        let text = format!(
            "scope: standin\nname: {name}\n\
             restapi: {{listen: 127.0.0.1:{api}, connect_address: 127.0.0.1:{api}}}\n\
             etcd3: {{host: 127.0.0.1:{etcd}}}\n\
             bootstrap:\n  dcs:\n    ttl: 6\n    loop_wait: 1\n    retry_timeout: 2\n    \
             synchronous_mode: {synchronous}\n    postgresql:\n      use_pg_rewind: true\n      \
             parameters: {{max_connections: 200, shared_buffers: 32MB}}\n  \
             initdb: [encoding: UTF8, locale: C, no-sync]\n  \
             pg_hba:\n  - host all all 127.0.0.1/32 scram-sha-256\n  \
             - host replication all 127.0.0.1/32 scram-sha-256\n\
             postgresql:\n  listen: 127.0.0.1:{port}\n  connect_address: 127.0.0.1:{port}\n  \
             data_dir: {data}\n  bin_dir: {}\n  pgpass: {directory}/pgpass{number}\n  \
             authentication:\n    superuser: {{username: {USER}, password: {PASSWORD}}}\n    \
             replication: {{username: replicator, password: {PASSWORD}}}\n  \
             parameters: {{unix_socket_directories: {directory}}}\n",
            binaries().display()
        );
        let path = self.directory.join(format!("{name}.yml"));
        fs::write(&path, text).expect("a file");
        Server::give(&path);
    }

    /// Its output is in `NAME.log`, its process in `NAME.pid`.
    fn spawn(&self, name: &str, program: &Path, arguments: &[&Path]) -> Child {
        let mut command = match as_whom() {
            Some(user) => {
                let mut command = Command::new(wrapper(&self.directory, user));
                command.arg(program);
                command
            }
            None => Command::new(program),
        };
        let log = || {
            let log = self.directory.join(format!("{name}.log"));
            fs::OpenOptions::new().create(true).append(true).open(log).expect("a file")
        };
        command.args(arguments).current_dir("/").stdin(Stdio::null()).stdout(log()).stderr(log());
        let child =
            command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let file = self.directory.join(format!("{name}.pid"));
        fs::write(file, child.id().to_string()).expect("a file");
        child
    }

    fn until(&self, what: &str, mut is_so: impl FnMut(&[Seen]) -> bool) {
        for _ in 0..600 {
            if is_so(&self.seen()) {
                return;
            }
            sleep(Duration::from_millis(200));
        }
        let logs = self.members.iter().map(|member| {
            let log = self.directory.join(format!("{}.log", member.name));
            let log = fs::read_to_string(log).unwrap_or_default();
            log.lines().rev().take(5).collect::<Vec<_>>().join("\n")
        });
        panic!(
            "it has not happened in two minutes that {what}: {}",
            logs.collect::<Vec<_>>().join("\n")
        );
    }

    /// The members, as the first of them that answers sees them.
    fn seen(&self) -> Vec<Seen> {
        let mut alive = self.members.iter().filter(|member| member.child.is_some());
        let answer = alive.find_map(|member| cluster_of(member.api));
        let listed = answer.as_ref().and_then(|answer| answer["members"].as_array());
        let of = |member: &Member| {
            let mut listed = listed.into_iter().flatten();
            let found = listed.find(|found| found["name"] == member.name.as_str());
            Seen::of(found.filter(|_| member.child.is_some()).unwrap_or(&Value::Null))
        };
        self.members.iter().map(of).collect()
    }
}

impl Drop for Patroni {
    fn drop(&mut self) {
        let children = self.members.iter_mut().filter_map(|member| member.child.take());
        for mut child in children.chain(self.etcd.take()) {
            // The servers go with the watchdog.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// A member, as another sees it.
#[derive(Debug)]
struct Seen {
    leads: bool,
    follows: bool,
    is_waited_for: bool,
}

impl Seen {
    fn of(member: &Value) -> Self {
        let role = member["role"].as_str().unwrap_or_default();
        let runs = ["running", "streaming"].contains(&member["state"].as_str().unwrap_or_default());
        Self {
            leads: runs && role == "leader",
            follows: runs && ["replica", "sync_standby"].contains(&role),
            is_waited_for: role == "sync_standby",
        }
    }
}

fn cluster_of(api: u16) -> Option<Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", api)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(b"GET /cluster HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}

fn signal(name: &str, processes: &[u32]) {
    let processes = processes.iter().map(ToString::to_string);
    let mut kill = Command::new("kill");
    // One of them may have gone by itself.
    kill.arg(name).args(processes).stderr(Stdio::null()).status().expect("kill");
}

fn children_of(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_child = |process: &u32| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // After the name, which is in brackets: the state, and the parent.
        let rest = stat.rsplit(')').next().unwrap_or_default();
        rest.split_whitespace().nth(1).and_then(|word| word.parse().ok()) == Some(parent)
    };
    processes.filter(is_child).collect()
}
