//! The frame of a gRPC service: a bound listener, the standard health service
//! that follows the service's own readiness, and an orderly end.

use std::{future::Future, time::Duration};

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{service::Routes, transport::Server};
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::shutdown::{DrainConfig, Shutdown};

const PROBE_EVERY: Duration = Duration::from_millis(500);
/// The health service's name for «the process answers», which a full queue or a
/// drain does not change: the answer to a liveness probe.
const LIVENESS: &str = "liveness";

/// Serves the routes until the shutdown is over. `ready` is asked twice a
/// second; its answer is what the health service tells, so a full queue takes
/// the instance out of rotation without restarting it. From `stop` on,
/// connections close when they have nothing in flight.
///
/// # Errors
/// Where the transport fails.
pub async fn serve<R, F>(
    listener: TcpListener,
    routes: Routes,
    ready: R,
    stop: impl Future<Output = ()>,
    shutdown: Shutdown,
    drain: DrainConfig,
) -> Result<(), tonic::transport::Error>
where
    R: Fn() -> F + Send + 'static,
    F: Future<Output = bool> + Send + 'static,
{
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("", ServingStatus::NotServing).await;
    reporter.set_service_status(LIVENESS, ServingStatus::Serving).await;
    let probe = tokio::spawn(report(reporter, ready, shutdown.clone()));
    let server = Server::builder()
        .tcp_nodelay(true)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(8 << 20)
        .add_routes(routes)
        .add_service(health)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stop);
    let result = shutdown.bound(server, drain).await;
    probe.abort();
    result.unwrap_or(Ok(()))
}

async fn report<R, F>(reporter: HealthReporter, ready: R, shutdown: Shutdown)
where
    R: Fn() -> F,
    F: Future<Output = bool>,
{
    loop {
        let serving = !shutdown.is_requested() && ready().await;
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        reporter.set_service_status("", status).await;
        tokio::select! {
            () = tokio::time::sleep(PROBE_EVERY) => {}
            () = shutdown.requested(), if !shutdown.is_requested() => {}
        }
    }
}
