//! A disk for tests that is small, and full when they say so.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "these are the means of tests: to panic is how they say that they do not work"
)]

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of its own, in memory. It goes when this does.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// An empty one. Mostly only root may mount it.
    pub fn mount(megabytes: u32) -> Self {
        let directory = tempfile::Builder::new().prefix("standin-disk-").tempdir();
        let path = directory.expect("a directory").keep();
        let size = format!("size={megabytes}m,mode=0700");
        let mut mount = Command::new("mount");
        let output = mount.args(["-t", "tmpfs", "-o", &size, "none"]).arg(&path).output();
        let output = output.expect("mount");
        if !output.status.success() {
            drop(fs::remove_dir(&path));
        }
        assert!(output.status.success(), "mostly only root may mount a disk: {output:?}");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Not a byte is free any more.
    pub fn fill(&self) {
        let mut filler = OpenOptions::new();
        let mut filler = filler.create(true).append(true).open(self.filler()).expect("a file");
        for size in [1 << 20, 1 << 12, 1] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// What filled it is gone.
    pub fn free(&self) {
        fs::remove_file(self.filler()).expect("the filler");
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whoever still has a file open keeps it until they close it.
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.0).status();
        if unmounted.is_ok_and(|status| status.success()) {
            drop(fs::remove_dir(&self.0));
        }
    }
}
