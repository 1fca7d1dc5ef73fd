//! The parts of a demo that exist without it: the emulator, and Standin configured for it.

use std::net::SocketAddr;

use anyhow::ensure;
use secrecy::SecretString;
use standin::entropy::SystemEntropy;
use standin::id::ClientId;
use standin::provider::{
    AnswerForm, ClientAuthentication, ProviderKind, RefreshRate, Scopes, UserAuthentication,
};
use standin::receipt::ReceiptSettings;
use standin::secret::{ClientKey, ClientSecret};
use standin::store::{ClientRow, Store};
use standin::time::Clock as _;
use standin::vend::{Policy, Rule};
use standin::{AllowList, SignUp};
use standin_emulator::{Emulator, Seed};
use url::Url;

use super::EXTRA_SCOPES;
use super::clock::EmulatedTime;
use super::data::Data;
use crate::app::{self, App};
use crate::cli::demo::Args;
use crate::config::{Config, Keys, Log, Provider, Session};
use crate::http::client_ip::TrustedProxies;
use crate::lifecycle::Listeners;
use crate::net::Limits;
use crate::telemetry::Format;

const DAY: std::time::Duration = std::time::Duration::from_hours(24);

/// Everything bound and built; only the listeners are not served yet.
pub(super) struct Service {
    pub(super) config: Config,
    pub(super) app: App,
    pub(super) listeners: Listeners,
    pub(super) emulator: Emulator,
    pub(super) time: EmulatedTime,
    pub(super) client_key: ClientKey,
}

impl Service {
    /// The listeners come first: the app's address must be registered at the emulator, and port 0 is
    /// known only when it is bound.
    pub(super) async fn start(args: &Args, data: &Data) -> anyhow::Result<Self> {
        for address in [args.listen, args.operator_listen] {
            let is_local = address.ip().is_loopback();
            ensure!(is_local, "{address} is not a loopback address; a demo stays on this machine");
        }
        let mut config = config(args, data)?;
        let listeners = Listeners::bind(&config).await?;
        config.public_url = url_of(listeners.public_address)?;
        let emulator = start_emulator(args, &config.public_url).await?;
        config.providers = vec![provider(&emulator)?];
        let time = EmulatedTime::of(&emulator, data)?;
        let store = app::open_store(&config).await?;
        let client_key = data.client_key()?;
        admit(&*store, &client_key, &time).await?;
        let standin = app::standin(&config, store, time.clone()).await?;
        Ok(Self { app: app::app(standin), config, listeners, emulator, time, client_key })
    }
}

/// What `standin.toml` would say, but for the provider, which is not running yet.
fn config(args: &Args, data: &Data) -> anyhow::Result<Config> {
    Ok(Config {
        public_url: url_of(args.listen)?,
        listen: args.listen,
        operator_listen: args.operator_listen,
        allowed_hosts: Vec::new(),
        trusted_proxies: TrustedProxies::default(),
        allow_networks: Vec::new(),
        database_url: SecretString::from(data.database_url()),
        keys: Keys::in_file(data.key_file()),
        sign_up: SignUp::Open,
        attempts: ReceiptSettings::default(),
        journal: None,
        keep_alive: true,
        memory_mib: 64,
        session: Session { idle: 7 * DAY, absolute: 30 * DAY },
        limits: Limits::default(),
        log: Log { format: Format::Text, level: "warn".to_owned() },
        providers: Vec::new(),
    })
}

async fn start_emulator(args: &Args, app: &Url) -> anyhow::Result<Emulator> {
    let origin = app.origin().ascii_serialization();
    let mut seed = Seed::default();
    // What the consent page calls the app.
    for client in &mut seed.clients {
        "Nightly Notes".clone_into(&mut client.name);
    }
    let emulator = Emulator::builder()
        .seed(seed)
        .listen(args.emulator_listen)
        .redirect_uri(format!("{origin}/auth/google/callback"))
        // Where the button's page posts in redirect mode.
        .redirect_uri(format!("{origin}/auth/google/credential"))
        .javascript_origin(origin)
        .start()
        .await?;
    Ok(emulator)
}

fn provider(emulator: &Emulator) -> anyhow::Result<Provider> {
    Ok(Provider {
        id: "google".parse()?,
        kind: ProviderKind::Google,
        issuer: emulator.origin().to_owned(),
        client_id: emulator.client_id().to_owned(),
        client_secret: ClientSecret::new(emulator.client_secret()),
        scopes: Scopes::parse("openid email profile")?,
        extra_scopes: Scopes::parse(&EXTRA_SCOPES.join(" "))?,
        browser_scopes: Scopes::default(),
        hosted_domains: Vec::new(),
        client_authentication: ClientAuthentication::Post,
        allow: AllowList::default(),
        clients: Vec::new(),
        allow_credential_without_nonce: false,
        answer: AnswerForm::default(),
        authentication: UserAuthentication::default(),
        max_refreshes_per_second: RefreshRate::default(),
    })
}

/// Lets the job in, unless a run before has done so.
async fn admit(store: &dyn Store, key: &ClientKey, time: &EmulatedTime) -> anyhow::Result<()> {
    if store.client_by_key(&key.sha256()).await?.is_some() {
        return Ok(());
    }
    let client = ClientRow {
        id: ClientId::new(time, &SystemEntropy),
        name: "nightly-backup".to_owned(),
        key_sha256: key.sha256(),
        policy: Policy(vec!["google".parse::<Rule>()?]),
        created_at: time.now(),
    };
    Ok(store.add_client(client).await?)
}

fn url_of(address: SocketAddr) -> anyhow::Result<Url> {
    Ok(Url::parse(&format!("http://{address}"))?)
}
