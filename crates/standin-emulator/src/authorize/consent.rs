//! The rules of consent: which pages a user must answer, and what an answer allows.

use std::collections::{BTreeSet, VecDeque};

use super::request::AuthorizationRequest;
use crate::policy;
use crate::scopes;
use crate::seed::{Client, User, UserType};
use crate::state::grants::Owner;
use crate::state::{Autopilot, Decision, State};

/// The pages between the account chooser and the answer, in their order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Page {
    /// "Google hasn’t verified this app".
    Unverified,
    /// What signing in needs: all or nothing.
    SignIn,
    /// Everything else, with boxes where there is a choice.
    Scopes,
}

/// What the person, or the autopilot, says in the end.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Everything but these, which can only be unticked where boxes are shown.
    AllBut(BTreeSet<String>),
    /// These, and what has no box.
    Ticked(BTreeSet<String>),
    Cancel,
}

/// Everything that was asked for.
pub(super) fn everything() -> Answer {
    Answer::AllBut(BTreeSet::new())
}

impl Page {
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Unverified => "/signin/oauth/warning",
            Self::SignIn => "/signin/oauth/id",
            Self::Scopes => "/signin/oauth/consent",
        }
    }
}

/// What must be asked. Nothing, if all of it was granted to the project before.
pub(super) fn pages(
    state: &State,
    client: &Client,
    user: &User,
    request: &AuthorizationRequest,
) -> VecDeque<Page> {
    let allowed = state.grants.allowed(&Owner::new(client, &user.sub));
    let is_new = |scope: &&String| request.prompt.consent || !allowed.contains(*scope);
    let new = request.scopes.iter().filter(is_new);
    let (sign_in, beyond): (Vec<_>, Vec<_>) = new.partition(|scope| scopes::is_sign_in(scope));
    let mut pages = VecDeque::new();
    if !beyond.is_empty() && is_unverified(state, client, user) {
        pages.push_back(Page::Unverified);
    }
    if !sign_in.is_empty() {
        pages.push_back(Page::SignIn);
    }
    if !beyond.is_empty() {
        pages.push_back(Page::Scopes);
    }
    pages
}

fn is_unverified(state: &State, client: &Client, user: &User) -> bool {
    let project = state.project_of(client);
    let external = project.user_type == UserType::External;
    external && !project.verified && !policy::is_trusted(&project, user)
}

/// Whether each scope has a box: where there is a choice, and nothing takes it away.
pub(super) fn has_boxes(
    state: &State,
    client: &Client,
    user: &User,
    request: &AuthorizationRequest,
) -> bool {
    scopes::is_granular(&request.scopes)
        && request.granular
        && state.profile.granular
        && !policy::is_trusted(&state.project_of(client), user)
}

pub(crate) fn answer_of(autopilot: &Autopilot) -> Answer {
    let untick = autopilot.untick.iter().map(|scope| scopes::canonical(scope).to_owned());
    match autopilot.decision {
        Decision::Deny => Answer::Cancel,
        Decision::Allow => Answer::AllBut(untick.collect()),
    }
}

/// Sign-in scopes have no box; the others have one only if there are `boxes`.
pub(crate) fn granted(
    requested: &BTreeSet<String>,
    boxes: bool,
    answer: Answer,
) -> BTreeSet<String> {
    let keeps = |scope: &String| !boxes || scopes::is_sign_in(scope);
    let all = requested.iter();
    match answer {
        Answer::Cancel => BTreeSet::new(),
        Answer::AllBut(unticked) => {
            all.filter(|scope| keeps(scope) || !unticked.contains(*scope)).cloned().collect()
        }
        Answer::Ticked(ticked) => {
            all.filter(|scope| keeps(scope) || ticked.contains(*scope)).cloned().collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unticking_touches_only_what_has_a_box() {
        let (calendar, drive) = (scopes::url("calendar.events"), scopes::url("drive.file"));
        let requested = scopes::parse(&format!("openid email {calendar} {drive}"));
        let answer = Answer::AllBut([drive.clone(), "openid".to_owned()].into());
        let kept = granted(&requested, true, answer);
        assert!(kept.contains(&calendar) && kept.contains("openid") && !kept.contains(&drive));
        let none = granted(&requested, true, Answer::Ticked(BTreeSet::new()));
        assert_eq!(none, scopes::parse("openid email"));
        let nothing_ticked = Answer::Ticked(BTreeSet::new());
        assert_eq!(granted(&requested, false, nothing_ticked), requested);
    }
}
