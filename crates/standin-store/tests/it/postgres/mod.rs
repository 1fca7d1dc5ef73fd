//! PostgreSQL. Whoever has a server installed runs these with `--run-ignored all`, as `./test` does.

mod fixture;
mod laws;
mod laws_pooled;
