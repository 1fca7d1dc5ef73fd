//! How a provider is asked to answer an authorization request: with what, and by which way.
//!
//! Of all that `response_type` and `response_mode` can say, three forms are offered (requirement AR-9). None brings
//! an access token through the browser, and none a fragment, which only a script could read.

use serde::{Deserialize, Serialize};

/// What is asked for, and how it comes back. An attempt is bound to it (requirement AR-4), and an answer of another
/// form is none (requirement CB-7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerForm {
    /// A code, in the query of a redirect.
    #[default]
    Query,
    /// A code, in a form that the provider's page posts (OAuth 2.0 Form Post Response Mode).
    FormPost,
    /// A code and an ID token that vouches for it, posted (OpenID Connect Core §3.3).
    HybridFormPost,
}

impl AnswerForm {
    /// The `response_type` that asks for it.
    #[must_use]
    pub const fn response_type(self) -> &'static str {
        match self {
            Self::Query | Self::FormPost => "code",
            Self::HybridFormPost => "code id_token",
        }
    }

    /// The `response_mode` that asks for it.
    #[must_use]
    pub const fn response_mode(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::FormPost | Self::HybridFormPost => "form_post",
        }
    }

    /// Whether the answer is posted, by a page of another site.
    #[must_use]
    pub const fn is_posted(self) -> bool {
        matches!(self, Self::FormPost | Self::HybridFormPost)
    }

    /// Whether an ID token comes with the code.
    #[must_use]
    pub const fn is_hybrid(self) -> bool {
        matches!(self, Self::HybridFormPost)
    }
}

/// The forms of answer that a provider publishes; what it does not say is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PublishedForms {
    pub(super) response_types: Option<Vec<String>>,
    pub(super) response_modes: Option<Vec<String>>,
}

impl PublishedForms {
    /// Whether a request for this form can be answered, as far as the provider says.
    pub(super) fn allow(&self, form: AnswerForm) -> bool {
        let has_type = |types: &Vec<String>| {
            types.iter().any(|published| is_same_type(published, form.response_type()))
        };
        let has_mode =
            |modes: &Vec<String>| modes.iter().any(|published| published == form.response_mode());
        self.response_types.as_ref().is_none_or(has_type)
            && self.response_modes.as_ref().is_none_or(has_mode)
    }
}

/// The order of the words of a response type does not matter (OAuth 2.0 Multiple Response Types §3).
fn is_same_type(one: &str, other: &str) -> bool {
    let words = |text: &str| {
        let mut words: Vec<_> = text.split(' ').map(str::to_owned).collect();
        words.sort_unstable();
        words
    };
    words(one) == words(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(types: Option<&[&str]>, modes: Option<&[&str]>) -> PublishedForms {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        PublishedForms { response_types: types.map(owned), response_modes: modes.map(owned) }
    }

    #[test]
    fn ar_9_what_a_provider_does_not_publish_is_not_asked_for() {
        let all = [AnswerForm::Query, AnswerForm::FormPost, AnswerForm::HybridFormPost];
        for (published, expected) in [
            (published(None, None), [true, true, true]),
            (published(Some(&["code"]), None), [true, true, false]),
            (published(Some(&["id_token code", "code"]), None), [true, true, true]),
            (published(Some(&["code id_token token"]), None), [false, false, false]),
            (published(None, Some(&["query", "fragment"])), [true, false, false]),
            (published(None, Some(&["form_post"])), [false, true, true]),
            (published(Some(&[]), Some(&[])), [false, false, false]),
        ] {
            assert_eq!(all.map(|form| published.allow(form)), expected, "{published:?}");
        }
    }
}
