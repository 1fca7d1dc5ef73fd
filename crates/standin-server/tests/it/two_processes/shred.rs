//! A tenant's data, destroyed from the command line under two processes that use it.

use std::sync::Arc;

use standin::entropy::SystemEntropy;
use standin::time::SystemClock;
use standin::vault::{Grant, KeyFile, Vault, VaultError};

use super::*;

const LINUS: &str = "linus@corp.example";
const CORP: &str = "corp.example";
const PER_DOMAIN: &str = "per_tenant = \"domain\"";

impl World {
    fn keys(&self) -> Vec<(u64, Value, Value, Value)> {
        let listed = json_of(&run(&self.place, &["keys", "list", "--json"]));
        let keys = listed["data_keys"].as_array().unwrap().clone();
        let row = |key: Value| {
            let id = key["id"].as_u64().unwrap();
            (id, key["tenant"].clone(), key["state"].clone(), key["grants"].clone())
        };
        keys.into_iter().map(row).collect()
    }

    fn refusal(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
        command.current_dir(self.place.path()).env_clear().args(arguments);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Past whatever says what may stand there.
    fn write_into_grant_of(&self, person: &str, state: &str) {
        let file = rusqlite::Connection::open(self.place.path().join("standin.db")).unwrap();
        let edit = format!(
            "PRAGMA ignore_check_constraints = ON; UPDATE grants SET state = '{state}' \
             WHERE user_id = (SELECT id FROM users WHERE email = '{person}')"
        );
        file.execute_batch(&edit).unwrap();
    }

    async fn revoked(&self) -> usize {
        let ledger = self.control(Method::GET, "ledger", Value::Null).await;
        let events = ledger["events"].as_array().unwrap().iter();
        events.filter(|event| event["kind"] == "revoked").count()
    }

    /// The rows as they are, and what opens them.
    async fn vault(&self) -> (Vec<Grant>, Vault) {
        let store = standin_store::open(&self.database_url).await.unwrap();
        let keys = KeyFile::read(&self.place.path().join("keys.toml")).unwrap();
        let grants = store.grants(None, 10).await.unwrap();
        let vault = Vault::open(&keys, store, Arc::new(SystemClock), &SystemEntropy).await.unwrap();
        (grants, vault)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vc_15_a_tenant_is_shredded_and_everybody_else_goes_on() {
    a_tenant_is_shredded(World::start_with(PER_DOMAIN).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a PostgreSQL server"]
async fn vc_15_a_tenant_is_shredded_and_everybody_else_goes_on_on_postgresql() {
    a_tenant_is_shredded(World::start_on(Some(Database::fresh()), PER_DOMAIN).await).await;
}

async fn a_tenant_is_shredded(world: World) {
    let (_, key) = world.client();
    let linus = world.user(&world.signed_in(LINUS).await).await;
    let ada = world.user(&world.signed_in(ADA).await).await;
    // The process that they did not sign in at learns of the new key by the row.
    assert_eq!([world.vend(&key, &linus).await, world.vend(&key, &ada).await], [200, 200]);
    let everybodys = (1, Value::Null, json!("active"), json!(1));
    assert_eq!(world.keys(), [everybodys.clone(), (2, json!(CORP), json!("active"), json!(1))]);

    let added = run(&world.place, &["keys", "add", "--tenant", CORP, "--json"]);
    assert_eq!(json_of(&added)["id"], 3);
    run(&world.place, &["keys", "activate", "3", "--json"]);
    let rewrapped = json_of(&run(&world.place, &["keys", "rewrap", "--json"]));
    assert_eq!((&rewrapped["rows"], &rewrapped["left"]), (&json!(1), &json!(0)));
    assert_eq!([world.vend(&key, &linus).await, world.vend(&key, &ada).await], [200, 200]);

    let (before, _) = world.vault().await;
    let would = json_of(&run(&world.place, &["keys", "shred", CORP, "--json"]));
    let wanted = json!({ "tenant": CORP, "done": false, "keys": 2, "grants": 1, "unconfirmed": 0, "unreadable": 0 });
    assert_eq!(would, wanted);
    assert!(world.refusal(&["keys", "shred", "none.example", "--yes"]).contains("no data key"));
    assert_eq!((world.vend(&key, &linus).await, world.revoked().await), (200, 0));

    let shredded = json_of(&run(&world.place, &["keys", "shred", CORP, "--yes", "--json"]));
    let wanted = json!({ "tenant": CORP, "done": true, "keys": 2, "grants": 1, "unconfirmed": 0, "unreadable": 0 });
    assert_eq!(shredded, wanted);
    world.until_answer("shredded", &key, &linus, 404).await;
    assert_eq!((world.vend(&key, &ada).await, world.revoked().await), (200, 1));
    let removed = |id| (id, json!(CORP), json!("removed"), json!(0));
    assert_eq!(world.keys(), [everybodys, removed(2), removed(3)]);

    // What somebody has copied before opens no more, with every key that there is.
    let (after, vault) = world.vault().await;
    let opened: Vec<_> = before.iter().map(|grant| vault.open_refresh(grant)).collect();
    let destroyed = opened.iter().filter(|opened| **opened == Err(VaultError::KeyDestroyed));
    assert_eq!((destroyed.count(), opened.iter().filter(|opened| opened.is_ok()).count()), (1, 1));
    assert!(after.iter().any(|grant| grant.tokens.iter().count() == 0), "its ciphertext is gone");
    assert!(world.refusal(&["keys", "shred", CORP, "--yes"]).contains("no data key"));

    // Whoever comes back begins anew.
    world.signed_in(LINUS).await;
    world.until_answer("given again", &key, &linus, 200).await;
    assert_eq!(world.keys()[3], (4, json!(CORP), json!("active"), json!(1)));
}

/// Somebody else's row that is damaged is passed over; one of the tenant's own keeps its keys, and is named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vc_15_a_row_that_cannot_be_read_keeps_no_other_tenant_from_being_shredded() {
    let world = World::start_with(PER_DOMAIN).await;
    let (_, key) = world.client();
    let linus = world.user(&world.signed_in(LINUS).await).await;
    let ada = world.user(&world.signed_in(ADA).await).await;
    let shred = |confirmed: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
        command.current_dir(world.place.path()).env_clear().args(["keys", "shred", CORP, "--json"]);
        let output = command.args(confirmed).output().unwrap();
        let told = serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default();
        (output.status.code(), told, String::from_utf8(output.stderr).unwrap())
    };
    let hers = json_of(&run(&world.place, &["grants", "list", "--user", &ada, "--json"]));
    let hers = hers[0]["id"].as_str().unwrap();
    world.write_into_grant_of(LINUS, "sleeping");
    world.write_into_grant_of(ADA, "sleeping");
    let (code, told, said) = shred(&["--yes"]);
    assert_eq!((code, told), (Some(1), Value::Null), "{said}");
    assert!(said.contains("grants.state"), "{said}");
    let own = (2, json!(CORP), json!("retired"), json!(1));
    assert_eq!(world.keys(), [(1, Value::Null, json!("active"), json!(1)), own]);

    world.write_into_grant_of(LINUS, "active");
    for (confirmed, done) in [(&[][..], false), (&["--yes"][..], true)] {
        let (code, told, said) = shred(confirmed);
        let wanted = json!({
            "tenant": CORP, "done": done, "keys": 1, "grants": 1, "unconfirmed": 0, "unreadable": 1,
        });
        assert_eq!((code, told), (Some(1), wanted), "{said}");
        assert!(said.contains("1 rows of grants cannot be read"), "{said}");
        assert!(said.contains(hers), "it is named: {said}");
    }
    world.until_answer("shredded", &key, &linus, 404).await;
    assert_eq!(world.keys()[1], (2, json!(CORP), json!("removed"), json!(0)));
    world.write_into_grant_of(ADA, "active");
    assert_eq!((world.vend(&key, &ada).await, world.revoked().await), (200, 1));
}

/// Who signed in before tenants were told apart has everybody's key, and is found by the rule all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vc_15_grants_from_before_the_rule_are_shredded_with_their_tenant() {
    before_the_rule(World::start().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a PostgreSQL server"]
async fn vc_15_grants_from_before_the_rule_are_shredded_with_their_tenant_on_postgresql() {
    before_the_rule(World::start_on(Some(Database::fresh()), "").await).await;
}

async fn before_the_rule(world: World) {
    let (_, key) = world.client();
    let linus = world.user(&world.signed_in(LINUS).await).await;
    let ada = world.user(&world.signed_in(ADA).await).await;
    let path = world.place.path().join("standin.toml");
    let text = fs::read_to_string(&path).unwrap();
    let text =
        text.replace("file = \"keys.toml\"", "file = \"keys.toml\"\nper_tenant = \"provider\"");
    fs::write(&path, text).unwrap();
    assert!(world.refusal(&["keys", "shred", "google", "--yes"]).contains("no data key"));
    let (restarted, here) = serve(&world.place);
    let world = World { here, ..world };
    // Ada comes back, and Linus does not.
    world.signed_in(ADA).await;
    // What is said before is what is done then.
    for arguments in [
        &["keys", "shred", "google", "--json"][..],
        &["keys", "shred", "google", "--yes", "--json"],
    ] {
        let shredded = json_of(&run(&world.place, arguments));
        assert_eq!((&shredded["keys"], &shredded["grants"]), (&json!(1), &json!(2)));
    }
    for user in [linus, ada] {
        world.until_answer("shredded", &key, &user, 404).await;
    }
    drop(restarted);
}
