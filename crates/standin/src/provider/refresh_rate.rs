//! How often a provider may be asked for tokens.

use std::num::NonZeroU32;

/// So many refreshes a second, at most, of one client by one process. A provider that says it is too much is asked
/// less often than that, and slowly more often again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshRate(NonZeroU32);

impl RefreshRate {
    /// None, if it is 0: then nothing would ever be refreshed.
    #[must_use]
    pub fn per_second(refreshes: u32) -> Option<Self> {
        NonZeroU32::new(refreshes).map(Self)
    }

    /// Refreshes a second.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl Default for RefreshRate {
    /// A hundred: 360,000 grants an hour.
    fn default() -> Self {
        Self(NonZeroU32::MIN.saturating_add(99))
    }
}
