//! The provider's answer, as it comes: nothing in it is true yet.

use crate::error::Refusal;
use crate::receipt::{Fact, Receipt};
use crate::secret::{AuthorizationCode, State};

/// Caps of what is looked at before any cryptography (requirement CB-15).
const MAX_QUERY: usize = 16 * 1024;
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
}

/// What the provider says it decided.
#[derive(Debug)]
pub(super) enum UnverifiedAnswer {
    /// A code.
    Code(AuthorizationCode),
    /// Neither code nor error.
    Neither,
    /// An error. Its word is kept to be compared; its description is never read.
    Refused(String),
}

impl UnverifiedCallback {
    /// Reads a query string. Unknown parameters are ignored, as RFC 6749 §4.1.2 asks; Google sends several.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`], [`Refusal::DuplicateParameter`], [`Refusal::StateMissing`], and
    /// [`Refusal::InvalidRequest`] for a code and an error together.
    pub fn parse(query: &str) -> Result<Self, Refusal> {
        if query.len() > MAX_QUERY {
            return Err(Refusal::TooLarge);
        }
        let mut parameters = Parameters::parse(query)?;
        let state = parameters.take("state").filter(|state| !state.is_empty());
        let state = state.ok_or(Refusal::StateMissing)?;
        let issuer = parameters.take("iss");
        let (code, error) = (parameters.take("code"), parameters.take("error"));
        if state.len() > MAX_STATE || code.as_ref().is_some_and(|code| code.len() > MAX_CODE) {
            return Err(Refusal::TooLarge);
        }
        let answer = match (code, error) {
            (Some(_), Some(_)) => return Err(Refusal::InvalidRequest),
            (Some(code), None) if !code.is_empty() => {
                UnverifiedAnswer::Code(AuthorizationCode::new(code))
            }
            (None, Some(error)) => UnverifiedAnswer::Refused(error),
            _ => UnverifiedAnswer::Neither,
        };
        Ok(Self { state: State::new(state), issuer, answer })
    }

    /// What came, for the receipt.
    pub(super) fn came(&self, receipt: &mut Receipt) {
        let answer = match &self.answer {
            UnverifiedAnswer::Code(code) => ("code", Fact::Bytes(code.expose().len())),
            UnverifiedAnswer::Neither => ("code", Fact::Word("none")),
            UnverifiedAnswer::Refused(word) => ("error", Fact::error_word(word)),
        };
        let facts = [
            ("came", Fact::Word("by redirect")),
            answer,
            ("state", Fact::Bytes(self.state.expose().len())),
            ("iss", Fact::yes(self.issuer.is_some())),
        ];
        receipt.step("answer", &facts);
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
