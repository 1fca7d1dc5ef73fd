//! What providers tell us: one transaction that remembers the token and does what its news asks.

use async_trait::async_trait;
use standin::id::UserId;
use standin::store::{About, News, Outdated, Result, Signal, Signals};
use standin::time::Timestamp;
use standin::vault::{Grant, GrantState, NamedToken};
use standin::verify::{Identity, ProviderId, ProviderSession};
use tokio_postgres::Row;

use super::accounts::key_of;
use super::connection::Connection;
use super::rows::Cells;
use super::work::{Done, work};
use super::{PostgresStore, accounts, cluster, events, grants, sessions, spent};

const SET_STANDING: &str = "UPDATE identities SET suspended = $4, standing_as_of = $5 \
    WHERE provider = $1 AND subject = $2 AND issuer = $3 \
    AND (standing_as_of IS NULL OR standing_as_of <= $5)";
const SUSPENDED: &str = "SELECT subject, suspended FROM identities \
    WHERE provider = $1 AND subject = $2 AND issuer = $3";

#[async_trait]
impl Signals for PostgresStore {
    async fn take_signal(&self, signal: Signal) -> Result<bool> {
        work!(self, Write, |connection| take(connection, &signal).await)
    }

    async fn is_suspended(&self, identity: &Identity) -> Result<bool> {
        let suspended = work!(self, Read, |connection| {
            let suspended = |row: &Row| {
                let mut cells = Cells::of(row, "identities");
                cells.text("subject")?;
                cells.flag("suspended")
            };
            connection.one(SUSPENDED, &key_of(identity), suspended).await
        })?;
        Ok(suspended.unwrap_or(false))
    }
}

async fn take(connection: &Connection, signal: &Signal) -> Done<bool> {
    if !spent::spend(connection, signal.kind, &signal.sha256, signal.remembered_until).await? {
        return Ok(false);
    }
    for news in &signal.news {
        let user = carry_out(connection, news, signal.at).await?;
        events::append(connection, &news.event_of(user, signal.at)).await?;
    }
    Ok(true)
}

/// Whose news it was, if it was anybody's we know.
async fn carry_out(connection: &Connection, news: &News, at: Timestamp) -> Done<Option<UserId>> {
    match &news.about {
        About::Nobody => Ok(None),
        About::Identity(identity) => about_identity(connection, news, identity, at).await,
        About::Session { session, identity } => {
            about_session(connection, news, *session, identity.as_ref()).await
        }
        About::Token { provider, token } => {
            about_token(connection, news, provider, *token, at).await
        }
    }
}

async fn about_identity(
    connection: &Connection,
    news: &News,
    identity: &Identity,
    at: Timestamp,
) -> Done<Option<UserId>> {
    let Some(user) = accounts::lock_owner(connection, identity).await? else {
        return Ok(None);
    };
    if let Some(suspended) = news.duties.suspended {
        let [provider, subject, issuer] = key_of(identity);
        let row = [provider, subject, issuer, suspended.into(), news.before.into()];
        connection.execute(SET_STANDING, &row).await?;
    }
    if news.duties.end_sessions {
        sessions::end_begun_before(connection, user, news.before).await?;
    }
    if news.duties.withdraw_grants {
        let grant = grants::lock_of_identity(connection, identity).await?;
        withdraw(connection, news, grant.into_iter().collect(), at).await?;
    }
    Ok(Some(user))
}

async fn about_session(
    connection: &Connection,
    news: &News,
    session: ProviderSession,
    identity: Option<&Identity>,
) -> Done<Option<UserId>> {
    let named = sessions::user_of(connection, session).await?;
    let owner = match identity {
        Some(identity) => accounts::lock_owner(connection, identity).await?,
        None => None,
    };
    if news.duties.end_sessions {
        sessions::end_from(connection, session).await?;
        if let Some(owner) = owner {
            sessions::end_unnamed_before(connection, owner, news.before).await?;
        }
    }
    Ok(named.or(owner))
}

async fn about_token(
    connection: &Connection,
    news: &News,
    provider: &ProviderId,
    token: NamedToken,
    at: Timestamp,
) -> Done<Option<UserId>> {
    let grants = grants::lock_of_token(connection, provider, token).await?;
    let user = grants.first().map(|grant| grant.user);
    if news.duties.withdraw_grants {
        withdraw(connection, news, grants, at).await?;
    }
    Ok(user)
}

/// The grants are locked: they are as they were read.
async fn withdraw(
    connection: &Connection,
    news: &News,
    grants: Vec<Grant>,
    at: Timestamp,
) -> Done<()> {
    let is_meant =
        |grant: &Grant| grant.state != GrantState::Revoked && grant.given_at() < news.before;
    for grant in grants.into_iter().filter(is_meant) {
        let event = News::event_of_grant(grant.user, grant.id, at);
        cluster::note(connection, Outdated::Grant(grant.id)).await?;
        grants::put(connection, &grant.withdrawn(at)).await?;
        events::append(connection, &event).await?;
    }
    Ok(())
}
