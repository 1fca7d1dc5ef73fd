//! Opening a browser, where there is one.

use std::process::{Command, Stdio};

use url::Url;

use crate::config;

#[cfg(target_os = "macos")]
const OPENER: &str = "open";
#[cfg(not(target_os = "macos"))]
const OPENER: &str = "xdg-open";

/// Tries to; the address is printed anyway.
pub(super) fn open(address: &Url) {
    if !config::has_display() {
        return;
    }
    let mut command = Command::new(OPENER);
    command.arg(address.as_str()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Err(error) = command.spawn() {
        tracing::info!(%error, "no browser is opened");
    }
}
