//! A key-encryption key that is at hand: 32 bytes of the key file or of a variable.

use async_trait::async_trait;
use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::{KekError, Key, KeyWrap, Place};
use crate::entropy::Entropy;
use crate::vault::envelope::{self, Sealed};

/// The key itself.
pub(in crate::vault) struct LocalKey(Key);

impl LocalKey {
    /// From how it is written: 32 bytes in base64.
    pub(in crate::vault) fn parse(written: &str) -> Option<Self> {
        let bytes = Zeroizing::new(BASE64.decode(written.as_bytes()).ok()?);
        let key = <[u8; 32]>::try_from(bytes.as_slice()).ok()?;
        Some(Self(Zeroizing::new(key)))
    }
}

#[async_trait]
impl KeyWrap for LocalKey {
    async fn wrap(
        &self,
        data_key: &Key,
        place: &Place<'_>,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, KekError> {
        let plain = data_key.as_slice();
        let sealed = envelope::seal(&self.0, place.data_key, &place.bytes(), plain, entropy);
        Ok(sealed.map_err(|_| KekError::DoesNotWrap)?.as_bytes().to_vec())
    }

    async fn unwrap(&self, wrapped: &[u8], place: &Place<'_>) -> Result<Key, KekError> {
        let sealed = Sealed::from_bytes(wrapped.to_vec());
        let opened = envelope::open(&self.0, &place.bytes(), &sealed);
        let plain = Zeroizing::new(opened.map_err(|_| KekError::DoesNotUnwrap)?);
        super::outbound::key_of(&plain)
    }
}
