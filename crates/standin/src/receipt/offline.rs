//! Offline access after an attempt: whether a job can act while the user is away, and if not, why not and what to
//! do. One word, decided once at the end of the attempt, kept in its receipt, and put into sentences here.

use std::fmt;
use std::str::FromStr;

/// What decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "questions of yes or no, all of which may be answered yes"
)]
pub struct Leg {
    /// The answer held a refresh token.
    pub brought: bool,
    /// There is one now that works: this one, or one that was stored before.
    pub works: bool,
    /// The access token does not end by itself, so that no refresh token is needed.
    pub lasts: bool,
    /// The provider was asked for offline access: by a parameter, or by the scope `offline_access`.
    pub asked: bool,
    /// The provider was asked to show its consent page (`prompt=consent`).
    pub for_consent: bool,
    /// The code came from the provider's own popup, which asks for nothing of ours.
    pub one_time_code: bool,
    /// The browser is sent to the provider once more, for consent.
    pub second_leg: bool,
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $said:literal, $advice:literal;)+) => {
        /// How an attempt left offline access.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Offline {$(
            $(#[$doc])*
            $name,
        )+}

        impl Offline {
            /// Every one there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable word, as it stands in receipts and answers.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {$(Self::$name => $word,)+}
            }

            /// What is so, and why; a sentence without its full stop.
            #[must_use]
            pub const fn said(self) -> &'static str {
                match self {$(Self::$name => $said,)+}
            }

            /// What to do about it; empty if there is nothing to do.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self {$(Self::$name => $advice,)+}
            }
        }
    };
}

words! {
    /// The answer held a refresh token.
    Came = "came",
        "yes: the provider gave a refresh token, and it is sealed in the grant", "";
    /// It held none, and the stored one works.
    Kept = "kept",
        "yes: no refresh token came, as is usual for somebody who has given it before; the stored one is kept", "";
    /// There is none and need be none: GitHub's tokens for an OAuth app live until they are taken back.
    Lasting = "lasting",
        "yes: the provider's access token does not end by itself, so there is no refresh token and need be none", "";
    /// It held none, none is stored, and the user is being asked for consent.
    SecondLeg = "second_leg",
        "not yet: no refresh token came and none is stored, so the browser was sent once more to ask for consent",
        "look at the second attempt: what came of it stands there";
    /// The user was asked for consent and declined.
    Declined = "declined",
        "no: the user was asked for consent and declined; they are signed in all the same",
        "ask again when they want something that needs it: `POST /auth/{provider}/grant`";
    /// Consent was asked for and given, and still none came.
    ConsentBroughtNone = "consent_brought_none",
        "no: the provider showed its consent page and gave no refresh token all the same",
        "look at the client's registration at the provider: whether it is a web application, and whether it may have refresh tokens; then `POST /auth/{provider}/grant`";
    /// The provider was never asked for it.
    NotAsked = "not_asked",
        "no: the provider was not asked for it: this provider gives a refresh token for the scope `offline_access`, which is not among the scopes",
        "add `offline_access` to the provider's `scopes`, or to its `extra_scopes` and ask for it with `POST /auth/{provider}/grant`";
    /// The provider's own popup does not ask for consent to offline access again.
    CodeWithoutConsent = "code_without_consent",
        "no: the code came from the provider's own popup, which shows consent to offline access only the first time, and no refresh token that works is stored",
        "send the user through `POST /auth/{provider}/grant`, which asks for consent; or sign in with `/auth/{provider}/login?mode=popup`, which does so by itself";
    /// A button's credential says who it is, and gives access to nothing.
    Credential = "credential",
        "no change: the sign-in button gives a credential that says who somebody is; no code came, so no token could",
        "if jobs need access, send the user through `POST /auth/{provider}/grant`";
    /// The second leg was due and could not begin.
    NotSentAgain = "not_sent_again",
        "no: no refresh token came, none is stored, and the browser could not be sent to ask for consent",
        "the user can start again, or be sent through `POST /auth/{provider}/grant`; the log says why the second leg could not begin";
}

impl Offline {
    /// How a code that was redeemed leaves it.
    #[must_use]
    pub const fn of(leg: &Leg) -> Self {
        match leg {
            Leg { brought: true, .. } => Self::Came,
            Leg { lasts: true, works: true, .. } => Self::Lasting,
            Leg { works: true, .. } => Self::Kept,
            Leg { second_leg: true, .. } => Self::SecondLeg,
            Leg { asked: false, .. } => Self::NotAsked,
            Leg { for_consent: true, .. } => Self::ConsentBroughtNone,
            Leg { one_time_code: true, .. } => Self::CodeWithoutConsent,
            _ => Self::NotSentAgain,
        }
    }
}

impl fmt::Display for Offline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl serde::Serialize for Offline {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// No such word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a word about offline access")]
pub struct UnknownWord;

impl FromStr for Offline {
    type Err = UnknownWord;
    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL.iter().copied().find(|offline| offline.word() == word).ok_or(UnknownWord)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A first sign-in by redirect at a provider that was asked, and brought nothing.
    const NOTHING: Leg = Leg {
        brought: false,
        works: false,
        lasts: false,
        asked: true,
        for_consent: false,
        one_time_code: false,
        second_leg: false,
    };

    #[test]
    fn every_way_to_have_it_or_not_has_its_word() {
        let cases = [
            (Leg { brought: true, works: true, ..NOTHING }, Offline::Came),
            (Leg { brought: true, works: true, for_consent: true, ..NOTHING }, Offline::Came),
            (Leg { works: true, ..NOTHING }, Offline::Kept),
            (Leg { works: true, lasts: true, ..NOTHING }, Offline::Lasting),
            (Leg { works: true, asked: false, ..NOTHING }, Offline::Kept),
            (Leg { second_leg: true, ..NOTHING }, Offline::SecondLeg),
            (Leg { for_consent: true, ..NOTHING }, Offline::ConsentBroughtNone),
            (Leg { asked: false, ..NOTHING }, Offline::NotAsked),
            (Leg { asked: false, for_consent: true, ..NOTHING }, Offline::NotAsked),
            (Leg { one_time_code: true, ..NOTHING }, Offline::CodeWithoutConsent),
            (NOTHING, Offline::NotSentAgain),
        ];
        for (leg, expected) in cases {
            assert_eq!(Offline::of(&leg), expected, "{leg:?}");
        }
    }

    #[test]
    fn words_are_read_back_and_whoever_has_none_is_told_what_to_do() {
        for offline in Offline::ALL {
            assert_eq!(offline.word().parse(), Ok(*offline));
            let is_well = matches!(offline, Offline::Came | Offline::Kept | Offline::Lasting);
            assert_eq!(offline.advice().is_empty(), is_well, "{offline}");
            assert_eq!(offline.said().starts_with("yes"), is_well, "{offline}");
        }
        assert_eq!("perhaps".parse::<Offline>(), Err(UnknownWord));
    }
}
