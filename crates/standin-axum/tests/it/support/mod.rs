//! The world that a test lives in.

mod backup;
mod browser;
mod button;
mod database;
mod entra;
mod flow;
mod form_post;
mod github;
mod google;
mod job;
mod probe;
mod published;
mod refusal;
mod restart;
mod signer;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use standin::Standin;
use standin::entropy::SystemEntropy;
use standin::http::{AddressPolicy, HttpClient, ReqwestClient};
use standin::provider::{
    AnswerForm, ClientAuthentication, ProviderConfig, ProviderKind, ProviderProfile, RefreshRate,
    Registration, Scopes, Transport, UserAuthentication,
};
use standin::secret::ClientSecret;
use standin::time::{Clock, Timestamp};
use standin::vault::{KeyFile, Rotation};
use standin_emulator::Emulator;
use standin_store::postgres::testing::Database;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

pub use browser::{Answer, Browser, shown};
pub use button::{ButtonPage, CSRF};
pub use database::contains;
pub use entra::{Entra, FABRIKAM, TENANT};
pub use flow::{adding, param, with, without};
pub use form_post::Form;
pub use github::{App, GitHub};
pub use google::Google;
pub use job::Job;
pub use probe::Caller;
pub use published::Publishing;
pub use refusal::{Refused, refused};
pub use signer::{KID, WithOurKey, changed, forged, signed};
pub use wire::Wire;

pub const CALENDAR: &str = "https://www.googleapis.com/auth/calendar.events";
pub const DRIVE: &str = "https://www.googleapis.com/auth/drive.file";
pub const ADA: &str = "ada@example.com";
pub const GRACE: &str = "grace@example.com";

/// An app with Standin in it, its database, and the provider it trusts. Everything stops on drop.
pub struct World {
    pub google: Google,
    pub standin: Standin,
    pub app: Url,
    /// The keys that the vault was made with.
    pub keys: KeyFile,
    server: JoinHandle<()>,
    directory: TempDir,
    /// Where the rows are, unless they are in the directory.
    database: Option<Database>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Standin goes by the emulator's clock, so that one `advance` is felt by both.
struct SharedClock(standin_emulator::Clock);

impl Clock for SharedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.0.now_unix_ms())
    }
}

impl World {
    /// With the provider `google`, which asks for openid, email and profile and may ask for Calendar and Drive.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With changes to the provider's configuration.
    pub async fn with(change: impl FnOnce(&mut ProviderConfig)) -> Self {
        Self::over(http_client(), change).await
    }

    /// The same, over another HTTP client.
    pub async fn over(http: impl HttpClient, change: impl FnOnce(&mut ProviderConfig)) -> Self {
        Self::among(http, |providers| change(&mut providers[0])).await
    }

    /// The same, beside other providers.
    pub async fn among(
        http: impl HttpClient,
        change: impl FnOnce(&mut Vec<ProviderConfig>),
    ) -> Self {
        let (listener, app) = listen().await;
        let emulator = emulator(&app, "google").await;
        let mut providers = vec![google(&emulator)];
        change(&mut providers);
        Self::of(http, listener, app, emulator, providers).await
    }

    /// With its rows on the PostgreSQL server of this test run.
    pub async fn on_postgres() -> Self {
        let (listener, app) = listen().await;
        let emulator = emulator(&app, "google").await;
        let (providers, database) = (vec![google(&emulator)], Some(Database::fresh()));
        Self::at(http_client(), listener, app, emulator, providers, database).await
    }

    /// With a second provider, `other`, of the other kind and with an emulator of its own.
    pub async fn with_another() -> (Self, Google) {
        let (listener, app) = listen().await;
        let (first, second) = (emulator(&app, "google").await, emulator(&app, "other").await);
        let other = ProviderConfig {
            id: "other".parse().unwrap(),
            kind: ProviderKind::Oidc(ProviderProfile::default()),
            ..google(&second)
        };
        let providers = vec![google(&first), other];
        (Self::of(http_client(), listener, app, first, providers).await, Google::new(second))
    }

    async fn of(
        http: impl HttpClient,
        listener: TcpListener,
        app: Url,
        emulator: Emulator,
        providers: Vec<ProviderConfig>,
    ) -> Self {
        Self::at(http, listener, app, emulator, providers, database::on_a_server()).await
    }

    async fn at(
        http: impl HttpClient,
        listener: TcpListener,
        app: Url,
        emulator: Emulator,
        providers: Vec<ProviderConfig>,
        database: Option<Database>,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = database::url_in(&directory, database.as_ref());
        let store = standin_store::open(&url).await.unwrap();
        let keys = KeyFile::generate(&SystemEntropy);
        let clock = SharedClock(emulator.clock());
        let builder = Standin::builder(app.clone(), store, http).clock(clock);
        let builder = providers.into_iter().fold(builder, standin::Builder::provider);
        let standin = builder.build(&keys).await.unwrap();
        let server = serve(listener, &standin);
        let google = Google::new(emulator);
        Self { google, standin, app, keys, server, directory, database }
    }

    /// The app once more, beside this one, on the same database and keys: at another address, and perhaps with
    /// another public one or another registration. It stops with its handle.
    pub async fn beside(
        &self,
        public: &Url,
        change: impl FnOnce(&mut ProviderConfig),
    ) -> (Url, AbortOnDropHandle<()>) {
        let (listener, address) = listen().await;
        let store = standin_store::open(&self.database_url()).await.unwrap();
        let mut provider = google(self.google.emulator());
        change(&mut provider);
        let clock = SharedClock(self.google.clock());
        let builder = Standin::builder(public.clone(), store, http_client()).clock(clock);
        let standin = builder.provider(provider).build(&self.keys).await.unwrap();
        (address, AbortOnDropHandle::new(serve(listener, &standin)))
    }

    /// Whoever changes the vault's keys.
    pub async fn rotation(&self) -> Rotation {
        let store = standin_store::open(&self.database_url()).await.unwrap();
        let clock = Arc::new(SharedClock(self.google.clock()));
        Rotation::open(&self.keys, store, clock, Arc::new(SystemEntropy)).await.unwrap()
    }

    /// A browser without any cookie.
    pub fn browser(&self) -> Browser {
        Browser::new(self.app.clone())
    }

    /// A job that may ask for everything.
    pub async fn job(&self) -> Job {
        self.job_with(standin::vend::Policy::everything()).await
    }

    /// A job with these rules.
    pub async fn job_with(&self, policy: standin::vend::Policy) -> Job {
        Job::register(&self.standin, &self.app, policy).await
    }

    /// Somebody signs in with this query: their browser, and their user id.
    pub async fn signed_in(&self, person: &str, query: &str) -> (Browser, String) {
        self.google.allow(person).await;
        let mut browser = self.browser();
        browser.sign_in(query).await.assert_status(303);
        let session = browser.session().await;
        session.assert_status(200);
        let user = session.json()["user"]["id"].as_str().unwrap().to_owned();
        (browser, user)
    }

    /// Every byte of the database, with its log.
    pub fn database_bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.directory.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }

    /// An address of the app.
    pub fn url(&self, path: &str) -> Url {
        self.app.join(path).unwrap()
    }
}

/// The client that ships, which may talk to the emulator on this machine.
pub fn http_client() -> ReqwestClient {
    ReqwestClient::new(AddressPolicy::public().and_loopback()).unwrap()
}

fn google(emulator: &Emulator) -> ProviderConfig {
    ProviderConfig {
        id: "google".parse().unwrap(),
        kind: ProviderKind::Google,
        issuer: emulator.origin().to_owned(),
        registration: Registration {
            client_id: emulator.client_id().to_owned(),
            client_secret: ClientSecret::new(emulator.client_secret()),
            authentication: ClientAuthentication::Post,
        },
        scopes: Scopes::parse("openid email profile").unwrap(),
        extra_scopes: Scopes::parse(&format!("{CALENDAR} {DRIVE}")).unwrap(),
        browser_scopes: Scopes::default(),
        hosted_domains: Vec::new(),
        allow: standin::AllowList::default(),
        allow_credential_without_nonce: false,
        answer: AnswerForm::default(),
        authentication: UserAuthentication::default(),
        max_refreshes_per_second: RefreshRate::default(),
        transport: Transport::LoopbackHttpAllowed,
    }
}

async fn listen() -> (TcpListener, Url) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let app = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    (listener, app)
}

async fn emulator(app: &Url, provider: &str) -> Emulator {
    Emulator::builder()
        .redirect_uri(app.join(&format!("/auth/{provider}/callback")).unwrap())
        .javascript_origin(app.origin().ascii_serialization())
        .start()
        .await
        .unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test's server is aborted when its world is dropped"
)]
fn serve(listener: TcpListener, standin: &Standin) -> JoinHandle<()> {
    let service =
        standin_axum::router(standin.clone()).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() })
}
