//! `cargo xtask bench`: what Standin does, beside what this machine can do at best.
//!
//! Every figure is a ratio of two measurements of one run, made in turns: these machines are shared, and an
//! absolute number of yesterday says nothing about today. The service is the real binary, started as a
//! child; the limit is a bare axum handler, started the same way; one load generator asks both.

mod child;
mod commits;
mod constant_time;
mod emulator;
mod enumeration;
mod hanging;
mod http;
mod load;
mod peers;
mod provider;
mod report;
mod rows;
mod seal;
mod signin;
mod strangers;
mod verify;
mod world;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The service runs with mimalloc, so what it is compared with does too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let runtime = tokio::runtime::Runtime::new()?;
    match arguments.next().as_deref() {
        Some("bare") => runtime.block_on(http::bare(&arguments.next().context("a body")?)),
        Some("read-rows") => runtime.block_on(rows::read(&arguments.next().context("a URL")?)),
        Some("vend") => runtime.block_on(only_vend()),
        Some("constant-time") => {
            report::row(&constant_time::comparison());
            Ok(())
        }
        Some("enumeration") => {
            report::row(&runtime.block_on(enumeration::of_answers(&service_binary()?))?);
            Ok(())
        }
        Some("commits") => commits::run(arguments.next().context("how many")?.parse()?),
        Some("signin") => runtime.block_on(only_sign_in()),
        Some("emulator") => runtime.block_on(only_emulator()),
        _ => runtime.block_on(run()),
    }
}

async fn run() -> Result<()> {
    let binary = service_binary()?;
    report::heading();
    report::row(&verify::against_raw()?);
    report::row(&constant_time::comparison());
    report::row(&enumeration::of_answers(&binary).await?);
    vend_rows(&binary).await?;
    report::row(&http::two_hundred_vends(&binary).await?);
    sign_in_rows(&binary).await?;
    for row in child::start_and_memory(&binary).await? {
        report::row(&row);
    }
    emulator_rows(&binary).await
}

async fn only_vend() -> Result<()> {
    let binary = service_binary()?;
    report::heading();
    vend_rows(&binary).await
}

async fn vend_rows(binary: &Path) -> Result<()> {
    for row in http::against_bare(binary).await? {
        report::row(&row);
    }
    if let Some(row) = rows::from_postgres(binary).await? {
        report::row(&row);
    }
    Ok(())
}

async fn only_sign_in() -> Result<()> {
    let binary = service_binary()?;
    report::heading();
    sign_in_rows(&binary).await
}

async fn sign_in_rows(binary: &Path) -> Result<()> {
    for row in signin::whole(binary).await? {
        report::row(&row);
    }
    for row in hanging::another_provider(binary).await? {
        report::row(&row);
    }
    Ok(())
}

async fn only_emulator() -> Result<()> {
    let binary = service_binary()?;
    report::heading();
    emulator_rows(&binary).await
}

async fn emulator_rows(binary: &Path) -> Result<()> {
    let ours = emulator::Ours::measure(binary).await?;
    for row in ours.rows() {
        report::row(&row);
    }
    for row in peers::beside(&ours).await {
        report::row(&row);
    }
    Ok(())
}

/// The release build of `standin`, beside this program.
fn service_binary() -> Result<PathBuf> {
    let mut path = std::env::current_exe()?;
    path.set_file_name("standin");
    anyhow::ensure!(
        path.exists(),
        "build the service first: cargo build --release -p standin-server"
    );
    Ok(path)
}
