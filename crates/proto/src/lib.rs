//! The two internal services as traits, the handles that reach them in process
//! or over gRPC, and the one table that maps errors between the three worlds.
//!
//! A service is one trait ([`Inference`], [`Billing`]) and one cloneable handle
//! ([`InferenceHandle`], [`BillingHandle`]). Callers hold a handle and cannot
//! tell where the service runs; deadlines and metrics are applied by the
//! handle, so they are the same in one process and in three.

mod billing;
mod endpoint;
mod error;
mod inference;
mod redact;
mod unary;

pub use billing::{Billing, BillingGrpc, BillingHandle, FakeBilling};
pub use endpoint::{Endpoint, EndpointError};
pub use error::{ErrorCode, ServiceError};
pub use inference::{
    CutOut, FakeInference, Inference, InferenceGrpc, InferenceHandle, JobEvent, JobEvents,
    RemoveJob,
};

/// The descriptors of both services, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/rembg.descriptors.bin"));

/// Wire types of `rembg.inference.v1`; the fields are documented in the
/// `.proto` file.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod inference_v1 {
    tonic::include_proto!("rembg.inference.v1");
}

/// Wire types of `rembg.billing.v1`; the fields are documented in the
/// `.proto` file.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod billing_v1 {
    tonic::include_proto!("rembg.billing.v1");
}
