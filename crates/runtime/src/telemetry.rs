//! Logs to standard error, as text or JSON, and traces over OTLP where an
//! endpoint is configured.

use std::io::IsTerminal as _;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use serde::Deserialize;
use tracing_subscriber::{
    EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line, for collectors.
    Json,
}

/// The `[telemetry]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryConfig {
    /// A filter such as `info` or `info,gateway=debug`.
    pub log: String,
    /// Text or JSON.
    pub format: LogFormat,
    /// An OTLP collector, `http://host:4317`; empty is none.
    pub otlp_endpoint: String,
}

/// The embedded defaults of the `[telemetry]` section.
pub const DEFAULTS: &str = include_str!("telemetry.toml");

/// Telemetry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `telemetry.log` is no filter.
    #[error("configuration: telemetry.log: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// `telemetry.otlp_endpoint` cannot be used.
    #[error("configuration: telemetry.otlp_endpoint: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// Somebody else has installed a subscriber.
    #[error("telemetry: {0}")]
    Installed(#[from] tracing_subscriber::util::TryInitError),
}

/// Sends what is left of the traces when it is dropped.
#[derive(Debug)]
#[must_use = "traces are flushed when this is dropped"]
pub struct Telemetry(Option<SdkTracerProvider>);

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = &self.0 {
            // Losing the last spans is no reason to fail a clean exit.
            let _ = provider.shutdown();
        }
    }
}

/// Installs the subscriber of this process. Must be called within a tokio
/// runtime.
///
/// # Errors
/// Where a value of the section cannot be used.
pub fn install(
    config: &TelemetryConfig,
    service: &'static str,
) -> Result<Telemetry, TelemetryError> {
    let filter = EnvFilter::builder().parse(&config.log)?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let lines = match config.format {
        LogFormat::Text => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let provider = tracer(config, service)?;
    let spans = provider
        .as_ref()
        .map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer(service)));
    tracing_subscriber::registry().with(filter).with(spans).with(lines).try_init()?;
    Ok(Telemetry(provider))
}

fn tracer(
    config: &TelemetryConfig,
    service: &'static str,
) -> Result<Option<SdkTracerProvider>, TelemetryError> {
    if config.otlp_endpoint.is_empty() {
        return Ok(None);
    }
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(&config.otlp_endpoint)
        .build()?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(Resource::builder().with_service_name(service).build())
        .build();
    Ok(Some(provider))
}
