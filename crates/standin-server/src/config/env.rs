//! Variables over the file: `STANDIN__SESSION__IDLE=12h`, `STANDIN__PROVIDER__0__CLIENT_SECRET=…`.
//!
//! The one file of the workspace that reads the environment. A variable with our prefix that names no
//! key is an error: a misspelt limit must not be a limit that is off.

use standin::vault::Environment;
use toml::{Table, Value};

use super::error::{ConfigError, did_you_mean};
use super::keys::{self, ENV_PREFIX, Key, Kind};

/// Variables by name.
pub type Variables = Vec<(String, String)>;

/// Those of the process that are ours. One that is not UTF-8 is shown with replacement characters and
/// then fails as a value, instead of being passed over.
#[must_use]
pub fn of_process() -> Variables {
    std::env::vars_os()
        .map(|(name, value)| {
            (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
        })
        .filter(|(name, _)| name.starts_with(ENV_PREFIX))
        .collect()
}

/// Those of the process that are somebody else's: key-encryption keys in variables, and what Vault and the clouds
/// have their own programs read. One that is not UTF-8 is none of these.
#[must_use]
pub fn of_others() -> Environment {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Environment::of(variables.filter(|(name, _)| !name.starts_with(ENV_PREFIX)))
}

/// Whether a browser could show anything.
#[must_use]
pub fn has_display() -> bool {
    let says_so = |name: &std::ffi::OsString| name == "DISPLAY" || name == "WAYLAND_DISPLAY";
    cfg!(target_os = "macos") || std::env::vars_os().any(|(name, _)| says_so(&name))
}

/// Writes `variables` over `table`, each with the type that its key has.
pub(super) fn overlay(table: &mut Table, variables: &Variables) -> Result<(), ConfigError> {
    let keys = keys::all();
    let mut variables: Vec<_> = variables
        .iter()
        .filter(|(name, _)| name.starts_with(ENV_PREFIX))
        .map(|(name, value)| (provider_index(name), name, value))
        .collect();
    // Provider 2 must be there before provider 3 can be appended.
    variables.sort();
    for (index, name, value) in variables {
        let text = index.map_or_else(String::new, |index| index.to_string());
        let key = keys
            .iter()
            .find(|key| key.variable(&text) == *name)
            .ok_or_else(|| unknown(name, &keys, &text))?;
        let value = typed(key.kind, value)
            .map_err(|problem| ConfigError::Variable { name: name.clone(), problem })?;
        let target = table_of(table, key, index).ok_or_else(|| ConfigError::Variable {
            name: name.clone(),
            problem: "there is no such provider, and providers are counted from 0 without gaps"
                .to_owned(),
        })?;
        if let Some(name) = key.path.last() {
            target.insert(name.clone(), value);
        }
    }
    Ok(())
}

fn provider_index(name: &str) -> Option<usize> {
    let rest = name.strip_prefix(ENV_PREFIX)?.strip_prefix("PROVIDER__")?;
    rest.split_once("__")?.0.parse().ok()
}

fn unknown(name: &str, keys: &[Key], index: &str) -> ConfigError {
    let index = if index.is_empty() { "0" } else { index };
    let names: Vec<String> = keys.iter().map(|key| key.variable(index)).collect();
    let hint = did_you_mean(name, names.iter().map(String::as_str));
    ConfigError::Variable {
        name: name.to_owned(),
        problem: format!("names no key of the configuration{hint}"),
    }
}

fn typed(kind: Kind, text: &str) -> Result<Value, String> {
    match kind {
        Kind::Text => Ok(Value::String(text.to_owned())),
        Kind::Number => text
            .parse::<u32>()
            .map(|number| Value::Integer(number.into()))
            .map_err(|_| "is not a whole number from 0 to 4294967295".to_owned()),
        Kind::Switch => text
            .parse::<bool>()
            .map(Value::Boolean)
            .map_err(|_| "is neither true nor false".to_owned()),
        Kind::List => {
            Ok(text.split([' ', ',']).filter(|item| !item.is_empty()).collect::<Vec<_>>().into())
        }
    }
}

/// The table that holds `key`, made where it is missing. `None` if its provider would leave a gap.
fn table_of<'a>(root: &'a mut Table, key: &Key, index: Option<usize>) -> Option<&'a mut Table> {
    let (_, sections) = key.path.split_last()?;
    sections.iter().try_fold(root, |table, section| table_in(table, section, index))
}

fn table_in<'a>(
    table: &'a mut Table,
    section: &str,
    index: Option<usize>,
) -> Option<&'a mut Table> {
    let empty = match index {
        Some(_) => Value::Array(Vec::new()),
        None => Value::Table(Table::new()),
    };
    match (table.entry(section).or_insert(empty), index) {
        (Value::Array(providers), Some(index)) => {
            if index == providers.len() {
                providers.push(Value::Table(Table::new()));
            }
            providers.get_mut(index)?.as_table_mut()
        }
        (section, _) => section.as_table_mut(),
    }
}
