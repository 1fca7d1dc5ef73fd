//! The laws of a store.

use super::fixture::Fixture;

standin::store_laws!(ignore = "needs a PostgreSQL server"; Fixture::fresh().await);
