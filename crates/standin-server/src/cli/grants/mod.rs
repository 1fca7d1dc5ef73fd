//! `standin grants …`: what people gave us at their providers. Tokens are never shown.

mod list;
mod revoke;
mod show;

use serde_json::{Value, json};
use standin::vault::Grant;

/// The commands.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print grants, oldest first.
    List(list::Args),
    /// Take a grant back, here and at the provider.
    Revoke(revoke::Args),
    /// Print one grant.
    Show(show::Args),
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(args) => list::run(args).await,
        Command::Revoke(args) => revoke::run(args).await,
        Command::Show(args) => show::run(args).await,
    }
}

/// Everything about a grant but its tokens.
pub(super) fn as_json(grant: &Grant) -> Value {
    json!({
        "id": grant.id,
        "user": grant.user,
        "provider": grant.identity.provider,
        "subject": grant.identity.subject,
        "scopes": grant.scopes,
        "state": grant.state,
        "reason": grant.reason,
        "offline": grant.is_offline(),
        "access_expires_at": grant.access_expires_at,
        "refresh_expires_at": grant.refresh_expires_at,
        "created_at": grant.created_at,
        "updated_at": grant.updated_at,
    })
}
