//! What is known of a provider's tokens: how long they live, and what one refresh does to the others.
//!
//! One table, with the source of each fact. The standards leave all of this open (RFC 6749 §6), and whoever
//! keeps grants alive must know it: a refresh token that rotates may be spent by one process at a time, one
//! that dies of idleness must be used, and an access token that died of a refresh must not be handed out.
//! What nobody documents is [`Certainty::Unknown`]: who asks says which of the two answers it would be worse to miss.

use std::time::Duration;

use crate::id::GrantId;
use crate::time::Timestamp;

/// What is known about a question with two answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certainty {
    /// Documented: it is not so.
    No,
    /// Nobody says, or it is a setting of the provider that we cannot see.
    #[default]
    Unknown,
    /// Documented: it is so.
    Yes,
}

impl Certainty {
    /// Whether one may rely on it.
    #[must_use]
    pub const fn is_certain(self) -> bool {
        matches!(self, Self::Yes)
    }

    /// Whether one must reckon with it.
    #[must_use]
    pub const fn is_possible(self) -> bool {
        !matches!(self, Self::No)
    }
}

impl From<bool> for Certainty {
    fn from(is_so: bool) -> Self {
        if is_so { Self::Yes } else { Self::No }
    }
}

/// How long a refresh token that was replaced can still be used: whoever lost the answer can ask again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grace {
    /// As long as it is used.
    For(Duration),
    /// It is dead at once.
    None,
    /// Nobody says.
    #[default]
    Unknown,
    /// It goes on until its own time is up.
    Unlimited,
}

/// What is known of the tokens of a provider. The default is [`ProviderProfile::UNKNOWN`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProviderProfile {
    /// Whether a refresh brings a new refresh token in place of the old one.
    pub rotates: Certainty,
    /// How long the old one goes on then.
    pub grace: Grace,
    /// Whether a refresh ends the access tokens that were given before.
    pub refresh_ends_access_tokens: Certainty,
    /// A refresh token that is not used for so long dies.
    pub idle: Option<Duration>,
    /// A refresh token dies so long after it was given, however much it is used.
    pub absolute: Option<Duration>,
    /// So many access tokens of one grant live at a time; one more ends the oldest.
    pub max_access_tokens: Option<u32>,
    /// Whether a new consent covers what was given before, asked for or not.
    pub scopes_add_up: Certainty,
    /// Whether a refresh may ask for less than was given (`scope`, RFC 6749 §6).
    pub refresh_narrows: Certainty,
}

const fn days(count: u64) -> Duration {
    Duration::from_hours(24 * count)
}

const UNKNOWN: ProviderProfile = ProviderProfile::UNKNOWN;

/// developers.google.com/identity/protocols/oauth2 ("Refresh token expiration": six months unused; a limit of
/// refresh tokens per account and client, of which the oldest dies) and .../web-server (`scope` of a refresh,
/// `include_granted_scopes`). The seven days of a consent screen in "Testing" are told by
/// `refresh_token_expires_in`.
const GOOGLE: ProviderProfile = ProviderProfile {
    rotates: Certainty::No,
    grace: Grace::Unlimited,
    refresh_ends_access_tokens: Certainty::No,
    idle: Some(days(182)),
    scopes_add_up: Certainty::Yes,
    refresh_narrows: Certainty::Yes,
    ..UNKNOWN
};

/// learn.microsoft.com/entra/identity-platform/refresh-tokens: replaced at every use, the old one is not
/// revoked; 90 days. A token holds everything that was consented to for its API, so a refresh that asks for
/// less need not bring less.
const ENTRA: ProviderProfile = ProviderProfile {
    rotates: Certainty::Yes,
    grace: Grace::Unlimited,
    refresh_ends_access_tokens: Certainty::No,
    idle: Some(days(90)),
    ..UNKNOWN
};

/// docs.github.com, "Refreshing user access tokens": both old tokens end with the refresh, six months; no
/// scopes. "Authorizing OAuth apps": ten tokens for each user, application and set of scopes.
const GITHUB: ProviderProfile = ProviderProfile {
    rotates: Certainty::Yes,
    grace: Grace::None,
    refresh_ends_access_tokens: Certainty::Yes,
    idle: Some(days(182)),
    max_access_tokens: Some(10),
    scopes_add_up: Certainty::No,
    refresh_narrows: Certainty::No,
    ..UNKNOWN
};

/// ory.com/docs/hydra, "Graceful token refresh": a refresh token is good once; a grace is a setting.
const HYDRA: ProviderProfile = ProviderProfile { rotates: Certainty::Yes, ..UNKNOWN };

/// developers.ringcentral.com, "Refresh token flow": rotates, seven days; the access token before it ends.
const RINGCENTRAL: ProviderProfile = ProviderProfile {
    rotates: Certainty::Yes,
    refresh_ends_access_tokens: Certainty::Yes,
    idle: Some(days(7)),
    ..UNKNOWN
};

/// developer.xero.com/faq/oauth2: rotates, 60 days unused, the old one is good for a retry for 30 minutes.
const XERO: ProviderProfile = ProviderProfile {
    rotates: Certainty::Yes,
    grace: Grace::For(Duration::from_mins(30)),
    idle: Some(days(60)),
    ..UNKNOWN
};

/// zoho.com/accounts/protocol/oauth, "Token limits": refresh tokens stay; at most ten access tokens of each
/// live, and the oldest dies.
const ZOHO: ProviderProfile = ProviderProfile {
    rotates: Certainty::No,
    grace: Grace::Unlimited,
    max_access_tokens: Some(10),
    ..UNKNOWN
};

impl ProviderProfile {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        rotates: Certainty::Unknown,
        grace: Grace::Unknown,
        refresh_ends_access_tokens: Certainty::Unknown,
        idle: None,
        absolute: None,
        max_access_tokens: None,
        scopes_add_up: Certainty::Unknown,
        refresh_narrows: Certainty::Unknown,
    };
    /// Of Google.
    pub const GOOGLE: Self = GOOGLE;
    /// Of Microsoft Entra ID.
    pub const ENTRA: Self = ENTRA;
    /// Of GitHub, as far as its tokens expire.
    pub const GITHUB: Self = GITHUB;

    /// Of other OpenID providers, by the names that a configuration calls them. Auth0, Cognito, Keycloak, Okta
    /// and Slack are not among them: with them all of it is a setting, so the configuration says it.
    pub const NAMED: &'static [(&'static str, Self)] =
        &[("hydra", HYDRA), ("ringcentral", RINGCENTRAL), ("xero", XERO), ("zoho", ZOHO)];

    /// One of [`ProviderProfile::NAMED`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMED.iter().find(|(known, _)| *known == name).map(|(_, profile)| *profile)
    }

    /// When a refresh token that was used at `used` is to be used again, although nobody asks, so that it does not die
    /// of idleness: after about two thirds of that time. It is the same instant for a day on which the token is used
    /// again and again, and another for each grant, so that grants of one day are spread over a day.
    #[must_use]
    pub fn keep_alive_at(&self, grant: GrantId, used: Timestamp) -> Option<Timestamp> {
        let idle = i64::try_from(self.idle?.as_millis()).ok()?;
        let step = (idle / 6).clamp(1, 24 * 3600 * 1000);
        let latest = used.unix_ms().checked_add(idle / 3 * 2 - step)?;
        let [.., high, low] = *grant.as_bytes();
        let share = i64::from(u16::from_be_bytes([high, low]));
        let within = step.checked_mul(share)? / (i64::from(u16::MAX) + 1);
        Some(Timestamp::from_unix_ms(latest.div_euclid(step) * step + within))
    }

    /// Whether it replaces refresh tokens and lets those from before go on: with such a one nothing is lost.
    #[must_use]
    pub fn keeps_replaced_tokens(&self) -> bool {
        self.rotates.is_certain() && self.grace == Grace::Unlimited
    }

    /// Whether a refresh token that was given at `given` and used last at `used` has died of its age or of
    /// idleness by `now`, as far as that is known.
    #[must_use]
    pub fn is_outlived(&self, given: Timestamp, used: Timestamp, now: Timestamp) -> bool {
        let is_over = |life: Option<Duration>, from: Timestamp| {
            life.is_some_and(|life| from.after(life) <= now)
        };
        is_over(self.absolute, given) || is_over(self.idle, used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3600;

    fn day(count: i64) -> Timestamp {
        Timestamp::from_unix_seconds(count * DAY)
    }

    #[test]
    fn idleness_counts_from_the_last_use_and_age_from_the_beginning() {
        let idle = ProviderProfile { idle: Some(days(7)), ..ProviderProfile::default() };
        assert!(!idle.is_outlived(day(0), day(100), day(106)));
        assert!(idle.is_outlived(day(0), day(100), day(107)));
        let absolute = ProviderProfile { absolute: Some(days(30)), ..ProviderProfile::default() };
        assert!(!absolute.is_outlived(day(0), day(29), day(29)));
        assert!(absolute.is_outlived(day(0), day(29), day(30)));
    }

    #[test]
    fn a_token_is_used_again_well_before_it_is_forgotten_and_each_at_its_own_time() {
        let grants = [[0; 16], [7; 16], [255; 16]].map(GrantId::from_bytes);
        for idle in [Duration::from_hours(24), days(7), days(90), days(182)] {
            let profile = ProviderProfile { idle: Some(idle), ..ProviderProfile::default() };
            let at = |grant, used| profile.keep_alive_at(grant, used).unwrap();
            for grant in grants {
                let used = day(1000).after(Duration::from_mins(17));
                assert!(at(grant, used) > used.after(idle / 4), "{idle:?}");
                assert!(at(grant, used) <= used.after(idle / 3 * 2), "{idle:?}");
            }
            assert!(at(grants[0], day(1000)) < at(grants[1], day(1000)));
            assert!(at(grants[1], day(1000)) < at(grants[2], day(1000)));
        }
        let google = ProviderProfile::GOOGLE;
        let hourly = (0..24).map(|hour| day(1000).after(Duration::from_hours(hour)));
        let mut instants: Vec<_> =
            hourly.map(|used| google.keep_alive_at(grants[1], used)).collect();
        instants.dedup();
        assert!(instants.len() <= 2, "{instants:?}");
        assert_eq!(ProviderProfile::UNKNOWN.keep_alive_at(grants[0], day(0)), None);
    }

    #[test]
    fn of_whom_nothing_is_known_no_token_is_said_to_be_too_old() {
        assert!(!ProviderProfile::default().is_outlived(day(0), day(0), day(36500)));
    }

    #[test]
    fn what_nobody_says_is_possible_and_not_certain() {
        let unknown = ProviderProfile::default().rotates;
        assert!(unknown.is_possible() && !unknown.is_certain());
        assert!(ProviderProfile::GITHUB.rotates.is_certain());
        assert!(!ProviderProfile::GOOGLE.rotates.is_possible());
    }

    #[test]
    fn a_token_that_rotates_has_a_word_about_the_old_one() {
        let all = [ProviderProfile::GOOGLE, ProviderProfile::ENTRA, ProviderProfile::GITHUB];
        let named = ProviderProfile::NAMED.iter().map(|(_, profile)| *profile);
        for profile in all.into_iter().chain(named) {
            // A token that is never replaced cannot be dead of it.
            assert!(profile.rotates.is_possible() || profile.grace == Grace::Unlimited);
        }
        assert!(ProviderProfile::ENTRA.keeps_replaced_tokens());
        // A grant may show that it replaces them all the same: then nobody knows what becomes of the old ones.
        assert!(!ProviderProfile::GOOGLE.keeps_replaced_tokens());
        assert!(!ProviderProfile::GITHUB.keeps_replaced_tokens());
        assert!(!ProviderProfile::UNKNOWN.keeps_replaced_tokens());
    }
}
