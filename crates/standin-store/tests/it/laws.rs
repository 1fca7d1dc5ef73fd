//! The laws of a store.

use super::fixture::Fixture;

standin::store_laws!(Fixture::fresh());
