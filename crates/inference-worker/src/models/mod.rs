//! Networks: what describes them, those that are embedded, those that can be
//! pulled, and the folder where pulled ones live.

mod catalogue;
mod checksum;
mod download;
mod embedded;
mod error;
mod manifest;
mod store;

use std::borrow::Cow;

pub use catalogue::{Published, catalogue};
pub use checksum::Checksum;
pub use embedded::builtin;
pub use error::ModelError;
pub use manifest::{Activation, Divisor, Input, Layout, Manifest, Output, Resampling};
pub use store::{ModelStore, Presence, Progress, StoredModel};

/// A network ready to be loaded by an engine.
#[derive(Debug, Clone)]
pub struct ModelFile {
    /// What it is.
    pub manifest: Manifest,
    /// The ONNX file.
    pub weights: Cow<'static, [u8]>,
    /// The network that takes its second look, where the manifest names another.
    pub second: Option<Box<ModelFile>>,
}

impl ModelFile {
    /// The same network, which looks at every photo once, whatever its manifest says.
    #[must_use]
    pub fn looking_once(mut self) -> Self {
        self.manifest.second_look = None;
        self.second = None;
        self
    }
}
