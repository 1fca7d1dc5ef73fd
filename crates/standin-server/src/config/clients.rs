//! The other clients of a `[[provider]]`: for a program on the person's own machine, and for a device.

use std::path::Path;

use standin::provider::ClientUse;
use standin::secret::ClientSecret;

use super::error::ConfigError;
use super::raw::RawProvider;
use super::secrets::{self, Registration};

/// A client beside the web application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// What it is for.
    pub usage: ClientUse,
    /// Its id and its secret.
    pub registration: Registration,
}

/// What is written of one of them.
struct Written {
    usage: ClientUse,
    word: &'static str,
    json: Option<String>,
    id: Option<String>,
    secret: Option<String>,
    secret_file: Option<String>,
}

/// Those that are written; `name` makes a key's name in messages.
pub(super) fn resolve(
    raw: &mut RawProvider,
    own_id: &str,
    name: impl Fn(&str) -> String,
    directory: &Path,
) -> Result<Vec<Client>, ConfigError> {
    let written = [
        Written {
            usage: ClientUse::Installed,
            word: "installed",
            json: raw.installed_client_secret_json.take(),
            id: raw.installed_client_id.take(),
            secret: raw.installed_client_secret.take(),
            secret_file: raw.installed_client_secret_file.take(),
        },
        Written {
            usage: ClientUse::Device,
            word: "device",
            json: raw.device_client_secret_json.take(),
            id: raw.device_client_id.take(),
            secret: raw.device_client_secret.take(),
            secret_file: raw.device_client_secret_file.take(),
        },
    ];
    let mut clients = Vec::new();
    for written in written {
        let (usage, word) = (written.usage, written.word);
        let Some(registration) = registration(written, &name, directory)? else { continue };
        if registration.client_id == own_id {
            let problem = "is the web application's: a provider takes each client for what it is registered as, so this one needs its own";
            return Err(ConfigError::invalid(name(&format!("{word}_client_id")), problem));
        }
        clients.push(Client { usage, registration });
    }
    Ok(clients)
}

fn registration(
    written: Written,
    name: &impl Fn(&str) -> String,
    directory: &Path,
) -> Result<Option<Registration>, ConfigError> {
    let key = |rest: &str| name(&format!("{}_client_{rest}", written.word));
    let file = written.secret_file.as_deref();
    let secret = secrets::one_of(&key("secret"), written.secret, file, directory)?;
    let id = secrets::not_empty(&key("id"), written.id)?;
    match (written.json, id, secret) {
        (None, None, None) => Ok(None),
        (Some(json), None, None) => {
            secrets::google_json(&key("secret_json"), &directory.join(json)).map(Some)
        }
        (None, Some(client_id), Some(secret)) => {
            Ok(Some(Registration { client_id, client_secret: ClientSecret::new(secret) }))
        }
        (Some(_), _, _) => Err(ConfigError::invalid(
            key("secret_json"),
            "brings client id and secret; leave the other two out",
        )),
        (None, _, _) => Err(ConfigError::invalid(
            key("id"),
            "id and secret belong together; write both, or the file that holds them",
        )),
    }
}
