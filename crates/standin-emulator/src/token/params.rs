//! The parameters of a token request: a form, or JSON with `camelCase` or `snake_case` keys.

use axum::http::{HeaderMap, header};
use serde_json::Value;

use crate::reply::OAuthError;

#[derive(Debug)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, OAuthError> {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let params = if content_type.is_some_and(|value| value.starts_with("application/json")) {
            from_json(body).ok_or_else(unreadable)?
        } else {
            form_urlencoded::parse(body).into_owned().collect()
        };
        let params = Self(params);
        params.refuse_repetition()?;
        Ok(params)
    }

    /// A parameter's value; an empty one counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }

    pub(crate) fn require(&self, name: &str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| {
            let description = format!("Missing required parameter: {name}");
            OAuthError::bad_request("invalid_request", description)
        })
    }

    /// RFC 6749 §3.2: a parameter comes once.
    fn refuse_repetition(&self) -> Result<(), OAuthError> {
        for (index, (name, _)) in self.0.iter().enumerate() {
            if self.0[..index].iter().any(|(earlier, _)| earlier == name) {
                let description =
                    format!("OAuth 2 parameters can only have a single value: {name}");
                return Err(OAuthError::bad_request("invalid_request", description));
            }
        }
        Ok(())
    }
}

fn unreadable() -> OAuthError {
    OAuthError::bad_request("invalid_request", "Bad Request")
}

fn from_json(body: &[u8]) -> Option<Vec<(String, String)>> {
    let object: serde_json::Map<String, Value> = serde_json::from_slice(body).ok()?;
    object
        .into_iter()
        .map(|(name, value)| Some((snake_case(&name), value.as_str()?.to_owned())))
        .collect()
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keys_may_be_camel_case() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        let params = Params::parse(&headers, br#"{"grantType":"x","redirect_uri":"y"}"#).unwrap();
        assert_eq!((params.get("grant_type"), params.get("redirect_uri")), (Some("x"), Some("y")));
    }

    #[test]
    fn a_repeated_parameter_is_refused() {
        assert!(Params::parse(&HeaderMap::new(), b"code=1&code=2").is_err());
    }
}
