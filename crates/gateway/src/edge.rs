//! What happens to every request and every answer, whatever the route: a name,
//! a log line, a measurement, headers, and one shape for errors.
//!
//! The log line has the route's pattern and never a header, a query or a body,
//! so no key, token or picture can reach it.

use std::time::Instant;

use actix_web::{
    Error,
    body::{BodySize, BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
};
use tracing::Instrument as _;
use validation::service;

use crate::{app::App, error::ErrorBody, request_id, request_id::RequestId};

/// Bytes of names and values beyond which a request is refused.
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// Everything the pages need comes from here; styles are set by the reference's
/// own scripts.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; \
     style-src 'self' 'unsafe-inline'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

const STANDING_HEADERS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::CACHE_CONTROL, "no-store"),
];

/// The outermost layer.
pub(crate) async fn edge(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let id = RequestId::assign(&request);
    let visit = Visit::begin(&request, id.clone());
    let span = tracing::info_span!("request", id = id.as_str());
    let response = if header_bytes(request.headers()) > MAX_HEADER_BYTES {
        let refusal = actix_web::HttpResponse::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        request.into_response(refusal)
    } else {
        next.call(request).instrument(span).await?.map_into_boxed_body()
    };
    let mut response = shaped(response, &id);
    add_headers(response.headers_mut(), &id);
    visit.end(&response);
    Ok(response)
}

fn header_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

/// Gives an error that has no JSON body yet, from whichever layer, the shape of
/// all errors; logs what went wrong inside.
fn shaped(response: ServiceResponse, id: &RequestId) -> ServiceResponse {
    let status = response.status();
    if let Some(cause) = response.response().error().filter(|_| status.is_server_error()) {
        let (request_id, code) = (id.as_str(), status.as_u16());
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(request_id, status = code, %cause, "failed");
        } else {
            tracing::warn!(request_id, status = code, %cause, "refused for now");
        }
    }
    if status.as_u16() < 400 || is_json(response.headers()) {
        return response;
    }
    let body = ErrorBody::new(standard_text(status), status);
    let body = match status {
        StatusCode::INTERNAL_SERVER_ERROR => body.with_request_id(id.as_str()),
        _ => body,
    };
    let text = serde_json::to_string(&body).unwrap_or_default();
    let mut response = response.map_body(|_, _| BoxBody::new(text));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.starts_with("application/json"))
}

fn standard_text(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::METHOD_NOT_ALLOWED => "Method not allowed",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "Unsupported content type",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "Request headers are too large",
        StatusCode::SERVICE_UNAVAILABLE => service::BUSY,
        StatusCode::GATEWAY_TIMEOUT => service::DEADLINE,
        _ if status.is_client_error() => "Bad request",
        _ => service::INTERNAL,
    }
}

fn add_headers(headers: &mut HeaderMap, id: &RequestId) {
    for (name, value) in STANDING_HEADERS {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        headers.insert(request_id::HEADER, value);
    }
}

/// One request from its first byte to its answer. Dropped without an answer,
/// the client has gone.
struct Visit {
    id: RequestId,
    method: Method,
    client: String,
    started: Instant,
    answered: bool,
}

impl Visit {
    fn begin(request: &ServiceRequest, id: RequestId) -> Self {
        metrics::gauge!("rembg_http_requests_in_flight").increment(1.0);
        let app = request.app_data::<actix_web::web::Data<App>>();
        Self {
            id,
            method: request.method().clone(),
            client: app.map_or_else(String::new, |app| app.proxies.client_of(request.request())),
            started: Instant::now(),
            answered: false,
        }
    }

    fn end(mut self, response: &ServiceResponse) {
        self.answered = true;
        let route = response.request().match_pattern();
        let bytes = match response.response().body().size() {
            BodySize::Sized(bytes) => bytes,
            BodySize::None | BodySize::Stream => 0,
        };
        self.record(route.as_deref().unwrap_or("unmatched"), response.status().as_u16(), bytes);
    }

    fn record(&self, route: &str, status: u16, bytes: u64) {
        let elapsed = self.started.elapsed();
        let labels = [
            ("method", self.method_label().to_owned()),
            ("route", route.to_owned()),
            ("status", status.to_string()),
        ];
        metrics::histogram!("rembg_http_request_seconds", &labels).record(elapsed.as_secs_f64());
        tracing::info!(
            request_id = self.id.as_str(),
            client = self.client,
            method = self.method_label(),
            route,
            status,
            bytes,
            millis = elapsed.as_millis(),
            "served"
        );
    }

    /// Methods can be made up by the client; labels must not.
    fn method_label(&self) -> &'static str {
        match self.method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::DELETE => "DELETE",
            Method::OPTIONS => "OPTIONS",
            _ => "other",
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        metrics::gauge!("rembg_http_requests_in_flight").decrement(1.0);
        if !self.answered {
            // The status that proxies use for a client that closed first.
            self.record("left", 499, 0);
        }
    }
}
