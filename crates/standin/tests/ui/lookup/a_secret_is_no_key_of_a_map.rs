//! What is looked up by its own bytes is compared byte by byte: secrets are looked up by their hash.

use std::collections::{BTreeSet, HashSet};

use standin::secret::ClientKey;

fn main() {
    let key = ClientKey::new("sk_canary");
    let _ = HashSet::from([key.clone()]);
    let _ = BTreeSet::from([key.clone()]);
    let _ = key < key;
}
