//! Tokens that the redirect itself carries: implicit and hybrid requests.

use super::conclude::Decided;
use super::request::Part;
use crate::faults::Twist;
use crate::id_token::{Channel, Statement};
use crate::scopes;
use crate::state::grants::{AccessToken, LIFETIME};
use crate::state::ledger::{Event, Kind};
use crate::state::{Shared, State};

/// What was issued beside a code.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    pub(super) access_token: Option<String>,
    pub(super) id_token: Option<String>,
}

/// An online token: nothing can renew it. It falls with the code it was issued beside.
pub(super) fn access_token(state: &mut State, decided: &Decided<'_>, code: Option<&str>) -> String {
    let client_id = &decided.interaction.request.client_id;
    let access_token = state.grants.add_access(AccessToken {
        owner: decided.owner.clone(),
        client_id: client_id.clone(),
        scopes: decided.scopes.clone(),
        offline: false,
        expires_at: decided.now.div_euclid(1000) + LIFETIME,
        code: code.unwrap_or_default().to_owned(),
    });
    let event = Event::new(Kind::TokenIssued)
        .user(state.email_of(&decided.owner.sub))
        .client(client_id.as_str())
        .hashed("access_token", &access_token)
        .with("scope", scopes::join(&decided.scopes))
        .with("consent_shown", decided.consent_shown);
    state.ledger.record(decided.now, event);
    access_token
}

/// Adds the ID token, if one was asked for. Signing is slow: the state must not be locked.
pub(super) fn tokens(
    shared: &Shared,
    decided: &Decided<'_>,
    code: Option<&str>,
    access_token: Option<String>,
) -> Tokens {
    let wanted = decided.interaction.request.response.has(Part::IdToken);
    let id_token =
        wanted.then(|| id_token(shared, decided, code, access_token.as_deref())).flatten();
    Tokens { access_token, id_token }
}

fn id_token(
    shared: &Shared,
    decided: &Decided<'_>,
    code: Option<&str>,
    access_token: Option<&str>,
) -> Option<String> {
    let (user, signer, iss_forms) = {
        let state = shared.state();
        let user = state.users.by_sub(&decided.owner.sub)?.clone();
        (user, state.keys.signer(), state.profile.id_token_iss_form)
    };
    let statement = Statement {
        origin: &shared.origin,
        client_id: &decided.interaction.request.client_id,
        user: &user,
        scopes: &decided.scopes,
        access_token,
        code,
        nonce: decided.interaction.request.nonce.as_deref(),
        extras: &decided.extras,
        now: decided.now.div_euclid(1000),
        channel: if decided.interaction.from_old_endpoint {
            Channel::OldFront
        } else {
            Channel::Front
        },
        iss_forms,
    };
    // The issuer that is wrong here is the parameter beside the token.
    let twist =
        decided.interaction.twist.as_ref().filter(|twist| !matches!(twist, Twist::WrongIss));
    Some(statement.sign(&signer, twist))
}
