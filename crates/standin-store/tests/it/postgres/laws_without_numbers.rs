//! The laws of a store, on a server whose transactions have no numbers that are to be believed.

use super::fixture::Fixture;

standin::store_laws!(ignore = "needs a PostgreSQL server"; Fixture::without_numbers().await);
