//! The gateway over real sockets, with scripted services behind it.

mod accounts;
mod answers;
mod app;
mod disconnect;
mod errors;
mod garbage;
mod identity;
mod pictures;
mod reference;
mod service;
mod shutdown;
mod uploads;
mod usage;
