//! What the client wants to get, and how: `response_type`, `response_mode`, and the nonce they demand.

use std::collections::BTreeSet;
use std::fmt;

use super::{Params, invalid};
use crate::authorize::error::AuthError;
use crate::scopes;

/// One word of a response type.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(in crate::authorize) enum Part {
    Code,
    Token,
    IdToken,
    /// A grant and no token: the answer says only that it worked.
    None,
    /// The same, as the script library of 2013 to 2023 asked for it.
    Permission,
    /// That library's session state.
    Gsession,
}

/// The words of a response type, in no order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::authorize) struct ResponseType(BTreeSet<Part>);

/// How the answer travels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::authorize) enum ResponseMode {
    Query,
    Fragment,
    FormPost,
}

/// What may be combined, each list in the order of [`Part`].
const COMBINATIONS: [&[Part]; 12] = [
    &[Part::Code],
    &[Part::Token],
    &[Part::IdToken],
    &[Part::Code, Part::Token],
    &[Part::Code, Part::IdToken],
    &[Part::Token, Part::IdToken],
    &[Part::Code, Part::Token, Part::IdToken],
    &[Part::None],
    &[Part::Permission],
    &[Part::Code, Part::Permission],
    &[Part::IdToken, Part::Permission],
    &[Part::None, Part::Gsession],
];

impl ResponseType {
    fn parse(text: &str) -> Option<Self> {
        let parts: Option<BTreeSet<Part>> = scopes::words(text).map(Part::parse).collect();
        let parts = parts?;
        let known = COMBINATIONS.iter().any(|known| known.iter().eq(&parts));
        known.then_some(Self(parts))
    }

    pub(in crate::authorize) fn has(&self, part: Part) -> bool {
        self.0.contains(&part)
    }

    /// Whether the answer itself holds a token, which must stay out of queries and so of logs.
    pub(in crate::authorize) fn is_front(&self) -> bool {
        self.has(Part::Token) || self.has(Part::IdToken)
    }

    /// Whether this is the old script library.
    pub(in crate::authorize) fn is_legacy(&self) -> bool {
        self.has(Part::Permission) || self.has(Part::Gsession)
    }

    fn default_mode(&self) -> ResponseMode {
        if self.is_front() || self.has(Part::Permission) {
            ResponseMode::Fragment
        } else {
            ResponseMode::Query
        }
    }
}

impl fmt::Display for ResponseType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(|part| part.word()).collect();
        formatter.write_str(&words.join(" "))
    }
}

impl Part {
    const ALL: [Self; 6] =
        [Self::Code, Self::Token, Self::IdToken, Self::None, Self::Permission, Self::Gsession];

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.word() == word)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Token => "token",
            Self::IdToken => "id_token",
            Self::None => "none",
            Self::Permission => "permission",
            Self::Gsession => "gsession",
        }
    }
}

pub(super) fn check(params: Params<'_>) -> Result<(ResponseType, ResponseMode), AuthError> {
    let Some(text) = params.get("response_type") else {
        return Err(AuthError::invalid_request("Required parameter is missing: response_type"));
    };
    let response = ResponseType::parse(text).ok_or_else(|| invalid("response_type", text))?;
    params.refuse(&["client_secret"])?;
    let mode = match params.get("response_mode") {
        None => response.default_mode(),
        Some("query") if !response.is_front() => ResponseMode::Query,
        Some("fragment") => ResponseMode::Fragment,
        Some("form_post") => ResponseMode::FormPost,
        Some(other) => return Err(invalid("response_mode", other)),
    };
    Ok((response, mode))
}

/// An ID token that comes through the browser needs a nonce, a request without any must not have one.
pub(super) fn nonce(
    params: Params<'_>,
    response: &ResponseType,
) -> Result<Option<String>, AuthError> {
    if response.has(Part::IdToken) && !response.is_legacy() {
        return params.require("nonce").map(|nonce| Some(nonce.to_owned()));
    }
    if response.is_front() && !response.has(Part::Code) && !response.has(Part::IdToken) {
        params.refuse(&["nonce"])?;
    }
    Ok(params.owned("nonce"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_words_does_not_matter() {
        for text in ["code token id_token", "id_token code token", "token id_token code"] {
            let parsed = ResponseType::parse(text).unwrap();
            assert!(parsed.has(Part::Code) && parsed.has(Part::Token) && parsed.has(Part::IdToken));
        }
        for text in ["foo", "code foo", "code none", "gsession", "permission token", " "] {
            assert_eq!(ResponseType::parse(text), None, "{text}");
        }
    }
}
