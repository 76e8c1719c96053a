//! Removes backgrounds: networks and the engines that run them, the gate and the
//! pools that keep a flood of pictures within bounds, and the service on top.
//!
//! [`build`] gives the service that `rembg serve` uses in process and the
//! `inference-worker` binary over gRPC. [`Processor`] is the same way of a
//! picture for callers that bring their own threads.

mod admission;
mod config;
pub mod engine;
mod error;
pub mod eval;
mod job;
pub mod memory;
pub mod models;
mod network;
mod pace;
mod pool;
mod processor;
mod server;
mod service;
mod spec;
mod stages;
mod timing;

pub use config::{DEFAULTS, InferenceConfig};
pub use error::JobError;
pub use network::Network;
pub use processor::Processor;
pub use server::{ServeError, serve};
pub use service::{BuildError, InferenceService, build};
pub use stages::Finished;
pub use timing::{StageTimings, Step};
