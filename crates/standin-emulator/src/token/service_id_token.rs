//! ID tokens of service accounts, whose claims come in an order of their own.

use super::Request;
use crate::id_token;
use crate::object::Object;
use crate::seed::ServiceAccount;

pub(super) fn sign(request: &Request<'_>, account: &ServiceAccount, audience: &str) -> String {
    let now = request.shared.clock.now_unix();
    let signer = request.shared.state().keys.signer();
    let claims = Object::default()
        .with("aud", audience)
        .with("azp", account.email.as_str())
        .with("email", account.email.as_str())
        .with("email_verified", true)
        .with("exp", now + 3600)
        .with("iat", now)
        .with("iss", request.shared.origin.as_str())
        .with("sub", account.client_id.as_str());
    id_token::sign(&signer, claims, now, request.twist)
}
