//! What an answer does to the row: a compare-and-swap, under the lease where there is one.
//!
//! A late answer never overwrites a newer one, and a grant that was taken back stays taken back. What to do when the
//! row has moved is the machine's to say (`protocol.rs`).

use super::exchange::{Exchange, fresh};
use super::journal::Answer;
use super::lasting;
use super::{FreshToken, RefreshFailure};
use crate::id::RefreshId;
use crate::measure;
use crate::store::{Committed, Event, EventKind, LeaseEnd, RefreshCommit};
use crate::vault::{Binding, Grant, GrantState, ReauthReason, SealedTokens, VaultError};

/// What a commit came to, and what it was to write.
type Written<T> = Result<(Committed, T), RefreshFailure>;
/// The lease that is written under, if the provider needs one.
type Lease = Option<(RefreshId, LeaseEnd)>;

impl Exchange {
    /// Writes an answer over the row as it was read. The token that it brings; `None` if it opens more than it was
    /// to be narrowed to, so that nobody may have it. `is_refused` says that an API has refused the token before it.
    pub(super) async fn write_answer(
        &self,
        grant: Grant,
        answer: &Answer,
        lease: Lease,
        is_refused: bool,
    ) -> Written<Option<FreshToken>> {
        // The provider took its time, and what a retired key seals is refused, however often it is brought.
        self.core.vault.look().await;
        self.core.vault.require_sealing(&grant)?;
        let was_suspect = grant.state == GrantState::Suspect;
        let profile = *self.profile_of(&grant);
        let outdates = is_refused || profile.refresh_ends_access_tokens.is_certain();
        let Some(scopes) = &answer.narrowed_to else {
            let had = grant.scopes.clone();
            let renewed = self.renewed(grant, answer, Share::Whole)?;
            let token = fresh(&renewed, answer.tokens.access_token.clone(), self.core.now());
            let says = answer.tokens.scopes.as_ref();
            let had = (&had, was_suspect);
            let written = self.write_renewed(renewed, had, says, lease, outdates).await?;
            return Ok((written, Some(token)));
        };
        let token = FreshToken {
            access_token: answer.tokens.access_token.clone(),
            issued_at: answer.asked_at,
            expires_at: answer.tokens.access_expires_at(answer.asked_at),
            scopes: answer.tokens.scopes.clone().unwrap_or_else(|| scopes.clone()),
            grant: grant.id,
        };
        // It speaks of the narrowed token only, and not of what the grant opens.
        let had = grant.scopes.clone();
        let ends_the_stored_one = profile.refresh_ends_access_tokens.is_certain();
        let share = if ends_the_stored_one || answer.tokens.refresh_token.is_some() {
            Share::WithoutAccess
        } else {
            Share::Nothing
        };
        let kept = self.renewed(grant, answer, share)?;
        let had = (&had, was_suspect);
        let written = self.write_renewed(kept.clone(), had, None, lease, outdates).await?;
        if !scopes.covers(&token.scopes) {
            tracing::warn!(grant.id = %kept.id, "the provider does not narrow tokens; none is handed out");
            return Ok((written, None));
        }
        if written == Committed::Written {
            self.narrow.keep(&kept, &profile, scopes, token.clone());
        }
        Ok((written, Some(token)))
    }

    /// Puts an answer into the journal. Without it the answer is in this process only, until it is in the row.
    pub(super) async fn keep(&self, answer: &Answer, grant: &Grant) {
        match answer.record(grant, &self.core.vault, &*self.core.entropy) {
            Ok(record) => {
                if let Err(error) = self.journal.append(record).await {
                    measure::count(&measure::JOURNAL_FAILURES);
                    tracing::error!(grant.id = %grant.id, %error, "a rotated token is not in the journal");
                }
            }
            Err(error) => {
                tracing::error!(grant.id = %grant.id, %error, "a rotated token cannot be sealed for the journal");
            }
        }
    }

    /// The grant as it is written after a good answer. No refresh token in it means that the old one goes on
    /// (requirement RF-4); a new one is a new generation.
    fn renewed(&self, grant: Grant, answer: &Answer, share: Share) -> Result<Grant, VaultError> {
        let now = self.core.now();
        let (version, tokens) = (grant.version + 1, &answer.tokens);
        if share == Share::Nothing {
            // That the refresh token was used, and nothing else: how long it lies idle is counted from there.
            return Ok(Grant { version, updated_at: now, ..self.proved_alive(grant) });
        }
        let grant = self.proved_alive(grant);
        let rotated = tokens.refresh_token.as_ref();
        let generation =
            if rotated.is_some() { answer.next_generation() } else { grant.generation };
        let binding = Binding::of(&grant, generation);
        let (access, at, entropy) = (&tokens.access_token, answer.asked_at, &*self.core.entropy);
        let sealed = self.core.vault.seal_tokens(&binding, access, rotated, at, entropy)?;
        let is_whole = share == Share::Whole;
        Ok(Grant {
            scopes: tokens.scopes.clone().filter(|_| is_whole).unwrap_or(grant.scopes),
            version,
            generation,
            tokens: SealedTokens {
                refresh: sealed.refresh.or(grant.tokens.refresh),
                trace: sealed.trace.or(grant.tokens.trace),
                access: sealed.access,
            },
            access_expires_at: if is_whole { tokens.access_expires_at(at) } else { at },
            refresh_expires_at: tokens
                .refresh_expires_in
                .map_or(grant.refresh_expires_at, |life| Some(at.after(life))),
            updated_at: now,
            ..grant
        })
    }

    /// The provider has taken its refresh token.
    fn proved_alive(&self, grant: Grant) -> Grant {
        let due_at = self.core.keep_alive_at(&grant.identity.provider, grant.id, self.core.now());
        Grant { state: GrantState::Active, reason: None, refusals: 0, due_at, ..grant }
    }

    /// `invalid_grant`: the grant is suspect or dead, unless the row has moved on since it was read. The grant as it is
    /// written.
    pub(super) async fn write_death(
        &self,
        grant: Grant,
        rotation_lost: bool,
        lease: Lease,
    ) -> Written<Grant> {
        let now = self.core.now();
        let reason = match grant.refresh_expires_at {
            Some(expiry) if expiry <= now => ReauthReason::ExpiredIdle,
            // The provider does not say so, but it is known to end tokens of this age.
            _ if self.profile_of(&grant).is_outlived(grant.given_at(), grant.updated_at, now) => {
                ReauthReason::ExpiredIdle
            }
            // An answer never came, or was lost with the server that had it: a provider that rotates had the new token
            // in it.
            _ if self.may_rotate(&grant)
                && (rotation_lost || self.holds.is_outcome_unknown(grant.id)) =>
            {
                ReauthReason::RotationLost
            }
            _ => ReauthReason::Revoked,
        };
        // What is known to be over is not asked about again, and a provider does not take this word back where it was
        // asked whether a token lives.
        let may_be_mistaken = reason == ReauthReason::Revoked && !lasting::is_all_of(&grant);
        let was_suspect = grant.state == GrantState::Suspect;
        let refused = if may_be_mistaken { Grant::doubted } else { Grant::refused };
        let refused = refused(grant, reason, now);
        let kind = match refused.state {
            GrantState::Suspect if was_suspect => None,
            GrantState::Suspect => Some(EventKind::GrantSuspected),
            _ => Some(EventKind::GrantReauthRequired),
        };
        let told = |kind| Event { detail: Some(reason.to_string()), ..event(kind, &refused) };
        let events = kind.map(told).into_iter().collect();
        let (grant, scopes) = (refused.clone(), Vec::new());
        let commit = RefreshCommit { grant, scopes, events, lease, outdates: true };
        let committed = self.core.store.commit_refresh(commit).await?;
        if committed == Committed::Written && refused.state == GrantState::Reauth {
            measure::died(&self.core, &refused.identity.provider, reason);
        }
        Ok((committed, refused))
    }
}

/// How much of an answer is the grant's own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Share {
    /// It was narrowed, and changes nothing of what is stored.
    Nothing,
    /// All of it.
    Whole,
    /// It was narrowed, and what is stored is no longer good: the refresh token, or the access token.
    WithoutAccess,
}

pub(super) fn event(kind: EventKind, grant: &Grant) -> Event {
    Event { user: Some(grant.user), grant: Some(grant.id), ..Event::new(kind, grant.updated_at) }
}
