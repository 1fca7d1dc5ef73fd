//! From what was written to what can run: flags over everything, types, secrets, cross-checks.

use std::path::Path;

use secrecy::SecretString;
use standin::receipt::ReceiptSettings;

use super::error::{ConfigError, did_you_mean};
use super::raw::{RawAttempts, RawConfig, RawDatabase, RawLog, RawSession};
use super::{
    Config, Flags, Log, Session, address, admission, duration, kek, limits, outbound, provider,
    secrets,
};
use crate::http::client_ip::TrustedProxies;
use crate::telemetry::Format;

/// Paths are relative to `directory`, where the file is.
pub(super) fn resolve(
    raw: RawConfig,
    flags: Flags,
    directory: &Path,
) -> Result<Config, ConfigError> {
    let public_url = address::public_url(raw.public_url)?;
    let is_development = public_url.scheme() == "http";
    let allow_networks = outbound::allow_networks(&raw.outbound.allow_networks)?;
    let policy = outbound::policy(is_development, &allow_networks);
    let listener = |key, written: &str, flag| address::listener(key, written, flag, is_development);
    Ok(Config {
        listen: listener("listen", &raw.listen, flags.listen)?,
        operator_listen: listener("operator_listen", &raw.operator_listen, flags.operator_listen)?,
        allowed_hosts: allowed_hosts(&raw.allowed_hosts)?,
        trusted_proxies: trusted_proxies(&raw.trusted_proxies)?,
        allow_networks,
        database_url: database_url(raw.database, directory)?,
        keys: kek::resolve(raw.keys, directory)?,
        session: session(&raw.session)?,
        sign_up: admission::sign_up(&raw.users)?,
        attempts: attempts(&raw.attempts)?,
        keep_alive: raw.refresh.keep_alive,
        journal: secrets::not_empty("refresh.journal", raw.refresh.journal)?
            .map(|journal| directory.join(journal)),
        memory_mib: raw.vend.memory_mib,
        limits: limits::resolve(&raw.limits)?,
        log: log(raw.log)?,
        providers: provider::resolve_all(raw.provider, directory, &policy)?,
        public_url,
    })
}

fn allowed_hosts(written: &[String]) -> Result<Vec<String>, ConfigError> {
    match written.iter().find(|host| !is_host(host)) {
        Some(host) => Err(ConfigError::invalid(
            "allowed_hosts",
            format!(
                "\"{host}\" is not a host or host:port as a Host header has it, such as \"standin.internal:8080\"; there are no wildcards"
            ),
        )),
        None => Ok(written.iter().map(|host| host.to_lowercase()).collect()),
    }
}

fn is_host(text: &str) -> bool {
    let parsed = text.parse::<http::uri::Authority>();
    parsed.is_ok_and(|authority| !authority.as_str().contains(['@', '*', '%']))
}

fn trusted_proxies(written: &[String]) -> Result<TrustedProxies, ConfigError> {
    TrustedProxies::parse(written)
        .map_err(|problem| ConfigError::invalid("trusted_proxies", problem))
}

fn database_url(raw: RawDatabase, directory: &Path) -> Result<SecretString, ConfigError> {
    let key = "database.url";
    let url =
        secrets::one_of(key, raw.url, raw.url_file.as_deref(), directory)?.ok_or_else(|| {
            ConfigError::invalid(key, "missing; such as \"sqlite:///var/lib/standin/standin.db\"")
        })?;
    match standin_store::check_url(&url) {
        Ok(()) => Ok(SecretString::from(url)),
        Err(problem) => Err(ConfigError::invalid(key, problem.to_string())),
    }
}

fn session(raw: &RawSession) -> Result<Session, ConfigError> {
    let session = Session {
        idle: duration::parse("session.idle", &raw.idle)?,
        absolute: duration::parse("session.absolute", &raw.absolute)?,
    };
    if session.idle > session.absolute {
        return Err(ConfigError::invalid(
            "session.idle",
            "is longer than session.absolute, so it would never matter; make it shorter",
        ));
    }
    Ok(session)
}

fn attempts(raw: &RawAttempts) -> Result<ReceiptSettings, ConfigError> {
    let keep = duration::parse("attempts.keep", &raw.keep)?;
    // A u32 fits wherever the service can be built.
    let max = usize::try_from(raw.max).unwrap_or(usize::MAX);
    Ok(ReceiptSettings { keep, max })
}

fn log(raw: RawLog) -> Result<Log, ConfigError> {
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    let format = match raw.format.as_str() {
        "text" => Format::Text,
        "json" => Format::Json,
        other => {
            let hint = did_you_mean(other, ["text", "json"]);
            let problem = format!("\"{other}\" is neither text nor json{hint}");
            return Err(ConfigError::invalid("log.format", problem));
        }
    };
    // A bare word that is no level would be taken for the name of a target, and nothing would be logged.
    let is_level = |level: &str| LEVELS.contains(&level.trim());
    let wrong = raw.level.split(',').find(|directive| {
        let level = directive.split_once('=').map_or(*directive, |(_, level)| level);
        !is_level(level)
    });
    match wrong {
        Some(wrong) => Err(ConfigError::invalid(
            "log.level",
            format!(
                "\"{wrong}\" is none of error, warn, info, debug and trace, alone or as target=level{}",
                did_you_mean(wrong, LEVELS)
            ),
        )),
        None => Ok(Log { format, level: raw.level }),
    }
}
