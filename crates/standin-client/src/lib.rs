//! standin-client.
