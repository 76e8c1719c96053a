//! `rembg serve`: gateway, inference and billing in one process, joined by the
//! same handles that cross the network when they are three.

use std::{net::SocketAddr, path::Path, process::ExitCode};

use billing::{BillingConfig, BillingService};
use gateway::{GatewayConfig, Server};
use inference_worker::{InferenceConfig, InferenceService};
use proto::{BillingHandle, InferenceHandle};
use runtime::{
    config::{ConfigError, Layers},
    shutdown::{DrainConfig, Shutdown},
    telemetry::{self, TelemetryConfig},
};

use crate::{cli::ServeArgs, complain, failure::Failure, say, settings};

/// Where the first start leaves the owner's key, below the data directory.
const KEY_FILE: &str = "dev-api-key";

/// Serves until a signal ends it; what is in flight then finishes.
pub(crate) async fn run(args: ServeArgs) -> Result<ExitCode, Failure> {
    let settings = Settings::load(&args)?;
    let _telemetry = telemetry::install(&settings.telemetry, "rembg").map_err(Failure::failed)?;
    let shutdown = Shutdown::on_signal().map_err(Failure::failed)?;
    let inference = inference(&settings.inference).await?;
    let billing = BillingService::build(&settings.billing).await.map_err(Failure::failed)?;
    let upkeep = billing.start(&shutdown);
    let server = gateway::build(
        &settings.gateway,
        InferenceHandle::local(inference.clone()),
        BillingHandle::local(billing.clone()),
        shutdown.clone(),
        settings.drain,
    )
    .map_err(Failure::failed)?;
    introduce(&server, &billing, &args.place.data_dir, inference.model()).await?;
    server.run().await.map_err(Failure::failed)?;
    // The last settlements are in; now the ledger may be left alone.
    upkeep.await.map_err(Failure::failed)?;
    Ok(ExitCode::SUCCESS)
}

struct Settings {
    gateway: GatewayConfig,
    inference: InferenceConfig,
    billing: BillingConfig,
    telemetry: TelemetryConfig,
    drain: DrainConfig,
}

impl Settings {
    fn load(args: &ServeArgs) -> Result<Self, Failure> {
        let layers: Layers = settings::at(&args.place)?
            .flag("gateway.listen", args.listen.map(|address| address.to_string()))
            .flag("inference.model", args.model.as_deref());
        let gateway: GatewayConfig = layers.section("gateway")?;
        gateway.validate()?;
        let told = !layers.section::<String>("billing.public_url")?.is_empty();
        let here = (!told).then(|| local_url(&gateway.listen));
        let layers = layers.flag("billing.public_url", here);
        let billing = BillingConfig::from_layers(&layers)?;
        outlasts(billing.reservation_seconds, &gateway)?;
        Ok(Self {
            gateway,
            inference: InferenceConfig::load(&layers)?,
            billing,
            telemetry: layers.section("telemetry")?,
            drain: layers.section("shutdown")?,
        })
    }
}

/// How this machine reaches what listens there.
fn local_url(listen: &str) -> String {
    let port = listen.rsplit(':').next().unwrap_or_default();
    let everywhere =
        listen.parse::<SocketAddr>().is_ok_and(|address| address.ip().is_unspecified());
    if everywhere { format!("http://127.0.0.1:{port}") } else { format!("http://{listen}") }
}

/// A reservation that ended before its request would serve a picture for free.
fn outlasts(reservation_seconds: u32, gateway: &GatewayConfig) -> Result<(), ConfigError> {
    if u64::from(reservation_seconds) > gateway.deadline_seconds {
        return Ok(());
    }
    Err(ConfigError::Rejected {
        key: "billing.reservation_seconds",
        reason: format!(
            "must be more than gateway.deadline_seconds, which is {}",
            gateway.deadline_seconds
        ),
    })
}

/// Loading a network takes a moment of one core.
async fn inference(config: &InferenceConfig) -> Result<InferenceService, Failure> {
    let config = config.clone();
    let built = tokio::task::spawn_blocking(move || inference_worker::build(&config)).await;
    built.map_err(Failure::failed)?.map_err(Failure::failed)
}

/// Says where the service is and how to call it; at the first start, with the
/// owner's new key, which is shown this once.
async fn introduce(
    server: &Server,
    billing: &BillingService,
    data_dir: &Path,
    model: &str,
) -> Result<(), Failure> {
    let key_file = data_dir.join(KEY_FILE);
    let key = billing.ensure_owner(&key_file).await.map_err(Failure::failed)?;
    let url = format!("http://{}", server.address());
    say(&format!("rembg serves on {url} with the model {model}"));
    if let Some(key) = &key {
        say(&format!("Your API key, shown this once and kept in {}:", key_file.display()));
        say(&format!("  {}", key.expose()));
    }
    say("Try it:");
    say(&format!(
        "  curl -H \"x-api-key: $(cat {})\" -F image=@photo.jpg -F format=png {url}/rmbg -o cutout.png",
        key_file.display()
    ));
    if key.is_none() && !key_file.exists() {
        complain(
            "the owner's key file is gone; `rembg keys create owner@localhost` makes a new key",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_where_the_service_listens() {
        assert_eq!(local_url("127.0.0.1:9000"), "http://127.0.0.1:9000");
        assert_eq!(local_url("0.0.0.0:9000"), "http://127.0.0.1:9000");
        assert_eq!(local_url("[::]:9000"), "http://127.0.0.1:9000");
        assert_eq!(local_url("localhost:9000"), "http://localhost:9000");
    }

    #[test]
    fn a_reservation_outlasts_its_request() {
        let layers = settings::layers(None).expect("embedded");
        let gateway: GatewayConfig = layers.section("gateway").expect("gateway");
        let deadline = u32::try_from(gateway.deadline_seconds).expect("seconds");
        let error = outlasts(deadline, &gateway).expect_err("as short as the request").to_string();
        assert!(error.contains("billing.reservation_seconds"), "{error}");
        outlasts(deadline + 1, &gateway).expect("longer");
    }
}
