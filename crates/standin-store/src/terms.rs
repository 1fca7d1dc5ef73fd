//! What many grants have in common, which both databases keep once: the table `grant_terms`.
//!
//! ```text
//! registration, token endpoint, scopes, requested ── SHA-256 ─▶ number ─▶ grants.terms = grant_terms.terms
//! ```
//!
//! A row of it is never changed and never removed. Its number is made from what it says, so whoever writes a grant knows
//! it without asking, and two who write the same terms at the same time write the same row. The statement that writes a
//! grant compares the whole row: terms that are not there yet are put in, and the grant is written again; should another
//! row have their number, or somebody have changed it, no grant is written, and whoever writes one is told so.

use standin::secret::sha256;
use standin::vault::Grant;

/// The terms on which a grant was given.
pub(crate) struct Terms<'g> {
    pub(crate) number: i64,
    pub(crate) provider_client: &'g str,
    pub(crate) token_endpoint: &'g str,
    pub(crate) scopes: String,
    pub(crate) requested: String,
}

impl<'g> Terms<'g> {
    pub(crate) fn of(grant: &'g Grant) -> Self {
        let (provider_client, token_endpoint) = (&grant.provider_client, &grant.token_endpoint);
        let (scopes, requested) = (grant.scopes.to_string(), grant.requested.to_string());
        let number = number_of([provider_client, token_endpoint, &scopes, &requested]);
        Self { number, provider_client, token_endpoint, scopes, requested }
    }
}

/// The migration V17 has numbered those that it found from 1 on. None of these numbers is a hash of anything.
pub(crate) const LAST_OF_MIGRATION: i64 = 1 << 32;

/// 63 bits of a hash. Hardly ever one of the first numbers, which a migration has given.
pub(crate) fn number_of(texts: [&str; 4]) -> i64 {
    let mut hashed = b"grant terms\n".to_vec();
    for text in texts {
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        hashed.extend(length.to_be_bytes());
        hashed.extend(text.as_bytes());
    }
    let hash = sha256(&hashed);
    i64::from_be_bytes(std::array::from_fn(|index| hash[index])) & i64::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_the_same_for_ever_and_another_one_for_other_terms() {
        let texts = ["client", "https://example.com/token", "email openid", "email openid"];
        assert_eq!(number_of(texts), 997_832_596_530_537_282);
        for place in 0..texts.len() {
            let mut others = texts;
            others[place] = "";
            assert_ne!(number_of(others), number_of(texts));
        }
        assert_ne!(number_of(["ab", "c", "", ""]), number_of(["a", "bc", "", ""]));
    }
}
