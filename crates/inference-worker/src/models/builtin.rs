//! The network that is embedded in the binary: one file and one manifest.

use super::{Manifest, ModelFile};

/// The embedded network's name.
pub const BUILTIN: &str = "builtin";

const WEIGHTS: &[u8] = include_bytes!("../../../../models/builtin.onnx");
const MANIFEST: &str = include_str!("../../../../models/builtin.toml");

/// The embedded network. Its checksum is held by a test, not computed at every
/// start: the bytes cannot change after the binary was built.
///
/// # Panics
/// Never in a binary whose tests pass: the manifest is part of it.
#[must_use]
pub fn builtin() -> ModelFile {
    let manifest = Manifest::parse(MANIFEST, "models/builtin.toml")
        .expect("the embedded manifest is held by a test");
    ModelFile { manifest, weights: WEIGHTS.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::checksum;

    #[test]
    fn manifest_and_weights_belong_together() {
        let ModelFile { manifest, weights } = builtin();
        assert_eq!(manifest.name, BUILTIN);
        let expected = manifest.sha256.expect("the built-in model states its checksum");
        assert_eq!(checksum::sha256(&weights), expected);
    }
}
