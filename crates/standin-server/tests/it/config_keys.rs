//! What holds for every key of the configuration, generated from its schema (requirement HH-10).

use serde_json::{Value, json};
use standin_server::config::keys::{Key, Kind, all};
use standin_server::config::{ConfigError, Flags};

use crate::config::Place;

/// A configuration with this one key, of this value.
fn alone(key: &Key, value: &str) -> String {
    match key.path.as_slice() {
        [name] => format!("{name} = {value}\n"),
        [table, name] if key.is_of_provider() => format!("[[{table}]]\n{name} = {value}\n"),
        [tables @ .., name] => format!("[{}]\n{name} = {value}\n", tables.join(".")),
        [] => panic!("a key without a name"),
    }
}

fn name(key: &Key) -> String {
    key.path.join(".")
}

#[test]
fn hh_10_no_key_takes_a_value_of_another_type() {
    let place = Place::new();
    let keys = all();
    assert!(keys.len() > 60, "{}", keys.len());
    for key in keys {
        let wrong: &[&str] = match key.kind {
            Kind::Text => &["1", "true", "[\"a\"]", "{ a = \"b\" }", "1979-05-27"],
            Kind::Number => &["\"1\"", "true", "1.5", "-1", "4294967296", "[1]"],
            Kind::Switch => &["\"true\"", "1", "[true]"],
            Kind::List => &["\"a\"", "1", "[1]", "[[\"a\"]]", "true"],
        };
        for value in wrong {
            let text = alone(&key, value);
            let complaint = place.complaint(&text, &[]);
            assert!(complaint.starts_with("standin.toml:"), "{text}{complaint}");
        }
    }
}

#[test]
fn hh_10_no_key_is_taken_for_another() {
    let place = Place::new();
    for key in all() {
        let mut misspelt = key.clone();
        misspelt.path.last_mut().unwrap().push('x');
        let text = alone(&misspelt, "1");
        let complaint = place.complaint(&text, &[]);
        assert!(complaint.contains("unknown key"), "{text}{complaint}");
        let variable = misspelt.variable("0");
        let complaint = place.complaint("", &[(&variable, "1")]);
        assert!(complaint.contains("names no key"), "{variable}: {complaint}");
    }
}

/// What every key can be told in the file it can be told by a variable, with a value of its type.
#[test]
fn hh_10_every_key_has_a_variable_which_takes_its_type_and_no_other() {
    let place = Place::new();
    let is_understood = |variable: &str, value: &str| {
        let loaded = place.load("", &[(variable, value)], Flags::default());
        !matches!(loaded, Err(ConfigError::Variable { .. }))
    };
    for key in all() {
        let variable = key.variable("0");
        let (good, wrong): (&[&str], &[&str]) = match key.kind {
            Kind::Text => (&["a"], &[]),
            Kind::Number => (&["1"], &["", "a", "1.5", "-1", "4294967296", "true"]),
            Kind::Switch => (&["true", "false"], &["", "1", "yes", "TRUE"]),
            Kind::List => (&["a b,c"], &[]),
        };
        for value in good {
            assert!(is_understood(&variable, value), "{variable}={value}");
        }
        for value in wrong {
            assert!(!is_understood(&variable, value), "{variable}={value}");
        }
    }
}

/// A variable without content, perhaps of a secret that was not there when the process started.
#[test]
fn hh_10_no_text_may_be_empty() {
    let place = Place::new();
    let text = "public_url = \"https://app.example.com\"\n[database]\nurl = \"sqlite:///a.db\"\n\
        [keys]\nfile = \"keys.toml\"\n[[provider]]\nid = \"p\"\nkind = \"oidc\"\n\
        issuer = \"https://idp.example.com\"\nclient_id = \"id\"\nclient_secret = \"s\"\n";
    assert!(place.load(text, &[], Flags::default()).is_ok());
    let mut taken = Vec::new();
    for key in all().into_iter().filter(|key| key.kind == Kind::Text) {
        let variable = key.variable("0");
        if place.load(text, &[(&variable, "")], Flags::default()).is_ok() {
            taken.push(name(&key));
        }
    }
    assert!(taken.is_empty(), "an empty text is taken for: {taken:?}");
}

#[test]
fn a_button_without_a_nonce_can_be_allowed_by_a_variable() {
    let place = Place::new();
    let good = "public_url = \"https://app.example.com\"\n[database]\nurl = \"sqlite:///a.db\"\n\
        [keys]\nfile = \"keys.toml\"\n[[provider]]\nid = \"google\"\nkind = \"google\"\n\
        client_id = \"id\"\nclient_secret = \"s\"\n";
    for (value, allowed) in [("true", true), ("false", false)] {
        let variable = ("STANDIN__PROVIDER__0__ALLOW_CREDENTIAL_WITHOUT_NONCE", value);
        let config = place.load(good, &[variable], Flags::default()).unwrap();
        assert_eq!(config.providers[0].allow_credential_without_nonce, allowed);
    }
    let text = format!("{good}allow_credential_without_nonce = true\n");
    let variable = ("STANDIN__PROVIDER__0__ALLOW_CREDENTIAL_WITHOUT_NONCE", "false");
    let config = place.load(&text, &[variable], Flags::default()).unwrap();
    assert!(!config.providers[0].allow_credential_without_nonce);
}

/// The schema says of each key what the file takes: the list above is whole.
#[test]
fn the_keys_are_those_of_the_schema() {
    let schema = standin_server::config::keys::schema();
    let mut count = 0;
    let mut tables = vec![&schema];
    while let Some(table) = tables.pop() {
        let table = if table["items"].is_object() { &table["items"] } else { table };
        assert_eq!(table["additionalProperties"], json!(false), "{table}");
        for property in table["properties"].as_object().into_iter().flat_map(|all| all.values()) {
            let is_table =
                property["properties"].is_object() || property["items"]["properties"].is_object();
            if is_table {
                tables.push(property);
            } else {
                count += 1;
            }
            assert_ne!(property, &Value::Null);
        }
    }
    assert_eq!(count, all().len());
}
