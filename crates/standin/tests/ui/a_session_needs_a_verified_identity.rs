//! Nobody opens a session from outside: the one who can has proof in its hand.

use standin::session::Sessions;
use standin::verify::VerifiedIdentity;

fn open(sessions: &Sessions, proof: &VerifiedIdentity) {
    let _ = sessions.open(proof, None);
}

fn main() {
    let _ = open;
}
