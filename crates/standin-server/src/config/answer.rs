//! How a provider is asked to answer, and what is asked of the way in which people sign in there.

use standin::provider::{AnswerForm, ProviderKind, UserAuthentication};

use super::duration;
use super::error::{ConfigError, did_you_mean};
use super::provider::Keys;

const TYPES: [&str; 2] = ["code", "code id_token"];
const MODES: [&str; 2] = ["query", "form_post"];

/// The form that `response_type` and `response_mode` make together (requirement AR-9).
pub(super) fn form(
    keys: &Keys,
    kind: &ProviderKind,
    response_type: Option<&str>,
    response_mode: Option<&str>,
) -> Result<AnswerForm, ConfigError> {
    for (key, written) in [("response_type", response_type), ("response_mode", response_mode)] {
        if written.is_some() && *kind == ProviderKind::GitHub {
            let problem =
                "GitHub answers with a code by redirect and in no other way; leave it out";
            return Err(keys.invalid(key, problem));
        }
    }
    match (response_type.unwrap_or("code"), response_mode) {
        ("code", None | Some("query")) => Ok(AnswerForm::Query),
        ("code", Some("form_post")) => Ok(AnswerForm::FormPost),
        ("code id_token", None | Some("form_post")) => Ok(AnswerForm::HybridFormPost),
        ("code id_token", Some("query")) => Err(keys.invalid(
            "response_mode",
            "\"query\" would put the ID token of \"code id_token\" into addresses and logs; leave it out, or write \"form_post\"",
        )),
        ("code" | "code id_token", Some("fragment")) => Err(keys.invalid(
            "response_mode",
            "\"fragment\" reaches only scripts of a page, and no server; write \"form_post\", or leave it out",
        )),
        ("code" | "code id_token", Some(other)) => {
            let hint = did_you_mean(other, MODES);
            Err(keys.invalid("response_mode", format!("\"{other}\" is neither query nor form_post{hint}")))
        }
        (other, _) => Err(keys.invalid("response_type", wrong_type(other))),
    }
}

fn wrong_type(written: &str) -> String {
    let gives_tokens = written.split(' ').any(|word| word == "token");
    if gives_tokens || written == "id_token" {
        return format!(
            "\"{written}\" is not offered: what it brings through the browser can be taken on the way; write \"code\" or \"code id_token\""
        );
    }
    let hint = did_you_mean(written, TYPES);
    format!("\"{written}\" is neither code nor code id_token{hint}")
}

/// `max_age` and `acr_values` (requirement ID-23).
pub(super) fn authentication(
    keys: &Keys,
    kind: &ProviderKind,
    max_age: Option<String>,
    acr_values: Option<Vec<String>>,
) -> Result<UserAuthentication, ConfigError> {
    if max_age.is_some() && *kind == ProviderKind::GitHub {
        let problem = "GitHub never says when somebody signed in, so nobody could; leave it out";
        return Err(keys.invalid("max_age", problem));
    }
    let max_age = max_age.map(|text| whole_seconds(keys, &text)).transpose()?;
    let acr_values = acr_values.map(|values| ways(keys, kind, values)).transpose()?;
    Ok(UserAuthentication { max_age, acr_values: acr_values.unwrap_or_default() })
}

fn whole_seconds(keys: &Keys, text: &str) -> Result<std::time::Duration, ConfigError> {
    let age = duration::parse(&keys.name("max_age"), text)?;
    if age.subsec_nanos() == 0 {
        return Ok(age);
    }
    Err(keys.invalid("max_age", "providers are asked in whole seconds; write \"1s\" or longer"))
}

fn ways(keys: &Keys, kind: &ProviderKind, values: Vec<String>) -> Result<Vec<String>, ConfigError> {
    let wrong = |problem: &str| Err(keys.invalid("acr_values", problem));
    if matches!(kind, ProviderKind::Google | ProviderKind::GitHub) {
        let problem = format!(
            "a provider of kind {} never says how somebody signed in, so nobody could; leave it out",
            kind.name()
        );
        return wrong(&problem);
    }
    if values.is_empty() {
        return wrong(
            "an empty list asks for nothing; leave it out, or name what the provider calls its ways",
        );
    }
    let is_word =
        |value: &String| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic());
    if !values.iter().all(is_word) {
        return wrong("each value is one word of printable ASCII; write several as a list");
    }
    Ok(values)
}
