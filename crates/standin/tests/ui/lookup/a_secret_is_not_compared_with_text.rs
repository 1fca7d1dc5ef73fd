//! Secrets are equal to secrets, in constant time; with text, or as bytes, they are not compared at all.

use standin::secret::{ClientKey, SessionToken};

fn main() {
    let key = ClientKey::new("sk_canary");
    let _ = key == "sk_canary";
    let _ = "sk_canary" == key;
    let _ = key == *"sk_canary".as_bytes();
    let _ = key == SessionToken::new("sk_canary");
    let _ = AsRef::<[u8]>::as_ref(&key) == b"sk_canary";
}
