//! `[limits]`: text to durations, and numbers that a server can work with.

use super::duration;
use super::error::ConfigError;
use super::raw::RawLimits;
use crate::net::Limits;

/// hyper reads heads in a buffer that cannot be smaller.
const SMALLEST_HEAD: u32 = 8192;

pub(super) fn resolve(raw: &RawLimits) -> Result<Limits, ConfigError> {
    let time = |name: &str, text: &str| duration::parse(&format!("limits.{name}"), text);
    Ok(Limits {
        max_connections: at_least(1, "max_connections", raw.max_connections)?,
        first_byte_timeout: time("first_byte_timeout", &raw.first_byte_timeout)?,
        header_timeout: time("header_timeout", &raw.header_timeout)?,
        body_timeout: time("body_timeout", &raw.body_timeout)?,
        idle_timeout: time("idle_timeout", &raw.idle_timeout)?,
        shutdown_timeout: time("shutdown_timeout", &raw.shutdown_timeout)?,
        max_header_bytes: at_least(SMALLEST_HEAD, "max_header_bytes", raw.max_header_bytes)?,
        max_headers: at_least(1, "max_headers", raw.max_headers)?,
        max_uri_bytes: at_least(1, "max_uri_bytes", raw.max_uri_bytes)?,
        max_body_bytes: at_least(1, "max_body_bytes", raw.max_body_bytes)?,
    })
}

fn at_least(least: u32, name: &str, written: u32) -> Result<usize, ConfigError> {
    if written < least {
        let problem = format!("{written} is too small; the least is {least}");
        return Err(ConfigError::invalid(format!("limits.{name}"), problem));
    }
    // A u32 fits wherever the service can be built.
    Ok(usize::try_from(written).unwrap_or(usize::MAX))
}
