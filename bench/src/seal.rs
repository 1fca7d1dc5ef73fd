//! What sealing costs a sign-in: opening the attempt's cookie, and sealing two tokens.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use standin::entropy::SystemEntropy;
use standin::id::{AttemptId, GrantId, UserId};
use standin::provider::Scopes;
use standin::secret::{AccessToken, RefreshToken};
use standin::time::{Clock as _, SystemClock};
use standin::vault::{Binding, Grant, GrantState, KeyFile, SealedTokens, Vault};
use standin::verify::Identity;

use crate::report::median;

const ROUNDS: usize = 20;
const PER_ROUND: u32 = 500;

/// Milliseconds on one core.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
pub(crate) async fn ms_each() -> Result<f64> {
    let directory = tempfile::tempdir()?;
    let store =
        standin_store::open(&format!("sqlite://{}/seal.db", directory.path().display())).await?;
    let keys = KeyFile::generate(&SystemEntropy);
    let vault = Vault::open(&keys, store, Arc::new(SystemClock), &SystemEntropy).await?;
    let now = SystemClock.now();
    let grant = grant()?;
    let attempt = AttemptId::new(&SystemClock, &SystemEntropy);
    let cookie = vault.seal_attempt(attempt, &[7; 600], &SystemEntropy)?;
    let (access, refresh) = (AccessToken::new("a".repeat(180)), RefreshToken::new("r".repeat(100)));
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..PER_ROUND {
            vault.open_attempt(attempt, &cookie)?;
            let binding = Binding::of(&grant, 1);
            vault.seal_tokens(&binding, &access, Some(&refresh), now, &SystemEntropy)?;
        }
        rounds.push(start.elapsed().as_secs_f64() * 1000.0 / f64::from(PER_ROUND));
    }
    Ok(median(rounds))
}

fn grant() -> Result<Grant> {
    let now = SystemClock.now();
    Ok(Grant {
        id: GrantId::new(&SystemClock, &SystemEntropy),
        user: UserId::new(&SystemClock, &SystemEntropy),
        identity: Identity {
            provider: "a".parse()?,
            issuer: "https://idp.example".to_owned(),
            subject: "110248495921238986420".to_owned(),
        },
        provider_client: "standin-bench".to_owned(),
        token_endpoint: "https://idp.example/token".to_owned(),
        scopes: Scopes::default(),
        requested: Scopes::default(),
        state: GrantState::Active,
        reason: None,
        refusals: 0,
        due_at: None,
        version: 1,
        generation: 1,
        tokens: SealedTokens::default(),
        access_expires_at: now,
        refresh_expires_at: None,
        created_at: now,
        updated_at: now,
    })
}
