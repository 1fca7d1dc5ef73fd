//! A person is verified by `verify`, and by nobody else: not by default, and not by reading one from somewhere.

use standin::verify::VerifiedIdentity;

fn main() {
    let _ = VerifiedIdentity::default();
    let _: VerifiedIdentity = serde_json::from_str("{}").unwrap();
}
