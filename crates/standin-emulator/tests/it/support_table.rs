//! The table of what is emulated, walked: what it says is so, and what is so it says.
//!
//! The sources are read as text. That is enough for names, and finds what no code could list.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use reqwest::{Method, Response, StatusCode};
use standin_emulator::support::{AREAS, How, Row};
use standin_emulator::{Emulator, Seed};

use crate::support::{Google, SIGN_IN};

const METHODS: [Method; 5] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
const SERVICE_ACCOUNT: &str = "robot@project.iam.gserviceaccount.com";

fn rows() -> impl Iterator<Item = &'static Row> {
    AREAS.iter().flat_map(|area| area.rows)
}

fn is_there(row: &Row) -> bool {
    !matches!(row.how, How::Not(_))
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
fn read(path: &str) -> String {
    let path = here().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn sources() -> Vec<(String, String)> {
    fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => collect(&path, found),
                false if path.extension().is_some_and(|extension| extension == "rs") => {
                    found.push(path);
                }
                false => {}
            }
        }
    }
    let mut found = Vec::new();
    collect(&here().join("src"), &mut found);
    let text = |path: PathBuf| {
        let name = path.strip_prefix(here()).unwrap().display().to_string();
        (name, fs::read_to_string(path).unwrap())
    };
    found.into_iter().map(text).collect()
}

/// The lines between one that holds `from` and the next that is `to`.
#[track_caller]
fn block<'a>(text: &'a str, from: &str, to: &str) -> Vec<&'a str> {
    let mut lines = text.lines();
    assert!(lines.any(|line| line.contains(from)), "no {from}");
    lines.take_while(|line| *line != to).collect()
}

/// `/users/{email}` and `/users/{user}` are one path.
fn nameless(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[test]
fn each_row_has_a_source_and_a_proof() {
    for row in rows() {
        assert!(!row.sources.is_empty(), "no source: {}", row.feature);
        let probed = !is_there(row) && (!row.paths.is_empty() || !row.ignored.is_empty());
        assert!(probed || !row.proof.is_empty(), "no proof: {}", row.feature);
        assert!(!is_there(row) || row.ignored.is_empty(), "ignored, yet there: {}", row.feature);
    }
}

#[test]
fn each_proof_is_a_test_that_runs() {
    let missing: Vec<_> =
        rows().flat_map(|row| row.proof).filter(|proof| !is_a_test(proof)).collect();
    assert!(missing.is_empty(), "there are no such tests: {missing:#?}");
}

fn is_a_test(proof: &str) -> bool {
    let root = here().join("../..");
    if let Some((module, function)) = proof.strip_prefix("it::").and_then(|it| it.split_once("::"))
    {
        let is_in = |text: &str| tests_in(text).contains(function);
        return read("tests/it/main.rs").contains(&format!("\nmod {module};"))
            && is_in(&read(&format!("tests/it/{module}.rs")));
    }
    if let Some(story) = proof.strip_prefix("e2e:") {
        return root.join(format!("e2e/stories/{story}.mjs")).is_file();
    }
    let Some((file, title)) = proof.strip_prefix("interop:").and_then(|it| it.split_once(' '))
    else {
        return false;
    };
    let text = fs::read_to_string(root.join("interop").join(file)).unwrap_or_default();
    text.contains(&format!("test(\"{title}\""))
        || text.contains(&format!("def test_{}(", title.replace(' ', "_")))
}

/// The functions that the test runner calls.
fn tests_in(text: &str) -> BTreeSet<&str> {
    let lines: Vec<&str> = text.lines().collect();
    let marked = |index: usize| {
        let above = lines[..index].iter().rev().take_while(|line| line.starts_with("#["));
        above.copied().any(|line| line == "#[test]" || line.starts_with("#[tokio::test"))
    };
    lines
        .iter()
        .enumerate()
        .filter(|(index, _)| marked(*index))
        .filter_map(|(_, line)| line.trim_start_matches("async ").strip_prefix("fn "))
        .filter_map(|rest| rest.split_once('(').map(|(name, _)| name))
        .collect()
}

/// The methods of each path.
fn methods(there: bool) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut methods: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for row in rows().filter(|row| is_there(row) == there) {
        for path in row.paths {
            let (method, path) = path.split_once(' ').unwrap();
            methods.entry(path).or_default().insert(method);
        }
    }
    methods
}

/// With a service account that a reset leaves alone.
async fn google() -> Google {
    let seed = format!("[[service_accounts]]\nemail = \"{SERVICE_ACCOUNT}\"");
    Google::with(Emulator::builder().seed(Seed::from_toml(&seed).unwrap())).await
}

/// A path with something that exists in each of its places.
fn example(google: &Google, path: &str, ada: &str) -> String {
    let path = path
        .replace("{calendar}", "primary")
        .replace("{client}", google.emulator.client_id())
        .replace("{event}", "event0")
        .replace("{file}", "file0")
        .replace("{picture}", &format!("{ada}=s96-c"))
        .replace("{service_account}", SERVICE_ACCOUNT)
        .replace("{tenant}", "somebody")
        .replace("{user}", "grace@example.com");
    assert!(!path.contains('{'), "no example for {path}");
    match path.as_str() {
        "/signin/oauth/error" => format!("{path}?authError=Cg5pbnZhbGlkX2NsaWVudA"),
        "/gsi/button" => format!("{path}?origin=http://127.0.0.1:8080"),
        _ => path,
    }
}

async fn ask(google: &Google, method: &Method, path: &str) -> Response {
    google.http.request(method.clone(), google.url(path)).send().await.unwrap()
}

/// Google's page for what does not exist, or the control API's word for it.
async fn is_absent(response: Response) -> bool {
    let missing = response.status() == StatusCode::NOT_FOUND;
    let text = response.text().await.unwrap();
    missing && (text.contains("Error 404 (Not Found)!!1") || text.contains("\"not_found\""))
}

#[tokio::test]
async fn each_path_answers_with_its_methods_and_no_other() {
    let google = google().await;
    let users = google.json("/_emulator/users").await;
    let ada = users["users"][0]["sub"].as_str().unwrap();
    let mut wrong = Vec::new();
    for (path, known) in methods(true) {
        for method in METHODS {
            let response = ask(&google, &method, &example(&google, path, ada)).await;
            if is_absent(response).await == known.contains(method.as_str()) {
                wrong.push(format!("{method} {path}"));
            }
        }
    }
    assert!(wrong.is_empty(), "there and not listed, or listed and not there: {wrong:#?}");
}

#[tokio::test]
async fn what_is_not_emulated_is_not_there() {
    let google = google().await;
    for (path, known) in methods(false) {
        for method in METHODS.iter().filter(|method| known.contains(method.as_str())) {
            let response = ask(&google, method, &example(&google, path, "0")).await;
            assert!(is_absent(response).await, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn parameters_that_are_not_read_make_no_difference() {
    let google = Google::with_ada().await;
    google.callback(SIGN_IN, &[]).await;
    let answer = async |more: &[(&str, &str)]| {
        let mut members = google.callback(SIGN_IN, more).await.0;
        members.retain(|(name, _)| name != "code");
        let mut event = google.events("authorization").await.pop().unwrap();
        for member in ["seq", "at"] {
            event.as_object_mut().unwrap().remove(member);
        }
        (members, event)
    };
    let plain = answer(&[]).await;
    for name in rows().flat_map(|row| row.ignored) {
        assert_eq!(answer(&[(name, "x")]).await, plain, "{name}");
    }
}

/// What stands between the first two quotation marks of each line.
fn quoted<'a>(lines: impl IntoIterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    lines.into_iter().filter_map(|line| line.split('"').nth(1))
}

/// Constants that are paths, by name, and what the lists and pages of paths hold.
fn path_constants(sources: &[(String, String)]) -> (BTreeSet<&str>, BTreeSet<String>) {
    let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
    for (_, text) in sources.iter().filter(|(name, _)| !name.starts_with("src/support")) {
        let mut in_list = false;
        for line in text.lines() {
            if let Some((name, _)) = line.split_once(": &str = \"/") {
                names.insert(name.rsplit(' ').next().unwrap());
                paths.extend(quoted([line]).map(str::to_owned));
            }
            in_list |= line.contains("PATHS: [&str; ");
            if in_list {
                paths.extend(line.split('"').skip(1).step_by(2).map(str::to_owned));
            }
            in_list &= !line.ends_with("];");
            if line.contains("=> \"/") && line.trim_start().starts_with("Self::") {
                paths.extend(quoted([line]).map(str::to_owned));
            }
        }
    }
    (names, paths)
}

/// What the sources register. A route whose path could not be read fails the test.
fn routes() -> BTreeSet<String> {
    let sources = sources();
    let (names, mut routes) = path_constants(&sources);
    for (file, text) in &sources {
        let prefix = if file.starts_with("src/control/") { "/_emulator" } else { "" };
        for rest in text.split(".route(").skip(1).map(str::trim_start) {
            if let Some(literal) = rest.strip_prefix('"') {
                routes.insert(format!("{prefix}{}", literal.split('"').next().unwrap()));
                continue;
            }
            let argument = rest.split(',').next().unwrap();
            let last = argument.rsplit("::").next().unwrap();
            let is_read = last == "path" || last.ends_with(".path()") || names.contains(last);
            assert!(is_read, "{file}: cannot read the path of .route({argument}");
        }
    }
    routes.iter().map(|path| nameless(path)).collect()
}

#[test]
fn each_route_is_in_the_table_and_the_reverse() {
    let listed: BTreeSet<String> = methods(true).into_keys().map(nameless).collect();
    assert_eq!(routes(), listed);
}

#[track_caller]
fn assert_in_readme(what: &str, names: &BTreeSet<String>) {
    assert!(!names.is_empty(), "no {what} in the sources");
    let readme = read("README.md");
    let missing: Vec<_> =
        names.iter().filter(|name| !readme.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "the README does not know these of {what}: {missing:?}");
}

fn fields(path: &str, of: &str) -> BTreeSet<String> {
    let text = read(path);
    let lines = block(&text, of, "}");
    let field = |line: &str| Some(line.strip_prefix("    pub ")?.split_once(':')?.0.to_owned());
    lines.into_iter().filter_map(field).collect()
}

#[test]
fn the_readme_knows_every_fault_and_where_it_strikes() {
    let text = read("src/faults/script.rs");
    let faults = block(&text, "const FAULTS: ", "];");
    let faults = faults
        .into_iter()
        .filter(|line| line.starts_with("    (\"") || line.starts_with("        \""));
    assert_in_readme("the faults", &quoted(faults).map(str::to_owned).collect());
    let endpoints = block(&text, "const ENDPOINTS: ", "const TOKEN: &[&str] = &[\"token\"];");
    let endpoints = endpoints.concat();
    let names = endpoints.split('"').skip(1).step_by(2).map(str::to_owned);
    assert_in_readme("the endpoints", &names.collect());
}

#[test]
fn the_readme_knows_every_switch_and_every_field_of_a_seed() {
    assert_in_readme("the profile", &fields("src/seed/profile.rs", "pub struct Profile {"));
    assert_in_readme("a user", &fields("src/seed/user.rs", "pub struct User {"));
    assert_in_readme("a client", &fields("src/seed/client.rs", "pub struct Client {"));
    assert_in_readme("a project", &fields("src/seed/project.rs", "pub struct Project {"));
    let account = fields("src/seed/service_account.rs", "pub struct ServiceAccount {");
    assert_in_readme("a service account", &account);
}

#[test]
fn the_readme_knows_every_kind_of_event() {
    let text = read("src/state/ledger.rs");
    let kinds = block(&text, "pub(crate) enum Kind {", "}");
    let kinds = kinds.into_iter().filter_map(|line| line.trim().strip_suffix(','));
    assert_in_readme("the ledger", &kinds.map(snake_case).collect());
}

/// The blocks of the README in one language.
fn snippets(language: &str) -> Vec<String> {
    let (readme, fence) = (read("README.md"), format!("```{language}\n"));
    let blocks = readme.split(&fence).skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_readmes_seed_can_be_used() {
    let seeds = snippets("toml");
    assert_eq!(seeds.len(), 1);
    Seed::from_toml(&seeds[0]).unwrap();
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[test]
fn the_readme_knows_every_call_of_the_control_api() {
    let calls = methods(true).into_iter().filter_map(|(path, methods)| {
        let call = path.strip_prefix("/_emulator/").filter(|call| !call.is_empty())?;
        Some(methods.into_iter().map(move |method| format!("{method} {call}")))
    });
    assert_in_readme("the control API", &calls.flatten().collect());
}
