//! Every target, over its seeds and many mutations of them: the same ones at each run.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod mutate;

use std::fs;
use std::path::{Path, PathBuf};

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use standin_fuzz::TARGETS;

/// How many mutations are tried of each target.
const MUTATIONS: usize = 10_000;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(fuzz().join("seeds").join(target)).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| fs::read(file).unwrap()).collect()
}

fn names_in(folder: &str) -> Vec<String> {
    let files = fs::read_dir(fuzz().join(folder)).unwrap();
    let name = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut names: Vec<_> = files.map(|file| name(file.unwrap().path())).collect();
    names.sort();
    names
}

/// What holds of a seed holds of everything near it. Some seeds must be let in, or nothing would be tried.
fn holds(target: &str) {
    let seeds = seeds(target);
    let let_in = seeds.iter().filter(|seed| standin_fuzz::run(target, seed)).count();
    assert!(let_in > 0, "no seed of {target} is let in");
    assert!(let_in < seeds.len(), "no seed of {target} is refused");
    let mut runner = TestRunner::deterministic();
    let strategy = mutate::of(seeds);
    for _ in 0..MUTATIONS {
        standin_fuzz::run(target, &strategy.new_tree(&mut runner).unwrap().current());
    }
}

macro_rules! targets {
    ($($name:ident)+) => {
        $(#[test]
        fn $name() {
            holds(stringify!($name));
        })+

        #[test]
        fn every_target_has_its_test_its_seeds_and_its_program() {
            let names = TARGETS.map(|target| target.name);
            assert_eq!(names.as_slice(), [$(stringify!($name)),+]);
            assert_eq!(names_in("seeds"), names);
            assert_eq!(names_in("fuzz_targets"), names);
        }
    };
}

targets! {
    attempt_cookie
    callback_query
    cookie_header
    discovery
    grant_envelope
    id_token
    id_token_claims
    jwks
    logout_token
    return_to
    security_event
    session_cookie
    token_response
}
