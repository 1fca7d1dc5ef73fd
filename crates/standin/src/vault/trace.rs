//! What a refresh token is recognised by when its provider speaks of it, as Google's security events do: by
//! its double SHA-512, or by its first sixteen characters.
//!
//! Neither is stored. What stands beside the sealed token are hashes of both, which open nothing and shorten
//! no search for a token of that length.

use aws_lc_rs::digest::{SHA512, digest};
use data_encoding::{BASE64, BASE64URL_NOPAD};

use crate::secret::{RefreshToken, sha256};
use crate::time::Timestamp;

/// How many characters a provider names a token by.
const PREFIX: usize = 16;

/// The traces of one refresh token, and since when we have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenTrace {
    /// By its hash.
    pub hash: TraceHash,
    /// By how it begins.
    pub prefix: TraceHash,
    /// When the provider gave it.
    pub given_at: Timestamp,
}

/// A trace as it is stored and looked for: the first 128 bits of a SHA-256, of which each grant keeps two. Nobody finds
/// another name that has the trace of a given one, which takes 2^128 tries.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceHash(pub [u8; 16]);

impl TraceHash {
    /// Databases from before hold what this keeps of a longer hash: its beginning.
    fn of(kind: &[u8], name: &[u8]) -> Self {
        let whole = sha256(&[kind, name].concat());
        Self(std::array::from_fn(|index| whole[index]))
    }
}

impl std::fmt::Debug for TraceHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TraceHash(…)")
    }
}

/// How a provider names a token without telling it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedToken {
    /// By its hash.
    Hash(TraceHash),
    /// By how it begins.
    Prefix(TraceHash),
}

impl TokenTrace {
    /// The traces of a token that was given at `given_at`.
    #[must_use]
    pub fn of(token: &RefreshToken, given_at: Timestamp) -> Self {
        let token = token.expose();
        let twice = digest(&SHA512, digest(&SHA512, token.as_bytes()).as_ref());
        let prefix = token.get(..PREFIX).unwrap_or(token);
        Self { hash: by_hash(twice.as_ref()), prefix: by_prefix(prefix), given_at }
    }
}

impl NamedToken {
    /// By SHA-512 of SHA-512, in base64 (`hash_base64_sha512_sha512`). `None` if it is no such hash.
    #[must_use]
    pub fn by_hash(text: &str) -> Option<Self> {
        let bytes = BASE64.decode(text.as_bytes());
        let bytes = bytes.or_else(|_| BASE64URL_NOPAD.decode(text.as_bytes())).ok()?;
        (bytes.len() == SHA512.output_len()).then(|| Self::Hash(by_hash(&bytes)))
    }

    /// By its first sixteen characters (`prefix`). `None` for anything else.
    #[must_use]
    pub fn by_prefix(text: &str) -> Option<Self> {
        (text.len() == PREFIX).then(|| Self::Prefix(by_prefix(text)))
    }
}

fn by_hash(twice_hashed: &[u8]) -> TraceHash {
    TraceHash::of(b"token hash\n", twice_hashed)
}

fn by_prefix(prefix: &str) -> TraceHash {
    TraceHash::of(b"token prefix\n", prefix.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_recognised_by_both_of_its_names() {
        let token = RefreshToken::new("1//0TEST_REFRESH_TOKEN_abcdef");
        let trace = TokenTrace::of(&token, Timestamp::default());
        // As other receivers compute it.
        let hash = "lq4fGzCgB1xgDqPQCfJu34ElgGPPCyFpGSTmiWDYZw/0wetrHLlZHIIYgIG/\
                    cHspTc3LYvesFb6JDAnIZlmFhA==";
        assert_eq!(NamedToken::by_hash(hash), Some(NamedToken::Hash(trace.hash)));
        let prefix = NamedToken::by_prefix("1//0TEST_REFRESH");
        assert_eq!(prefix, Some(NamedToken::Prefix(trace.prefix)));
        assert_eq!(NamedToken::by_hash("bm8gaGFzaA=="), None);
        assert_eq!(NamedToken::by_prefix("1//0TEST"), None);
    }
}
