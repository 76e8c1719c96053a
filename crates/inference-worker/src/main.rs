//! The inference worker as a process of its own: parse, configure, build, serve,
//! drain.

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::Parser;
use inference_worker::{DEFAULTS, InferenceConfig, build, memory, serve};
use runtime::{
    config::Layers,
    metrics::Metrics,
    shutdown::{self, DrainConfig, Shutdown},
    telemetry::{self, TelemetryConfig},
};
use tokio::net::TcpListener;

/// Removes backgrounds, over gRPC.
#[derive(Debug, Parser)]
#[command(name = "inference-worker", version)]
struct Arguments {
    /// A configuration file over the embedded defaults.
    #[arg(long)]
    config: Option<PathBuf>,
    /// The address to listen on, such as 127.0.0.1:50051.
    #[arg(long)]
    listen: Option<String>,
    /// The network: a name, or the path of an .onnx file.
    #[arg(long)]
    model: Option<String>,
}

fn main() -> ExitCode {
    memory::return_freed_memory();
    match start(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Telemetry may be what failed, so the last word goes to stderr.
            let _ = std::io::Write::write_fmt(
                &mut std::io::stderr(),
                format_args!("inference-worker: {error}\n"),
            );
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn start(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let layers = layers(arguments)?;
    let config = InferenceConfig::load(&layers)?;
    let drain: DrainConfig = layers.section("shutdown")?;
    let telemetry_config: TelemetryConfig = layers.section("telemetry")?;
    let _telemetry = telemetry::install(&telemetry_config, "inference-worker")?;
    let metrics = Metrics::install()?;
    if let Some(address) = config.metrics_address()? {
        metrics.listen(address).await?;
    }
    let shutdown = Shutdown::on_signal()?;
    let service = build(&config)?;
    let listener = TcpListener::bind(config.listen).await?;
    tracing::info!(address = %listener.local_addr()?, model = service.model(), "listening");
    Ok(serve(service, listener, config.max_upload_bytes(), shutdown, drain).await?)
}

fn layers(arguments: Arguments) -> Result<Layers, runtime::config::ConfigError> {
    Ok(Layers::new(DEFAULTS)
        .and(shutdown::DEFAULTS)
        .and(telemetry::DEFAULTS)
        .file(arguments.config.as_deref())?
        .environment(&[])
        .flag("inference.listen", arguments.listen)
        .flag("inference.model", arguments.model))
}
