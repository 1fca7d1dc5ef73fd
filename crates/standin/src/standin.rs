//! Putting it together: one [`Standin`] per process, built from what the rest of the library takes as
//! arguments.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::admission::SignUp;
use crate::core::Core;
use crate::entropy::{Entropy, SystemEntropy};
use crate::error::Error;
use crate::http::HttpClient;
use crate::id::NodeId;
use crate::limiter::Limiter;
use crate::live::{self, DEFAULT_LIVE_TOKEN_BYTES, Live};
use crate::measure::{self, Observer};
use crate::people::People;
use crate::provider::{ClientUse, Provider, ProviderConfig, Registration};
use crate::receipt::ReceiptSettings;
use crate::refresh::{Journal, NoJournal, Refresher};
use crate::revoke::Revocations;
use crate::session::{SessionSettings, Sessions};
use crate::signals::Signals;
use crate::signin::SignIn;
use crate::store::{ReceiptKind, Store, StoreError, Timeline};
use crate::time::{Clock, SystemClock};
use crate::vault::{KeyFile, TenantRule, Vault, VaultError};
use crate::vend::{Audit, Vend};
use crate::verify::ProviderId;

/// How often the vends that were counted are written.
const AUDIT_INTERVAL: Duration = Duration::from_secs(1);
/// How often leases that are over are looked for: a provider's grace may be as short as ten seconds.
const SWEEP_INTERVAL: Duration = Duration::from_secs(2);
/// How often what waits in the journal is brought, while nothing else is the reason.
const REPLAY_INTERVAL: Duration = Duration::from_mins(1);
/// How often queued revocations are looked at.
const REVOCATION_INTERVAL: Duration = Duration::from_secs(30);
/// How often it is looked whether there are data keys that were not to be had.
const KEYS_INTERVAL: Duration = Duration::from_secs(10);
/// How often old attempts, sessions and spent tokens are forgotten.
const PRUNE_INTERVAL: Duration = Duration::from_mins(10);

/// The whole of Standin. Cheap to clone; clones are the same one.
#[derive(Clone)]
pub struct Standin(Arc<Services>);

struct Services {
    core: Arc<Core>,
    signin: SignIn,
    sessions: Sessions,
    refresher: Refresher,
    vend: Vend,
    revocations: Revocations,
    people: People,
    signals: Signals,
    audit: Audit,
    limiter: Limiter,
    live: Arc<Live>,
    tasks: TaskTracker,
    receipts: ReceiptSettings,
    journal: Arc<dyn Journal>,
    observer: Arc<Observer>,
}

/// Why a process should get no requests for now.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The database does not answer, or takes no writes.
    #[error("the database: {0}")]
    Database(StoreError),
    /// The directory of the journal cannot be written: a rotated refresh token would have no second place.
    #[error("the journal of rotated refresh tokens cannot be written: {0}")]
    Journal(std::io::Error),
    /// The vault's keys are older than a store believes, and cannot be read again.
    #[error("the vault's keys: {0}")]
    Keys(VaultError),
}

/// Gathers what a [`Standin`] is made of.
pub struct Builder {
    public_url: Url,
    store: Arc<dyn Store>,
    http: Arc<dyn HttpClient>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    providers: Vec<ProviderConfig>,
    clients: Vec<(ProviderId, ClientUse, Registration)>,
    session: SessionSettings,
    sign_up: SignUp,
    keeps_alive: bool,
    tenants: TenantRule,
    receipts: ReceiptSettings,
    journal: Arc<dyn Journal>,
    live_token_bytes: u64,
}

impl Builder {
    /// Adds a provider; its callback is `{public_url}/auth/{id}/callback`.
    #[must_use]
    pub fn provider(mut self, provider: ProviderConfig) -> Self {
        self.providers.push(provider);
        self
    }

    /// Adds a client to a provider: for a program on the person's own machine, or for a device.
    #[must_use]
    pub fn client(
        mut self,
        provider: ProviderId,
        usage: ClientUse,
        registration: Registration,
    ) -> Self {
        self.clients.push((provider, usage, registration));
        self
    }

    /// How long sessions live.
    #[must_use]
    pub fn session(mut self, settings: SessionSettings) -> Self {
        self.session = settings;
        self
    }

    /// What becomes of people who are new.
    #[must_use]
    pub fn sign_up(mut self, sign_up: SignUp) -> Self {
        self.sign_up = sign_up;
        self
    }

    /// Whether refresh tokens are used now and then although nobody asks, where their provider forgets them otherwise.
    /// They are, unless this says no.
    #[must_use]
    pub fn keep_alive(mut self, keeps_alive: bool) -> Self {
        self.keeps_alive = keeps_alive;
        self
    }

    /// By what tenants are told apart, whose grants are sealed with keys of their own.
    #[must_use]
    pub fn tenants(mut self, rule: TenantRule) -> Self {
        self.tenants = rule;
        self
    }

    /// How long, and how many, receipts of attempts are kept.
    #[must_use]
    pub fn receipts(mut self, settings: ReceiptSettings) -> Self {
        self.receipts = settings;
        self
    }

    /// Where rotated refresh tokens are kept until they are safe in the database; nowhere, unless this is called.
    #[must_use]
    pub fn journal(mut self, journal: impl Journal) -> Self {
        self.journal = Arc::new(journal);
        self
    }

    /// How much memory live tokens may take ([`DEFAULT_LIVE_TOKEN_BYTES`](crate::DEFAULT_LIVE_TOKEN_BYTES) unless this
    /// is called). With nothing, every vend reads its row. Tokens are vended from memory only while
    /// [`Standin::run`] runs, which hears of what other processes change.
    #[must_use]
    pub fn live_token_bytes(mut self, bytes: u64) -> Self {
        self.live_token_bytes = bytes;
        self
    }

    /// Another clock than the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Another source of random bytes than the system's.
    #[must_use]
    pub fn entropy(mut self, entropy: impl Entropy) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// Loads the key ring and puts everything together. Nothing is asked of any provider yet.
    ///
    /// # Errors
    /// Those of [`Vault::open`]: a vault whose keys are missing does not open.
    pub async fn build(self, keys: &KeyFile) -> Result<Standin, VaultError> {
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        let vault = Vault::open(keys, store, clock, &*self.entropy).await?;
        let core = Arc::new(Core {
            providers: providers(self.providers, &self.clients, &self.public_url),
            clock: self.clock,
            entropy: self.entropy,
            http: self.http,
            store: self.store,
            vault,
            public_url: self.public_url,
            sign_up: self.sign_up,
            keeps_alive: self.keeps_alive,
            tenants: self.tenants,
        });
        let live = Arc::new(Live::new(
            Arc::clone(&core.store),
            Arc::clone(&core.clock),
            self.live_token_bytes,
        ));
        Ok(Standin::over(core, self.session, self.receipts, self.journal, live))
    }
}

fn providers(
    configs: Vec<ProviderConfig>,
    clients: &[(ProviderId, ClientUse, Registration)],
    public_url: &Url,
) -> BTreeMap<ProviderId, Arc<Provider>> {
    let provider = |config: ProviderConfig| {
        let mut callback = public_url.clone();
        callback.set_path(&format!("/auth/{}/callback", config.id));
        let id = config.id.clone();
        let own = clients.iter().filter(|(provider, _, _)| *provider == id);
        let own = own.map(|(_, usage, registration)| (*usage, registration.clone()));
        let own = own.collect();
        (id, Arc::new(Provider::new(config, callback).with_clients(own)))
    };
    configs.into_iter().map(provider).collect()
}

impl Standin {
    /// Begins to gather. `public_url` is the origin that browsers see, scheme, host and port; no address is
    /// ever built from a request.
    #[must_use]
    pub fn builder(public_url: Url, store: Arc<dyn Store>, http: impl HttpClient) -> Builder {
        Builder {
            public_url,
            store,
            http: Arc::new(http),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            providers: Vec::new(),
            clients: Vec::new(),
            session: SessionSettings::default(),
            journal: Arc::new(NoJournal),
            live_token_bytes: DEFAULT_LIVE_TOKEN_BYTES,
            sign_up: SignUp::default(),
            keeps_alive: true,
            tenants: TenantRule::default(),
            receipts: ReceiptSettings::default(),
        }
    }

    fn over(
        core: Arc<Core>,
        session: SessionSettings,
        receipts: ReceiptSettings,
        journal: Arc<dyn Journal>,
        live: Arc<Live>,
    ) -> Self {
        let tasks = TaskTracker::new();
        let sessions = Sessions::new(Arc::clone(&core), session);
        let refresher = Refresher::new(Arc::clone(&core), Arc::clone(&journal), tasks.clone());
        let audit = Audit::default();
        Self(Arc::new(Services {
            signin: SignIn::new(Arc::clone(&core), sessions.clone(), tasks.clone()),
            vend: Vend::new(Arc::clone(&core), refresher.clone(), audit.clone(), Arc::clone(&live)),
            refresher,
            people: People::new(Arc::clone(&core), Revocations::new(Arc::clone(&core))),
            revocations: Revocations::new(Arc::clone(&core)),
            signals: Signals::new(Arc::clone(&core)),
            limiter: limiter_of(&core, tasks.clone()),
            sessions,
            audit,
            live,
            tasks,
            receipts,
            journal,
            observer: Arc::default(),
            core,
        }))
    }

    /// 1: signing in.
    #[must_use]
    pub fn signin(&self) -> &SignIn {
        &self.0.signin
    }

    /// What brings fresh tokens.
    #[cfg(test)]
    pub(crate) fn refresher(&self) -> &Refresher {
        &self.0.refresher
    }

    /// Sessions of browsers.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// 5: tokens for jobs and pages.
    #[must_use]
    pub fn vend(&self) -> &Vend {
        &self.0.vend
    }

    /// Taking back what was given.
    #[must_use]
    pub fn revocations(&self) -> &Revocations {
        &self.0.revocations
    }

    /// People, for jobs that may look after them.
    #[must_use]
    pub fn people(&self) -> &People {
        &self.0.people
    }

    /// What providers tell us directly.
    #[must_use]
    pub fn signals(&self) -> &Signals {
        &self.0.signals
    }

    /// Who has failed too often.
    #[must_use]
    pub fn limiter(&self) -> &Limiter {
        &self.0.limiter
    }

    /// The rows, for those who list them.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.0.core.store
    }

    /// The clock that everything here goes by.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.0.core.clock
    }

    /// The origin that browsers see.
    #[must_use]
    pub fn public_url(&self) -> &Url {
        &self.0.core.public_url
    }

    /// A provider by its name in URLs.
    #[must_use]
    pub fn provider(&self, id: &ProviderId) -> Option<&Arc<Provider>> {
        self.0.core.providers.get(id)
    }

    /// Every provider, in the order of their names.
    pub fn providers(&self) -> impl Iterator<Item = &Provider> {
        self.0.core.providers.values().map(AsRef::as_ref)
    }

    /// Whether a request would be served: the database answers and takes writes, the vault's keys are current, and the
    /// journal can be written.
    ///
    /// # Errors
    /// The first of these that is not so.
    pub async fn ready(&self) -> Result<(), NotReady> {
        let core = &self.0.core;
        core.store.ping().await.map_err(NotReady::Database)?;
        core.vault.require_current().await.map_err(NotReady::Keys)?;
        self.0.journal.probe().await.map_err(NotReady::Journal)
    }

    /// Brings the gauges of [`measure`](crate::measure) up to date: to be called before the recorder is read. Rows are
    /// counted at most every fifteen seconds, however often it is called, and go on being counted where it is not waited for.
    pub async fn observe(&self) {
        let core = &self.0.core;
        measure::breakers(core, &self.0.refresher.left_alone());
        self.0.observer.observe(core, &*self.0.journal, &self.0.audit, &self.0.tasks).await;
    }

    /// The upkeep that needs a clock of its own: writing what was counted, asking again for revocations that
    /// failed, forgetting what is over, bringing refreshes to an end whose node has gone, refreshing what is due although
    /// nobody asks, telling other processes of failed requests and hearing of what they have changed. Runs until
    /// `stop`, then finishes what has begun: refreshes and sign-ins under way, and the last of the record.
    pub async fn run(&self, stop: CancellationToken) {
        let node = NodeId::new(&*self.0.core.clock, &*self.0.core.entropy);
        tokio::join!(
            self.keep_up(&stop),
            self.revoke(&stop),
            self.look_for_keys(&stop),
            self.settle_refreshes(&stop),
            self.tend(&stop),
            self.0.limiter.run(&stop),
            live::follow(&self.0.live, node, &stop),
        );
        self.0.tasks.close();
        self.0.tasks.wait().await;
        report("writing the record", self.flush_audit().await);
    }

    async fn keep_up(&self, stop: &CancellationToken) {
        let mut audit = tokio::time::interval(AUDIT_INTERVAL);
        let mut prune = tokio::time::interval(PRUNE_INTERVAL);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = audit.tick() => report("writing the record", self.flush_audit().await),
                _ = prune.tick() => report("forgetting what is over", self.prune().await),
            }
        }
    }

    /// Beside the record, which does not wait for a provider that hangs; nor does the end of the process, for those that
    /// were not begun.
    async fn revoke(&self, stop: &CancellationToken) {
        let mut due = tokio::time::interval(REVOCATION_INTERVAL);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = due.tick() => {
                    let swept = self.0.revocations.sweep_until(stop.cancelled()).await;
                    report("revoking", swept.map(drop));
                }
            }
        }
    }

    /// Data keys that are new, before anybody needs them; those that a key service did not give, which it may give by now.
    /// One that hangs holds up nobody but this, and not the end of the process.
    async fn look_for_keys(&self, stop: &CancellationToken) {
        let (vault, mut due) = (&self.0.core.vault, tokio::time::interval(KEYS_INTERVAL));
        let rounds = async {
            loop {
                tokio::select! {
                    _ = due.tick() => {}
                    () = vault.is_wanting() => {}
                }
                vault.try_again().await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = rounds => {}
        }
    }

    /// What the journal of this node still keeps from before, then the leases of nodes that have gone. A question to a
    /// provider may take seconds, for which the rest of the upkeep does not wait.
    async fn settle_refreshes(&self, stop: &CancellationToken) {
        let mut leases = tokio::time::interval(SWEEP_INTERVAL);
        let mut replayed = Replayed { to: None, since_it_was_away: false, at: Instant::now() };
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = leases.tick() => {
                    let swept = self.settle_refreshes_once(&mut replayed).await;
                    report("looking for refreshes that were left behind", swept);
                }
            }
        }
    }

    async fn settle_refreshes_once(&self, replayed: &mut Replayed) -> Result<(), Error> {
        let mut is_replayed = std::mem::take(&mut replayed.since_it_was_away);
        let (timeline, refresher) = (self.0.core.store.timeline().await?, &self.0.refresher);
        if !is_replayed || timeline != replayed.to {
            is_replayed = refresher.replay().await;
            replayed.at = Instant::now();
        } else if replayed.at.elapsed() >= REPLAY_INTERVAL {
            refresher.replay_waiting().await;
            replayed.at = Instant::now();
        }
        refresher.sweep().await?;
        (replayed.to, replayed.since_it_was_away) = (timeline, is_replayed);
        Ok(())
    }

    /// Refreshes what is due although nobody asks: suspect grants, and those that lie idle. How many there were; they
    /// come a few at a time.
    ///
    /// # Errors
    /// [`Error::Store`]. What the provider says of each is in its row.
    pub async fn tend_grants(&self) -> Result<usize, Error> {
        Ok(self.0.refresher.tend().await?)
    }

    /// Beside the leases, which do not wait for it.
    async fn tend(&self, stop: &CancellationToken) {
        let mut due = tokio::time::interval(SWEEP_INTERVAL);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = due.tick() => {
                    report("refreshing what is due", self.tend_grants().await.map(drop));
                }
            }
        }
    }

    /// Whether every process on the database has said within five seconds that it has heard of everything that was
    /// changed until now, so that it vends nothing by what was there before. One that has not, hears of it or stops
    /// believing what it keeps within two seconds of the change, all the same.
    pub async fn is_heard_everywhere(&self) -> bool {
        live::is_heard_everywhere(self.store()).await
    }

    /// Writes the vends that were counted so far.
    pub async fn flush_audit(&self) -> Result<(), Error> {
        self.0.audit.flush(&*self.0.core.store).await
    }

    /// Forgets what is over: attempts, sessions, spent tokens, and receipts beyond their time and number.
    ///
    /// # Errors
    /// [`Error::Store`]; what was forgotten until then is forgotten.
    pub async fn prune(&self) -> Result<(), Error> {
        let (store, now) = (&self.0.core.store, self.0.core.now());
        self.0.refresher.tidy().await;
        store.prune(now).await?;
        for kind in ReceiptKind::ALL {
            let most = self.0.receipts.most(kind);
            store.prune_receipts(kind, now.before(self.0.receipts.keep), most).await?;
        }
        Ok(())
    }
}

fn limiter_of(core: &Core, tasks: TaskTracker) -> Limiter {
    let store: Arc<dyn Store> = Arc::clone(&core.store);
    Limiter::new(store, Arc::clone(&core.clock), tasks)
}

/// To which server the journal was brought: at the start, again when another one has taken over, and again when the
/// database was away; and when what waits in it was last brought.
struct Replayed {
    to: Option<Timeline>,
    since_it_was_away: bool,
    at: Instant,
}

fn report(what: &str, done: Result<(), Error>) {
    if let Err(error) = done {
        tracing::warn!(code = error.code(), %error, "{what} did not work; it will be tried again");
    }
}
