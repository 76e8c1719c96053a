//! The networks that can be pulled by name.

use std::sync::LazyLock;

use serde::Deserialize;

use super::{Checksum, Manifest};

const CATALOGUE: &str = include_str!("catalogue.toml");

/// A network that can be pulled.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// Where the file is.
    pub url: String,
    /// What it is good for, and its size.
    pub about: String,
    /// Its checksum as published.
    #[serde(flatten)]
    pub checksum: Checksum,
    /// How it is run.
    pub manifest: Manifest,
}

#[derive(Deserialize)]
struct Catalogue {
    model: Vec<Published>,
}

/// Every network that can be pulled.
#[must_use]
pub fn catalogue() -> &'static [Published] {
    static PARSED: LazyLock<Vec<Published>> = LazyLock::new(|| {
        let catalogue: Catalogue =
            toml::from_str(CATALOGUE).expect("the embedded catalogue is held by a test");
        catalogue.model
    });
    &PARSED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_can_be_used() {
        assert_eq!(catalogue().len(), 7);
        for published in catalogue() {
            let written = toml::to_string(&published.manifest).expect("text");
            Manifest::parse(&written, &published.manifest.name).expect("a valid manifest");
            assert!(published.url.starts_with("https://"));
            assert_eq!(published.checksum.kind(), "MD5");
            assert_eq!(published.checksum.expected().len(), 32);
        }
    }
}
