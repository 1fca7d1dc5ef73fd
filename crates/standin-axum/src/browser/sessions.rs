//! `GET /auth/sessions`: where the user is signed in.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use standin::id::SessionId;
use standin::store::{Account, SessionRow};
use standin::time::Timestamp;

use crate::Shared;
use crate::cookies::CurrentSession;
use crate::problem::Problem;

#[derive(Serialize)]
pub(super) struct Body {
    sessions: Vec<Listed>,
}

/// Nothing in it gives access: the id is good for ending the session, by its user alone.
#[derive(Serialize)]
pub(crate) struct Listed {
    pub(crate) id: SessionId,
    pub(crate) current: bool,
    pub(crate) device: Option<String>,
    /// The provider of the account that signed in.
    pub(crate) provider: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

pub(super) async fn get(
    State(shared): State<Shared>,
    CurrentSession(current): CurrentSession,
) -> Result<Json<Body>, Problem> {
    let accounts = shared.standin.store().accounts_of(current.user).await;
    let accounts = accounts.map_err(standin::Error::from)?;
    let sessions = list(&shared, &current, &accounts).await?;
    Ok(Json(Body { sessions }))
}

/// The live sessions of whoever is signed in, newest first.
pub(crate) async fn list(
    shared: &Shared,
    current: &SessionRow,
    accounts: &[Account],
) -> Result<Vec<Listed>, standin::Error> {
    let opened_by = |session: &SessionRow| {
        let is_it = |account: &&Account| session.opened_by == Some(account.identity.hash());
        accounts.iter().find(is_it).map(|account| account.identity.provider.to_string())
    };
    let sessions = shared.standin.sessions().list(current.user).await?;
    let listed = |session: SessionRow| Listed {
        id: session.id,
        current: session.id == current.id,
        provider: opened_by(&session),
        device: session.device,
        created_at: session.created_at,
        last_used_at: session.last_seen_at,
        expires_at: session.expires_at,
    };
    Ok(sessions.into_iter().map(listed).collect())
}
