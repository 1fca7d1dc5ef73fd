//! `cargo xtask bench`: what Standin does, beside what this machine can do at best.
//!
//! Every figure is a ratio of two measurements of one run, made in turns: these machines are shared, and an
//! absolute number of yesterday says nothing about today. The service is the real binary, started as a
//! child; the limit is a bare axum handler, started the same way; one load generator asks both.

mod child;
mod commits;
mod constant_time;
mod cost;
mod emulator;
mod enumeration;
mod growth;
mod hanging;
mod http;
mod load;
mod peers;
mod plot;
mod population;
mod provider;
mod refresh;
mod report;
mod rewrap;
mod rows;
mod seal;
mod signin;
mod strangers;
mod verify;
mod world;

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::report::Row;

/// The service runs with mimalloc, so what it is compared with does too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is measured if nothing in particular is asked for. The others take minutes, or gigabytes.
const USUAL: [&str; 9] = [
    "verify",
    "constant-time",
    "enumeration",
    "vend",
    "postgres",
    "parallel",
    "signin",
    "start",
    "emulator",
];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Runtime::new()?;
    match arguments[..] {
        // What this program starts itself as, for a raw limit.
        ["bare", body] => runtime.block_on(http::bare(body)),
        ["read-rows", url, user] => runtime.block_on(rows::read(url, user)),
        ["read-by-store", url, user] => runtime.block_on(rows::read_by_store(url, user)),
        ["bare-rows", url, user, body] => runtime.block_on(rows::bare(url, user, body)),
        ["postgres-commits", url, count] => runtime.block_on(rows::commit(url, count.parse()?)),
        ["commits", count, rows] => commits::run(count.parse()?, rows.parse()?),
        [] => runtime.block_on(run(&USUAL, &[])),
        [part, ref options @ ..] => runtime.block_on(run(&[part], options)),
    }
}

async fn run(parts: &[&str], options: &[&str]) -> Result<()> {
    let binary = service_binary()?;
    report::heading();
    for part in parts {
        measure(part, options, &binary).await?.iter().for_each(report::row);
    }
    Ok(())
}

async fn measure(part: &str, options: &[&str], binary: &Path) -> Result<Vec<Row>> {
    match part {
        "verify" => Ok(vec![verify::against_raw()?]),
        "constant-time" => Ok(vec![constant_time::comparison()]),
        "enumeration" => Ok(vec![enumeration::of_answers(binary).await?]),
        "vend" => http::against_bare(binary).await,
        "postgres" => rows::from_postgres(binary).await,
        "parallel" => Ok(vec![http::two_hundred_vends(binary).await?]),
        "signin" => {
            Ok([signin::whole(binary).await?, hanging::another_provider(binary).await?].concat())
        }
        "refresh" => refresh::both_databases(binary).await,
        "growth" => growth::up_to(binary, number(options, "--to", growth::SIZES[1])?).await,
        "rewrap" => {
            rewrap::while_vending(binary, number(options, "--grants", growth::SIZES[1])?).await
        }
        "start" => child::start_and_memory(binary).await,
        "emulator" => emulator_rows(binary).await,
        _ => anyhow::bail!(
            "`{part}` is not measured; there are {}, refresh, growth and rewrap",
            USUAL.join(", ")
        ),
    }
}

/// What follows an option, or what it is without one.
fn number(options: &[&str], name: &str, otherwise: u32) -> Result<u32> {
    match options {
        [] => Ok(otherwise),
        [option, value] if *option == name => Ok(value.parse()?),
        _ => anyhow::bail!("the only option is {name} NUMBER"),
    }
}

async fn emulator_rows(binary: &Path) -> Result<Vec<Row>> {
    let ours = emulator::Ours::measure(binary).await?;
    let peers = peers::beside(&ours).await;
    Ok(ours.rows().into_iter().chain(peers).collect())
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
