//! standin-axum.
