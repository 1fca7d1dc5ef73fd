//! The same app with another configuration: same address, same database, same keys.

use standin::http::HttpClient;
use standin::provider::ProviderConfig;
use standin::{Builder, SignUp, Standin};
use tokio::net::TcpListener;

use super::{SharedClock, World, http_client, serve};

impl World {
    /// Stops, and starts again with this rule for people who are new and with changes to the provider.
    pub async fn restart(&mut self, sign_up: SignUp, change: impl FnOnce(&mut ProviderConfig)) {
        let mut provider = self.provider();
        change(&mut provider);
        self.start_again(http_client(), |builder| builder.sign_up(sign_up).provider(provider))
            .await;
    }

    /// The same, over another client, with the keys as they are named here now and whatever else is changed.
    pub async fn restart_over(
        &mut self,
        http: impl HttpClient,
        change: impl FnOnce(Builder) -> Builder,
    ) {
        let provider = self.provider();
        self.start_again(http, |builder| change(builder.provider(provider))).await;
    }

    fn provider(&self) -> ProviderConfig {
        let id = "google".parse().unwrap();
        self.standin.provider(&id).unwrap().config().clone()
    }

    async fn start_again(
        &mut self,
        http: impl HttpClient,
        change: impl FnOnce(Builder) -> Builder,
    ) {
        self.server.abort();
        let _stopped = (&mut self.server).await;
        let store = standin_store::open(&self.database_url()).await.unwrap();
        let builder =
            Standin::builder(self.app.clone(), store, http).clock(SharedClock(self.google.clock()));
        self.standin = change(builder).build(&self.keys).await.unwrap();
        let address = self.app.socket_addrs(|| None).unwrap()[0];
        self.server = serve(TcpListener::bind(address).await.unwrap(), &self.standin);
    }
}
