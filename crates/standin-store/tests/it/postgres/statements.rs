//! What no statement may say, so that it means the same behind a pooler, after a failover and on a server that is
//! spread over several machines. Needs no server.

use std::fs;
use std::path::{Path, PathBuf};

/// The word, and what is wrong with it.
const FORBIDDEN: [(&str, &str); 20] = [
    ("advisory_lock", "belongs to a session, and silently does nothing on CockroachDB"),
    ("autoincrement", "is SQLite's"),
    ("clock_timestamp(", "differs within a statement; now() does not"),
    ("create sequence", "numbers appear in another order than they were drawn"),
    ("create trigger", "hides a write"),
    ("declare ", "a cursor belongs to a session"),
    ("discard ", "is for sessions"),
    ("gen_random_uuid(", "differs within a statement"),
    ("generated ", "is a sequence"),
    ("listen ", "belongs to a session"),
    ("nextval(", "numbers appear in another order than they were drawn"),
    ("notify ", "takes a lock that all commits wait for"),
    ("on delete ", "refers to another table"),
    ("prepare ", "belongs to a session"),
    ("random()", "differs within a statement"),
    ("references ", "refers to another table, which may be elsewhere"),
    ("serial", "is a sequence"),
    ("temp table", "belongs to a session"),
    ("timestamptz", "instants are milliseconds"),
    ("unlogged", "is empty after a crash"),
];

/// What only PostgreSQL has, and the one file that asks for it, knowing what to do where it is refused.
const OF_POSTGRES: [(&str, &str); 13] = [
    ("lock table", "data_keys.rs"),
    ("pg_backend_pid", "schema.rs"),
    ("pg_blocking_pids", "schema.rs"),
    ("pg_control_system", "failovers.rs"),
    ("pg_current_snapshot", "cluster.rs"),
    ("pg_current_snapshot", "spread.rs"),
    ("pg_current_wal_lsn", "failovers.rs"),
    ("pg_current_xact_id", "cluster.rs"),
    ("pg_snapshot_xmin", "cluster.rs"),
    ("pg_snapshot_xmin", "spread.rs"),
    ("pg_stat_activity", "schema.rs"),
    ("pg_stat_replication", "inspect.rs"),
    ("pg_walfile_name", "failovers.rs"),
];

fn crate_file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Also those of directories in it.
fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|is| is == extension) {
            found.push(path);
        }
    }
    found
}

/// Every statement of the module and its migrations, in lower case and in one line, with where it stands.
fn statements() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in files(&crate_file("src/postgres"), "rs") {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        if name != "testing.rs" && name != "patroni.rs" {
            let code = text.split("#[cfg(test)]").next().unwrap();
            found.extend(literals(code).into_iter().map(|literal| (name.clone(), literal)));
        }
    }
    for path in files(&crate_file("migrations/postgres"), "sql") {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().map(|line| line.split("--").next().unwrap());
        let code = lines.collect::<Vec<_>>().join(" ");
        found.extend(code.split(';').map(|statement| (name.clone(), statement.to_owned())));
    }
    let one_line =
        |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    found.into_iter().map(|(name, text)| (name, one_line(text))).collect()
}

/// The string literals that stand in the code, each taken as far as its closing quote.
fn literals(code: &str) -> Vec<String> {
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ").replace("\\\"", "'");
    code.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn no_statement_needs_a_session_or_one_machine() {
    let statements = statements();
    assert!(statements.len() > 100, "the statements are not found any more");
    for (file, statement) in &statements {
        for (word, why) in FORBIDDEN {
            assert!(!statement.contains(word), "{file}: `{word}` {why}: {statement}");
        }
    }
}

/// The words of a statement that begin so, each as far as it is a name.
fn names<'s>(statement: &'s str, begin: &'s str) -> impl Iterator<Item = &'s str> {
    statement.match_indices(begin).map(move |(at, _)| {
        let name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ' ';
        statement[at..].split(|letter| !name(letter)).next().unwrap_or_default()
    })
}

/// Somebody who adds one more has to say what becomes of it elsewhere.
#[test]
fn what_only_postgresql_has_is_asked_where_it_may_be_refused_and_nowhere_else() {
    for (file, statement) in statements() {
        for name in names(&statement, "pg_").chain(names(&statement, "lock table")) {
            let is_known =
                OF_POSTGRES.iter().any(|(known, place)| name.starts_with(known) && file == *place);
            assert!(is_known || file == "refusal.rs", "{file}: {name}");
        }
    }
}

#[test]
fn whatever_is_set_is_set_for_one_transaction() {
    for (file, statement) in statements() {
        for part in statement.split(';').map(str::trim) {
            let is_for_a_session = part.starts_with("set ") && !part.starts_with("set local ");
            assert!(!is_for_a_session, "{file}: {part}");
        }
    }
}
