//! Whether the tables are those that this program knows. A database of another schema is not opened any further.

use std::sync::Arc;

use secrecy::ExposeSecret as _;
use standin::store::Store;

use super::Finding;
use crate::app;
use crate::config::Config;

const CHECK: &str = "schema";

pub(super) async fn look(config: &Config) -> (Option<Arc<dyn Store>>, Finding) {
    let url = config.database_url.expose_secret();
    let pending = match standin_store::pending_migrations(url).await {
        Ok(pending) => pending,
        Err(error) => {
            let action = "make the database reachable as the message says; look at [database] url";
            return (None, Finding::error(CHECK, error.to_string(), action));
        }
    };
    if !pending.is_empty() {
        let detail = format!("these migrations are missing: {}", pending.join(", "));
        return (None, Finding::error(CHECK, detail, app::MIGRATE));
    }
    match app::open_store_beside(config).await {
        Ok(store) => (Some(store), Finding::ok(CHECK, "the tables are those of this program")),
        Err(error) => {
            let action = "make the database usable as the message says";
            (None, Finding::error(CHECK, error.to_string(), action))
        }
    }
}
