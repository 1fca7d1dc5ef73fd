//! What providers tell us: one transaction that remembers the token and does what its news asks.

use async_trait::async_trait;
use rusqlite::{Connection, params};
use standin::id::UserId;
use standin::store::{About, News, Outdated, Result, Signal, Signals};
use standin::time::Timestamp;
use standin::vault::{Grant, GrantState, NamedToken};
use standin::verify::{Identity, ProviderId, ProviderSession};

use super::failure::Failure;
use super::rows::{Cells, execute, one};
use super::{SqliteStore, accounts, cluster, events, grants, sessions, spent};

const SET_STANDING: &str = "UPDATE identities SET suspended = ?4, standing_as_of = ?5 \
    WHERE provider = ?1 AND subject = ?2 AND issuer = ?3 \
    AND (standing_as_of IS NULL OR standing_as_of <= ?5)";
const SUSPENDED: &str = "SELECT subject, suspended FROM identities \
    WHERE provider = ?1 AND subject = ?2 AND issuer = ?3";

type Done<T> = std::result::Result<T, Failure>;

#[async_trait]
impl Signals for SqliteStore {
    async fn take_signal(&self, signal: Signal) -> Result<bool> {
        self.write(move |connection| take(connection, &signal)).await
    }

    async fn is_suspended(&self, identity: &Identity) -> Result<bool> {
        let key = params![identity.provider.as_str(), identity.subject, identity.issuer];
        let suspended = self.read(|connection| {
            one(connection, SUSPENDED, key, |row| {
                let mut cells = Cells::of(row, "identities");
                cells.text("subject")?;
                cells.flag("suspended")
            })
        })?;
        Ok(suspended.unwrap_or(false))
    }
}

fn take(connection: &Connection, signal: &Signal) -> Done<bool> {
    if !spent::spend(connection, signal.kind, &signal.sha256, signal.remembered_until)? {
        return Ok(false);
    }
    for news in &signal.news {
        let user = carry_out(connection, news, signal.at)?;
        events::append(connection, &news.event_of(user, signal.at))?;
    }
    Ok(true)
}

/// Whose news it was, if it was anybody's we know.
fn carry_out(connection: &Connection, news: &News, at: Timestamp) -> Done<Option<UserId>> {
    match &news.about {
        About::Nobody => Ok(None),
        About::Identity(identity) => about_identity(connection, news, identity, at),
        About::Session { session, identity } => {
            about_session(connection, news, *session, identity.as_ref())
        }
        About::Token { provider, token } => about_token(connection, news, provider, *token, at),
    }
}

fn about_identity(
    connection: &Connection,
    news: &News,
    identity: &Identity,
    at: Timestamp,
) -> Done<Option<UserId>> {
    let Some(user) = accounts::owner(connection, identity)? else {
        return Ok(None);
    };
    if let Some(suspended) = news.duties.suspended {
        let (provider, before) = (identity.provider.as_str(), news.before.unix_ms());
        let row = params![provider, identity.subject, identity.issuer, suspended, before];
        execute(connection, SET_STANDING, row)?;
    }
    if news.duties.end_sessions {
        sessions::end_begun_before(connection, user, news.before)?;
    }
    if news.duties.withdraw_grants {
        let grant = grants::of_identity(connection, identity)?;
        withdraw(connection, news, grant.into_iter().collect(), at)?;
    }
    Ok(Some(user))
}

fn about_session(
    connection: &Connection,
    news: &News,
    session: ProviderSession,
    identity: Option<&Identity>,
) -> Done<Option<UserId>> {
    let named = sessions::user_of(connection, session)?;
    let owner =
        identity.map(|identity| accounts::owner(connection, identity)).transpose()?.flatten();
    if news.duties.end_sessions {
        sessions::end_from(connection, session)?;
        if let Some(owner) = owner {
            sessions::end_unnamed_before(connection, owner, news.before)?;
        }
    }
    Ok(named.or(owner))
}

fn about_token(
    connection: &Connection,
    news: &News,
    provider: &ProviderId,
    token: NamedToken,
    at: Timestamp,
) -> Done<Option<UserId>> {
    let grants = grants::of_token(connection, provider, token)?;
    let user = grants.first().map(|grant| grant.user);
    if news.duties.withdraw_grants {
        withdraw(connection, news, grants, at)?;
    }
    Ok(user)
}

fn withdraw(connection: &Connection, news: &News, grants: Vec<Grant>, at: Timestamp) -> Done<()> {
    let is_meant =
        |grant: &Grant| grant.state != GrantState::Revoked && grant.given_at() < news.before;
    for grant in grants.into_iter().filter(is_meant) {
        let event = News::event_of_grant(grant.user, grant.id, at);
        cluster::note(connection, Outdated::Grant(grant.id))?;
        grants::put(connection, &grant.withdrawn(at))?;
        events::append(connection, &event)?;
    }
    Ok(())
}
