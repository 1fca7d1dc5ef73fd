//! `standin attempts …`: what was done and checked when somebody tried to sign in. No secret is in it.

mod list;
mod printed;
mod show;

use serde_json::{Value, json};
use standin::store::ReceiptRow;

/// The commands.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print attempts, the newest first.
    List(list::Args),
    /// Print the receipt of one attempt: each step, each check, and what it comes to.
    Show(show::Args),
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(args) => list::run(args).await,
        Command::Show(args) => show::run(args).await,
    }
}

/// Everything about an attempt but its steps.
fn as_json(row: &ReceiptRow) -> Value {
    json!({
        "attempt": row.attempt,
        "provider": row.provider,
        "status": row.kind.word(),
        "code": row.code,
        "offline": row.offline,
        "user": row.user,
        "is_new_user": row.is_new_user,
        "begun_at": row.begun_at,
        "ended_at": row.ended_at,
    })
}
