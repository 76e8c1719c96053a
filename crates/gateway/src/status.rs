//! Alive, ready, measured.

use std::time::Duration;

use actix_web::{
    HttpResponse,
    http::header,
    web::{Data, Json},
};
use proto::billing_v1::GetStatusRequest;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::app::App;

/// A service that takes longer to say that it is ready is not.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process lives.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Tells that the process lives, whatever else is down: nothing is gained by
/// restarting it for the sake of a service behind it.
#[utoipa::path(get, path = "/healthz", tag = "Operations", operation_id = "healthz",
    responses((status = 200, description = "The process is alive.", body = Health)))]
pub(crate) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Which parts can serve now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// What is wrong; absent when ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    /// The HTTP status.
    #[schema(example = 200)]
    status: u16,
    /// False once the process is leaving.
    accepting: bool,
    /// Whether a worker takes pictures.
    inference: bool,
    /// Whether accounts and counters answer.
    billing: bool,
}

/// Tells whether a picture sent now would be served.
#[utoipa::path(get, path = "/readyz", tag = "Operations", operation_id = "readyz",
    responses((status = 200, description = "Pictures are served.", body = Readiness),
              (status = 503, description = "Not now; the body says which part.", body = Readiness,
               example = json!({ "error": "Not ready", "status": 503, "accepting": true,
                                 "inference": false, "billing": true }))))]
pub(crate) async fn readyz(app: Data<App>) -> HttpResponse {
    let accepting = !app.shutdown.is_requested();
    let (inference, billing) = tokio::join!(inference_ready(&app), billing_ready(&app));
    let ready = accepting && inference && billing;
    let (mut response, error) = if ready {
        (HttpResponse::Ok(), None)
    } else {
        (HttpResponse::ServiceUnavailable(), Some("Not ready"))
    };
    if !ready {
        response.insert_header((header::RETRY_AFTER, 1));
    }
    let status = if ready { 200 } else { 503 };
    response.json(Readiness { error, status, accepting, inference, billing })
}

async fn inference_ready(app: &App) -> bool {
    matches!(timeout(PATIENCE, app.inference.status()).await, Ok(Ok(status)) if status.ready)
}

async fn billing_ready(app: &App) -> bool {
    let status = timeout(PATIENCE, app.billing.get_status(GetStatusRequest {})).await;
    matches!(status, Ok(Ok(status)) if status.ready)
}

/// What the process has counted and timed, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "Operations", operation_id = "metrics",
    responses((status = 200, description = "The Prometheus text format.",
               content_type = "text/plain", body = String)))]
pub(crate) async fn metrics(app: Data<App>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(app.metrics.render())
}
