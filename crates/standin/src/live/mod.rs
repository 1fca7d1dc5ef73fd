//! Live tokens, and the clients that ask for them, in memory: a vend from here reads no row and opens no seal.
//!
//! ```text
//! vend ─▶ find ── hearing? ── stands? ── lives? ──▶ Vended
//!           └── no ──▶ begin ─▶ rows, as if there were no memory ─▶ stands? ──▶ keep ─▶ Vended
//!                        └─────────────────────────────────── no ─────┘
//!
//! follow ── a few times a second ──▶ bulletin of the database ──▶ Marks      (what others have changed)
//! store  ── before a change is answered ─────────────────────────▶ Marks      (what this process has changed)
//! ```
//!
//! The promise: once a revocation has been answered, no node vends that grant's token later than two seconds after,
//! and the node that answered does not vend it at all. It rests on two things. What is kept depends on [`Marks`], and
//! is not believed once one of them was struck ([`Marks`] says why nothing slips through). And a node that has not
//! been able to look for [`TRUST`](hearing::TRUST) believes nothing of what it keeps: it reads the rows, and if it
//! cannot do that either, it vends nothing. Rows may be old, too, when their token is given: a provider or a key service
//! was waited for. So they are judged like what is kept, and read again if something has changed meanwhile.
//!
//! What is kept is a decision with its token: this client, this user, this provider, these scopes. Nobody is ever
//! given what was kept for another question (requirement TV-6). Purposes, limits and the record are not of this
//! world: they are looked at for every vend, wherever its token comes from.

mod follow;
mod hearing;
mod roll_call;

use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::quality::RandomState;
use moka::Expiry;
use moka::sync::Cache;

use self::hearing::{Began, Hearing, TRUST};
use crate::error::Error;
use crate::id::{ClientId, UserId};
use crate::measure::Lookups;
use crate::provider::Scopes;
use crate::refresh::{FreshToken, Need};
use crate::secret::ClientKey;
use crate::store::{ClientRow, Mark, Marks, Outdated, Store, StoreError, SubjectId, Watch};
use crate::time::{Clock, Timestamp};
use crate::vend::{UserSelector, VendRequest, Vended};
use crate::verify::ProviderId;

pub(crate) use self::follow::follow;
pub(crate) use self::roll_call::is_heard_everywhere;

/// How much memory live tokens may take, unless something else is said.
pub const DEFAULT_LIVE_TOKEN_BYTES: u64 = 64 * 1024 * 1024;
/// So many clients are kept. They are few, and small.
const MAX_CLIENTS: u64 = 10_000;
/// A token is not kept for its last seconds.
const MARGIN: Duration = Duration::from_secs(5);
/// What a kept token weighs beside its texts: the two keys, the watch, what holds them together.
const OVERHEAD: usize = 512;
/// How often rows are read for one vend, if they change every time.
const READINGS: usize = 3;

/// What is kept, and whether it may be believed.
pub(crate) struct Live {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    hearing: Hearing,
    lookups: Lookups,
    tokens: Cache<Question, Arc<Kept>, RandomState>,
    clients: Cache<[u8; 32], Arc<KnownClient>, RandomState>,
}

/// When rows were begun to be read.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    since: Mark,
    began: Began,
}

/// What was asked: all that decides which token is given, but for what is asked of its life.
#[derive(PartialEq, Eq, Hash)]
struct Question {
    client: ClientId,
    user: UserSelector,
    provider: ProviderId,
    scopes: Scopes,
}

/// The same, on loan.
#[derive(Hash)]
struct Asked<'a> {
    client: ClientId,
    user: &'a UserSelector,
    provider: &'a ProviderId,
    scopes: &'a Scopes,
}

/// What was given.
struct Kept {
    watch: Watch,
    user: UserId,
    token: Arc<FreshToken>,
    /// How long it was worth keeping, when it was kept.
    life: Duration,
}

struct KnownClient {
    watch: Watch,
    row: Arc<ClientRow>,
}

impl Live {
    /// `bytes` for tokens; none at all if that is nothing.
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, bytes: u64) -> Self {
        let tokens = Cache::builder().max_capacity(bytes).weigher(weight).expire_after(Life);
        Self {
            store,
            clock,
            hearing: Hearing::new(),
            lookups: Lookups::default(),
            tokens: tokens.build_with_hasher(RandomState::default()),
            clients: Cache::builder()
                .max_capacity(MAX_CLIENTS)
                .build_with_hasher(RandomState::default()),
        }
    }

    /// What `decide` gives, once nothing that it rests on was changed while it decided; `still_holds` judges that.
    ///
    /// # Errors
    /// Those of `decide`, and [`StoreError::Unavailable`] if something is changed all the time.
    pub(crate) async fn settled<F>(
        &self,
        decide: impl Fn() -> F,
        still_holds: impl Fn(Reading, &Vended) -> bool,
    ) -> Result<Vended, Error>
    where
        F: Future<Output = Result<Vended, Error>>,
    {
        for _ in 0..READINGS {
            let reading = self.begin();
            let vended = decide().await?;
            if still_holds(reading, &vended) {
                return Ok(vended);
            }
        }
        let words = "what a token rests on was changed each time it was read";
        Err(StoreError::Unavailable(words.to_owned()).into())
    }

    /// To be called before rows are read.
    fn begin(&self) -> Reading {
        Reading { since: self.marks().now(), began: self.now() }
    }

    /// Whether what was read since `reading` began is as good as what is read now. Who does not hear of changes can
    /// only say so for as long as nobody counts on it.
    fn is_current(&self, reading: Reading, watch: &Watch) -> bool {
        let now = self.now();
        let is_told = self.hearing.is_good(now.at) || reading.began.age(now) < TRUST;
        is_told && self.marks().stand(watch)
    }

    fn now(&self) -> Began {
        Began { instant: tokio::time::Instant::now(), at: self.clock.now() }
    }

    /// Whether the grant of a token that was given to its user's page is what it was.
    pub(crate) fn stands(&self, reading: Reading, provider: &ProviderId, vended: &Vended) -> bool {
        let marks = self.marks();
        let things = [Outdated::User(vended.user), Outdated::Grant(vended.token.grant)];
        let places = things.iter().map(|thing| marks.place(thing));
        self.is_current(reading, &Watch::new(reading.since, places.chain([marks.place(provider)])))
    }

    /// The client of a key.
    pub(crate) async fn client(&self, key: &ClientKey) -> Result<Option<Arc<ClientRow>>, Error> {
        self.client_of(key.sha256()).await
    }

    /// The same by what is stored of the key.
    pub(crate) async fn client_of(&self, hash: [u8; 32]) -> Result<Option<Arc<ClientRow>>, Error> {
        if self.hearing.is_good(self.clock.now())
            && let Some(known) = self.clients.get(&hash)
            && self.marks().stand(&known.watch)
        {
            return Ok(Some(Arc::clone(&known.row)));
        }
        let since = self.marks().now();
        let Some(row) = self.store.client_by_key(&hash).await?.map(Arc::new) else {
            return Ok(None);
        };
        let watch = Watch::new(since, [self.marks().place(&Outdated::Client(row.id))]);
        self.clients.insert(hash, Arc::new(KnownClient { watch, row: Arc::clone(&row) }));
        Ok(Some(row))
    }

    /// A token that was given to the same question before, and that may still be given. This is the one place where
    /// a vend is found in memory or is not.
    pub(crate) fn find(
        &self,
        client: ClientId,
        request: &VendRequest,
        now: Timestamp,
    ) -> Option<Vended> {
        let found = self.find_uncounted(client, request, now);
        self.lookups.count(found.is_some());
        found
    }

    fn find_uncounted(
        &self,
        client: ClientId,
        request: &VendRequest,
        now: Timestamp,
    ) -> Option<Vended> {
        if !self.hearing.is_good(now) {
            return None;
        }
        let kept = self.tokens.get(&Asked::of(client, request))?;
        let need = Need { min_ttl: request.min_ttl, stale: request.stale_token_sha256 };
        let will_do = need.is_met_by(&kept.token.access_token, kept.token.expires_at, now)
            && kept.token.expires_at.remaining(now) > MARGIN
            && !kept.token.is_nearly_over(request.min_ttl, now)
            && self.marks().stand(&kept.watch);
        will_do.then(|| Vended {
            token: Arc::clone(&kept.token),
            user: kept.user,
            expires_in: kept.token.expires_at.remaining(now),
        })
    }

    /// Keeps what is given, by rows that were read since `reading` began; unless something that it rests on has changed
    /// meanwhile, and then it is not to be given.
    pub(crate) fn keep(
        &self,
        reading: Reading,
        client: ClientId,
        request: &VendRequest,
        vended: &Vended,
    ) -> bool {
        let watch = self.watch(reading.since, client, request, vended);
        if !self.is_current(reading, &watch) {
            return false;
        }
        let life = vended.expires_in.saturating_sub(MARGIN);
        if !life.is_zero() && self.tokens.policy().max_capacity() != Some(0) {
            let (user, token) = (vended.user, Arc::clone(&vended.token));
            let kept = Kept { watch, user, token, life };
            self.tokens.insert(Question::of(client, request), Arc::new(kept));
        }
        true
    }

    /// Everything that could make another answer of it.
    fn watch(
        &self,
        since: Mark,
        client: ClientId,
        request: &VendRequest,
        vended: &Vended,
    ) -> Watch {
        let marks = self.marks();
        let subject = match &request.user {
            UserSelector::Subject(provider, subject) => Some(SubjectId::of(provider, subject)),
            UserSelector::Id(_) | UserSelector::Nobody => None,
        };
        let depends_on = [
            Outdated::Client(client),
            Outdated::User(vended.user),
            Outdated::Grant(vended.token.grant),
        ];
        let depends_on = depends_on.into_iter().chain(subject.map(Outdated::Subject));
        let places = depends_on.map(|thing| marks.place(&thing));
        Watch::new(since, places.chain([marks.place(&request.provider)]))
    }

    fn marks(&self) -> &Marks {
        self.store.marks()
    }
}

impl Question {
    fn of(client: ClientId, request: &VendRequest) -> Self {
        Self {
            client,
            user: request.user.clone(),
            provider: request.provider.clone(),
            scopes: request.scopes.clone(),
        }
    }
}

impl<'a> Asked<'a> {
    fn of(client: ClientId, request: &'a VendRequest) -> Self {
        let VendRequest { user, provider, scopes, .. } = request;
        Self { client, user, provider, scopes }
    }
}

impl moka::Equivalent<Question> for Asked<'_> {
    fn equivalent(&self, question: &Question) -> bool {
        self.client == question.client
            && *self.user == question.user
            && *self.provider == question.provider
            && *self.scopes == question.scopes
    }
}

/// Each is kept as long as it is worth it.
struct Life;

impl Expiry<Question, Arc<Kept>> for Life {
    fn expire_after_create(&self, _: &Question, kept: &Arc<Kept>, _: Instant) -> Option<Duration> {
        Some(kept.life)
    }

    fn expire_after_update(
        &self,
        _: &Question,
        kept: &Arc<Kept>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.life)
    }
}

fn weight(question: &Question, kept: &Arc<Kept>) -> u32 {
    let texts = |scopes: &Scopes| scopes.iter().map(|scope| scope.len() + 64).sum::<usize>();
    let subject = match &question.user {
        UserSelector::Subject(_, subject) => subject.len(),
        UserSelector::Id(_) | UserSelector::Nobody => 0,
    };
    let token = kept.token.access_token.expose().len();
    let all = OVERHEAD + token + subject + texts(&question.scopes) + texts(&kept.token.scopes);
    u32::try_from(all).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
