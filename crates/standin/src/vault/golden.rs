//! Rows as format 1 wrote them, opened through the vault (requirement VC-5).
//!
//! The vectors were made by another implementation (`vault_v1.py` beside them: Python's `cryptography`), from the layout
//! that [`envelope`](super::envelope) describes: they fail as soon as any part of any binding changes.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use serde::Deserialize;

use super::{Destination, KeyFile, Sealed, SealedTokens, Vault, VaultError};
use crate::entropy::SystemEntropy;
use crate::store::conformance::samples::{at, grant, revocation, user};
use crate::store::memory::MemoryStore;
use crate::store::{DataKeyRow, DataKeys as _, RevocationRow};
use crate::time::MockClock;
use crate::vault::Grant;

#[derive(Deserialize)]
struct Golden {
    key_file: String,
    data_key: String,
    access_token: String,
    refresh_token: String,
    revocation: String,
}

impl Golden {
    fn read() -> Self {
        serde_json::from_str(include_str!("../../tests/vectors/vault_v1.json")).unwrap()
    }

    async fn vault(&self) -> Vault {
        let keys: KeyFile = toml::from_str(&self.key_file).unwrap();
        let store = Arc::new(MemoryStore::default());
        let row = DataKeyRow {
            id: 1,
            version: 1,
            wrapped_by: "k1".to_owned(),
            wrapped: bytes(&self.data_key),
            key_check: None,
            tenant: None,
            created_at: at(1),
            activated_at: Some(at(1)),
            retired_at: None,
            removed_at: None,
        };
        store.add_data_key(row).await.unwrap();
        Vault::open(&keys, store, Arc::new(MockClock::new(at(2))), &SystemEntropy).await.unwrap()
    }

    fn grant(&self) -> Grant {
        let sealed = |hex| Some(Sealed::from_bytes(bytes(hex)));
        let (access, refresh) = (sealed(&self.access_token), sealed(&self.refresh_token));
        Grant { tokens: SealedTokens { access, refresh, trace: None }, ..grant(1) }
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    HEXLOWER.decode(hex.as_bytes()).unwrap()
}

#[tokio::test]
async fn vc_5_golden_rows_of_format_1_open_for_ever_through_the_vault() {
    let golden = Golden::read();
    let (vault, grant) = (golden.vault().await, golden.grant());
    assert_eq!(vault.open_access(&grant).unwrap().unwrap().expose(), "ya29.golden");
    assert_eq!(vault.open_refresh(&grant).unwrap().unwrap().expose(), "1//golden");
    let row = RevocationRow { sealed_token: bytes(&golden.revocation), ..revocation(1) };
    let (token, destination) = vault.open_revocation(&row).unwrap();
    assert_eq!((token.expose(), destination), ("1//golden-dying", Destination::of(&grant)));
}

#[tokio::test]
async fn vc_5_a_golden_row_that_was_moved_does_not_open() {
    let golden = Golden::read();
    let (vault, grant) = (golden.vault().await, golden.grant());
    let elsewhere =
        Grant { token_endpoint: "https://evil.example/token".to_owned(), ..grant.clone() };
    let of_another_user = Grant { user: user(2), ..grant };
    for moved in [elsewhere, of_another_user] {
        assert_eq!(vault.open_refresh(&moved).err(), Some(VaultError::DoesNotOpen));
        assert_eq!(vault.open_access(&moved).err(), Some(VaultError::DoesNotOpen));
    }
}
