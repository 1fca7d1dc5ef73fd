//! The laws of a store, through PgBouncer in transaction mode (fault D28).

use super::fixture::Fixture;

standin::store_laws!(ignore = "needs a PostgreSQL server and PgBouncer"; Fixture::pooled().await);
