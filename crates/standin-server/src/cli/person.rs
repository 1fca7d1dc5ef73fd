//! How a command line names a user: `usr_…`, or `google:1092…` as the provider knows them.

use anyhow::{Context as _, bail};
use standin::id::UserId;
use standin::store::{Store, User};
use standin::verify::ProviderId;

/// Finds the user.
pub(super) async fn find(store: &dyn Store, named: &str) -> anyhow::Result<User> {
    let id = match named.split_once(':') {
        Some((provider, subject)) => {
            let provider: ProviderId = provider.parse()?;
            store.user_by_subject(&provider, subject).await?
        }
        None => Some(named.parse::<UserId>().context("a user is usr_… or PROVIDER:SUBJECT")?),
    };
    let user = match id {
        Some(id) => store.user(id).await?,
        None => None,
    };
    match user {
        Some(user) => Ok(user),
        None => bail!("there is no user {named}"),
    }
}
