//! Key-encryption keys that are kept elsewhere, through the real program, against servers that speak as Vault, Google
//! Cloud KMS and AWS KMS do: they really encrypt, look at every credential, signature, check sum and context, and
//! count what they are asked.

mod aws;
mod google;
mod transit;

use std::fs::File;
use std::sync::Mutex;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use axum::Router;
use data_encoding::{BASE64, HEXLOWER};
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use standin::store::DataKeyRow;
use tokio::task::JoinHandle;

use super::*;
use crate::faults::certificates::authority;
use aws::Aws;
use google::Google;
use transit::{Transit, behind_tls};

/// A key-encryption key in a variable, as `openssl rand -base64 32` makes it.
const IN_VARIABLE: &str = "3q2+796tvu/erb7v3q2+796tvu/erb7v3q2+796tvu8=";

/// What a key service keeps of its visitors.
#[derive(Default)]
struct Visits {
    calls: AtomicUsize,
    /// Every key that went through it, in the clear.
    keys: Mutex<Vec<Vec<u8>>>,
}

impl Visits {
    fn note(&self, key: &[u8]) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.keys.lock().unwrap().push(key.to_vec());
    }

    fn count(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

/// A server that can be switched off and on again at the same address.
struct Server {
    address: std::net::SocketAddr,
    router: Router,
    task: Option<JoinHandle<()>>,
}

impl Server {
    fn start(runtime: &Runtime, router: Router) -> Self {
        let mut server = Self { address: ([127, 0, 0, 1], 0).into(), router, task: None };
        server.switch_on(runtime);
        server
    }

    fn switch_on(&mut self, runtime: &Runtime) {
        let listener = runtime.block_on(tokio::net::TcpListener::bind(self.address)).unwrap();
        self.address = listener.local_addr().unwrap();
        let router = self.router.clone();
        let serving = async move { axum::serve(listener, router).await.unwrap() };
        self.task = Some(runtime.spawn(serving));
    }

    fn switch_off(&mut self, runtime: &Runtime) {
        let task = self.task.take().unwrap();
        task.abort();
        assert!(runtime.block_on(task).is_err());
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// AES-256-GCM, as all of them use it within.
fn encrypt(key: &[u8; 32], bound_to: &[u8], plain: &[u8]) -> Vec<u8> {
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).unwrap();
    let mut text = plain.to_vec();
    let nonce = key.seal_in_place_append_tag(Aad::from(bound_to), &mut text).unwrap();
    [nonce.as_ref().as_slice(), &text].concat()
}

fn decrypt(key: &[u8; 32], bound_to: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).unwrap();
    let (nonce, text) = text.split_at_checked(NONCE_LEN)?;
    let mut text = text.to_vec();
    let nonce = Nonce::try_assume_unique_for_key(nonce).unwrap();
    Some(key.open_in_place(nonce, Aad::from(bound_to), &mut text).ok()?.to_vec())
}

/// A vault of three grants, the three services, and everything that the program has said.
struct World {
    place: Place,
    transit: Transit,
    google: Google,
    aws: Aws,
    variables: Vec<(String, String)>,
}

impl World {
    fn new() -> Self {
        Self::of(Place::with_grants(3))
    }

    fn on_postgres() -> Self {
        Self::of(Place::on_postgres(3))
    }

    fn of(place: Place) -> Self {
        let transit = Transit::start(&place.runtime);
        let google = Google::start(&place.runtime);
        let aws = Aws::start(&place.runtime);
        let key_file = place.path().join("robot.json");
        fs::write(&key_file, google.service_account()).unwrap();
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let variables = vec![
            variable("STANDIN__KEYS__VAULT__ADDRESS", &transit.server.url()),
            variable("VAULT_TOKEN", transit::TOKEN),
            variable("VAULT_NAMESPACE", transit::NAMESPACE),
            variable("STANDIN__KEYS__GOOGLE__ENDPOINT", &google.server.url()),
            variable("GOOGLE_APPLICATION_CREDENTIALS", key_file.to_str().unwrap()),
            variable("STANDIN__KEYS__AWS__ENDPOINT", &aws.server.url()),
            variable("AWS_ACCESS_KEY_ID", aws::KEY_ID),
            variable("AWS_SECRET_ACCESS_KEY", aws::SECRET),
            variable("KEK_OF_STANDIN", IN_VARIABLE),
        ];
        Self { place, transit, google, aws, variables }
    }

    /// With another value of one variable, or none.
    fn set(&mut self, name: &str, value: Option<&str>) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    }

    /// Every log at its most talkative goes to one file.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(self.place.path(), arguments);
        let mut variables = self.variables.clone();
        variables.push(("STANDIN__LOG__LEVEL".to_owned(), "trace".to_owned()));
        command.envs(variables).stderr(self.log());
        command
    }

    fn log(&self) -> File {
        let path = self.place.path().join("log");
        File::options().create(true).append(true).open(path).unwrap()
    }

    fn words(&self) -> String {
        fs::read_to_string(self.place.path().join("log")).unwrap_or_default()
    }

    fn output(&self, arguments: &[&str]) -> (Output, String) {
        let before = self.words().len();
        let output = self.command(arguments).output().unwrap();
        let said = self.words()[before..].to_owned();
        (output, said)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let (output, said) = self.output(arguments);
        assert!(output.status.success(), "{arguments:?}: {said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn refusal(&self, arguments: &[&str]) -> String {
        let (output, said) = self.output(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        said
    }

    fn serve(&self) -> (Running, String) {
        let ports =
            ["serve", "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--json"];
        let child = self.command(&ports).stdout(Stdio::piped()).spawn().unwrap();
        let mut service = Running(child);
        let mut line = String::new();
        BufReader::new(service.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "{}", self.words());
        let ready: Value = serde_json::from_str(&line).unwrap();
        (service, ready["public"].as_str().unwrap().trim_start_matches("http://").to_owned())
    }

    /// Makes a key-encryption key the only one.
    fn change_kek(&self, name: Option<&str>) -> String {
        let before = self.active_kek();
        let mut add = vec!["keys", "add", "--json", "--kek"];
        add.extend(name);
        let added = self.json(&add)["kek"].as_str().unwrap().to_owned();
        self.json(&["keys", "activate", "--kek", &added, "--json"]);
        let keys = self.data_keys().len();
        assert_eq!(self.json(&["keys", "rewrap", "--json"])["data_keys"], keys);
        self.json(&["keys", "remove", "--kek", &before, "--json"]);
        added
    }

    fn active_kek(&self) -> String {
        let listed = self.json(&["keys", "list", "--json"]);
        let mut keks = listed["key_encryption_keys"].as_array().unwrap().iter();
        keks.find(|kek| kek["state"] == "active").unwrap()["id"].as_str().unwrap().to_owned()
    }

    fn data_keys(&self) -> Vec<DataKeyRow> {
        self.place.runtime.block_on(self.place.store.data_keys()).unwrap()
    }

    fn calls(&self) -> [usize; 3] {
        [self.transit.visits.count(), self.google.visits.count(), self.aws.visits.count()]
    }

    fn vend_all(&self, address: &str) {
        for number in 1..=3 {
            assert_eq!(vend(address, &self.place.client_key, number), Ok(()));
        }
    }

    /// Nothing that anybody must not see stands in any log of this test.
    fn assert_nothing_leaked(&self) {
        let words = self.words();
        let visits = [&self.transit.visits, &self.google.visits, &self.aws.visits];
        let keys: Vec<Vec<u8>> =
            visits.iter().flat_map(|visits| visits.keys.lock().unwrap().clone()).collect();
        let in_bytes = BASE64.decode(IN_VARIABLE.as_bytes()).unwrap();
        let mut canaries = vec![transit::TOKEN.to_owned(), aws::SECRET.to_owned()];
        canaries.extend(self.google.secrets());
        for key in keys.iter().chain([&in_bytes]) {
            canaries.extend([BASE64.encode(key), HEXLOWER.encode(key), format!("{key:?}")]);
        }
        for canary in canaries {
            assert!(!words.contains(&canary), "{canary} is in a log");
        }
    }
}

const IN_TRANSIT: &str = "vault:transit/standin";
const DERIVED: &str = "vault:transit/derived?derived";

/// Each of them in turn, under a service that goes on and under one that begins anew.
#[test]
fn vc_14_keys_move_from_the_file_to_each_service_and_back_while_the_service_runs() {
    moves(&World::new());
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn vc_14_keys_move_from_the_file_to_each_service_and_back_while_the_service_runs_on_postgresql() {
    moves(&World::on_postgres());
}

fn moves(world: &World) {
    let (_service, address) = world.serve();
    for name in [IN_TRANSIT, DERIVED, google::KEY, aws::KEY, "env:KEK_OF_STANDIN"] {
        assert_eq!(world.change_kek(Some(name)), name);
        for row in world.data_keys() {
            assert_eq!(row.wrapped_by, name);
        }
        let calls = world.calls();
        let (restarted, anew) = world.serve();
        world.vend_all(&anew);
        world.vend_all(&address);
        let asked: usize = world.calls().iter().sum::<usize>() - calls.iter().sum::<usize>();
        assert!(asked <= 1, "{name} was asked for each data key at the start, and for no token");
        drop(restarted);
    }
    // A data key that is made under the last one is known to the service that began with the first.
    world.change_kek(Some(google::KEY));
    world.json(&["keys", "add", "--json"]);
    world.json(&["keys", "activate", "2", "--json"]);
    world.json(&["keys", "rewrap", "--json"]);
    world.vend_all(&address);
    assert_eq!(world.change_kek(None), "k2");
    world.vend_all(&world.serve().1);
    assert!(world.calls().iter().all(|calls| *calls > 2), "{:?}", world.calls());
    world.assert_nothing_leaked();
}

/// The same name, and another key behind it: what is wrapped by the old version is not told by its row.
#[test]
fn vc_14_every_data_key_moves_to_the_new_version_of_a_key_and_the_old_one_can_be_given_up() {
    new_version(&World::new());
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn vc_14_every_data_key_moves_to_the_new_version_of_a_key_and_the_old_one_can_be_given_up_on_postgresql()
 {
    new_version(&World::on_postgres());
}

fn new_version(world: &World) {
    world.change_kek(Some(IN_TRANSIT));
    world.json(&["keys", "add", "--json"]);
    let (_service, address) = world.serve();
    world.transit.rotate();
    assert_eq!(world.json(&["keys", "rewrap", "--json"])["data_keys"], 0);
    for _ in 0..2 {
        assert_eq!(world.json(&["keys", "rewrap", "--all-data-keys", "--json"])["data_keys"], 2);
    }
    let is_new = |row: &DataKeyRow| row.wrapped.starts_with(b"vault:v2:");
    assert!(world.data_keys().iter().all(is_new), "{:?}", world.data_keys());
    world.transit.refuse_old_versions();
    world.vend_all(&world.serve().1);
    world.vend_all(&address);
    world.assert_nothing_leaked();
}

/// It stands in many a shell, for Vault's own programs.
#[test]
fn vc_14_a_stray_address_of_vault_stops_nobody_who_uses_no_key_of_it() {
    let mut world = World::new();
    world.set("STANDIN__KEYS__VAULT__ADDRESS", None);
    world.set("VAULT_TOKEN", None);
    for (address, why) in
        [("https://vault.example", "VAULT_TOKEN"), ("vault.example:8200", "VAULT_ADDR")]
    {
        world.set("VAULT_ADDR", Some(address));
        assert_eq!(world.json(&["keys", "rewrap", "--json"])["left"], 0);
        world.vend_all(&world.serve().1);
        let words = world.refusal(&["keys", "add", "--kek", IN_TRANSIT]);
        assert!(words.contains(why), "{words}");
    }
}

/// What a service has wrapped for one row does not unwrap in another.
#[test]
fn vc_14_a_wrapped_key_that_was_moved_to_another_row_is_refused_and_nothing_is_written() {
    moved_to_another_row(&World::new());
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn vc_14_a_wrapped_key_that_was_moved_to_another_row_is_refused_and_nothing_is_written_on_postgresql()
 {
    moved_to_another_row(&World::on_postgres());
}

fn moved_to_another_row(world: &World) {
    world.json(&["keys", "add", "--json"]);
    for name in [IN_TRANSIT, DERIVED, google::KEY, aws::KEY, "env:KEK_OF_STANDIN"] {
        world.change_kek(Some(name));
        let rows = world.data_keys();
        let moved = DataKeyRow {
            version: rows[1].version + 1,
            wrapped: rows[0].wrapped.clone(),
            ..rows[1].clone()
        };
        world.replace(moved.clone());
        let words = world.refusal(&["serve"]);
        let wanted = format!(
            "data key 2 cannot be unwrapped with key-encryption key `{name}`: the wrapped key was changed"
        );
        assert!(words.contains(&wanted), "{name}: {words}");
        assert_eq!(world.data_keys()[1], moved, "nothing is written");
        world.replace(DataKeyRow { version: moved.version + 1, ..rows[1].clone() });
    }
    world.assert_nothing_leaked();
}

impl World {
    fn replace(&self, row: DataKeyRow) {
        self.place.runtime.block_on(self.place.store.replace_data_key(row)).unwrap();
    }
}

#[test]
fn vc_14_a_key_that_is_not_the_one_that_was_made_is_refused_by_its_check_value() {
    not_the_one_that_was_made(&World::new());
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn vc_14_a_key_that_is_not_the_one_that_was_made_is_refused_by_its_check_value_on_postgresql() {
    not_the_one_that_was_made(&World::on_postgres());
}

fn not_the_one_that_was_made(world: &World) {
    world.change_kek(Some(IN_TRANSIT));
    let row = world.data_keys().remove(0);
    world.replace(DataKeyRow { version: row.version + 1, key_check: Some([7; 16]), ..row.clone() });
    let words = world.refusal(&["serve"]);
    assert!(words.contains("data key 1") && words.contains("check value"), "{words}");
    // A row from before check values were kept has none, and gets one when it is next wrapped.
    let old = DataKeyRow { version: row.version + 2, key_check: None, ..row.clone() };
    world.replace(old);
    world.vend_all(&world.serve().1);
    assert_eq!(world.json(&["keys", "rewrap", "--json"])["data_keys"], 1);
    assert_eq!(world.data_keys()[0].key_check, row.key_check);
}

/// At the start it is said what is wrong and what to do; once the service runs, nobody needs the key service.
#[test]
fn vc_7_a_key_service_that_is_down_stops_the_start_and_nothing_that_runs() {
    key_service_is_down(World::new());
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn vc_7_a_key_service_that_is_down_stops_the_start_and_nothing_that_runs_on_postgresql() {
    key_service_is_down(World::on_postgres());
}

fn key_service_is_down(mut world: World) {
    for (index, name) in [IN_TRANSIT, google::KEY, aws::KEY].into_iter().enumerate() {
        world.change_kek(Some(name));
        let (_service, address) = world.serve();
        let runtime = &world.place.runtime;
        let server = match index {
            0 => &mut world.transit.server,
            1 => &mut world.google.server,
            _ => &mut world.aws.server,
        };
        server.switch_off(runtime);
        world.vend_all(&address);
        let before = world.data_keys();
        let words = world.refusal(&["serve"]);
        assert!(words.contains("cannot be reached") && words.contains("try again"), "{words}");
        assert!(words.contains("data key 1") && words.contains(name), "{words}");
        let words = world.refusal(&["keys", "add"]);
        assert!(words.contains("cannot be reached"), "{words}");
        assert_eq!(world.data_keys(), before, "no key is made in place of another");
        world.vend_all(&address);
        let runtime = &world.place.runtime;
        let server = match index {
            0 => &mut world.transit.server,
            1 => &mut world.google.server,
            _ => &mut world.aws.server,
        };
        server.switch_on(runtime);
        world.vend_all(&world.serve().1);
    }
    world.assert_nothing_leaked();
}

/// A Vault whose certificate is from an authority of one's own.
#[test]
fn vc_14_a_vault_is_trusted_by_the_authority_that_is_named_and_by_no_other() {
    let mut world = World::new();
    let (known, other) = (authority(), authority());
    let key = KeyPair::generate().unwrap();
    let certificate = |name: &str, issuer: &CertifiedIssuer<'static, KeyPair>| {
        CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, issuer).unwrap()
    };
    let file = |name: &str, text: String| {
        let path = world.place.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (ours, theirs) = (file("ours.pem", known.pem()), file("theirs.pem", other.pem()));
    let no_certificate = file("none.pem", "no certificate".to_owned());
    let inside = world.transit.server.address;
    let address = |certificate: &rcgen::Certificate| {
        format!("https://localhost:{}", behind_tls(inside, certificate, &key))
    };
    let right = address(&certificate("localhost", &known));
    let misnamed = address(&certificate("vault.example", &known));

    for (at, authority, wanted) in [
        (&right, None, "no authority that is trusted here vouches for it"),
        (&right, Some(&theirs), "no authority that is trusted here vouches for it"),
        (&misnamed, Some(&ours), "it is for another name"),
        (&right, Some(&no_certificate), "holds no certificate in PEM"),
    ] {
        world.set("STANDIN__KEYS__VAULT__ADDRESS", Some(at.as_str()));
        world.set("STANDIN__KEYS__VAULT__CA_FILE", authority.map(String::as_str));
        let words = world.refusal(&["keys", "add", "--kek", IN_TRANSIT]);
        assert!(words.contains(wanted) && words.contains("ca_file"), "{at} {authority:?}: {words}");
    }
    assert_eq!(world.transit.visits.count(), 0, "something was sent");
    world.set("STANDIN__KEYS__VAULT__ADDRESS", Some(right.as_str()));
    for variable in ["STANDIN__KEYS__VAULT__CA_FILE", "VAULT_CACERT"] {
        world.set("STANDIN__KEYS__VAULT__CA_FILE", None);
        world.set(variable, Some(ours.as_str()));
        assert_eq!(world.change_kek(Some(IN_TRANSIT)), IN_TRANSIT);
        world.vend_all(&world.serve().1);
        world.change_kek(None);
    }
    world.assert_nothing_leaked();
}

/// Wrong credentials are the operator's to mend: the service's own words say which.
#[test]
fn vc_14_whoever_may_not_use_the_key_is_told_by_whom() {
    let mut world = World::new();
    for (name, variable, wrong, wanted) in [
        (IN_TRANSIT, "VAULT_TOKEN", "hvs.wrong", "status 403: permission denied"),
        (IN_TRANSIT, "VAULT_NAMESPACE", "elsewhere", "status 403: permission denied"),
        ("vault:transit/none", "VAULT_TOKEN", transit::TOKEN, "encryption key not found"),
        (aws::KEY, "AWS_SECRET_ACCESS_KEY", "wrong", "SignatureDoesNotMatch"),
        (aws::KEY, "AWS_ACCESS_KEY_ID", "", "only one is set"),
        ("env:KEK_OF_STANDIN", "KEK_OF_STANDIN", "c2hvcnQ=", "32 bytes in base64"),
        ("env:KEK_OF_STANDIN", "KEK_OF_STANDIN", "", "is not set"),
        (google::KEY, "GOOGLE_APPLICATION_CREDENTIALS", "missing.json", "No such file"),
    ] {
        let right = world.variables.iter().find(|(name, _)| name == variable).unwrap().1.clone();
        world.set(variable, Some(wrong));
        let words = world.refusal(&["keys", "add", "--kek", name]);
        assert!(words.contains(wanted), "{name} {variable}: {words}");
        world.set(variable, Some(&right));
    }
    assert_eq!(world.active_kek(), "k1");
    world.assert_nothing_leaked();
}

/// Every place where AWS's and Google's own programs find who they are.
#[test]
fn vc_14_credentials_come_from_variables_files_containers_and_machines() {
    let mut world = World::new();
    let shared = world.place.path().join("aws");
    let text = format!(
        "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        aws::KEY_ID,
        aws::SECRET
    );
    fs::write(&shared, text).unwrap();
    let container = format!("{}/container", world.aws.server.url());
    let machine = world.aws.server.url();
    let metadata = world.google.server.address.to_string();
    world.set("AWS_ACCESS_KEY_ID", None);
    world.set("AWS_SECRET_ACCESS_KEY", None);
    world.set("GOOGLE_APPLICATION_CREDENTIALS", None);
    for (name, variables) in [
        (aws::KEY, vec![("AWS_SHARED_CREDENTIALS_FILE", shared.to_str().unwrap())]),
        (
            aws::KEY,
            vec![
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.as_str()),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN", aws::CONTAINER_TOKEN),
            ],
        ),
        (aws::KEY, vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", machine.as_str())]),
        (google::KEY, vec![("GCE_METADATA_HOST", metadata.as_str())]),
    ] {
        for (variable, value) in &variables {
            world.set(variable, Some(value));
        }
        world.set("STANDIN__KEYS__KEK", Some(name));
        world.set("STANDIN__KEYS__FILE", None);
        let findings = world.check_without_file();
        let tried = findings.iter().find(|finding| finding["check"] == "active KEK").unwrap();
        assert_eq!(tried["ok"], true, "{variables:?}: {tried}");
        for (variable, _) in &variables {
            world.set(variable, None);
        }
    }
    world.assert_nothing_leaked();
}

impl World {
    /// What `standin check` finds, with the names of the configuration in place of the key file.
    fn check_without_file(&self) -> Vec<Value> {
        let path = self.place.path().join("standin.toml");
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with("file = "));
        fs::write(&path, lines.collect::<Vec<_>>().join("\n")).unwrap();
        let (output, _) = self.output(&["check", "--json"]);
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// Without a key file, with the names in the configuration: the first wraps, the others unwrap.
#[test]
fn vc_14_names_in_the_configuration_take_the_place_of_a_key_file() {
    let mut world = World::new();
    world.change_kek(Some("env:KEK_OF_STANDIN"));
    world.set("STANDIN__KEYS__KEK", Some("vault:transit/standin env:KEK_OF_STANDIN"));
    let words = world.refusal(&["check"]);
    assert!(words.is_empty(), "{words}");
    let findings = world.check_without_file();
    assert!(
        findings.iter().all(|finding| finding["check"] == "provider" || finding["ok"] == true),
        "{findings:?}"
    );
    assert_eq!(world.json(&["keys", "rewrap", "--json"])["data_keys"], 1);
    assert_eq!(world.data_keys()[0].wrapped_by, IN_TRANSIT);
    world.vend_all(&world.serve().1);
    let words = world.refusal(&["keys", "add", "--kek"]);
    assert!(words.contains("keys.kek") && words.contains("change them there"), "{words}");
    world.set("STANDIN__KEYS__KEK", Some("env:KEK_OF_STANDIN"));
    let words = world.refusal(&["serve"]);
    assert!(
        words.contains(IN_TRANSIT) && words.contains("nor the configuration names"),
        "vc_7: {words}"
    );
    world.set("STANDIN__KEYS__VAULT__TOKEN", Some(transit::TOKEN));
    let shown = world.json(&["config", "print", "--json"]);
    assert_eq!(shown["keys"]["kek"], json!(["env:KEK_OF_STANDIN"]));
    assert_eq!(shown["keys"]["vault"]["token"], "***");
    assert!(!shown.to_string().contains(IN_VARIABLE));
}
