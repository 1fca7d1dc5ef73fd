//! Real faults of real databases, under real processes (faults D19 to D31).

mod broken_files;
mod canaries;
pub(crate) mod certificates;
mod failing_writes;
mod failover;
mod migrations;
mod network;
mod place;
mod postgres;
mod rows;
mod stopping;
mod unwritable;
mod upkeep;
mod world;
