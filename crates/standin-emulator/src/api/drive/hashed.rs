//! The bytes of a file, with the hashes that answers show.
//!
//! They are made once, when the bytes come: a list of a thousand files must not read all their contents.

use aws_lc_rs::digest;
use axum::body::Bytes;
use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};

/// Bytes and their hashes, in lower-case hexadecimal.
#[derive(Clone, Debug)]
pub(super) struct Hashed {
    pub(super) bytes: Bytes,
    pub(super) md5: String,
    pub(super) sha1: String,
    pub(super) sha256: String,
}

impl Hashed {
    pub(super) fn of(bytes: Bytes) -> Self {
        let hash = |algorithm| HEXLOWER.encode(digest::digest(algorithm, &bytes).as_ref());
        Self {
            md5: HEXLOWER.encode(&Md5::digest(&bytes)),
            sha1: hash(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            sha256: hash(&digest::SHA256),
            bytes,
        }
    }
}
