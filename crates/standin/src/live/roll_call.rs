//! Waiting until every node has heard of what was just changed (`strict`).
//!
//! A roll is called by beginning another epoch. A node that sees it has read, in the same look and after it, the
//! notes of everything that was committed before; it strikes them and then says that it has heard the call. A node
//! that has not been heard of for a while is not waited for: it cannot have looked either, and believes nothing.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::store::{Epoch, Store, StoreError};

/// How long nodes are waited for.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

/// Whether every node that is alive has said within five seconds that it has heard of everything that was changed
/// until now. Those that have not stop believing what they keep by themselves, within two seconds of the change.
pub(crate) async fn is_heard_everywhere(store: &dyn Store) -> bool {
    match call_roll(store, PATIENCE).await {
        Ok(is_heard) => is_heard,
        Err(error) => {
            tracing::warn!(%error, "whether every node has heard of a change cannot be found out");
            false
        }
    }
}

pub(super) async fn call_roll(store: &dyn Store, patience: Duration) -> Result<bool, StoreError> {
    let roll_call = store.begin_epoch(&Epoch::RollCall).await?;
    let until = Instant::now() + patience;
    loop {
        let behind = store.nodes_behind(roll_call).await?;
        if behind.is_empty() {
            return Ok(true);
        }
        if Instant::now() >= until {
            tracing::warn!(nodes = ?behind, "not every node has heard of a change in time");
            return Ok(false);
        }
        sleep(PAUSE).await;
    }
}
