//! What can go wrong, by whose doing.
//!
//! Every reason is a variant and every variant has a stable code; words for people stand beside it, in
//! `Display`: what happened, why, and what to do. Turning an error into an HTTP answer is one table, in
//! `standin-axum`. Nothing here holds a secret or a text that somebody else wrote.

use std::time::Duration;

use crate::http::{HttpError, RefusedAddress};
use crate::provider::{DiscoveryFault, DocumentFault, KeysFault, Scopes, TokenError};
use crate::store::StoreError;
use crate::vault::{ReauthReason, VaultError};
use crate::verify::{AccountFault, EventTokenFault, IdTokenFault, ProviderId};

/// Whatever a service of this library can answer instead of what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The provider does not say whose its access token is.
    #[error(transparent)]
    Account(#[from] AccountFault),
    /// The provider does not answer as it is configured to be asked: nothing a user can mend.
    #[error(
        "the provider \"{provider}\" says that it does not answer as this application is configured to ask it; an operator must change `response_type` or `response_mode`"
    )]
    AnswerNotSupported {
        /// Which provider.
        provider: ProviderId,
    },
    /// A token that a provider is said to have sent to us directly is not what it should be.
    #[error(transparent)]
    EventToken(#[from] EventTokenFault),
    /// The ID token is not proof of anything.
    #[error(transparent)]
    IdToken(#[from] IdTokenFault),
    /// The user never gave what the caller needs.
    #[error(
        "the user has not given all the scopes that were asked for; send them to `reconnect_url`"
    )]
    InsufficientScope {
        /// What is missing.
        missing: Scopes,
        /// Where the user can give it.
        reconnect_url: String,
    },
    /// An address of the provider must not be talked to (requirement HH-7): nothing was sent, and only the
    /// operator can mend it.
    #[error("the provider \"{provider}\" is not talked to: {refused}")]
    ProviderAddressRefused {
        /// Which provider.
        provider: ProviderId,
        /// Which address, and what it is.
        refused: RefusedAddress,
    },
    /// The provider's token endpoint gave an answer that cannot be used.
    #[error(
        "the provider's answer cannot be used; try again, and tell the operator if it stays so"
    )]
    ProviderMisbehaved,
    /// The provider refuses our own registration: nothing a user can mend.
    #[error(
        "the provider refuses this application's registration; the operator must check client id, secret, and how they are sent"
    )]
    ProviderRefusesClient,
    /// The provider does not answer, or asks us to wait.
    #[error("the provider is not available at the moment; try again shortly")]
    ProviderUnavailable {
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// The grant is dead: only the user can mend it.
    #[error("the user must give access again; send them to `reconnect_url`")]
    ReauthRequired {
        /// Why.
        reason: ReauthReason,
        /// Where the user can mend it.
        reconnect_url: String,
    },
    /// The caller sent something that does not hold.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The provider's userinfo endpoint speaks about somebody else than its ID token (requirement ID-16).
    #[error(
        "the provider says two different things about who this is; start again, and tell the operator if it stays so"
    )]
    UserinfoMismatch,
    /// The vault.
    #[error(transparent)]
    Vault(VaultError),
}

/// Where the vault cannot reach its rows, the database is away and nothing is wrong with what is sealed.
impl From<VaultError> for Error {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Store(error) => Self::Store(error),
            error => Self::Vault(error),
        }
    }
}

/// How long to wait when nobody says.
const DEFAULT_RETRY: Duration = Duration::from_secs(5);

impl Error {
    /// The provider is out of reach, and does not say for how long.
    #[must_use]
    pub const fn unavailable() -> Self {
        Self::ProviderUnavailable { retry_after: DEFAULT_RETRY }
    }

    /// The stable code, as it stands in problem documents, pages and events.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Account(fault) => fault.code(),
            Self::AnswerNotSupported { .. } => "answer_not_supported",
            Self::EventToken(fault) => fault.code(),
            Self::IdToken(fault) => fault.code(),
            Self::InsufficientScope { .. } => "insufficient_scope",
            Self::ProviderAddressRefused { .. } => "provider_address_refused",
            Self::ProviderMisbehaved => "provider_misbehaved",
            Self::ProviderRefusesClient => "provider_refuses_client",
            Self::ProviderUnavailable { .. } => "provider_unavailable",
            Self::ReauthRequired { .. } => "reauth_required",
            Self::Refused(refusal) => refusal.code(),
            Self::Store(StoreError::Inconsistent { .. }) => "storage_inconsistent",
            Self::Store(_) => "storage_unavailable",
            Self::UserinfoMismatch => "userinfo_subject_mismatch",
            Self::Vault(error) if error.is_passing() => "keys_unavailable",
            Self::Vault(_) => "vault_error",
        }
    }
}

/// What a provider's faults mean. An operator must be told which provider it is.
impl Error {
    /// No metadata.
    pub(crate) fn of_discovery(provider: &ProviderId, fault: DiscoveryFault) -> Self {
        match fault {
            DiscoveryFault::Document(fault) => Self::of_document(provider, fault),
            _ => Self::unavailable(),
        }
    }

    /// No keys.
    pub(crate) fn of_keys(provider: &ProviderId, fault: KeysFault) -> Self {
        match fault {
            KeysFault::Document(fault) => Self::of_document(provider, fault),
            _ => Self::unavailable(),
        }
    }

    fn of_document(provider: &ProviderId, fault: DocumentFault) -> Self {
        match fault {
            DocumentFault::AddressRefused(refused) => Self::address_refused(provider, refused),
            _ => Self::unavailable(),
        }
    }

    /// No answer.
    pub(crate) fn of_http(provider: &ProviderId, error: HttpError) -> Self {
        match error {
            HttpError::AddressRefused(refused) => Self::address_refused(provider, refused),
            _ => Self::unavailable(),
        }
    }

    fn address_refused(provider: &ProviderId, refused: RefusedAddress) -> Self {
        Self::ProviderAddressRefused { provider: provider.clone(), refused }
    }

    /// No token for a code; a refresh has its own classification.
    pub(crate) fn of_exchange(provider: &ProviderId, error: TokenError) -> Self {
        use crate::provider::OAuthError::{InvalidClient, InvalidGrant, UnauthorizedClient};
        match error {
            TokenError::AddressRefused(refused) => Self::address_refused(provider, refused),
            TokenError::Refused(InvalidGrant) => Refusal::CodeRefused.into(),
            TokenError::Refused(InvalidClient | UnauthorizedClient) => Self::ProviderRefusesClient,
            TokenError::Refused(_) | TokenError::Malformed(_) | TokenError::Unreadable(_) => {
                Self::ProviderMisbehaved
            }
            TokenError::Ambiguous { retry_after }
            | TokenError::Throttled { retry_after }
            | TokenError::Unavailable { retry_after } => {
                Self::ProviderUnavailable { retry_after: retry_after.unwrap_or(DEFAULT_RETRY) }
            }
        }
    }
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $words:literal;)+) => {
        /// Why a request was refused. Nothing was stored and no session was touched.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        pub enum Refusal {$(
            $(#[$doc])*
            #[error($words)]
            $name,
        )+}

        impl Refusal {
            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self {$(Self::$name => $code,)+}
            }

            /// Every refusal there is, for documentation and tests.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];
        }
    };
}

refusals! {
    /// The user pressed Cancel.
    AccessDenied = "access_denied",
        "access was not given at the provider; start again if that was not meant";
    /// The provider has disabled the account (requirement RI-5).
    AccountDisabled = "account_disabled",
        "the provider says that this account is disabled; it can be used again once the provider says so";
    /// The user has several accounts there.
    AccountAmbiguous = "account_ambiguous",
        "there are several accounts at this provider; say in `subject` which one is meant";
    /// No cookie of this browser belongs to the answer (requirements CB-1, CB-2).
    AttemptMissing = "attempt_missing",
        "this sign-in was not started in this browser, or it was finished already; start again";
    /// It took longer than an attempt lives.
    AttemptExpired = "attempt_expired",
        "this sign-in took too long and is no longer valid; start again";
    /// The answer was used before (requirement CB-3).
    AttemptUsed = "attempt_used",
        "this sign-in was finished already; start again if you are not signed in";
    /// The client may have less than the grant opens, and the provider gives no such tokens.
    CannotNarrow = "cannot_narrow",
        "this client may not have all that the user gave, and this provider gives no token that opens less; an operator can allow the client all of this provider";
    /// A client beside the web application is not configured.
    ClientNotConfigured = "client_not_configured",
        "no client of this kind is configured for the provider; register one there and name it in the configuration";
    /// The answer carries no code.
    CodeMissing = "code_missing",
        "the provider's answer carries no code; start again";
    /// The provider refuses the code: used, expired, or never ours.
    CodeRefused = "code_refused",
        "the provider refuses the code: it was used before, has expired, or was made for another application; start again";
    /// A user is deleted only by who says whom they mean.
    ConfirmationMissing = "confirmation_missing",
        "nothing was deleted: `confirm` must be your own user id, which `GET /auth/session` tells";
    /// No credential in a post of the sign-in button.
    CredentialMissing = "credential_missing",
        "the request carries no credential; go back to the page and press the button again";
    /// The credential has been accepted before (requirement ID-20).
    CredentialUsed = "credential_used",
        "this credential has signed somebody in before, and is good for one sign-in; press the button again";
    /// The credential answers no request of this browser's (requirement ID-20).
    CredentialWithoutNonce = "credential_without_nonce",
        "this credential carries no nonce, so anybody may have brought it here; the page must get a nonce from `begin` and give it to the provider's script";
    /// The request comes from another site (requirements OC-1, SC-12).
    CrossOrigin = "cross_origin",
        "this request must come from a page of this site";
    /// The first half of the double submit (requirement ID-20).
    CsrfCookieMissing = "csrf_cookie_missing",
        "the cookie `g_csrf_token` is missing, which the page with the button sets; allow cookies and press the button again";
    /// The second half of the double submit (requirement ID-20).
    CsrfFieldMissing = "csrf_field_missing",
        "the field `g_csrf_token` is missing, which must repeat the cookie of that name; press the button again";
    /// The custom header is missing (requirement OC-1).
    CsrfHeaderMissing = "csrf_header_missing",
        "this request must carry the header `X-Requested-With`";
    /// The two halves of the double submit differ (requirement ID-20).
    CsrfTokenMismatch = "csrf_token_mismatch",
        "cookie and field `g_csrf_token` are not the same, so another site may have sent this; press the button again";
    /// A parameter stands twice (requirement AR-7).
    DuplicateParameter = "duplicate_parameter",
        "a parameter stands twice in this request";
    /// The client may not ask for this.
    Forbidden = "forbidden",
        "this client may not ask for that; an operator can allow it";
    /// The account is another user's here (requirement CB-14).
    IdentityTaken = "identity_taken",
        "this account belongs to another user here, and two users are never merged; nothing was changed; sign in with it instead, or delete that user first";
    /// No such account of the user's.
    IdentityUnknown = "identity_unknown",
        "whoever is signed in has no such account here; those they have are listed by `GET /auth/session`";
    /// The hybrid flow was asked for, and the code came alone (requirement ID-10).
    IdTokenMissing = "id_token_missing",
        "the provider's answer carries no ID token beside the code, though one was asked for; start again, and tell the operator if it stays so";
    /// The key is unknown or revoked.
    InvalidClient = "invalid_client",
        "the client key is missing, unknown or revoked";
    /// A member is missing, unknown, or of the wrong type.
    InvalidRequest = "invalid_request",
        "the request is not in the form that is expected here";
    /// `iss` of the answer is not the provider's (RFC 9207).
    IssuerMismatch = "issuer_mismatch",
        "the answer comes from another provider than the one that was asked; start again";
    /// Nobody could sign in as this user any more.
    LastIdentity = "last_identity",
        "this is the only account you can sign in with, so it stays; link another one first, or delete your user altogether";
    /// There is no such grant, or no such user; which of the two is not told.
    NoGrant = "no_grant",
        "there is no such user, or they have given nothing at this provider";
    /// Only Google is known to send security events.
    NoSecurityEvents = "no_security_events",
        "this provider sends no security events";
    /// There is no such session, or it is somebody else's; which of the two is not told.
    NoSession = "no_session",
        "you have no such session; it may have ended already";
    /// There is no such user.
    NoUser = "no_user",
        "there is no such user";
    /// The provider answered with an error of its own.
    ProviderError = "provider_error",
        "the provider answered with an error; start again, and tell the operator if it stays so";
    /// The answer came to another provider's address (requirement CB-4).
    ProviderMismatch = "provider_mismatch",
        "the answer came to the address of another provider; start again";
    /// Too many bad requests from one place (requirement OC-9).
    RateLimited = "rate_limited",
        "there were too many failed requests from your address; wait a minute";
    /// The answer came by another method than was asked for (requirement CB-7).
    ResponseModeMismatch = "response_mode_mismatch",
        "the answer came in another way than was asked for; start again";
    /// Not one of the configured scopes (requirement AR-8).
    ScopeNotAllowed = "scope_not_allowed",
        "a scope was asked for that this application's configuration does not list";
    /// Scopes were to be added for a session that has ended, or that is another's by now.
    SessionMismatch = "session_mismatch",
        "whoever asked for this is no longer signed in in this browser; nothing was changed; sign in and start again";
    /// On none of the lists that say who may (requirements ID-14, SC-7).
    SignInNotAllowed = "sign_in_not_allowed",
        "this account is not among those that may sign in here, or its address is not verified at the provider; nothing was kept; choose another account, or ask whoever runs this application to add this one";
    /// Only those sign in who are known already.
    SignUpClosed = "sign_up_closed",
        "this application takes nobody new, and this account has not signed in before; nothing was kept; ask whoever runs it";
    /// Missing or empty (requirement CB-1).
    StateMissing = "state_missing",
        "the answer carries no state; start again";
    /// Not the one that was sent (requirement CB-1).
    StateMismatch = "state_mismatch",
        "the answer does not belong to this sign-in; start again";
    /// Another account than expected.
    SubjectMismatch = "subject_mismatch",
        "another account was chosen at the provider than the one that was expected; nothing was changed";
    /// A token came through the browser that this application never asks for, or did not ask for now.
    TokenNotAskedFor = "token_not_asked_for",
        "the provider's answer carries a token that was not asked for; start again, and tell the operator if it stays so";
    /// A part is larger than it may be (requirement CB-15).
    TooLarge = "too_large",
        "a part of this request is larger than it may be";
    /// Nobody is signed in.
    Unauthenticated = "unauthenticated",
        "nobody is signed in in this browser";
    /// No provider of this name.
    UnknownProvider = "unknown_provider",
        "no provider of this name is configured";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_words_say_something() {
        let codes: std::collections::HashSet<_> = Refusal::ALL.iter().map(|r| r.code()).collect();
        assert_eq!(codes.len(), Refusal::ALL.len());
        assert!(Refusal::ALL.iter().all(|refusal| refusal.to_string().len() > 20));
    }
}
