//! Rows that somebody has edited by hand: an alarm, an error for that grant alone, and never somebody else's token.

use serde_json::json;
use standin::store::EventKind;
use tokio::runtime::Runtime;

use super::place::Place;
use super::world::{Person, code, stale, token_in};

/// What somebody writes into Ada's row, and the codes that one of may be answered then. Where both databases say it in
/// the same words, once.
const EDITS: &[(&str, &str, &[&str])] = &[
    ("state = 'sleeping'", "", INCONSISTENT),
    ("state = 'reauth', reason = 'bad luck'", "", INCONSISTENT),
    ("scopes = 'quo\"te'", "", INCONSISTENT),
    ("version = -1", "", INCONSISTENT),
    ("generation = -1", "", INCONSISTENT),
    ("generation = 9223372036854775807", "", VAULT),
    ("user_id = x'00'", "user_id = '00000000-0000-0000-0000-000000000000'", &["no_grant"]),
    ("requested = CAST(x'ff' AS TEXT)", "requested = E'\\x01\\n'", INCONSISTENT),
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
    (
        "token_endpoint = 'no address', access_expires_at = 0",
        "",
        &["storage_inconsistent", "vault_error"],
    ),
    ("provider_client = 'somebody-elses', access_expires_at = 0", "", VAULT),
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
    for (sqlite, postgres, codes) in EDITS {
        place.edit(&ada, sqlite, postgres);
        // What was read a moment ago is remembered for a second.
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
        for request in [json!({}), stale(&mine)] {
            let answer = world.vend(0, &ada, &request);
            assert!(token_in(&answer).is_some() || !code(&answer).is_empty(), "{}", answer.0);
        }
        assert!(token_in(&world.vend(0, &grace, &json!({}))).is_some(), "{numbers}");
        undo(place);
    }
    let log = world.cluster.log();
    assert!(!log.contains("panic"), "{log}");
    is_told_once(place, &ada);
}

/// One alarm, which names the grant, in the log and among the events; the refusals are counted as all are.
fn is_told_once(place: &Place, ada: &Person) {
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
    assert_eq!(events[0].event.user.unwrap().to_string(), ada.user);
    assert!(events[0].event.grant.is_some());
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
