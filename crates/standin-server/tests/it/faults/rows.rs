//! Rows that somebody has edited by hand: an alarm, an error for that grant alone, and never somebody else's token.

use std::process::Command;

use serde_json::{Value, json};
use standin::store::EventKind;
use tokio::runtime::Runtime;

use super::place::Place;
use super::world::{Person, code, stale, token_in};

/// What somebody writes into Ada's row, and the codes that one of may be answered then. Where both databases say it in
/// the same words, once.
const EDITS: &[(&str, &str, &[&str])] = &[
    ("state = 'sleeping'", "", INCONSISTENT),
    ("state = 'reauth', reason = 'bad luck'", "", INCONSISTENT),
    ("version = -1", "", INCONSISTENT),
    ("generation = -1", "", INCONSISTENT),
    ("generation = 9223372036854775807", "", VAULT),
    ("user_id = x'00'", "user_id = '00000000-0000-0000-0000-000000000000'", &["no_grant"]),
    ("sealed_access = CAST('ya29.plain' AS BLOB)", "sealed_access = 'ya29.plain'::bytea", VAULT),
    (
        "sealed_access = CAST(x'0101ffffffff' || zeroblob(40) AS BLOB)",
        "sealed_access = '\\x0101ffffffff00'",
        VAULT,
    ),
    ("sealed_access = x''", "sealed_access = ''::bytea", VAULT),
    (
        "sealed_access = (SELECT sealed_access FROM saved WHERE subject <> grants.subject)",
        "",
        VAULT,
    ),
    (
        "sealed_refresh = (SELECT sealed_refresh FROM saved WHERE subject <> grants.subject), access_expires_at = 0",
        "",
        VAULT,
    ),
    ("terms = 0", "", INCONSISTENT),
    ("terms = 1", "", INCONSISTENT),
    ("terms = 2", "", INCONSISTENT),
    ("terms = 3, access_expires_at = 0", "", &["storage_inconsistent", "vault_error"]),
    ("terms = 4, access_expires_at = 0", "", VAULT),
];

/// Terms that nobody has agreed to; there are none with the number 0.
const TERMS: &[(&str, &str)] = &[
    ("1, provider_client, token_endpoint, 'quo\"te', requested", ""),
    (
        "2, provider_client, token_endpoint, scopes, CAST(x'ff' AS TEXT)",
        "2, provider_client, token_endpoint, scopes, E'\\x01\\n'",
    ),
    ("3, provider_client, 'no address', scopes, requested", ""),
    ("4, 'somebody-elses', token_endpoint, scopes, requested", ""),
];

const INCONSISTENT: &[&str] = &["storage_inconsistent"];
const VAULT: &[&str] = &["vault_error"];

/// Numbers that nothing real has: whatever comes of them, it is an answer.
const NUMBERS: &[&str] = &[
    "access_expires_at = 9223372036854775807",
    "access_expires_at = -9223372036854775808",
    "refresh_expires_at = -9223372036854775808, access_expires_at = 0",
    "refresh_expires_at = 9223372036854775807",
    "updated_at = 9223372036854775807, created_at = -9223372036854775808",
    "token_given_at = -9223372036854775808, token_hash = NULL",
    "version = 9223372036854775807, access_expires_at = 0",
];

/// A row that was changed by hand is seen once the memory is cleared.
fn forget(place: &Place) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
    command.current_dir(place.world.cluster.directory.path()).env_clear();
    let output = command.args(["cache", "clear"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn undo(place: &Place) {
    let restore = "DELETE FROM grants; INSERT INTO grants SELECT * FROM saved";
    place.execute(&format!("PRAGMA foreign_keys = OFF; {restore}"), restore);
}

#[test]
fn vc_2_vc_3_a_row_that_was_edited_by_hand_is_an_alarm_and_nobody_elses_trouble() {
    edited_by_hand(&Place::on_sqlite());
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn vc_2_vc_3_a_row_that_was_edited_by_hand_is_an_alarm_and_nobody_elses_trouble_on_postgresql() {
    edited_by_hand(&Place::on_postgres());
}

fn edited_by_hand(place: &Place) {
    let world = &place.world;
    let [ada, grace] =
        ["ada@example.com", "grace@example.com"].map(|email| world.sign_in(0, email));
    let [mine, theirs] = [&ada, &grace].map(|person| world.refresh(0, person));
    place.without_checks();
    for (sqlite, postgres) in TERMS {
        place.add_terms(sqlite, postgres);
    }
    for (sqlite, postgres, codes) in EDITS {
        place.edit(&ada, sqlite, postgres);
        forget(place);
        world.until(sqlite, || world.vend(0, &ada, &json!({})).status() != 200);
        for request in [json!({}), stale(&mine)] {
            let answer = world.vend(0, &ada, &request);
            assert!(codes.contains(&code(&answer).as_str()), "{sqlite}: {}", answer.0);
            assert!(!answer.0.contains(&theirs), "{sqlite}");
        }
        assert_eq!(world.token(0, &grace, &json!({})), theirs, "{sqlite}");
        assert_eq!(world.health(0), (200, 200));
        undo(place);
        world.until("it is as it was", || world.vend(0, &ada, &json!({})).status() == 200);
    }
    for numbers in NUMBERS {
        place.edit(&ada, numbers, "");
        forget(place);
        for request in [json!({}), stale(&mine)] {
            let answer = world.vend(0, &ada, &request);
            assert!(token_in(&answer).is_some() || !code(&answer).is_empty(), "{}", answer.0);
            assert!(!answer.0.contains(&theirs), "{numbers}");
        }
        assert!(token_in(&world.vend(0, &grace, &json!({}))).is_some(), "{numbers}");
        undo(place);
    }
    let log = world.cluster.log();
    assert!(!log.contains("panic"), "{log}");
    is_told_once(place, &ada);
}

/// Whoever can write the database hands nobody's token to somebody else.
#[test]
fn vc_2_a_grant_that_was_given_to_another_user_opens_for_nobody() {
    given_to_another_user(&Place::on_sqlite());
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn vc_2_a_grant_that_was_given_to_another_user_opens_for_nobody_on_postgresql() {
    given_to_another_user(&Place::on_postgres());
}

fn given_to_another_user(place: &Place) {
    let world = &place.world;
    let emails = ["ada@example.com", "mallory@example.com", "grace@example.com"];
    let [ada, mallory, grace] = emails.map(|email| world.sign_in(0, email));
    let [hers, _, others] = [&ada, &mallory, &grace].map(|person| world.refresh(0, person));
    place.without_checks();
    // It is older than Mallory's own: the one that is meant where none is named.
    let given = "user_id = (SELECT id FROM users WHERE email = 'mallory@example.com')";
    place.edit(&ada, given, "");
    forget(place);
    world.until("it opens no more", || world.vend(0, &mallory, &json!({})).status() != 200);
    for request in [json!({}), stale(&hers)] {
        let answer = world.vend(0, &mallory, &request);
        assert_eq!((answer.status(), code(&answer).as_str()), (500, "vault_error"), "{}", answer.0);
        assert!(!answer.0.contains(&hers), "{}", answer.0);
    }
    assert_eq!(code(&world.vend(0, &ada, &json!({}))), "no_grant");
    assert_eq!(world.token(0, &grace, &json!({})), others);
    is_told_once(place, &mallory);
    undo(place);
    world.until("it is as it was", || world.vend(0, &ada, &json!({})).status() == 200);
    assert_eq!(world.token(0, &ada, &json!({})), hers);
}

/// One alarm, which names the grant and whose it is by the row, in the log and among the events; the refusals are counted as all are.
fn is_told_once(place: &Place, person: &Person) {
    let alarms = place.world.cluster.log().matches("a grant is not as it was written").count();
    assert_eq!(alarms, 1);
    let url = &place.world.cluster.database_url;
    let events = || {
        let read = async { standin_store::open(url).await.unwrap().events(0, 10_000).await };
        let events = Runtime::new().unwrap().block_on(read).unwrap();
        events
            .into_iter()
            .filter(|stored| stored.event.kind == EventKind::GrantDamaged)
            .collect::<Vec<_>>()
    };
    place.world.until("it is among the events", || !events().is_empty());
    let events = events();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].event.user.unwrap().to_string(), person.user);
    assert!(events[0].event.grant.is_some());
}

/// What is done with all grants is done with the others, and says which one it is.
#[test]
fn vc_2_a_row_that_cannot_be_read_is_named_and_keeps_no_list_and_no_rewrap_from_the_others() {
    the_others_go_on(&Place::on_sqlite());
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn vc_2_a_row_that_cannot_be_read_is_named_and_keeps_nothing_from_the_others_on_postgresql() {
    the_others_go_on(&Place::on_postgres());
}

fn the_others_go_on(place: &Place) {
    let world = &place.world;
    let emails = ["ada@example.com", "grace@example.com", "linus@corp.example"];
    let [_, grace, _] = emails.map(|email| world.sign_in(0, email));
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
        command.current_dir(world.cluster.directory.path()).env_clear().args(arguments);
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), serde_json::from_slice::<Value>(&output.stdout).unwrap(), said)
    };
    let ids = |listed: &Value| -> Vec<String> {
        let ids = listed.as_array().unwrap().iter().map(|grant| grant["id"].as_str().unwrap());
        ids.map(str::to_owned).collect()
    };
    let (code, listed, _) = run(&["grants", "list", "--json"]);
    let all = ids(&listed);
    assert_eq!((code, all.len()), (Some(0), 3), "{listed}");
    let damaged = listed.as_array().unwrap().iter().find(|grant| grant["user"] == grace.user);
    let damaged = damaged.unwrap()["id"].as_str().unwrap().to_owned();
    place.without_checks();
    place.edit(&grace, "state = 'sleeping'", "");

    let (code, listed, said) = run(&["grants", "list", "--json"]);
    let others: Vec<_> = all.iter().filter(|id| **id != damaged).cloned().collect();
    assert_eq!((code, ids(&listed)), (Some(1), others.clone()), "{said}");
    assert!(said.contains(&damaged) && said.contains("grants.state"), "{said}");
    assert!(others.iter().all(|other| !said.contains(other)), "{said}");

    // Also at the end of a page, and at its beginning.
    for arguments in [&["keys", "add", "--json"][..], &["keys", "activate", "2", "--json"]] {
        assert_eq!(run(arguments).0, Some(0));
    }
    let (code, rewrapped, said) = run(&["keys", "rewrap", "--batch", "1", "--json"]);
    let wanted = json!({ "data_keys": 0, "rows": 2, "unreadable": 1, "put_off": 0, "left": 1 });
    assert_eq!((code, rewrapped), (Some(1), wanted), "{said}");
    assert!(said.contains(&damaged), "{said}");
    assert!(others.iter().all(|other| !said.contains(other)), "{said}");

    // Mended, it is sealed again as well.
    undo(place);
    let (code, rewrapped, said) = run(&["keys", "rewrap", "--json"]);
    assert_eq!(
        (code, &rewrapped["unreadable"], &rewrapped["left"]),
        (Some(0), &json!(0), &json!(0)),
        "{said}"
    );
}

/// A revocation that cannot be read does not keep the others from being made.
#[test]
fn vc_2_a_revocation_that_was_edited_by_hand_is_in_nobodys_way() {
    revocations_go_on(&Place::on_sqlite());
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn vc_2_a_revocation_that_was_edited_by_hand_is_in_nobodys_way_on_postgresql() {
    revocations_go_on(&Place::on_postgres());
}

fn revocations_go_on(place: &Place) {
    let world = &place.world;
    let people = ["ada@example.com", "grace@example.com"].map(|email| world.sign_in(0, email));
    let down = r#"[{"endpoint":"revoke","fault":"status","status":503,"times":2}]"#;
    world.cluster.control("POST", "faults", down);
    for person in &people {
        world.disconnect(0, person);
    }
    let damage = "UPDATE revocations SET provider = 'Google!', retry_at = 0 \
        WHERE queued_at = (SELECT min(queued_at) FROM revocations)";
    let others = "UPDATE revocations SET retry_at = 0";
    place.execute(&format!("{others}; {damage}"), &format!("{others}; {damage}"));
    world.until("the other is revoked", || world.cluster.count("revoked") == 1);
    assert!(world.cluster.log().contains("a row is passed over until somebody has mended it"));
}
