//! standin-store.
