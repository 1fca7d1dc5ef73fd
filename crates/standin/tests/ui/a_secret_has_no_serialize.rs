//! A secret cannot get into an answer by being a member of it.

use standin::secret::{AccessToken, ClientKey, SessionToken};

fn main() {
    let _ = serde_json::to_string(&AccessToken::new("ya29.canary"));
    let _ = serde_json::to_string(&ClientKey::new("sk_canary"));
    let _ = serde_json::to_string(&SessionToken::new("canary"));
}
