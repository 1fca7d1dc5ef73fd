//! The journal of rotated refresh tokens: whether it is there, can be written, and what waits in it.

use std::time::Duration;

use standin_store::journal;

use super::{Finding, Patient, spoken};
use crate::app;

const CHECK: &str = "journal";
/// A commit follows its record within milliseconds, and the database may be away for a while.
const WAITS: Duration = Duration::from_mins(1);

pub(super) fn look(patient: &Patient) -> Finding {
    let Some(directory) = app::journal_directory(&patient.config) else {
        let detail = "there is none: a refresh token that a provider has just replaced is lost if this process or the database dies at that moment";
        let action = "name a directory of this machine's own disk in [refresh] journal";
        return Finding::warning(CHECK, detail, action);
    };
    let path = directory.display();
    if !directory.exists() {
        let detail = format!("{path} is not there yet; the first `standin serve` makes it");
        return Finding::ok(CHECK, detail);
    }
    let contents = match journal::probe(&directory).and_then(|()| journal::look(&directory)) {
        Ok(contents) => contents,
        Err(error) => {
            let action = "make it writable for the service, on a disk with room: a rotated refresh token has no second place otherwise";
            return Finding::error(CHECK, format!("{path}: {error}"), action);
        }
    };
    let since = contents.oldest.map_or(Duration::ZERO, |oldest| patient.now.remaining(oldest));
    if since < WAITS {
        return Finding::ok(
            CHECK,
            format!("{path} can be written; {} records wait", contents.waiting),
        );
    }
    let detail = format!(
        "{} rotated refresh tokens in {path} are in no row, as far as is known; the oldest for {}",
        contents.waiting,
        spoken(since.as_secs())
    );
    let action = "start `standin serve` on this machine with this directory: it brings them to their rows; keep the directory until then";
    Finding::warning(CHECK, detail, action)
}
