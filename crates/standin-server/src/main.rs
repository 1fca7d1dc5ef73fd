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

    #[test]
    fn ls_1_a_panic_tells_what_was_written_into_the_program_and_no_value() {
        let token = String::from("canary-token");
        assert_eq!(text_of(|| panic!("the plain words")), "the plain words");
        let told = text_of(move || panic!("a token: {token}"));
        assert!(!told.contains("canary") && told.contains("left out"), "{told}");
    }
}
