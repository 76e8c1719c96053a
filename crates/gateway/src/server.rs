//! Binding, serving and leaving.

use std::{any::Any, io, net::SocketAddr, time::Duration};

use actix_cors::Cors;
use actix_web::{
    App as Routes, HttpServer,
    middleware::from_fn,
    rt::net::TcpStream,
    web::{self, Data},
};
use proto::{BillingHandle, InferenceHandle};
use runtime::{
    config::ConfigError,
    metrics::{Metrics, MetricsError},
    shutdown::{DrainConfig, Shutdown},
};

use crate::{
    app::{App, Background},
    client_address::TrustedProxies,
    config::GatewayConfig,
    edge,
    removal::{AnswerPolicy, UploadPolicy},
    routes,
};

/// How long a closing connection may take to read its last answer.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long work that outlives its request may hold up the end.
const BACKGROUND: Duration = Duration::from_secs(5);
/// Headers that a script from another origin may read.
const EXPOSED_HEADERS: [&str; 11] = [
    "Content-Length",
    "Retry-After",
    "X-Credits-Charged",
    "X-Height",
    "X-Model",
    "X-Processing-Ms",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Request-Id",
    "X-Width",
];

/// The gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A value of the section makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address cannot be bound.
    #[error("configuration: gateway.listen: {address}: {source}")]
    Bind {
        /// The address as configured.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// Metrics cannot be recorded.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}

/// A bound server; connections wait until it [runs](Server::run).
#[must_use = "a server serves only while it runs"]
pub struct Server {
    http: actix_web::dev::Server,
    address: SocketAddr,
    app: Data<App>,
    shutdown: Shutdown,
    drain: DrainConfig,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Binds the configured address. Must be called within a tokio runtime.
///
/// # Errors
/// Where a value cannot be used or the address is taken.
pub fn build(
    config: &GatewayConfig,
    inference: InferenceHandle,
    billing: BillingHandle,
    shutdown: Shutdown,
    drain: DrainConfig,
) -> Result<Server, BuildError> {
    config.validate()?;
    let app = Data::new(App {
        inference,
        billing,
        limits: config.limits(),
        uploads: UploadPolicy::new(config),
        answers: AnswerPolicy::new(config),
        proxies: TrustedProxies::new(config.trusted_proxies.clone()),
        deadline: config.deadline(),
        metrics: Metrics::install()?,
        shutdown: shutdown.clone(),
        background: Background::new(),
    });
    let (http, address) = bind(config, &app, drain)?;
    Ok(Server { http, address, app, shutdown, drain })
}

fn bind(
    config: &GatewayConfig,
    app: &Data<App>,
    drain: DrainConfig,
) -> Result<(actix_web::dev::Server, SocketAddr), BuildError> {
    let failed = |source| BuildError::Bind { address: config.listen.clone(), source };
    let app = app.clone();
    let origins = config.cors_origins.clone();
    let pause = Duration::from_secs(config.answer_pause_seconds);
    let server = HttpServer::new(move || {
        Routes::new()
            .app_data(app.clone())
            .configure(routes::configure)
            .default_service(web::to(actix_web::HttpResponse::NotFound))
            .wrap(cors(&origins))
            .wrap(from_fn(edge::edge))
    })
    .workers(threads(config.threads))
    .max_connections(config.max_connections)
    .backlog(2048)
    .tcp_nodelay(true)
    .client_request_timeout(Duration::from_secs(config.header_seconds))
    .client_disconnect_timeout(FAREWELL)
    .on_connect(move |connection, _| hang_up_after(connection, pause))
    .keep_alive(Duration::from_secs(config.keep_alive_seconds))
    // A closed connection ends its request, and with it the work and the
    // reservation. The price: clients that close their sending side early.
    .h1_allow_half_closed(false)
    .disable_signals()
    .shutdown_timeout(drain.drain().as_secs() + 1)
    .bind(&config.listen)
    .map_err(failed)?;
    let address =
        *server.addrs().first().ok_or_else(|| failed(io::ErrorKind::AddrNotAvailable.into()))?;
    Ok((server.run(), address))
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the shutdown is requested, then goes on for the notice,
    /// refuses new connections, finishes requests in flight and returns.
    ///
    /// # Errors
    /// Where the listener fails.
    pub async fn run(self) -> io::Result<()> {
        let stopper = tokio::spawn({
            let (shutdown, drain, handle) = (self.shutdown.clone(), self.drain, self.http.handle());
            async move {
                shutdown.requested().await;
                tokio::time::sleep(drain.notice()).await;
                handle.stop(true).await;
            }
        });
        let served = self.shutdown.bound(self.http, self.drain).await;
        stopper.abort();
        if tokio::time::timeout(BACKGROUND, self.app.background.finish()).await.is_err() {
            tracing::warn!("leaving with reservations not yet given back");
        }
        served.unwrap_or(Ok(()))
    }
}

/// Has the system end a connection whose client takes nothing for `pause`
/// (`TCP_USER_TIMEOUT`, RFC 5482): the server waits for it without a limit.
#[cfg(target_os = "linux")]
fn hang_up_after(connection: &dyn Any, pause: Duration) {
    let Some(stream) = connection.downcast_ref::<TcpStream>() else { return };
    let millis = u32::try_from(pause.as_millis()).unwrap_or(u32::MAX);
    if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(stream, millis) {
        tracing::debug!(%error, "a connection without a limit");
    }
}

/// Elsewhere the system's own limits hold.
#[cfg(not(target_os = "linux"))]
fn hang_up_after(_: &dyn Any, _: Duration) {}

fn threads(configured: usize) -> usize {
    match configured {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    }
}

/// Callers identify by key or token, never by cookie, so letting other origins
/// in gives them nothing that they did not bring.
fn cors(origins: &[String]) -> Cors {
    // Methods that no route has are let through to the 405 that tells the others.
    let cors = Cors::default()
        .allowed_methods(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
        .allow_any_header()
        .expose_headers(EXPOSED_HEADERS)
        .block_on_origin_mismatch(false)
        .max_age(3600);
    if origins.iter().any(|origin| origin == "*") {
        return cors.allow_any_origin().send_wildcard();
    }
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}
