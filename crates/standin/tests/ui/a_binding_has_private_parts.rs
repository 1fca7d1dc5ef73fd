//! What a grant's ciphertext is bound to is not put together by hand.

use standin::id::GrantId;
use standin::vault::Binding;
use standin::verify::Identity;

fn seal_by_hand(grant: GrantId, identity: &Identity) -> Binding<'_> {
    Binding { grant, identity, provider_client: "client", token_endpoint: "here", generation: 1 }
}

fn main() {
    let _ = seal_by_hand;
}
