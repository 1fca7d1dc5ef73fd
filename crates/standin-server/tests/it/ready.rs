//! `/readyz`, `/healthz`, and `standin healthcheck`, which asks them.

use std::fs;

use crate::nodes::ask;
use crate::place::Place;

#[test]
fn a_service_whose_journal_cannot_be_written_lives_and_is_not_ready() {
    let place = Place::new();
    let node = place.serve();
    let status = |path: &str| ask(&node.operator, &node.operator, &format!("GET {path}"), "", "");
    let check = |live: bool| {
        let mut arguments = vec!["healthcheck", "--operator", &node.operator];
        arguments.extend(live.then_some("--live"));
        place.run(&arguments)
    };
    assert_eq!((status("/healthz").status(), status("/readyz").status()), (200, 200));
    assert!(check(false).status.success() && check(true).status.success());

    let journal = place.path("standin.db.journal.d");
    fs::rename(&journal, place.path("moved")).unwrap();
    fs::write(&journal, "in the way").unwrap();
    let refused = status("/readyz");
    assert_eq!((status("/healthz").status(), refused.status()), (200, 503));
    assert!(refused.0.contains("not_ready") && refused.0.contains("journal"), "{}", refused.0);
    let words = check(false);
    let said = String::from_utf8_lossy(&words.stderr).into_owned();
    assert!(words.status.code() == Some(1) && said.contains("The journal"), "{said}");
    assert!(check(true).status.success());

    fs::remove_file(&journal).unwrap();
    fs::rename(place.path("moved"), &journal).unwrap();
    assert_eq!(status("/readyz").status(), 200);
}
