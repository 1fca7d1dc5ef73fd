//! Rows to try a store with: each is made from a number, and two numbers share nothing but the provider.

use crate::id::{AttemptId, ClientId, GrantId, RefreshId, SessionId, UserId};
use crate::provider::Scopes;
use crate::secret::RefreshToken;
use crate::store::{
    Account, Admits, AttemptRow, ClientRow, EventKind, NewSession, ReceiptKind, ReceiptRow,
    RevocationRow, SessionHash, SignIn,
};
use crate::time::Timestamp;
use crate::vault::{Grant, GrantState, Sealed, SealedTokens, TokenTrace};
use crate::vend::Policy;
use crate::verify::{Identity, LeftOut, Profile, ProviderId, ProviderSession};

/// Names that have broken somebody's storage: quotes, NUL, bidirectional text, four-byte characters.
pub const ODD: &str = "Robert'); DROP TABLE users;-- \"\\ \u{0} \u{202e}ada\u{fe0f} 👩🏽‍🚀 ß \u{1f600}";

/// Sixteen bytes that sort as `number` does.
#[must_use]
pub fn id_bytes(number: u64) -> [u8; 16] {
    u128::from(number).to_be_bytes()
}

/// Thirty-two bytes that are nobody else's.
#[must_use]
pub fn hash_bytes(number: u64) -> [u8; 32] {
    let mut bytes = [0xa5; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// The instant `number` ms after some day.
#[must_use]
pub fn at(number: u64) -> Timestamp {
    Timestamp::from_unix_ms(1_766_000_000_000 + i64::try_from(number).unwrap())
}

/// A user's id.
#[must_use]
pub fn user(number: u64) -> UserId {
    UserId::from_bytes(id_bytes(number))
}

/// A grant's id.
#[must_use]
pub fn grant_id(number: u64) -> GrantId {
    GrantId::from_bytes(id_bytes(number))
}

/// The id of an attempt to refresh.
#[must_use]
pub fn refresh_id(number: u64) -> RefreshId {
    RefreshId::from_bytes(id_bytes(number))
}

/// An attempt's id.
#[must_use]
pub fn attempt_id(number: u64) -> AttemptId {
    AttemptId::from_bytes(id_bytes(number))
}

/// A session's id.
#[must_use]
pub fn session_id(number: u64) -> SessionId {
    SessionId::from_bytes(id_bytes(number))
}

/// The hash of a cookie.
#[must_use]
pub fn hash(number: u64) -> SessionHash {
    SessionHash(hash_bytes(number))
}

/// The provider of all samples.
#[must_use]
pub fn google() -> ProviderId {
    "google".parse().unwrap()
}

/// Somebody at that provider.
#[must_use]
pub fn identity(number: u64) -> Identity {
    Identity {
        provider: google(),
        issuer: "https://accounts.google.com".to_owned(),
        subject: format!("10924{number:016}"),
    }
}

/// An attempt that lasts ten minutes.
#[must_use]
pub fn attempt(number: u64) -> AttemptRow {
    AttemptRow { id: attempt_id(number), provider: google(), expires_at: at(600_000) }
}

/// What the provider says about them.
#[must_use]
pub fn profile(number: u64) -> Profile {
    Profile {
        email: Some(format!("user{number}@example.com")),
        email_verified: true,
        name: Some(format!("User {number}")),
        picture: None,
        hosted_domain: None,
    }
}

/// Their account there, as the profile has it.
#[must_use]
pub fn account(number: u64) -> Account {
    Account { identity: identity(number), email: profile(number).email }
}

/// A refresh token.
#[must_use]
pub fn refresh_token(number: u64) -> RefreshToken {
    RefreshToken::new(format!("1//{number:020}-and-more"))
}

/// What it is recognised by.
#[must_use]
pub fn trace(number: u64) -> TokenTrace {
    TokenTrace::of(&refresh_token(number), at(number))
}

/// The provider's session that their session came from.
#[must_use]
pub fn provider_session(number: u64) -> ProviderSession {
    ProviderSession(hash_bytes(number))
}

/// Their grant as it is first written: live, offline, version 1.
#[must_use]
pub fn grant(number: u64) -> Grant {
    Grant {
        id: grant_id(number),
        user: user(number),
        identity: identity(number),
        provider_client: "1234.apps.googleusercontent.com".to_owned(),
        token_endpoint: "https://oauth2.googleapis.com/token".to_owned(),
        scopes: Scopes::parse("openid email").unwrap(),
        requested: Scopes::parse("openid email profile").unwrap(),
        state: GrantState::Active,
        reason: None,
        refusals: 0,
        due_at: None,
        version: 1,
        generation: 1,
        tokens: SealedTokens {
            access: Some(Sealed::from_bytes(vec![1; 300])),
            refresh: Some(Sealed::from_bytes(vec![2; 150])),
            trace: Some(trace(number)),
        },
        access_expires_at: at(3_600_000),
        refresh_expires_at: None,
        created_at: at(number),
        updated_at: at(number),
    }
}

/// `grant` as its next writer would write it, at `now`.
#[must_use]
pub fn next(grant: &Grant, now: Timestamp) -> Grant {
    Grant { version: grant.version + 1, updated_at: now, ..grant.clone() }
}

/// A session that lasts a day.
#[must_use]
pub fn session(number: u64) -> NewSession {
    NewSession {
        hash: hash(number),
        id: session_id(number),
        created_at: at(number),
        expires_at: at(number + 86_400_000),
        provider_session: Some(provider_session(number)),
        opened_by: identity(number).hash(),
        device: Some(format!("Firefox on machine {number}")),
    }
}

/// A first sign-in, with all of the above.
#[must_use]
pub fn sign_in(number: u64) -> SignIn {
    SignIn {
        attempt: attempt_id(number),
        identity: identity(number),
        profile: profile(number),
        untold: LeftOut::default(),
        admits: Admits::Anybody,
        new_user: user(number),
        is_bound: false,
        grant: Some(grant(number)),
        scopes: Vec::new(),
        session: Some(session(number)),
        replaces: None,
        at: at(number),
        event: EventKind::SignedIn,
        authorizes: false,
        receipt: None,
    }
}

/// The same for account `number` of user `owner`, who may be there already.
#[must_use]
pub fn sign_in_of(owner: u64, number: u64) -> SignIn {
    let theirs = Grant { user: user(owner), ..grant(number) };
    SignIn { new_user: user(owner), grant: Some(theirs), ..sign_in(number) }
}

/// The receipt of an attempt that failed, and ended `number` ms after some day.
#[must_use]
pub fn receipt(number: u64) -> ReceiptRow {
    ReceiptRow {
        attempt: attempt_id(number),
        provider: google(),
        kind: ReceiptKind::Failed,
        code: Some("code_refused".to_owned()),
        offline: None,
        user: None,
        is_new_user: false,
        begun_at: at(0),
        ended_at: at(number),
        steps: r#"[{"at_ms":0,"step":"begun"}]"#.to_owned(),
    }
}

/// A client that may do everything.
#[must_use]
pub fn client(number: u64) -> ClientRow {
    ClientRow {
        id: ClientId::from_bytes(id_bytes(number)),
        name: format!("backup-{number}"),
        key_sha256: hash_bytes(number),
        policy: Policy::everything(),
        created_at: at(number),
    }
}

/// A token that waits to be revoked, due at once.
#[must_use]
pub fn revocation(number: u64) -> RevocationRow {
    RevocationRow {
        grant: grant_id(number),
        queued_at: at(number),
        provider: google(),
        sealed_token: vec![3; 120],
        retry_at: at(number),
        attempts: 0,
    }
}
