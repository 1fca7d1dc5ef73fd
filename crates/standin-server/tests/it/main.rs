//! The shell of the service from outside: its configuration, its sockets, its command line.

mod cli;
mod config;
mod net;
