//! The gateway as a process of its own: parse, load, build, run, drain.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use gateway::{DEFAULTS, GatewayConfig, SERVICES_DEFAULTS, ServicesConfig};
use proto::{BillingHandle, Endpoint, InferenceHandle};
use runtime::{
    config::Layers,
    shutdown::{self, DrainConfig, Shutdown},
    telemetry::{self, TelemetryConfig},
};

/// The HTTP edge of the background-removal service.
#[derive(Debug, Parser)]
#[command(name = "rembg-gateway", version)]
struct Flags {
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// The inference service, http://host:port.
    #[arg(long, value_name = "URL")]
    inference: Option<String>,
    /// The billing service, http://host:port.
    #[arg(long, value_name = "URL")]
    billing: Option<String>,
    /// A configuration file over the embedded defaults.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the commented default configuration and leave.
    #[arg(long)]
    print_config: bool,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    match serve(Flags::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "logging may be what failed")]
fn report(error: &(dyn std::error::Error + Send + Sync)) {
    eprintln!("rembg-gateway: {error}");
}

#[expect(clippy::print_stdout, reason = "the flag asks for it")]
fn print_config() {
    for section in [DEFAULTS, SERVICES_DEFAULTS, shutdown::DEFAULTS, telemetry::DEFAULTS] {
        println!("{section}");
    }
}

async fn serve(flags: Flags) -> Result<(), Failure> {
    if flags.print_config {
        print_config();
        return Ok(());
    }
    let layers = layers(&flags)?;
    let config: GatewayConfig = layers.section("gateway")?;
    let services: ServicesConfig = layers.section("services")?;
    let drain: DrainConfig = layers.section("shutdown")?;
    let _telemetry =
        telemetry::install(&layers.section::<TelemetryConfig>("telemetry")?, "rembg-gateway")?;

    let inference = InferenceHandle::remote(Endpoint::follow(&services.inference)?);
    let billing = BillingHandle::remote(Endpoint::follow(&services.billing)?);
    let shutdown = Shutdown::on_signal()?;
    let server = gateway::build(&config, inference, billing, shutdown, drain)?;
    tracing::info!(address = %server.address(), "listening");
    server.run().await?;
    Ok(())
}

fn layers(flags: &Flags) -> Result<Layers, Failure> {
    let layers = Layers::new(DEFAULTS)
        .and(SERVICES_DEFAULTS)
        .and(shutdown::DEFAULTS)
        .and(telemetry::DEFAULTS)
        .file(flags.config.as_deref())?
        .environment(&[])
        .flag("gateway.listen", flags.listen.as_deref())
        .flag("services.inference", flags.inference.as_deref())
        .flag("services.billing", flags.billing.as_deref());
    Ok(layers)
}
