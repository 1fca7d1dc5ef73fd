//! A backup as an operator takes it, and another machine that is set up from it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use standin::Standin;
use standin::time::Timestamp;
use standin_store::postgres::testing::Database;
use tokio::net::TcpListener;

use super::{SharedClock, World, google, http_client, serve};

/// As `docs/backup.md` tells operators, whose clock goes right.
const GO_ON_ABOVE: &str = "UPDATE event_counter \
    SET last = greatest(last, (extract(epoch from now()) * 1000)::bigint)";
/// The same, but by the clock of the world.
fn mark(now: Timestamp) -> String {
    format!(
        "INSERT INTO timelines VALUES ('restored', {}) \
         ON CONFLICT (timeline) DO UPDATE SET seen_at = excluded.seen_at",
        now.unix_ms()
    )
}

impl World {
    /// A copy of the database, while the app goes on; its keys are kept elsewhere.
    pub fn backup(&self, to: &Path) -> PathBuf {
        let copy = to.join("copy");
        match &self.database {
            Some(database) => database.dump(&copy),
            None => drop(standin_store::backup(&self.database_url(), &copy).unwrap()),
        }
        copy
    }

    /// The machine is lost with everything on it. The app starts anew at the same address, with the same keys, on
    /// what the copy holds.
    pub async fn lost_and_restored(&mut self, copy: &Path) {
        self.server.abort();
        let _stopped = (&mut self.server).await;
        self.directory = tempfile::tempdir().unwrap();
        let now = self.standin.clock().now();
        if self.database.is_some() {
            let database = Database::restored(copy);
            database.psql(GO_ON_ABOVE);
            database.psql(&mark(now));
            self.database = Some(database);
        } else {
            standin_store::restore(&self.database_url(), copy, now, false).unwrap();
        }
        let store = standin_store::open(&self.database_url()).await.unwrap();
        let clock = SharedClock(self.google.clock());
        let builder = Standin::builder(self.app.clone(), Arc::clone(&store), http_client());
        let builder = builder.clock(clock).provider(google(self.google.emulator()));
        self.standin = builder.build(&self.keys).await.unwrap();
        let address = self.app.socket_addrs(|| None).unwrap()[0];
        self.server = serve(TcpListener::bind(address).await.unwrap(), &self.standin);
    }
}
