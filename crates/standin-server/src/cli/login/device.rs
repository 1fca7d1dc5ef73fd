//! A code that is typed elsewhere; and a question here, before anything is kept (requirement CB-16).

use std::io::BufRead as _;

use anyhow::{Context as _, bail};
use serde_json::json;
use standin::provider::Scopes;
use standin::signin::{Completed, DeviceAnswer, DeviceAttempt, Polled};
use standin::{Error, Standin};

use super::{Args, failed, outcome};
use crate::cli::output;

pub(super) async fn answered(
    standin: &Standin,
    args: &Args,
    scopes: &Scopes,
) -> anyhow::Result<Completed> {
    let attempt = standin.signin().begin_device(&args.provider, scopes).await;
    let mut attempt = attempt.map_err(|error| failed(&error))?;
    say(args, &attempt)?;
    let answer = loop {
        tokio::time::sleep(attempt.interval()).await;
        match standin.signin().poll_device(&mut attempt).await {
            Ok(Polled::Answered(answer)) => break *answer,
            Ok(Polled::Pending) | Err(Error::ProviderUnavailable { .. }) => {}
            Err(error) => return Err(failed(&error)),
        }
    };
    if is_meant(args, &answer).await? {
        return outcome(standin.signin().keep_device(answer).await);
    }
    standin.signin().give_device_back(answer).await;
    bail!("that was not the account you meant; nothing was kept, and what it gave is given back")
}

fn say(args: &Args, attempt: &DeviceAttempt) -> anyhow::Result<()> {
    let (url, code) = (attempt.verification_url(), attempt.user_code());
    let seconds = attempt.expires_in().as_secs();
    if args.json {
        return output::json(
            &json!({ "verification_url": url, "user_code": code, "expires_in": seconds }),
        );
    }
    output::complain(&format!(
        "Open this address on any machine, and type the code, as it is:\n\n  {url}\n  {code}\n\n\
         It is good for {} minutes. Give it to nobody: whoever types it gives their own account.\n",
        seconds.div_ceil(60)
    ));
    Ok(())
}

/// Whether it is the account that was named, or that whoever sits here says yes to.
async fn is_meant(args: &Args, answer: &DeviceAnswer) -> anyhow::Result<bool> {
    let email = answer.person().email.clone();
    if let Some(account) = &args.account {
        let is_address = answer.person().email_verified
            && email.is_some_and(|email| email.eq_ignore_ascii_case(account));
        return Ok(is_address || account == answer.subject());
    }
    let who = email.unwrap_or_else(|| format!("{}:{}", args.provider, answer.subject()));
    output::complain(&format!("{who} gives: {}\nKeep it? [y/N]", answer.scopes()));
    let line = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let line = line.await?.context("cannot read your answer")?;
    Ok(matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
