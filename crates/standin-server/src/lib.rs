//! standin-server.
