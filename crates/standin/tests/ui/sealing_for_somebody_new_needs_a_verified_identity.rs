//! A grant is sealed for a person who was verified; a name alone is not enough.

use standin::id::{GrantId, UserId};
use standin::vault::Binding;
use standin::verify::Identity;

fn seal_for(grant: (GrantId, UserId), claimed: &Identity) -> Binding<'_> {
    Binding::new(grant, claimed, "client", "here", 1)
}

fn main() {
    let _ = seal_for;
}
