//! The end of a sign-in: what was proved becomes a grant and a session, in one transaction.
//!
//! The grant is made over the one that is stored and written only if that has not changed; if it has, it is
//! made again. An answer without a refresh token never touches the one that is there.

use super::attempt::Attempt;
use super::complete::Proved;
use super::{Begun, Completed, Mode, Next, SignIn};
use crate::error::Error;
use crate::fail_point::FailPoint;
use crate::id::{AttemptId, GrantId, UserId};
use crate::measure;
use crate::provider::{Provider, ProviderKind, Scopes};
use crate::receipt::{Fact, Leg, Offline, Receipt};
use crate::session::cookie::{Cookies, SetCookie};
use crate::session::device::device;
use crate::store::{
    self, Admits, Event, EventKind, NewSession, ReceiptRow, SessionHash, StoreError,
};
use crate::time::Timestamp;
use crate::vault::{
    Binding, Grant, GrantState, ReauthReason, ScopeLedger, ScopeRecord, SealedTokens,
};

/// How often a sign-in tries to write over a grant that keeps changing under it. Each round that is lost was
/// won by another sign-in of the same person: as many as this may arrive at once.
const MAX_ROUNDS: usize = 64;

/// Everything that the rows are made of.
struct Settling<'a> {
    attempt: &'a Attempt,
    proved: &'a Proved,
    admits: Admits,
    client_id: &'a str,
    token_endpoint: String,
    is_google: bool,
    /// Whose all of it is to be: whoever is signed in, or somebody new if nobody has the identity.
    new_user: UserId,
    /// The session this browser had before.
    replaces: Option<SessionHash>,
}

/// What the answer makes of the grant.
struct Authorized {
    grant: Grant,
    /// What changes in the ledger.
    scopes: Vec<ScopeRecord>,
    /// Whether it opens what the stored one did not.
    is_news: bool,
}

/// Where the browser goes, and what it needs there.
struct Leave {
    next: Next,
    cookies: Vec<SetCookie>,
    second_leg: Option<AttemptId>,
}

impl SignIn {
    pub(super) async fn settle(
        &self,
        attempt: &Attempt,
        provider: &Provider,
        proved: &Proved,
        admits: Admits,
        headers: &http::HeaderMap,
        receipt: &mut Receipt,
    ) -> Result<Completed, Error> {
        let metadata = provider.metadata(&self.core).await?;
        self.sessions.admit(&proved.identity, receipt).await?;
        let settling = Settling {
            attempt,
            proved,
            admits,
            client_id: &provider.config().registration.client_id,
            token_endpoint: metadata.token_endpoint.url().to_string(),
            is_google: provider.config().kind == ProviderKind::Google,
            new_user: attempt
                .bound_to()
                .unwrap_or_else(|| UserId::new(&*self.core.clock, &*self.core.entropy)),
            replaces: attempt.session_of(headers).filter(|_| attempt.opens_session()),
        };
        let identity = proved.identity.identity();
        self.look_after_stored(provider, &settling).await?;
        for _ in 0..MAX_ROUNDS {
            let event = self.admit_account(attempt, identity, receipt).await?;
            let Authorized { grant, scopes, is_news } = self.grant(&settling).await?;
            let opened = attempt
                .opens_session()
                .then(|| self.sessions.open(&proved.identity, device(headers)));
            let (session, cookie) = opened.unzip();
            let hash = session.as_ref().map(|session| session.hash);
            let leave = self.leave(&settling, provider, grant.is_offline(), hash, headers).await;
            // Told anew in each round: what was not written is in no receipt.
            let mut told = receipt.clone();
            settling.tell(&grant, hash.is_some(), &leave, provider, &mut told);
            let told = self.done(attempt.id, &attempt.provider, &told);
            let rows = settling.rows(grant, scopes, session, (event, told));
            let rows = store::SignIn { authorizes: is_news, ..rows };
            FailPoint::SignInSettle.reach().await?;
            let written = self.core.store.complete_sign_in(rows).await;
            FailPoint::SignInHasSettled.reach().await?;
            match written {
                Ok(signed_in) => {
                    measure::signed_in(&self.core, &attempt.provider, Ok(()));
                    let completed = completed(attempt, hash, cookie, leave);
                    return Ok(Completed { user: Some(signed_in.user), ..completed });
                }
                // Another sign-in was faster, or the key that sealed is retired by now.
                Err(StoreError::Conflict) => self.core.vault.catch_up().await,
                Err(StoreError::NotAdmitted) => return Err(self.core.not_admitted(receipt).into()),
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// A stored token that does not end by itself counts for more than an answer that opens less, but only while it
    /// lives: whoever took it back at the provider gives what this answer opens, and nothing else.
    async fn look_after_stored(
        &self,
        provider: &Provider,
        settling: &Settling<'_>,
    ) -> Result<(), Error> {
        let identity = settling.proved.identity.identity();
        let stored = self.core.store.grant_of_identity(identity).await?;
        let outdone = |grant: &Grant| grant.is_lasting() && settling.brings_less_than(grant);
        let Some(stored) = stored.filter(outdone) else { return Ok(()) };
        self.core.vault.learn(stored.tokens.iter()).await?;
        let Some(token) = self.core.vault.open_access(&stored)? else { return Ok(()) };
        if provider.is_alive(&self.core, &token).await != Ok(false) {
            return Ok(());
        }
        let dead = stored.refused(ReauthReason::Revoked, self.core.now());
        let event = Event {
            user: Some(dead.user),
            grant: Some(dead.id),
            detail: Some(ReauthReason::Revoked.to_string()),
            ..Event::new(EventKind::GrantReauthRequired, dead.updated_at)
        };
        match self.core.store.replace_grant(dead, Some(event)).await {
            Ok(()) => {
                measure::died(&self.core, &identity.provider, ReauthReason::Revoked);
                Ok(())
            }
            Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The grant as it is to be, and what changes in the ledger of its scopes.
    async fn grant(&self, settling: &Settling<'_>) -> Result<Authorized, Error> {
        let identity = settling.proved.identity.identity();
        let stored = match self.core.store.grant_of_identity(identity).await? {
            Some(grant) if settling.brings_less_than(&grant) => {
                let ledger = self.core.store.scope_ledger(grant.id).await?;
                let scopes = settling.asked(&grant, ledger);
                return Ok(Authorized { grant: settling.left(grant), scopes, is_news: false });
            }
            Some(grant) => grant,
            None => {
                let known = self.core.store.user_of_identity(identity).await?;
                let id = GrantId::new(&*self.core.clock, &*self.core.entropy);
                settling.nothing_yet(id, known.unwrap_or(settling.new_user))
            }
        };
        self.core.vault.keep_up().await;
        let verified = &settling.proved.identity;
        let tenant = self.core.tenants.of(identity, verified.profile(), settling.is_google);
        self.core.vault.prepare(tenant.as_deref(), &*self.core.entropy).await?;
        let binding = settling.binding(&stored).of_tenant(tenant.as_deref());
        let answer = &settling.proved.answer;
        let refresh = answer.refresh_token.as_ref();
        let (vault, entropy) = (&self.core.vault, &*self.core.entropy);
        let (access, at) = (&answer.access_token, settling.proved.asked_at);
        let sealed = vault.seal_tokens(&binding, access, refresh, at, entropy)?;
        let ledger = self.core.store.scope_ledger(stored.id).await?;
        let before = opens(&stored);
        let mut grant = settling.authorize(stored, sealed);
        if settling.brings_refresh_token() {
            grant.due_at = self.core.keep_alive_at(&grant.identity.provider, grant.id, at);
        }
        let covers = |now: &Scopes| before.is_some_and(|before| before.covers(now));
        let is_news = opens(&grant).is_some_and(|now| !covers(&now));
        Ok(Authorized { grant, scopes: settling.authorized(ledger), is_news })
    }

    /// Where the browser goes: back, or to the provider once more, if only consent can bring a refresh
    /// token. Whoever cannot be sent there is signed in all the same.
    async fn leave(
        &self,
        settling: &Settling<'_>,
        provider: &Provider,
        is_offline: bool,
        session: Option<SessionHash>,
        headers: &http::HeaderMap,
    ) -> Leave {
        let Settling { attempt, proved, .. } = settling;
        let is_first_leg = attempt.is_sign_in() && attempt.mode != Mode::Code;
        let could_be = provider.gives_refresh_token_on_consent(&attempt.scopes);
        if !is_offline && is_first_leg && could_be {
            let subject = &proved.identity.identity().subject;
            let cookies = Cookies::of(headers);
            match self.begin_consent(provider, attempt, subject, session, cookies).await {
                Ok(Begun { attempt, location, cookies }) => {
                    let next = Next::Consent(location);
                    return Leave { next, cookies, second_leg: Some(attempt) };
                }
                Err(error) => tracing::warn!(code = error.code(), "the second leg cannot begin"),
            }
        }
        let next = Next::ReturnTo(attempt.return_to.resolve(&self.core.public_url));
        Leave { next, cookies: Vec::new(), second_leg: None }
    }
}

impl Settling<'_> {
    /// The rows of the transaction.
    fn rows(
        &self,
        grant: Grant,
        scopes: Vec<ScopeRecord>,
        session: Option<NewSession>,
        (event, receipt): (EventKind, ReceiptRow),
    ) -> store::SignIn {
        store::SignIn {
            attempt: self.attempt.id,
            identity: self.proved.identity.identity().clone(),
            profile: self.proved.known.profile.clone(),
            untold: self.proved.known.untold,
            admits: self.admits,
            new_user: self.new_user,
            is_bound: self.attempt.bound_to().is_some(),
            at: grant.updated_at,
            grant: Some(grant),
            scopes,
            session,
            replaces: self.replaces,
            event,
            authorizes: false,
            receipt: Some(receipt),
        }
    }

    /// What the receipt tells of what is about to be written.
    fn tell(
        &self,
        grant: &Grant,
        opens_session: bool,
        leave: &Leave,
        provider: &Provider,
        receipt: &mut Receipt,
    ) {
        let change = if grant.version == 1 { "new" } else { "there already" };
        let session = if opens_session { "opened" } else { "goes on" };
        receipt.step(
            "written",
            &[
                ("grant", Fact::Grant(grant.id)),
                ("which is", Fact::Word(change)),
                ("scopes", Fact::Scopes(&grant.scopes)),
                ("session", Fact::Word(session)),
            ],
        );
        if let Some(second_leg) = leave.second_leg {
            receipt.step("second leg", &[("attempt", Fact::Attempt(second_leg))]);
        }
        receipt.leaves(Offline::of(&Leg {
            brought: self.brings_refresh_token(),
            lasts: grant.is_lasting(),
            works: grant.is_offline(),
            asked: provider.asks_for_offline_access(&self.attempt.scopes),
            for_consent: self.attempt.asked.for_consent,
            one_time_code: self.attempt.mode == Mode::Code,
            second_leg: leave.second_leg.is_some(),
        }));
    }

    fn granted(&self) -> &Scopes {
        self.proved.answer.granted(&self.attempt.scopes)
    }

    fn brings_refresh_token(&self) -> bool {
        self.proved.answer.refresh_token.is_some()
    }

    /// Whether the answer, without a refresh token, opens less than what is stored and works: then even
    /// the stored access token is the better one.
    fn brings_less_than(&self, stored: &Grant) -> bool {
        !self.brings_refresh_token()
            && stored.is_offline()
            && stored.provider_client == self.client_id
            && !self.granted().covers(&stored.scopes)
    }

    fn left(&self, stored: Grant) -> Grant {
        Grant {
            requested: stored.requested.union(&self.attempt.scopes),
            version: stored.version + 1,
            updated_at: self.proved.asked_at,
            ..stored
        }
    }

    /// The ledger of a grant that is left as it is.
    fn asked(&self, stored: &Grant, ledger: Vec<ScopeRecord>) -> Vec<ScopeRecord> {
        let mut ledger = ScopeLedger::new(ledger);
        let opens = stored.scopes.union(self.granted());
        ledger.ask(&self.attempt.scopes, &opens, self.attempt.source(), self.proved.asked_at);
        ledger.into_changes()
    }

    /// The ledger of a grant that opens what this answer opens.
    fn authorized(&self, ledger: Vec<ScopeRecord>) -> Vec<ScopeRecord> {
        let mut ledger = ScopeLedger::new(ledger);
        let (asked, opens) = (&self.attempt.scopes, self.granted());
        ledger.authorize(asked, opens, self.attempt.source(), self.proved.asked_at);
        ledger.into_changes()
    }

    fn nothing_yet(&self, id: GrantId, user: UserId) -> Grant {
        Grant {
            id,
            user,
            identity: self.proved.identity.identity().clone(),
            provider_client: self.client_id.to_owned(),
            token_endpoint: self.token_endpoint.clone(),
            scopes: Scopes::default(),
            requested: Scopes::default(),
            state: GrantState::Active,
            reason: None,
            refusals: 0,
            due_at: None,
            version: 0,
            generation: 0,
            tokens: SealedTokens::default(),
            access_expires_at: Timestamp::default(),
            refresh_expires_at: None,
            created_at: self.proved.asked_at,
            updated_at: self.proved.asked_at,
        }
    }

    fn binding<'b>(&'b self, stored: &'b Grant) -> Binding<'b> {
        let generation = stored.generation + u64::from(self.brings_refresh_token());
        let endpoint = self.endpoint(stored);
        let (place, identity) = ((stored.id, stored.user), &self.proved.identity);
        Binding::new(place, identity, self.client_id, endpoint, generation)
    }

    /// Whether the stored refresh token stays: one that was given to another registration of ours is no
    /// use to this one.
    fn keeps_refresh_token(&self, stored: &Grant) -> bool {
        stored.tokens.refresh.is_some()
            && stored.provider_client == self.client_id
            && !self.brings_refresh_token()
    }

    /// A refresh token that stays goes where it was pinned to go, wherever the provider is now
    /// (requirement RF-15).
    fn endpoint<'b>(&'b self, stored: &'b Grant) -> &'b str {
        if self.keeps_refresh_token(stored) { &stored.token_endpoint } else { &self.token_endpoint }
    }

    /// The stored grant with this answer over it.
    fn authorize(&self, stored: Grant, sealed: SealedTokens) -> Grant {
        let brings_refresh_token = self.brings_refresh_token();
        let heals =
            self.proved.answer.brings_offline_access() || stored.state == GrantState::Revoked;
        let token_endpoint = self.endpoint(&stored).to_owned();
        let keeps = self.keeps_refresh_token(&stored);
        let kept = stored.tokens.refresh.filter(|_| keeps);
        let trace = sealed.trace.or(stored.tokens.trace.filter(|_| keeps));
        let life = self.proved.answer.refresh_expires_in;
        let stored_life = stored.refresh_expires_at.filter(|_| !brings_refresh_token);
        Grant {
            provider_client: self.client_id.to_owned(),
            token_endpoint,
            scopes: self.granted().clone(),
            requested: stored.requested.union(&self.attempt.scopes),
            state: if heals { GrantState::Active } else { stored.state },
            reason: stored.reason.filter(|_| !heals),
            refusals: if heals { 0 } else { stored.refusals },
            due_at: stored.due_at.filter(|_| !heals),
            version: stored.version + 1,
            generation: stored.generation + u64::from(brings_refresh_token),
            tokens: SealedTokens { access: sealed.access, refresh: sealed.refresh.or(kept), trace },
            access_expires_at: self.proved.answer.access_expires_at(self.proved.asked_at),
            refresh_expires_at: life.map(|life| self.proved.asked_at.after(life)).or(stored_life),
            updated_at: self.proved.asked_at,
            ..stored
        }
    }
}

/// What a grant opens, as long as nobody doubts it.
fn opens(grant: &Grant) -> Option<Scopes> {
    let is_sound = grant.version > 0 && grant.state == GrantState::Active;
    is_sound.then(|| grant.scopes.clone())
}

fn completed(
    attempt: &Attempt,
    session: Option<SessionHash>,
    cookie: Option<SetCookie>,
    leave: Leave,
) -> Completed {
    let cookies = cookie.into_iter().chain(attempt.leaves()).chain(leave.cookies).collect();
    let (mode, window, next) = (attempt.mode, attempt.window.clone(), leave.next);
    Completed { attempt: attempt.id, mode, window, cookies, session, user: None, next }
}
