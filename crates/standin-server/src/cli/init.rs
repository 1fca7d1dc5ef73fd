//! `standin init`: a first configuration and a new key file. It never writes over anything.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde_json::json;
use standin::entropy::SystemEntropy;
use standin::vault::{KekName, KeyFile};

use super::output;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to write `standin.toml` and `keys.toml`; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// A key-encryption key that is kept elsewhere, in place of a new one in `keys.toml`: `env:NAME`,
    /// `vault:MOUNT/KEY`, `gcpkms:projects/…` or `awskms:arn:aws:kms:…`.
    #[arg(long, value_name = "NAME")]
    kek: Option<KekName>,
    /// The address that browsers see.
    #[arg(long, value_name = "URL", default_value = "https://app.example.com")]
    public_url: String,
    /// Print the paths as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    make_directory(&args.dir)?;
    let directory = fs::canonicalize(&args.dir)?;
    let (config, keys) = (directory.join("standin.toml"), directory.join("keys.toml"));
    for path in [&config, &keys] {
        ensure!(!path.exists(), "{} is there already; nothing was written", path.display());
    }
    let list = match &args.kek {
        Some(name) => KeyFile::naming(name, &[]),
        None => KeyFile::generate(&SystemEntropy),
    };
    write_new(&keys, list.to_toml()?.as_bytes())?;
    write_new(&config, template(args, &directory).as_bytes())?;
    if args.json {
        return output::json(&json!({"config": config, "keys": keys}));
    }
    let about = match &args.kek {
        Some(name) => format!("where the vault's key is: {name}"),
        None => "the vault's key: keep a copy apart from the database's backups".to_owned(),
    };
    output::line(&format!(
        "{}  the configuration: put in your address and your provider, then run\n  `standin migrate` and `standin check`\n{}  {about}",
        config.display(),
        keys.display()
    ))
}

fn make_directory(directory: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .with_context(|| format!("cannot make {}", directory.display()))
}

/// For its owner's eyes, whatever the umask says.
fn write_new(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// What it takes to ask Vault.
const VAULT: &str = r#"
[keys.vault]
address = "https://vault.example.com:8200"
token_file = "/run/vault/token"
"#;

fn template(args: &Args, directory: &Path) -> String {
    let (public_url, directory) = (&args.public_url, directory.display());
    let vault = match &args.kek {
        Some(name) if name.is_in_transit() => VAULT,
        _ => "",
    };
    format!(
        r#"# Standin's configuration. Every key: docs/reference/configuration.md

# The address that browsers see.
public_url = "{public_url}"
listen = "127.0.0.1:8080"
# Health checks and metrics. Keep it off the public network.
operator_listen = "127.0.0.1:8081"

[database]
url = "sqlite://{directory}/standin.db"

[keys]
file = "{directory}/keys.toml"
{vault}
[[provider]]
id = "google"
kind = "google"
# As Google's console offers it for download; or client_id and client_secret_file.
# Register this redirect URI there: {public_url}/auth/google/callback
client_secret_json = "{directory}/client_secret.json"
# Asked at sign-in.
scopes = ["openid", "email", "profile"]
# May be asked later, when a user wants what needs them.
extra_scopes = []
"#
    )
}
