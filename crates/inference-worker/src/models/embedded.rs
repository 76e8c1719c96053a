//! The networks that are embedded in the binary: each one file and one manifest.

use super::{Manifest, ModelFile};

/// A network that is part of the binary.
pub(super) struct Embedded {
    /// What `--model` calls it.
    pub(super) name: &'static str,
    /// What it is good for.
    pub(super) about: &'static str,
    manifest: &'static str,
    weights: &'static [u8],
}

/// Every embedded network, the default first.
pub(super) static EMBEDDED: [Embedded; 3] = [
    Embedded {
        name: "builtin",
        about: "any clear subject; what is used unless told otherwise",
        manifest: include_str!("../../../../models/builtin.toml"),
        weights: include_bytes!("../../../../models/builtin.onnx"),
    },
    Embedded {
        name: "quality",
        about: "the same, looking three times: finds more of hard subjects",
        manifest: include_str!("../../../../models/quality.toml"),
        weights: include_bytes!("../../../../models/quality.onnx"),
    },
    Embedded {
        name: "second",
        about: "the second look of these two",
        manifest: include_str!("../../../../models/second.toml"),
        weights: include_bytes!("../../../../models/second.onnx"),
    },
];

impl Embedded {
    /// Its description.
    ///
    /// # Panics
    /// Never in a binary whose tests pass: the manifest is part of it.
    pub(super) fn manifest(&self) -> Manifest {
        Manifest::parse(self.manifest, self.name)
            .expect("the embedded manifests are held by a test")
    }

    /// The network, with the one that takes its second look. Checksums are held by a test,
    /// not computed at every start: the bytes cannot change after the binary was built.
    pub(super) fn file(&self) -> ModelFile {
        let alone = self.alone();
        let second = alone.manifest.second_model().and_then(embedded);
        ModelFile { second: second.map(|other| Box::new(other.alone())), ..alone }
    }

    /// The network by itself.
    pub(super) fn alone(&self) -> ModelFile {
        ModelFile { manifest: self.manifest(), weights: self.weights.into(), second: None }
    }
}

/// The embedded network of that name.
pub(super) fn embedded(name: &str) -> Option<&'static Embedded> {
    EMBEDDED.iter().find(|network| network.name == name)
}

/// The default network.
#[must_use]
pub fn builtin() -> ModelFile {
    EMBEDDED[0].file()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::checksum;

    #[test]
    fn manifests_and_weights_belong_together() {
        for network in &EMBEDDED {
            let ModelFile { manifest, weights, second } = network.file();
            assert_eq!(manifest.name, network.name);
            assert_eq!(manifest.second_model().is_some(), second.is_some());
            let expected = manifest.sha256.expect("embedded networks state their checksum");
            assert_eq!(checksum::sha256(&weights), expected, "{}", network.name);
        }
    }

    #[test]
    fn the_default_is_found_under_its_name() {
        assert_eq!(builtin().manifest, embedded("builtin").expect("embedded").manifest());
        assert!(embedded("u2net").is_none());
    }
}
