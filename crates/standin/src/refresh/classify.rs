//! What an answer of the token endpoint means for the grant: one table, one test.
//!
//! Only one word, `invalid_grant`, says anything about the grant. Everything else is about us, about the
//! provider, or about the network, and must leave the grant as it is (requirements RF-5 to RF-7).

use std::time::Duration;

use crate::http::RefusedAddress;
use crate::provider::{OAuthError, TokenError};

/// The fate of a refresh that brought no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing was sent, since the endpoint's address must not be talked to: an operator must act.
    AddressRefused(RefusedAddress),
    /// The provider may have acted: with a rotating provider the old token may be spent.
    Ambiguous {
        /// How long the provider wants us to wait.
        retry_after: Option<Duration>,
    },
    /// Our registration is wrong, for every grant alike: an operator must act.
    ClientRefused,
    /// The grant is dead, unless the row has moved on since it was read.
    Dead,
    /// Try again later.
    Later {
        /// How long the provider wants us to wait.
        retry_after: Option<Duration>,
    },
}

pub(crate) fn classify(error: TokenError) -> Fate {
    match error {
        TokenError::AddressRefused(refused) => Fate::AddressRefused(refused),
        TokenError::Ambiguous { retry_after } => Fate::Ambiguous { retry_after },
        TokenError::Unreadable(_) => Fate::Ambiguous { retry_after: None },
        TokenError::Refused(OAuthError::InvalidGrant) => Fate::Dead,
        TokenError::Refused(OAuthError::InvalidClient | OAuthError::UnauthorizedClient) => {
            Fate::ClientRefused
        }
        TokenError::Malformed(_)
        | TokenError::Refused(
            OAuthError::AccessDenied
            | OAuthError::AuthorizationPending
            | OAuthError::ExpiredToken
            | OAuthError::InvalidScope
            | OAuthError::Other,
        ) => Fate::Later { retry_after: None },
        TokenError::Throttled { retry_after } | TokenError::Unavailable { retry_after } => {
            Fate::Later { retry_after }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::AddressPolicy;
    use OAuthError::{InvalidClient, InvalidGrant, InvalidScope, Other, UnauthorizedClient};

    #[test]
    fn only_invalid_grant_says_anything_about_the_grant() {
        let later = Fate::Later { retry_after: None };
        let in_9_s = Some(Duration::from_secs(9));
        let refused = AddressPolicy::public().judge([127, 0, 0, 1].into()).unwrap_err();
        for (error, fate) in [
            (TokenError::AddressRefused(refused), Fate::AddressRefused(refused)),
            (TokenError::Ambiguous { retry_after: None }, Fate::Ambiguous { retry_after: None }),
            (
                TokenError::Ambiguous { retry_after: in_9_s },
                Fate::Ambiguous { retry_after: in_9_s },
            ),
            (TokenError::Malformed("html"), later),
            (TokenError::Unreadable("html"), Fate::Ambiguous { retry_after: None }),
            (TokenError::Refused(InvalidClient), Fate::ClientRefused),
            (TokenError::Refused(InvalidGrant), Fate::Dead),
            (TokenError::Refused(InvalidScope), later),
            (TokenError::Refused(Other), later),
            (TokenError::Refused(UnauthorizedClient), Fate::ClientRefused),
            (TokenError::Throttled { retry_after: in_9_s }, Fate::Later { retry_after: in_9_s }),
            (TokenError::Throttled { retry_after: None }, later),
            (TokenError::Unavailable { retry_after: in_9_s }, Fate::Later { retry_after: in_9_s }),
            (TokenError::Unavailable { retry_after: None }, later),
        ] {
            assert_eq!(classify(error), fate, "{error:?}");
        }
    }
}
