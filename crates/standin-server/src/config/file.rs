//! The file: text to [`RawConfig`], with the line of what is wrong and the word that was meant.

use std::path::Path;

use super::env::{self, Variables};
use super::error::{ConfigError, did_you_mean};
use super::raw::RawConfig;

/// Reads the file (an absent default file is an empty one) and writes the variables over it.
pub(super) fn load(
    path: &Path,
    must_exist: bool,
    variables: &Variables,
) -> Result<RawConfig, ConfigError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => String::new(),
        Err(reason) => {
            return Err(ConfigError::Unreadable { path: path.to_owned(), reason });
        }
    };
    parse(path, &text, variables)
}

fn parse(path: &Path, text: &str, variables: &Variables) -> Result<RawConfig, ConfigError> {
    let from_file: RawConfig = toml::from_str(text).map_err(|error| in_file(path, text, &error))?;
    if variables.is_empty() {
        return Ok(from_file);
    }
    let mut table = toml::from_str(text).map_err(|error| in_file(path, text, &error))?;
    env::overlay(&mut table, variables)?;
    table.try_into().map_err(|error: toml::de::Error| {
        // The file alone was right and variables have the type of their key: nothing is left, but if there
        // is, it must not start.
        ConfigError::invalid("environment", error.message().to_owned())
    })
}

fn in_file(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let offset = error.span().map_or(0, |span| span.start);
    let line = 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    ConfigError::Syntax { path: path.to_owned(), line, problem: in_our_words(error.message()) }
}

/// serde lists every key of the table; one suggestion is worth more.
fn in_our_words(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match quoted.as_slice() {
        [unknown, known @ ..] if message.starts_with("unknown field") => {
            let hint = did_you_mean(unknown, known.iter().copied());
            format!("unknown key `{unknown}`{}", not_a_choice(unknown).unwrap_or(&hint))
        }
        _ => without_values(message),
    }
}

/// What other programs leave to the operator and this one does not (requirements AR-2, AR-9).
fn not_a_choice(key: &str) -> Option<&'static str> {
    match key {
        "code_challenge_method" | "pkce" => Some("; PKCE with S256 is always on: leave it out"),
        "grant_type" | "grant_types" | "response_types" => {
            Some("; every sign-in is for a code, and there is no other way: leave it out")
        }
        "response_mode" | "response_type" => Some("; it belongs into a [[provider]]"),
        _ => None,
    }
}

/// A wrong type is reported with the value that was written, and that may be a secret in the wrong place.
fn without_values(message: &str) -> String {
    match message.split_once(", expected ") {
        Some((_, expected)) if message.starts_with("invalid ") => {
            format!("wrong type of value, expected {expected}")
        }
        _ => message.lines().next().unwrap_or_default().to_owned(),
    }
}
