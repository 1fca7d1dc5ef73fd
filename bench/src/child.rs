//! The programs that are measured, as children of this one; each is ended when its handle is dropped.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::report::{Row, median};
use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(20);
const SETTLES: Duration = Duration::from_mins(1);
/// Where whatever is measured runs.
const FIRST: &str = "0";

/// A running program that has said it is ready.
pub(crate) struct Running {
    child: Child,
    /// What it said.
    pub(crate) ready: Value,
    /// How long that took, in milliseconds.
    pub(crate) took: f64,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Starts a program on the first core, where `taskset` is installed, and waits for its line of JSON.
    pub(crate) fn start(program: &Path, arguments: &[&str]) -> Result<Self> {
        Self::start_with(program, arguments, &[])
    }

    /// The same, with these variables in its environment.
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
    pub(crate) fn start_with(
        program: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        let mut command = pinned(program, FIRST);
        command.args(arguments).envs(environment.iter().copied());
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let start = Instant::now();
        let mut child = command.spawn().with_context(|| format!("{}", program.display()))?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("stdout")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let took = start.elapsed().as_secs_f64() * 1000.0;
        let ready = serde_json::from_str(&line).context("it did not say that it is ready")?;
        Ok(Self { child, ready, took })
    }

    /// Starts a program that says nothing of use, and waits until `address` takes a connection.
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
    pub(crate) fn start_silent(
        program: &Path,
        arguments: &[&str],
        address: SocketAddr,
    ) -> Result<Self> {
        let mut command = pinned(program, FIRST);
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        let start = Instant::now();
        let mut running = Self { child: command.spawn()?, ready: Value::Null, took: f64::INFINITY };
        while start.elapsed() < PATIENCE {
            if TcpStream::connect(address).is_ok() {
                running.took = start.elapsed().as_secs_f64() * 1000.0;
                return Ok(running);
            }
            anyhow::ensure!(running.child.try_wait()?.is_none(), "{} ended", program.display());
            std::thread::sleep(Duration::from_millis(1));
        }
        anyhow::bail!("{} does not listen on {address}", program.display())
    }

    /// Processor time so far, in milliseconds. Linux only.
    pub(crate) fn cpu_ms(&self) -> Result<f64> {
        cpu_ms(self.child.id())
    }

    /// Resident memory, in MiB. Linux only.
    pub(crate) fn resident_mib(&self) -> Result<f64> {
        self.status_mib("VmRSS:")
    }

    /// What of it is its own, and no page of a file, which the system takes back when it likes. Linux only.
    pub(crate) fn own_mib(&self) -> Result<f64> {
        self.status_mib("RssAnon:")
    }

    fn status_mib(&self, name: &'static str) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).context(name)?;
        let kib: f64 = line.split_whitespace().next().context(name)?.parse()?;
        Ok(kib / 1024.0)
    }

    /// Waits until it does nothing any more: what it counts at its start it has counted.
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
    pub(crate) fn settles(&self) -> Result<()> {
        let start = Instant::now();
        let mut before = f64::NEG_INFINITY;
        loop {
            let now = self.cpu_ms()?;
            if now - before < 20.0 || start.elapsed() > SETTLES {
                return Ok(());
            }
            before = now;
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

/// Processor time of a process so far, in milliseconds. Linux only.
pub(crate) fn cpu_ms(process: u32) -> Result<f64> {
    /// `USER_HZ`, which is the same on every Linux.
    const TICK_MS: f64 = 10.0;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name of the program, in parentheses, may hold anything; behind it, user and system time are the
    // twelfth and the thirteenth.
    let (_, rest) = stat.rsplit_once(')').context("the program's name")?;
    let ticks = rest.split_whitespace().skip(11).take(2);
    let ticks = ticks.map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks * TICK_MS)
}

/// On one core, where `taskset` is installed.
pub(crate) fn pinned(program: &Path, core: &str) -> Command {
    let has_taskset = Command::new("taskset").arg("-V").output().is_ok();
    if !has_taskset {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(program);
    command
}

/// From starting the process to its ready line, on a database that is there already; and what it takes
/// when nobody asks it anything.
pub(crate) async fn start_and_memory(binary: &Path) -> Result<Vec<Row>> {
    let world = World::new().await?;
    let (mut times, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..7 {
        let running = world.serve(binary)?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        times.push(running.took);
        memory.push(running.resident_mib()?);
    }
    let (time, memory) = (median(times), median(memory));
    Ok(vec![
        figure("start to ready, SQLite", time, "ms", "≤ 50 ms", time <= 50.0),
        figure("idle memory, resident", memory, "MiB", "≤ 20 MiB", memory <= 20.0),
    ])
}

pub(crate) fn figure(
    work: &str,
    value: f64,
    unit: &str,
    goal: &'static str,
    is_reached: bool,
) -> Row {
    Row {
        work: work.to_owned(),
        ours: format!("{value:.1} {unit}"),
        beside: "–".to_owned(),
        result: format!("{value:.1} {unit}"),
        goal,
        is_reached,
    }
}
