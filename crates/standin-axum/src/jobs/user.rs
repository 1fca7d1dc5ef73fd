//! `GET` and `DELETE /v1/users/{user}`: shows a person, and forgets them.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use http::StatusCode;
use standin::Refusal;
use standin::people::Person;
use standin::vend::UserSelector;
use standin_client::{Identity, User};

use super::client::AuthenticatedClient;
use crate::Shared;
use crate::problem::Problem;

/// What is in the path. What is no text names nobody.
type Named = Result<Path<String>, PathRejection>;

pub(super) async fn get(
    State(shared): State<Shared>,
    AuthenticatedClient(client): AuthenticatedClient,
    path: Named,
) -> Result<Json<User>, Problem> {
    let person = shared.standin.people().show(&client, &named(path)).await?;
    Ok(Json(shown(person)))
}

pub(super) async fn delete(
    State(shared): State<Shared>,
    AuthenticatedClient(client): AuthenticatedClient,
    path: Named,
) -> Result<StatusCode, Problem> {
    shared.standin.people().delete(&client, &named(path)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whom the path means. Whatever names nobody is looked for all the same, so that whoever may not ask hears
/// nothing else than of somebody.
pub(super) fn named(path: Named) -> UserSelector {
    let named = path.map_err(|_| Refusal::NoUser).and_then(|Path(user)| user.parse());
    named.unwrap_or(UserSelector::Nobody)
}

pub(super) fn shown(person: Person) -> User {
    let Person { user, accounts } = person;
    let identities = accounts.into_iter().map(|account| Identity {
        provider: account.identity.provider.to_string(),
        subject: account.identity.subject,
        email: account.email,
    });
    User {
        id: user.id.to_string(),
        email: user.profile.email,
        email_verified: user.profile.email_verified,
        name: user.profile.name,
        picture: user.profile.picture,
        created_at: user.created_at.to_string(),
        identities: identities.collect(),
    }
}
