//! The service over gRPC: the frame around it when it is a process of its own.

use proto::{InferenceGrpc, InferenceHandle, inference_v1::inference_service_server};
use runtime::{
    grpc,
    shutdown::{DrainConfig, Shutdown},
};
use tokio::net::TcpListener;
use tonic::service::Routes;

use crate::service::InferenceService;

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
    tokio::spawn(drain_when_noticed(service.clone(), shutdown.clone(), drain));
    let ready = move || std::future::ready(service.is_ready());
    Ok(grpc::serve(listener, routes.routes(), ready, shutdown, drain).await?)
}

/// Callers keep sending until balancers have noticed; until then they are served.
async fn drain_when_noticed(service: InferenceService, shutdown: Shutdown, drain: DrainConfig) {
    shutdown.requested().await;
    tokio::time::sleep(drain.notice()).await;
    service.drain();
}
