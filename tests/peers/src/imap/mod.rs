//! IMAP: parsers and whole clients.

mod corpus;
mod drivers;
mod race;
mod replay;
mod server;

mod wire;
mod works;

pub(crate) use drivers::run as run_drivers;
pub(crate) use wire::run as run_wire;

pub(crate) use works::run;
