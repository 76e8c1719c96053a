//! Why a network cannot be found, fetched or used.

use std::path::{Path, PathBuf};

/// Why a network cannot be found, fetched or used; the text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The manifest cannot be used; the reason names the key.
    #[error("{origin}: {reason}")]
    Manifest {
        /// The file.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Neither a file nor a name that is known here.
    #[error("no model '{0}': give the path of an .onnx file, or a name of `rembg models list`")]
    Unknown(String),
    /// A known network whose file is not here yet.
    #[error("model '{0}' is not here yet: `rembg models pull {0}` fetches it")]
    NotPulled(String),
    /// The bytes are not those that the manifest names.
    #[error("{}: {kind} is {found}, expected {expected}", .path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// Which sum.
        kind: &'static str,
        /// As computed.
        found: String,
        /// As published.
        expected: String,
    },
    /// The file system refuses.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The download failed; what has come is kept, and a second try goes on from
    /// there.
    #[error("{url}: {reason}")]
    Download {
        /// The address.
        url: String,
        /// Why.
        reason: String,
    },
    /// The engine cannot run the network.
    #[error("model '{model}': {reason}")]
    Engine {
        /// Its name.
        model: String,
        /// What the engine said.
        reason: String,
    },
}

impl ModelError {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    pub(crate) fn engine(model: &str, cause: impl std::fmt::Display) -> Self {
        // `:#` prints the whole chain of causes on one line.
        Self::Engine { model: model.to_owned(), reason: format!("{cause:#}") }
    }
}
