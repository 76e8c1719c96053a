//! Starts the service's own binaries on free ports, one process or three, and
//! talks to them as a client does. Everything here is blocking on purpose: a
//! test reads from top to bottom, and concurrency is a plain thread.
//!
//! Nothing of the services is linked in. What a test knows it has from a socket,
//! a log, an exit code, the data directory or `/proc`.

mod accounts;
mod backends;
mod call;
mod form;
mod pictures;
mod process;
mod server;
mod wait;

pub use accounts::Account;
pub use backends::{Postgres, Redis};
pub use call::{Answer, Call};
pub use form::Form;
pub use pictures::{Drawing, Kind, Pixels, blank_png, decode, flat_png, photo};
pub use process::{Exit, Process};
pub use server::{Deployment, ServerBuilder, TestServer, program};
pub use wait::{eventually, pause};
