//! The service over gRPC: the frame around it when it is a process of its own.

use std::time::Duration;

use proto::{InferenceGrpc, InferenceHandle, inference_v1::inference_service_server};
use runtime::{
    grpc,
    shutdown::{DrainConfig, Shutdown},
};
use tokio::net::TcpListener;
use tonic::service::Routes;

use crate::service::InferenceService;

/// Between two looks at whether all jobs are done.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What callers get to read the last result before connections close.
const LINGER: Duration = Duration::from_millis(500);

/// The worker cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The reflection service refuses the embedded descriptors.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The transport failed.
    #[error("gRPC: {0}")]
    Transport(#[from] tonic::transport::Error),
}

/// Serves until the shutdown is over: jobs in flight finish, new ones are
/// refused, and another worker gets them.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    service: InferenceService,
    listener: TcpListener,
    max_upload_bytes: u64,
    shutdown: Shutdown,
    drain: DrainConfig,
) -> Result<(), ServeError> {
    let handle = InferenceHandle::local(service.clone());
    let inference = InferenceGrpc::new(handle, max_upload_bytes);
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    let mut routes = Routes::builder();
    routes
        .add_service(inference_service_server::InferenceServiceServer::new(inference))
        .add_service(reflection);
    let stop = drained(service.clone(), shutdown.clone(), drain);
    let ready = move || std::future::ready(service.is_ready());
    Ok(grpc::serve(listener, routes.routes(), ready, stop, shutdown, drain).await?)
}

/// Callers keep sending until balancers have noticed; until then they are served. After that what is
/// in is finished, and callers get a moment to read it: a connection that closes while
/// its caller still acknowledges takes the unread rest of a result with it.
async fn drained(service: InferenceService, shutdown: Shutdown, drain: DrainConfig) {
    shutdown.noticed(drain).await;
    service.drain();
    while service.has_jobs() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    tokio::time::sleep(LINGER).await;
}
