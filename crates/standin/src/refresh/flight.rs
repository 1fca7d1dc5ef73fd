//! One flight: does what the [`Machine`] says, and tells it what came of it.
//!
//! All that is decided about order, leases and lost answers is decided there. Here is what each step is made of: the
//! row, the lease, the provider, the journal, the vault.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::classify::{Fate, classify};
use super::exchange::Exchange;
use super::guard::Outcome as Asked;
use super::journal::{self, Answer};
use super::protocol::{End, Event, Goal, Machine, Row, Standing, Step};
use super::{FreshToken, Need, Outcome, RefreshFailure, Target, later};
use super::{lasting, lineage, points};
use crate::fail_point::FailPoint;
use crate::id::RefreshId;
use crate::measure;
use crate::provider::{OAuthError, TokenError, TokenResponse};
use crate::revoke;
use crate::store::{Committed, LeaseEnd, StoreError};
use crate::vault::{Destination, Grant, GrantState, ReauthReason};

mod lease;

/// What of the lease may be over when the question goes out: the provider has eight seconds to answer
/// (`http/reqwest_client.rs`), and the answer must be written before the end.
const ASK_WITHIN: Duration = Duration::from_secs(3);
/// How long somebody waits for another node's lease.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long an answer waits for a database that is away, when nobody waits for it any more.
const LONGEST_PATIENCE: Duration = Duration::from_hours(1);
const FIRST_WAIT: Duration = Duration::from_millis(25);
const LONGEST_WAIT: Duration = Duration::from_millis(400);
/// Longer than any way through the machine; a store that always says `Moved` must end, too.
const MAX_STEPS: usize = 2_000;

/// One refresh under way.
pub(super) struct Flight<'a> {
    exchange: &'a Exchange,
    target: &'a Target,
    need: Need,
    goal: Goal,
    is_leased: bool,
    /// Whatever token there is, the provider is to be asked; a row of a later version says that it was.
    unless_past: Option<u64>,
    attempt: RefreshId,
    /// The row as it was read last.
    row: Option<Grant>,
    /// Where what comes may be revoked, should the row be gone by then.
    destination: Option<Destination>,
    /// What the provider answered.
    hand: Option<Answer>,
    /// Since when we have the lease; from before it was asked for.
    claimed_at: Option<Instant>,
    has_asked: bool,
    /// Whether it is the record of a question without an answer, of whomever.
    is_record: bool,
    /// What the refusal means, if the refresh token may have been replaced by one that the database does not have.
    refused_as: Option<ReauthReason>,
    began_at: Instant,
    waits: u32,
    token: Option<FreshToken>,
    failure: Option<RefreshFailure>,
}

impl<'a> Flight<'a> {
    pub(super) fn new(
        exchange: &'a Exchange,
        target: &'a Target,
        need: Need,
        is_leased: bool,
    ) -> Self {
        Self {
            exchange,
            target,
            need,
            goal: Goal::Token,
            is_leased,
            unless_past: None,
            attempt: RefreshId::new(&*exchange.core.clock, &*exchange.core.entropy),
            row: None,
            destination: None,
            hand: None,
            claimed_at: None,
            has_asked: false,
            is_record: false,
            refused_as: None,
            began_at: Instant::now(),
            waits: 0,
            token: None,
            failure: None,
        }
    }

    /// Asks the provider although there may be a token that will do, unless the row has been written since.
    pub(super) fn unless_past(self, version: u64) -> Self {
        Self { unless_past: Some(version), ..self }
    }

    /// Brings the newest answer of the journal to its row.
    pub(super) async fn replay(mut self) -> Outcome {
        let id = self.target.grant;
        let Some(grant) = self.exchange.core.store.grant(id).await? else {
            self.exchange.journal.settle(id, u64::MAX).await;
            return Err(RefreshFailure::Gone);
        };
        self.exchange.core.vault.learn(grant.tokens.iter()).await?;
        self.destination = Some(Destination::of(&grant));
        let Some(record) = self.exchange.newest_kept(&grant, 0).await? else {
            return Err(later(None));
        };
        self.attempt = record.attempt;
        let Some(answer) = Answer::of_record(&record, &grant, &self.exchange.core.vault)? else {
            tracing::error!(grant.id = %id, "an answer of the journal does not open; it is left where it is");
            return Err(later(None));
        };
        // It waits in the journal for a key that is not to be had, and not here, with the upkeep behind it.
        self.exchange.core.vault.require_sealing(&grant)?;
        let given = answer.given();
        self.hand = Some(answer);
        self.fly(Goal::Replay(given)).await
    }

    pub(super) async fn fly(mut self, goal: Goal) -> Outcome {
        self.goal = goal;
        // What the provider gives will be sealed: better a look at the keys before it is asked than after.
        self.exchange.core.vault.require_current().await?;
        let (mut machine, mut step) = Machine::start(goal, self.is_leased);
        let mut steps = 0;
        while steps < MAX_STEPS {
            if let Step::End(end) = step {
                return self.outcome(end);
            }
            match self.perform(step).await {
                Ok(event) => {
                    steps += usize::from(!self.is_waiting_with_an_answer(event));
                    step = machine.next(event);
                }
                Err(failure) => {
                    self.abandon().await;
                    return Err(failure);
                }
            }
        }
        self.abandon().await;
        Err(later(None))
    }

    /// What the provider gave may be nowhere else: it waits as long as the database is away, within reason.
    fn is_waiting_with_an_answer(&self, event: Event) -> bool {
        let is_waiting = matches!(event, Event::Unavailable | Event::Waited);
        is_waiting && self.hand.is_some() && self.began_at.elapsed() < LONGEST_PATIENCE
    }

    /// A point that is told to fail is a database that is away.
    async fn perform(&mut self, step: Step) -> Result<Event, RefreshFailure> {
        let around = points::around(step);
        if let Some((before, _)) = around
            && before.reach().await.is_err()
        {
            return Ok(Event::Unavailable);
        }
        let event = self.take(step).await?;
        Ok(match around {
            Some((_, after)) if after.reach().await.is_err() => Event::Unavailable,
            _ => event,
        })
    }

    async fn take(&mut self, step: Step) -> Result<Event, RefreshFailure> {
        match step {
            Step::Read => self.read().await,
            Step::Claim { generation, asks } => self.claim(generation, asks).await,
            Step::Ask => Ok(self.ask().await),
            Step::Keep { question } => Ok(self.keep(question).await),
            Step::Commit { is_in_doubt } => self.commit(is_in_doubt).await,
            Step::Recall { generation } => self.recall(generation).await,
            Step::Bury { rotation_lost } => self.bury(rotation_lost).await,
            Step::Discard => Ok(self.discard().await),
            Step::Release => Ok(self.release().await),
            Step::Yield { has_asked } => Ok(self.give_way(has_asked).await),
            Step::Wait => Ok(self.wait().await),
            Step::End(_) => Ok(Event::Done),
        }
    }

    async fn read(&mut self) -> Result<Event, RefreshFailure> {
        let core = &self.exchange.core;
        let Some(row) = self.available(core.store.grant(self.target.grant).await)? else {
            return Ok(Event::Unavailable);
        };
        // The database is there again.
        self.failure = None;
        let Some(grant) = row else {
            self.row = None;
            return Ok(Event::Read(None));
        };
        if self.available(core.vault.learn(grant.tokens.iter()).await)?.is_none() {
            return Ok(Event::Unavailable);
        }
        if self.hand.as_ref().is_some_and(|answer| answer.generation < grant.generation) {
            // The row has it, or has gone past it: of no use to anybody, unless the row of before comes back.
            self.exchange.journal.settle(grant.id, grant.generation).await;
        }
        let Some(outdates) = self.drop_outdated(&grant).await? else {
            return Ok(Event::Unavailable);
        };
        self.token = match self.exchange.at_hand(&grant, self.target, self.need) {
            // What is in hand comes to its row, whatever is wrong with what stands there.
            Err(_) if self.hand.is_some() => None,
            token => token?,
        };
        let standing = match grant.state {
            GrantState::Revoked => Standing::Gone,
            _ if grant.may_be_asked(core.now()) => Standing::Usable,
            _ => Standing::Dead,
        };
        let will_do = match self.unless_past {
            Some(version) => grant.version > version,
            None => self.token.is_some(),
        };
        let row = Row { generation: grant.generation, standing, will_do, outdates };
        self.destination = Some(Destination::of(&grant));
        self.row = Some(grant);
        Ok(Event::Read(Some(row)))
    }

    /// Whether the user has given others since the tokens in hand were asked for. Nobody needs those any more.
    async fn drop_outdated(&mut self, grant: &Grant) -> Result<Option<bool>, RefreshFailure> {
        let Some(asked) = self.hand.as_ref().map(|answer| (answer.asked_at, answer.spent)) else {
            return Ok(Some(false));
        };
        let since = self.exchange.given_since(grant).await;
        let Some(since) = self.available(since)? else { return Ok(None) };
        let stands = lineage::token_of(grant);
        let is_outdated = journal::is_outdated(asked, since, stands);
        if is_outdated {
            tracing::warn!(grant.id = %grant.id, "an answer is older than what its user has given since; it is not used");
            self.exchange.journal.outdate(grant.id, since, stands).await;
            self.hand = None;
        }
        Ok(Some(is_outdated))
    }

    async fn ask(&mut self) -> Event {
        self.hand = None;
        if self.claimed_at.is_some_and(|claimed_at| claimed_at.elapsed() > ASK_WITHIN) {
            return Event::Late;
        }
        self.ask_provider().await.unwrap_or_else(|failure| {
            self.failure = Some(failure);
            Event::Failed
        })
    }

    /// An error says that the provider was not asked, or that nothing of its answer may be used.
    async fn ask_provider(&mut self) -> Result<Event, RefreshFailure> {
        let Some(grant) = self.row.clone() else { return Ok(Event::Failed) };
        let (exchange, id) = (self.exchange, grant.id);
        let provider = exchange.gate(&grant)?;
        if lasting::is_all_of(&grant) {
            exchange.confirm_death(&provider, &grant).await?;
            return Ok(Event::Refused);
        }
        let (endpoint, refresh_token) = exchange.key_of(&grant)?;
        let pass = exchange.enter(&grant)?;
        let (asked_at, narrowed_to) = (exchange.now(), self.target.narrowed_to.as_ref());
        self.has_asked = true;
        let answer = provider.refresh(&exchange.core, &endpoint, &refresh_token, narrowed_to).await;
        let answer = FailPoint::RefreshHasAnswer
            .reach()
            .await
            .map_or(Err(TokenError::Ambiguous { retry_after: None }), |()| answer);
        let Some(heard) = self.heard(&grant, &answer).await? else { return Ok(Event::Unavailable) };
        let is_believed = exchange.report(pass, heard).await;
        let tokens = match answer {
            Ok(tokens) => tokens,
            Err(error) => return Ok(self.refused(error, is_believed)),
        };
        let rotated = tokens.refresh_token.is_some();
        if let Err(failure) = exchange.refuse_another_person(&provider, &grant, &tokens) {
            if !rotated {
                return Err(failure);
            }
            // The token that it took is spent, and the one that it gave is nobody's.
            exchange.holds.hold_unknown(id, None, exchange.now());
            self.failure = Some(failure);
            return Ok(Event::Lost { ask_again: false });
        }
        exchange.holds.release(id);
        let (attempt, generation) = (self.attempt, grant.generation);
        let (question, narrowed_to) = (0, narrowed_to.cloned());
        let spent = lineage::token_of(&grant);
        self.hand =
            Some(Answer { attempt, generation, asked_at, question, spent, narrowed_to, tokens });
        Ok(Event::Answered { rotated })
    }

    /// What is told of an answer. Whether a refusal was to be expected, only the database knows. `None` if that is away.
    async fn heard(
        &mut self,
        grant: &Grant,
        answer: &Result<TokenResponse, TokenError>,
    ) -> Result<Option<Asked>, RefreshFailure> {
        let asked = Asked::of(answer);
        if !matches!(asked, Asked::GrantRefused { .. }) {
            return Ok(Some(asked));
        }
        let behind = self.exchange.behind(grant).await;
        let Some(behind) = self.available(behind)? else { return Ok(None) };
        self.refused_as = behind.is_some().then_some(ReauthReason::RotationLost);
        let is_expected = behind.is_some_and(|behind| behind.is_one_of_many);
        Ok(Some(Asked::GrantRefused { is_expected }))
    }

    fn refused(&mut self, error: TokenError, is_believed: bool) -> Event {
        let id = self.target.grant;
        if error == TokenError::Refused(OAuthError::InvalidScope)
            && self.target.narrowed_to.is_some()
        {
            // Only this narrowing is impossible: whoever wants the whole token can still have it.
            self.failure = Some(RefreshFailure::Misbehaved);
            return Event::Failed;
        }
        match classify(error) {
            Fate::Dead if is_believed => Event::Refused,
            // Under a lease it is asked again at once; the hold comes with the end.
            Fate::Ambiguous { retry_after: None } if self.is_leased => {
                Event::Lost { ask_again: true }
            }
            fate => {
                let fate = self.in_good_time(fate);
                self.failure = Some(self.exchange.hold(id, fate));
                match fate {
                    Fate::Ambiguous { .. } => Event::Lost { ask_again: false },
                    _ => Event::Failed,
                }
            }
        }
    }

    /// Where an earlier question has had no answer, or this one, its provider is not left alone for as long as it wants.
    fn in_good_time(&self, fate: Fate) -> Fate {
        let longest = self.exchange.longest_rest(self.row.as_ref());
        let shorter = |wait: Duration| wait.min(longest);
        match fate {
            Fate::Ambiguous { retry_after } if self.is_leased => {
                Fate::Ambiguous { retry_after: retry_after.map(shorter) }
            }
            Fate::Later { retry_after } if self.is_record => {
                Fate::Later { retry_after: retry_after.map(shorter) }
            }
            fate => fate,
        }
    }

    async fn keep(&mut self, question: u64) -> Event {
        if let (Some(answer), Some(grant)) = (&mut self.hand, &self.row) {
            answer.question = question;
            self.exchange.keep(answer, grant).await;
        }
        Event::Kept
    }

    async fn commit(&mut self, is_in_doubt: bool) -> Result<Event, RefreshFailure> {
        let (Some(answer), Some(grant)) = (&self.hand, &self.row) else { return Ok(Event::Failed) };
        let end = if is_in_doubt { LeaseEnd::Record } else { LeaseEnd::Deleted };
        let lease = self.is_leased.then_some((self.attempt, end));
        let (grant, is_refused) = (grant.clone(), self.need.stale.is_some());
        let written = self.exchange.write_answer(grant, answer, lease, is_refused).await;
        let generation = answer.next_generation();
        Ok(match self.available(written)? {
            None => Event::Unavailable,
            Some((Committed::Fenced, _)) => {
                measure::count(&measure::FENCED);
                Event::Fenced
            }
            Some((Committed::Moved, _)) => {
                // Perhaps nobody wrote it, and it was refused because its key is retired.
                self.exchange.core.vault.catch_up().await;
                Event::Moved
            }
            Some((Committed::Written, token)) => {
                self.exchange.journal.settle(self.target.grant, generation).await;
                self.hand = None;
                self.failure = token.is_none().then_some(RefreshFailure::Misbehaved);
                self.token = token;
                Event::Written
            }
        })
    }

    async fn recall(&mut self, generation: u64) -> Result<Event, RefreshFailure> {
        let Some(grant) = self.row.clone() else { return Ok(Event::Recalled(None)) };
        let record = self.exchange.newest_kept(&grant, generation).await;
        let Some(record) = self.available(record)? else { return Ok(Event::Unavailable) };
        let vault = &self.exchange.core.vault;
        let answer = record.map(|record| Answer::of_record(&record, &grant, vault)).transpose()?;
        let answer = answer.flatten();
        let found = answer.as_ref().map(Answer::given);
        self.attempt = answer.as_ref().map_or(self.attempt, |answer| answer.attempt);
        self.hand = answer;
        Ok(Event::Recalled(found))
    }

    async fn bury(&mut self, rotation_lost: bool) -> Result<Event, RefreshFailure> {
        let Some(grant) = self.row.clone() else { return Ok(Event::Moved) };
        let lease = self.is_leased.then_some((self.attempt, LeaseEnd::Deleted));
        let rotation_lost = rotation_lost || self.refused_as.is_some();
        let written = self.exchange.write_death(grant, rotation_lost, lease).await;
        Ok(match self.available(written)? {
            None => Event::Unavailable,
            Some((Committed::Fenced, _)) => Event::Fenced,
            Some((Committed::Moved, _)) => Event::Moved,
            Some((Committed::Written, dead)) => {
                self.row = Some(dead);
                Event::Written
            }
        })
    }

    /// A refresh token that was issued while its grant was taken back must not outlive it (requirement RF-10).
    async fn discard(&mut self) -> Event {
        let Some(answer) = self.hand.take() else { return Event::Done };
        let (id, token) = (self.target.grant, answer.tokens.refresh_token.as_ref());
        let is_seen_to = match (token, &self.destination) {
            (Some(token), Some(destination)) => {
                tracing::info!(grant.id = %id, "revoking a token that came after its grant was taken back");
                revoke::discard(&self.exchange.core, id, destination, token).await
            }
            _ => true,
        };
        if is_seen_to {
            self.exchange.journal.settle(id, answer.next_generation()).await;
        }
        Event::Done
    }

    /// Longer each time, and not for ever, unless an answer waits for its row.
    async fn wait(&mut self) -> Event {
        if self.hand.is_none() && self.began_at.elapsed() > PATIENCE {
            return Event::GiveUp;
        }
        let wait = FIRST_WAIT.saturating_mul(1 << self.waits.min(4)).min(LONGEST_WAIT);
        self.waits += 1;
        sleep(wait).await;
        Event::Waited
    }

    /// Something is wrong with this grant, or with us. A lease under which nothing was asked is of no use to anybody,
    /// unless it is a record, or was taken up with an answer that is not in its row: that stays, and is due when its
    /// time is over.
    async fn abandon(&mut self) {
        let tells_something = self.has_asked || self.is_record || self.hand.is_some();
        if self.claimed_at.is_some() && !tells_something {
            self.release().await;
        }
    }

    fn outcome(self, end: End) -> Outcome {
        let id = self.target.grant;
        match end {
            End::Token | End::Settled => match (self.failure, self.token) {
                (Some(failure), _) => Err(failure),
                (None, Some(token)) => Ok(token),
                (None, None) => Err(later(None)),
            },
            End::Dead => {
                // Not before it is written: who comes back must find out the same reason.
                self.exchange.holds.release(id);
                let reason = self.row.and_then(|grant| grant.reason);
                Err(RefreshFailure::Dead(reason.unwrap_or(ReauthReason::Unknown)))
            }
            End::Gone => Err(RefreshFailure::Gone),
            End::Later if self.failure.is_none() && self.has_asked => {
                Err(self.exchange.hold(id, Fate::Ambiguous { retry_after: None }))
            }
            End::Later | End::Unavailable => Err(self.failure.unwrap_or_else(|| later(None))),
        }
    }

    /// `None` if the database is away: the machine says what that means now. It is the same where nobody knows whether
    /// a write was kept: all of them are such that they can be tried again, after another look. And where an answer in
    /// hand cannot be sealed, which may be nowhere else: its key may be had in a while; or is being destroyed with its
    /// tenant's data, and then the row will be gone soon, and what is in hand must be revoked.
    fn available<T>(
        &mut self,
        done: Result<T, impl Into<RefreshFailure>>,
    ) -> Result<Option<T>, RefreshFailure> {
        let failure = match done.map_err(Into::into) {
            Ok(done) => return Ok(Some(done)),
            Err(failure) => failure,
        };
        let is_away = match &failure {
            RefreshFailure::Store(error) => {
                matches!(error, StoreError::Unavailable(_) | StoreError::Unknown(_))
            }
            RefreshFailure::Vault(_) => self.hand.is_some(),
            _ => false,
        };
        if !is_away {
            return Err(failure);
        }
        self.failure = Some(failure);
        Ok(None)
    }
}

/// A lease that is not given back ends by itself; the next to come waits for that.
fn report(done: Result<bool, StoreError>) {
    if let Err(error) = done {
        tracing::warn!(%error, "a lease is not given back");
    }
}
