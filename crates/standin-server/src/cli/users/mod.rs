//! `standin users …`: people who have signed in.

mod delete;
mod list;
mod show;

use serde_json::{Value, json};
use standin::store::User;

/// The commands.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Revoke everything a user gave, and forget them.
    Delete(delete::Args),
    /// Print users, oldest first.
    List(list::Args),
    /// Print a user with identities, grants and sessions.
    Show(show::Args),
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Delete(args) => delete::run(args).await,
        Command::List(args) => list::run(args).await,
        Command::Show(args) => show::run(args).await,
    }
}

/// As the HTTP API shows a user.
fn as_json(user: &User) -> Value {
    json!({
        "id": user.id,
        "email": user.profile.email,
        "email_verified": user.profile.email_verified,
        "name": user.profile.name,
        "picture": user.profile.picture,
        "created_at": user.created_at,
    })
}
