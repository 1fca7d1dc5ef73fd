//! The key file, and whether every data key opens with it; which of them are still needed.

use std::path::Path;
use std::time::Duration;

use standin::entropy::SystemEntropy;
use standin::store::{DataKeyRow, Store};
use standin::time::{SystemClock, Timestamp};
use standin::vault::{DataKey, DataKeyState, KeyFile, KeyRing, Rotation};

use super::{Finding, Patient, spoken};
use crate::config::{Config, KeyList};
use crate::keys;

const FILE: &str = "key file";
const KEYS: &str = "keys";
const REWRAP: &str = "rewrap";
/// Rewrapping a hundred million rows takes hours; whoever needs longer has stopped.
const REWRAP_WITHIN: Duration = Duration::from_hours(24);

/// Where the list of key-encryption keys is, if it is a file of its own.
pub(crate) fn list_file(config: &Config) -> Option<&Path> {
    match &config.keys.list {
        KeyList::File(path) => Some(path),
        KeyList::Named(..) => None,
    }
}

/// Its mode is looked at by whoever reads it (requirement VC-9); the active key wraps and unwraps something.
pub(super) async fn file(config: &Config) -> (Option<KeyFile>, Finding) {
    let place = list_file(config)
        .map_or_else(|| "the configuration".to_owned(), |path| path.display().to_string());
    let keys = match keys::read(&config.keys) {
        Ok(keys) => keys,
        Err(error) => {
            let action = "without it nothing in the vault opens: mend it, or restore the copy that you keep apart from backups";
            return (None, Finding::error(FILE, error.to_string(), action));
        }
    };
    let (count, active) = (keys.ids().count(), keys.active().to_owned());
    if let Err(error) = keys.try_out(&active, &SystemEntropy).await {
        let action = "make the key reachable as the message says: no new data key can be made, and no service starts";
        return (Some(keys), Finding::error(FILE, format!("{active}: {error}"), action));
    }
    let detail = format!("{place} names {count} key-encryption keys; {active} is active and wraps");
    (Some(keys), Finding::ok(FILE, detail))
}

pub(super) async fn look(patient: &Patient) -> Vec<Finding> {
    let (Some(keys), Some(store)) = (&patient.keys, &patient.store) else { return Vec::new() };
    match store.data_keys().await {
        // Loading the ring would make the first key, which is for `serve` to do.
        Ok(rows) if rows.is_empty() => {
            vec![Finding::ok(
                KEYS,
                "the vault is empty: its first data key is made at the first start",
            )]
        }
        Ok(rows) => vec![opens(keys, &**store, &rows).await, rewrap(&**store, patient.now).await],
        Err(error) => vec![unread(KEYS, &error.to_string())],
    }
}

async fn opens(list: &KeyFile, store: &dyn Store, rows: &[DataKeyRow]) -> Finding {
    match KeyRing::load(list, store, &SystemClock, &SystemEntropy).await {
        Ok(ring) => {
            if let Some(detail) = keys::left_out(&ring) {
                let action = "what these sealed does not open, and everything else does: make their key-encryption key reachable, or restore their rows from a backup; one that is retired: `standin keys remove`";
                return Finding::error(KEYS, detail, action);
            }
            let live = rows.iter().filter(|row| row.removed_at.is_none()).count();
            Finding::ok(KEYS, format!("all {live} data keys open"))
        }
        Err(error) => {
            let missing: Vec<_> = rows
                .iter()
                .filter(|row| row.removed_at.is_none())
                .filter(|row| !list.ids().any(|id| id == row.wrapped_by))
                .map(|row| format!("data key {} needs `{}`", row.id, row.wrapped_by))
                .collect();
            let detail = match missing.as_slice() {
                [] => error.to_string(),
                missing => format!("{error}: {}", missing.join(", ")),
            };
            let action =
                "restore the key file that this vault was made with; no service starts without it";
            Finding::error(KEYS, detail, action)
        }
    }
}

async fn rewrap(store: &dyn Store, now: Timestamp) -> Finding {
    let keys = match Rotation::list(store).await {
        Ok(keys) => keys,
        Err(error) => return unread(REWRAP, &error.to_string()),
    };
    let needed = |key: &&DataKey| key.grants + key.revocations > 0;
    let old: Vec<_> =
        keys.iter().filter(|key| key.state == DataKeyState::Opens).filter(needed).collect();
    let newest = keys.iter().filter_map(|key| key.row.activated_at).max().unwrap_or(now);
    let since = now.remaining(newest);
    let Some(oldest) = old.first() else {
        return Finding::ok(REWRAP, "no row needs a key that is not the active one");
    };
    let rows: u64 = old.iter().map(|key| key.grants + key.revocations).sum();
    let detail = format!(
        "{rows} rows still need a key that was replaced (the oldest is data key {}); another one was activated {} ago",
        oldest.row.id,
        spoken(since.as_secs())
    );
    if since < REWRAP_WITHIN {
        return Finding::ok(REWRAP, detail);
    }
    let action = "run `standin keys rewrap`, then retire the old keys; rows that do not open must be revoked";
    Finding::warning(REWRAP, detail, action)
}

fn unread(check: &'static str, detail: &str) -> Finding {
    Finding::error(check, format!("cannot be read: {detail}"), "make the database usable")
}
