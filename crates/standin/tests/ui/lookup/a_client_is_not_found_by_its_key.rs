//! The store is asked for a hash: there is no way to give it the key.

use standin::secret::ClientKey;
use standin::store::Store;

async fn find(store: &dyn Store, key: &ClientKey) {
    let _ = store.client_by_key(&key.sha256()).await;
    let _ = store.client_by_key(key).await;
    let _ = store.client_by_key(key.expose().as_bytes()).await;
}

fn main() {}
