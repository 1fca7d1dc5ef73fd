//! The steps of OpenID Connect Core §3.1.3.7, by their numbers, and Google's own rules.
//!
//! A token that was taken apart, the provider's keys and what we expect go in; a [`VerifiedIdentity`] comes
//! out, by the door in `proof.rs`. The signature comes first: no claim is looked at before it is known who wrote
//! it, so that a forged token learns nothing about what we expect. No claim can switch a check off.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;

use super::claims::Claims;
use super::fault::IdTokenFault;
use super::identity::{Identity, ProviderId, VerifiedIdentity};
use super::jws::check_signature;
use super::key_set::KeySet;
use super::proof::{Checked, prove};
use super::shown;
use super::strict_json::{self, Value};
use super::tenant::{self, TenantId};
use super::unverified::UnverifiedIdToken;
use crate::receipt::{Fact, Receipt, rules};
use crate::secret::{AccessToken, AuthorizationCode, Nonce, same_bytes, sha256};
use crate::time::Timestamp;

/// How far clocks may differ unless the configuration says otherwise.
pub const LEEWAY: Duration = Duration::from_mins(1);
/// How far clocks may differ whatever the configuration says. More would keep stolen tokens alive.
pub const MAX_LEEWAY: Duration = Duration::from_mins(5);
/// The longest time from `iat` to `exp`; Google's tokens live an hour. A replay guard that remembers tokens
/// until they expire relies on it.
pub const MAX_LIFETIME: Duration = Duration::from_hours(24);

/// What is known of the nonce.
#[derive(Clone, Copy, Debug)]
pub enum ExpectedNonce<'a> {
    /// The provider's own popup may have sent it, or none: a token with a nonce has this one.
    IfPresent(&'a Nonce),
    /// No request was made that could carry one (a refresh): the claim is not looked at.
    NotSent,
    /// It was sent: a token has it.
    Required(&'a Nonce),
}

/// What an ID token must say to be the one we are waiting for.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Our name for the provider.
    pub provider: &'a ProviderId,
    /// The issuer as it is configured, and as it will stand in the identity.
    pub issuer: &'a str,
    /// Other spellings of the same issuer. Google's tokens have `accounts.google.com` in some flows.
    pub issuer_aliases: &'a [String],
    /// Our client id at the provider.
    pub client_id: &'a str,
    /// The nonce that was sent.
    pub nonce: ExpectedNonce<'a>,
    /// The access token that came with the ID token: `at_hash` is checked if it is there.
    pub access_token: Option<&'a AccessToken>,
    /// The code that came with the ID token: `c_hash` is checked if it is there.
    pub code: Option<&'a AuthorizationCode>,
    /// What time it is.
    pub now: Timestamp,
    /// How far clocks may differ, at most [`MAX_LEEWAY`].
    pub leeway: Duration,
    /// The Workspace domains whose members may sign in; empty for everybody.
    pub hosted_domains: &'a [String],
    /// The earliest that the person may have signed in at the provider, where that was asked for.
    pub authenticated_since: Option<Timestamp>,
    /// The ways of signing in of which one was asked for; empty for any.
    pub acr_values: &'a [String],
    /// The tenants whose accounts may sign in, at a provider that has tenants. `issuer` may hold a placeholder then,
    /// and the identity's issuer is that of its own tenant.
    pub tenants: Option<&'a [TenantId]>,
}

/// Verifies an ID token: signature, then claims. What comes out is proof; what was looked at stands in `receipt`.
pub fn verify_id_token(
    token: &UnverifiedIdToken<'_>,
    keys: &KeySet,
    expected: &Expected<'_>,
    receipt: &mut Receipt,
) -> Result<VerifiedIdentity, IdTokenFault> {
    // Step 1, decryption: we register for no encryption, and `UnverifiedIdToken` takes only signed tokens.
    // Steps 6 to 8: signed by a key of the provider, with an algorithm we accept, which is no MAC.
    receipt.fault(check_signature(token.jws(), keys), shown::fault)?;
    receipt.passed(rules::SIGNATURE, "by a key of the provider", token.jws().algorithm().name());
    let claims = strict_json::parse(token.jws().unverified_claims());
    let claims = claims.map_err(|_| IdTokenFault::ClaimsMalformed);
    let claims: Claims<'_> = receipt.fault(claims, shown::fault)?;
    let issuer = match expected.tenants {
        None => check_issuer(&claims, expected, receipt)?,
        Some(allowed) => tenant::check_issuer(token, keys, &claims, (expected, allowed), receipt)?,
    };
    check_audience(&claims, expected, receipt)?;
    check_times(&claims, expected, receipt)?;
    check_nonce(&claims, expected, receipt)?;
    check_authentication(&claims, expected, receipt)?;
    check_hashes(&claims, expected, receipt)?;
    check_hosted_domain(&claims, expected, receipt)?;
    let identity = Identity {
        provider: expected.provider.clone(),
        issuer,
        subject: subject(&claims, receipt)?.to_owned(),
    };
    let session_id = claims.session_id();
    let vouched = match expected.tenants {
        None => &claims.email_verified,
        Some(_) => tenant::email_verified(&claims),
    };
    let (profile, left_out) = (claims.profile(vouched), claims.left_out());
    Ok(prove(Checked { identity, profile, left_out, session_id }))
}

/// Whether the ID token that came with a refresh is about the same person at the same issuer, and for us (OpenID
/// Connect Core §12.2). A nonce is not looked at: there was no request that could carry one.
///
/// It proves nothing and gives nothing: its signature is not looked at, so that nobody has to be asked for keys while a
/// refresh token that has just come is written down nowhere. It came from the token endpoint over TLS (§3.1.3.7, step 6).
///
/// # Errors
/// What does not fit. [`IdTokenFault::ClaimsMalformed`] if it says nothing that can be read.
pub fn check_refreshed_id_token(
    token: &UnverifiedIdToken<'_>,
    expected: &Expected<'_>,
    identity: &Identity,
) -> Result<(), IdTokenFault> {
    let claims = strict_json::parse(token.jws().unverified_claims());
    let claims: Claims<'_> = claims.map_err(|_| IdTokenFault::ClaimsMalformed)?;
    let is_alias = |iss: &str| expected.issuer_aliases.iter().any(|alias| alias == iss);
    let is_issuer =
        |iss: &str| iss == identity.issuer || is_alias(iss) && identity.issuer == expected.issuer;
    if !claims.iss.text().is_some_and(is_issuer) {
        return Err(IdTokenFault::IssuerMismatch);
    }
    let is_same = claims.sub.text() == Some(identity.subject.as_str());
    if !is_same || *expected.provider != identity.provider {
        return Err(IdTokenFault::SubjectMismatch);
    }
    check_audience(&claims, expected, &mut Receipt::unkept())
}

/// Step 2: `iss` is exactly the configured issuer. No slash, case or scheme is forgiven; only a provider
/// known to spell itself in two ways has an alias.
fn check_issuer(
    claims: &Claims<'_>,
    expected: &Expected<'_>,
    receipt: &mut Receipt,
) -> Result<String, IdTokenFault> {
    let is_expected =
        |iss: &str| iss == expected.issuer || expected.issuer_aliases.iter().any(|a| a == iss);
    let holds = claims.iss.text().is_some_and(is_expected);
    let (issuer, came) = (Fact::Issuer(expected.issuer), shown::issuer(&claims.iss));
    receipt.check(rules::ISSUER, issuer, came, holds).or(IdTokenFault::IssuerMismatch)?;
    Ok(expected.issuer.to_owned())
}

/// Steps 3 to 5: `aud` is our client and nobody we do not trust, which is nobody else; `azp`, which must be
/// there beside several audiences, is our client too.
fn check_audience(
    claims: &Claims<'_>,
    expected: &Expected<'_>,
    receipt: &mut Receipt,
) -> Result<(), IdTokenFault> {
    let ours = |aud: &str| aud == expected.client_id;
    let (for_us, several) = match &claims.aud {
        Value::Text(aud) => (ours(aud), false),
        Value::Texts(all) => (!all.is_empty() && all.iter().all(|aud| ours(aud)), all.len() > 1),
        _ => (false, false),
    };
    let client = Fact::ClientId(expected.client_id);
    let came = shown::audience(&claims.aud);
    receipt.check(rules::AUDIENCE, client, came, for_us).or(IdTokenFault::AudienceMismatch)?;
    let requested_by_us = match &claims.azp {
        Value::Absent => !several,
        azp => azp.text().is_some_and(ours),
    };
    let came = shown::audience(&claims.azp);
    let verdict = receipt.check(rules::AUTHORIZED_PARTY, client, came, requested_by_us);
    verdict.or(IdTokenFault::AuthorizedPartyMismatch)
}

/// Steps 9 and 10: now is before `exp` and not before `nbf`, `iat` is not in the future, and the token was
/// not made to live forever.
fn check_times(
    claims: &Claims<'_>,
    expected: &Expected<'_>,
    receipt: &mut Receipt,
) -> Result<(), IdTokenFault> {
    let now = expected.now;
    let leeway = expected.leeway.min(MAX_LEEWAY);
    let (expires, issued) = (instant(&claims.exp), instant(&claims.iat));
    let is_alive = expires.is_some_and(|expires| now < expires.after(leeway));
    receipt
        .check(rules::EXPIRY, "not over", shown::time(&claims.exp, now), is_alive)
        .or(expires.map_or(IdTokenFault::ExpiryInvalid, |_| IdTokenFault::Expired))?;
    let is_past = issued.is_some_and(|issued| issued <= now.after(leeway));
    receipt
        .check(rules::ISSUED_AT, "not in the future", shown::time(&claims.iat, now), is_past)
        .or(issued.map_or(IdTokenFault::IssuedAtInvalid, |_| IdTokenFault::IssuedInFuture))?;
    let (expires, issued) = (expires.unwrap_or_default(), issued.unwrap_or_default());
    let has_end = issued <= expires && expires <= issued.after(MAX_LIFETIME);
    receipt
        .check(rules::LIFETIME, "at most a day", shown::span(issued, expires), has_end)
        .or(IdTokenFault::LifetimeRefused)?;
    if claims.nbf == Value::Absent {
        return Ok(());
    }
    let begins = instant(&claims.nbf);
    let has_begun = begins.is_some_and(|begins| begins <= now.after(leeway));
    receipt
        .check(rules::NOT_BEFORE, "not in the future", shown::time(&claims.nbf, now), has_begun)
        .or(begins.map_or(IdTokenFault::NotBeforeInvalid, |_| IdTokenFault::NotYetValid))
}

/// Seconds since the epoch. A string, a fraction, a negative number or null is not an instant, and neither is
/// a number that 63 bits cannot hold.
pub(super) fn instant(value: &Value<'_>) -> Option<Timestamp> {
    match value {
        Value::Integer(seconds) => i64::try_from(*seconds).ok().map(Timestamp::from_unix_seconds),
        _ => None,
    }
}

/// Step 11: the nonce is the one we sent, compared in constant time.
fn check_nonce(
    claims: &Claims<'_>,
    expected: &Expected<'_>,
    receipt: &mut Receipt,
) -> Result<(), IdTokenFault> {
    let sent = match expected.nonce {
        ExpectedNonce::NotSent => None,
        ExpectedNonce::IfPresent(_) if claims.nonce == Value::Absent => None,
        ExpectedNonce::IfPresent(sent) | ExpectedNonce::Required(sent) => Some(sent),
    };
    let is_sent =
        |nonce: &str, sent: &Nonce| same_bytes(nonce.as_bytes(), sent.expose().as_bytes());
    let holds = sent.is_none_or(|sent| claims.nonce.text().is_some_and(|n| is_sent(n, sent)));
    let came = shown::compared(&claims.nonce, sent.is_some() && holds);
    let wanted = shown::nonce_expected(&expected.nonce);
    receipt.check(rules::NONCE, wanted, came, holds).or(IdTokenFault::NonceMismatch)
}

/// Steps 12 and 13: the person signed in at the provider in a way and at a time that were asked for. Asked for, the
/// claims must be there (requirement ID-23); otherwise they are not looked at.
fn check_authentication(
    claims: &Claims<'_>,
    expected: &Expected<'_>,
    receipt: &mut Receipt,
) -> Result<(), IdTokenFault> {
    if !expected.acr_values.is_empty() {
        let is_asked_for = |acr: &str| expected.acr_values.iter().any(|value| value == acr);
        let holds = claims.acr.text().is_some_and(is_asked_for);
        let came = shown::compared(&claims.acr, holds);
        receipt
            .check(rules::AUTHENTICATION_CONTEXT, "one that was asked for", came, holds)
            .or(IdTokenFault::AuthenticationContextRefused)?;
    }
    let Some(since) = expected.authenticated_since else {
        return Ok(());
    };
    let (now, leeway) = (expected.now, expected.leeway.min(MAX_LEEWAY));
    let came = shown::time(&claims.auth_time, now);
    let at = instant(&claims.auth_time).filter(|at| *at <= now.after(leeway));
    let is_recent = at.is_some_and(|at| since <= at.after(leeway));
    let not_before = Fact::Distance { now, instant: since };
    receipt.check(rules::AUTHENTICATION_TIME, not_before, came, is_recent).or(match at {
        Some(_) => IdTokenFault::AuthenticationTooOld,
        None => IdTokenFault::AuthenticationTimeInvalid,
    })
}

/// §3.1.3.8 and §3.3.2.10: what came with the token is what the provider sent with it.
fn check_hashes(
    claims: &Claims<'_>,
    expected: &Expected<'_>,
    receipt: &mut Receipt,
) -> Result<(), IdTokenFault> {
    if let Some(access_token) = expected.access_token {
        let holds = hash_fits(&claims.at_hash, access_token.expose());
        let came = shown::compared(&claims.at_hash, holds);
        receipt
            .check(rules::ACCESS_TOKEN_HASH, "of this access token, or none", came, holds)
            .or(IdTokenFault::AccessTokenHashMismatch)?;
    }
    if let Some(code) = expected.code {
        let holds = hash_fits(&claims.c_hash, code.expose());
        let came = shown::compared(&claims.c_hash, holds);
        receipt
            .check(rules::CODE_HASH, "of this code, or none", came, holds)
            .or(IdTokenFault::CodeHashMismatch)?;
    }
    Ok(())
}

/// The left half of the hash that the algorithm uses, which is SHA-256 for every algorithm we accept.
fn hash_fits(claim: &Value<'_>, companion: &str) -> bool {
    if *claim == Value::Absent {
        return true;
    }
    let mut encoded = [0; 22];
    BASE64URL_NOPAD.encode_mut(&sha256(companion.as_bytes())[..16], &mut encoded);
    claim.text().is_some_and(|hash| same_bytes(hash.as_bytes(), &encoded))
}

/// Google's rule: membership of a domain is in the signed `hd` claim. The `hd` of the request only narrows
/// the account chooser, and the domain of the e-mail address proves nothing (requirement ID-15).
fn check_hosted_domain(
    claims: &Claims<'_>,
    expected: &Expected<'_>,
    receipt: &mut Receipt,
) -> Result<(), IdTokenFault> {
    let allowed = expected.hosted_domains;
    if allowed.is_empty() {
        return Ok(());
    }
    let is_allowed = |hd: &str| allowed.iter().any(|domain| domain.eq_ignore_ascii_case(hd));
    let holds = claims.hd.text().is_some_and(is_allowed);
    let came = shown::compared(&claims.hd, holds);
    receipt
        .check(rules::HOSTED_DOMAIN, "one of `hosted_domains`", came, holds)
        .or(IdTokenFault::HostedDomainRefused)
}

fn subject<'c>(claims: &'c Claims<'_>, receipt: &mut Receipt) -> Result<&'c str, IdTokenFault> {
    let subject = claims.sub.text().filter(|sub| is_subject(sub));
    let came = Fact::Word(if subject.is_some() { "there" } else { "not so" });
    receipt
        .check(rules::SUBJECT, "1 to 255 printable characters", came, subject.is_some())
        .or(IdTokenFault::SubjectInvalid)?;
    subject.ok_or(IdTokenFault::SubjectInvalid)
}

/// §2: at most 255 ASCII characters. Google's look like numbers, and are too large to be read as such.
pub(super) fn is_subject(sub: &str) -> bool {
    (1..=255).contains(&sub.len()) && sub.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
}

#[cfg(test)]
mod tests;
