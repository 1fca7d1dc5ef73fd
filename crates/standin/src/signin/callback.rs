//! The provider's answer, as it comes: nothing in it is true yet.
//!
//! A query of a redirect or a form that another site's page posts goes in; how it came is noted, since an attempt takes
//! its answer by one way only.

use crate::error::Refusal;
use crate::receipt::{Fact, Receipt};
use crate::secret::{AuthorizationCode, IdToken, State};
use crate::verify::{MAX_TOKEN_BYTES, UnverifiedFront};

/// Caps of what is looked at before any cryptography (requirement CB-15).
const MAX_QUERY: usize = 16 * 1024;
/// A form holds what a query does, and perhaps an ID token.
const MAX_FORM: usize = MAX_QUERY + MAX_TOKEN_BYTES;
const MAX_CODE: usize = 4 * 1024;
const MAX_STATE: usize = 1024;
/// No answer has so many parts; looking for duplicates among more would be work for nothing.
const MAX_PARAMETERS: usize = 64;

/// The parameters of an authorization response (RFC 6749 §4.1.2, RFC 9207).
#[derive(Debug)]
pub struct UnverifiedCallback {
    pub(super) state: State,
    pub(super) issuer: Option<String>,
    pub(super) answer: UnverifiedAnswer,
    pub(super) way: Way,
}

/// How an answer comes to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The provider's page posts a form.
    FormPost,
    /// A page of ours posts what the provider's script gave it; a button's credential may come from the provider's
    /// page.
    Page,
    /// The provider redirects the browser here.
    Query,
}

impl Way {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::FormPost => "in a form post",
            Self::Page => "posted by a page",
            Self::Query => "by redirect",
        }
    }
}

/// What the provider says it decided.
#[derive(Debug)]
pub(super) enum UnverifiedAnswer {
    /// A code.
    Code(AuthorizationCode),
    /// A code and an ID token.
    Front(UnverifiedFront),
    /// Neither code nor error.
    Neither,
    /// An error. Its word is kept to be compared; its description is never read.
    Refused(String),
}

impl UnverifiedCallback {
    /// Reads a query string. Unknown parameters are ignored, as RFC 6749 §4.1.2 asks; Google sends several.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`], [`Refusal::DuplicateParameter`], [`Refusal::StateMissing`],
    /// [`Refusal::TokenNotAskedFor`] for an access token, and [`Refusal::InvalidRequest`] for an error together with
    /// a code or an ID token.
    pub fn parse(query: &str) -> Result<Self, Refusal> {
        Self::read(query, MAX_QUERY, Way::Query)
    }

    /// Reads a form that was posted (OAuth 2.0 Form Post Response Mode §2).
    ///
    /// # Errors
    /// As [`UnverifiedCallback::parse`]; [`Refusal::InvalidRequest`] too if it is no text.
    pub fn parse_form(body: &[u8]) -> Result<Self, Refusal> {
        let form = std::str::from_utf8(body).map_err(|_| Refusal::InvalidRequest)?;
        Self::read(form, MAX_FORM, Way::FormPost)
    }

    fn read(text: &str, max: usize, way: Way) -> Result<Self, Refusal> {
        if text.len() > max {
            return Err(Refusal::TooLarge);
        }
        let mut parameters = Parameters::parse(text)?;
        let state = parameters.take("state").filter(|state| !state.is_empty());
        let state = state.ok_or(Refusal::StateMissing)?;
        if state.len() > MAX_STATE {
            return Err(Refusal::TooLarge);
        }
        let issuer = parameters.take("iss");
        let answer = UnverifiedAnswer::read(&mut parameters)?;
        Ok(Self { state: State::new(state), issuer, answer, way })
    }

    /// What came, for the receipt.
    pub(super) fn came(&self, receipt: &mut Receipt) {
        let answer = match &self.answer {
            UnverifiedAnswer::Code(code) => ("code", Fact::Bytes(code.expose().len())),
            UnverifiedAnswer::Front(_) => ("code", Fact::Word("with an ID token")),
            UnverifiedAnswer::Neither => ("code", Fact::Word("none")),
            UnverifiedAnswer::Refused(word) => ("error", Fact::error_word(word)),
        };
        let facts = [
            ("came", Fact::Word(self.way.word())),
            answer,
            ("state", Fact::Bytes(self.state.expose().len())),
            ("iss", Fact::yes(self.issuer.is_some())),
        ];
        receipt.step("answer", &facts);
    }
}

impl UnverifiedAnswer {
    fn read(parameters: &mut Parameters) -> Result<Self, Refusal> {
        // No form of answer that we ask for has one, so somebody else asked, or nobody did.
        if parameters.take("access_token").is_some() {
            return Err(Refusal::TokenNotAskedFor);
        }
        let code = parameters.take("code");
        let (id_token, error) = (parameters.take("id_token"), parameters.take("error"));
        let is_longer = |text: &Option<String>, max| text.as_ref().is_some_and(|t| t.len() > max);
        if is_longer(&code, MAX_CODE) || is_longer(&id_token, MAX_TOKEN_BYTES) {
            return Err(Refusal::TooLarge);
        }
        let code = match (code, error) {
            (None, Some(error)) if id_token.is_none() => return Ok(Self::Refused(error)),
            (_, Some(_)) => return Err(Refusal::InvalidRequest),
            (Some(code), None) if !code.is_empty() => AuthorizationCode::new(code),
            (_, None) => return Ok(Self::Neither),
        };
        Ok(match id_token {
            Some(token) => Self::Front(UnverifiedFront::new(code, IdToken::new(token))),
            None => Self::Code(code),
        })
    }
}

/// What a page posts in the one-time-code flow.
#[derive(Debug)]
pub struct UnverifiedCodePost {
    pub(super) code: AuthorizationCode,
    pub(super) state: State,
    pub(super) expected_subject: Option<String>,
}

impl UnverifiedCodePost {
    /// Takes the parts of a post, in whatever form they came.
    ///
    /// # Errors
    /// [`Refusal::CodeMissing`], [`Refusal::StateMissing`], [`Refusal::TooLarge`].
    pub fn new(
        code: String,
        state: String,
        expected_subject: Option<String>,
    ) -> Result<Self, Refusal> {
        if code.is_empty() {
            return Err(Refusal::CodeMissing);
        }
        if state.is_empty() {
            return Err(Refusal::StateMissing);
        }
        let expects_too_much = expected_subject.as_ref().is_some_and(|subject| subject.len() > 255);
        if code.len() > MAX_CODE || state.len() > MAX_STATE || expects_too_much {
            return Err(Refusal::TooLarge);
        }
        let (code, state) = (AuthorizationCode::new(code), State::new(state));
        Ok(Self { code, state, expected_subject })
    }

    /// What came, for the receipt.
    pub(super) fn came(&self, receipt: &mut Receipt) {
        let facts = [
            ("came", Fact::Word("posted by a page")),
            ("code", Fact::Bytes(self.code.expose().len())),
            ("state", Fact::Bytes(self.state.expose().len())),
            ("names an account", Fact::yes(self.expected_subject.is_some())),
        ];
        receipt.step("answer", &facts);
    }
}

/// The pairs of a query or a form, each name at most once (requirement AR-7).
#[derive(Debug, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads `application/x-www-form-urlencoded` text.
    ///
    /// # Errors
    /// [`Refusal::DuplicateParameter`] if a name stands twice, whatever the values; [`Refusal::TooLarge`]
    /// if there are more than 64.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(Refusal::DuplicateParameter);
            }
            if pairs.len() == MAX_PARAMETERS {
                return Err(Refusal::TooLarge);
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(pairs))
    }

    /// The value of a name, out of the rest.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let index = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.swap_remove(index).1)
    }

    /// Whether everything has been taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(query: &str) -> Refusal {
        UnverifiedCallback::parse(query).unwrap_err()
    }

    #[test]
    fn reads_what_google_sends() {
        let callback = UnverifiedCallback::parse(
            "state=S&iss=https%3A%2F%2Faccounts.google.com&code=4%2F0A&scope=email+openid&authuser=0&prompt=none",
        )
        .unwrap();
        assert_eq!(callback.issuer.as_deref(), Some("https://accounts.google.com"));
        assert!(matches!(callback.answer, UnverifiedAnswer::Code(code) if code.expose() == "4/0A"));
    }

    #[test]
    fn cb_1_an_answer_without_a_single_state_is_refused() {
        assert_eq!(refusal("code=c"), Refusal::StateMissing);
        assert_eq!(refusal("code=c&state="), Refusal::StateMissing);
        assert_eq!(refusal("code=c&state=a&state=a"), Refusal::DuplicateParameter);
        assert_eq!(refusal("state=s&code=c&code=d"), Refusal::DuplicateParameter);
    }

    #[test]
    fn cb_6_code_and_error_together_are_refused() {
        assert_eq!(refusal("state=s&code=c&error=access_denied"), Refusal::InvalidRequest);
    }

    #[test]
    fn cb_15_sizes_are_capped() {
        assert_eq!(refusal(&format!("state=s&code={}", "c".repeat(4097))), Refusal::TooLarge);
        assert_eq!(refusal(&format!("code=c&state={}", "s".repeat(1025))), Refusal::TooLarge);
        assert_eq!(refusal(&format!("state=s&code=c&x={}", "x".repeat(16384))), Refusal::TooLarge);
    }
}
