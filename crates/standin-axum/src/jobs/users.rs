//! `GET /v1/users?email=` or `?provider=&subject=`: finds people.

use axum::Json;
use axum::extract::State;
use standin::Refusal;
use standin::people::Wanted;
use standin::signin::Parameters;
use standin_client::Users;

use super::client::AskingClient;
use super::user::shown;
use crate::Shared;
use crate::problem::Problem;

pub(super) async fn get(
    State(shared): State<Shared>,
    AskingClient { client, query }: AskingClient,
) -> Result<Json<Users>, Problem> {
    let wanted = wanted(query)?;
    let people = shared.standin.people().find(&client, &wanted).await?;
    Ok(Json(Users { users: people.into_iter().map(shown).collect() }))
}

/// One way of asking, whole, and nothing beside it: there is no list of everybody.
fn wanted(mut query: Parameters) -> Result<Wanted, Problem> {
    let named = (query.take("email"), query.take("provider"), query.take("subject"));
    let wanted = match named {
        (Some(email), None, None) => Some(Wanted::Email(email)),
        (None, Some(provider), Some(subject)) => {
            provider.parse().ok().map(|provider| Wanted::Subject(provider, subject))
        }
        _ => None,
    };
    wanted.filter(|_| query.is_empty()).ok_or_else(|| {
        let words = "the query must be `email`, or `provider` and `subject`, and nothing else";
        Problem::from(Refusal::InvalidRequest).with_detail(words)
    })
}
