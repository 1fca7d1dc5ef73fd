//! `standin demo`: the service, a provider of its own, and an app that uses both; no account needed.
//!
//! ```text
//! browser ──▶ app (pages)      ──same origin──▶ standin (/auth/…) ──▶ emulator (sign-in, consent)
//!             job, every 30 s  ──client key───▶ standin (/v1/…)
//!                              ──access token─────────────────────▶ emulator (Calendar, Drive)
//! ```
//!
//! [`app`] and [`job`] are what somebody who uses Standin would write: they know its HTTP and nothing of
//! its inside. The other files put the three together in one process.

mod app;
mod clock;
mod data;
mod emulator;
mod http;
mod job;
mod service;

use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::app::NightlyNotes;
use self::data::Data;
use self::emulator::Control;
use self::http::Http;
use self::job::Job;
use self::service::Service;
use crate::cli::demo::Args;
use crate::cli::output;
use crate::lifecycle;

/// Scopes beyond those of every sign-in: what the nightly job needs.
const EXTRA_SCOPES: [&str; 2] = [
    "https://www.googleapis.com/auth/calendar.events",
    "https://www.googleapis.com/auth/drive.file",
];

/// Starts everything, says so, and runs until it is told to stop.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let data = Data::open(&args.data)?;
    let Service { config, mut app, listeners, emulator, time, client_key } =
        Service::start(&args, &data).await?;
    let origin = config.public_url.origin().ascii_serialization();
    let http = Http::new()?;
    let job = Arc::new(Job::new(
        http.clone(),
        time.clone(),
        data,
        job::Addresses {
            standin: origin.clone(),
            google: emulator.origin().to_owned(),
            client_key: client_key.clone(),
        },
    )?);
    let notes = NightlyNotes {
        control: Control::new(http.clone(), emulator.origin()),
        public_url: config.public_url.clone(),
        job: Arc::clone(&job),
        http,
        time,
    };
    app.public = app.public.merge(app::router(notes));

    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let operator = format!("http://{}", listeners.operator_address);
    say_ready(&args, &origin, emulator.origin(), &operator, &client_key)?;
    tasks.spawn(job.keep_running(stop.clone()));
    let served = lifecycle::run(&config, app, listeners).await;
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    emulator.stop().await;
    Ok(served?)
}

fn say_ready(
    args: &Args,
    app: &str,
    emulator: &str,
    operator: &str,
    client_key: &standin::secret::ClientKey,
) -> anyhow::Result<()> {
    if args.json {
        return output::json(&json!({
            "app": app, "emulator": emulator, "operator": operator,
            "client_key": client_key.expose(),
        }));
    }
    let data = args.data.display();
    output::line(&format!(
        "Nightly Notes is ready. Open {app} and sign in as Ada.\n\n  \
         app        {app}\n  \
         “Google”   {emulator}   an emulator: no account, nothing leaves this machine\n  \
         operator   {operator}\n  \
         data       {data}   kept for the next run; delete it to begin anew\n\n\
         Ctrl-C stops it."
    ))
}
