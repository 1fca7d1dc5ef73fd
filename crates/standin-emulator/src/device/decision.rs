//! What a person, or the autopilot in their place, says to a device.

use std::collections::BTreeSet;

use crate::authorize::consent::{self, Answer};
use crate::scopes;
use crate::state::device::Outcome;
use crate::state::grants::Owner;
use crate::state::ledger::{Event, Kind};
use crate::state::{Shared, State};

/// Which account answers which code, and how.
#[derive(Debug)]
pub(crate) struct Decided<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) scopes: &'a BTreeSet<String>,
    pub(crate) sub: &'a str,
    pub(crate) answer: Answer,
}

/// Writes the grant, if there is one, and returns what the device will be told.
pub(crate) fn decide(shared: &Shared, state: &mut State, decided: Decided<'_>) -> Outcome {
    let Decided { client_id, scopes, sub, answer } = decided;
    let event = Event::new(Kind::ConsentShown).client(client_id).user(state.email_of(sub));
    let event = event.with("scope", scopes::join(scopes));
    state.ledger.record(shared.clock.now_unix_ms(), event);
    let boxes = has_boxes(state, scopes);
    let granted = consent::granted(scopes, boxes, answer);
    let owner = state.client(client_id).map(|client| Owner::new(client, sub));
    match owner {
        Some(owner) if !granted.is_empty() => {
            state.grants.allow(&owner, &granted);
            state.grants.signed_in(sub);
            Outcome::Granted { sub: sub.to_owned(), scopes: granted }
        }
        _ => Outcome::Denied,
    }
}

pub(super) fn has_boxes(state: &State, scopes: &BTreeSet<String>) -> bool {
    state.profile.granular && scopes::is_granular(scopes)
}
