//! Why an ID token was refused: one closed list, with a stable code for machines and a text for people.
//!
//! A fault names the check that failed and never repeats what the token said.

/// The check that refused an ID token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum IdTokenFault {
    /// `at_hash` is not the hash of the access token that came with it.
    #[error("the ID token belongs to another access token")]
    AccessTokenHashMismatch,
    /// `alg` is missing, or not one of the algorithms we accept.
    #[error("the ID token is not signed with an accepted algorithm")]
    AlgorithmRefused,
    /// `aud` is missing, malformed, lacks our client id, or names somebody else too.
    #[error("the ID token was issued for another client")]
    AudienceMismatch,
    /// `acr` is missing or is none of the ways of signing in that were asked for.
    #[error(
        "the ID token does not say that the account was signed in to in a way that is asked for here; sign in at the provider in a stronger way, and start again"
    )]
    AuthenticationContextRefused,
    /// `auth_time` was asked for, and is missing, not an integer, or in the future.
    #[error("the ID token does not say when the account was signed in to")]
    AuthenticationTimeInvalid,
    /// `auth_time` is longer ago than was asked for.
    #[error(
        "the account was signed in to at the provider too long ago; sign in there again, and start again"
    )]
    AuthenticationTooOld,
    /// `azp` names another client, or is missing beside several audiences.
    #[error("the ID token was issued at the request of another client")]
    AuthorizedPartyMismatch,
    /// The claims are not one JSON object without repeated members.
    #[error("the claims of the ID token are malformed")]
    ClaimsMalformed,
    /// `c_hash` is not the hash of the authorization code that came with it.
    #[error("the ID token belongs to another authorization code")]
    CodeHashMismatch,
    /// `c_hash` is missing where a code came with the ID token through the browser.
    #[error("the ID token does not name the authorization code that came with it")]
    CodeHashMissing,
    /// The header demands an extension (`crit`, `b64`) that we do not have.
    #[error("the ID token demands an extension that is not supported")]
    CriticalExtension,
    /// A part is not base64url in its one canonical form.
    #[error("the ID token is not encoded in base64url")]
    EncodingInvalid,
    /// `exp` has passed, leeway included.
    #[error("the ID token has expired")]
    Expired,
    /// `exp` is missing or not an integer.
    #[error("the ID token has no valid time of expiry")]
    ExpiryInvalid,
    /// The header is not one JSON object without repeated members.
    #[error("the header of the ID token is malformed")]
    HeaderMalformed,
    /// `hd` is missing or is not one of the domains that may sign in.
    #[error("the account does not belong to a domain that may sign in")]
    HostedDomainRefused,
    /// `iat` is missing or not an integer.
    #[error("the ID token has no valid time of issue")]
    IssuedAtInvalid,
    /// `iat` is further in the future than clocks may differ.
    #[error("the ID token was issued in the future")]
    IssuedInFuture,
    /// `iss` is missing or is not the configured issuer.
    #[error("the ID token was issued by somebody else")]
    IssuerMismatch,
    /// The key that `kid` names is of another algorithm than `alg`.
    #[error("the ID token names a key of another algorithm")]
    KeyMismatch,
    /// The time from `iat` to `exp` is negative or longer than a day.
    #[error("the ID token is valid for too long a time")]
    LifetimeRefused,
    /// `nonce` is missing or belongs to another sign-in.
    #[error("the ID token belongs to another sign-in")]
    NonceMismatch,
    /// Not three parts separated by dots: not a signed token, perhaps an encrypted one.
    #[error("not a signed token in compact form")]
    NotCompact,
    /// It names an access token or a code that it came with, so it was made for another flow.
    #[error("the ID token was made for another way to sign in than the button")]
    NotACredential,
    /// `nbf` is not an integer.
    #[error("the ID token has no valid time to begin")]
    NotBeforeInvalid,
    /// `nbf` is further in the future than clocks may differ.
    #[error("the ID token is not valid yet")]
    NotYetValid,
    /// No key of the provider made this signature over these bytes.
    #[error("the signature of the ID token is not valid")]
    SignatureInvalid,
    /// `sub` is missing, empty, too long or not printable ASCII.
    #[error("the ID token does not name its subject")]
    SubjectInvalid,
    /// A refreshed token names another person than the grant belongs to.
    #[error("the ID token names another person")]
    SubjectMismatch,
    /// `tid` is missing or is no tenant's id.
    #[error("the ID token does not say which tenant the account belongs to")]
    TenantInvalid,
    /// `tid` names a tenant whose accounts may not sign in.
    #[error(
        "the account belongs to a tenant that may not sign in here; sign in with an account of another, or ask the operator to allow yours"
    )]
    TenantRefused,
    /// Longer than any ID token has reason to be.
    #[error("the ID token is too large")]
    TooLarge,
    /// `typ` says that this is another kind of token.
    #[error("the token is not an ID token")]
    TypeRefused,
    /// The provider's key set, as we have it, holds no key of that `kid`: fetch the set again.
    #[error("the ID token is signed with a key that the provider does not publish")]
    UnknownKey,
}

impl IdTokenFault {
    /// The stable name of the fault, for problem documents, events and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::AccessTokenHashMismatch => "id_token_access_token_hash_mismatch",
            Self::AlgorithmRefused => "id_token_algorithm_refused",
            Self::AudienceMismatch => "id_token_audience_mismatch",
            Self::AuthenticationContextRefused => "id_token_authentication_context_refused",
            Self::AuthenticationTimeInvalid => "id_token_authentication_time_invalid",
            Self::AuthenticationTooOld => "id_token_authentication_too_old",
            Self::AuthorizedPartyMismatch => "id_token_authorized_party_mismatch",
            Self::ClaimsMalformed => "id_token_claims_malformed",
            Self::CodeHashMismatch => "id_token_code_hash_mismatch",
            Self::CodeHashMissing => "id_token_code_hash_missing",
            Self::CriticalExtension => "id_token_critical_extension",
            Self::EncodingInvalid => "id_token_encoding_invalid",
            Self::Expired => "id_token_expired",
            Self::ExpiryInvalid => "id_token_expiry_invalid",
            Self::HeaderMalformed => "id_token_header_malformed",
            Self::HostedDomainRefused => "id_token_hosted_domain_refused",
            Self::IssuedAtInvalid => "id_token_issued_at_invalid",
            Self::IssuedInFuture => "id_token_issued_in_future",
            Self::IssuerMismatch => "id_token_issuer_mismatch",
            Self::KeyMismatch => "id_token_key_mismatch",
            Self::LifetimeRefused => "id_token_lifetime_refused",
            Self::NonceMismatch => "id_token_nonce_mismatch",
            Self::NotCompact => "id_token_not_compact",
            Self::NotACredential => "id_token_not_a_credential",
            Self::NotBeforeInvalid => "id_token_not_before_invalid",
            Self::NotYetValid => "id_token_not_yet_valid",
            Self::SignatureInvalid => "id_token_signature_invalid",
            Self::SubjectInvalid => "id_token_subject_invalid",
            Self::SubjectMismatch => "id_token_subject_mismatch",
            Self::TenantInvalid => "id_token_tenant_invalid",
            Self::TenantRefused => "id_token_tenant_refused",
            Self::TooLarge => "id_token_too_large",
            Self::TypeRefused => "id_token_type_refused",
            Self::UnknownKey => "id_token_unknown_key",
        }
    }
}
