//! The public HTTP edge: requests are read, judged and answered here, and
//! everything else is asked of the two services behind their handles.
//!
//! [`build`] binds and tells its port, [`Server::run`] serves until the
//! shutdown is over. A request takes one way: read the upload into bounded
//! memory, read the picture's header, judge the options, reserve its cost, have
//! it worked on, settle, answer. Whatever ends a request early, a vanished
//! client included, gives the reservation back.
//!
//! The gateway keeps no state of its own, so any number of them can run side by
//! side.

mod accounts;
mod app;
mod client_address;
mod config;
mod credentials;
mod edge;
mod error;
mod identity;
mod json_fields;
mod landing;
mod reference;
mod removal;
mod request_id;
mod routes;
mod server;
mod status;
mod usage;

pub use config::{DEFAULTS, GatewayConfig, SERVICES_DEFAULTS, ServicesConfig};
pub use reference::openapi_document;
pub use server::{BuildError, Server, build};
