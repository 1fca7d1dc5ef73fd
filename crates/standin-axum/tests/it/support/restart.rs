//! The same app with another configuration: same address, same database, same keys.

use standin::provider::ProviderConfig;
use standin::{SignUp, Standin};
use tokio::net::TcpListener;

use super::{SharedClock, World, http_client, serve};

impl World {
    /// Stops, and starts again with this rule for people who are new and with changes to the provider.
    pub async fn restart(&mut self, sign_up: SignUp, change: impl FnOnce(&mut ProviderConfig)) {
        self.server.abort();
        let _stopped = (&mut self.server).await;
        let id = "google".parse().unwrap();
        let mut provider = self.standin.provider(&id).unwrap().config().clone();
        change(&mut provider);
        let store = standin_store::open(&self.database_url()).await.unwrap();
        let builder = Standin::builder(self.app.clone(), store, http_client())
            .clock(SharedClock(self.google.clock()))
            .sign_up(sign_up)
            .provider(provider);
        self.standin = builder.build(&self.keys).await.unwrap();
        let address = self.app.socket_addrs(|| None).unwrap()[0];
        self.server = serve(TcpListener::bind(address).await.unwrap(), &self.standin);
    }
}
