//! Prometheus metrics: one recorder a process, rendered by the gateway or by a
//! listener of its own in the services that speak only gRPC.

use std::{net::SocketAddr, sync::OnceLock, time::Duration};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Bounds in seconds from a cheap call to a slow picture.
const SECONDS: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Metrics cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("metrics: {0}")]
pub struct MetricsError(String);

/// Renders what the process has recorded.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Installs the process's recorder, or returns the one that stands. Must be
    /// called within a tokio runtime.
    ///
    /// # Errors
    /// Where another library has installed a recorder of its own.
    pub fn install() -> Result<Self, MetricsError> {
        static INSTALLED: OnceLock<Result<Metrics, String>> = OnceLock::new();
        let metrics = INSTALLED.get_or_init(|| {
            let handle = PrometheusBuilder::new()
                .set_buckets(&SECONDS)
                .and_then(PrometheusBuilder::install_recorder)
                .map_err(|error| error.to_string())?;
            Ok(Self(handle))
        });
        let metrics = metrics.clone().map_err(MetricsError)?;
        tokio::spawn(upkeep(metrics.clone()));
        Ok(metrics)
    }

    /// The text exposition format.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Answers every HTTP request on the address with the metrics.
    ///
    /// # Errors
    /// Where the address cannot be bound.
    pub async fn listen(self, address: SocketAddr) -> Result<(), MetricsError> {
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .map_err(|error| MetricsError(format!("{address}: {error}")))?;
        let routes = axum::Router::new().fallback(move || std::future::ready(self.render()));
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!(%error, "the metrics listener stopped");
            }
        });
        Ok(())
    }
}

async fn upkeep(metrics: Metrics) {
    loop {
        tokio::time::sleep(UPKEEP_EVERY).await;
        metrics.0.run_upkeep();
    }
}
