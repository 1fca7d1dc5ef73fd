//! Raw sockets against a running accept loop.

mod crowd;
mod files;
mod framing;
mod http2;
mod lifecycle;
mod limits;
mod proxies;
mod shell;
mod support;
