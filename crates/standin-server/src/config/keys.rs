//! Every key there is, read from the definition of the file: one list for environment variables,
//! suggestions and the reference.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::raw::RawConfig;

/// Every variable of ours begins with this.
pub const ENV_PREFIX: &str = "STANDIN__";

/// What kind of value a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Switch,
    /// A list of strings; in the environment, separated by spaces or commas.
    List,
}

/// One key.
#[derive(Clone, Debug)]
pub struct Key {
    /// The tables it stands in, and its name: `["session", "idle"]`. Providers are `provider`.
    pub path: Vec<String>,
    /// What it takes.
    pub kind: Kind,
    /// What it means.
    pub doc: String,
    /// What it is when nobody writes it, as JSON; null for nothing.
    pub default: Value,
}

impl Key {
    /// Whether it belongs to a `[[provider]]`.
    #[must_use]
    pub fn is_of_provider(&self) -> bool {
        self.path.len() > 1 && self.path[0] == "provider"
    }

    /// Its variable. A key of a provider has one for each, counted from 0; `index` says which.
    #[must_use]
    pub fn variable(&self, index: &str) -> String {
        let mut parts: Vec<String> = self.path.iter().map(|part| part.to_uppercase()).collect();
        if self.is_of_provider() {
            parts.insert(1, index.to_owned());
        }
        format!("{ENV_PREFIX}{}", parts.join("__"))
    }
}

/// The JSON schema of the file, with every table in its place.
#[must_use]
pub fn schema() -> Value {
    SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<RawConfig>()
        .to_value()
}

/// All keys, in the order of their names.
#[must_use]
pub fn all() -> Vec<Key> {
    let mut keys = Vec::new();
    collect(&schema(), &Value::Null, &mut Vec::new(), &mut keys);
    keys
}

fn collect(schema: &Value, defaults: &Value, path: &mut Vec<String>, keys: &mut Vec<Key>) {
    let table = if schema["items"]["properties"].is_object() { &schema["items"] } else { schema };
    let Some(properties) = table["properties"].as_object() else {
        return;
    };
    for (name, property) in properties {
        let default = match &property["default"] {
            Value::Null => &defaults[name],
            written => written,
        };
        path.push(name.clone());
        if property["properties"].is_object() || property["items"]["properties"].is_object() {
            collect(property, default, path, keys);
        } else {
            keys.push(Key {
                path: path.clone(),
                kind: kind(property),
                doc: property["description"].as_str().unwrap_or_default().to_owned(),
                default: default.clone(),
            });
        }
        path.pop();
    }
}

fn kind(property: &Value) -> Kind {
    let names = match &property["type"] {
        Value::Array(names) => names.clone(),
        name => vec![name.clone()],
    };
    if names.iter().any(|name| name == "array") {
        Kind::List
    } else if names.iter().any(|name| name == "integer") {
        Kind::Number
    } else if names.iter().any(|name| name == "boolean") {
        Kind::Switch
    } else {
        Kind::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(path: &str) -> Key {
        let found = |key: &Key| key.path.join(".") == path;
        all().into_iter().find(found).unwrap()
    }

    #[test]
    fn knows_kinds_defaults_and_variables() {
        let idle = key("session.idle");
        assert_eq!((idle.kind, idle.default), (Kind::Text, "7d".into()));
        assert_eq!(key("limits.max_headers").kind, Kind::Number);
        assert_eq!(key("provider.scopes").kind, Kind::List);
        assert_eq!(key("provider.scopes_add_up").kind, Kind::Switch);
        assert_eq!(
            key("provider.client_secret").variable("0"),
            "STANDIN__PROVIDER__0__CLIENT_SECRET"
        );
        assert_eq!(key("trusted_proxies").variable("0"), "STANDIN__TRUSTED_PROXIES");
    }

    #[test]
    fn every_key_is_documented() {
        for key in all() {
            assert!(!key.doc.is_empty(), "{:?}", key.path);
        }
    }
}
