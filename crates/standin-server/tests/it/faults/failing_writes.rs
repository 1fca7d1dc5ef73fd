//! One statement that fails, again and again, while all others work (fault D24): a trigger of the database's.

use std::fs;
use std::thread;

use serde_json::json;

use super::place::Place;
use super::world::{Person, signal, stale, token_in};
use crate::nodes::Node;

impl Place {
    /// From now on a statement fails: `event` is `UPDATE`, say.
    fn fail(&self, event: &str, table: &str) {
        let sqlite = format!(
            "CREATE TRIGGER fault BEFORE {event} ON {table} BEGIN SELECT raise(ABORT, 'injected'); END"
        );
        let postgres = format!(
            "CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'injected'; END $$; \
             CREATE TRIGGER fault BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION fault()"
        );
        self.execute(&sqlite, &postgres);
    }

    fn mend(&self, table: &str) {
        self.execute("DROP TRIGGER fault", &format!("DROP TRIGGER fault ON {table}"));
    }

    fn person(&self) -> Person {
        let ada = self.world.sign_in(0, "ada@example.com");
        self.world.refresh(0, &ada);
        ada
    }

    fn journal_size(&self) -> u64 {
        let directory = self.world.cluster.directory.path().join("standin.db.journal.d");
        let files = fs::read_dir(directory).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
    }

    /// Until the provider has given one more token.
    fn until_answered(&self, refreshes: usize) {
        let count = || self.world.cluster.count("token_refreshed");
        self.world.until("the provider has answered", || count() > refreshes);
    }
}

#[test]
fn d24_a_rotated_token_whose_row_cannot_be_written_is_kept_and_written_later() {
    is_kept_and_written_later(&Place::on_sqlite());
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn d24_a_rotated_token_whose_row_cannot_be_written_is_kept_and_written_later_on_postgresql() {
    is_kept_and_written_later(&Place::on_postgres());
}

fn is_kept_and_written_later(place: &Place) {
    let (world, ada) = (&place.world, place.person());
    let request = stale(&world.token(0, &ada, &json!({})));
    let refreshes = world.cluster.count("token_refreshed");
    place.fail("UPDATE", "grants");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| world.vend(0, &ada, &request));
        place.until_answered(refreshes);
        place.mend("grants");
        let answer = waiting.join().unwrap();
        assert!(token_in(&answer).is_some(), "{}", answer.0);
    });
    assert_eq!(world.cluster.count("token_refreshed"), refreshes + 1, "it was asked once");
    world.nobody_is_behind(&[&ada]);
}

/// The process goes, and what it held with it: the journal has it.
#[test]
fn d24_a_rotated_token_whose_row_cannot_be_written_outlives_its_process() {
    let mut place = Place::on_sqlite();
    let ada = place.person();
    let request = stale(&place.world.token(0, &ada, &json!({})));
    let refreshes = place.world.cluster.count("token_refreshed");
    let before = place.journal_size();
    place.fail("UPDATE", "grants");
    thread::scope(|scope| {
        let asked = scope.spawn(|| place.world.vend(0, &ada, &request));
        place.until_answered(refreshes);
        place.world.until("the journal has it", || place.journal_size() > before);
        signal(&place.world.cluster.nodes[0], "-KILL");
        // It was killed before it could answer.
        drop(asked.join());
    });
    place.mend("grants");
    let directory = place.world.cluster.directory.path().to_owned();
    place.world.cluster.nodes[0] = Node::start(&directory);
    let newest = place.world.newest_refresh_tokens()[&ada.email].clone();
    let kept = || place.world.kept()[&ada.email].refresh_token == newest;
    place.world.until("the row has what the journal had", kept);
    place.world.refresh(0, &ada);
}

#[test]
fn d24_a_sign_in_that_cannot_be_written_whole_leaves_nothing_of_itself() {
    leaves_nothing(&Place::on_sqlite());
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn d24_a_sign_in_that_cannot_be_written_whole_leaves_nothing_of_itself_on_postgresql() {
    leaves_nothing(&Place::on_postgres());
}

fn leaves_nothing(place: &Place) {
    place.fail("INSERT", "sessions");
    let refused = place.world.try_sign_in(0, "ada@example.com").unwrap_err();
    assert_eq!(refused.status(), 503, "{}", refused.0);
    assert!(refused.0.contains("storage_unavailable"), "{}", refused.0);
    assert!(!refused.0.contains("injected"), "the database's words are for the log");
    assert!(place.world.kept().is_empty());
    place.mend("sessions");
    let ada = place.world.sign_in(0, "ada@example.com");
    place.world.refresh(0, &ada);
    place.world.nobody_is_behind(&[&ada]);
}
