//! Layered configuration: an embedded, commented default file, under a file,
//! under the environment, under flags, parsed into types before anything
//! starts. The default file is the documentation.

use std::path::Path;

use figment::{
    Figment,
    providers::{Env, Format as _, Serialized, Toml},
};
use serde::de::DeserializeOwned;

/// Environment variables are `REMBG_<SECTION>__<KEY>`, e.g.
/// `REMBG_GATEWAY__LISTEN`.
const ENV_PREFIX: &str = "REMBG_";

/// The configuration cannot be used; the text names the key.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value is missing, unknown or of the wrong type.
    #[error("configuration: {0}")]
    Invalid(#[from] Box<figment::Error>),
    /// The file that was asked for cannot be read.
    #[error("configuration file {path}: {source}")]
    Unreadable {
        /// The path as given.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A value parses but makes no sense; the text names its key.
    #[error("configuration: {key}: {reason}")]
    Rejected {
        /// The key with its section.
        key: &'static str,
        /// Why it is refused.
        reason: String,
    },
}

/// Collects the layers of one configuration, lowest first.
#[derive(Debug, Clone)]
pub struct Layers(Figment);

impl Layers {
    /// Starts from the embedded default file.
    #[must_use]
    pub fn new(defaults: &str) -> Self {
        Self(Figment::from(Toml::string(defaults)))
    }

    /// Adds another embedded default file, with sections of its own.
    #[must_use]
    pub fn and(self, defaults: &str) -> Self {
        Self(self.0.merge(Toml::string(defaults)))
    }

    /// Adds the operator's file, where one was named.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`] where it cannot be read: a file that was
    /// asked for and is missing must not pass in silence.
    pub fn file(self, path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else { return Ok(self) };
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.display().to_string(),
            source,
        })?;
        Ok(Self(self.0.merge(Toml::string(&text))))
    }

    /// Adds the environment: `REMBG_<SECTION>__<KEY>`, and well-known names
    /// such as `DATABASE_URL` by the given pairs of name and key. An empty
    /// well-known variable counts as unset.
    #[must_use]
    pub fn environment(self, well_known: &[(&str, &str)]) -> Self {
        let mut figment = self.0.merge(Env::prefixed(ENV_PREFIX).split("__"));
        for (name, key) in well_known {
            if let Some(value) = std::env::var(name).ok().filter(|value| !value.is_empty()) {
                figment = figment.merge(Serialized::default(key, value));
            }
        }
        Self(figment)
    }

    /// Sets one key, as a command-line flag does; `None` leaves it.
    #[must_use]
    pub fn flag<T: serde::Serialize>(self, key: &str, value: Option<T>) -> Self {
        match value {
            Some(value) => Self(self.0.merge(Serialized::default(key, value))),
            None => self,
        }
    }

    /// Parses one section.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] naming the key.
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Result<T, ConfigError> {
        self.0.extract_inner(name).map_err(|error| ConfigError::Invalid(Box::new(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Section {
        listen: String,
        workers: usize,
    }

    const DEFAULTS: &str = "[gateway]\nlisten = \"127.0.0.1:8080\"\nworkers = 2\n";

    #[test]
    fn later_layers_win() {
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), "[gateway]\nworkers = 3\n").expect("write");
        let section: Section = Layers::new(DEFAULTS)
            .file(Some(file.path()))
            .expect("readable")
            .flag("gateway.listen", Some("[::]:80"))
            .section("gateway")
            .expect("valid");
        assert_eq!(section, Section { listen: "[::]:80".into(), workers: 3 });
    }

    #[test]
    fn an_error_names_its_key() {
        let error = Layers::new(DEFAULTS)
            .flag("gateway.workers", Some("many"))
            .section::<Section>("gateway")
            .expect_err("not a number");
        assert!(error.to_string().contains("workers"), "{error}");
        let error = Layers::new(DEFAULTS)
            .flag("gateway.colour", Some("red"))
            .section::<Section>("gateway")
            .expect_err("unknown");
        assert!(error.to_string().contains("colour"), "{error}");
    }

    #[test]
    fn a_missing_file_is_an_error() {
        assert!(Layers::new(DEFAULTS).file(Some(Path::new("/nonexistent.toml"))).is_err());
    }
}
