//! The configuration of the one process: the services' own sections, one below
//! the other, with the flags on top.

use std::path::Path;

use inference_worker::{InferenceConfig, Processor};
use runtime::config::{ConfigError, Layers};

use crate::{
    cli::{ModelPlace, Place},
    failure::Failure,
};

/// Every section's embedded defaults, in the order in which `rembg config`
/// prints them.
pub(crate) const DEFAULTS: [&str; 5] = [
    gateway::DEFAULTS,
    inference_worker::DEFAULTS,
    billing::config::DEFAULTS,
    runtime::telemetry::DEFAULTS,
    runtime::shutdown::DEFAULTS,
];

/// Embedded defaults < file < environment.
///
/// # Errors
/// Where a named file cannot be read.
pub(crate) fn layers(config: Option<&Path>) -> Result<Layers, ConfigError> {
    let [first, rest @ ..] = DEFAULTS;
    let embedded = rest.into_iter().fold(Layers::new(first), Layers::and);
    Ok(embedded.file(config)?.environment(&billing::config::WELL_KNOWN))
}

/// The layers of a command that works on a data directory.
///
/// # Errors
/// As [`layers`].
pub(crate) fn at(place: &Place) -> Result<Layers, ConfigError> {
    Ok(layers(place.config.as_deref())?.flag("billing.data_dir", Some(&place.data_dir)))
}

/// The `[inference]` section of a command that works with networks.
///
/// # Errors
/// As [`layers`]; where a value cannot be used.
pub(crate) fn inference(
    place: &ModelPlace,
    model: Option<&str>,
) -> Result<InferenceConfig, ConfigError> {
    let layers = layers(place.config.as_deref())?
        .flag("inference.models_dir", place.models_dir.as_ref())
        .flag("inference.model", model);
    InferenceConfig::load(&layers)
}

/// The pipeline without a server around it.
///
/// # Errors
/// Where the network cannot be loaded.
pub(crate) fn processor(config: &InferenceConfig) -> Result<Processor, Failure> {
    Ok(Processor::new(config.network(&config.model).map_err(Failure::failed)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_defaults_of_all_sections_are_valid() {
        let layers = layers(None).expect("embedded");
        InferenceConfig::load(&layers).expect("inference");
        billing::BillingConfig::from_layers(&layers).expect("billing");
        let gateway: gateway::GatewayConfig = layers.section("gateway").expect("gateway");
        gateway.validate().expect("gateway");
        layers.section::<runtime::telemetry::TelemetryConfig>("telemetry").expect("telemetry");
        layers.section::<runtime::shutdown::DrainConfig>("shutdown").expect("shutdown");
    }
}
