//! Waits that are not all equally long: what begins together must not come back together.

use std::time::Duration;

use crate::entropy::{Entropy, random_bytes};
use crate::id::GrantId;
use crate::secret::sha256;

/// How far along a stretch something is put: from its beginning almost to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share(pub(super) u16);

impl Share {
    /// The same for one grant, always and on every node.
    pub(super) fn of(grant: GrantId) -> Self {
        let hash = sha256(grant.as_bytes());
        Self(u16::from_be_bytes([hash[0], hash[1]]))
    }

    /// Another one each time.
    pub(super) fn random(entropy: &dyn Entropy) -> Self {
        Self(u16::from_be_bytes(random_bytes(entropy)))
    }

    /// So far along the first fifth of it.
    pub(super) fn of_a_fifth(self, whole: Duration) -> Duration {
        whole.mul_f64(f64::from(self.0) / 65_536.0 / 5.0)
    }

    /// The whole, less up to a fifth of it.
    pub(super) fn shortened(self, whole: Duration) -> Duration {
        whole.saturating_sub(self.of_a_fifth(whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_shortened_by_less_than_a_fifth() {
        let whole = Duration::from_secs(100);
        assert_eq!(Share(0).shortened(whole), whole);
        let shortest = Share(u16::MAX).shortened(whole);
        assert!(shortest > Duration::from_secs(80) && shortest < Duration::from_millis(80_010));
    }

    #[test]
    fn grants_are_spread_and_each_stays_where_it_is() {
        let share = |number: u8| Share::of(GrantId::from_bytes([number; 16]));
        let all: std::collections::HashSet<_> = (0..100).map(|number| share(number).0).collect();
        assert!(all.len() > 90);
        assert_eq!(share(7), share(7));
    }
}
