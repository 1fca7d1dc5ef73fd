//! Signing keys: RSA keys are made once per process, each instance gives them kids of its own.
//!
//! ```text
//! retired ── current ── (next)        publish: the next key is shown and does not sign yet
//!            retired ── current       promote: it signs, and the oldest is no longer shown
//! ```
//!
//! Generating one takes most of a start, and a key that several emulators share harms nobody: it is
//! never written anywhere. Of the retired key a fresh instance has only a public half, for it never
//! signs. Four keys in the pool are enough that what is dropped really stops verifying.
//!
//! Keys move when `keys/rotate` says so, or as Google's do: a new one every eight days at midnight
//! UTC, which signs some hours later.

use std::sync::OnceLock;

use data_encoding::BASE64URL_NOPAD;

use crate::chance;
use crate::rsa::{self, EXPONENT, RsaKey};
use crate::x509::Subject;

const HOUR: i64 = 3600;
/// A new key is published every eight days.
const PERIOD: i64 = 8 * 24 * HOUR;
/// How long a new key is shown before it signs.
const NOTICE: i64 = 20 * HOUR;
/// How long the cache in front of the keys keeps them, in seconds.
const CACHED: i64 = 2_600;

/// One instance's published keys: the retired one, the one that signs, perhaps the next one.
#[derive(Debug)]
pub(crate) struct Keys {
    published: Vec<Signer>,
    next: usize,
    /// Steps of the schedule taken so far, once it is followed.
    steps: Option<i64>,
    /// When the cache in front of the keys last looked, in seconds.
    cached_at: Option<i64>,
}

/// A published key: its kid here, and where its numbers come from.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) kid: String,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    /// A key of the process's pool.
    Pool(usize),
    /// A modulus whose private half nobody holds: a key that was retired before the start.
    Retired(Vec<u8>),
}

impl Keys {
    pub(crate) fn new() -> Self {
        let retired = Signer { kid: chance::key_id(), source: Source::Retired(chance::modulus()) };
        let published = vec![retired, Signer::pooled(0)];
        Self { published, next: 1, steps: None, cached_at: None }
    }

    /// Signs with a new key from now on and no longer shows the oldest.
    pub(crate) fn rotate(&mut self) {
        self.publish();
        self.promote();
    }

    /// Shows the key that signs next, unless it is shown already.
    pub(crate) fn publish(&mut self) {
        if self.published.len() < 3 {
            self.published.push(Signer::pooled(self.next));
            self.next = (self.next + 1) % POOL;
            self.cached_at = None;
        }
    }

    fn promote(&mut self) {
        if self.published.len() == 3 {
            self.published.remove(0);
            self.cached_at = None;
        }
    }

    /// Does what Google's schedule has brought about until `now`.
    ///
    /// Even steps publish, odd ones promote. After a long pause only the last few matter.
    pub(crate) fn follow_schedule(&mut self, now: i64) {
        let (period, phase) = (now.div_euclid(PERIOD), now.rem_euclid(PERIOD));
        let due = 2 * period + i64::from(phase >= NOTICE);
        let begun = 2 * period - 1 + 2 * i64::from(phase >= NOTICE);
        let taken = self.steps.replace(due).unwrap_or(begun);
        for step in (taken + 1).max(due - 5)..=due {
            if step % 2 == 0 { self.publish() } else { self.promote() }
        }
    }

    /// For how many seconds the cache in front of the keys has had its copy.
    pub(crate) fn cache_age(&mut self, now: i64) -> i64 {
        let fresh = self.cached_at.filter(|at| (*at..=*at + CACHED).contains(&now));
        now - *self.cached_at.insert(fresh.unwrap_or(now))
    }

    /// The key that signs, detached so that signing happens without the state's lock.
    pub(crate) fn signer(&self) -> Signer {
        self.published[1].clone()
    }

    /// Oldest first.
    pub(crate) fn published(&self) -> Vec<Signer> {
        self.published.clone()
    }
}

impl Signer {
    fn pooled(index: usize) -> Self {
        Self { kid: chance::key_id(), source: Source::Pool(index) }
    }

    /// RS256 over `header.payload`; returns the encoded signature.
    pub(crate) fn sign(&self, message: &str) -> String {
        let Source::Pool(index) = self.source else {
            return String::new();
        };
        BASE64URL_NOPAD.encode(&pooled(index).sign(message.as_bytes()))
    }

    pub(crate) fn verifies(&self, message: &str, signature: &[u8]) -> bool {
        match self.source {
            Source::Pool(index) => pooled(index).verifies(message.as_bytes(), signature),
            Source::Retired(_) => false,
        }
    }

    /// The members of the published half, as a JWK has them.
    pub(crate) fn jwk(&self) -> [(&'static str, String); 6] {
        let modulus = match &self.source {
            Source::Pool(index) => pooled(*index).modulus(),
            Source::Retired(modulus) => BASE64URL_NOPAD.encode(modulus),
        };
        let text = str::to_owned;
        [
            ("kty", text("RSA")),
            ("alg", text("RS256")),
            ("use", text("sig")),
            ("kid", self.kid.clone()),
            ("e", text(EXPONENT)),
            ("n", modulus),
        ]
    }

    /// The published half in a certificate, signed by itself as far as anybody still can.
    pub(crate) fn certificate(&self, now: i64) -> Option<String> {
        let common_name = "federated-signon.system.gserviceaccount.com";
        match &self.source {
            Source::Pool(index) => pooled(*index).certificate(common_name, now),
            Source::Retired(modulus) => {
                let public_der = rsa::public_der(modulus);
                Subject { common_name, public_der: &public_der, signed_by: pooled(0) }
                    .certificate(now)
            }
        }
    }
}

/// Makes the first signing key of the process ahead of the request that needs it.
pub(crate) fn warm_up() {
    pooled(0);
}

const POOL: usize = 4;
static KEYS: [OnceLock<RsaKey>; POOL] = [const { OnceLock::new() }; POOL];

fn pooled(index: usize) -> &'static RsaKey {
    KEYS[index].get_or_init(RsaKey::generate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kids(keys: &Keys) -> Vec<String> {
        keys.published().into_iter().map(|key| key.kid).collect()
    }

    #[test]
    fn a_rotation_changes_the_signing_key_and_drops_the_oldest() {
        let mut keys = Keys::new();
        let before = keys.published();
        keys.rotate();
        let after = keys.published();
        assert_eq!(before[1].kid, after[0].kid);
        assert_ne!(before[1].kid, keys.signer().kid);
        assert_ne!(before[1].jwk()[5], after[1].jwk()[5]);
    }

    #[test]
    fn what_is_published_does_not_sign_yet() {
        let mut keys = Keys::new();
        let signer = keys.signer().kid;
        keys.publish();
        keys.publish();
        assert_eq!((keys.published().len(), keys.signer().kid), (3, signer));
        let next = kids(&keys)[2].clone();
        keys.rotate();
        assert_eq!((keys.published().len(), keys.signer().kid), (2, next));
    }

    #[test]
    fn the_schedule_shows_a_new_key_every_eight_days_for_some_hours_before_it_signs() {
        let mut keys = Keys::new();
        let midnight = 2_600 * PERIOD;
        keys.follow_schedule(midnight - HOUR);
        let before = kids(&keys);
        assert_eq!(before.len(), 2);
        keys.follow_schedule(midnight);
        assert_eq!((kids(&keys).len(), keys.signer().kid), (3, before[1].clone()));
        keys.follow_schedule(midnight + NOTICE);
        assert_eq!(kids(&keys).len(), 2);
        assert_eq!(kids(&keys)[0], before[1]);
        let first = kids(&keys)[1].clone();
        keys.follow_schedule(midnight + PERIOD + NOTICE);
        assert_eq!(kids(&keys)[0], first, "a kid is published for sixteen days and some hours");
        keys.follow_schedule(midnight + 2 * PERIOD + NOTICE);
        assert!(!kids(&keys).contains(&first));
    }

    #[test]
    fn a_long_pause_changes_every_key() {
        let mut keys = Keys::new();
        keys.follow_schedule(PERIOD * 10 + NOTICE);
        let before = kids(&keys);
        keys.follow_schedule(PERIOD * 99 + NOTICE);
        assert!(kids(&keys).iter().all(|kid| !before.contains(kid)));
    }

    #[test]
    fn the_cache_ages_and_looks_again() {
        let mut keys = Keys::new();
        assert_eq!((keys.cache_age(1000), keys.cache_age(1010)), (0, 10));
        assert_eq!(keys.cache_age(1001 + CACHED), 0);
        keys.rotate();
        assert_eq!(keys.cache_age(1002 + CACHED), 0, "a rotation shows at once");
    }
}
