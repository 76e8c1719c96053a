//! The `[gateway]` and `[services]` sections.

use std::time::Duration;

use ipnet::IpNet;
use runtime::config::ConfigError;
use serde::Deserialize;

/// The embedded defaults of the `[gateway]` section.
pub const DEFAULTS: &str = include_str!("gateway.toml");

/// The embedded defaults of the `[services]` section, which only the gateway as
/// a process of its own needs.
pub const SERVICES_DEFAULTS: &str = include_str!("services.toml");

/// What part of the memory for answers is kept for ordinary ones: one in so many.
const SHARE_OF_ORDINARY: u64 = 8;

/// A PNG of 10000 × 10000 pixels with alpha that does not get smaller, as base64
/// in JSON, beside the part of memory that such answers cannot use.
const LEAST_ANSWER_MEMORY: u64 =
    512 * 1024 * 1024 / (SHARE_OF_ORDINARY - 1) * SHARE_OF_ORDINARY + 1024 * 1024;

/// The `[gateway]` section; `gateway.toml` documents each key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// Address and port to bind.
    pub listen: String,
    /// Threads that serve HTTP; 0 is one a core.
    pub threads: usize,
    /// Connections a thread.
    pub max_connections: usize,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Web origins that may call; `*` is any.
    pub cors_origins: Vec<String>,
    /// The largest picture file.
    pub max_image_bytes: u64,
    /// Bytes of uploads held in memory at once.
    pub upload_memory_bytes: u64,
    /// Seconds for a request's headers.
    pub header_seconds: u64,
    /// Seconds for a whole upload.
    pub upload_seconds: u64,
    /// Seconds that an upload may pause.
    pub upload_pause_seconds: u64,
    /// Bytes of answers held in memory at once.
    pub answer_memory_bytes: u64,
    /// Seconds for a whole answer.
    pub answer_seconds: u64,
    /// Seconds in which a client must take the next piece of an answer.
    pub answer_pause_seconds: u64,
    /// Seconds an idle connection is kept.
    pub keep_alive_seconds: u64,
    /// Seconds from the complete upload to the answer.
    pub deadline_seconds: u64,
}

/// The `[services]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServicesConfig {
    /// The inference service, `http://host:port`.
    pub inference: String,
    /// The billing service, `http://host:port`.
    pub billing: String,
}

impl GatewayConfig {
    /// Checks what types cannot say.
    ///
    /// # Errors
    /// [`ConfigError::Rejected`] naming the key.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let contract = validation::Limits::default().max_bytes;
        if self.max_image_bytes == 0 || self.max_image_bytes > contract {
            let reason = format!("must be between 1 and {contract}");
            return Err(ConfigError::Rejected { key: "gateway.max_image_bytes", reason });
        }
        // A picture in JSON is held as base64 and decoded at the same time.
        let least = self.max_image_bytes.saturating_mul(3);
        if self.upload_memory_bytes < least {
            let reason =
                format!("must hold one picture in JSON: at least {least}, three times the largest");
            return Err(ConfigError::Rejected { key: "gateway.upload_memory_bytes", reason });
        }
        if self.answer_memory_bytes < LEAST_ANSWER_MEMORY {
            let reason = format!("must hold the largest answer: at least {LEAST_ANSWER_MEMORY}");
            return Err(ConfigError::Rejected { key: "gateway.answer_memory_bytes", reason });
        }
        self.reject_zeros()
    }

    fn reject_zeros(&self) -> Result<(), ConfigError> {
        let seconds = [
            ("gateway.header_seconds", self.header_seconds),
            ("gateway.upload_seconds", self.upload_seconds),
            ("gateway.upload_pause_seconds", self.upload_pause_seconds),
            ("gateway.answer_seconds", self.answer_seconds),
            ("gateway.answer_pause_seconds", self.answer_pause_seconds),
            ("gateway.deadline_seconds", self.deadline_seconds),
        ];
        match seconds.into_iter().find(|(_, value)| *value == 0) {
            Some((key, _)) => {
                Err(ConfigError::Rejected { key, reason: "must be at least 1".to_owned() })
            }
            None => Ok(()),
        }
    }

    pub(crate) fn limits(&self) -> validation::Limits {
        validation::Limits { max_bytes: self.max_image_bytes, ..Default::default() }
    }

    /// The part of [`Self::answer_memory_bytes`] that large answers cannot use.
    pub(crate) fn ordinary_answer_bytes(&self) -> u64 {
        self.answer_memory_bytes / SHARE_OF_ORDINARY
    }

    pub(crate) fn deadline(&self) -> Duration {
        Duration::from_secs(self.deadline_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::config::Layers;

    fn with(key: &str, value: u64) -> Result<(), String> {
        Layers::new(DEFAULTS)
            .flag(key, Some(value))
            .section::<GatewayConfig>("gateway")
            .expect("the default file is complete")
            .validate()
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(with("gateway.threads", 0), Ok(()));
    }

    #[test]
    fn nonsense_names_its_key() {
        for key in [
            "gateway.max_image_bytes",
            "gateway.upload_memory_bytes",
            "gateway.upload_seconds",
            "gateway.upload_pause_seconds",
            "gateway.header_seconds",
            "gateway.answer_memory_bytes",
            "gateway.answer_seconds",
            "gateway.answer_pause_seconds",
            "gateway.deadline_seconds",
        ] {
            let error = with(key, 0).expect_err(key);
            assert!(error.contains(key), "{error}");
        }
        assert!(with("gateway.max_image_bytes", 50 * 1024 * 1024 + 1).is_err());
    }
}
