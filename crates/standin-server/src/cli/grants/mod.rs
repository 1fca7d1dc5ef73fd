//! `standin grants …`: what people gave us at their providers. Tokens are never shown.

mod list;
mod revoke;
mod show;

use serde_json::{Value, json};
use standin::vault::{Grant, ScopeRecord, ScopeStanding};

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

/// One line of the ledger of scopes. `in_doubt` is what the user gave and the newest token does not open: the
/// next refresh decides.
fn scope_as_json(grant: &Grant, record: &ScopeRecord) -> Value {
    let mut shown = json!(record);
    let is_granted = record.standing() == ScopeStanding::Granted;
    shown["standing"] = if is_granted && !grant.scopes.contains(&record.scope) {
        json!("in_doubt")
    } else {
        json!(record.standing())
    };
    shown
}
