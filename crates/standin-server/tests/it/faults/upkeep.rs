//! What nobody waits for: some of it that cannot be done keeps none of the rest from being done.

use super::place::Place;
use super::world::Person;

/// More than are looked after at once.
const DAMAGED: usize = 20;
/// More than leases are looked at, with those whose provider is asked before it is left alone.
const WAITING: usize = 90;

fn many(place: &Place, count: usize) -> Vec<Person> {
    (0..count).map(|n| place.world.sign_in(0, &format!("person{n}@example.com"))).collect()
}

/// Suspect grants that cannot be read, or not be refreshed, have been due for the longest time.
fn damaged_rows_are_due(place: &Place) {
    let people = many(place, DAMAGED);
    let ada = place.world.sign_in(0, "ada@example.com");
    place.without_checks();
    place.add_terms("1, provider_client, token_endpoint, 'quo\"te', requested", "");
    place.add_terms("2, provider_client, 'no address', scopes, requested", "");
    for (number, person) in people.iter().enumerate() {
        let terms = number % 2 + 1;
        place.edit(person, &format!("refusals = 1, due_at = 1, terms = {terms}"), "");
    }
    place.edit(&ada, "refusals = 1, due_at = 2", "");
    let refreshed = || place.world.cluster.count("token_refreshed") == 1;
    place.world.until("the one that is whole is refreshed", refreshed);
}

#[test]
fn vc_2_due_grants_that_were_edited_by_hand_are_in_nobodys_way() {
    damaged_rows_are_due(&Place::on_sqlite());
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn vc_2_due_grants_that_were_edited_by_hand_are_in_nobodys_way_on_postgresql() {
    damaged_rows_are_due(&Place::on_postgres());
}

/// Leases are over, of grants whose provider wants to be left alone for an hour; the youngest is of one that was taken
/// back, for which nobody will ask.
fn leases_wait_for_a_provider(place: &Place) {
    let world = &place.world;
    many(place, WAITING);
    let ada = world.sign_in(0, "ada@example.com");
    let down =
        r#"[{"endpoint":"token","fault":"status","status":503,"retry_after":3600,"times":100000}]"#;
    world.cluster.control("POST", "faults", down);
    world.disconnect(0, &ada);
    let leases = "INSERT INTO refresh_leases \
        (grant_id, attempt_id, generation, unresolved, is_reclaimed, deadline) \
        SELECT id, id, generation, 0, false, CASE state WHEN 'revoked' THEN 2 ELSE 1 END FROM grants";
    place.execute(leases, leases);
    let of_ada = "SELECT count(*) FROM refresh_leases, grants \
        WHERE grants.id = grant_id AND state = 'revoked'";
    assert_eq!(place.number(of_ada), 1);
    world.until("the lease is ended", || place.number(of_ada) == 0);
    let others = "SELECT count(*) FROM refresh_leases";
    assert_eq!(
        place.number(others),
        i64::try_from(WAITING).unwrap(),
        "nobody was asked about them"
    );
}

#[test]
fn rf_6_leases_at_a_provider_in_trouble_are_in_nobodys_way() {
    leases_wait_for_a_provider(&Place::on_sqlite());
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn rf_6_leases_at_a_provider_in_trouble_are_in_nobodys_way_on_postgresql() {
    leases_wait_for_a_provider(&Place::on_postgres());
}
