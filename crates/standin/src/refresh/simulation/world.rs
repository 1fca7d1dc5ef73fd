//! One run: three nodes, some grants, jobs that ask, and what goes wrong meanwhile.

pub(super) mod keys;
pub(super) mod returns;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::chaos::{self, Plan, Trouble};
use super::node::{Dice, Ground, Machine};
use super::provider::{Provider, Rules};
use super::{WITH_GRACE, WITHOUT};
use crate::entropy::SeededEntropy;
use crate::id::GrantId;
use crate::provider::{
    AnswerForm, Certainty, ClientAuthentication, Grace, ProviderConfig, ProviderKind,
    ProviderProfile, RefreshRate, Registration, Scopes, Transport, UserAuthentication,
};
use crate::refresh::{FreshToken, Need, RefreshFailure};
use crate::secret::{AccessToken, ClientSecret, RefreshToken};
use crate::store::conformance::samples;
use crate::store::memory::{MemoryStore, Standby};
use crate::store::{Grants as _, RefreshClaim, RefreshCommit, Refreshes as _, Users as _};
use crate::time::Timestamp;
use crate::vault::{
    Binding, Grant, GrantState, KeyFile, ReauthReason, ScopeLedger, ScopeSource, Sealed,
    SealedTokens, Vault,
};
use crate::{AllowList, Standin};

const NODES: usize = 3;
const GRANTS: u64 = 2;
const DEMANDS: u64 = 14;
/// Between two demands, or two troubles, at most.
const BETWEEN_MS: u64 = 6_000;
/// Longer than a sleep, a lease, the wait of a job and a look of the sweeper.
const UNTIL_SETTLED: Duration = Duration::from_secs(45);

/// A suspect grant waits for a minute until it is asked about again, and for ten after that.
const MINUTES_OF_SUSPICION: usize = 15;
/// Nobody takes over before it is noticed that the other one is gone.
const OUTAGE: Duration = Duration::from_secs(3);
/// What a run says of a standby that takes over and does not have what others were told.
pub(super) const BEHIND: &str = "a standby takes over, and is behind";
/// A standby may lag by so many of the pauses between what happens.
const LAG: usize = 3;

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Refresh tokens that the provider has given for others, and those of them that were written.
    pub(super) given: usize,
    pub(super) stored: usize,
    pub(super) spent_again: usize,
    pub(super) refused: usize,
    /// Grants that say that a rotation was lost.
    pub(super) lost: usize,
    /// Grants that are dead and give another reason.
    pub(super) unsaid: usize,
    /// What must not be.
    pub(super) wrong: Vec<String>,
    pub(super) story: Vec<String>,
}

/// A node that runs.
struct Node {
    standin: Standin,
    upkeep: JoinHandle<()>,
}

struct World {
    ground: Arc<Ground>,
    database: Arc<MemoryStore>,
    machines: Vec<Arc<Machine>>,
    keys: KeyFile,
    nodes: Vec<Option<Node>>,
    lives: u64,
}

pub(super) async fn run(seed: u64, plan: &Plan, rules: Rules) -> Verdict {
    let mut world = World::new(seed, rules).await;
    for index in 0..NODES {
        world.start(index).await;
    }
    let began = world.generations().await;
    let mut jobs = Vec::new();
    let (mut demands, mut troubles) = (DEMANDS * GRANTS, plan.troubles());
    let (mut back, mut standbys) = (Vec::new(), VecDeque::new());
    while demands > 0 || troubles > 0 || !back.is_empty() {
        chaos::pause(&world.ground.dice, BETWEEN_MS / GRANTS).await;
        for index in due(&mut back) {
            world.start(index).await;
        }
        if demands > 0 {
            demands -= 1;
            let grant = world.ground.dice.roll(GRANTS);
            jobs.extend(world.demand(grant));
        }
        if troubles > 0 && world.ground.dice.roll(3) == 0 {
            troubles -= 1;
            let index = world.pick();
            let machine = Arc::clone(&world.machines[index]);
            match plan.strike(&world.ground.dice, &machine) {
                Trouble::Death(time) => {
                    if let Some(node) = world.nodes[index].take() {
                        node.upkeep.abort();
                        back.push((Instant::now() + time, index));
                    }
                }
                Trouble::Failover => world.fail_over(&mut standbys).await,
                Trouble::Other => {}
            }
        }
        standbys.push_front(world.database.standby());
        standbys.truncate(LAG);
    }
    chaos::heal(&world.machines);
    world.until_nobody_is_suspect().await;
    sleep(UNTIL_SETTLED).await;
    jobs.extend((0..GRANTS).filter_map(|grant| world.demand(grant)));
    sleep(UNTIL_SETTLED).await;
    jobs.iter().for_each(JoinHandle::abort);
    world.verdict(began).await
}

/// Whether a node that starts with so many answers in its journal follows one that has died, within some seconds.
pub(super) async fn follows_with_a_journal_of(records: u64) -> bool {
    let mut world = World::new(1, WITH_GRACE).await;
    world.machines[0].has_kept(records);
    world.leave_lease().await;
    let began = world.generations().await;
    world.start(0).await;
    sleep(Duration::from_secs(6)).await;
    world.generations().await > began
}

/// Whether somebody who has died is still known to have asked, after another node has looked at a row that it cannot
/// open.
pub(super) async fn keeps_the_record_of_a_row_that_does_not_open() -> bool {
    let mut world = World::new(1, WITH_GRACE).await;
    world.leave_lease().await;
    let grant = world.grants().await.remove(0);
    let access = Some(Sealed::from_bytes(vec![1; 300]));
    let broken = Grant {
        version: grant.version + 1,
        tokens: SealedTokens { access, ..grant.tokens },
        access_expires_at: world.ground.now().after(Duration::from_hours(1)),
        ..grant
    };
    world.database.replace_grant(broken, None).await.unwrap();
    world.start(0).await;
    sleep(Duration::from_secs(6)).await;
    let leases = world.database.overdue_refreshes(Timestamp::NEVER, 100).await.unwrap();
    leases == [samples::grant_id(0)]
}

/// Whether a job gets its token although its node does not hear that the database has done this.
pub(super) async fn answers_without_an_answer_to(what: &'static str) -> bool {
    let mut world = World::new(1, WITH_GRACE).await;
    world.start(0).await;
    world.machines[0].lose_answer_to(what);
    let Some(node) = &world.nodes[0] else { return false };
    let grant = world.grants().await.remove(0);
    let need = Need { min_ttl: Duration::ZERO, stale: None };
    let token = node.standin.refresher().ensure_fresh(&grant, need).await;
    let record = world.ground.provider.record();
    token.is_ok() && record.given == 1 && world.generations().await == 3
}

/// How many answers wait in the journal of a node that was killed before it noted that they are stored, and how many of
/// them when it has looked through it: of one the row was written, of one the grant was taken back, of one it is gone.
pub(super) async fn waits_for_what_is_done() -> (usize, usize) {
    let mut world = World::new(1, WITH_GRACE).await;
    world.start(0).await;
    let grants = world.grants().await;
    if let Some(node) = world.nodes[0].take() {
        let need = Need { min_ttl: Duration::ZERO, stale: None };
        for grant in &grants {
            assert!(node.standin.refresher().ensure_fresh(grant, need).await.is_ok());
        }
        node.upkeep.abort();
    }
    world.machines[0].die(false);
    world.machines[0].has_settled_nothing();
    let before = world.machines[0].waiting();
    // Taken back before the answer came.
    let taken_back =
        Grant { state: GrantState::Revoked, version: grants[1].version + 2, ..grants[1].clone() };
    world.database.replace_grant(taken_back, None).await.unwrap();
    world.start(0).await;
    sleep(Duration::from_secs(6)).await;
    (before, world.machines[0].waiting())
}

/// Whether a node that has died over an answer brings it to its row before it asks for another, although the database was
/// away when it was started, and the lease has run out.
pub(super) async fn brings_what_it_kept_before_it_asks() -> bool {
    const AWAY: Duration = Duration::from_secs(14);
    let mut world = World::new(1, WITHOUT).await;
    world.start(0).await;
    world.machines[0].die_before("commit");
    drop(timeout(Duration::from_secs(5), world.ask(0)).await);
    world.nodes[0].take().unwrap().upkeep.abort();
    world.machines[0].lose_database(AWAY);
    world.start(0).await;
    sleep(AWAY).await;
    let is_answered = world.ask(0).await;
    let refused = world.ground.provider.record().refused;
    is_answered && refused == 0
}

/// What a job is told that asks so long after a failover, and how long that takes.
pub(super) async fn asks_after_a_failover(
    later: Duration,
) -> (Result<(), RefreshFailure>, Duration) {
    let mut world = World::new(1, WITHOUT).await;
    world.start(0).await;
    world.database.fail_over(world.database.standby(), world.ground.now());
    sleep(later).await;
    let asked_at = Instant::now();
    let grant = world.grants().await.remove(0);
    let need = Need { min_ttl: Duration::ZERO, stale: None };
    let refresher = world.nodes[0].as_ref().unwrap().standin.refresher().clone();
    let told = refresher.ensure_fresh(&grant, need).await;
    (told.map(drop), asked_at.elapsed())
}

/// Whether what a user has given after a backup was restored stands in the row when a node has come back whose journal
/// has an answer of before, of a later generation; and how many wait there then.
pub(super) async fn consents_anew_after_a_restore() -> (bool, usize) {
    let mut world = World::new(1, WITHOUT).await;
    world.start(0).await;
    let backup = world.database.standby();
    let is_rotated = world.ask(0).await;
    sleep(Duration::from_hours(1)).await;
    world.machines[0].die_before("commit");
    drop(timeout(Duration::from_secs(5), world.ask(0)).await);
    world.nodes[0].take().unwrap().upkeep.abort();
    let waited = world.machines[0].waiting();
    world.database.fail_over(backup, world.ground.now());
    sleep(Duration::from_hours(1)).await;
    let given = world.consent_anew(world.ground.now()).await;
    world.start(0).await;
    sleep(Duration::from_secs(6)).await;
    let grant = world.grants().await.remove(0);
    let token = world.vault().await.open_refresh(&grant).unwrap();
    let is_kept = token.is_some_and(|token| token.expose() == given);
    let is_as_given = grant.scopes == Scopes::parse("openid").unwrap();
    (is_rotated && waited == 1 && is_kept && is_as_given, world.machines[0].waiting())
}

/// Whether an answer comes to the row that a standby has of before, although a job has a flight in the air that finds a
/// token when it is to be brought.
pub(super) async fn brings_what_it_kept_after_another_flight() -> bool {
    let mut world = World::new(1, WITHOUT).await;
    world.start(0).await;
    let Some(node) = &world.nodes[0] else { return false };
    // What is to be brought is brought by nobody else.
    node.upkeep.abort();
    let standby = world.database.standby();
    let is_answered = world.ask(0).await;
    let after = world.generations().await;
    world.database.fail_over(standby, world.ground.now());
    let (refresher, found) = (node.standin.refresher(), Arc::new(Notify::new()));
    let may_land = Arc::clone(&found);
    refresher.flights.launch(samples::grant_id(0), move || async move {
        may_land.notified().await;
        (None, Need { min_ttl: Duration::ZERO, stale: None }, Err(RefreshFailure::Gone))
    });
    tokio::join!(refresher.replay(), async { found.notify_one() });
    is_answered && world.generations().await == after
}

/// Whether an answer comes to the row that a standby has of before, although the node does not hear what it says at first.
pub(super) async fn brings_what_it_kept_after_a_lost_look() -> bool {
    let mut world = World::new(1, WITHOUT).await;
    world.start(0).await;
    let standby = world.database.standby();
    let is_answered = world.ask(0).await;
    let after = world.generations().await;
    world.database.fail_over(standby, world.ground.now());
    world.machines[0].lose_answer_to("read");
    sleep(Duration::from_secs(10)).await;
    is_answered && world.generations().await == after
}

/// The token for whoever may have a part of what the grant opens, from a node that has died over a whole one and has it in
/// its journal. The whole one is `access-family0.1`.
pub(super) async fn asks_for_a_part_of_what_it_kept_whole() -> Option<String> {
    let mut world = World::new(1, WITHOUT).await;
    world.start(0).await;
    world.machines[0].die_before("commit");
    drop(timeout(Duration::from_secs(5), world.ask(0)).await);
    world.nodes[0].take()?.upkeep.abort();
    world.start(0).await;
    let node = world.nodes[0].as_ref()?;
    // Nobody else has brought it by then.
    node.upkeep.abort();
    let grant = world.grants().await.remove(0);
    let (part, need) =
        (Scopes::parse("openid").ok()?, Need { min_ttl: Duration::ZERO, stale: None });
    let token = node.standin.refresher().ensure_narrow(&grant, part, need).await.ok()?;
    Some(token.access_token.expose().to_owned())
}

/// How often a provider is asked about a grant that its user has taken back, when it is believed, and what the grant says
/// then.
pub(super) async fn asks_again_about_a_grant_that_was_taken_back() -> (usize, Option<ReauthReason>)
{
    let mut world = World::new(1, WITHOUT).await;
    world.ground.provider.revoke("family0");
    world.start(0).await;
    world.ask(0).await;
    for hours in 0..40 {
        // Days of looks that find nothing would take a minute.
        world.machines[0].set_clock(hours * 3_600_000);
        sleep(Duration::from_secs(5)).await;
    }
    (world.ground.provider.record().refused, world.grants().await[0].reason)
}

fn due(back: &mut Vec<(Instant, usize)>) -> Vec<usize> {
    let now = Instant::now();
    let (due, later) = std::mem::take(back).into_iter().partition(|(at, _)| *at <= now);
    *back = later;
    let due: Vec<(Instant, usize)> = due;
    due.into_iter().map(|(_, index)| index).collect()
}

impl World {
    async fn new(seed: u64, rules: Rules) -> Self {
        let ground = Arc::new(Ground {
            dice: Dice::new(seed),
            began: Instant::now(),
            provider: Provider::new(rules),
            story: Mutex::default(),
        });
        let keys = KeyFile::generate(&SeededEntropy::new(seed));
        let world = Self {
            machines: (0..NODES).map(|name| Machine::new(name, &ground)).collect(),
            nodes: (0..NODES).map(|_| None).collect(),
            ground,
            database: Arc::default(),
            keys,
            lives: seed << 16,
        };
        world.consent().await;
        world
    }

    /// Everybody has given offline access.
    async fn consent(&self) {
        let vault = self.vault().await;
        for number in 0..GRANTS {
            let token = RefreshToken::new(self.ground.provider.consent(&format!("family{number}")));
            let grant = samples::grant(number);
            let entropy = SeededEntropy::new(number);
            let binding = Binding::of(&grant, 1);
            let access = AccessToken::new("access-0".to_owned());
            let now = self.ground.now();
            let tokens = vault.seal_tokens(&binding, &access, Some(&token), now, &entropy).unwrap();
            let grant = Grant { tokens, access_expires_at: now, ..grant };
            let sign_in = crate::store::SignIn { grant: Some(grant), ..samples::sign_in(number) };
            self.database.complete_sign_in(sign_in).await.unwrap();
        }
    }

    /// The user of the first grant gives access again, and less of it, at this time by their node. The refresh token.
    async fn consent_anew(&self, now: Timestamp) -> String {
        let stored = self.grants().await.remove(0);
        let (scopes, given) =
            (Scopes::parse("openid").unwrap(), self.ground.provider.consent("again"));
        let binding = Binding::of(&stored, stored.generation + 1);
        let access = AccessToken::new("access-again".to_owned());
        let (token, entropy) = (RefreshToken::new(given.clone()), SeededEntropy::new(7));
        let vault = self.vault().await;
        let tokens = vault.seal_tokens(&binding, &access, Some(&token), now, &entropy).unwrap();
        let mut ledger = ScopeLedger::new(Vec::new());
        ledger.authorize(&scopes, &scopes, ScopeSource::Consent, now);
        let grant = Grant {
            generation: stored.generation + 1,
            version: stored.version + 1,
            access_expires_at: now.after(Duration::from_hours(1)),
            tokens,
            scopes,
            ..stored
        };
        let (scopes, events, lease, outdates) = (ledger.into_changes(), Vec::new(), None, true);
        let commit = RefreshCommit { grant, scopes, events, lease, outdates };
        self.database.commit_refresh(commit).await.unwrap();
        given
    }

    /// Of somebody who has died over it.
    async fn leave_lease(&self) {
        let (grant, attempt, now) =
            (samples::grant_id(0), samples::refresh_id(999), self.ground.now());
        let claim = RefreshClaim { grant, attempt, generation: 1, now, deadline: now, asks: true };
        self.database.claim_refresh(claim).await.unwrap();
    }

    async fn vault(&self) -> Vault {
        let clock = Arc::new(self.machines[0].begin());
        let entropy = SeededEntropy::new(99);
        let store = Arc::clone(&self.database);
        Vault::open(&self.keys, store, clock, &entropy).await.unwrap()
    }

    async fn start(&mut self, index: usize) {
        self.lives += 1;
        let life = self.machines[index].begin();
        let store = Arc::new(self.database.over(Arc::new(life.clone())));
        let standin =
            Standin::builder("https://app.example.com".parse().unwrap(), store, life.clone())
                .clock(life.clone())
                .entropy(SeededEntropy::new(self.lives))
                .journal(life)
                .provider(config(self.ground.provider.grace()))
                .build(&self.keys)
                .await
                .unwrap();
        let upkeep = standin.clone();
        #[expect(clippy::disallowed_methods, reason = "it ends with the run")]
        let upkeep = tokio::spawn(async move { upkeep.run(CancellationToken::new()).await });
        self.nodes[index] = Some(Node { standin, upkeep });
    }

    /// To a standby that lags more or less. What the others have of it is void.
    async fn fail_over(&self, standbys: &mut VecDeque<Standby>) {
        let lag = usize::try_from(self.ground.dice.roll(LAG as u64)).unwrap();
        let Some(standby) = standbys.drain(..).nth(lag) else { return };
        let before = self.generations().await;
        self.machines.iter().for_each(|machine| machine.lose_database(OUTAGE));
        self.database.fail_over(standby, self.ground.now().after(OUTAGE));
        let is_behind = self.generations().await < before;
        self.ground.say(if is_behind { BEHIND } else { "a standby takes over" });
    }

    fn pick(&self) -> usize {
        usize::try_from(self.ground.dice.roll(NODES as u64)).unwrap()
    }

    /// A job wants another token than the one that is stored.
    fn demand(&self, grant: u64) -> Option<JoinHandle<()>> {
        self.demand_at(self.pick(), grant)
    }

    fn demand_at(&self, node: usize, grant: u64) -> Option<JoinHandle<()>> {
        let node = self.nodes[node].as_ref()?;
        let (standin, id) = (node.standin.clone(), samples::grant_id(grant));
        #[expect(clippy::disallowed_methods, reason = "it ends with the run")]
        let job = tokio::spawn(async move { drop(demand(&standin, id).await) });
        Some(job)
    }

    /// A job of this node wants another token of the first grant than the one that is stored.
    async fn demand_of(&self, node: usize) {
        let Some(node) = &self.nodes[node] else { return };
        drop(demand(&node.standin, samples::grant_id(0)).await);
    }

    /// A job of the first node wants another token of the first grant. Back when the provider has given it, and the node
    /// does not have it yet.
    async fn is_on_its_way(&self) {
        drop(self.demand_at(0, 0));
        while self.ground.provider.record().given == 0 {
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// How many tokens were given, and whether the provider takes the one that stands in the first row.
    async fn given_and_kept(&self) -> (usize, bool) {
        let (vault, grant) = (self.vault().await, self.grants().await.remove(0));
        // Of a key that nobody can have now nothing was sealed.
        let token = vault.open_refresh(&grant).ok().flatten();
        let is_kept = token.is_some_and(|token| self.ground.provider.takes(token.expose()));
        (self.ground.provider.record().given, is_kept)
    }

    /// Whether the first node has a token of the first grant for a job that wants another one.
    async fn ask(&self, node: usize) -> bool {
        let Some(node) = &self.nodes[node] else { return false };
        let grant = self.grants().await.remove(0);
        let need = Need { min_ttl: Duration::ZERO, stale: None };
        node.standin.refresher().ensure_fresh(&grant, need).await.is_ok()
    }

    async fn until_nobody_is_suspect(&self) {
        for _ in 0..MINUTES_OF_SUSPICION {
            if self.grants().await.iter().all(|grant| grant.state != GrantState::Suspect) {
                return;
            }
            sleep(Duration::from_mins(1)).await;
        }
    }

    async fn grants(&self) -> Vec<Grant> {
        self.database.grants(None, 100).await.unwrap()
    }

    async fn generations(&self) -> u64 {
        self.grants().await.iter().map(|grant| grant.generation).sum()
    }

    async fn verdict(&self, began: u64) -> Verdict {
        let record = self.ground.provider.record();
        let mut verdict = Verdict {
            given: record.given,
            stored: usize::try_from(self.generations().await - began).unwrap(),
            spent_again: record.spent_again,
            refused: record.refused,
            ..Verdict::default()
        };
        let vault = self.vault().await;
        for grant in self.grants().await {
            let token = vault.open_refresh(&grant).unwrap();
            let takes = token.is_some_and(|token| self.ground.provider.takes(token.expose()));
            match (grant.state, grant.reason) {
                (GrantState::Active, _) if takes => {}
                (GrantState::Active | GrantState::Revoked, _) => {
                    let Grant { id, state, generation, .. } = grant;
                    verdict.wrong.push(format!("{id} is {state:?} at generation {generation}"));
                }
                (_, Some(ReauthReason::RotationLost)) => verdict.lost += 1,
                (_, _) => verdict.unsaid += 1,
            }
        }
        let leases = self.database.overdue_refreshes(Timestamp::NEVER, 100).await.unwrap();
        verdict.wrong.extend(leases.iter().map(|grant| format!("nobody looks after {grant}")));
        verdict.story = self.ground.story.lock().unwrap().clone();
        verdict
    }
}

/// Another token than the one that is stored.
async fn demand(standin: &Standin, id: GrantId) -> Option<FreshToken> {
    let grant = standin.store().grant(id).await.ok()??;
    let refresher = standin.refresher();
    let token = refresher.exchange.core.vault.open_access(&grant).ok()?;
    let need = Need { min_ttl: Duration::ZERO, stale: token.map(|token| token.sha256()) };
    refresher.ensure_fresh(&grant, need).await.ok()
}

fn config(grace: Grace) -> ProviderConfig {
    let profile = ProviderProfile { rotates: Certainty::Yes, grace, ..ProviderProfile::UNKNOWN };
    ProviderConfig {
        id: samples::google(),
        kind: ProviderKind::Oidc(profile),
        issuer: "https://accounts.google.com".to_owned(),
        registration: Registration {
            client_id: "1234.apps.googleusercontent.com".to_owned(),
            client_secret: ClientSecret::new("secret".to_owned()),
            authentication: ClientAuthentication::Post,
        },
        scopes: Scopes::parse("openid email").unwrap(),
        extra_scopes: Scopes::default(),
        browser_scopes: Scopes::default(),
        hosted_domains: Vec::new(),
        allow: AllowList::default(),
        allow_credential_without_nonce: false,
        answer: AnswerForm::default(),
        authentication: UserAuthentication::default(),
        max_refreshes_per_second: RefreshRate::default(),
        transport: Transport::Https,
    }
}
