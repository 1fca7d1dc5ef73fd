//! Raw sockets against a running accept loop.

mod crowd;
mod framing;
mod lifecycle;
mod limits;
mod shell;
mod support;
