//! The counters of vends. What happens thousands of times a second is looked up in the recorder once, and not each time
//! by its labels: that takes longer than finding a token in memory. So the recorder must be there before the first vend.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use metrics::Counter;

use super::{LOOKUPS, OK, VENDS};
use crate::error::Error;
use crate::verify::ProviderId;

/// Who has asked for tokens, by provider.
pub(crate) struct Vends(BTreeMap<ProviderId, OnceLock<Counter>>);

impl Vends {
    /// At these providers; others have one label.
    pub(crate) fn at<'p>(providers: impl Iterator<Item = &'p ProviderId>) -> Self {
        Self(providers.map(|provider| (provider.clone(), OnceLock::new())).collect())
    }

    /// Somebody has asked for a token.
    pub(crate) fn count(&self, provider: &ProviderId, result: Result<(), &Error>) {
        let Some(given) = self.0.get(provider) else {
            return counter("unknown", super::word(result)).increment(1);
        };
        match result {
            Ok(()) => given.get_or_init(|| counter(provider.as_str(), OK)).increment(1),
            Err(error) => counter(provider.as_str(), error.code()).increment(1),
        }
    }
}

fn counter(provider: &str, result: &'static str) -> Counter {
    metrics::counter!(VENDS.name, "provider" => provider.to_owned(), "result" => result)
}

/// Whose token was in memory.
#[derive(Default)]
pub(crate) struct Lookups {
    hits: OnceLock<Counter>,
    misses: OnceLock<Counter>,
}

impl Lookups {
    /// A job's request was looked up.
    pub(crate) fn count(&self, is_found: bool) {
        let (counter, result) = if is_found { (&self.hits, "hit") } else { (&self.misses, "miss") };
        let counter = counter.get_or_init(|| metrics::counter!(LOOKUPS.name, "result" => result));
        counter.increment(1);
    }
}
