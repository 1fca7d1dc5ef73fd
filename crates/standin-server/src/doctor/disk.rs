//! Room on the disks that are written to.

use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;

use super::Finding;
use crate::app;
use crate::config::Config;

const CHECK: &str = "disk";
const LITTLE: u64 = 1 << 30;
/// A log of the database may grow to half of this.
const TOO_LITTLE: u64 = 128 << 20;

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let database = standin_store::file_of(config.database_url.expose_secret());
    let places = [database, app::journal_directory(config)];
    let mut directories: Vec<PathBuf> =
        places.into_iter().flatten().filter_map(|place| existing(&place)).collect();
    directories.dedup();
    directories.iter().map(|directory| room(directory)).collect()
}

/// The directory that the place is or is in, or will be.
fn existing(place: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(place).ok()?;
    absolute.ancestors().find(|ancestor| ancestor.is_dir()).map(Path::to_owned)
}

#[cfg(target_os = "linux")]
fn room(directory: &Path) -> Finding {
    match rustix::fs::statvfs(directory) {
        Ok(disk) => judge(directory, disk.f_bavail.saturating_mul(disk.f_frsize)),
        Err(error) => {
            let detail = format!("{}: {error}", directory.display());
            Finding::warning(CHECK, detail, "check whether the disk is mounted")
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn room(directory: &Path) -> Finding {
    let detail = format!("the room at {} is not known on this system", directory.display());
    Finding::ok(CHECK, detail)
}

fn judge(directory: &Path, free: u64) -> Finding {
    let detail = format!("{} MiB are free at {}", free >> 20, directory.display());
    let action = "make room: a full disk stops sign-ins, and loses refresh tokens that a provider has replaced";
    match free {
        0..TOO_LITTLE => Finding::error(CHECK, detail, action),
        TOO_LITTLE..LITTLE => Finding::warning(CHECK, detail, action),
        _ => Finding::ok(CHECK, detail),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn little_room_is_a_warning_and_none_an_error() {
        let verdict = |free| judge(Path::new("/"), free).verdict;
        assert_eq!(verdict(LITTLE), Verdict::Ok);
        assert_eq!(verdict(LITTLE - 1), Verdict::Warning);
        assert_eq!(verdict(TOO_LITTLE), Verdict::Warning);
        assert_eq!(verdict(TOO_LITTLE - 1), Verdict::Error);
        assert!(judge(Path::new("/"), 0).action.is_some());
    }
}
