//! A person is verified by `verify`, and by nobody else: not by putting the parts together.

use standin::verify::{Identity, Profile, VerifiedIdentity};

fn forge(identity: Identity, profile: Profile) -> VerifiedIdentity {
    VerifiedIdentity { identity, profile }
}

fn main() {
    let _ = forge;
}
