//! Signs tokens for tests, on aws-lc-rs directly: RSA and P-256 keys, made once per process.
