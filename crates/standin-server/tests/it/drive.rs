//! A browser in a few lines: signs in at a node, through the emulator.

use standin_emulator::Emulator;

use crate::nodes::{Node, PUBLIC, ask};

/// Signs in whoever the emulator's autopilot says: the session's cookie.
pub(crate) fn sign_in(node: &Node, emulator: &Emulator) -> String {
    let begun = node.get("/auth/google/login", "a=b");
    let cookie = begun.cookie("__Host-standin-att-").unwrap();
    let mut location = begun.header("location").unwrap().to_owned();
    let provider = emulator.address().to_string();
    while let Some(path) = location.strip_prefix(emulator.origin()) {
        let answer = ask(&provider, &provider, &format!("GET {path}"), "", "");
        let next = answer.header("location").unwrap_or_else(|| panic!("{}", answer.0));
        location = match next.strip_prefix('/') {
            Some(_) => format!("{}{next}", emulator.origin()),
            None => next.to_owned(),
        };
    }
    let path = location.strip_prefix(&format!("http://{PUBLIC}")).unwrap().to_owned();
    let done = node.get(&path, &cookie);
    assert_eq!(done.status(), 303, "{}", done.0);
    done.cookie("__Host-standin=").unwrap()
}
