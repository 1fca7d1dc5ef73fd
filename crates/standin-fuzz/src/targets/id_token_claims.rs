//! What stands behind a signature: claims that are believed are about us, of now, and answer our nonce (requirements
//! ID-5, ID-6, ID-7, ID-8). The input is any header and any claims, one line each, which are rightly signed.

use standin::receipt::Receipt;
use standin::secret::IdToken;
use standin::verify::{UnverifiedIdToken, verify_id_token};

use crate::{reference, signer};

pub(crate) fn run(bytes: &[u8]) -> bool {
    let Some((header, claims)) = signer::lines(bytes) else {
        return false;
    };
    let token = IdToken::new(signer::sign(header, claims));
    let verified = reference::with_expected(|expected| {
        verify_id_token(
            &UnverifiedIdToken::parse(&token)?,
            signer::keys(),
            expected,
            &mut Receipt::unkept(),
        )
    });
    if let Ok(verified) = &verified {
        reference::check_believed(header, claims, verified);
    }
    verified.is_ok()
}
