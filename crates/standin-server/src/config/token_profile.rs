//! What a provider's tokens are like, where the operator must say it: a name, and keys over it.

use std::time::Duration;

use standin::provider::{Certainty, Grace, ProviderProfile};

use super::error::{ConfigError, did_you_mean};
use super::provider::Keys;
use super::raw::RawProvider;

/// The profile that was written, with the first key that says anything; `None` if none does.
pub(super) fn resolve(
    keys: &Keys,
    raw: &RawProvider,
) -> Result<Option<(&'static str, ProviderProfile)>, ConfigError> {
    let Some(first) = first_key(raw) else {
        return Ok(None);
    };
    let mut profile = named(keys, raw.token_profile.as_deref())?;
    let facts = [
        (&mut profile.rotates, raw.rotates_refresh_tokens),
        (&mut profile.refresh_ends_access_tokens, raw.refresh_ends_access_tokens),
        (&mut profile.scopes_add_up, raw.scopes_add_up),
        (&mut profile.refresh_narrows, raw.refresh_narrows),
    ];
    for (fact, written) in facts {
        *fact = written.map_or(*fact, Certainty::from);
    }
    profile.grace = raw.refresh_grace_seconds.map_or(profile.grace, grace);
    profile.idle = days(keys, "idle_days", raw.idle_days)?.or(profile.idle);
    profile.absolute = days(keys, "absolute_days", raw.absolute_days)?.or(profile.absolute);
    profile.max_access_tokens = raw.max_access_tokens.or(profile.max_access_tokens);
    if profile.max_access_tokens == Some(0) {
        return Err(keys.invalid("max_access_tokens", "0 would be none at all; leave it out"));
    }
    if raw.refresh_grace_seconds.is_some() && !profile.rotates.is_possible() {
        let problem = "a refresh token that is never replaced needs no grace; leave it out";
        return Err(keys.invalid("refresh_grace_seconds", problem));
    }
    Ok(Some((first, profile)))
}

fn first_key(raw: &RawProvider) -> Option<&'static str> {
    let written = [
        ("token_profile", raw.token_profile.is_some()),
        ("rotates_refresh_tokens", raw.rotates_refresh_tokens.is_some()),
        ("refresh_grace_seconds", raw.refresh_grace_seconds.is_some()),
        ("refresh_ends_access_tokens", raw.refresh_ends_access_tokens.is_some()),
        ("idle_days", raw.idle_days.is_some()),
        ("absolute_days", raw.absolute_days.is_some()),
        ("max_access_tokens", raw.max_access_tokens.is_some()),
        ("scopes_add_up", raw.scopes_add_up.is_some()),
        ("refresh_narrows", raw.refresh_narrows.is_some()),
    ];
    written.iter().find(|(_, is_written)| *is_written).map(|(key, _)| *key)
}

fn named(keys: &Keys, written: Option<&str>) -> Result<ProviderProfile, ConfigError> {
    let Some(name) = written else {
        return Ok(ProviderProfile::default());
    };
    ProviderProfile::named(name).ok_or_else(|| {
        let known: Vec<&str> = ProviderProfile::NAMED.iter().map(|(name, _)| *name).collect();
        let hint = did_you_mean(name, known.iter().copied());
        let problem = format!("\"{name}\" is none of {}{hint}", known.join(", "));
        keys.invalid("token_profile", problem)
    })
}

fn grace(seconds: u32) -> Grace {
    match seconds {
        0 => Grace::None,
        seconds => Grace::For(Duration::from_secs(seconds.into())),
    }
}

fn days(keys: &Keys, key: &str, written: Option<u32>) -> Result<Option<Duration>, ConfigError> {
    match written {
        Some(0) => Err(keys.invalid(key, "0 days would be dead at once; leave it out")),
        days => Ok(days.map(|days| Duration::from_hours(24 * u64::from(days)))),
    }
}
