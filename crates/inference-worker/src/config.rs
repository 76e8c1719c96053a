//! The `[inference]` section: parsed, checked, and turned into bounds.

use std::{net::SocketAddr, num::NonZero, path::PathBuf, thread};

use runtime::config::{ConfigError, Layers};
use serde::Deserialize;

use crate::{
    admission::Bounds,
    engine::Backend,
    models::{ModelError, ModelStore},
    network::Network,
    spec::BYTES_A_PIXEL,
};

/// The embedded defaults of the `[inference]` section; also its documentation.
pub const DEFAULTS: &str = include_str!("../inference.toml");

const SECTION: &str = "inference";
const MB: u64 = 1 << 20;
/// What the process needs before it has seen a picture, and what the networks'
/// scratch memory adds: 90 MB and 25 MB an engine thread for the built-in one and its second look.
const BASE_BYTES: u64 = 256 * MB;
/// Less than this and no photo of today's telephones could be served.
const LEAST_PIXELS: u64 = 12_000_000;

/// The `[inference]` section; each key is explained in [`DEFAULTS`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InferenceConfig {
    /// Where the worker listens for gRPC.
    pub listen: SocketAddr,
    /// Where metrics are served; empty is nowhere.
    pub metrics_listen: String,
    /// The default network, by path or name.
    pub model: String,
    /// Further networks that a job may ask for.
    pub more_models: Vec<String>,
    /// The folder of pulled networks; empty is the user's own.
    pub models_dir: String,
    /// What runs the networks.
    pub backend: Backend,
    /// Whether photos are looked at twice where the network's manifest says so.
    pub second_look: bool,
    /// Threads that run the network; 0 is one a core.
    pub engine_threads: usize,
    /// Threads that decode, refine and encode; 0 is one a core and at least two.
    pub codec_threads: usize,
    /// Megabytes that the process may use.
    pub memory_mb: u64,
    /// Jobs that may wait.
    pub queue_jobs: usize,
    /// Megapixels of all jobs, waiting and running.
    pub queue_megapixels: u64,
    /// Megabytes of waiting uploads and unfetched results.
    pub queue_mb: u64,
    /// The largest upload in megabytes.
    pub max_upload_mb: u64,
}

impl InferenceConfig {
    /// Parses and checks the section.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key.
    pub fn load(layers: &Layers) -> Result<Self, ConfigError> {
        let config: Self = layers.section(SECTION)?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let reject = |key, reason: String| Err(ConfigError::Rejected { key, reason });
        self.metrics_address()?;
        let least = LEAST_PIXELS * BYTES_A_PIXEL;
        if self.working_bytes() < least {
            let least = least + BASE_BYTES;
            let reason = format!("at least {} besides queue_mb", least.div_ceil(MB));
            return reject("inference.memory_mb", reason);
        }
        if self.queue_mb < self.max_upload_mb {
            return reject("inference.queue_mb", "at least max_upload_mb".into());
        }
        if self.queue_megapixels * 1_000_000 < LEAST_PIXELS {
            let reason = format!("at least {}", LEAST_PIXELS / 1_000_000);
            return reject("inference.queue_megapixels", reason);
        }
        Ok(())
    }

    /// Where metrics are served, if anywhere.
    ///
    /// # Errors
    /// [`ConfigError::Rejected`] where it is no address.
    pub fn metrics_address(&self) -> Result<Option<SocketAddr>, ConfigError> {
        if self.metrics_listen.is_empty() {
            return Ok(None);
        }
        self.metrics_listen.parse().map(Some).map_err(|_| ConfigError::Rejected {
            key: "inference.metrics_listen",
            reason: format!("'{}' is no address such as 0.0.0.0:9464", self.metrics_listen),
        })
    }

    /// The folder of pulled networks.
    #[must_use]
    pub fn store(&self) -> ModelStore {
        if self.models_dir.is_empty() {
            return ModelStore::of_user();
        }
        ModelStore::new(PathBuf::from(&self.models_dir))
    }

    /// Loads a network, by path or name, to run as the section says.
    ///
    /// # Errors
    /// [`ModelError`] where it cannot be found, read or run.
    pub fn network(&self, name: &str) -> Result<Network, ModelError> {
        let store = self.store();
        let model = if self.second_look {
            store.resolve(name)?
        } else {
            store.resolve_looking_once(name)?
        };
        Network::load(model, self.backend)
    }

    /// The largest upload in bytes.
    #[must_use]
    pub fn max_upload_bytes(&self) -> u64 {
        self.max_upload_mb.saturating_mul(MB)
    }

    pub(crate) fn engine_threads(&self) -> usize {
        if self.engine_threads > 0 { self.engine_threads } else { cores() }
    }

    pub(crate) fn codec_threads(&self) -> usize {
        if self.codec_threads > 0 { self.codec_threads } else { cores().max(2) }
    }

    /// As many jobs run as there are threads: more would only spread the same
    /// threads over more pictures in memory.
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            waiting: self.queue_jobs,
            running: self.engine_threads() + self.codec_threads(),
            pixels: self.queue_megapixels.saturating_mul(1_000_000),
            working_bytes: self.working_bytes(),
            bytes: self.queue_mb.saturating_mul(MB),
        }
    }

    fn working_bytes(&self) -> u64 {
        let spoken_for = self.queue_mb.saturating_mul(MB).saturating_add(BASE_BYTES);
        self.memory_mb.saturating_mul(MB).saturating_sub(spoken_for)
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(key: &str, value: impl serde::Serialize) -> Result<InferenceConfig, ConfigError> {
        InferenceConfig::load(&Layers::new(DEFAULTS).flag(key, Some(value)))
    }

    #[test]
    fn by_default_the_largest_picture_of_the_contract_fits() {
        let config = InferenceConfig::load(&Layers::new(DEFAULTS)).expect("valid");
        let largest = imaging::limits::MAX_PIXELS;
        assert!(config.bounds().working_bytes >= largest * BYTES_A_PIXEL);
        assert!(config.bounds().pixels >= largest);
        assert_eq!(config.max_upload_bytes(), imaging::limits::MAX_BYTES);
    }

    #[test]
    fn what_makes_no_sense_names_its_key() {
        let rows = [
            ("listen", with("inference.listen", "here").err()),
            ("metrics_listen", with("inference.metrics_listen", "here").err()),
            ("memory_mb", with("inference.memory_mb", 300).err()),
            ("queue_mb", with("inference.queue_mb", 10).err()),
            ("queue_megapixels", with("inference.queue_megapixels", 1).err()),
            ("backend", with("inference.backend", "abacus").err()),
            ("colour", with("inference.colour", 1).err()),
        ];
        for (key, error) in rows {
            let text = error.expect(key).to_string();
            assert!(text.contains(key), "{text}");
        }
    }
}
