//! `standin keys rewrap`: everything under the active keys.
//!
//! First the data keys, under the active key-encryption key; then tokens, under the active data key, some
//! rows at a time. Whatever stops it, what is done is done, and the next run goes on from there. Data keys that the active
//! key-encryption key wraps already are wrapped anew only if that is asked for: with the newest version of it.
//!
//! It offers the processor to others all the time ([`unhurried`](standin::store::unhurried)). On a full machine a transaction
//! would hold up the service's writes for long, and so the rows of one are fewer then.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{bail, ensure};
use serde_json::json;
use standin::vault::{Rewrap, Rotation, WrapAgain};

use crate::cli::output;
use crate::cli::source::ConfigFile;

/// A batch that took longer was too large.
const LONG: Duration = Duration::from_millis(100);

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// How many rows share a transaction at most: a service that runs waits for one of them, and one that takes longer
    /// than a tenth of a second is followed by smaller ones.
    #[arg(long, value_name = "ROWS", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch: u32,
    /// Wrap every data key anew, those too that the active key-encryption key wraps already: a key service does it with
    /// the newest version of that key, so that the older ones can be given up.
    #[arg(long)]
    all_data_keys: bool,
    #[command(flatten)]
    config: ConfigFile,
    /// Print the result as JSON. Progress goes to stderr all the same.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let (config, store) = super::open(&args.config).await?;
    let rotation = super::rotation(&config, Arc::clone(&store)).await?;
    let which = if args.all_data_keys { WrapAgain::All } else { WrapAgain::Others };
    let data_keys = rotation.rewrap_data_keys(which).await?;
    let mut rewrap = rotation.rewrap();
    let is_over = batches(&rotation, &mut rewrap, args.batch as usize).await?;
    let (done, left) = (rewrap.done(), rotation.left().await?);
    let what = format!("{data_keys} data keys and {} rows sealed again", done.rows);
    super::record(&*store, what).await?;
    if args.json {
        output::json(&json!({
            "data_keys": data_keys, "rows": done.rows, "unreadable": done.unreadable,
            "put_off": done.put_off, "left": left,
        }))?;
    } else {
        output::line(&format!(
            "{data_keys} data keys and {} rows were sealed again, {left} are left",
            done.rows
        ))?;
    }
    ensure!(
        is_over,
        "interrupted; what is done is done, and `standin keys rewrap` goes on from there"
    );
    match (done.unreadable, done.put_off, left) {
        (0, 0, 0) => Ok(()),
        (0, 0, left) => bail!("{left} rows were sealed with another key meanwhile; run it again"),
        (0, put_off, _) => bail!(
            "{put_off} rows were put off: their keys cannot be had now, as the log above says; nothing is wrong with them, run it again"
        ),
        (unreadable, put_off, _) => bail!(
            "{unreadable} rows cannot be read or do not open, and stay as they are; the log above names their grants: mend their rows; `standin grants revoke` ends one that can be read ({put_off} others were put off, since their keys cannot be had now)"
        ),
    }
}

/// `false` if it was interrupted, between two batches.
async fn batches(
    rotation: &Rotation,
    rewrap: &mut Rewrap<'_>,
    most: usize,
) -> anyhow::Result<bool> {
    let total = rotation.left().await?;
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    let (mut shown, mut rows) = (None, most);
    loop {
        // Between two batches and not within one, so that what was done is counted.
        tokio::select! {
            biased;
            _ = &mut interrupted => return Ok(false),
            () = std::future::ready(()) => {}
        }
        let began = tokio::time::Instant::now();
        let goes_on = rewrap.next_batch(rows).await?;
        let took = began.elapsed();
        rows = next_size(rows, took, most);
        // Writers take turns, and nobody queues for the database: the service gets as long as we had.
        tokio::time::sleep(took).await;
        if !goes_on {
            return Ok(true);
        }
        let done = rewrap.done().rows;
        let percent = (done * 100).checked_div(total).map(|percent| percent.min(100));
        if percent != shown {
            shown = percent;
            output::complain(&format!("{done} of {total} rows"));
        }
    }
}

/// How many rows the next batch has, after one of `rows` that took this long.
fn next_size(rows: usize, took: Duration, most: usize) -> usize {
    if took > LONG { rows.div_ceil(2) } else { (rows * 2).min(most) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_smaller_while_they_take_long_and_as_large_as_allowed_again_afterwards() {
        let mut rows = 200;
        let mut sizes = |took| {
            let next = |_| {
                rows = next_size(rows, took, 200);
                rows
            };
            (0..9).map(next).collect::<Vec<_>>()
        };
        assert_eq!(sizes(LONG), [200; 9]);
        assert_eq!(sizes(LONG * 2), [100, 50, 25, 13, 7, 4, 2, 1, 1]);
        assert_eq!(sizes(LONG), [2, 4, 8, 16, 32, 64, 128, 200, 200]);
    }
}
