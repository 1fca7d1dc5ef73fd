//! Raw sockets against a running accept loop.

mod framing;
mod lifecycle;
mod limits;
mod shell;
mod support;
