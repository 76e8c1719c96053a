//! The billing service as a process of its own, over gRPC.

use std::{path::PathBuf, process::ExitCode};

use billing::{BillingConfig, BillingService, config};
use clap::{Parser, Subcommand};
use proto::{BillingGrpc, BillingHandle, billing_v1::billing_service_server::BillingServiceServer};
use runtime::{
    config::Layers,
    grpc,
    metrics::Metrics,
    shutdown::{self, DrainConfig, Shutdown},
    telemetry::{self, TelemetryConfig},
};
use tokio::net::TcpListener;
use tonic::service::Routes;

/// Accounts, keys, credits, limits and Stripe, over gRPC.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// A configuration file over the embedded defaults.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Where to listen.
    #[arg(long)]
    listen: Option<String>,
    /// What to do instead of serving.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Command {
    /// Fill the counters from the ledger, exactly, and leave.
    Rebuild,
}

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&*error);
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let layers = Layers::new(config::DEFAULTS)
        .and(telemetry::DEFAULTS)
        .and(shutdown::DEFAULTS)
        .file(arguments.config.as_deref())?
        .environment(&config::WELL_KNOWN)
        .flag("billing.listen", arguments.listen.as_deref());
    let telemetry: TelemetryConfig = layers.section("telemetry")?;
    let drain: DrainConfig = layers.section("shutdown")?;
    let config = BillingConfig::from_layers(&layers)?;
    let _telemetry = telemetry::install(&telemetry, "billing")?;
    let service = BillingService::build(&config).await?;
    match arguments.command {
        Some(Command::Rebuild) => rebuild(&service).await,
        None => serve(service, &config, drain).await,
    }
}

async fn rebuild(service: &BillingService) -> Result<(), Failure> {
    let rebuilt = service.rebuild().await?;
    tracing::info!(accounts = rebuilt.accounts, "the counters are filled from the ledger");
    Ok(())
}

async fn serve(
    service: BillingService,
    config: &BillingConfig,
    drain: DrainConfig,
) -> Result<(), Failure> {
    let metrics = Metrics::install()?;
    if let Some(address) = config.metrics_listen {
        metrics.listen(address).await?;
    }
    let listener = TcpListener::bind(config.listen).await?;
    tracing::info!(address = %listener.local_addr()?, "billing listens");
    let shutdown = Shutdown::on_signal()?;
    let background = service.start(&shutdown);
    let handle = BillingHandle::local(service.clone());
    let routes = Routes::new(BillingServiceServer::new(BillingGrpc::new(handle)));
    let ready = move || {
        let service = service.clone();
        async move { service.is_ready().await }
    };
    let stop = shutdown.noticed(drain);
    grpc::serve(listener, routes, ready, stop, shutdown.clone(), drain).await?;
    shutdown.request();
    background.await?;
    Ok(())
}

#[expect(clippy::print_stderr, reason = "the log may not be set up when this is needed")]
fn report(error: &dyn std::error::Error) {
    eprintln!("billing: {error}");
}
