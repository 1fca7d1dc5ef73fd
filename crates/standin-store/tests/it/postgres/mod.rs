//! PostgreSQL. Whoever has a server installed runs these with `--run-ignored all`, as `./test` does.

mod abandoned;
mod cluster;
mod commits;
mod events;
mod failovers;
mod fixture;
mod laws;
mod laws_pooled;
mod laws_without_numbers;
mod proxy;
mod reads;
mod schema;
mod servers;
mod spread;
mod standby;
mod statements;
mod terms;
mod trouble;
