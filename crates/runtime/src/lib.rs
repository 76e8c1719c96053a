//! What every service needs around its work: configuration, telemetry, metrics,
//! readiness, shutdown, and the frame of a gRPC server. It knows nothing of
//! pictures or money.

pub mod config;
pub mod grpc;
pub mod metrics;
pub mod shutdown;
pub mod telemetry;
