//! The binary `standin`: parse, run, exit code; nothing else.

use std::any::Any;
use std::process::ExitCode;

use clap::Parser as _;
use standin_server::cli::{Cli, output};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// More workers than this gain nothing: a request takes microseconds, and each worker costs memory.
const MAX_WORKERS: usize = 4;

fn main() -> ExitCode {
    no_core_dumps();
    as_many_files_as_allowed();
    std::panic::set_hook(Box::new(|panic| {
        let text = without_values(panic.payload());
        let location = panic.location().map(ToString::to_string);
        tracing::error!(location, "panic: {text}");
    }));
    // clap ends the process with 2 when the command line is wrong.
    let cli = Cli::parse();
    if cli.can_wait() {
        in_the_background();
    }
    match standin::fail_point::arm().map_err(anyhow::Error::msg).and_then(|_armed| run(cli)) {
        Ok(code) => code,
        Err(error) => {
            output::complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.min(MAX_WORKERS))
        .enable_all()
        .build()?
        .block_on(cli.run())
}

/// A text that was written into the program holds no secret; one that was put together at run time may.
fn without_values(payload: &dyn Any) -> &'static str {
    let text = payload.downcast_ref::<&'static str>().copied();
    text.unwrap_or("(the text is left out: it may hold values)")
}

/// Each connection is a file, and many systems allow a process a thousand of them until it asks for more.
fn as_many_files_as_allowed() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Nofile).maximum;
        // Where it is not allowed, those at hand must do.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}

/// Threads that are started from now on run where no other has work: whoever wakes up does not wait for the rest of a
/// slice, as it would for a thread that is merely `nice`.
fn in_the_background() {
    #[cfg(target_os = "linux")]
    {
        use thread_priority::{NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy};
        use thread_priority::{set_thread_priority_and_policy, thread_native_id};
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        // Where it is not allowed, the service is slower for as long as this takes.
        let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
    }
}

/// The memory of this process is full of keys and tokens: it must not be written to a disk, nor read by
/// other processes of the same user.
fn no_core_dumps() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, Resource, Rlimit};
        use rustix::process::{set_dumpable_behavior, setrlimit};
        // Where it is not allowed, the service is still worth running.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a panic of this kind would have written.
    fn text_of(panics: impl FnOnce() + std::panic::UnwindSafe) -> &'static str {
        without_values(&*std::panic::catch_unwind(panics).unwrap_err())
    }

    /// The scheduling policy of the thread that asks, as the kernel tells it (`man 5 proc_pid_stat`, field 41).
    #[cfg(target_os = "linux")]
    fn policy() -> u32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, after_name) = stat.rsplit_once(')').unwrap();
        after_name.split_whitespace().nth(38).unwrap().parse().unwrap()
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_can_wait_runs_where_nothing_else_does_with_all_its_threads() {
        const SCHED_OTHER: u32 = 0;
        const SCHED_IDLE: u32 = 5;
        let in_a_thread_of_it = || std::thread::scope(|scope| scope.spawn(policy).join().unwrap());
        let background = std::thread::scope(|scope| {
            let background = scope.spawn(|| {
                in_the_background();
                (policy(), in_a_thread_of_it())
            });
            background.join().unwrap()
        });
        assert_eq!(background, (SCHED_IDLE, SCHED_IDLE));
        assert_eq!(policy(), SCHED_OTHER);
    }

    #[test]
    fn only_a_rewrap_can_wait() {
        let can_wait = |line: &str| Cli::try_parse_from(line.split(' ')).unwrap().can_wait();
        assert!(can_wait("standin keys rewrap --config standin.toml"));
        for line in ["standin serve", "standin keys list", "standin backup --to copy.db"] {
            assert!(!can_wait(line), "{line}");
        }
    }

    #[test]
    fn ls_1_a_panic_tells_what_was_written_into_the_program_and_no_value() {
        let token = String::from("canary-token");
        assert_eq!(text_of(|| panic!("the plain words")), "the plain words");
        let told = text_of(move || panic!("a token: {token}"));
        assert!(!told.contains("canary") && told.contains("left out"), "{told}");
    }
}
