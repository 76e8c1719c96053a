//! Engines run a network: one float tensor in, one out.

mod matte;
mod probe;
#[cfg(test)]
mod tiny;
mod tract;
mod upsample;
#[cfg(target_arch = "x86_64")]
mod winograd;

use serde::Deserialize;

pub use matte::matte;
pub use probe::guess_manifest;
pub use tract::TractEngine;

use crate::models::{ModelError, ModelFile};

/// Which processor runs networks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// Plain cores; each run uses one.
    #[default]
    Cpu,
    /// An NVIDIA GPU; needs a binary built with the `cuda` feature.
    Cuda,
}

impl Backend {
    /// The engine's name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }
}

/// A float tensor, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Its shape.
    pub shape: Vec<usize>,
    /// As many values as the product of the shape.
    pub values: Vec<f32>,
}

/// A network failed while it ran: a fault of ours, never of the picture.
#[derive(Debug, thiserror::Error)]
#[error("network: {0}")]
pub struct EngineError(pub String);

/// A loaded network. Shared by all engine threads; each run stays on the thread
/// that asked for it, so that N threads give N times the rate.
pub trait Engine: Send + Sync {
    /// Runs the network on the values of its input tensor.
    ///
    /// # Errors
    /// Where the values do not fit the input, or the engine fails.
    fn run(&self, input: Vec<f32>) -> Result<Tensor, EngineError>;
}

/// Loads a network for a processor.
///
/// # Errors
/// [`ModelError::Engine`] where the file is no network that the engine can run.
pub fn load(model: &ModelFile, backend: Backend) -> Result<Box<dyn Engine>, ModelError> {
    Ok(Box::new(TractEngine::load(model, backend)?))
}
