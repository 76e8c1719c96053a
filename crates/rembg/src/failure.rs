//! How a command fails: with a line on standard error and an exit code.

use std::process::ExitCode;

/// A failure of a whole command.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// The command was called wrongly: exit code 2, as for a bad flag.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }

    /// Something the command needs did not work: exit code 1.
    pub(crate) fn failed(cause: impl std::fmt::Display) -> Self {
        Self { message: cause.to_string(), code: 1 }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl From<runtime::config::ConfigError> for Failure {
    fn from(error: runtime::config::ConfigError) -> Self {
        Self::usage(error.to_string())
    }
}
